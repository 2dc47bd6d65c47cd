package kiosk_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
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

// TestManyPostsOfOneKey has fifty post the same at the same moment, on each database: one change is
// made, and all learn of it.
func TestManyPostsOfOneKey(t *testing.T) {
	clock := storetest.At(tuesday)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		server, _ := serverWithKiosk(t, db)
		session := officerAt(t, db, "1")
		for range 3 {
			if status, _ := postAs(t, server, "sportello_kiosk="+server.kiosk, issuePath, `{"service":"CPI-DID"}`, ""); status != http.StatusCreated {
				t.Fatalf("got %d", status)
			}
		}
		tests := []struct {
			name, who, path, body, count string
			status, want                 int
		}{
			{"issue", "sportello_kiosk=" + server.kiosk, issuePath, `{"service":"CPI-SCHEDA"}`, `SELECT COUNT(*) FROM tickets WHERE service_id = 'CPI-SCHEDA'`, 201, 1},
			{"next", "sportello_session=" + session, "/api/v1/offices/" + lobbyOffice + "/desks/1/next", `{}`, `SELECT COUNT(*) FROM calls`, 200, 1},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				var answers sync.Map
				var posting sync.WaitGroup
				for range 50 {
					posting.Go(func() {
						status, text := postAs(t, server, tt.who, tt.path, tt.body, "the one key")
						if status != tt.status {
							t.Errorf("got %d %s, want %d", status, text, tt.status)
						}
						answers.Store(text, true)
					})
				}
				posting.Wait()
				if got := countOf(t, db, tt.count); got != tt.want {
					t.Errorf("%d changes were made, want %d", got, tt.want)
				}
				n := 0
				answers.Range(func(text, _ any) bool { n++; return true })
				if n != 1 {
					t.Errorf("%d different answers", n)
				}
			})
		}
	})
}

// officerAt signs an officer in and opens a desk of the lobby's office.
func officerAt(t *testing.T, db *store.DB, desk string) (session string) {
	t.Helper()
	hash := access.HashPassword(deskPassword)
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		u := access.User{ID: "ada", Login: "ada", Name: "Ada Prova", Role: access.Officer, Territory: "isernia", Officer: "cpi-1"}
		if err := access.AddUser(t.Context(), tx, u, hash, "user:test"); err != nil {
			return err
		}
		_, err := queue.OpenDesk(t.Context(), tx, queue.Seat{Office: lobbyOffice, Desk: desk, By: "user:ada"}, u.ID, u.Officer, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return signedIn(t, db, "ada", deskPassword)
}

func postAs(t *testing.T, server testServer, cookie, path, body, key string) (status int, text string) {
	t.Helper()
	r := server.request(t, http.MethodPost, path, "application/json", strings.NewReader(body))
	r.Header.Set("Cookie", cookie)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer.StatusCode, string(content)
}

func countOf(t *testing.T, db *store.DB, query string) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error { return tx.QueryRow(t.Context(), query).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestNobodyIsKept asks for the next again after somebody has come: under the same key, nobody is
// called.
func TestNobodyIsKept(t *testing.T) {
	a := newAPIHouse(t)
	a.change("cpi-1", deskPath("1", "open"), ``, 200)
	key := []string{"Idempotency-Key", "k"}
	before := a.version()
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), `{}`, key...), 204, "")
	if a.version() != before {
		t.Error("that there was nobody woke the screens")
	}
	a.issued("CPI-DID")
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), ``, key...), 204, "")
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), `{}`, "Idempotency-Key", "l"), 200, "")
}

// TestKeysAreBound reuses a key for what is not the same.
func TestKeysAreBound(t *testing.T) {
	a := newAPIHouse(t)
	key := []string{"Idempotency-Key", "k"}
	first := a.want(a.send("kiosk", "POST", ticketsPath, `{"service":"CPI-DID"}`, key...), 201, "")
	tests := []struct {
		name, who, path, body string
		status                int
		same                  bool
	}{
		{"the same, written otherwise", "kiosk", ticketsPath, ` { "service" : "CPI\u002dDID" } `, 201, true},
		{"another service", "kiosk", ticketsPath, `{"service":"CPI-SCHEDA"}`, 422, false},
		{"another language", "kiosk", ticketsPath, `{"service":"CPI-DID","language":"fr"}`, 422, false},
		{"somebody else", "volunteer", ticketsPath, `{"service":"CPI-DID"}`, 201, false},
		{"their other call", "volunteer", ticketsPath, `{"service":"CPI-SCHEDA"}`, 422, false},
		{"another call", "cpi-1", deskPath("1", "open"), `{}`, 200, false},
		{"another desk", "cpi-1", deskPath("2", "open"), `{}`, 422, false},
		{"another step", "cpi-1", deskPath("1", "help"), `{}`, 422, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := a.send(tt.who, "POST", tt.path, tt.body, key...)
			if got.status != tt.status || tt.status == 422 && got.code() != "key_reused" {
				t.Errorf("got %d %s, want %d", got.status, got.text, tt.status)
			}
			if same := got.text == first.text; same != tt.same {
				t.Errorf("same answer: %t, want %t", same, tt.same)
			}
		})
	}
	a.clock.Set(deskMorning.Add(access.KeyLife - time.Minute))
	if late := a.want(a.send("kiosk", "POST", ticketsPath, `{"service":"CPI-DID"}`, key...), 201, ""); late.field("id") != first.field("id") {
		t.Error("the key was forgotten before its day was over")
	}
	a.clock.Set(deskMorning.AddDate(0, 0, 7))
	if later := a.want(a.send("kiosk", "POST", ticketsPath, `{"service":"CPI-DID"}`, key...), 201, ""); later.field("id") == first.field("id") {
		t.Error("the key gave an old ticket")
	}
}

// TestRepeatedAnswerIsOfNow asks again when the ticket has moved on: the status is the first one, the
// ticket is as it is now, and who closed a desk need not sit there to be told so.
func TestRepeatedAnswerIsOfNow(t *testing.T) {
	a := newAPIHouse(t)
	again := func(who, path, body, key string) apiAnswer {
		return a.send(who, "POST", path, body, "Idempotency-Key", key)
	}
	a.change("cpi-1", deskPath("1", "open"), ``, 200)
	made := a.want(again("kiosk", ticketsPath, `{"service":"CPI-DID"}`, "issue"), 201, "")
	called := a.want(again("cpi-1", deskPath("1", "next"), `{}`, "next"), 200, "")
	a.change("cpi-1", stepPath(made.field("id"), "finish"), ``, 200)
	if now := a.want(again("kiosk", ticketsPath, `{"service":"CPI-DID"}`, "issue"), 201, ""); now.field("state") != "served" || now.field("id") != made.field("id") {
		t.Errorf("got %s", now.text)
	}
	now := a.want(again("cpi-1", deskPath("1", "next"), `{}`, "next"), 200, "")
	if !strings.Contains(called.text, `"state":"called"`) || !strings.Contains(now.text, `"state":"served"`) {
		t.Errorf("first %s, now %s", called.text, now.text)
	}
	a.want(again("cpi-1", deskPath("1", "close"), ``, "close"), 200, "")
	a.want(again("cpi-1", deskPath("1", "close"), ``, "close"), 200, "")
	a.want(again("cpi-1", deskPath("1", "close"), ``, "other"), 409, "desk_not_open")
}

// TestKeysOutliveTheServer asks again after the server that made the ticket has died.
func TestKeysOutliveTheServer(t *testing.T) {
	a := newAPIHouse(t)
	key := []string{"Idempotency-Key", "k"}
	first := a.want(a.send("kiosk", "POST", ticketsPath, `{"service":"CPI-DID"}`, key...), 201, "")
	a.server.CloseClientConnections()
	a.server.Close()
	s, err := kiosk.New(kiosk.Options{DB: a.db, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	a.kiosk, a.server = s, httptest.NewServer(s.Handler())
	t.Cleanup(a.server.Close)
	if again := a.want(a.send("kiosk", "POST", ticketsPath, `{"service":"CPI-DID"}`, key...), 201, ""); again.text != first.text {
		t.Errorf("got %s, then %s", first.text, again.text)
	}
	a.update(func(ctx context.Context, tx *store.Tx) error {
		var n int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM print_jobs`).Scan(&n)
		if n != 1 {
			t.Errorf("%d papers, want 1", n)
		}
		return err
	})
}

// TestKeysHoldNoPersonalData looks at what is kept of a request.
func TestKeysHoldNoPersonalData(t *testing.T) {
	a := newAPIHouse(t)
	made := a.want(a.send("kiosk", "POST", ticketsPath, `{"service":"CPI-DID"}`, "Idempotency-Key", "ada.prova@example.it"), 201, "")
	a.update(func(ctx context.Context, tx *store.Tx) error {
		var key, hash, id string
		err := tx.QueryRow(ctx, `SELECT key_hash, hash, made FROM requests`).Scan(&key, &hash, &id)
		if len(key) != 64 || len(hash) != 64 || id != made.field("id") {
			t.Errorf("kept are %q, %q, %q", key, hash, id)
		}
		return err
	})
}
