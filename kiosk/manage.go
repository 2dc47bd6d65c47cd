package kiosk

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/static"
)

// cookiePlace keeps what part of their reach a member of staff looks at in the console.
const cookiePlace = "sportello_place"

// placeLife is how long that choice stays.
const placeLife = 365 * 24 * time.Hour

// The kinds of place one may choose to look at, as the choice is written: "office:ID".
const (
	territoryPlace = "territory:"
	officePlace    = "office:"
)

// manageHead is what every page of the console begins with.
type manageHead struct {
	Page
	User     string // name of the account
	Here     string // address of the page
	Section  string // of the menu
	Sections []manageSection
	Places   []placeGroup // what may be looked at; none when there is no choice
	Place    string       // name of what was chosen, "" everything
	Desk     bool         // the account may work at a desk
	Done     string       // key of what was just done
}

// manageSection is an entry of the console's menu.
type manageSection struct {
	Key, Path, Icon string
	Current         bool
}

// placeGroup is a territory among the places to look at.
type placeGroup struct {
	Name   string
	Places []deskChoice
}

// manageSections are the entries of the menu; each is there for those who may open it.
var manageSections = []struct {
	key, path, icon string
	may             access.Permission
}{
	{"home", "/manage", "it-pa", access.Manage},
	{"live", "/manage/live", "it-chart-line", access.EditTerritory},
	{"offices", "/manage/offices", "it-map-marker", access.EditTerritory},
	{"officers", "/manage/officers", "it-user", access.EditTerritory},
	{"services", "/manage/services", "it-folder", access.EditTerritory},
	{"needs", "/manage/needs", "it-help-circle", access.EditTerritory},
	{"institutions", "/manage/institutions", "it-pa", access.EditTerritory},
	{"territories", "/manage/territories", "it-settings", access.EditTerritory},
	{"devices", "/manage/devices", "it-fullscreen", access.ManageDevices},
	{printersSection, "/manage/printers", "it-print", access.ManageDevices},
	{calendarsSection, "/manage/calendars", "it-clock", access.EditTerritory},
	{"feeds", "/manage/feeds", "it-link", access.MakeFeeds},
	{"users", "/manage/users", "it-key", access.ManageUsers},
	{"programs", "/manage/programs", "it-plug", access.ManageKeys},
	{"texts", "/manage/texts", "it-file", access.EditTexts},
	{formsSection, formsPath, "it-files", access.ManageForms},
	{"audit", "/manage/audit", "it-list", access.SeeAudit},
	{"diary", "/desk/diary", "it-calendar", access.SeeDiary},
}

// console is a member of staff at /manage: what they reach, what of it they look at, how they read.
type console struct {
	visitor
	lang        string
	now         time.Time
	zone        *time.Location         // in which they read times that belong to no office
	territories []*territory.Territory // reached, by name
	offices     []*territory.Office    // reached, by territory and name
	place       string                 // looked at, "" everything
}

// confirmView asks before something that hurts, and says what follows from it.
type confirmView struct {
	manageHead
	Title, Text, Go string
	Back            string
	Danger          bool
	Refused         *deskAlert
}

// secretView shows what is shown only once.
type secretView struct {
	manageHead
	Title, Text string
	Value       string
	Long        bool     // it is to be copied, not read
	Notes       []string // how to use it, and until when
	Back        string
}

func (s *Server) manageRoutes() {
	s.manage(http.MethodGet, "/manage", access.Manage, s.manageHome)
	s.manage(http.MethodPost, "/manage/place", access.Manage, s.choosePlace)
	s.userRoutes()
	s.deviceRoutes()
	s.printerRoutes()
	s.calendarRoutes()
	s.programRoutes()
	s.territoryRoutes()
	s.officialRoutes()
	s.requestRoutes()
	s.manageFeedRoutes()
	s.manage(http.MethodGet, "/manage/audit", access.SeeAudit, s.auditPage)
}

// manage registers a handler of the console.
func (s *Server) manage(method, path string, may access.Permission, h func(c echo.Context, m *console) error) {
	s.desk(method, path, may, func(c echo.Context, v visitor) error {
		m, err := s.console(c, v)
		if err != nil {
			return err
		}
		if !m.may(may) {
			return errDenied
		}
		return h(c, m)
	})
}

func (s *Server) console(c echo.Context, v visitor) (*console, error) {
	ctx := c.Request().Context()
	m := &console{visitor: v, lang: deskLanguage(c), now: s.db.Now()}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if m.zone, err = zoneOf(ctx, tx, v.user); err != nil {
			return err
		}
		all, err := territory.List(ctx, tx)
		m.reach(all)
		return err
	})
	if place, err := url.QueryUnescape(s.cookie(c, cookiePlace)); err == nil && m.knows(place) {
		m.place = place
	}
	return m, err
}

// reach finds what the account reaches of all there is.
func (m *console) reach(all []*territory.Territory) {
	for _, t := range all {
		before := len(m.offices)
		for _, o := range t.Offices {
			if m.in(t.ID, o.ID) {
				m.offices = append(m.offices, o)
			}
		}
		if len(m.offices) > before || m.user.Territory == "" || m.user.Territory == t.ID {
			m.territories = append(m.territories, t)
		}
	}
	slices.SortStableFunc(m.territories, func(a, b *territory.Territory) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(m.offices, func(a, b *territory.Office) int {
		return cmp.Or(strings.Compare(a.Territory.Name, b.Territory.Name), strings.Compare(a.Name, b.Name))
	})
}

// may reports whether the account has a permission here. What concerns whole territories is not for
// one that reaches only some offices.
func (m *console) may(p access.Permission) bool {
	if (p == access.ManageUsers || p == access.ManageKeys || p == access.ManageForms) && len(m.user.Offices) > 0 {
		return false
	}
	return m.visitor.may(p)
}

// territory returns a territory that the account reaches.
func (m *console) territory(id string) (*territory.Territory, bool) {
	i := slices.IndexFunc(m.territories, func(t *territory.Territory) bool { return t.ID == id })
	if i < 0 {
		return nil, false
	}
	return m.territories[i], true
}

// office returns an office that the account reaches, or errOffice.
func (m *console) office(id string) (*territory.Office, error) {
	i := slices.IndexFunc(m.offices, func(o *territory.Office) bool { return o.ID == id })
	if i < 0 {
		return nil, errOffice
	}
	return m.offices[i], nil
}

// knows reports whether a place is one that the account may look at.
func (m *console) knows(place string) bool {
	if id, ok := strings.CutPrefix(place, officePlace); ok {
		_, err := m.office(id)
		return err == nil
	}
	id, ok := strings.CutPrefix(place, territoryPlace)
	_, reached := m.territory(id)
	return ok && reached
}

// looked are the offices that the account looks at.
func (m *console) looked() []*territory.Office {
	return slices.DeleteFunc(slices.Clone(m.offices), func(o *territory.Office) bool {
		return m.place != "" && m.place != officePlace+o.ID && m.place != territoryPlace+o.Territory.ID
	})
}

// home is the territory that the account looks at, "" several.
func (m *console) home() string {
	if id, ok := strings.CutPrefix(m.place, territoryPlace); ok {
		return id
	}
	if id, ok := strings.CutPrefix(m.place, officePlace); ok {
		if o, err := m.office(id); err == nil {
			return o.Territory.ID
		}
	}
	return m.user.Territory
}

// head begins a page of a section.
func (m *console) head(c echo.Context, section string) manageHead {
	h := manageHead{Page: page(m.lang), User: m.user.Name, Here: c.Request().URL.Path, Section: section, Desk: m.may(access.SeeQueue)}
	if c.Request().Method == http.MethodGet {
		h.Here = c.Request().URL.RequestURI()
	}
	for _, each := range manageSections {
		if m.may(each.may) {
			h.Sections = append(h.Sections, manageSection{each.key, each.path, each.icon, each.key == section})
		}
	}
	h.Places, h.Place = m.places()
	if done := "manage.done." + c.QueryParam("done"); static.Has(static.Italian, done) {
		h.Done = done
	}
	return h
}

// places are what the account may choose to look at, and the name of what it does.
func (m *console) places() (groups []placeGroup, chosen string) {
	for _, t := range m.territories {
		g := placeGroup{Name: t.Name}
		if len(m.territories) > 1 {
			g.Places = append(g.Places, deskChoice{Value: territoryPlace + t.ID, Text: m.text("manage.place.territory", "territory", t.Name)})
		}
		for _, o := range m.offices {
			if o.Territory.ID == t.ID {
				g.Places = append(g.Places, deskChoice{Value: officePlace + o.ID, Text: o.Name})
			}
		}
		for i, p := range g.Places {
			if p.Value == m.place {
				g.Places[i].Chosen, chosen = true, p.Text
			}
		}
		groups = append(groups, g)
	}
	switch {
	case len(m.offices) > 1:
		return groups, chosen
	case len(m.offices) == 1:
		return nil, m.offices[0].Name
	}
	return nil, ""
}

// choosePlace remembers what the account wants to look at.
func (s *Server) choosePlace(c echo.Context, m *console) error {
	form := posted(c)
	if place := form.Get("place"); m.knows(place) {
		s.setCookie(c, cookiePlace, url.QueryEscape(place), placeLife)
	} else {
		s.setCookie(c, cookiePlace, "", 0)
	}
	return c.Redirect(http.StatusSeeOther, cmp.Or(within(form.Get("then")), "/manage"))
}

// text is a message in the reader's language.
func (m *console) text(key string, args ...any) string { return static.Text(m.lang, key, args...) }

// date is the civil date of t in its own zone.
func (m *console) date(t time.Time) string {
	return m.text("manage.date", "date", static.Date(m.lang, t, static.DayMonth), "year", t.Year())
}

// moment is a date and clock time, "" for none.
func (m *console) moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(zone)
	year, month, day := m.now.In(zone).Date()
	if y, mo, d := t.Date(); y == year && mo == month && d == day {
		return m.text("manage.moment.today", "time", t.Format("15:04"))
	}
	return m.text("manage.moment.day", "date", m.date(t), "time", t.Format("15:04"))
}

// since is how long ago something was last there, in words.
func (m *console) since(t time.Time, zone *time.Location) string {
	minutes := int(m.now.Sub(t) / time.Minute)
	switch {
	case t.IsZero():
		return m.text("manage.seen.never")
	case minutes <= int(access.TouchEvery/time.Minute):
		return m.text("manage.seen.now")
	case minutes < 60:
		return m.text("manage.seen.minutes", "n", minutes)
	}
	return m.moment(t, zone)
}

// pageSize is how many rows a list shows.
const pageSize = 25

// numbered is a page of a list whose pages have numbers.
type numbered struct {
	Previous, Next string // addresses, "" none
}

// cut returns the part of all that the page of the request shows.
func cut[T any](c echo.Context, all []T, size int) ([]T, numbered) {
	last := max(0, len(all)-1) / size
	n, _ := strconv.Atoi(c.QueryParam("page"))
	n = min(max(n, 1)-1, last)
	var at numbered
	address := func(n int) string {
		return c.Request().URL.Path + "?" + with(c.QueryParams(), "page", strconv.Itoa(n+1)).Encode()
	}
	if n > 0 {
		at.Previous = address(n - 1)
	}
	if n < last {
		at.Next = address(n + 1)
	}
	return all[n*size : min(len(all), (n+1)*size)], at
}

// A step is something at one address that is asked about first.
type manageStep struct {
	may     access.Permission
	section string
	words   string // what its messages begin with
	danger  bool
	subject func(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error)
	// do does it; what it returns is shown, else the page then is, which says that it was done.
	do   func(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error)
	then string // "" back to the subject
}

// stepSubject is what a step is done to.
type stepSubject struct{ name, path string }

// step registers the question of a step, and what follows from the answer.
func (s *Server) step(path string, step manageStep) {
	ask := func(c echo.Context, m *console, refused error) error {
		ctx := c.Request().Context()
		var of stepSubject
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			of, err = step.subject(ctx, tx, m, c.Param("id"))
			return err
		})
		if err != nil {
			return err
		}
		alert, status, err := refusedWith(c, m.lang, refused)
		if err != nil {
			return err
		}
		return s.render(c, status, "manage/confirm", confirmView{
			manageHead: m.head(c, step.section), Title: m.text(step.words+".title", "name", of.name), Text: m.text(step.words + ".text"),
			Go: m.text(step.words + ".go"), Back: of.path, Danger: step.danger, Refused: alert,
		})
	}
	s.manage(http.MethodGet, path, step.may, func(c echo.Context, m *console) error { return ask(c, m, nil) })
	s.manage(http.MethodPost, path, step.may, func(c echo.Context, m *console) error {
		ctx := c.Request().Context()
		var of stepSubject
		var shown *secretView
		err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
			if of, err = step.subject(ctx, tx, m, c.Param("id")); err != nil {
				return err
			}
			shown, err = step.do(ctx, tx, m, c.Param("id"))
			return err
		})
		switch {
		case err != nil && of.path != "":
			return ask(c, m, err)
		case err != nil:
			return err
		case shown != nil:
			shown.manageHead, shown.Back = m.head(c, step.section), of.path
			shown.Title = m.text(step.words+".made", "name", of.name)
			return s.show(c, "manage/secret", shown)
		}
		return c.Redirect(http.StatusSeeOther, done(cmp.Or(step.then, of.path), strings.TrimPrefix(step.words, "manage.")))
	})
}

// done is an address whose page says what was just done.
func done(path, what string) string { return path + "?" + url.Values{"done": {what}}.Encode() }
