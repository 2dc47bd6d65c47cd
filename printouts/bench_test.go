package printouts_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"sportello/printouts"
)

// barePage is a page of one line in the fonts of the printouts: what a PDF costs before it says anything.
func barePage() ([]byte, error) {
	p := fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: fpdf.SizeType{Wd: 80, Ht: 200}})
	p.AddUTF8FontFromBytes("Go", "", goregular.TTF)
	p.AddUTF8FontFromBytes("Go", "B", gobold.TTF)
	p.AddPage()
	p.SetFont("Go", "", 10)
	p.Text(4, 10, "Il tuo appuntamento")
	p.SetFont("Go", "B", 10)
	p.Text(4, 20, "giovedì 3 dicembre 2026")
	var out bytes.Buffer
	err := p.Output(&out)
	return out.Bytes(), err
}

// BenchmarkDocuments makes documents, and says how many a second and how large they are. The bare page
// is what to compare with.
func BenchmarkDocuments(b *testing.B) {
	thermal := printouts.Profile{Head: printouts.Head80}
	drawn := printouts.Profile{Head: printouts.Head80, DrawQR: true}
	r, ticket := inUkrainian(b), samples(b)["italian"]
	scheda := form(b, kindOf(b, "scheda"), filledIn)
	for _, bench := range []struct {
		name string
		make func() ([]byte, error)
	}{
		{"bare page", barePage},
		{"receipt", r.PDF},
		{"receipt on A4", r.A4},
		{"form", scheda.PDF},
		{"ticket", ticket.PDF},
		{"ticket thermal", func() ([]byte, error) { return ticket.ESCPOS(thermal) }},
		{"ticket thermal, QR drawn", func() ([]byte, error) { return ticket.ESCPOS(drawn) }},
		{"receipt thermal", func() ([]byte, error) { return r.ESCPOS(thermal) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				document, err := bench.make()
				if err != nil {
					b.Fatal(err)
				}
				size = len(document)
			}
			b.ReportMetric(float64(size), "bytes/doc")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
		})
	}
}

// TestMemoryStaysFlat makes 10,000 documents; what is held afterwards is what a few hold.
func TestMemoryStaysFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	const documents, warm, slack = 10_000, 200, 1 << 20
	ticket := samples(t)["italian"]
	thermal := printouts.Profile{Head: printouts.Head58}
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var before uint64
	for n := range documents {
		if n == warm {
			before = held()
		}
		ticket.IssuedAt = ticket.IssuedAt.Add(time.Minute)
		var err error
		if n%10 == 0 { // a PDF file costs what ten tapes do
			_, err = ticket.PDF()
		} else {
			_, err = ticket.ESCPOS(thermal)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if after := held(); after > before+slack {
		t.Errorf("%d bytes are held after %d documents, %d after %d", after, documents, before, warm)
	}
}
