package kiosk_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/queue"
)

// ask sends one request and returns its answer, read; redirects are not followed.
func ask(t *testing.T, server *httptest.Server, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost && !strings.HasPrefix(path, "/api/") {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// lines counts what the audit says was done.
func (h *deskHouse) lines(action string) (n int) {
	h.t.Helper()
	err := h.db.View(h.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(h.t.Context(), `SELECT COUNT(*) FROM audit WHERE action = $1`, action).Scan(&n)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestPlantedSession gives a browser a session of the attacker's choice before its owner signs in.
func TestPlantedSession(t *testing.T) {
	h := newDeskHouse(t)
	for name, planted := range map[string]string{"made up": "planted", "the attacker's own": signedIn(t, h.db, "cpi-2", deskPassword)} {
		t.Run(name, func(t *testing.T) {
			answer, _ := ask(t, h.server, "POST", "/sign-in", "login=cpi-1&password="+deskPassword, "Cookie", "sportello_session="+planted)
			cookies := answer.Cookies()
			if len(cookies) != 1 || cookies[0].Value == planted || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode {
				t.Fatalf("got %v, want one new session", cookies)
			}
			if answer, _ := ask(t, h.server, "GET", "/desk", "", "Cookie", "sportello_session="+planted); answer.StatusCode != http.StatusSeeOther {
				t.Errorf("the planted session: got %d, want it to be nobody's", answer.StatusCode)
			}
		})
	}
}

// TestStolenCookies shows cookies from where they were not given.
func TestStolenCookies(t *testing.T) {
	h := newDeskHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return access.AddDevice(ctx, tx, access.Device{ID: "totem", Office: deskOffice, Kind: access.Kiosk, Name: "Totem"}, "totem", "user:test")
	})
	tests := []struct {
		name, path, cookie, action string
		home                       int // what the owner gets afterwards
	}{
		{"a session", "/desk", "sportello_session=" + signedIn(t, h.db, "cpi-1", deskPassword), "session.elsewhere", http.StatusSeeOther},
		{"a kiosk", "/kiosk", "sportello_kiosk=" + enrolled(t, h.db, "totem"), "device.elsewhere", http.StatusOK},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if answer, _ := ask(t, h.server, "GET", tt.path, "", "Cookie", tt.cookie); answer.StatusCode != http.StatusOK {
				t.Fatalf("before: got %d", answer.StatusCode)
			}
			for range 3 {
				answer, _ := ask(t, h.server, "GET", tt.path, "", "Cookie", tt.cookie, "User-Agent", "Thief/1.0")
				if answer.StatusCode != http.StatusSeeOther {
					t.Errorf("the thief: got %d, want to be sent to the door", answer.StatusCode)
				}
			}
			if got := h.lines(tt.action); got != 1 {
				t.Errorf("%d lines %s, want 1", got, tt.action)
			}
			if answer, _ := ask(t, h.server, "GET", tt.path, "", "Cookie", tt.cookie); answer.StatusCode != tt.home {
				t.Errorf("the owner: got %d, want %d", answer.StatusCode, tt.home)
			}
		})
	}
}

// TestPrefixedCookies holds that with HTTPS no neighbour of the host can plant one.
func TestPrefixedCookies(t *testing.T) {
	h := newDeskHouse(t)
	s, err := kiosk.New(kiosk.Options{DB: h.db, Log: quiet, BaseURL: "https://sportello.example.it"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	answer, _ := ask(t, server, "POST", "/sign-in", "login=cpi-1&password="+deskPassword)
	if got := answer.Header.Get("Set-Cookie"); !strings.HasPrefix(got, "__Host-sportello_session=") || !strings.Contains(got, "; Secure") || strings.Contains(got, "Domain") {
		t.Errorf("got %q", got)
	}
	if got := answer.Header.Get("Strict-Transport-Security"); got == "" {
		t.Error("browsers are not told to stay with HTTPS")
	}
	if answer, _ := ask(t, server, "GET", "/desk", "", "Cookie", "sportello_session="+signedIn(t, h.db, "cpi-1", deskPassword)); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("a cookie without the prefix: got %d", answer.StatusCode)
	}
}

// TestOtherSites posts what another site's page would, with the cookies of this one.
func TestOtherSites(t *testing.T) {
	h := newDeskHouse(t)
	cookie := "sportello_session=" + signedIn(t, h.db, "cpi-1", deskPassword)
	for _, path := range []string{"/sign-in", "/sign-out", "/lock", "/desk/next", "/account/password", "/enrol", "/api/v1/offices/" + deskOffice + "/tickets"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			answer, body := ask(t, h.server, "POST", path, "", append(header, "Cookie", cookie, "Accept", "application/json")...)
			if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "foreign_request") {
				t.Errorf("%s with %v: got %d %s", path, header, answer.StatusCode, body)
			}
		}
	}
}

// TestForgedAddresses sprays passwords with a new X-Forwarded-For each time.
func TestForgedAddresses(t *testing.T) {
	h := newDeskHouse(t)
	spray := func(server *httptest.Server, forwarded func(n int) string) (looked int) {
		for n := range 40 {
			answer, _ := ask(t, server, "POST", "/sign-in", fmt.Sprintf("login=nobody%d&password=x", n), "X-Forwarded-For", forwarded(n), "X-Real-IP", fmt.Sprint("192.0.2.", n))
			if answer.StatusCode == http.StatusUnauthorized {
				looked++
			}
		}
		return looked
	}
	forged := func(n int) string { return fmt.Sprint("198.51.100.", n) }
	if got := spray(h.server, forged); got != 30 {
		t.Errorf("without a proxy %d tries were looked at, want 30", got)
	}
	h.clock.Add(2 * time.Hour)
	s, err := kiosk.New(kiosk.Options{DB: h.db, Log: quiet, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	behind := httptest.NewServer(s.Handler())
	t.Cleanup(behind.Close)
	if got := spray(behind, func(n int) string { return forged(n) + ", 203.0.113.5" }); got != 30 {
		t.Errorf("behind a proxy that adds the address, %d tries were looked at, want 30", got)
	}
	if got := spray(behind, forged); got != 40 {
		t.Errorf("from different addresses %d tries were looked at, want 40", got)
	}
}

// TestTricks asks for what is behind a door by other names.
func TestTricks(t *testing.T) {
	h := newDeskHouse(t)
	tests := []struct {
		name, method, path string
		header             []string
	}{
		{"dots", "GET", "/t/../desk", nil},
		{"encoded dots", "GET", "/t/%2e%2e/desk", nil},
		{"two slashes", "GET", "//desk", nil},
		{"an encoded slash", "GET", "/static%2f..%2fdesk", nil},
		{"dots behind static", "GET", "/static/../desk", nil},
		{"a backslash", "GET", `/static/..%5cdesk`, nil},
		{"capitals", "GET", "/DESK", nil},
		{"a slash at the end", "GET", "/desk/", nil},
		{"a semicolon", "GET", "/desk;a=b", nil},
		{"another method by header", "GET", "/", []string{"X-HTTP-Method-Override", "POST"}},
		{"another address by header", "GET", "/desk", []string{"X-Original-URL", "/", "X-Rewrite-URL", "/"}},
		{"another host", "GET", "/desk", []string{"Host", "localhost", "X-Forwarded-Host", "evil.example"}},
		{"an empty bearer", "GET", "/api/v1/offices/" + deskOffice + "/board", []string{"Authorization", "Bearer "}},
		{"a bearer that is none", "GET", "/api/v1/offices/" + deskOffice + "/board", []string{"Authorization", "Bearer sportello_x"}},
		{"another scheme", "GET", "/api/v1/offices/" + deskOffice + "/board", []string{"Authorization", "Basic YTpi"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, body := ask(t, h.server, tt.method, tt.path, "", tt.header...)
			if strings.Contains(body, "Dove lavori") || answer.StatusCode >= http.StatusInternalServerError {
				t.Errorf("got %d %s", answer.StatusCode, body)
			}
			if to := answer.Header.Get("Location"); to != "" {
				if u, err := url.Parse(to); err != nil || u.Host != "" {
					t.Errorf("sent to %q", to)
				}
			}
		})
	}
}

// TestSignInLeadsNowhereElse: a link to the sign-in must not lead to another site afterwards.
func TestSignInLeadsNowhereElse(t *testing.T) {
	h := newDeskHouse(t)
	tests := []struct{ then, want string }{
		{"/desk?office=x", "/desk?office=x"},
		{"/account", "/account"},
		{"https://evil.example/desk", "/desk"},
		{"//evil.example/desk", "/desk"},
		{`/\evil.example`, "/desk"},
		{"/desk/../sign-out", "/desk"},
		{"/sign-out", "/desk"},
		{"javascript:alert(1)", "/desk"},
		{"", "/desk"},
	}
	for _, tt := range tests {
		t.Run(tt.then, func(t *testing.T) {
			answer, _ := ask(t, h.server, "POST", "/sign-in", url.Values{"login": {"cpi-1"}, "password": {deskPassword}, "then": {tt.then}}.Encode())
			if got := answer.Header.Get("Location"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestEndlessBody sends a body that never ends: the answer comes after the limit.
func TestEndlessBody(t *testing.T) {
	h := newDeskHouse(t)
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.server.URL+"/sign-in", endless{})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", answer.StatusCode)
	}
}

// TestRevokedAtOnce revokes what is in use.
func TestRevokedAtOnce(t *testing.T) {
	h := newDeskHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return access.AddDevice(ctx, tx, access.Device{ID: "totem", Office: deskOffice, Kind: access.Kiosk, Name: "Totem"}, "totem", "user:test")
	})
	var token string
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		token, err = access.AddProgram(ctx, tx, access.Program{ID: "site", Name: "Sito", Scopes: access.Scopes}, "user:test")
		return err
	})
	tests := []struct {
		name, path string
		header     []string
		revoke     func(ctx context.Context, tx *store.Tx) error
		status     int
	}{
		{"a kiosk", "/kiosk", []string{"Cookie", "sportello_kiosk=" + enrolled(t, h.db, "totem")}, func(ctx context.Context, tx *store.Tx) error {
			return access.RevokeDevice(ctx, tx, "totem", "user:test")
		}, http.StatusSeeOther},
		{"a session", "/desk", []string{"Cookie", "sportello_session=" + signedIn(t, h.db, "cpi-1", deskPassword)}, func(ctx context.Context, tx *store.Tx) error {
			return access.RevokeSessions(ctx, tx, "user-cpi-1", "", "user:test")
		}, http.StatusSeeOther},
		{"an account", "/desk", []string{"Cookie", "sportello_session=" + signedIn(t, h.db, "cpi-2", deskPassword)}, func(ctx context.Context, tx *store.Tx) error {
			return access.EndUser(ctx, tx, "user-cpi-2", "user:test")
		}, http.StatusSeeOther},
		{"a program", "/api/v1/offices/" + deskOffice + "/board", []string{"Authorization", "Bearer " + token}, func(ctx context.Context, tx *store.Tx) error {
			return access.RevokeProgram(ctx, tx, "", "site", "user:test")
		}, http.StatusUnauthorized},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if answer, _ := ask(t, h.server, "GET", tt.path, "", tt.header...); answer.StatusCode != http.StatusOK {
				t.Fatalf("before: got %d", answer.StatusCode)
			}
			h.update(tt.revoke)
			if answer, _ := ask(t, h.server, "GET", tt.path, "", tt.header...); answer.StatusCode != tt.status {
				t.Errorf("afterwards: got %d, want %d", answer.StatusCode, tt.status)
			}
		})
	}
}

// TestOwnOfficeOnly uses tokens at an office that is not theirs.
func TestOwnOfficeOnly(t *testing.T) {
	h := newDeskHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return access.AddDevice(ctx, tx, access.Device{ID: "totem", Office: deskOffice, Kind: access.Kiosk, Name: "Totem"}, "totem", "user:test")
	})
	var token string
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		p := access.Program{ID: "site", Name: "Sito", Territory: "isernia", Offices: []string{deskOffice}, Scopes: access.Scopes}
		token, err = access.AddProgram(ctx, tx, p, "user:test")
		return err
	})
	for name, bearer := range map[string]string{"a kiosk": enrolled(t, h.db, "totem"), "a program": token} {
		t.Run(name, func(t *testing.T) {
			answer, body := ask(t, h.server, "POST", "/api/v1/offices/sportello-agnone/tickets", `{"service":"CPI-DID"}`,
				"Authorization", "Bearer "+bearer, "Content-Type", "application/json")
			if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, "other_office") {
				t.Errorf("got %d %s", answer.StatusCode, body)
			}
		})
	}
}

// TestTooManyRequests asks as fast as it can; others are not held up.
func TestTooManyRequests(t *testing.T) {
	h := newDeskHouse(t)
	var refused *http.Response
	for range 400 {
		if answer, _ := ask(t, h.server, "GET", "/enrol", ""); answer.StatusCode == http.StatusTooManyRequests {
			refused = answer
			break
		}
	}
	if refused == nil || refused.Header.Get("Retry-After") != "1" {
		t.Fatalf("got %v, want a refusal that says when to come again", refused)
	}
	cookie := "sportello_session=" + signedIn(t, h.db, "cpi-1", deskPassword)
	if answer, _ := ask(t, h.server, "GET", "/desk", "", "Cookie", cookie); answer.StatusCode != http.StatusOK {
		t.Errorf("an officer behind the same address: got %d", answer.StatusCode)
	}
	h.clock.Add(time.Second)
	if answer, _ := ask(t, h.server, "GET", "/enrol", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("a second later: got %d", answer.StatusCode)
	}
}

// TestReplayedCode enrols two browsers with one code.
func TestReplayedCode(t *testing.T) {
	h := newDeskHouse(t)
	code := h.code(access.Kiosk)
	if answer, _ := ask(t, h.server, "POST", "/enrol", "code="+code); answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("got %d", answer.StatusCode)
	}
	if answer, _ := ask(t, h.server, "POST", "/enrol", "code="+code); answer.StatusCode != http.StatusForbidden || len(answer.Cookies()) > 0 {
		t.Errorf("a second time: got %d %v", answer.StatusCode, answer.Cookies())
	}
	if got := h.lines("device.refuse"); got != 1 {
		t.Errorf("%d lines of the audit, want 1", got)
	}
}

// TestAddressesByTheMillion sprays from addresses of one IPv6 network, of which there are 2^64.
func TestAddressesByTheMillion(t *testing.T) {
	h := newDeskHouse(t)
	s, err := kiosk.New(kiosk.Options{DB: h.db, Log: quiet, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	looked := 0
	for n := range 60 {
		answer, _ := ask(t, server, "POST", "/sign-in", fmt.Sprintf("login=nobody%d&password=x", n), "X-Forwarded-For", fmt.Sprintf("2001:db8:1:2::%x", n))
		if answer.StatusCode == http.StatusUnauthorized {
			looked++
		}
	}
	if looked != 30 {
		t.Errorf("%d tries were looked at, want 30", looked)
	}
}

// TestOddAgents signs in with names of programs that are no text, or endless.
func TestOddAgents(t *testing.T) {
	clock := storetest.At(deskMorning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			u := access.User{ID: "u", Login: "anna", Name: "Anna Prova", Role: access.Observer}
			return access.AddUser(t.Context(), tx, u, quickHash(deskPassword), "user:test")
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := kiosk.New(kiosk.Options{DB: db, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(s.Handler())
		t.Cleanup(server.Close)
		for name, agent := range map[string]string{"not UTF-8": "Moz\xff", "long": strings.Repeat("ü", 10_000), "none": ""} {
			t.Run(name, func(t *testing.T) {
				answer, _ := ask(t, server, "POST", "/sign-in", "login=anna&password="+deskPassword, "User-Agent", agent)
				cookies := answer.Cookies()
				if answer.StatusCode != http.StatusSeeOther || len(cookies) != 1 {
					t.Fatalf("got %d %v", answer.StatusCode, cookies)
				}
				if answer, _ := ask(t, server, "GET", "/account", "", "User-Agent", agent, "Cookie", cookies[0].Name+"="+cookies[0].Value); answer.StatusCode != http.StatusOK {
					t.Errorf("afterwards: got %d", answer.StatusCode)
				}
			})
		}
	})
}

// TestStreamsAreBounded opens streams of one ticket's page until there are too many; one that ends
// makes room.
func TestStreamsAreBounded(t *testing.T) {
	h := newDeskHouse(t)
	t.Cleanup(h.kiosk.EndStreams)
	path := "/api/v1/tickets/" + h.issue(queue.Request{Service: "CPI-DID"}).Token + "/events"
	var end context.CancelFunc
	open := func() int {
		var ctx context.Context
		ctx, end = context.WithCancel(t.Context())
		t.Cleanup(end)
		r, err := http.NewRequestWithContext(ctx, "GET", h.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer.StatusCode
	}
	for n := range 10 {
		if got := open(); got != http.StatusOK {
			t.Fatalf("stream %d: got %d", n, got)
		}
	}
	last := end
	if got := open(); got != http.StatusTooManyRequests {
		t.Errorf("one more: got %d, want 429", got)
	}
	last()
	for deadline := time.Now().Add(30 * time.Second); open() != http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatal("a stream that ended makes no room")
		}
	}
}

// TestMetricsOfOneOffice asks with a token that reaches one office.
func TestMetricsOfOneOffice(t *testing.T) {
	h := newDeskHouse(t)
	var token string
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		p := access.Program{ID: "watch", Name: "Prometheus", Territory: "isernia", Offices: []string{deskOffice}, Scopes: []access.Scope{access.MetricsScope}}
		token, err = access.AddProgram(ctx, tx, p, "user:test")
		return err
	})
	answer, body := ask(t, h.server, "GET", "/metrics", "", "Authorization", "Bearer "+token)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, deskOffice) {
		t.Fatalf("got %d", answer.StatusCode)
	}
	if strings.Contains(body, "sportello-agnone") {
		t.Error("it reads another office")
	}
}

// TestDeviceCookieIsRenewed comes back a day later: browsers keep a cookie for 400 days at most.
func TestDeviceCookieIsRenewed(t *testing.T) {
	h := newDeskHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return access.AddDevice(ctx, tx, access.Device{ID: "totem", Office: deskOffice, Kind: access.Kiosk, Name: "Totem"}, "totem", "user:test")
	})
	cookie := "sportello_kiosk=" + enrolled(t, h.db, "totem")
	for day, want := range []int{0, 1, 0} {
		if day == 1 {
			h.clock.Add(24 * time.Hour)
		}
		if answer, _ := ask(t, h.server, "GET", "/kiosk", "", "Cookie", cookie); len(answer.Cookies()) != want {
			t.Errorf("request %d: got %v, want %d", day, answer.Cookies(), want)
		}
	}
}

// TestDeskOfAnAccountThatMayNot ends an account that sits at a desk with a ticket, and takes the office
// from another: their desks close, the tickets wait for other desks.
func TestDeskOfAnAccountThatMayNot(t *testing.T) {
	tests := []struct {
		name, path string
		form       []string
	}{
		{"ended", "/manage/users/user-cpi-1/end", nil},
		{"moved", "/manage/users/user-cpi-1", []string{"login", "cpi-1", "name", "Ada Prova", "role", "officer", "territory", "isernia", "officer", "cpi-1", "office", "sportello-agnone", "rev", "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newDeskHouse(t)
			ticket := h.issue(queue.Request{Service: "CPI-DID"})
			b := h.at("cpi-1", "1", "CPI-DID")
			b.post("/desk/next")
			a := h.at("administrator", "")
			a.post(tt.path, tt.form...)
			a.want(http.StatusOK)
			err := h.db.View(t.Context(), func(tx *store.Tx) error {
				if _, sits, err := queue.SeatOf(t.Context(), tx, "user-cpi-1"); sits || err != nil {
					t.Errorf("they still sit there: %t, %v", sits, err)
				}
				left, err := queue.ByID(t.Context(), tx, ticket.ID)
				if left.State != queue.Parked || left.Reason != queue.ReasonVacated {
					t.Errorf("the ticket is %s (%s)", left.State, left.Reason)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
