package printouts_test

import (
	"bytes"
	"errors"
	"flag"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/printouts"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var italian = printouts.Words{
	Title:         "Il tuo numero",
	WaitHere:      "Aspetta qui",
	NotInOrder:    "I numeri non sono chiamati in ordine. Guarda il tabellone.",
	FollowOnPhone: "Inquadra il codice: segui la fila dal telefono.",
	KeepTicket:    "Tieni questo biglietto fino alla fine.",
}

var ukrainian = printouts.Words{
	Title:         "Ваш номер",
	WaitHere:      "Чекайте тут",
	NotInOrder:    "Номери викликають не по порядку. Дивіться на табло.",
	FollowOnPhone: "Відскануйте код: стежте за чергою з телефону.",
	KeepTicket:    "Зберігайте цей талон до кінця. Її, ґ, є.",
}

var romanian = printouts.Words{
	Title:         "Numărul dumneavoastră de ordine",
	WaitHere:      "Așteptați aici până sunteți chemat",
	NotInOrder:    "Numerele nu sunt chemate în ordine. Urmăriți panoul din sala de așteptare.",
	FollowOnPhone: "Scanați codul: urmăriți rândul pe telefon, oriunde vă aflați.",
	KeepTicket:    "Păstrați acest bon până la sfârșit.",
}

var arabic = printouts.Words{
	Title:         "رقمك",
	WaitHere:      "انتظر هنا",
	NotInOrder:    "لا يتم النداء على الأرقام بالترتيب.",
	FollowOnPhone: "امسح الرمز ضوئيًا لمتابعة الدور.",
	KeepTicket:    "احتفظ بهذه التذكرة.",
}

var chinese = printouts.Words{
	Title:         "您的号码",
	WaitHere:      "请在此等候",
	NotInOrder:    "号码不按顺序叫号。",
	FollowOnPhone: "扫码查看排队情况。",
	KeepTicket:    "请保留此号票。",
}

// sample is the ticket of an ordinary morning.
func sample(t testing.TB) printouts.Ticket {
	t.Helper()
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return printouts.Ticket{
		Number:       "A012",
		Area:         "Area A – sala d'attesa",
		Office:       "Centro Integrato per il Lavoro",
		Address:      "via Esempio 1, 86170 Isernia",
		IssuedAt:     time.Date(2026, 12, 3, 8, 42, 7, 0, time.UTC).In(rome),
		StatusURL:    "https://sportello.example.it/t/3fK9mQ2xVb7LpR8s",
		Words:        italian,
		Institutions: []string{"Centro per l'Impiego", "INPS", "Comune di Isernia"},
	}
}

// samples are the tickets that the tests of the page look at, by the name of their golden file.
func samples(t testing.TB) map[string]printouts.Ticket {
	t.Helper()
	bilingual := sample(t)
	bilingual.Number, bilingual.Language, bilingual.Second = "B107", "uk", &ukrainian
	bilingual.Institutions = bilingual.Institutions[:2]

	long := sample(t)
	long.Number, long.Language, long.Second = "XY128", "ro", &romanian
	long.Area = "Area C – Collocamento mirato e servizi specialistici, primo piano, corridoio a destra"
	long.Office = "Sportello Unico per l'Inclusione Sociale e Servizi per il Lavoro della Provincia di Barletta-Andria-Trani – sede decentrata di Rosignano Marittimo"
	long.Address = "Piazza Martiri della Libertà e della Resistenza, 125/bis, scala C, 57016 Rosignano Marittimo (LI)"
	long.StatusURL = "https://appuntamenti.servizi-al-cittadino.provincia.barletta-andria-trani.example.it/t/" + strings.Repeat("3fK9mQ2xVb7LpR8s", 2)
	long.Institutions = []string{
		"Centro per l'Impiego", "INPS Istituto Nazionale della Previdenza Sociale",
		"Comune di San Valentino in Abruzzo Citeriore", "Collocamento Mirato",
		"Agenzia Regionale Toscana per l'Impiego",
	}

	offline := sample(t)
	offline.StatusURL, offline.Address = "", ""
	offline.Institutions = []string{"Centro per l'Impiego", "INPS", "Comune di Trescore Balneario", "Collocamento Mirato"}

	booked, second := bilingual, ukrainian
	booked.Words.Appointment, second.Appointment = "Appuntamento delle 9:30", "Запис на 9:30"
	booked.Second = &second

	unbroken := sample(t)
	unbroken.Number = "ABCDEFGHIJ0123456789"
	for _, s := range []*string{&unbroken.Area, &unbroken.Office, &unbroken.Address, &unbroken.Institutions[0]} {
		*s = strings.Repeat("Precipitevolissimevolmente", 4)
	}

	return map[string]printouts.Ticket{
		"italian":   sample(t),
		"ukrainian": bilingual,
		"long":      long,
		"offline":   offline,
		"unbroken":  unbroken,
		"booked":    booked,
		"bare":      {Number: "B7", IssuedAt: sample(t).IssuedAt},
	}
}

func TestTicketText(t *testing.T) {
	for name, ticket := range samples(t) {
		t.Run(name, func(t *testing.T) {
			got := run(t, "pdftotext", "-raw", "-nopgbrk", "-enc", "UTF-8", file(t, ticket), "-")
			golden(t, "ticket-"+name+".txt", string(got))
		})
	}
}

// TestTicketOnPaper looks at the dots of a printer of 203 dpi.
func TestTicketOnPaper(t *testing.T) {
	const (
		left, right = 32, 608 // the 576 dots of the head, on 640 of paper
		largestGap  = 8 * 8   // 8 mm
	)
	for name, ticket := range samples(t) {
		t.Run(name, func(t *testing.T) {
			page := render(t, file(t, ticket))
			if got, want := page.Bounds().Dx(), 640; got != want {
				t.Errorf("paper is %d dots wide, want %d", got, want)
			}
			ink := inkIn(page, page.Bounds())
			if ink.Min.X < left-1 || ink.Max.X > right+1 {
				t.Errorf("ink from dot %d to %d, want within %d and %d", ink.Min.X, ink.Max.X, left, right)
			}
			if got := ink.Min.Y; got < left-2 || got > left+2 {
				t.Errorf("first ink at line %d, want %d", got, left)
			}
			if got := page.Bounds().Dy() - ink.Max.Y; got < 20 || got > left+8 {
				t.Errorf("%d lines below the last ink, want about %d", got, left)
			}
			if got := tallestGap(page, ink); got > largestGap {
				t.Errorf("%d lines without ink between two things, want at most %d", got, largestGap)
			}
		})
	}
}

func TestTicketNumberDominates(t *testing.T) {
	ticket := printouts.Ticket{Number: "A012", IssuedAt: sample(t).IssuedAt}
	page := render(t, file(t, ticket))
	number := firstBlock(page)
	if got, want := number.Dy(), 20*8; got < want {
		t.Errorf("number is %d dots high, want at least %d", got, want)
	}
	if got, want := number.Dx(), 60*8; got < want {
		t.Errorf("number is %d dots wide, want at least %d", got, want)
	}
}

func TestTicketQR(t *testing.T) {
	short := sample(t)
	short.StatusURL = "https://a.it/t/x"
	longest := sample(t)
	longest.StatusURL = "https://sportello.example.it/t/" + strings.Repeat("x", 381)
	tests := map[string]printouts.Ticket{"short": short, "longest": longest}
	for name, ticket := range samples(t) {
		tests[name] = ticket
	}
	for name, ticket := range tests {
		if ticket.StatusURL == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			got := readQR(t, picture(t, file(t, ticket)))
			if want := ticket.StatusURL; got != want {
				t.Errorf("QR code says %q, want %q", got, want)
			}
		})
	}
}

func TestTicketDocument(t *testing.T) {
	path := file(t, sample(t))
	info := string(run(t, "pdfinfo", path))
	for _, want := range []string{"Title:           Il tuo numero A012\n", "Pages:           1\n", "Page size:       226.77 x "} {
		if !strings.Contains(info, want) {
			t.Errorf("pdfinfo has no %q in\n%s", want, info)
		}
	}
	pdf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(pdf, []byte("/Lang (it)")) {
		t.Error("the document does not say its language")
	}
	run(t, "qpdf", "--check", path)
}

func TestTicketIsReproducible(t *testing.T) {
	ticket := samples(t)["long"]
	want := pdfOf(t, ticket)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			got, err := ticket.PDF()
			if err != nil {
				t.Error(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("two printouts of one ticket differ")
			}
		})
	}
	wg.Wait()
}

// TestTicketLikeAnother pairs tickets that must come out the same to the last byte.
func TestTicketLikeAnother(t *testing.T) {
	second := func(lang string, words *printouts.Words) printouts.Ticket {
		ticket := sample(t)
		ticket.Language, ticket.Second = lang, words
		return ticket
	}
	oneLetter := ukrainian
	oneLetter.KeepTicket += " 号"
	named := func(office string) printouts.Ticket {
		ticket := sample(t)
		ticket.Office = office
		return ticket
	}
	blank := sample(t)
	blank.Institutions = append([]string{" ", "東京"}, blank.Institutions...)
	decomposed := romanian
	decomposed.WaitHere = "As\u0326teptat\u0326i\u200b aici\npa\u0302na\u0306 suntet\u0326i chemat\u00ad "

	tests := []struct {
		name      string
		got, want printouts.Ticket
	}{
		{"Arabic cannot be drawn", second("ar", &arabic), sample(t)},
		{"Chinese cannot be drawn", second("zh", &chinese), sample(t)},
		{"one letter cannot be drawn", second("uk", &oneLetter), sample(t)},
		{"second language is Italian", second("it-IT", &italian), sample(t)},
		{"second language has no name", second("", &ukrainian), sample(t)},
		{"no words", second("uk", nil), sample(t)},
		{"empty words", second("uk", &printouts.Words{}), sample(t)},
		{"decomposed and invisible characters", second("ro", &decomposed), second("ro", &romanian)},
		{"foreign letters in the office's name", named("Centro 東京 Łódź"), named("Centro Łódź")},
		{"institutions without a name", blank, sample(t)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !bytes.Equal(pdfOf(t, tt.got), pdfOf(t, tt.want)) {
				t.Error("the two tickets differ")
			}
		})
	}
	if bytes.Equal(pdfOf(t, second("uk", &ukrainian)), pdfOf(t, sample(t))) {
		t.Error("the second language leaves no trace")
	}
}

func TestTicketRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*printouts.Ticket)
		want   error
	}{
		{"no number", func(t *printouts.Ticket) { t.Number = " " }, printouts.ErrNoNumber},
		{"a number that cannot be drawn", func(t *printouts.Ticket) { t.Number = "A1号2" }, printouts.ErrNoNumber},
		{"no time", func(t *printouts.Ticket) { t.IssuedAt = time.Time{} }, printouts.ErrNoTime},
		{"an address too fine to print", func(t *printouts.Ticket) { t.StatusURL = strings.Repeat("x", 413) }, printouts.ErrLongURL},
		{"an address too long for any code", func(t *printouts.Ticket) { t.StatusURL = strings.Repeat("x", 3000) }, printouts.ErrLongURL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ticket := sample(t)
			tt.change(&ticket)
			pdf, err := ticket.PDF()
			if !errors.Is(err, tt.want) || pdf != nil {
				t.Errorf("PDF: got %d bytes and error %v, want none and %v", len(pdf), err, tt.want)
			}
			commands, err := ticket.ESCPOS(printouts.Profile{Head: printouts.Head80})
			if !errors.Is(err, tt.want) || commands != nil {
				t.Errorf("ESC/POS: got %d bytes and error %v, want none and %v", len(commands), err, tt.want)
			}
		})
	}
}

func TestPrints(t *testing.T) {
	tests := []struct {
		lang string
		want bool
	}{
		{"it", true},
		{"en", true},
		{"ro", true},
		{"uk", true},
		{"es-AR", true},
		{"fr", true},
		{"sq", true},
		{"ar", false},
		{"zh", false},
		{"zh-Hant", false},
		{"sr-Latn", true},
		{"bn", false},
		{"", false},
		{"not a tag", false},
	}
	for _, tt := range tests {
		if got := printouts.Prints(tt.lang); got != tt.want {
			t.Errorf("Prints(%q) = %t, want %t", tt.lang, got, tt.want)
		}
	}
}

func BenchmarkTicketPDF(b *testing.B) {
	ticket := samples(b)["ukrainian"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ticket.PDF(); err != nil {
			b.Fatal(err)
		}
	}
}

func pdfOf(t *testing.T, ticket printouts.Ticket) []byte {
	t.Helper()
	pdf, err := ticket.PDF()
	if err != nil {
		t.Fatal(err)
	}
	return pdf
}

// file writes the ticket to a PDF file and returns its path.
func file(t *testing.T, ticket printouts.Ticket) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ticket.pdf")
	if err := os.WriteFile(path, pdfOf(t, ticket), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// picture renders a PDF file as a printer of 203 dpi would, in black and white, and returns the
// path of the PNG.
func picture(t *testing.T, pdf string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ticket")
	run(t, "pdftoppm", "-r", "203.2", "-mono", "-png", "-singlefile", pdf, path)
	return path + ".png"
}

func render(t *testing.T, pdf string) image.Image {
	t.Helper()
	f, err := os.Open(picture(t, pdf))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// inkIn is the smallest rectangle around the black dots of area.
func inkIn(page image.Image, area image.Rectangle) image.Rectangle {
	ink := image.Rectangle{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			if black(page, x, y) {
				ink = ink.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return ink
}

// firstBlock is the smallest rectangle around what stands above the first line without ink.
func firstBlock(page image.Image) image.Rectangle {
	return blockAt(page, inkIn(page, page.Bounds()), 1)
}

// blockAt is the smallest rectangle around what stands at the top of area, which has ink there, and
// above the first gap lines without any.
func blockAt(page image.Image, area image.Rectangle, gap int) image.Rectangle {
	end := area.Min.Y
	for end < area.Max.Y && !inkIn(page, image.Rect(area.Min.X, end, area.Max.X, end+gap)).Empty() {
		end++
	}
	area.Max.Y = end
	return inkIn(page, area)
}

// tallestGap is the largest number of lines on end without a black dot in area.
func tallestGap(page image.Image, area image.Rectangle) int {
	tallest, gap := 0, 0
	for y := area.Min.Y; y < area.Max.Y; y++ {
		gap++
		if !inkIn(page, image.Rect(area.Min.X, y, area.Max.X, y+1)).Empty() {
			gap = 0
		}
		tallest = max(tallest, gap)
	}
	return tallest
}

func black(page image.Image, x, y int) bool {
	if gray, ok := page.(*image.Gray); ok {
		return gray.GrayAt(x, y).Y < 0x80
	}
	r, _, _, _ := page.At(x, y).RGBA()
	return r < 0x8000
}

// run runs a program that reads what this package wrote, and returns its output.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, stderr.Bytes())
	}
	return out
}
