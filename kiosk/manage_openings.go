package kiosk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// openingsView is when an office is open: its week drawn, the series behind it, and what they would come
// to.
type openingsView struct {
	objectView
	Week    weekView
	From    string // day from which what is typed is to hold; "" always
	Preview *previewView
}

// weekView is a week of an office as a drawing: minutes down, days across, a lane for each institution.
type weekView struct {
	Hours        []weekHour
	Days         []weekDay
	Institutions []weekInstitution
	Height       int
}

type weekHour struct {
	Text string
	Y    int
}

type weekDay struct {
	Name   string
	Code   string // mon … sun
	X      int
	Blocks []weekBlock
	Text   string // the same in words
}

type weekBlock struct {
	X, Y, Width, Height int
	Tone                int // of the institution
	Text                string
}

type weekInstitution struct {
	ID, Name string
	Tone     int
}

// previewView is what an office would be in the coming weeks, and whom that strands.
type previewView struct {
	Days   []string // their names
	Weeks  [][]previewDay
	Before int // free starts of joint services until now
	After  int
	strandedView
}

// strandedView lists appointments that a change strands.
type strandedView struct {
	Stranded []strandedLine
	More     int // others than those shown
}

type previewDay struct {
	Date    string
	Today   bool
	Closed  string // why
	Hours   []previewHours
	Starts  int // of joint services
	Changed bool
}

type previewHours struct {
	Institution string
	Tone        int
	Text        string
}

type strandedLine struct{ When, Service, Reference, Why string }

// The drawing of a week, in user units: a minute is one high.
const (
	weekFirst  = 7 * 60 // minutes of the day at its top
	weekLast   = 20 * 60
	weekColumn = 120
	weekMargin = 60
)

// previewWeeks is how many weeks a preview shows, strandedShown how many appointments.
const (
	previewWeeks  = 8
	strandedShown = 50
)

func (s *Server) openingRoutes() {
	s.manage(http.MethodGet, "/manage/offices/:id/openings", access.EditTerritory, s.openings)
	s.manage(http.MethodPost, "/manage/offices/:id/openings", access.EditTerritory, s.changeOpenings)
}

// openingObjects are offices with the fields of their openings.
func openingObjects() objects[territory.OfficeEntry] {
	type E = territory.OfficeEntry
	o := officeObjects()
	o.fields = []field[E]{
		rowsField[E, territory.OpeningEntry]{name: "opening", of: func(e *E) *[]territory.OpeningEntry { return &e.Openings }, fields: openingFields()},
		rowsField[E, territory.ClosureEntry]{name: "closure", of: func(e *E) *[]territory.ClosureEntry { return &e.Closures }, fields: []field[territory.ClosureEntry]{
			dateField("from", func(e *territory.ClosureEntry) *timetable.Date { return &e.From }),
			dateField("until", func(e *territory.ClosureEntry) *timetable.Date { return &e.Until }),
			intervalsField("intervals", func(e *territory.ClosureEntry) *[]timetable.Interval { return &e.Intervals }),
			textField("reason", func(e *territory.ClosureEntry) *string { return &e.Reason }),
			listField("institutions", func(e *territory.ClosureEntry) *[]string { return &e.Institutions }, choicesOf[territory.ClosureEntry](institutionChoices)),
		}},
		rowsField[E, territory.ExtraEntry]{name: "extra", of: func(e *E) *[]territory.ExtraEntry { return &e.Extras }, fields: []field[territory.ExtraEntry]{
			dateField("date", func(e *territory.ExtraEntry) *timetable.Date { return &e.Date }),
			intervalsField("intervals", func(e *territory.ExtraEntry) *[]timetable.Interval { return &e.Intervals }),
			listField("institutions", func(e *territory.ExtraEntry) *[]string { return &e.Institutions }, choicesOf[territory.ExtraEntry](institutionChoices)),
			typedList("channels", func(e *territory.ExtraEntry) *[]territory.Channel { return &e.Channels }, choicesOf[territory.ExtraEntry](channelChoices)),
		}},
	}
	return o
}

func openingFields() []field[territory.OpeningEntry] {
	type R = territory.OpeningEntry
	return []field[R]{
		weekdaysField("weekdays", func(e *R) *[]territory.Weekday { return &e.Weekdays }),
		intervalsField("intervals", func(e *R) *[]timetable.Interval { return &e.Intervals }),
		listField("institutions", func(e *R) *[]string { return &e.Institutions }, choicesOf[R](institutionChoices)),
		typedList("channels", func(e *R) *[]territory.Channel { return &e.Channels }, choicesOf[R](channelChoices)),
		numberField("every_weeks", func(e *R) *int { return &e.EveryWeeks }),
		numbersField("nth", func(e *R) *[]int { return &e.Nth }),
		dateField("from", func(e *R) *timetable.Date { return &e.From }),
		dateField("until", func(e *R) *timetable.Date { return &e.Until }),
	}
}

func (s *Server) openings(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	o := openingObjects()
	var at sought[territory.OfficeEntry]
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		at, err = o.at(ctx, tx, m, c.Param("id"))
		return err
	})
	if err != nil {
		return err
	}
	x := &editing{console: m, kind: o.kind, in: at.in}
	return s.openingsPage(c, m, at, at.entry, x, nil, nil)
}

// openingsPage shows the openings of an office as next has them, or as they were typed.
func (s *Server) openingsPage(c echo.Context, m *console, at sought[territory.OfficeEntry], next territory.OfficeEntry, x *editing, preview *previewView, refused error) error {
	o := openingObjects()
	view, status, err := o.view(c, m, at, x, refused)
	if err != nil {
		return err
	}
	view.Title, view.Back, view.Remove = m.text("manage.openings.title", "office", at.entry.Name), o.address(at), ""
	week := openingsView{objectView: view, Preview: preview, Week: m.week(at.in, next, x.today())}
	if x.typed != nil {
		week.From = x.typed.Get("from")
	}
	return s.render(c, status, "manage/openings", week)
}

// week draws the series of an office that hold in the week of a day.
func (m *console) week(t *territory.Territory, e territory.OfficeEntry, d timetable.Date) weekView {
	view := weekView{Height: weekLast - weekFirst}
	ids := e.Institutions
	if len(ids) == 0 {
		for _, i := range t.Institutions {
			ids = append(ids, i.ID)
		}
	}
	for n, id := range ids {
		name := id
		if i, ok := t.Institution(id); ok {
			name = i.Name
		}
		view.Institutions = append(view.Institutions, weekInstitution{id, name, n % tones})
	}
	for minute := weekFirst; minute <= weekLast; minute += 60 {
		view.Hours = append(view.Hours, weekHour{fmt.Sprintf("%d:00", minute/60), minute - weekFirst})
	}
	monday := d.AddDays(-(int(d.Weekday()) + 6) % 7)
	lane := (weekColumn - 4) / max(1, len(ids))
	for n := range 7 {
		on := monday.AddDays(n)
		day := weekDay{Name: m.text("manage.weekday." + timetable.WeekdayName(on.Weekday())), Code: timetable.WeekdayName(on.Weekday()), X: weekMargin + n*weekColumn}
		var words []string
		for k, i := range view.Institutions {
			for _, span := range seriesOn(e, i.ID, on) {
				from, until := max(int(span.From), weekFirst), min(int(span.Until), weekLast)
				if until > from {
					day.Blocks = append(day.Blocks, weekBlock{day.X + 2 + k*lane, from - weekFirst, lane - 2, until - from, i.Tone, span.String()})
				}
				words = append(words, i.Name+" "+span.String())
			}
		}
		day.Text = strings.Join(words, ", ")
		view.Days = append(view.Days, day)
	}
	return view
}

// tones is how many colours there are for institutions.
const tones = 6

// seriesOn are the stretches that series open to an institution on a day, be it a holiday.
func seriesOn(e territory.OfficeEntry, institution string, d timetable.Date) []timetable.Interval {
	var all []timetable.Interval
	for _, o := range e.Openings {
		holds := !d.Before(o.From) && (o.Until.IsZero() || !d.After(o.Until))
		mine := len(o.Institutions) == 0 || slices.Contains(o.Institutions, institution)
		if holds && mine && slices.Contains(o.Weekdays, territory.Weekday(d.Weekday())) {
			all = append(all, o.Intervals...)
		}
	}
	slices.SortFunc(all, func(a, b timetable.Interval) int { return int(a.From - b.From) })
	return slices.Compact(all)
}

// changeOpenings rearranges the form, previews what is typed, or saves it.
func (s *Server) changeOpenings(c echo.Context, m *console) error {
	ctx, typed := c.Request().Context(), posted(c)
	o := openingObjects()
	arranged := rearrange(typed)
	save := typed.Get("do") == "save"
	var at sought[territory.OfficeEntry]
	var next territory.OfficeEntry
	var preview *previewView
	x := &editing{console: m, kind: o.kind, typed: typed, wrong: map[string]string{}}
	do := s.db.View
	if save {
		do = s.db.Update
	}
	err := do(ctx, func(tx *store.Tx) (err error) {
		clear(x.wrong)
		if at, err = o.at(ctx, tx, m, c.Param("id")); err != nil {
			return err
		}
		if !at.may {
			return errDenied
		}
		x.in, next = at.in, at.entry
		for _, f := range o.fields {
			f.take(x, "", &next)
		}
		if arranged || len(x.wrong) > 0 {
			return errArranged
		}
		change, err := m.openingChange(at, next, typed)
		if err != nil {
			return err
		}
		if save {
			return s.applyTelling(ctx, tx, m, at.in, change, typed.Get("stranded"))
		}
		preview, err = m.preview(ctx, tx, at, change)
		return err
	})
	switch {
	case errors.Is(err, errArranged):
		return s.openingsPage(c, m, at, next, x, nil, nil)
	case err != nil && at.in != nil:
		return s.openingsPage(c, m, at, next, x, nil, err)
	case err != nil:
		return err
	case save:
		return c.Redirect(http.StatusSeeOther, done(o.address(at)+"/openings", "openings"))
	}
	return s.openingsPage(c, m, at, next, x, preview, nil)
}

// openingChange is the change that a form asks for. With a day from which it is to hold, what held
// before ends the day before.
func (m *console) openingChange(at sought[territory.OfficeEntry], next territory.OfficeEntry, typed url.Values) (territory.Change, error) {
	if text := typed.Get("from"); text != "" {
		from, err := timetable.ParseDate(text)
		if err != nil {
			return territory.Change{}, errDay
		}
		next.Openings = since(at.entry.Openings, next.Openings, from)
	}
	seen, err := parseRev(typed.Get("rev"))
	if err != nil {
		return territory.Change{}, err
	}
	put := &territory.File{Offices: []territory.OfficeEntry{next}}
	put.Territory.ID = at.in.ID
	return territory.Change{Put: put, Seen: map[territory.Ref]int64{{Kind: territory.KindOffice, ID: next.ID}: seen}, By: m.by()}, nil
}

// since returns the series that held until the day before from, and those that are to hold from it on.
func since(before, after []territory.OpeningEntry, from timetable.Date) []territory.OpeningEntry {
	var all []territory.OpeningEntry
	for _, o := range before {
		if !o.From.Before(from) {
			continue // it would have begun later: what is typed says what becomes of it
		}
		if o.Until.IsZero() || !o.Until.Before(from) {
			o.Until = from.AddDays(-1)
		}
		all = append(all, o)
	}
	for _, o := range after {
		if !o.Until.IsZero() && o.Until.Before(from) {
			continue // it is among those before
		}
		if o.From.Before(from) {
			o.From = inStep(o, from)
		}
		all = append(all, o)
	}
	return all
}

// inStep is from when a series goes on: weeks that are counted keep their count.
func inStep(o territory.OpeningEntry, from timetable.Date) timetable.Date {
	if o.EveryWeeks < 2 || o.From.IsZero() {
		return from
	}
	period := 7 * o.EveryWeeks
	monday := o.From.AddDays(-(int(o.From.Weekday()) + 6) % 7)
	behind := monday.DaysUntil(from) % period
	if behind < 7 { // the week of from is one of the series'
		return from
	}
	return from.AddDays(period - behind)
}

// preview is what the change would come to.
func (m *console) preview(ctx context.Context, tx *store.Tx, at sought[territory.OfficeEntry], change territory.Change) (*previewView, error) {
	after, err := territory.Try(ctx, tx, change)
	if err != nil {
		return nil, err
	}
	before, _ := at.in.Office(at.entry.ID)
	office, _ := after.Office(at.entry.ID)
	today := office.Today(m.now)
	monday := today.AddDays(-(int(today.Weekday()) + 6) % 7)
	was, err := booking.Foresee(ctx, tx, before, monday, 7*previewWeeks)
	if err != nil {
		return nil, err
	}
	is, err := booking.Foresee(ctx, tx, office, monday, 7*previewWeeks)
	if err != nil {
		return nil, err
	}
	view := &previewView{}
	for n := range 7 {
		view.Days = append(view.Days, m.text("manage.weekday."+timetable.WeekdayName(monday.AddDays(n).Weekday())))
	}
	for n := range is {
		if n%7 == 0 {
			view.Weeks = append(view.Weeks, nil)
		}
		day := m.previewDay(office, is[n])
		day.Today, day.Changed = is[n].Day == today, m.previewDay(before, was[n]).said() != day.said()
		view.Weeks[n/7] = append(view.Weeks[n/7], day)
		if !is[n].Day.Before(today) {
			view.Before, view.After = view.Before+was[n].Starts, view.After+is[n].Starts
		}
	}
	view.strandedView, err = m.stranded(ctx, tx, at.in, after)
	return view, err
}

// stranded lists the appointments that have a place in a territory before a change, and none after.
func (m *console) stranded(ctx context.Context, tx *store.Tx, before, after *territory.Territory) (view strandedView, err error) {
	all, err := booking.StrandedBy(ctx, tx, before, after)
	view.More = max(0, len(all)-strandedShown)
	for _, a := range all[:len(all)-view.More] {
		view.Stranded = append(view.Stranded, m.strandedLine(after, a))
	}
	return view, err
}

// said is all that a day says.
func (d previewDay) said() string { return fmt.Sprint(d.Hours, d.Closed, d.Starts) }

func (m *console) previewDay(o *territory.Office, p booking.Preview) previewDay {
	day := previewDay{Date: static.Date(m.lang, p.Day.At(0, o.Zone()), static.DayMonth), Starts: p.Starts}
	for n, h := range p.Hours {
		var texts []string
		for _, span := range h.Spans {
			texts = append(texts, span.From.Format("15:04")+"–"+span.Until.Format("15:04"))
		}
		if len(texts) > 0 {
			day.Hours = append(day.Hours, previewHours{h.Institution, n % tones, strings.Join(texts, " ")})
		}
	}
	switch p.Why {
	case timetable.WhyHoliday:
		day.Closed = m.text("holiday." + p.Detail)
	case timetable.WhyClosure:
		day.Closed = m.text("manage.openings.closure")
		if p.Detail != "" {
			day.Closed = p.Detail
		}
	case timetable.WhyPatron:
		day.Closed = m.text("manage.openings.patron")
	}
	return day
}

func (m *console) strandedLine(t *territory.Territory, a booking.Stranded) strandedLine {
	zone := t.Zone
	if o, ok := t.Office(a.Office); ok {
		zone = o.Zone()
	}
	line := strandedLine{When: moment(m.lang, a.Start.In(zone)), Service: a.Service, Reference: a.Reference}
	if s, ok := t.Service(a.Service); ok {
		line.Service = serviceName(s, m.lang)
	}
	line.Why = m.text("manage.stranded."+string(a.Code), "institution", a.Institution)
	return line
}

// What becomes of the appointments that a change strands.
const (
	strandedLeft  = "leave" // somebody sees to them
	strandedMoved = "move"  // to the next start, or called off when there is none
)

// applyTelling saves a change of a territory and sees to the appointments that it strands. Their citizens
// are told.
func (s *Server) applyTelling(ctx context.Context, tx *store.Tx, m *console, in *territory.Territory, change territory.Change, stranded string) error {
	after, err := territory.Try(ctx, tx, change)
	if err != nil {
		return err
	}
	lost, err := booking.StrandedBy(ctx, tx, in, after)
	if err != nil {
		return err
	}
	if len(lost) > 0 && stranded != strandedLeft && stranded != strandedMoved {
		return fault.New(fault.Conflict, "stranded_unsaid", "n", len(lost))
	}
	if _, err := territory.Apply(ctx, tx, change); err != nil || stranded == strandedLeft {
		return err
	}
	for _, a := range lost {
		if err := s.rehouse(ctx, tx, a.Appointment, m.by()); err != nil {
			return err
		}
	}
	return nil
}

// mostStarts is how many other starts are looked at for an appointment that has lost its place.
const mostStarts = 2000

// rehouse gives an appointment that has lost its place the next start after it at its office, or calls it
// off, and has its citizen told: nobody is expected earlier than they know, or somewhere else.
func (s *Server) rehouse(ctx context.Context, tx *store.Tx, a booking.Appointment, by string) error {
	if a.State != booking.Booked {
		return nil // who is here is seen to at the desk
	}
	moved, err := s.moveOn(ctx, tx, a, by)
	if err != nil || moved {
		return err
	}
	o, err := territory.Of(ctx, tx, a.Office)
	if err == nil {
		_, err = s.callOff(ctx, tx, o, a, "office_closed", by)
	}
	return err
}

// moveOn gives an appointment the next start after it at its office, if there is one, and has its citizen
// told.
func (s *Server) moveOn(ctx context.Context, tx *store.Tx, a booking.Appointment, by string) (bool, error) {
	all, err := booking.Alternatives(ctx, tx, a, mostStarts)
	if err != nil {
		return false, err
	}
	later := func(x booking.Alternative) bool { return x.Office == a.Office && x.Start.After(a.Start) }
	next := slices.IndexFunc(all, later)
	if next < 0 {
		return false, nil
	}
	hold, err := booking.Hold(ctx, tx, booking.Wish{
		Office: a.Office, Service: a.Service, Start: all[next].Start, People: a.People, Language: a.Language, MustSpeak: a.MustSpeak, Channel: territory.Staff,
	})
	if err != nil {
		return false, err
	}
	moved, err := booking.MoveByStaff(ctx, tx, a.ID, hold.Token, by)
	if err != nil {
		return false, err
	}
	return true, s.tell(ctx, tx, moved, newsMoved)
}
