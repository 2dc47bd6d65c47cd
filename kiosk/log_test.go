package kiosk_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/printouts"
	"sportello/printouts/spool"
	"sportello/queue"
)

// The secrets and names that are planted wherever a request has room, and none of which may come up
// in the log.
const (
	plantPath  = "planted-in-the-path"
	plantQuery = "planted-in-the-query"
	plantForm  = "planted-in-the-form"
	plantKey   = "planted-as-a-key"
	plantHead  = "planted-in-a-header"
	plantName  = "Zenobia Inventata"
	plantLogin = "zenobia.inventata"
	plantPass  = "planted password"
	plantCode  = "PLNT-CODE"
	plantTaxID = "NVNZNB80A41E335C"
)

// buffer is a log that many write and one reads.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// TestLogNamesNobody drives every route of the server with secrets and names, as everybody, at the
// level debug, prints a ticket and fails to print another: nothing of it is in the log.
func TestLogNamesNobody(t *testing.T) {
	out := new(buffer)
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := newDeskHouse(t)
	h.serve(kiosk.Options{Log: log, BaseURL: "http://ufficio.example", Data: t.TempDir(), Speech: kiosk.NewSpeech(t.TempDir(), log)})
	h.server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	planted := h.plant(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID", Key: plantKey})
	planted = append(planted, ticket.Token)

	h.print(t, log, ticket)
	for by, header := range h.everybody(t, &planted) {
		for _, route := range staying(h.kiosk.Routes()) {
			method, path, _ := strings.Cut(route, " ")
			h.drive(t, header, method, fill.ReplaceAllString(path, plantPath))
			h.drive(t, header, method, fill.ReplaceAllString(path, ticket.Token))
		}
		h.drive(t, header, "GET", "/"+plantPath+"/"+plantTaxID)
		h.drive(t, header, "POST", "/desk/"+plantPath)
		h.drive(t, header, "GET", "/static/"+plantPath)
		h.drive(t, header, strings.ToUpper(plantHead), "/")
		h.drive(t, header, "GET", "/t/%ff"+plantPath)
		if !strings.Contains(out.String(), `"by":"`+by) {
			t.Errorf("no line says that %s asked", by)
		}
	}
	written := out.String()
	for _, secret := range planted {
		if at := strings.Index(written, secret); at >= 0 {
			t.Errorf("%q is in the log: %s", secret, lineAt(written, at))
		}
	}
	logged := routesIn(t, written)
	for _, route := range h.kiosk.Routes() {
		if _, path, _ := strings.Cut(route, " "); !logged[path] {
			t.Errorf("no line about %s: it was not driven", path)
		}
	}
}

// staying puts the routes last after which nobody is signed in any more.
func staying(routes []string) []string {
	leaves := func(route string) int { return slices.Index([]string{"POST /sign-out", "POST /lock"}, route) }
	slices.SortStableFunc(routes, func(a, b string) int { return cmp.Compare(leaves(a), leaves(b)) })
	return routes
}

// fill finds what a route's template leaves open.
var fill = regexp.MustCompile(`:[a-z]+|\*`)

// plant puts the names and secrets into the database, and uses them as their owners do.
func (h *deskHouse) plant(t *testing.T) []string {
	t.Helper()
	hash := access.HashPassword(plantPass)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		user := access.User{ID: "u1", Login: plantLogin, Name: plantName, Role: access.Manager, Territory: "isernia", Officer: "cpi-1"}
		if err := access.AddUser(ctx, tx, user, hash, "user:test"); err != nil {
			return err
		}
		for _, kind := range []access.DeviceKind{access.Kiosk, access.Board} {
			d := access.Device{ID: string(kind), Office: deskOffice, Kind: kind, Name: plantName}
			if err := access.AddDevice(ctx, tx, d, plantCode+string(kind), "user:test"); err != nil {
				return err
			}
		}
		return nil
	})
	b := h.browser()
	b.post("/sign-in", "login", plantLogin, "password", plantPass+" but wrong")
	b.post("/enrol", "code", plantCode+"wrong")
	b.get("/enrol?code=" + url.QueryEscape(plantCode))
	return []string{
		plantPath, plantQuery, plantForm, plantKey, plantHead, strings.ToUpper(plantHead), plantName, "Zenobia", plantLogin, plantPass, plantCode, plantTaxID, hash,
	}
}

// everybody are the headers of who may come, by how the audit names them. Their secrets are planted.
func (h *deskHouse) everybody(t *testing.T, planted *[]string) map[string]http.Header {
	t.Helper()
	all := map[string]http.Header{"citizen": {}}
	cookies := func(path string, form ...string) string {
		b := h.browser()
		b.client.Transport = namedAgent(plantAgent)
		b.post(path, form...)
		at, err := url.Parse(h.server.URL)
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, c := range b.client.Jar.Cookies(at) {
			*planted = append(*planted, c.Value)
			text = append(text, c.String())
		}
		if text == nil {
			t.Fatalf("%s gives no cookie", path)
		}
		return strings.Join(text, "; ")
	}
	all["user:u1"] = http.Header{"Cookie": {cookies("/sign-in", "login", plantLogin, "password", plantPass)}}
	for _, kind := range []string{"kiosk", "board"} {
		cookie := cookies("/enrol", "code", plantCode+kind)
		all["device:"+kind] = http.Header{"Cookie": {cookie}, "Authorization": {"Bearer " + strings.SplitN(cookie, "=", 2)[1]}}
	}
	return all
}

// plantAgent is how the planted browser names itself.
const plantAgent = plantHead + " " + plantName

// namedAgent sends requests as a browser of that name.
type namedAgent string

func (a namedAgent) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", string(a))
	return http.DefaultTransport.RoundTrip(r)
}

// drive sends a request with everything planted; a stream is left after a moment.
func (h *deskHouse) drive(t *testing.T, header http.Header, method, path string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	form := url.Values{}
	for _, name := range []string{"login", "password", "code", "service", "office", "desk", "ticket", "id", "key", "reason", "name", "q", "outcome", "to", "lang"} {
		form.Set(name, plantForm+" "+plantName+" "+plantTaxID)
	}
	kind, body := "application/x-www-form-urlencoded", form.Encode()
	if strings.HasPrefix(path, "/api/") {
		kind, body = "application/json", `{"service":"`+plantForm+`","`+plantTaxID+`":"`+plantName+`"}`
	}
	if method == http.MethodGet {
		body = ""
	}
	query := url.Values{"q": {plantQuery}, "code": {plantQuery}, "id": {plantQuery}, "login": {plantName}, "cf": {plantTaxID}}
	r, err := http.NewRequestWithContext(ctx, method, h.server.URL+path+"?"+query.Encode(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	r.Header.Set("Content-Type", kind)
	r.Header.Set("User-Agent", plantAgent)
	for _, name := range []string{"X-Forwarded-For", "Accept-Language", "X-Request-Id", "Last-Event-Id"} {
		r.Header.Set(name, plantHead+" "+plantName)
	}
	r.Header.Set("Referer", h.server.URL+"/t/"+plantHead)
	r.Header.Set("Idempotency-Key", plantKey+store.NewID())
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer answer.Body.Close()
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream") {
		return
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// print has one ticket come out, and another not.
func (h *deskHouse) print(t *testing.T, log *slog.Logger, ticket queue.Ticket) {
	t.Helper()
	blocked := filepath.Join(t.TempDir(), "no-folder")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	values := printouts.Ticket{Number: ticket.Label(), Office: plantName, StatusURL: "http://ufficio.example/t/" + ticket.Token}
	var jobs []string
	h.update(func(ctx context.Context, tx *store.Tx) error {
		for id, folder := range map[string]string{"good": t.TempDir(), "bad": blocked} {
			if err := spool.AddPrinter(ctx, tx, spool.Printer{ID: id, Office: deskOffice, Name: plantName, URI: "file:" + folder}); err != nil {
				return err
			}
			job := spool.Job{Printer: id, Office: deskOffice, Subject: "ticket:" + id, Kind: spool.KindTicket, Values: values}
			if _, err := spool.Enqueue(ctx, tx, job); err != nil {
				return err
			}
			jobs = append(jobs, job.Subject)
		}
		return nil
	})
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	var printing sync.WaitGroup
	printing.Go(func() { _ = spool.New(h.db, log).Run(ctx) })
	defer printing.Wait()
	defer stop()
	for len(jobs) > 0 && ctx.Err() == nil {
		err := h.db.View(ctx, func(tx *store.Tx) error {
			s, _, err := spool.Latest(ctx, tx, jobs[0])
			if s.State != spool.Queued && s.State != spool.Sent {
				jobs = jobs[1:]
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(jobs) > 0 {
		t.Fatalf("never printed: %v", jobs)
	}
}

// routesIn are the templates in the lines of a log about requests.
func routesIn(t *testing.T, log string) map[string]bool {
	t.Helper()
	routes := make(map[string]bool)
	for line := range strings.Lines(log) {
		var entry struct{ Msg, Route string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if entry.Msg == "request" {
			routes[entry.Route] = true
		}
	}
	return routes
}

func lineAt(text string, at int) string {
	from := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[from:], "\n")
	return line
}

// TestLogLevels keeps what is asked again and again out of the log of a working day.
func TestLogLevels(t *testing.T) {
	out := new(buffer)
	h := newDeskHouse(t)
	h.serve(kiosk.Options{Log: slog.New(slog.NewJSONHandler(out, nil))})
	for _, tt := range []struct {
		path, route string
		want        bool
	}{
		{"/", "/", true},
		{"/sign-in", "/sign-in", true},
		{"/nowhere", "", true},
		{"/healthz", "/healthz", false},
		{"/readyz", "/readyz", false},
		{"/metrics", "/metrics", false},
		{"/static/none", "/static/*", false},
		{"/kiosk/alive", "/kiosk/alive", false},
	} {
		t.Run(tt.path, func(t *testing.T) {
			before := len(out.String())
			b := h.browser()
			b.get(tt.path)
			if got := strings.Contains(out.String()[before:], `"route":"`+tt.route+`"`); got != tt.want {
				t.Errorf("logged %t, want %t: %s", got, tt.want, out.String()[before:])
			}
		})
	}
}
