package kiosk

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// blockReasons are why staff take time out of sale.
var blockReasons = []string{"training", "meeting", "outside", "paperwork", "repair", "else"}

// blockView lists the time that is not for sale, and takes more of it out.
type blockView struct {
	diaryHead
	Whose   []serviceGroup // officers and rooms
	Reasons []reasonChoice
	Day     string
	Form    url.Values
	Wrong   map[string]string
	Blocks  []blockLine
	Clashes []clashLine // appointments that it meets
}

type blockLine struct {
	ID, Whose, When, Reason string
	MayUndo                 bool
}

// clashLine is an appointment that falls in busy time.
type clashLine struct {
	diaryLine
	Resolve string // address that sees to it, "" not for the reader
}

func (s *Server) blockRoutes() {
	s.diary(http.MethodGet, "/desk/diary/blocks", access.EditDiary, func(c echo.Context, d *diarist) error { return s.showBlocks(c, d, nil) })
	s.diary(http.MethodPost, "/desk/diary/blocks", access.EditDiary, s.block)
	s.diary(http.MethodPost, "/desk/diary/blocks/:id/undo", access.EditDiary, s.unblock)
}

// showBlocks lists what is blocked from today on, and why a new block was refused.
func (s *Server) showBlocks(c echo.Context, d *diarist, refused error) error {
	ctx := c.Request().Context()
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	view := &blockView{
		diaryHead: d.head(c, "blocks"), Whose: d.resources(c.FormValue("whose")), Reasons: reasonsIn("diary.block.reason", blockReasons),
		Day: dateIn(c, "day", d.today()).String(), Form: posted(c), Wrong: d.wrong(refused),
	}
	view.Alert = alert
	from := d.today().At(0, d.office.Zone())
	until := from.AddDate(0, 0, booking.MaxDays)
	a := &agenda{diarist: d}
	var clashes []booking.Clash
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if a.busy, err = booking.Blocks(ctx, tx, d.office.ID, from, until); err != nil {
			return err
		}
		clashes, err = booking.Clashes(ctx, tx, d.office.ID, from, until)
		return err
	})
	if err != nil {
		return err
	}
	for _, b := range a.busy {
		line := blockLine{ID: b.ID, Whose: d.resourceName(b), When: d.span(b.From, b.Until), Reason: d.blockReason(b.Reason)}
		line.MayUndo = b.Source == booking.Desk && (b.Room != "" || d.covers(b.Officer))
		if b.Source != booking.Desk {
			line.Reason = d.text("diary.external")
		}
		view.Blocks = append(view.Blocks, line)
	}
	for _, clash := range clashes {
		if clash.Appointment.Session {
			continue
		}
		line := clashLine{diaryLine: diaryLine{diaryBlock: a.block(clash.Appointment, true), Date: d.day(clash.Appointment.Day)}}
		if d.takesPart(clash.Appointment) && clash.Appointment.State == booking.Booked {
			line.Resolve = entryAddress(clash.Appointment.ID) + "/resolve"
		}
		view.Clashes = append(view.Clashes, line)
	}
	return s.render(c, status, "diary/blocks", view)
}

// resources are the officers and rooms whose time can be blocked, as "officer:ID" and "room:ID".
func (d *diarist) resources(chosen string) []serviceGroup {
	people := serviceGroup{Name: d.text("diary.officers")}
	for _, f := range d.office.Officers(d.today()) {
		if d.covers(f.ID) {
			people.Services = append(people.Services, deskChoice{Value: "officer:" + f.ID, Text: f.Name, Chosen: chosen == "officer:"+f.ID})
		}
	}
	rooms := serviceGroup{Name: d.text("diary.rooms")}
	for _, r := range d.office.Rooms {
		rooms.Services = append(rooms.Services, deskChoice{Value: "room:" + r.ID, Text: r.Name, Chosen: chosen == "room:"+r.ID})
	}
	if len(rooms.Services) == 0 {
		return []serviceGroup{people}
	}
	return []serviceGroup{people, rooms}
}

// resourceName is whose time busy time is.
func (d *diarist) resourceName(b booking.Busy) string {
	for _, r := range d.office.Rooms {
		if b.Room == r.ID {
			return r.Name
		}
	}
	if everybody(b) {
		return d.text("diary.everybody")
	}
	return d.officerName(b.Officer)
}

// blockReason is why time was blocked, in words.
func (d *diarist) blockReason(code string) string {
	if key := "diary.block.reason." + code; static.Has(static.Italian, key) {
		return d.text(key)
	}
	return d.text("diary.block.reason.else")
}

// span is from when until when, with the day told once where it is one.
func (d *diarist) span(from, until time.Time) string {
	zone := d.office.Zone()
	if timetable.DateOf(from.In(zone)) == timetable.DateOf(until.In(zone)) {
		return d.text("diary.span", "date", d.day(timetable.DateOf(from.In(zone))), "from", d.clock(from), "until", d.clock(until))
	}
	return d.text("diary.span.days", "from", d.moment(from), "until", d.moment(until))
}

// instantIn is the instant of a date and a time of day in a form, zero where one of them is none.
func (d *diarist) instantIn(form url.Values, date, clock string) time.Time {
	day, err := timetable.ParseDate(form.Get(date))
	at, err2 := timetable.ParseClock(form.Get(clock))
	if err != nil || err2 != nil {
		return time.Time{}
	}
	return day.At(at, d.office.Zone())
}

func (s *Server) block(c echo.Context, d *diarist) error {
	ctx := c.Request().Context()
	form := posted(c)
	reason, err := given(form, blockReasons)
	if err == nil {
		b := booking.Busy{From: d.instantIn(form, "from_day", "from"), Until: d.instantIn(form, "until_day", "until"), Reason: reason, By: d.by()}
		b.Officer, b.Room = whose(form.Get("whose"))
		if b.Officer != "" && !d.covers(b.Officer) {
			return s.showBlocks(c, d, errOtherInstitution)
		}
		err = s.db.Update(ctx, func(tx *store.Tx) error {
			_, err := booking.Block(ctx, tx, d.office.ID, b)
			return err
		})
	}
	if err != nil {
		return s.showBlocks(c, d, err)
	}
	return c.Redirect(http.StatusSeeOther, d.address("/desk/diary/blocks", "done", "blocked"))
}

// whose reads "officer:ID" or "room:ID".
func whose(resource string) (officer, room string) {
	const officerPrefix, roomPrefix = "officer:", "room:"
	switch {
	case len(resource) > len(officerPrefix) && resource[:len(officerPrefix)] == officerPrefix:
		return resource[len(officerPrefix):], ""
	case len(resource) > len(roomPrefix) && resource[:len(roomPrefix)] == roomPrefix:
		return "", resource[len(roomPrefix):]
	}
	return "", ""
}

func (s *Server) unblock(c echo.Context, d *diarist) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		from := d.today().At(0, d.office.Zone())
		all, err := booking.Blocks(ctx, tx, d.office.ID, from, from.AddDate(0, 0, booking.MaxDays))
		if err != nil {
			return err
		}
		others := func(b booking.Busy) bool { return b.ID == c.Param("id") && b.Officer != "" && !d.covers(b.Officer) }
		if slices.ContainsFunc(all, others) {
			return errOtherInstitution
		}
		return booking.Unblock(ctx, tx, d.office.ID, c.Param("id"), d.by())
	})
	if err != nil {
		return s.showBlocks(c, d, err)
	}
	return c.Redirect(http.StatusSeeOther, d.address("/desk/diary/blocks", "done", "unblocked"))
}

// givePage asks who does an appointment instead.
func (s *Server) givePage(c echo.Context, d *diarist, a booking.Appointment) error {
	return s.showGive(c, d, a, nil)
}

// giveView asks who does an appointment instead.
type giveView struct {
	diaryHead
	ID, Seen string
	Facts    entryFacts
	From, To []deskChoice
}

func (s *Server) showGive(c echo.Context, d *diarist, a booking.Appointment, refused error) error {
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	if a.State != booking.Booked && a.State != booking.Arrived {
		return s.showEntry(c, d, a, wrongState(a))
	}
	view := &giveView{diaryHead: d.head(c, ""), ID: a.ID, Seen: seen(a), Facts: d.facts(a)}
	view.Alert = alert
	for _, id := range officersOf(a) {
		view.From = append(view.From, deskChoice{Value: id, Text: d.officerName(id), Chosen: c.FormValue("from") == id})
	}
	service, _ := d.office.Territory.Service(a.Service)
	for _, f := range d.office.Officers(a.Day) {
		if service != nil && f.Does(service) && !does(a, f.ID) {
			view.To = append(view.To, deskChoice{Value: f.ID, Text: f.Name, Chosen: c.FormValue("to") == f.ID})
		}
	}
	return s.render(c, status, "diary/give", view)
}

func (s *Server) give(c echo.Context, d *diarist, a booking.Appointment) error {
	form := posted(c)
	err := s.change(c, d, a.ID, func(ctx context.Context, tx *store.Tx, a booking.Appointment) (booking.Appointment, error) {
		return booking.Reassign(ctx, tx, a.ID, form.Get("from"), form.Get("to"), d.by())
	})
	if err != nil {
		return s.refuseEntry(c, d, a, err, s.showGive)
	}
	return c.Redirect(http.StatusSeeOther, entryAddress(a.ID)+"?done=given")
}

// errNoStart is returned when an appointment cannot be moved on: whoever runs the office sees to it.
var errNoStart = fault.New(fault.Conflict, "no_later_start")

// resolve sees to an appointment that falls in busy time: somebody else does it at the same time, or else
// it is moved to the next start after it.
func (s *Server) resolve(c echo.Context, d *diarist, a booking.Appointment) error {
	ctx := c.Request().Context()
	relieved, moved := false, false
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		_, relieved, err = booking.Relieve(ctx, tx, a.ID, d.by())
		return err
	})
	if err == nil && !relieved {
		err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
			now, err := booking.ByID(ctx, tx, a.ID)
			if err != nil {
				return err
			}
			if now.State != booking.Booked {
				return wrongState(now)
			}
			moved, err = s.moveOn(ctx, tx, now, d.by())
			if err == nil && !moved {
				err = errNoStart
			}
			return err
		})
	}
	if err != nil {
		return s.showBlocks(c, d, err)
	}
	done := "given"
	if moved {
		done = "rehoused"
	}
	return c.Redirect(http.StatusSeeOther, d.address("/desk/diary/blocks", "done", done))
}
