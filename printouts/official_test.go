package printouts_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"

	"sportello/printouts"
	"sportello/printouts/pdf"
)

// published is a form of an invented institution: a page upright with lines and combs, one on its side.
func published(t testing.TB) []byte {
	t.Helper()
	p := fpdf.New("P", "pt", "A4", "")
	p.SetCreationDate(sample(t).IssuedAt)
	p.SetFont("Helvetica", "", 11)
	p.AddPage()
	p.Text(60, 60, "Ente Inventato - Modulo di prova")
	for i, label := range []string{"Cognome", "Nome", "Codice fiscale", "Nato il", "Sesso M / F", "Indirizzo"} {
		p.Text(60, 112+float64(i)*40, label)
		p.Line(180, 116+float64(i)*40, 520, 116+float64(i)*40)
	}
	for n := range 17 {
		p.Line(180+float64(n)*20, 180, 180+float64(n)*20, 196)
	}
	p.AddPageFormat("L", p.GetPageSizeStr("A4"))
	p.Text(60, 60, "Seconda pagina")
	p.Rect(180, 100, 400, 60, "D")
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		t.Fatal(err)
	}
	clean, _, err := pdf.Clean(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return clean
}

// official is the form with fields of every kind, filled in.
func official(t testing.TB, values map[string]string) printouts.Form {
	t.Helper()
	text := func(key string, page int, x, y, width, height float64) printouts.Placed {
		return printouts.Placed{Key: key, Page: page, X: x, Y: y, Width: width, Height: height, Kind: printouts.PlacedText}
	}
	part := func(part printouts.DatePart, x, width float64, cells int) printouts.Placed {
		return printouts.Placed{Key: "data_nascita", Page: 1, X: x, Y: 218, Width: width, Height: 18, Kind: printouts.PlacedDate, Part: part, Cells: cells}
	}
	sex := func(is string, x float64) printouts.Placed {
		return printouts.Placed{Key: "sesso", Page: 1, X: x, Y: 262, Width: 12, Height: 12, Kind: printouts.PlacedCheck, Is: is}
	}
	f := printouts.Form{Kind: "mod-prova", Values: map[string]printouts.Value{}, MadeAt: sample(t).IssuedAt, Institutions: []string{"Ente Inventato"}}
	f.Official = &printouts.Official{
		ID: "mod-prova", Version: "3", Title: "Modulo di prova", Legal: "nessuna", File: published(t), Fields: []printouts.Placed{
			text("cognome", 1, 180, 98, 340, 18), text("nome", 1, 180, 138, 340, 18),
			{Key: "codice_fiscale", Page: 1, X: 180, Y: 180, Width: 320, Height: 16, Kind: printouts.PlacedComb, Cells: 16},
			part(printouts.DayPart, 180, 40, 2), part(printouts.MonthPart, 230, 40, 2), part(printouts.YearPart, 280, 80, 0), part(printouts.WholeDate, 400, 100, 0),
			sex("M", 180), sex("F", 220), text("residenza_indirizzo", 1, 180, 298, 340, 18), text("esperienze", 2, 182, 102, 396, 56),
		},
	}
	for key, value := range values {
		f.Values[key] = printouts.Value{Text: value, Origin: printouts.FromUser}
	}
	return f
}

// placed are the words of a document with where they stand, in points from the top left corner.
type placedWord struct {
	XMin float64 `xml:"xMin,attr"`
	XMax float64 `xml:"xMax,attr"`
	YMin float64 `xml:"yMin,attr"`
	YMax float64 `xml:"yMax,attr"`
	Text string  `xml:",chardata"`
	Page int     `xml:"-"`
}

func placedWords(t *testing.T, path string) (all []placedWord) {
	t.Helper()
	var read struct {
		Pages []struct {
			Words []placedWord `xml:"word"`
		} `xml:"body>doc>page"`
	}
	if err := xml.Unmarshal(run(t, "pdftotext", "-bbox", path, "-"), &read); err != nil {
		t.Fatal(err)
	}
	for n, page := range read.Pages {
		for _, w := range page.Words {
			w.Page = n + 1
			all = append(all, w)
		}
	}
	return all
}

func wordOf(t *testing.T, all []placedWord, text string) placedWord {
	t.Helper()
	for _, w := range all {
		if w.Text == text {
			return w
		}
	}
	t.Fatalf("%q is not on paper: %v", text, all)
	return placedWord{}
}

// TestOfficial reads back where the fields of a form stand.
func TestOfficial(t *testing.T) {
	f := official(t, map[string]string{
		"cognome": "Xqzw", "nome": "Wkjy", "codice_fiscale": "XQZWJY80A41E335A", "data_nascita": "01/02/1980", "sesso": "f",
		"residenza_indirizzo": "via Esempio 1", "esperienze": "2019–2024 Esempio srl\n2015–2019 Prova spa",
	})
	made, err := f.PDF()
	path := document(t, made, err)
	all := placedWords(t, path)
	for _, test := range []struct {
		text string
		page int
		x, y float64
	}{
		{"Xqzw", 1, 180, 107}, {"Wkjy", 1, 180, 147}, {"1980", 1, 280, 227}, {"01/02/1980", 1, 400, 227}, {"via", 1, 180, 307}, {"2019–2024", 2, 182, 106},
	} {
		w := wordOf(t, all, test.text)
		if w.Page != test.page || math.Abs(w.XMin-test.x) > 0.5 || w.YMin > test.y || w.YMax < test.y {
			t.Errorf("%s stands on page %d at %.1f, %.1f–%.1f, want page %d at %.1f around %.1f", test.text, w.Page, w.XMin, w.YMin, w.YMax, test.page, test.x, test.y)
		}
	}
	below := slices.DeleteFunc(slices.Clone(all), func(w placedWord) bool { return w.YMin < 250 })
	if x := wordOf(t, below, "X"); x.XMin < 220 || x.XMax > 232 {
		t.Errorf("the cross stands at %.1f–%.1f, want within 220–232", x.XMin, x.XMax)
	}
	for n, letter := range "XQZWJY80A41E335A" {
		middle := 180 + (float64(n)+0.5)*20
		found := false
		for _, w := range all {
			found = found || w.Text == string(letter) && math.Abs((w.XMin+w.XMax)/2-middle) < 0.5 && w.YMin > 176 && w.YMax < 202
		}
		if !found {
			t.Errorf("cell %d: %c is not in its middle", n+1, letter)
		}
	}
	if n := len(pages(t, path)); n != 2 {
		t.Errorf("%d pages, want 2", n)
	}
	if again, err := f.PDF(); err != nil || !bytes.Equal(made, again) {
		t.Errorf("two printouts of one form differ, %v", err)
	}
	golden(t, "official.txt", words(t, path))
	golden(t, "structure-official.txt", string(run(t, "pdfinfo", "-struct-text", path)))
	if info := string(run(t, "pdfinfo", "-struct", path)); !strings.Contains(info, "Form") {
		t.Errorf("no element says that it is of a form:\n%s", info)
	}
}

// TestOfficialOnOddPages places a word over one that the form has, on pages that are turned and cropped.
func TestOfficialOnOddPages(t *testing.T) {
	for _, test := range []struct{ name, page string }{
		{"upright", ""},
		{"turned", "/Rotate 90"},
		{"upside down", "/Rotate 180"},
		{"turned back", "/Rotate 270"},
		{"cropped", "/CropBox [40 200 500 800]"},
		{"cropped and turned", "/CropBox [40 200 500 800] /Rotate 270"},
		{"below 0", "/MediaBox [-30 -40 565 802]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := "q 0.5 0 0 0.5 300 500 cm 0 0 1 rg 0 0 80 40 re f Q"
			file := fmt.Sprintf("%%PDF-1.4\n1 0 obj<</Pages 2 0 R>>endobj 2 0 obj<</Kids[3 0 R]/MediaBox[0 0 595 842]>>endobj\n3 0 obj<</Type/Page %s/Contents 4 0 R>>endobj 4 0 obj<</Length %d>>stream\n%s\nendstream endobj\n", test.page, len(content), content)
			table := "xref\n0 5\n0000000000 65535 f \n"
			for n := 1; n < 5; n++ {
				table += fmt.Sprintf("%010d 00000 n \n", strings.Index(file, fmt.Sprintf("%d 0 obj", n)))
			}
			file += fmt.Sprintf("%strailer<</Root 1 0 R/Size 5>>\nstartxref\n%d\n%%%%EOF\n", table, len(file))
			clean, seen, err := pdf.Clean([]byte(file))
			if err != nil {
				t.Fatal(err)
			}
			place := printouts.Placed{Key: "cognome", Page: 1, X: 0, Y: 0, Width: seen[0].Width, Height: seen[0].Height, Kind: printouts.PlacedCheck, Size: 6}
			f := printouts.Form{Kind: "mod", MadeAt: sample(t).IssuedAt, Values: map[string]printouts.Value{"cognome": {Text: "sì"}}}
			f.Official = &printouts.Official{ID: "mod", File: clean, Fields: []printouts.Placed{place}}
			made, err := f.PDF()
			path := document(t, made, err)
			x := wordOf(t, placedWords(t, path), "X")
			if math.Abs((x.XMin+x.XMax)/2-seen[0].Width/2) > 0.5 || math.Abs((x.YMin+x.YMax)/2-seen[0].Height/2) > 3 {
				t.Errorf("the cross stands at %.1f %.1f of a page of %v", x.XMin, x.YMin, seen[0])
			}
			if page := pages(t, path)[0]; page.Bounds().Dx() != int(math.Ceil(seen[0].Width*203/72)) && math.Abs(float64(page.Bounds().Dx())/float64(page.Bounds().Dy())-seen[0].Width/seen[0].Height) > 0.01 {
				t.Errorf("the page is %v, want as %v", page.Bounds(), seen[0])
			}
		})
	}
}

// TestOfficialNeverCuts fills in what does not fit.
func TestOfficialNeverCuts(t *testing.T) {
	var numbered strings.Builder
	for n := range 1500 {
		fmt.Fprintf(&numbered, "parola%04d ", n)
	}
	for _, test := range []struct {
		name, key, text string
		pages           int
	}{
		{"as large as the field", "cognome", "Xqzw", 2},
		{"a name of 80 letters, set smaller", "cognome", strings.TrimSpace(strings.Repeat("Precipit ", 9)), 2},
		{"a name of 300 letters", "cognome", strings.TrimSpace(strings.Repeat("Precipitevolissimo ", 16)), 3},
		{"a name of 300 letters without a space", "cognome", strings.Repeat("Precipitevolissimo", 17), 3},
		{"a code too long for its cells", "codice_fiscale", "XQZWJY80A41E335AB", 3},
		{"a code with spaces", "codice_fiscale", "XQZ WJY 80A41 E335A", 2},
		{"no date", "data_nascita", "nel 1980", 3},
		{"a life's work", "esperienze", numbered.String(), 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, err := official(t, map[string]string{test.key: test.text}).PDF()
			path := document(t, made, err)
			got := words(t, path)
			plain := strings.NewReplacer("(segue)", "").Replace(got)
			if n := len(pages(t, path)); n < test.pages || test.pages < 5 && n != test.pages {
				t.Errorf("%d pages, want %d", n, test.pages)
			}
			if test.pages == 5 && !inOrder(plain, test.text) {
				t.Errorf("words are missing or not in order:\n%s", got)
			}
			letters := 0
			for _, r := range dense(plain) {
				if strings.ContainsRune(dense(test.text), r) {
					letters++
				}
			}
			if letters < len([]rune(dense(test.text))) {
				t.Errorf("letters are missing:\n%s", got)
			}
			if test.pages > 2 && !strings.Contains(got, "Foglio aggiunto") {
				t.Errorf("no extra sheet:\n%s", got)
			}
		})
	}
}

func TestOfficialRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(f *printouts.Form)
		want   error
	}{
		{"of another kind", func(f *printouts.Form) { f.Kind = "did" }, printouts.ErrNoForm},
		{"a value without a field", func(f *printouts.Form) { f.Values["iban"] = printouts.Value{Text: "x"} }, printouts.ErrNoField},
		{"no such page", func(f *printouts.Form) { f.Official.Fields[0].Page = 3 }, printouts.ErrNoPage},
		{"no time", func(f *printouts.Form) { f.MadeAt = printouts.Form{}.MadeAt }, printouts.ErrNoTime},
		{"no pages", func(f *printouts.Form) { f.Official.File = []byte("x") }, pdf.NoPDF},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := official(t, nil)
			test.change(&f)
			if made, err := f.PDF(); !errors.Is(err, test.want) || made != nil {
				t.Errorf("got %d bytes, %v, want %v", len(made), err, test.want)
			}
		})
	}
}

// TestOfficialSurvivesTheSpool sends a form through JSON, as print jobs do.
func TestOfficialSurvivesTheSpool(t *testing.T) {
	f := official(t, map[string]string{"cognome": "Xqzw"})
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

// TestOfficialKind asks for what is placed, under the headings of our own forms.
func TestOfficialKind(t *testing.T) {
	f := official(t, nil)
	kind, err := f.FormKind()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, field := range kind.Fields() {
		keys = append(keys, field.Key)
	}
	if len(keys) != 7 || kind.ID != "mod-prova" || kind.Title != "Modulo di prova" || len(kind.Sections) < 2 {
		t.Errorf("got %+v", kind)
	}
}

func BenchmarkOfficial(b *testing.B) {
	f := official(b, map[string]string{"cognome": "Xqzw", "nome": "Wkjy", "codice_fiscale": "XQZWJY80A41E335A"})
	for b.Loop() {
		if _, err := f.PDF(); err != nil {
			b.Fatal(err)
		}
	}
}
