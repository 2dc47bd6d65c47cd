package spool_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"sportello/internal/store"
	"sportello/printouts/spool"
)

// papers counts the files of a folder printer.
func (r rig) papers(folder string) int {
	r.Helper()
	files, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		r.Fatal(err)
	}
	return len(files)
}

// TestAnotherPrinterTakesOver: what a printer cannot take comes out of the other one, once; what was enqueued
// while the first was known to print nothing goes there at once, and back again when it prints.
func TestAnotherPrinterTakesOver(t *testing.T) {
	for _, test := range []struct {
		name    string
		manners manners
	}{
		{"out of paper", manners{status: outOfPaper}}, {"cover open", manners{status: coverOpen}}, {"deaf", manners{deaf: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			onThermal(t, func(r thermalRig) {
				folder := r.TempDir()
				r.addPrinter("p2", "file:"+folder)
				order := func(number string) string {
					job := jobFor(number)
					job.Printer, job.Fallback = "t1", "p2"
					return r.enqueue(r.here, job)
				}
				r.be(test.manners)
				r.run(r.here)
				first, second := order("A012"), order("A013")
				time.Sleep(5 * time.Second)
				synctest.Wait()
				third := order("A014")
				synctest.Wait()
				for _, id := range []string{first, second, third} {
					if got := r.row(id); got.State != spool.Printed {
						r.Errorf("job is %+v, want printed", got)
					}
				}
				if got := r.papers(folder); got != 3 {
					r.Errorf("%d papers came out of the other printer, want 3", got)
				}
				if got := r.latest("ticket:A014"); got.Printer != "p2" {
					r.Errorf("the paper is said to be at %s, want p2", got.Printer)
				}
				r.be(manners{})
				r.update(r.here, func(tx *store.Tx) error { return spool.Note(r.Context(), tx, "t1", spool.OK) })
				order("A015")
				synctest.Wait()
				r.wantPrinted("A015")
				if got := r.papers(folder); got != 3 {
					r.Errorf("%d papers came out of the other printer, want 3", got)
				}
			})
		})
	}
}

// TestNobodyTakesOver: a job stays where it is while the other printer prints nothing either, when the other
// has been removed, and when something of it may have been written.
func TestNobodyTakesOver(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		r.addPrinter("p2", "file:"+r.TempDir())
		job := jobFor("A012")
		job.Printer, job.Fallback = "t1", "p2"
		r.update(r.here, func(tx *store.Tx) error { return spool.Note(r.Context(), tx, "p2", spool.Refusing) })
		r.be(manners{status: outOfPaper})
		stop := r.run(r.here)
		both := r.enqueue(r.here, job)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := r.latest("ticket:A012"); got.Printer != "t1" || got.State != spool.Queued {
			r.Errorf("got %+v, want it to wait at t1", got)
		}
		stop()
		r.be(manners{silent: true}) // it takes the job and does not say that it came out
		r.update(r.here, func(tx *store.Tx) error { return spool.Note(r.Context(), tx, "p2", spool.OK) })
		r.run(r.here)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.row(both); got.State != spool.Unconfirmed {
			r.Errorf("got %+v, want it unconfirmed", got)
		}
		gone := jobFor("A013")
		gone.Printer, gone.Fallback = "t1", "nobody"
		id := r.enqueue(r.here, gone)
		if got := r.latest("ticket:A013"); got.Printer != "t1" || got.Job != id {
			r.Errorf("got %+v, want it at t1", got)
		}
	})
}
