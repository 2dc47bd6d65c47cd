package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/queue"
)

// TestFigures serves one ticket, has another leave and a third wait: only a service that cannot be
// undone any more has times.
func TestFigures(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		served, left := o.issue("CPI-DID"), o.issue("CPI-DID")
		o.issue("CPI-DID")
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Leave(ctx, tx, left.Token)
			return err
		})
		o.clock.Add(7 * time.Minute)
		o.next("1")
		o.clock.Add(time.Minute)
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Start(ctx, tx, seat("1"), served.ID)
			return err
		})
		o.clock.Add(11 * time.Minute)
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Finish(ctx, tx, seat("1"), served.ID, "", "")
			return err
		})
		want := queue.Figure{Office: "centro", Area: "attesa", States: map[queue.State]int{
			queue.Waiting: 1, queue.Called: 0, queue.Serving: 0, queue.Served: 1, queue.Parked: 0, queue.NoShow: 0, queue.Cancelled: 1, queue.NotServed: 0,
		}}
		if diff := cmp.Diff(want, o.figures()["attesa"]); diff != "" {
			t.Errorf("just after (-want +got):\n%s", diff)
		}
		o.clock.Add(queue.UndoWithin + time.Second)
		want.Waits, want.Services = []time.Duration{7 * time.Minute}, []time.Duration{11 * time.Minute}
		if diff := cmp.Diff(want, o.figures()["attesa"]); diff != "" {
			t.Errorf("later (-want +got):\n%s", diff)
		}
		if got := o.figures()["consulenze"]; len(got.States) == 0 || len(got.Waits) > 0 {
			t.Errorf("an area without tickets: got %+v", got)
		}
		o.clock.Set(at("23:30").Add(time.Hour)) // tomorrow in Rome, today in UTC
		if got := o.figures()["attesa"]; got.States[queue.Served] != 0 || len(got.Waits) > 0 {
			t.Errorf("after midnight: got %+v", got)
		}
	})
}

// figures are those of the lobby, by area.
func (o *office) figures() map[string]queue.Figure {
	o.t.Helper()
	all := make(map[string]queue.Figure)
	err := o.db.View(o.t.Context(), func(tx *store.Tx) error {
		office, err := territory.Of(o.t.Context(), tx, "centro")
		if err != nil {
			return err
		}
		figures, err := queue.Figures(o.t.Context(), tx, office)
		for _, f := range figures {
			all[f.Area] = f
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

// TestSkipNumbers has numbers go on after the last known here or elsewhere, also in series of which
// no number was given out, and also when it is still yesterday in UTC.
func TestSkipNumbers(t *testing.T) {
	for _, tt := range []struct {
		name string
		now  time.Time
	}{{"in the morning", morning}, {"after midnight", time.Date(2026, 12, 3, 0, 10, 0, 0, rome)}} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				o.issue("CPI-DID")
				o.clock.Set(tt.now)
				today, yesterday := timetable.DateOf(tt.now), timetable.DateOf(tt.now).AddDays(-1)
				seen := []queue.Counter{
					{Office: "centro", Series: "A", Day: today, Last: 30},
					{Office: "centro", Series: "Q", Day: today, Last: 5},
					{Office: "centro", Series: "A", Day: yesterday, Last: 900},
					{Office: "elsewhere", Series: "A", Day: today, Last: 900},
				}
				o.update(func(ctx context.Context, tx *store.Tx) error { return queue.SkipNumbers(ctx, tx, 100, seen) })
				got := make(map[string]int64)
				o.update(func(ctx context.Context, tx *store.Tx) error {
					all, err := queue.Counters(ctx, tx, tx.Now)
					for _, c := range all {
						if c.Day == today {
							got[c.Office+" "+c.Series] = c.Last
						}
					}
					return err
				})
				want := map[string]int64{"centro A": 130, "centro L": 100, "centro Q": 105, "altro A": 100, "altro L": 100}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("counters (-want +got):\n%s", diff)
				}
				o.clock.Set(morning)
				if got := o.issue("CPI-DID").Label(); got != "A131" {
					t.Errorf("the next ticket is %s, want A131", got)
				}
			})
		})
	}
}
