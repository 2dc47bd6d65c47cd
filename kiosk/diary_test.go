package kiosk_test

import (
	"context"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// reserve makes an appointment of the demonstration at a time of the desk's Thursday.
func (h *deskHouse) reserve(service, at, name string) booking.Appointment {
	h.t.Helper()
	start, err := time.Parse(time.RFC3339, "2026-12-03T"+at+":00+01:00")
	if err != nil {
		h.t.Fatal(err)
	}
	return h.reserveAt(deskOffice, service, start, name)
}

func (h *deskHouse) reserveAt(office, service string, start time.Time, name string) (a booking.Appointment) {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		held, err := booking.Hold(ctx, tx, booking.Wish{Office: office, Service: service, Start: start, People: 1, Channel: territory.Staff})
		if err != nil {
			return err
		}
		details := booking.Details{Contact: booking.Contact{Name: name, Email: "prova@example.com"}, Note: "Una nota segreta", Again: true, By: "user:test"}
		a, err = booking.Book(ctx, tx, booking.Key("test"), held.Token, details)
		return err
	})
	return a
}

// again reads an appointment anew.
func (h *deskHouse) again(a booking.Appointment) (now booking.Appointment) {
	h.t.Helper()
	err := h.db.View(h.t.Context(), func(tx *store.Tx) (err error) {
		now, err = booking.ByID(h.t.Context(), tx, a.ID)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return now
}

// mails returns to whom messages are to be sent now, with their subjects.
func (h *deskHouse) mails() (all []string) {
	h.t.Helper()
	err := h.db.View(h.t.Context(), func(tx *store.Tx) (err error) {
		all, err = store.All(h.t.Context(), tx, func(row store.Row) (string, error) {
			var to, subject string
			err := row.Scan(&to, &subject)
			return to + ": " + subject, err
		}, `SELECT recipient, subject FROM messages WHERE state = 'queued' AND next_at <= $1 ORDER BY due_at, id`, store.Millis(tx.Now))
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

const appointmentPath = "/desk/diary/appointment/"

// hidden is the value of a field of the last page that people do not see.
func (b *deskBrowser) hidden(name string) string {
	b.h.t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(b.page)
	if found == nil {
		b.h.t.Fatalf("%s: no field %s\n%s", b.at, name, b.page)
	}
	return found[1]
}

// TestWhoSeesWhatInTheDiary shows one joint appointment and one of INPS alone to everybody who may look.
func TestWhoSeesWhatInTheDiary(t *testing.T) {
	h := newDeskHouse(t)
	joint, own := h.reserve("JNT-LAVORO", "11:00", "Anna Congiunta"), h.reserve("INPS-ISEE", "12:00", "Bice Separata")
	const jointService, ownService = "Consulenza congiunta", "ISEE"
	day := "/desk/diary?office=" + deskOffice + "&day=2026-12-03"
	for _, test := range []struct {
		name, login     string
		sees, not       []string
		jointIs, ownIs  int // status of their pages
		booksAndCancels bool
	}{
		{"an officer of CPI", "cpi-1", []string{jointService, "Anna Congiunta", "CPI + INPS", "Occupato"}, []string{"Bice Separata", ownService + " /"}, 200, 403, true},
		{"an officer of INPS", "inps-1", []string{jointService, "Anna Congiunta", "CPI + INPS", ownService, "Bice Separata"}, []string{"Occupato"}, 200, 200, true},
		{"a manager", "manager", []string{jointService, "Anna Congiunta", ownService, "Bice Separata"}, []string{"Occupato"}, 200, 200, true},
		{"an administrator", "administrator", []string{"Occupato", "CPI + INPS"}, []string{`block-service">Consulenza`, "Anna Congiunta", "Bice Separata", "/desk/diary/book"}, 403, 403, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.at(test.login, "")
			b.get(day)
			b.want(http.StatusOK, test.sees...)
			b.lacks(append(test.not, "Una nota segreta")...)
			b.get(appointmentPath + joint.ID)
			b.want(test.jointIs)
			if test.jointIs == http.StatusOK {
				b.want(http.StatusOK, joint.Reference, "prova@example.com", "Una nota segreta")
			} else {
				b.lacks(joint.Reference, "prova@example.com", "Una nota segreta", "Anna Congiunta")
			}
			b.get(appointmentPath + own.ID)
			b.want(test.ownIs)
			if test.ownIs == http.StatusForbidden {
				b.want(test.ownIs, "Questo è di un altro ente")
				b.lacks("Bice", own.Reference, ownService+" /")
				for _, path := range []string{"/cancel", "/move", "/no-show"} {
					b.post(appointmentPath+own.ID+path, "reason", "else")
					b.want(http.StatusForbidden)
				}
				b.get("/desk/diary/book?office=" + deskOffice + "&service=INPS-ISEE")
				b.want(http.StatusForbidden)
			}
			b.get(appointmentPath + joint.ID + "/cancel")
			if got := b.status == http.StatusOK; got != test.booksAndCancels {
				t.Errorf("may cancel: got %t, want %t", got, test.booksAndCancels)
			}
		})
	}
	for _, login := range []string{"volunteer", "observer"} {
		b := h.at(login, "")
		for _, path := range []string{day, appointmentPath + joint.ID, "/desk/diary/explain", "/desk/diary/book"} {
			b.get(path)
			b.want(http.StatusForbidden)
			b.lacks("Anna Congiunta", jointService)
		}
	}
	b := h.at("not-here", "") // an account for another office alone
	b.get(day)
	b.want(http.StatusForbidden)
	b.get(appointmentPath + joint.ID)
	b.want(http.StatusForbidden)
	if got := h.again(own).State; got != booking.Booked {
		t.Errorf("got %s, want booked", got)
	}
}

// TestGrid looks for what stands in the way of an officer's time, in words.
func TestGrid(t *testing.T) {
	h := newDeskHouse(t)
	h.reserve("JNT-LAVORO", "11:00", "Anna Prova")
	b := h.at("manager", "")
	for _, test := range []struct {
		name, query string
		has, lacks  []string
	}{
		{"a day under way", "day=2026-12-03", []string{"giovedì 3 dicembre", "11:00–11:30", "09:30", "adesso", "Chiuso dalle 12:30 alle 15:00", "1 appuntamento · 1 congiunto"}, nil},
		{"an officer off duty", "day=2026-12-03", []string{"Operatrice CPI 3", "Non in servizio"}, nil},
		{"an absence", "day=2026-12-10", []string{"Assente"}, []string{"adesso"}},
		{"a closure", "day=2026-12-24", []string{"Chiuso: Vigilia di Natale"}, []string{"<table"}},
		{"a holiday", "day=2026-12-08", []string{"Chiuso: Immacolata Concezione"}, []string{"<table"}},
		{"a day on which nobody opens", "day=2026-12-05", []string{"Chiuso"}, []string{"<table"}},
		{"free time ahead", "day=2026-12-10", []string{"Fissa un appuntamento: giovedì 10 dicembre, ore 11:00, Operatore CPI 2"}, []string{"ore 09:00, Operatore CPI 2"}},
		{"free starts", "day=2026-12-03&service=JNT-LAVORO", []string{"Orari liberi", "Fissa: giovedì 3 dicembre, ore 12:00"}, []string{"Fissa: giovedì 3 dicembre, ore 09:00"}},
		{"one officer", "day=2026-12-03&officer=inps-2", []string{"Operatrice INPS 2"}, []string{"<th scope=\"col\" class=\"head\"><a href=\"/desk/diary?day=2026-12-03&office=isernia-centro-integrato&officer=cpi-1"}},
		{"a week", "day=2026-12-03&view=week", []string{"30 novembre – 6 dicembre", "martedì 1º dicembre", "venerdì 4 dicembre", "CPI + INPS"}, []string{"sabato 5"}},
		{"a week of one officer", "day=2026-12-10&view=week&officer=cpi-2", []string{"Assente", "Immacolata Concezione"}, nil},
		{"the day the clock goes back", "day=2026-10-25", []string{"Chiuso"}, nil},
		{"no date at all", "day=nonsense", []string{"giovedì 3 dicembre"}, nil},
		{"an officer and a service that are not there", "officer=nobody&service=NONE", []string{"giovedì 3 dicembre"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.get("/desk/diary?office=" + deskOffice + "&" + test.query)
			b.want(http.StatusOK, test.has...)
			b.lacks(test.lacks...)
		})
	}
	b.get("/desk/diary?office=" + deskOffice + "&day=2026-12-03")
	if got := strings.Count(b.page, "Anna Prova"); got != 2 {
		t.Errorf("the joint appointment is shown %d times, want at both officers", got)
	}
	straight(t, b.page)
}

// straight checks that every row of a table is as wide as the table: a rowspan that is wrong shifts cells.
func straight(t *testing.T, page string) {
	t.Helper()
	width := strings.Count(page, `scope="col"`)
	open := 0
	rows := regexp.MustCompile(`(?s)<tr class="u-\d[^>]*>.*?</tr>|<tr class="gap">`).FindAllString(page, -1)
	spans := regexp.MustCompile(`<td rowspan="(\d+)"`)
	var still []int
	for i, row := range rows {
		var next []int
		for _, left := range still {
			if left > 1 {
				next = append(next, left-1)
			}
		}
		if strings.Contains(row, "gap") {
			if len(next) > 0 {
				t.Errorf("row %d: %d cells reach into a gap", i, len(next))
			}
			still = nil
			continue
		}
		for _, m := range spans.FindAllStringSubmatch(row, -1) {
			n := 0
			for _, digit := range m[1] {
				n = n*10 + int(digit-'0')
			}
			next = append(next, n)
		}
		if len(next)+1 != width {
			t.Errorf("row %d has %d cells, want %d", i, len(next)+1, width)
		}
		still, open = next, open+1
	}
	if open < 8 {
		t.Errorf("only %d rows found", open)
	}
}

func TestBookByPhone(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "")
	b.get("/desk/diary/book?office=" + deskOffice)
	b.want(http.StatusOK, "Per quale servizio?", "Consulenza congiunta: ho perso il lavoro", "Patto di servizio")
	b.lacks("ISEE / DSU", "Laboratorio")
	b.get("/desk/diary/book?office=" + deskOffice + "&service=JNT-LAVORO&day=2026-12-03")
	b.want(http.StatusOK, "11:00", "12:00")
	b.lacks("2026-12-03T09:00") // past
	hold := []string{"office", deskOffice, "service", "JNT-LAVORO", "people", "2", "start", "2026-12-03T11:00:00+01:00"}
	b.post("/desk/diary/book", hold...)
	b.want(http.StatusOK, "Per chi è?", "riservato fino alle 09:40", "2 persone")
	page := b.at
	b.post(page, "name", "", "email", "no address", "phone", "12", "fiscal_code", "XQZWJY80B30F205V", "note", "Nota che resta")
	b.want(http.StatusUnprocessableEntity, "Questo campo manca", "Scrivi un indirizzo e-mail", "Scrivi un numero di telefono", "la data di nascita non esiste", "Nota che resta", `value="no address"`)
	b.post(page, "name", "Anna Prova", "email", "anna@example.com", "phone", "", "fiscal_code", stripe, "language", "en")
	b.want(http.StatusOK, "Detta il codice", "anna@example.com", "Operatrice CPI 1", "Ada Prova")
	b.lacks("XQZ")
	if got := h.mails(); len(got) != 1 || !strings.Contains(got[0], "anna@example.com") || !strings.Contains(got[0], "Appointment confirmed") {
		t.Errorf("got mails %q, want one that confirms, in English", got)
	}
	b.get(page) // back in the browser
	b.want(http.StatusOK, "Che cosa fare")

	// The same person for the same need: only with a reason.
	b.post("/desk/diary/book", append(hold[:6:6], "start", "2026-12-03T12:00:00+01:00")...)
	again := b.at
	form := []string{"name", "Anna Prova", "email", "anna@example.com"}
	b.post(again, form...)
	b.want(http.StatusConflict, "Hai già un appuntamento per questo", "Perché un altro?", `value="Anna Prova"`)
	b.post(again, append(form, "again", "1")...)
	b.want(http.StatusUnprocessableEntity, "Manca il motivo", "Perché un altro?")
	b.post(again, append(form, "again", "1", "reason", "made up")...)
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post(again, append(form, "again", "1", "reason", "family")...)
	b.want(http.StatusOK, "Detta il codice", "È per un'altra persona della famiglia")
	if got := h.lines("appointment.again"); got != 1 {
		t.Errorf("got %d lines that tell of it, want 1", got)
	}
}

// TestHoldThatIsOver books although it took too long, unless somebody else was faster.
func TestHoldThatIsOver(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("inps-1", "")
	hold := func(at string) string {
		b.post("/desk/diary/book", "office", deskOffice, "service", "INPS-ISEE", "people", "1", "start", "2026-12-03T"+at+":00+01:00")
		b.want(http.StatusOK, "Per chi è?")
		return b.at
	}
	page := hold("12:00")
	h.clock.Add(11 * time.Minute)
	b.get(page)
	b.want(http.StatusOK, "non è più riservato", `value="2026-12-03T12:00:00+01:00" selected`)
	b.post(page, "name", "Anna Prova", "start", "2026-12-03T12:00:00+01:00")
	b.want(http.StatusOK, "Detta il codice", "ore 12:00–12:30", "fai scrivere codice e orario")

	page = hold("15:00")
	h.clock.Add(11 * time.Minute)
	for _, name := range []string{"Bice Prova", "Carla Prova"} { // both officers of INPS
		h.reserve("INPS-ISEE", "15:00", name)
	}
	b.post(page, "name", "Dina Prova", "note", "Nota che resta", "start", "2026-12-03T15:00:00+01:00")
	b.want(http.StatusConflict, "Questo orario è appena stato preso", `value="Dina Prova"`, "Nota che resta", "15:30")
	b.post(page, "name", "Dina Prova", "start", "2026-12-03T15:30:00+01:00")
	b.want(http.StatusOK, "Detta il codice", "ore 15:30–16:00")

	page = hold("16:00")
	b.post(page + "/release")
	b.want(http.StatusOK, "giovedì 3 dicembre")
	b.post("/desk/diary/book", "office", deskOffice, "service", "INPS-ISEE", "people", "1", "start", "2026-12-03T15:10:00+01:00")
	b.want(http.StatusUnprocessableEntity, "A quell'ora non si può prenotare")
	b.post("/desk/diary/book", "office", deskOffice, "service", "INPS-ISEE", "people", "99", "start", "nonsense")
	b.want(http.StatusUnprocessableEntity, "qualcosa da correggere")
}

// TestTwoChangeTheSameAppointment has two people look at one appointment before either changes it.
func TestTwoChangeTheSameAppointment(t *testing.T) {
	h := newDeskHouse(t)
	a := h.reserve("JNT-LAVORO", "11:00", "Anna Prova")
	one, two := h.at("cpi-1", ""), h.at("inps-1", "")
	for _, b := range []*deskBrowser{one, two} {
		b.get(appointmentPath + a.ID + "/move?day=2026-12-03")
		b.want(http.StatusOK, "Sposta l'appuntamento", "12:00")
	}
	h.clock.Add(time.Second)
	one.post(appointmentPath+a.ID+"/move", "seen", one.hidden("seen"), "start", "2026-12-03T12:00:00+01:00")
	one.want(http.StatusOK, "Appuntamento spostato.", "ore 12:00–12:30", "da giovedì 3 dicembre, ore 11:00 a giovedì 3 dicembre, ore 12:00")
	two.post(appointmentPath+a.ID+"/move", "seen", two.hidden("seen"), "start", "2026-12-03T15:00:00+01:00")
	two.want(http.StatusConflict, "L'appuntamento è cambiato nel frattempo", "ore 12:00–12:30")
	two.post(appointmentPath+a.ID+"/cancel", "seen", "", "reason", "else")
	two.want(http.StatusConflict, "L'appuntamento è cambiato nel frattempo")
	if got := h.again(a); got.State != booking.Booked || !got.Start.Equal(a.Start.Add(time.Hour)) {
		t.Errorf("got %s at %v, want the first move alone", got.State, got.Start)
	}
	if got := h.mails(); len(got) != 1 || !strings.Contains(got[0], "Appuntamento cambiato") {
		t.Errorf("got mails %q, want one of the move", got)
	}

	one.get(appointmentPath + a.ID + "/cancel")
	one.want(http.StatusOK, "Perché lo annulli?")
	seen := one.hidden("seen")
	h.clock.Add(time.Second)
	one.post(appointmentPath+a.ID+"/cancel", "seen", seen)
	one.want(http.StatusUnprocessableEntity, "Manca il motivo", "Perché lo annulli?")
	one.post(appointmentPath+a.ID+"/cancel", "seen", seen, "reason", "officer_absent")
	one.want(http.StatusOK, "Appuntamento annullato.", "L'operatore è assente")
	one.lacks("Che cosa fare")
	one.post(appointmentPath+a.ID+"/cancel", "seen", seen, "reason", "officer_absent")
	one.want(http.StatusConflict, "L'appuntamento è cambiato nel frattempo")
	one.get(appointmentPath + a.ID + "/move")
	one.want(http.StatusConflict, "Con questo appuntamento ora non si può fare")
	if got := h.mails(); len(got) != 1 || !strings.Contains(got[0], "La sede ha annullato") {
		t.Errorf("got mails %q, want one that calls it off", got)
	}
	one.get("/desk/diary?office=" + deskOffice + "&day=2026-12-03")
	one.want(http.StatusOK, "0 appuntamenti · 1 annullato", "Annullati", "Anna Prova")
}

func TestNobodyCame(t *testing.T) {
	h := newDeskHouse(t)
	a := h.reserve("INPS-ISEE", "12:00", "Anna Prova")
	b := h.at("inps-1", "")
	b.get(appointmentPath + a.ID)
	b.lacks("Non si è presentato")
	b.get(appointmentPath + a.ID + "/cancel")
	seen := b.hidden("seen")
	b.post(appointmentPath+a.ID+"/no-show", "seen", seen)
	b.want(http.StatusConflict, "L'appuntamento non è ancora cominciato")
	h.clock.Set(a.Start.Add(10 * time.Minute))
	b.post("/unlock", "password", deskPassword)
	b.get(appointmentPath + a.ID + "/no-show")
	b.want(http.StatusOK, "Il tempo che resta torna libero")
	b.post(appointmentPath+a.ID+"/no-show", "seen", seen)
	b.want(http.StatusOK, "non si è presentato nessuno")
	if got := h.again(a).State; got != booking.NoShow {
		t.Errorf("got %s, want no_show", got)
	}
}

func TestReceiptFromTheDiary(t *testing.T) {
	h := newDeskHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		for _, p := range []spool.Printer{
			{ID: "here", Office: deskOffice, Name: "Sala", URI: "file:" + t.TempDir()},
			{ID: "there", Office: "sportello-agnone", Name: "Altrove", URI: "file:" + t.TempDir()},
		} {
			if err := spool.AddPrinter(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	a := h.reserve("JNT-LAVORO", "11:00", "Anna Prova")
	b := h.at("cpi-1", "")
	b.get(appointmentPath + a.ID + "/receipt.pdf")
	if b.status != http.StatusOK || !strings.HasPrefix(html.UnescapeString(b.page), "%PDF-") {
		t.Errorf("got %d and no PDF", b.status)
	}
	b.post(appointmentPath+a.ID+"/print", "printer", "here")
	b.want(http.StatusOK, "La ricevuta è in stampa.")
	b.post(appointmentPath+a.ID+"/print", "printer", "there")
	b.want(http.StatusUnprocessableEntity, "stampante è di un'altra sede")
	b.post(appointmentPath+a.ID+"/print", "printer", "none")
	if b.status < 400 {
		t.Errorf("an unknown printer: got %d", b.status)
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CancelByStaff(ctx, tx, a.ID, "else", "user:test")
		return err
	})
	b.get(appointmentPath + a.ID + "/receipt.pdf")
	b.want(http.StatusConflict, "Con questo appuntamento ora non si può fare")
}

func TestBlockAndUndo(t *testing.T) {
	h := newDeskHouse(t)
	a := h.reserve("INPS-ISEE", "12:00", "Anna Prova")
	officer := a.Staff[0].Officer
	b := h.at("manager", "")
	form := func(whose, from, until, reason string) []string {
		return []string{"office", deskOffice, "whose", whose, "from_day", "2026-12-03", "from", from, "until_day", "2026-12-03", "until", until, "reason", reason}
	}
	for _, test := range []struct {
		name   string
		form   []string
		status int
		text   string
	}{
		{"no reason", form("officer:"+officer, "11:00", "13:00", ""), 422, "Manca il motivo"},
		{"a reason of one's own", form("officer:"+officer, "11:00", "13:00", "because Ada is ill"), 422, "Manca il motivo"},
		{"nobody", form("", "11:00", "13:00", "training"), 422, "Questo campo manca"},
		{"somebody of another office", form("officer:comune-agnone", "11:00", "13:00", "training"), 422, "Questo valore non è tra quelli possibili"},
		{"an end before the start", form("officer:"+officer, "13:00", "11:00", "training"), 422, "La fine viene prima dell'inizio"},
		{"no times", form("officer:"+officer, "", "nonsense", "training"), 422, "Questo campo manca"},
		{"off the five minutes", form("officer:"+officer, "11:03", "13:00", "training"), 422, "multiplo di 5 minuti"},
		{"a room", form("room:colloqui", "15:00", "16:00", "repair"), 200, "Tempo bloccato."},
		{"an officer", form("officer:"+officer, "11:00", "13:00", "training"), 200, "Tempo bloccato."},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.post("/desk/diary/blocks", test.form...)
			b.want(test.status, test.text)
		})
	}
	b.want(http.StatusOK, "Appuntamenti da sistemare", "Anna Prova", "Formazione", "Stanza colloqui")
	b.get("/desk/diary?office=" + deskOffice + "&day=2026-12-03")
	b.want(http.StatusOK, "Formazione", "Chi lo segue è impegnato", "Lavori o guasto")
	straight(t, b.page)
	b.get("/desk/diary/explain?office=" + deskOffice + "&service=INPS-ISEE&day=2026-12-03&time=11:30")
	b.want(http.StatusOK, "È libero") // the other officer
	b.get("/desk/diary/blocks?office=" + deskOffice)
	undo := regexp.MustCompile(`/desk/diary/blocks/[^/"]+/undo`).FindString(b.page)
	other := h.at("cpi-1", "")
	other.post("/desk/diary/blocks", form("officer:"+officer, "15:00", "16:00", "training")...)
	other.want(http.StatusForbidden, "Questo è di un altro ente")
	other.post(undo, "office", deskOffice)
	other.want(http.StatusForbidden, "Questo è di un altro ente")
	b.post(undo, "office", deskOffice)
	b.want(http.StatusOK, "Tempo sbloccato.")
	b.lacks("Appuntamenti da sistemare")
	b.post(undo, "office", deskOffice)
	b.want(http.StatusNotFound, "Questo blocco non c'è")
}

// TestLateAndAbsent looks first, changes nothing by that, then does it.
func TestLateAndAbsent(t *testing.T) {
	h := newDeskHouse(t)
	one, last := h.reserve("INPS-ISEE", "11:00", "Anna Prova"), h.reserve("JNT-LAVORO", "16:30", "Bice Prova")
	officer := one.Staff[0].Officer
	if last.Staff[1].Officer != officer {
		h.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.Reassign(ctx, tx, last.ID, last.Staff[1].Officer, officer, "user:test")
			return err
		})
	}
	b := h.at("inps-1", "")
	late := []string{"office", deskOffice, "step", "late", "officer", officer, "minutes", "15"}
	b.post("/desk/diary/late", "office", deskOffice, "step", "late", "officer", "cpi-1", "minutes", "15")
	b.want(http.StatusForbidden, "Questo è di un altro ente")
	b.post("/desk/diary/late", "office", deskOffice, "step", "late", "officer", officer, "minutes", "7")
	b.want(http.StatusUnprocessableEntity, "Il valore è fuori dai limiti")
	b.post("/desk/diary/late", late...)
	b.want(http.StatusOK, "Che cosa succede", "1 appuntamento si sposta", "11:00 → 11:15", "1 appuntamento resta com'è", "Non è aperto abbastanza a lungo")
	if got := h.again(one).Start; !got.Equal(one.Start) || len(h.mails()) > 0 {
		t.Errorf("looking has changed something: %v, %v", got, h.mails())
	}
	b.post("/desk/diary/late", append(late, "go", "1")...)
	b.want(http.StatusOK, "1 appuntamento è spostato")
	if got := h.again(one).Start; !got.Equal(one.Start.Add(15 * time.Minute)) {
		t.Errorf("got %v, want a quarter of an hour later", got)
	}
	if got := h.mails(); len(got) != 1 || !strings.Contains(got[0], "Appuntamento cambiato") {
		t.Errorf("got mails %q, want one of the new time", got)
	}

	absent := []string{
		"office", deskOffice, "step", "absent", "officer", officer, "from_day", "2026-12-03", "from", "00:00", "until_day", "2026-12-03", "until", "23:55",
	}
	b.post("/desk/diary/late", absent...)
	b.want(http.StatusOK, "2 appuntamenti passano ad altri")
	if got := h.again(one).Staff[0].Officer; got != officer {
		t.Errorf("looking has given it to %s", got)
	}
	b.post("/desk/diary/late", append(absent, "go", "1")...)
	b.want(http.StatusOK, "2 appuntamenti sono affidati ad altri")
	if got := h.again(one).Staff[0].Officer; got == officer {
		t.Errorf("it is still %s's", got)
	}
	b.post("/desk/diary/late", append(absent, "go", "1")...)
	b.want(http.StatusOK, "Non c'è nessun appuntamento da cambiare.")

	// One of them back, by hand.
	b.get(appointmentPath + one.ID + "/give")
	b.want(http.StatusOK, "Affida ad altri")
	now := h.again(one).Staff[0].Officer
	seen := b.hidden("seen")
	b.post(appointmentPath+one.ID+"/give", "seen", seen, "from", now, "to", "cpi-1")
	b.want(http.StatusConflict, "Questo operatore non può farlo")
	b.post(appointmentPath+one.ID+"/give", "seen", seen, "from", now, "to", officer)
	b.want(http.StatusOK, "Appuntamento affidato a un altro operatore.")
}

func TestCallList(t *testing.T) {
	h := newDeskHouse(t)
	quiet, other := h.reserve("INPS-ISEE", "12:00", "Anna Prova"), h.reserve("CPI-PATTO", "11:00", "Bice Prova")
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE appointments SET email = '', phone = '+393330000001'`)
		return err
	})
	b := h.at("inps-1", "")
	list := "/desk/diary/calls?office=" + deskOffice + "&day=2026-12-03"
	b.get(list)
	b.want(http.StatusOK, "Non c'è nessuno da chiamare.")
	b.get(list + "&all=1")
	b.want(http.StatusOK, "Anna Prova", "+393330000001")
	b.lacks("Bice Prova") // of another institution
	b.get(appointmentPath + quiet.ID + "/cancel")
	b.post(appointmentPath+quiet.ID+"/cancel", "seen", b.hidden("seen"), "reason", "officer_absent")
	b.get(list)
	b.want(http.StatusOK, "Anna Prova", "Annullato: L'operatore è assente")
	if got := h.again(other).State; got != booking.Booked {
		t.Errorf("got %s", got)
	}
}

func TestGroupSession(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "")
	plan := func(at, capacity, topic string) []string {
		return []string{"office", deskOffice, "service", "CPI-LAB-CV", "topic", topic, "day", "2026-12-03", "time", at, "capacity", capacity, "funding", "PNRR-1"}
	}
	b.post("/desk/diary/sessions", plan("", "2", "Un argomento")...)
	b.want(http.StatusUnprocessableEntity, "qualcosa da correggere", `value="Un argomento"`)
	b.post("/desk/diary/sessions", plan("15:00", "many", "Un argomento")...)
	b.want(http.StatusUnprocessableEntity, "fuori dai limiti")
	b.post("/desk/diary/sessions", plan("15:00", "2", "Scrivere il curriculum")...)
	b.want(http.StatusOK, "Incontro creato.", "Scrivere il curriculum", "PNRR-1", "0 su 2", "Stanza colloqui")
	at := strings.Split(b.at, "?")[0]
	b.get("/desk/diary?office=" + deskOffice + "&day=2026-12-03")
	b.want(http.StatusOK, "Scrivere il curriculum", "0 su 2", "Stanza colloqui", "1 incontro di gruppo")
	straight(t, b.page)
	b.post(at+"/enrol", "name", "", "people", "1")
	b.want(http.StatusUnprocessableEntity, "Questo campo manca")
	b.post(at+"/enrol", "name", "Anna Prova", "email", "anna@example.com", "people", "2")
	b.want(http.StatusOK, "Persona iscritta.", "Detta il codice", "2 su 2", "Anna Prova")
	anna := b.hidden("seat")
	b.post(at+"/enrol", "name", "Anna Prova", "email", "anna@example.com", "people", "1")
	b.want(http.StatusConflict, "Hai già un posto in questo incontro")
	b.post(at+"/enrol", "name", "Bice Prova", "email", "bice@example.com", "people", "1")
	b.want(http.StatusOK, "la persona è in lista d'attesa", "Lista d'attesa")
	b.post(at+"/attend", "seat-"+anna, "present")
	b.want(http.StatusOK, "Presenze salvate.")
	b.post(at+"/give-up", "seat", anna)
	if b.status == http.StatusOK {
		b.lacks("Lista d'attesa")
	}
	h.at("inps-1", "").want(http.StatusOK)
	two := h.at("inps-1", "")
	two.get(at)
	two.want(http.StatusOK, "Scrivere il curriculum")
	two.lacks("Anna Prova", "Bice Prova", "Iscrivi una persona")
	two.post(at+"/cancel", "reason", "else")
	two.want(http.StatusForbidden, "Questo è di un altro ente")
	b.post(at + "/cancel")
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post(at+"/cancel", "reason", "too_few")
	b.want(http.StatusOK, "Incontro annullato.", "Ci sono troppo pochi iscritti")
	b.lacks("Iscrivi una persona")
	b.get("/desk/diary/session/none")
	b.want(http.StatusNotFound, "Questo incontro non c'è")
}

func TestExplainInWords(t *testing.T) {
	h := newDeskHouse(t)
	for _, at := range []string{"15:00", "15:00"} {
		h.reserve("INPS-ISEE", at, "Anna "+h.db.Now().String())
		h.clock.Add(time.Second)
	}
	b := h.at("manager", "")
	ask := func(query string) string { return "/desk/diary/explain?office=" + deskOffice + "&" + query }
	for _, test := range []struct {
		name, query string
		status      int
		texts       []string
	}{
		{"nothing asked", "", 200, []string{"Perché questo orario non è offerto?"}},
		{"free", "service=JNT-LAVORO&day=2026-12-03&time=11:00", 200, []string{"È libero", "/desk/diary/book?"}},
		{"taken", "service=INPS-ISEE&day=2026-12-03&time=15:00", 200, []string{"Ha già un altro appuntamento", "Operatore INPS 1", "Operatrice INPS 2"}},
		{"off the grid", "service=JNT-LAVORO&day=2026-12-03&time=11:10", 200, []string{"non comincia a quell'ora", "ogni 30 minuti"}},
		{"one institution is not there", "service=JNT-LAVORO&day=2026-12-04&time=10:00", 200, []string{"Non è aperto abbastanza a lungo", "INPS"}},
		{"a closure", "service=JNT-LAVORO&day=2026-12-24&time=10:00", 200, []string{"Chiuso per chiusura o festa"}},
		{"an absence", "service=CPI-PATTO&day=2026-12-10&time=09:00", 200, []string{"libero"}},
		{"past", "service=JNT-LAVORO&day=2026-12-03&time=09:00", 200, []string{"troppo tardi"}},
		{"too early", "service=JNT-LAVORO&day=2027-11-25&time=10:00", 200, []string{"troppo presto"}},
		{"no time of day", "service=JNT-LAVORO&day=2026-12-03&time=25:00", 422, []string{"L'ora non va bene"}},
		{"no service", "service=NONE&day=2026-12-03&time=11:00", 404, []string{"Questo servizio non c'è"}},
		{"a channel that is not", "service=JNT-LAVORO&day=2026-12-03&time=11:00&channel=smoke", 422, []string{"qualcosa da correggere"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.get(ask(test.query))
			b.want(test.status, test.texts...)
		})
	}
}

// diaryKey finds message keys that have no message.
var diaryKey = regexp.MustCompile(`[>" ](diary|desk|fault|term|appointment|field|manage)(\.[a-z0-9_-]+)+[<" ]`)

func TestDiaryPagesInBothLanguages(t *testing.T) {
	h := newDeskHouse(t)
	a, over := h.reserve("JNT-LAVORO", "11:00", "Anna Prova"), h.reserve("CPI-PATTO", "11:00", "Bice Prova")
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CancelByStaff(ctx, tx, over.ID, "else", "user:user-cpi-1")
		return err
	})
	b := h.at("manager", "")
	b.post("/desk/diary/book", "office", deskOffice, "service", "JNT-LAVORO", "people", "1", "start", "2026-12-03T12:00:00+01:00")
	contact, _, _ := strings.Cut(b.at, "?")
	at := "?office=" + deskOffice
	for _, path := range []string{
		"/desk/diary" + at, "/desk/diary" + at + "&view=week", "/desk/diary" + at + "&service=JNT-LAVORO", "/desk/diary" + at + "&day=2026-12-25",
		"/desk/diary/book" + at, "/desk/diary/book" + at + "&start=2026-12-10T09:00:00%2B01:00", "/desk/diary/book" + at + "&service=JNT-LAVORO",
		"/desk/diary/book" + at + "&service=JNT-LAVORO&day=2027-11-01", contact, appointmentPath + a.ID, appointmentPath + a.ID + "?done=booked",
		appointmentPath + over.ID, appointmentPath + a.ID + "/cancel", appointmentPath + a.ID + "/move",
		"/desk/diary/blocks" + at, "/desk/diary/late" + at, "/desk/diary/calls" + at + "&all=1", "/desk/diary/sessions" + at, appointmentPath + a.ID + "/give",
		"/desk/diary/explain" + at + "&service=JNT-LAVORO&day=2026-12-24&time=09:10",
	} {
		for _, lang := range []string{"it", "en"} {
			b.get(path, "Accept-Language", lang)
			b.want(http.StatusOK, `<html lang="`+lang+`"`, "<h1")
			if got := diaryKey.FindAllString(b.page, -1); got != nil {
				t.Errorf("%s in %s: keys without a message: %q", path, lang, got)
			}
		}
	}
}

func TestDiaryEvents(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("administrator", "")
	b.get("/desk/diary?office=" + deskOffice)
	version := regexp.MustCompile(`data-version="(\d+)"`).FindStringSubmatch(b.page)[1]
	h.reserve("JNT-LAVORO", "11:00", "Anna Prova")
	b.get("/desk/diary?office="+deskOffice, "Sportello-Live", "1")
	if now := regexp.MustCompile(`data-version="(\d+)"`).FindStringSubmatch(b.page)[1]; now == version {
		t.Error("the page is of the same version after a booking")
	}
}
