package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// list returns the lines of a query as SCOPE VERSION.LINE, and the cursor.
func (r record) list(q audit.Query) ([]string, audit.Cursor) {
	r.t.Helper()
	var next audit.Cursor
	lines := view(r, func(ctx context.Context, tx *store.Tx) (lines []audit.Line, err error) {
		lines, next, err = audit.List(ctx, tx, q)
		return lines, err
	})
	got := []string{}
	for _, l := range lines {
		got = append(got, fmt.Sprintf("%s %d.%d", l.Scope, l.Version, l.Line))
	}
	return got, next
}

func TestList(t *testing.T) {
	all := []string{"centro 6.0", "centro 5.0", "altro 9.0", "centro 4.1", "centro 4.0", "altro 7.0", "system 1.0", "centro 2.0", "centro 1.0"}
	tests := []struct {
		name string
		q    audit.Query
		want []string
	}{
		{"all", audit.Query{}, all},
		{"an office", audit.Query{Scopes: []string{"altro"}}, []string{"altro 9.0", "altro 7.0"}},
		{"two scopes, one of them twice", audit.Query{Scopes: []string{"system", "altro", "system"}}, []string{"altro 9.0", "altro 7.0", "system 1.0"}},
		{"an unknown office", audit.Query{Scopes: []string{"nowhere"}}, []string{}},
		{"who", audit.Query{Actor: "citizen"}, []string{"altro 9.0"}},
		{"what", audit.Query{Action: "ticket.issue"}, []string{"altro 7.0", "centro 2.0"}},
		{"to what", audit.Query{Subject: "ticket:a"}, []string{"centro 5.0", "centro 4.1", "centro 4.0", "centro 2.0"}},
		{"all of it", audit.Query{Scopes: []string{"centro"}, Actor: "user:anna", Action: "ticket.call", Subject: "ticket:a"}, []string{"centro 4.0"}},
		{"from", audit.Query{From: morning.Add(6 * time.Second)}, all[:3]},
		{"until", audit.Query{Until: morning.Add(2 * time.Second)}, all[7:]},
		{"from, until", audit.Query{From: morning.Add(time.Second), Until: morning.Add(4 * time.Second)}, all[5:8]},
	}
	each(t, func(t *testing.T, r record) {
		r.day()
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				got, next := r.list(tt.q)
				if diff := cmp.Diff(tt.want, got); diff != "" || next != "" {
					t.Errorf("%s, next %q", diff, next)
				}
				paged := []string{}
				for tt.q.Limit = 1; ; tt.q.Before = next {
					page, cursor := r.list(tt.q)
					if paged, next = append(paged, page...), cursor; next == "" || len(paged) > len(tt.want) {
						break
					}
				}
				if diff := cmp.Diff(tt.want, paged); diff != "" {
					t.Errorf("line by line: %s", diff)
				}
			})
		}
		lines := view(r, func(ctx context.Context, tx *store.Tx) (lines []audit.Line, err error) {
			lines, _, err = audit.List(ctx, tx, audit.Query{Action: "ticket.call"})
			return lines, err
		})
		if len(lines[0].Hash) != 64 {
			t.Errorf("got the hash %q", lines[0].Hash)
		}
		lines[0].Hash = ""
		want := audit.Line{Scope: "centro", Version: 4, At: morning.Add(4 * time.Second), Actor: "user:anna", Action: "ticket.call", Subject: "ticket:a", Detail: []byte(`{"desks":["1"]}`)}
		if diff := cmp.Diff(want, lines[0]); diff != "" {
			t.Error(diff)
		}
	})
}

// TestListAtOneInstant pages through lines that all have the same time while more are recorded.
func TestListAtOneInstant(t *testing.T) {
	each(t, func(t *testing.T, r record) {
		var want []string
		for n := range 12 {
			scope := []string{"altro", "centro", "centro"}[n%3]
			r.add(audit.Entry{Scope: scope, Version: int64(n + 1), Actor: "job:x", Action: "thing.do", Subject: "thing:1"})
			want = append(want, fmt.Sprintf("%s %d.0", scope, n+1))
		}
		var got []string
		for q := (audit.Query{Limit: 5}); ; {
			page, next := r.list(q)
			got = append(got, page...)
			if next == "" {
				break
			}
			q.Before = next
			r.clock.Add(time.Second)
			r.add(audit.Entry{Scope: "altro", Version: 100, Actor: "job:x", Action: "thing.do", Subject: "thing:2"})
		}
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestListRefusesOtherCursors(t *testing.T) {
	each(t, func(t *testing.T, r record) {
		r.day()
		_, good := r.list(audit.Query{Limit: 2})
		for _, c := range []audit.Cursor{"x", "!", good + "A", good[:4], "MSAyIDM", "LTEgLTEgLTE"} {
			err := r.db.View(t.Context(), func(tx *store.Tx) error {
				_, _, err := audit.List(t.Context(), tx, audit.Query{Before: c})
				return err
			})
			if fault.Code(err) != "malformed" {
				t.Errorf("%q: got %v, want malformed", c, err)
			}
		}
	})
}

// TestReadingIsByIndex asks SQLite how it would find lines: never through all of a scope's.
func TestReadingIsByIndex(t *testing.T) {
	const order = ` ORDER BY at DESC, version DESC, line DESC LIMIT 10`
	tests := []struct{ name, query, index string }{
		{"newest", `SELECT * FROM audit WHERE scope = 'o' AND (at, version, line) < (9, 9, 9) AND at >= 1` + order, "audit_at (scope=? AND at>? AND at<?)"},
		{"who", `SELECT * FROM audit WHERE scope = 'o' AND (at, version, line) < (9, 9, 9) AND at >= 1 AND actor = 'x'` + order, "audit_actor (scope=? AND actor=? AND at>?"},
		{"what", `SELECT * FROM audit WHERE scope = 'o' AND (at, version, line) < (9, 9, 9) AND at >= 1 AND action = 'x'` + order, "audit_action (scope=? AND action=? AND at>?"},
		{"to what", `SELECT * FROM audit WHERE scope = 'o' AND (at, version, line) < (9, 9, 9) AND at >= 1 AND subject = 'x'` + order, "audit_subject (scope=? AND subject=? AND at>?"},
		{"head", `SELECT * FROM audit WHERE scope = 'o' AND at + 0 < 9 AND hash <> '' ORDER BY version DESC, line DESC LIMIT 1`, "sqlite_autoindex_audit_1 (scope=?)"},
		{"verify", `SELECT * FROM audit ORDER BY scope, version, line`, "sqlite_autoindex_audit_1"},
	}
	each(t, func(t *testing.T, r record) {
		if strings.HasSuffix(t.Name(), "/postgres") {
			t.Skip("PostgreSQL decides by the size of the table")
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				plan := view(r, func(ctx context.Context, tx *store.Tx) ([]string, error) {
					return store.All(ctx, tx, func(row store.Row) (step string, err error) {
						var id, parent, unused int
						err = row.Scan(&id, &parent, &unused, &step)
						return step, err
					}, `EXPLAIN QUERY PLAN `+tt.query)
				})
				if !strings.Contains(plan[0], "USING INDEX "+tt.index) || slices.Contains(plan, "USE TEMP B-TREE FOR ORDER BY") {
					t.Errorf("got %v, want the index %s", plan, tt.index)
				}
			})
		}
	})
}

func TestHeads(t *testing.T) {
	each(t, func(t *testing.T, r record) {
		r.day()
		places := func(heads []audit.Head) []string {
			got := []string{}
			for _, h := range heads {
				got = append(got, fmt.Sprintf("%s %d.%d", h.Scope, h.Version, h.Line))
			}
			return got
		}
		for _, tt := range []struct {
			name   string
			before time.Time
			want   []string
		}{
			{"before everything", morning, []string{}},
			{"at the second line", morning.Add(time.Second), []string{"centro 1.0"}},
			{"in the middle", morning.Add(5500 * time.Millisecond), []string{"altro 7.0", "centro 4.1", "system 1.0"}},
			{"after everything", morning.AddDate(0, 0, 1), []string{"altro 9.0", "centro 6.0", "system 1.0"}},
		} {
			if diff := cmp.Diff(tt.want, places(r.heads(tt.before))); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
	})
}

func TestNotesAreReadBack(t *testing.T) {
	hash := strings.Repeat("0123456789abcdef", 4)
	heads := []audit.Head{{"isernia-centro", 4711, 0, hash}, {"system", 12, 3, hash}}
	lines := audit.Note(morning, heads)
	folded := strings.ReplaceAll(strings.Join(lines, "\r\n"), "sha256", "sha=\r\n256")
	tests := []struct {
		name, text string
		want       []audit.Head // nil: refused
	}{
		{"as they are", strings.Join(lines, "\n"), heads},
		{"by syslog", "Nov 25 00:00:02 host sportello[7]: " + lines[0] + "\nNov 25 00:00:02 host cron[1]: nothing\nNov 25 00:00:02 host sportello[7]: " + lines[1] + "\n", heads},
		{"in a mail", "Subject: x\r\n\r\nHeads:\r\n\r\n" + folded + "\r\n", heads},
		{"quoted in a mail", "> " + lines[0] + "\n> " + lines[1], heads},
		{"nothing", "", nil},
		{"other lines", "no head\n", nil},
		{"one damaged", lines[0] + "\n" + lines[1][:90], nil},
		{"a letter more", strings.Join(lines, "a\n") + "a", nil},
		{"a number too large", strings.Replace(lines[0], "4711", "99999999999999999999", 1), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := audit.ReadNotes(tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want != nil) {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

func TestADayIsNotedOnce(t *testing.T) {
	each(t, func(t *testing.T, r record) {
		for i, want := range []bool{true, false} {
			err := r.db.Update(t.Context(), func(tx *store.Tx) error {
				before, err := audit.Noted(t.Context(), tx, "2026-11-24", "mail")
				if err != nil || before == want {
					t.Errorf("%d: noted before: %t, %v", i, before, err)
				}
				first, err := audit.MarkNoted(t.Context(), tx, "2026-11-24", "mail")
				if first != want {
					t.Errorf("%d: got %t, want %t", i, first, want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if noted := view(r, func(ctx context.Context, tx *store.Tx) (bool, error) {
			return audit.Noted(ctx, tx, "2026-11-24", "syslog")
		}); noted {
			t.Error("noted in a way that it was not")
		}
	})
}
