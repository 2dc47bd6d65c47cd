package printouts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/printouts"
)

// forms are all kinds of forms.
func forms(t testing.TB) []printouts.FormKind {
	t.Helper()
	all, err := printouts.Forms()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// filledIn are values for the fields that more than one form has; the person is invented.
var filledIn = map[string]string{
	"cognome": "Xqzw", "nome": "Wkjy", "codice_fiscale": "XQZWJY80A41E335A", "sesso": "F", "data_nascita": "01/01/1980",
	"luogo_nascita": "Isernia", "provincia_nascita": "IS", "cittadinanza": "italiana", "residenza_indirizzo": "via Esempio 1",
	"residenza_comune": "Isernia", "telefono": "+39 000 0000000", "email": "wkjy@example.it", "luogo_data": "Isernia, 3 dicembre 2026",
	"disponibilita": "sì", "esperienze": "2019–2024 Esempio srl, impiegata, tempo indeterminato\n2015–2019 Prova spa, addetta alle vendite",
	"delegato_cf": "XQZWJY80A01F205S", "iban": "IT60X0542811101000000123456", "lingue": "italiano C2, inglese B1, română A2, українська A2 (ґ є ї)",
	"altra_domanda": "sì", "dichiara": "di essere nata a Isernia il 1º gennaio 1980; di essere disoccupata dal 1º ottobre 2026; che il reddito è di 8.000 €.",
	"titolare": "Comune di Isernia, piazza Esempio 1.\nINPS, direzione provinciale.", "profilo": "Da definire con l'operatore.",
}

// form fills a kind in.
func form(t testing.TB, kind printouts.FormKind, with map[string]string) printouts.Form {
	t.Helper()
	f := printouts.Form{
		Kind: kind.ID, Values: map[string]printouts.Value{}, MadeAt: sample(t).IssuedAt,
		Institutions: []string{"Centro per l'Impiego", "INPS", "Comune di Isernia"},
	}
	for _, field := range kind.Fields() {
		if text, known := with[field.Key]; known {
			f.Values[field.Key] = printouts.Value{Text: text, Origin: field.Origin}
		}
	}
	return f
}

func kindOf(t testing.TB, id string) printouts.FormKind {
	t.Helper()
	kind, err := printouts.FormOf(id)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

// words is all text of a document.
func words(t *testing.T, path string) string {
	t.Helper()
	return string(run(t, "pdftotext", "-raw", "-nopgbrk", "-enc", "UTF-8", path, "-"))
}

// dense is text without white space, as which it stands on paper however it is broken into lines.
func dense(text string) string { return strings.Join(strings.Fields(text), "") }

func TestFormKinds(t *testing.T) {
	origins := []printouts.Origin{
		printouts.FromScan, printouts.FromCode, printouts.FromUser, printouts.FromSession, printouts.FromOffice, printouts.FromOperator,
		printouts.FromCatalog, printouts.ByHand, printouts.Fixed,
	}
	kinds := []printouts.FieldKind{printouts.LineField, printouts.CodeField, printouts.TickField, printouts.ProseField, printouts.SignatureField}
	var ids []string
	for _, kind := range forms(t) {
		ids = append(ids, kind.ID)
		if kind.Title == "" || kind.Version == "" || kind.Legal == "" || kind.Note == "" {
			t.Errorf("%s lacks title, version, note or law", kind.ID)
		}
		seen := map[string]bool{}
		for _, field := range kind.Fields() {
			if seen[field.Key] || field.Label == "" || !slices.Contains(origins, field.Origin) || !slices.Contains(kinds, field.Kind) ||
				(field.Kind == printouts.CodeField) != (field.Cells > 0) {
				t.Errorf("%s: field %+v", kind.ID, field)
			}
			seen[field.Key] = true
			if field.Key == "cittadinanza" && field.Origin != printouts.FromUser {
				t.Errorf("%s: citizenship comes from %s", kind.ID, field.Origin)
			}
		}
	}
	want := []string{"did", "patto", "scheda", "delega", "maternita_comuni", "autodichiarazione", "informativa"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("forms (-want +got):\n%s", diff)
	}
}

// TestForms draws every form, blank and filled in, and reads it back.
func TestForms(t *testing.T) {
	for _, kind := range forms(t) {
		for name, values := range map[string]map[string]string{"blank": nil, "filled in": filledIn} {
			t.Run(kind.ID+" "+name, func(t *testing.T) {
				f := form(t, kind, values)
				pdf, err := f.PDF()
				path := document(t, pdf, err)
				got := words(t, path)
				if values == nil {
					return
				}
				golden(t, "form-"+kind.ID+".txt", got)
				for i, page := range pages(t, path) {
					ink := inkIn(page, page.Bounds())
					if left, right := 19*8, 191*8; ink.Min.X < left || ink.Max.X > right {
						t.Errorf("page %d: ink from %d to %d, want within %d and %d", i+1, ink.Min.X, ink.Max.X, left, right)
					}
				}
				again, err := f.PDF()
				if err != nil || !bytes.Equal(pdf, again) {
					t.Errorf("two printouts of one form differ, %v", err)
				}
				for key, v := range f.Values {
					if v.Text != "sì" && !strings.Contains(dense(got), dense(v.Text)) {
						t.Errorf("%s: %q is not on paper", key, v.Text)
					}
				}
			})
		}
	}
}

// inOrder reports whether the words of text stand in got in their order.
func inOrder(got, text string) bool {
	for word := range strings.FieldsSeq(text) {
		_, after, found := strings.Cut(got, word)
		if !found {
			return false
		}
		got = after
	}
	return true
}

// TestFormNeverCuts fills in what does not fit.
func TestFormNeverCuts(t *testing.T) {
	var numbered strings.Builder
	for n := range 1500 {
		fmt.Fprintf(&numbered, "parola%04d ", n)
	}
	for _, test := range []struct {
		name, kind, key, text string
		pages                 int
	}{
		{"a name of 300 letters", "did", "cognome", strings.TrimSpace(strings.Repeat("Precipitevolissimo ", 17)), 0},
		{"a name of 300 letters without a space", "did", "cognome", strings.Repeat("Precipitevolissimo", 17), 0},
		{"a codice fiscale too long for its boxes", "delega", "delegato_cf", "XQZWJY80A01F205SX", 0},
		{"a life's work", "scheda", "esperienze", numbered.String(), 4},
		{"prose of pages", "informativa", "diritti", numbered.String(), 5},
		{"markup", "delega", "oggetto", `<script>alert("1")</script> & (parentesi) \ 100 %`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			kind := kindOf(t, test.kind)
			pdf, err := form(t, kind, map[string]string{test.key: test.text}).PDF()
			path := document(t, pdf, err)
			got := words(t, path)
			if test.pages == 0 {
				if !strings.Contains(dense(got), dense(test.text)) {
					t.Errorf("not all is on paper:\n%s", got)
				}
				return
			}
			if !inOrder(got, test.text) {
				t.Errorf("words are missing or not in order:\n%s", got)
			}
			if n := len(pages(t, path)); n < test.pages {
				t.Errorf("%d pages, want at least %d", n, test.pages)
			}
			if kind.ID == "scheda" && !strings.Contains(got, "(segue)") {
				t.Error("the next page does not say which field goes on")
			}
		})
	}
}

// TestFormSecondLabels sets labels in the citizen's language below the Italian ones, where the fonts hold
// all of them.
func TestFormSecondLabels(t *testing.T) {
	labels := map[string]string{
		"": "Пам'ятка для заяви", "cognome": "Прізвище", "codice_fiscale": "Податковий код", "disponibilita": "Заявляю, що готовий працювати.",
		"profilazione": "Рік тому, тривалість безробіття, сім'я, неповнолітні діти", "firma": "Підпис",
	}
	f := form(t, kindOf(t, "did"), nil)
	f.Language, f.Labels = "uk", labels
	pdf, err := f.PDF()
	path := document(t, pdf, err)
	got := words(t, path)
	for key, label := range labels {
		if !strings.Contains(dense(got), dense(label)) {
			t.Errorf("%q: %q is not on paper", key, label)
		}
	}
	if said := string(run(t, "pdfinfo", "-struct-text", path)); !strings.Contains(said, "Прізвище") {
		t.Error("readers do not hear the second labels")
	}
	italian := form(t, kindOf(t, "did"), nil)
	want, err := italian.PDF()
	if err != nil {
		t.Fatal(err)
	}
	f.Language, f.Labels = "ar", map[string]string{"cognome": "اللقب", "nome": "Nome"}
	if got, err := f.PDF(); err != nil || !bytes.Contains(got, []byte("/Title")) || len(words(t, document(t, got, err))) != len(words(t, document(t, want, nil))) {
		t.Errorf("labels that cannot be drawn leave a trace, %v", err)
	}
}

// TestFormSavesAPage sets a form tight where the signature would stand alone on a second page.
func TestFormSavesAPage(t *testing.T) {
	full := map[string]string{}
	for key, text := range filledIn {
		full[key] = text
	}
	full["figli"] = strings.Repeat("Xqzw Wkjy, nata a Isernia il 1º ottobre 2026. ", 4)
	for id, want := range map[string]int{"maternita_comuni": 1, "autodichiarazione": 1, "delega": 1} {
		pdf, err := form(t, kindOf(t, id), full).PDF()
		if got := len(pages(t, document(t, pdf, err))); got != want {
			t.Errorf("%s: %d pages, want %d", id, got, want)
		}
	}
}

// TestFormBlank leaves blank what the fonts cannot draw in full.
func TestFormBlank(t *testing.T) {
	kind := kindOf(t, "delega")
	values := map[string]string{
		"cognome": "محمود", "nome": "Wkjy 😀", "delegato_cognome_nome": "Łukasz Żółć\u202e", "oggetto": "ritiro di 王", "validita": " ",
	}
	f := form(t, kind, values)
	got, err := f.Blank()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cognome", "nome", "oggetto"}, got); diff != "" {
		t.Errorf("blank (-want +got):\n%s", diff)
	}
	pdf, err := f.PDF()
	path := document(t, pdf, err)
	text := words(t, path)
	if strings.Contains(text, "Wkjy") || strings.Contains(text, "ritiro") || !strings.Contains(text, "Łukasz Żółć") {
		t.Errorf("got\n%s", text)
	}
	for _, key := range got {
		delete(f.Values, key)
	}
	if without, err := f.PDF(); err != nil || !bytes.Equal(pdf, without) {
		t.Errorf("a value that cannot be drawn leaves a trace, %v", err)
	}
}

func TestFormRefused(t *testing.T) {
	good := form(t, kindOf(t, "did"), filledIn)
	for _, test := range []struct {
		name   string
		change func(f *printouts.Form)
		want   error
	}{
		{"no such form", func(f *printouts.Form) { f.Kind = "none" }, printouts.ErrNoForm},
		{"no time", func(f *printouts.Form) { f.MadeAt = printouts.Form{}.MadeAt }, printouts.ErrNoTime},
		{"no such field", func(f *printouts.Form) { f.Values = map[string]printouts.Value{"iban": {}} }, printouts.ErrNoField},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := good
			test.change(&f)
			if pdf, err := f.PDF(); !errors.Is(err, test.want) || pdf != nil {
				t.Errorf("got %d bytes, %v, want %v", len(pdf), err, test.want)
			}
		})
	}
	if _, err := good.ESCPOS(printouts.Profile{Head: printouts.Head80}); !errors.Is(err, printouts.ErrOnlyA4) {
		t.Errorf("on a thermal printer: %v", err)
	}
}

// TestFormSurvivesTheSpool sends a form through JSON, as print jobs do.
func TestFormSurvivesTheSpool(t *testing.T) {
	f := form(t, kindOf(t, "did"), filledIn)
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back printouts.Form
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	want, err := f.PDF()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := back.PDF(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("another document comes out, %v", err)
	}
}

func TestFormStructure(t *testing.T) {
	pdf, err := form(t, kindOf(t, "autodichiarazione"), filledIn).PDF()
	golden(t, "structure-form.txt", string(run(t, "pdfinfo", "-struct-text", document(t, pdf, err))))
}
