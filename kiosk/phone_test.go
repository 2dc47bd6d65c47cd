package kiosk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sportello/internal/store"
	"sportello/queue"
	"sportello/static"
)

// says checks that a page holds texts, which come as keys of the catalogue with their values or as
// plain words.
func says(t *testing.T, page string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(page, strings.ReplaceAll(text, "'", "&#39;")) {
			t.Errorf("the page does not say %q", text)
		}
	}
}

func it(key string, args ...any) string { return static.Text("it", key, args...) }

func TestPhoneFollowsATicket(t *testing.T) {
	w := newWaitingRoom(t)
	first, ticket := w.issue("CPI-DID", "it"), w.issue("CPI-DID", "it")
	path := "/t/" + ticket.Token
	show := func() string {
		t.Helper()
		status, header, body := w.send(http.MethodGet, path, nil)
		if status != http.StatusOK || header.Get("Cache-Control") != "no-store" {
			t.Fatalf("ticket: %d, Cache-Control %q", status, header.Get("Cache-Control"))
		}
		for _, secret := range []string{"DID", "disponibilità", "Anna"} {
			if strings.Contains(body, secret) {
				t.Errorf("the page tells %q", secret)
			}
		}
		return body
	}
	says(t, show(), ticket.Label(), it("phone.before", "n", 1), it("phone.wait.none"), it("phone.order"), it("phone.leave"), `http-equiv="refresh"`)
	w.open("1", "anna")
	says(t, show(), it("phone.wait"), "minuti")
	w.next("1")
	says(t, show(), it("phone.first"))
	w.step(queue.Start, "1", first.ID)
	w.update(func(tx *store.Tx) error {
		_, err := queue.Finish(t.Context(), tx, seat("1"), first.ID, "", "")
		return err
	})
	w.update(func(tx *store.Tx) error {
		_, err := queue.PauseDesk(t.Context(), tx, seat("1"), "break", w.clock.Now().Add(15*time.Minute))
		return err
	})
	says(t, show(), it("phone.wait.paused.until", "time", "10:45"))
	w.update(func(tx *store.Tx) error {
		_, err := queue.ResumeDesk(t.Context(), tx, seat("1"))
		return err
	})
	w.next("1")
	called := show()
	says(t, called, it("phone.called", "n", 1), `<bdi>1</bdi>`, it("phone.called.at", "time", "10:30"))
	if strings.Contains(called, it("phone.leave")) {
		t.Error("who was called may leave")
	}
	w.recall("1", ticket.ID)
	w.step(queue.MarkNoShow, "1", ticket.ID)
	says(t, show(), it("phone.missed"), it("phone.missed.text", "time", "11:00"))
	w.clock.Add(31 * time.Minute)
	late := show()
	says(t, late, it("phone.missed.late"))
	if strings.Contains(late, "refresh") {
		t.Error("a ticket of which nothing more is expected is loaded again and again")
	}
}

func TestPhoneInEveryLanguageAndState(t *testing.T) {
	w := newWaitingRoom(t)
	w.open("1", "anna")
	w.open("2", "bruno")
	park := func(ticket string) {
		w.update(func(tx *store.Tx) error {
			_, err := queue.Park(t.Context(), tx, seat("1"), ticket, "document")
			return err
		})
	}
	finish := func(ticket string) {
		w.update(func(tx *store.Tx) error {
			_, err := queue.Finish(t.Context(), tx, seat("1"), ticket, "", "")
			return err
		})
	}
	joint := w.issue("JNT-LAVORO", "uk")
	w.next("1")
	states := []struct {
		name, key string
		change    func()
	}{
		{"called", "phone.called", func() {}},
		{"serving", "phone.serving", func() { w.step(queue.Start, "1", joint.ID) }},
		{"parked", "phone.parked", func() { park(joint.ID) }},
		{"served", "phone.served", func() { w.step(queue.Resume, "1", joint.ID); w.next("1"); finish(joint.ID) }},
	}
	for _, state := range states {
		t.Run(state.name, func(t *testing.T) {
			state.change()
			for _, l := range static.Languages() {
				status, body := w.get("/t/" + joint.Token + "?lang=" + l.Code)
				if status != http.StatusOK {
					t.Fatalf("%s: %d", l.Code, status)
				}
				says(t, body, `lang="`+l.Code+`"`, static.Text(l.Code, state.key, "n", 2))
				if strings.Contains(body, "phone.") || strings.Contains(body, "board.") {
					t.Errorf("%s: a text is missing", l.Code)
				}
				if l.RTL != strings.Contains(body, `dir="rtl">`+"\n<head>") {
					t.Errorf("%s: wrong direction", l.Code)
				}
				if state.name == "called" {
					says(t, body, static.Text(l.Code, "board.and", "first", "1", "last", "2"))
				}
				if state.name == "called" && l.Code != "it" {
					says(t, body, static.Text(l.Code, "phone.sign", "sign", "Sportelli 1 e 2"))
				}
			}
		})
	}
	if _, body := w.get("/t/" + joint.Token); !strings.Contains(body, static.Text("uk", "phone.served")) {
		t.Error("the page does not begin in the ticket's language")
	}
}

func TestPhoneLeavesTheQueue(t *testing.T) {
	w := newWaitingRoom(t)
	ticket := w.issue("CPI-DID", "en")
	path := "/t/" + ticket.Token
	_, header, body := w.send(http.MethodGet, path, nil)
	if got := header.Get("Referrer-Policy"); got != "same-origin" {
		t.Errorf("Referrer-Policy %q: with no-referrer, forms sent over plain HTTP come with a null origin and are refused", got)
	}
	if strings.Contains(body, "<form") {
		t.Error("one touch leaves the queue")
	}
	_, body = w.get(path + "?leave=1&lang=en")
	says(t, body, static.Text("en", "phone.leave.title"), `method="post" action="`+path+`/leave?lang=en"`)
	for range 2 { // people press twice
		status, header, _ := w.send(http.MethodPost, path+"/leave?lang=en", nil)
		if status != http.StatusSeeOther || header.Get("Location") != path+"?lang=en" {
			t.Fatalf("leave: %d to %s", status, header.Get("Location"))
		}
	}
	_, body = w.get(path + "?lang=en")
	says(t, body, static.Text("en", "phone.cancelled"))
	if got := len(w.picture().Waiting()); got != 0 {
		t.Errorf("%d still wait", got)
	}
}

func TestPhoneOfACalledTicketDoesNotLeave(t *testing.T) {
	w := newWaitingRoom(t)
	w.open("1", "anna")
	ticket := w.issue("CPI-DID", "it")
	w.next("1")
	if status, _, _ := w.send(http.MethodPost, "/t/"+ticket.Token+"/leave", nil); status != http.StatusSeeOther {
		t.Errorf("leave: %d, want the ticket as it is", status)
	}
	_, body := w.get("/t/" + ticket.Token)
	says(t, body, it("phone.called", "n", 1))
}

func TestPhoneOfYesterdaysTicket(t *testing.T) {
	w := newWaitingRoom(t)
	ticket := w.issue("CPI-DID", "it")
	w.clock.Add(24 * time.Hour)
	_, body := w.get("/t/" + ticket.Token)
	says(t, body, it("phone.closed"), it("phone.closed.text"))
}

func TestPhoneWithAnUnknownToken(t *testing.T) {
	w := newWaitingRoom(t)
	for _, path := range []string{"/t/nobody", "/t/nobody/events"} {
		if status, body := w.get(path + "?lang=ro"); status != http.StatusNotFound || !strings.Contains(body, static.Text("ro", "phone.unknown")) {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _, _ := w.send(http.MethodPost, "/t/nobody/leave", nil); status != http.StatusNotFound {
		t.Errorf("leave: %d, want 404", status)
	}
}

func TestPhoneEvents(t *testing.T) {
	w := newWaitingRoom(t)
	w.open("1", "anna")
	ticket := w.issue("CPI-DID", "it")
	event := w.follow("/t/" + ticket.Token + "/events?lang=fr")
	var got struct {
		State, Title, HTML string
		Calls              int
		Leave, Ended       bool
	}
	event(&got)
	if got.State != "waiting" || !got.Leave || got.Ended || !strings.Contains(got.HTML, static.Text("fr", "phone.first")) {
		t.Errorf("waiting: %+v", got)
	}
	w.next("1")
	event(&got)
	if want := static.Text("fr", "phone.called", "n", 1) + " 1 – A001"; got.State != "called" || got.Leave || got.Calls != 1 || got.Title != want {
		t.Errorf("called: %+v, want title %q", got, want)
	}
	w.recall("1", ticket.ID)
	event(&got)
	if got.Calls != 2 {
		t.Errorf("called again: %+v", got)
	}
	w.update(func(tx *store.Tx) error {
		_, err := queue.Finish(t.Context(), tx, seat("1"), ticket.ID, "", "")
		return err
	})
	event(&got)
	if got.State != "served" || !got.Ended {
		t.Errorf("served: %+v", got)
	}
}
