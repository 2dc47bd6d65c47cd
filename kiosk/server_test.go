package kiosk_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/queue"
)

// TestGarbledRequestsAreRefused sends bytes that are no text: whichever the database, the sender is
// told so, and nothing counts as a defect.
func TestGarbledRequestsAreRefused(t *testing.T) {
	const form, object = "application/x-www-form-urlencoded", "application/json"
	tests := []struct {
		name, method, path, kind, body, key string
		status                              int
	}{
		{name: "NUL in a path", method: "GET", path: "/t/a%00b", status: 400},
		{name: "invalid UTF-8 in a path", method: "GET", path: "/t/%ff", status: 400},
		{name: "NUL in a path of the API", method: "GET", path: "/api/v1/tickets/a%00b", status: 400},
		{name: "NUL in a stream's path", method: "GET", path: "/t/%00/events", status: 400},
		{name: "NUL in a query", method: "GET", path: "/kiosk/ticket?id=%00", status: 400},
		{name: "invalid UTF-8 in a query", method: "GET", path: "/sign-in?login=%ff", status: 400},
		{name: "invalid UTF-8 in a query's name", method: "GET", path: "/?%ff=1", status: 400},
		{name: "NUL in a login", method: "POST", path: "/sign-in", kind: form, body: "login=a%00b&password=x", status: 400},
		{name: "invalid UTF-8 in a login", method: "POST", path: "/sign-in", kind: form, body: "login=%ff&password=x", status: 400},
		{name: "NUL in a code", method: "POST", path: "/enrol", kind: form, body: "code=%00", status: 400},
		{name: "NUL in a kiosk's form", method: "POST", path: "/kiosk/tickets", kind: form, body: "service=CPI-DID&key=%00", status: 400},
		{name: "NUL in a word about paper", method: "POST", path: "/kiosk/ticket/paper", kind: form, body: "id=%00", status: 400},
		{name: "NUL in a reprint", method: "POST", path: "/kiosk/ticket/reprint", kind: form, body: "id=%00", status: 400},
		{name: "a broken form", method: "POST", path: "/sign-in", kind: form, body: "login=%zz", status: 400},
		{name: "invalid UTF-8 in a key", method: "POST", path: issuePath, kind: object, body: `{"service":"CPI-DID"}`, key: "k\xff", status: 400},
		{name: "NUL in an object", method: "POST", path: issuePath, kind: object, body: `{"service":"CPI-DID\u0000"}`, status: 400},
		{name: "text that is foreign but text", method: "GET", path: "/t/%D0%B0", status: 404},
		{name: "a login that is text", method: "POST", path: "/sign-in", kind: form, body: "login=%D0%B0&password=x", status: 401},
	}
	clock := storetest.At(tuesday)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		server, _ := serverWithKiosk(t, db)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				r := server.request(t, tt.method, tt.path, tt.kind, strings.NewReader(tt.body))
				if tt.key != "" {
					r.Header.Set("Idempotency-Key", tt.key)
				}
				if got := server.status(t, r); got != tt.status {
					t.Errorf("got %d, want %d", got, tt.status)
				}
			})
		}
	})
}

// TestBodiesThatAreNoForm sends to a page what is not the form it asked for.
func TestBodiesThatAreNoForm(t *testing.T) {
	large := "login=" + strings.Repeat("x", 70_000)
	tests := []struct {
		name, kind string
		body       io.Reader
		status     int
	}{
		{"too large", "application/x-www-form-urlencoded", strings.NewReader(large), 413},
		{"too large, of unknown length", "application/x-www-form-urlencoded", io.MultiReader(strings.NewReader(large)), 413},
		{"plain text", "text/plain", strings.NewReader("login=a"), 415},
		{"an object", "application/json", strings.NewReader("{}"), 415},
		{"with files", "multipart/form-data; boundary=x", strings.NewReader("--x--"), 415},
		{"a body of no type", "", strings.NewReader("login=a"), 415},
		{"with its character set", "application/x-www-form-urlencoded; charset=UTF-8", strings.NewReader("login=a"), 401},
		{"nothing", "", nil, 401},
	}
	server, _ := serverWithKiosk(t, storetest.Open(t, storetest.At(tuesday).Now))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := server.status(t, server.request(t, http.MethodPost, "/sign-in", tt.kind, tt.body)); got != tt.status {
				t.Errorf("got %d, want %d", got, tt.status)
			}
		})
	}
}

func TestReachable(t *testing.T) {
	tests := []struct {
		base string
		want bool
	}{
		{"https://sportello.example.it", true},
		{"http://192.168.1.20:8080", true},
		{"http://[2001:db8::1]:8080", true},
		{"http://totem", true},
		{"http://localhost:8080", false},
		{"http://LOCALHOST:8080", false},
		{"http://localhost.:8080", false},
		{"http://sportello.localhost", false},
		{"http://127.0.0.1:8080", false},
		{"http://127.8.9.1", false},
		{"http://127.1", false},
		{"http://0.0.0.0:8080", false},
		{"http://0:8080", false},
		{"http://[::]:8080", false},
		{"http://[::1]:8080", false},
		{"http://[::ffff:127.0.0.1]:8080", false},
		{"http://[fe80::1]:8080", false},
		{"http://:8080", false},
		{"http://%zz", false},
		{"", false},
	}
	for _, tt := range tests {
		t.Run(tt.base, func(t *testing.T) {
			if got := kiosk.Reachable(tt.base); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

// TestOnePictureForAll has many ask for an office's picture at once after it changed: one is made.
func TestOnePictureForAll(t *testing.T) {
	_, s := serverWithKiosk(t, storetest.Open(t, storetest.At(tuesday).Now))
	var all [32]*queue.Picture
	begin := make(chan struct{})
	var asking sync.WaitGroup
	for i := range all {
		asking.Go(func() {
			<-begin
			var err error
			if all[i], err = s.Picture(t.Context(), lobbyOffice); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	asking.Wait()
	for _, p := range all {
		if p != all[0] {
			t.Fatal("several pictures were made of the same version")
		}
	}
}

// TestPicturesAreMadeInOnePlace finds a page that simulates the queue by itself: anybody could have
// the server do it as often as they like.
func TestPicturesAreMadeInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file != "live.go" && !strings.HasSuffix(file, "_test.go") && strings.Contains(string(text), "queue.Read(") {
			t.Errorf("%s reads a picture, which is for Server.picture", file)
		}
	}
}

// testServer is a server and the token of its kiosk.
type testServer struct {
	*httptest.Server
	kiosk string
}

func serverWithKiosk(t *testing.T, db *store.DB) (testServer, *kiosk.Server) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		importDemo(t.Context(), t, tx, "isernia")
		device := access.Device{ID: "kiosk", Office: lobbyOffice, Kind: access.Kiosk, Name: "Totem"}
		return access.AddDevice(t.Context(), tx, device, "CODE", "user:test")
	})
	if err != nil {
		t.Fatal(err)
	}
	token := enrolled(t, db, "CODE")
	s, err := kiosk.New(kiosk.Options{DB: db, Log: quiet, Speech: kiosk.NewSpeech("", quiet)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return testServer{server, token}, s
}

func (s testServer) request(t *testing.T, method, path, kind string, body io.Reader) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", "sportello_kiosk="+s.kiosk)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func (s testServer) status(t *testing.T, r *http.Request) int {
	t.Helper()
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// testAgent is how the tests' clients name themselves.
const testAgent = "Go-http-client/1.1"

// enrolled enrols the device of a standing code from the tests' machine and returns its token.
func enrolled(t *testing.T, db *store.DB, code string) string {
	t.Helper()
	_, token, err := access.Enrol(t.Context(), db, code, access.From{Address: "127.0.0.1", Agent: testAgent}, access.DeviceKinds...)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// signedIn signs an account of the tests in from the tests' machine and returns its session's token.
func signedIn(t *testing.T, db *store.DB, login, password string) string {
	t.Helper()
	token, _, err := access.SignIn(t.Context(), db, login, password, "", access.From{Address: "127.0.0.1", Agent: testAgent})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestHead asks for the head of a page, as programs do that watch a server.
func TestHead(t *testing.T) {
	h := newDeskHouse(t)
	for path, want := range map[string]int{"/healthz": 200, "/": 200, "/desk": 303, "/api/v1/offices": 200, "/none": 404} {
		answer, body := ask(t, h.server, http.MethodHead, path, "")
		if answer.StatusCode != want || body != "" {
			t.Errorf("%s: got %d %q, want %d", path, answer.StatusCode, body, want)
		}
	}
}
