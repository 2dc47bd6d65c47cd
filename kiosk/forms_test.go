package kiosk_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
)

// The codici fiscali of nobody: a woman born in Isernia, another in Romania, a man who is either six or a
// hundred and six years old, and one with a wrong last letter.
const (
	codeIsernia = "XQZWJY80A41E335A"
	codeRomania = "XQZWJY92B69Z129V"
	codeCentury = "XQZWJY20H15A002R"
	codeWrong   = "XQZWJY80A01F205A"
)

var formKey = regexp.MustCompile(`name="key" value="([^"]+)"`)

// step sends a page of a form and returns the one it leads to, without the signs by which HTML writes
// others.
func (l *lobby) step(form, step string, said ...string) string {
	l.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(said); i += 2 {
		values.Set(said[i], said[i+1])
	}
	page, at := l.post("/kiosk/forms/"+form+"/"+step, values)
	for name := range values {
		if text := values.Get(name); text != "" && strings.Contains(at, text) {
			l.t.Errorf("what was said is in an address: %s", at)
		}
	}
	return html.UnescapeString(page)
}

// line is what a form's last page says of a field: the text and where it comes from.
func line(t *testing.T, page, label string) string {
	t.Helper()
	_, after, found := strings.Cut(page, `<span class="form-label">`+label+`</span>`)
	if !found {
		t.Fatalf("nothing is said of %q\n%s", label, page)
	}
	said, _, _ := strings.Cut(after, "</li>")
	return strings.Join(strings.Fields(regexp.MustCompile(`<[^>]+>`).ReplaceAllString(said, " ")), " ")
}

// printedForms are the values of the forms that wait for a printer.
func (l *lobby) printedForms() (all []printouts.Form) {
	l.t.Helper()
	l.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = store.All(ctx, tx, func(row store.Row) (form printouts.Form, err error) {
			var text string
			if err = row.Scan(&text); err == nil {
				err = json.Unmarshal([]byte(text), &form)
			}
			return form, err
		}, `SELECT payload FROM print_jobs WHERE kind = 'form' AND payload <> ''`)
		return err
	})
	return all
}

func TestLobbyForms(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	page, _ := l.get("/kiosk/needs?lang=it")
	if !strings.Contains(page, `href="/kiosk/forms?lang=it"`) {
		t.Error("the menu has no way to the forms")
	}
	page, _ = l.get("/kiosk/forms?lang=it")
	if !strings.Contains(page, "/kiosk/forms/did?") || !strings.Contains(page, "/kiosk/forms/autodichiarazione?") {
		t.Errorf("the forms of the office's services are not offered: %s", page)
	}
	page, _ = l.get("/kiosk/forms/did?lang=it")
	if !strings.Contains(page, `name="fiscal_code"`) {
		t.Error("the codice fiscale does not come first")
	}
	page = l.step("did", "2", "fiscal_code", " "+strings.ToLower(codeIsernia)+" ")
	for _, want := range []string{"È giusto?", "Femmina", "01/01/1980", "Isernia (IS)"} {
		if !strings.Contains(page, want) {
			t.Errorf("what the codice fiscale tells lacks %q", want)
		}
	}
	said := []string{"fiscal_code", codeIsernia, "born", "1980-01-01", "field-cognome", "Xqzw", "field-email", "wkjy@example.it"}
	page = l.step("did", "review", said...)
	for label, want := range map[string]string{
		"Cognome": "Xqzw scritto da te", "Codice fiscale": codeIsernia + " scritto da te", "Sesso": "F dal codice fiscale",
		"Nome": "da scrivere a penna", "Data di nascita": "01/01/1980 dal codice fiscale",
		"Comune o Stato estero di nascita": "Isernia dal codice fiscale",
	} {
		if got := line(t, page, label); got != want {
			t.Errorf("%s: got %q, want %q", label, got, want)
		}
	}
	page, at := l.post("/kiosk/forms/did/print", withMore(said, "key", formKey.FindStringSubmatch(page)[1]))
	if !strings.Contains(page, "Il modulo sta uscendo.") || !strings.Contains(page, "Carta") || strings.Contains(at+page, "Xqzw") {
		t.Errorf("the paper's page: %s\n%s", at, page)
	}
	forms := l.printedForms()
	if len(forms) != 1 {
		t.Fatalf("%d forms are printed, want 1", len(forms))
	}
	want := map[string]printouts.Value{
		"cognome": {Text: "Xqzw", Origin: printouts.FromUser}, "codice_fiscale": {Text: codeIsernia, Origin: printouts.FromUser},
		"sesso": {Text: "F", Origin: printouts.FromCode}, "luogo_data": {Text: "Isernia, 24/11/2026", Origin: printouts.FromSession},
	}
	for key, value := range want {
		if got := forms[0].Values[key]; got != value {
			t.Errorf("%s: got %+v, want %+v", key, got, value)
		}
	}
	if _, known := forms[0].Values["nome"]; known {
		t.Error("what was not said is not blank")
	}
}

// withMore are pairs as the form of a page.
func withMore(pairs []string, more ...string) url.Values {
	values := url.Values{}
	for all := append(pairs[:len(pairs):len(pairs)], more...); len(all) > 1; all = all[2:] {
		values.Set(all[0], all[1])
	}
	return values
}

func TestLobbyFormSentTwice(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	form := url.Values{"key": {"one"}, "field-cognome": {"Xqzw"}}
	for range 2 {
		l.post("/kiosk/forms/delega/print", form)
	}
	if got := len(l.printedForms()); got != 1 {
		t.Errorf("one key printed %d forms", got)
	}
	l.post("/kiosk/forms/delega/print", url.Values{"key": {"two"}})
	if got := len(l.printedForms()); got != 2 {
		t.Errorf("two keys printed %d forms", got)
	}
	if page, _ := l.post("/kiosk/forms/delega/print", url.Values{"field-cognome": {"Xqzw"}}); strings.Contains(page, "sta uscendo") {
		t.Error("a form without a key was printed")
	}
}

func TestLobbyFormCode(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	t.Run("from a card", func(t *testing.T) {
		page := l.step("scheda", "review", "fiscal_code", codeIsernia, "scanned_code", "*"+codeIsernia+"*")
		if got := line(t, page, "Codice fiscale"); !strings.HasSuffix(got, "dalla tessera") || strings.Contains(got, codeIsernia) {
			t.Errorf("got %q, want it masked and from the card", got)
		}
		page = l.step("scheda", "review", "fiscal_code", codeIsernia, "scanned_code", codeRomania)
		if got := line(t, page, "Codice fiscale"); !strings.HasSuffix(got, "scritto da te") {
			t.Errorf("another card: got %q", got)
		}
	})
	t.Run("read on any page", func(t *testing.T) {
		l := newLobby(t, "", t.TempDir())
		to := regexp.MustCompile(` data-scan="([^"]+)"`)
		for _, step := range []string{"1", "2", "review"} {
			page := l.step("scheda", step, "field-cognome", "Xqzw")
			answer, at := l.post(html.UnescapeString(to.FindStringSubmatch(page)[1]), url.Values{
				"field-cognome": {"Xqzw"}, "code": {"%" + codeIsernia + "  XQZW<WKJY?"}, "scanned": {"1"},
			})
			for _, want := range []string{"Ho letto la tessera:", `type="password" value="` + codeIsernia + `"`, `"Xqzw"`, `name="scanned_code" value="` + codeIsernia + `"`} {
				if !strings.Contains(answer, want) {
					t.Errorf("from page %s at %s: the page lacks %q", step, at, want)
				}
			}
			if strings.Contains(at, codeIsernia) {
				t.Errorf("the code is in the address %s", at)
			}
			answer, _ = l.post(html.UnescapeString(to.FindStringSubmatch(page)[1]), url.Values{"code": {codeIsernia + "X"}, "scanned": {"1"}})
			if !strings.Contains(answer, "Questa non è una tessera sanitaria.") || strings.Contains(answer, codeIsernia) {
				t.Errorf("from page %s: what is no card is taken for one", step)
			}
		}
	})
	t.Run("citizenship is never inferred", func(t *testing.T) {
		var all string
		for _, n := range []string{"1", "2", "3", "4"} {
			all += l.step("scheda", "review?page="+n, "fiscal_code", codeRomania)
		}
		if got := line(t, all, "Cittadinanza"); got != "da scrivere a penna" {
			t.Errorf("citizenship: got %q", got)
		}
		if got := line(t, all, "Comune o Stato estero di nascita"); got != "Romania dal codice fiscale" {
			t.Errorf("place of birth: got %q", got)
		}
	})
	t.Run("either of two centuries", func(t *testing.T) {
		page := l.step("scheda", "2", "fiscal_code", codeCentury)
		if !strings.Contains(page, `value="1920-06-15"`) || !strings.Contains(page, `value="2020-06-15"`) {
			t.Error("the century is not asked for")
		}
		for born, want := range map[string]string{
			"1920-06-15": "15/06/1920 dal codice fiscale", "2020-06-15": "15/06/2020 dal codice fiscale",
			"": "da scrivere a penna", "1820-06-15": "da scrivere a penna", "no": "da scrivere a penna",
		} {
			page := l.step("scheda", "review", "fiscal_code", codeCentury, "born", born)
			if got := line(t, page, "Data di nascita"); got != want {
				t.Errorf("born %q: got %q, want %q", born, got, want)
			}
		}
	})
	t.Run("a wrong one", func(t *testing.T) {
		for _, step := range []string{"2", "5", "review", "print"} {
			page := l.step("scheda", step, "fiscal_code", codeWrong)
			if !strings.Contains(page, "Questo codice non è giusto") || !strings.Contains(page, `value="`+codeWrong+`"`) {
				t.Errorf("step %s: it is not asked for again", step)
			}
		}
		if page := l.step("scheda", "2", "fiscal_code", ""); strings.Contains(page, "non è giusto") {
			t.Error("none is not taken for an answer")
		}
		if page := l.step("scheda", "review", "fiscal_code", "99900000995"); strings.Contains(page, "non è giusto") || !strings.Contains(page, "99900000995") {
			t.Error("a provisional one is not taken")
		}
	})
}

func TestLobbyFormBadInput(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	long := strings.TrimSpace(strings.Repeat("Precipitevolissimo ", 15))
	for _, test := range []struct{ name, typed, want string }{
		{"script", `<script>alert("1")</script>`, `<script>alert("1")</script> scritto da te`},
		{"emoji", "Wkjy 😀", "Queste lettere non si stampano: scrivilo a penna."},
		{"right to left", "محمود", "Queste lettere non si stampano: scrivilo a penna."},
		{"lines and controls", "Wk\r\njy\x07 \t Xq", "Wk jy Xq scritto da te"},
		{"long", long, long + " scritto da te"},
		{"blank", " \t ", "da scrivere a penna"},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw, _ := l.post("/kiosk/forms/delega/review", url.Values{"field-cognome": {test.typed}})
			if strings.Contains(raw, "<script>alert") {
				t.Error("what was typed is markup")
			}
			_, shown, _ := strings.Cut(raw, `<span class="form-label">Cognome</span>`)
			shown, _, _ = strings.Cut(shown, "</li>")
			got := html.UnescapeString(regexp.MustCompile(`<[^>]+>`).ReplaceAllString(shown, " "))
			if got = strings.Join(strings.Fields(got), " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if page := l.step("delega", "print", "key", "long", "field-cognome", strings.Repeat("W", 301)); !strings.Contains(page, "al massimo 300 lettere") {
		t.Error("a name of 301 letters is cut or printed")
	}
	if got := len(l.printedForms()); got != 0 {
		t.Errorf("%d forms were printed", got)
	}
}

func TestLobbyFormsWithoutPaper(t *testing.T) {
	l := newLobby(t, "", "")
	for path, lacks := range map[string]string{"/kiosk/needs?lang=it": "/kiosk/forms", "/kiosk/forms?lang=it": "/kiosk/forms/did"} {
		if page, _ := l.get(path); strings.Contains(page, lacks+"?") {
			t.Errorf("%s offers forms that cannot be printed", path)
		}
	}
	for _, path := range []string{"/kiosk/forms/did?lang=it", "/kiosk/forms/none?lang=it", "/kiosk/form?id=none&lang=it"} {
		if page, _ := l.get(path); !strings.Contains(html.UnescapeString(page), "Questo modulo qui non c'è") {
			t.Errorf("%s: got %s", path, page)
		}
	}
	l.update(func(ctx context.Context, tx *store.Tx) error {
		return spool.AddPrinter(ctx, tx, spool.Printer{ID: "roll", Office: lobbyOffice, Name: "Rotolo", URI: "escpos://127.0.0.1:9"})
	})
	if page, _ := l.get("/kiosk/needs?lang=it"); strings.Contains(page, "/kiosk/forms") {
		t.Error("a thermal printer is taken for one of A4")
	}
}

func TestLobbyOffersFormsOfServices(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	page, _ := l.take("form", "")
	if !strings.Contains(page, `href="/kiosk/forms/did?lang=it"`) {
		t.Error("with the number for CPI-DID its form is not offered")
	}
	page, _ = l.post("/kiosk/tickets?lang=it", url.Values{"service": {"CPI-OFFERTE"}, "key": {"none"}})
	if !strings.Contains(page, "Il tuo numero") || strings.Contains(page, "Ti serve un modulo?") {
		t.Error("a service without a form offers one")
	}
	if page, _ = l.book("2026-11-26", "Prova Inventata", ""); !strings.Contains(page, `href="/kiosk/forms/did?lang=it"`) {
		t.Error("after booking JNT-LAVORO its form is not offered")
	}
}

// TestLobbyFormGoesWhereThereIsPaper: what is out of order is not chosen while there is another.
func TestLobbyFormGoesWhereThereIsPaper(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	other := t.TempDir()
	l.update(func(ctx context.Context, tx *store.Tx) error {
		if err := spool.AddPrinter(ctx, tx, spool.Printer{ID: "other", Office: lobbyOffice, Name: "Ufficio", URI: "file:" + other}); err != nil {
			return err
		}
		return spool.Note(ctx, tx, "paper", spool.Refusing)
	})
	page, _ := l.post("/kiosk/forms/delega/print", url.Values{"key": {"one"}})
	if !strings.Contains(page, "Esce dalla stampante: Ufficio") {
		t.Errorf("the form goes elsewhere: %s", page)
	}
}

func TestFormsInASecondLanguage(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	l.post("/kiosk/forms/delega/print?lang=uk", url.Values{"key": {"uk"}})
	form := l.printedForms()[0]
	if form.Language != "uk" || form.Labels["cognome"] != "Прізвище" {
		t.Errorf("got %q, %q", form.Language, form.Labels["cognome"])
	}
}

// addSheets gives the office a printer for A4, and another office one.
func (h *deskHouse) addSheets() {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		for _, p := range []spool.Printer{
			{ID: "sheets", Office: deskOffice, Name: "Ufficio", URI: "file:" + h.t.TempDir()},
			{ID: "there", Office: "sportello-agnone", Name: "Altrove", URI: "file:" + h.t.TempDir()},
		} {
			if err := spool.AddPrinter(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestDeskForms(t *testing.T) {
	h := newDeskHouse(t)
	h.addSheets()
	b := h.at("cpi-1", "1", "CPI-DID")
	b.get("/desk/forms")
	b.want(http.StatusOK, "Promemoria per la DID", "Patto di servizio", "Informativa privacy")
	b.lacks("assegno di maternità")
	b.get("/desk/forms/patto?office=" + deskOffice)
	b.want(http.StatusOK, `value="Ada Prova"`, "Isernia, 03/12/2026", "da te", "vuoto: da scrivere a penna")
	b.post("/desk/forms/patto?office="+deskOffice, "fiscal_code", codeIsernia, "field-cognome", "Xqzw", "field-sesso", "M", "do", "read")
	b.want(http.StatusOK, `value="Xqzw"`, `value="01/01/1980"`, `value="F"`, "dal codice fiscale: chiedi conferma")
	b.post("/desk/forms/patto?office="+deskOffice, "fiscal_code", codeCentury, "do", "read")
	b.want(http.StatusOK, "nel 1920 o nel 2020")
	b.post("/desk/forms/patto?office="+deskOffice, "fiscal_code", codeWrong, "do", "print", "key", "k", "printer", "sheets")
	b.want(http.StatusUnprocessableEntity, "Questo codice non è giusto", `value="`+codeWrong+`"`)
	b.post("/desk/forms/patto?office="+deskOffice, "fiscal_code", codeIsernia, "field-cognome", "Xqzw", "do", "open")
	if got := pdfText(t, b.raw); !strings.Contains(got, "Xqzw") || !strings.Contains(got, "Ada Prova") {
		t.Errorf("got %d, %s", b.status, got)
	}
	b.post("/desk/forms/patto?office="+deskOffice, "field-cognome", "Xqzw", "do", "print", "key", "k", "printer", "there")
	b.want(http.StatusNotFound)
	b.post("/desk/forms/patto?office="+deskOffice, "field-cognome", "Xqzw", "do", "print", "key", "k", "printer", "sheets", "language", "ro")
	b.want(http.StatusOK, "Il modulo sta uscendo.", "Ufficio")
	b.lacks("Xqzw")
	if strings.Contains(b.at, "Xqzw") {
		t.Errorf("a name is in an address: %s", b.at)
	}
}

func TestWhoMayFillInForms(t *testing.T) {
	h := newDeskHouse(t)
	h.addSheets()
	for login, want := range map[string][2]int{ // of the DID and of the power of attorney for INPS
		"cpi-1": {200, 404}, "inps-1": {200, 200}, "manager": {200, 200}, "elsewhere": {404, 404}, "volunteer": {403, 403},
		"observer": {403, 403}, "administrator": {403, 403},
	} {
		b := h.at(login, "")
		for i, form := range []string{"did", "delega"} {
			b.get("/desk/forms/" + form + "?office=" + deskOffice)
			if b.status != want[i] {
				t.Errorf("%s: %s: got %d, want %d", login, form, b.status, want[i])
			}
		}
	}
}

// pdfText is what a document says.
func pdfText(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "form.pdf")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "pdftotext", "-raw", path, "-").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestOwnForm(t *testing.T) {
	h := newBookHouse(t)
	b, own := h.bookOnline(bookService, bookNext, prova...)
	b.get(own + "?lang=it")
	b.want(http.StatusOK, own+"/form.pdf?lang=it", "Modulo da compilare: Promemoria per la DID")
	b.get(own + "/form.pdf?lang=en")
	got := pdfText(t, b.raw)
	for _, want := range []string{"Promemoria per la DID", "prova@prova.example", "Surname"} {
		if !strings.Contains(got, want) {
			t.Errorf("the form lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "Isernia, ") {
		t.Error("a form to be signed some day says where and when")
	}
}

// TestDocumentsToBringAreOnTheReceipt edits what to bring in the console and reads it on the paper.
func TestDocumentsToBringAreOnTheReceipt(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.send("/manage/services/isernia:JNT-LAVORO", "documents=una penna rossa\nla tessera del Comune")
	b.want(http.StatusOK, "salvato")
	a := h.reserve("JNT-LAVORO", "11:00", "Anna Prova")
	officer := h.at("cpi-1", "")
	officer.get(appointmentPath + a.ID + "/receipt.pdf")
	officer.post(appointmentPath+a.ID+"/print", "printer", "printer-here")
	officer.want(http.StatusOK, "La ricevuta è in stampa.")
	var payload string
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT payload FROM print_jobs WHERE kind = 'receipt'`).Scan(&payload)
	})
	var receipt printouts.Receipt
	if err := json.Unmarshal([]byte(payload), &receipt); err != nil {
		t.Fatal(err)
	}
	roll, err := receipt.PDF()
	if err != nil {
		t.Fatal(err)
	}
	letter, err := receipt.A4()
	if err != nil {
		t.Fatal(err)
	}
	officer.get(appointmentPath + a.ID + "/receipt.pdf")
	for name, paper := range map[string]string{"80 mm": string(roll), "A4": string(letter), "at the desk": officer.raw} {
		got := pdfText(t, paper)
		for _, want := range []string{"una penna rossa", "la tessera del Comune"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", name, want, got)
			}
		}
		if strings.Contains(got, "IBAN") {
			t.Errorf("%s still says what was to bring before", name)
		}
	}
}

// TestFormsOfOtherOffices: a kiosk learns nothing of another office's papers.
func TestFormsOfOtherOffices(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	l.update(func(ctx context.Context, tx *store.Tx) error {
		if err := access.AddDevice(ctx, tx, access.Device{ID: "far", Office: "sportello-agnone", Kind: access.Kiosk, Name: "Altro"}, "FAR", "user:test"); err != nil {
			return err
		}
		if err := spool.AddPrinter(ctx, tx, spool.Printer{ID: "far", Office: "sportello-agnone", URI: "file:" + t.TempDir()}); err != nil {
			return err
		}
		_, err := spool.Enqueue(ctx, tx, spool.Job{Printer: "far", Office: "sportello-agnone", Subject: "form:far", Kind: spool.KindForm, Values: printouts.Form{Kind: "did"}})
		return err
	})
	if page, _ := l.get("/kiosk/form?id=far&lang=it"); !strings.Contains(html.UnescapeString(page), "Questo modulo qui non c'è") {
		t.Errorf("got %s", page)
	}
}
