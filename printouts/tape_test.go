package printouts_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/printouts"
)

var heads = []printouts.Head{printouts.Head80, printouts.Head80Coarse, printouts.Head58}

// onHeads runs f for every ticket on every head.
func onHeads(t *testing.T, f func(t *testing.T, name string, ticket printouts.Ticket, head printouts.Head)) {
	t.Helper()
	for name, ticket := range samples(t) {
		for _, head := range heads {
			t.Run(name+" "+strconv.Itoa(int(head)), func(t *testing.T) { f(t, name, ticket, head) })
		}
	}
}

func escposOf(t *testing.T, ticket printouts.Ticket, head printouts.Head) []byte {
	t.Helper()
	commands, err := ticket.ESCPOS(printouts.Profile{Head: head})
	if err != nil {
		t.Fatal(err)
	}
	return commands
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTapeText(t *testing.T) {
	for name, ticket := range samples(t) {
		t.Run(name, func(t *testing.T) {
			golden(t, "tape-"+name+".txt", unroll(t, escposOf(t, ticket, printouts.Head80), int(printouts.Head80)).text)
		})
	}
}

// TestTapeOnPaper looks at the dots.
func TestTapeOnPaper(t *testing.T) {
	onHeads(t, func(t *testing.T, _ string, ticket printouts.Ticket, head printouts.Head) {
		got := unroll(t, escposOf(t, ticket, head), int(head))
		ink := inkIn(got.paper, got.paper.Bounds())
		if most := 9 * 8; tallestGap(got.paper, ink) > most {
			t.Errorf("%d lines without ink between two things, want at most %d", tallestGap(got.paper, ink), most)
		}
		for _, area := range got.images {
			if area.Dy() > 48 {
				t.Errorf("an image of %d lines, which is more than printers keep", area.Dy())
			}
		}
	})
}

// TestTapeCentred measures the white at both sides of everything.
func TestTapeCentred(t *testing.T) {
	const accent = 6 // lines of dots from a letter to its accent at most
	for _, head := range heads {
		got := unroll(t, escposOf(t, samples(t)["ukrainian"], head), int(head))
		rest := inkIn(got.paper, got.paper.Bounds())
		for !rest.Empty() {
			block := blockAt(got.paper, rest, accent)
			if left, right := block.Min.X, int(head)-block.Max.X; left-right > 16 || right-left > 16 {
				t.Errorf("lines %d to %d of %d dots: %d white at the left and %d at the right", block.Min.Y, block.Max.Y, head, left, right)
			}
			rest.Min.Y = block.Max.Y
			rest = inkIn(got.paper, rest)
		}
	}
}

func TestTapeNumberDominates(t *testing.T) {
	for _, head := range heads {
		ticket := printouts.Ticket{Number: "A012", IssuedAt: sample(t).IssuedAt}
		number := firstBlock(unroll(t, escposOf(t, ticket, head), int(head)).paper)
		if got, want := number.Dx(), int(head)*9/10; got < want {
			t.Errorf("number is %d dots wide, want at least %d of %d", got, want, head)
		}
		if got, want := number.Dy(), int(head)*7/25; got < want {
			t.Errorf("number is %d dots high, want at least %d", got, want)
		}
	}
}

func TestTapeQR(t *testing.T) {
	onHeads(t, func(t *testing.T, _ string, ticket printouts.Ticket, head printouts.Head) {
		if ticket.StatusURL == "" {
			t.Skip("the ticket has none")
		}
		for _, drawn := range []bool{false, true} {
			commands, err := ticket.ESCPOS(printouts.Profile{Head: head, DrawQR: drawn})
			if err != nil {
				t.Fatal(err)
			}
			got := unroll(t, commands, int(head))
			if own := strings.Contains(got.text, "[QR "); own == drawn {
				t.Errorf("the printer makes the code itself: %t, want %t", own, !drawn)
			}
			if got, want := readQR(t, got.onPaper(t)), ticket.StatusURL; got != want {
				t.Errorf("QR code says %q, want %q", got, want)
			}
		}
	})
}

// TestTapeLetters sets one line of each language and looks how it is sent.
func TestTapeLetters(t *testing.T) {
	tests := []struct {
		name, text string
		want       string // what the printer sets itself; "" for an image
	}{
		{"Italian", "Perché è più giù, così", "Perché è più giù, così"},
		{"French", "Où êtes-vous ? Français, cœur", ""}, // œ is not in the code page
		{"Albanian", "Prisni këtu, ç'kemi", "Prisni këtu, ç'kemi"},
		{"Spanish", "¿Mañana? Sí · 5 €", "¿Mañana? Sí · 5 €"},
		{"Romanian", "Așteptați aici", ""},
		{"Ukrainian", "Чекайте тут", ""},
		{"typographic", "l’attesa – “qui”…", `l'attesa - "qui"...`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ticket := printouts.Ticket{Number: "A1", IssuedAt: sample(t).IssuedAt, Office: tt.text}
			got := unroll(t, escposOf(t, ticket, printouts.Head80), 576)
			if native := strings.Contains(got.text, "\n"+tt.want+"\n"); tt.want != "" && !native {
				t.Errorf("%q is not in %q", tt.want, got.text)
			}
			if drawn := strings.HasSuffix(got.text, "[576×30]\n[cut]\n"); drawn != (tt.want == "") {
				t.Errorf("sent as an image: %t\n%s", drawn, got.text)
			}
			last := got.paper.Bounds()
			last.Min.Y = last.Max.Y - 60 - 30 // the feed at the end, and the line
			if inkIn(got.paper, last).Dx() < 100 {
				t.Error("nothing is to be seen of the text")
			}
		})
	}
}

func TestTapeIsReproducible(t *testing.T) {
	ticket := samples(t)["long"]
	if !bytes.Equal(escposOf(t, ticket, printouts.Head80), escposOf(t, ticket, printouts.Head80)) {
		t.Error("two printouts of one ticket differ")
	}
}

func TestHeads(t *testing.T) {
	for head, want := range map[printouts.Head]bool{576: true, 512: true, 384: true, 0: false, 575: false, 640: false} {
		if got := head.Known(); got != want {
			t.Errorf("%d dots: got %t, want %t", head, got, want)
		}
	}
}

var page = printouts.TestPage{
	Title: "Prova di stampa", Check: "Se leggi tutte le righe e il codice, la stampante va bene.",
	Printer: "Totem – ingresso", Office: "Centro Integrato per il Lavoro", URL: "https://sportello.example.it/",
}

func TestTestPage(t *testing.T) {
	page := page
	page.At = sample(t).IssuedAt
	for _, head := range heads {
		commands, err := page.ESCPOS(printouts.Profile{Head: head})
		if err != nil {
			t.Fatal(err)
		}
		got := unroll(t, commands, int(head))
		if head == printouts.Head80 {
			golden(t, "tape-test-page.txt", got.text)
		}
		if ink := inkIn(got.paper, got.paper.Bounds()); ink.Dx() != int(head) {
			t.Errorf("ink is %d dots wide, want all of %d", ink.Dx(), head)
		}
		if got := readQR(t, got.onPaper(t)); got != page.URL {
			t.Errorf("QR code says %q, want %q", got, page.URL)
		}
	}
	pdf, err := page.PDF()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "test-page.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	golden(t, "test-page.txt", string(run(t, "pdftotext", "-raw", "-nopgbrk", "-enc", "UTF-8", path, "-")))
	if got := readQR(t, picture(t, path)); got != page.URL {
		t.Errorf("QR code of the PDF says %q, want %q", got, page.URL)
	}
}

func TestTestPageRefused(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*printouts.TestPage)
		want   error
	}{
		{"no time", func(*printouts.TestPage) {}, printouts.ErrNoTime},
		{"an address too fine to print", func(p *printouts.TestPage) {
			p.At, p.URL = sample(t).IssuedAt, strings.Repeat("x", 413)
		}, printouts.ErrLongURL},
	} {
		t.Run(tt.name, func(t *testing.T) {
			page := page
			tt.change(&page)
			if pdf, err := page.PDF(); !errors.Is(err, tt.want) || pdf != nil {
				t.Errorf("PDF: got %d bytes, %v, want %v", len(pdf), err, tt.want)
			}
			if commands, err := page.ESCPOS(printouts.Profile{Head: printouts.Head80}); !errors.Is(err, tt.want) || commands != nil {
				t.Errorf("ESC/POS: got %d bytes, %v, want %v", len(commands), err, tt.want)
			}
		})
	}
}

func BenchmarkTicketESCPOS(b *testing.B) {
	ticket := samples(b)["ukrainian"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ticket.ESCPOS(printouts.Profile{Head: printouts.Head80}); err != nil {
			b.Fatal(err)
		}
	}
}
