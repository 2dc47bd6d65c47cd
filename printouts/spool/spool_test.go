package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/printouts"
	"sportello/printouts/spool"
)

// rig is two processes' connections to one database and a printer's folder, in a bubble: the
// database's clock is the bubble's.
type rig struct {
	*testing.T
	here, there *store.DB
	folder      string
}

// onBoth runs f on each engine.
func onBoth(t *testing.T, f func(r rig)) {
	t.Helper()
	bubble := func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) {
			r := rig{T: t, here: open(t, address), there: open(t, address), folder: filepath.Join(t.TempDir(), "out")}
			r.addPrinter("p1", "file:"+r.folder)
			f(r)
		})
	}
	t.Run("sqlite", func(t *testing.T) { bubble(t, storetest.SQLiteURL(t)) })
	if server := os.Getenv("SPORTELLO_TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { bubble(t, storetest.PostgresURL(t, server)) })
	}
}

func open(t *testing.T, address string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// update runs f in a transaction of db, which must commit.
func (r rig) update(db *store.DB, f func(tx *store.Tx) error) {
	r.Helper()
	if err := db.Update(r.Context(), f); err != nil {
		r.Fatal(err)
	}
}

func (r rig) addPrinter(id, uri string) {
	r.Helper()
	r.update(r.here, func(tx *store.Tx) error {
		return spool.AddPrinter(r.Context(), tx, spool.Printer{ID: id, Office: "isernia", Name: "Chiosco", URI: uri})
	})
}

// ticket is what the tests print.
func ticket(number string) printouts.Ticket {
	return printouts.Ticket{
		Number: number, Office: "Centro per l'impiego di Isernia",
		IssuedAt:  time.Date(2026, 12, 3, 9, 30, 0, 0, time.FixedZone("", 3600)),
		StatusURL: "https://sportello.example/t/abc",
		Words:     printouts.Words{Title: "Il tuo numero"},
	}
}

func jobFor(subject string) spool.Job {
	return spool.Job{
		Printer: "p1", Office: "isernia", Subject: "ticket:" + subject, Kind: spool.KindTicket, Values: ticket(subject),
	}
}

func (r rig) enqueue(db *store.DB, job spool.Job) (id string) {
	r.Helper()
	r.update(db, func(tx *store.Tx) (err error) {
		id, err = spool.Enqueue(r.Context(), tx, job)
		return err
	})
	return id
}

// exec brings the database into a state that a process left behind.
func (r rig) exec(query string, args ...any) {
	r.Helper()
	r.update(r.here, func(tx *store.Tx) error {
		_, err := tx.Exec(r.Context(), query, args...)
		return err
	})
}

// run runs a spooler until the returned function is called, or the test ends.
func (r rig) run(db *store.DB) (stop func()) {
	ctx, cancel := context.WithCancel(r.Context())
	spooler := spool.New(db, slog.New(slog.DiscardHandler))
	spooler.Hurry()
	done := make(chan error)
	go func() { done <- spooler.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(stop)
	return stop
}

// row is what the database holds of a job.
type row struct {
	State    spool.State
	Detail   string
	Attempts int64
	Erased   bool
}

func (r rig) row(id string) (got row) {
	r.Helper()
	err := r.there.View(r.Context(), func(tx *store.Tx) error {
		const job = `SELECT state, detail, attempts, payload = '' AND settled_at > 0 FROM print_jobs WHERE id = $1`
		return tx.QueryRow(r.Context(), job, id).Scan(&got.State, &got.Detail, &got.Attempts, &got.Erased)
	})
	if err != nil {
		r.Fatal(err)
	}
	return got
}

func (r rig) want(id string, want row) {
	r.Helper()
	if diff := cmp.Diff(want, r.row(id)); diff != "" {
		r.Errorf("job (-want +got):\n%s", diff)
	}
}

// latest is the status of the newest job for subject, and nothing when there was none.
func (r rig) latest(subject string) (got spool.Status) {
	r.Helper()
	err := r.there.View(r.Context(), func(tx *store.Tx) (err error) {
		got, _, err = spool.Latest(r.Context(), tx, subject)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// files are the names of all that lies in a folder, in their order.
func (r rig) files(folder string) []string {
	r.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func (r rig) wantFiles(want ...string) {
	r.Helper()
	if diff := cmp.Diff(append([]string{}, want...), r.files(r.folder)); diff != "" {
		r.Errorf("files (-want +got):\n%s", diff)
	}
}

func (r rig) write(name, content string) {
	r.Helper()
	if err := os.MkdirAll(r.folder, 0o750); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.folder, name), []byte(content), 0o600); err != nil {
		r.Fatal(err)
	}
}

func (r rig) read(name string) []byte {
	r.Helper()
	content, err := os.ReadFile(filepath.Join(r.folder, name))
	if err != nil {
		r.Fatal(err)
	}
	return content
}

func fileName(seq int, id string) string { return fmt.Sprintf("%010d-%s.pdf", seq, id) }

func TestAddPrinter(t *testing.T) {
	for _, test := range []struct {
		name, uri, wantCode string
	}{
		{"folder", "file:/var/spool/sportello", ""},
		{"relative folder", "file:out", ""},
		{"thermal printer", "escpos://10.0.0.7:9100", ""},
		{"thermal printer by name", "escpos://stampante-1.example.it", ""},
		{"thermal printer of IPv6", "escpos://[fd00::7]:9100", ""},
		{"thermal printer of 512 dots", "escpos://10.0.0.7:9100?dots=512", ""},
		{"thermal printer of 58 mm", "escpos://10.0.0.7?dots=384", ""},
		{"thermal printer that makes no QR codes", "escpos://10.0.0.7?qr=raster&dots=512", ""},
		{"QR codes of no sort", "escpos://10.0.0.7?qr=yes", "printer_uri"},
		{"thermal printer on a cable", "escpos+dev:/dev/usb/lp0", ""},
		{"thermal printer of 58 mm on a cable", "escpos+dev:///dev/usb/lp0?dots=384&qr=native", ""},
		{"device without a path", "escpos+dev:", "printer_uri"},
		{"device of a relative path", "escpos+dev:lp0", "printer_uri"},
		{"device of another machine", "escpos+dev://host/dev/usb/lp0", "printer_uri"},
		{"queue of CUPS", "cups://server/Sala_1", ""},
		{"queue of CUPS on a port", "cups://127.0.0.1:6310/a4", ""},
		{"raw queue of CUPS", "cups://server/totem?dots=576", ""},
		{"another computer's", "agent:", ""},
		{"another computer's by name", "agent:totem", "printer_uri"},
		{"queue without a name", "cups://server/", "printer_uri"},
		{"queue with a path", "cups://server/printers/a4", "printer_uri"},
		{"queue of no server", "cups:///a4", "printer_uri"},
		{"no host", "escpos://:9100", "printer_uri"},
		{"no slashes", "escpos:10.0.0.7:9100", "printer_uri"},
		{"port 0", "escpos://10.0.0.7:0", "printer_uri"},
		{"port too high", "escpos://10.0.0.7:65536", "printer_uri"},
		{"port by name", "escpos://10.0.0.7:raw", "printer_uri"},
		{"dots of no printer", "escpos://10.0.0.7:9100?dots=600", "printer_uri"},
		{"dots twice", "escpos://10.0.0.7:9100?dots=512&dots=384", "printer_uri"},
		{"no dots", "escpos://10.0.0.7:9100?dots=", "printer_uri"},
		{"unknown setting", "escpos://10.0.0.7:9100?dots=512&width=80", "printer_uri"},
		{"path", "escpos://10.0.0.7:9100/", "printer_uri"},
		{"user", "escpos://me@10.0.0.7:9100", "printer_uri"},
		{"spaces", "escpos://10.0.0.7 :9100", "printer_uri"},
		{"empty folder", "file:", "printer_uri"},
		{"no scheme", "/var/spool/sportello", "printer_uri"},
		{"another scheme", "lpd://printer", "printer_uri"},
		{"empty", "", "printer_uri"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := storetest.Open(t, nil)
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				return spool.AddPrinter(t.Context(), tx, spool.Printer{ID: "p1", Office: "isernia", Name: "Chiosco", URI: test.uri})
			})
			if got := fault.Code(err); got != test.wantCode || (err != nil) != (test.wantCode != "") {
				t.Errorf("got %v, want code %q", err, test.wantCode)
			}
		})
	}
}

func TestPrinters(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		var got []spool.Printer
		err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
			for _, p := range []spool.Printer{
				{ID: "p2", Office: "isernia", Name: "Ingresso", URI: "file:/b"},
				{ID: "p1", Office: "isernia", Name: "Chiosco", URI: "file:/a"},
				{ID: "p3", Office: "milano", Name: "Chiosco", URI: "file:/c"},
				{ID: "p1", Office: "isernia", Name: "Chiosco", URI: "file:/a"},     // the same: no change
				{ID: "p2", Office: "isernia", Name: "Sala grande", URI: "file:/b"}, // another name
			} {
				if err := spool.AddPrinter(t.Context(), tx, p); err != nil {
					return err
				}
			}
			got, err = spool.Printers(t.Context(), tx, "isernia")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []spool.Printer{
			{ID: "p1", Office: "isernia", Name: "Chiosco", URI: "file:/a", Rev: 1, Condition: spool.Unknown},
			{ID: "p2", Office: "isernia", Name: "Sala grande", URI: "file:/b", Rev: 2, Condition: spool.Unknown},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("printers (-want +got):\n%s", diff)
		}
	})
}

func TestEnqueueRefuses(t *testing.T) {
	for _, test := range []struct {
		name     string
		change   func(job *spool.Job)
		wantCode string
	}{
		{"unknown printer", func(job *spool.Job) { job.Printer = "p9" }, "unknown_printer"},
		{"another office's printer", func(job *spool.Job) { job.Office = "milano" }, "unknown_printer"},
		{"unknown kind", func(job *spool.Job) { job.Kind = "poster" }, ""},
		{"a wait of more than 15 minutes", func(job *spool.Job) { job.ExpiresAfter = 16 * time.Minute }, ""},
		{"a wait of less than nothing", func(job *spool.Job) { job.ExpiresAfter = -time.Second }, ""},
		{"values that are no JSON", func(job *spool.Job) { job.Values = func() {} }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(r rig) {
				job := jobFor("A012")
				test.change(&job)
				err := r.here.Update(r.Context(), func(tx *store.Tx) error {
					_, err := spool.Enqueue(r.Context(), tx, job)
					return err
				})
				if err == nil || fault.Code(err) != test.wantCode {
					r.Errorf("got %v, want an error with code %q", err, test.wantCode)
				}
			})
		})
	}
}

func TestPrintsWhatWasCommittedAtOnce(t *testing.T) {
	onBoth(t, func(r rig) {
		r.run(r.here)
		synctest.Wait()
		began := time.Now()
		id := r.enqueue(r.here, jobFor("A012"))
		synctest.Wait()
		if waited := time.Since(began); waited != 0 {
			r.Errorf("waited %v for a job that a commit announced", waited)
		}
		r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
		r.wantFiles(fileName(1, id))
		want, err := ticket("A012").PDF()
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(r.read(fileName(1, id)), want) {
			r.Error("the file differs from the ticket's PDF")
		}
	})
}

// TestReceiptWaitsAsLongAsPersonalPaperMay has one receipt printed after almost 15 minutes, and
// another come too late; nothing stays of what they say.
func TestReceiptWaitsAsLongAsPersonalPaperMay(t *testing.T) {
	receipt := printouts.Receipt{
		Code: "KX7-42P", MadeAt: time.Date(2026, 12, 3, 9, 30, 0, 0, time.UTC),
		Date: printouts.Text{Italian: "giovedì 3 dicembre 2026"}, Hours: printouts.Text{Italian: "ore 9:30–10:00"},
		Service: printouts.Text{Italian: "NASpI"}, Bring: []printouts.Text{{Italian: "IBAN", Second: "IBAN"}},
	}
	job := spool.Job{
		Printer: "p1", Office: "isernia", Subject: "appointment:1", Kind: spool.KindReceipt,
		Values: receipt, ExpiresAfter: 15 * time.Minute,
	}
	onBoth(t, func(r rig) {
		late := r.enqueue(r.here, job)
		time.Sleep(time.Second)
		inTime := r.enqueue(r.here, job)
		time.Sleep(15*time.Minute - time.Second)
		r.run(r.here)
		synctest.Wait()
		r.want(late, row{State: spool.Expired, Erased: true})
		r.want(inTime, row{State: spool.Printed, Attempts: 1, Erased: true})
		want, err := receipt.PDF()
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(r.read(fileName(2, inTime)), want) {
			r.Error("the file differs from the receipt's PDF")
		}
	})
}

func TestRolledBackJobIsNotPrinted(t *testing.T) {
	onBoth(t, func(r rig) {
		r.run(r.here)
		undone := errors.New("ticket not issued")
		err := r.here.Update(r.Context(), func(tx *store.Tx) error {
			if _, err := spool.Enqueue(r.Context(), tx, jobFor("A012")); err != nil {
				return err
			}
			return undone
		})
		if !errors.Is(err, undone) {
			r.Fatalf("got %v, want %v", err, undone)
		}
		time.Sleep(time.Minute)
		r.wantFiles()
	})
}

func TestJobOfAnotherProcessIsFound(t *testing.T) {
	onBoth(t, func(r rig) {
		r.run(r.here)
		id := r.enqueue(r.there, jobFor("A012"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
	})
}

func TestPrintsInOrder(t *testing.T) {
	onBoth(t, func(r rig) {
		const jobs = 10
		var want []string
		for n := range jobs {
			want = append(want, fileName(n+1, r.enqueue(r.here, jobFor(fmt.Sprintf("A%03d", n)))))
		}
		r.run(r.here)
		synctest.Wait()
		r.wantFiles(want...)
		var last time.Time
		for _, name := range want {
			info, err := os.Stat(filepath.Join(r.folder, name))
			if err != nil {
				r.Fatal(err)
			}
			if info.ModTime().Before(last) {
				r.Errorf("%s was printed before the one ahead of it", name)
			}
			last = info.ModTime()
		}
	})
}

func TestTwoProcessesPrintEachJobOnce(t *testing.T) {
	onBoth(t, func(r rig) {
		const jobs = 5 // from each process, on each printer
		second := filepath.Join(r.TempDir(), "second")
		r.addPrinter("p2", "file:"+second)
		r.run(r.here)
		r.run(r.there)
		ids := make(chan string, 4*jobs)
		var group sync.WaitGroup
		for _, db := range []*store.DB{r.here, r.there} {
			for _, printer := range []string{"p1", "p2"} {
				group.Go(func() {
					for n := range jobs {
						job := jobFor(fmt.Sprintf("A%03d", n))
						job.Printer = printer
						ids <- r.enqueue(db, job)
					}
				})
			}
		}
		group.Wait()
		close(ids)
		time.Sleep(4 * time.Second) // one process may wait for its poll
		synctest.Wait()
		for id := range ids {
			r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
		}
		for _, folder := range []string{r.folder, second} {
			if got := len(r.files(folder)); got != 2*jobs {
				r.Errorf("got %d files, want %d", got, 2*jobs)
			}
		}
	})
}

func TestProcessThatDiedWhilePrinting(t *testing.T) {
	const mark = "printed by the process that died"
	for _, test := range []struct {
		name     string
		left     func(r rig, name string) // in the folder
		after    time.Duration            // until another process starts
		want     row
		wantOld  bool // the file is the dead process's
		wantNone bool
	}{
		{
			name:    "between rename and mark",
			left:    func(r rig, name string) { r.write(name, mark) },
			want:    row{State: spool.Printed, Attempts: 2, Erased: true},
			wantOld: true,
		},
		{
			name: "before the first byte",
			left: func(rig, string) {},
			want: row{State: spool.Printed, Attempts: 2, Erased: true},
		},
		{
			name: "in the middle of the file",
			left: func(r rig, name string) { r.write("."+name+".1", "%PDF-1.") },
			want: row{State: spool.Printed, Attempts: 2, Erased: true},
		},
		{
			name:    "after the rename, found late",
			left:    func(r rig, name string) { r.write(name, mark) },
			after:   3 * time.Minute,
			want:    row{State: spool.Printed, Attempts: 2, Erased: true},
			wantOld: true,
		},
		{
			name:     "before the rename, found late",
			left:     func(r rig, name string) { r.write("."+name+".1", "%PDF-1.") },
			after:    3 * time.Minute,
			want:     row{State: spool.Expired, Attempts: 2, Erased: true},
			wantNone: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(r rig) {
				id := r.enqueue(r.here, jobFor("A012"))
				next := r.enqueue(r.here, spool.Job{
					Printer: "p1", Office: "isernia", Subject: "ticket:B001", Kind: spool.KindTicket,
					Values: ticket("B001"), ExpiresAfter: 10 * time.Minute,
				})
				r.exec(`UPDATE print_jobs SET state = 'sent', attempts = 1 WHERE id = $1`, id)
				name := fileName(1, id)
				test.left(r, name)
				time.Sleep(test.after)

				r.run(r.there)
				time.Sleep(4 * time.Second)
				r.want(id, row{State: spool.Sent, Attempts: 1}) // its process might be alive
				r.want(next, row{State: spool.Queued})          // one at a time
				time.Sleep(4 * time.Second)
				synctest.Wait()
				r.want(id, test.want)
				r.want(next, row{State: spool.Printed, Attempts: 1, Erased: true})
				if test.wantNone {
					r.wantFiles(fileName(2, next))
					return
				}
				r.wantFiles(name, fileName(2, next))
				if got := string(r.read(name)) == mark; got != test.wantOld {
					r.Errorf("file is the dead process's: got %t, want %t", got, test.wantOld)
				}
			})
		})
	}
}

func TestFailureIsFinal(t *testing.T) {
	for _, test := range []struct {
		name       string
		ruin       func(r rig, id string) (repair func())
		wantDetail string
	}{
		{
			name: "folder cannot be made",
			ruin: func(r rig, _ string) func() {
				if err := os.WriteFile(r.folder, nil, 0o600); err != nil {
					r.Fatal(err)
				}
				return func() { _ = os.Remove(r.folder) }
			},
			wantDetail: spool.Unwritable,
		},
		{
			name: "disk full",
			ruin: func(r rig, id string) func() {
				path := filepath.Join(r.folder, "."+fileName(1, id)+".1")
				if err := errors.Join(os.Mkdir(r.folder, 0o750), os.Symlink("/dev/full", path)); err != nil {
					r.Fatal(err)
				}
				return func() {}
			},
			wantDetail: spool.Full,
		},
		{
			name: "values make no ticket",
			ruin: func(r rig, id string) func() {
				r.exec(`UPDATE print_jobs SET payload = '{}' WHERE id = $1`, id)
				return func() {}
			},
			wantDetail: spool.Unprintable,
		},
		{
			name: "printer of a later program",
			ruin: func(r rig, _ string) func() {
				r.exec(`UPDATE printers SET uri = 'ipp://printer' WHERE id = 'p1'`)
				return func() { r.addPrinter("p1", "file:"+r.folder) }
			},
			wantDetail: spool.UnknownURI,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(r rig) {
				id := r.enqueue(r.here, jobFor("A012"))
				repair := test.ruin(r, id)
				r.run(r.here)
				synctest.Wait()
				failed := row{State: spool.Failed, Detail: test.wantDetail, Attempts: 1, Erased: true}
				r.want(id, failed)
				repair()
				time.Sleep(time.Minute)
				r.want(id, failed)
				r.wantFiles()

				again := r.enqueue(r.here, jobFor("A012"))
				synctest.Wait()
				r.want(again, row{State: spool.Printed, Attempts: 1, Erased: true})
				r.wantFiles(fileName(2, again))
			})
		})
	}
}

func TestExpires(t *testing.T) {
	t.Run("while no spooler runs", func(t *testing.T) {
		onBoth(t, func(r rig) {
			late := r.enqueue(r.here, jobFor("A012"))
			job := jobFor("A013")
			job.ExpiresAfter = 2*time.Minute + time.Second
			inTime := r.enqueue(r.here, job)
			time.Sleep(2 * time.Minute)
			r.run(r.here)
			synctest.Wait()
			r.want(late, row{State: spool.Expired, Erased: true})
			r.want(inTime, row{State: spool.Printed, Attempts: 1, Erased: true})
			r.wantFiles(fileName(2, inTime))
		})
	})
	t.Run("behind a job that hangs", func(t *testing.T) {
		onBoth(t, func(r rig) {
			hangs := r.enqueue(r.here, jobFor("A012"))
			job := jobFor("A013")
			job.ExpiresAfter = time.Second
			late := r.enqueue(r.here, job)
			r.exec(`UPDATE print_jobs SET state = 'sent', attempts = 1 WHERE id = $1`, hangs)
			r.run(r.there)
			time.Sleep(3 * time.Second)
			r.want(late, row{State: spool.Expired, Erased: true})
		})
	})
	t.Run("in the hands of a process that died long ago", func(t *testing.T) {
		onBoth(t, func(r rig) {
			r.addPrinter("p2", "cups://127.0.0.1:9/queue")
			job := jobFor("A012")
			job.Printer = "p2"
			lost := r.enqueue(r.here, job)
			r.exec(`UPDATE print_jobs SET state = 'sent', attempts = 1 WHERE id = $1`, lost)
			values := func() (n int) {
				r.update(r.here, func(tx *store.Tx) error {
					return tx.QueryRow(r.Context(), `SELECT COUNT(*) FROM print_jobs WHERE payload <> ''`).Scan(&n)
				})
				return n
			}
			time.Sleep(15*time.Minute - time.Second)
			stop := r.run(r.there)
			synctest.Wait()
			if values() != 1 {
				r.Error("its values are erased too early: the process may live")
			}
			time.Sleep(4 * time.Second)
			if values() != 0 {
				r.Error("its values are kept for more than 15 minutes")
			}
			stop()
			r.want(lost, row{State: spool.Sent, Attempts: 1})
		})
	})
}

func TestEndFinishesWhatIsBegun(t *testing.T) {
	onBoth(t, func(r rig) {
		var ids []string
		for n := range 8 {
			ids = append(ids, r.enqueue(r.here, jobFor(fmt.Sprintf("A%03d", n))))
		}
		stop := r.run(r.here)
		for len(r.files(r.folder)) == 0 {
			runtime.Gosched() // to sleep would let the bubble finish all of them
		}
		stop()
		if got := len(r.files(r.folder)); got == len(ids) {
			r.Error("the spooler was not ended in the middle of its work")
		}
		for _, id := range ids {
			switch got := r.row(id); got {
			case row{State: spool.Queued}, row{State: spool.Printed, Attempts: 1, Erased: true}:
			default:
				r.Errorf("left behind: %+v", got)
			}
		}
	})
}

func TestLatest(t *testing.T) {
	onBoth(t, func(r rig) {
		latest := func() spool.Status { return r.latest("ticket:A012") }
		r.enqueue(r.here, jobFor("B001"))
		if got := latest(); got != (spool.Status{}) {
			r.Errorf("nothing enqueued: got %v", got)
		}
		id := r.enqueue(r.here, jobFor("A012"))
		r.exec(`UPDATE print_jobs SET state = 'failed', detail = 'printer_full' WHERE id = $1`, id)
		if got := latest(); got != (spool.Status{Job: id, Printer: "p1", State: spool.Failed, Detail: spool.Full}) {
			r.Errorf("failed: got %v", got)
		}
		time.Sleep(time.Second)
		id = r.enqueue(r.here, jobFor("A012"))
		if got := latest(); got != (spool.Status{Job: id, Printer: "p1", State: spool.Queued}) {
			r.Errorf("printed anew: got %v", got)
		}
	})
}

func TestPruneForgetsOnlyWhatIsSettled(t *testing.T) {
	onBoth(t, func(r rig) {
		settled, owed := r.enqueue(r.here, jobFor("A001")), r.enqueue(r.here, jobFor("A002"))
		r.exec(`UPDATE print_jobs SET state = 'printed', settled_at = created_at WHERE id = $1`, settled)
		time.Sleep(time.Second)
		err := r.here.Update(r.Context(), func(tx *store.Tx) error { return spool.Prune(r.Context(), tx, tx.Now) })
		if err != nil {
			r.Fatal(err)
		}
		for id, want := range map[string]int{settled: 0, owed: 1} {
			var got int
			err := r.here.View(r.Context(), func(tx *store.Tx) error {
				return tx.QueryRow(r.Context(), `SELECT COUNT(*) FROM print_jobs WHERE id = $1`, id).Scan(&got)
			})
			if err != nil || got != want {
				r.Errorf("job %s: %d rows, %v, want %d", id, got, err, want)
			}
		}
	})
}
