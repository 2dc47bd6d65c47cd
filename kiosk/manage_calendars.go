package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

const (
	calendarsSection = "calendars"
	calendarLog      = 20 // entries shown
	triedShown       = 8  // of each kind
)

var errWhose = fault.New(fault.Invalid, "calendar_whose")

// calendarsView lists external calendars.
type calendarsView struct {
	manageHead
	Text        string // searched for
	Calendars   []calendarLine
	Asked       int    // requests of officers
	First, Next string // addresses of other parts of the list, "" none
}

type calendarLine struct {
	ID, Name, Address string
	Whose             string
	State             userState
	Good              string // when it was last read
}

// calendarView is an external calendar to be added or edited, with what became of reading it.
type calendarView struct {
	manageHead
	manageForm
	calendarLine
	Title, Help string
	Rev         int64
	Owners      []serviceGroup // to choose among, of a new one
	Typed       calendar.Access
	Checked     string
	NextAt      string
	Tried       *triedView
	Log         []calendarEntry
	TwoWay      bool   // it is kept in step
	Unwritten   string // what could not be written there; "" nothing
}

// triedView is what would be read at an address.
type triedView struct {
	Problem string   // why nothing can be; "" it can
	Events  int      // all that were understood
	Next    []string // the next busy times
	More    int      // that are not shown
	Refused []string // events that were not understood, and why
	Others  int      // that are not shown

	Collections []collectionChoice // calendars of a server to choose among
}

// calendarEntry is an attempt to read a calendar.
type calendarEntry struct {
	At, Counts string
	State      userState
}

func (s *Server) calendarRoutes() {
	s.manage(http.MethodGet, "/manage/calendars", access.EditTerritory, s.calendarsPage)
	s.manage(http.MethodGet, "/manage/calendars/new", access.EditTerritory, s.newCalendar)
	s.manage(http.MethodPost, "/manage/calendars/new", access.EditTerritory, s.addCalendar)
	s.manage(http.MethodGet, "/manage/calendars/:id", access.EditTerritory, s.calendarPage)
	s.manage(http.MethodPost, "/manage/calendars/:id", access.EditTerritory, s.editCalendar)
	s.manage(http.MethodPost, "/manage/calendars/:id/sync", access.EditTerritory, s.syncCalendar)
	s.step("/manage/calendars/:id/remove", manageStep{
		may: access.EditTerritory, section: calendarsSection, words: "manage.calendar.remove", danger: true,
		subject: calendarSubject, do: removeCalendar, then: "/manage/calendars",
	})
}

func (s *Server) calendarsPage(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := calendarsView{manageHead: m.head(c, calendarsSection), Text: c.QueryParam("q")}
	after, looked := c.QueryParam("after"), m.looked()
	address := func(after string) string {
		return "/manage/calendars?" + url.Values{"q": {view.Text}, "after": {after}}.Encode()
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := calendar.List(ctx, tx, calendar.Listing{
			Text: view.Text, After: after, Limit: pageSize + 1, Of: func(x calendar.Source) bool { return m.owns(x.Whose, looked) },
		})
		for _, x := range all[:min(len(all), pageSize)] {
			view.Calendars = append(view.Calendars, m.calendarLine(x))
		}
		if len(all) > pageSize {
			view.Next = address(all[pageSize-1].Key())
		}
		if err != nil {
			return err
		}
		for _, o := range looked {
			open, err := calendar.Requests(ctx, tx, o.ID)
			if err != nil {
				return err
			}
			view.Asked += len(open)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if after != "" {
		view.First = address("")
	}
	return s.show(c, "manage/calendars", view)
}

// owns reports whether an owner's time is that of one of offices, or of an officer who works at one. Who
// works nowhere is with those who reach a whole territory.
func (m *console) owns(w booking.Owner, offices []*territory.Office) bool {
	if w.Officer == "" {
		return slices.ContainsFunc(offices, func(o *territory.Office) bool { return o.ID == w.Office })
	}
	t, ok := m.territory(w.Territory)
	if !ok {
		return false
	}
	f, ok := t.Officer(w.Officer)
	if !ok || len(f.Rota) == 0 {
		return len(m.user.Offices) == 0
	}
	return slices.ContainsFunc(offices, func(o *territory.Office) bool { return o.Territory.ID == t.ID && f.At(o.ID) })
}

// ownerName is whose time it is, in words.
func (m *console) ownerName(w booking.Owner) string {
	if w.Officer != "" {
		if t, ok := m.territory(w.Territory); ok {
			if f, ok := t.Officer(w.Officer); ok {
				return f.Name
			}
		}
		return w.Officer
	}
	o, err := m.office(w.Office)
	if err != nil {
		return w.Office
	}
	i := slices.IndexFunc(o.Rooms, func(r territory.Room) bool { return r.ID == w.Room })
	if i >= 0 {
		return o.Name + ", " + o.Rooms[i].Name
	}
	return o.Name
}

func (m *console) calendarLine(x calendar.Source) calendarLine {
	return calendarLine{
		ID: x.ID, Name: x.Name, Address: x.Shown, Whose: m.ownerName(x.Whose), State: m.calendarState(x), Good: m.since(x.GoodAt, m.zone),
	}
}

// calendarState is how well a calendar is read, in words.
func (m *console) calendarState(x calendar.Source) userState {
	switch {
	case x.Problem != "" && (x.Stale(m.now) || x.GoodAt.IsZero()):
		return userState{"danger", m.calendarCode(x.Problem)}
	case x.Problem != "":
		return userState{"warning", m.calendarCode(x.Problem)}
	case x.GoodAt.IsZero():
		return userState{"off", m.text("manage.calendar.waiting")}
	}
	return userState{"success", m.text("manage.calendar.fine")}
}

func (m *console) calendarCode(code calendar.Code) string {
	return m.worded("manage.calendar.code."+string(code), string(code))
}

// ownerGroups are those whose calendars one may choose: offices with their rooms, and officers.
func (m *console) ownerGroups(chosen booking.Owner) []serviceGroup {
	offices, people := serviceGroup{Name: m.text("manage.calendar.offices")}, serviceGroup{Name: m.text("manage.calendar.officers")}
	choice := func(w booking.Owner) deskChoice {
		return deskChoice{Value: ownerWord(w), Text: m.ownerName(w), Chosen: w == chosen}
	}
	looked := m.looked()
	for _, o := range looked {
		offices.Services = append(offices.Services, choice(booking.Owner{Territory: o.Territory.ID, Office: o.ID}))
		for _, r := range o.Rooms {
			offices.Services = append(offices.Services, choice(booking.Owner{Territory: o.Territory.ID, Office: o.ID, Room: r.ID}))
		}
	}
	for _, t := range m.territories {
		for _, f := range t.Officers {
			if w := (booking.Owner{Territory: t.ID, Officer: f.ID}); m.owns(w, looked) {
				people.Services = append(people.Services, choice(w))
			}
		}
	}
	slices.SortStableFunc(people.Services, func(a, b deskChoice) int { return strings.Compare(a.Text, b.Text) })
	return []serviceGroup{people, offices}
}

// ownerWord is an owner as a form has it; ids have no slash.
func ownerWord(w booking.Owner) string {
	if w.Officer != "" {
		return "officer/" + w.Territory + "/" + w.Officer
	}
	return strings.TrimSuffix("office/"+w.Territory+"/"+w.Office+"/"+w.Room, "/")
}

// ownerIn reads it, or returns the fault calendar_whose for nobody whom the reader reaches.
func (m *console) ownerIn(word string) (booking.Owner, error) {
	parts := append(strings.Split(word, "/"), "", "")
	w := booking.Owner{}
	switch {
	case parts[0] == "officer" && parts[2] != "":
		w.Territory, w.Officer = parts[1], parts[2]
	case parts[0] == "office" && parts[2] != "":
		w.Territory, w.Office, w.Room = parts[1], parts[2], parts[3]
	}
	if !m.owns(w, m.offices) {
		return booking.Owner{}, errWhose
	}
	return w, nil
}

func (s *Server) newCalendar(c echo.Context, m *console) error {
	return s.showCalendar(c, m, calendar.Source{}, calendar.Access{}, nil, nil)
}

// showCalendar shows the form of a calendar as it was typed, or read, and what became of reading it.
func (s *Server) showCalendar(c echo.Context, m *console, x calendar.Source, typed calendar.Access, tried *triedView, refused error) error {
	if fault.Code(refused) == "invalid" {
		refused = errWhose
	}
	form, status, err := m.formOf(c, refused, nil, nil)
	if err != nil {
		return err
	}
	view := calendarView{
		manageHead: m.head(c, calendarsSection), manageForm: form, Rev: x.Rev, Title: m.text("manage.calendar.new"), Typed: typed, Tried: tried,
		Help: m.text("manage.calendar.address.help"),
	}
	view.Name, view.TwoWay = x.Name, x.Kind == calendar.CalDAV
	if x.ID == "" {
		view.Owners = m.ownerGroups(x.Whose)
		return s.render(c, status, "manage/calendar", view)
	}
	ctx := c.Request().Context()
	stored, partly := x, false // not all of what was read last was understood
	err = s.db.View(ctx, func(tx *store.Tx) error {
		log, err := calendar.Log(ctx, tx, x.ID, calendarLog)
		i := slices.IndexFunc(log, func(e calendar.LogEntry) bool { return e.Code == calendar.OK })
		partly = i >= 0 && log[i].Counts[calendar.Refused] > 0
		for _, e := range log {
			view.Log = append(view.Log, m.calendarEntry(e))
		}
		if err != nil {
			return err
		}
		if n, why, err := calendar.Unwritten(ctx, tx, x.ID); err != nil {
			return err
		} else if n > 0 {
			view.Unwritten = m.text("manage.calendar.unwritten", "n", n, "state", m.calendarCode(why))
		}
		stored, err = calendar.ByID(ctx, tx, x.ID)
		return err
	})
	if err != nil {
		return err
	}
	view.calendarLine, view.Title = m.calendarLine(stored), stored.Name
	if partly && view.State.Tone == "success" {
		view.State = userState{"warning", m.text("manage.calendar.partly")}
	}
	view.Name, view.Checked, view.NextAt = x.Name, m.moment(stored.FetchedAt, m.zone), m.moment(stored.NextAt, m.zone)
	view.Help = m.text("manage.calendar.address.keep", "address", stored.Shown)
	return s.render(c, status, "manage/calendar", view)
}

func (m *console) calendarEntry(e calendar.LogEntry) calendarEntry {
	entry := calendarEntry{At: m.moment(e.At, m.zone), State: userState{"warning", m.calendarCode(e.Code)}}
	if e.Code == calendar.OK || e.Code == calendar.Unchanged {
		entry.State.Tone = "success"
	}
	var counts []string
	for _, n := range []calendar.Count{
		calendar.Spans, calendar.Added, calendar.Removed, calendar.Refused, calendar.Pushed, calendar.Withdrawn, calendar.Unpushed, calendar.Asked,
	} {
		if e.Counts[n] > 0 {
			counts = append(counts, m.text("manage.calendar.count."+string(n), "n", e.Counts[n]))
		}
	}
	entry.Counts = strings.Join(counts, ", ")
	return entry
}

// typedCalendar takes what a form says of a calendar. An address that is left empty is the one before.
func typedCalendar(form url.Values, x *calendar.Source, before calendar.Access) calendar.Access {
	x.Name = form.Get("name")
	typed := calendar.Access{Address: strings.TrimSpace(form.Get("address")), User: strings.TrimSpace(form.Get("user")), Secret: form.Get("secret")}
	if typed.Address != "" {
		return typed
	}
	typed.Address = before.Address
	if typed.User == "" && typed.Secret == "" {
		typed.User, typed.Secret = before.User, before.Secret
	}
	return typed
}

func (s *Server) addCalendar(c echo.Context, m *console) error {
	ctx, form := c.Request().Context(), posted(c)
	x := calendar.Source{Kind: calendar.ICS}
	typed := typedCalendar(form, &x, calendar.Access{})
	var err error
	if x.Whose, err = m.ownerIn(form.Get("whose")); err != nil {
		return s.showCalendar(c, m, x, typed, nil, err)
	}
	if form.Get("kind") == string(calendar.CalDAV) {
		return s.addCollection(c, m, x, typed)
	}
	if form.Get("do") == "try" {
		tried, err := s.tryCalendar(ctx, m, typed, x.Whose)
		return s.showCalendar(c, m, x, typed, tried, err)
	}
	shown := x
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		shown, err = calendar.Add(ctx, tx, s.key, x, typed, m.by())
		return err
	})
	if err != nil {
		return s.showCalendar(c, m, x, typed, nil, err)
	}
	return s.readAndShow(c, shown.ID, "calendar.add")
}

// tryCalendar reads an address without keeping anything.
func (s *Server) tryCalendar(ctx context.Context, m *console, typed calendar.Access, whose booking.Owner) (*triedView, error) {
	reading, err := s.calendars.Try(ctx, typed, whose)
	if problem := new(calendar.Problem); errors.As(err, &problem) {
		return &triedView{Problem: m.calendarCode(problem.Code)}, nil
	}
	if err != nil {
		return nil, err
	}
	view := &triedView{Events: len(reading.Found)}
	next := reading.Next(m.now, len(reading.Busy))
	for _, span := range next[:min(len(next), triedShown)] {
		view.Next = append(view.Next, m.spanOf(span, m.ownerZone(whose)))
	}
	view.More = max(0, len(next)-triedShown)
	for _, r := range reading.Refused[:min(len(reading.Refused), triedShown)] {
		view.Refused = append(view.Refused, m.text("manage.calendar.refused", "start", m.asWritten(r.Event), "why", m.text("manage.calendar.why."+string(calendar.WhyRefused(r)))))
	}
	view.Others = max(0, len(reading.Refused)-triedShown)
	return view, nil
}

// asWritten is the start of an event as the file has it: who looks for it in a calendar finds it by that,
// and learns nothing else of it.
func (m *console) asWritten(e *ical.Event) string {
	p := e.Props.Get(ical.PropDateTimeStart)
	if p == nil {
		return "–"
	}
	const longest = 40
	text := strings.ToValidUTF8(p.Value[:min(len(p.Value), longest)], "?")
	at, err := p.DateTime()
	switch {
	case err != nil:
		return text
	case at.Form == ical.OnDate:
		return m.date(at.Wall)
	}
	return m.text("manage.moment.day", "date", m.date(at.Wall), "time", at.Wall.Format("15:04"))
}

// ownerZone is that of the clock that an owner goes by.
func (m *console) ownerZone(w booking.Owner) *time.Location {
	if o, err := m.office(w.Office); err == nil {
		return o.Zone()
	}
	return m.zone
}

// spanOf is from when until when, with the day told once where it is one.
func (m *console) spanOf(span timetable.Span, zone *time.Location) string {
	from, until := span.From.In(zone), span.Until.In(zone)
	if timetable.DateOf(from) == timetable.DateOf(until) {
		return m.text("manage.calendar.span", "date", m.date(from), "from", from.Format("15:04"), "until", until.Format("15:04"))
	}
	return m.text("manage.calendar.span.days", "from", moment(m.lang, from), "until", moment(m.lang, until))
}

// calendarReached returns a calendar of somebody whom the reader reaches.
func calendarReached(ctx context.Context, tx *store.Tx, m *console, id string) (calendar.Source, error) {
	x, err := calendar.ByID(ctx, tx, id)
	if err == nil && !m.owns(x.Whose, m.offices) {
		err = fault.New(fault.Missing, "unknown_calendar")
	}
	return x, err
}

func calendarSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	x, err := calendarReached(ctx, tx, m, id)
	return stepSubject{x.Name, "/manage/calendars/" + id}, err
}

func (s *Server) readCalendar(c echo.Context, m *console) (x calendar.Source, err error) {
	ctx := c.Request().Context()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		x, err = calendarReached(ctx, tx, m, c.Param("id"))
		return err
	})
	return x, err
}

func (s *Server) calendarPage(c echo.Context, m *console) error {
	x, err := s.readCalendar(c, m)
	if err != nil {
		return err
	}
	return s.showCalendar(c, m, x, calendar.Access{}, nil, nil)
}

func (s *Server) editCalendar(c echo.Context, m *console) error {
	ctx, form := c.Request().Context(), posted(c)
	x, err := s.readCalendar(c, m)
	if err != nil {
		return err
	}
	before, err := x.Access(s.key)
	if err != nil && !errors.Is(err, calendar.ErrSealed) {
		return err
	}
	meant := typedCalendar(form, &x, before)
	typed := calendar.Access{Address: form.Get("address"), User: form.Get("user"), Secret: form.Get("secret")}
	switch {
	case x.Kind == calendar.CalDAV && (meant != before || form.Get("do") == "try"):
		var tried *triedView
		if meant, tried, err = s.collectionOf(ctx, m, form, meant); err != nil || tried != nil {
			return s.showCalendar(c, m, x, typed, tried, err)
		}
	case form.Get("do") == "try":
		tried, err := s.tryCalendar(ctx, m, meant, x.Whose)
		return s.showCalendar(c, m, x, typed, tried, err)
	}
	rev, err := parseRev(form.Get("rev"))
	if err == nil {
		err = s.db.Update(ctx, func(tx *store.Tx) error {
			if _, err := calendarReached(ctx, tx, m, x.ID); err != nil {
				return err
			}
			_, err := calendar.Edit(ctx, tx, s.key, x.ID, rev, x.Name, meant, m.by())
			return err
		})
	}
	if err != nil {
		return s.showCalendar(c, m, x, typed, nil, err)
	}
	return s.readAndShow(c, x.ID, "calendar.edit")
}

// syncCalendar reads a calendar now, which takes half a minute at most.
func (s *Server) syncCalendar(c echo.Context, m *console) error {
	x, err := s.readCalendar(c, m)
	if err != nil {
		return err
	}
	return s.readAndShow(c, x.ID, "calendar.sync")
}

func removeCalendar(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	if _, err := calendarReached(ctx, tx, m, id); err != nil {
		return nil, err
	}
	return nil, calendar.Remove(ctx, tx, id, m.by())
}

// tellCalendars tells of calendars that cannot be read.
func tellCalendars(ctx context.Context, tx *store.Tx, m *console) (string, []homeAlert, error) {
	looked := m.looked()
	all, err := calendar.List(ctx, tx, calendar.Listing{Of: func(x calendar.Source) bool { return m.owns(x.Whose, looked) }})
	var alerts []homeAlert
	for _, x := range all {
		if x.Problem != "" {
			text := m.text("manage.home.calendar", "name", x.Name, "whose", m.ownerName(x.Whose), "state", m.calendarCode(x.Problem))
			alerts = append(alerts, homeAlert{text, "/manage/calendars/" + x.ID})
		}
	}
	return m.text("manage.home.calendars", "n", len(all)), alerts, err
}
