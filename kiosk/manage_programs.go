package kiosk

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// programsView lists programs and their tokens.
type programsView struct {
	manageHead
	Text     string // searched for
	Programs []programLine
	Pages    numbered
}

type programLine struct {
	ID, Name, Where string
	Scopes          []string // keys
	Created, Seen   string
	State           userState
	Revoked         bool
}

// programView is a program to be added.
type programView struct {
	manageHead
	manageForm
	Name, Until              string
	Territory, TerritoryName string
	Territories              []deskChoice
	OfficeIn                 []deskChoice
	Scopes                   []scopeChoice
}

// scopeChoice is a scope with what it allows.
type scopeChoice struct {
	Value, Key string
	Chosen     bool
}

func (s *Server) programRoutes() {
	s.manage(http.MethodGet, "/manage/programs", access.ManageKeys, s.programs)
	s.manage(http.MethodGet, "/manage/programs/new", access.ManageKeys, s.newProgram)
	s.manage(http.MethodPost, "/manage/programs/new", access.ManageKeys, s.addProgram)
	s.step("/manage/programs/:id/revoke", manageStep{
		may: access.ManageKeys, section: "programs", words: "manage.program.revoke", danger: true,
		subject: programSubject, do: revokeProgram,
	})
}

func (s *Server) programs(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := programsView{manageHead: m.head(c, "programs"), Text: strings.TrimSpace(c.QueryParam("q"))}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := access.Programs(ctx, tx, m.home())
		all = slices.DeleteFunc(all, func(p access.Program) bool { return !hasWords(view.Text, p.Name) })
		slices.SortStableFunc(all, func(a, b access.Program) int { return rank(m.spent(a)) - rank(m.spent(b)) })
		shown, pages := cut(c, all, pageSize)
		view.Pages = pages
		for _, p := range shown {
			view.Programs = append(view.Programs, m.programLine(p))
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/programs", view)
}

// spent reports whether a program's token is good no more.
func (m *console) spent(p access.Program) bool {
	return p.Revoked || !p.Until.IsZero() && !m.now.Before(p.Until)
}

// rank has what is spent come last.
func rank(spent bool) int {
	if spent {
		return 1
	}
	return 0
}

func (m *console) programLine(p access.Program) programLine {
	line := programLine{
		ID: p.ID, Name: p.Name, Where: m.where(p.Territory, p.Offices), Revoked: p.Revoked,
		Created: m.date(p.Created.In(m.zone)), Seen: m.since(p.Seen, m.zone), State: m.programState(p),
	}
	for _, scope := range p.Scopes {
		line.Scopes = append(line.Scopes, "manage.scope."+string(scope))
	}
	return line
}

func (m *console) programState(p access.Program) userState {
	switch {
	case p.Revoked:
		return userState{"off", m.text("manage.program.state.revoked")}
	case m.spent(p):
		return userState{"off", m.text("manage.program.state.ended", "date", m.lastDate(p.Until))}
	case !p.Until.IsZero():
		return userState{m.endTone(p.Until), m.text("manage.program.state.until", "date", m.lastDate(p.Until))}
	}
	return userState{"success", m.text("manage.program.state.active")}
}

func (s *Server) newProgram(c echo.Context, m *console) error {
	return s.showProgram(c, m, access.Program{Territory: m.asked(c)}, nil)
}

// showProgram shows the form of a program as it was typed.
func (s *Server) showProgram(c echo.Context, m *console, p access.Program, refused error) error {
	form, status, err := m.formOf(c, refused, nil, nil)
	if err != nil {
		return err
	}
	view := programView{
		manageHead: m.head(c, "programs"), manageForm: form, Name: p.Name, Until: posted(c).Get("until"),
		Territory: p.Territory, TerritoryName: m.where(p.Territory, nil), Territories: m.territoryChoices(p.Territory),
	}
	for _, scope := range access.Scopes {
		view.Scopes = append(view.Scopes, scopeChoice{string(scope), "manage.scope." + string(scope), slices.Contains(p.Scopes, scope)})
	}
	if t, ok := m.territory(p.Territory); ok {
		for _, o := range t.Offices {
			view.OfficeIn = append(view.OfficeIn, deskChoice{o.ID, o.Name, slices.Contains(p.Offices, o.ID)})
		}
	}
	slices.SortStableFunc(view.OfficeIn, func(a, b deskChoice) int { return strings.Compare(a.Text, b.Text) })
	return s.render(c, status, "manage/program", view)
}

// typedProgram is the program of a form, and what is wrong with it.
func (m *console) typedProgram(form url.Values) (access.Program, error) {
	p := access.Program{Name: form.Get("name"), Territory: form.Get("territory"), Offices: form["office"]}
	for _, scope := range form["scope"] {
		p.Scopes = append(p.Scopes, access.Scope(scope))
	}
	if m.user.Territory != "" {
		p.Territory = m.user.Territory
	}
	until, err := m.endOf(form.Get("until"))
	if err != nil {
		return p, err
	}
	p.Until = until
	t, ok := m.territory(p.Territory)
	if !ok && (p.Territory != "" || m.user.Territory != "") {
		return p, errOffice
	}
	for _, id := range p.Offices {
		if t == nil {
			break // without a territory they are refused
		}
		if _, ok := t.Office(id); !ok {
			return p, errOffice
		}
	}
	return p, nil
}

// addProgram makes a token, which is shown once.
func (s *Server) addProgram(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	p, err := m.typedProgram(posted(c))
	var token string
	if err == nil {
		p.ID = store.NewID()
		err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
			token, err = access.AddProgram(ctx, tx, p, m.by())
			return err
		})
	}
	if err != nil {
		return s.showProgram(c, m, p, err)
	}
	return s.show(c, "manage/secret", secretView{
		manageHead: m.head(c, "programs"), Title: m.text("manage.program.made", "name", strings.TrimSpace(p.Name)), Text: m.text("manage.program.token"),
		Value: token, Long: true, Notes: []string{m.text("manage.program.how"), m.text("manage.secret.once")}, Back: "/manage/programs",
	})
}

func programSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	all, err := access.Programs(ctx, tx, m.user.Territory)
	if err != nil {
		return stepSubject{}, err
	}
	i := slices.IndexFunc(all, func(p access.Program) bool { return p.ID == id })
	if i < 0 {
		return stepSubject{}, fault.New(fault.Missing, "program_missing")
	}
	return stepSubject{all[i].Name, "/manage/programs"}, nil
}

func revokeProgram(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	return nil, access.RevokeProgram(ctx, tx, m.user.Territory, id, m.by())
}
