package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// TestSeveralProcesses runs two servers on one PostgreSQL: kiosks at both issue at once and no
// number comes twice or is left out; what happens at one is seen at the other.
func TestSeveralProcesses(t *testing.T) {
	server := os.Getenv("SPORTELLO_TEST_POSTGRES")
	if server == "" {
		t.Skip("needs a PostgreSQL in SPORTELLO_TEST_POSTGRES, which make test starts")
	}
	address := storetest.EmptyPostgresURL(t, server)
	db := furnished(t, address)
	kiosk, board := enrolOne(t, db, access.Kiosk), enrolOne(t, db, access.Board)
	db.Close()
	var processes [2]*process
	for i := range processes {
		processes[i] = start(t, "--data", t.TempDir(), "--database", address, "--clock", opening, "--log", "error", "serve", "--addr", "127.0.0.1:0")
	}
	states := follow(t, processes[1].base+"/api/v1/offices/"+busy[0]+"/events", board)
	first := <-states

	const kiosks, each = 8, 10
	told := make(map[string]int)
	var mu sync.Mutex
	var issuing sync.WaitGroup
	for k := range kiosks {
		issuing.Go(func() {
			for range each {
				number, _, err := issueOverHTTP(processes[k%2].base, kiosk)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				told[number]++
				mu.Unlock()
			}
		})
	}
	issuing.Wait()
	if len(told) != kiosks*each {
		t.Errorf("%d different numbers for %d tickets", len(told), kiosks*each)
	}
	for n := range kiosks * each {
		if number := label(n + 1); told[number] != 1 {
			t.Errorf("number %s was given out %d times", number, told[number])
		}
	}
	for state := range states {
		if state != first && strings.Contains(state, `"waiting":80`) {
			return // the board at the second process has seen what kiosks at both did
		}
	}
	t.Error("the board never showed that all wait")
}

func label(n int) string {
	return "A" + string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// follow returns the states that a stream of events sends, until the test ends.
func follow(t *testing.T, address, token string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	states := make(chan string, 1000)
	go func() {
		defer close(states)
		defer answer.Body.Close()
		for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				states <- data
			}
		}
	}()
	return states
}

// enrolOne enrols a device at the first office and returns its token.
func enrolOne(t *testing.T, db *store.DB, kind access.DeviceKind) string {
	t.Helper()
	ctx := t.Context()
	err := db.Update(ctx, func(tx *store.Tx) error {
		device := access.Device{ID: string(kind), Office: busy[0], Kind: kind, Name: string(kind)}
		return access.AddDevice(ctx, tx, device, string(kind), "user:test")
	})
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := access.Enrol(ctx, db, string(kind), access.From{Address: "127.0.0.1", Agent: "Go-http-client/1.1"}, kind)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
