package kiosk_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/static"
)

const (
	bookBase    = "http://sportello.prova.example"
	bookService = "JNT-LAVORO"
	bookNext    = "2026-12-10T09:00:00+01:00" // Thursday a week later, when CPI and INPS are both there
)

var bookKey = booking.Key("a key of the tests")

// newBookHouse is the desk's house under an address that phones can open.
func newBookHouse(t *testing.T) *deskHouse {
	t.Helper()
	h := newDeskHouse(t)
	h.server.Close()
	s, err := kiosk.New(kiosk.Options{DB: h.db, Log: slog.New(slog.DiscardHandler), BaseURL: bookBase, Key: bookKey})
	if err != nil {
		t.Fatal(err)
	}
	h.kiosk, h.server = s, httptest.NewServer(s.Handler())
	t.Cleanup(h.server.Close)
	return h
}

// choose holds a start in a browser, and leaves it at the details of the appointment.
func (h *deskHouse) choose(service, start string) *deskBrowser {
	h.t.Helper()
	b := h.browser()
	b.post("/book/"+service+"?lang=it", "office", deskOffice, "start", start, "people", "1")
	b.want(http.StatusOK, "Ti teniamo questo orario fino alle")
	return b
}

// onward sends the form of the page, whose hidden fields go with it, to a page.
func (b *deskBrowser) onward(to string, form ...string) {
	b.h.t.Helper()
	action := regexp.MustCompile(`<form[^>]* method="post" action="([^"]+)"`).FindStringSubmatch(b.page)
	if action == nil {
		b.h.t.Fatalf("no form in %s", b.page)
	}
	kept := regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	for _, field := range kept.FindAllStringSubmatch(b.page, -1) {
		if !slices.Contains(form, field[1]) {
			form = append(form, field[1], field[2])
		}
	}
	b.post(action[1], append(form, "to", to)...)
}

// bookOnline makes an appointment and returns the path of its page.
func (h *deskHouse) bookOnline(service, start string, contact ...string) (*deskBrowser, string) {
	h.t.Helper()
	b := h.choose(service, start)
	b.onward("contact", "note", "")
	b.onward("review", contact...)
	b.onward("book")
	b.want(http.StatusOK, "Appuntamento confermato")
	path, _, _ := strings.Cut(b.at, "?")
	return b, path
}

var prova = []string{"name", "Prova Inventata", "email", "prova@prova.example", "phone", "333 1234567"}

func TestBookByNeed(t *testing.T) {
	h := newBookHouse(t)
	for _, test := range []struct {
		name, path string
		want       []string
	}{
		{"needs", "/book", []string{"Di cosa hai bisogno?", "/book?lang=it&need=lavoro-perso&territory=isernia", "Ho perso il lavoro"}},
		{"needs of an office", "/book?office=" + deskOffice, []string{"need=lavoro-perso&office=" + deskOffice, "Centro Integrato per il Lavoro"}},
		{"services", "/book?need=lavoro-perso", []string{"/book/JNT-LAVORO?lang=it&territory=isernia", "Insieme: Centro per l'Impiego di Isernia + INPS"}},
		{"an ended service, by its old name", "/book?q=reddito+di+inclusione", []string{"/book/INPS-ADI?", "Ha preso il posto di: ReI"}},
		{"nothing is called so", "/book?q=xyzzy", []string{"Non troviamo niente"}},
		{"where soonest", "/book/JNT-LAVORO", []string{"1/5", "Primo posto libero: giovedì 3 dicembre, ore 10:30", "Primo posto libero: lunedì 7 dicembre, ore 09:00"}},
		{"what ended leads on", "/book/HIS-REI", []string{"Questo servizio non c'è più", "/book/INPS-ADI?"}},
		{"not to be booked", "/book/ACC-INFO", []string{"prendi un numero", "Sportello di Agnone"}},
		{"an office", "/book/JNT-LAVORO?office=" + deskOffice, []string{"2/5", "giovedì 3 dicembre", "11:00", "Quante persone vengono?"}},
		{"another month", "/book/JNT-LAVORO?month=2027-01&office=" + deskOffice, []string{`aria-current="true" formmethod="get" formaction="/book/JNT-LAVORO">gennaio 2027`}},
		{"a language that nobody speaks", "/book/JNT-LAVORO?speak=zh&office=" + deskOffice, []string{"Nessun orario libero.", "Non c'è chi parla la lingua"}},
		{"no office speaks it", "/book/JNT-LAVORO?speak=zh", []string{"Non c'è chi parla la lingua"}},
		{"an office that does not offer it", "/book/COM-ANAG?office=" + deskOffice, []string{"Sportello di Agnone", "Sportello di Venafro"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.browser()
			b.get(test.path, "Accept-Language", "it")
			b.want(http.StatusOK, test.want...)
		})
	}
	b := h.browser()
	b.get("/book?q=xyzzy")
	b.lacks("link-card")
	for _, unknown := range []string{"/book/NONE", "/book?office=none", "/book?territory=none", "/book/JNT-LAVORO/none", "/a/none"} {
		b.get(unknown)
		b.want(http.StatusNotFound)
	}
}

// TestBook goes through the five steps. What a citizen says of themselves is never in an address.
func TestBook(t *testing.T) {
	h := newBookHouse(t)
	b := h.choose(bookService, bookNext)
	b.want(http.StatusOK, "3/5", "giovedì 10 dicembre 2026", "ore 09:00–09:30", "INPS")
	form := b.page
	b.onward("contact", "note", "Porto il curriculum")
	b.want(http.StatusOK, "4/5", "30 giorni dopo", `href="/privacy/isernia?lang=it"`)
	b.onward("review", "name", " ", "email", "prova@", "phone", "12", "fiscal_code", "XQZWJY80A01F205A")
	b.want(http.StatusUnprocessableEntity, "Errore:", `<a href="#fiscal_code">Il codice fiscale non torna: controlla la lettera finale`, `<a href="#name">Scrivi il nome e il cognome</a>`, `<a href="#email">`, `<a href="#phone">`, `value="prova@"`)
	b.onward("review", prova...)
	b.want(http.StatusOK, "5/5", "Verifica dei dati", "Prova Inventata", "+393331234567", "Porto il curriculum")
	b.onward("details")
	b.want(http.StatusOK, "3/5", ">Porto il curriculum</textarea>")
	b.onward("contact", "note", "Porto il curriculum")
	b.want(http.StatusOK, `value="Prova Inventata"`)
	b.onward("review", append(prova[:6:6], "fiscal_code", "xqzwjy80a01 f205s")...)
	b.want(http.StatusOK, "XQZWJY80A01F205S")
	b.onward("details")
	b.onward("contact", "note", "Porto il curriculum")
	b.want(http.StatusOK, `value="xqzwjy80a01 f205s"`)
	b.onward("review", append(prova[:6:6], "fiscal_code", "xqzwjy80a01 f205s")...)
	review := b.page
	b.onward("book")
	b.want(http.StatusOK, "Appuntamento confermato", "Cosa portare", "via Esempio 1", "Aggiungi al tuo calendario", `class="qr"`, `content="noindex"`)
	own := b.at
	if at, _ := url.Parse(own); at.RawQuery != "just=booked&lang=it" {
		t.Errorf("got %s", own)
	}
	for name, page := range map[string]string{"twice": review, "from a page before": form} {
		b.page = page
		b.onward("book", prova...)
		if b.want(http.StatusOK, "Il tuo appuntamento"); !strings.HasPrefix(own, strings.TrimSuffix(b.at, "?lang=it")) {
			t.Errorf("%s: got %s", name, b.at)
		}
	}
	var a booking.Appointment
	h.view(func(ctx context.Context, tx *store.Tx) (err error) {
		if a, err = booking.ByToken(ctx, tx, strings.TrimPrefix(strings.Split(own, "?")[0], "/a/")); err != nil {
			return err
		}
		byCard, err := booking.ByFiscalCode(ctx, tx, bookKey, a.Office, a.Day, cardCode)
		if len(byCard) != 1 {
			t.Error("the health card would not find it")
		}
		return err
	})
	want := booking.Contact{Name: "Prova Inventata", Email: "prova@prova.example", Phone: "+393331234567"}
	if a.Contact != want || a.Note != "Porto il curriculum" || a.Channel != territory.Online || len(a.Staff) != 2 || a.Language != "it" {
		t.Errorf("got %+v", a)
	}
}

func (h *deskHouse) view(do func(ctx context.Context, tx *store.Tx) error) {
	h.t.Helper()
	ctx := h.t.Context()
	if err := h.db.View(ctx, func(tx *store.Tx) error { return do(ctx, tx) }); err != nil {
		h.t.Fatal(err)
	}
}

func TestBookOtherTime(t *testing.T) {
	h := newBookHouse(t)
	b := h.choose(bookService, bookNext)
	first := b.at
	b.onward("contact", "note", "Nota")
	b.onward("review", prova...)
	b.onward("times")
	b.want(http.StatusOK, "2/5", "09:00", `<input type="hidden" name="name" value="Prova Inventata">`)
	b.lacks("formmethod") // what was typed must not come into an address
	b.onward("", "month", "2026-12", "office", deskOffice)
	b.want(http.StatusOK, "2/5", `value="Prova Inventata"`)
	b.onward("", "start", "2026-12-10T09:30:00+01:00", "office", deskOffice)
	b.want(http.StatusOK, "3/5", "ore 09:30–10:00", `value="Prova Inventata"`, ">Nota</textarea>")
	b.get(first)
	b.want(http.StatusGone, "Il tempo per confermare è finito", "2/5")
}

func TestBookTooSlow(t *testing.T) {
	h := newBookHouse(t)
	b := h.choose(bookService, bookNext)
	b.onward("contact", "note", "")
	b.onward("review", prova...)
	h.clock.Add(booking.HoldFor)
	b.onward("book")
	b.want(http.StatusOK, "Verifica dei dati", "è di nuovo tuo", "Prova Inventata")
	h.clock.Add(booking.HoldFor)
	for range 2 { // as many pairs as there are
		other := h.choose(bookService, bookNext)
		other.onward("contact", "note", "")
		other.onward("review", "name", "Altra Inventata")
		other.onward("book")
	}
	b.onward("book")
	b.want(http.StatusConflict, "appena stato preso", "2/5", `value="Prova Inventata"`)
	b.onward("", "start", "2026-12-10T10:00:00+01:00", "office", deskOffice)
	b.onward("contact")
	b.onward("review", prova...)
	b.onward("book")
	b.want(http.StatusOK, "Appuntamento confermato", "ore 10:00–10:30")
}

func TestBookRefuses(t *testing.T) {
	h := newBookHouse(t)
	for _, test := range []struct {
		name   string
		form   []string
		status int
		text   string
	}{
		{"no start", []string{"office", deskOffice}, http.StatusBadRequest, ""},
		{"a start that is none", []string{"office", deskOffice, "start", "domani"}, http.StatusBadRequest, ""},
		{"a past start", []string{"office", deskOffice, "start", "2026-12-01T09:00:00+01:00"}, http.StatusConflict, "È troppo tardi"},
		{"a start between starts", []string{"office", deskOffice, "start", "2026-12-10T09:05:00+01:00"}, http.StatusUnprocessableEntity, "non si può prenotare"},
		{"no such office", []string{"office", "none", "start", bookNext}, http.StatusNotFound, ""},
		{"too many people", []string{"office", deskOffice, "start", bookNext, "people", "11"}, http.StatusUnprocessableEntity, ""},
		{"no such language", []string{"office", deskOffice, "start", bookNext, "speak", "xx"}, http.StatusUnprocessableEntity, ""},
		{"nobody speaks it", []string{"office", deskOffice, "start", bookNext, "speak", "zh"}, http.StatusConflict, "appena stato preso"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.browser()
			b.post("/book/"+bookService, test.form...)
			b.want(test.status, test.text)
		})
	}
	b := h.choose(bookService, bookNext)
	b.onward("contact", "note", strings.Repeat("a", 501))
	b.onward("review", prova...)
	b.onward("book")
	b.want(http.StatusUnprocessableEntity, "3/5", `<a href="#note">`, `aria-invalid="true"`)
}

// TestBookKnownNeed types a contact that has an appointment already: the page tells neither when that is
// nor where its link goes, and the link goes to nobody who typed something else.
func TestBookKnownNeed(t *testing.T) {
	h := newBookHouse(t)
	server := serveMail(t)
	_, own := h.bookOnline(bookService, bookNext, prova...)
	h.deliver(server)
	server.taken()
	stranger := h.choose(bookService, "2026-12-17T09:00:00+01:00")
	stranger.onward("contact", "note", "")
	stranger.onward("review", "name", "Altra Persona", "email", "altra@prova.example", "phone", "3331234567")
	stranger.onward("book")
	stranger.want(http.StatusConflict, "c'è già un appuntamento")
	stranger.lacks("10 dicembre", own)
	for range 2 {
		stranger.onward("link")
		stranger.want(http.StatusOK, "Richiesta ricevuta")
		stranger.lacks("10 dicembre", own)
	}
	h.deliver(server)
	got := server.taken()
	if len(got) != 1 || !strings.Contains(got[0].head, "To: <prova@prova.example>") || !strings.Contains(got[0].text, bookBase+own) {
		t.Errorf("got %d mails: %v", len(got), got)
	}

	nobody := h.choose(bookService, "2026-12-17T09:30:00+01:00")
	nobody.onward("contact", "note", "")
	nobody.onward("review", "name", "Altra Persona", "email", "nuova@prova.example")
	nobody.onward("link")
	nobody.want(http.StatusOK, "Richiesta ricevuta")
}

func TestOwnAppointment(t *testing.T) {
	h := newBookHouse(t)
	b, own := h.bookOnline(bookService, bookNext, prova...)

	b.get(own + ".ics?lang=it")
	b.want(http.StatusOK, "METHOD:PUBLISH", "DTSTART", "STATUS:CONFIRMED", "Consulenza congiunta")
	b.get(own + "/receipt.pdf")
	if b.status != http.StatusOK || !strings.HasPrefix(b.page, "%PDF-") {
		t.Errorf("receipt: got %d %.20q", b.status, b.page)
	}

	b.get(own + "/move?lang=it")
	b.want(http.StatusOK, "Quando vuoi venire invece?", "Sportello di Agnone")
	b.lacks("5</b>", "Quante persone")
	b.post(own+"/move?lang=it", "office", deskOffice, "start", "2026-12-15T15:00:00+01:00")
	b.want(http.StatusOK, "Vuoi spostare", "giovedì 10 dicembre 2026", "martedì 15 dicembre 2026", "Ti teniamo")
	b.onward("")
	b.want(http.StatusOK, "Appuntamento spostato", "martedì 15 dicembre 2026", "ore 15:00–15:30")
	b.post(own+"/move", "office", deskOffice, "start", "2026-12-15T15:10:00+01:00")
	b.want(http.StatusUnprocessableEntity, "Quando vuoi venire invece?")

	b.get(own + "/data?lang=it")
	b.want(http.StatusOK, "Prova Inventata", "prova@prova.example", "+393331234567", "giovedì 14 gennaio 2027")
	b.onward("")
	b.want(http.StatusOK, "non abbiamo nessun dato su di te")
	b.lacks("Inventata", "<form")

	b.get(own + "/cancel?lang=it")
	b.want(http.StatusOK, "Vuoi annullare", "martedì 15 dicembre 2026")
	b.onward("")
	b.want(http.StatusOK, "Appuntamento annullato", "Lo hai annullato tu", "/book/JNT-LAVORO?lang=it&office="+deskOffice)
	b.lacks("Aggiungi al tuo calendario", own+"/move")
	b.post(own + "/cancel?lang=it")
	b.want(http.StatusOK, "Appuntamento annullato")
	b.get(own + "/move")
	b.want(http.StatusConflict)
	b.get(own + ".ics")
	b.want(http.StatusOK, "STATUS:CANCELLED")
}

func TestOwnAppointmentLater(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration
		do    func(ctx context.Context, tx *store.Tx, id string) error
		want  []string
		lacks []string
	}{
		{"in time", 6*24*time.Hour + 20*time.Hour, nil, []string{"Puoi spostare o annullare fino a giovedì 10 dicembre, ore 07:00."}, nil},
		{"too late to change", 6*24*time.Hour + 22*time.Hour + time.Minute, nil, []string{"Ora non puoi più spostare", `class="qr"`}, []string{"/move", "/cancel"}},
		{"past", 7 * 24 * time.Hour, nil, []string{"Questo appuntamento è passato"}, []string{`class="qr"`, "/move"}},
		{"called off", time.Hour, func(ctx context.Context, tx *store.Tx, id string) error {
			_, err := booking.CancelByStaff(ctx, tx, id, "officer_absent", "user:test")
			return err
		}, []string{"Appuntamento annullato", "Lo ha annullato la sede."}, []string{`class="qr"`}},
		{"arrived", 6*24*time.Hour + 23*time.Hour, func(ctx context.Context, tx *store.Tx, id string) error {
			_, err := booking.Arrive(ctx, tx, id, "user:test")
			return err
		}, []string{"Sappiamo che ci sei"}, []string{"/cancel"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newBookHouse(t)
			b, own := h.bookOnline(bookService, bookNext, "name", "Prova Inventata")
			h.clock.Add(test.after)
			if test.do != nil {
				h.update(func(ctx context.Context, tx *store.Tx) error {
					a, err := booking.ByToken(ctx, tx, strings.TrimPrefix(own, "/a/"))
					if err != nil {
						return err
					}
					return test.do(ctx, tx, a.ID)
				})
			}
			b.get(own + "?lang=it")
			b.want(http.StatusOK, test.want...)
			b.lacks(test.lacks...)
		})
	}
}

func TestOwnAppointmentIsNotGuessed(t *testing.T) {
	h := newBookHouse(t)
	_, own := h.bookOnline(bookService, bookNext, "name", "Prova Inventata")
	b := h.browser()
	for range 30 {
		b.get("/a/" + store.NewToken())
	}
	b.want(http.StatusTooManyRequests)
	b.get(own)
	b.want(http.StatusTooManyRequests)
	h.clock.Add(time.Minute)
	b.get(own)
	b.want(http.StatusOK)
}

// TestBookInEveryLanguage looks at every page in every language: none lacks a message.
func TestBookInEveryLanguage(t *testing.T) {
	h := newBookHouse(t)
	_, own := h.bookOnline(bookService, bookNext, prova...)
	held := h.choose(bookService, "2026-12-17T09:00:00+01:00")
	hold := strings.Split(held.at, "?")[0]
	for _, l := range static.Languages() {
		b := h.browser()
		seen := func() {
			t.Helper()
			if got := deskKey.FindAllString(b.page, -1); got != nil {
				t.Errorf("%s in %s: keys without a message: %q", b.at, l.Code, got)
			}
			if !strings.Contains(b.page, `<html lang="`+l.Code+`"`) {
				t.Errorf("%s is not in %s", b.at, l.Code)
			}
		}
		in := "lang=" + l.Code
		for _, path := range []string{
			"/book?" + in, "/book?need=famiglia&" + in, "/book?q=xyzzy&" + in, "/book/JNT-LAVORO?" + in, "/book/HIS-REI?" + in, "/book/ACC-INFO?" + in,
			"/book/JNT-LAVORO?speak=zh&office=" + deskOffice + "&" + in, "/book/JNT-LAVORO?office=" + deskOffice + "&" + in, hold + "?" + in,
			own + "?just=booked&" + in, own + "/move?" + in, own + "/cancel?" + in, own + "/data?" + in,
			"/book/JNT-LAVORO/wait?office=" + deskOffice + "&" + in,
		} {
			b.get(path)
			b.want(http.StatusOK)
			seen()
		}
		b.post("/book/JNT-LAVORO/wait?territory=isernia&"+in, "name", "")
		seen()
		b.onward("", "until", "2026-12-31", "name", "Prova", "email", l.Code+"@prova.example")
		b.want(http.StatusOK)
		seen()
		b.post(hold+"?"+in, "to", "review", "name", "", "email", "x")
		seen()
		b.onward("review", prova...)
		seen()
		b.onward("book")
		b.want(http.StatusConflict)
		seen()
		b.onward("link")
		seen()
	}
}
