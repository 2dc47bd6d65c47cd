package kiosk_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"sportello/booking/territory"
	"sportello/internal/store"
)

// answer is what the API said.
type answer struct {
	status int
	kind   string
	body   string
}

// call sends a request to the API with the cookies of l's kiosk.
func (l *lobby) call(method, path, body string, header ...string) answer {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.server.URL+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := l.client.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header.Get("Content-Type"), string(text)}
}

const issuePath = "/api/v1/offices/" + lobbyOffice + "/tickets"

// TestAPIRefuses sends what is wrong: each gets the right status and a problem document that says
// what it is, in the reader's language and without what the server thinks of it, and leaves nothing.
func TestAPIRefuses(t *testing.T) {
	long := `{"service":"` + strings.Repeat("x", 70_000) + `"}`
	tests := []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
	}{
		{name: "broken JSON", method: "POST", path: issuePath, body: `{"service":`, status: 400, code: "malformed"},
		{name: "no body", method: "POST", path: issuePath, status: 400, code: "malformed"},
		{name: "two objects", method: "POST", path: issuePath, body: `{"service":"CPI-DID"}{}`, status: 400, code: "malformed"},
		{name: "unknown field", method: "POST", path: issuePath, body: `{"service":"CPI-DID","name":"x"}`, status: 400, code: "malformed"},
		{name: "wrong type of a field", method: "POST", path: issuePath, body: `{"service":7}`, status: 400, code: "malformed"},
		{name: "invalid UTF-8", method: "POST", path: issuePath, body: "{\"service\":\"CPI-DID\xff\"}", status: 400, code: "malformed"},
		{name: "a form", method: "POST", path: issuePath, body: "service=CPI-DID", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "media_type"},
		{name: "no content type", method: "POST", path: issuePath, body: `{"service":"CPI-DID"}`, header: []string{"Content-Type", ""}, status: 415, code: "media_type"},
		{name: "too large", method: "POST", path: issuePath, body: long, status: 413, code: "too_large"},
		{name: "unknown service", method: "POST", path: issuePath, body: `{"service":"NONE"}`, status: 404, code: "unknown_service"},
		{name: "service by appointment", method: "POST", path: issuePath, body: `{"service":"CPI-PATTO"}`, status: 409, code: "not_by_ticket"},
		{name: "ended service", method: "POST", path: issuePath, body: `{"service":"CPI-CERT"}`, status: 409, code: "service_ended"},
		{name: "another office", method: "POST", path: "/api/v1/offices/sportello-agnone/tickets", body: `{"service":"CPI-DID"}`, status: 403, code: "other_office"},
		{name: "an office that is nowhere", method: "POST", path: "/api/v1/offices/none/tickets", body: `{"service":"CPI-DID"}`, status: 403, code: "other_office"},
		{name: "a kiosk calls", method: "POST", path: "/api/v1/offices/" + lobbyOffice + "/desks/1/next", body: `{}`, status: 403, code: "not_allowed"},
		{name: "forged bearer", method: "POST", path: issuePath, body: `{"service":"CPI-DID"}`, header: []string{"Authorization", "Bearer forged"}, status: 401, code: "unknown_device"},
		{name: "unknown ticket", method: "GET", path: "/api/v1/tickets/none", status: 404, code: "unknown_ticket"},
		{name: "leave an unknown ticket", method: "DELETE", path: "/api/v1/tickets/none", status: 404, code: "unknown_ticket"},
		{name: "follow an unknown ticket", method: "GET", path: "/api/v1/tickets/none/events", status: 404, code: "unknown_ticket"},
		{name: "unknown call", method: "GET", path: "/api/v1/nothing", status: 404, code: "no_such_page"},
		{name: "wrong method", method: "PUT", path: issuePath, body: `{}`, status: 405, code: "method_not_allowed"},
		{name: "a step with another method", method: "GET", path: "/api/v1/tickets/x/start", status: 405, code: "method_not_allowed"},
		{name: "twice the same slash", method: "GET", path: "/api/v1//offices", status: 404, code: "no_such_page"},
		{name: "a slash too many", method: "GET", path: "/api/v1/offices/", status: 404, code: "no_such_page"},
		{name: "up and down", method: "GET", path: "/api/v1/offices/../offices", status: 404, code: "no_such_page"},
		{name: "up from a token", method: "GET", path: "/api/v1/tickets/..%2f..%2foffices", status: 404, code: "unknown_ticket"},
		{name: "a slash in a token", method: "GET", path: "/api/v1/tickets/a%2Fevents", status: 404, code: "unknown_ticket"},
		{name: "a slash in an office", method: "POST", path: "/api/v1/offices/sportello-agnone%2F..%2F" + lobbyOffice + "/tickets", body: `{"service":"CPI-DID"}`, status: 403, code: "other_office"},
		{name: "a route spelt otherwise", method: "POST", path: "/api/v1/%6fffices/" + lobbyOffice + "/tickets", body: `{"service":"CPI-DID"}`, status: 404, code: "no_such_page"},
		{name: "the kiosk's way into the API", method: "GET", path: "/api/v1/kiosk/../offices/" + lobbyOffice + "/desks/1/next", status: 404, code: "no_such_page"},
		{name: "a compressed body", method: "POST", path: issuePath, body: "\x1f\x8b\x08", header: []string{"Content-Encoding", "gzip"}, status: 400, code: "malformed"},
		{name: "a list of types", method: "POST", path: issuePath, body: `{"service":"CPI-DID"}`, header: []string{"Content-Type", "application/json, text/html"}, status: 415, code: "media_type"},
		{name: "another site", method: "POST", path: issuePath, body: `{"service":"CPI-DID"}`, header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403, code: "foreign_request"},
	}
	l := newLobby(t, "", "")
	end(l, "CPI-CERT")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := l.call(tt.method, tt.path, tt.body, append(tt.header, "Accept-Language", "it")...)
			var p struct {
				Status              int
				Title, Detail, Code string
			}
			if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.kind != "application/problem+json" {
				t.Fatalf("no problem document: %s %q %v", got.kind, got.body, err)
			}
			if got.status != tt.status || p.Status != tt.status || p.Code != tt.code {
				t.Errorf("got %d %+v, want %d %s", got.status, p, tt.status, tt.code)
			}
			if p.Title == "" || p.Detail == "" || strings.HasPrefix(p.Detail, "fault.") {
				t.Errorf("it does not say what happened: %+v", p)
			}
			if strings.Contains(got.body, ".go:") || strings.Contains(got.body, "sql") {
				t.Errorf("it says what the server thinks of it: %s", got.body)
			}
		})
	}
	if n := l.tickets(); n != 0 {
		t.Errorf("%d tickets were made", n)
	}
}

// TestAPIAsksWhatIsThere sends what asks about a call and makes none.
func TestAPIAsksWhatIsThere(t *testing.T) {
	l := newLobby(t, "", "")
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"OPTIONS", issuePath, 204, "OPTIONS, POST"},
		{"PUT", issuePath, 405, "OPTIONS, POST"},
		{"PUT", "/api/v1/offices", 405, "OPTIONS, GET"},
		{"PATCH", "/api/v1/tickets/x", 405, "OPTIONS, DELETE, GET"},
		{"TRACE", issuePath, 405, "OPTIONS, POST"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, l.server.URL+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := l.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Body.Close()
			if got.StatusCode != tt.status || got.Header.Get("Allow") != tt.allow {
				t.Errorf("got %d, Allow %q, want %d, %q", got.StatusCode, got.Header.Get("Allow"), tt.status, tt.allow)
			}
		})
	}
	if n := l.tickets(); n != 0 {
		t.Errorf("%d tickets were made", n)
	}
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestAPIEndlessBody(t *testing.T) {
	l := newLobby(t, "", "")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.server.URL+issuePath, endless{})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	got, err := l.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want %d", got.StatusCode, http.StatusRequestEntityTooLarge)
	}
}

// TestAPIOfUnknownOffices asks with an account of a whole territory: a device learns of no office but
// its own.
func TestAPIOfUnknownOffices(t *testing.T) {
	h := newDeskHouse(t)
	for _, test := range []struct {
		office, code string
		status       int
	}{
		{"none", "unknown_office", http.StatusNotFound},
		{deskOffice, "", http.StatusOK},
	} {
		t.Run(test.office, func(t *testing.T) {
			b := h.at("administrator", "")
			b.get("/api/v1/offices/" + test.office + "/board")
			b.want(test.status, test.code)
		})
	}
}

// end ends a service of the territory of l's kiosk.
func end(l *lobby, service string) {
	l.t.Helper()
	text := "[territory]\nid = \"isernia\"\nname = \"Isernia\"\n[[service]]\nid = \"" + service + "\"\nvalid_to = \"2026-06-30\"\n"
	file, problems := territory.Parse([]byte(text), "ended")
	if len(problems) > 0 {
		l.t.Fatal(problems)
	}
	l.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := territory.Import(ctx, tx, file)
		return err
	})
}

func TestAPITicket(t *testing.T) {
	l := newLobby(t, "https://sportello.test", "")
	first := l.call("POST", issuePath, `{"service":"CPI-DID","language":"uk","priority":true}`, "Idempotency-Key", "k1")
	again := l.call("POST", issuePath, `{"service":"CPI-DID","language":"uk","priority":true}`, "Idempotency-Key", "k1")
	if first.status != http.StatusCreated || first.body != again.body {
		t.Fatalf("got %d %s, then %s", first.status, first.body, again.body)
	}
	var made struct {
		ID, Token, Number, Office, Service, State, Print string
		StatusURL                                        string `json:"status_url"`
		IssuedAt                                         string `json:"issued_at"`
		DueAt                                            string `json:"due_at"`
		Position                                         int
		Wait, Desk                                       any
	}
	if err := json.Unmarshal([]byte(first.body), &made); err != nil {
		t.Fatal(err)
	}
	if made.Number != "A001" || made.Service != "CPI-DID" || made.State != "waiting" || made.Position != 1 || made.Wait != nil || made.Desk != nil {
		t.Errorf("got %+v", made)
	}
	if made.IssuedAt != "2026-11-24T09:40:00+01:00" || made.DueAt != "2026-11-24T09:20:00+01:00" {
		t.Errorf("issued at %s, due at %s", made.IssuedAt, made.DueAt)
	}
	if want := "https://sportello.test/t/" + made.Token; made.StatusURL != want {
		t.Errorf("got %s, want %s", made.StatusURL, want)
	}
	if own := l.call("GET", "/api/v1/tickets/"+made.Token, ""); !strings.Contains(own.body, made.ID) || !strings.Contains(own.body, "CPI-DID") {
		t.Errorf("the kiosk that issued it is told %s", own.body)
	}
	if _, body := ask(t, l.server, "GET", "/api/v1/tickets/"+made.Token, ""); strings.Contains(body, made.ID) || strings.Contains(body, "CPI-DID") {
		t.Errorf("whoever has the token learns more than the queue: %s", body)
	}
	if left := l.call("DELETE", "/api/v1/tickets/"+made.Token, ""); left.status != http.StatusOK || !strings.Contains(left.body, `"state":"cancelled"`) {
		t.Errorf("leave: %+v", left)
	}
}
