package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/store"
)

// An officer who is late or does not come: what becomes of the appointments is shown before it is done.

// lateMinutes are by how much a day is made later.
var lateMinutes = []int{10, 15, 20, 30, 45, 60, 90, 120}

// lateOfficerView asks who is late or absent, and shows what follows from it.
type lateOfficerView struct {
	diaryHead
	Officers []deskChoice
	Minutes  []deskChoice
	Form     url.Values
	Wrong    map[string]string
	Plan     *latePlan
}

// latePlan is what would become, or became, of an officer's appointments.
type latePlan struct {
	Step    string // absent or late
	Officer string
	When    string
	Done    []lateLine
	Stuck   []lateLine
	Ask     bool       // nothing was done yet
	Form    url.Values // asks for the same again
	Calls   string     // address of those to call
	Calling int        // how many of those made later have no e-mail
}

// lateLine is one appointment: when it was, and when it will be or who does it.
type lateLine struct {
	diaryBlock
	Was, Now string
	Why      []string
}

// errOnlyAsked undoes what was done only to show it.
var errOnlyAsked = errors.New("only asked")

func (s *Server) lateRoutes() {
	s.diary(http.MethodGet, "/desk/diary/late", access.EditDiary, func(c echo.Context, d *diarist) error { return s.showLate(c, d, nil, nil) })
	s.diary(http.MethodPost, "/desk/diary/late", access.EditDiary, s.late)
}

func (s *Server) showLate(c echo.Context, d *diarist, plan *latePlan, refused error) error {
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	view := &lateOfficerView{diaryHead: d.head(c, "late"), Form: posted(c), Wrong: d.wrong(refused), Plan: plan}
	view.Alert = alert
	if view.Form == nil {
		view.Form = url.Values{}
	}
	for name, value := range map[string]string{"from_day": d.today().String(), "until_day": d.today().String(), "from": "00:00", "until": "23:55"} {
		if view.Form.Get(name) == "" {
			view.Form.Set(name, value)
		}
	}
	for _, f := range d.office.Officers(d.today()) {
		if d.covers(f.ID) {
			view.Officers = append(view.Officers, deskChoice{Value: f.ID, Text: f.Name, Chosen: f.ID == c.FormValue("officer")})
		}
	}
	for _, n := range lateMinutes {
		view.Minutes = append(view.Minutes, deskChoice{Value: strconv.Itoa(n), Text: d.text("diary.late.minutes", "n", n), Chosen: strconv.Itoa(n) == view.Form.Get("minutes")})
	}
	return s.render(c, status, "diary/late", view)
}

// late shows what becomes of an officer's appointments, or does it when the form says so.
func (s *Server) late(c echo.Context, d *diarist) error {
	ctx := c.Request().Context()
	form := posted(c)
	if !d.covers(form.Get("officer")) {
		return s.showLate(c, d, nil, errOtherInstitution)
	}
	plan := &latePlan{Step: form.Get("step"), Officer: d.officerName(form.Get("officer")), Ask: form.Get("go") == "", Form: form}
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		*plan = latePlan{Step: plan.Step, Officer: plan.Officer, Ask: plan.Ask, Form: plan.Form}
		if err := s.follow(ctx, tx, d, form, plan); err != nil {
			return err
		}
		if plan.Ask {
			return errOnlyAsked
		}
		return nil
	})
	if err != nil && !errors.Is(err, errOnlyAsked) {
		return s.showLate(c, d, nil, err)
	}
	plan.Calls = d.address("/desk/diary/calls")
	return s.showLate(c, d, plan, nil)
}

// covers reports whether the reader may change what an officer does.
func (d *diarist) covers(officer string) bool {
	f, ok := d.office.Territory.Officer(officer)
	return ok && (d.runs() || slices.ContainsFunc(f.ActsFor(d.today()), func(id string) bool { return slices.Contains(d.acts, id) }))
}

// follow does what follows from an officer's absence or lateness, and tells in plan what that is.
func (s *Server) follow(ctx context.Context, tx *store.Tx, d *diarist, form url.Values, plan *latePlan) error {
	a := &agenda{diarist: d}
	officer := form.Get("officer")
	var done []booking.Appointment
	var stuck []booking.Stuck
	var err error
	before := make(map[string]booking.Appointment)
	if plan.Step == "late" {
		minutes, _ := strconv.Atoi(form.Get("minutes"))
		plan.When = d.text("diary.late.when", "date", d.day(d.today()), "n", minutes)
		if err := remember(ctx, tx, d, before); err != nil {
			return err
		}
		done, stuck, err = booking.Shift(ctx, tx, d.office.ID, officer, d.today(), minutes, d.by())
	} else {
		from, until := d.instantIn(form, "from_day", "from"), d.instantIn(form, "until_day", "until")
		plan.When = d.span(from, until)
		done, stuck, err = booking.ReassignAll(ctx, tx, d.office.ID, officer, from, until, d.by())
	}
	if err != nil {
		return err
	}
	for _, x := range done {
		line := lateLine{diaryBlock: a.block(x, false), Was: d.moment(x.Start)}
		if plan.Step == "late" {
			line.Was, line.Now = d.clock(before[x.ID].Start), d.clock(x.Start)
			if !x.Session && x.Contact.Email == "" {
				plan.Calling++
			}
			if err := s.tellLater(ctx, tx, x); err != nil {
				return err
			}
		} else {
			line.Now = joined(", ", d.team(x)...)
		}
		plan.Done = append(plan.Done, line)
	}
	for _, x := range stuck {
		line := lateLine{diaryBlock: a.block(x.Appointment, false), Was: d.moment(x.Appointment.Start), Why: d.obstaclesIn(x)}
		if plan.Step == "late" {
			line.Was = d.clock(x.Appointment.Start)
		}
		plan.Stuck = append(plan.Stuck, line)
	}
	return nil
}

// tellLater has the citizens of what was made later told.
func (s *Server) tellLater(ctx context.Context, tx *store.Tx, x booking.Appointment) error {
	if x.Session {
		return s.tellShifted(ctx, tx, x.ID)
	}
	return s.tell(ctx, tx, x, newsMoved)
}

// remember reads today's appointments as they are before they are changed.
func remember(ctx context.Context, tx *store.Tx, d *diarist, before map[string]booking.Appointment) error {
	all, err := booking.At(ctx, tx, d.office.ID, d.today(), d.today(), "")
	if err != nil {
		return err
	}
	sessions, err := booking.SessionsAt(ctx, tx, d.office.ID, d.today(), d.today())
	for _, x := range sessions {
		all = append(all, asAppointment(x))
	}
	for _, x := range all {
		before[x.ID] = x
	}
	return err
}

// obstaclesIn are what stands in the way of changing an appointment, each once.
func (d *diarist) obstaclesIn(x booking.Stuck) []string {
	var all []string
	for _, o := range x.Why {
		text := d.text("diary.explain." + string(o.Code))
		switch {
		case o.Who != "" && o.Code != timetable.ByRoom:
			text = d.officerName(o.Who) + ": " + text
		case o.Institution != "":
			text = o.Institution + ": " + text
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// callsView lists whom somebody must phone.
type callsView struct {
	diaryHead
	Day, Title string
	All        bool
	Officers   []deskChoice
	Lines      []callLine
}

// callLine is somebody to phone.
type callLine struct {
	Path, Name, Phone, When, Service, Reference string
	News                                        []string // what they do not know yet
}

// callActions are the changes of which somebody without e-mail learns by phone only.
var callActions = []string{"appointment.move", "appointment.shift", "appointment.cancel"}

// callsPage lists who has no e-mail address and must be told of a change by phone, or everybody of a
// day who has none.
func (s *Server) callsPage(c echo.Context, d *diarist) error {
	ctx := c.Request().Context()
	day := dateIn(c, "day", d.today())
	officer := c.QueryParam("officer")
	view := &callsView{diaryHead: d.head(c, "calls"), Day: day.String(), Title: d.day(day), All: c.QueryParam("all") != ""}
	for _, f := range d.office.Officers(day) {
		view.Officers = append(view.Officers, deskChoice{Value: f.ID, Text: f.Name, Chosen: f.ID == officer})
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := booking.At(ctx, tx, d.office.ID, day, day, officer)
		if err != nil {
			return err
		}
		for _, a := range all {
			open := a.State == booking.Booked || a.State == booking.Cancelled && a.Reason != booking.ByWish && a.Reason != callOffReasons[0]
			if a.Contact.Email != "" || !a.ErasedAt.IsZero() || !open || !d.takesPart(a) {
				continue
			}
			news, err := d.unheard(ctx, tx, a)
			if err != nil {
				return err
			}
			if len(news) > 0 || view.All {
				view.Lines = append(view.Lines, callLine{
					Path: entryAddress(a.ID), Name: a.Contact.Name, Phone: a.Contact.Phone, When: d.clock(a.Start) + "–" + d.clock(a.End),
					Service: d.serviceName(a.Service), Reference: a.Reference, News: news,
				})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "diary/calls", view)
}

// unheard are the changes of an appointment by staff, the newest first.
func (d *diarist) unheard(ctx context.Context, tx *store.Tx, a booking.Appointment) ([]string, error) {
	lines, _, err := audit.List(ctx, tx, audit.Query{Scopes: []string{a.Office}, Subject: a.Subject()})
	var news []string
	for _, l := range lines {
		if l.Actor != booking.Citizen && slices.Contains(callActions, l.Action) {
			news = append(news, joined(" ", d.text("diary.calls."+l.Action), d.noted(l)))
		}
	}
	return news, err
}
