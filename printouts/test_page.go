package printouts

import (
	"fmt"
	"time"
)

// A TestPage is the page that shows a technician whether a printer does all that tickets need: the
// whole width, both sorts of letters, both sizes, and a QR code.
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
	line(style{face: faces.bold, size: 18, leading: 1.2}, t.Title)
	s.y += ticketLine
	line(s.strong, t.Printer)
	line(s.label, t.Office)
	line(s.label, t.At.Format("02/01/2006 15:04:05"))
	s.section()
	line(s.label, testNative)
	line(s.label, testDrawn)
	s.section()
	line(s.label, t.Check)
	if t.URL != "" {
		s.y += ticketGap
		if err := s.code(t.URL); err != nil {
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

// ESCPOS returns the page as commands for a thermal printer, with the same refusals as PDF.
func (t TestPage) ESCPOS(head Head) ([]byte, error) {
	t, faces, err := t.legible()
	if err != nil {
		return nil, err
	}
	s := newTape(faces, head)
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
	s.text(plain, t.Check)
	if t.URL != "" {
		_, module, err := qrMatrix(t.URL)
		if err != nil {
			return nil, fmt.Errorf("print test page: %w", err)
		}
		s.space(4 * module)
		s.qr(t.URL, module)
		s.space(2 * module)
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
