package message_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/message"
	"sportello/internal/store"
)

// hookSecret is that of the tests' gateways; like their address it must be in no log.
const hookSecret = secret + "-di-almeno-32-caratteri"

// called is a call as a gateway has it.
type called struct {
	id, timestamp, body string
	genuine             bool
}

// gateway is a program of the test's own that takes calls.
type gateway struct {
	*httptest.Server

	answer http.HandlerFunc
	hangs  chan struct{} // a client waits in vain
	done   chan struct{}

	mu    sync.Mutex
	calls []called
}

// open starts a gateway; with a certificate, one of https.
func open(t *testing.T, shown *tls.Certificate, answer http.HandlerFunc) *gateway {
	t.Helper()
	g := &gateway{answer: answer, hangs: make(chan struct{}, 10), done: make(chan struct{})}
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(g.take))
	g.Config.ErrorLog = log.New(io.Discard, "", 0)
	if shown == nil {
		g.Start()
	} else {
		g.TLS = &tls.Config{Certificates: []tls.Certificate{*shown}}
		g.StartTLS()
	}
	t.Cleanup(func() {
		close(g.done)
		g.Close()
	})
	return g
}

// take checks a call as the README tells those who write gateways.
func (g *gateway) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c := called{id: r.Header.Get("Sportello-Id"), timestamp: r.Header.Get("Sportello-Timestamp"), body: string(body)}
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write([]byte(c.id + "." + c.timestamp + "." + c.body))
	c.genuine = err == nil && r.Method == http.MethodPost && r.Header.Get("Content-Type") == "application/json" &&
		r.Header.Get("Sportello-Signature") == "v1="+hex.EncodeToString(mac.Sum(nil))
	g.mu.Lock()
	g.calls = append(g.calls, c)
	g.mu.Unlock()
	g.answer(w, r)
}

func (g *gateway) hang(http.ResponseWriter, *http.Request) {
	g.hangs <- struct{}{}
	<-g.done
}

func (g *gateway) taken() []called {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]called{}, g.calls...)
}

// answers returns what answers with a code.
func answers(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "Parola segreta of "+planted)
	}
}

func (p post) hook(h message.Hook) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error { return message.EnqueueHook(ctx, tx, h) })
}

// reminder is a hook whose words must not be logged.
var reminder = message.Hook{Kind: "appointment.reminder", Body: map[string]any{"to": planted, "text": "Parola <segreta>"}}

const reminderJSON = `{"kind":"appointment.reminder","body":{"text":"Parola \u003csegreta\u003e","to":"` + planted + `"}}`

func (p post) courier(address string) *message.Courier {
	p.t.Helper()
	to, err := message.NewGateway(address+"/hooks?token="+secret, hookSecret)
	if err != nil {
		p.t.Fatal(err)
	}
	courier := message.NewCourier(p.db, slog.New(slog.NewJSONHandler(p.log, nil)), to)
	courier.SetTimeout(time.Second)
	return courier
}

// call runs the courier once; what it returns is logged, as a job's error is.
func (p post) call(courier *message.Courier) error {
	err := courier.Deliver(p.t.Context())
	if err != nil {
		p.log.WriteString(err.Error())
	}
	return err
}

// TestCalls has one gateway answer first with a fault and then as it should, under one id and with a
// new timestamp. A mail that waits is none of the courier's.
func TestCalls(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		g := open(t, nil, answers(503))
		p.one()
		for range 2 {
			h := reminder
			h.Key = "appointment:1:reminder"
			p.hook(h)
		}
		if diff := cmp.Diff(map[message.Way]int{message.ByMail: 1, message.ByHook: 1}, p.counts()); diff != "" {
			t.Error(diff)
		}
		courier := p.courier(g.URL)
		if err := p.call(courier); err != nil {
			t.Fatal(err)
		}
		p.clock.Add(2*time.Minute - time.Second)
		if err := p.call(courier); err != nil || len(g.taken()) != 1 {
			t.Errorf("%v, called again before its time", err)
		}
		p.clock.Add(time.Second)
		g.answer = answers(204)
		if err := p.call(courier); err != nil {
			t.Fatal(err)
		}
		id := g.taken()[0].id
		if len(id) != len(store.NewID()) {
			t.Errorf("got the id %q", id)
		}
		at := func(d time.Duration) string { return strconv.FormatInt(morning.Add(d).Unix(), 10) }
		want := []called{{id, at(0), reminderJSON, true}, {id, at(2 * time.Minute), reminderJSON, true}}
		if diff := cmp.Diff(want, g.taken(), cmp.AllowUnexported(called{})); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[message.Way]int{message.ByMail: 1}, p.counts()); diff != "" {
			t.Errorf("waiting: %s", diff)
		}
		for _, r := range p.rows() {
			if r.State == "sent" && r != (row{State: "sent", Attempts: 2}) {
				t.Errorf("not erased: %+v", r)
			}
		}
	})
}

// TestGatewayAnswers has a gateway give every kind of answer.
func TestGatewayAnswers(t *testing.T) {
	waits := func(code string) row { return row{"queued", code, reminderJSON, 1} }
	sent := row{State: "sent", Attempts: 1}
	var elsewhere *gateway
	tests := []struct {
		name  string
		shown *tls.Certificate
		how   func(g *gateway) http.HandlerFunc
		want  row
		fault string // in Deliver's error; "": none
	}{
		{name: "good", how: func(*gateway) http.HandlerFunc { return answers(200) }, want: sent},
		{name: "accepted", how: func(*gateway) http.HandlerFunc { return answers(202) }, want: sent},
		{name: "over TLS", shown: &trusted, how: func(*gateway) http.HandlerFunc { return answers(200) }, want: sent},
		{name: "a certificate of somebody else", shown: &unknown, how: func(*gateway) http.HandlerFunc { return answers(200) }, want: waits("no_answer"), fault: "certificate"},
		{name: "a good answer without end", how: func(g *gateway) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				for line, n := strings.Repeat("Parola", 1000), 0; ; n += len(line) {
					if _, err := io.WriteString(w, line); err != nil {
						return
					}
					if n > 32<<20 { // more than lies in buffers on the way
						t.Error("read on and on")
						return
					}
				}
			}
		}, want: sent},
		{name: "a good answer that stops", how: func(g *gateway) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200)
				w.(http.Flusher).Flush()
				g.hang(w, r)
			}
		}, want: sent},
		{name: "elsewhere", how: func(*gateway) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL+"/"+planted, http.StatusTemporaryRedirect)
			}
		}, want: waits("http_307")},
		{name: "refused", how: func(*gateway) http.HandlerFunc { return answers(400) }, want: waits("http_400")},
		{name: "not let in", how: func(*gateway) http.HandlerFunc { return answers(401) }, want: waits("http_401")},
		{name: "gone", how: func(*gateway) http.HandlerFunc { return answers(410) }, want: row{"failed", "http_410", "", 1}},
		{name: "too many", how: func(*gateway) http.HandlerFunc { return answers(429) }, want: waits("http_429")},
		{name: "at fault", how: func(*gateway) http.HandlerFunc { return answers(500) }, want: waits("http_500")},
		{name: "silent", how: func(g *gateway) http.HandlerFunc { return g.hang }, want: waits("no_answer"), fault: "timeout"},
		{name: "lost", how: func(*gateway) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, want: waits("no_answer"), fault: "no_answer"},
		{name: "no HTTP", how: func(*gateway) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					_, _ = io.WriteString(conn, "250 "+planted+"\r\n\r\n")
					conn.Close()
				}
			}
		}, want: waits("no_answer"), fault: "no_answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, p post) {
				elsewhere = open(t, nil, answers(200))
				g := open(t, tt.shown, nil)
				g.answer = tt.how(g)
				p.hook(reminder)
				err := p.call(p.courier(g.URL))
				if (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("got the error %v, want %q", err, tt.fault)
				}
				if diff := cmp.Diff([]row{tt.want}, p.rows()); diff != "" {
					t.Error(diff)
				}
				if len(elsewhere.taken()) != 0 {
					t.Error("followed")
				}
			})
		})
	}
}

// TestGatewayAway calls nobody: of two hooks one is tried, then it is known.
func TestGatewayAway(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		g := open(t, nil, answers(200))
		g.Close()
		p.hook(reminder)
		p.hook(reminder)
		if err := p.call(p.courier(g.URL)); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("got %v, want that the connection is refused", err)
		}
		tried := 0
		for _, r := range p.rows() {
			tried += r.Attempts
		}
		if tried != 1 || p.counts()[message.ByHook] != 2 {
			t.Errorf("got %+v", p.rows())
		}
	})
}

// TestHookInItsTime calls not before the time, goes on until the hook says nothing any more, and then
// gives up.
func TestHookInItsTime(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		g := open(t, nil, answers(500))
		h := reminder
		h.NotBefore, h.NotAfter = morning.Add(time.Hour), morning.Add(4*time.Hour)
		p.hook(h)
		courier := p.courier(g.URL)
		var at []string
		for ; p.clock.Now().Before(morning.Add(5 * time.Hour)); p.clock.Add(time.Minute) {
			if err := p.call(courier); err != nil {
				t.Fatal(err)
			}
			if len(g.taken()) > len(at) {
				at = append(at, p.clock.Now().Sub(morning).String())
			}
		}
		if diff := cmp.Diff([]string{"1h0m0s", "1h2m0s", "1h6m0s", "1h14m0s", "1h30m0s", "2h2m0s", "3h2m0s"}, at); diff != "" {
			t.Error(diff)
		}
		p.update(message.Forget)
		if diff := cmp.Diff([]row{{"failed", "http_500", "", 7}}, p.rows()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCourierEndsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		g := open(t, nil, nil)
		g.answer = g.hang
		p.hook(reminder)
		courier := p.courier(g.URL)
		courier.SetTimeout(time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- courier.Deliver(ctx) }()
		<-g.hangs
		cancel()
		if err := <-ended; err == nil {
			t.Error("got no error")
		}
		if diff := cmp.Diff([]row{{"queued", "no_answer", reminderJSON, 1}}, p.rows()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEnqueueHookRefuses(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		enqueue := func(body any) error {
			return p.db.Update(t.Context(), func(tx *store.Tx) error {
				return message.EnqueueHook(t.Context(), tx, message.Hook{Kind: "x", Body: body})
			})
		}
		if err := enqueue(strings.Repeat("x", message.MaxSize)); !errors.Is(err, message.ErrTooLarge) {
			t.Errorf("got %v, want that it is too large", err)
		}
		if err := enqueue(func() {}); err == nil {
			t.Error("queued what is no JSON")
		}
		if got := p.rows(); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

// TestSignature compares with what another program made:
//
//	printf '%s.%s.%s' 01abc 1764748800 '{"kind":"prova","body":{"n":1}}' |
//	  openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
func TestSignature(t *testing.T) {
	g, err := message.NewGateway("https://gateway.example", "0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1=f1d9270c0a6102a80aceafbb6088b368696bf59d62d0b2e878ca27096e89cdff"
	if got := g.Sign("01abc", "1764748800", []byte(`{"kind":"prova","body":{"n":1}}`)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNewGateway(t *testing.T) {
	tests := []struct {
		address, secret string
		good            bool
	}{
		{"https://gateway.example/sportello?token=" + secret, hookSecret, true},
		{"https://10.1.2.3:8443", hookSecret, true},
		{"http://localhost:8080/hooks", hookSecret, true},
		{"http://127.0.0.1", hookSecret, true},
		{"http://[::1]:9000", hookSecret, true},
		{"http://gateway.example/" + secret, hookSecret, false},
		{"http://10.1.2.3", hookSecret, false},
		{"http://localhost.gateway.example", hookSecret, false},
		{"https://utente:" + secret + "@gateway.example", hookSecret, false},
		{"https://gateway.example/%zz" + secret, hookSecret, false},
		{"https://gateway.example/#" + secret, hookSecret, false},
		{"https:///hooks", hookSecret, false},
		{"ftp://gateway.example", hookSecret, false},
		{"gateway.example", hookSecret, false},
		{"", hookSecret, false},
		{"https://gateway.example", "", false},
		{"https://gateway.example", secret, false},
	}
	for _, tt := range tests {
		_, err := message.NewGateway(tt.address, tt.secret)
		if (err == nil) != tt.good {
			t.Errorf("%s: got %v, want good %t", tt.address, err, tt.good)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("a secret is in the error: %v", err)
		}
	}
}
