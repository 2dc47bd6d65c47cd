package printouts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// A Ticket is what a queue ticket says. It carries no name and no service that reveals a need.
//
// Only Number and IssuedAt are required: what is empty is left out and leaves no gap. Texts of any
// length wrap; a word longer than its column is set smaller and in the end broken.
type Ticket struct {
	Number       string    // as it is called, e.g. "A012"
	Area         string    // where to wait, e.g. "Area A – sala d'attesa"
	Office       string    // the office's name
	Address      string    // and where it is
	IssuedAt     time.Time // printed to the minute, in its own location
	StatusURL    string    // the ticket's page, as a QR code for the phone; "" leaves it out
	Language     string    // BCP 47 of Second; "" or Italian: Italian only
	Words        Words     // the printed texts in Italian
	Second       *Words    // the same in the citizen's language; nil: Italian only
	Institutions []string  // their names, side by side at the head and equal in rank
}

// Words are the texts of a ticket in one language, from the message catalogue. They may say
// neither a service nor a promise of time; that of an appointment is none.
type Words struct {
	Title         string // over the number and in the document's title: "Il tuo numero"
	Appointment   string // below the number, its time: "Appuntamento delle 9:30"; "" for a walk-in
	WaitHere      string // over the area: "Aspetta qui"
	NotInOrder    string // that numbers are not called in order: "I numeri non seguono l'ordine. Guarda il tabellone."
	FollowOnPhone string // beside the QR code, what it is for: "Inquadra il codice: segui la fila dal telefono."
	KeepTicket    string // at the foot: "Tieni il biglietto fino alla fine."
}

// The grid of the ticket in mm: the 72 mm a head of 576 dots can print, centred on 80 mm paper, in
// two columns.
const (
	ticketWidth  = 80.0
	ticketMargin = 4.0
	ticketBody   = ticketWidth - 2*ticketMargin
	ticketGutter = 4.0
	ticketHalf   = (ticketBody - ticketGutter) / 2
	ticketSecond = ticketMargin + ticketHalf + ticketGutter // where the second column starts
	ticketGap    = 3.5                                      // between text and rule
	ticketNumber = 84.0                                     // points at most
	ticketLine   = 2.0                                      // between lines of different type
)

// The QR code of a printout, in dots. A quiet zone of four modules (ISO/IEC 18004) is at most 3 mm,
// less than the margin on its left and the gaps above and below.
const (
	qrSide        = 240 // at most
	qrModule      = 6   // at most: larger only costs paper
	qrLeastModule = 3   // below, phones read thermal print badly
)

// ErrNoNumber means that a ticket has no number, or one with a character that cannot be printed.
var ErrNoNumber = errors.New("the ticket has no printable number")

// ErrNoTime means that a printout does not say when it was made.
var ErrNoTime = errors.New("the printout has no time")

// ErrLongURL means that an address is too long for a QR code a phone reads from a printout.
var ErrLongURL = errors.New("the address is too long for a QR code on paper")

// PDF returns the ticket as a document of one page, 80 mm wide and as high as its content. It
// returns ErrNoNumber, ErrNoTime or ErrLongURL for a ticket that would be of no use on paper. The
// document's language is Italian.
func (t Ticket) PDF() ([]byte, error) {
	faces, err := faces()
	if err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	t, err = t.legible(faces)
	if err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	s := ticketSheet{
		sheet:  sheet{typefaces: faces, structure: structure{second: t.Language}, y: ticketMargin},
		label:  style{face: faces.regular, size: 10, leading: 1.25},
		strong: style{face: faces.bold, size: 10, leading: 1.25},
		small:  style{face: faces.regular, size: 9, leading: 1.25},
	}
	if err := s.set(t); err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	title := strings.TrimSpace(t.Words.Title + " " + t.Number)
	pdf, err := s.pdf(ticketWidth, ticketMargin, title, "it", t.IssuedAt)
	if err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	return pdf, nil
}

// legible returns t with the texts as they can be printed: Second is never nil, and empty where
// Italian stands alone.
func (t Ticket) legible(faces typefaces) (Ticket, error) {
	number, whole := faces.legible(t.Number)
	if number == "" || !whole {
		return Ticket{}, ErrNoNumber
	}
	if t.IssuedAt.IsZero() {
		return Ticket{}, ErrNoTime
	}
	t.Number = number
	t.Area, _ = faces.legible(t.Area)
	t.Office, _ = faces.legible(t.Office)
	t.Address, _ = faces.legible(t.Address)
	t.Words, _ = t.Words.legible(faces)
	t.Second = t.second(faces)

	var institutions []string
	for _, name := range t.Institutions {
		if name, _ = faces.legible(name); name != "" {
			institutions = append(institutions, name)
		}
	}
	t.Institutions = institutions
	return t, nil
}

// second returns the words of the second language, or none where it is Italian or has a letter
// that the faces cannot draw.
func (t Ticket) second(faces typefaces) *Words {
	if t.Second == nil || t.Language == "" {
		return &Words{}
	}
	if base, _ := language.Make(t.Language).Base(); base.String() == "it" {
		return &Words{}
	}
	words, whole := t.Second.legible(faces)
	if !whole {
		return &Words{}
	}
	return &words
}

func (w Words) legible(faces typefaces) (words Words, whole bool) {
	whole = true
	for _, text := range []*string{&w.Title, &w.Appointment, &w.WaitHere, &w.NotInOrder, &w.FollowOnPhone, &w.KeepTicket} {
		drawn, all := faces.legible(*text)
		*text, whole = drawn, whole && all
	}
	return w, whole
}

// A ticketSheet is the sheet of a ticket: sections with a rule between them.
type ticketSheet struct {
	sheet
	label, strong, small style
}

// set puts the sections of t on the sheet, from the top.
func (s *ticketSheet) set(t Ticket) error {
	s.sideBySide(style{face: s.bold, size: 9, leading: 1.2}, ticketMargin, ticketBody, t.Institutions)
	s.number(t)
	s.area(t)
	s.notices(t)
	if err := s.phone(t.StatusURL, t.Words.FollowOnPhone, t.Second.FollowOnPhone); err != nil {
		return err
	}
	s.issued(t)
	s.keep(t)
	return nil
}

// section starts a section: below a rule, unless it is the first.
func (s *ticketSheet) section() {
	if s.y == ticketMargin {
		return
	}
	s.y = onDots(s.y + ticketGap)
	s.bar(ticketMargin, s.y, ticketBody, 2*dot)
	s.y += 2*dot + ticketGap
}

// number sets the number as large as the paper allows, and below it the time of an appointment.
func (s *ticketSheet) number(t Ticket) {
	s.section()
	if s.pair(s.label, t.Words.Title, t.Second.Title) {
		s.y += ticketGap + 1
	}
	st := style{face: s.bold, size: ticketNumber, leading: 1}.fit(s.bold.width(t.Number), ticketBody, 0)
	s.as("H1", func() { s.y += s.text(st, ticketMargin, s.y, ticketBody, t.Number) })
	if t.Words.Appointment+t.Second.Appointment != "" {
		s.y += ticketGap
		s.pair(s.strong, t.Words.Appointment, t.Second.Appointment)
	}
}

// area says where to wait, in up to two lines of large type, and in more of smaller.
func (s *ticketSheet) area(t Ticket) {
	if t.Area == "" {
		return
	}
	s.section()
	if s.pair(s.label, t.Words.WaitHere, t.Second.WaitHere) {
		s.y += ticketGap
	}
	st := style{face: s.bold, size: 18, leading: 1.2}
	for st.size > 12 && len(st.lines(t.Area, ticketBody)) > 2 {
		st.size--
	}
	s.y += s.text(st, ticketMargin, s.y, ticketBody, t.Area)
}

// notices says what to know while waiting.
func (s *ticketSheet) notices(t Ticket) {
	if t.Words.NotInOrder+t.Second.NotInOrder == "" {
		return
	}
	s.section()
	s.pair(s.label, t.Words.NotInOrder, t.Second.NotInOrder)
}

// phone sets the QR code of a page, and beside it what it is for in both languages.
func (s *ticketSheet) phone(url, italian, second string) error {
	if url == "" {
		return nil
	}
	s.section()
	top := s.y
	if err := s.code(url, italian); err != nil {
		return err
	}
	y := top + s.text(s.strong, ticketSecond, top, ticketHalf, italian)
	if second != "" {
		y += ticketGap
		s.foreign(func() { y += s.text(s.label, ticketSecond, y, ticketHalf, second) })
	}
	s.y = max(s.y, y)
	return nil
}

// code sets a QR code, and says what it is for to those who do not see it.
func (s *ticketSheet) code(content, what string) error {
	matrix, dots, err := qrMatrix(content)
	if err != nil {
		return err
	}
	module := float64(dots) * dot
	s.y = onDots(s.y)
	s.squares(matrix, ticketMargin, s.y, module, strings.TrimSpace(what+" "+content))
	s.y += float64(len(matrix)) * module
	return nil
}

// issued says when the ticket was issued, and by which office.
func (s *ticketSheet) issued(t Ticket) {
	s.section()
	clock := style{face: s.bold, size: 15, leading: 1}
	left := s.y + s.text(clock, ticketMargin, s.y, ticketHalf, t.IssuedAt.Format("15:04"))
	left += ticketLine
	left += s.text(s.small, ticketMargin, left, ticketHalf, t.IssuedAt.Format("02/01/2006"))

	name := style{face: s.bold, size: s.small.size, leading: s.small.leading}
	right := s.y + s.text(name, ticketSecond, s.y, ticketHalf, t.Office)
	if t.Office != "" && t.Address != "" {
		right += ticketLine
	}
	right += s.text(s.small, ticketSecond, right, ticketHalf, t.Address)
	s.y = max(left, right)
}

// keep closes the ticket.
func (s *ticketSheet) keep(t Ticket) {
	if t.Words.KeepTicket+t.Second.KeepTicket == "" {
		return
	}
	s.section()
	s.pair(s.small, t.Words.KeepTicket, t.Second.KeepTicket)
}

// pair sets one text in both languages, a column each, or in one language across both columns. It
// reports whether there was any.
func (s *ticketSheet) pair(st style, italian, second string) bool {
	width := ticketHalf
	x := ticketSecond
	if italian == "" || second == "" {
		width, x = ticketBody, ticketMargin
	}
	left, right := s.text(st, ticketMargin, s.y, width, italian), 0.0
	s.foreign(func() { right = s.text(st, x, s.y, width, second) })
	s.y += max(left, right)
	return italian+second != ""
}
