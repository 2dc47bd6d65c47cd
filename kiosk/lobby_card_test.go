package kiosk_test

import (
	"bytes"
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/queue"
)

// Cards of invented people.
const (
	cardCode  = "XQZWJY80A01F205S"
	otherCard = "XQZWJY80A41E335A"
	stripe    = "%" + cardCode + "  XQZW<WKJY?;80380000000000000000?"
)

var cardKey = regexp.MustCompile(`name="card" value="([^"]+)"`)

// scan has a reader type something on a page of this kiosk from which it goes to an address.
func (l *lobby) scan(to, text string) (page, at string) {
	l.t.Helper()
	page, at = l.post(to, url.Values{"code": {text}, "scanned": {"1"}})
	l.hidden(page, at)
	return html.UnescapeString(page), at
}

// hidden demands that a page tells nothing of a card but its ends.
func (l *lobby) hidden(page, at string) {
	l.t.Helper()
	for _, secret := range []string{cardCode, cardCode[:10], otherCard, "wjy80a01"} {
		if strings.Contains(strings.ToUpper(page+at), strings.ToUpper(secret)) {
			l.t.Errorf("%s: the page or its address tells %s", at, secret)
		}
	}
}

// key is the key of the card that a page asks about.
func (l *lobby) key(page string) string {
	l.t.Helper()
	found := cardKey.FindStringSubmatch(page)
	if found == nil {
		l.t.Fatalf("the page asks about no card: %s", page)
	}
	return found[1]
}

// yes says that the card of a page is one's own.
func (l *lobby) yes(page string) (answer, at string) {
	l.t.Helper()
	answer, at = l.post("/kiosk/card/yes?lang=it", url.Values{"card": {l.key(page)}})
	l.hidden(answer, at)
	return html.UnescapeString(answer), at
}

// showCard scans a card at the start and says that it is one's own.
func (l *lobby) showCard(code string) (answer, at string) {
	l.t.Helper()
	page, _ := l.scan("/kiosk/scan?lang=it", code)
	return l.yes(page)
}

// bookWithCard books a start by kiosk with a card.
func (l *lobby) bookWithCard(start, code string) booking.Appointment {
	l.t.Helper()
	_, hold := l.hold(start)
	form := typed(hold, "Prova Inventata", "", "")
	form.Set("code", code)
	page, _ := l.post("/kiosk/book/card?at=contact&"+jointService, form)
	form.Del("code")
	form.Set("card", l.key(page))
	if _, at := l.post("/kiosk/book?"+jointService, form); !strings.Contains(at, "/kiosk/booked?") {
		l.t.Fatalf("booking with a card leads to %s", at)
	}
	l.clock.Add(time.Second)
	return l.booked()
}

// another is a second kiosk before the same server.
func (l *lobby) another(office string) *lobby {
	l.t.Helper()
	l.update(func(ctx context.Context, tx *store.Tx) error {
		return access.AddDevice(ctx, tx, access.Device{ID: "other", Office: office, Kind: access.Kiosk, Name: "Altro"}, "OTHER", "user:test")
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		l.t.Fatal(err)
	}
	at, err := url.Parse(l.server.URL)
	if err != nil {
		l.t.Fatal(err)
	}
	jar.SetCookies(at, []*http.Cookie{{Name: "sportello_kiosk", Value: enrolled(l.t, l.db, "OTHER")}})
	other := *l
	other.client = &http.Client{Jar: jar}
	return &other
}

func TestLobbyArrivesByCard(t *testing.T) {
	tests := []struct{ name, text string }{
		{"the bar code", "*" + cardCode + "*"},
		{"the stripe", stripe},
		{"behind a locked shift key", strings.ToLower(cardCode)},
		{"with the name of the symbology", "]A0" + cardCode},
		{"on three lines", "%" + cardCode + "XQZW<WKJY?\n;80380000000000000000?\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "http://kiosk.example", t.TempDir())
			a := l.bookWithCard(l.starts("2026-11-24")[0], cardCode)
			l.until(a, -30*time.Minute)
			papers := l.papers()
			page, at := l.scan("/kiosk/scan?lang=it", tt.text)
			for _, want := range []string{"È la tua tessera?", "XQZ••••••••••05S", "cerco il tuo appuntamento di oggi in questa sede"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s: the page lacks %q", at, want)
				}
			}
			if l.tickets() != 0 {
				t.Error("there is a number before anybody said yes")
			}
			page, at = l.yes(page)
			if !strings.Contains(at, "/kiosk/ticket?") || !strings.Contains(page, "L001") || !strings.Contains(page, "11:00") {
				t.Fatalf("got %s, want the ticket L001 of 11:00", at)
			}
			if _, again := l.showCard(tt.text); again != at {
				t.Errorf("shown twice: got %s, want the same ticket", again)
			}
			if got := l.papers() - papers; got != 1 {
				t.Errorf("got %d papers, want 1", got)
			}
		})
	}
}

// TestLobbyCardAnywhere reads a card on every page on which nothing is held.
func TestLobbyCardAnywhere(t *testing.T) {
	l := newLobby(t, "", "")
	to := regexp.MustCompile(` data-scan="([^"]+)"`)
	for _, tt := range lobbyPages {
		page, _ := l.get(tt.path + "lang=ro&large=1")
		found := to.FindStringSubmatch(page)
		if found == nil {
			t.Errorf("%s: no card can be read", tt.name)
			continue
		}
		page, at := l.scan(html.UnescapeString(found[1]), cardCode)
		if !strings.HasPrefix(at, "/kiosk/scan") || !strings.Contains(page, "XQZ••••••••••05S") {
			t.Errorf("%s: a card leads to %s", tt.name, at)
		}
		if kept := strings.Contains(page, `<html lang="ro"`) && strings.Contains(page, `data-text="large"`); kept != strings.Contains(at, "lang=ro") {
			t.Errorf("%s: at %s the citizen's preferences are lost", tt.name, at)
		}
	}
}

func TestLobbyCardWithoutAppointment(t *testing.T) {
	tests := []struct {
		name string
		do   func(l *lobby)
	}{
		{"none at all", func(*lobby) {}},
		{"somebody else's", func(l *lobby) { l.until(l.bookWithCard(l.starts("2026-11-24")[0], otherCard), -30*time.Minute) }},
		{"another day", func(l *lobby) { l.until(l.bookWithCard(l.starts("2026-11-26")[0], cardCode), -24*time.Hour) }},
		{"another office", func(l *lobby) {
			a := l.bookWithCard(l.starts("2026-11-24")[0], cardCode)
			l.until(a, -30*time.Minute)
			l.update(func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE appointments SET office_id = 'sportello-venafro' WHERE id = $1`, a.ID)
				return err
			})
		}},
	}
	pages := map[string]string{}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "http://kiosk.example", "")
			tt.do(l)
			page, _ := l.showCard(cardCode)
			for _, want := range []string{"Oggi non trovo un tuo appuntamento qui", `href="/kiosk/arrive?`, `href="/kiosk/needs?`, "chiedi allo sportello"} {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			if l.tickets() != 0 {
				t.Error("there is a number")
			}
			pages[page] = tt.name
		})
	}
	if len(pages) != 1 {
		t.Errorf("whoever holds a card can tell %d cases apart: %v", len(pages), pages)
	}
}

func TestLobbyCardInTime(t *testing.T) {
	cancel := func(ctx context.Context, tx *store.Tx, a booking.Appointment) error {
		_, err := booking.CancelByStaff(ctx, tx, a.ID, booking.ByWish, "test")
		return err
	}
	tests := []struct {
		name  string
		after time.Duration // of the start
		do    func(ctx context.Context, tx *store.Tx, a booking.Appointment) error
		at    string
		want  string
	}{
		{"too early", -75 * time.Minute, nil, "/kiosk/card/yes", "Torna qui dalle 10:00"},
		{"late", 11 * time.Minute, nil, "/kiosk/arrive/late", "Il tuo appuntamento era alle 11:00"},
		{"cancelled", -30 * time.Minute, cancel, "/kiosk/card/yes", "L'appuntamento è stato annullato"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "http://kiosk.example", "")
			a := l.bookWithCard(l.starts("2026-11-24")[0], cardCode)
			if tt.do != nil {
				l.update(func(ctx context.Context, tx *store.Tx) error { return tt.do(ctx, tx, a) })
			}
			l.until(a, tt.after)
			page, at := l.showCard(cardCode)
			if !strings.HasPrefix(at, tt.at) || !strings.Contains(page, tt.want) {
				t.Errorf("got %s, want %s with %q", at, tt.at, tt.want)
			}
		})
	}
}

func TestLobbyCardOfSeveral(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	starts := l.starts("2026-11-24")
	first := l.bookWithCard(starts[0], cardCode)
	l.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE appointments SET service_id = 'JNT-FAMIGLIA' WHERE id = $1`, first.ID)
		return err
	})
	second := l.bookWithCard(starts[2], cardCode)
	l.until(first, -30*time.Minute)
	page, _ := l.showCard(cardCode)
	hour := second.Start.In(tuesday.Location()).Format("15:04")
	if !strings.Contains(page, "Per quale appuntamento sei qui?") || !strings.Contains(page, `value="`+first.ID+`">11:00`) || !strings.Contains(page, `value="`+second.ID+`">`+hour) {
		t.Fatalf("the times are not asked for: %s", page)
	}
	if strings.Contains(page, "JNT-") || strings.Contains(page, "lavoro") {
		t.Error("the page tells what for")
	}
	page, at := l.post("/kiosk/card/choose?lang=it", url.Values{"id": {first.ID}})
	if !strings.Contains(at, "/kiosk/ticket?") || !strings.Contains(page, "11:00") {
		t.Errorf("the choice leads to %s", at)
	}
	l.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CancelByStaff(ctx, tx, second.ID, booking.ByWish, "test")
		return err
	})
	if _, again := l.showCard(cardCode); again != at {
		t.Errorf("with the other one cancelled: got %s, want the ticket", again)
	}
}

func TestLobbyMisreads(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	const unknown, misread = "Questo codice non lo conosco.", "Non ho letto bene la tessera."
	tests := []struct{ name, text, want string }{
		{"a wrong check character", "XQZWJY80A01F205A", misread},
		{"30 February", "XQZWJY80B30F205V", misread},
		{"17 characters", cardCode + "X", unknown},
		{"15 characters", cardCode[:15], unknown},
		{"two cards", cardCode + " " + otherCard, "Ho letto due tessere insieme."},
		{"another QR code", "https://altrove.example/pagina?x=1", unknown},
		{"garbage", "\x01\x02<script>alert(1)</script>", unknown},
		{"a number that there is not", "http://kiosk.example/t/" + store.NewToken(), "Questo codice non c'è."},
		{"an appointment that there is not", "http://kiosk.example/a/" + store.NewToken(), "Questo codice non c'è."},
		{"nothing", "", "Questo codice non c'è."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			for _, to := range []string{"/kiosk/scan?lang=it", "/kiosk/arrive?lang=it"} {
				page, at := l.scan(to, tt.text)
				if !strings.Contains(page, tt.want) || cardKey.MatchString(page) {
					t.Errorf("%s: the page lacks %q", at, tt.want)
				}
				if tt.text != "" && strings.Contains(page, tt.text) {
					t.Errorf("%s: what was read is shown", at)
				}
			}
		})
	}
	l.t = t
}

func TestLobbyForgetsCards(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	l.until(l.bookWithCard(l.starts("2026-11-24")[0], cardCode), -30*time.Minute)
	other := l.another(lobbyOffice)
	tests := []struct {
		name string
		do   func(key string)
		by   *lobby
	}{
		{"after two minutes", func(string) { l.clock.Add(2 * time.Minute) }, l},
		{"after no", func(string) { l.post("/kiosk/card/no?lang=it", nil) }, l},
		{"after another start", func(string) { l.get("/kiosk") }, l},
		{"after another card", func(string) { l.scan("/kiosk/scan?lang=it", otherCard) }, l},
		{"at another kiosk", func(string) {}, other},
		{"at another kiosk that has a card of its own", func(string) { other.scan("/kiosk/scan?lang=it", otherCard) }, other},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t, other.t = t, t
			page, _ := l.scan("/kiosk/scan?lang=it", cardCode)
			key := l.key(page)
			tt.do(key)
			for _, path := range []string{"/kiosk/card?lang=it", "/kiosk/card/yes?lang=it"} {
				page, at := tt.by.post(path, url.Values{"card": {key}})
				if !strings.Contains(page, "ho dimenticato la tessera") || strings.Contains(page, "XQZ") || l.tickets() != 0 {
					t.Errorf("%s: the card is still known", at)
				}
			}
		})
	}
	l.t, other.t = t, t
	page, _ := l.scan("/kiosk/scan?lang=it", cardCode)
	if wrong, _ := l.post("/kiosk/card/yes?lang=it", url.Values{"card": {store.NewToken()}}); !strings.Contains(wrong, "ho dimenticato la tessera") {
		t.Error("a page without the key learns of the card")
	}
	if _, at := l.yes(page); !strings.Contains(at, "/kiosk/ticket?") {
		t.Errorf("the page that has the key is led to %s", at)
	}
}

// TestLobbyCardInOtherWords changes language and text size while a card is to be confirmed.
func TestLobbyCardInOtherWords(t *testing.T) {
	l := newLobby(t, "", "")
	page, _ := l.scan("/kiosk/scan?lang=it", cardCode)
	key := l.key(page)
	page, _ = l.post("/kiosk/card?lang=ar&contrast=1", url.Values{"card": {key}})
	if !strings.Contains(page, `<html lang="ar" dir="rtl"`) || !strings.Contains(page, `data-contrast="high"`) || l.key(page) != key {
		t.Error("the question is not asked in the other language")
	}
	l.hidden(page, "")
}

func TestLobbyGuessesCards(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	a := l.bookWithCard(l.starts("2026-11-24")[0], cardCode)
	l.until(a, -30*time.Minute)
	for range 10 {
		if page, _ := l.showCard(otherCard); !strings.Contains(page, "Oggi non trovo") {
			t.Fatal("a card without an appointment is not told")
		}
	}
	if page, _ := l.showCard(cardCode); !strings.Contains(page, "Troppi tentativi") {
		t.Error("after ten cards another is tried at once")
	}
	if _, at := l.arrive(a.Reference); !strings.Contains(at, "/kiosk/ticket?") {
		t.Error("whoever has a reference is held up too")
	}
	l.clock.Add(2 * time.Second)
	if _, at := l.showCard(cardCode); !strings.Contains(at, "/kiosk/ticket?") {
		t.Error("after the pause the right card is not taken")
	}
}

// TestLobbyBooksWithCard fills in the codice fiscale from a card, and nothing else.
func TestLobbyBooksWithCard(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	_, hold := l.hold(l.starts("2026-11-24")[0])
	scan := func(at, text string, form url.Values) string {
		t.Helper()
		form.Set("code", text)
		page, address := l.post("/kiosk/book/card?at="+at+"&"+jointService, form)
		form.Del("code")
		l.hidden(page, address)
		return html.UnescapeString(page)
	}
	form := typed(hold, "Prova", "prova@", "")
	for _, tt := range []struct{ at, want string }{
		{"name", "Come ti chiami?"}, {"contact", "Come ti avvisiamo?"},
	} {
		page := scan(tt.at, stripe, form)
		for _, want := range []string{tt.want, "Ho letto la tessera:", "XQZ••••••••••05S", `value="Prova"`, `value="prova@"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: after a card the page lacks %q", tt.at, want)
			}
		}
		form.Set("card", l.key(page))
	}
	page := scan("contact", "http://kiosk.example/a/"+store.NewToken(), form)
	if !strings.Contains(page, "Questa non è una tessera sanitaria.") || l.key(page) != form.Get("card") {
		t.Error("what is no card is taken for one, or drives it out")
	}
	form.Set("email", "")
	page, _ = l.post("/kiosk/book/review?"+jointService, form)
	if !strings.Contains(page, "XQZ••••••••••05S") {
		t.Error("the card is not among what is looked at")
	}
	page = scan("review", otherCard, form)
	if !strings.Contains(page, "È tutto giusto?") || !strings.Contains(page, "XQZ••••••••••35A") {
		t.Error("another card does not take its place")
	}
	form.Set("card", l.key(page))
	form.Set("forget", "1")
	if page = scan("name", "", form); cardKey.MatchString(page) || !strings.Contains(page, "passa anche la tessera") {
		t.Error("the card cannot be taken out")
	}
	form.Del("forget")
	if page, _ = l.post("/kiosk/book?"+jointService, form); !strings.Contains(page, "ho dimenticato la tessera") || l.appointments(booking.Booked) != 0 {
		t.Error("it is booked without the card that the page has")
	}
	form.Set("card", l.key(scan("contact", cardCode, form)))
	l.clock.Add(5 * time.Minute)
	if _, at := l.post("/kiosk/book?"+jointService, form); !strings.Contains(at, "/kiosk/booked?") {
		t.Fatalf("booking with a card leads to %s", at)
	}
	l.until(l.booked(), -30*time.Minute)
	if _, at := l.showCard(cardCode); !strings.Contains(at, "/kiosk/ticket?") {
		t.Errorf("on that day the card leads to %s", at)
	}
	people, held := l.hold(l.starts("2026-11-26")[0])
	if !strings.Contains(people, `data-scan="/kiosk/book/people?`) {
		t.Error("who is asked how many come is led away by a card")
	}
	if page, _ := l.scan("/kiosk/book/people?"+jointService+"&hold="+held, cardCode); !strings.Contains(page, "Prima tocca in quanti venite.") || cardKey.MatchString(page) {
		t.Error("a card that is read too early is not told so")
	}
}

func TestLobbyScansTicket(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", "")
	_, at := l.take("scanned", "")
	var ticket queue.Ticket
	l.update(func(ctx context.Context, tx *store.Tx) (err error) {
		ticket, err = queue.ByID(ctx, tx, regexp.MustCompile(`id=([^&]+)`).FindStringSubmatch(at)[1])
		return err
	})
	for name, address := range map[string]string{
		"as it is":                      "http://kiosk.example/t/" + ticket.Token,
		"read by another country's":     "httpç--kiosk.example-t-" + strings.NewReplacer("-", "'", "_", "?").Replace(ticket.Token),
		"on another country's keyboard": "http>&&kiosk.example&t&" + strings.NewReplacer("-", "/", "_", "?").Replace(ticket.Token),
	} {
		page, again := l.scan("/kiosk/scan?lang=it", address)
		if again != at || !strings.Contains(page, ticket.Label()) || strings.Contains(page, ticket.Token) && strings.Contains(again, ticket.Token) {
			t.Errorf("%s: got %s, want %s", name, again, at)
		}
	}
	if l.tickets() != 1 {
		t.Errorf("got %d tickets, want 1", l.tickets())
	}
	other := l.another("sportello-venafro")
	if page, _ := other.scan("/kiosk/scan?lang=it", "http://kiosk.example/t/"+ticket.Token); !strings.Contains(page, "Questo codice non c'è.") {
		t.Error("another office shows the number")
	}
}

// TestLobbyKeepsNoCard looks for the code in all that is left: the database's files and the log.
func TestLobbyKeepsNoCard(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	log := new(buffer)
	s, err := kiosk.New(kiosk.Options{
		DB: l.db, Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), BaseURL: "http://kiosk.example",
		Key: testKey, Speech: kiosk.NewSpeech(t.TempDir(), quiet),
	})
	if err != nil {
		t.Fatal(err)
	}
	l.server.Config.Handler = s.Handler()
	a := l.bookWithCard(l.starts("2026-11-24")[0], cardCode)
	l.until(a, -30*time.Minute)
	l.showCard(stripe)
	l.scan("/kiosk/scan?lang=it", cardCode[:15]+"A")
	if !strings.Contains(log.String(), "/kiosk/card/yes") || l.tickets() != 1 {
		t.Fatal("nothing was done")
	}
	var file string
	l.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&file)
	})
	all := map[string][]byte{"the log": []byte(log.String())}
	for _, name := range []string{file, file + "-wal"} {
		if all[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Contains(all[file], []byte("Inventata")) && !bytes.Contains(all[file+"-wal"], []byte("Inventata")) {
		t.Fatal("the files that were read are not those of the database")
	}
	for name, bytesOf := range all {
		if bytes.Contains(bytes.ToUpper(bytesOf), []byte(cardCode[:15])) {
			t.Errorf("%s holds the code", name)
		}
	}
}
