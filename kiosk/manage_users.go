package kiosk

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
)

// usersView lists accounts.
type usersView struct {
	manageHead
	Text        string // searched for
	Users       []userLine
	First, Next string // addresses of other parts of the list, "" none
}

type userLine struct {
	ID, Login, Name string
	Role            string // key
	Where           string
	State           userState
}

// userState is whether an account can be used.
type userState struct {
	Tone string // success, warning or off
	Text string
}

// userView is an account to be added or edited, with its sessions.
type userView struct {
	manageHead
	manageForm
	ID                            string // "" for a new one
	Rev                           int64
	Login, Name, Until            string
	Role                          access.Role
	Territory, TerritoryName      string
	Territories                   []deskChoice // to choose among; none when there is no choice
	Roles, OfficeIn, Officers     []deskChoice
	Own                           bool // the account of who looks
	Ended                         bool
	State                         userState
	Sessions                      []userSession
	Title, RoleWords, OfficeWords string
}

type userSession struct {
	ID, Browser, Address, Began, Seen string
	Locked, Own                       bool
}

func (s *Server) userRoutes() {
	s.manage(http.MethodGet, "/manage/users", access.ManageUsers, s.users)
	s.manage(http.MethodGet, "/manage/users/new", access.ManageUsers, s.newUser)
	s.manage(http.MethodPost, "/manage/users/new", access.ManageUsers, s.addUser)
	s.manage(http.MethodGet, "/manage/users/:id", access.ManageUsers, s.user)
	s.manage(http.MethodPost, "/manage/users/:id", access.ManageUsers, s.editUser)
	s.manage(http.MethodPost, "/manage/users/:id/sessions", access.ManageUsers, s.endSession)
	s.step("/manage/users/:id/link", manageStep{
		may: access.ManageUsers, section: "users", words: "manage.user.link", subject: userSubject, do: s.newLink,
	})
	s.step("/manage/users/:id/end", manageStep{
		may: access.ManageUsers, section: "users", words: "manage.user.end", danger: true, subject: userSubject, do: endUser,
	})
}

func (s *Server) users(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := usersView{manageHead: m.head(c, "users"), Text: c.QueryParam("q")}
	after := c.QueryParam("after")
	err := s.db.View(ctx, func(tx *store.Tx) error {
		users, err := access.Users(ctx, tx, m.home(), access.Page{Text: view.Text, After: after, Limit: pageSize + 1})
		for _, u := range users[:min(len(users), pageSize)] {
			view.Users = append(view.Users, userLine{u.ID, u.Login, u.Name, "manage.role." + string(u.Role), m.where(u.Territory, u.Offices), m.userState(u)})
		}
		if len(users) > pageSize {
			view.Next = "/manage/users?" + url.Values{"q": {view.Text}, "after": {users[pageSize-1].Login}}.Encode()
		}
		return err
	})
	if err != nil {
		return err
	}
	if after != "" {
		view.First = "/manage/users?" + url.Values{"q": {view.Text}}.Encode()
	}
	return s.show(c, "manage/users", view)
}

// where is what an account or program reaches, in words.
func (m *console) where(territory string, offices []string) string {
	if territory == "" {
		return m.text("manage.where.everywhere")
	}
	t, ok := m.territory(territory)
	switch {
	case !ok:
		return territory
	case len(offices) == 0:
		return m.text("manage.where.territory", "territory", t.Name)
	case len(offices) == 1:
		return officeName(t, offices[0])
	}
	return m.text("manage.where.offices", "office", officeName(t, offices[0]), "n", len(offices)-1)
}

func officeName(t *territory.Territory, id string) string {
	if o, ok := t.Office(id); ok {
		return o.Name
	}
	return id
}

func (m *console) userState(u access.User) userState {
	switch {
	case u.Ended(m.now):
		return userState{"off", m.text("manage.user.state.ended", "date", m.lastDate(u.Until))}
	case !u.HasSecret:
		return userState{"warning", m.text("manage.user.state.no_password")}
	case !u.Until.IsZero():
		return userState{m.endTone(u.Until), m.text("manage.user.state.until", "date", m.lastDate(u.Until))}
	}
	return userState{"success", m.text("manage.user.state.active")}
}

// soon is how long before its end somebody is reminded of it.
const soon = 30 * 24 * time.Hour

func (m *console) endTone(until time.Time) string {
	if until.Sub(m.now) < soon {
		return "warning"
	}
	return "success"
}

// lastDay is the last civil day before an end, as a form has it; "" for none.
func (m *console) lastDay(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return timetable.DateOf(until.Add(-time.Millisecond).In(m.zone)).String()
}

// lastDate is the same in words.
func (m *console) lastDate(until time.Time) string {
	return m.date(until.Add(-time.Millisecond).In(m.zone))
}

// endOf is the end of the civil day typed in a form; a day that is over is refused.
func (m *console) endOf(typed string) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	day, err := timetable.ParseDate(typed)
	if err != nil || day.Before(timetable.DateOf(m.now.In(m.zone))) {
		return time.Time{}, errDay
	}
	return day.AddDays(1).At(0, m.zone), nil
}

func (s *Server) newUser(c echo.Context, m *console) error {
	u := access.User{Role: access.Officer, Territory: m.asked(c)}
	return s.showUser(c, m, u, m.words(u), nil)
}

// asked is the territory that the form's address asks for, else the one looked at.
func (m *console) asked(c echo.Context) string {
	asked := c.QueryParam("territory")
	if _, ok := m.territory(asked); ok {
		return asked
	}
	if m.home() == "" && len(m.territories) == 1 {
		return m.territories[0].ID
	}
	return m.home()
}

// words are an account's fields as a form or its reader has them.
func (m *console) words(u access.User) map[string]string {
	t, _ := m.territory(u.Territory)
	var offices []string
	officer := u.Officer
	if t != nil {
		for _, id := range u.Offices {
			offices = append(offices, officeName(t, id))
		}
		if f, ok := t.Officer(u.Officer); ok {
			officer = f.Name
		}
	}
	slices.Sort(offices)
	return map[string]string{
		"login": u.Login, "name": u.Name, "role": m.text("manage.role." + string(u.Role)),
		"territory": m.where(u.Territory, nil), "offices": cmp.Or(strings.Join(offices, ", "), m.text("manage.user.offices.all")),
		"officer": cmp.Or(officer, m.text("manage.user.officer.none")), "until": cmp.Or(m.lastDay(u.Until), m.text("manage.user.until.none")),
	}
}

// showUser shows the form of an account as it was typed, or read.
func (s *Server) showUser(c echo.Context, m *console, u access.User, stored map[string]string, refused error) error {
	ctx := c.Request().Context()
	form, status, err := m.formOf(c, refused, m.words(u), stored)
	if err != nil {
		return err
	}
	words := m.words(u)
	view := userView{
		manageHead: m.head(c, "users"), manageForm: form, ID: u.ID, Rev: u.Rev, Login: u.Login, Name: u.Name, Role: u.Role,
		Until: m.lastDay(u.Until), Territory: u.Territory, TerritoryName: words["territory"], RoleWords: words["role"], OfficeWords: words["offices"],
		Own: u.ID == m.user.ID && u.ID != "", Ended: u.ID != "" && u.Ended(m.now), State: m.userState(u),
		Title: m.text("manage.user.new"),
	}
	if typed := posted(c); typed.Has("until") {
		view.Until = typed.Get("until")
	}
	m.offer(&view, u)
	if u.ID != "" {
		view.Title = stored["name"]
		err := s.db.View(ctx, func(tx *store.Tx) error {
			sessions, err := access.Sessions(ctx, tx, u.ID)
			for _, each := range sessions {
				view.Sessions = append(view.Sessions, userSession{
					each.ID, browserOf(each.From.Agent), each.From.Address, m.moment(each.Began, m.zone), m.since(each.Seen, m.zone), each.Locked, each.ID == m.session,
				})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.render(c, status, "manage/user", view)
}

// offer fills in what the form of an account has to choose from.
func (m *console) offer(view *userView, u access.User) {
	for _, r := range access.StaffRoles {
		view.Roles = append(view.Roles, deskChoice{string(r), m.text("manage.role." + string(r)), r == u.Role})
	}
	view.Territories = m.territoryChoices(u.Territory)
	t, ok := m.territory(u.Territory)
	if !ok {
		return
	}
	for _, o := range t.Offices {
		view.OfficeIn = append(view.OfficeIn, deskChoice{o.ID, o.Name, slices.Contains(u.Offices, o.ID)})
	}
	for _, f := range t.Officers {
		text := f.Name
		if i, ok := t.Institution(f.Institution); ok {
			text += " · " + i.Name
		}
		view.Officers = append(view.Officers, deskChoice{f.ID, text, f.ID == u.Officer})
	}
	byText := func(a, b deskChoice) int { return strings.Compare(a.Text, b.Text) }
	slices.SortStableFunc(view.OfficeIn, byText)
	slices.SortStableFunc(view.Officers, byText)
}

// territoryChoices are the territories that the account may name in a form; none when there is no choice.
func (m *console) territoryChoices(chosen string) []deskChoice {
	if m.user.Territory != "" {
		return nil
	}
	all := []deskChoice{{"", m.text("manage.where.everywhere"), chosen == ""}}
	for _, t := range m.territories {
		all = append(all, deskChoice{t.ID, t.Name, t.ID == chosen})
	}
	return all
}

// typedUser is the account of a form, on top of how it was before, and what is wrong with it.
func (m *console) typedUser(form url.Values, before access.User) (access.User, error) {
	u := before
	u.Login, u.Name, u.Officer = form.Get("login"), form.Get("name"), form.Get("officer")
	if before.ID != "" && before.ID == m.user.ID { // nobody shuts themselves out
		return u, m.fits(u)
	}
	u.Role, u.Territory, u.Offices = access.Role(form.Get("role")), form.Get("territory"), form["office"]
	if m.user.Territory != "" {
		u.Territory = m.user.Territory
	}
	if before.ID != "" && form.Get("until") == m.lastDay(before.Until) {
		return u, m.fits(u)
	}
	until, err := m.endOf(form.Get("until"))
	u.Until = until
	return u, cmp.Or(err, m.fits(u))
}

// fits reports what an account names that its territory does not have, or that is not the reader's.
func (m *console) fits(u access.User) error {
	t, ok := m.territory(u.Territory)
	switch {
	case u.Territory == "" && m.user.Territory == "":
		return nil
	case !ok:
		return errOffice
	case u.Role == access.Administrator && len(u.Offices) > 0:
		return errWhole
	}
	for _, id := range u.Offices {
		if _, ok := t.Office(id); !ok {
			return errOffice
		}
	}
	if _, ok := t.Officer(u.Officer); !ok && u.Officer != "" {
		return errOfficer
	}
	return nil
}

func (s *Server) addUser(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	u, err := m.typedUser(posted(c), access.User{})
	if err == nil {
		added := u
		added.ID = store.NewID()
		err = s.db.Update(ctx, func(tx *store.Tx) error { return access.AddUser(ctx, tx, added, "", m.by()) })
		if err == nil {
			return c.Redirect(http.StatusSeeOther, done("/manage/users/"+added.ID+"/link", "user.add"))
		}
	}
	return s.showUser(c, m, u, nil, err)
}

// userReached returns an account that the reader may manage.
func userReached(ctx context.Context, tx *store.Tx, m *console, id string) (access.User, error) {
	u, err := access.UserByID(ctx, tx, id)
	if err != nil {
		return access.User{}, err
	}
	if m.user.Territory != "" && u.Territory != m.user.Territory {
		return access.User{}, errOffice
	}
	return u, nil
}

func userSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	u, err := userReached(ctx, tx, m, id)
	return stepSubject{u.Name, "/manage/users/" + id}, err
}

func (s *Server) readUser(c echo.Context, m *console) (u access.User, err error) {
	ctx := c.Request().Context()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		u, err = userReached(ctx, tx, m, c.Param("id"))
		return err
	})
	return u, err
}

func (s *Server) user(c echo.Context, m *console) error {
	u, err := s.readUser(c, m)
	if err != nil {
		return err
	}
	stored := m.words(u)
	if _, ok := m.territory(c.QueryParam("territory")); ok || c.QueryParams().Has("territory") && m.user.Territory == "" {
		if u.Territory != c.QueryParam("territory") {
			u.Territory, u.Offices, u.Officer = c.QueryParam("territory"), nil, ""
		}
	}
	return s.showUser(c, m, u, stored, nil)
}

// editUser changes an account. When somebody else has changed it meanwhile, the form comes back as it
// was typed, beside what is stored, and saving it again prevails.
func (s *Server) editUser(c echo.Context, m *console) error {
	ctx, form := c.Request().Context(), posted(c)
	var typed, now access.User
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if now, err = userReached(ctx, tx, m, c.Param("id")); err != nil {
			return err
		}
		if typed, err = m.typedUser(form, now); err != nil {
			return err
		}
		if typed.Rev, err = parseRev(form.Get("rev")); err != nil {
			return err
		}
		if err := leaveDesk(ctx, tx, typed, m.by()); err != nil {
			return err
		}
		return access.EditUser(ctx, tx, typed, m.by())
	})
	switch {
	case now.ID == "":
		return err
	case err != nil:
		typed.ID = now.ID
		if errors.Is(err, access.ErrEdited) || typed.Rev == 0 {
			typed.Rev = now.Rev
		}
		return s.showUser(c, m, typed, m.words(now), err)
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/users", "user.edit"))
}

// newLink makes a one-time link, which is shown once.
func (s *Server) newLink(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	secret, until, err := access.NewLink(ctx, tx, id, m.by())
	if err != nil {
		return nil, err
	}
	return &secretView{
		Text: m.text("manage.user.link.text_made"), Value: s.baseURL + "/password/" + secret, Long: true,
		Notes: []string{m.text("manage.user.link.until", "until", m.moment(until, m.zone)), m.text("manage.secret.once")},
	}, nil
}

func endUser(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	if id == m.user.ID {
		return nil, errOwn
	}
	if err := queue.Vacate(ctx, tx, id, m.by()); err != nil {
		return nil, err
	}
	return nil, access.EndUser(ctx, tx, id, m.by())
}

// leaveDesk closes the desk at which an account sits, unless it may go on there as it is to be.
func leaveDesk(ctx context.Context, tx *store.Tx, u access.User, by string) error {
	at, sits, err := queue.SeatOf(ctx, tx, u.ID)
	if err != nil || !sits {
		return err
	}
	office, err := territory.Of(ctx, tx, at.Office)
	if err != nil {
		return err
	}
	if u.Role.May(access.WorkDesk) && u.In(office.Territory.ID, office.ID) && u.Officer == at.Officer && !u.Ended(tx.Now) {
		return nil
	}
	return queue.Vacate(ctx, tx, u.ID, by)
}

// endSession ends a session of an account, or all but the one that asks.
func (s *Server) endSession(c echo.Context, m *console) error {
	ctx, id, session := c.Request().Context(), c.Param("id"), posted(c).Get("session")
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := userReached(ctx, tx, m, id); err != nil {
			return err
		}
		if session == "" {
			return access.RevokeSessions(ctx, tx, id, m.token, m.by())
		}
		return access.RevokeSession(ctx, tx, id, session, m.by())
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/users/"+id, "session.revoke"))
}
