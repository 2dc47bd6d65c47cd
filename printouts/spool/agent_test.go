package spool_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store"
	"sportello/printouts/spool"
)

// lease has a run of an agent ask for the next job of p1.
func (r rig) lease(holder string, found spool.Condition) (job spool.Leased, some bool) {
	r.Helper()
	r.update(r.here, func(tx *store.Tx) (err error) {
		job, some, err = spool.Lease(r.Context(), tx, "p1", holder, found)
		return err
	})
	return job, some
}

func (r rig) settle(job string, result spool.Result) {
	r.Helper()
	r.update(r.here, func(tx *store.Tx) error { return spool.Settle(r.Context(), tx, "p1", job, result) })
}

func TestLease(t *testing.T) {
	onBoth(t, func(r rig) {
		r.addPrinter("p1", "agent:")
		r.run(r.here)
		if _, some := r.lease("one", spool.OK); some {
			t.Error("got a job where none is")
		}
		first, second := r.enqueue(r.here, jobFor("A1")), r.enqueue(r.here, jobFor("A2"))
		synctest.Wait()
		r.want(first, row{State: spool.Queued}) // the server leaves it to the agent

		job, some := r.lease("one", spool.NearEnd)
		if !some || job.ID != first || job.Attempt != 1 || job.Kind != spool.KindTicket {
			t.Fatalf("got %+v, %t", job, some)
		}
		if again, some := r.lease("one", spool.OK); !some || cmp.Diff(job, again) != "" {
			t.Errorf("asked again: got %+v, %t, want the same", again, some)
		}
		if other, some := r.lease("two", spool.OK); some {
			t.Errorf("another run got %+v while the first has a job", other)
		}
		r.settle(first, spool.Result{Attempt: 1, State: spool.Printed, Condition: spool.NearEnd})
		r.want(first, row{State: spool.Printed, Attempts: 1, Erased: true})
		if got := r.printer("p1").Condition; got != spool.NearEnd {
			t.Errorf("printer is %s", got)
		}

		// Nothing was written: it is tried again after a pause, and says why it waits.
		job, _ = r.lease("one", spool.OutOfPaper)
		r.settle(job.ID, spool.Result{Attempt: 1, State: spool.Queued, Detail: string(spool.OutOfPaper), Condition: spool.OutOfPaper})
		r.want(second, row{State: spool.Queued, Detail: string(spool.OutOfPaper), Attempts: 1})
		if _, some := r.lease("one", spool.OutOfPaper); some {
			t.Error("tried again at once")
		}
		time.Sleep(3 * time.Second)
		if job, some = r.lease("one", spool.OK); !some || job.ID != second || job.Attempt != 2 {
			t.Errorf("got %+v, %t", job, some)
		}
	})
}

// TestAgentThatDied has an agent ask for a job and never come back.
func TestAgentThatDied(t *testing.T) {
	onBoth(t, func(r rig) {
		r.addPrinter("p1", "agent:")
		r.run(r.here)
		job := jobFor("A1")
		job.ExpiresAfter = 10 * time.Minute
		left, next := r.enqueue(r.here, job), r.enqueue(r.here, job)
		r.lease("one", spool.OK)
		time.Sleep(80 * time.Second)
		synctest.Wait()
		r.want(left, row{State: spool.Sent, Attempts: 1})
		if _, some := r.lease("two", spool.OK); some {
			t.Error("another run got a job while the first may be at work")
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		r.want(left, row{State: spool.Unconfirmed, Detail: spool.Interrupted, Attempts: 2, Erased: true})
		r.settle(left, spool.Result{Attempt: 1, State: spool.Failed}) // too late
		r.want(left, row{State: spool.Unconfirmed, Detail: spool.Interrupted, Attempts: 2, Erased: true})
		if job, some := r.lease("two", spool.OK); !some || job.ID != next {
			t.Errorf("got %+v, %t, want the next", job, some)
		}
	})
}

// TestAgentGoneSilent has an agent that says how its printer is, and then nothing.
func TestAgentGoneSilent(t *testing.T) {
	onBoth(t, func(r rig) {
		r.addPrinter("p1", "agent:")
		quiet := func(found spool.Condition, want bool) {
			r.Helper()
			r.update(r.here, func(tx *store.Tx) error {
				p, err := spool.PrinterByID(r.Context(), tx, "p1")
				if err != nil {
					return err
				}
				got, err := spool.Quiet(r.Context(), tx, p, found)
				if got != want {
					r.Errorf("%s: quiet is %t, want %t", found, got, want)
				}
				return err
			})
		}
		quiet(spool.OK, false) // it never said so
		r.lease("one", spool.OK)
		quiet(spool.OK, true)
		quiet(spool.NearEnd, false)
		time.Sleep(31 * time.Second)
		quiet(spool.OK, false)
		spooler := spool.New(r.here, slog.New(slog.DiscardHandler))
		check := func(want spool.Condition) {
			r.Helper()
			if err := spooler.Check(r.Context()); err != nil {
				r.Fatal(err)
			}
			p := r.printer("p1")
			if got, err := spool.Check(r.Context(), p); got != want || (err == nil) != want.Prints() {
				r.Errorf("got %s, %v, want %s", got, err, want)
			}
		}
		check(spool.OK)
		r.enqueue(r.here, jobFor("A1"))
		quiet(spool.OK, false)
		time.Sleep(time.Minute)
		check(spool.Unreachable)
	})
}

// TestSettleRefusesNoResult keeps agents to the states that are one.
func TestSettleRefusesNoResult(t *testing.T) {
	onBoth(t, func(r rig) {
		err := r.here.Update(r.Context(), func(tx *store.Tx) error {
			return spool.Settle(r.Context(), tx, "p1", "job", spool.Result{State: spool.Sent})
		})
		if err == nil {
			t.Error("a job that is sent counts as settled")
		}
	})
}

func TestOpenLocal(t *testing.T) {
	for uri, want := range map[string]bool{"file:out": true, "escpos+dev:/dev/usb/lp0": true, "cups://localhost/a4": true, "agent:": false, "lp0": false} {
		if _, got := spool.OpenLocal(uri); got != want {
			t.Errorf("%s: got %t, want %t", uri, got, want)
		}
	}
}
