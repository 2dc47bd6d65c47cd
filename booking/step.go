package booking

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// ByWish is the reason of an appointment that its citizen cancelled.
const ByWish = "citizen"

// ofSession stands among the states of from for appointments that are sessions, and no others.
const ofSession State = "session"

// from refuses a step from any other than the given states, with appointment_state.
func (a Appointment) from(states ...State) error {
	if slices.Contains(states, a.State) && a.Session == slices.Contains(states, ofSession) {
		return nil
	}
	return fault.New(fault.Conflict, "appointment_state", "state", string(a.State))
}

// Cancel ends the appointment of a token at the citizen's wish, until MoveUntil, and frees its time. A
// second time changes nothing. Its faults are unknown_appointment, appointment_state and
// too_late_to_change.
func Cancel(ctx context.Context, tx *store.Tx, token string) (Appointment, error) {
	a, err := ByToken(ctx, tx, token)
	if err != nil || a.State == Cancelled {
		return a, err
	}
	if err := a.changeable(ctx, tx); err != nil {
		return Appointment{}, err
	}
	return cancel(ctx, tx, a, ByWish, Citizen, Booked)
}

// CancelByStaff ends the appointment id for a reason, which is a code, and frees its time. The faults
// are unknown_appointment, appointment_state and reason_missing.
func CancelByStaff(ctx context.Context, tx *store.Tx, id, reason, by string) (Appointment, error) {
	if !audit.IsCode(reason) {
		return Appointment{}, fault.New(fault.Invalid, "reason_missing")
	}
	a, err := ByID(ctx, tx, id)
	if err != nil || a.State == Cancelled {
		return a, err
	}
	return cancel(ctx, tx, a, reason, by, Booked, Arrived)
}

func cancel(ctx context.Context, tx *store.Tx, a Appointment, reason, by string, from ...State) (Appointment, error) {
	a.Reason = reason
	return end(ctx, tx, a, Cancelled, by, "appointment.cancel", map[string]any{"reason": reason}, from...)
}

// Arrive notes that the citizen of the appointment id is here, on its day, else not_today with the
// start.
func Arrive(ctx context.Context, tx *store.Tx, id, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return Appointment{}, err
	}
	if o.Today(tx.Now) != a.Day {
		return Appointment{}, fault.New(fault.Conflict, "not_today", "when", a.Start.In(o.Zone()))
	}
	return step(ctx, tx, a, Arrived, by, "appointment.arrive", Booked)
}

// Start notes that the appointment id has begun. Who was not checked in is so by it.
func Start(ctx context.Context, tx *store.Tx, id, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	return step(ctx, tx, a, InService, by, "appointment.start", Booked, Arrived)
}

// Serve notes that the appointment id is done, and frees what is left of its time.
func Serve(ctx context.Context, tx *store.Tx, id, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	return end(ctx, tx, a, Served, by, "appointment.serve", nil, Arrived, InService)
}

// MarkNoShow notes that nobody came to the appointment id, from its start on, else not_begun, and frees
// what is left of its time.
func MarkNoShow(ctx context.Context, tx *store.Tx, id, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	if tx.Now.Before(a.Start) {
		return Appointment{}, fault.New(fault.Conflict, "not_begun")
	}
	return end(ctx, tx, a, NoShow, by, "appointment.no_show", nil, Booked, Arrived)
}

// Reopen takes back that the appointment id ended as served or no-show: it has arrived again, or is in
// service if it had begun. It takes what is left of its time, unless somebody has it by now: who comes
// back waits then, and nobody else is moved for it.
func Reopen(ctx context.Context, tx *store.Tx, id, by string) (Appointment, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Appointment{}, err
	}
	versions, err := lockAll(ctx, tx, &a)
	if err != nil {
		return Appointment{}, err
	}
	before, freed, to := a.State, a.EndedAt, Arrived
	if !a.StartedAt.IsZero() {
		to = InService
	}
	a.EndedAt = time.Time{}
	if err := a.advance(ctx, tx, to, Served, NoShow); err != nil {
		return Appointment{}, err
	}
	if err := claimAgain(ctx, tx, a, freed); err != nil {
		return Appointment{}, fmt.Errorf("reopen appointment: %w", err)
	}
	if err := markSpan(ctx, tx, versions, a); err != nil {
		return Appointment{}, err
	}
	return a, record(ctx, tx, a, versions, by, "appointment.reopen", map[string]any{"from": string(before)})
}

// claimAgain claims what is free of the time that an appointment gave back at an instant.
func claimAgain(ctx context.Context, tx *store.Tx, a Appointment, freed time.Time) error {
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	from, until := a.Start, a.End
	if s, ok := o.Territory.Service(a.Service); ok {
		from, until = span(o, s, a.Start, a.End)
	}
	for from.Before(freed) {
		from = from.Add(timetable.Grid * time.Minute)
	}
	if !from.Before(until) {
		return nil
	}
	for _, resource := range a.resources() {
		if err := expireOf(ctx, tx, resource, from, until); err != nil {
			return err
		}
		if _, err := claimOne(ctx, tx, resource, a, from, until); err != nil {
			return err
		}
	}
	return nil
}

const updateState = `
UPDATE appointments SET state = $3, reason = $4, sequence = $5, changed_at = $6, arrived_at = $7, started_at = $8, ended_at = $9
WHERE id = $1 AND state = $2`

// step takes an appointment from one of the given states to another that keeps its claims.
func step(ctx context.Context, tx *store.Tx, a Appointment, to State, by, action string, from ...State) (Appointment, error) {
	version, err := territory.Lock(ctx, tx, a.Office)
	if err != nil {
		return Appointment{}, err
	}
	if a, err = ByID(ctx, tx, a.ID); err != nil {
		return Appointment{}, err
	}
	before := a.State
	if err := a.advance(ctx, tx, to, from...); err != nil {
		return Appointment{}, err
	}
	return a, record(ctx, tx, a, locked{a.Office: version}, by, action, map[string]any{"from": string(before)})
}

// end takes an appointment from one of the given states to one in which it takes no more time. Cancelled,
// it has never taken any; else what is past stays claimed, so that the day's count of an officer is
// right.
func end(ctx context.Context, tx *store.Tx, a Appointment, to State, by, action string, detail map[string]any, from ...State) (Appointment, error) {
	reason := a.Reason
	versions, err := lockAll(ctx, tx, &a)
	if err != nil {
		return Appointment{}, err
	}
	before := a.State
	a.Reason = reason
	if err := a.advance(ctx, tx, to, from...); err != nil {
		return Appointment{}, err
	}
	const free = `DELETE FROM claims WHERE appointment_id = $1 AND slot_at >= $2`
	since := store.Millis(tx.Now)
	if to == Cancelled {
		since = 0
	}
	if _, err := tx.Exec(ctx, free, a.ID, since); err != nil {
		return Appointment{}, fmt.Errorf("%s: %w", action, err)
	}
	if err := markSpan(ctx, tx, versions, a); err != nil {
		return Appointment{}, err
	}
	if detail == nil {
		detail = map[string]any{"from": string(before)}
	}
	return a, record(ctx, tx, a, versions, by, action, detail)
}

// advance writes that a is in a state now, which it may reach only from the given ones.
func (a *Appointment) advance(ctx context.Context, tx *store.Tx, to State, from ...State) error {
	if err := a.from(from...); err != nil {
		return err
	}
	before := a.State
	a.State, a.ChangedAt = to, tx.Now
	a.Sequence++
	if a.ArrivedAt.IsZero() && (to == Arrived || to == InService) {
		a.ArrivedAt = tx.Now
	}
	if to == InService && a.StartedAt.IsZero() {
		a.StartedAt = tx.Now
	}
	if !to.Open() {
		a.EndedAt = tx.Now
	}
	changed, err := tx.Exec(ctx, updateState, a.ID, string(before), string(to), a.Reason, a.Sequence,
		store.Millis(a.ChangedAt), store.Millis(a.ArrivedAt), store.Millis(a.StartedAt), store.Millis(a.EndedAt))
	if err != nil {
		return fmt.Errorf("change appointment: %w", err)
	}
	if changed == 0 {
		return errChanged
	}
	return nil
}
