package booking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Reassign gives what an officer does in the appointment id to another one of the office. Time,
// institutions and the other officers stay. by is who does it. Its faults are unknown_appointment,
// appointment_state, appointment_changed, officer_unfit for one who does not do that service for those
// institutions, officer_not_free for one who cannot then, and invalid with the fields from and to.
func Reassign(ctx context.Context, tx *store.Tx, id, from, to, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	o, versions, err := lockWith(ctx, tx, a.Office, []string{from, to})
	if err != nil {
		return Appointment{}, err
	}
	if a, err = ByID(ctx, tx, id); err != nil {
		return Appointment{}, err
	}
	if a.Office != o.ID {
		return Appointment{}, errChanged
	}
	states := []State{Booked, Arrived}
	if a.Session {
		states = append(states, ofSession)
	}
	if err := a.from(states...); err != nil {
		return Appointment{}, err
	}
	if err := checkReplacement(o, a, from, to); err != nil {
		return Appointment{}, err
	}
	changed, why, err := replace(ctx, tx, o, a, versions, from, by, func(id string) bool { return id == to })
	if err == nil && len(why) > 0 {
		err = unfit(why)
	}
	return changed, err
}

// checkReplacement refuses who is not there to be replaced, or to replace anybody.
func checkReplacement(o *territory.Office, a Appointment, from, to string) error {
	var wrong wrongs
	if !slices.Contains(a.officers(), from) {
		wrong.add("from", "unknown_value")
	}
	if f, ok := o.Territory.Officer(to); !ok || !f.At(o.ID) {
		wrong.add("to", "unknown_value")
	}
	if err := wrong.fault(); err != nil {
		return err
	}
	if slices.Contains(a.officers(), to) {
		return errNotFree
	}
	return nil
}

var errNotFree = fault.New(fault.Conflict, "officer_not_free")

// unfit is the fault of the only officer who was asked to replace another.
func unfit(why []timetable.Obstacle) error {
	cannot := func(o timetable.Obstacle) bool { return o.Who != "" }
	if slices.ContainsFunc(why, cannot) {
		return errNotFree
	}
	return fault.New(fault.Conflict, "officer_unfit")
}

// ReassignAll gives all booked and arrived appointments of an office that an officer does between two
// instants to others who can do them, in the usual order of choice. It returns them, and those that
// nobody can take with what every other officer does instead; both in the order of their start. Its
// faults are unknown_office, appointment_changed when rotas were changed meanwhile, and invalid with
// the fields from and until, as for Block.
func ReassignAll(ctx context.Context, tx *store.Tx, office, officer string, from, until time.Time, by string) ([]Appointment, []Stuck, error) {
	o, versions, err := lockStaff(ctx, tx, office, officer)
	if err != nil {
		return nil, nil, err
	}
	var wrong wrongs
	wrong.checkSpan(o, from, until, tx.Now)
	if err := wrong.fault(); err != nil {
		return nil, nil, err
	}
	all, err := doneBy(ctx, tx, office, officer, from, until)
	if err != nil {
		return nil, nil, err
	}
	var done []Appointment
	var stuck []Stuck
	for _, a := range all {
		changed, why, err := replace(ctx, tx, o, a, versions, officer, by, func(string) bool { return true })
		if err != nil {
			return nil, nil, err
		}
		if len(why) > 0 {
			stuck = append(stuck, Stuck{a, why})
			continue
		}
		done = append(done, changed)
	}
	return done, stuck, nil
}

// lockStaff locks an office and all that see it when anybody who works there, or the officer, is
// claimed.
func lockStaff(ctx context.Context, tx *store.Tx, office, officer string) (*territory.Office, locked, error) {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return nil, nil, err
	}
	return lockWith(ctx, tx, office, append(staffOf(o), officer))
}

// doneBy returns what an officer has to do at an office between two instants, in the order of the
// start.
func doneBy(ctx context.Context, tx *store.Tx, office, officer string, from, until time.Time) ([]Appointment, error) {
	return list(ctx, tx, `
WHERE a.office_id = $1 AND a.end_at > $2 AND a.start_at < $3 AND a.state IN ('booked', 'arrived')
  AND EXISTS (SELECT 1 FROM appointment_staff s WHERE s.appointment_id = a.id AND s.officer_id = $4)
ORDER BY a.start_at, a.id`, office, store.Millis(from), store.Millis(until), officer)
}

const touchAppointment = `
UPDATE appointments SET sequence = sequence + 1, changed_at = $3 WHERE id = $1 AND state = $2`

// replace gives what an officer does in an appointment to the best of those whom instead accepts, or
// says why it cannot.
func replace(ctx context.Context, tx *store.Tx, o *territory.Office, a Appointment, versions locked, from, by string, instead func(id string) bool) (Appointment, []timetable.Obstacle, error) {
	x, err := settingOf(ctx, tx, o, a)
	if err != nil {
		return Appointment{}, nil, err
	}
	x.cast(from, instead)
	plan := timetable.NewPlan(x.demand)
	bit, _ := x.supply.Bit(a.Start)
	team, ok := plan.Staff(&x.supply, bit)
	if !ok {
		return a, plan.Explain(&x.supply, nil, a.Start), nil
	}
	before := a.officers()
	a.Staff, a.Mediator, a.ChangedAt = team.Officers, team.Mediator, tx.Now
	a.Sequence++ // for the calendars of those who do it
	if err := x.claim(ctx, tx, a); err != nil {
		return Appointment{}, nil, err
	}
	changed, err := tx.Exec(ctx, touchAppointment, a.ID, string(a.State), store.Millis(tx.Now))
	if err != nil {
		return Appointment{}, nil, fmt.Errorf("reassign: %w", err)
	}
	if changed == 0 {
		return Appointment{}, nil, errChanged
	}
	if err := markSpan(ctx, tx, versions, a); err != nil {
		return Appointment{}, nil, err
	}
	return a, nil, record(ctx, tx, a, versions, by, "appointment.reassign", map[string]any{
		"from": from, "to": strings.Join(without(a.officers(), before), "+"),
	})
}

// Relieve gives what officers do in the appointment id although they are busy with something else to
// others who can do it, in the usual order of choice, and reports whether nothing takes any of it any
// more. Of several officers some may then have been relieved all the same; the room's and the office's
// busy time is nobody's to relieve. by is who does it.
// Its faults are unknown_appointment, appointment_state, and appointment_changed when it or rotas were
// changed meanwhile.
func Relieve(ctx context.Context, tx *store.Tx, id, by string) (Appointment, bool, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, false, err
	}
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return Appointment{}, false, err
	}
	o, versions, err := lockWith(ctx, tx, a.Office, append(staffOf(o), a.officers()...))
	if err != nil {
		return Appointment{}, false, err
	}
	if a, err = ByID(ctx, tx, id); err != nil {
		return Appointment{}, false, err
	}
	if a.Office != o.ID {
		return Appointment{}, false, errChanged
	}
	if err := a.from(Booked, Arrived); err != nil {
		return Appointment{}, false, err
	}
	tired, ok, err := busyIn(ctx, tx, o, a)
	if err != nil || !ok {
		return a, false, err
	}
	for _, officer := range tired {
		changed, why, err := replace(ctx, tx, o, a, versions, officer, by, func(string) bool { return true })
		if err != nil {
			return Appointment{}, false, err
		}
		if len(why) > 0 {
			return a, false, nil
		}
		a = changed
	}
	return a, true, nil
}

// busyIn returns the officers of an appointment who are busy then, and whether they alone are.
func busyIn(ctx context.Context, tx *store.Tx, o *territory.Office, a Appointment) ([]string, bool, error) {
	all, err := busyAt(ctx, tx, o, a.Start, a.End)
	if err != nil {
		return nil, false, err
	}
	var officers []string
	for _, b := range all {
		switch {
		case !b.Takes(a):
		case b.Officer == "":
			return nil, false, nil
		default:
			officers = append(officers, b.Officer)
		}
	}
	slices.Sort(officers)
	return slices.Compact(officers), true, nil
}
