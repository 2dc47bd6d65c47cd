package kiosk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
)

// How many clients ask at once, for how long, and how many others book meanwhile.
const (
	benchClients = 8
	benchBookers = 2
	benchFor     = 5 * time.Second
)

// province is a territory of so many offices that open on every weekday, each with so many officers of
// CPI and as many of INPS, and one joint service.
func province(offices, officers int) string {
	var b strings.Builder
	b.WriteString(`
[territory]
id = "grande"
name = "Grande"
[[institution]]
id = "CPI"
[[institution]]
id = "INPS"
[[service]]
id = "DUE"
name = "Due enti"
needs = ["CPI", "INPS"]
minutes = 30
channels = ["online"]
`)
	for i := range offices {
		fmt.Fprintf(&b, `
[[office]]
id = "sede-%d"
name = "Sede %d"
services = ["DUE"]
desk = [{ id = "1" }]
[[office.opening]]
weekdays = ["mon", "tue", "wed", "thu", "fri"]
intervals = ["08:30-12:30", "14:00-17:00"]
`, i, i)
	}
	for i := range 2 * officers * offices {
		fmt.Fprintf(&b, `
[[officer]]
id = "op-%d"
name = "Operatore %d"
institution = "%s"
[[officer.presence]]
office = "sede-%d"
`, i, i, []string{"CPI", "INPS"}[i%2], i/2/officers)
	}
	return b.String()
}

// BenchmarkAvailability is eight clients who ask over HTTP for a month of an office while others book
// there, and look after each answer that what they got is offered no more. The limit is a server that
// answers with the same bytes from memory.
func BenchmarkAvailability(b *testing.B) {
	files, err := territory.Demo()
	if err != nil {
		b.Fatal(err)
	}
	isernia := files[slices.IndexFunc(files, func(f territory.DemoFile) bool { return f.ID == "isernia" })]
	for _, tt := range []struct{ name, text, office, service string }{
		{"isernia", string(isernia.Text), deskOffice, "JNT-LAVORO"},
		{"50-offices", province(50, 4), "sede-7", "DUE"},
	} {
		b.Run(tt.name, func(b *testing.B) {
			clock := storetest.At(deskMorning)
			run := func(b *testing.B, db *store.DB) { newBookedHouse(b, db, tt.text, tt.office, tt.service).bench(b) }
			b.Run("sqlite", func(b *testing.B) { run(b, storetest.Open(b, clock.Now)) })
			if address := os.Getenv("SPORTELLO_TEST_POSTGRES"); address != "" {
				b.Run("postgres", func(b *testing.B) { run(b, storetest.Postgres(b, address, clock.Now)) })
			}
		})
	}
}

// bookedHouse is a server that is asked for one service of an office.
type bookedHouse struct {
	t               testing.TB
	server          *httptest.Server
	client          *http.Client
	office, service string
	asked           atomic.Int64
}

func newBookedHouse(t testing.TB, db *store.DB, text, office, service string) *bookedHouse {
	t.Helper()
	file, problems := territory.Parse([]byte(text), "bench")
	if len(problems) > 0 {
		t.Fatal(territory.Problems(problems))
	}
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := territory.Import(t.Context(), tx, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := kiosk.New(kiosk.Options{DB: db, Log: quiet, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	h := &bookedHouse{t: t, server: httptest.NewServer(s.Handler()), office: office, service: service}
	h.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * benchClients}}
	t.Cleanup(h.server.Close)
	return h
}

// send sends a request and returns the answer.
func (h *bookedHouse) send(method, url, body string) (int, []byte, error) {
	var into bytes.Buffer
	status, err := h.sendInto(&into, method, url, body)
	return status, into.Bytes(), err
}

// sendInto sends a request from an address that has asked nothing for long.
func (h *bookedHouse) sendInto(into *bytes.Buffer, method, url, body string) (int, error) {
	into.Reset()
	r, err := http.NewRequestWithContext(h.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	n := h.asked.Add(1)
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", n>>14&0xff, n>>6&0xff, n&0x3f))
	r.Header.Set("Content-Type", "application/json")
	answer, err := h.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = into.ReadFrom(answer.Body)
	return answer.StatusCode, err
}

// month is the question for a month of the office.
func (h *bookedHouse) month() string {
	return h.server.URL + "/api/v1/availability?service=" + h.service + "&office=" + h.office + "&from=2026-12-04&to=2027-01-03"
}

// ways are in how many ways each start of the month can be had.
func (h *bookedHouse) ways() (map[string]int, error) {
	status, text, err := h.send(http.MethodGet, h.month(), "")
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("month: %d %s %w", status, text, err)
	}
	var found booking.Availability
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, err
	}
	ways := map[string]int{}
	for _, s := range found.Offices[0].Starts {
		ways[s.Start.Format(time.RFC3339)] = s.Ways
	}
	return ways, nil
}

// book holds a start, books it and cancels it, and looks after each answer at what is then offered.
// Nobody else books this start.
func (h *bookedHouse) book(start string, free int) error {
	body := fmt.Sprintf(`{"service":%q,"office":%q,"start":%q}`, h.service, h.office, start)
	var token string
	steps := []struct {
		method, path string
		body         func() string
		free         bool
	}{
		{http.MethodPost, holdsPath, func() string { return body }, false},
		{http.MethodPost, appointmentsPath, func() string { return bookingOf(token) }, false},
		{http.MethodDelete, appointmentsPath + "/", func() string { return "" }, true},
	}
	for _, step := range steps {
		path := step.path
		if step.free {
			path += token
		}
		status, text, err := h.send(step.method, h.server.URL+path, step.body())
		if err != nil || status >= http.StatusBadRequest {
			return fmt.Errorf("%s %s: %d %s %w", step.method, step.path, status, text, err)
		}
		var got struct{ Token string }
		if err := json.Unmarshal(text, &got); err != nil {
			return err
		}
		token = got.Token
		now, err := h.ways()
		if err != nil {
			return err
		}
		if taken := now[start] < free; taken == step.free {
			return fmt.Errorf("after %s %s the start %s is offered in %d ways, before in %d", step.method, step.path, start, now[start], free)
		}
	}
	return nil
}

// times are how long the requests of all clients took, ascending, and how many each second.
type times struct {
	took   []time.Duration
	second float64
}

func (t times) at(share float64) time.Duration { return t.took[int(share*float64(len(t.took)-1))] }

// ask has clients ask for an address again and again.
func (h *bookedHouse) ask(url string) times {
	var mu sync.Mutex
	var all times
	var clients sync.WaitGroup
	end := time.Now().Add(benchFor)
	for range benchClients {
		clients.Go(func() {
			var took []time.Duration
			var text bytes.Buffer
			for time.Now().Before(end) {
				began := time.Now()
				status, err := h.sendInto(&text, http.MethodGet, url, "")
				if err != nil || status != http.StatusOK {
					h.t.Errorf("got %d %s %v", status, &text, err)
					return
				}
				took = append(took, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all.took = append(all.took, took...)
		})
	}
	clients.Wait()
	slices.Sort(all.took)
	all.second = float64(len(all.took)) / benchFor.Seconds()
	return all
}

func (h *bookedHouse) bench(b *testing.B) {
	ways, err := h.ways()
	if err != nil {
		b.Fatal(err)
	}
	starts := slices.Sorted(maps.Keys(ways))
	_, text, err := h.send(http.MethodGet, h.month(), "")
	if err != nil {
		b.Fatal(err)
	}
	limit := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}))
	defer limit.Close()
	for b.Loop() {
		var booked atomic.Int64
		asking, done := make(chan struct{}), sync.WaitGroup{}
		for n := range benchBookers {
			done.Go(func() {
				for i := n; ; i += benchBookers {
					select {
					case <-asking:
						return
					default:
					}
					start := starts[i%(len(starts)/benchBookers*benchBookers)]
					if err := h.book(start, ways[start]); err != nil {
						b.Error(err)
						return
					}
					booked.Add(1)
				}
			})
		}
		got := h.ask(h.month())
		close(asking)
		done.Wait()
		least := h.ask(limit.URL)
		b.ReportMetric(got.at(.5).Seconds()*1000, "p50-ms")
		b.ReportMetric(got.at(.99).Seconds()*1000, "p99-ms")
		b.ReportMetric(least.at(.5).Seconds()*1000, "limit-p50-ms")
		b.ReportMetric(least.at(.99).Seconds()*1000, "limit-p99-ms")
		b.ReportMetric(got.at(.5).Seconds()/least.at(.5).Seconds(), "p50/limit")
		b.ReportMetric(got.second, "answers/s")
		b.ReportMetric(float64(booked.Load())/benchFor.Seconds(), "bookings/s")
		b.ReportMetric(float64(len(text))/1024, "KiB")
		b.ReportMetric(0, "ns/op")
	}
}
