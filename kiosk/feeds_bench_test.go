package kiosk_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
)

// feedOf is how many appointments the measured feed has.
const feedOf = 2000

// newBenchFeed is a server, and the path of a feed in full detail.
func newBenchFeed(b *testing.B) (http.Handler, string) {
	b.Helper()
	clock := storetest.At(deskMorning)
	db := storetest.Open(b, clock.Now)
	f, problems := territory.Parse([]byte(everyDay), "prova")
	if len(problems) > 0 {
		b.Fatal(territory.Problems(problems))
	}
	var secret string
	ctx := b.Context()
	err := db.Update(ctx, func(tx *store.Tx) error {
		if _, err := territory.Import(ctx, tx, f); err != nil {
			return err
		}
		maker := access.User{ID: "user-manager", Login: "manager", Name: "Ivo Prova", Role: access.Manager, Territory: "prova"}
		if err := access.AddUser(ctx, tx, maker, "", "user:test"); err != nil {
			return err
		}
		if err := fill2000(ctx, tx); err != nil {
			return err
		}
		var err error
		_, secret, err = calendar.AddFeed(ctx, tx, calendar.Feed{
			Territory: "prova", Kind: calendar.OfOffice, Office: "sede", Detail: calendar.DetailFull, User: maker.ID,
		}, "user:test")
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	s, err := kiosk.New(kiosk.Options{DB: db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return s.Handler(), "/feeds/" + secret + ".ics"
}

// fill2000 writes appointments of the coming weeks, with what most have.
func fill2000(ctx context.Context, tx *store.Tx) error {
	for n := range feedOf {
		start := deskMorning.AddDate(0, 0, n/50).Add(time.Duration(n%50) * 5 * time.Minute)
		id := fmt.Sprintf("appointment-%d", n)
		_, err := tx.Exec(ctx, `
INSERT INTO appointments (id, token, reference, territory_id, office_id, service_id, state, day, start_at, end_at, people, language, must_speak,
  channel, hold_until, room_id, name, email, phone, note, created_at, changed_at)
VALUES ($1, $1, $2, 'prova', 'sede', 'PROVA', 'booked', $3, $4, $5, 1, 'it', FALSE, 'online', 0, '', 'Prova Inventata', 'prova@prova.example',
  '+393331234567', '', $6, $6)`,
			id, fmt.Sprintf("X%05d", n), start.Format(time.DateOnly), store.Millis(start), store.Millis(start.Add(5*time.Minute)), store.Millis(tx.Now))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO appointment_staff (appointment_id, need, officer_id, position) VALUES ($1, 'CPI', 'op', 0)`, id); err != nil {
			return err
		}
	}
	return nil
}

// feedReader asks for a feed from another address each time: nobody may ask so often.
type feedReader struct {
	path  string
	times uint32
}

// ask sends a request to a handler and returns the answer and how long it took.
func (f *feedReader) ask(handler http.Handler, etag string) (*httptest.ResponseRecorder, time.Duration) {
	f.times++
	r := httptest.NewRequest(http.MethodGet, f.path, nil)
	r.Header.Set("If-None-Match", etag)
	r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+f.times))), 1).String()
	answer := httptest.NewRecorder()
	begun := time.Now()
	handler.ServeHTTP(answer, r)
	return answer, time.Since(begun)
}

// BenchmarkFeed reads a feed of 2,000 appointments that changed, and one that did not. The limit of the
// latter is a handler that always answers the same.
func BenchmarkFeed(b *testing.B) {
	handler, path := newBenchFeed(b)
	reader := &feedReader{path: path}
	first, _ := reader.ask(handler, "")
	etag := first.Header().Get("ETag")
	if first.Code != http.StatusOK || etag == "" {
		b.Fatalf("got %d %v", first.Code, first.Header())
	}
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			if answer, _ := reader.ask(handler, `"another"`); answer.Code != http.StatusOK {
				b.Fatal(answer.Code)
			}
		}
		b.ReportMetric(float64(first.Body.Len())/1e3, "kB")
	})
	b.Run("unchanged", func(b *testing.B) {
		constant := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", etag)
			w.WriteHeader(http.StatusNotModified)
		})
		var ours, least time.Duration
		for b.Loop() {
			answer, took := reader.ask(handler, etag)
			if answer.Code != http.StatusNotModified {
				b.Fatal(answer.Code)
			}
			ours += took
			_, took = reader.ask(constant, etag)
			least += took
		}
		b.ReportMetric(float64(ours)/float64(least), "×constant")
	})
}
