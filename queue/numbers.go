package queue

import (
	"context"
	"fmt"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// Counter is the last number given out in a series on an office's day.
type Counter struct {
	Office, Series string
	Day            timetable.Date
	Last           int64
}

// Counters returns those of the day since a time in UTC and the days after it.
func Counters(ctx context.Context, tx *store.Tx, since time.Time) ([]Counter, error) {
	const counters = `SELECT office_id, series, day, last FROM ticket_counters WHERE day >= $1`
	all, err := store.All(ctx, tx, func(row store.Row) (c Counter, err error) {
		var day string
		if err = row.Scan(&c.Office, &c.Series, &day, &c.Last); err == nil {
			c.Day, err = timetable.ParseDate(day)
		}
		return c, err
	}, counters, timetable.DateOf(since.UTC()).String())
	if err != nil {
		return nil, fmt.Errorf("read counters: %w", err)
	}
	return all, nil
}

// SkipNumbers has every office go on today n numbers after the last that is known of each series, be
// it to this database or to the counters seen elsewhere: papers with the numbers between may be in
// people's hands. An office skips in all series of its territory, as its areas may have been others.
func SkipNumbers(ctx context.Context, tx *store.Tx, n int64, seen []Counter) error {
	own, err := Counters(ctx, tx, tx.Now.AddDate(0, 0, -1)) // it may still be yesterday west of UTC
	if err != nil {
		return err
	}
	known := append(own, seen...)
	all, err := territory.List(ctx, tx)
	if err != nil {
		return err
	}
	for _, t := range all {
		for _, o := range t.Offices {
			if err := skip(ctx, tx, o, n, known); err != nil {
				return fmt.Errorf("skip numbers: %w", err)
			}
		}
	}
	return nil
}

const setCounter = `
INSERT INTO ticket_counters (office_id, series, day, last) VALUES ($1, $2, $3, $4)
ON CONFLICT (office_id, series, day) DO UPDATE SET last = excluded.last`

func skip(ctx context.Context, tx *store.Tx, o *territory.Office, n int64, known []Counter) error {
	today := o.Today(tx.Now)
	last := make(map[string]int64)
	for _, other := range o.Territory.Offices {
		for _, a := range other.Areas {
			last[a.Series] = 0
		}
	}
	for _, c := range known {
		if c.Office == o.ID && c.Day == today {
			last[c.Series] = max(last[c.Series], c.Last)
		}
	}
	for series, number := range last {
		if _, err := tx.Exec(ctx, setCounter, o.ID, series, today.String(), number+n); err != nil {
			return err
		}
	}
	return nil
}
