package kiosk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

const textPath = "/manage/texts/isernia/privacy/it"

// stored is the text that is in force for Italian, as its manager wrote it.
func (h *deskHouse) stored() territory.Text {
	h.t.Helper()
	var text territory.Text
	err := h.db.View(h.t.Context(), func(tx *store.Tx) (err error) {
		text, err = territory.TextOf(h.t.Context(), tx, "isernia", territory.Privacy, "it")
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

func TestTextIsEdited(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("administrator", "")
	b.get("/manage/texts")
	b.want(http.StatusOK, "Informativa sulla privacy", "Dichiarazione di accessibilità", `href="`+textPath+`"`, "Il testo iniziale", "Il testo italiano")
	b.lacks("cambiato", "Mancano i contatti")

	b.get(textPath)
	b.want(http.StatusOK, `name="rev" value="0"`, "{{controllers}}\n", "{{dpo}}</code>: i responsabili", `href="/privacy/isernia?lang=it"`)
	b.lacks("Rimetti il testo iniziale")

	b.post(textPath, "do", "preview", "rev", "0", "body", "## Prova\r\n\r\nPer {{territory}}.")
	b.want(http.StatusOK, "<h2>Prova</h2>\n<p>Per Provincia di Isernia.</p>", "Non è ancora salvato", "Per {{territory}}.</textarea>")
	if got := h.stored(); got.Rev != 0 {
		t.Errorf("a look was saved: %+v", got)
	}

	b.post(textPath, "do", "save", "rev", "0", "body", "## Prova\r\n\r\nPer {{territory}}.\r\n")
	b.want(http.StatusOK, "Il testo è salvato", "Il vostro testo, cambiato giovedì 3 dicembre 2026")
	if got, want := h.stored().Body, "## Prova\n\nPer {{territory}}."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := h.stored().ChangedBy, "user:user-administrator"; got != want {
		t.Errorf("changed by %q, want %q", got, want)
	}
	citizen := h.browser()
	citizen.get("/privacy")
	citizen.want(http.StatusOK, "<p>Per Provincia di Isernia.</p>", "Aggiornato giovedì 3 dicembre 2026.")
	b.get("/manage/texts/isernia/privacy/en")
	b.want(http.StatusOK, "Here you read")

	b.get(textPath)
	b.want(http.StatusOK, `name="rev" value="1"`, "Per {{territory}}.</textarea>", "Rimetti il testo iniziale")
	b.post(textPath, "do", "back", "rev", "1", "body", "whatever")
	b.want(http.StatusOK, "Il testo è salvato")
	b.lacks("cambiato")
	citizen.get("/privacy")
	citizen.want(http.StatusOK, "In breve")
}

// TestTextThatCannotBeSavedStays refuses texts without losing them.
func TestTextThatCannotBeSavedStays(t *testing.T) {
	h := newDeskHouse(t)
	h.change(territory.Privacy, "it", "Il primo")
	b := h.at("administrator", "")
	for _, tt := range []struct {
		name, do, rev, body string
		status              int
		want                []string
	}{
		{"an unknown placeholder", "save", "1", "Uno\r\n\r\ne {{enti}} & <b>", http.StatusUnprocessableEntity, []string{
			"Riga 3: {{enti}} non è un segnaposto", "e {{enti}} & <b></textarea>", `name="rev" value="1"`,
		}},
		{"an unknown placeholder, to look at", "preview", "1", "{{enti}}", http.StatusUnprocessableEntity, []string{"Riga 1: {{enti}}", "{{enti}}</textarea>"}},
		{"nothing", "save", "1", " \r\n ", http.StatusUnprocessableEntity, []string{"Il testo è vuoto"}},
		{"no revision", "save", "", "Uno", http.StatusBadRequest, []string{"Non ho capito"}},
		{"a revision that is none", "save", "-1", "Uno", http.StatusBadRequest, []string{"Non ho capito"}},
		{"too much", "save", "1", strings.Repeat("x", 66_000), http.StatusRequestEntityTooLarge, []string{"troppi dati"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.post(textPath, "do", tt.do, "rev", tt.rev, "body", tt.body)
			b.want(tt.status, tt.want...)
			if got := h.stored(); got.Rev != 1 || got.Body != "Il primo" {
				t.Errorf("it was saved: %+v", got)
			}
		})
	}
}

// TestTwoEditorsCollide has both keep what they wrote: the second sees the first's, and may go on.
func TestTwoEditorsCollide(t *testing.T) {
	h := newDeskHouse(t)
	one, two := h.at("responsible", ""), h.at("administrator", "")
	one.post(textPath, "do", "save", "rev", "0", "body", "Quello di Ivo")
	one.want(http.StatusOK, "Il testo è salvato")

	two.post(textPath, "do", "save", "rev", "0", "body", "Quello di Lia")
	two.want(http.StatusConflict, "Qualcuno ha cambiato questi dati nel frattempo", "Quello di Lia</textarea>", "Quello di Ivo</textarea>", `name="rev" value="1"`)
	two.post(textPath, "do", "preview", "rev", "1", "body", "Quello di Lia e Ivo")
	two.want(http.StatusOK, `name="rev" value="1"`)

	one.post(textPath, "do", "back", "rev", "1", "body", "Quello di Ivo")
	one.want(http.StatusOK, "Il testo è salvato")
	two.post(textPath, "do", "save", "rev", "1", "body", "Quello di Lia e Ivo")
	two.want(http.StatusConflict, "Quello di Lia e Ivo</textarea>", "Qui leggi quali dati usiamo", `name="rev" value="2"`)
	two.post(textPath, "do", "save", "rev", "2", "body", "Quello di Lia e Ivo")
	two.want(http.StatusOK, "Il testo è salvato")
	if got := h.stored(); got.Rev != 3 || got.Body != "Quello di Lia e Ivo" {
		t.Errorf("got %+v", got)
	}
}

func TestWhoMayEditTexts(t *testing.T) {
	h := newDeskHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		importDemo(ctx, t, tx, "milano")
		other := access.User{ID: "user-milano", Login: "milano", Name: "Mia Prova", Role: access.Manager, Territory: "milano"}
		if err := access.AddUser(ctx, tx, other, access.HashPassword(deskPassword), "user:test"); err != nil {
			return err
		}
		all := access.User{ID: "user-all", Login: "all", Name: "Nina Prova", Role: access.Administrator}
		return access.AddUser(ctx, tx, all, access.HashPassword(deskPassword), "user:test")
	})
	for _, tt := range []struct {
		login  string
		status int // of the text
		list   int
	}{
		{"manager", 403, 200}, // of some offices
		{"responsible", 200, 200},
		{"administrator", 200, 200},
		{"all", 200, 200},
		{"milano", 403, 200},
		{"cpi-1", 403, 403},
		{"volunteer", 403, 403},
		{"observer", 403, 403},
	} {
		t.Run(tt.login, func(t *testing.T) {
			b := h.browser()
			b.post("/sign-in", "login", tt.login, "password", deskPassword)
			b.get("/manage/texts")
			b.want(tt.list)
			if reaches := strings.Contains(b.page, textPath); reaches != (tt.status == 200) {
				t.Errorf("the list shows the text: %t", reaches)
			}
			b.get(textPath)
			b.want(tt.status)
			b.post(textPath, "do", "save", "rev", "7", "body", "x") // which collides where it is allowed
			want := tt.status
			if want == 200 {
				want = http.StatusConflict
			}
			b.want(want)
		})
	}
	b := h.browser()
	b.get(textPath)
	b.want(http.StatusOK, `action="/sign-in"`)
	b.post(textPath, "do", "save", "rev", "0", "body", "x")
	b.want(http.StatusUnauthorized, "Devi entrare")

	b = h.at("administrator", "")
	for _, path := range []string{"/manage/texts/isernia/cookies/it", "/manage/texts/isernia/privacy/de", "/manage/texts/isernia/privacy/.."} {
		b.get(path)
		b.want(http.StatusNotFound)
	}
}

// TestTextsTellWhatIsMissing warns of institutions that the notice cannot name in full.
func TestTextsTellWhatIsMissing(t *testing.T) {
	h := newDeskHouse(t)
	importText(t, h.db, `
[territory]
id = "isernia"
name = "Provincia di Isernia"

[[institution]]
id = "INPS"
name = "INPS"
contact = "isernia@inps.example"
`)
	b := h.at("administrator", "")
	b.get("/manage/texts")
	b.want(http.StatusOK, "Mancano i contatti o il responsabile della protezione dei dati (DPO) di: INPS.")
}

// TestMessageIsEdited: a manager's words are what is sent from then on, in the language they are in, with
// the facts behind them.
func TestMessageIsEdited(t *testing.T) {
	h := newBookHouse(t)
	b := h.at("administrator", "")
	path := "/manage/texts/isernia/mail.booked/it"
	b.get("/manage/texts")
	b.want(http.StatusOK, "Messaggi sull'appuntamento", `href="`+path+`"`)
	b.get(path)
	b.want(http.StatusOK, `value="Appuntamento confermato: {{moment}}"`, "il tuo appuntamento è confermato.</textarea>", "{{office}}</code>")
	b.lacks("Guarda la pagina dei cittadini")

	b.post(path, "do", "save", "rev", "0", "subject", "Ci vediamo {{moment}}", "body", "")
	b.want(http.StatusUnprocessableEntity, "Manca l'oggetto o il testo", `value="Ci vediamo {{moment}}"`)
	b.post(path, "do", "save", "rev", "0", "subject", "Ci vediamo {{dpo}}", "body", "Porta un documento.")
	b.want(http.StatusUnprocessableEntity, "{{dpo}} non è un segnaposto", "Porta un documento.</textarea>")
	b.post(path, "do", "preview", "rev", "0", "subject", "Ci vediamo {{moment}}", "body", "Porta un documento.")
	b.want(http.StatusOK, "<h3>Ci vediamo giovedì 3 dicembre, ore", "Non è ancora salvato")
	b.post(path, "do", "save", "rev", "0", "subject", "Ci vediamo {{moment}}", "body", "Ti aspettiamo a {{office}}.\r\n\r\nPorta un documento.")
	b.want(http.StatusOK, "Il testo è salvato", "vostro")

	s := serveMail(t)
	citizen, own := h.bookOnline(bookService, bookNext, prova...)
	h.wantMail(s, "Ci vediamo giovedì 10 dicembre, ore 09:00", "Buongiorno Prova Inventata,\n\nTi aspettiamo a Centro Integrato per il Lavoro.\n\nPorta un documento.\n\nQuando:", own)
	citizen.post(own + "/cancel?lang=it")
	h.wantMail(s, "Appuntamento annullato: giovedì 10 dicembre, ore 09:00")
	foreigner := h.browser()
	foreigner.post("/book/"+bookService+"?lang=uk", "office", deskOffice, "start", bookNext)
	foreigner.onward("contact", "note", "")
	foreigner.onward("review", prova...)
	foreigner.onward("book")
	h.wantMail(s, "Запис підтверджено: четвер, 10 грудня, 09:00")

	b.get(path)
	b.post(path, "do", "back", "rev", "1", "subject", "", "body", "")
	b.want(http.StatusOK, "Il testo è salvato")
	b.lacks("vostro")
}
