package audit_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/audit"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

var morning = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// record is a database with short words for what tests do to its audit.
type record struct {
	t     *testing.T
	db    *store.DB
	clock *storetest.Clock
}

// each runs f on every database.
func each(t *testing.T, f func(t *testing.T, r record)) {
	t.Helper()
	clock := storetest.At(morning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(morning)
		f(t, record{t, db, clock})
	})
}

func (r record) exec(query string, args ...any) {
	r.t.Helper()
	err := r.db.Update(r.t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Exec(r.t.Context(), query, args...)
		if err == nil && rows == 0 {
			err = fmt.Errorf("%s: no row", query)
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r record) add(e audit.Entry) {
	r.t.Helper()
	err := r.db.Update(r.t.Context(), func(tx *store.Tx) error { return audit.Record(r.t.Context(), tx, e) })
	if err != nil {
		r.t.Fatal(err)
	}
}

// day records, a second apart, five changes of an office, of which the third has two lines, two of
// another and one of the system.
func (r record) day() {
	r.t.Helper()
	for _, e := range []audit.Entry{
		{Scope: "centro", Version: 1, Actor: "user:anna", Action: "desk.open", Subject: "desk:1"},
		{Scope: "centro", Version: 2, Actor: "device:k", Action: "ticket.issue", Subject: "ticket:a"},
		{Scope: audit.System, Actor: "user:anna", Action: "session.begin", Subject: "user:anna"},
		{Scope: "altro", Version: 7, Actor: "device:k2", Action: "ticket.issue", Subject: "ticket:b"},
		{Scope: "centro", Version: 4, Actor: "user:anna", Action: "ticket.call", Subject: "ticket:a", Detail: map[string]any{"desks": []string{"1"}}},
		{Scope: "centro", Version: 4, Actor: "user:anna", Action: "ticket.start", Subject: "ticket:a"},
		{Scope: "altro", Version: 9, Actor: "citizen", Action: "ticket.leave", Subject: "ticket:b"},
		{Scope: "centro", Version: 5, Actor: "user:anna", Action: "ticket.finish", Subject: "ticket:a"},
		{Scope: "centro", Version: 6, Actor: "user:anna", Action: "desk.close", Subject: "desk:1"},
	} {
		r.add(e)
		r.clock.Add(time.Second)
	}
}

func (r record) verify(noted ...audit.Head) audit.Report {
	r.t.Helper()
	return view(r, func(ctx context.Context, tx *store.Tx) (audit.Report, error) { return audit.Verify(ctx, tx, noted) })
}

func (r record) heads(before time.Time) []audit.Head {
	r.t.Helper()
	return view(r, func(ctx context.Context, tx *store.Tx) ([]audit.Head, error) { return audit.Heads(ctx, tx, before) })
}

func view[T any](r record, read func(ctx context.Context, tx *store.Tx) (T, error)) (v T) {
	r.t.Helper()
	err := r.db.View(r.t.Context(), func(tx *store.Tx) (err error) {
		v, err = read(r.t.Context(), tx)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

func TestWholeChains(t *testing.T) {
	each(t, func(t *testing.T, r record) {
		if got := r.verify(); !r.verify().Whole() || len(got.Chains) != 0 {
			t.Errorf("an empty audit: got %+v", got)
		}
		r.day()
		got := r.verify(r.heads(r.clock.Now())...)
		want := audit.Report{Chains: []audit.Chain{{Scope: "altro", Lines: 2}, {Scope: "centro", Lines: 6}, {Scope: audit.System, Lines: 1}}}
		if diff := cmp.Diff(want, got); diff != "" || !got.Whole() {
			t.Error(diff)
		}
	})
}

// TestTampering changes the audit as somebody could who can write to the database. Every change but
// one to the chain's very tail with its head is found in the database alone; that one is found with
// the heads noted before it.
func TestTampering(t *testing.T) {
	const centro = ` scope = 'centro' AND `
	fault := func(code audit.FaultCode, version, line int64) *audit.Fault {
		return &audit.Fault{Code: code, Version: version, Line: line}
	}
	tests := []struct {
		name   string
		tamper func(r record)
		want   *audit.Fault // in the database alone
		noted  *audit.Fault // with noted heads; nil: the same
	}{
		{name: "nothing", tamper: func(record) {}},
		{
			name: "a line added since the heads were noted",
			tamper: func(r record) {
				r.add(audit.Entry{Scope: "centro", Version: 8, Actor: "user:anna", Action: "desk.open", Subject: "desk:1"})
			},
		},
		{name: "actor", tamper: func(r record) { r.exec(`UPDATE audit SET actor = 'user:bruno' WHERE` + centro + `version = 2`) }, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "action", tamper: func(r record) { r.exec(`UPDATE audit SET action = 'ticket.park' WHERE` + centro + `version = 5`) }, want: fault(audit.DoesNotFit, 5, 0)},
		{name: "subject", tamper: func(r record) { r.exec(`UPDATE audit SET subject = 'ticket:c' WHERE` + centro + `line = 1`) }, want: fault(audit.DoesNotFit, 4, 1)},
		{name: "detail", tamper: func(r record) {
			r.exec(`UPDATE audit SET detail = '{"desks":["2"]}' WHERE` + centro + `version = 4 AND line = 0`)
		}, want: fault(audit.DoesNotFit, 4, 0)},
		{name: "time", tamper: func(r record) { r.exec(`UPDATE audit SET at = at + 1 WHERE` + centro + `version = 1`) }, want: fault(audit.DoesNotFit, 1, 0)},
		{name: "version", tamper: func(r record) { r.exec(`UPDATE audit SET version = 3 WHERE` + centro + `version = 2`) }, want: fault(audit.DoesNotFit, 3, 0)},
		{name: "line", tamper: func(r record) { r.exec(`UPDATE audit SET line = 3 WHERE` + centro + `version = 2`) }, want: fault(audit.DoesNotFit, 2, 3)},
		{name: "scope", tamper: func(r record) { r.exec(`UPDATE audit SET scope = 'altro' WHERE` + centro + `version = 1`) }, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "hash", tamper: func(r record) { r.exec(`UPDATE audit SET hash = 'x' WHERE` + centro + `version = 2`) }, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "hash blanked", tamper: func(r record) { r.exec(`UPDATE audit SET hash = '' WHERE` + centro + `version = 2`) }, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "text moved from one field to the next", tamper: func(r record) {
			r.exec(`UPDATE audit SET action = 'ticket.issuet', subject = 'icket:a' WHERE` + centro + `version = 2`)
		}, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "first line deleted", tamper: func(r record) { r.exec(`DELETE FROM audit WHERE` + centro + `version = 1`) }, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "line deleted", tamper: func(r record) { r.exec(`DELETE FROM audit WHERE` + centro + `version = 2`) }, want: fault(audit.DoesNotFit, 4, 0)},
		{name: "line of a version deleted", tamper: func(r record) { r.exec(`DELETE FROM audit WHERE` + centro + `version = 4 AND line = 0`) }, want: fault(audit.DoesNotFit, 4, 1)},
		{name: "line put in", tamper: func(r record) {
			r.exec(`INSERT INTO audit (scope, version, line, at, actor, action, subject, detail, hash)
SELECT scope, 3, 0, at, actor, 'ticket.recall', subject, '{}', hash FROM audit WHERE` + centro + `version = 2`)
		}, want: fault(audit.DoesNotFit, 3, 0)},
		{name: "line put in that looks older than the chain", tamper: func(r record) {
			r.exec(`INSERT INTO audit (scope, version, line, at, actor, action, subject, detail)
SELECT scope, 0, 0, at, actor, 'ticket.recall', subject, '{}' FROM audit WHERE` + centro + `version = 2`)
		}, want: fault(audit.DoesNotFit, 1, 0)},
		{name: "two lines swapped", tamper: func(r record) {
			r.exec(`UPDATE audit SET version = 102 WHERE` + centro + `version = 2`)
			r.exec(`UPDATE audit SET version = 2 WHERE` + centro + `version = 5`)
			r.exec(`UPDATE audit SET version = 5 WHERE` + centro + `version = 102`)
		}, want: fault(audit.DoesNotFit, 2, 0)},
		{name: "tail cut", tamper: func(r record) { r.exec(`DELETE FROM audit WHERE` + centro + `version >= 5`) }, want: fault(audit.CutOff, 6, 0)},
		{name: "all lines cut", tamper: func(r record) { r.exec(`DELETE FROM audit WHERE` + centro + `version > 0`) }, want: fault(audit.CutOff, 6, 0)},
		{name: "head taken back", tamper: func(r record) { r.exec(`UPDATE audit_heads SET version = 5 WHERE scope = 'centro'`) }, want: fault(audit.BeyondHead, 6, 0)},
		{name: "head deleted", tamper: func(r record) { r.exec(`DELETE FROM audit_heads WHERE scope = 'centro'`) }, want: fault(audit.BeyondHead, 1, 0)},
		{name: "head's hash", tamper: func(r record) { r.exec(`UPDATE audit_heads SET hash = 'x' WHERE scope = 'centro'`) }, want: fault(audit.DoesNotFit, 6, 0)},
		{name: "head's hash blanked", tamper: func(r record) { r.exec(`UPDATE audit_heads SET hash = '' WHERE scope = 'centro'`) }, want: fault(audit.DoesNotFit, 6, 0)},
		{
			name: "tail and head cut alike",
			tamper: func(r record) {
				r.exec(`DELETE FROM audit WHERE` + centro + `version = 6`)
				r.exec(`UPDATE audit_heads SET version = 5, hash = (SELECT hash FROM audit WHERE` + centro + `version = 5) WHERE scope = 'centro'`)
			},
			noted: fault(audit.NotAsNoted, 6, 0),
		},
		{
			name: "tail and head written anew",
			tamper: func(r record) {
				r.exec(`DELETE FROM audit WHERE` + centro + `version >= 5`)
				r.exec(`UPDATE audit_heads SET version = 4, line = 1, hash = (SELECT hash FROM audit WHERE` + centro + `line = 1) WHERE scope = 'centro'`)
				r.add(audit.Entry{Scope: "centro", Version: 5, Actor: "user:bruno", Action: "ticket.finish", Subject: "ticket:a"})
				r.add(audit.Entry{Scope: "centro", Version: 6, Actor: "user:bruno", Action: "desk.close", Subject: "desk:1"})
			},
			noted: fault(audit.NotAsNoted, 6, 0),
		},
		{
			name: "tail written anew and longer",
			tamper: func(r record) {
				r.exec(`DELETE FROM audit WHERE` + centro + `version >= 6`)
				r.exec(`UPDATE audit_heads SET version = 5, hash = (SELECT hash FROM audit WHERE` + centro + `version = 5) WHERE scope = 'centro'`)
				r.add(audit.Entry{Scope: "centro", Version: 9, Actor: "user:bruno", Action: "desk.close", Subject: "desk:1"})
			},
			noted: fault(audit.NotAsNoted, 6, 0),
		},
		{
			name: "all lines and the head cut",
			tamper: func(r record) {
				r.exec(`DELETE FROM audit WHERE` + centro + `version > 0`)
				r.exec(`DELETE FROM audit_heads WHERE scope = 'centro'`)
			},
			noted: fault(audit.NotAsNoted, 4, 1), // the first of the noted
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, r record) {
				r.day()
				noted := append(r.heads(morning.Add(7*time.Second)), r.heads(r.clock.Now())...)
				tt.tamper(r)
				if diff := cmp.Diff(tt.want, faultOf(r.verify())); diff != "" {
					t.Errorf("alone: %s", diff)
				}
				want := tt.want
				if tt.noted != nil {
					want = tt.noted
				}
				if diff := cmp.Diff(want, faultOf(r.verify(noted...))); diff != "" {
					t.Errorf("with noted heads: %s", diff)
				}
			})
		})
	}
}

// faultOf is the fault of the office centro.
func faultOf(r audit.Report) *audit.Fault {
	for _, c := range r.Chains {
		if c.Scope == "centro" {
			return c.Fault
		}
	}
	return nil
}

// TestLinesFromBeforeTheChain migrates a database that has lines.
func TestLinesFromBeforeTheChain(t *testing.T) {
	eachOld(t, func(t *testing.T, r record) {
		for i, scope := range []string{"centro", "centro", "altro", "centro", audit.System} {
			r.exec(`INSERT INTO audit (scope, version, line, at, actor, action, subject, detail) VALUES ($1, $2, 0, 1000, 'citizen', 'ticket.leave', 'ticket:a', '{}')`, scope, i+1)
		}
		r.exec(`INSERT INTO audit (scope, version, line, at, actor, action, subject, detail) VALUES ('centro', 4, 1, 1000, 'citizen', 'ticket.leave', 'ticket:b', '{}')`)
		r.exec(`INSERT INTO audit_heads (scope, version) VALUES ('system', 5)`)
		if err := r.db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.verify()
		want := audit.Report{Chains: []audit.Chain{{Scope: "altro", Lines: 1, Early: 1}, {Scope: "centro", Lines: 4, Early: 4}, {Scope: audit.System, Lines: 1, Early: 1}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("migrated: %s", diff)
		}
		r.exec(`DELETE FROM audit WHERE scope = 'altro'`)
		if got := r.verify().Chains[0].Fault; got == nil || got.Code != audit.CutOff {
			t.Errorf("the early tail cut: got %v", got)
		}

		r.add(audit.Entry{Scope: "centro", Version: 6, Actor: "citizen", Action: "ticket.leave", Subject: "ticket:c"})
		r.add(audit.Entry{Scope: audit.System, Actor: "user:anna", Action: "session.begin", Subject: "user:anna"})
		if got := faultOf(r.verify()); got != nil {
			t.Errorf("with a line after them: got %v", got)
		}
		r.exec(`UPDATE audit SET at = 2000 WHERE scope = 'centro' AND version = 2`)
		if got := faultOf(r.verify()); got == nil || *got != (audit.Fault{Code: audit.DoesNotFit, Version: 6}) {
			t.Errorf("an early line changed: got %v, want that the first line of the chain does not fit", got)
		}
		r.exec(`UPDATE audit SET at = 1000 WHERE scope = 'centro' AND version = 2`)
		r.exec(`INSERT INTO audit (scope, version, line, at, actor, action, subject, detail) VALUES ('centro', 3, 0, 1000, 'citizen', 'ticket.leave', 'ticket:a', '{}')`)
		if got := faultOf(r.verify()); got == nil {
			t.Error("an early line put in: not found")
		}
	})
}

// eachOld runs f on databases with the schema from before the chain.
func eachOld(t *testing.T, f func(t *testing.T, r record)) {
	t.Helper()
	old := func(t *testing.T, address string) {
		clock := storetest.At(morning)
		db, err := store.Open(t.Context(), store.Options{URL: address, Now: clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if _, _, err := db.Schema(t.Context()); err != nil { // makes the table of versions
			t.Fatal(err)
		}
		files, err := filepath.Glob("../store/migrations/000[1-5]_*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			up, _, _ := strings.Cut(string(text), "-- +goose Down")
			err = db.Update(t.Context(), func(tx *store.Tx) error {
				if _, err := tx.Exec(t.Context(), up); err != nil {
					return err
				}
				_, err := tx.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (CAST($1 AS BIGINT), TRUE)`, strings.TrimLeft(filepath.Base(name)[:4], "0"))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		f(t, record{t, db, clock})
	}
	t.Run("sqlite", func(t *testing.T) { old(t, "sqlite:"+filepath.Join(t.TempDir(), "sportello.db")) })
	if server := os.Getenv("SPORTELLO_TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { old(t, storetest.EmptyPostgresURL(t, server)) })
	}
}

// TestRecordersFollowOneAnother has many record into one scope at once, with no lock of the office and
// with versions that are behind.
func TestRecordersFollowOneAnother(t *testing.T) {
	each(t, func(t *testing.T, r record) {
		const writers, lines = 8, 10
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for n := range lines {
					err := r.db.Update(t.Context(), func(tx *store.Tx) error {
						for _, scope := range []string{"centro", audit.System} {
							err := audit.Record(t.Context(), tx, audit.Entry{
								Scope: scope, Version: int64(n % 3), Actor: "job:x", Action: "thing.do", Subject: fmt.Sprintf("thing:%d-%d", w, n),
							})
							if err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		got := r.verify()
		want := audit.Report{Chains: []audit.Chain{{Scope: "centro", Lines: writers * lines}, {Scope: audit.System, Lines: writers * lines}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestRecordRefusesWords(t *testing.T) {
	good := audit.Entry{Scope: "centro", Version: 1, Actor: "user:1", Action: "desk.pause", Subject: "desk:1", Detail: map[string]any{
		"reason": "break", "until": morning, "minutes": -5, "ids": []string{"a_b", "JNT-LAVORO"}, "known": true, "none": nil,
	}}
	tests := []struct {
		name   string
		change func(e *audit.Entry)
		good   bool
	}{
		{"ids, codes, numbers and times", func(*audit.Entry) {}, true},
		{"no details", func(e *audit.Entry) { e.Detail = nil }, true},
		{"no scope", func(e *audit.Entry) { e.Scope = "" }, false},
		{"no actor", func(e *audit.Entry) { e.Actor = "" }, false},
		{"a name as the actor", func(e *audit.Entry) { e.Actor = "Anna Prova" }, false},
		{"an address as the subject", func(e *audit.Entry) { e.Subject = "anna@prova.example" }, false},
		{"words", func(e *audit.Entry) { e.Detail = map[string]any{"reason": "malata da ieri"} }, false},
		{"words in a list", func(e *audit.Entry) { e.Detail = map[string]any{"all": []string{"a", "b c"}} }, false},
		{"words as a key", func(e *audit.Entry) { e.Detail = map[string]any{"Anna Prova": 1} }, false},
		{"other letters", func(e *audit.Entry) { e.Detail = map[string]any{"name": "Niccolò"} }, false},
		{"an e-mail address", func(e *audit.Entry) { e.Detail = map[string]any{"to": "anna@prova.example"} }, false},
		{"what JSON escapes", func(e *audit.Entry) { e.Detail = map[string]any{"to": "a\nb"} }, false},
		{"what JSON cannot hold", func(e *audit.Entry) { e.Detail = map[string]any{"f": func() {}} }, false},
	}
	db := storetest.Open(t, func() time.Time { return morning })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := good
			tt.change(&e)
			err := db.Update(t.Context(), func(tx *store.Tx) error { return audit.Record(t.Context(), tx, e) })
			if (err == nil) != tt.good {
				t.Errorf("got %v, want good %t", err, tt.good)
			}
		})
	}
}

// TestNothingChangesALine reads the program: no statement of it may change or delete lines.
func TestNothingChangesALine(t *testing.T) {
	change := regexp.MustCompile(`(?i)\b(UPDATE|DELETE\s+FROM|REPLACE\s+INTO|TRUNCATE(\s+TABLE)?)\s+audit\b`)
	err := fs.WalkDir(os.DirFS("../.."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if ext := filepath.Ext(path); ext != ".go" && ext != ".sql" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join("../..", path))
		if found := change.Find(text); found != nil {
			t.Errorf("%s: %s", path, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
