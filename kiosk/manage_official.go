package kiosk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/official"
	"sportello/printouts/pdf"
	"sportello/static"
)

// The pages of official forms.
const (
	formsSection     = "forms"
	formsPath        = "/manage/forms"
	formsNewPath     = formsPath + "/new"
	formFilePath     = formsPath + "/:id/file"
	placedRows       = "field" // the rows of a form's fields
	officialUpload   = "6M"    // a file and what is typed with it
	officialAbsent   = "pdf_"  // what the codes of refused files begin with
	officialShortSum = 12      // letters of a digest that are shown
)

// officialNewView is a form to be added: its file and what it is.
type officialNewView struct {
	manageHead
	manageForm
	Title, Back  string
	Territory    string
	Territories  []deskChoice
	Ours         []deskChoice // forms that it may take the place of
	Key          string       // its own
	Name, Legal  string
	Institutions []deskChoice
}

// officialView is a version of a form: its words, its pages and what goes where on them.
type officialView struct {
	manageHead
	manageForm
	ID, Title    string
	State        userState
	Draft        bool
	Published    bool
	Rev          int64
	Takes        string // the form of ours whose place it takes, "" none
	Key          string
	Name, Legal  string
	Words        []wordView // its name in the other languages
	Institutions []deskChoice
	Facts        officialFacts
	Sizes        string // of its pages, as JSON
	PageNumbers  []int
	Fields       []placedView
	Blank        placedView // what the browser makes a new row of
	Groups       []keyGroup
	Kinds, Parts []deskChoice
	Services     []manageLink
	Versions     []officialVersion
}

type officialFacts struct {
	Size, Digest string
	Pages        int
}

type officialVersion struct {
	Path    string
	Title   string
	When    string
	State   userState
	Current bool // the one that is shown
}

// keyGroup is fields that may be placed, under a heading of our forms.
type keyGroup struct {
	Title string
	Keys  []deskChoice
}

// placedView is a field as it is typed.
type placedView struct {
	N, Legend                 string
	Key, Kind, Part, Is       string
	Page, X, Y, Width, Height string
	Size, Cells               string
	Groups                    []keyGroup
	Kinds, Parts              []deskChoice
	Open                      bool // it is the one that something is wrong with, or is new
}

var errKeyTaken = fault.New(fault.Invalid, "official_key")

func (s *Server) officialRoutes() {
	s.manage(http.MethodGet, formsPath, access.ManageForms, s.officials)
	s.manage(http.MethodGet, formsNewPath, access.ManageForms, s.newOfficial)
	s.manage(http.MethodPost, formsNewPath, access.ManageForms, s.addOfficial)
	s.manage(http.MethodGet, formsPath+"/:id", access.ManageForms, s.official)
	s.manage(http.MethodPost, formsPath+"/:id", access.ManageForms, s.changeOfficial)
	s.manage(http.MethodGet, formFilePath, access.ManageForms, s.officialFile)
	s.manage(http.MethodPost, formFilePath, access.ManageForms, s.replaceOfficial)
	s.manage(http.MethodPost, formsPath+"/:id/test", access.ManageForms, s.testOfficial)
	s.manage(http.MethodPost, formsPath+"/:id/copy", access.ManageForms, s.copyOfficial)
	for _, step := range []struct {
		what   string
		danger bool
		do     func(ctx context.Context, tx *store.Tx, id string) error
		then   string
	}{
		{"publish", false, official.Publish, ""},
		{"withdraw", true, official.Withdraw, ""},
		{"remove", true, official.Remove, formsPath},
	} {
		s.step(formsPath+"/:id/"+step.what, manageStep{
			may: access.ManageForms, section: formsSection, words: "manage.form." + step.what, danger: step.danger, subject: officialSubject, then: step.then,
			do: func(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
				f, err := officialReached(ctx, tx, m, id)
				if err != nil {
					return nil, err
				}
				if err := step.do(ctx, tx, id); err != nil {
					return nil, err
				}
				return nil, recordOfficial(ctx, tx, m, step.what, f)
			},
		})
	}
}

// officialReached returns a form of a territory of which the account reaches all: it is printed in all of
// its offices.
func officialReached(ctx context.Context, tx *store.Tx, m *console, id string) (official.Form, error) {
	f, err := official.ByID(ctx, tx, id)
	if err != nil {
		return f, err
	}
	t, ok := m.territory(f.Territory)
	if !ok || !m.whole(t) {
		return f, official.ErrNone
	}
	return f, nil
}

func officialSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	f, err := officialReached(ctx, tx, m, id)
	return stepSubject{f.Name(m.lang), formsPath + "/" + id}, err
}

func recordOfficial(ctx context.Context, tx *store.Tx, m *console, what string, f official.Form) error {
	return audit.Record(ctx, tx, audit.Entry{
		Scope: audit.System, Actor: m.by(), Action: "form." + what, Subject: "form:" + f.ID,
		Detail: map[string]any{"territory": f.Territory, "key": f.Key, "version": f.Version, "pages": len(f.Pages), "fields": len(f.Fields)},
	})
}

// wholeTerritory is the territory that an address asks for, of which the account reaches all.
func (m *console) wholeTerritory(c echo.Context) (*territory.Territory, error) {
	t := m.chosenTerritory(c)
	if t == nil || !m.whole(t) {
		return nil, errDenied
	}
	return t, nil
}

// officials lists the forms of a territory: of each the version that is printed, or the newest.
func (s *Server) officials(c echo.Context, m *console) error {
	t, err := m.wholeTerritory(c)
	if err != nil {
		return err
	}
	view := objectsView{
		manageHead: m.head(c, formsSection), Kind: "form", Text: strings.TrimSpace(c.QueryParam("q")), Territories: m.ownTerritories(t.ID),
		New: formsNewPath + "?" + url.Values{"territory": {t.ID}}.Encode(), Columns: m.columns("form"),
	}
	var all []official.Form
	err = s.db.View(c.Request().Context(), func(tx *store.Tx) (err error) {
		all, err = official.List(c.Request().Context(), tx, t.ID, view.Text)
		return err
	})
	if err != nil {
		return err
	}
	var lines []objectLine
	for _, f := range newestOf(all) {
		lines = append(lines, objectLine{
			Path: formsPath + "/" + f.ID, Name: f.Name(m.lang), Small: f.Key, State: m.officialState(f.State),
			Details: []string{strconv.FormatInt(f.Version, 10), m.institutionName(t, f.Institution), strconv.Itoa(len(usersOf(t, f.Key)))},
		})
	}
	view.Lines, view.Pages = cut(c, lines, pageSize)
	return s.show(c, "manage/objects", view)
}

// newestOf are of each key the draft, else what is published, else the newest version.
func newestOf(all []official.Form) []official.Form {
	var some []official.Form
	for _, f := range all { // the newest of a key first
		last := len(some) - 1
		switch {
		case last < 0 || some[last].Key != f.Key:
			some = append(some, f)
		case some[last].State == official.Withdrawn && f.State != official.Withdrawn:
			some[last] = f
		}
	}
	return some
}

func (m *console) officialState(state official.State) userState {
	tone := map[official.State]string{official.Draft: "warning", official.Published: "success", official.Withdrawn: "off"}[state]
	return userState{tone, m.text("manage.form.state." + string(state))}
}

func (m *console) institutionName(t *territory.Territory, id string) string {
	if i, ok := t.Institution(id); ok {
		return i.Name
	}
	return id
}

// usersOf are the services that name a form as theirs.
func usersOf(t *territory.Territory, key string) []*territory.Service {
	return slices.DeleteFunc(slices.Clone(t.Services), func(s *territory.Service) bool { return s.Form != key })
}

func (s *Server) newOfficial(c echo.Context, m *console) error {
	t, err := m.wholeTerritory(c)
	if err != nil {
		return err
	}
	return s.showNewOfficial(c, m, t, nil)
}

func (s *Server) showNewOfficial(c echo.Context, m *console, t *territory.Territory, refused error) error {
	typed := posted(c)
	form, status, err := m.formOf(c, refused, nil, nil)
	if err != nil {
		return err
	}
	view := officialNewView{
		manageHead: m.head(c, formsSection), manageForm: form, Title: m.text("manage.form.new"), Back: formsPath, Territory: t.ID,
		Territories: m.ownTerritories(t.ID), Key: typed.Get("key"), Name: typed.Get("name"), Legal: typed.Get("legal"),
		Institutions: m.institutionsOf(t, typed.Get("institution")),
	}
	ours, err := printouts.Forms()
	if err != nil {
		return err
	}
	for _, kind := range ours {
		view.Ours = append(view.Ours, deskChoice{kind.ID, kind.Title, kind.ID == typed.Get("ours")})
	}
	return s.render(c, status, "manage/form-new", view)
}

func (m *console) institutionsOf(t *territory.Territory, chosen string) []deskChoice {
	var all []deskChoice
	for _, i := range t.Institutions {
		all = append(all, deskChoice{i.ID, i.Name, i.ID == chosen})
	}
	return all
}

// officialFileOf has the file that a form carries looked at.
func (s *Server) officialFileOf(c echo.Context) (official.File, error) {
	came, _, err := c.Request().FormFile("file")
	if errors.Is(err, http.ErrMissingFile) {
		return official.File{}, errNone
	}
	if err != nil {
		return official.File{}, errMalformed
	}
	defer came.Close()
	file, err := io.ReadAll(io.LimitReader(came, pdf.MaxSize+1))
	if err != nil {
		return official.File{}, fmt.Errorf("read file: %w", err)
	}
	clean, pages, err := s.clean(c.Request().Context(), file)
	if why := pdf.Refusal(""); errors.As(err, &why) {
		return official.File{}, fault.New(fault.Invalid, officialAbsent+string(why), "megabytes", pdf.MaxSize>>20, "n", pdf.MaxPages)
	}
	return official.File{Clean: clean, Pages: pages, Came: file}, err
}

func (s *Server) addOfficial(c echo.Context, m *console) error {
	ctx, typed := c.Request().Context(), posted(c)
	t, err := m.wholeTerritory(c)
	if err != nil {
		return err
	}
	f := official.Form{
		Territory: t.ID, Key: typed.Get("ours"), Institution: typed.Get("institution"), Legal: strings.TrimSpace(typed.Get("legal")),
		Names: map[string]string{static.Italian: strings.TrimSpace(typed.Get("name"))},
	}
	if f.Key == "" {
		f.Key = strings.TrimSpace(typed.Get("key"))
		if _, err := printouts.FormOf(f.Key); err == nil {
			return s.showNewOfficial(c, m, t, errKeyTaken)
		}
	}
	if _, known := t.Institution(f.Institution); !known {
		return errMalformed
	}
	file, err := s.officialFileOf(c)
	if err == nil {
		err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
			if f.ID, err = official.Add(ctx, tx, f, file); err != nil {
				return err
			}
			f, err = official.ByID(ctx, tx, f.ID)
			if err != nil {
				return err
			}
			return recordOfficial(ctx, tx, m, "add", f)
		})
	}
	if err != nil {
		return s.showNewOfficial(c, m, t, err)
	}
	return c.Redirect(http.StatusSeeOther, done(formsPath+"/"+f.ID, "form.add"))
}

func (s *Server) readOfficial(c echo.Context, m *console) (f official.Form, versions []official.Form, err error) {
	ctx := c.Request().Context()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if f, err = officialReached(ctx, tx, m, c.Param("id")); err != nil {
			return err
		}
		versions, err = official.List(ctx, tx, f.Territory, "")
		return err
	})
	return f, slices.DeleteFunc(versions, func(v official.Form) bool { return v.Key != f.Key }), err
}

func (s *Server) official(c echo.Context, m *console) error {
	f, versions, err := s.readOfficial(c, m)
	if err != nil {
		return err
	}
	return s.showOfficial(c, m, f, f, versions, nil)
}

// showOfficial shows a form as it was typed, beside which is told what is stored where that was changed.
func (s *Server) showOfficial(c echo.Context, m *console, f, stored official.Form, versions []official.Form, refused error) error {
	form, status, err := m.formOf(c, refused, m.officialWords(f), m.officialWords(stored))
	if err != nil {
		return err
	}
	t, _ := m.territory(stored.Territory)
	view := officialView{
		manageHead: m.head(c, formsSection), manageForm: form, ID: stored.ID, Title: stored.Name(m.lang), State: m.officialState(stored.State),
		Draft: stored.State == official.Draft, Published: stored.State == official.Published, Rev: f.Rev, Key: stored.Key,
		Name: f.Names[static.Italian], Legal: f.Legal, Institutions: m.institutionsOf(t, f.Institution),
		Facts: officialFacts{Size: m.text("manage.form.size", "n", (stored.Size+1023)/1024), Digest: stored.SHA256[:officialShortSum], Pages: len(stored.Pages)},
		Kinds: m.placedKinds(), Parts: m.dateParts(),
	}
	if kind, err := printouts.FormOf(stored.Key); err == nil {
		view.Takes = kind.Title
	}
	for _, l := range static.Languages() {
		if l.Code != static.Italian {
			view.Words = append(view.Words, wordView{Name: "name." + l.Code, Lang: l.Code, Own: static.Text(l.Code, "language.own"), Value: f.Names[l.Code], RTL: l.RTL})
		}
	}
	sizes, err := json.Marshal(stored.Pages)
	if err != nil {
		return fmt.Errorf("show form: %w", err)
	}
	view.Sizes = string(sizes)
	for n := range stored.Pages {
		view.PageNumbers = append(view.PageNumbers, n+1)
	}
	if err := view.place(m, f, fieldOf(refused)); err != nil {
		return err
	}
	if wrong := fieldOf(refused); wrong > 0 {
		view.wrong = placedRows + "." + strconv.Itoa(wrong-1) + ".key"
	}
	for _, service := range usersOf(t, stored.Key) {
		view.Services = append(view.Services, manageLink{Text: serviceName(service, m.lang), Path: "/manage/services/" + t.ID + ":" + service.ID})
	}
	for _, v := range versions {
		view.Versions = append(view.Versions, officialVersion{
			Path: formsPath + "/" + v.ID, Title: m.text("manage.form.version", "n", v.Version), When: m.officialWhen(v), State: m.officialState(v.State), Current: v.ID == stored.ID,
		})
	}
	return s.render(c, status, "manage/form", view)
}

// fieldOf is the number of the field that a refusal is about, from 1; 0 none.
func fieldOf(refused error) int {
	if f := (*fault.Error)(nil); errors.As(refused, &f) && strings.HasPrefix(f.Code, "official_field_") {
		n, _ := f.Args["n"].(int)
		return n
	}
	return 0
}

func (m *console) officialWhen(f official.Form) string {
	switch {
	case !f.WithdrawnAt.IsZero():
		return m.text("manage.form.used", "from", m.moment(f.PublishedAt, m.zone), "until", m.moment(f.WithdrawnAt, m.zone))
	case !f.PublishedAt.IsZero():
		return m.text("manage.form.since", "from", m.moment(f.PublishedAt, m.zone))
	}
	return m.text("manage.form.begun", "from", m.moment(f.CreatedAt, m.zone))
}

// officialWords is a form in words, by the field of the page.
func (m *console) officialWords(f official.Form) map[string]string {
	words := map[string]string{"name": f.Names[static.Italian], "legal": f.Legal, "institution": f.Institution}
	var lines []string
	for _, p := range f.Fields {
		lines = append(lines, fmt.Sprintf("%s %d: %s %s %s×%s", p.Key, p.Page, decimalText(p.X), decimalText(p.Y), decimalText(p.Width), decimalText(p.Height)))
	}
	words["fields"] = strings.Join(lines, "; ")
	for code, name := range f.Names {
		words["name."+code] = name
	}
	return words
}

func (m *console) placedKinds() []deskChoice {
	var all []deskChoice
	for _, kind := range printouts.PlacedKinds {
		all = append(all, deskChoice{Value: string(kind), Text: m.text("manage.form.kind." + string(kind))})
	}
	return all
}

func (m *console) dateParts() []deskChoice {
	var all []deskChoice
	for _, part := range printouts.DateParts {
		all = append(all, deskChoice{Value: string(part), Text: m.text("manage.form.part." + cmp.Or(string(part), "all"))})
	}
	return all
}

// place fills in the rows of the fields.
func (v *officialView) place(m *console, f official.Form, wrong int) error {
	sections, err := printouts.OfficialFields(f.Key)
	if err != nil {
		return err
	}
	labels := map[string]string{}
	for _, s := range sections {
		group := keyGroup{Title: s.Title}
		for _, field := range s.Fields {
			group.Keys = append(group.Keys, deskChoice{Value: field.Key, Text: field.Label})
			labels[field.Key] = field.Label
		}
		v.Groups = append(v.Groups, group)
	}
	for i, p := range f.Fields {
		row := placedView{
			N: strconv.Itoa(i), Key: p.Key, Kind: string(p.Kind), Part: string(p.Part), Is: p.Is, Page: strconv.Itoa(p.Page), X: decimalText(p.X), Y: decimalText(p.Y),
			Width: decimalText(p.Width), Height: decimalText(p.Height), Size: orBlank(p.Size), Cells: orBlank(float64(p.Cells)), Open: i+1 == wrong,
		}
		row.Legend = labels[p.Key]
		v.Fields = append(v.Fields, v.choices(row))
	}
	v.Blank = v.choices(placedView{N: "N", Page: "1", Kind: string(printouts.PlacedText)})
	return nil
}

// choices gives a row what is to choose among.
func (v *officialView) choices(row placedView) placedView {
	row.Groups, row.Kinds, row.Parts = v.Groups, v.Kinds, v.Parts
	return row
}

// decimalText is a measure as a field of a form has it, "" what is none.
func decimalText(f float64) string {
	if math.IsNaN(f) {
		return ""
	}
	return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64)
}

func orBlank(f float64) string {
	if f == 0 {
		return ""
	}
	return decimalText(f)
}

// typedOfficial takes what the page of a form says of it.
func typedOfficial(typed url.Values, f *official.Form) {
	f.Institution, f.Legal = typed.Get("institution"), strings.TrimSpace(typed.Get("legal"))
	f.Names = map[string]string{}
	for _, l := range static.Languages() {
		name := "name." + l.Code
		if l.Code == static.Italian {
			name = "name"
		}
		if text := strings.TrimSpace(typed.Get(name)); text != "" {
			f.Names[l.Code] = text
		}
	}
	f.Fields = nil
	for n := range rowsTyped(typed, placedRows) {
		f.Fields = append(f.Fields, typedField(typed, placedRows+"."+strconv.Itoa(n)+".", f.Fields))
	}
}

// typedField is a row as it was typed. One that is new stands on the page of the one before it.
func typedField(typed url.Values, prefix string, before []printouts.Placed) printouts.Placed {
	if !typed.Has(prefix + "kind") {
		p := printouts.Placed{Page: 1, X: 56, Y: 56, Width: 200, Height: 18, Kind: printouts.PlacedText}
		if n := len(before); n > 0 {
			p.Page = before[n-1].Page
		}
		return p
	}
	figure := func(name string, otherwise float64) float64 {
		text := strings.ReplaceAll(strings.TrimSpace(typed.Get(prefix+name)), ",", ".")
		if text == "" {
			return otherwise
		}
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return math.NaN()
		}
		return f
	}
	whole := func(name string) int {
		f := figure(name, 0)
		if f != math.Trunc(f) || f < -1 || f > 1e6 { // NaN too
			return -1
		}
		return int(f)
	}
	return printouts.Placed{
		Key: typed.Get(prefix + "key"), Page: whole("page"), X: figure("x", math.NaN()), Y: figure("y", math.NaN()),
		Width: figure("width", math.NaN()), Height: figure("height", math.NaN()), Kind: printouts.PlacedKind(typed.Get(prefix + "kind")),
		Size: figure("size", 0), Cells: whole("cells"), Part: printouts.DatePart(typed.Get(prefix + "part")), Is: strings.TrimSpace(typed.Get(prefix + "is")),
	}
}

// changeOfficial saves a draft.
func (s *Server) changeOfficial(c echo.Context, m *console) error {
	ctx, typed := c.Request().Context(), posted(c)
	stored, versions, err := s.readOfficial(c, m)
	if err != nil {
		return err
	}
	f := stored
	arranged := rearrange(typed)
	typedOfficial(typed, &f)
	if f.Rev, err = parseRev(typed.Get("rev")); err != nil {
		return err
	}
	if t, ok := m.territory(stored.Territory); ok {
		if _, known := t.Institution(f.Institution); !known {
			return errMalformed
		}
	}
	if arranged {
		return s.showOfficial(c, m, f, stored, versions, nil)
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := official.Change(ctx, tx, f); err != nil {
			return err
		}
		return recordOfficial(ctx, tx, m, "edit", f)
	})
	if errors.Is(err, official.ErrEdited) {
		if stored, versions, err = s.readOfficial(c, m); err != nil {
			return err
		}
		f.Rev = stored.Rev
		return s.showOfficial(c, m, f, stored, versions, official.ErrEdited)
	}
	if err != nil {
		return s.showOfficial(c, m, f, stored, versions, err)
	}
	return c.Redirect(http.StatusSeeOther, done(formsPath+"/"+f.ID, "form.edit"))
}

// officialFile gives the pages, as they were kept.
func (s *Server) officialFile(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	var file []byte
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if _, err = officialReached(ctx, tx, m, c.Param("id")); err != nil {
			return err
		}
		file, err = official.Pages(ctx, tx, c.Param("id"))
		return err
	})
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, "application/pdf", file)
}

// replaceOfficial gives a draft another file.
func (s *Server) replaceOfficial(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	f, versions, err := s.readOfficial(c, m)
	if err != nil {
		return err
	}
	rev, err := parseRev(posted(c).Get("rev"))
	if err != nil {
		return err
	}
	file, err := s.officialFileOf(c)
	if err == nil {
		err = s.db.Update(ctx, func(tx *store.Tx) error {
			if err := official.Replace(ctx, tx, f.ID, rev, file); err != nil {
				return err
			}
			return recordOfficial(ctx, tx, m, "file", f)
		})
	}
	if err != nil {
		return s.showOfficial(c, m, f, f, versions, err)
	}
	return c.Redirect(http.StatusSeeOther, done(formsPath+"/"+f.ID, "form.file"))
}

// copyOfficial begins a new version.
func (s *Server) copyOfficial(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	f, versions, err := s.readOfficial(c, m)
	if err != nil {
		return err
	}
	var id string
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if id, err = official.Copy(ctx, tx, f.ID); err != nil {
			return err
		}
		made, err := official.ByID(ctx, tx, id)
		if err != nil {
			return err
		}
		return recordOfficial(ctx, tx, m, "copy", made)
	})
	if err != nil {
		return s.showOfficial(c, m, f, f, versions, err)
	}
	return c.Redirect(http.StatusSeeOther, done(formsPath+"/"+id, "form.copy"))
}

// testOfficial prints a form as it is on the screen, saved or not, with invented data.
func (s *Server) testOfficial(c echo.Context, m *console) error {
	ctx, typed := c.Request().Context(), posted(c)
	f, versions, err := s.readOfficial(c, m)
	if err != nil {
		return err
	}
	stored := f
	if typed.Has(counted(placedRows)) {
		typedOfficial(typed, &f)
	}
	if err := f.Check(); err != nil {
		return s.showOfficial(c, m, f, stored, versions, err)
	}
	var file []byte
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		file, err = official.Pages(ctx, tx, f.ID)
		return err
	})
	if err != nil {
		return err
	}
	t, _ := m.territory(f.Territory)
	form := printouts.Form{
		Kind: f.Key, Official: f.Printed(file), MadeAt: m.now.In(m.zone), Institutions: []string{m.institutionName(t, f.Institution)},
	}
	if form.Values, err = invented(form, typed.Get("do") == "long"); err != nil {
		return err
	}
	printed, err := form.PDF()
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="`+f.Key+`-prova.pdf"`)
	return c.Stream(http.StatusOK, "application/pdf", bytes.NewReader(printed))
}

// invented are values for all fields of a form, those of nobody: of most, their own label, so that one sees
// which went where. Long ones show what does not fit.
func invented(form printouts.Form, long bool) (map[string]printouts.Value, error) {
	const code, date, times = "PRVNTN80A41H501X", "01/02/1980", 40
	kind, err := form.FormKind()
	if err != nil {
		return nil, err
	}
	values := map[string]printouts.Value{}
	for _, field := range kind.Fields() {
		text := field.Label
		for _, p := range form.Official.Fields {
			switch {
			case p.Key != field.Key:
			case p.Kind == printouts.PlacedDate:
				text = date
			case p.Kind == printouts.PlacedComb:
				text = strings.Repeat(code, p.Cells/len(code)+1)[:p.Cells]
			case p.Kind == printouts.PlacedCheck && p.Is != "":
				text = p.Is
			}
		}
		if long && text == field.Label {
			text = strings.TrimSpace(strings.Repeat(text+" ", times))
		}
		values[field.Key] = printouts.Value{Text: text, Origin: field.Origin}
	}
	return values, nil
}
