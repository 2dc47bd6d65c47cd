package kiosk

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/static"
)

// diaryView is the diary of a day or a week.
type diaryView struct {
	diaryHead
	Version  int64
	Week     bool
	Title    string // the day, or the week
	Day      string // 2026-11-24
	IsToday  bool   // the page shows today
	Previous string // addresses
	Next     string
	Today    string
	AsDay    string
	AsWeek   string
	Officers []deskChoice // to look at one
	Services []serviceGroup
	Officer  string // looked at, "" all
	Service  string
	Filtered bool
	Summary  string
	Closed   string // why nothing is open
	Grid     gridView
	Over     []diaryLine // cancelled and the like, which take no time
}

// diaryLine is an appointment in a list.
type diaryLine struct {
	diaryBlock
	Date string
}

// agenda is what a page of the diary is made from.
type agenda struct {
	*diarist
	from, until  timetable.Date
	officerID    string // looked at, "" all
	serviceID    string
	appointments []booking.Appointment
	starts       []booking.Slot // free, of the service that is looked at
	sessions     []booking.Session
	busy         []booking.Busy
	version      int64
}

func (s *Server) diaryPage(c echo.Context, d *diarist) error {
	week := c.QueryParam("view") == "week"
	day := dateIn(c, "day", d.today())
	a := &agenda{diarist: d, from: day, until: day, officerID: c.QueryParam("officer")}
	if week {
		a.from = day.AddDays(-(int(day.Weekday()) + 6) % 7)
		a.until = a.from.AddDays(6)
	}
	if service, err := d.service(c.QueryParam("service")); err == nil {
		a.serviceID = service.ID
	}
	if err := s.readAgenda(c.Request().Context(), a); err != nil {
		return err
	}
	return s.show(c, "diary/agenda", a.view(c, day, week))
}

func (s *Server) readAgenda(ctx context.Context, a *agenda) error {
	return s.db.View(ctx, func(tx *store.Tx) (err error) {
		if a.version, err = territory.Version(ctx, tx, a.office.ID); err != nil {
			return err
		}
		span := timetable.Span{From: a.from.At(0, a.office.Zone()), Until: a.until.AddDays(1).At(0, a.office.Zone())}
		if a.busy, err = booking.Blocks(ctx, tx, a.office.ID, span.From, span.Until); err != nil {
			return err
		}
		if a.sessions, err = booking.SessionsAt(ctx, tx, a.office.ID, a.from, a.until); err != nil {
			return err
		}
		if a.appointments, err = booking.At(ctx, tx, a.office.ID, a.from, a.until, ""); err != nil || a.serviceID == "" || a.until.Before(a.today()) {
			return err
		}
		found, err := booking.Available(ctx, tx, booking.Query{
			Office: a.office.ID, Service: a.serviceID, From: later(a.from, a.today()), Until: a.until, Channel: territory.Staff,
		})
		if err == nil {
			a.starts = found.Offices[0].Starts
		}
		return err
	})
}

func (a *agenda) view(c echo.Context, day timetable.Date, week bool) *diaryView {
	view := &diaryView{
		diaryHead: a.head(c, "agenda"), Version: a.version, Week: week, Day: day.String(), Title: a.day(day),
		Officer: a.officerID, Service: a.serviceID, Filtered: a.officerID != "" || a.serviceID != "",
		IsToday: !a.today().Before(a.from) && !a.today().After(a.until),
	}
	step, shows := 1, ""
	if week {
		step, shows = 7, "week"
		view.Title = a.text("diary.week", "from", static.Date(a.lang, a.from.At(0, a.office.Zone()), static.DayMonth), "until", static.Date(a.lang, a.until.At(0, a.office.Zone()), static.DayMonth))
	}
	at := func(on timetable.Date, shows string) string {
		return a.address("/desk/diary", "day", on.String(), "view", shows, "officer", a.officerID, "service", a.serviceID)
	}
	view.Previous, view.Next, view.Today = at(day.AddDays(-step), shows), at(day.AddDays(step), shows), at(a.today(), shows)
	view.AsDay, view.AsWeek = at(day, ""), at(day, "week")
	view.Officers, view.Services = a.officerChoices(), a.services(a.serviceID)
	tracks := a.dayTracks(a.from)
	if week {
		tracks, view.Grid.Groups = a.weekTracks()
	}
	groups := view.Grid.Groups
	view.Grid = gridOf(tracks, a.nowBit(), func(from, until string) string {
		return a.text("diary.gap", "from", from, "until", until)
	}, a.freeLink)
	if len(view.Grid.Rows) > 0 {
		view.Grid.Groups = groups
	} else {
		view.Closed = a.whyClosed(week)
	}
	view.Summary = a.summary()
	for _, x := range a.appointments {
		if shown(x) || !a.looksAt(x) {
			continue
		}
		line := diaryLine{diaryBlock: a.block(x, true)}
		if week {
			line.Date = a.day(x.Day)
		}
		view.Over = append(view.Over, line)
	}
	return view
}

// nowBit is the present five minutes, negative when today is not looked at.
func (a *agenda) nowBit() int {
	if a.today().Before(a.from) || a.today().After(a.until) {
		return -1
	}
	return bitOf(a.now.In(a.office.Zone()), a.today(), 0)
}

// shown reports whether an appointment is in the grid: a cancelled one takes no time.
func shown(x booking.Appointment) bool { return x.State != booking.Cancelled }

// does reports whether somebody does an appointment, be it as mediator.
func does(x booking.Appointment, officer string) bool {
	return x.Mediator == officer || slices.ContainsFunc(x.Staff, func(s timetable.Assignment) bool { return s.Officer == officer })
}

// looksAt reports whether an appointment is of the officer who is looked at.
func (a *agenda) looksAt(x booking.Appointment) bool {
	return a.officerID == "" || does(x, a.officerID)
}

// officerChoices are the officers who work at the office.
func (a *agenda) officerChoices() []deskChoice {
	var all []deskChoice
	for _, f := range a.office.Officers(a.from) {
		all = append(all, deskChoice{Value: f.ID, Text: f.Name, Chosen: f.ID == a.officerID})
	}
	slices.SortStableFunc(all, func(x, y deskChoice) int { return strings.Compare(x.Text, y.Text) })
	return all
}

// dayTracks are a day's columns: free starts, who is there or should be, rooms.
func (a *agenda) dayTracks(day timetable.Date) []*track {
	var tracks []*track
	if a.serviceID != "" && a.may(access.EditDiary) {
		tracks = append(tracks, a.startTrack(gridHead{Name: a.text("diary.starts")}, day))
	}
	for _, f := range a.staffOn(day) {
		if a.officerID != "" && a.officerID != f.ID {
			continue
		}
		t := a.officerTrack(f, day, gridHead{Name: f.Name, Note: strings.Join(f.ActsFor(day), " + ")})
		if a.officerID != f.ID {
			t.head.Link = a.address("/desk/diary", "day", day.String(), "view", "week", "officer", f.ID, "service", a.serviceID)
		}
		tracks = append(tracks, a.lay(t, func(x booking.Appointment) bool { return does(x, f.ID) }, false))
	}
	for _, room := range a.office.Rooms {
		if a.officerID == "" && a.uses(room.ID) {
			t := a.openTrack(day, gridHead{Name: room.Name, Note: a.text("diary.room")}, nil)
			a.shut(t, func(b booking.Busy) bool { return b.Room == room.ID || everybody(b) })
			tracks = append(tracks, a.lay(t, func(x booking.Appointment) bool { return x.Room == room.ID }, true))
		}
	}
	return tracks
}

// uses reports whether a room is taken on a day.
func (a *agenda) uses(room string) bool {
	return slices.ContainsFunc(a.appointments, func(x booking.Appointment) bool { return x.Room == room && shown(x) }) ||
		slices.ContainsFunc(a.sessions, func(x booking.Session) bool { return x.Room == room && x.State != booking.SessionCancelled }) ||
		slices.ContainsFunc(a.busy, func(b booking.Busy) bool { return b.Room == room })
}

// everybody reports whether busy time is the whole office's.
func everybody(b booking.Busy) bool { return b.Officer == "" && b.Room == "" }

// shut shows in a track the time that is not for sale although nobody booked it.
func (a *agenda) shut(t *track, of func(b booking.Busy) bool) {
	for _, b := range a.busy {
		if !of(b) {
			continue
		}
		f := shade{kind: fillExternal, text: a.text("diary.external")}
		if b.Source == booking.Desk {
			f = shade{kind: fillBlock, text: a.blockReason(b.Reason)}
		}
		span := timetable.Span{From: b.From.In(a.office.Zone()), Until: b.Until.In(a.office.Zone())}
		t.paintSpans(timetable.Intersect([]timetable.Span{timetable.Day(t.day, a.office.Zone())}, []timetable.Span{span}), f, isFree)
	}
}

// staffOn are those who are at the office on a day by the rota, and those who have something there.
func (a *agenda) staffOn(day timetable.Date) []*territory.Officer {
	all := slices.Clone(a.office.Territory.Officers)
	return slices.DeleteFunc(all, func(f *territory.Officer) bool {
		busy := func(x booking.Appointment) bool { return x.Day == day && shown(x) && does(x, f.ID) }
		leads := func(x booking.Session) bool { return x.Day == day && does(asAppointment(x), f.ID) }
		return !a.rostered(f, day) && !slices.ContainsFunc(a.appointments, busy) && !slices.ContainsFunc(a.sessions, leads)
	})
}

// rostered reports whether an officer is at the office on a day by the rota.
func (a *agenda) rostered(f *territory.Officer, day timetable.Date) bool {
	return slices.Contains(a.office.Officers(day), f) && len(f.Rostered(a.office, day)) > 0
}

// openTrack is a column that is free when one of institutions is open.
func (a *agenda) openTrack(day timetable.Date, head gridHead, institutions []string) *track {
	head.Today = day == a.today()
	t := newTrack(head, day, a.why(day, institutions))
	for _, closure := range a.office.Calendar.Closures {
		inside := (closure.From.IsZero() || !day.Before(closure.From)) && (closure.Until.IsZero() || !day.After(closure.Until))
		if !inside {
			continue
		}
		for _, i := range closure.Intervals {
			t.paint(int(i.From)/gridMinutes, (int(i.Until)+gridMinutes-1)/gridMinutes, shade{kind: fillClosed, text: closure.Reason}, nil)
		}
	}
	t.paintSpans(a.office.Calendar.Any(day, institutions, ""), shade{}, nil)
	return t
}

// why says why nothing is open on a day, "" when something is.
func (a *agenda) why(day timetable.Date, institutions []string) string {
	institution := ""
	if len(institutions) == 1 {
		institution = institutions[0]
	}
	switch code, detail := a.office.Calendar.Why(day, institution, ""); code {
	case timetable.WhyClosure:
		return detail
	case timetable.WhyHoliday:
		return a.text("holiday." + detail)
	case timetable.WhyPatron:
		return a.text("diary.closed.patron")
	}
	return ""
}

// whyClosed says why there is no grid.
func (a *agenda) whyClosed(week bool) string {
	if week {
		return a.text("diary.closed.week")
	}
	if why := a.why(a.from, nil); why != "" {
		return a.text("diary.closed.because", "reason", why)
	}
	return a.text("diary.closed")
}

// officerTrack is the day of an officer before anything is booked.
func (a *agenda) officerTrack(f *territory.Officer, day timetable.Date, head gridHead) *track {
	acts := f.ActsFor(day)
	if len(acts) == 0 {
		acts = a.office.Institutions // a mediator is there for any
	}
	t := a.openTrack(day, head, acts)
	t.whose = f.Name
	rota := []timetable.Span{timetable.Day(day, a.office.Zone())}
	for _, present := range f.Rostered(a.office, day) {
		rota = timetable.Without(rota, present)
	}
	t.paintSpans(rota, shade{kind: fillAway, text: a.text("diary.away")}, isFree)
	for _, absent := range f.Absent(a.office) {
		t.paintSpans(timetable.Intersect([]timetable.Span{timetable.Day(day, a.office.Zone())}, []timetable.Span{absent}),
			shade{kind: fillAbsent, text: a.text("diary.absent")}, isFree)
	}
	a.shut(t, func(b booking.Busy) bool { return b.Officer == f.ID || everybody(b) })
	return t
}

// lay puts appointments and sessions of a day into a track, each until its end or the next one's start.
func (a *agenda) lay(t *track, of func(x booking.Appointment) bool, names bool) *track {
	for _, x := range a.appointments {
		if x.Day != t.day || !shown(x) || !of(x) {
			continue
		}
		from, until := bitsOf(timetable.Span{From: x.Start.In(a.office.Zone()), Until: x.End.In(a.office.Zone())}, t.day)
		b := a.block(x, names)
		t.paint(from, until, shade{kind: fillBusy, entry: &b}, nil)
	}
	for _, x := range a.sessions {
		if x.Day != t.day || x.State == booking.SessionCancelled || !of(asAppointment(x)) {
			continue
		}
		from, until := bitsOf(timetable.Span{From: x.Start.In(a.office.Zone()), Until: x.End.In(a.office.Zone())}, t.day)
		t.paint(from, until, shade{kind: fillBusy, entry: a.sessionBlock(x, names)}, nil)
	}
	return t
}

// sessionBlock is a session in the grid.
func (a *agenda) sessionBlock(x booking.Session, names bool) *diaryBlock {
	b := &diaryBlock{
		Path: sessionAddress(x.ID), Hours: a.clock(x.Start) + "–" + a.clock(x.End), Who: x.Topic, Service: a.serviceName(x.Service),
		State: "diary.state.session", Code: "session", Faint: a.serviceID != "" && x.Service != a.serviceID,
		Seats: a.text("diary.session.seats", "taken", x.Taken, "capacity", x.Capacity),
	}
	if names {
		b.With = a.team(asAppointment(x))
	}
	return b
}

// asAppointment is a session as far as its time, officers and room go.
func asAppointment(x booking.Session) booking.Appointment {
	a := booking.Appointment{
		ID: x.ID, Office: x.Office, Service: x.Service, State: booking.Booked, Day: x.Day, Start: x.Start, End: x.End, Staff: x.Staff, Room: x.Room,
	}
	if x.State == booking.SessionCancelled {
		a.State = booking.Cancelled
	}
	return a
}

// together are appointments and sessions in the order of their start.
func (a *agenda) together() []booking.Appointment {
	all := slices.Clone(a.appointments)
	for _, x := range a.sessions {
		all = append(all, asAppointment(x))
	}
	slices.SortStableFunc(all, func(x, y booking.Appointment) int { return x.Start.Compare(y.Start) })
	return all
}

// startTrack shows when the service that is looked at can be booked.
func (a *agenda) startTrack(head gridHead, day timetable.Date) *track {
	head.Today = day == a.today()
	t := a.openTrack(day, head, nil)
	t.paint(0, gridBits, shade{kind: fillAway}, isFree)
	for _, slot := range a.starts {
		if timetable.DateOf(slot.Start) != day {
			continue
		}
		from, until := bitsOf(timetable.Span{From: slot.Start, Until: slot.End}, day)
		t.paint(from, until, shade{kind: fillStart, link: &diaryLink{
			Path:  a.address("/desk/diary/book", "service", a.serviceID, "start", slot.Start.Format(time.RFC3339)),
			Label: a.text("diary.start.label", "moment", a.moment(slot.Start), "service", a.serviceName(a.serviceID)),
			Text:  a.clock(slot.Start),
		}}, nil)
	}
	return t
}

// leastBooking is how much free time offers something to book.
const leastBooking = 15 / gridMinutes

// freeLink offers to book in free time that is ahead.
func (a *agenda) freeLink(t *track, from, until int) (link *diaryLink, past bool) {
	start := t.day.At(timetable.Clock(from*gridMinutes), a.office.Zone())
	if start.Before(a.now) {
		return nil, true
	}
	if !a.may(access.EditDiary) || t.whose == "" || until-from < leastBooking {
		return nil, false
	}
	return &diaryLink{
		Path:  a.address("/desk/diary/book", "service", a.serviceID, "start", start.Format(time.RFC3339)),
		Label: a.text("diary.free.label", "moment", a.moment(start), "name", t.whose),
	}, false
}

// block is an appointment as the reader may see it.
func (a *agenda) block(x booking.Appointment, names bool) diaryBlock {
	b := diaryBlock{
		Hours: a.clock(x.Start) + "–" + a.clock(x.End), State: "diary.state." + string(x.State), Code: string(x.State),
		Clash: slices.ContainsFunc(a.busy, func(b booking.Busy) bool { return x.State == booking.Booked && b.Takes(x) }),
	}
	var institutions []string
	for _, s := range x.Staff {
		institutions = append(institutions, s.Institution)
	}
	if len(institutions) > 1 {
		b.Joint = institutions
	}
	if names {
		b.With = a.team(x)
	}
	if !a.takesPart(x) {
		b.Service = a.text("diary.busy")
		return b
	}
	b.Path, b.Service, b.Who = entryAddress(x.ID), a.serviceName(x.Service), x.Contact.Name
	b.Faint = a.serviceID != "" && x.Service != a.serviceID
	return b
}

// team are the names of those who do an appointment, each once.
func (d *diarist) team(x booking.Appointment) []string {
	var names []string
	for _, s := range x.Staff {
		if name := d.officerName(s.Officer); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if x.Mediator != "" {
		names = append(names, d.text("diary.mediator", "name", d.officerName(x.Mediator)))
	}
	return names
}

// weekTracks are the days' columns: for the officer who is looked at one a day, else as many as there
// are appointments at the same time.
func (a *agenda) weekTracks() (tracks []*track, days []gridHead) {
	for day := a.from; !day.After(a.until); day = day.AddDays(1) {
		some := func(x booking.Appointment) bool { return x.Day == day && shown(x) && a.looksAt(x) }
		if (day.Weekday() == time.Saturday || day.Weekday() == time.Sunday) && !slices.ContainsFunc(a.appointments, some) &&
			len(a.office.Calendar.Any(day, nil, "")) == 0 {
			continue
		}
		lanes := a.lanes(day)
		if a.serviceID != "" && a.may(access.EditDiary) {
			lanes = append([]*track{a.startTrack(gridHead{Name: a.text("diary.starts")}, day)}, lanes...)
		}
		tracks = append(tracks, lanes...)
		days = append(days, gridHead{
			Name: a.day(day), Note: a.why(day, nil), Today: day == a.today(), Span: len(lanes),
			Link: a.address("/desk/diary", "day", day.String(), "officer", a.officerID, "service", a.serviceID),
		})
	}
	return tracks, days
}

// lanes are the columns of one day of a week.
func (a *agenda) lanes(day timetable.Date) []*track {
	lane := func() *track {
		if f, ok := a.office.Territory.Officer(a.officerID); ok {
			return a.officerTrack(f, day, gridHead{})
		}
		return a.openTrack(day, gridHead{}, nil)
	}
	var lanes []*track
	var ends []time.Time
	placed := make(map[string]int)
	for _, x := range a.together() {
		if x.Day != day || !shown(x) || !a.looksAt(x) {
			continue
		}
		n := slices.IndexFunc(ends, func(end time.Time) bool { return !end.After(x.Start) })
		if n < 0 {
			n, ends = len(ends), append(ends, time.Time{})
		}
		ends[n], placed[x.ID] = x.End, n
	}
	for n := range max(1, len(ends)) {
		lanes = append(lanes, a.lay(lane(), func(x booking.Appointment) bool {
			at, ok := placed[x.ID]
			return ok && at == n
		}, a.officerID == ""))
	}
	return lanes
}

// groups counts the sessions that are shown.
func (a *agenda) groups() (n int) {
	for _, x := range a.sessions {
		if x := asAppointment(x); shown(x) && a.looksAt(x) {
			n++
		}
	}
	return n
}

// summary counts what is shown.
func (a *agenda) summary() string {
	var all, joint, over int
	for _, x := range a.appointments {
		switch {
		case !a.looksAt(x):
		case !shown(x):
			over++
		default:
			all++
			if len(x.Staff) > 1 {
				joint++
			}
		}
	}
	parts := []string{a.text("diary.count", "n", all)}
	if n := a.groups(); n > 0 {
		parts = append(parts, a.text("diary.count.sessions", "n", n))
	}
	if joint > 0 {
		parts = append(parts, a.text("diary.count.joint", "n", joint))
	}
	if over > 0 {
		parts = append(parts, a.text("diary.count.over", "n", over))
	}
	if a.serviceID != "" {
		parts = append(parts, a.text("diary.count.starts", "n", strconv.Itoa(len(a.starts))))
	}
	return strings.Join(parts, " · ")
}
