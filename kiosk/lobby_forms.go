package kiosk

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"sportello/booking/fiscalcode"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
	"sportello/static"
)

// lobbyFormRoutes are forms at the kiosk: which, page by page what one wants to say, a look at all of it
// and at where it comes from, and the paper. What a citizen says is in the bodies of the pages' forms and
// nowhere else; it is gone from here when the page is, and from the print job when that is settled.
func (s *Server) lobbyFormRoutes() {
	s.handle(http.MethodGet, "/kiosk/forms", access.UseKiosk, s.lobbyForms)
	s.handle(http.MethodGet, "/kiosk/forms/:form", access.UseKiosk, s.lobbyForm)
	s.handle(http.MethodPost, "/kiosk/forms/:form/:step", access.UseKiosk, s.lobbyForm)
	s.handle(http.MethodPost, "/kiosk/forms/:form/print", access.UseKiosk, s.lobbyFormPrint)
	s.handle(http.MethodGet, "/kiosk/form", access.UseKiosk, s.lobbyFormPaper)
	s.handle(http.MethodGet, "/kiosk/form/state", access.UseKiosk, s.lobbyFormState)
}

// anyService chooses all services.
func anyService(*territory.Service) bool { return true }

// formsView offers the forms of the office.
type formsView struct {
	frame
	Choices []formChoice
	Pager   pager
}

type formChoice struct{ Title, Address string }

// hasForms reports whether citizens can have forms printed at an office.
func (s *Server) hasForms(ctx context.Context, office string) (bool, error) {
	var some bool
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		_, some, err = sheetPrinter(ctx, tx, office, "")
		return err
	})
	return some, err
}

// formLink is where the form of a service is filled in at a kiosk; "" where there is none, or nothing to
// print it on.
func (s *Server) formLink(ctx context.Context, f frame, o *territory.Office, service string) (string, error) {
	kind, known, err := s.formOfService(ctx, o, service)
	if err != nil || !known {
		return "", err
	}
	some, err := s.hasForms(ctx, o.ID)
	if err != nil || !some {
		return "", err
	}
	return f.To("/kiosk/forms/" + kind.ID), nil
}

func (s *Server) lobbyForms(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	office, err := s.officeOf(ctx, v)
	if err != nil {
		return err
	}
	some, err := s.hasForms(ctx, office.ID)
	if err != nil {
		return err
	}
	f := s.frame(c, office, "/kiosk/needs")
	var all []formChoice
	if some {
		kinds, err := s.formsOf(ctx, office, office.Today(s.db.Now()), anyService)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			all = append(all, formChoice{formTitle(f.Lang, kind), f.To("/kiosk/forms/" + kind.ID)})
		}
	}
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(all, n, f.needsOnPage())
	view := formsView{frame: f, Choices: shown, Pager: f.pager(at, pages)}
	view.own.Set("page", strconv.Itoa(at))
	return s.show(c, "lobby/forms", view)
}

// label is the name of a field in the citizen's language.
func (f frame) label(kind printouts.FormKind, field printouts.FormField) string {
	if key := labelKey(kind.ID, field.Key); static.Has(f.Lang, key) {
		return f.text(key)
	}
	return field.Label
}

// formStep is a page of a form: fields to fill in, or none, to confirm what the codice fiscale tells.
type formStep []printouts.FormField

// steps are the pages of a form. The codice fiscale comes first, because it tells more; whatever is long
// has a page of its own. What concerns health is not typed in a lobby: it is written by hand.
func (f filling) steps() []formStep {
	var all []formStep
	alone := true // nothing goes beside the last
	for _, field := range f.kind.Fields() {
		switch {
		case field.Key == fieldCode:
			first := []formStep{{field}}
			if f.told().Sex != "" {
				first = append(first, nil)
			}
			all, alone = append(first, all...), true
		case !f.byCitizen(field):
		case field.Lines > 1 || field.Kind != printouts.LineField:
			all, alone = append(all, formStep{field}), true
		case alone:
			all, alone = append(all, formStep{field}), false
		default:
			last := len(all) - 1
			all[last], alone = append(all[last], field), true
		}
	}
	return all
}

// byCitizen reports whether a citizen types a field at the kiosk.
func (filling) byCitizen(field printouts.FormField) bool {
	return (field.Origin == printouts.FromUser || field.Origin == printouts.FromScan) && !field.Sensitive
}

// stepOf is the number of the page of a field, counted from one; 0 none.
func (f filling) stepOf(field printouts.FormField) int {
	for n, step := range f.steps() {
		if slices.ContainsFunc(step, func(x printouts.FormField) bool { return x.Key == field.Key }) ||
			step == nil && field.Origin == printouts.FromCode {
			return n + 1
		}
	}
	return 0
}

// reviewStep is the last page of a form, on which all is looked at.
const reviewStep = "review"

// formView is a page of a form.
type formView struct {
	frame
	filling filling
	Key     string // of the paper: sent twice, it is printed once
	Title   string
	Note    string
	At, Of  int // the page, and how many there are to type on
	Fields  []fieldAsked
	Born    *bornView
	Kept    []keptField // what was said on other pages
	Rows    []formRow
	Pager   pager // of Rows: addresses of buttons
	Printer string
	Boards  []keyboard
	misread map[string]string // the field into which a reader typed what is no card, with the key of what is said of it
}

// Scan has a card that is read on any page of the form fill in its codice fiscale: that of the page, where
// it asks for another's. A form without one shows the page again.
func (v formView) Scan() string {
	field, asks := v.codeAsked()
	if !asks {
		return v.To(v.path)
	}
	return v.step(strconv.Itoa(v.filling.stepOf(field)), "card", field.Key)
}

// codeAsked is the field that a card fills in, and whether there is one.
func (v formView) codeAsked() (printouts.FormField, bool) {
	for _, asked := range v.Fields {
		if field := v.filling.field(asked.Key); isPerson(field) {
			return field, true
		}
	}
	fields := v.filling.kind.Fields()
	if i := slices.IndexFunc(fields, isPerson); i >= 0 {
		return fields[i], true
	}
	return printouts.FormField{}, false
}

// read fills a codice fiscale in from what a reader typed, or keeps why it cannot.
func (v *formView) read(key, text string) {
	if !slices.ContainsFunc(v.filling.kind.Fields(), func(f printouts.FormField) bool { return f.Key == key && isPerson(f) }) {
		return
	}
	switch read := readScan(text); {
	case read.card != "":
		v.filling.said[key] = string(read.card)
		if key == fieldCode {
			v.filling.scanned = string(read.card)
		}
	case read.misread != nil && !errors.Is(read.misread, fiscalcode.ErrLength):
		v.misread = map[string]string{key: "lobby.card.misread"}
	default:
		v.misread = map[string]string{key: "lobby.card.only"}
	}
}

// fieldAsked is a field to be filled in.
type fieldAsked struct {
	Key, Name, Label, Value string
	Keys                    string // kind of its keyboard
	Most                    int    // letters
	Lines                   int
	Tick, Code              bool
	First                   bool       // on its page
	Card                    maskedCode // that was read into it
	Wrong                   string
}

// bornView is what the codice fiscale tells, to be confirmed.
type bornView struct {
	Facts []fact
	Years []bornYear // to choose from, where two fit
	Birth string     // the date that is confirmed where one fits
}

type bornYear struct{ Date, Year string }

// formRow is a line of what is looked at before it is printed.
type formRow struct {
	Label, Value, Origin string
	Step                 string // address where it is changed; "" it is not typed here
	Blank                bool   // to be written by hand
}

func (s *Server) lobbyForm(c echo.Context, v visitor) error {
	view, err := s.formAt(c, v)
	if err != nil {
		return err
	}
	steps := view.filling.steps()
	at, err := strconv.Atoi(c.Param("step"))
	switch {
	case c.Request().Method == http.MethodGet:
		at = 1
	case err != nil || at > len(steps): // the last page, or the way to the printer
		at = len(steps) + 1
	}
	wrong := view.filling.wrong()
	maps.Copy(wrong, view.misread)
	for key := range wrong {
		// What cannot stay as it was typed is put right before anything else, but for going back.
		if field := view.filling.field(key); view.filling.stepOf(field) < at {
			at = view.filling.stepOf(field)
		}
	}
	if at > len(steps) {
		return s.lobbyFormReview(c, view)
	}
	view.show(max(at, 1), wrong)
	return s.show(c, "lobby/form", view)
}

// formAt reads the form that a page is about and what was said for it.
func (s *Server) formAt(c echo.Context, v visitor) (formView, error) {
	ctx := c.Request().Context()
	var office *territory.Office
	var printer spool.Printer
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if office, err = territory.Of(ctx, tx, v.device.Office); err != nil {
			return err
		}
		var some bool
		if printer, some, err = sheetPrinter(ctx, tx, office.ID, v.device.Printer); err == nil && !some {
			err = errNoForm
		}
		return err
	})
	if err != nil {
		return formView{}, err
	}
	now := s.db.Now()
	kind, err := s.formNamed(ctx, office, office.Today(now), c.Param("form"), anyService)
	if err != nil {
		return formView{}, err
	}
	form := url.Values{}
	if c.Request().Method == http.MethodPost {
		form = posted(c)
	}
	f := s.frame(c, office, "/kiosk/forms")
	f.Long, f.Form = true, "typed"
	view := formView{
		frame: f, Title: formTitle(f.Lang, kind), Note: f.note(kind), Key: form.Get("key"), Printer: printer.Name,
		filling: filling{
			kind: kind, office: office, now: now.In(office.Zone()), lang: f.Lang, said: typedInto(kind, form.Get),
			scanned: form.Get("scanned_code"), born: form.Get("born"),
		},
	}
	if form.Has("scanned") {
		view.read(c.QueryParam("card"), form.Get("code"))
	}
	return view, nil
}

// note is what a form is good for: in Italian as on paper, but for what the catalogue says in other words.
func (f frame) note(kind printouts.FormKind) string {
	if key := kindKey(kind.ID) + ".note"; static.Has(f.Lang, key) {
		return f.text(key)
	}
	return ""
}

func (f filling) field(key string) printouts.FormField {
	fields := f.kind.Fields()
	return fields[slices.IndexFunc(fields, func(field printouts.FormField) bool { return field.Key == key })]
}

// step is the address of a page of the form.
func (v formView) step(name string, own ...string) string {
	return v.To("/kiosk/forms/"+v.filling.kind.ID+"/"+name, own...)
}

// Next is the address of the page after this one.
func (v formView) Next() string { return v.step(strconv.Itoa(v.At + 1)) }

// Review is the address of the page on which all is looked at.
func (v formView) Review() string { return v.step(reviewStep) }

// Print is where the form is sent to be printed.
func (v formView) Print() string { return v.step("print") }

// goBack says which page is before this one: of the first, the list of forms.
func (v *formView) goBack(at int) {
	if at > 1 {
		v.Up, v.Leave = "/kiosk/forms/"+v.filling.kind.ID+"/"+strconv.Itoa(at-1), "typed"
	}
}

// show makes the view that of the page at.
func (v *formView) show(at int, wrong map[string]string) {
	steps := v.filling.steps()
	v.At, v.Of = at, len(steps)
	v.path = "/kiosk/forms/" + v.filling.kind.ID + "/" + strconv.Itoa(at)
	v.goBack(at)
	step := steps[at-1]
	if step == nil {
		v.Born = v.bornView()
	}
	for n, field := range step {
		asked := v.asked(field)
		asked.First = n == 0
		if key := wrong[field.Key]; key != "" {
			asked.Wrong = v.text(key, "most", asked.Most)
		}
		v.Fields = append(v.Fields, asked)
		v.addKeyboard(asked)
	}
	v.keep(step)
}

func (v *formView) addKeyboard(asked fieldAsked) {
	for _, board := range v.Boards {
		if board.For == asked.Keys {
			return
		}
	}
	switch asked.Keys {
	case keysFiscal:
		v.Boards = append(v.Boards, v.fiscalKeyboard())
	case keysText:
		v.Boards = append(v.Boards, v.textKeyboard())
	}
}

func (v formView) asked(field printouts.FormField) fieldAsked {
	a := fieldAsked{
		Key: field.Key, Name: fieldName(field.Key), Label: v.label(v.filling.kind, field), Value: v.filling.said[field.Key],
		Most: mostLetters(field), Lines: max(field.Lines, 1), Keys: keysText,
		Tick: field.Kind == printouts.TickField, Code: field.Kind == printouts.CodeField,
	}
	if code := v.filling.codeValue(); field.Key == fieldCode && code.Origin == printouts.FromScan {
		a.Card = maskedOf(fiscalcode.Code(code.Text))
	}
	switch {
	case a.Tick:
		a.Keys = ""
	case a.Code:
		a.Keys = keysFiscal
	}
	return a
}

// bornView is what the codice fiscale tells of its holder's birth, and nothing else.
func (v formView) bornView() *bornView {
	r, fields := v.filling.told(), v.filling.kind
	view := &bornView{}
	for _, field := range fields.Fields() {
		var value string
		switch field.Key {
		case fieldSex:
			value = v.text("forms.sex." + string(r.Sex))
		case fieldBirth:
			if len(r.Births) == 1 {
				value = r.Births[0].At(0, v.filling.office.Zone()).Format("02/01/2006")
			}
		case fieldBirthplace:
			value = joined(" ", r.Place.Name, parenthesis(r.Place))
		}
		if value != "" {
			view.Facts = append(view.Facts, fact{v.label(fields, field), value})
		}
	}
	if len(r.Births) == 1 {
		view.Birth = r.Births[0].String()
		return view
	}
	for _, date := range r.Births {
		view.Years = append(view.Years, bornYear{date.String(), date.At(0, v.filling.office.Zone()).Format("02/01/2006")})
	}
	return view
}

func parenthesis(p fiscalcode.Place) string {
	if p.Province == "" {
		return ""
	}
	return "(" + p.Province + ")"
}

// keep takes along what was said on other pages than this step.
func (v *formView) keep(step formStep) {
	add := func(name, value string) {
		if value != "" {
			v.Kept = append(v.Kept, keptField{name, value})
		}
	}
	for _, field := range v.filling.kind.Fields() {
		if !slices.ContainsFunc(step, func(x printouts.FormField) bool { return x.Key == field.Key }) {
			add(fieldName(field.Key), v.filling.said[field.Key])
		}
	}
	add("scanned_code", v.filling.scanned)
	if v.Born == nil {
		add("born", v.filling.born)
	}
}

// rowsOnPage is how many lines of a form are looked at at a time.
func (p prefs) rowsOnPage() int {
	if p.Low || p.Large {
		return 4
	}
	return 6
}

// lobbyFormReview shows all that will stand on the paper, and where each thing comes from.
func (s *Server) lobbyFormReview(c echo.Context, view formView) error {
	view.path = "/kiosk/forms/" + view.filling.kind.ID + "/" + reviewStep
	view.Key = store.NewID()
	view.goBack(len(view.filling.steps()) + 1)
	rows, err := view.rows()
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(rows, n, view.rowsOnPage())
	view.Rows, view.Pager = shown, view.frame.pager(at, pages)
	view.own.Set("page", strconv.Itoa(at))
	view.keep(nil)
	return s.show(c, "lobby/formreview", view)
}

// rows are the lines of the form in its order.
func (v formView) rows() ([]formRow, error) {
	form := v.filling.form()
	unprintable, err := form.Blank()
	if err != nil {
		return nil, err
	}
	var all []formRow
	for _, field := range v.filling.kind.Fields() {
		value := form.Values[field.Key]
		row := formRow{Label: v.label(v.filling.kind, field), Value: value.Text, Origin: v.text("forms.origin." + string(value.Origin))}
		if n := v.filling.stepOf(field); n > 0 {
			row.Step = v.step(strconv.Itoa(n))
		}
		switch {
		case slices.Contains(unprintable, field.Key):
			row.Blank, row.Origin = true, v.text("forms.letters")
		case field.Kind == printouts.TickField && field.Origin == printouts.Fixed:
			row.Origin = v.text("forms.origin.fixed")
		case value.Text == "":
			row.Blank, row.Origin = true, v.text("forms.origin.print")
		case field.Kind == printouts.TickField:
			row.Value = v.text("forms.tick.yes")
		case field.Key == fieldCode && value.Origin == printouts.FromScan:
			row.Value = fiscalcode.Code(value.Text).Masked()
		}
		all = append(all, row)
	}
	return all, nil
}

// lobbyFormPrint orders the paper and forgets the rest.
func (s *Server) lobbyFormPrint(c echo.Context, v visitor) error {
	view, err := s.formAt(c, v)
	if err != nil {
		return err
	}
	if len(view.filling.wrong()) > 0 {
		return s.lobbyForm(c, v)
	}
	ctx := c.Request().Context()
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		printer, some, err := sheetPrinter(ctx, tx, v.device.Office, v.device.Printer)
		if err == nil && !some {
			err = errNoForm
		}
		if err != nil {
			return err
		}
		filled, err := view.filling.onPages(ctx, tx)
		if err != nil {
			return err
		}
		return enqueueForm(ctx, tx, printer, view.Key, filled, 0)
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, view.To("/kiosk/form", "id", view.Key))
}

// formPaperView is a form on its way to paper. There is no other of the same: what was said is forgotten.
type formPaperView struct {
	slip
	Printer string
}

// Again reports whether the paper may be asked for once more.
func (formPaperView) Again() bool { return false }

// Asks reports whether the citizen is asked if there is paper.
func (formPaperView) Asks() bool { return false }

func (s *Server) formPaperOf(c echo.Context, v visitor) (formPaperView, error) {
	ctx, id := c.Request().Context(), c.QueryParam("id")
	var office *territory.Office
	var status spool.Status
	var printer spool.Printer
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		var ordered bool
		if status, ordered, err = spool.Latest(ctx, tx, formSubject(id)); err != nil {
			return err
		}
		if !ordered {
			return errNoForm
		}
		if office, err = territory.Of(ctx, tx, v.device.Office); err != nil {
			return err
		}
		printer, err = spool.PrinterByID(ctx, tx, status.Printer)
		return err
	})
	if err != nil {
		return formPaperView{}, err
	}
	if printer.Office != office.ID {
		return formPaperView{}, errNoForm
	}
	f := s.frame(c, office, "")
	f.own.Set("id", id)
	return formPaperView{slip: newSlip(f, id, "/kiosk/form", "forms.paper.", status), Printer: printer.Name}, nil
}

func (s *Server) lobbyFormPaper(c echo.Context, v visitor) error {
	view, err := s.formPaperOf(c, v)
	if err != nil {
		return err
	}
	return s.show(c, "lobby/formpaper", view)
}

// lobbyFormState is the part of the page that changes while one looks at it.
func (s *Server) lobbyFormState(c echo.Context, v visitor) error {
	view, err := s.formPaperOf(c, v)
	if err != nil {
		return err
	}
	return s.show(c, "lobby/formstate", view)
}
