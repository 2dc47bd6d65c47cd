package kiosk_test

import (
	"context"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/internal/store"
	"sportello/queue"
)

// booked is the appointment that was made last.
func (l *lobby) booked() booking.Appointment {
	l.t.Helper()
	var a booking.Appointment
	l.update(func(ctx context.Context, tx *store.Tx) error {
		var id string
		err := tx.QueryRow(ctx, `SELECT id FROM appointments ORDER BY created_at DESC, id LIMIT 1`).Scan(&id)
		if err == nil {
			a, err = booking.ByID(ctx, tx, id)
		}
		return err
	})
	return a
}

// arrive has somebody show or type a code.
func (l *lobby) arrive(code string) (page, at string) {
	l.t.Helper()
	page, at = l.post("/kiosk/arrive?lang=it", url.Values{"code": {code}})
	return html.UnescapeString(page), at
}

// until lets time go by until so long after the start of an appointment.
func (l *lobby) until(a booking.Appointment, after time.Duration) {
	l.t.Helper()
	l.clock.Add(a.Start.Add(after).Sub(l.clock.Now()))
}

func TestLobbyArrivesByAnyCode(t *testing.T) {
	tests := []struct {
		name string
		code func(a booking.Appointment) string
	}{
		{"the QR code", func(a booking.Appointment) string { return "http://kiosk.example/a/" + a.Token }},
		{"read on a keyboard of another country", func(a booking.Appointment) string {
			return "httpç--kiosk.example-a-" + strings.NewReplacer("-", "'", "_", "?").Replace(a.Token)
		}},
		{"read by another country's reader", func(a booking.Appointment) string {
			return "http>&&kiosk.example&a&" + strings.NewReplacer("-", "/", "_", "?").Replace(a.Token)
		}},
		{"behind a locked shift key", func(a booking.Appointment) string {
			return "HTTP://KIOSK.EXAMPLE/A/" + strings.Map(func(r rune) rune {
				if up := strings.ToUpper(string(r)); up != string(r) {
					return rune(up[0])
				}
				return rune(strings.ToLower(string(r))[0])
			}, a.Token)
		}},
		{"the reference", func(a booking.Appointment) string { return a.Reference }},
		{"the reference as one types it", func(a booking.Appointment) string {
			return " " + strings.ToLower(strings.ReplaceAll(a.Reference, "-", "")) + " "
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "http://kiosk.example", t.TempDir())
			l.book("2026-11-24", "Prova Inventata", "")
			a := l.booked()
			l.until(a, -30*time.Minute)
			papers := l.papers()
			page, at := l.arrive(tt.code(a))
			if !strings.Contains(at, "/kiosk/ticket?") || !strings.Contains(page, "L001") || !strings.Contains(page, "11:00") {
				t.Fatalf("got %s, want the ticket L001 of 11:00", at)
			}
			if _, again := l.arrive(tt.code(a)); again != at {
				t.Errorf("shown twice: got %s, want the same ticket", again)
			}
			if got := l.papers() - papers; got != 1 {
				t.Errorf("got %d papers, want 1", got)
			}
			if strings.Contains(at, a.Token) || strings.Contains(page, "/a/"+a.Token) || strings.Contains(page, "Inventata") {
				t.Error("the ticket tells the code, or who it is")
			}
		})
	}
}

func TestLobbyTurnsAway(t *testing.T) {
	tests := []struct {
		name  string
		day   string
		after time.Duration // of its start
		do    func(ctx context.Context, tx *store.Tx, a booking.Appointment) error
		want  []string
	}{
		{"too early", "2026-11-24", -90 * time.Minute, nil, []string{"È troppo presto", "Torna qui dalle 10:00"}},
		{"another day", "2026-11-26", -24 * time.Hour, nil, []string{"L'appuntamento non è oggi"}},
		{"a day that is past", "2026-11-24", 24 * time.Hour, nil, []string{"L'appuntamento era", "/kiosk/book?id=JNT-LAVORO"}},
		{"cancelled", "2026-11-26", -30 * time.Minute, func(ctx context.Context, tx *store.Tx, a booking.Appointment) error {
			_, err := booking.Cancel(ctx, tx, a.Token)
			return err
		}, []string{"L'appuntamento è stato annullato", "/kiosk/book?id=JNT-LAVORO"}},
		{"another office", "2026-11-24", -30 * time.Minute, func(ctx context.Context, tx *store.Tx, a booking.Appointment) error {
			_, err := tx.Exec(ctx, `UPDATE appointments SET office_id = 'sportello-venafro' WHERE id = $1`, a.ID)
			return err
		}, []string{"L'appuntamento è in un'altra sede"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "http://kiosk.example", "")
			l.book(tt.day, "Prova Inventata", "")
			a := l.booked()
			if tt.do != nil {
				l.update(func(ctx context.Context, tx *store.Tx) error { return tt.do(ctx, tx, a) })
			}
			l.until(a, tt.after)
			page, _ := l.arrive(a.Reference)
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			if l.tickets() != 0 {
				t.Error("there is a number")
			}
		})
	}
}

func TestLobbyIsLate(t *testing.T) {
	late := func(t *testing.T, after time.Duration) (*lobby, booking.Appointment, string) {
		l := newLobby(t, "http://kiosk.example", t.TempDir())
		l.book("2026-11-24", "Prova Inventata", "")
		a := l.booked()
		l.until(a, after)
		page, at := l.arrive(a.Reference)
		if !strings.Contains(at, "/kiosk/arrive/late?") || !strings.Contains(page, "Il tuo appuntamento era alle 11:00") {
			t.Fatalf("whoever is late is led to %s", at)
		}
		return l, a, page
	}
	t.Run("and waits", func(t *testing.T) {
		l, a, _ := late(t, 11*time.Minute)
		page, at := l.post("/kiosk/arrive/wait?lang=it", url.Values{"id": {a.ID}})
		if !strings.Contains(at, "/kiosk/ticket?") || !strings.Contains(page, "L001") {
			t.Errorf("whoever waits is led to %s", at)
		}
	})
	t.Run("and takes a later time", func(t *testing.T) {
		l, a, page := late(t, 11*time.Minute)
		next := html.UnescapeString(startKey.FindStringSubmatch(page)[1])
		_, at := l.post("/kiosk/arrive/move?lang=it", url.Values{"id": {a.ID}, "start": {next}})
		if moved := l.booked(); moved.Start.In(tuesday.Location()).Format(time.RFC3339) != next {
			t.Errorf("got %s, want %s", moved.Start, next)
		}
		if !strings.Contains(at, "/kiosk/booked?") || l.tickets() != 0 {
			t.Errorf("long before the new time: got %s and %d tickets", at, l.tickets())
		}
	})
	t.Run("and the later time is gone", func(t *testing.T) {
		l, a, _ := late(t, 11*time.Minute)
		gone := a.Start.Add(15 * time.Minute).Format(time.RFC3339)
		if _, at := l.post("/kiosk/arrive/move?lang=it", url.Values{"id": {a.ID}, "start": {gone}}); !strings.Contains(at, "/kiosk/arrive/late?") {
			t.Errorf("whoever wants what is gone is led to %s", at)
		}
		if moved := l.booked(); !moved.Start.Equal(a.Start) {
			t.Error("the appointment is moved")
		}
	})
	t.Run("with no later time", func(t *testing.T) {
		l := newLobby(t, "http://kiosk.example", "")
		starts := l.starts("2026-11-24")
		_, hold := l.hold(starts[len(starts)-1])
		l.post("/kiosk/book?"+jointService, typed(hold, "Prova Inventata", "", ""))
		a := l.booked()
		l.until(a, 11*time.Minute)
		if _, at := l.arrive(a.Reference); !strings.Contains(at, "/kiosk/ticket?") {
			t.Errorf("whoever has no choice is led to %s", at)
		}
	})
	t.Run("by ten minutes is not late", func(t *testing.T) {
		l := newLobby(t, "http://kiosk.example", "")
		l.book("2026-11-24", "Prova Inventata", "")
		a := l.booked()
		l.until(a, 10*time.Minute)
		if _, at := l.arrive(a.Reference); !strings.Contains(at, "/kiosk/ticket?") {
			t.Errorf("whoever is still on time is led to %s", at)
		}
	})
}

func TestLobbyGuessing(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	l.book("2026-11-24", "Prova Inventata", "")
	a := l.booked()
	l.until(a, -30*time.Minute)
	for range 10 {
		if page, _ := l.arrive("222-222"); !strings.Contains(page, "Questo codice non c'è.") || !strings.Contains(page, `value="222-222"`) {
			t.Fatal("a wrong code is not told, or not left to be put right")
		}
	}
	if page, _ := l.arrive(a.Reference); !strings.Contains(page, "Troppi tentativi") {
		t.Error("after ten wrong codes another is tried at once")
	}
	if _, at := l.arrive("http://kiosk.example/a/" + a.Token); !strings.Contains(at, "/kiosk/ticket?") {
		t.Error("a code that nobody can guess is held up too")
	}
	l.clock.Add(2 * time.Second)
	if _, at := l.arrive(a.Reference); !strings.Contains(at, "/kiosk/ticket?") {
		t.Error("after the pause the right code is not taken")
	}
	l.arrive("333-333")
	if page, _ := l.arrive("444-444"); !strings.Contains(page, "Troppi tentativi") {
		t.Error("a right code lets whoever has it guess on")
	}
}

func TestLobbyForgetsWhatWasScanned(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	secret := "http://kiosk.example/a/" + store.NewToken()
	for _, form := range []url.Values{{"code": {secret}}, {"code": {"22222"}, "scanned": {"1"}}} {
		page, _ := l.post("/kiosk/arrive?lang=it", form)
		if !strings.Contains(html.UnescapeString(page), "Questo codice non c'è.") || regexp.MustCompile(`name="code"[^>]* value="[^"]`).MatchString(page) {
			t.Errorf("%s: what was scanned is shown, or not refused", form.Get("code"))
		}
	}
}

func TestLobbyArrivesInTheirLanguage(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	_, hold := l.hold(l.starts("2026-11-24")[0])
	l.post("/kiosk/book?id=JNT-LAVORO&lang=ro", typed(hold, "Prova Inventata", "", ""))
	a := l.booked()
	l.until(a, -queue.EarlyCheckIn)
	page, _ := l.post("/kiosk/arrive?large=1", url.Values{"code": {"http://kiosk.example/a/" + a.Token}, "scanned": {"1"}})
	if !strings.Contains(page, `<html lang="ro"`) || !strings.Contains(page, `data-text="large"`) {
		t.Error("whoever chose no language is not answered in that of the appointment")
	}
}
