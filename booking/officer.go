package booking

import (
	"context"
	"fmt"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// ToDo returns the appointments and sessions that an officer has to do and that are not over, in the
// order of their start.
func ToDo(ctx context.Context, tx *store.Tx, territory, officer string) ([]Appointment, error) {
	now := store.Millis(tx.Now)
	all, err := store.All(ctx, tx, scanAppointment, selectAppointments+`
WHERE a.id IN (SELECT appointment_id FROM claims WHERE resource_id = $1 AND slot_at > $2)
  AND a.state IN ('booked', 'arrived', 'in_service') AND a.end_at > $3
ORDER BY a.start_at, a.id`, officerResource(territory, officer), now-timetable.Grid*time.Minute.Milliseconds(), now)
	if err != nil {
		return nil, fmt.Errorf("read what an officer has to do: %w", err)
	}
	ids := make([]string, len(all))
	for i, a := range all {
		ids[i] = a.ID
	}
	staff, err := StaffOf(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].setStaff(staff[all[i].ID])
	}
	return all, nil
}

// setStaff sets who does an appointment, mediators with no institution.
func (a *Appointment) setStaff(staff []timetable.Assignment) {
	for _, s := range staff {
		if s.Institution == "" {
			a.Mediator = s.Officer
			continue
		}
		a.Staff = append(a.Staff, s)
	}
}

const moveStart = `
UPDATE appointments SET day = $3, start_at = $4, end_at = $5, sequence = sequence + 1, changed_at = $6 WHERE id = $1 AND state = $2`

// MoveTo gives the booked appointment id another start, with the same officers and room, as they have
// agreed. It need not lie where new ones do, but on the five minutes of the office's day. by is who does
// it. The faults are unknown_appointment, appointment_state, appointment_changed, slot_too_late for a
// start that is past, officer_not_free, be it the room, and slot_missing where the office is not open.
func MoveTo(ctx context.Context, tx *store.Tx, id string, start time.Time, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	versions, err := lockAll(ctx, tx, &a)
	if err != nil {
		return Appointment{}, err
	}
	if err := a.from(Booked); err != nil {
		return Appointment{}, err
	}
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return Appointment{}, err
	}
	if !onGrid(o, start) {
		return Appointment{}, errNoSlot
	}
	before := a
	a.Start, a.End, a.ChangedAt = start.UTC(), start.Add(a.End.Sub(a.Start)).UTC(), tx.Now
	a.Day = timetable.DateOf(start.In(o.Zone()))
	a.Sequence++
	x, err := settingOf(ctx, tx, o, a)
	if err != nil {
		return Appointment{}, err
	}
	x.cast("", func(string) bool { return false })
	if why := x.against(a.Start, tx.Now); len(why) > 0 {
		return Appointment{}, notThen(why)
	}
	x.appointment = before
	if err := x.claim(ctx, tx, a); err != nil {
		return Appointment{}, err
	}
	changed, err := tx.Exec(ctx, moveStart, a.ID, string(a.State), a.Day.String(), store.Millis(a.Start), store.Millis(a.End), store.Millis(tx.Now))
	if err != nil {
		return Appointment{}, fmt.Errorf("move: %w", err)
	}
	if changed == 0 {
		return Appointment{}, errChanged
	}
	for _, x := range []Appointment{before, a} {
		if err := markSpan(ctx, tx, versions, x); err != nil {
			return Appointment{}, err
		}
	}
	return a, recordMove(ctx, tx, before, a, versions, by)
}

var errNoSlot = fault.New(fault.Invalid, "slot_missing")

// notThen is why those who do an appointment cannot do it at another time.
func notThen(why []timetable.Obstacle) error {
	for _, o := range why {
		switch o.Code {
		case timetable.TooLate:
			return fault.New(fault.Conflict, "slot_too_late")
		case timetable.ByOpening, timetable.ByClosure:
			return errNoSlot
		}
	}
	return errNotFree
}
