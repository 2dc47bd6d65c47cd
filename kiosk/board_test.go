package kiosk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/queue"
	"sportello/queue/forecast"
	"sportello/static"
)

// room is an office with three desks, a server before it, and a clock that stands on a Tuesday.
const room = `
[territory]
id = "prova"
name = "Provincia di Prova"
timezone = "Europe/Rome"
languages = ["it", "en", "ar"]

[[institution]]
id = "CPI"
name = "Centro per l'Impiego"

[[institution]]
id = "INPS"
name = "INPS"

[[service]]
id = "JNT-LAVORO"
channels = ["walk-in", "staff"]
area = "consulenze"

[[office]]
id = "prova"
name = "Ufficio di Prova"
address = "via Esempio 1"
institutions = ["CPI", "INPS"]
services = ["CPI-DID", "JNT-LAVORO"]

  [[office.opening]]
  weekdays = ["mon", "tue", "wed", "thu", "fri"]
  intervals = ["08:00-18:00"]

  [[office.desk]]
  id = "1"
  name = "Sportello 1"
  [[office.desk]]
  id = "2"
  name = "Sportello 2"
  [[office.desk]]
  id = "sala"
  name = "Sala colloqui"

  [[office.area]]
  id = "generale"
  series = "A"
  [[office.area]]
  id = "consulenze"
  series = "L"

  [[office.notice]]
  text = { it = "Oggi chiudiamo alle 12.", en = "Today we close at 12." }
  [[office.notice]]
  text = { it = "Era ieri." }
  until = "2026-11-23"

[[officer]]
id = "anna"
name = "Anna Prova"
institution = "CPI"

  [[officer.presence]]
  office = "prova"
  weekdays = ["mon", "tue", "wed", "thu", "fri"]
  intervals = ["08:00-18:00"]

[[officer]]
id = "bruno"
name = "Bruno Prova"
institution = "INPS"

  [[officer.presence]]
  office = "prova"
  weekdays = ["mon", "tue", "wed", "thu", "fri"]
  intervals = ["08:00-18:00"]
`

type waitingRoom struct {
	t      *testing.T
	db     *store.DB
	clock  *storetest.Clock
	server *httptest.Server
	board  string // its cookie
}

func newWaitingRoom(t *testing.T) *waitingRoom {
	t.Helper()
	w := &waitingRoom{t: t, clock: storetest.At(time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC))}
	w.db = storetest.Open(t, w.clock.Now)
	file, problems := territory.Parse([]byte(room), "room")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w.update(func(tx *store.Tx) error {
		if _, err := territory.Import(t.Context(), tx, file); err != nil {
			return err
		}
		board := access.Device{ID: "board", Office: "prova", Kind: access.Board, Name: "Tabellone"}
		return access.AddDevice(t.Context(), tx, board, "code", "user:test")
	})
	w.board = "sportello_board=" + enrolled(t, w.db, "code")
	server, err := kiosk.New(kiosk.Options{DB: w.db, Log: quiet, BaseURL: "http://ufficio.example", Speech: kiosk.NewSpeech("", quiet)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Live(ctx) }()
	w.server = httptest.NewServer(server.Handler())
	t.Cleanup(func() {
		w.server.CloseClientConnections()
		w.server.Close()
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *waitingRoom) update(do func(tx *store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), do); err != nil {
		w.t.Fatal(err)
	}
}

func seat(desk string) queue.Seat {
	return queue.Seat{Office: "prova", Desk: desk, By: "user:" + desk}
}

func (w *waitingRoom) open(desk, officer string) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error {
		_, err := queue.OpenDesk(w.t.Context(), tx, seat(desk), desk, officer, nil)
		return err
	})
}

func (w *waitingRoom) issue(service, lang string) queue.Ticket {
	w.t.Helper()
	var t queue.Ticket
	w.update(func(tx *store.Tx) (err error) {
		t, err = queue.Issue(w.t.Context(), tx, queue.Request{Office: "prova", Service: service, Language: lang, Origin: queue.FromKiosk, By: "device:kiosk"})
		return err
	})
	return t
}

func (w *waitingRoom) next(desk string) queue.Call {
	w.t.Helper()
	var call queue.Call
	w.update(func(tx *store.Tx) (err error) {
		call, err = queue.CallNext(w.t.Context(), tx, seat(desk))
		return err
	})
	return call
}

// step does at a desk to a ticket what a domain function of that shape does.
func (w *waitingRoom) step(do func(context.Context, *store.Tx, queue.Seat, string) (queue.Ticket, error), desk, ticket string) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error {
		_, err := do(w.t.Context(), tx, seat(desk), ticket)
		return err
	})
}

func (w *waitingRoom) recall(desk, ticket string) queue.Call {
	w.t.Helper()
	var call queue.Call
	w.update(func(tx *store.Tx) (err error) {
		call, err = queue.Recall(w.t.Context(), tx, seat(desk), ticket)
		return err
	})
	return call
}

func (w *waitingRoom) picture() *queue.Picture {
	w.t.Helper()
	var p *queue.Picture
	err := w.db.View(w.t.Context(), func(tx *store.Tx) (err error) {
		p, err = queue.Read(w.t.Context(), tx, "prova")
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// send sends a request as the board, following no redirect, and returns status, headers and body.
func (w *waitingRoom) send(method, path string, form url.Values) (int, http.Header, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Cookie", w.board)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

func (w *waitingRoom) get(path string) (int, string) {
	w.t.Helper()
	status, _, body := w.send(http.MethodGet, path, nil)
	return status, body
}

// follow reads a stream of events; what it returns waits for the next one and decodes it.
func (w *waitingRoom) follow(path string) func(into any) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.server.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Cookie", w.board)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	return func(into any) {
		w.t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), into); err != nil {
					w.t.Fatal(err)
				}
				return
			}
		}
		w.t.Fatalf("no event of %s: %v", path, lines.Err())
	}
}

func TestBoardShowsCalls(t *testing.T) {
	w := newWaitingRoom(t)
	if _, body := w.get("/board"); !strings.Contains(body, static.Text("it", "board.empty")) {
		t.Error("a board without calls does not say what it is for")
	}
	w.open("1", "anna")
	w.open("sala", "bruno")
	w.issue("JNT-LAVORO", "it")
	joint := w.next("1")
	w.step(queue.Start, "1", joint.Ticket.ID)
	w.issue("CPI-DID", "it")
	state := kiosk.BoardState(w.picture())
	if got, want := state.Calls[0].Desk, "Sportello 1 e Sala colloqui"; got != want {
		t.Errorf("joint call goes to %q, want %q", got, want)
	}
	w.update(func(tx *store.Tx) error {
		_, err := queue.Finish(t.Context(), tx, seat("1"), joint.Ticket.ID, "", "")
		return err
	})
	w.next("1")
	status, body := w.get("/board")
	if status != http.StatusOK {
		t.Fatalf("board answers %d", status)
	}
	last, before, _ := strings.Cut(body, `id="previous"`)
	for text, part := range map[string]string{"A001": last, ">Sportello<": last, "L001": before, "Sala colloqui": before} {
		if !strings.Contains(part, text) {
			t.Errorf("the board does not show %s where it should", text)
		}
	}
	for _, secret := range []string{"JNT", "DID", "Anna", "Bruno", "disponibilità"} {
		if strings.Contains(body, secret) {
			t.Errorf("the board tells %q", secret)
		}
	}
	if _, shell := w.get("/board?shell=1"); strings.Contains(shell, "A001") || !strings.Contains(shell, " data-shell") {
		t.Error("the page kept for later holds calls")
	}
}

func TestBoardFollowsTheOffice(t *testing.T) {
	type state struct {
		Version int64
		Calls   []struct {
			Version             int64
			Number, Label, Desk string
			Age                 int64
		}
	}
	w := newWaitingRoom(t)
	w.open("1", "anna")
	first, second := w.issue("CPI-DID", "it"), w.issue("CPI-DID", "it")
	event := w.follow("/board/events")
	var got state
	event(&got)
	if len(got.Calls) != 0 {
		t.Fatalf("calls before any: %v", got.Calls)
	}
	call := w.next("1")
	event(&got)
	if len(got.Calls) != 1 || got.Calls[0].Number != first.Label() || got.Calls[0].Label+got.Calls[0].Desk != "Sportello1" || got.Calls[0].Age != 0 {
		t.Errorf("after a call: %+v", got.Calls)
	}
	w.clock.Add(30 * time.Second)
	again := w.recall("1", first.ID)
	got = state{}
	event(&got)
	if len(got.Calls) != 1 || got.Calls[0].Version != again.Version || again.Version <= call.Version {
		t.Errorf("after it was repeated: %+v, want version %d", got.Calls, again.Version)
	}
	w.clock.Add(30 * time.Second)
	got = state{}
	w.follow("/board/events")(&got)
	if got.Calls[0].Age != 30_000 {
		t.Errorf("a board that was away hears of a call of %d ms, want 30 seconds", got.Calls[0].Age)
	}
	w.step(queue.Start, "1", first.ID)
	w.update(func(tx *store.Tx) error {
		_, err := queue.Finish(t.Context(), tx, seat("1"), first.ID, "", "")
		return err
	})
	w.next("1")
	w.step(queue.Undo, "1", second.ID)
	p := w.picture()
	if got := kiosk.BoardState(p); len(got.Calls) != 1 || got.Calls[0].Number != first.Label() {
		t.Errorf("after a call was taken back: %+v", got.Calls)
	}
}

// pause takes a desk out of the queue, to be back after some time.
func (w *waitingRoom) pause(desk string, back time.Duration) {
	w.t.Helper()
	w.update(func(tx *store.Tx) error {
		_, err := queue.PauseDesk(w.t.Context(), tx, seat(desk), "break", tx.Now.Add(back))
		return err
	})
}

func TestBoardTellsWhenAJointServiceIsBack(t *testing.T) {
	w := newWaitingRoom(t)
	w.open("1", "anna")
	w.open("sala", "bruno")
	joint := func() string {
		t.Helper()
		for _, wait := range kiosk.BoardState(w.picture()).Waits {
			if wait.Series == "L" && wait.BackAt != nil {
				return wait.Paused + " " + wait.BackAt.Format("15:04")
			}
		}
		return ""
	}
	if got := joint(); got != "" {
		t.Errorf("with a desk of each institution: got %q, want no pause", got)
	}
	w.pause("sala", 30*time.Minute)
	if got, want := joint(), "all 11:00"; got != want {
		t.Errorf("one institution's last desk is paused: got %q, want %q", got, want)
	}
	w.pause("1", 15*time.Minute)
	if got, want := joint(), "all 11:00"; got != want {
		t.Errorf("both are paused: got %q, want the later, %q", got, want)
	}
}

// rush calls n tickets one after another at one desk within a moment.
func (w *waitingRoom) rush(n int) []queue.Call {
	w.t.Helper()
	var calls []queue.Call
	for range n {
		w.issue("CPI-DID", "it")
		call := w.next("1")
		w.step(queue.Start, "1", call.Ticket.ID)
		w.update(func(tx *store.Tx) error {
			_, err := queue.Finish(w.t.Context(), tx, seat("1"), call.Ticket.ID, "", "")
			return err
		})
		calls = append(calls, call)
	}
	return calls
}

func TestBoardGetsEveryCallOfABurst(t *testing.T) {
	w := newWaitingRoom(t)
	w.open("1", "anna")
	calls := w.rush(9)
	var event struct{ Calls []struct{ Version int64 } }
	w.follow("/board/events")(&event)
	if got := len(event.Calls); got != len(calls) {
		t.Fatalf("the board gets %d calls of %d made within a moment", got, len(calls))
	}
	for i, call := range calls {
		if got := event.Calls[len(calls)-1-i].Version; got != call.Version {
			t.Errorf("call %d from the end is version %d, want %d", i+1, got, call.Version)
		}
		if status, _ := w.get(fmt.Sprintf("/board/speech/%d", call.Version)); status != http.StatusOK {
			t.Errorf("the sound of call %d: %d", i+1, status)
		}
	}
	_, body := w.get("/board")
	shown, _, _ := strings.Cut(body, "<template") // which are empty
	if got := strings.Count(shown, `data-is="number"`); got != 6 {
		t.Errorf("the board shows %d calls, want 6", got)
	}
	if got := len(kiosk.BoardState(w.picture()).Calls); got != 6 {
		t.Errorf("programs get %d calls, want 6", got)
	}
}

func TestBoardInItsLanguage(t *testing.T) {
	tests := []struct {
		name, query, first, want string
		label, note              string
	}{
		{"the territory's", "", "en", "en", "Desk", "paused until 10:45"},
		{"asked for", "?lang=en", "it", "en", "Desk", "paused until 10:45"},
		{"asked for, against the territory's", "?lang=it", "en", "it", "Sportello", "in pausa fino alle 10:45"},
		{"one without these words", "?lang=ar", "en", "en", "Desk", "paused until 10:45"},
		{"neither with these words", "?lang=xx", "ar", "it", "Sportello", "in pausa fino alle 10:45"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWaitingRoom(t)
			text := strings.Replace(room, `["it", "en", "ar"]`, fmt.Sprintf(`[%q]`, test.first), 1)
			file, problems := territory.Parse([]byte(text), "room")
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			w.update(func(tx *store.Tx) error {
				_, err := territory.Import(t.Context(), tx, file)
				return err
			})
			w.open("1", "anna")
			call := w.rush(1)[0]
			w.pause("1", 15*time.Minute)
			_, body := w.get("/board" + test.query)
			for _, want := range []string{`<html lang="` + test.want + `"`, ">" + test.label + "<", static.Text(test.want, "board.waiting")} {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %s", want)
				}
			}
			var event struct {
				Calls  []struct{ Label string }
				Waits  []struct{ Series, Note string }
				Slides []struct{ Lang string }
			}
			w.follow("/board/events" + test.query)(&event)
			if len(event.Calls) != 1 || event.Calls[0].Label != test.label {
				t.Errorf("calls: got %+v, want at %q", event.Calls, test.label)
			}
			if len(event.Waits) == 0 || event.Waits[0].Note != test.note {
				t.Errorf("waits: got %+v, want the note %q", event.Waits, test.note)
			}
			if got := event.Slides[0].Lang; got != test.want {
				t.Errorf("the texts begin in %q, want %q", got, test.want)
			}
			if got, want := kiosk.Spoken(w.picture().Office, call), "Numero A, 1. Sportello 1."; got != want {
				t.Errorf("spoken: got %q, want %q", got, want)
			}
		})
	}
}

func TestBoardSpeaksCallsOfTheLastMinutes(t *testing.T) {
	w := newWaitingRoom(t)
	w.open("1", "anna")
	w.issue("CPI-DID", "it")
	call := w.next("1")
	sound := fmt.Sprintf("/board/speech/%d", call.Version)
	status, header, body := w.send(http.MethodGet, sound, nil)
	if got := header.Get("Content-Type"); status != http.StatusOK || got != "audio/wav" || !strings.HasPrefix(body, "RIFF") {
		t.Errorf("%s: %d %s, want a WAV file", sound, status, got)
	}
	if status, body := w.get("/board/test.wav"); status != http.StatusOK || !strings.HasPrefix(body, "RIFF") {
		t.Errorf("sound test: %d", status)
	}
	for _, path := range []string{"/board/speech/999", "/board/speech/x"} {
		if status, _ := w.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, status)
		}
	}
	w.clock.Add(5*time.Minute + time.Second)
	if status, _ := w.get(sound); status != http.StatusNotFound {
		t.Errorf("an old call: %d, want 404", status)
	}
	w.board = ""
	if status, _ := w.get("/board/test.wav"); status == http.StatusOK {
		t.Error("anybody may have the sound")
	}
}

func TestSpoken(t *testing.T) {
	office := &territory.Office{Desks: []territory.Desk{
		{ID: "1", Name: "Sportello 1"}, {ID: "2", Name: "SPORTELLO 2"}, {ID: "3", Name: "Sportello 3"}, {ID: "sala", Name: "Sala colloqui"}, {ID: "4", Name: "Sportello"},
	}}
	tests := []struct {
		name, series string
		number       int
		desks        []string
		want         string
	}{
		{"one desk", "A", 42, []string{"1"}, "Numero A, 42. Sportello 1."},
		{"joint, the calling desk first", "L", 7, []string{"2", "1"}, "Numero L, 7. Sportelli 1 e 2."},
		{"a room", "A", 1, []string{"sala"}, "Numero A, 1. Sala colloqui."},
		{"desk and room", "A", 1, []string{"1", "sala"}, "Numero A, 1. Sportello 1 e Sala colloqui."},
		{"three", "A", 100, []string{"1", "2", "3"}, "Numero A, 100. Sportelli 1, 2 e 3."},
		{"two letters", "XY", 3, []string{"1"}, "Numero X Y, 3. Sportello 1."},
		{"only the word", "A", 1, []string{"4"}, "Numero A, 1. Sportello."},
		{"a desk that is gone", "A", 1, []string{"9"}, "Numero A, 1. 9."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			call := queue.Call{Ticket: queue.Ticket{Series: test.series, Number: test.number}, Desks: test.desks}
			if got := kiosk.Spoken(office, call); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRoundedWait(t *testing.T) {
	tests := []struct {
		low, high         time.Duration
		wantLow, wantHigh int
	}{
		{0, 0, 0, 5},
		{0, 4 * time.Minute, 0, 5},
		{4 * time.Minute, 6 * time.Minute, 0, 10},
		{10 * time.Minute, 20 * time.Minute, 10, 20},
		{10 * time.Minute, 20*time.Minute + time.Second, 10, 25},
		{10 * time.Minute, 10 * time.Minute, 10, 15},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.low, test.high), func(t *testing.T) {
			low, high := kiosk.RoundedWait(forecast.Wait{Low: test.low, High: test.high})
			if low != test.wantLow || high != test.wantHigh {
				t.Errorf("got %d to %d, want %d to %d", low, high, test.wantLow, test.wantHigh)
			}
		})
	}
}

func TestBoardWaits(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	single := &territory.Service{ID: "one", NeedsAny: []string{"CPI"}, Area: "a"}
	other := &territory.Service{ID: "two", NeedsAny: []string{"CPI"}, Area: "a"}
	joint := &territory.Service{ID: "both", Needs: []string{"CPI", "INPS"}, Area: "a"}
	elsewhere := &territory.Service{ID: "far", NeedsAny: []string{"CPI"}, Area: "b"}
	wait := func(low, high int) forecast.Wait {
		return forecast.Wait{Low: time.Duration(low) * time.Minute, High: time.Duration(high) * time.Minute}
	}
	offer := func(s *territory.Service, desks int, w forecast.Wait) queue.Offer {
		return queue.Offer{Service: s, Open: true, DesksOpen: desks, Wait: w, HasWait: w.High > 0}
	}
	paused := func(back time.Time, services ...string) queue.Desk {
		return queue.Desk{ID: "1", State: queue.DeskPaused, Services: services, BackAt: back}
	}
	tests := []struct {
		name     string
		tickets  []queue.Ticket
		offers   []queue.Offer
		desks    []queue.Desk
		unserved []*territory.Service
		want     string
	}{
		{name: "nothing to be had, nobody waits", want: `[]`},
		{
			name:    "people wait though nothing is to be had",
			tickets: []queue.Ticket{{State: queue.Waiting, Area: "a"}, {State: queue.Called, Area: "a"}},
			want:    `[{"series":"A","waiting":1,"low_minutes":null,"high_minutes":null}]`,
		},
		{
			name:   "the range is that of the service in the middle",
			offers: []queue.Offer{offer(single, 1, wait(10, 20)), offer(other, 1, wait(6, 14)), offer(joint, 2, wait(40, 90)), offer(elsewhere, 1, wait(0, 3))},
			want: `[{"series":"A","waiting":0,"low_minutes":10,"high_minutes":20},` +
				`{"series":"B","waiting":0,"low_minutes":0,"high_minutes":5}]`,
		},
		{
			name: "services count by the people who wait for them",
			tickets: []queue.Ticket{
				{State: queue.Waiting, Area: "a", Service: "both"}, {State: queue.Waiting, Area: "a", Service: "both"}, {State: queue.Waiting, Area: "a", Service: "both"},
			},
			offers: []queue.Offer{offer(single, 1, wait(10, 20)), offer(other, 1, wait(6, 14)), offer(joint, 2, wait(40, 90))},
			want:   `[{"series":"A","waiting":3,"low_minutes":40,"high_minutes":90}]`,
		},
		{
			name:   "of two the quicker",
			offers: []queue.Offer{offer(single, 1, wait(10, 20)), offer(joint, 2, wait(40, 90))},
			want:   `[{"series":"A","waiting":0,"low_minutes":10,"high_minutes":20}]`,
		},
		{
			name:     "the last desk of all is paused",
			offers:   []queue.Offer{offer(single, 0, wait(30, 40))},
			desks:    []queue.Desk{paused(now.Add(30*time.Minute), "one")},
			unserved: []*territory.Service{single},
			want:     `[{"series":"A","waiting":0,"low_minutes":30,"high_minutes":40,"paused":"all","back_at":"2026-11-24T11:00:00+01:00"}]`,
		},
		{
			name:     "the last desk of one service is paused and did not say until when",
			offers:   []queue.Offer{offer(single, 0, wait(0, 0)), offer(other, 1, wait(5, 10))},
			desks:    []queue.Desk{paused(time.Time{}, "one", "two")},
			unserved: []*territory.Service{single},
			want:     `[{"series":"A","waiting":0,"low_minutes":5,"high_minutes":10,"paused":"some"}]`,
		},
		{
			name:     "the time it said has passed",
			offers:   []queue.Offer{offer(single, 0, wait(0, 0))},
			desks:    []queue.Desk{paused(now.Add(-time.Minute), "one")},
			unserved: []*territory.Service{single},
			want:     `[{"series":"A","waiting":0,"low_minutes":null,"high_minutes":null,"paused":"all"}]`,
		},
		{
			name:     "two services: until the later of the two",
			offers:   []queue.Offer{offer(single, 0, wait(0, 0)), offer(other, 0, wait(0, 0))},
			desks:    []queue.Desk{paused(now.Add(time.Hour), "one"), paused(now.Add(2*time.Hour), "one", "two")},
			unserved: []*territory.Service{single, other},
			want:     `[{"series":"A","waiting":0,"low_minutes":null,"high_minutes":null,"paused":"all","back_at":"2026-11-24T12:30:00+01:00"}]`,
		},
		{
			name:   "nobody came: not a pause",
			offers: []queue.Offer{offer(single, 0, wait(0, 0))},
			want:   `[{"series":"A","waiting":0,"low_minutes":null,"high_minutes":null}]`,
		},
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	office := &territory.Office{
		Territory: &territory.Territory{}, Calendar: timetable.Calendar{Zone: rome},
		Areas: []territory.Area{{ID: "a", Series: "A"}, {ID: "b", Series: "B"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := &queue.Picture{Office: office, Now: now, Tickets: test.tickets, Offers: test.offers, Desks: test.desks}
			waits := []kiosk.BoardWait{}
			for _, area := range office.Areas {
				if w, ok := kiosk.WaitOf(p, area, test.unserved); ok {
					waits = append(waits, w)
				}
			}
			got, err := json.Marshal(waits)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBoardNotices(t *testing.T) {
	w := newWaitingRoom(t)
	state := kiosk.BoardState(w.picture())
	want := []map[string]string{{"it": "Oggi chiudiamo alle 12.", "en": "Today we close at 12."}}
	if diff := cmp.Diff(want, state.Notices); diff != "" {
		t.Error(diff)
	}
	back := time.Date(2026, 11, 24, 11, 15, 0, 0, time.UTC)
	state.Waits = []kiosk.BoardWait{{Series: "A", Paused: "all", BackAt: &back}}
	var got []string
	for _, s := range kiosk.SlidesOf("it", []string{"it", "en", "ar"}, state) {
		got = append(got, fmt.Sprintf("%s %s %d %s", s.Lang, s.Dir, s.Lines, s.Text))
	}
	italian := []string{
		"it ltr 1 I numeri non sono chiamati in ordine.", "it ltr 1 Numeri A: in pausa fino alle 11:15", "it ltr 1 Oggi chiudiamo alle 12.",
	}
	slides := append(italian[:3:3], "en ltr 1 Numbers are not called in order.", "en ltr 1 Today we close at 12.")
	slides = append(append(slides, italian...), "ar rtl 1 "+static.Text("ar", "board.order"))
	if diff := cmp.Diff(slides, got); diff != "" {
		t.Error(diff)
	}
}

func TestBoardSlidesFit(t *testing.T) {
	for text, want := range map[string]int{
		strings.Repeat("x", 46): 1, strings.Repeat("x", 47): 2, strings.Repeat("x", 130): 2, strings.Repeat("x", 131): 3,
	} {
		slides := kiosk.SlidesOf("it", []string{"it"}, kiosk.BoardJSON{Notices: []map[string]string{{"it": text}}})
		if got := slides[len(slides)-1].Lines; got != want {
			t.Errorf("%d letters are set on %d lines, want %d", len(text), got, want)
		}
	}
}

func TestBoardIsForBoards(t *testing.T) {
	w := newWaitingRoom(t)
	w.board = ""
	status, header, _ := w.send(http.MethodGet, "/board", nil)
	if status != http.StatusSeeOther || header.Get("Location") != "/enrol" {
		t.Errorf("a stranger gets %d %s, want the way to enrol", status, header.Get("Location"))
	}
	if status, _ := w.get("/board/worker.js"); status != http.StatusOK {
		t.Errorf("worker: %d", status)
	}
}

func TestSpeechFailureIsHeardAsAChime(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	w := newWaitingRoom(t)
	_, body := w.get("/board/test.wav")
	if want := string(kiosk.NewSpeech("", slog.New(slog.DiscardHandler)).Chime()); body != want {
		t.Errorf("got %d bytes, want the chime's %d", len(body), len(want))
	}
	if _, body := w.get("/board"); !strings.Contains(body, static.Text("it", "board.sound.silent")) {
		t.Error("the page does not say that there is no voice")
	}
}
