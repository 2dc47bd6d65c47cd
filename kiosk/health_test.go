package kiosk_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
)

// readyz returns what /readyz says, by check.
func readyz(t *testing.T, h *deskHouse) (status int, codes map[string]string) {
	t.Helper()
	b := h.browser()
	b.get("/readyz")
	var answer struct {
		Ready  bool
		Checks []struct{ Check, Code string }
	}
	if err := json.Unmarshal([]byte(b.page), &answer); err != nil {
		t.Fatalf("%v: %s", err, b.page)
	}
	if answer.Ready != (b.status == http.StatusOK) {
		t.Errorf("status %d and ready %t", b.status, answer.Ready)
	}
	codes = make(map[string]string)
	for _, c := range answer.Checks {
		codes[c.Check] = c.Code
	}
	return b.status, codes
}

func TestReady(t *testing.T) {
	tests := []struct {
		name   string
		damage func(h *deskHouse)
		status int
		want   map[string]string
	}{
		{"well", func(*deskHouse) {}, 200, map[string]string{"schema": "ok", "write": "ok", "disk": "ok"}},
		{"a newer schema", func(h *deskHouse) {
			h.run(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
		}, 503, map[string]string{"schema": "newer", "write": "ok", "disk": "ok"}},
		{"an older schema", func(h *deskHouse) {
			h.run(`DELETE FROM goose_db_version WHERE version_id >= 10`)
		}, 503, map[string]string{"schema": "older", "write": "ok", "disk": "ok"}},
		{"a table that takes nothing", func(h *deskHouse) {
			h.run(`DROP TABLE probes`)
		}, 503, map[string]string{"schema": "ok", "write": "refused", "disk": "ok"}},
		{
			"no data folder", func(h *deskHouse) { h.serve(kiosk.Options{Data: filepath.Join(h.t.TempDir(), "gone")}) },
			503,
			map[string]string{"schema": "ok", "write": "ok", "disk": "unreadable"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newOperated(t)
			tt.damage(h)
			status, got := readyz(t, h)
			if diff := cmp.Diff(tt.want, got); diff != "" || status != tt.status {
				t.Errorf("got status %d, want %d; checks (-want +got):\n%s", status, tt.status, diff)
			}
		})
	}
}

// run changes the database behind the server's back.
func (h *deskHouse) run(statement string) {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	})
}

// TestReadyIsAskedOften has many ask at once: the database is written to once a second at most.
func TestReadyIsAskedOften(t *testing.T) {
	h := newOperated(t)
	var writes int
	var mu sync.Mutex
	h.db.Observe(func(kind store.Kind, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if kind == store.Writing {
			writes++
		}
	})
	var asking sync.WaitGroup
	for range 30 {
		asking.Go(func() {
			if status, codes := readyz(t, h); status != http.StatusOK {
				t.Errorf("got %d, %v", status, codes)
			}
		})
	}
	asking.Wait()
	if writes != 1 {
		t.Errorf("%d writes for 30 who asked within a second, want 1", writes)
	}
	h.clock.Add(time.Second)
	readyz(t, h)
	if writes != 2 {
		t.Errorf("%d writes after another second, want 2", writes)
	}
}

// TestReadyDoesNotHang asks while somebody keeps the writer, and whether the process lives.
func TestReadyDoesNotHang(t *testing.T) {
	h := newOperated(t)
	begun, over := make(chan struct{}), make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		errAway := errors.New("away")
		err := h.db.Update(context.Background(), func(*store.Tx) error { close(begun); <-over; return errAway })
		if !errors.Is(err, errAway) {
			t.Error(err)
		}
	})
	defer writer.Wait()
	defer close(over)
	<-begun
	if status, codes := readyz(t, h); status != http.StatusServiceUnavailable || codes["write"] != "slow" {
		t.Errorf("got %d, %v; want that writing is slow", status, codes)
	}
}

// TestHealthzNeedsNoDatabase closes the database under a server.
func TestHealthzNeedsNoDatabase(t *testing.T) {
	clock := storetest.At(deskMorning)
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "x.db"), Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	h := &deskHouse{t: t, db: db, clock: clock}
	h.serve(kiosk.Options{})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.get("/healthz", "Cookie", "sportello_session=x", "Authorization", "Bearer x")
	b.want(http.StatusOK, "ok")
	if status, codes := readyz(t, h); status != http.StatusServiceUnavailable || codes["schema"] != "unreadable" || codes["write"] != "refused" {
		t.Errorf("readiness without a database: got %d, %v", status, codes)
	}
}
