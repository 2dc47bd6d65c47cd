package printouts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// A Receipt is the paper of an appointment: when, where, and what to bring. The citizen asked for
// it, so that unlike a ticket it names the service.
//
// Only Code, MadeAt, Date and Hours are required: what is empty is left out and leaves no gap.
// Texts of any length wrap.
type Receipt struct {
	Code         string    // the appointment's reference code, e.g. "KX7-42P"
	URL          string    // the appointment's page, as a QR code for the phone; "" leaves it out
	MadeAt       time.Time // printed to the minute at the foot, in its own location
	Institutions []string  // their names, side by side at the head and equal in rank
	Recipient    []string  // who a letter goes to, a line each, in the window of the envelope; A4 only
	Date         Text      // in words: "giovedì 3 dicembre 2026"
	Hours        Text      // "ore 9:30–10:00"
	Office       string    // the office's name
	Address      string    // and where it is
	Service      Text      // the service's name
	People       Text      // how many come: "3 persone"
	Bring        []Text    // the documents to bring, in their order
	Change       Text      // how to move or cancel the appointment, and until when
	Contact      []string  // telephone, e-mail and the like, a line each
	Language     string    // BCP 47 of the second texts; "" or Italian: Italian only
	Words        ReceiptWords
}

// A Text is what one paragraph says.
type Text struct {
	Italian string
	Second  string // the same in the citizen's language; "": Italian only
}

// ReceiptWords are the texts that are the same on every receipt, from the message catalogue.
type ReceiptWords struct {
	Title   Text // over the date and in the document's title: "Il tuo appuntamento"
	Code    Text // over the code: "Codice"
	Scan    Text // with the QR code, what it is for: "Inquadra il codice: vedi, sposta o annulla."
	Where   Text // "Dove"
	Service Text // "Servizio"
	People  Text // "Persone"
	Bring   Text // "Cosa portare"
	Change  Text // "Spostare o annullare"
	Contact Text // "Contatti"
	Made    Text // before the time at the foot: "Stampato il"
}

// receiptCode is the size of the code on paper of 80 mm, in points at most.
const receiptCode = 40.0

// ErrNoCode means that a receipt has no code, or one with a character that cannot be printed.
var ErrNoCode = errors.New("the receipt has no printable code")

// ErrNoDate means that a receipt does not say in Italian on which day or at which hours.
var ErrNoDate = errors.New("the receipt has no printable date and hours")

// PDF returns the receipt as a document of one page, 80 mm wide and as high as its content. It
// returns ErrNoCode, ErrNoTime, ErrNoDate or ErrLongURL for a receipt that would be of no use on
// paper. The document's language is Italian.
func (r Receipt) PDF() ([]byte, error) {
	r, faces, err := r.legible()
	if err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	s := receiptSheet{ticketSheet{
		sheet:  sheet{typefaces: faces, structure: structure{second: r.Language}, y: ticketMargin},
		label:  style{face: faces.regular, size: 10, leading: 1.25},
		strong: style{face: faces.bold, size: 10, leading: 1.25},
		small:  style{face: faces.regular, size: 9, leading: 1.25},
	}}
	if err := s.set(r); err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	pdf, err := s.pdf(ticketWidth, ticketMargin, r.title(), "it", r.MadeAt)
	if err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	return pdf, nil
}

// title is the document's title.
func (r Receipt) title() string { return strings.TrimSpace(r.Words.Title.Italian + " " + r.Code) }

// made is the line at the foot.
func (r Receipt) made() string {
	words := r.Words.Made.Italian
	if r.Words.Made.Second != "" {
		words += " / " + r.Words.Made.Second
	}
	return strings.TrimSpace(words + " " + r.MadeAt.Format("02/01/2006 15:04"))
}

// A fact is a part of a receipt below its head: what it is, and its paragraphs.
type fact struct {
	label Text
	says  []Text
	list  bool // things to tick off
	opens bool // a section, which the facts after it belong to
}

// facts are those of r that have something to say.
func (r Receipt) facts() []fact {
	var some []fact
	section := func(facts ...fact) {
		opens := true
		for _, f := range facts {
			f.says = slices.DeleteFunc(f.says, func(t Text) bool { return t == Text{} })
			if len(f.says) > 0 {
				f.opens, opens = opens, false
				some = append(some, f)
			}
		}
	}
	section(
		fact{label: r.Words.Where, says: inItalian(r.Office, r.Address)},
		fact{label: r.Words.Service, says: []Text{r.Service}},
		fact{label: r.Words.People, says: []Text{r.People}},
	)
	section(fact{label: r.Words.Bring, says: slices.Clone(r.Bring), list: true})
	section(
		fact{label: r.Words.Change, says: []Text{r.Change}},
		fact{label: r.Words.Contact, says: inItalian(r.Contact...)},
	)
	return some
}

func inItalian(lines ...string) []Text {
	texts := make([]Text, len(lines))
	for i, line := range lines {
		texts[i].Italian = line
	}
	return texts
}

// legible returns r with the texts as they can be printed. Second texts that only repeat the
// Italian are left out, and all of them where Italian stands alone.
func (r Receipt) legible() (Receipt, typefaces, error) {
	faces, err := faces()
	if err != nil {
		return Receipt{}, typefaces{}, err
	}
	code, whole := faces.legible(r.Code)
	if code == "" || !whole {
		return Receipt{}, typefaces{}, ErrNoCode
	}
	if r.MadeAt.IsZero() {
		return Receipt{}, typefaces{}, ErrNoTime
	}
	for _, when := range []Text{r.Date, r.Hours} {
		if text, whole := faces.legible(when.Italian); text == "" || !whole {
			return Receipt{}, typefaces{}, ErrNoDate
		}
	}
	r.Code = code
	r.Office, _ = faces.legible(r.Office)
	r.Address, _ = faces.legible(r.Address)
	r.Institutions = faces.legibleLines(r.Institutions)
	r.Recipient = faces.legibleLines(r.Recipient)
	r.Contact = faces.legibleLines(r.Contact)
	r.Bring = slices.Clone(r.Bring)
	faces.legibleTexts(r.texts(), alone(r.Language))
	return r, faces, nil
}

// texts are all texts of r that may stand in two languages.
func (r *Receipt) texts() []*Text {
	w := &r.Words
	all := []*Text{
		&r.Date, &r.Hours, &r.Service, &r.People, &r.Change, &w.Title, &w.Code, &w.Scan, &w.Where,
		&w.Service, &w.People, &w.Bring, &w.Change, &w.Contact, &w.Made,
	}
	for i := range r.Bring {
		all = append(all, &r.Bring[i])
	}
	return all
}

// alone reports whether Italian stands alone beside a second language.
func alone(second string) bool {
	base, _ := language.Make(second).Base()
	return second == "" || base.String() == "it"
}

// legibleTexts makes each text legible, in Italian alone if so asked or when a second one has a
// letter that the faces cannot draw.
func (t typefaces) legibleTexts(texts []*Text, alone bool) {
	for _, text := range texts {
		second, whole := t.legible(text.Second)
		text.Italian, _ = t.legible(text.Italian)
		text.Second = second
		if second == text.Italian {
			text.Second = ""
		}
		alone = alone || !whole
	}
	for _, text := range texts {
		if alone {
			text.Second = ""
		}
	}
}

// legibleLines returns lines as they can be printed, without those of which nothing is left.
func (t typefaces) legibleLines(lines []string) []string {
	var legible []string
	for _, line := range lines {
		if line, _ = t.legible(line); line != "" {
			legible = append(legible, line)
		}
	}
	return legible
}

// A receiptSheet is the sheet of a receipt of 80 mm.
type receiptSheet struct {
	ticketSheet
}

// set puts the sections of r on the sheet, from the top.
func (s *receiptSheet) set(r Receipt) error {
	s.sideBySide(style{face: s.bold, size: 9, leading: 1.2}, ticketMargin, ticketBody, r.Institutions)
	s.when(r)
	s.reference(r)
	if err := s.phone(r.URL, r.Words.Scan.Italian, r.Words.Scan.Second); err != nil {
		return err
	}
	for _, f := range r.facts() {
		s.fact(f)
	}
	s.section()
	s.y += s.text(s.small, ticketMargin, s.y, ticketBody, r.made())
	return nil
}

// when says the day and the hours.
func (s *receiptSheet) when(r Receipt) {
	s.section()
	s.as("H1", func() {
		if s.pair(s.label, r.Words.Title.Italian, r.Words.Title.Second) {
			s.y += ticketGap + 1
		}
	})
	large := style{face: s.bold, size: 18, leading: 1.25}.fit(s.bold.width(r.Date.Italian), ticketBody, 14)
	s.y += s.text(large, ticketMargin, s.y, ticketBody, r.Date.Italian) + ticketGap
	s.y += s.text(large, ticketMargin, s.y, ticketBody, r.Hours.Italian)
	gap := ticketGap
	for _, second := range []string{r.Date.Second, r.Hours.Second} {
		if second != "" {
			s.y += gap
			s.foreign(func() { s.y += s.text(s.label, ticketMargin, s.y, ticketBody, second) })
			gap = ticketLine
		}
	}
}

// reference sets the code large.
func (s *receiptSheet) reference(r Receipt) {
	s.section()
	if s.pair(s.label, r.Words.Code.Italian, r.Words.Code.Second) {
		s.y += ticketGap + 1
	}
	st := style{face: s.bold, size: receiptCode, leading: 1}.fit(s.bold.width(r.Code), ticketBody, 0)
	s.y += s.text(st, ticketMargin, s.y, ticketBody, r.Code)
}

// fact sets a part: its label in both languages, and below it what it says, each paragraph in
// both.
func (s *receiptSheet) fact(f fact) {
	if f.opens {
		s.section()
	} else {
		s.y += 2 * ticketGap
	}
	labelled := false
	s.as("H2", func() { labelled = s.pair(s.strong, f.label.Italian, f.label.Second) })
	set := func() {
		for i, text := range f.says {
			switch {
			case i == 0 && labelled, f.list && i > 0:
				s.y += ticketGap
			case i > 0:
				s.y += ticketLine
			}
			s.item(f.list, func() { s.paragraph(text, f.list) })
		}
	}
	if f.list {
		s.within("L", set)
	} else {
		set()
	}
}

// paragraph sets text in both languages, the second below the Italian, with a box before it if it
// is to be ticked off.
func (s *receiptSheet) paragraph(text Text, ticked bool) {
	x := ticketMargin
	if ticked {
		side := s.label.face.capHeight * s.label.em()
		s.box(x, s.y, side)
		x += side + ticketLine
	}
	width := ticketMargin + ticketBody - x
	s.y += s.text(s.label, x, s.y, width, text.Italian)
	if text.Italian != "" && text.Second != "" {
		s.y += ticketLine
	}
	s.foreign(func() { s.y += s.text(s.small, x, s.y, width, text.Second) })
}
