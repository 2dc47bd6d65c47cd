package message_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

var morning = time.Date(2026, 12, 3, 8, 0, 0, 0, time.UTC)

// What is planted in messages and must be in no log.
const (
	planted = "anna.prova@posta.example"
	secret  = "chiave-di-prova"
)

// post is a database with short words for what tests do to its mail.
type post struct {
	t     *testing.T
	db    *store.DB
	clock *storetest.Clock
	log   *bytes.Buffer
}

func each(t *testing.T, f func(t *testing.T, p post)) {
	t.Helper()
	clock := storetest.At(morning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(morning)
		p := post{t, db, clock, new(bytes.Buffer)}
		f(t, p)
		for _, word := range []string{planted, "posta.example", secret, "Parola"} {
			if strings.Contains(p.log.String(), word) {
				t.Errorf("%s is in the log:\n%s", word, p.log)
			}
		}
	})
}

func (p post) update(f func(ctx context.Context, tx *store.Tx) error) {
	p.t.Helper()
	if err := p.db.Update(p.t.Context(), func(tx *store.Tx) error { return f(p.t.Context(), tx) }); err != nil {
		p.t.Fatal(err)
	}
}

func (p post) enqueue(m message.Mail) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error { return message.Enqueue(ctx, tx, m) })
}

// one queues a message whose words must not be logged.
func (p post) one() {
	p.t.Helper()
	p.enqueue(message.Mail{To: planted, Subject: "Parola d'ordine", Text: "Parola segreta"})
}

// postman is that of a server; it logs into p.log.
func (p post) postman(s *server, scheme, userAt string) *message.Postman {
	p.t.Helper()
	return p.postmanOf(s.address(scheme, userAt))
}

func (p post) postmanOf(address string) *message.Postman {
	p.t.Helper()
	to, err := message.NewServer(address, secret, "Sportello <sportello@prova.example>")
	if err != nil {
		p.t.Fatal(err)
	}
	postman := message.NewPostman(p.db, slog.New(slog.NewJSONHandler(p.log, nil)), to)
	postman.SetTimeout(5 * time.Second)
	return postman
}

// deliver runs the postman once; what it returns is logged, as a job's error is.
func (p post) deliver(postman *message.Postman) error {
	err := postman.Deliver(p.t.Context())
	if err != nil {
		fmt.Fprintln(p.log, err)
	}
	return err
}

// row is what the database has of a message.
type row struct {
	State, Code, Words string
	Attempts           int
}

func (p post) rows() (all []row) {
	p.t.Helper()
	err := p.db.View(p.t.Context(), func(tx *store.Tx) (err error) {
		all, err = store.All(p.t.Context(), tx, func(found store.Row) (r row, err error) {
			err = found.Scan(&r.State, &r.Code, &r.Words, &r.Attempts)
			return r, err
		}, `SELECT state, code, recipient || subject || body || language || attachments, attempts FROM messages ORDER BY due_at, id`)
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// counts are the messages that wait, by their ways.
func (p post) counts() (all map[message.Way]int) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = message.Waiting(ctx, tx)
		return err
	})
	return all
}

// waiting is how much mail waits.
func (p post) waiting() int {
	p.t.Helper()
	return p.counts()[message.ByMail]
}

func TestDelivers(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		subject, text := "L'appuntamento è il 3 dicembre", "Ciao,\n\n.un punto\nperché sì: "+strings.Repeat("lungo ", 40)+"\n"
		for range 2 {
			p.enqueue(message.Mail{To: planted, Subject: subject, Text: text, Key: "reminder:1"})
		}
		if got := p.waiting(); got != 1 {
			t.Errorf("waiting: got %d, want 1 for one key", got)
		}
		p.clock.Add(time.Minute)
		postman := p.postman(s, "smtp", "")
		if err := p.deliver(postman); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]row{{State: "sent", Attempts: 1}}, p.rows()); diff != "" {
			t.Errorf("not erased: %s", diff)
		}
		if p.waiting() != 0 {
			t.Error("still waiting")
		}
		mails := s.taken()
		if len(mails) != 1 {
			t.Fatalf("got %d mails, want 1", len(mails))
		}
		m, err := mail.ReadMessage(strings.NewReader(mails[0]))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		decoded, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		date, _ := m.Header.Date()
		got := []string{m.Header.Get("From"), m.Header.Get("To"), decoded, m.Header.Get("Auto-Submitted"), date.UTC().String(), strings.ReplaceAll(string(body), "\r\n", "\n")}
		want := []string{`"Sportello" <sportello@prova.example>`, "<" + planted + ">", subject, "auto-generated", morning.String(), text}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if id := m.Header.Get("Message-ID"); !strings.HasSuffix(id, "@prova.example>") {
			t.Errorf("got the message id %s", id)
		}
		if !strings.Contains(s.heard(), "RCPT TO:<"+planted+">") {
			t.Errorf("got %s", s.heard())
		}
		p.enqueue(message.Mail{To: planted, Subject: subject, Text: text, Key: "reminder:1"})
		heard := s.heard()
		if err := p.deliver(postman); err != nil || s.heard() != heard {
			t.Errorf("went to the server with nothing to send, %v", err)
		}
	})
}

// TestHeadersCannotBeSmuggledIn queues a subject with a line of its own.
func TestHeadersCannotBeSmuggledIn(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		p.enqueue(message.Mail{To: planted, Subject: "x\r\nBcc: altri@posta.example\r\n\r\ny", Text: ".\r\nMAIL FROM:<altri@posta.example>\r\n"})
		if err := p.deliver(p.postman(s, "smtp", "")); err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(strings.NewReader(s.taken()[0]))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get("Bcc") != "" || strings.Count(s.heard(), "RCPT") != 1 || strings.Count(s.heard(), "MAIL") != 1 {
			t.Errorf("got %s\n%s", s.taken()[0], s.heard())
		}
	})
}

func TestRolledBackIsNotSent(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		lost := errors.New("lost")
		err := p.db.Update(t.Context(), func(tx *store.Tx) error {
			if err := message.Enqueue(t.Context(), tx, message.Mail{To: planted}); err != nil {
				return err
			}
			return lost
		})
		if !errors.Is(err, lost) || p.waiting() != 0 {
			t.Errorf("got %v, %d waiting", err, p.waiting())
		}
	})
}

// TestAnswers has the server give every kind of answer to a message, and then be as it should.
func TestAnswers(t *testing.T) {
	const words = planted + "Parola d'ordine" + "Parola segreta"
	waits := func(code string, attempts int) row { return row{"queued", code, words, attempts} }
	failed := func(code string) row { return row{"failed", code, "", 1} }
	sent := row{State: "sent", Attempts: 1}
	tests := []struct {
		name  string
		how   script
		user  string
		want  row
		fault string // in Deliver's error; "": none
	}{
		{name: "recipient later", how: script{answers: map[string]string{"RCPT": "450 4.2.1 <" + planted + "> busy"}}, want: waits("smtp_450", 1)},
		{name: "recipient unknown", how: script{answers: map[string]string{"RCPT": "550 5.1.1 <" + planted + "> unknown"}}, want: failed("smtp_550")},
		{name: "several lines", how: script{answers: map[string]string{"RCPT": "550-5.1.1 no\r\n550 5.1.1 <" + planted + ">"}}, want: failed("smtp_550")},
		{name: "content refused", how: script{answers: map[string]string{"CONTENT": "554 Parola segreta"}}, want: failed("smtp_554")},
		{name: "content later", how: script{answers: map[string]string{"CONTENT": "452 full"}}, want: waits("smtp_452", 1)},
		{name: "data refused", how: script{answers: map[string]string{"DATA": "554 no"}}, want: failed("smtp_554")},
		{name: "we may not send", how: script{answers: map[string]string{"MAIL": "550 not yours"}}, want: waits("smtp_550", 1)},
		{name: "going down", how: script{answers: map[string]string{"MAIL": "421 later"}}, want: waits("no_answer", 1), fault: "no_answer"},
		{name: "lost before the message", how: script{answers: map[string]string{"NOOP": drop}}, want: waits("no_answer", 1), fault: "no_answer"},
		{name: "lost in the message", how: script{answers: map[string]string{"DATA": drop}}, want: waits("no_answer", 1), fault: "no_answer"},
		{name: "lost before the last answer", how: script{answers: map[string]string{"CONTENT": drop}}, want: waits("no_answer", 1), fault: "no_answer"},
		{name: "silent in the message", how: script{answers: map[string]string{"DATA": hang}}, want: waits("no_answer", 1), fault: "no_answer"},
		{name: "lost once it is taken", how: script{answers: map[string]string{"RSET": drop}}, want: sent},
		{name: "goodbye is not answered", how: script{answers: map[string]string{"QUIT": drop}}, want: sent},
		{name: "greeting refused", how: script{answers: map[string]string{"GREETING": "554 not you"}}, want: waits("", 0), fault: "smtp_554"},
		{name: "greeting silent", how: script{answers: map[string]string{"GREETING": hang}}, want: waits("", 0), fault: "timeout"},
		{name: "greeting lost", how: script{answers: map[string]string{"GREETING": drop}}, want: waits("", 0), fault: "EOF"},
		{name: "not a mail server", how: script{answers: map[string]string{"GREETING": "HTTP/1.1 400 " + planted}}, want: waits("", 0), fault: "does not speak SMTP"},
		{name: "sign-in refused", how: script{extras: []string{"AUTH PLAIN LOGIN"}, answers: map[string]string{"AUTH": "535 no " + planted}}, user: "sportello@", want: waits("", 0), fault: "smtp_535"},
		{name: "no sign-in offered", user: "sportello@", want: waits("", 0), fault: "AUTH"},
		{name: "this machine's own certificate", how: script{starttls: &unknown}, want: sent},
		{name: "signed in", how: script{extras: []string{"AUTH CRAM-MD5 PLAIN LOGIN"}}, user: "sportello@", want: sent},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // two wait for five seconds
			each(t, func(t *testing.T, p post) {
				tt.how.times = 1
				s := serve(t, "127.0.0.1", tt.how)
				p.one()
				postman := p.postman(s, "smtp", tt.user)
				err := p.deliver(postman)
				if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got the error %v, want %q", err, tt.fault)
				}
				if diff := cmp.Diff([]row{tt.want}, p.rows()); diff != "" {
					t.Error(diff)
				}
				if tt.want.State != "queued" || tt.name == "no sign-in offered" {
					return
				}
				p.clock.Add(2 * time.Minute)
				if err := p.deliver(postman); err != nil {
					t.Errorf("the second time: %v", err)
				}
				if diff := cmp.Diff([]row{{State: "sent", Code: "", Attempts: tt.want.Attempts + 1}}, p.rows()); diff != "" {
					t.Errorf("the second time: %s", diff)
				}
			})
		})
	}
}

// TestOneRefusalHarmsNoOther sends three, of which the second is refused.
func TestOneRefusalHarmsNoOther(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{answers: map[string]string{"RCPT": "550 no"}, times: 1})
		for range 3 {
			p.one()
		}
		if err := p.deliver(p.postman(s, "smtp", "")); err != nil {
			t.Fatal(err)
		}
		if got := len(s.taken()); got != 2 || p.waiting() != 0 {
			t.Errorf("got %d mails and %d waiting, want 2 and 0", got, p.waiting())
		}
	})
}

func TestServerAway(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		s.stop()
		p.one()
		if err := p.deliver(p.postman(s, "smtp", "")); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v, want that the connection is refused", err)
		}
		if got := p.rows()[0]; got.State != "queued" || got.Attempts != 0 {
			t.Errorf("got %+v, want that it waits as it did", got)
		}
	})
}

func TestEncryption(t *testing.T) {
	auth := []string{"AUTH PLAIN"}
	tests := []struct {
		name         string
		host, scheme string
		how          script
		fault        string // "": sent, and nothing but the beginning in the clear
	}{
		{"another machine without STARTTLS", "0.0.0.0", "smtp", script{extras: auth}, "STARTTLS"},
		{"STARTTLS refused", "0.0.0.0", "smtp", script{extras: auth, starttls: &trusted, answers: map[string]string{"STARTTLS": "454 not now"}, times: 1}, "smtp_454"},
		{"STARTTLS of somebody else", "0.0.0.0", "smtp", script{extras: auth, starttls: &unknown}, "certificate"},
		{"STARTTLS", "0.0.0.0", "smtp", script{extras: auth, starttls: &trusted}, ""},
		{"TLS", "127.0.0.1", "smtps", script{extras: auth, secure: &trusted}, ""},
		{"TLS of somebody else", "127.0.0.1", "smtps", script{extras: auth, secure: &unknown}, "certificate"},
		{"TLS with a server that has none", "127.0.0.1", "smtps", script{extras: auth}, "tls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := post{t, storetest.Open(t, func() time.Time { return morning }), nil, new(bytes.Buffer)}
			s := serve(t, tt.host, tt.how)
			p.one()
			err := p.deliver(p.postman(s, tt.scheme, "sportello@"))
			if tt.fault == "" {
				if err != nil || len(s.taken()) != 1 || !strings.Contains(s.heard(), "TLS AUTH PLAIN ") {
					t.Errorf("%v, got %d mails:\n%s", err, len(s.taken()), s.heard())
				}
			} else if err == nil || !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("got %v, want %q", err, tt.fault)
			}
			for command := range strings.Lines(s.heard()) {
				verb, _, _ := strings.Cut(command, " ")
				if verb == "AUTH" || verb == "MAIL" {
					t.Errorf("in the clear: %s", command)
				}
			}
		})
	}
}

// TestGivesUp tries a message that is put off again and again until it is too old.
func TestGivesUp(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{answers: map[string]string{"RCPT": "451 later"}})
		p.one()
		postman := p.postman(s, "smtp", "")
		var pauses []string
		last := p.clock.Now()
		for tried := 0; p.rows()[0].State == "queued"; p.clock.Add(time.Minute) {
			p.update(message.Forget)
			if err := p.deliver(postman); err != nil {
				t.Fatal(err)
			}
			if n := p.rows()[0].Attempts; n > tried {
				tried = n
				pauses = append(pauses, p.clock.Now().Sub(last).String())
				last = p.clock.Now()
			}
			if p.clock.Now().After(morning.Add(message.GiveUpAfter + time.Hour)) {
				t.Fatal("not given up")
			}
		}
		if diff := cmp.Diff([]string{"0s", "2m0s", "4m0s", "8m0s", "16m0s", "32m0s", "1h0m0s", "1h0m0s"}, pauses[:8]); diff != "" {
			t.Error(diff)
		}
		got := p.rows()[0]
		if got.State != "failed" || got.Code != "smtp_451" || got.Words != "" || got.Attempts < 70 {
			t.Errorf("got %+v", got)
		}
	})
}

// TestForget has no mail server at all.
func TestForget(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		p.one()
		p.clock.Add(message.GiveUpAfter - time.Minute)
		p.update(message.Forget)
		if p.waiting() != 1 {
			t.Error("given up too early")
		}
		p.clock.Add(time.Minute)
		p.update(message.Forget)
		if diff := cmp.Diff([]row{{State: "failed", Code: "not_sent"}}, p.rows()); diff != "" {
			t.Error(diff)
		}
		p.clock.Add(message.KeepFor)
		p.update(message.Forget)
		if got := p.rows(); len(got) != 0 {
			t.Errorf("still known: %+v", got)
		}
	})
}

// TestTwoProcesses has several postmen deliver at once: nothing comes twice.
func TestTwoProcesses(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		const all = 30
		for n := range all {
			p.enqueue(message.Mail{To: planted, Subject: fmt.Sprint(n), Text: "x"})
		}
		var group sync.WaitGroup
		for range 4 {
			postman := p.postman(s, "smtp", "")
			group.Go(func() {
				if err := postman.Deliver(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		seen := make(map[string]int)
		for _, text := range s.taken() {
			m, err := mail.ReadMessage(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			seen[m.Header.Get("Subject")]++
		}
		if len(seen) != all || len(s.taken()) != all {
			t.Errorf("got %d mails of %d messages, want each of %d once", len(s.taken()), len(seen), all)
		}
	})
}

// TestEndsWithItsContext ends the program while the server is silent.
func TestEndsWithItsContext(t *testing.T) {
	for _, verb := range []string{"GREETING", "CONTENT"} {
		t.Run(verb, func(t *testing.T) {
			each(t, func(t *testing.T, p post) {
				s := serve(t, "127.0.0.1", script{answers: map[string]string{verb: hang}})
				p.one()
				postman := p.postman(s, "smtp", "")
				postman.SetTimeout(time.Hour)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- postman.Deliver(ctx) }()
				select {
				case <-s.hangs:
				case err := <-ended:
					t.Fatalf("ended before the server fell silent: %v", err)
				}
				cancel()
				if err := <-ended; err == nil {
					t.Error("got no error")
				}
				if got := p.rows()[0].State; got != "queued" {
					t.Errorf("got %s, want that it is sent another time", got)
				}
			})
		})
	}
}

func TestNewServer(t *testing.T) {
	const from = "sportello@prova.example"
	tests := []struct {
		address, password, from string
		good                    bool
	}{
		{"smtp://posta.example", "", from, true},
		{"smtp://utente@posta.example:2525/", "x", "Sportello <" + from + ">", true},
		{"smtps://utente%40prova.example@posta.example", "x", from, true},
		{"smtp://[::1]:25", "", from, true},
		{"posta.example:25", "", from, false},
		{"https://posta.example", "", from, false},
		{"smtp://", "", from, false},
		{"smtp://:25", "", from, false},
		{"smtp://posta.example:0", "", from, false},
		{"smtp://posta.example:99999", "", from, false},
		{"smtp://posta.example/x", "", from, false},
		{"smtp://posta.example?tls=no", "", from, false},
		{"smtp://utente:" + secret + "@posta.example", "x", from, false},
		{"smtp://utente:" + secret + "%zz@posta.example", "x", from, false},
		{"smtp://utente@posta.example", "", from, false},
		{"smtp://posta.example", "", "", false},
		{"smtp://posta.example", "", "sportello", false},
	}
	for _, tt := range tests {
		_, err := message.NewServer(tt.address, tt.password, tt.from)
		if (err == nil) != tt.good {
			t.Errorf("%s, %s: got %v, want good %t", tt.address, tt.from, err, tt.good)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

func TestEnqueueRefusesWhatIsNoAddress(t *testing.T) {
	db := storetest.Open(t, nil)
	for address, good := range map[string]bool{
		planted:                          true,
		"root@localhost":                 true,
		"":                               false,
		"anna":                           false,
		"Anna <" + planted + ">":         false,
		planted + ", altri@x.example":    false,
		planted + "\r\nBcc: x@y.example": false,
		strings.Repeat("a", 250) + "@prova.example": false,
	} {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return message.Enqueue(t.Context(), tx, message.Mail{To: address})
		})
		if errors.Is(err, message.ErrAddress) == good {
			t.Errorf("%q: got %v, want good %t", address, err, good)
		}
	}
}
