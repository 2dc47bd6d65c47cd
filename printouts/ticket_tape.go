package printouts

import (
	"fmt"
	"unicode/utf8"
)

// ESCPOS returns the ticket as commands for a thermal printer, with the same content and the same
// refusals as PDF.
func (t Ticket) ESCPOS(profile Profile) ([]byte, error) {
	faces, err := faces()
	if err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	t, err = t.legible(faces)
	if err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	s := ticketTape{tape: newTape(faces, profile)}
	if err := s.set(t); err != nil {
		return nil, fmt.Errorf("print ticket: %w", err)
	}
	return s.end(), nil
}

// A ticketTape is the tape of a ticket: sections with a rule between them.
type ticketTape struct {
	*tape
	begun bool // there is a section already
}

// set puts the sections of t on the tape, from the top.
func (s *ticketTape) set(t Ticket) error {
	s.institutions(t.Institutions)
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
func (s *ticketTape) section() {
	if s.begun {
		s.rule()
	}
	s.begun = true
}

// institutions sets them in one size, as many on a line as go there.
func (s *ticketTape) institutions(names []string) {
	if len(names) == 0 {
		return
	}
	s.section()
	line := names[0]
	for _, name := range names[1:] {
		longer := line + " · " + name
		if utf8.RuneCountInString(longer) > strong.columns(s.Head) {
			s.text(strong, line)
			s.space(8)
			longer = name
		}
		line = longer
	}
	s.text(strong, line)
}

// number sets the number as large as the paper allows, and below it the time of an appointment.
func (s *ticketTape) number(t Ticket) {
	s.section()
	if s.pair(plain, t.Words.Title, t.Second.Title) {
		s.space(14)
	}
	s.fill(t.Number, ticketNumber*point/dot)
	s.space(4)
	if t.Words.Appointment+t.Second.Appointment != "" {
		s.space(8)
		s.pair(strong, t.Words.Appointment, t.Second.Appointment)
	}
}

// area says where to wait, in large type unless that took too much paper.
func (s *ticketTape) area(t Ticket) {
	if t.Area == "" {
		return
	}
	s.section()
	if s.pair(plain, t.Words.WaitHere, t.Second.WaitHere) {
		s.space(8)
	}
	l := large
	if s.lines(l, t.Area) > 4 {
		l = strong
	}
	s.text(l, t.Area)
}

// notices says what to know while waiting.
func (s *ticketTape) notices(t Ticket) {
	if t.Words.NotInOrder+t.Second.NotInOrder == "" {
		return
	}
	s.section()
	s.pair(plain, t.Words.NotInOrder, t.Second.NotInOrder)
}

// phone sets the QR code of a page, and below it what it is for in both languages.
func (s *ticketTape) phone(url, italian, second string) error {
	if url == "" {
		return nil
	}
	s.section()
	if err := s.qr(url); err != nil {
		return err
	}
	s.pair(strong, italian, second)
	return nil
}

// issued says when the ticket was issued, and by which office. The number stands there again, in
// the printer's own type.
func (s *ticketTape) issued(t Ticket) {
	s.section()
	s.text(large, t.Number+" · "+t.IssuedAt.Format("15:04"))
	s.space(6)
	s.text(plain, t.IssuedAt.Format("02/01/2006"))
	s.text(strong, t.Office)
	s.text(plain, t.Address)
}

// keep closes the ticket.
func (s *ticketTape) keep(t Ticket) {
	if t.Words.KeepTicket+t.Second.KeepTicket == "" {
		return
	}
	s.section()
	s.pair(plain, t.Words.KeepTicket, t.Second.KeepTicket)
}

// pair sets one text in both languages, the citizen's below the Italian. It reports whether there
// was any.
func (s *ticketTape) pair(l lettering, italian, second string) bool {
	s.text(l, italian)
	s.text(plain, second)
	return italian+second != ""
}
