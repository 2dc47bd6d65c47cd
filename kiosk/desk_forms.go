package kiosk

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
	"sportello/static"
)

// deskFormRoutes are forms at the desk, for whoever sits before it. What is typed is in the bodies of
// requests and, until it is printed, in the print job.
func (s *Server) deskFormRoutes() {
	s.desk(http.MethodGet, "/desk/forms", access.FillForms, s.deskForms)
	s.desk(http.MethodGet, "/desk/forms/:form", access.FillForms, s.deskForm)
	s.desk(http.MethodPost, "/desk/forms/:form", access.FillForms, s.deskFormDone)
}

// deskPaperLife is how long a form waits for a printer of the office: somebody may have to bring paper.
const deskPaperLife = 10 * time.Minute

// deskFormsView lists the forms that the reader may fill in.
type deskFormsView struct {
	deskHead
	OfficeID string
	Alert    *deskAlert
	Forms    []deskFormLine
}

type deskFormLine struct{ Title, Note, Legal, Address string }

// deskFormView is a form to be filled in.
type deskFormView struct {
	deskHead
	OfficeID  string
	Alert     *deskAlert
	Title     string
	Note      string
	Legal     string
	Address   string
	Key       string // of the paper: sent twice, it is printed once
	Sections  []deskFormSection
	Printers  []deskChoice
	Languages []deskChoice
}

type deskFormSection struct {
	Title  string
	Fields []deskFormField
}

// deskFormField is a field, with what stands in it and where that comes from.
type deskFormField struct {
	fieldAsked
	Required, Prose, Sensitive bool
	Origin                     string // "" it is blank
	Reads                      bool   // it tells other fields
	Note                       string // what is to be asked about it
}

// formReader reads at the office asked for, and says which services' forms are the reader's.
func (s *Server) formReader(c echo.Context, v visitor) (deskReader, func(*territory.Service) bool, error) {
	r, err := s.readerOf(c, v, asked(c))
	if err != nil {
		return r, nil, err
	}
	return r, func(service *territory.Service) bool { return r.runs || r.maySee(service.ID) }, nil
}

func (r deskReader) head(v visitor) deskHead {
	return deskHead{
		Page: page(r.lang), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary),
		Office: r.p.Office.Name, Desk: r.deskName(r.desk),
	}
}

// formAddress is the address of a form at the desk, or of their list.
func (r deskReader) formAddress(form string, more ...string) string {
	values := url.Values{"office": {r.p.Office.ID}}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	address := "/desk/forms"
	if form != "" {
		address += "/" + form
	}
	return address + "?" + values.Encode()
}

func (s *Server) deskForms(c echo.Context, v visitor) error {
	r, mine, err := s.formReader(c, v)
	if err != nil {
		return err
	}
	kinds, err := s.formsOf(c.Request().Context(), r.p.Office, r.p.Day, mine)
	if err != nil {
		return err
	}
	view := &deskFormsView{deskHead: r.head(v), OfficeID: r.p.Office.ID}
	for _, kind := range kinds {
		view.Forms = append(view.Forms, deskFormLine{kind.Title, kind.Note, kind.Legal, r.formAddress(kind.ID)})
	}
	if view.Alert, err = s.printedForm(c, r); err != nil {
		return err
	}
	return s.show(c, "desk/forms", view)
}

// printedForm says what has become of the form that was sent to a printer a moment ago.
func (s *Server) printedForm(c echo.Context, r deskReader) (*deskAlert, error) {
	ctx, key := c.Request().Context(), c.QueryParam("printed")
	if key == "" {
		return nil, nil
	}
	var status spool.Status
	var printer spool.Printer
	err := s.db.View(ctx, func(tx *store.Tx) error {
		found, known, err := spool.Latest(ctx, tx, formSubject(key))
		if err != nil || !known {
			return err
		}
		status = found
		printer, err = spool.PrinterByID(ctx, tx, status.Printer)
		return err
	})
	if err != nil || printer.Office != r.p.Office.ID {
		return nil, err
	}
	paper := paperOf(status)
	alert := &deskAlert{Tone: "info", Title: static.Text(r.lang, "desk.form.paper."+string(paper)), Hint: printer.Name}
	switch paper {
	case paperPrinted:
		alert.Tone = "success"
	case paperOut, paperAway, paperFailed, paperUnsure:
		alert.Tone = "warning"
	}
	return alert, nil
}

func (s *Server) deskForm(c echo.Context, v visitor) error {
	r, f, err := s.deskFilling(c, v, url.Values{})
	if err != nil {
		return err
	}
	return s.showDeskForm(c, v, r, f, url.Values{}, http.StatusOK)
}

// deskFilling is the form of the address with what was typed, by who asks.
func (s *Server) deskFilling(c echo.Context, v visitor, form url.Values) (deskReader, filling, error) {
	r, mine, err := s.formReader(c, v)
	if err != nil {
		return r, filling{}, err
	}
	kind, err := s.formNamed(c.Request().Context(), r.p.Office, r.p.Day, c.Param("form"), mine)
	if err != nil {
		return r, filling{}, err
	}
	return r, filling{
		kind: kind, office: r.p.Office, now: s.db.Now().In(r.p.Office.Zone()), lang: page(form.Get("language")).Lang,
		officer: v.user.Name, said: typedInto(kind, form.Get), scanned: form.Get("scanned_code"),
	}, nil
}

// deskFormDone reads the codice fiscale, opens the form as a document, or sends it to a printer.
func (s *Server) deskFormDone(c echo.Context, v visitor) error {
	form := posted(c)
	r, f, err := s.deskFilling(c, v, form)
	if err != nil {
		return err
	}
	wrong := len(f.wrong()) > 0
	switch form.Get("do") {
	case "open":
		if !wrong {
			return s.openForm(c, f)
		}
	case "print":
		if !wrong {
			return s.printDeskForm(c, r, f)
		}
	default:
		f.readAnew()
	}
	status := http.StatusOK
	if wrong {
		status = http.StatusUnprocessableEntity
	}
	return s.showDeskForm(c, v, r, f, form, status)
}

// readAnew forgets what an earlier codice fiscale told, where there is one now.
func (f *filling) readAnew() {
	if f.told().Sex == "" {
		return
	}
	for _, field := range f.kind.Fields() {
		if field.Origin == printouts.FromCode {
			delete(f.said, field.Key)
		}
	}
}

// openForm answers with a form as a document. It is kept nowhere.
func (s *Server) openForm(c echo.Context, f filling) error {
	ctx := c.Request().Context()
	var form printouts.Form
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		form, err = f.onPages(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	content, err := form.PDF()
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="`+form.Kind+`.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", content)
}

func (s *Server) printDeskForm(c echo.Context, r deskReader, f filling) error {
	ctx, form := c.Request().Context(), posted(c)
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		printers, err := sheetPrinters(ctx, tx, r.p.Office.ID)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(printers, func(p spool.Printer) bool { return p.ID == form.Get("printer") })
		if at < 0 {
			return fault.New(fault.Missing, "unknown_printer")
		}
		filled, err := f.onPages(ctx, tx)
		if err != nil {
			return err
		}
		return enqueueForm(ctx, tx, printers[at], form.Get("key"), filled, deskPaperLife)
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, r.formAddress("", "printed", form.Get("key")))
}

// showDeskForm shows a form as it stands.
func (s *Server) showDeskForm(c echo.Context, v visitor, r deskReader, f filling, form url.Values, status int) error {
	ctx := c.Request().Context()
	view := &deskFormView{
		deskHead: r.head(v), OfficeID: r.p.Office.ID, Title: f.kind.Title, Note: f.kind.Note, Legal: f.kind.Legal,
		Address: r.formAddress(f.kind.ID), Key: store.NewID(),
	}
	if status != http.StatusOK {
		view.Alert = &deskAlert{Tone: "danger", Title: static.Text(r.lang, "desk.form.wrong")}
	}
	var err error
	if view.Sections, err = r.formSections(f); err != nil {
		return err
	}
	view.Languages = secondLanguages(r.lang, f.lang)
	err = s.db.View(ctx, func(tx *store.Tx) error {
		printers, err := sheetPrinters(ctx, tx, r.p.Office.ID)
		for _, p := range printers {
			view.Printers = append(view.Printers, deskChoice{Value: p.ID, Text: p.Name, Chosen: p.ID == form.Get("printer")})
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.render(c, status, "desk/form", view)
}

// formSections are the fields of a form with what stands in them. What is signed or written by hand is
// not among them.
func (r deskReader) formSections(f filling) ([]deskFormSection, error) {
	unprintable, err := f.form().Blank()
	if err != nil {
		return nil, err
	}
	values, wrong := f.values(), f.wrong()
	var all []deskFormSection
	for _, section := range f.kind.Sections {
		shown := deskFormSection{Title: section.Title}
		for _, field := range section.Fields {
			if field.Origin == printouts.ByHand || field.Kind == printouts.TickField && field.Origin == printouts.Fixed {
				continue
			}
			x := r.formField(f, field, values[field.Key])
			if key := wrong[field.Key]; key != "" {
				x.Wrong = static.Text(r.lang, key, "most", x.Most)
			}
			if slices.Contains(unprintable, field.Key) {
				x.Note = static.Text(r.lang, "forms.letters")
			}
			shown.Fields = append(shown.Fields, x)
		}
		if len(shown.Fields) > 0 {
			all = append(all, shown)
		}
	}
	return all, nil
}

func (r deskReader) formField(f filling, field printouts.FormField, value printouts.Value) deskFormField {
	x := deskFormField{
		fieldAsked: fieldAsked{
			Key: field.Key, Name: fieldName(field.Key), Label: field.Label, Value: value.Text, Most: mostLetters(field),
			Lines: max(field.Lines, 1), Tick: field.Kind == printouts.TickField, Code: field.Kind == printouts.CodeField,
		},
		Required: field.Required, Prose: field.Kind == printouts.ProseField, Sensitive: field.Sensitive, Reads: field.Key == fieldCode,
	}
	if value.Text != "" {
		x.Origin = static.Text(r.lang, "desk.form.origin."+string(value.Origin))
	}
	if births := f.told().Births; field.Key == fieldBirth && len(births) > 1 && value.Text == "" {
		x.Note = static.Text(r.lang, "desk.form.years", "one", strconv.Itoa(births[0].Year), "other", strconv.Itoa(births[1].Year))
	}
	return x
}

// secondLanguages are those in which the labels of a form can be set besides Italian, which stands for
// none.
func secondLanguages(lang, chosen string) []deskChoice {
	all := []deskChoice{{Value: static.Italian, Text: static.Text(lang, "desk.form.language.none")}}
	for _, l := range static.Languages() {
		if l.Code != static.Italian && printouts.Prints(l.Code) {
			all = append(all, deskChoice{Value: l.Code, Text: l.Own, Chosen: l.Code == chosen})
		}
	}
	return all
}
