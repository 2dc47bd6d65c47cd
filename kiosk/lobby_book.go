package kiosk

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// lobbyBookRoutes are booking at the kiosk: a day, a time, which is held from then on, how many come, who,
// how they are reached, and a look at all of it. What a citizen types is in no address: each page
// carries it to the next in the body of a form.
func (s *Server) lobbyBookRoutes() {
	s.handle(http.MethodGet, "/kiosk/book", access.UseKiosk, s.lobbyDays)
	s.handle(http.MethodGet, "/kiosk/book/times", access.UseKiosk, s.lobbyTimes)
	s.handle(http.MethodPost, "/kiosk/book/hold", access.UseKiosk, s.lobbyHold)
	s.handle(http.MethodGet, "/kiosk/book/people", access.UseKiosk, s.lobbyPeople)
	s.handle(http.MethodPost, "/kiosk/book/people", access.UseKiosk, s.lobbyPeople)
	s.handle(http.MethodPost, "/kiosk/book/card", access.UseKiosk, s.lobbyBookCard)
	s.handle(http.MethodPost, "/kiosk/book/leave", access.UseKiosk, s.lobbyLeave)
	s.handle(http.MethodGet, "/kiosk/book/name", access.UseKiosk, s.lobbyName)
	s.handle(http.MethodPost, "/kiosk/book/name", access.UseKiosk, s.lobbyName)
	s.handle(http.MethodPost, "/kiosk/book/contact", access.UseKiosk, s.lobbyContact)
	s.handle(http.MethodPost, "/kiosk/book/review", access.UseKiosk, s.lobbyReview)
	s.handle(http.MethodPost, "/kiosk/book", access.UseKiosk, s.lobbyBook)
	s.handle(http.MethodGet, "/kiosk/booked", access.UseKiosk, s.lobbyBooked)
	s.handle(http.MethodGet, "/kiosk/booked/state", access.UseKiosk, s.lobbyBookedState)
	s.handle(http.MethodPost, "/kiosk/booked/paper", access.UseKiosk, s.lobbyBookedPaperOut)
	s.handle(http.MethodPost, "/kiosk/booked/reprint", access.UseKiosk, s.lobbyBookedReprint)
}

// bookable reports whether a kiosk of an office offers appointments for a service.
func bookable(o *territory.Office, s *territory.Service, on timetable.Date) bool {
	_, listed := o.Offers(s.ID)
	return listed && s.By(territory.Kiosk) && !s.Group() && s.Offered(on)
}

// free asks when a service can be booked at a kiosk, from today on for so many days. speaking is the
// language that somebody there must speak; "" any.
func (s *Server) free(ctx context.Context, o *territory.Office, service, speaking string, days int) (booking.OfficeStarts, error) {
	today := o.Today(s.db.Now())
	q := booking.Query{
		Office: o.ID, Service: service, From: today, Until: today.AddDays(days - 1), Channel: territory.Kiosk, Language: speaking,
	}
	var found *booking.Availability
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = booking.Available(ctx, tx, q)
		return err
	})
	if err != nil {
		return booking.OfficeStarts{}, err
	}
	return found.Offices[0], nil
}

// lobbyFrame is the frame of a page on which one chooses what one came for: a number, or an appointment.
func (s *Server) lobbyFrame(c echo.Context, office *territory.Office, up string) frame {
	f := s.frame(c, office, up)
	if c.QueryParam("book") != "" {
		f.own.Set("book", "1")
	}
	return f
}

// ToServices is the address of the services of a need.
func (f frame) ToServices(need string) string {
	return f.To("/kiosk/services", "need", need, "book", f.own.Get("book"))
}

// books reports whether an appointment is wanted.
func (f frame) books() bool { return f.own.Get("book") != "" }

// lobbyBookable offers the services for which a kiosk makes appointments, with the first free start of
// each.
func (s *Server) lobbyBookable(c echo.Context, f frame, o *territory.Office, services []*territory.Service, heading string) error {
	var all []choice
	for _, service := range services {
		if !bookable(o, service, o.Today(s.db.Now())) {
			continue
		}
		all = append(all, choice{
			ID: service.ID, Name: serviceName(service, f.Lang), Plain: servicePlain(service, f.Lang), Book: true,
			About: f.To("/kiosk/book", "id", service.ID, "need", f.own.Get("need"), "book", "1"),
		})
	}
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(all, n, f.servicesOnPage())
	for i := range shown {
		service, _ := o.Territory.Service(shown[i].ID)
		first, err := s.firstFree(c.Request().Context(), f, o, service)
		if err != nil {
			return err
		}
		shown[i].Open, shown[i].Status = first != "", cmp.Or(first, f.text("lobby.book.none.full"))
	}
	view := servicesView{frame: f, Heading: heading, Choices: shown, Pager: f.pager(at, pages), Book: true}
	view.own.Set("page", strconv.Itoa(at))
	return s.show(c, "lobby/services", view)
}

// firstFree says when the first start is that is free; "" there is none.
func (s *Server) firstFree(ctx context.Context, f frame, o *territory.Office, service *territory.Service) (string, error) {
	found, err := s.free(ctx, o, service.ID, "", booking.MaxDays)
	if err != nil || len(found.Starts) == 0 {
		return "", err
	}
	first := found.Starts[0].Start
	return f.text("lobby.book.first", "day", f.day(first, s.db.Now()), "time", first.Format(clockLayout)), nil
}

// offerToday says of joint services, for which several must be free at once, whether there is a start
// today that can be booked: whoever is here may rather have that than a number.
func (s *Server) offerToday(ctx context.Context, f frame, o *territory.Office, choices []choice) error {
	today := o.Today(s.db.Now())
	for i, ch := range choices {
		service, ok := o.Territory.Service(ch.ID)
		if !ok || !service.Joint() || !bookable(o, service, today) {
			continue
		}
		found, err := s.free(ctx, o, service.ID, "", 1)
		if err != nil {
			return err
		}
		if len(found.Starts) > 0 {
			choices[i].Today = found.Starts[0].Start.Format(clockLayout)
			choices[i].TodayURL = f.To("/kiosk/book/times", "id", ch.ID, "need", f.own.Get("need"), "day", today.String())
		}
	}
	return nil
}

const clockLayout = "15:04"

// daysView are the days on which there is something free.
type daysView struct {
	frame
	Service  string
	Notice   string // why one is here again
	Today    string // what there still is today; "" nothing
	TodayURL string
	Days     []bookDay
	Pager    pager
	None     string // why there is no day
	Hint     string // what to do then
	Sooner   []string
	Speaking string // asks for somebody who speaks the citizen's language; "" nobody does, or it is Italian
	Speak    bool   // they are asked for
}

type bookDay struct{ Name, Times, URL string }

// asksToBook is what the address of a page of booking says: a service of the kiosk's office.
func (s *Server) asksToBook(c echo.Context, v visitor, up string, back ...string) (frame, *territory.Office, *territory.Service, error) {
	office, err := s.officeOf(c.Request().Context(), v)
	if err != nil {
		return frame{}, nil, nil, err
	}
	service, ok := office.Territory.Service(c.QueryParam("id"))
	if !ok {
		return frame{}, nil, nil, fault.New(fault.Missing, "unknown_service", "service", c.QueryParam("id"))
	}
	f := s.frame(c, office, up)
	f.back = back
	for _, name := range []string{"id", "need", "q", "book", "speak", "day"} {
		if value := c.QueryParam(name); value != "" {
			f.own.Set(name, value)
		}
	}
	return f, office, service, nil
}

// speaking is the language that somebody must speak, when that is asked for.
func (f frame) speaking() string {
	if f.own.Get("speak") == "" {
		return ""
	}
	return f.Lang
}

func (s *Server) lobbyDays(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	f, office, service, err := s.asksToBook(c, v, "/kiosk/service", "id", "need", "q", "book")
	if err != nil {
		return err
	}
	if f.own.Get("book") != "" {
		f.Up, f.back = "/kiosk/services", []string{"need", "book"}
	}
	found, err := s.free(ctx, office, service.ID, f.speaking(), booking.MaxDays)
	if err != nil {
		return err
	}
	now := s.db.Now()
	view := daysView{frame: f, Service: serviceName(service, f.Lang), Speak: f.speaking() != "", Notice: f.why(c)}
	days := f.days(found.Starts, now)
	if len(days) > 0 && timetable.DateOf(found.Starts[0].Start) == office.Today(now) {
		view.Today, view.TodayURL = f.text("lobby.book.today", "time", found.Starts[0].Start.Format(clockLayout)), days[0].URL
		days = days[1:]
	}
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(days, n, f.daysOnPage(view.Today != ""))
	view.Days, view.Pager = shown, f.pager(at, pages)
	if found.NoneBecause != nil {
		view.None, view.Hint = f.none(*found.NoneBecause), f.text("lobby.book.none.hint")
		if view.Sooner, err = s.elsewhereFree(ctx, f, office, service); err != nil {
			return err
		}
	}
	if view.Speaking, err = s.offersLanguage(ctx, f, office, service.ID); err != nil {
		return err
	}
	view.own.Set("page", strconv.Itoa(at))
	return s.show(c, "lobby/days", view)
}

// daysOnPage is how many days a page has besides today.
func (p prefs) daysOnPage(today bool) int {
	n := 6
	if p.Large || p.Low {
		n = 4
	}
	if today {
		n -= 2
	}
	return n
}

// days are the days of starts, in their order.
func (f frame) days(starts []booking.Slot, now time.Time) []bookDay {
	var all []bookDay
	for i := 0; i < len(starts); {
		first, n := starts[i].Start, 1
		for i+n < len(starts) && timetable.DateOf(starts[i+n].Start) == timetable.DateOf(first) {
			n++
		}
		i += n
		all = append(all, bookDay{
			Name: f.wholeDay(first, now), Times: f.text("lobby.book.times", "n", n, "time", first.Format(clockLayout)),
			URL: f.To("/kiosk/book/times", f.chosen("day", timetable.DateOf(first).String())...),
		})
	}
	return all
}

// chosen are the name, value pairs that pages of booking hand on in their addresses.
func (f frame) chosen(more ...string) []string {
	for _, name := range []string{"id", "need", "q", "book", "speak"} {
		more = append(more, name, f.own.Get(name))
	}
	return more
}

// wholeDay is a day with its date, whatever else it is called.
func (f frame) wholeDay(at, now time.Time) string {
	date := static.Date(f.Lang, at, static.Day)
	if called := f.day(at, now); called != date {
		return joined(", ", called, date)
	}
	return date
}

// why says why one is led back to where a time is chosen; "" one is not.
func (f frame) why(c echo.Context) string {
	code := c.QueryParam("why")
	if !slices.Contains([]string{"slot_taken", "slot_too_late", "slot_too_early", "slot_missing", "hold_expired"}, code) {
		return ""
	}
	return joined(". ", f.text("fault."+code+".title"), f.text("fault."+code+".hint"))
}

// none says why there is no day.
func (f frame) none(because timetable.Code) string {
	switch because {
	case timetable.NoLanguage, timetable.NoOfficer, timetable.ServiceEnded, booking.NotByChannel:
		return f.text("lobby.book.none." + string(because))
	}
	return f.text("lobby.book.none.full")
}

// elsewhereFree names other offices with the first day on which there is something free.
func (s *Server) elsewhereFree(ctx context.Context, f frame, here *territory.Office, service *territory.Service) ([]string, error) {
	today := here.Today(s.db.Now())
	q := booking.Query{
		Territory: here.Territory.ID, Service: service.ID, From: today, Until: today.AddDays(booking.MaxDays - 1),
		Channel: territory.Online, Language: f.speaking(),
	}
	var found *booking.Availability
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = booking.Available(ctx, tx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, o := range found.Offices {
		office, ok := here.Territory.Office(o.Office)
		if !ok || o.Office == here.ID || len(o.Starts) == 0 || len(all) == elsewhereAtMost {
			continue
		}
		all = append(all, f.text("lobby.book.sooner", "office", office.Name, "day", static.Date(f.Lang, o.Starts[0].Start, static.Day)))
	}
	return all, nil
}

// offersLanguage asks for somebody who speaks the citizen's language, where somebody does; Italian is
// spoken by all.
func (s *Server) offersLanguage(ctx context.Context, f frame, o *territory.Office, service string) (string, error) {
	if f.Lang == static.Italian {
		return "", nil
	}
	if f.speaking() == "" {
		found, err := s.free(ctx, o, service, f.Lang, booking.MaxDays)
		if err != nil || len(found.Starts) == 0 {
			return "", err
		}
	}
	return f.text("lobby.book.speak", "language", f.Own()), nil
}

// TurnSpeak is the address of this page with the wish for the citizen's language turned the other way.
func (v daysView) TurnSpeak() string {
	speak := "1"
	if v.Speak {
		speak = ""
	}
	v.own.Set("speak", speak)
	return v.To("/kiosk/book", v.chosen()...)
}

// timesView are the free times of a day.
type timesView struct {
	frame
	Service, Day string
	Notice       string
	Times        []bookTime
	Pager        pager
}

type bookTime struct{ Time, Start string }

func (s *Server) lobbyTimes(c echo.Context, v visitor) error {
	f, office, service, err := s.asksToBook(c, v, "/kiosk/book", "id", "need", "q", "book", "speak")
	if err != nil {
		return err
	}
	found, err := s.free(c.Request().Context(), office, service.ID, f.speaking(), booking.MaxDays)
	if err != nil {
		return err
	}
	day := c.QueryParam("day")
	var times []bookTime
	view := timesView{frame: f, Service: serviceName(service, f.Lang), Notice: f.why(c)}
	for _, slot := range found.Starts {
		if timetable.DateOf(slot.Start).String() == day {
			view.Day = f.wholeDay(slot.Start, s.db.Now())
			times = append(times, bookTime{slot.Start.Format(clockLayout), slot.Start.Format(time.RFC3339)})
		}
	}
	if len(times) == 0 {
		return c.Redirect(http.StatusSeeOther, f.To("/kiosk/book", f.chosen("why", cmp.Or(c.QueryParam("why"), "slot_taken"))...))
	}
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(times, n, f.timesOnPage())
	view.Times, view.Pager = shown, f.pager(at, pages)
	view.own.Set("page", strconv.Itoa(at))
	return s.show(c, "lobby/times", view)
}

// Hold is where the touch of a time goes.
func (v timesView) Hold() string { return v.To("/kiosk/book/hold", v.chosen()...) }

// timesOnPage is how many times a page has: a time is short and there are no two alike, so more go on
// a page than choices to be read.
func (p prefs) timesOnPage() int {
	if p.Large || p.Low {
		return 9
	}
	return 15
}

// lobbyHold holds a start for who stands at the kiosk, who gives back what was held for them before.
func (s *Server) lobbyHold(c echo.Context, v visitor) error {
	f, office, service, err := s.asksToBook(c, v, "")
	if err != nil {
		return err
	}
	start, err := time.Parse(time.RFC3339, c.FormValue("start"))
	if err != nil {
		return errMalformed
	}
	people, err := strconv.Atoi(cmp.Or(c.FormValue("people"), "1"))
	if err != nil {
		return errMalformed
	}
	a, err := s.hold(c.Request().Context(), v, booking.Wish{
		Office: office.ID, Service: service.ID, Start: start, People: people, Language: f.Lang, MustSpeak: f.speaking() != "",
		Channel: territory.Kiosk,
	})
	if code := fault.Code(err); strings.HasPrefix(code, "slot_") {
		day := timetable.DateOf(start.In(office.Zone())).String()
		return c.Redirect(http.StatusSeeOther, f.To("/kiosk/book/times", f.chosen("day", day, "why", code)...))
	}
	if err != nil {
		return err
	}
	next := "/kiosk/book/people"
	if c.FormValue("people") != "" {
		next = "/kiosk/book/name"
	}
	return c.Redirect(http.StatusSeeOther, f.To(next, f.chosen("hold", a.Token)...))
}

// hold gives back what a kiosk held and holds a start instead, or leaves all as it was. A kiosk holds one
// start at a time, so nobody can take many, and a touch that is sent twice is one hold.
func (s *Server) hold(ctx context.Context, v visitor, w booking.Wish) (booking.Appointment, error) {
	var a booking.Appointment
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		err := s.release(ctx, tx, v)
		if err == nil {
			a, err = booking.Hold(ctx, tx, w)
		}
		return err
	})
	if err == nil {
		s.holds.Store(v.device.ID, a.Token)
	}
	return a, err
}

// release gives back what a kiosk holds, if it does.
func (s *Server) release(ctx context.Context, tx *store.Tx, v visitor) error {
	token, ok := s.holds.Load(v.device.ID)
	if !ok {
		return nil
	}
	err := booking.Release(ctx, tx, token.(string))
	if fault.Code(err) == "unknown_hold" {
		return nil // it was booked
	}
	return err
}

// lobbyLeave gives the held start back: the citizen wants another, or has gone.
func (s *Server) lobbyLeave(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return s.release(ctx, tx, v) }); err != nil {
		return err
	}
	s.holds.Delete(v.device.ID)
	s.cards.forget(v.device.ID)
	if c.QueryParam("id") == "" {
		return c.Redirect(http.StatusSeeOther, "/kiosk")
	}
	f, _, _, err := s.asksToBook(c, v, "")
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/book/times", f.chosen("day", f.own.Get("day"))...))
}
