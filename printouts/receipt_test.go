package printouts_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/printouts"
)

// receipt is the receipt of a joint appointment.
func receipt(t testing.TB) printouts.Receipt {
	t.Helper()
	said := func(italian string) printouts.Text { return printouts.Text{Italian: italian} }
	return printouts.Receipt{
		Code:         "KX7-42P",
		URL:          "https://sportello.example.it/a/3fK9mQ2xVb7LpR8s",
		MadeAt:       sample(t).IssuedAt.Add(-13 * 24 * time.Hour),
		Institutions: []string{"Centro per l'Impiego", "INPS"},
		Date:         said("giovedì 3 dicembre 2026"),
		Hours:        said("ore 9:30–10:00"),
		Office:       "Centro Integrato per il Lavoro",
		Address:      "via Esempio 1, 86170 Isernia",
		Service:      said("Disoccupazione: DID e NASpI"),
		People:       said("1 persona"),
		Bring: []printouts.Text{
			said("Documento d'identità"),
			said("Tessera sanitaria o codice fiscale"),
			said("Lettera di licenziamento o contratto scaduto"),
			said("IBAN del tuo conto"),
		},
		Change:  said("Puoi spostare o annullare fino a mercoledì 2 dicembre 2026, ore 9:30. Inquadra il codice con il telefono, oppure chiama."),
		Contact: []string{"Telefono 0865 000000", "appuntamenti@sportello.example.it"},
		Words: printouts.ReceiptWords{
			Title:   said("Il tuo appuntamento"),
			Code:    said("Codice dell'appuntamento"),
			Scan:    said("Inquadra il codice: vedi, sposta o annulla dal telefono."),
			Where:   said("Dove"),
			Service: said("Servizio"),
			People:  said("Persone"),
			Bring:   said("Cosa portare"),
			Change:  said("Spostare o annullare"),
			Contact: said("Contatti"),
			Made:    said("Stampato il"),
		},
	}
}

// inUkrainian is the same receipt for a citizen who chose Ukrainian.
func inUkrainian(t testing.TB) printouts.Receipt {
	t.Helper()
	r := receipt(t)
	r.Language = "uk"
	r.Institutions = append(r.Institutions, "Comune di Isernia")
	r.Date.Second, r.Hours.Second = "четвер, 3 грудня 2026 р.", "9:30–10:00"
	r.Service.Second, r.People.Second = "Безробіття: DID та NASpI", "1 особа"
	for i, second := range []string{
		"Документ, що посвідчує особу", "Медична картка або податковий номер",
		"Лист про звільнення або договір, строк якого закінчився", "IBAN вашого рахунку",
	} {
		r.Bring[i].Second = second
	}
	r.Change.Second = "Ви можете перенести або скасувати запис до середи, 2 грудня 2026 р., 9:30. Відскануйте код телефоном або зателефонуйте."
	w := &r.Words
	w.Title.Second, w.Code.Second = "Ваш запис", "Код запису"
	w.Scan.Second = "Відскануйте код: переглядайте, переносьте або скасовуйте запис з телефону."
	w.Where.Second, w.Service.Second, w.People.Second = "Де", "Послуга", "Осіб"
	w.Bring.Second, w.Change.Second = "Що взяти з собою", "Перенести або скасувати"
	w.Contact.Second, w.Made.Second = "Контакти", "Надруковано"
	return r
}

// receipts are the receipts that the tests of the page look at, by the name of their golden files.
func receipts(t testing.TB) map[string]printouts.Receipt {
	t.Helper()
	posted := inUkrainian(t)
	posted.Recipient = []string{"Maria Prova", "via dei Campioni 12, scala B", "86170 Isernia IS"}

	long := receipt(t)
	long.Institutions = samples(t)["long"].Institutions
	long.Office, long.Address = samples(t)["long"].Office, samples(t)["long"].Address
	long.Date.Italian = "mercoledì 30 settembre 2026"
	for i := range 40 {
		document := "Documento numero " + strconv.Itoa(i+1) + strings.Repeat(", con la copia di ogni pagina", i%7)
		long.Bring = append(long.Bring, printouts.Text{Italian: document})
	}

	unbroken := inUkrainian(t)
	word := strings.Repeat("Precipitevolissimevolmente", 10)
	unbroken.Code, unbroken.Institutions = "ABCDEFGHIJ0123456789", []string{word[:104]}
	unbroken.Office, unbroken.Address, unbroken.Contact = word, word, []string{word}
	unbroken.Service.Italian, unbroken.Bring[1].Italian, unbroken.Words.Change.Italian = word, word, word[:104]
	unbroken.Recipient = []string{word, word}
	unbroken.Change.Second = strings.Repeat(word, 12)

	return map[string]printouts.Receipt{
		"italian":   receipt(t),
		"ukrainian": inUkrainian(t),
		"posted":    posted,
		"long":      long,
		"unbroken":  unbroken,
		"bare":      bare(t),
	}
}

// bare is a receipt with what is required and no more.
func bare(t testing.TB) printouts.Receipt {
	r := receipt(t)
	return printouts.Receipt{Code: r.Code, MadeAt: r.MadeAt, Date: r.Date, Hours: r.Hours}
}

// formats are the documents that a receipt can be.
var formats = map[string]func(printouts.Receipt) ([]byte, error){
	"receipt": printouts.Receipt.PDF,
	"letter":  printouts.Receipt.A4,
}

// onFormats runs f for every receipt in every format, with the path of the document.
func onFormats(t *testing.T, f func(t *testing.T, name string, r printouts.Receipt, pdf string)) {
	t.Helper()
	for name, r := range receipts(t) {
		for format, render := range formats {
			t.Run(format+" "+name, func(t *testing.T) {
				content, err := render(r)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "receipt.pdf")
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				f(t, format+"-"+name, r, path)
			})
		}
	}
}

func TestReceiptText(t *testing.T) {
	onFormats(t, func(t *testing.T, name string, _ printouts.Receipt, pdf string) {
		golden(t, name+".txt", string(run(t, "pdftotext", "-raw", "-enc", "UTF-8", pdf, "-")))
	})
}

func TestReceiptDocument(t *testing.T) {
	onFormats(t, func(t *testing.T, name string, r printouts.Receipt, pdf string) {
		run(t, "qpdf", "--check", pdf)
		info := string(run(t, "pdfinfo", pdf))
		wants := []string{"Title:           " + strings.TrimSpace(r.Words.Title.Italian+" "+r.Code) + "\n"}
		switch {
		case strings.HasPrefix(name, "receipt"):
			wants = append(wants, "Pages:           1\n", "Page size:       226.77 x ")
		case name == "letter-long" || name == "letter-unbroken" || name == "letter-posted":
			wants = append(wants, "Page size:       595.28 x 841.89 pts (A4)\n")
		default:
			wants = append(wants, "Pages:           1\n", "Page size:       595.28 x 841.89 pts (A4)\n")
		}
		for _, want := range wants {
			if !strings.Contains(info, want) {
				t.Errorf("pdfinfo has no %q in\n%s", want, info)
			}
		}
	})
}

func TestReceiptQR(t *testing.T) {
	onFormats(t, func(t *testing.T, _ string, r printouts.Receipt, pdf string) {
		if r.URL == "" {
			t.Skip("the receipt has none")
		}
		if got := readQR(t, picture(t, pdf)); got != r.URL { // of the first page
			t.Errorf("QR code says %q, want %q", got, r.URL)
		}
	})
}

// TestReceiptOnPaper looks at the dots of every page at 203 dpi, eight to the mm.
func TestReceiptOnPaper(t *testing.T) {
	onFormats(t, func(t *testing.T, name string, _ printouts.Receipt, pdf string) {
		const ascender = 5 // dots from a capital to a taller letter at most
		left, top, right, bottom, gap := 20*8, 18*8, 190*8, 284*8, 0
		if strings.HasPrefix(name, "receipt") {
			left, top, right, gap = 32, 32, 608, 8*8
		}
		for i, page := range pages(t, pdf) {
			ink := inkIn(page, page.Bounds())
			if gap > 0 {
				bottom = page.Bounds().Dy() - 20
			}
			if ink.Min.X < left-1 || ink.Max.X > right+1 || ink.Min.Y < top-ascender || ink.Max.Y > bottom {
				t.Errorf("page %d: ink in %v, want within %d, %d and %d, %d", i+1, ink, left, top, right, bottom)
			}
			if got := ink.Min.Y; got > top+3 {
				t.Errorf("page %d: first ink at line %d, want %d", i+1, got, top)
			}
			if got := tallestGap(page, ink); gap > 0 && got > gap {
				t.Errorf("%d lines without ink between two things, want at most %d", got, gap)
			}
		}
	})
}

// TestReceiptInWindow looks through the window of an envelope of 110 by 230 mm, wherever the folded
// sheet lies in it.
func TestReceiptInWindow(t *testing.T) {
	const (
		dots                = 8     // to the mm
		sheetWide           = 210.0 // mm, as all below
		sheetHigh           = 99.0  // folded
		slackX, slackY      = 230 - sheetWide, 110 - sheetHigh
		windowX, windowY    = 230 - 20 - 100, 110 - 20 - 45 // in the envelope
		windowWide, windowH = 100, 45
	)
	r := receipts(t)["posted"]
	content, err := r.A4()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "letter.pdf")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	first := pages(t, path)[0]
	recipient := inkIn(first, image.Rect(100*dots, 40*dots, 200*dots, 88*dots))
	for _, x := range []int{0, slackX} {
		for _, y := range []int{0, slackY} {
			window := image.Rect(0, 0, windowWide*dots, windowH*dots).Add(image.Pt((windowX-x)*dots, (windowY-y)*dots))
			if got := inkIn(first, window); got != recipient {
				t.Errorf("sheet at %d, %d mm: ink in %v shows, want %v", x, y, got, recipient)
			}
		}
	}
	if text := string(run(t, "pdftotext", "-r", "203", "-x", "890", "-y", "320", "-W", "700", "-H", "380", path, "-")); !strings.HasPrefix(text, strings.Join(r.Recipient, "\n")) {
		t.Errorf("the window shows %q, want %q", text, r.Recipient)
	}
}

func TestReceiptTape(t *testing.T) {
	for name, r := range receipts(t) {
		for _, head := range heads {
			t.Run(name+" "+strconv.Itoa(int(head)), func(t *testing.T) {
				commands, err := r.ESCPOS(printouts.Profile{Head: head})
				if err != nil {
					t.Fatal(err)
				}
				got := unroll(t, commands, int(head))
				if head == printouts.Head80 {
					golden(t, "tape-receipt-"+name+".txt", got.text)
				}
				if most := 9 * 8; tallestGap(got.paper, inkIn(got.paper, got.paper.Bounds())) > most {
					t.Errorf("more than %d lines without ink between two things", most)
				}
				for _, area := range got.images {
					if area.Dy() > 48 {
						t.Errorf("an image of %d lines, which is more than printers keep", area.Dy())
					}
				}
				if r.URL == "" {
					return
				}
				if code := readQR(t, got.onPaper(t)); code != r.URL {
					t.Errorf("QR code says %q, want %q", code, r.URL)
				}
			})
		}
	}
}

// allOf are the bytes of a receipt in every format.
func allOf(t *testing.T, r printouts.Receipt) (all [][]byte) {
	t.Helper()
	for _, render := range []func() ([]byte, error){
		r.PDF, r.A4, func() ([]byte, error) { return r.ESCPOS(printouts.Profile{Head: printouts.Head80}) },
	} {
		content, err := render()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, content)
	}
	return all
}

func TestReceiptIsReproducible(t *testing.T) {
	want := allOf(t, inUkrainian(t))
	if diff := cmp.Diff(want, allOf(t, inUkrainian(t))); diff != "" {
		t.Error("two printouts of one receipt differ")
	}
	untidy := func() printouts.Receipt {
		r := inUkrainian(t)
		r.Bring[0].Italian += "  "
		return r
	}
	r, kept := untidy(), untidy()
	allOf(t, r)
	if diff := cmp.Diff(kept, r); diff != "" {
		t.Errorf("printing changed the receipt (-want +got):\n%s", diff)
	}
}

// TestReceiptLikeAnother pairs receipts that must come out the same to the last byte.
func TestReceiptLikeAnother(t *testing.T) {
	change := func(r printouts.Receipt, f func(r *printouts.Receipt)) printouts.Receipt {
		f(&r)
		return r
	}
	tests := []struct {
		name      string
		got, want printouts.Receipt
	}{
		{"second language is Italian", change(receipt(t), func(r *printouts.Receipt) {
			r.Language, r.Change.Second = "it-IT", "Un altro testo"
		}), receipt(t)},
		{"second language has no name", change(receipt(t), func(r *printouts.Receipt) { r.Change.Second = "Another text" }), receipt(t)},
		{"Chinese cannot be drawn", change(receipt(t), func(r *printouts.Receipt) {
			r.Language, r.Words.Title.Second, r.Date.Second = "zh", "您的预约", "3 December"
		}), receipt(t)},
		{"one letter in a list cannot be drawn", change(inUkrainian(t), func(r *printouts.Receipt) {
			r.Bring[2].Second += " 号"
		}), change(inUkrainian(t), func(r *printouts.Receipt) { r.Language = "" })},
		{"second text repeats the Italian", change(receipt(t), func(r *printouts.Receipt) {
			r.Language, r.Service.Second = "en", " "+r.Service.Italian
		}), receipt(t)},
		{"foreign letters in the office's name", change(receipt(t), func(r *printouts.Receipt) { r.Office += " 東京" }), receipt(t)},
		{"nothing in a line", change(receipt(t), func(r *printouts.Receipt) {
			r.Contact = append(r.Contact, " ", "東京")
			r.Bring = append(r.Bring, printouts.Text{Italian: "\u200b"})
		}), receipt(t)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(allOf(t, tt.want), allOf(t, tt.got)); diff != "" {
				t.Error("the two receipts differ")
			}
		})
	}
}

func TestReceiptRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*printouts.Receipt)
		want   error
	}{
		{"no code", func(r *printouts.Receipt) { r.Code = " " }, printouts.ErrNoCode},
		{"a code that cannot be drawn", func(r *printouts.Receipt) { r.Code = "KX7-号2P" }, printouts.ErrNoCode},
		{"no time", func(r *printouts.Receipt) { r.MadeAt = time.Time{} }, printouts.ErrNoTime},
		{"no date", func(r *printouts.Receipt) { r.Date.Italian = "" }, printouts.ErrNoDate},
		{"hours that cannot be drawn", func(r *printouts.Receipt) { r.Hours.Italian = "ore 9時" }, printouts.ErrNoDate},
		{"an address too fine to print", func(r *printouts.Receipt) { r.URL = strings.Repeat("x", 413) }, printouts.ErrLongURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := receipt(t)
			tt.change(&r)
			for format, render := range map[string]func() ([]byte, error){
				"PDF": r.PDF, "A4": r.A4, "ESC/POS": func() ([]byte, error) { return r.ESCPOS(printouts.Profile{Head: printouts.Head80}) },
			} {
				if content, err := render(); !errors.Is(err, tt.want) || content != nil {
					t.Errorf("%s: got %d bytes and error %v, want none and %v", format, len(content), err, tt.want)
				}
			}
		})
	}
}

// pages renders every page of a PDF file as picture does one.
func pages(t *testing.T, pdf string) (all []image.Image) {
	t.Helper()
	dir := t.TempDir()
	run(t, "pdftoppm", "-r", "203.2", "-mono", "-png", pdf, filepath.Join(dir, "page"))
	files, err := filepath.Glob(filepath.Join(dir, "page-*.png"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages: %v", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		page, err := png.Decode(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page)
	}
	return all
}
