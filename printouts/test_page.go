package printouts

import (
	"fmt"
	"image"
	"image/draw"
	"strconv"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// A TestPage is the page that shows a technician whether a printer does all that tickets need: the
// whole width and a ruler along it, both sorts of letters, all of the code page, both sizes, and a
// QR code.
type TestPage struct {
	Title   string    // what it is: "Prova di stampa"
	Check   string    // what to look at, and what it means
	Printer string    // the printer's name
	Office  string    // and where it stands
	At      time.Time // printed to the second, in its own location
	URL     string    // an address to follow, as a QR code; "" leaves it out
}

// The letters of a test page: those a thermal printer has, and those it must be sent as an image.
const (
	testNative = "àèéìòù ÀÈÉÌÒÙ äöüß ç ñ ë €"
	testDrawn  = "Її Єє Ґґ Щщ Юю Яя · Ăă Îî Șș Țț"
)

// codeChart is the upper half of code page 858, sixteen characters to a row after the number of the
// first: a printer set to another code page shows it at once.
func codeChart() (rows []string) {
	for first := 0x80; first < 0x100; first += 0x10 {
		row := fmt.Sprintf("%X ", first)
		for b := first; b < first+0x10; b++ {
			r := charmap.CodePage858.DecodeByte(byte(b))
			if r == '\u00a0' || r == '\u00ad' { // white: the row would seem shifted
				r = '_'
			}
			row += string(r)
		}
		rows = append(rows, row)
	}
	return rows
}

// ruler draws millimetres across the paper, from its first dot on.
func (t *tape) ruler() {
	const small, middle, tall, high, em = 10, 16, 24, 52, 20
	canvas := image.NewAlpha(image.Rect(0, 0, int(t.Head), high))
	for mm := 0; float64(mm)*t.Head.perMM() < float64(t.Head); mm++ {
		x := int(float64(mm) * t.Head.perMM())
		length := small
		switch {
		case mm%10 == 0:
			length = tall
			label := strconv.Itoa(mm)
			t.regular.draw(canvas, label, em, min(float64(x), float64(t.Head)-t.regular.width(label)*em), high-4)
		case mm%5 == 0:
			length = middle
		}
		draw.Draw(canvas, image.Rect(x, 0, x+1, length), image.Opaque, image.Point{}, draw.Src)
	}
	t.raster(canvas)
}

// PDF returns the page as a document of one page, 80 mm wide. It returns ErrNoTime or ErrLongURL
// as a ticket does. The document's language is Italian.
func (t TestPage) PDF() ([]byte, error) {
	t, faces, err := t.legible()
	if err != nil {
		return nil, err
	}
	s := ticketSheet{
		sheet:  sheet{typefaces: faces, y: ticketMargin},
		label:  style{face: faces.regular, size: 10, leading: 1.25},
		strong: style{face: faces.bold, size: 10, leading: 1.25},
	}
	line := func(st style, text string) { s.y += s.text(st, ticketMargin, s.y, ticketBody, text) + ticketLine }
	s.as("H1", func() { line(style{face: faces.bold, size: 18, leading: 1.2}, t.Title) })
	s.y += ticketLine
	line(s.strong, t.Printer)
	line(s.label, t.Office)
	line(s.label, t.At.Format("02/01/2006 15:04:05"))
	s.section()
	line(s.label, testNative)
	line(s.label, testDrawn)
	s.section()
	s.ruler()
	s.section()
	line(s.label, t.Check)
	if t.URL != "" {
		s.y += ticketGap
		if err := s.code(t.URL, t.Check); err != nil {
			return nil, fmt.Errorf("print test page: %w", err)
		}
	}
	s.section()
	pdf, err := s.pdf(ticketWidth, ticketMargin, t.Title, "it", t.At)
	if err != nil {
		return nil, fmt.Errorf("print test page: %w", err)
	}
	return pdf, nil
}

// ruler draws millimetres across the page, from the first dot of the head on.
func (s *ticketSheet) ruler() {
	const small, middle, tall = 1.25, 2, 3
	number := style{face: s.regular, size: 7, leading: 1}
	for mm := range int(ticketBody) {
		x, length := ticketMargin+float64(mm), small
		switch {
		case mm%10 == 0:
			length = tall
			s.line(nil, number, x, s.y+tall+1+number.face.capHeight*number.em(), strconv.Itoa(mm))
		case mm%5 == 0:
			length = middle
		}
		s.bar(x, s.y, dot, length)
	}
	s.y += tall + 1 + number.face.capHeight*number.em()
}

// ESCPOS returns the page as commands for a thermal printer, with the same refusals as PDF.
func (t TestPage) ESCPOS(profile Profile) ([]byte, error) {
	t, faces, err := t.legible()
	if err != nil {
		return nil, err
	}
	s := newTape(faces, profile)
	s.rule()
	s.text(large, t.Title)
	s.space(12)
	s.text(strong, t.Printer)
	s.text(plain, t.Office)
	s.text(plain, t.At.Format("02/01/2006 15:04:05"))
	s.rule()
	s.text(plain, testNative)
	s.text(plain, testDrawn)
	s.rule()
	for _, row := range codeChart() {
		s.text(plain, row)
	}
	s.rule()
	s.ruler()
	s.space(12)
	s.text(plain, t.Check)
	if t.URL != "" {
		s.rule()
		if err := s.qr(t.URL); err != nil {
			return nil, fmt.Errorf("print test page: %w", err)
		}
	}
	s.rule()
	return s.end(), nil
}

// legible returns t with the texts as they can be printed.
func (t TestPage) legible() (TestPage, typefaces, error) {
	if t.At.IsZero() {
		return TestPage{}, typefaces{}, fmt.Errorf("print test page: %w", ErrNoTime)
	}
	faces, err := faces()
	if err != nil {
		return TestPage{}, typefaces{}, fmt.Errorf("print test page: %w", err)
	}
	for _, text := range []*string{&t.Title, &t.Check, &t.Printer, &t.Office} {
		*text, _ = faces.legible(*text)
	}
	return t, faces, nil
}
