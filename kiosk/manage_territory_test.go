package kiosk_test

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/queue"
)

// typed are the fields of the last form of the page that is posted, as a browser sends them.
func (b *deskBrowser) typed() url.Values {
	b.h.t.Helper()
	doc, err := html.Parse(strings.NewReader(b.raw))
	if err != nil {
		b.h.t.Fatal(err)
	}
	var form *html.Node
	for n := range doc.Descendants() {
		if n.Data == "form" && attribute(n, "method") == "post" && within(n, "main") {
			form = n
		}
	}
	if form == nil {
		b.h.t.Fatalf("%s has no form\n%s", b.at, b.page)
	}
	values := url.Values{}
	for n := range form.Descendants() {
		name := attribute(n, "name")
		switch {
		case name == "" || n.Type != html.ElementNode:
		case n.Data == "textarea":
			values.Add(name, text(n))
		case n.Data == "select":
			values.Add(name, chosen(n))
		case n.Data == "input" && slices.Contains([]string{"checkbox", "radio"}, attribute(n, "type")):
			if has(n, "checked") {
				values.Add(name, attribute(n, "value"))
			}
		case n.Data == "input":
			values.Add(name, attribute(n, "value"))
		}
	}
	return values
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func within(n *html.Node, name string) bool {
	for a := range n.Ancestors() {
		if a.Data == name {
			return true
		}
	}
	return false
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) (all string) {
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			all += c.Data
		}
	}
	return strings.TrimPrefix(all, "\n")
}

func chosen(n *html.Node) string {
	first := ""
	for c := range n.Descendants() {
		if c.Data != "option" {
			continue
		}
		if has(c, "selected") {
			return attribute(c, "value")
		}
		if first == "" {
			first = attribute(c, "value")
		}
	}
	return first
}

// send opens a page, or takes the one that is open when path is empty, changes fields of its form and
// sends it: "name=value" sets, "name+=value" adds.
func (b *deskBrowser) send(path string, changes ...string) {
	b.h.t.Helper()
	if path != "" {
		b.get(path)
		b.want(http.StatusOK)
	}
	values := b.typed()
	for _, c := range changes {
		name, value, _ := strings.Cut(c, "=")
		if name, add := strings.CutSuffix(name, "+"); add {
			values.Add(name, value)
			continue
		}
		values.Set(name, value)
	}
	var form []string
	for name, all := range values {
		for _, value := range all {
			form = append(form, name, value)
		}
	}
	b.post(b.at, form...)
}

const (
	officerPage  = "/manage/officers/isernia:cpi-1"
	officePage   = "/manage/offices/isernia:" + deskOffice
	openingsPage = officePage + "/openings"
)

// office is the demo's office as it is now.
func (h *deskHouse) office() (o *territory.Office) {
	h.t.Helper()
	h.view(func(ctx context.Context, tx *store.Tx) (err error) {
		o, err = territory.Of(ctx, tx, deskOffice)
		return err
	})
	return o
}

func TestEditAnOfficer(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.send(officerPage, "name=Operatrice Nuova", "languages+=ro", "do=add:absence")
	b.want(http.StatusOK, "Assenza 1", `value="Operatrice Nuova"`)
	b.send("", "absence.0.from=2026-12-10", "do=")
	b.want(http.StatusOK, "Persona salvata.", "Operatrice Nuova")
	officer, _ := h.office().Territory.Officer("cpi-1")
	if officer.Name != "Operatrice Nuova" || !slices.Contains(officer.Languages, "ro") || len(officer.Absences) != 1 {
		t.Errorf("got %+v", officer)
	}
	b.get(officerPage + "/history")
	b.want(http.StatusOK, "Versione 2", "Lia Prova", "Operatrice Nuova", "Assenze")
	if got := h.lines("officer.change"); got != 1 {
		t.Errorf("%d lines of the audit tell of it, want 1", got)
	}
}

// TestMenuAndPrecedence orders the kiosk's menu and a need's services, and says who has precedence.
func TestMenuAndPrecedence(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	needs := h.office().Territory.Needs
	last := needs[len(needs)-1]
	if len(last.Services) < 2 {
		t.Fatalf("the last need has services %v, want two or more", last.Services)
	}
	b.send("/manage/territories/isernia:isernia", "menu+="+last.ID, "menu+="+needs[1].ID, "do=up:menu:"+needs[1].ID)
	b.want(http.StatusOK)
	b.send("", "do=up:menu:"+last.ID)
	b.want(http.StatusOK)
	b.send("", "do=add:precedence")
	b.send("", "precedence_minutes=10", "precedence.0.id=oltre-80", "precedence.0.name.it=Hai più di 80 anni.", "do=")
	b.want(http.StatusOK, "Territorio salvato.")
	now := h.office().Territory
	if now.Needs[0].ID != last.ID || now.Needs[1].ID != needs[1].ID || now.Needs[2].ID != needs[0].ID {
		t.Errorf("got the menu %s, %s, %s", now.Needs[0].ID, now.Needs[1].ID, now.Needs[2].ID)
	}
	if now.Lead != 10*time.Minute || len(now.Classes) != 1 {
		t.Errorf("got lead %v for %v", now.Lead, now.Classes)
	}
	b.send("/manage/needs/isernia:"+last.ID, "do=up:services:"+last.Services[1])
	b.send("", "do=")
	b.want(http.StatusOK, "Voce salvata.")
	if got := h.office().Territory.Needs[0].Services[0]; got != last.Services[1] {
		t.Errorf("got first %s, want %s", got, last.Services[1])
	}
	reception := h.at("volunteer", "")
	reception.get("/desk/walk-in?office=" + deskOffice)
	reception.want(http.StatusOK, "Hai più di 80 anni.")

	b.send("/manage/territories/isernia:isernia", "precedence_minutes=0", "do=")
	b.want(http.StatusOK, "Territorio salvato.")
	reception.get("/desk/walk-in?office=" + deskOffice)
	reception.lacks("Hai più di 80 anni.", "Ha la precedenza")
	if ticket := h.issue(queue.Request{Service: "CPI-DID", Precedence: true}); ticket.Precedence {
		t.Error("a ticket has precedence where nobody has it")
	}

	b.send("/manage/needs/isernia:" + last.ID + "/remove")
	b.want(http.StatusOK, "Voce eliminata.")
	if got := h.office().Territory.Needs[0].ID; got != needs[1].ID {
		t.Errorf("got first %s, want %s", got, needs[1].ID)
	}
}

// TestTwoManagersEditOneThing: the second is told, sees the difference, loses nothing typed, and may save
// over it.
func TestTwoManagersEditOneThing(t *testing.T) {
	h := newConsoleHouse(t)
	first, second := h.at("administrator", ""), h.at("chief", "")
	first.get(officerPage)
	second.get(officerPage)
	first.send("", "name=Prima")
	first.want(http.StatusOK, "Persona salvata.")
	second.send("", "name=Seconda")
	second.want(http.StatusConflict, "Qualcuno ha cambiato questi dati nel frattempo", `value="Seconda"`, "Prima")
	second.send("")
	second.want(http.StatusOK, "Persona salvata.")
	if officer, _ := h.office().Territory.Officer("cpi-1"); officer.Name != "Seconda" {
		t.Errorf("got %q, want Seconda", officer.Name)
	}
}

func TestWhatFormsRefuse(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	before := h.office().Territory.Stamp
	for _, tt := range []struct {
		name, path string
		changes    []string
		status     int
		want       []string
	}{
		{"an end before the start", officerPage, []string{"from=2027-01-01", "until=2026-01-01"}, 422, []string{"viene prima di", `value="2027-01-01"`}},
		{"no number", "/manage/services/isernia:JNT-LAVORO", []string{"minutes=dieci"}, 422, []string{"Non si capisce", `value="dieci"`}},
		{"not on the grid", "/manage/services/isernia:JNT-LAVORO", []string{"minutes=7"}, 422, []string{"a passi di 5"}},
		{"an opening that ends before it starts", openingsPage, []string{"opening.0.intervals=12:00-09:00"}, 422, []string{"Non si capisce"}},
		{"a series on no day", openingsPage, []string{"opening.0.from=2027-01-01", "opening.0.until=2026-01-01"}, 422, []string{"viene prima di"}},
		{"no Italian", "/manage/needs/new", []string{"name.en=Only English", "services+=CPI-DID"}, 422, []string{"Serve il testo in italiano"}},
		{"a letter of kiosks without a line", officePage, []string{"area.0.series=X"}, 422, []string{"la prima da A a W"}},
	} {
		b.send(tt.path, tt.changes...)
		if b.status != tt.status {
			t.Errorf("%s: got status %d, want %d", tt.name, b.status, tt.status)
		}
		for _, want := range tt.want {
			if !strings.Contains(b.page, want) {
				t.Errorf("%s: page lacks %q", tt.name, want)
			}
		}
	}
	if after := h.office().Territory.Stamp; after != before {
		t.Error("something was changed")
	}
}

func TestWhoMayEditWhat(t *testing.T) {
	h := newConsoleHouse(t)
	manager := h.at("manager", "") // of one office
	manager.get(officePage)
	manager.want(http.StatusOK)
	manager.lacks("Puoi guardare, ma non cambiare")
	manager.get("/manage/offices")
	manager.lacks("Sportello di Agnone")
	manager.get("/manage/services/isernia:JNT-LAVORO")
	manager.want(http.StatusOK, "Puoi guardare, ma non cambiare")
	manager.post("/manage/services/isernia:JNT-LAVORO", "rev", "1", "name", "Altro")
	manager.want(http.StatusForbidden)
	manager.post("/manage/offices/isernia:sportello-agnone", "rev", "1", "name", "Mia")
	manager.want(http.StatusForbidden)
	far := h.at("far", "") // of another territory
	far.get(officePage)
	far.want(http.StatusForbidden)
	far.post(officePage, "rev", "1", "name", "Mia")
	far.want(http.StatusForbidden)
}

func TestWhatCannotBeRemoved(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	for path, why := range map[string]string{
		officerPage: "ha un account", officePage: "dispositivi", "/manage/services/isernia:JNT-LAVORO": "catalogo",
		"/manage/institutions/isernia:INPS": "Altri ne hanno bisogno",
	} {
		b.send(path + "/remove")
		b.want(http.StatusConflict, why)
	}
	b.send("/manage/needs/new", "name.it=Prova", "services+=CPI-DID")
	b.want(http.StatusOK, "Voce aggiunta.")
	b.send("/manage/needs/isernia:" + h.office().Territory.Needs[len(h.office().Territory.Needs)-1].ID + "/remove")
	b.want(http.StatusOK, "Voce eliminata.")
}

// TestStrandedAppointments closes a day on which somebody has an appointment: who does it sees it first,
// and has it moved and its citizen told.
func TestStrandedAppointments(t *testing.T) {
	h := newConsoleHouse(t)
	a := h.book("JNT-LAVORO", time.Date(2026, 12, 10, 9, 0, 0, 0, h.office().Zone()))
	b := h.at("administrator", "")
	b.send(openingsPage, "do=add:closure")
	n := b.typed().Get("closure.n")
	last, err := strconv.Atoi(n)
	if err != nil {
		t.Fatal(err)
	}
	row := "closure." + strconv.Itoa(last-1)
	b.send("", row+".from=2026-12-10", row+".reason=Assemblea", "do=preview")
	b.want(http.StatusOK, "Le prossime otto settimane", "Assemblea", "Questi appuntamenti restano senza posto", a.Reference, "è chiuso a quell'ora")
	if len(h.office().Calendar.Closures) != last-1 {
		t.Error("a preview saved something")
	}
	b.send("", "do=save", "stranded=")
	b.want(http.StatusConflict, "restano senza posto")
	b.send("", "do=save", "stranded=move")
	b.want(http.StatusOK, "Aperture salvate.")
	var moved booking.Appointment
	h.view(func(ctx context.Context, tx *store.Tx) (err error) {
		moved, err = booking.ByID(ctx, tx, a.ID)
		return err
	})
	if moved.State != booking.Booked || moved.Day == a.Day || moved.Sequence == a.Sequence {
		t.Errorf("got %s on %s, want it booked on another day", moved.State, moved.Day)
	}
	if got := countOf(t, h.db, `SELECT COUNT(*) FROM messages WHERE key LIKE 'appointment:`+a.ID+`:moved:%'`); got != 1 {
		t.Errorf("%d messages tell of the move, want 1", got)
	}
}

// TestOpeningsFromADay keeps what held before.
func TestOpeningsFromADay(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.get(openingsPage)
	before := len(h.office().Calendar.Series)
	b.send("", "from=2027-02-01", "opening.0.intervals=10-11.30", "do=save")
	b.want(http.StatusOK, "Aperture salvate.")
	series := h.office().Calendar.Series
	if len(series) != 2*before {
		t.Fatalf("got %d series, want %d", len(series), 2*before)
	}
	if got := series[0].Until.String(); got != "2027-01-31" {
		t.Errorf("the first ends on %s, want 2027-01-31", got)
	}
	if s := series[before]; s.From.String() != "2027-02-01" || s.Intervals[0].String() != "10:00-11:30" {
		t.Errorf("got %+v from February", s)
	}
}

func TestCloseAndCopyOffices(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.send("/manage/closures", "from=2026-12-17", "reason=Sciopero", "institutions+=INPS", "do=preview")
	b.want(http.StatusOK, "Sportello di Agnone", "Nessun appuntamento resta senza posto")
	b.send("", "do=save")
	b.want(http.StatusOK, "Chiusura salvata.")
	for _, o := range h.office().Territory.Offices {
		last := o.Calendar.Closures[len(o.Calendar.Closures)-1]
		if last.Reason != "Sciopero" || !slices.Equal(last.Institutions, []string{"INPS"}) {
			t.Errorf("%s: got %+v", o.ID, last)
		}
	}
	b.send("/manage/offices/new?like=isernia:"+deskOffice, "name=Centro Nuovo", "from=2027-01-07")
	b.want(http.StatusOK, "Sede aggiunta.")
	copied, ok := h.office().Territory.Office("centro-nuovo")
	if !ok || len(copied.Desks) != len(h.office().Desks) || len(copied.Calendar.Series) != len(h.office().Calendar.Series) || copied.From.String() != "2027-01-07" {
		t.Errorf("got %+v", copied)
	}
}

// upload sends a territory file to the page that takes them.
func (b *deskBrowser) upload(path, text string) {
	b.h.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("file", "territorio.toml")
	if err != nil {
		b.h.t.Fatal(err)
	}
	_, wrote := part.Write([]byte(text))
	if err := w.WriteField("do", "preview"); err != nil || wrote != nil || w.Close() != nil {
		b.h.t.Fatal("form not written")
	}
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodPost, b.h.server.URL+path, &body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	b.do(r)
}

// TestFileInAndOut: what is exported, imported into an empty system, is the same; what is no such file
// changes nothing.
func TestFileInAndOut(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	const at = "/manage/territories/isernia:isernia"
	b.send(officerPage, "name=Operatrice Nuova")
	b.post("/manage/texts/isernia/mail.booked/it", "do", "save", "rev", "0", "subject", "Ci vediamo {{moment}}", "body", "Porta un documento.")
	b.get(at + "/file")
	b.want(http.StatusOK, "Operatrice Nuova", "Ci vediamo {{moment}}\n\nPorta un documento.")
	file := b.raw
	before := h.office().Territory.Stamp
	for name, test := range map[string]struct{ text, want string }{
		"nothing":   {"", "Scegli un file"},
		"no TOML":   {"<html>", "Riga 1"},
		"a mistake": {strings.Replace(file, "weekdays", "wekdays", 1), "Riga "},
		"another's": {strings.Replace(file, "'isernia'", "'altrove'", 1), "un altro territorio"},
	} {
		b.upload(at+"/import", test.text)
		b.want(http.StatusUnprocessableEntity, test.want)
		if after := h.office().Territory.Stamp; after != before {
			t.Errorf("%s changed something", name)
		}
	}
	b.upload(at+"/import", strings.Repeat("# comment\n", 300_000))
	b.want(http.StatusRequestEntityTooLarge)
	b.upload(at+"/import", strings.Replace(file, "Operatrice Nuova", "Operatrice Ultima", 1))
	b.want(http.StatusOK, "Guarda che cosa cambia")
	other := newDeskHouse(t)
	other.update(func(ctx context.Context, tx *store.Tx) error {
		f, problems := territory.Parse([]byte(file), "")
		if len(problems) > 0 {
			return territory.Problems(problems)
		}
		_, err := territory.Import(ctx, tx, f)
		return err
	})
	var again []byte
	other.view(func(ctx context.Context, tx *store.Tx) (err error) {
		again, err = territory.Export(ctx, tx, "isernia")
		return err
	})
	if string(again) != file {
		t.Error("the file, imported and exported, is another")
	}
}

func TestLiveViewAndAlerts(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.send(officePage, "alert_mail=sede@prova.example", "alert_wait_minutes=30")
	b.want(http.StatusOK, "Sede salvata.")
	b.get("/manage/live")
	b.want(http.StatusOK, "Centro Integrato per il Lavoro")
	b.post("/lock")
	h.issue(queue.Request{Service: "CPI-DID"})
	h.clock.Add(45 * time.Minute)
	for range 2 {
		if err := h.kiosk.Warn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for code, want := range map[string]int{"wait": 1, "nobody": 1} {
		if got := countOf(t, h.db, `SELECT COUNT(*) FROM messages WHERE way = 'mail' AND key LIKE 'alert:`+deskOffice+`:`+code+`:%'`); got != want {
			t.Errorf("%s: %d mails, want %d", code, got, want)
		}
	}
	again := h.at("administrator", "")
	again.get("/manage/live")
	again.want(http.StatusOK, "c'è chi aspetta da 45 minuti", "nessuno sportello è aperto")
}
