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
	"sportello/printouts/spool"
)

var (
	startKey  = regexp.MustCompile(`name="start" value="([^"]+)"`)
	holdKey   = regexp.MustCompile(`name="hold" value="([^"]+)"|[?&;]hold=([A-Za-z0-9_-]+)`)
	reference = regexp.MustCompile(`<bdi dir="ltr">([2-9A-Z]{3}-[2-9A-Z]{3})</bdi>`)
)

const jointService = "id=JNT-LAVORO&lang=it"

// starts are the free starts that the kiosk offers on a day.
func (l *lobby) starts(day string) []string {
	l.t.Helper()
	page, _ := l.get("/kiosk/book/times?" + jointService + "&day=" + day)
	var all []string
	for _, found := range startKey.FindAllStringSubmatch(page, -1) {
		all = append(all, html.UnescapeString(found[1]))
	}
	return all
}

// hold has the kiosk hold a start, as a touch of it does, and returns the page it leads to and its token.
func (l *lobby) hold(start string) (page, token string) {
	l.t.Helper()
	page, at := l.post("/kiosk/book/hold?"+jointService, url.Values{"start": {start}})
	found := holdKey.FindStringSubmatch(at)
	if found == nil {
		l.t.Fatalf("nothing is held: %s", at)
	}
	return page, found[2]
}

// typed is what the forms carry of a citizen.
func typed(hold, name, email, phone string) url.Values {
	return url.Values{"hold": {hold}, "name": {name}, "email": {email}, "phone": {phone}}
}

func (l *lobby) appointments(state booking.State) int {
	l.t.Helper()
	return l.count(`SELECT COUNT(*) FROM appointments WHERE state = '` + string(state) + `'`)
}

// book books the first start of a day and returns the page that confirms it, and its address.
func (l *lobby) book(day, name, email string) (page, at string) {
	l.t.Helper()
	_, hold := l.hold(l.starts(day)[0])
	return l.post("/kiosk/book?"+jointService, typed(hold, name, email, ""))
}

func TestLobbyBooks(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	days, _ := l.get("/kiosk/book?" + jointService)
	if !strings.Contains(days, "Oggi c&#39;è un posto alle") || !strings.Contains(days, "giovedì 26 novembre") {
		t.Errorf("the days lack today, or the next common day: %s", days)
	}
	start := l.starts("2026-11-26")[0]
	page, first := l.hold(start)
	for _, want := range []string{"In quanti venite?", "giovedì 26 novembre, ore 09:00", "È tuo fino alle 09:50", `data-left="600"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page that asks how many come lacks %q", want)
		}
	}
	page, at := l.post("/kiosk/book/hold?"+jointService, url.Values{"start": {start}, "people": {"3"}})
	second := holdKey.FindStringSubmatch(at)[2]
	if second == first || l.appointments(booking.Held) != 1 {
		t.Errorf("got %d holds after the number was said, want the new one alone", l.appointments(booking.Held))
	}
	if !strings.Contains(page, "Come ti chiami?") {
		t.Error("after how many come the name is not asked for")
	}
	page, _ = l.post("/kiosk/book/contact?"+jointService, typed(second, "Prova Inventata", "", ""))
	if !strings.Contains(page, "Come ti avvisiamo?") {
		t.Error("after the name no contact is asked for")
	}
	page, _ = l.post("/kiosk/book/review?"+jointService, typed(second, "Prova Inventata", "prova@posta.example", "333 1234567"))
	for _, want := range []string{"È tutto giusto?", "3 persone", "Prova Inventata", "prova@posta.example", "+393331234567"} {
		if !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("the review lacks %q", want)
		}
	}
	page, at = l.post("/kiosk/book?"+jointService, typed(second, "Prova Inventata", "prova@posta.example", "333 1234567"))
	for _, want := range []string{"Appuntamento confermato", "Giovedì 26 novembre 2026", "ore 09:00–09:30", "La ricevuta sta uscendo.", `class="qr"`, "un&#39;e-mail"} {
		if !strings.Contains(strings.ReplaceAll(page, "giovedì 26", "Giovedì 26"), want) {
			t.Errorf("the confirmation lacks %q", want)
		}
	}
	if !reference.MatchString(page) {
		t.Error("the confirmation has no reference")
	}
	if strings.Contains(page, "Inventata") || strings.Contains(at, "Inventata") {
		t.Error("the confirmation says the name")
	}
	// The line was lost and the form is sent again.
	_, again := l.post("/kiosk/book?"+jointService, typed(second, "Prova Inventata", "prova@posta.example", "333 1234567"))
	if again != at || l.appointments(booking.Booked) != 1 || l.papers() != 1 {
		t.Errorf("sent twice: got %s, then %s; %d appointments, %d papers", at, again, l.appointments(booking.Booked), l.papers())
	}
	if got := l.count(`SELECT COUNT(*) FROM messages`); got == 0 {
		t.Error("no mail was queued")
	}
}

func TestLobbyHoldsOneStart(t *testing.T) {
	l := newLobby(t, "", "")
	starts := l.starts("2026-11-26")
	l.hold(starts[0])
	l.hold(starts[1])
	if got := l.appointments(booking.Held); got != 1 {
		t.Errorf("got %d holds of one kiosk, want 1", got)
	}
	if _, at := l.post("/kiosk/book/leave?"+jointService+"&day=2026-11-26", nil); !strings.Contains(at, "/kiosk/book/times?") {
		t.Errorf("whoever wants another time is led to %s", at)
	}
	if got := l.appointments(booking.Held); got != 0 {
		t.Errorf("got %d holds after it was given back, want none", got)
	}
	if got := l.starts("2026-11-26"); len(got) != len(starts) {
		t.Errorf("got %d starts, want %d as before", len(got), len(starts))
	}
	l.hold(starts[0])
	if _, at := l.post("/kiosk/book/leave", nil); !strings.HasPrefix(at, "/kiosk") || strings.Contains(at, "book") || l.appointments(booking.Held) != 0 {
		t.Errorf("whoever goes is led to %s and leaves %d holds", at, l.appointments(booking.Held))
	}
}

func TestLobbyHoldThatIsGone(t *testing.T) {
	l := newLobby(t, "", "")
	start := l.starts("2026-11-26")[0]
	_, hold := l.hold(start)
	l.clock.Add(booking.HoldFor)
	for _, path := range []string{"/kiosk/book/name", "/kiosk/book/contact", "/kiosk/book/review", "/kiosk/book"} {
		page, at := l.post(path+"?"+jointService, typed(hold, "Prova Inventata", "", ""))
		if !strings.Contains(at, "why=hold_expired") || !strings.Contains(page, "Il tempo per confermare è finito") {
			t.Errorf("%s: a hold that ended leads to %s", path, at)
		}
	}
	if got := l.appointments(booking.Booked); got != 0 {
		t.Errorf("got %d appointments, want none", got)
	}
	past := l.clock.Now().Add(-time.Hour).Format(time.RFC3339)
	if _, at := l.post("/kiosk/book/hold?"+jointService, url.Values{"start": {past}}); !strings.Contains(at, "why=slot_") {
		t.Errorf("a start that is past leads to %s", at)
	}
	if page, _ := l.get("/kiosk/book/people?" + jointService + "&hold=none"); !strings.Contains(page, "non è riservato") {
		t.Error("a hold of nobody is not told")
	}
}

func TestLobbyTellsWhatIsWrong(t *testing.T) {
	l := newLobby(t, "", "")
	_, hold := l.hold(l.starts("2026-11-26")[0])
	tests := []struct {
		name, path string
		form       url.Values
		want       string
	}{
		{"no name", "/kiosk/book/contact", typed(hold, " ", "", ""), "Scrivi il tuo nome."},
		{"no e-mail", "/kiosk/book/review", typed(hold, "Prova Inventata", "prova", ""), "Controlla l'e-mail: non è completa."},
		{"no phone", "/kiosk/book/review", typed(hold, "Prova Inventata", "", "12"), "Controlla il numero di telefono."},
		{"no name at the end", "/kiosk/book", typed(hold, "", "", ""), "Scrivi il tuo nome."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			page, _ := l.post(tt.path+"?"+jointService, tt.form)
			if !strings.Contains(html.UnescapeString(page), tt.want) || !strings.Contains(page, `aria-invalid="true"`) {
				t.Errorf("the page lacks %q", tt.want)
			}
			if name := tt.form.Get("name"); name != "" && !strings.Contains(page, html.EscapeString(name)) {
				t.Error("what was typed is lost")
			}
		})
	}
	l.t = t
}

func TestLobbyKeepsWhatWasTyped(t *testing.T) {
	l := newLobby(t, "", "")
	_, hold := l.hold(l.starts("2026-11-26")[0])
	page, _ := l.post("/kiosk/book/contact?id=JNT-LAVORO&lang=ar&large=1", typed(hold, "Prova d'Invenzione", "prova@posta.example", ""))
	for _, want := range []string{`<html lang="ar" dir="rtl"`, `data-text="large"`, "Prova d'Invenzione", `value="prova@posta.example"`} {
		if !strings.Contains(html.UnescapeString(page), want) {
			t.Errorf("in another language the page lacks %q", want)
		}
	}
	if regexp.MustCompile(`(href|action)="[^"]*(Prova|posta)`).MatchString(page) {
		t.Error("what was typed is in an address")
	}
}

func TestLobbySaysNothingOfOthers(t *testing.T) {
	l := newLobby(t, "", "")
	first, _ := l.book("2026-11-26", "Prova Inventata", "prova@posta.example")
	code := reference.FindStringSubmatch(first)[1]
	page, _ := l.book("2026-12-03", "Altra Persona", "prova@posta.example")
	if !strings.Contains(html.UnescapeString(page), "c'è già un appuntamento per questo") {
		t.Error("whoever has an appointment is not told")
	}
	if strings.Contains(page, "26 novembre") || strings.Contains(page, code) {
		t.Error("whoever knows an address learns when its owner comes")
	}
	if got := l.appointments(booking.Booked); got != 1 {
		t.Errorf("got %d appointments, want 1", got)
	}
}

func TestLobbyReceiptAgain(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	_, at := l.book("2026-11-26", "Prova Inventata", "")
	id := regexp.MustCompile(`id=([^&]+)`).FindStringSubmatch(at)[1]
	l.settle(spool.Unconfirmed)
	page, _ := l.get(at)
	if !strings.Contains(page, "La ricevuta è uscita?") {
		t.Error("a receipt that may have come out is not asked for")
	}
	var last spool.Status
	l.update(func(ctx context.Context, tx *store.Tx) (err error) {
		last, _, err = spool.Latest(ctx, tx, "appointment:"+id)
		return err
	})
	for range 2 {
		l.clock.Add(time.Second)
		l.post("/kiosk/booked/reprint?lang=it", url.Values{"id": {id}, "after": {last.Job}})
	}
	if got := l.papers(); got != 2 {
		t.Errorf("got %d papers after one press sent twice, want 2", got)
	}
	l.settle(spool.Unconfirmed)
	state, _ := l.get(strings.Replace(at, "/kiosk/booked", "/kiosk/booked/state", 1))
	job := regexp.MustCompile(`name="job" value="([^"]+)"`).FindStringSubmatch(state)
	if job == nil || strings.Contains(state, "<html") {
		t.Fatalf("the state is no part of a page that asks: %s", state)
	}
	page, _ = l.post("/kiosk/booked/paper?lang=it", url.Values{"id": {id}, "job": {job[1]}})
	if !strings.Contains(page, "Prendi la ricevuta.") {
		t.Error("the citizen's word that it came out is not taken")
	}
}

func TestLobbyOffersAppointments(t *testing.T) {
	l := newLobby(t, "", "")
	tests := []struct {
		name, path string
		want       []string
	}{
		{"in place of a number", "/kiosk/service?id=CPI-PATTO&lang=it", []string{"lo prenoti qui", "/kiosk/book?id=CPI-PATTO", "Primo posto: domani alle"}},
		{"by need", "/kiosk/needs?book=1&lang=it", []string{"Per cosa vuoi un appuntamento?", "/kiosk/services?book=1"}},
		{"the services", "/kiosk/services?need=lavoro-perso&book=1&lang=it", []string{"Primo posto: oggi alle", "/kiosk/book?book=1&id=JNT-LAVORO"}},
		{"beside a joint service", "/kiosk/services?need=lavoro-perso&lang=it", []string{"Oppure oggi alle", "/kiosk/book/times?day=2026-11-24&id=JNT-LAVORO"}},
		{"somebody who speaks Arabic", "/kiosk/book?id=JNT-LAVORO&lang=ar", []string{"speak=1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			page, _ := l.get(tt.path)
			for _, want := range tt.want {
				if !strings.Contains(html.UnescapeString(page), want) {
					t.Errorf("the page lacks %q", want)
				}
			}
		})
	}
	l.t = t
}
