package booking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/store"
)

// How long an ended hold is known, so that who comes too late is told so, and past claims are kept.
const (
	keepExpired = 24 * time.Hour
	keepClaims  = 7 * 24 * time.Hour
)

const (
	selectHeld    = `SELECT id FROM appointments WHERE state = 'held' AND hold_until <= $1`
	deleteExpired = `DELETE FROM appointments WHERE state = 'expired' AND ended_at <= $1`
	deleteClaims  = `DELETE FROM claims WHERE slot_at <= $1`
	deleteBusy    = `DELETE FROM busy WHERE until_at <= $1`
	deleteDays    = `DELETE FROM diary_days WHERE day < $1`
	deletePersons = `
DELETE FROM persons WHERE seen_at <= $1 AND NOT EXISTS (SELECT 1 FROM appointment_persons p WHERE p.person = persons.person)
  AND NOT EXISTS (SELECT 1 FROM waiting_persons p WHERE p.person = persons.person)
  AND NOT EXISTS (SELECT 1 FROM seat_persons p WHERE p.person = persons.person)`
)

// Sweep ends the holds whose time is over and takes away what nobody asks for any more. What is
// offered does not change by it.
func Sweep(ctx context.Context, tx *store.Tx) error {
	over, err := store.Column[string](ctx, tx, selectHeld, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("sweep holds: %w", err)
	}
	slices.Sort(over)
	for _, id := range over {
		if err := expire(ctx, tx, id); err != nil {
			return err
		}
	}
	for _, done := range []struct {
		statement string
		before    any
	}{
		{deleteExpired, store.Millis(tx.Now.Add(-keepExpired))},
		{deleteClaims, store.Millis(tx.Now.Add(-keepClaims))},
		{deleteBusy, store.Millis(tx.Now.Add(-keepClaims))},
		{deleteDays, tx.Now.Add(-keepClaims).Format(time.DateOnly)},
		{deletePersons, store.Millis(tx.Now.Add(-keepExpired))},
	} {
		if _, err := tx.Exec(ctx, done.statement, done.before); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	return nil
}

// EraseAt returns when the contact data of an appointment is erased: when the last of the institutions
// that took part need not keep it any more.
func EraseAt(t *territory.Territory, a Appointment) time.Time {
	s, ok := t.Service(a.Service)
	if !ok {
		return a.End
	}
	days := 0
	for _, id := range s.Institutions() {
		if i, ok := t.Institution(id); ok {
			days = max(days, i.RetentionDays)
		}
	}
	return a.End.AddDate(0, 0, days)
}

// oldContacts selects what is past and has somebody's contact, of its own or of its seats.
const oldContacts = `
WHERE a.end_at <= $1 AND (a.erased_at = 0 AND a.name <> ''
  OR a.session AND EXISTS (SELECT 1 FROM seats s WHERE s.meeting_id = a.id AND s.erased_at = 0 AND s.name <> ''))
ORDER BY a.id`

// EraseOld erases the contact data of appointments and seats that nobody need keep any more, and notes it.
func EraseOld(ctx context.Context, tx *store.Tx) error {
	past, err := list(ctx, tx, oldContacts, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("erase old contacts: %w", err)
	}
	for _, a := range past {
		t, err := territory.Read(ctx, tx, a.Territory)
		if err != nil {
			return err
		}
		if tx.Now.Before(EraseAt(t, a)) {
			continue
		}
		subjects, err := a.subjects(ctx, tx)
		if err != nil {
			return err
		}
		for _, subject := range subjects {
			if _, err := Forget(ctx, tx, subject); err != nil {
				return err
			}
			if err := audit.Erase(ctx, tx, subject); err != nil {
				return err
			}
		}
	}
	return nil
}

// subjects returns what has the contacts of an appointment: it, or the seats of a session.
func (a Appointment) subjects(ctx context.Context, tx *store.Tx) ([]string, error) {
	if !a.Session {
		return []string{a.Subject()}, nil
	}
	seats, err := listSeats(ctx, tx, `WHERE s.meeting_id = $1 AND s.erased_at = 0 ORDER BY s.id`, a.ID)
	var all []string
	for _, s := range seats {
		all = append(all, s.Subject())
	}
	return all, err
}

// Erase erases the contact data of the appointment of a token, at the wish of its citizen, and notes it.
// By is who does it. An appointment that is ahead still holds, for whoever has its token or reference.
func Erase(ctx context.Context, tx *store.Tx, token, by string) (Appointment, error) {
	a, err := ByToken(ctx, tx, token)
	if err != nil {
		return Appointment{}, err
	}
	version, err := territory.Lock(ctx, tx, a.Office)
	if err != nil {
		return Appointment{}, err
	}
	if err := erase(ctx, tx, a.ID); err != nil {
		return Appointment{}, err
	}
	if err := audit.Erase(ctx, tx, a.Subject()); err != nil {
		return Appointment{}, err
	}
	if a, err = ByID(ctx, tx, a.ID); err != nil {
		return Appointment{}, err
	}
	return a, record(ctx, tx, a, locked{a.Office: version}, by, "appointment.erase", nil)
}

// Forget erases again what a subject of the audit names, and reports whether it is an appointment, a
// seat or a place in the waiting list.
func Forget(ctx context.Context, tx *store.Tx, subject string) (bool, error) {
	if id, ours := strings.CutPrefix(subject, subjectPrefix); ours {
		return true, erase(ctx, tx, id)
	}
	if id, ours := strings.CutPrefix(subject, seatPrefix); ours {
		return true, eraseSeat(ctx, tx, id)
	}
	if id, ours := strings.CutPrefix(subject, waitingPrefix); ours {
		return true, forgetWaiting(ctx, tx, id)
	}
	return false, nil
}

const (
	eraseContact = `
UPDATE appointments SET name = '', email = '', phone = '', note = '', erased_at = $2 WHERE id = $1 AND erased_at = 0`
	erasePersons = `DELETE FROM appointment_persons WHERE appointment_id = $1`
)

// erase takes away who an appointment is for. What stays has no identity.
func erase(ctx context.Context, tx *store.Tx, id string) error {
	_, contact := tx.Exec(ctx, eraseContact, id, store.Millis(tx.Now))
	_, keys := tx.Exec(ctx, erasePersons, id)
	if err := errors.Join(contact, keys); err != nil {
		return fmt.Errorf("erase appointment: %w", err)
	}
	return nil
}

// Holdings are what is held on a person.
type Holdings struct {
	Appointments []Appointment // in the order of their start
	Seats        []Seat        // in the order in which they were asked for
	Waiting      []Waiting     // the longest first
}

// Export returns everything that is held on a person.
func Export(ctx context.Context, tx *store.Tx, persons []Person) (Holdings, error) {
	var h Holdings
	var err error
	if h.Appointments, err = appointmentsOf(ctx, tx, persons, "", 0, ""); err != nil {
		return h, err
	}
	if h.Seats, err = seatsOf(ctx, tx, persons); err != nil {
		return h, err
	}
	h.Waiting, err = waitingOf(ctx, tx, persons)
	return h, err
}
