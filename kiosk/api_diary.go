package kiosk

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// diaryJSON is an appointment as staff of its office get it. Whose institution takes no part learns when
// it is and who does it.
type diaryJSON struct {
	ID       string        `json:"id"`
	State    booking.State `json:"state"`
	Office   string        `json:"office"`
	Start    *string       `json:"start"`
	End      *string       `json:"end"`
	Officers []string      `json:"officers"`
	*matterJSON
}

// matterJSON is what an appointment is about.
type matterJSON struct {
	Token     string            `json:"token"`
	Reference string            `json:"reference"`
	Service   string            `json:"service"`
	Needs     []string          `json:"needs"`
	Channel   territory.Channel `json:"channel"`
	Language  string            `json:"language"` // of the citizen; "" not said
	People    int               `json:"people"`
	Contact   *contactJSON      `json:"contact"` // nil: it was erased
	Note      string            `json:"note"`
	Reason    string            `json:"reason"` // why it was cancelled
}

type contactJSON struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Phone string `json:"phone"`
}

// seesMatter reports whether staff of o may know what an appointment is about: who runs the office may,
// and officers who do it or act for an institution that takes part.
func (v visitor) seesMatter(o *territory.Office, a booking.Appointment, today timetable.Date) bool {
	if v.may(access.RunOffice) {
		return true
	}
	officer, ok := o.Territory.Officer(v.user.Officer)
	if !ok || !v.actsAsOfficer() || v.user.Territory != o.Territory.ID {
		return false
	}
	if a.Mediator == officer.ID {
		return true
	}
	acts := officer.ActsFor(today)
	return slices.ContainsFunc(institutionsOf(a), func(id string) bool { return slices.Contains(acts, id) })
}

func diaryFor(v visitor, o *territory.Office, a booking.Appointment, today timetable.Date) diaryJSON {
	out := diaryJSON{
		ID: a.ID, State: a.State, Office: a.Office, Start: stamp(a.Start, o.Zone()), End: stamp(a.End, o.Zone()), Officers: officersOf(a),
	}
	if !v.seesMatter(o, a, today) {
		return out
	}
	out.matterJSON = &matterJSON{
		Token: a.Token, Reference: a.Reference, Service: a.Service, Needs: institutionsOf(a), Channel: a.Channel, Language: a.Language,
		People: a.People, Note: a.Note, Reason: a.Reason,
	}
	if a.ErasedAt.IsZero() {
		out.Contact = &contactJSON{a.Contact.Name, a.Contact.Email, a.Contact.Phone}
	}
	return out
}

// officersOf are the ids of those who do an appointment.
func officersOf(a booking.Appointment) []string {
	ids := []string{}
	for _, x := range a.Staff {
		ids = append(ids, x.Officer)
	}
	if a.Mediator != "" {
		ids = append(ids, a.Mediator)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// apiDiary lists the appointments of an office, by default those of today.
func (s *Server) apiDiary(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	var wrong wrongs
	from, until, officer := dateParam(c, "from", &wrong), dateParam(c, "to", &wrong), c.QueryParam("officer")
	if err := wrong.malformed(); err != nil {
		return err
	}
	list := listJSON[diaryJSON]{Items: []diaryJSON{}}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		o, err := reached(ctx, tx, v, c.Param("office"))
		if err != nil {
			return err
		}
		today := o.Today(tx.Now)
		if from.IsZero() {
			from = today
		}
		if until.IsZero() {
			until = from
		}
		if err := checkDiary(o, from, until, officer); err != nil {
			return err
		}
		all, err := booking.At(ctx, tx, o.ID, from, until, officer)
		if err != nil {
			return err
		}
		all, list.Next, err = listed(c, all, func(a booking.Appointment) string { return a.ID })
		for _, a := range all {
			list.Items = append(list.Items, diaryFor(v, o, a, today))
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, list)
}

// checkDiary refuses days and an officer that no diary of o has.
func checkDiary(o *territory.Office, from, until timetable.Date, officer string) error {
	var wrong wrongs
	switch {
	case until.Before(from):
		wrong.add("to", "before_from")
	case from.DaysUntil(until) >= booking.MaxDays:
		wrong.add("to", "too_many_days")
	}
	if _, known := o.Territory.Officer(officer); officer != "" && !known {
		wrong.add("officer", fieldValue)
	}
	return wrong.invalid()
}

// A diaryStep is something that staff do with an appointment of their office.
type diaryStep[B any] func(ctx context.Context, tx *store.Tx, o *territory.Office, a booking.Appointment, body B, by string) error

// apiDiaryStep answers with the appointment of the path after a step.
func apiDiaryStep[B any](s *Server, do diaryStep[B]) func(c echo.Context, v visitor) error {
	return func(c echo.Context, v visitor) error {
		var body B
		if err := decode(c, &body); err != nil {
			return err
		}
		made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
			a, o, err := appointmentOf(ctx, tx, booking.ByToken, c.Param("token"))
			switch {
			case err != nil:
				return access.Made{}, err
			case !v.in(o.Territory.ID, o.ID):
				return access.Made{}, errOffice
			case !v.seesMatter(o, a, o.Today(tx.Now)):
				return access.Made{}, errDenied
			}
			return access.Made{Status: http.StatusOK, ID: a.ID}, do(ctx, tx, o, a, body, v.by())
		})
		if err != nil {
			return err
		}
		ctx := c.Request().Context()
		var out diaryJSON
		err = s.db.View(ctx, func(tx *store.Tx) error {
			a, o, err := appointmentOf(ctx, tx, booking.ByID, made.ID)
			if err == nil {
				out = diaryFor(v, o, a, o.Today(tx.Now))
			}
			return err
		})
		if err != nil {
			return err
		}
		return c.JSON(made.Status, out)
	}
}

type reassignBody struct {
	Officer string `json:"officer"` // who is to do it
	From    string `json:"from"`    // in whose place; "" the only one whom the officer can replace
}

func (b *reassignBody) check(w *wrongs) { w.need("officer", b.Officer) }

// reassignStep gives an officer's part of an appointment to another. Its citizen comes at the same time
// to the same place, and is told nothing.
func reassignStep(ctx context.Context, tx *store.Tx, o *territory.Office, a booking.Appointment, body reassignBody, by string) error {
	to, ok := o.Territory.Officer(body.Officer)
	if !ok {
		return wrongs{{Name: "officer", Code: fieldValue}}.invalid()
	}
	from := body.From
	if from == "" {
		replaced := replaceable(a, to)
		if len(replaced) != 1 {
			return wrongs{{Name: "from", Code: fieldMissing}}.invalid()
		}
		from = replaced[0]
	}
	_, err := booking.Reassign(ctx, tx, a.ID, from, to.ID, by)
	return underName(err, "to", "officer")
}

// replaceable are the officers of an appointment who are there for an institution that to acts for.
func replaceable(a booking.Appointment, to *territory.Officer) []string {
	acts := to.ActsFor(a.Day)
	var ids []string
	for _, x := range a.Staff {
		if slices.Contains(acts, x.Institution) && !slices.Contains(ids, x.Officer) {
			ids = append(ids, x.Officer)
		}
	}
	return ids
}

func noShowStep(ctx context.Context, tx *store.Tx, _ *territory.Office, a booking.Appointment, _ nothing, by string) error {
	_, err := booking.MarkNoShow(ctx, tx, a.ID, by)
	return err
}

type cancelBody struct {
	Reason string `json:"reason"`
}

func (b *cancelBody) check(w *wrongs) {
	w.need("reason", b.Reason)
	w.among("reason", b.Reason, callOffReasons)
}

// cancelStep cancels an appointment; a second time changes nothing.
func (s *Server) cancelStep(ctx context.Context, tx *store.Tx, o *territory.Office, a booking.Appointment, body cancelBody, by string) error {
	if a.State == booking.Cancelled {
		return nil
	}
	_, err := s.callOff(ctx, tx, o, a, body.Reason, by)
	return err
}

// callOffReasons are why staff cancel an appointment. The first is the citizen's own wish.
var callOffReasons = []string{"asked", "officer_absent", "office_closed", "mistake", "else"}

// callOff cancels an appointment of an office and tells its citizen, who is offered the next starts unless
// it was at their wish. Who has arrived is in the queue and seen to there: then it is the fault
// appointment_state.
func (s *Server) callOff(ctx context.Context, tx *store.Tx, o *territory.Office, a booking.Appointment, reason, by string) (booking.Appointment, error) {
	if a.State != booking.Booked {
		return booking.Appointment{}, wrongState(a)
	}
	over, err := booking.CancelByStaff(ctx, tx, a.ID, reason, by)
	if err != nil {
		return booking.Appointment{}, err
	}
	if reason == callOffReasons[0] {
		return over, s.tell(ctx, tx, over, newsCancelled)
	}
	offers, err := nextStarts(ctx, tx, o, over)
	if err != nil {
		return booking.Appointment{}, err
	}
	return over, s.tell(ctx, tx, over, newsCalledOff, offers...)
}

// How far, and how many, other starts are offered to whose appointment was called off.
const (
	offeredDays   = 31
	offeredStarts = 3
)

// nextStarts are the next free starts at the office of an appointment that was called off, on other days:
// what it was called off for may last.
func nextStarts(ctx context.Context, tx *store.Tx, o *territory.Office, a booking.Appointment) ([]booking.Slot, error) {
	today := o.Today(tx.Now)
	q := booking.Query{Office: o.ID, Service: a.Service, From: today, Until: today.AddDays(offeredDays), Channel: territory.Online}
	if a.MustSpeak {
		q.Language = a.Language
	}
	found, err := booking.Available(ctx, tx, q)
	if fault.Code(err) == "unknown_service" {
		return nil, nil // the office has it no more
	}
	if err != nil {
		return nil, err
	}
	starts := slices.DeleteFunc(found.Offices[0].Starts, func(x booking.Slot) bool { return timetable.DateOf(x.Start) == a.Day })
	return starts[:min(len(starts), offeredStarts)], nil
}
