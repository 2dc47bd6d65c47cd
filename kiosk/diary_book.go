package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Booking for a citizen who calls or stands at the desk: the service, a free start, which is held from
// then on, and whom it is for.

// daysShown is how many days of free starts a page has.
const daysShown = 14

// againReasons are why somebody gets a second appointment for the same service.
var againReasons = []string{"family", "second", "else"}

// bookView asks for the service.
type bookView struct {
	diaryHead
	Start  string // wanted, RFC 3339; "" none
	When   string // the same in words
	Groups []serviceGroup
}

// diaryTimesView offers free starts of a service.
type diaryTimesView struct {
	diaryHead
	Service   string
	ServiceID string
	Parties   string
	Moving    *entryFacts // the appointment that is moved; nil for a new one
	Seen      string      // of it
	Action    string
	Back      string
	From      string // first day shown
	Language  string
	People    int
	Languages []deskChoice
	Days      []timesDay
	None      string
	Earlier   string // addresses, "" none
	Later     string
	Explain   string
}

// timesDay is a day with its free starts.
type timesDay struct {
	Name   string
	Starts []timesStart
}

type timesStart struct {
	Value, Text string
	Ways        int
	Wanted      bool
}

// contactView asks for whom a held start is.
type contactView struct {
	diaryHead
	ID, ServiceID string
	Facts         entryFacts
	Until         string // until when it is held
	Left          int    // seconds
	Over          bool   // it is held no more
	Others        []timesDay
	Form          url.Values
	Wrong         map[string]string // by field
	Languages     []deskChoice
	Own           string // language of the citizen, as far as it is known
	Twice         bool   // the person has an appointment for the same
	Reasons       []reasonChoice
	Times         string // address of other starts
}

// startIn is the start that a request names, zero for none.
func startIn(c echo.Context) time.Time {
	start, err := time.Parse(time.RFC3339, c.FormValue("start"))
	if err != nil {
		return time.Time{}
	}
	return start
}

func (s *Server) bookPage(c echo.Context, d *diarist) error {
	if c.QueryParam("service") != "" {
		return s.showDiaryTimes(c, d, nil)
	}
	view := &bookView{diaryHead: d.head(c, "book"), Groups: d.services("")}
	if start := startIn(c); !start.IsZero() {
		view.Start, view.When = start.Format(time.RFC3339), d.moment(start)
	}
	return s.show(c, "diary/book", view)
}

// showDiaryTimes offers the free starts of a service for a new appointment.
func (s *Server) showDiaryTimes(c echo.Context, d *diarist, refused error) error {
	service, err := d.service(c.FormValue("service"))
	if err != nil {
		return err
	}
	view := &diaryTimesView{
		diaryHead: d.head(c, "book"), Action: "/desk/diary/book", Back: d.address("/desk/diary/book"),
		People: 1, Language: c.FormValue("language"),
	}
	if n, err := strconv.Atoi(c.FormValue("people")); err == nil {
		view.People = min(max(n, 1), booking.MaxPeople)
	}
	return s.renderTimes(c, d, view, service, refused)
}

// renderTimes fills in the free starts from the day that the request names, or the start it wants.
func (s *Server) renderTimes(c echo.Context, d *diarist, view *diaryTimesView, service *territory.Service, refused error) error {
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	wanted, first := startIn(c), d.today()
	if !wanted.IsZero() {
		first = timetable.DateOf(wanted.In(d.office.Zone()))
	}
	first = later(dateIn(c, "day", first), d.today())
	if !slices.Contains(territory.Languages(), view.Language) {
		view.Language = ""
	}
	days, none, err := s.timesOf(c.Request().Context(), d, booking.Query{
		Office: d.office.ID, Service: service.ID, From: first, Until: first.AddDays(daysShown - 1), Channel: territory.Staff, Language: view.Language,
	}, wanted)
	if err != nil {
		return err
	}
	view.Alert, view.Service, view.ServiceID, view.Parties = alert, serviceName(service, d.lang), service.ID, d.parties(service)
	view.From, view.Days, view.None, view.Languages = first.String(), days, none, ownNames()
	address := func(day timetable.Date) string {
		if view.Moving != nil {
			return c.Request().URL.Path + "?" + url.Values{"day": {day.String()}}.Encode()
		}
		return d.address("/desk/diary/book", "service", service.ID, "day", day.String(), "language", view.Language, "people", strconv.Itoa(view.People))
	}
	if first.After(d.today()) {
		view.Earlier = address(later(first.AddDays(-daysShown), d.today()))
	}
	view.Later = address(first.AddDays(daysShown))
	view.Explain = d.address("/desk/diary/explain", "service", service.ID, "day", first.String())
	return s.render(c, status, "diary/times", view)
}

// timesOf returns the days of a query with free starts, and why there are none.
func (s *Server) timesOf(ctx context.Context, d *diarist, q booking.Query, wanted time.Time) (days []timesDay, none string, err error) {
	var found booking.OfficeStarts
	err = s.db.View(ctx, func(tx *store.Tx) error {
		all, err := booking.Available(ctx, tx, q)
		if err == nil {
			found = all.Offices[0]
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	for _, slot := range found.Starts {
		name := d.day(timetable.DateOf(slot.Start))
		if len(days) == 0 || days[len(days)-1].Name != name {
			days = append(days, timesDay{Name: name})
		}
		last := &days[len(days)-1]
		last.Starts = append(last.Starts, timesStart{
			Value: slot.Start.Format(time.RFC3339), Text: d.clock(slot.Start), Ways: slot.Ways, Wanted: slot.Start.Equal(wanted),
		})
	}
	if found.NoneBecause != nil {
		none = d.text("diary.none."+string(*found.NoneBecause), "institution", found.Institution)
	}
	return days, none, nil
}

// holdByStaff holds the start that was chosen and goes on to ask for whom it is.
func (s *Server) holdByStaff(c echo.Context, d *diarist) error {
	ctx := c.Request().Context()
	service, err := d.service(c.FormValue("service"))
	if err != nil {
		return err
	}
	people, err := strconv.Atoi(c.FormValue("people"))
	if err != nil {
		people = 1
	}
	wish := booking.Wish{
		Office: d.office.ID, Service: service.ID, Start: startIn(c), People: people, Language: c.FormValue("language"),
		MustSpeak: c.FormValue("language") != "", Channel: territory.Staff,
	}
	var held booking.Appointment
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		held, err = booking.Hold(ctx, tx, wish)
		return err
	})
	if err != nil {
		return s.showDiaryTimes(c, d, err)
	}
	return c.Redirect(http.StatusSeeOther, "/desk/diary/book/"+url.PathEscape(held.ID))
}

func (s *Server) contactPage(c echo.Context, d *diarist, a booking.Appointment) error {
	if a.State != booking.Held && a.State != booking.Expired {
		return c.Redirect(http.StatusSeeOther, entryAddress(a.ID))
	}
	return s.showContact(c, d, a, nil)
}

// showContact asks for whom a held start is, with what was typed and why it was refused.
func (s *Server) showContact(c echo.Context, d *diarist, a booking.Appointment, refused error) error {
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	view := &contactView{
		diaryHead: d.head(c, "book"), ID: a.ID, ServiceID: a.Service, Facts: d.facts(a), Until: d.clock(a.HoldUntil), Form: posted(c),
		Over: a.State != booking.Held || !d.now.Before(a.HoldUntil), Wrong: d.wrong(refused), Languages: ownNames(),
		Twice: fault.Code(refused) == "duplicate_need" || posted(c).Get("again") != "", Reasons: reasonsIn("diary.again", againReasons),
		Times: d.address("/desk/diary/book", "service", a.Service, "day", a.Day.String(), "language", mustSpeak(a), "people", strconv.Itoa(a.People)),
	}
	view.Own, view.Alert, view.Left = ownLanguage(a), alert, int(a.HoldUntil.Sub(d.now)/time.Second)
	if view.Over {
		day := later(a.Day, d.today())
		view.Others, _, err = s.timesOf(c.Request().Context(), d, booking.Query{
			Office: a.Office, Service: a.Service, From: day, Until: day.AddDays(daysShown - 1), Channel: territory.Staff, Language: mustSpeak(a),
		}, a.Start)
	}
	if err != nil {
		return err
	}
	return s.render(c, status, "diary/contact", view)
}

// mustSpeak is the language that somebody must speak at an appointment, "" any.
func mustSpeak(a booking.Appointment) string {
	if a.MustSpeak {
		return a.Language
	}
	return ""
}

// reasonsIn are reasons with the keys of their words.
func reasonsIn(prefix string, codes []string) []reasonChoice {
	all := make([]reasonChoice, len(codes))
	for i, code := range codes {
		all[i] = reasonChoice{code, prefix + "." + code}
	}
	return all
}

// wrong are a fault's fields with what is wrong with each.
func (d *diarist) wrong(err error) map[string]string {
	f, wrong := (*fault.Error)(nil), map[string]string{}
	if errors.As(err, &f) {
		for _, field := range f.Fields {
			wrong[field.Name] = d.text("field." + field.Code)
		}
	}
	return wrong
}

// bookByStaff makes an appointment of what is held. When the time for it was over and the start, or
// another that was chosen instead, is free, it does so all the same.
func (s *Server) bookByStaff(c echo.Context, d *diarist, a booking.Appointment) error {
	ctx := c.Request().Context()
	form := posted(c)
	details := booking.Details{
		Contact:  booking.Contact{Name: form.Get("name"), Email: form.Get("email"), Phone: form.Get("phone"), FiscalCode: form.Get("fiscal_code")},
		Language: form.Get("language"), Note: form.Get("note"), By: d.by(),
	}
	again, err := "", error(nil)
	if form.Get("again") != "" {
		details.Again = true
		again, err = given(form, againReasons)
	}
	var booked booking.Appointment
	if err == nil {
		err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
			booked, err = s.bookFor(ctx, tx, a, startIn(c), details, again)
			return err
		})
	}
	if err != nil {
		// What was held may be so no more.
		if now, e := s.appointment(ctx, a.ID); e == nil {
			a = now
		}
		return s.showContact(c, d, a, err)
	}
	return c.Redirect(http.StatusSeeOther, entryAddress(booked.ID)+"?done=booked")
}

// bookFor books what is held, or what is held anew, and has the citizen told.
func (s *Server) bookFor(ctx context.Context, tx *store.Tx, a booking.Appointment, start time.Time, details booking.Details, again string) (booking.Appointment, error) {
	token := a.Token
	if a.State == booking.Expired || a.State == booking.Held && !tx.Now.Before(a.HoldUntil) {
		wish := booking.Wish{
			Office: a.Office, Service: a.Service, Start: a.Start, People: a.People, Language: a.Language, MustSpeak: a.MustSpeak, Channel: a.Channel,
		}
		if !start.IsZero() {
			wish.Start = start
		}
		held, err := booking.Hold(ctx, tx, wish)
		if err != nil {
			return booking.Appointment{}, err
		}
		token = held.Token
	}
	booked, err := booking.Book(ctx, tx, s.key, token, details)
	if err != nil {
		return booking.Appointment{}, err
	}
	if again != "" {
		e := audit.Entry{
			Scope: booked.Office, Actor: details.By, Action: "appointment.again", Subject: booked.Subject(), Detail: map[string]any{"reason": again},
		}
		if err := audit.Record(ctx, tx, e); err != nil {
			return booking.Appointment{}, err
		}
	}
	return booked, s.tell(ctx, tx, booked, newsBooked)
}

// appointment reads the appointment id.
func (s *Server) appointment(ctx context.Context, id string) (a booking.Appointment, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		a, err = booking.ByID(ctx, tx, id)
		return err
	})
	return a, err
}

// releaseByStaff gives up what is held.
func (s *Server) releaseByStaff(c echo.Context, d *diarist, a booking.Appointment) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error { return booking.Release(ctx, tx, a.Token) })
	if err != nil && fault.Code(err) != "unknown_hold" { // booked meanwhile: its page tells
		return err
	}
	if err != nil {
		return c.Redirect(http.StatusSeeOther, entryAddress(a.ID))
	}
	return c.Redirect(http.StatusSeeOther, d.address("/desk/diary", "day", a.Day.String()))
}
