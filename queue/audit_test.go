package queue_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/audit"
	"sportello/internal/store"
	"sportello/queue"
)

// TestEveryStepKeepsItsTime walks through a day, a minute for each step, and compares the lines that
// the audit has of it: who did what to what, and when.
func TestEveryStepKeepsItsTime(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		names := make(map[string]string) // the audit's subjects, by what they are called here
		issue := func(name, service string) func() {
			return func() { names["ticket:"+o.issue(service).ID] = name }
		}
		ticket := func(name string) string {
			for subject, known := range names {
				if known == name {
					return strings.TrimPrefix(subject, "ticket:")
				}
			}
			t.Fatalf("no ticket %s", name)
			return ""
		}
		type stepFunc = func(context.Context, *store.Tx, queue.Seat, string) (queue.Ticket, error)
		step := func(f stepFunc, desk, name string) func() {
			return func() { o.step(f, desk, ticket(name)) }
		}
		desk := func(f func(ctx context.Context, tx *store.Tx, at queue.Seat) error) func() {
			return func() {
				o.update(func(ctx context.Context, tx *store.Tx) error { return f(ctx, tx, seat("1")) })
			}
		}
		steps := []struct {
			do   func()
			want string // the line, without its time; "": none
		}{
			{func() { o.open("1", "cpi-1", "CPI-DID", "CPI-OFFERTE", "JNT-LAVORO") }, `user:1 desk.open desk:1 {"officer":"cpi-1","services":["CPI-DID","CPI-OFFERTE","JNT-LAVORO"]}`},
			{issue("A", "CPI-DID"), `device:kiosk ticket.issue A {}`},
			{issue("B", "CPI-DID"), `device:kiosk ticket.issue B {}`},
			{func() { o.next("1") }, `user:1 ticket.call A {"desks":["1"],"why":"longest_due"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.Recall(ctx, tx, at, ticket("A"))
				return err
			}), `user:1 ticket.recall A {"calls":2}`},
			{step(queue.MarkNoShow, "1", "A"), `user:1 ticket.no_show A {"desk":"1","from":"called"}`},
			{step(queue.Undo, "1", "A"), `user:1 ticket.undo A {"undone":"no_show"}`},
			{step(queue.Start, "1", "A"), `user:1 ticket.start A {"desk":"1","from":"called"}`},
			{step(park, "1", "A"), `user:1 ticket.park A {"desk":"1","from":"serving"}`},
			{step(queue.Resume, "1", "A"), `user:1 ticket.resume A {"desk":"1","from":"parked"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.CallChosen(ctx, tx, at, ticket("B"), "document")
				return err
			}), `user:1 ticket.call B {"desks":["1"],"reason":"document","why":"chosen"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.Transfer(ctx, tx, at, ticket("B"), queue.Target{Service: "CPI-OFFERTE"})
				return err
			}), `user:1 ticket.transfer B {"desk":"1","from":"called"}`},
			{desk(func(ctx context.Context, tx *store.Tx, _ queue.Seat) error {
				t, err := queue.ByID(ctx, tx, ticket("B"))
				if err == nil {
					_, err = queue.Leave(ctx, tx, t.Token)
				}
				return err
			}), `citizen ticket.leave B {}`},
			{func() { o.next("1") }, `user:1 ticket.call A {"desks":["1"],"why":"resumed"}`},
			{step(finish, "1", "A"), `user:1 ticket.finish A {"desk":"1","from":"called"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.PauseDesk(ctx, tx, at, "break", time.Time{})
				return err
			}), `user:1 desk.pause desk:1 {"reason":"break","services":["CPI-DID","CPI-OFFERTE","JNT-LAVORO"],"state":"paused"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.ResumeDesk(ctx, tx, at)
				return err
			}), `user:1 desk.resume desk:1 {"services":["CPI-DID","CPI-OFFERTE","JNT-LAVORO"],"state":"open"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.SetServices(ctx, tx, at, []string{"CPI-DID", "JNT-LAVORO"})
				return err
			}), `user:1 desk.services desk:1 {"services":["CPI-DID","JNT-LAVORO"],"state":"open"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.AskHelp(ctx, tx, at)
				return err
			}), `user:1 desk.help desk:1 {"services":["CPI-DID","JNT-LAVORO"],"state":"open"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.HelpDone(ctx, tx, at, "1")
				return err
			}), `user:1 desk.help_done desk:1 {"desk":"1"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				return queue.StopService(ctx, tx, at, "CPI-OFFERTE", "La rete è ferma")
			}), `user:1 service.stop desk:1 {"service":"CPI-OFFERTE"}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				return queue.ReopenService(ctx, tx, at, "CPI-OFFERTE")
			}), `user:1 service.reopen desk:1 {"service":"CPI-OFFERTE"}`},
			{func() { o.open("2", "inps-1") }, `user:2 desk.open desk:2 {"officer":"inps-1","services":["ACC-INFO","INPS-NASPI","INPS-PAG","JNT-LAVORO"]}`},
			{issue("C", "INPS-PAG"), `device:kiosk ticket.issue C {}`},
			{func() { o.next("2") }, `user:2 ticket.call C {"desks":["2"],"why":"only_one"}`},
			{func() {
				joint := o.appointment("JNT-LAVORO", o.clock.Now().Add(20*time.Minute))
				names["ticket:"+joint] = "J"
				o.update(func(ctx context.Context, tx *store.Tx) error {
					_, err := queue.ReleaseHold(ctx, tx, seat("1"), joint, "urgent")
					return err
				})
			}, `user:1 desk.release desk:1 {"reason":"urgent","services":["CPI-DID","JNT-LAVORO"],"state":"open","ticket":"J"}`},
			{step(finish, "2", "C"), `user:2 ticket.finish C {"desk":"2","from":"called"}`},
			{func() { o.next("2") }, `user:2 ticket.call J {"desks":["2","1"],"why":"joint_ready"}`},
			{step(finish, "1", "J"), `user:1 ticket.finish J {"desk":"1","from":"called"}`},
			{issue("D", "CPI-DID"), `device:kiosk ticket.issue D {}`},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error { return queue.CloseDesk(ctx, tx, at) }), `user:1 desk.close desk:1 {}`},
			{func() { o.clock.Set(at("17:01")) }, ""},
			{desk(func(ctx context.Context, tx *store.Tx, at queue.Seat) error {
				_, err := queue.EndDay(ctx, tx, at)
				return err
			}), `user:1 ticket.end_of_day D {"from":"waiting","to":"not_served"}`},
			{func() { o.clock.Set(at("21:00")) }, ""},
			{func() { o.closeForgotten(true) }, `job:test desk.forgotten desk:2 {}`},
		}
		met := make(map[string]bool)
		for _, s := range steps {
			before := len(o.lines())
			s.do()
			got := ""
			for _, l := range o.lines()[before:] {
				if !l.At.Equal(o.clock.Now()) {
					t.Errorf("%s: at %v, want %v", l.Action, l.At, o.clock.Now())
				}
				met[l.Action] = true
				text := strings.Join([]string{l.Actor, l.Action, l.Subject, string(l.Detail)}, " ")
				for subject, name := range names {
					text = strings.NewReplacer(subject, name, strings.TrimPrefix(subject, "ticket:"), name).Replace(text)
				}
				got += text
			}
			if got != s.want {
				t.Errorf("got  %s\nwant %s", got, s.want)
			}
			o.clock.Add(time.Second)
		}
		if diff := cmp.Diff(actions(t), slices.Sorted(maps.Keys(met))); diff != "" {
			t.Errorf("actions of this package and those that were walked through: %s", diff)
		}
	})
}

// lines is the office's audit, oldest first.
func (o *office) lines() []audit.Line {
	o.t.Helper()
	var lines []audit.Line
	err := o.db.View(o.t.Context(), func(tx *store.Tx) (err error) {
		lines, _, err = audit.List(o.t.Context(), tx, audit.Query{Scopes: []string{"centro"}, Limit: audit.MostLines})
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	slices.Reverse(lines)
	return lines
}

// actions are those that this package's files name.
func actions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, found := range regexp.MustCompile(`"((?:ticket|desk|service)\.[a-z_]+)"`).FindAllSubmatch(text, -1) {
			named[string(found[1])] = true
		}
	}
	return slices.Sorted(maps.Keys(named))
}

// TestReasonsAreCodes keeps words that somebody typed out of the audit.
func TestReasonsAreCodes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		waiting := o.issue("CPI-DID")
		for _, reason := range []string{"", "è malata", "per Anna Prova"} {
			o.refused("reason_missing", func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.PauseDesk(ctx, tx, seat("1"), reason, time.Time{})
				return err
			})
			o.refused("reason_missing", func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.CallChosen(ctx, tx, seat("1"), waiting.ID, reason)
				return err
			})
			o.refused("reason_missing", func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.ReleaseHold(ctx, tx, seat("1"), waiting.ID, reason)
				return err
			})
		}
	})
}
