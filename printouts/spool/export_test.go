package spool

import "time"

// Hurry shortens how long thermal printers may take, for tests: networks take real time.
func (s *Spooler) Hurry() {
	s.limits = limits{connect: time.Second, answer: time.Second, print: 1500 * time.Millisecond, queue: 4 * time.Second}
}
