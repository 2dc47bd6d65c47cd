package kiosk_test

import (
	"bufio"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/queue"
	"sportello/queue/rule"
	"sportello/static"
)

// The office of the desk's tests on a Thursday morning, when CPI and INPS are both there.
const (
	deskOffice   = "isernia-centro-integrato"
	deskPassword = "a password for tests"
)

var deskMorning = time.Date(2026, 12, 3, 8, 30, 0, 0, time.UTC) // 09:30 in Rome

// deskHouse is a server over a real database, with an account for each of some officers.
type deskHouse struct {
	t      *testing.T
	db     *store.DB
	clock  *storetest.Clock
	kiosk  *kiosk.Server
	server *httptest.Server
}

func newDeskHouse(t *testing.T, doors ...kiosk.DemoDoor) *deskHouse {
	t.Helper()
	h := &deskHouse{t: t, clock: storetest.At(deskMorning)}
	h.db = storetest.Open(t, h.clock.Now)
	files, err := territory.Demo()
	if err != nil {
		t.Fatal(err)
	}
	file, problems := territory.Parse(files[0].Text, files[0].ID)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	password := access.HashPassword(deskPassword)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		if _, err := territory.Import(ctx, tx, file); err != nil {
			return err
		}
		for _, u := range []access.User{
			{Login: "cpi-1", Name: "Ada Prova", Role: access.Officer, Officer: "cpi-1"},
			{Login: "cpi-2", Name: "Bruno Prova", Role: access.Officer, Officer: "cpi-2"},
			{Login: "inps-1", Name: "Carla Prova", Role: access.Officer, Officer: "inps-1"},
			{Login: "elsewhere", Name: "Dario Prova", Role: access.Officer, Officer: "comune-agnone"},
			{Login: "not-here", Name: "Elsa Prova", Role: access.Officer, Officer: "cpi-3", Offices: []string{"sportello-agnone"}},
			{Login: "nobody", Name: "Fabio Prova", Role: access.Officer},
			{Login: "volunteer", Name: "Gina Prova", Role: access.Volunteer, Offices: []string{deskOffice}},
			{Login: "observer", Name: "Hugo Prova", Role: access.Observer},
			{Login: "manager", Name: "Ivo Prova", Role: access.Manager, Offices: []string{deskOffice}},
			{Login: "responsible", Name: "Rosa Prova", Role: access.Manager},
			{Login: "administrator", Name: "Lia Prova", Role: access.Administrator},
		} {
			u.ID, u.Territory = "user-"+u.Login, "isernia"
			if err := access.AddUser(ctx, tx, u, password, "user:test"); err != nil {
				return err
			}
		}
		return nil
	})
	s, err := kiosk.New(kiosk.Options{DB: h.db, Log: slog.New(slog.DiscardHandler), Demo: doors})
	if err != nil {
		t.Fatal(err)
	}
	h.kiosk, h.server = s, httptest.NewServer(s.Handler())
	t.Cleanup(h.server.Close)
	return h
}

func (h *deskHouse) update(do func(ctx context.Context, tx *store.Tx) error) {
	h.t.Helper()
	ctx := h.t.Context()
	if err := h.db.Update(ctx, func(tx *store.Tx) error { return do(ctx, tx) }); err != nil {
		h.t.Fatal(err)
	}
}

// issue lets somebody take a ticket at the kiosk.
func (h *deskHouse) issue(r queue.Request) queue.Ticket {
	h.t.Helper()
	r.Office, r.Origin, r.By = deskOffice, queue.FromKiosk, "device:test"
	var t queue.Ticket
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		t, err = queue.Issue(ctx, tx, r)
		return err
	})
	h.clock.Add(time.Second)
	return t
}

// deskBrowser is somebody's browser.
type deskBrowser struct {
	h      *deskHouse
	client *http.Client
	page   string // last one, without the signs by which HTML writes others
	raw    string // the same as it came
	status int
	at     string // path and query of the page
}

func (h *deskHouse) browser() *deskBrowser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &deskBrowser{h: h, client: &http.Client{Jar: jar}}
}

// at signs in and, unless desk is empty, opens it for the given services.
func (h *deskHouse) at(login, desk string, services ...string) *deskBrowser {
	h.t.Helper()
	b := h.browser()
	b.post("/sign-in", "login", login, "password", deskPassword)
	b.want(http.StatusOK)
	if desk != "" {
		form := []string{"office", deskOffice, "desk", desk}
		for _, s := range services {
			form = append(form, "service", s)
		}
		b.post("/desk/open", form...)
		b.want(http.StatusOK, `id="ticket"`)
	}
	return b
}

func (b *deskBrowser) do(r *http.Request) {
	b.h.t.Helper()
	answer, err := b.client.Do(r)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	b.raw, b.page, b.status, b.at = string(body), html.UnescapeString(string(body)), answer.StatusCode, answer.Request.URL.RequestURI()
}

func (b *deskBrowser) get(path string, header ...string) {
	b.h.t.Helper()
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodGet, b.h.server.URL+path, nil)
	if err != nil {
		b.h.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	b.do(r)
}

func (b *deskBrowser) post(path string, form ...string) {
	b.h.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Add(form[i], form[i+1])
	}
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodPost, b.h.server.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.do(r)
}

// want checks the last page's status and that it holds every one of texts.
func (b *deskBrowser) want(status int, texts ...string) {
	b.h.t.Helper()
	if b.status != status {
		b.h.t.Fatalf("%s: got status %d, want %d\n%s", b.at, b.status, status, b.page)
	}
	for _, text := range texts {
		if !strings.Contains(b.page, text) {
			b.h.t.Errorf("%s: page lacks %q\n%s", b.at, text, b.page)
		}
	}
}

func (b *deskBrowser) lacks(texts ...string) {
	b.h.t.Helper()
	for _, text := range texts {
		if strings.Contains(b.page, text) {
			b.h.t.Errorf("%s: page holds %q\n%s", b.at, text, b.page)
		}
	}
}

var deskLabel = regexp.MustCompile(`class="ticket-label">([A-Z0-9]+)<`)

// mine is the number at the desk, "" for none.
func (b *deskBrowser) mine() string {
	if found := deskLabel.FindStringSubmatch(b.page); found != nil {
		return found[1]
	}
	return ""
}

func TestSignIn(t *testing.T) {
	h := newDeskHouse(t)
	for _, test := range []struct {
		name, login, password string
		status                int
		text                  string
	}{
		{"wrong password", "cpi-1", "guess", http.StatusUnauthorized, "Nome utente o password non vanno bene"},
		{"unknown login", "cpi-99", deskPassword, http.StatusUnauthorized, "Nome utente o password non vanno bene"},
		{"nothing", "", "", http.StatusUnauthorized, "Nome utente o password non vanno bene"},
		{"right", "CPI-1 ", deskPassword, http.StatusOK, "Dove lavori oggi?"},
		{"an account of no officer", "nobody", deskPassword, http.StatusOK, "non è collegato a un operatore"},
		{"an observer", "observer", deskPassword, http.StatusOK, "Qui arriveranno i numeri"},
		{"an administrator", "administrator", deskPassword, http.StatusOK, "Ciao, Lia Prova"},
		{"a manager who is no officer", "manager", deskPassword, http.StatusOK, "Ciao, Ivo Prova"},
		{"a volunteer", "volunteer", deskPassword, http.StatusOK, "Accoglienza"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.browser()
			b.post("/sign-in", "login", test.login, "password", test.password)
			b.want(test.status, test.text)
		})
	}
}

func TestNobodySignedInIsSentToTheDoor(t *testing.T) {
	h := newDeskHouse(t)
	b := h.browser()
	b.get("/desk")
	b.want(http.StatusOK, `action="/sign-in"`)
	b.post("/desk/next")
	b.want(http.StatusUnauthorized)
}

func TestLockedScreen(t *testing.T) {
	h := newDeskHouse(t)
	h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.post("/lock")
	b.want(http.StatusOK, "Schermo bloccato", "Ada Prova")
	b.get("/desk")
	b.want(http.StatusOK, "Schermo bloccato")
	b.post("/desk/next")
	b.want(http.StatusUnauthorized)
	b.post("/unlock", "password", "guess")
	b.want(http.StatusUnauthorized, "Schermo bloccato")
	b.post("/unlock", "password", deskPassword)
	b.want(http.StatusOK, "Sportello libero")
	if got := b.mine(); got != "" {
		t.Errorf("got %s called from behind the lock", got)
	}
}

func TestIdleLock(t *testing.T) {
	h := newDeskHouse(t)
	for _, test := range []struct {
		name   string
		header []string
		locked bool
	}{
		{"a page that keeps itself up to date is nobody", []string{"Sportello-Live", "1"}, true},
		{"a person looks at the page", nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.at("cpi-1", "")
			h.clock.Add(20 * time.Minute)
			b.get("/desk", test.header...)
			b.want(http.StatusOK, "Dove lavori oggi?")
			h.clock.Add(access.IdleLock - 10*time.Minute)
			b.get("/desk")
			if got := strings.Contains(b.page, "Schermo bloccato"); got != test.locked {
				t.Errorf("got locked %t, want %t", got, test.locked)
			}
		})
	}
}

func TestServe(t *testing.T) {
	h := newDeskHouse(t)
	first := h.issue(queue.Request{Service: "CPI-DID", Language: "uk"})
	second := h.issue(queue.Request{Service: "CPI-DID", Precedence: true})
	b := h.at("cpi-1", "1", "CPI-DID", "CPI-SCHEDA")

	b.post("/desk/next")
	b.want(http.StatusOK, "ha la precedenza", "In arrivo", "Annulla la chiamata di A002")
	if got := b.mine(); got != second.Label() {
		t.Fatalf("got %s called, want %s", got, second.Label())
	}
	b.post("/desk/next")
	b.want(http.StatusConflict, "Prima chiudi il numero A002", "In arrivo")
	b.post("/desk/start", "ticket", second.ID)
	b.want(http.StatusOK, "Allo sportello")
	b.lacks("Annulla la chiamata")
	b.post("/desk/finish-next", "ticket", second.ID, "outcome", "done")
	b.want(http.StatusOK, "parla ucraino", "è l'unica persona che aspetta questo sportello")
	if got := b.mine(); got != first.Label() {
		t.Fatalf("got %s called, want %s", got, first.Label())
	}

	// Twice the same press: the second names a ticket that is no longer at the desk.
	b.post("/desk/finish-next", "ticket", second.ID, "outcome", "done")
	b.want(http.StatusConflict)
	if got := b.mine(); got != first.Label() {
		t.Errorf("got %s at the desk after a repeated press, want %s", got, first.Label())
	}

	b.post("/desk/start", "ticket", first.ID)
	b.post("/desk/finish-next", "ticket", first.ID, "outcome", "to_continue", "served_as", "CPI-SCHEDA")
	b.want(http.StatusOK, "Nessuno aspetta per il tuo sportello", "Annulla la conclusione di A001")
	h.update(func(ctx context.Context, tx *store.Tx) error {
		got, err := queue.ByID(ctx, tx, first.ID)
		if got.State != queue.Served || got.Outcome != "to_continue" || got.ServedAs != "CPI-SCHEDA" {
			t.Errorf("got %s, outcome %q, served as %q", got.State, got.Outcome, got.ServedAs)
		}
		return err
	})
	b.post("/desk/undo", "ticket", first.ID)
	b.want(http.StatusOK, "Allo sportello")
	b.post("/desk/finish", "ticket", first.ID, "outcome", "made up")
	b.want(http.StatusOK, "Sportello libero")
	h.clock.Add(queue.UndoWithin + time.Second)
	b.get(b.at)
	b.lacks("Annulla la conclusione")
	b.post("/desk/undo", "ticket", first.ID)
	b.want(http.StatusConflict, "Non c'è niente da annullare")
	b.post("/desk/next")
	b.want(http.StatusNotFound, "Nessuno aspetta per il tuo sportello", "note-info")
}

func TestNoShow(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.post("/desk/next")
	b.want(http.StatusOK, `data-key="a" aria-keyshortcuts="a" disabled`)
	b.post("/desk/no-show", "ticket", ticket.ID)
	b.want(http.StatusConflict, "Hai chiamato 1 volte su 2")
	b.post("/desk/recall", "ticket", ticket.ID)
	b.want(http.StatusOK, "2 chiamate", "è l'unica persona che aspetta questo sportello")
	b.post("/desk/no-show", "ticket", ticket.ID)
	b.want(http.StatusOK, "Annulla l'assenza di A001", "Assenti che possono tornare: 1")
	b.post("/desk/undo", "ticket", ticket.ID)
	b.want(http.StatusOK, "In arrivo")
	b.post("/desk/no-show", "ticket", ticket.ID)
	h.clock.Add(queue.ReturnWithin - time.Minute)
	b.post("/desk/unpark", "ticket", ticket.ID)
	b.want(http.StatusOK, "è tornato", "In attesa: 1")
}

func TestLateNoShowDoesNotComeBack(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.post("/desk/next")
	b.post("/desk/recall", "ticket", ticket.ID)
	b.post("/desk/no-show", "ticket", ticket.ID)
	h.clock.Add(access.IdleLock - time.Minute)
	b.get("/desk")
	h.clock.Add(2 * time.Minute)
	b.get("/desk")
	b.lacks("Assenti che possono tornare")
	b.post("/desk/unpark", "ticket", ticket.ID)
	b.want(http.StatusConflict, "è assente da troppo tempo")
}

func TestPauseAndClose(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.get("/desk/pause")
	b.want(http.StatusOK, "Nessun altro sportello segue questi servizi", "1 persona aspetta")
	b.post("/desk/next")
	for _, step := range []string{"pause", "close"} {
		b.get("/desk/" + step)
		if b.at != "/desk" {
			t.Errorf("got the sheet %s with a ticket at the desk", step)
		}
		b.post("/desk/"+step, "reason", "break")
		b.want(http.StatusConflict, "Prima chiudi il numero A001")
	}
	b.post("/desk/park", "ticket", ticket.ID, "reason", "document")
	b.want(http.StatusOK, "Messi da parte: 1", "Prende un documento")
	b.post("/desk/pause", "minutes", "10")
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post("/desk/pause", "reason", "break", "minutes", "10")
	b.want(http.StatusOK, "Sportello in pausa", "Torni alle 09:40.", "Ora nessuno segue:")
	b.post("/desk/next")
	b.want(http.StatusConflict, "Il tuo sportello non è aperto")
	b.post("/desk/resume")
	b.want(http.StatusOK, "Sportello libero")
	b.post("/desk/close")
	b.want(http.StatusOK, "Dove lavori oggi?")
	b.post("/desk/next")
	b.want(http.StatusConflict, "Il tuo sportello non è aperto")
}

func TestTransferKeepsTheNumber(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	one := h.at("cpi-1", "1", "CPI-DID")
	two := h.at("inps-1", "2", "INPS-AUU")
	two.get("/desk")
	two.want(http.StatusOK, "Servizio di un altro ente")
	two.lacks("Dichiarazione di immediata disponibilità")
	one.post("/desk/next")
	one.post("/desk/transfer", "ticket", ticket.ID)
	one.want(http.StatusUnprocessableEntity, "Non hai scelto dove trasferire")
	one.post("/desk/transfer", "ticket", ticket.ID, "service", "INPS-AUU", "desk", "2")
	one.want(http.StatusOK, "Sportello libero")
	two.post("/desk/next")
	two.want(http.StatusOK, "arriva da un altro sportello", "Assegno unico e universale")
	if got := two.mine(); got != ticket.Label() {
		t.Errorf("got %s at the other desk, want %s", got, ticket.Label())
	}
	one.get("/desk")
	one.want(http.StatusOK, "con A001")
	one.post("/desk/finish", "ticket", ticket.ID)
	one.want(http.StatusConflict, "Il numero A001 è allo sportello 2")
}

func TestCallChosen(t *testing.T) {
	h := newDeskHouse(t)
	h.issue(queue.Request{Service: "CPI-DID"})
	later := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.get("/desk/call?ticket=" + later.ID)
	b.want(http.StatusOK, "Chiama fuori ordine: A002")
	b.post("/desk/call", "ticket", later.ID)
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post("/desk/call", "ticket", later.ID, "reason", "fragile")
	b.want(http.StatusOK, "La persona non può aspettare")
	if got := b.mine(); got != later.Label() {
		t.Errorf("got %s called, want %s", got, later.Label())
	}
}

func TestHelpIsSilentAndSeen(t *testing.T) {
	h := newDeskHouse(t)
	one, two := h.at("cpi-1", "1", "CPI-DID"), h.at("inps-1", "2", "INPS-AUU")
	one.post("/desk/help")
	one.want(http.StatusOK, "Aiuto chiesto: annulla")
	one.lacks("Sportello 1 chiede aiuto")
	two.get("/desk")
	two.want(http.StatusOK, "Sportello 1 chiede aiuto")
	two.post("/desk/help-done", "desk", "1")
	two.lacks("Sportello 1 chiede aiuto")
	one.get("/desk")
	one.want(http.StatusOK, "Chiedi aiuto")
}

func TestHeldDesk(t *testing.T) {
	h := newDeskHouse(t)
	joint := h.issue(queue.Request{Service: "JNT-LAVORO"})
	h.update(func(ctx context.Context, tx *store.Tx) error {
		start := tx.Now.Add(20 * time.Minute)
		_, err := tx.Exec(ctx, `UPDATE tickets SET appointment_at = $2, due_at = $3 WHERE id = $1`,
			joint.ID, store.Millis(start), store.Millis(start.Add(-time.Hour)))
		return err
	})
	h.at("inps-1", "2", "JNT-LAVORO")
	b := h.at("cpi-1", "1", "JNT-LAVORO", "CPI-DID")
	b.want(http.StatusOK, "Questo sportello aspetta L001", "prevista per le 09:50", "Insieme a Sportello 2", "appuntamento delle 09:50")
	b.get("/desk/release?ticket=" + joint.ID)
	b.want(http.StatusOK, "Non aspettare L001")
	b.post("/desk/release", "ticket", joint.ID, "reason", "made up")
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post("/desk/release", "ticket", joint.ID, "reason", "urgent")
	b.want(http.StatusOK)
	b.lacks("Questo sportello aspetta")
}

func TestJointTicketIsAtBothDesks(t *testing.T) {
	h := newDeskHouse(t)
	joint := h.issue(queue.Request{Service: "JNT-LAVORO"})
	one, two := h.at("cpi-1", "1", "JNT-LAVORO"), h.at("inps-1", "2", "JNT-LAVORO")
	one.post("/desk/next")
	one.want(http.StatusOK, "tutti gli sportelli della consulenza congiunta sono liberi", "Insieme a Sportello 2.")
	two.get("/desk")
	two.want(http.StatusOK, "In arrivo", "Insieme a Sportello 1.")
	two.post("/desk/start", "ticket", joint.ID)
	one.get("/desk")
	one.want(http.StatusOK, "Allo sportello")
	one.post("/desk/finish", "ticket", joint.ID)
	one.want(http.StatusOK, "Sportello libero")
	two.get("/desk")
	two.want(http.StatusOK, "Sportello libero")
}

func TestNobodyIsForgottenWhenSomebodyComes(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.post("/desk/next")
	b.post("/desk/finish-next", "ticket", ticket.ID)
	b.want(http.StatusOK, "Nessuno aspetta per il tuo sportello")
	h.issue(queue.Request{Service: "CPI-DID"})
	b.get(b.at)
	b.lacks("Nessuno aspetta per il tuo sportello")
}

func TestStopAndReopen(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "1", "CPI-DID")
	b.get("/desk/stop")
	b.want(http.StatusOK, "Collegamento non disponibile")
	b.post("/desk/stop", "service", "CPI-DID", "reason", "  ")
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post("/desk/stop", "service", "CPI-DID", "reason", strings.Repeat("a", 81))
	b.want(http.StatusUnprocessableEntity)
	b.post("/desk/stop", "service", "CPI-DID", "reason", "Manca la corrente")
	b.want(http.StatusOK, "Manca la corrente", "Riapri")
	b.post("/desk/reopen", "service", "CPI-DID")
	b.want(http.StatusOK)
	b.lacks("Manca la corrente")
}

func TestEndOfDay(t *testing.T) {
	h := newDeskHouse(t)
	h.issue(queue.Request{Service: "CPI-DID"})
	h.clock.Set(time.Date(2026, 12, 3, 15, 50, 0, 0, time.UTC)) // ten minutes before closing
	b := h.at("cpi-1", "1", "CPI-DID")
	b.want(http.StatusOK, "La sede chiude alle 17:00.")
	b.get("/desk/end-day")
	b.want(http.StatusOK, "La sede è aperta fino alle 17:00")
	b.post("/desk/end-day")
	b.want(http.StatusConflict, "17:00")
	h.clock.Add(15 * time.Minute)
	b.get("/desk/end-day")
	b.want(http.StatusOK, "1 persona aspetta ancora.")
	b.post("/desk/end-day")
	b.want(http.StatusOK, "Giornata chiusa.", "1 biglietto chiuso", "Non aspetta nessuno.")
}

func TestWhoMayOpenADesk(t *testing.T) {
	h := newDeskHouse(t)
	h.at("cpi-2", "5", "CPI-DID")
	for _, test := range []struct {
		name, login string
		form        []string
		status      int
		text        string
	}{
		{"an officer of another office", "elsewhere", []string{"desk", "1", "service", "CPI-DID"}, http.StatusForbidden, "Oggi non risulti in servizio"},
		{"an account of another office", "not-here", []string{"desk", "1", "service", "CPI-DID"}, http.StatusForbidden, "altro ufficio"},
		{"an account of no officer", "nobody", []string{"desk", "1", "service", "CPI-DID"}, http.StatusForbidden, "non è collegato a un operatore"},
		{"a volunteer", "volunteer", []string{"desk", "1", "service", "CPI-DID"}, http.StatusForbidden, "Non hai il permesso"},
		{"no services", "cpi-1", []string{"desk", "1"}, http.StatusUnprocessableEntity, "Non hai scelto servizi"},
		{"only services of others", "cpi-1", []string{"desk", "1", "service", "INPS-AUU"}, http.StatusUnprocessableEntity, "Non hai scelto servizi"},
		{"a desk that is not there", "cpi-1", []string{"desk", "99", "service", "CPI-DID"}, http.StatusNotFound, "Lo sportello 99 non c'è"},
		{"somebody's desk", "cpi-1", []string{"desk", "5", "service", "CPI-DID"}, http.StatusConflict, "lavora già"},
		{"a free desk", "cpi-1", []string{"desk", "1", "service", "CPI-DID"}, http.StatusOK, "Segue 1 servizio:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.at(test.login, "")
			b.post("/desk/open", append([]string{"office", deskOffice}, test.form...)...)
			b.want(test.status, test.text)
		})
	}
}

func TestForeignSitesCannotAct(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	for _, path := range []string{"/desk/next", "/lock", "/sign-out", "/sign-in"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "https://elsewhere.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		b.do(r)
		b.want(http.StatusForbidden)
	}
	b.get("/desk")
	b.want(http.StatusOK, "Sportello libero", ticket.Label())
}

func TestWalkIn(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "1", "CPI-DID")
	form := []string{"office", deskOffice, "service", "CPI-DID", "language", "ar", "precedence", "1", "key", "one-key"}
	for range 2 { // sent twice, made once
		b.post("/desk/walk-in", form...)
		b.want(http.StatusOK, "Biglietto A001 creato.", "parla arabo", "precedenza", "In attesa: 1")
	}
	b.post("/desk/walk-in", "office", "sportello-agnone", "service", "HIS-RDC")
	b.want(http.StatusNotFound)
}

func TestReception(t *testing.T) {
	h := newDeskHouse(t)
	h.issue(queue.Request{Service: "INPS-AUU"})
	b := h.at("volunteer", "")
	b.want(http.StatusOK, "Accoglienza", "In attesa: 1", "A001")
	b.lacks("Assegno unico", "Servizio di un altro ente", "/desk/call", "/desk/next")
	b.get("/desk/walk-in?office=" + deskOffice)
	b.want(http.StatusOK, "Crea il biglietto")
	b.post("/desk/walk-in", "office", deskOffice, "service", "ACC-INFO")
	b.want(http.StatusOK, "Biglietto A002 creato.")
	b.post("/desk/walk-in", "office", "sportello-agnone", "service", "ACC-INFO")
	b.want(http.StatusForbidden)
	b.get("/desk?office=sportello-agnone")
	b.want(http.StatusForbidden)
	b.post("/desk/next")
	b.want(http.StatusForbidden)
}

// TestManagerNeedsNoDesk has somebody run the office who stands for no officer.
func TestManagerNeedsNoDesk(t *testing.T) {
	h := newDeskHouse(t)
	h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("manager", "")
	b.get("/desk")
	b.want(http.StatusOK, "In attesa: 1", "/desk/walk-in", "/desk/end-day?office="+deskOffice)
	b.post("/desk/walk-in", "office", deskOffice, "service", "ACC-INFO")
	b.want(http.StatusOK, "Biglietto A002 creato.")
	b.post("/desk/end-day", "office", deskOffice)
	b.want(http.StatusConflict, "L'ufficio è aperto fino alle")
	h.clock.Set(time.Date(2026, 12, 3, 18, 0, 0, 0, time.UTC))
	b.post("/unlock", "password", deskPassword)
	b.get("/desk/end-day?office=" + deskOffice)
	b.want(http.StatusOK, `name="office" value="`+deskOffice+`"`, `action="/desk/end-day"`)
	b.post("/desk/end-day", "office", "sportello-agnone")
	b.want(http.StatusForbidden)
	b.post("/desk/next", "office", deskOffice)
	b.want(http.StatusConflict, "Il tuo sportello non è aperto")
	b.post("/desk/end-day", "office", deskOffice)
	b.want(http.StatusOK, "In attesa: 0")
}

func TestEndingTheDayNeedsADeskOrAnOfficeToRun(t *testing.T) {
	h := newDeskHouse(t)
	h.clock.Set(time.Date(2026, 12, 3, 18, 0, 0, 0, time.UTC))
	b := h.at("cpi-1", "")
	b.post("/desk/end-day", "office", deskOffice)
	b.want(http.StatusConflict, "Il tuo sportello non è aperto")
	h.at("volunteer", "").lacks("/desk/end-day")
}

// TestAdministratorIsOfferedOnlyWhatIsAllowed looks for the button that was answered with a refusal.
func TestAdministratorIsOfferedOnlyWhatIsAllowed(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("administrator", "")
	b.get("/desk?office=" + deskOffice)
	b.want(http.StatusOK, "Accoglienza")
	b.lacks("/desk/walk-in", "/desk/end-day")
}

// TestRefusalsNameDesks: staff know desks by their signs.
func TestRefusalsNameDesks(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "1", "CPI-DID")
	b.post("/desk/open", "office", deskOffice, "desk", "2", "service", "CPI-DID")
	b.want(http.StatusConflict, "Lavori già allo sportello 1 (Centro Integrato per il Lavoro")
}

// TestSessionIsTouchedOnceAMinute counts what looking at a page writes.
func TestSessionIsTouchedOnceAMinute(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "")
	seen := func() (at int64) {
		err := h.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT seen_at FROM sessions`).Scan(&at)
		})
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, step := range []struct {
		after   time.Duration
		touched bool
	}{{30 * time.Second, false}, {29 * time.Second, false}, {time.Second, true}, {59 * time.Second, false}, {time.Minute, true}} {
		h.clock.Add(step.after)
		before := seen()
		b.get("/desk")
		if got := seen() != before; got != step.touched {
			t.Errorf("after %v more: got touched %t, want %t", step.after, got, step.touched)
		}
	}
}

func TestSignOutAsksAboutTheDesk(t *testing.T) {
	h := newDeskHouse(t)
	ticket := h.issue(queue.Request{Service: "CPI-DID"})
	b := h.at("cpi-1", "1", "CPI-DID")
	b.post("/desk/next")
	b.post("/sign-out")
	b.want(http.StatusOK, "Sportello 1 è ancora aperto", "Prima concludi, metti da parte o trasferisci A001")
	b.post("/sign-out", "close", "1")
	b.want(http.StatusConflict, "Prima chiudi il numero A001")
	b.post("/desk/finish", "ticket", ticket.ID)
	b.post("/sign-out", "close", "1")
	b.want(http.StatusOK, `action="/sign-in"`)
	b.get("/desk")
	b.want(http.StatusOK, `action="/sign-in"`)
	h.at("cpi-2", "1", "CPI-DID") // the desk is free
}

func TestDeskEvents(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("cpi-1", "1", "CPI-DID")
	version := regexp.MustCompile(`data-version="(\d+)"`).FindStringSubmatch(b.page)[1]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+"/desk/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for _, want := range []string{"event: desk", "id: " + version, `data: {"version":` + version + `}`} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got line %q, want %q", lines.Text(), want)
		}
	}
}

// deskKey finds message keys that have no message.
var deskKey = regexp.MustCompile(`[>" ](desk|fault|public|term|language|book|own|wait|appointment|paper)(\.[a-z0-9_-]+)+`)

func TestPagesInBothLanguages(t *testing.T) {
	h := newDeskHouse(t)
	mine := h.issue(queue.Request{Service: "CPI-DID", Precedence: true, Language: "ro"})
	h.issue(queue.Request{Service: "CPI-DID", Language: "sq"})
	gone := h.issue(queue.Request{Service: "CPI-DID", Language: "zh"})
	one, two := h.at("cpi-1", "1", "CPI-DID", "CPI-SCHEDA"), h.at("inps-1", "2", "INPS-AUU")
	look := func(state string, b *deskBrowser, paths ...string) {
		t.Helper()
		for _, path := range paths {
			for _, lang := range []string{"it", "en"} {
				b.get(path, "Accept-Language", lang)
				b.want(http.StatusOK, `<html lang="`+lang+`"`, "<h1")
				if got := deskKey.FindAllString(b.page, -1); got != nil {
					t.Errorf("%s, %s in %s: keys without a message: %q", state, path, lang, got)
				}
			}
		}
	}
	about := func(sheet string, of queue.Ticket) string { return "/desk/" + sheet + "?ticket=" + of.ID }
	look("signed out", h.browser(), "/sign-in")
	look("choosing", h.at("cpi-2", ""), "/desk")
	look("no officer", h.at("nobody", ""), "/desk")
	look("reception", h.at("volunteer", ""), "/desk", "/desk/walk-in?office="+deskOffice, "/desk/appointments?office="+deskOffice)
	look("reception of a manager", h.at("manager", ""), "/desk", "/desk/end-day?office="+deskOffice)
	look("free", one, "/desk", "/desk/services", "/desk/pause", "/desk/close", "/desk/stop", "/desk/walk-in", "/desk/end-day",
		"/desk/keys", "/sign-out", about("call", mine))
	two.post("/desk/help")
	one.post("/desk/next")
	look("called", one, "/desk")
	one.want(http.StatusOK, "Why now:")
	look("called", one, about("park", mine), about("transfer", mine), "/sign-out")
	one.post("/desk/start", "ticket", mine.ID)
	one.post("/desk/finish", "ticket", mine.ID)
	for _, reason := range []string{"quick", "fragile", "agreed", "mistake", "else"} {
		one.post("/desk/call", "ticket", gone.ID, "reason", reason)
		look("chosen", one, "/desk")
		one.want(http.StatusOK, "Why now:")
		one.post("/desk/undo", "ticket", gone.ID)
	}
	for _, reason := range []string{"document", "form", "answer", "else"} {
		one.post("/desk/call", "ticket", gone.ID, "reason", "quick")
		one.post("/desk/park", "ticket", gone.ID, "reason", reason)
		look("parked", one, "/desk")
		one.post("/desk/unpark", "ticket", gone.ID)
	}
	for _, reason := range []string{"break", "meeting", "phone", "helping", "else"} {
		one.post("/desk/pause", "reason", reason, "minutes", "5")
		look("paused", one, "/desk")
		look("beside a pause", two, "/desk")
		one.post("/desk/resume")
	}
	one.post("/lock")
	look("locked", one, "/sign-in")
}

// TestEveryReasonHasWords finds a reason of the calling rule that the desk could not tell.
func TestEveryReasonHasWords(t *testing.T) {
	for _, why := range []rule.Reason{
		rule.JointReady, rule.BeforeJoint, rule.Returned, rule.Transferred, rule.Resumed, rule.AppointmentEarly, rule.AppointmentLate,
		rule.AppointmentTime, rule.Precedence, rule.WaitedThreshold, rule.OnlyOne, rule.LongestDue, queue.WithPresent,
	} {
		for _, lang := range []string{"it", "en"} {
			if key := "desk.why." + string(why); !static.Has(lang, key) {
				t.Errorf("no %s in %s", key, lang)
			}
		}
	}
}
