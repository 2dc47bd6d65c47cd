package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

// opening is a Thursday on which the integrated centre of Isernia is open.
const opening = "2026-12-03T10:00:00+01:00"

// TestKill kills the server in the middle of issuing, twenty times: every number that a kiosk was
// told exists afterwards, none twice, and the numbers have no gaps.
func TestKill(t *testing.T) {
	rounds := 20
	if os.Getenv("SPORTELLO_TORTURE") != "" {
		rounds = 200
	}
	data := t.TempDir()
	token := furnish(t, data, access.Kiosk)
	told := make(map[string]string) // number → token of the ticket
	for range rounds {
		server := start(t, "--data", data, "--clock", opening, "--log", "error", "serve", "--addr", "127.0.0.1:0")
		issueUntilKilled(t, server, token, told)
	}
	if len(told) < rounds {
		t.Fatalf("only %d tickets were issued in %d rounds", len(told), rounds)
	}
	t.Logf("%d numbers acknowledged in %d rounds", len(told), rounds)
	checkTold(t, data, told)
}

// furnish makes a SQLite database with Isernia in it and one enrolled device, whose token it returns.
func furnish(t *testing.T, data string, kind access.DeviceKind) (token string) {
	t.Helper()
	db := furnished(t, "sqlite:"+filepath.Join(data, "sportello.db"))
	defer db.Close()
	return enrolOne(t, db, kind)
}

// furnished opens a new database and loads Isernia into it.
func furnished(t *testing.T, address string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	files, err := territory.Demo()
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := importText(t.Context(), db, files[0].Text, "isernia.toml"); err != nil {
		t.Fatal(err)
	}
	return db
}

// issueUntilKilled has eight kiosks issue tickets until the server dies under them, and notes what
// they were told.
func issueUntilKilled(t *testing.T, server *process, token string, told map[string]string) {
	t.Helper()
	var kiosks sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		kiosks.Go(func() {
			for {
				number, ticket, err := issueOverHTTP(server.base, token)
				if err != nil {
					return
				}
				mu.Lock()
				if _, twice := told[number]; twice {
					t.Errorf("number %s given out twice", number)
				}
				told[number] = ticket
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Duration(20+rand.IntN(120)) * time.Millisecond) // when the power fails is chance
	server.kill()
	kiosks.Wait()
}

func issueOverHTTP(base, token string) (number, ticket string, err error) {
	body := strings.NewReader(`{"service":"CPI-DID"}`)
	request, err := http.NewRequest(http.MethodPost, base+"/api/v1/offices/"+busy[0]+"/tickets", body)
	if err != nil {
		return "", "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", store.NewID())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", "", err
	}
	var issued struct{ Number, Token string }
	if answer.StatusCode != http.StatusCreated {
		return "", "", fmt.Errorf("status %d: %s", answer.StatusCode, text)
	}
	err = json.Unmarshal(text, &issued)
	return issued.Number, issued.Token, err
}

// checkTold compares what kiosks were told with what the database holds.
func checkTold(t *testing.T, data string, told map[string]string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(data, "sportello.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	kept := make(map[string]string)
	highest := 0
	err = db.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), `SELECT series, number, token FROM tickets`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var series, token string
			var number int
			if err := rows.Scan(&series, &number, &token); err != nil {
				return err
			}
			kept[fmt.Sprintf("%s%03d", series, number)] = token
			highest = max(highest, number)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	for number, token := range told {
		if kept[number] != token {
			t.Errorf("number %s was given out and is not in the database", number)
		}
	}
	if len(kept) != highest {
		t.Errorf("%d tickets, highest number %d: there are gaps", len(kept), highest)
	}
}
