package booking

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// locked are offices that wait for nobody but this transaction, with their new versions.
type locked map[string]int64

// lock locks offices in the order of their ids.
func lock(ctx context.Context, tx *store.Tx, offices []string) (locked, error) {
	offices = slices.Clone(offices)
	slices.Sort(offices)
	versions := make(locked, len(offices))
	for _, id := range slices.Compact(offices) {
		version, err := territory.Lock(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		versions[id] = version
	}
	return versions, nil
}

// has reports whether all of offices are locked.
func (l locked) has(offices []string) bool {
	return !slices.ContainsFunc(offices, func(id string) bool { _, ok := l[id]; return !ok })
}

const markDay = `
INSERT INTO diary_days (office_id, day, version) VALUES ($1, $2, $3)
ON CONFLICT (office_id, day) DO UPDATE SET version = excluded.version`

// mark notes that claims from one instant until another changed at all the locked offices.
func (l locked) mark(ctx context.Context, tx *store.Tx, t *territory.Territory, from, until time.Time) error {
	for _, id := range sorted(l) {
		o, ok := t.Office(id)
		if !ok {
			continue
		}
		last := timetable.DateOf(until.Add(-1).In(o.Zone()))
		for d := timetable.DateOf(from.In(o.Zone())); !d.After(last); d = d.AddDays(1) {
			if _, err := tx.Exec(ctx, markDay, id, d.String(), l[id]); err != nil {
				return fmt.Errorf("mark day: %w", err)
			}
		}
	}
	return nil
}

func sorted(l locked) []string {
	ids := make([]string, 0, len(l))
	for id := range l {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// officesOf returns an office and those where the officers of the ids work on any day: the ones that
// see it when they are claimed.
func officesOf(o *territory.Office, officers []string) []string {
	ids := []string{o.ID}
	for _, id := range officers {
		if f, ok := o.Territory.Officer(id); ok {
			for _, p := range f.Rota {
				ids = append(ids, p.Office)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lockWith locks an office and those that see it when officers of the ids are claimed, and returns it as
// it then is.
func lockWith(ctx context.Context, tx *store.Tx, office string, officers []string) (*territory.Office, locked, error) {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return nil, nil, err
	}
	versions, err := lock(ctx, tx, officesOf(o, officers))
	if err != nil {
		return nil, nil, err
	}
	if o, err = territory.Of(ctx, tx, office); err != nil {
		return nil, nil, err
	}
	if !versions.has(officesOf(o, officers)) {
		return nil, nil, errChanged
	}
	return o, versions, nil
}

// errChanged is returned when an appointment changed while its offices were being locked.
var errChanged = fault.New(fault.Conflict, "appointment_changed")

// lockAll locks all offices that see the claims of appointments and reads these as they then are.
func lockAll(ctx context.Context, tx *store.Tx, appointments ...*Appointment) (locked, error) {
	var offices []string
	see := func() error {
		offices = nil
		for _, a := range appointments {
			o, err := territory.Of(ctx, tx, a.Office)
			if err != nil {
				return err
			}
			offices = append(offices, officesOf(o, a.officers())...)
		}
		return nil
	}
	if err := see(); err != nil {
		return nil, err
	}
	held, err := lock(ctx, tx, offices)
	if err != nil {
		return nil, err
	}
	for _, a := range appointments {
		if *a, err = ByID(ctx, tx, a.ID); err != nil {
			return nil, err
		}
	}
	if err := see(); err != nil {
		return nil, err
	}
	if !held.has(offices) {
		return nil, errChanged
	}
	return held, nil
}

// Lock locks all offices that see the time of the appointment id, its own among them, in the order of
// their ids. Who means to lock its office and then to end or reopen it begins with this.
func Lock(ctx context.Context, tx *store.Tx, id string) error {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	_, err = lockAll(ctx, tx, &a)
	return err
}

// span returns from when until when an appointment takes its officers and rooms: with the buffers of
// its service, within its day.
func span(o *territory.Office, s *territory.Service, start, end time.Time) (from, until time.Time) {
	day := timetable.Day(timetable.DateOf(start.In(o.Zone())), o.Zone())
	from = start.Add(-time.Duration(s.BufferBefore) * time.Minute)
	until = end.Add(time.Duration(s.BufferAfter) * time.Minute)
	if from.Before(day.From) {
		from = day.From
	}
	if until.After(day.Until) {
		until = day.Until
	}
	return from, until
}
