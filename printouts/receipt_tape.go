package printouts

import (
	"fmt"
	"strings"
)

// ESCPOS returns the receipt as commands for a thermal printer, with the same content and the same
// refusals as PDF.
func (r Receipt) ESCPOS(profile Profile) ([]byte, error) {
	r, faces, err := r.legible()
	if err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	s := receiptTape{ticketTape{tape: newTape(faces, profile)}}
	if err := s.set(r); err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	return s.end(), nil
}

// A receiptTape is the tape of a receipt: what to know at a glance centred, what to read below it
// from the left edge.
type receiptTape struct {
	ticketTape
}

// set puts the sections of r on the tape, from the top.
func (s *receiptTape) set(r Receipt) error {
	s.institutions(r.Institutions)
	s.when(r)
	s.reference(r)
	if err := s.phone(r.URL, r.Words.Scan.Italian, r.Words.Scan.Second); err != nil {
		return err
	}
	s.flushLeft()
	for _, f := range r.facts() {
		s.fact(f)
	}
	s.section()
	s.text(plain, r.made())
	return nil
}

// when says the day and the hours.
func (s *receiptTape) when(r Receipt) {
	s.section()
	if s.pair(plain, r.Words.Title.Italian, r.Words.Title.Second) {
		s.space(14)
	}
	s.text(large, r.Date.Italian)
	s.space(8)
	s.text(large, r.Hours.Italian)
	if r.Date.Second+r.Hours.Second != "" {
		s.space(12)
	}
	s.text(plain, r.Date.Second)
	s.text(plain, r.Hours.Second)
}

// reference sets the code large.
func (s *receiptTape) reference(r Receipt) {
	s.section()
	if s.pair(plain, r.Words.Code.Italian, r.Words.Code.Second) {
		s.space(20)
	}
	s.fill(r.Code, receiptCode*point/dot)
	s.space(12)
}

// fact sets a part: its label in both languages, and below it what it says, each paragraph in both.
func (s *receiptTape) fact(f fact) {
	if f.opens {
		s.section()
	} else {
		s.space(20)
	}
	labelled := s.pair(strong, f.label.Italian, f.label.Second)
	mark := ""
	if f.list {
		mark = "[ ] "
	}
	for i, text := range f.says {
		if i == 0 && labelled || i > 0 && f.list {
			s.space(8)
		}
		s.item(plain, mark, text.Italian)
		s.item(plain, strings.Repeat(" ", len(mark)), text.Second)
	}
}
