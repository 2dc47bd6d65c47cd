package spool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/printouts/spool"
)

// TestForget erases the values of one open job, then those of all.
func TestForget(t *testing.T) {
	start := time.Date(2026, 12, 3, 9, 0, 0, 0, time.UTC)
	clock := storetest.At(start)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(start)
		var ids []string
		in := func(f func(ctx context.Context, tx *store.Tx) error) {
			t.Helper()
			if err := db.Update(t.Context(), func(tx *store.Tx) error { return f(t.Context(), tx) }); err != nil {
				t.Fatal(err)
			}
		}
		in(func(ctx context.Context, tx *store.Tx) error {
			if err := spool.AddPrinter(ctx, tx, spool.Printer{ID: "p", Office: "centro", URI: "file:" + t.TempDir()}); err != nil {
				return err
			}
			for range 3 {
				id, err := spool.Enqueue(ctx, tx, spool.Job{Printer: "p", Office: "centro", Subject: "ticket:1", Kind: spool.KindTicket, Values: "secret"})
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			return nil
		})
		// counts returns how many are queued, expired, and hold values.
		counts := func(since time.Time) []int {
			t.Helper()
			var got []int
			in(func(ctx context.Context, tx *store.Tx) error {
				states, err := spool.Counts(ctx, tx, "centro", since)
				if err != nil {
					return err
				}
				var holding int
				err = tx.QueryRow(ctx, `SELECT COUNT(*) FROM print_jobs WHERE payload <> ''`).Scan(&holding)
				got = []int{states[spool.Queued], states[spool.Expired], holding}
				return err
			})
			return got
		}
		in(func(ctx context.Context, tx *store.Tx) error {
			for subject, want := range map[string]bool{"print:" + ids[1]: true, "print:none": true, "user:" + ids[0]: false} {
				if ours, err := spool.Forget(ctx, tx, subject); err != nil || ours != want {
					t.Errorf("%s: got %t, %v, want %t", strings.SplitN(subject, ":", 2)[0], ours, err, want)
				}
			}
			return nil
		})
		if diff := cmp.Diff([]int{2, 1, 2}, counts(start)); diff != "" {
			t.Errorf("one forgotten (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{2, 0, 2}, counts(start.Add(time.Hour))); diff != "" {
			t.Errorf("of the next hour: those still open (-want +got):\n%s", diff)
		}
		in(func(ctx context.Context, tx *store.Tx) error {
			if n, err := spool.ExpireAll(ctx, tx); err != nil || n != 2 {
				t.Errorf("got %d, %v, want 2", n, err)
			}
			return nil
		})
		if diff := cmp.Diff([]int{0, 3, 0}, counts(start)); diff != "" {
			t.Errorf("all ended (-want +got):\n%s", diff)
		}
	})
}
