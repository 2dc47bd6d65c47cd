package kiosk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// importPath is the page that takes a territory file.
const importPath = "/manage/territories/:id/import"

// importView is the page that takes a territory file: what is wrong with one, or what it would change.
type importView struct {
	manageHead
	Title, Back string
	Refused     *deskAlert
	Problems    []string // each with its line
	Text        string   // of the file that was looked at; "" none
	Tallies     []importTally
	strandedView
}

// importTally says how many objects of a kind a file adds, changes and leaves as they are.
type importTally struct {
	Kind                      string // key of its name
	Added, Changed, Unchanged int
}

// Field is no field: the refusal is about the file.
func (importView) Field() string { return "" }

// headObjects are territories: what they say of themselves.
func headObjects() objects[territory.Head] {
	type E = territory.Head
	return objects[E]{
		kind: territory.KindTerritory, section: "territories",
		fields: []field[E]{
			textField("name", func(e *E) *string { return &e.Name }),
			textField("timezone", func(e *E) *string { return &e.Timezone }),
			listField("languages", func(e *E) *[]string { return &e.Languages }, choicesOf[E](languageChoices)),
			numbersField("reminder_minutes", func(e *E) *[]int { return &e.ReminderMinutes }).across(),
			orderedField("menu", func(e *E) *[]string { return &e.Menu }, func(x *editing, _ *E) []deskChoice {
				var all []deskChoice
				for _, n := range x.in.Needs {
					all = append(all, deskChoice{Value: n.ID, Text: named(n.Name, x.lang)})
				}
				return all
			}),
			optionalField("precedence_minutes", func(e *E) **int { return &e.PrecedenceMinutes }),
			rowsField[E, territory.ClassEntry]{name: "precedence", of: func(e *E) *[]territory.ClassEntry { return &e.Precedence }, fields: []field[territory.ClassEntry]{
				textField("id", func(e *territory.ClassEntry) *string { return &e.ID }),
				wordsField[territory.ClassEntry]{name: "name", of: func(e *territory.ClassEntry) *map[string]string { return &e.Name }},
			}},
		},
		list: func(_ *territory.Territory, f *territory.File) []E { return []E{f.Territory} },
		put:  func(e E) *territory.File { return &territory.File{Territory: e} },
		id:   func(e *E) *string { return &e.ID },
		name: func(_ *territory.Territory, e E) string { return e.Name },
		line: func(m *console, t *territory.Territory, e E) objectLine {
			return objectLine{
				Name: t.Name, Small: t.ID, Details: []string{strings.Join(t.Languages, ", ")},
				State: userState{"success", m.text("manage.territory.offices", "n", len(t.Offices))},
			}
		},
		links: func(m *console, t *territory.Territory, _ E) []manageLink {
			if !m.whole(t) {
				return nil
			}
			at := "/manage/territories/" + t.ID + ":" + t.ID
			return []manageLink{
				{Text: m.text("manage.territory.export"), Path: at + "/file", File: true},
				{Text: m.text("manage.territory.import"), Path: at + "/import"},
			}
		},
	}
}

func (s *Server) fileRoutes() {
	s.manage(http.MethodGet, "/manage/territories/:id/file", access.EditTerritory, s.exportFile)
	s.manage(http.MethodGet, importPath, access.EditTerritory, s.importPage)
	s.manage(http.MethodPost, importPath, access.EditTerritory, s.importFile)
}

// ofAddress is the territory that an address is about, of which the account reaches all.
func (m *console) ofAddress(c echo.Context) (*territory.Territory, error) {
	id, _, _ := strings.Cut(c.Param("id"), ":")
	t, ok := m.territory(id)
	switch {
	case !ok:
		return nil, fault.New(fault.Missing, "unknown_object")
	case !m.whole(t):
		return nil, errDenied
	}
	return t, nil
}

// exportFile writes a territory down.
func (s *Server) exportFile(c echo.Context, m *console) error {
	t, err := m.ofAddress(c)
	if err != nil {
		return err
	}
	var text []byte
	err = s.db.View(c.Request().Context(), func(tx *store.Tx) (err error) {
		text, err = territory.Export(c.Request().Context(), tx, t.ID)
		return err
	})
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+t.ID+`.toml"`)
	return c.Blob(http.StatusOK, "application/toml; charset=utf-8", text)
}

func (s *Server) importPage(c echo.Context, m *console) error {
	t, err := m.ofAddress(c)
	if err != nil {
		return err
	}
	return s.showImport(c, m, t, importView{}, nil)
}

func (s *Server) showImport(c echo.Context, m *console, t *territory.Territory, view importView, refused error) error {
	var problems territory.Problems
	if errors.As(refused, &problems) {
		for _, p := range problems {
			view.Problems = append(view.Problems, m.text("manage.import.line", "n", p.Line, "text", m.problem(p)))
		}
		refused = errFile
	}
	alert, status, err := refusedWith(c, m.lang, refused)
	if err != nil {
		return err
	}
	view.manageHead, view.Refused = m.head(c, "territories"), alert
	view.Title, view.Back = m.text("manage.territory.import"), "/manage/territories/"+t.ID+":"+t.ID
	return s.render(c, status, "manage/import", view)
}

var (
	errFile  = fault.New(fault.Invalid, "file_invalid")
	errOther = fault.New(fault.Invalid, "file_other")
	errNone  = fault.New(fault.Invalid, "file_missing")
)

// uploaded is the text of the file that a form carries, or the one that was looked at before.
func uploaded(c echo.Context) (string, error) {
	if text := posted(c).Get("text"); text != "" {
		return text, nil
	}
	file, _, err := c.Request().FormFile("file")
	if errors.Is(err, http.ErrMissingFile) {
		return "", errNone
	}
	if err != nil {
		return "", errMalformed
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err == nil && len(text) == 0 {
		err = errNone
	}
	return string(text), err
}

// importFile shows what a territory file would change, or makes the change.
func (s *Server) importFile(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	t, err := m.ofAddress(c)
	if err != nil {
		return err
	}
	text, err := uploaded(c)
	if err != nil {
		return s.showImport(c, m, t, importView{}, err)
	}
	save := posted(c).Get("do") == "save"
	do := s.db.View
	if save {
		do = s.db.Update
	}
	var view importView
	err = do(ctx, func(tx *store.Tx) error {
		change, err := m.fileChange(ctx, tx, t, text)
		if err != nil {
			return err
		}
		if save {
			return s.applyTelling(ctx, tx, m, t, change, posted(c).Get("stranded"))
		}
		after, report, err := territory.TryReport(ctx, tx, change)
		if err != nil {
			return err
		}
		view.Text, view.Tallies = text, talliesOf(report)
		view.strandedView, err = m.stranded(ctx, tx, t, after)
		return err
	})
	if err == nil && save {
		return c.Redirect(http.StatusSeeOther, done("/manage/territories", "import"))
	}
	return s.showImport(c, m, t, view, err)
}

// fileChange is the change that a file asks for. Its name for the territory must be that of t.
func (m *console) fileChange(ctx context.Context, tx *store.Tx, t *territory.Territory, text string) (territory.Change, error) {
	f, problems, err := territory.ParseOver(ctx, tx, []byte(text), "")
	switch {
	case err != nil:
		return territory.Change{}, err
	case len(problems) > 0:
		return territory.Change{}, territory.Problems(problems)
	case f.Territory.ID != t.ID:
		return territory.Change{}, errOther
	}
	return territory.Change{Put: f, By: m.by()}, nil
}

func talliesOf(r territory.Report) []importTally {
	var all []importTally
	for _, k := range []struct {
		kind  territory.Kind // or "text"
		tally territory.Tally
	}{
		{territory.KindTerritory, r.Head},
		{territory.KindInstitution, r.Institutions},
		{territory.KindService, r.Services},
		{territory.KindNeed, r.Needs},
		{territory.KindOffice, r.Offices},
		{territory.KindOfficer, r.Officers},
		{"text", r.Texts},
	} {
		if k.tally != (territory.Tally{}) {
			all = append(all, importTally{"manage.kinds." + string(k.kind), k.tally.Added, k.tally.Changed, k.tally.Unchanged})
		}
	}
	return all
}
