package spool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/printouts/spool"
)

// furnished runs f in a transaction of a database with printers p1 and p2 of Isernia and p3 of
// Milano, at nine o'clock.
func furnished(t *testing.T, f func(t *testing.T, tx *store.Tx)) {
	t.Helper()
	clock := storetest.At(nine)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			for id, office := range map[string]string{"p1": "isernia", "p2": "isernia", "p3": "milano"} {
				p := spool.Printer{ID: id, Office: office, Name: "Totem", URI: "file:/" + id}
				if err := spool.AddPrinter(t.Context(), tx, p); err != nil {
					return err
				}
			}
			f(t, tx)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

var nine = time.Date(2026, 12, 3, 9, 0, 0, 0, time.UTC)

// leave adds a job to a printer that came to state at a time.
func leave(t *testing.T, tx *store.Tx, printer, office, subject string, state spool.State, at time.Time) (id string) {
	t.Helper()
	job := jobFor(subject)
	job.Printer, job.Office = printer, office
	id, err := spool.Enqueue(t.Context(), tx, job)
	if err != nil {
		t.Fatal(err)
	}
	const settle = `UPDATE print_jobs SET state = $2, settled_at = $3, detail = 'unanswered', attempts = 1 WHERE id = $1`
	exec(t, tx, settle, id, string(state), store.Millis(at))
	return id
}

func exec(t *testing.T, tx *store.Tx, statement string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestListPrinters(t *testing.T) {
	furnished(t, func(t *testing.T, tx *store.Tx) {
		for _, state := range []spool.State{spool.Unconfirmed, spool.Unconfirmed, spool.Failed, spool.Expired, spool.Printed} {
			leave(t, tx, "p1", "isernia", "A1", state, nine)
			leave(t, tx, "p1", "isernia", "A1", state, nine.Add(-10*time.Hour)) // yesterday
		}
		leave(t, tx, "p1", "isernia", "A1", spool.Sent, time.Time{})
		leave(t, tx, "p2", "isernia", "A1", spool.Queued, time.Time{})
		if err := spool.Note(t.Context(), tx, "p2", spool.NearEnd); err != nil {
			t.Fatal(err)
		}

		p1 := spool.Listed{
			Printer: spool.Printer{ID: "p1", Office: "isernia", Name: "Totem", URI: "file:/p1", Rev: 1, Condition: spool.Unknown},
			Open:    1, Unconfirmed: 2, Failed: 2,
		}
		p2 := spool.Listed{
			Printer: spool.Printer{
				ID: "p2", Office: "isernia", Name: "Totem", URI: "file:/p2", Rev: 1,
				Condition: spool.NearEnd, CheckedAt: nine, SeenAt: nine,
			},
			Open: 1,
		}
		p3 := spool.Listed{
			Printer: spool.Printer{ID: "p3", Office: "milano", Name: "Totem", URI: "file:/p3", Rev: 1, Condition: spool.Unknown},
		}
		both := []string{"milano", "isernia"}
		for _, test := range []struct {
			name    string
			offices []string
			after   string
			limit   int
			want    []spool.Listed
		}{
			{"all", both, "", 10, []spool.Listed{p1, p2, p3}},
			{"the first two", both, "", 2, []spool.Listed{p1, p2}},
			{"the rest", both, "p2", 2, []spool.Listed{p3}},
			{"one office", []string{"milano"}, "", 1, []spool.Listed{p3}},
			{"no office", nil, "", 10, nil},
		} {
			got, err := spool.ListPrinters(t.Context(), tx, spool.Listing{
				Offices: test.offices, Since: nine.Add(-9 * time.Hour), After: test.after, Limit: test.limit,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	})
}

func TestJobs(t *testing.T) {
	furnished(t, func(t *testing.T, tx *store.Tx) {
		var want []spool.Record
		for n := range 5 {
			subject := fmt.Sprintf("A%d", n)
			id := leave(t, tx, "p1", "isernia", subject, spool.Unconfirmed, nine)
			want = append([]spool.Record{{
				ID: id, Subject: "ticket:" + subject, Kind: spool.KindTicket, Seq: int64(n) + 1,
				State: spool.Unconfirmed, Detail: spool.Unanswered, Attempts: 1, CreatedAt: nine, SettledAt: nine,
			}}, want...)
		}
		leave(t, tx, "p2", "isernia", "B1", spool.Queued, time.Time{})
		for _, test := range []struct {
			name   string
			before int64
			limit  int
			want   []spool.Record
		}{
			{"newest", 0, 2, want[:2]},
			{"next", 4, 2, want[2:4]},
			{"last", 2, 2, want[4:]},
			{"no more", 1, 2, nil},
		} {
			got, err := spool.Jobs(t.Context(), tx, "p1", test.before, test.limit)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}
	})
}

func TestRemovePrinter(t *testing.T) {
	for _, test := range []struct {
		name     string
		before   func(t *testing.T, tx *store.Tx)
		wantCode string
	}{
		{"never used", func(*testing.T, *store.Tx) {}, ""},
		{"used", func(t *testing.T, tx *store.Tx) {
			leave(t, tx, "p1", "isernia", "A1", spool.Printed, nine)
		}, ""},
		{"printing", func(t *testing.T, tx *store.Tx) {
			leave(t, tx, "p1", "isernia", "A1", spool.Sent, time.Time{})
		}, "printer_has_jobs"},
		{"owing", func(t *testing.T, tx *store.Tx) {
			leave(t, tx, "p1", "isernia", "A1", spool.Queued, time.Time{})
		}, "printer_has_jobs"},
		{"of a kiosk", func(t *testing.T, tx *store.Tx) {
			exec(t, tx, `INSERT INTO devices (id, office_id, kind, name, printer_id, created_at) VALUES ('d1', 'isernia', 'kiosk', 'Totem', 'p1', 0)`)
		}, "printer_has_devices"},
		{"gone", func(t *testing.T, tx *store.Tx) {
			exec(t, tx, `DELETE FROM printers WHERE id = 'p1'`)
		}, "unknown_printer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			furnished(t, func(t *testing.T, tx *store.Tx) {
				leave(t, tx, "p2", "isernia", "A1", spool.Queued, time.Time{})
				test.before(t, tx)
				err := spool.RemovePrinter(t.Context(), tx, "p1")
				if fault.Code(err) != test.wantCode || (err == nil) != (test.wantCode == "") {
					t.Errorf("got %v, want code %q", err, test.wantCode)
				}
				_, err = spool.PrinterByID(t.Context(), tx, "p1")
				if gone := fault.Code(err) == "unknown_printer"; gone != (test.wantCode == "" || test.wantCode == "unknown_printer") {
					t.Errorf("the printer is gone: %t, %v", gone, err)
				}
				if _, err := spool.PrinterByID(t.Context(), tx, "p2"); err != nil {
					t.Errorf("the other printer: %v", err)
				}
			})
		})
	}
}

// TestConditionOutlivesAName keeps what is known of a printer as long as its address.
func TestConditionOutlivesAName(t *testing.T) {
	furnished(t, func(t *testing.T, tx *store.Tx) {
		if err := spool.Note(t.Context(), tx, "p1", spool.OutOfPaper); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name, uri string
			want      spool.Condition
		}{
			{"Ingresso", "file:/p1", spool.OutOfPaper},
			{"Ingresso", "escpos://127.0.0.1:9100", spool.Unknown},
		} {
			p := spool.Printer{ID: "p1", Office: "isernia", Name: test.name, URI: test.uri}
			if err := spool.AddPrinter(t.Context(), tx, p); err != nil {
				t.Fatal(err)
			}
			got, err := spool.PrinterByID(t.Context(), tx, "p1")
			if err != nil {
				t.Fatal(err)
			}
			if got.Condition != test.want || got.SeenAt.IsZero() != (test.want == spool.Unknown) || got.Name != test.name {
				t.Errorf("at %s: got %+v, want condition %s", test.uri, got, test.want)
			}
		}
	})
}
