package queue_test

import (
	"context"
	"fmt"
	"testing"

	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/queue"
)

// crowded is an office with six desks open, each with a ticket, and as many waiting as given.
func crowded(b *testing.B, waiting int) *office {
	b.Helper()
	clock := storetest.At(morning)
	o := newOffice(b, storetest.Open(b, clock.Now), clock)
	services := []string{"CPI-DID", "INPS-NASPI", "ACC-INFO", "INPS-PAG", "CPI-OFFERTE"}
	for i := range 6 {
		o.open(fmt.Sprint(i+1), fmt.Sprintf("%s-%d", []string{"cpi", "inps"}[i%2], i/2+1))
	}
	for i := range waiting {
		o.issue(services[i%len(services)])
	}
	return o
}

// BenchmarkIssue is a ticket from asking to its commit on the disk.
func BenchmarkIssue(b *testing.B) {
	o := crowded(b, 40)
	for b.Loop() {
		o.issue("CPI-DID")
	}
}

// BenchmarkNext is a call from the press of the button to its commit on the disk, with 40 waiting.
// Putting the ticket back is not counted.
func BenchmarkNext(b *testing.B) {
	o := crowded(b, 40)
	for b.Loop() {
		call, _ := o.next("1")
		b.StopTimer()
		o.step(queue.Undo, "1", call.Ticket.ID)
		b.StartTimer()
	}
}

// BenchmarkPicture is everything that the screens of an office show, with the estimates.
func BenchmarkPicture(b *testing.B) {
	for _, waiting := range []int{0, 10, 40, 100} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) {
			o := crowded(b, waiting)
			for i := range 6 {
				o.next(fmt.Sprint(i + 1))
			}
			for b.Loop() {
				o.picture()
			}
		})
	}
}

// BenchmarkCommit is the limit that the others are to be held against: the smallest transaction.
func BenchmarkCommit(b *testing.B) {
	o := crowded(b, 0)
	for b.Loop() {
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE office_state SET version = version + 1 WHERE office_id = 'centro'`)
			return err
		})
	}
}
