package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

var errUnknown = fault.New(fault.Missing, "unknown_appointment")

const selectAppointments = `
SELECT a.id, a.token, a.reference, a.territory_id, a.office_id, a.service_id, a.state, a.day, a.start_at, a.end_at, a.people,
  a.language, a.must_speak, a.channel, a.session, a.hold_until, a.room_id, a.name, a.email, a.phone, a.note, a.erased_at,
  a.reason, a.sequence, a.created_at, a.changed_at, a.arrived_at, a.started_at, a.ended_at
FROM appointments a `

func scanAppointment(row store.Row) (Appointment, error) {
	var a Appointment
	var day string
	var start, end, hold, erased, created, changed, arrived, started, ended int64
	err := row.Scan(&a.ID, &a.Token, &a.Reference, &a.Territory, &a.Office, &a.Service, &a.State, &day, &start, &end, &a.People,
		&a.Language, &a.MustSpeak, &a.Channel, &a.Session, &hold, &a.Room, &a.Contact.Name, &a.Contact.Email, &a.Contact.Phone, &a.Note, &erased,
		&a.Reason, &a.Sequence, &created, &changed, &arrived, &started, &ended)
	if err != nil {
		return Appointment{}, err
	}
	if a.Day, err = timetable.ParseDate(day); err != nil {
		return Appointment{}, err
	}
	a.Reference = spaced(a.Reference)
	a.Start, a.End, a.HoldUntil, a.ErasedAt = store.FromMillis(start), store.FromMillis(end), store.FromMillis(hold), store.FromMillis(erased)
	a.CreatedAt, a.ChangedAt = store.FromMillis(created), store.FromMillis(changed)
	a.ArrivedAt, a.StartedAt, a.EndedAt = store.FromMillis(arrived), store.FromMillis(started), store.FromMillis(ended)
	return a, nil
}

// ByID returns the appointment id, or the fault unknown_appointment.
func ByID(ctx context.Context, tx *store.Tx, id string) (Appointment, error) {
	return one(ctx, tx, `WHERE a.id = $1`, id)
}

// ByToken returns the hold or appointment of a citizen's secret token, or the fault
// unknown_appointment.
func ByToken(ctx context.Context, tx *store.Tx, token string) (Appointment, error) {
	return one(ctx, tx, `WHERE a.token = $1`, token)
}

// ByReference returns the appointment of a reference, in whatever way it is written, or the fault
// unknown_appointment. Holds have none yet.
func ByReference(ctx context.Context, tx *store.Tx, reference string) (Appointment, error) {
	return one(ctx, tx, `WHERE a.reference = $1 AND a.state NOT IN ('held', 'expired') AND NOT a.session`, plain(reference))
}

// At returns the appointments of an office that begin on the days from to until, both included, in the
// order of their start, and without holds and sessions. An officer that is not empty leaves only those it does.
func At(ctx context.Context, tx *store.Tx, office string, from, until timetable.Date, officer string) ([]Appointment, error) {
	return list(ctx, tx, `
WHERE a.office_id = $1 AND a.day >= $2 AND a.day <= $3 AND a.state NOT IN ('held', 'expired') AND NOT a.session
  AND ($4 = '' OR EXISTS (SELECT 1 FROM appointment_staff s WHERE s.appointment_id = a.id AND s.officer_id = $4))
ORDER BY a.start_at, a.id`, office, from.String(), until.String(), officer)
}

// one reads the appointment that a condition selects, or the fault unknown_appointment.
func one(ctx context.Context, tx *store.Tx, condition string, args ...any) (Appointment, error) {
	a, err := scanAppointment(tx.QueryRow(ctx, selectAppointments+condition, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Appointment{}, errUnknown
	}
	if err != nil {
		return Appointment{}, fmt.Errorf("read appointment: %w", err)
	}
	err = a.readStaff(ctx, tx)
	return a, err
}

// list reads the appointments that a condition selects, in its order.
func list(ctx context.Context, tx *store.Tx, condition string, args ...any) ([]Appointment, error) {
	all, err := store.All(ctx, tx, scanAppointment, selectAppointments+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read appointments: %w", err)
	}
	for i := range all {
		if err := all[i].readStaff(ctx, tx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

const selectStaff = `
SELECT need, officer_id FROM appointment_staff WHERE appointment_id = $1 ORDER BY position`

func (a *Appointment) readStaff(ctx context.Context, tx *store.Tx) error {
	staff, err := store.All(ctx, tx, func(row store.Row) (s timetable.Assignment, err error) {
		err = row.Scan(&s.Institution, &s.Officer)
		return s, err
	}, selectStaff, a.ID)
	if err != nil {
		return fmt.Errorf("read staff of appointment: %w", err)
	}
	for _, s := range staff {
		a.assign(s)
	}
	return nil
}

// assign has somebody do the appointment, a mediator for no institution.
func (a *Appointment) assign(s timetable.Assignment) {
	if s.Institution == "" {
		a.Mediator = s.Officer
		return
	}
	a.Staff = append(a.Staff, s)
}

// StaffOf returns who does each of the appointments of ids, mediators with no institution.
func StaffOf(ctx context.Context, tx *store.Tx, ids []string) (map[string][]timetable.Assignment, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := tx.Query(ctx, `
SELECT appointment_id, need, officer_id FROM appointment_staff
WHERE appointment_id IN (`+placeholders(1, len(ids))+`) ORDER BY appointment_id, position`, args...)
	if err != nil {
		return nil, fmt.Errorf("read staff of appointments: %w", err)
	}
	defer rows.Close()
	staff := make(map[string][]timetable.Assignment)
	for rows.Next() {
		var id string
		var s timetable.Assignment
		if err := rows.Scan(&id, &s.Institution, &s.Officer); err != nil {
			return nil, fmt.Errorf("read staff of appointments: %w", err)
		}
		staff[id] = append(staff[id], s)
	}
	return staff, rows.Err()
}

// placeholders returns n placeholders from $first, as a list.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}
