package kiosk_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/booking"
	"sportello/internal/message"
	"sportello/internal/store"
)

// mailServer is a mail server of the test's own, which takes whatever comes.
type mailServer struct {
	listener net.Listener
	mu       sync.Mutex
	mails    []string
}

func serveMail(t *testing.T) *mailServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{listener: listener}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return s
}

// talk takes mail as RFC 5321 has it, section 4.1.
func (s *mailServer) talk(conn net.Conn) {
	defer conn.Close()
	in := textproto.NewReader(bufio.NewReader(conn))
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 prova")
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "DATA":
			say("354 go on")
			content, err := io.ReadAll(in.DotReader())
			if err != nil {
				return
			}
			s.mu.Lock()
			s.mails = append(s.mails, string(content))
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 yes")
		}
	}
}

// takenMail is a mail as a mail program shows it.
type takenMail struct{ head, subject, language, text, calendar string }

// taken returns what came since it was last asked.
func (s *mailServer) taken() []takenMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []takenMail
	for _, content := range s.mails {
		m, err := mail.ReadMessage(strings.NewReader(content))
		if err != nil {
			all = append(all, takenMail{text: err.Error()})
			continue
		}
		head, _, _ := strings.Cut(content, "\n\n")
		subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		got := takenMail{head: head, subject: subject, language: m.Header.Get("Content-Language")}
		got.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
		all = append(all, got)
	}
	s.mails = nil
	return all
}

func (m *takenMail) read(kind, encoding string, body io.Reader) {
	media, params, _ := mime.ParseMediaType(kind)
	if strings.HasPrefix(media, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for part, err := parts.NextPart(); err == nil; part, err = parts.NextPart() {
			m.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
		}
		return
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, _ := io.ReadAll(body)
	switch media {
	case "text/plain":
		m.text = string(text)
	case "text/calendar":
		m.calendar = strings.ReplaceAll(string(text), "\r\n ", "") // RFC 5545 section 3.1
	}
}

// deliver sends what is due.
func (h *deskHouse) deliver(s *mailServer) {
	h.t.Helper()
	server, err := message.NewServer("smtp://"+s.listener.Addr().String(), "", "Sportello <sportello@prova.example>")
	if err != nil {
		h.t.Fatal(err)
	}
	if err := message.NewPostman(h.db, slog.New(slog.DiscardHandler), server).Deliver(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// wantMail is the one mail that is sent at this moment.
func (h *deskHouse) wantMail(s *mailServer, subject string, holds ...string) takenMail {
	h.t.Helper()
	h.deliver(s)
	got := s.taken()
	if len(got) != 1 {
		h.t.Fatalf("got %d mails, want %q: %q", len(got), subject, got)
	}
	if got[0].subject != subject {
		h.t.Errorf("got the subject %q, want %q", got[0].subject, subject)
	}
	for _, text := range holds {
		if !strings.Contains(got[0].text, text) {
			h.t.Errorf("%s lacks %q:\n%s", subject, text, got[0].text)
		}
	}
	return got[0]
}

// TestMails books, is reminded, moves, is reminded again and cancels, and gets every mail in its time.
func TestMails(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	b, own := h.bookOnline(bookService, bookNext, prova...)
	m := h.wantMail(s, "Appuntamento confermato: giovedì 10 dicembre, ore 09:00",
		"Buongiorno Prova Inventata,", "Centro Integrato per il Lavoro, via Esempio 1", "Con: Centro per l'Impiego di Isernia, INPS",
		"documento d'identità", bookBase+own)
	for _, text := range []string{"METHOD:PUBLISH", "DTSTART", "SEQUENCE:0", "STATUS:CONFIRMED"} {
		if !strings.Contains(m.calendar, text) {
			t.Errorf("the calendar lacks %q:\n%s", text, m.calendar)
		}
	}
	if m.language != "it" {
		t.Errorf("got a mail in %q", m.language)
	}

	h.at10(t, "08:59", 8)
	h.deliver(s)
	if got := s.taken(); len(got) > 0 {
		t.Errorf("reminded more than two days before: %v", got)
	}
	h.at10(t, "09:00", 8)
	h.wantMail(s, "Promemoria: appuntamento giovedì 10 dicembre, ore 09:00")

	b.post(own+"/move?lang=it", "office", deskOffice, "start", "2026-12-15T15:00:00+01:00")
	b.onward("")
	m = h.wantMail(s, "Appuntamento cambiato: martedì 15 dicembre, ore 15:00")
	if !strings.Contains(m.calendar, "SEQUENCE:1") {
		t.Errorf("the calendar of a move:\n%s", m.calendar)
	}
	h.at10(t, "06:00", 10) // of the start that is no more
	h.deliver(s)
	if got := s.taken(); len(got) > 0 {
		t.Errorf("reminded of a start that is no more: %v", got)
	}
	h.at10(t, "15:00", 13)
	h.wantMail(s, "Promemoria: appuntamento martedì 15 dicembre, ore 15:00")
	h.at10(t, "12:00", 15)
	h.wantMail(s, "Promemoria: appuntamento martedì 15 dicembre, ore 15:00")

	b.post(own + "/cancel?lang=it")
	m = h.wantMail(s, "Appuntamento annullato: martedì 15 dicembre, ore 15:00", bookBase+"/book/JNT-LAVORO?office="+deskOffice)
	if !strings.Contains(m.calendar, "STATUS:CANCELLED") {
		t.Errorf("the calendar of a cancellation:\n%s", m.calendar)
	}
}

// at10 sets the clock to a time of a day of December in Rome.
func (h *deskHouse) at10(t *testing.T, clock string, day int) {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04Z07:00", fmt.Sprintf("2026-12-%02dT%s+01:00", day, clock))
	if err != nil {
		t.Fatal(err)
	}
	h.clock.Set(at)
}

// TestMailInOwnLanguage books in Ukrainian: the mail is Ukrainian too.
func TestMailInOwnLanguage(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	b := h.browser()
	b.post("/book/"+bookService+"?lang=uk", "office", deskOffice, "start", bookNext)
	b.onward("contact", "note", "")
	b.onward("review", prova...)
	b.onward("book")
	m := h.wantMail(s, "Запис підтверджено: четвер, 10 грудня, 09:00")
	if m.language != "uk" {
		t.Errorf("got a mail in %q", m.language)
	}
}

// TestMailsOfSensitiveServices tell neither what for nor what to bring, from which one could guess it.
func TestMailsOfSensitiveServices(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	_, own := h.bookOnline("INPS-ADI", bookNext, prova...)
	m := h.wantMail(s, "Appuntamento confermato: giovedì 10 dicembre, ore 09:00", bookBase+own)
	for _, text := range []string{m.text, m.calendar} {
		for _, tell := range []string{"inclusione", "ADI", "ISEE"} {
			if strings.Contains(text, tell) {
				t.Errorf("a mail tells %q:\n%s", tell, text)
			}
		}
	}
}

// TestErasedGetNoMail erases what is known of a citizen before the reminders are sent.
func TestErasedGetNoMail(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	b, own := h.bookOnline(bookService, bookNext, prova...)
	h.wantMail(s, "Appuntamento confermato: giovedì 10 dicembre, ore 09:00")
	b.post(own + "/data")
	h.at10(t, "08:00", 10)
	h.deliver(s)
	if got := s.taken(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	h.view(func(ctx context.Context, tx *store.Tx) error {
		a, err := booking.ByToken(ctx, tx, strings.TrimPrefix(own, "/a/"))
		if a.State != booking.Booked || a.Contact != (booking.Contact{}) {
			t.Errorf("got %+v", a)
		}
		return err
	})
}

// TestWaitingList waits for a service that is sold out, is offered what somebody else cancels, and takes it.
func TestWaitingList(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	b := h.browser()
	b.get("/book/JNT-LAVORO?lang=it&office=" + deskOffice)
	b.want(http.StatusOK, "/book/JNT-LAVORO/wait?lang=it&office="+deskOffice)
	b.get("/book/JNT-LAVORO/wait?lang=it&office=" + deskOffice)
	b.want(http.StatusOK, "Lista d'attesa", `value="2027-01-02"`)
	b.onward("", "where", "here", "until", "2026-12-01", "people", "1", "name", "", "email", "")
	b.want(http.StatusUnprocessableEntity, "Errore:", "La data è passata")
	b.onward("", "where", "here", "until", "2026-12-03", "people", "1", "name", "", "email", "")
	b.want(http.StatusUnprocessableEntity, "Scrivi il nome e il cognome", "Scrivi l'e-mail: serve per avvisarti")

	// The last start of the day is taken by as many as there are pairs.
	const last = "2026-12-03T16:30:00+01:00"
	var first string
	for i := range 2 {
		_, own := h.bookOnline(bookService, last, "name", "Altra Inventata")
		if i == 0 {
			first = own
		}
	}
	h.at10(t, "15:25", 3)
	b.onward("", "where", "here", "until", "2026-12-03", "people", "1", "name", "Prova Inventata", "email", "prova@prova.example")
	b.want(http.StatusOK, "Sei in lista d'attesa", "Centro Integrato per il Lavoro", "prova@prova.example", `content="noindex"`)
	place, _, _ := strings.Cut(b.at, "?")
	h.wantMail(s, "Sei in lista d'attesa", "giovedì 3 dicembre 2026", bookBase+place)
	again := h.browser()
	again.post("/book/JNT-LAVORO/wait?office="+deskOffice, "until", "2026-12-03", "name", "Prova", "email", "prova@prova.example")
	again.want(http.StatusConflict, "Sei già in lista")

	offer := func() {
		t.Helper()
		if err := h.kiosk.OfferFreed(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.deliver(s)
	}
	offer()
	if got := s.taken(); len(got) > 0 {
		t.Errorf("offered what is taken: %v", got)
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		a, err := booking.ByToken(ctx, tx, strings.TrimPrefix(first, "/a/"))
		if err != nil {
			return err
		}
		_, err = booking.CancelByStaff(ctx, tx, a.ID, "officer_absent", "user:test")
		return err
	})
	if err := h.kiosk.OfferFreed(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := h.wantMail(s, "Si è liberato un posto: giovedì 3 dicembre, ore 16:30", "Centro Integrato per il Lavoro", "fino a giovedì 3 dicembre, ore 16:00", place)
	link := regexp.MustCompile(regexp.QuoteMeta(bookBase) + `(/a/\S+)`).FindStringSubmatch(m.text)
	if link == nil || m.calendar != "" {
		t.Fatalf("no link, or a calendar of what is not booked:\n%s", m.text)
	}
	offer()
	if got := s.taken(); len(got) > 0 {
		t.Errorf("offered twice: %v", got)
	}
	b.get(place + "?lang=it")
	b.want(http.StatusOK, "C'è un posto per te")
	b.get(link[1])
	b.want(http.StatusOK, "3/5", "ore 16:30–17:00", "Ti teniamo questo orario fino alle 16:00")
	b.onward("contact", "note", "")
	b.onward("review", "name", "Prova Inventata", "email", "prova@prova.example")
	b.onward("book")
	b.want(http.StatusOK, "Appuntamento confermato")
	b.get(place + "?lang=it")
	b.want(http.StatusOK, "Non sei più in lista d'attesa")
	b.lacks("prova@prova.example")
}

func TestLeaveWaitingList(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	b := h.browser()
	b.post("/book/INPS-ADI/wait?lang=it&territory=isernia", "until", "2026-12-03", "name", "Prova Inventata", "email", "prova@prova.example")
	b.want(http.StatusOK, "Sei in lista d'attesa", "Provincia di Isernia")
	m := h.wantMail(s, "Sei in lista d'attesa")
	if strings.Contains(m.text, "inclusione") || strings.Contains(m.text, "Servizio:") {
		t.Errorf("a mail tells what for:\n%s", m.text)
	}
	b.onward("")
	b.want(http.StatusOK, "Non sei più in lista d'attesa")
	b.post(strings.Split(b.at, "?")[0])
	b.want(http.StatusOK)
	b.get("/book/INPS-ADI/wait/none")
	b.want(http.StatusNotFound)
	b.get("/book/NONE/wait?territory=isernia")
	b.want(http.StatusNotFound)
}

// TestSession enrols for a session that many share, fills it, and moves up when somebody gives up a seat.
func TestSession(t *testing.T) {
	h := newBookHouse(t)
	s := serveMail(t)
	b := h.browser()
	b.get("/book/CPI-LAB-CV?lang=it&office=" + deskOffice)
	b.want(http.StatusOK, "Non ci sono incontri in programma")
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.PlanSession(ctx, tx, booking.SessionWish{
			Office: deskOffice, Service: "CPI-LAB-CV", Start: time.Date(2026, 12, 10, 8, 0, 0, 0, time.UTC), Topic: "Prova di colloquio", Capacity: 3, Language: "it", By: "user:test",
		})
		return err
	})
	b.get("/book/CPI-LAB-CV?lang=it&territory=isernia")
	b.want(http.StatusOK, "giovedì 10 dicembre 2026", "Prova di colloquio", "3 posti liberi", "Centro Integrato", "In lingua: Italiano")
	ask := regexp.MustCompile(`href="(/book/CPI-LAB-CV/session/[^"]+)"`).FindStringSubmatch(b.page)[1]
	enrol := func(name string, people int) (*deskBrowser, string) {
		t.Helper()
		b := h.browser()
		b.get(ask)
		b.want(http.StatusOK, "Iscriviti all'incontro")
		b.onward("", "name", name, "email", strings.ToLower(name)+"@prova.example", "people", strconv.Itoa(people))
		b.want(http.StatusOK, `content="noindex"`)
		path, _, _ := strings.Cut(b.at, "?")
		return b, path
	}
	first, seat := enrol("Ada", 2)
	first.want(http.StatusOK, "Hai un posto nell'incontro", "2 persone", "Prova di colloquio")
	h.wantMail(s, "Appuntamento confermato: giovedì 10 dicembre, ore 09:00", "Buongiorno Ada,", bookBase+seat)
	second, place := enrol("Bea", 2)
	second.want(http.StatusOK, "Sei in lista d'attesa")
	h.deliver(s)
	if got := s.taken(); len(got) > 0 {
		t.Errorf("who waits is told of a seat: %v", got)
	}
	b.get(ask)
	b.onward("", "name", " ", "email", "x")
	b.want(http.StatusUnprocessableEntity, "Errore:", `href="#name"`, `href="#email"`)
	b.onward("", "name", "Ada", "email", "ada@prova.example")
	b.want(http.StatusConflict, "Hai già un posto")

	first.get(seat + "/cancel?lang=it")
	first.want(http.StatusOK, "Vuoi lasciare il posto?")
	first.onward("")
	first.want(http.StatusOK, "Hai lasciato il posto")
	h.deliver(s)
	subjects := map[string]bool{}
	for _, m := range s.taken() {
		subjects[m.subject] = true
	}
	if !subjects["Appuntamento annullato: giovedì 10 dicembre, ore 09:00"] || !subjects["Appuntamento confermato: giovedì 10 dicembre, ore 09:00"] || len(subjects) != 2 {
		t.Errorf("got %v", subjects)
	}
	second.get(place + "?lang=it")
	second.want(http.StatusOK, "Hai un posto nell'incontro")
	second.get(place + "/data?lang=it")
	second.want(http.StatusOK, "Bea")
	second.onward("")
	second.want(http.StatusOK, "non abbiamo nessun dato su di te")
	h.at10(t, "09:00", 10)
	second.get(place + "?lang=it")
	second.want(http.StatusOK, "Questo appuntamento è passato")
	second.lacks("/cancel")
	second.post(place + "/cancel?lang=it")
	second.want(http.StatusConflict)
	second.get("/seat/none")
	second.want(http.StatusNotFound)
	b.get(ask)
	b.want(http.StatusGone)
}
