package message_test

import (
	"context"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/message"
	"sportello/internal/store"
)

// subjects are those of the mails that a server has, in the order in which it took them.
func subjects(t *testing.T, s *server) []string {
	t.Helper()
	all := []string{}
	for _, text := range s.taken() {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m.Header.Get("Subject"))
	}
	return all
}

// TestReminders sends those of an appointment at their times, long after they were queued. One whose
// time had passed by then goes at once.
func TestReminders(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		start := morning.AddDate(0, 1, 0)
		for _, m := range []message.Mail{
			{Subject: "confirmation", NotAfter: start, Key: "appointment:1:confirmation"},
			{Subject: "long ago", NotBefore: morning.Add(-time.Hour), NotAfter: start, Key: "appointment:1:long-ago"},
			{Subject: "2 days", NotBefore: start.AddDate(0, 0, -2), NotAfter: start, Key: "appointment:1:2-days"},
			{Subject: "3 hours", NotBefore: start.Add(-3 * time.Hour), NotAfter: start, Key: "appointment:1:3-hours"},
			{Subject: "too late", NotBefore: morning.Add(-time.Hour), NotAfter: morning, Key: "appointment:1:too-late"},
			{Subject: "never", NotBefore: start, NotAfter: start, Key: "appointment:1:never"},
		} {
			m.To = planted
			p.enqueue(m)
		}
		if got := len(p.rows()); got != 4 {
			t.Errorf("got %d queued, want the 4 that can still come in time", got)
		}
		postman := p.postman(s, "smtp", "")
		for _, step := range []struct {
			at      time.Time
			waiting int
			want    []string
		}{
			{morning, 2, []string{"confirmation", "long ago"}},
			{start.AddDate(0, 0, -2).Add(-time.Second), 0, []string{}},
			{start.AddDate(0, 0, -2), 1, []string{"2 days"}},
			{start.Add(-3*time.Hour - time.Second), 0, []string{}},
			{start.Add(-time.Second), 1, []string{"3 hours"}},
		} {
			p.clock.Set(step.at)
			p.update(message.Forget)
			if got := p.waiting(); got != step.waiting {
				t.Errorf("%s: %d waiting, want %d", step.at, got, step.waiting)
			}
			before := len(s.taken())
			if err := p.deliver(postman); err != nil {
				t.Fatal(err)
			}
			got := subjects(t, s)[before:]
			if len(got) == 2 && got[0] > got[1] { // of one moment: in any order
				got[0], got[1] = got[1], got[0]
			}
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s: %s", step.at, diff)
			}
		}
		m, err := mail.ReadMessage(strings.NewReader(s.taken()[2]))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := m.Header.Date(); !got.Equal(start.AddDate(0, 0, -2)) {
			t.Errorf("got the date %s, want that of the reminder's time", got)
		}
	})
}

// TestComesTooLate has the server put a reminder off until the appointment has begun.
func TestComesTooLate(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{answers: map[string]string{"RCPT": "451 later"}, times: 1})
		start := morning.Add(3 * time.Hour)
		p.enqueue(message.Mail{To: planted, Subject: "Parola", NotBefore: morning, NotAfter: start, Key: "appointment:1:3-hours"})
		postman := p.postman(s, "smtp", "")
		if err := p.deliver(postman); err != nil {
			t.Fatal(err)
		}
		p.clock.Set(start)
		heard := s.heard()
		if err := p.deliver(postman); err != nil || s.heard() != heard || p.waiting() != 0 {
			t.Errorf("%v, %d waiting, tried again:\n%s", err, p.waiting(), s.heard())
		}
		p.update(message.Forget)
		if diff := cmp.Diff([]row{{"failed", "smtp_451", "", 1}}, p.rows()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestWithdraw(t *testing.T) {
	const one, other = "appointment:è1", "appointment:è10"
	tests := []struct {
		prefix string
		left   []string
	}{
		{one, []string{other + ":reminder:2", "audit-heads:2026-12-02"}},
		{one + ":", []string{other + ":reminder:2", "audit-heads:2026-12-02"}},
		{one + ":reminder", []string{other + ":reminder:2", one + ":confirmation", "audit-heads:2026-12-02"}},
		{one + ":reminder:3-hours", []string{other + ":reminder:2", one + ":confirmation", one + ":reminder:2-days", "audit-heads:2026-12-02"}},
		{"appointment:none", []string{other + ":reminder:2", one + ":confirmation", one + ":reminder:2-days", one + ":reminder:3-hours", "audit-heads:2026-12-02"}},
	}
	for _, tt := range tests {
		t.Run(tt.prefix, func(t *testing.T) {
			each(t, func(t *testing.T, p post) {
				s := serve(t, "127.0.0.1", script{})
				p.enqueue(message.Mail{To: planted, Subject: "sent", Key: one + ":sent"})
				postman := p.postman(s, "smtp", "")
				if err := p.deliver(postman); err != nil {
					t.Fatal(err)
				}
				for _, key := range []string{one + ":confirmation", one + ":reminder:2-days", other + ":reminder:2", "audit-heads:2026-12-02"} {
					p.enqueue(message.Mail{To: planted, Subject: key, Key: key, NotBefore: p.clock.Now().Add(time.Hour)})
				}
				p.update(func(ctx context.Context, tx *store.Tx) error {
					return message.EnqueueHook(ctx, tx, message.Hook{Kind: "x", Key: one + ":reminder:3-hours"})
				})
				p.update(func(ctx context.Context, tx *store.Tx) error { return message.Withdraw(ctx, tx, tt.prefix) })
				if diff := cmp.Diff(slices.Sorted(slices.Values(append(tt.left, one+":sent"))), p.keys()); diff != "" {
					t.Error(diff)
				}
				// What was withdrawn may be queued anew, what was sent may not.
				for _, key := range []string{one + ":reminder:2-days", one + ":sent"} {
					p.enqueue(message.Mail{To: planted, Subject: "anew", Key: key})
				}
				if err := p.deliver(postman); err != nil {
					t.Fatal(err)
				}
				want := []string{"sent", "anew"}
				if slices.Contains(tt.left, one+":reminder:2-days") {
					want = want[:1]
				}
				if diff := cmp.Diff(want, subjects(t, s)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// keys are those that are known, in the order of their bytes.
func (p post) keys() (all []string) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = store.Column[string](ctx, tx, `SELECT key FROM messages`)
		return err
	})
	slices.Sort(all)
	return all
}

func TestWithdrawRefusesToTakeTooMany(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		p.one()
		for _, prefix := range []string{"", "appointment", "appointment:", ":", ":1"} {
			err := p.db.Update(t.Context(), func(tx *store.Tx) error { return message.Withdraw(t.Context(), tx, prefix) })
			if err == nil {
				t.Errorf("%q: got no error", prefix)
			}
		}
		if p.waiting() != 1 {
			t.Error("withdrawn")
		}
	})
}
