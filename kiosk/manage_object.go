package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// objects are the pages of one kind of object of a territory: a list, a form, what it was, its removal.
// An address names an object by its territory and id, TERRITORY:ID.
type objects[E any] struct {
	kind    territory.Kind
	section string // of the menu, and the address
	fields  []field[E]
	list    func(t *territory.Territory, f *territory.File) []E
	put     func(e E) *territory.File // a file with e alone
	id      func(e *E) *string
	name    func(t *territory.Territory, e E) string
	line    func(m *console, t *territory.Territory, e E) objectLine
	// reached reports whether an account may change e; one that reaches the whole territory may.
	reached func(m *console, t *territory.Territory, e E) bool
	blank   func(m *console, t *territory.Territory) E // what a new one begins with; nil: none can be added
	// used is the fault of what cannot be removed, as something needs it that is not of the territory.
	used  func(ctx context.Context, tx *store.Tx, t *territory.Territory, e E) error
	links func(m *console, t *territory.Territory, e E) []manageLink
	// copied is what a new object begins with that is to be like e; nil: none can be.
	copied func(e E) E
}

// manageLink leads from an object to another page about it.
type manageLink struct {
	Text, Path string
	File       bool // it is no page
}

// objectLine is an object in a list.
type objectLine struct {
	Path, Name, Small string
	Details           []string // what the columns behind the name say
	State             userState
}

// objectsView lists the objects of a kind.
type objectsView struct {
	manageHead
	Kind        string
	Text        string // searched for
	Columns     []string
	Lines       []objectLine
	Pages       numbered
	Territories []deskChoice // to choose among
	New         string       // address, "" none
}

// objectView is an object to be added or edited.
type objectView struct {
	manageHead
	Kind          string
	Title         string
	Refused       *deskAlert
	Rest          []string // what is wrong, and is about no field
	Rev           int64
	Typed         bool // what it shows was just typed
	Fields        []fieldView
	Back          string
	Past          string // address of what it was, "" it is new
	Remove        string // address, "" it cannot be removed
	Links         []manageLink
	Locked        bool // the account may only look
	TerritoryName string
}

// Field is where what is wrong can be corrected.
func (v objectView) Field() string { return firstWrong(v.Fields) }

func firstWrong(fields []fieldView) string {
	for _, f := range fields {
		if f.Wrong != "" {
			return f.Name
		}
		for _, r := range f.Rows {
			if name := firstWrong(r.Fields); name != "" {
				return name
			}
		}
	}
	return ""
}

func objectRoutes[E any](s *Server, o objects[E]) {
	path := "/manage/" + o.section
	s.manage(http.MethodGet, path, access.EditTerritory, func(c echo.Context, m *console) error { return o.showList(s, c, m) })
	if o.blank != nil {
		s.manage(http.MethodGet, path+"/new", access.EditTerritory, func(c echo.Context, m *console) error { return o.form(s, c, m) })
		s.manage(http.MethodPost, path+"/new", access.EditTerritory, func(c echo.Context, m *console) error { return o.save(s, c, m) })
	}
	s.manage(http.MethodGet, path+"/:id", access.EditTerritory, func(c echo.Context, m *console) error { return o.form(s, c, m) })
	s.manage(http.MethodPost, path+"/:id", access.EditTerritory, func(c echo.Context, m *console) error { return o.save(s, c, m) })
	s.manage(http.MethodGet, path+"/:id/history", access.EditTerritory, func(c echo.Context, m *console) error { return o.history(s, c, m) })
	if o.used == nil {
		return
	}
	s.step(path+"/:id/remove", manageStep{
		may: access.EditTerritory, section: o.section, words: "manage." + string(o.kind) + ".remove", danger: true, then: path,
		subject: func(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
			at, err := o.at(ctx, tx, m, id)
			if err == nil && !at.may {
				err = errDenied
			}
			return stepSubject{at.title(o), o.address(at)}, err
		},
		do: func(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
			return nil, o.remove(ctx, tx, m, id)
		},
	})
}

// sought is the object that an address is about.
type sought[E any] struct {
	in    *territory.Territory
	file  *territory.File
	entry E
	rev   int64
	fresh bool // it is not there yet
	may   bool // the account may change it
}

func (at sought[E]) title(o objects[E]) string {
	if at.in == nil {
		return ""
	}
	return o.name(at.in, at.entry)
}

func (o objects[E]) address(at sought[E]) string {
	if at.in == nil {
		return ""
	}
	return "/manage/" + o.section + "/" + at.in.ID + ":" + *o.id(&at.entry)
}

// at reads an object, TERRITORY:ID.
func (o objects[E]) at(ctx context.Context, tx *store.Tx, m *console, name string) (at sought[E], err error) {
	in, id, _ := strings.Cut(name, ":")
	t, ok := m.territory(in)
	if !ok {
		return at, errOffice
	}
	if at.file, err = territory.Load(ctx, tx, t.ID); err != nil {
		return at, err
	}
	for _, e := range o.list(t, at.file) {
		if *o.id(&e) != id {
			continue
		}
		at.in, at.entry, at.may = t, e, o.may(m, t, e)
		at.rev, err = territory.RevOf(ctx, tx, t.ID, territory.Ref{Kind: o.kind, ID: id})
		return at, err
	}
	return at, fault.New(fault.Missing, "unknown_object")
}

// officeNamed is the office of an address, TERRITORY:ID, which the account reaches.
func (m *console) officeNamed(c echo.Context) (*territory.Office, *territory.Territory, error) {
	in, id, _ := strings.Cut(c.Param("id"), ":")
	t, ok := m.territory(in)
	if !ok {
		return nil, nil, fault.New(fault.Missing, "unknown_object")
	}
	o, err := m.office(id)
	return o, t, err
}

// may reports whether an account may change an object.
func (o objects[E]) may(m *console, t *territory.Territory, e E) bool {
	if !m.may(access.EditTerritory) {
		return false
	}
	return m.whole(t) || o.reached != nil && o.reached(m, t, e)
}

// whole reports whether the account reaches all of a territory, and not only some of its offices.
func (m *console) whole(t *territory.Territory) bool {
	return len(m.user.Offices) == 0 && (m.user.Territory == "" || m.user.Territory == t.ID)
}

// begun is an object that is to be added.
func (o objects[E]) begun(ctx context.Context, c echo.Context, tx *store.Tx, m *console) (at sought[E], err error) {
	chosen := m.chosenTerritory(c)
	if chosen == nil {
		return at, errOffice
	}
	at.in, at.fresh, at.may, at.entry = chosen, true, m.whole(chosen) || o.reached != nil, o.blank(m, chosen)
	if like := c.QueryParam("like"); like != "" && o.copied != nil {
		model, err := o.at(ctx, tx, m, like)
		if err != nil {
			return at, err
		}
		at.in, at.entry = model.in, o.copied(model.entry)
	}
	at.file, err = territory.Load(ctx, tx, at.in.ID)
	return at, err
}

// chosenTerritory is the territory that an address asks for, else the one looked at or the first.
func (m *console) chosenTerritory(c echo.Context) *territory.Territory {
	for _, id := range []string{c.QueryParam("territory"), posted(c).Get("territory"), m.home()} {
		if t, ok := m.territory(id); ok && id != "" {
			return t
		}
	}
	if len(m.territories) == 0 {
		return nil
	}
	return m.territories[0]
}

// showList lists the objects of a territory that the account reaches.
func (o objects[E]) showList(s *Server, c echo.Context, m *console) error {
	ctx := c.Request().Context()
	t := m.chosenTerritory(c)
	view := objectsView{manageHead: m.head(c, o.section), Kind: string(o.kind), Text: strings.TrimSpace(c.QueryParam("q"))}
	if t == nil {
		return s.show(c, "manage/objects", view)
	}
	view.Territories = m.ownTerritories(t.ID)
	if o.blank != nil && (m.whole(t) || o.reached != nil) {
		view.New = "/manage/" + o.section + "/new?" + url.Values{"territory": {t.ID}}.Encode()
	}
	view.Columns = m.columns(o.kind)
	var lines []objectLine
	err := s.db.View(ctx, func(tx *store.Tx) error {
		f, err := territory.Load(ctx, tx, t.ID)
		if err != nil {
			return err
		}
		for _, e := range o.list(t, f) {
			line := o.line(m, t, e)
			if !hasWords(view.Text, append([]string{line.Name, line.Small}, line.Details...)...) || o.reached != nil && !m.whole(t) && !o.reached(m, t, e) {
				continue
			}
			line.Path = "/manage/" + o.section + "/" + t.ID + ":" + *o.id(&e)
			lines = append(lines, line)
		}
		return nil
	})
	if err != nil {
		return err
	}
	view.Lines, view.Pages = cut(c, lines, pageSize)
	return s.show(c, "manage/objects", view)
}

// columns are the headings of a list, of which each kind has some.
func (m *console) columns(kind territory.Kind) []string {
	var all []string
	for n := range 4 {
		if text := m.worded("manage."+string(kind)+".column."+strconv.Itoa(n+1), ""); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// hasWords reports whether each word of a search is in one of texts, however it is written.
func hasWords(search string, texts ...string) bool {
	all := strings.Join(words(strings.Join(texts, " ")), " ")
	for _, word := range words(search) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	return true
}

func (m *console) ownTerritories(chosen string) []deskChoice {
	if len(m.territories) < 2 {
		return nil
	}
	var all []deskChoice
	for _, t := range m.territories {
		all = append(all, deskChoice{t.ID, t.Name, t.ID == chosen})
	}
	return all
}

// read returns the object that a request is about, which may be one to be added.
func (o objects[E]) read(ctx context.Context, c echo.Context, tx *store.Tx, m *console) (sought[E], error) {
	if c.Param("id") == "" {
		return o.begun(ctx, c, tx, m)
	}
	return o.at(ctx, tx, m, c.Param("id"))
}

func (o objects[E]) form(s *Server, c echo.Context, m *console) error {
	ctx := c.Request().Context()
	var at sought[E]
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		at, err = o.read(ctx, c, tx, m)
		return err
	})
	if err != nil {
		return err
	}
	return o.page(s, c, m, at, &editing{console: m, kind: o.kind, in: at.in, fresh: at.fresh}, nil)
}

// page shows the form of an object, after a refusal as it was typed.
func (o objects[E]) page(s *Server, c echo.Context, m *console, at sought[E], x *editing, refused error) error {
	view, status, err := o.view(c, m, at, x, refused)
	if err != nil {
		return err
	}
	return s.render(c, status, "manage/object", view)
}

// view is the form of an object, and the status of its page; what is no fault is returned.
func (o objects[E]) view(c echo.Context, m *console, at sought[E], x *editing, refused error) (objectView, int, error) {
	view := objectView{
		manageHead: m.head(c, o.section), Kind: string(o.kind), Title: m.text("manage." + string(o.kind) + ".new"), Rev: at.rev,
		Back: "/manage/" + o.section, Locked: !at.may, TerritoryName: at.in.Name, Typed: x.typed != nil,
	}
	if len(m.territories) > 1 {
		view.Back += "?" + url.Values{"territory": {at.in.ID}}.Encode()
	}
	if !at.fresh {
		view.Title, view.Past = o.name(at.in, at.entry), o.address(at)+"/history"
		if o.used != nil && at.may {
			view.Remove = o.address(at) + "/remove"
		}
		if o.links != nil {
			view.Links = o.links(m, at.in, at.entry)
		}
	}
	var problems territory.Problems
	status := http.StatusOK
	switch {
	case errors.As(refused, &problems):
		view.Rest = x.place(problems, o.show(x, at.entry))
		refused = errObject
	case len(x.wrong) > 0:
		refused = errObject
	}
	view.Fields = o.show(x, at.entry)
	if errors.As(refused, new(*territory.Edited)) {
		stored := &editing{console: m, kind: o.kind, in: at.in}
		compare(view.Fields, o.show(stored, at.entry), func(f *fieldView, now string) { f.Stored = m.text("manage.stored", "value", now) })
	}
	var err error
	view.Refused, status, err = refusedWith(c, m.lang, refused)
	return view, status, err
}

// show returns the fields of a form.
func (o objects[E]) show(x *editing, e E) []fieldView {
	var all []fieldView
	for _, f := range o.fields {
		if v := f.show(x, "", &e); v.Name != "" {
			all = append(all, v)
		}
	}
	return all
}

// compare tells of the fields that read otherwise in another version.
func compare(fields, other []fieldView, differs func(f *fieldView, other string)) {
	for i := range fields {
		if i < len(other) && fields[i].spoken() != other[i].spoken() {
			differs(&fields[i], other[i].spoken())
		}
	}
}

// save makes an object what was typed.
func (o objects[E]) save(s *Server, c echo.Context, m *console) error {
	ctx, typed := c.Request().Context(), posted(c)
	arranged := rearrange(typed)
	var at sought[E]
	x := &editing{console: m, kind: o.kind, typed: typed, wrong: map[string]string{}}
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		clear(x.wrong)
		if at, err = o.read(ctx, c, tx, m); err != nil {
			return err
		}
		x.in, x.fresh = at.in, at.fresh
		if !at.may {
			return errDenied
		}
		if arranged {
			return errArranged
		}
		next := at.entry
		for _, f := range o.fields {
			f.take(x, "", &next)
		}
		if len(x.wrong) > 0 {
			return errArranged
		}
		return o.apply(ctx, tx, m, at, next, typed.Get("rev"))
	})
	switch {
	case errors.Is(err, errArranged):
		return o.page(s, c, m, at, x, nil)
	case err != nil && at.in != nil:
		return o.page(s, c, m, at, x, err)
	case err != nil:
		return err
	}
	what := ".edit"
	if at.fresh {
		what = ".add"
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/"+o.section, string(o.kind)+what))
}

// errObject is a form in which something is wrong.
var errObject = fault.New(fault.Invalid, "object_invalid")

// errArranged keeps a form from being saved: a row was added or taken away, or a field is wrong.
var errArranged = errors.New("the form is not finished")

func (o objects[E]) apply(ctx context.Context, tx *store.Tx, m *console, at sought[E], next E, rev string) error {
	id := o.id(&next)
	if at.fresh && *id == "" {
		*id = freeID(o.name(at.in, next), func(id string) bool {
			return slices.ContainsFunc(o.list(at.in, at.file), func(e E) bool { return *o.id(&e) == id })
		})
	}
	seen := int64(0)
	if !at.fresh {
		var err error
		if seen, err = parseRev(rev); err != nil {
			return err
		}
	}
	if !o.may(m, at.in, next) {
		return errDenied
	}
	put := o.put(next)
	put.Territory.ID = at.in.ID
	change := territory.Change{Put: put, Seen: map[territory.Ref]int64{{Kind: o.kind, ID: *id}: seen}, By: m.by()}
	_, err := territory.Apply(ctx, tx, change)
	return err
}

// freeID makes an id of a name.
func freeID(name string, taken func(id string) bool) string {
	const longest = 40
	id := strings.Trim(notInIDs.ReplaceAllString(strings.Join(words(name), "-"), "-"), "-")
	id = strings.TrimRight(id[:min(len(id), longest)], "-")
	if id == "" {
		id = "x"
	}
	free := id
	for n := 2; taken(free); n++ {
		free = id + "-" + strconv.Itoa(n)
	}
	return free
}

// notInIDs is what ids made of names do not have.
var notInIDs = regexp.MustCompile(`[^a-z0-9]+`)

func (o objects[E]) remove(ctx context.Context, tx *store.Tx, m *console, name string) error {
	at, err := o.at(ctx, tx, m, name)
	if err != nil {
		return err
	}
	if err := o.used(ctx, tx, at.in, at.entry); err != nil {
		return err
	}
	ref := territory.Ref{Kind: o.kind, ID: *o.id(&at.entry)}
	put := new(territory.File)
	put.Territory.ID = at.in.ID
	_, err = territory.Apply(ctx, tx, territory.Change{Put: put, Remove: []territory.Ref{ref}, Seen: map[territory.Ref]int64{ref: at.rev}, By: m.by()})
	var problems territory.Problems
	if errors.As(err, &problems) {
		var why []string
		for _, p := range problems {
			why = append(why, m.problem(p))
		}
		return fault.New(fault.Conflict, "object_needed", "why", strings.Join(why, " "))
	}
	return err
}

// pastView is what an object was.
type pastView struct {
	manageHead
	Title, Back string
	Versions    []pastVersion
	Next        string // address of older ones
}

// pastVersion is one change of an object.
type pastVersion struct {
	Rev     int64
	At, By  string
	Removed bool
	First   bool // nothing older is known
	Changes []pastChange
}

// pastChange is a field that a change changed.
type pastChange struct{ Label, Before, After string }

// pastShown is how many versions a page shows.
const pastShown = 20

func (o objects[E]) history(s *Server, c echo.Context, m *console) error {
	ctx := c.Request().Context()
	before, _ := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	view := pastView{manageHead: m.head(c, o.section)}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		at, err := o.at(ctx, tx, m, c.Param("id"))
		if err != nil {
			return err
		}
		view.Title, view.Back = at.title(o), o.address(at)
		all, err := territory.History(ctx, tx, at.in.ID, territory.Ref{Kind: o.kind, ID: *o.id(&at.entry)}, before, pastShown+1)
		if err != nil {
			return err
		}
		x := &editing{console: m, kind: o.kind, in: at.in}
		reader := newAuditReader(ctx, tx, m)
		for i, r := range all[:min(len(all), pastShown)] {
			v := pastVersion{Rev: r.Rev, At: m.moment(r.At, m.zone), By: r.By, Removed: len(r.Body) == 0, First: i == len(all)-1}
			if v.By, err = reader.name(r.By, audit.System); err != nil {
				return err
			}
			if v.Changes, err = o.changes(x, all[i:min(i+2, len(all))]); err != nil {
				return err
			}
			view.Versions = append(view.Versions, v)
		}
		if len(all) > pastShown {
			view.Next = view.Back + "/history?before=" + strconv.FormatInt(all[pastShown-1].Rev, 10)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/past", view)
}

// changes are the fields in which a version, the first of versions, differs from the one before it.
func (o objects[E]) changes(x *editing, versions []territory.Revision) ([]pastChange, error) {
	if len(versions) < 2 || len(versions[0].Body) == 0 || len(versions[1].Body) == 0 {
		return nil, nil
	}
	after, err := territory.Entry[E](versions[0])
	if err != nil {
		return nil, err
	}
	before, err := territory.Entry[E](versions[1])
	if err != nil {
		return nil, err
	}
	var all []pastChange
	fields := o.show(x, after)
	compare(fields, o.show(x, before), func(f *fieldView, was string) { all = append(all, pastChange{f.Label, was, f.spoken()}) })
	return all, nil
}
