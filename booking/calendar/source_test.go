package calendar_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/internal/store"
)

// TestSource adds, edits and removes a source. Its address is nowhere in the clear.
func TestSource(t *testing.T) {
	const secret = "private-0123456789"
	each(t, func(t *testing.T, p *place) {
		s := p.add("webcal://calendar.example/"+secret+"/basic.ics#top", anna)
		if got, want := s.Shown, "https://calendar.example/…"; got != want {
			t.Errorf("shown: got %q, want %q", got, want)
		}
		read := p.source(s.ID)
		access, err := read.Access(key)
		if want := (calendar.Access{Address: "https://calendar.example/" + secret + "/basic.ics"}); err != nil || access != want {
			t.Errorf("got %v, %v", access, err)
		}
		if _, err := read.Access(booking.Key("another key of the tests.......")); !errors.Is(err, calendar.ErrSealed) {
			t.Errorf("with another key: got %v", err)
		}
		p.update(func(ctx context.Context, tx *store.Tx) error {
			var found int
			err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM calendar_sources WHERE sealed LIKE $1 OR folded LIKE $1 OR shown LIKE $1`, "%"+secret+"%").Scan(&found)
			if found != 0 {
				t.Error("the secret can be read in the database")
			}
			return err
		})
		edit := func(rev int64) error {
			return p.try(func(ctx context.Context, tx *store.Tx) error {
				_, err := calendar.Edit(ctx, tx, key, s.ID, rev, "Nuovo nome", calendar.Access{Address: "https://altro.example/", User: "anna", Secret: "segreto"}, clerk)
				return err
			})
		}
		if err := edit(0); err != nil {
			t.Fatal(err)
		}
		p.want("edited_meanwhile", edit(0))
		if got := p.source(s.ID); got.Name != "Nuovo nome" || got.Rev != 1 || got.Shown != "https://altro.example/…" {
			t.Errorf("got %+v", got)
		}
		remove := func() error {
			return p.try(func(ctx context.Context, tx *store.Tx) error { return calendar.Remove(ctx, tx, s.ID, clerk) })
		}
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		p.want("unknown_calendar", remove())
	})
}

// TestSealedForOne has what is sealed for a source be of no use to another.
func TestSealedForOne(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		one, two := p.add("https://uno.example/", anna), p.add("https://due.example/", anna)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE calendar_sources SET sealed = (SELECT sealed FROM calendar_sources WHERE id = $1) WHERE id = $2`, one.ID, two.ID)
			return err
		})
		if _, err := p.source(two.ID).Access(key); !errors.Is(err, calendar.ErrSealed) {
			t.Errorf("got %v", err)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	const good = "https://calendar.example/a.ics"
	tests := []struct {
		name, title, address string
		whose                booking.Owner
		want                 string
	}{
		{"no name", " ", good, anna, "name_invalid"},
		{"a long name", strings.Repeat("è", 121), good, anna, "name_invalid"},
		{"no address", "Prova", "", anna, "address_invalid"},
		{"a file", "Prova", "file:///etc/passwd", anna, "address_invalid"},
		{"no host", "Prova", "https:///a.ics", anna, "address_invalid"},
		{"a password in the address", "Prova", "https://anna:segreto@calendar.example/", anna, "address_invalid"},
		{"a long address", "Prova", good + strings.Repeat("a", 2000), anna, "address_invalid"},
		{"nobody's", "Prova", good, booking.Owner{Territory: "prova", Officer: "none"}, "invalid"},
		{"no such room", "Prova", good, booking.Owner{Territory: "prova", Office: "altro", Room: "sala"}, "invalid"},
		{"no such office", "Prova", good, booking.Owner{Territory: "prova", Office: "none"}, "unknown_office"},
		{"no such territory", "Prova", good, booking.Owner{Territory: "none", Officer: "anna"}, "unknown_territory"},
	}
	each(t, func(t *testing.T, p *place) {
		for _, tt := range tests {
			_, err := p.tryAdd(tt.title, tt.address, tt.whose)
			if err == nil {
				t.Errorf("%s: was added", tt.name)
				continue
			}
			p.want(tt.want, err)
		}
	})
}

// TestList finds sources by name and address, a page at a time.
func TestList(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		for _, name := range []string{"Ferie", "100% Riunioni", "corsi"} {
			if _, err := p.tryAdd(name, "https://"+strings.ToLower(name[:3])+".example/", anna); err != nil {
				t.Fatal(err)
			}
		}
		names := func(l calendar.Listing) (all []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				some, err := calendar.List(ctx, tx, l)
				for _, s := range some {
					all = append(all, s.Name)
				}
				return err
			})
			return all
		}
		for _, tt := range []struct {
			name string
			of   calendar.Listing
			want []string
		}{
			{"all", calendar.Listing{}, []string{"100% Riunioni", "corsi", "Ferie"}},
			{"in capitals", calendar.Listing{Text: "FER"}, []string{"Ferie"}},
			{"by address", calendar.Listing{Text: "cor.example"}, []string{"corsi"}},
			{"what is a wildcard elsewhere", calendar.Listing{Text: "%"}, []string{"100% Riunioni"}},
			{"of another territory", calendar.Listing{Territory: "altrove"}, nil},
			{"the first two", calendar.Listing{Limit: 2}, []string{"100% Riunioni", "corsi"}},
			{"some", calendar.Listing{Of: func(s calendar.Source) bool { return s.Name > "a" }, Limit: 1}, []string{"corsi"}},
		} {
			if diff := cmp.Diff(tt.want, names(tt.of)); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			first, err := calendar.List(ctx, tx, calendar.Listing{Limit: 1})
			if diff := cmp.Diff([]string{"corsi", "Ferie"}, names(calendar.Listing{After: first[0].Key()})); diff != "" {
				t.Errorf("the rest: %s", diff)
			}
			return err
		})
	})
}

// note writes down an outcome of now.
func (p *place) note(id string, o calendar.Outcome) {
	p.t.Helper()
	s := p.source(id)
	p.update(func(ctx context.Context, tx *store.Tx) error {
		ours, err := calendar.Claim(ctx, tx, s)
		if !ours {
			return fmt.Errorf("not claimed: %w", err)
		}
		return calendar.Note(ctx, tx, s, o)
	})
}

// TestNote leaves a source alone for longer with each failure, keeps the last good answer, and logs the
// last hundred attempts.
func TestNote(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		s := p.add("https://calendar.example/", anna)
		good := calendar.Outcome{Code: calendar.OK, Counts: map[calendar.Count]int{calendar.Spans: 3}, ETag: `"1"`, ReadUntil: now.AddDate(0, 0, 92)}
		p.note(s.ID, good)
		want := p.source(s.ID).State
		if want.ETag != `"1"` || !want.GoodAt.Equal(now) || !want.ReadUntil.Equal(good.ReadUntil) {
			t.Errorf("after a good answer: %+v", want)
		}
		within(t, want.NextAt.Sub(now), 15*time.Minute)
		for i, wait := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 360, 360} {
			p.clock.Add(time.Hour)
			p.note(s.ID, calendar.Outcome{Code: "unreachable"})
			got := p.source(s.ID).State
			within(t, got.NextAt.Sub(p.clock.Now()), wait*time.Minute)
			if got.Failures != i+1 || got.Problem != "unreachable" || got.ETag != `"1"` || !got.GoodAt.Equal(now) {
				t.Errorf("after %d failures: %+v", i+1, got)
			}
		}
		if !p.source(s.ID).Stale(p.clock.Now()) {
			t.Error("nine hours without an answer are not stale")
		}
		p.note(s.ID, calendar.Outcome{Code: calendar.Unchanged, After: 48 * time.Hour})
		if got := p.source(s.ID); got.Failures != 0 || got.Problem != "" || got.NextAt.Sub(p.clock.Now()) != 24*time.Hour || got.Stale(p.clock.Now()) {
			t.Errorf("after it came back: %+v", got.State)
		}
		for range 110 {
			p.note(s.ID, good)
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			all, err := calendar.Log(ctx, tx, s.ID, 1000)
			if len(all) != 100 || all[0].Seq != 121 || all[0].Code != calendar.OK || all[0].Counts[calendar.Spans] != 3 {
				t.Errorf("%d entries, the first %+v", len(all), all[0])
			}
			return err
		})
	})
}

// within fails the test unless a wait is as long as another, but for a tenth.
func within(t *testing.T, got, want time.Duration) {
	t.Helper()
	if (got - want).Abs() > want/10 {
		t.Errorf("waits %v, want about %v", got, want)
	}
}

// TestDue returns what waited longest first, and not what was edited or removed meanwhile.
func TestDue(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		first := p.add("https://calendar.example/1", anna)
		p.clock.Add(time.Minute)
		second := p.add("https://calendar.example/2", centro)
		due := func() (ids []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := calendar.Due(ctx, tx, calendar.ICS, 10)
				for _, s := range all {
					ids = append(ids, s.ID)
				}
				return err
			})
			return ids
		}
		if diff := cmp.Diff([]string{first.ID, second.ID}, due()); diff != "" {
			t.Error(diff)
		}
		p.note(first.ID, calendar.Outcome{Code: calendar.OK})
		if diff := cmp.Diff([]string{second.ID}, due()); diff != "" {
			t.Error(diff)
		}
		before := p.source(second.ID)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := calendar.Edit(ctx, tx, key, second.ID, 0, "Prova", calendar.Access{Address: "https://altro.example/"}, clerk)
			return err
		})
		p.update(func(ctx context.Context, tx *store.Tx) error {
			if ours, err := calendar.Claim(ctx, tx, before); ours || err != nil {
				t.Errorf("what was edited is claimed: %v, %v", ours, err)
			}
			return nil
		})
	})
}
