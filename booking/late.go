package booking

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// MaxShift is by how much a day's appointments can be made later, in minutes.
const MaxShift = 240

// Shift makes all booked and arrived appointments of an office that an officer does on a day, be it
// today or one ahead, later by so many minutes: those whose officers and room are free then and for
// which the office is still open, the last ones first so that they make room. Starts need not lie where
// new ones do. It returns them, and those that stay with what stands in the way, which is too_late where
// the new start would be past; both in the order of their start. Its faults are unknown_office,
// appointment_changed when rotas were changed meanwhile, and invalid with the fields day and minutes.
func Shift(ctx context.Context, tx *store.Tx, office, officer string, day timetable.Date, minutes int, by string) ([]Appointment, []Stuck, error) {
	o, versions, err := lockStaff(ctx, tx, office, officer)
	if err != nil {
		return nil, nil, err
	}
	var wrong wrongs
	if day.Before(o.Today(tx.Now)) {
		wrong.add("day", "past")
	}
	if minutes < timetable.Grid || minutes > MaxShift || minutes%timetable.Grid != 0 {
		wrong.add("minutes", "out_of_range")
	}
	if err := wrong.fault(); err != nil {
		return nil, nil, err
	}
	whole := timetable.Day(day, o.Zone())
	all, err := doneBy(ctx, tx, office, officer, whole.From, whole.Until)
	if err != nil {
		return nil, nil, err
	}
	var done []Appointment
	var stuck []Stuck
	for _, a := range slices.Backward(all) {
		changed, why, err := shift(ctx, tx, o, a, versions, time.Duration(minutes)*time.Minute, by)
		if err != nil {
			return nil, nil, err
		}
		if len(why) > 0 {
			stuck = append(stuck, Stuck{a, why})
			continue
		}
		done = append(done, changed)
	}
	slices.Reverse(done)
	slices.Reverse(stuck)
	return done, stuck, nil
}

const shiftAppointment = `
UPDATE appointments SET start_at = $3, end_at = $4, sequence = sequence + 1, changed_at = $5 WHERE id = $1 AND state = $2`

// shift makes an appointment later, or says why it cannot.
func shift(ctx context.Context, tx *store.Tx, o *territory.Office, a Appointment, versions locked, by time.Duration, actor string) (Appointment, []timetable.Obstacle, error) {
	x, err := settingOf(ctx, tx, o, a)
	if err != nil {
		return Appointment{}, nil, err
	}
	x.cast("", func(string) bool { return false })
	before := a
	a.Start, a.End, a.ChangedAt = a.Start.Add(by), a.End.Add(by), tx.Now
	a.Sequence++
	if why := x.against(a.Start, tx.Now); len(why) > 0 {
		return before, why, nil
	}
	if err := x.claim(ctx, tx, a); err != nil {
		return Appointment{}, nil, err
	}
	changed, err := tx.Exec(ctx, shiftAppointment, a.ID, string(a.State), store.Millis(a.Start), store.Millis(a.End), store.Millis(tx.Now))
	if err != nil {
		return Appointment{}, nil, fmt.Errorf("shift: %w", err)
	}
	if changed == 0 {
		return Appointment{}, nil, errChanged
	}
	for _, x := range []Appointment{before, a} {
		if err := markSpan(ctx, tx, versions, x); err != nil {
			return Appointment{}, nil, err
		}
	}
	return a, nil, record(ctx, tx, a, versions, actor, "appointment.shift", map[string]any{
		"from": store.Millis(before.Start), "to": store.Millis(a.Start),
	})
}

// against returns what stands in the way of a start of the appointment by those who do it.
func (x *setting) against(start, now time.Time) []timetable.Obstacle {
	why := timetable.NewPlan(x.demand).Explain(&x.supply, nil, start)
	if start.Before(now) {
		why = append([]timetable.Obstacle{{Code: timetable.TooLate}}, why...)
	}
	return why
}

// NextToday returns the next start of today for a service by staff, somebody of whom speaks the
// language if it is not empty, and whether there is one: for people in the lobby. The faults are those
// of Available.
func NextToday(ctx context.Context, tx *store.Tx, office, service, language string) (Slot, bool, error) {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return Slot{}, false, err
	}
	today := o.Today(tx.Now)
	a, err := Available(ctx, tx, Query{
		Office: office, Service: service, From: today, Until: today, Channel: territory.Staff, Language: language,
	})
	if err != nil || len(a.Offices[0].Starts) == 0 {
		return Slot{}, false, err
	}
	return a.Offices[0].Starts[0], true, nil
}

// Alternative is a start that an office can offer for an appointment.
type Alternative struct {
	Office string
	Slot
}

// Alternatives returns the next n starts for the service of an appointment, but for its own: those of
// its office first, then those of the territory's other offices, each ascending. They are of the
// channel online where the service can be had by it, else of the appointment's own. When nobody offers
// it any more there are none.
func Alternatives(ctx context.Context, tx *store.Tx, a Appointment, n int) ([]Alternative, error) {
	t, err := territory.Read(ctx, tx, a.Territory)
	if err != nil {
		return nil, err
	}
	offered := func(o *territory.Office) bool { _, ok := o.Offers(a.Service); return ok }
	s, ok := t.Service(a.Service)
	if !ok || !slices.ContainsFunc(t.Offices, offered) {
		return nil, nil
	}
	today := timetable.DateOf(tx.Now.In(t.Zone))
	q := Query{Territory: a.Territory, Service: a.Service, From: today, Until: today.AddDays(MaxDays - 1), Channel: a.Channel}
	if s.By(territory.Online) {
		q.Channel = territory.Online
	}
	if a.MustSpeak {
		q.Language = a.Language
	}
	free, err := Available(ctx, tx, q)
	if err != nil {
		return nil, err
	}
	var own, others []Alternative
	for _, o := range free.Offices {
		for _, slot := range o.Starts {
			switch {
			case o.Office != a.Office:
				others = append(others, Alternative{o.Office, slot})
			case !slot.Start.Equal(a.Start):
				own = append(own, Alternative{o.Office, slot})
			}
		}
	}
	slices.SortStableFunc(others, func(x, y Alternative) int { return x.Start.Compare(y.Start) })
	all := append(own, others...)
	return all[:min(n, len(all))], nil
}
