package queue

import (
	"context"
	"fmt"
	"time"

	"sportello/booking/territory"
	"sportello/internal/store"
)

// Figure is what a waiting area's day comes to so far.
type Figure struct {
	Office, Area string
	States       map[State]int   // of all the day's tickets; every state is there
	Waits        []time.Duration // from issue to the last call, of those that were served
	Services     []time.Duration // from start to end; without those whose end nobody noted
}

const selectDay = `
SELECT area_id, state, issued_at, called_at, started_at, ended_at, changed_at, outcome
FROM tickets
WHERE office_id = $1 AND day = $2
  AND state IN ('waiting', 'called', 'serving', 'served', 'parked', 'no_show', 'cancelled', 'not_served')`

// Figures returns the figures of an office's day, an area each. A service that can still be undone
// has no part in waits and services, so that these only grow.
func Figures(ctx context.Context, tx *store.Tx, office *territory.Office) ([]Figure, error) {
	all := make([]Figure, len(office.Areas))
	place := make(map[string]int)
	for i, a := range office.Areas {
		all[i], place[a.ID] = newFigure(office.ID, a.ID), i
	}
	rows, err := tx.Query(ctx, selectDay, office.ID, office.Today(tx.Now).String())
	if err != nil {
		return nil, fmt.Errorf("figures of an office: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var area, outcome string
		var state State
		var issued, called, started, ended, changed int64
		if err := rows.Scan(&area, &state, &issued, &called, &started, &ended, &changed, &outcome); err != nil {
			return nil, fmt.Errorf("figures of an office: %w", err)
		}
		if _, known := place[area]; !known { // an area that the office had this morning
			all, place[area] = append(all, newFigure(office.ID, area)), len(all)
		}
		f := &all[place[area]]
		f.States[state]++
		if state != Served || tx.Now.Sub(store.FromMillis(changed)) <= UndoWithin {
			continue
		}
		f.Waits = append(f.Waits, time.Duration(called-issued)*time.Millisecond)
		if outcome != outcomeForgotten {
			f.Services = append(f.Services, time.Duration(ended-started)*time.Millisecond)
		}
	}
	return all, rows.Err()
}

func newFigure(office, area string) Figure {
	return Figure{Office: office, Area: area, States: map[State]int{
		Waiting: 0, Called: 0, Serving: 0, Served: 0, Parked: 0, NoShow: 0, Cancelled: 0, NotServed: 0,
	}}
}

// Ever reports whether an office ever gave out a number.
func Ever(ctx context.Context, tx *store.Tx, office string) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM ticket_counters WHERE office_id = $1`, office).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for tickets: %w", err)
	}
	return n > 0, nil
}
