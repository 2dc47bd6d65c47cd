package kiosk_test

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/internal/access"
	"sportello/internal/store"
)

var feedAddress = regexp.MustCompile(`/feeds/[\w-]{22}\.ics`)

// makeFeed makes a feed in the console and returns its path.
func (b *deskBrowser) makeFeed(of, detail string) string {
	b.h.t.Helper()
	b.post("/manage/feeds/new", "of", of, "detail", detail)
	b.want(http.StatusOK, "Lo vedi solo adesso")
	path := feedAddress.FindString(b.page)
	if path == "" {
		b.h.t.Fatalf("no address in %s", b.page)
	}
	return path
}

// subscriber reads a feed as calendar programs do.
type subscriber struct {
	h     *deskHouse
	agent string
}

func (s subscriber) read(method, path string, header ...string) (*http.Response, string) {
	s.h.t.Helper()
	r, err := http.NewRequestWithContext(s.h.t.Context(), method, s.h.server.URL+path, nil)
	if err != nil {
		s.h.t.Fatal(err)
	}
	r.Header.Set("User-Agent", s.agent)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.h.t.Fatal(err)
	}
	return answer, strings.ReplaceAll(string(body), "\r\n ", "")
}

const (
	officeFeed = "office:isernia:" + deskOffice + ":"
	ownFeed    = "officer:isernia::cpi-1"
)

func TestFeedIsReadAgainOnlyWhenItChanged(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("manager", "")
	path := b.makeFeed(officeFeed, "code")
	a := h.reserve("JNT-LAVORO", "11:00", "Prova Inventata")
	thunderbird := subscriber{h, "Mozilla/5.0 (X11; Linux x86_64) Thunderbird/140.0"}

	answer, body := thunderbird.read(http.MethodGet, path)
	etag, modified := answer.Header.Get("ETag"), answer.Header.Get("Last-Modified")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/calendar; charset=utf-8; method=PUBLISH" ||
		!strings.Contains(body, a.Reference) || strings.Contains(body, "Inventata") || etag == "" || modified == "" {
		t.Fatalf("got %s %v\n%s", answer.Status, answer.Header, body)
	}
	if got := answer.Header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("Cache-Control is %q", got)
	}
	for _, test := range []struct {
		name   string
		header []string
		status int
	}{
		{"its ETag", []string{"If-None-Match", etag}, http.StatusNotModified},
		{"its ETag, weak, among others", []string{"If-None-Match", `"x", W/` + etag}, http.StatusNotModified},
		{"any", []string{"If-None-Match", "*"}, http.StatusNotModified},
		{"another ETag", []string{"If-None-Match", `"x"`}, http.StatusOK},
		{"another ETag and its time", []string{"If-None-Match", `"x"`, "If-Modified-Since", modified}, http.StatusOK},
		{"its ETag and an old time", []string{"If-None-Match", etag, "If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT"}, http.StatusNotModified},
		{"its time", []string{"If-Modified-Since", modified}, http.StatusNotModified},
		{"an old time", []string{"If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT"}, http.StatusOK},
		{"no time", []string{"If-Modified-Since", "yesterday"}, http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer, body := thunderbird.read(http.MethodGet, path, test.header...)
			if answer.StatusCode != test.status || (body == "") != (test.status == http.StatusNotModified) || answer.Header.Get("ETag") != etag {
				t.Errorf("got %s, %d bytes, ETag %s", answer.Status, len(body), answer.Header.Get("ETag"))
			}
		})
	}
	if answer, body := thunderbird.read(http.MethodHead, path); answer.StatusCode != http.StatusOK || body != "" || answer.Header.Get("ETag") != etag {
		t.Errorf("HEAD: got %s %v", answer.Status, answer.Header)
	}
	b.get("/manage/feeds")
	b.want(http.StatusOK, "Thunderbird", "Codice e servizio", "In uso", "Centro Integrato per il Lavoro")
	b.lacks(path)

	h.clock.Add(time.Minute)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CancelByStaff(ctx, tx, a.ID, "office", "user:test")
		return err
	})
	answer, body = thunderbird.read(http.MethodGet, path, "If-None-Match", etag)
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, "STATUS:CANCELLED") {
		t.Errorf("cancelled: got %s\n%s", answer.Status, body)
	}
	if answer, _ = thunderbird.read(http.MethodGet, path, "If-Modified-Since", modified); answer.StatusCode != http.StatusOK {
		t.Errorf("cancelled, asked by time: got %s", answer.Status)
	}
}

func TestRevokedFeedIsLikeNone(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("manager", "")
	path := b.makeFeed(officeFeed, "busy")
	b.get("/manage/feeds")
	revoke := regexp.MustCompile(`/manage/feeds/[\w-]+/revoke`).FindString(b.page)
	b.get(revoke)
	b.want(http.StatusOK, "Vuoi revocare l'indirizzo di Centro Integrato per il Lavoro?")
	if answer, _ := (subscriber{h, "khal"}).read(http.MethodGet, path); answer.StatusCode != http.StatusOK {
		t.Errorf("before: got %s", answer.Status)
	}
	b.post(revoke)
	b.want(http.StatusOK, "Indirizzo revocato.", "Non ci sono indirizzi.")
	b.post(revoke)
	b.want(http.StatusNotFound)
	program := subscriber{h, "khal"}
	ended, endedBody := program.read(http.MethodGet, path)
	never, neverBody := program.read(http.MethodGet, "/feeds/"+store.NewToken()+".ics")
	bare, _ := program.read(http.MethodGet, strings.TrimSuffix(path, ".ics"))
	if ended.StatusCode != http.StatusNotFound || never.StatusCode != http.StatusNotFound || bare.StatusCode != http.StatusNotFound || endedBody != neverBody {
		t.Errorf("got %s, %s, %s, alike %t", ended.Status, never.Status, bare.Status, endedBody == neverBody)
	}
	for range 40 {
		never, _ = program.read(http.MethodGet, "/feeds/"+store.NewToken()+".ics")
	}
	if never.StatusCode != http.StatusTooManyRequests || never.Header.Get("Retry-After") == "" {
		t.Errorf("who guesses: got %s", never.Status)
	}
}

func TestWhoMayHaveWhichFeed(t *testing.T) {
	h := newConsoleHouse(t)
	for _, test := range []struct {
		login, of, detail string
		status            int
	}{
		{"manager", officeFeed, "full", http.StatusOK},
		{"manager", "desk:isernia:" + deskOffice + ":1", "code", http.StatusOK},
		{"manager", "officer:isernia:" + deskOffice + ":cpi-1", "code", http.StatusOK},
		{"manager", "service:isernia:" + deskOffice + ":JNT-LAVORO", "full", http.StatusOK},
		{"manager", "officer:isernia::cpi-1", "busy", http.StatusForbidden},
		{"manager", "office:isernia:sportello-agnone:", "busy", http.StatusForbidden},
		{"manager", "service:isernia::JNT-LAVORO", "busy", http.StatusForbidden},
		{"responsible", "service:isernia::JNT-LAVORO", "full", http.StatusOK},
		{"responsible", "office:milano:milano-desk-pilota:", "busy", http.StatusNotFound},
		{"administrator", officeFeed, "busy", http.StatusOK},
		{"administrator", officeFeed, "code", http.StatusForbidden},
		{"administrator", officeFeed, "full", http.StatusForbidden},
		{"cpi-1", ownFeed, "full", http.StatusOK},
		{"cpi-1", "officer:isernia::cpi-2", "busy", http.StatusForbidden},
		{"cpi-1", officeFeed, "busy", http.StatusForbidden},
		{"nobody", ownFeed, "busy", http.StatusForbidden},
		{"manager", "office:isernia:no-such-office:", "busy", http.StatusNotFound},
		{"manager", "diary:isernia:" + deskOffice + ":", "busy", http.StatusNotFound},
		{"manager", officeFeed, "everything", http.StatusBadRequest},
		{"manager", "", "", http.StatusNotFound},
		{"observer", officeFeed, "busy", http.StatusForbidden},
	} {
		t.Run(test.login+" "+test.of+" "+test.detail, func(t *testing.T) {
			b := h.at(test.login, "")
			b.post("/manage/feeds/new", "of", test.of, "detail", test.detail)
			b.want(test.status)
		})
	}
	b := h.at("administrator", "")
	b.get("/manage/feeds/new?office=" + deskOffice)
	b.want(http.StatusOK, "Solo «Occupato»", "Il tuo account non vede")
	b.lacks("Codice e servizio", "Il mio calendario")
	b = h.at("cpi-1", "")
	b.get("/manage/feeds/new")
	b.want(http.StatusOK, "Il mio calendario", "Tutto")
	b.lacks("optgroup label=\"Sede\"")
	b.get("/manage/feeds")
	b.want(http.StatusOK, "Ada Prova")
	b.lacks("Sede ·")
	b = h.at("manager", "")
	b.get("/manage/feeds")
	b.want(http.StatusOK, "Sede ·", "Servizio ·", "Operatore ·", "Sportello ·")
	b.lacks("creato il 3 dicembre 2026 da Ada Prova", "da Rosa Prova")
	b = h.at("responsible", "")
	b.get("/manage/feeds?q=rosa")
	b.want(http.StatusOK, "Nessun risultato per «rosa».")
	b.get("/manage/feeds?q=ada")
	b.want(http.StatusOK, "da Ada Prova")
}

func TestFeedKnowsWhatItsMakerMay(t *testing.T) {
	h := newDeskHouse(t)
	a := h.reserve("JNT-LAVORO", "11:00", "Prova Inventata")
	officer, part := a.Staff[0].Officer, subscriber{h, "khal"}
	b := h.at(officer, "")
	path := b.makeFeed("officer:isernia::"+officer, "full")
	if _, body := part.read(http.MethodGet, path); !strings.Contains(body, "Prova Inventata") {
		t.Errorf("the officer's own:\n%s", body)
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		u, err := access.UserByID(ctx, tx, "user-"+officer)
		if err != nil {
			return err
		}
		u.Officer = "comune-agnone"
		return access.EditUser(ctx, tx, u, "user:test")
	})
	if answer, _ := part.read(http.MethodGet, path); answer.StatusCode != http.StatusNotFound {
		t.Errorf("of somebody else now: got %s", answer.Status)
	}
	manager := h.at("manager", "")
	path = manager.makeFeed(officeFeed, "full")
	if answer, _ := part.read(http.MethodGet, path); answer.StatusCode != http.StatusOK {
		t.Errorf("the manager's: got %s", answer.Status)
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return access.EndUser(ctx, tx, "user-manager", "user:test")
	})
	if answer, _ := part.read(http.MethodGet, path); answer.StatusCode != http.StatusNotFound {
		t.Errorf("of an account that ended: got %s", answer.Status)
	}
}

func TestFeedOfADesk(t *testing.T) {
	h := newDeskHouse(t)
	a := h.reserve("JNT-LAVORO", "11:00", "Prova Inventata")
	path := h.at("manager", "").makeFeed("desk:isernia:"+deskOffice+":1", "code")
	program := subscriber{h, "khal"}
	answer, body := program.read(http.MethodGet, path)
	if strings.Contains(body, "VEVENT") {
		t.Errorf("nobody sits there:\n%s", body)
	}
	h.at(a.Staff[0].Officer, "1", "CPI-DID")
	answer, body = program.read(http.MethodGet, path, "If-None-Match", answer.Header.Get("ETag"))
	if answer.StatusCode != http.StatusOK || !strings.Contains(body, calendar.UID(a.ID)) {
		t.Errorf("its officer sits there: got %s\n%s", answer.Status, body)
	}
}

// TestOneUIDEverywhere compares what the citizen downloads with what staff's calendars have.
func TestOneUIDEverywhere(t *testing.T) {
	h := newDeskHouse(t)
	a := h.reserve("JNT-LAVORO", "11:00", "Prova Inventata")
	b := h.at("manager", "")
	program := subscriber{h, "khal"}
	_, own := program.read(http.MethodGet, "/a/"+a.Token+".ics")
	_, feed := program.read(http.MethodGet, b.makeFeed(officeFeed, "busy"))
	uid := "UID:" + calendar.UID(a.ID) + "\r\n"
	if !strings.Contains(own, uid) || !strings.Contains(feed, uid) || !strings.Contains(own, "BEGIN:VALARM") || !strings.Contains(own, "METHOD:PUBLISH") {
		t.Errorf("the citizen's:\n%s\nthe office's:\n%s", own, feed)
	}
}
