package booking

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Citizen is who acts by token, in the audit.
const Citizen = "citizen"

// Details are what a citizen who has a hold says to book it.
type Details struct {
	Contact  Contact
	Language string // of the citizen; empty: as it was held
	Note     string // at most 500 characters
	Again    bool   // although the person has an appointment for the same; for staff
	By       string // who books, in the audit
}

// errHoldExpired is returned for a hold whose time is over.
var errHoldExpired = fault.New(fault.Gone, "hold_expired")

// Book makes an appointment of the hold of a token, with the same token. Its faults are unknown_hold,
// hold_expired, invalid with the fields, duplicate_need when the person has an appointment for this
// service, with its when and reference for staff, and too_many_appointments.
func Book(ctx context.Context, tx *store.Tx, key Key, hold string, d Details) (Appointment, error) {
	contact, err := d.checked()
	if err != nil {
		return Appointment{}, err
	}
	a, err := heldBy(ctx, tx, hold)
	if err != nil {
		return Appointment{}, err
	}
	persons := key.Persons(contact)
	if err := lockPersons(ctx, tx, persons); err != nil {
		return Appointment{}, err
	}
	if err := checkLimits(ctx, tx, a, persons, d.Again); err != nil {
		return Appointment{}, err
	}
	versions, err := lockAll(ctx, tx, &a)
	if err != nil {
		return Appointment{}, err
	}
	if err := a.live(tx.Now); err != nil {
		return Appointment{}, err
	}
	a.Contact, a.Note = contact, strings.TrimSpace(d.Note)
	a.Contact.FiscalCode = "" // persons keep its digest, nothing else does
	if d.Language != "" {
		a.Language = d.Language
	}
	if err := confirm(ctx, tx, &a); err != nil {
		return Appointment{}, fmt.Errorf("book: %w", err)
	}
	if err := endOffered(ctx, tx, a.ID); err != nil {
		return Appointment{}, err
	}
	if err := savePersons(ctx, tx, appointmentPersons, a.ID, persons); err != nil {
		return Appointment{}, err
	}
	if err := markSpan(ctx, tx, versions, a); err != nil {
		return Appointment{}, err
	}
	return a, record(ctx, tx, a, versions, d.By, "appointment.book", map[string]any{
		"service": a.Service, "start": store.Millis(a.Start), "channel": string(a.Channel),
	})
}

func (d Details) checked() (Contact, error) {
	contact, err := d.Contact.Checked()
	wrong := wrongs{}
	if f, ok := err.(*fault.Error); ok {
		wrong = f.Fields
	}
	if !printable(d.Note, maxNote) {
		wrong.add("note", "bad_text")
	}
	if d.Language != "" && !known(d.Language) {
		wrong.add("language", "unknown_value")
	}
	return contact, wrong.fault()
}

// heldBy reads the hold of a token.
func heldBy(ctx context.Context, tx *store.Tx, token string) (Appointment, error) {
	a, err := ByToken(ctx, tx, token)
	if fault.Code(err) == errUnknown.Code {
		return Appointment{}, errUnknownHold
	}
	if err != nil {
		return Appointment{}, err
	}
	return a, a.live(tx.Now)
}

var errUnknownHold = fault.New(fault.Missing, "unknown_hold")

// live refuses what is no hold, or one no more.
func (a Appointment) live(now time.Time) error {
	switch {
	case a.State == Expired, a.State == Held && !now.Before(a.HoldUntil):
		return errHoldExpired
	case a.State != Held:
		return errUnknownHold
	}
	return nil
}

const (
	confirmHold = `
UPDATE appointments SET state = 'booked', hold_until = 0, name = $2, email = $3, phone = $4, note = $5,
  language = $6, changed_at = $7
WHERE id = $1 AND state = 'held'`
	confirmClaims = `UPDATE claims SET until = 0 WHERE appointment_id = $1`
)

// confirm makes a hold that is live an appointment, and its claims with it.
func confirm(ctx context.Context, tx *store.Tx, a *Appointment) error {
	a.State, a.HoldUntil, a.ChangedAt = Booked, time.Time{}, tx.Now
	changed, err := tx.Exec(ctx, confirmHold, a.ID, a.Contact.Name, a.Contact.Email, a.Contact.Phone, a.Note, a.Language, store.Millis(tx.Now))
	if err != nil {
		return err
	}
	if changed == 0 {
		return errHoldExpired
	}
	claims, err := tx.Exec(ctx, confirmClaims, a.ID)
	if err == nil && claims == 0 {
		err = fmt.Errorf("appointment %s has no claims", a.ID)
	}
	return err
}

// markSpan notes that the claims of an appointment changed.
func markSpan(ctx context.Context, tx *store.Tx, versions locked, a Appointment) error {
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	// Buffers may have been others when it was made: an hour covers the midnights of all zones.
	return versions.mark(ctx, tx, o.Territory, a.Start.Add(-time.Hour), a.End.Add(time.Hour))
}

func record(ctx context.Context, tx *store.Tx, a Appointment, versions locked, by, action string, detail map[string]any) error {
	return audit.Record(ctx, tx, audit.Entry{
		Scope: a.Office, Version: versions[a.Office], Actor: by, Action: action, Subject: a.Subject(), Detail: detail,
	})
}

const endHold = `
UPDATE appointments SET state = 'expired', hold_until = 0, changed_at = $2, ended_at = $2 WHERE id = $1 AND state = 'held'`

// Release gives up a hold before its time is over. It is harmless to repeat.
func Release(ctx context.Context, tx *store.Tx, hold string) error {
	a, err := heldBy(ctx, tx, hold)
	if fault.Code(err) == errHoldExpired.Code {
		return nil
	}
	if err != nil {
		return err
	}
	versions, err := lockAll(ctx, tx, &a)
	if err != nil {
		return err
	}
	ended, err := tx.Exec(ctx, endHold, a.ID, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("release hold: %w", err)
	}
	if ended == 0 {
		return nil
	}
	if err := release(ctx, tx, a.ID); err != nil {
		return err
	}
	return markSpan(ctx, tx, versions, a)
}

// Move gives the appointment of a token the time, place and officers of a hold for the same service, at
// the citizen's wish until MoveUntil. Token and reference stay. Its faults are unknown_appointment,
// appointment_state, too_late_to_change with the last instant, unknown_hold, hold_expired and
// other_service.
func Move(ctx context.Context, tx *store.Tx, token, hold string) (Appointment, error) {
	a, err := ByToken(ctx, tx, token)
	if err != nil {
		return Appointment{}, err
	}
	return move(ctx, tx, a, hold, Citizen)
}

// MoveByStaff is Move of the appointment id by staff, at any time before the citizen has arrived. by is
// who does it.
func MoveByStaff(ctx context.Context, tx *store.Tx, id, hold, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	return move(ctx, tx, a, hold, by)
}

const moveAppointment = `
UPDATE appointments SET office_id = $2, day = $3, start_at = $4, end_at = $5, room_id = $6, channel = $7, must_speak = $8,
  sequence = sequence + 1, changed_at = $9
WHERE id = $1 AND state = 'booked'`

func move(ctx context.Context, tx *store.Tx, a Appointment, hold, by string) (Appointment, error) {
	h, err := heldBy(ctx, tx, hold)
	if err != nil {
		return Appointment{}, err
	}
	versions, err := lockAll(ctx, tx, &a, &h)
	if err != nil {
		return Appointment{}, err
	}
	if err := h.live(tx.Now); err != nil {
		return Appointment{}, err
	}
	if err := a.from(Booked); err != nil {
		return Appointment{}, err
	}
	if h.Service != a.Service || h.Territory != a.Territory {
		return Appointment{}, fault.New(fault.Invalid, "other_service")
	}
	if by == Citizen {
		if err := a.changeable(ctx, tx); err != nil {
			return Appointment{}, err
		}
	}
	if err := endOffered(ctx, tx, h.ID); err != nil {
		return Appointment{}, err
	}
	before := a
	a.Office, a.Day, a.Start, a.End, a.Channel, a.MustSpeak = h.Office, h.Day, h.Start, h.End, h.Channel, h.MustSpeak
	a.Staff, a.Mediator, a.Room = h.Staff, h.Mediator, h.Room
	a.Sequence++
	a.ChangedAt = tx.Now
	if err := takeOver(ctx, tx, a, h); err != nil {
		return Appointment{}, fmt.Errorf("move: %w", err)
	}
	for _, changed := range []Appointment{before, a} {
		if err := markSpan(ctx, tx, versions, changed); err != nil {
			return Appointment{}, err
		}
	}
	return a, recordMove(ctx, tx, before, a, versions, by)
}

// takeOver gives an appointment what a hold claimed, and ends the hold.
func takeOver(ctx context.Context, tx *store.Tx, a, h Appointment) error {
	changed, err := tx.Exec(ctx, moveAppointment, a.ID, a.Office, a.Day.String(), store.Millis(a.Start), store.Millis(a.End), a.Room,
		string(a.Channel), a.MustSpeak, store.Millis(tx.Now))
	if err != nil {
		return err
	}
	if changed == 0 {
		return errChanged
	}
	ended, err := tx.Exec(ctx, endHold, h.ID, store.Millis(tx.Now))
	if err != nil {
		return err
	}
	if ended == 0 {
		return errHoldExpired
	}
	if err := release(ctx, tx, a.ID); err != nil {
		return err
	}
	const hand = `UPDATE claims SET appointment_id = $2, until = 0 WHERE appointment_id = $1`
	if _, err := tx.Exec(ctx, hand, h.ID, a.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM appointments WHERE id = $1`, h.ID); err != nil {
		return err
	}
	return saveTeam(ctx, tx, a)
}

// recordMove records a move at both offices, in the order of their ids.
func recordMove(ctx context.Context, tx *store.Tx, before, a Appointment, versions locked, by string) error {
	detail := map[string]any{"from": store.Millis(before.Start), "to": store.Millis(a.Start)}
	if before.Office == a.Office {
		return record(ctx, tx, a, versions, by, "appointment.move", detail)
	}
	detail["from_office"], detail["to_office"] = before.Office, a.Office
	for _, at := range sorted(locked{before.Office: 0, a.Office: 0}) {
		there := a
		there.Office = at
		if err := record(ctx, tx, there, versions, by, "appointment.move", detail); err != nil {
			return err
		}
	}
	return nil
}

// changeable refuses what the citizen may change no more.
func (a Appointment) changeable(ctx context.Context, tx *store.Tx) error {
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	until := a.Start
	if s, ok := o.Territory.Service(a.Service); ok {
		until = a.MoveUntil(s)
	}
	if tx.Now.After(until) {
		return fault.New(fault.Conflict, "too_late_to_change", "until", until.In(o.Zone()))
	}
	return nil
}
