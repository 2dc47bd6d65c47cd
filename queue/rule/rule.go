// Package rule decides which ticket a desk calls next.
//
// It is the calling rule of an office over plain values: no clock, no storage, no text for people.
// Every ticket has a due time, fixed when it enters the queue, and a desk takes the smallest due
// among the tickets it may serve. Two things bend that order. An appointment is callable from
// [CallableBefore] before its start, earlier only when the desk has nothing else. A joint ticket
// needs one desk of each of its institutions at once, reserves them together or not at all, and
// would starve where people queue, as each desk that falls free calls the next before the other is
// free too. So from [HoldBefore] before its time it holds its desks: they are offered only what is
// expected to end before the group can start. Its time is an appointment's start; a walk-in has
// none and holds as if it were booked for the moment when it has waited [Options.W]. Until then the
// others lose only what would not end in time, and two desks have half an hour to come free together.
//
// The same values always give the same answer, whatever the order of the slices. The package
// trusts what it is given: all tickets wait and their holders are present, and ids are unique.
package rule

import (
	"cmp"
	"slices"
	"time"
)

// The intervals of the calling rule.
const (
	// LateAfter is how long after its start the holder of an appointment may arrive and keep its place.
	LateAfter = 10 * time.Minute
	// CallableBefore is how long before its start an appointment goes by its due time.
	CallableBefore = 5 * time.Minute
	// HoldBefore is how long before the time of a joint ticket its desks are held.
	HoldBefore = 30 * time.Minute
)

// Need says who must take part: one officer of each institution of All at the same time, or one
// officer of any institution of Any. Exactly one of the two is set; nobody serves a need without.
type Need struct {
	All, Any []string
	// CoverAlone lets one officer who acts for all of All take the ticket alone.
	CoverAlone bool
}

// A Ticket waits to be called.
type Ticket struct {
	ID      string
	Seq     int64     // order of issue; decides between equal dues
	Due     time.Time // from [DueWalkIn] or [DueAppointment]; kept when transferred, resumed or returned
	Service string
	Need    Need
	// Desk, when not empty, is the desk the ticket was transferred to: only it takes the ticket,
	// and of a joint ticket it must be one of the desks.
	Desk string
	// Institution, when not empty, is the institution the ticket was transferred to: only desks
	// that act for it take the ticket. A joint ticket has a desk of each of its institutions
	// anyhow, so there it says nothing.
	Institution string
	Start       time.Time     // an appointment's time; zero for a walk-in
	Lead        time.Duration // of a walk-in with precedence: how much earlier it is due; already part of Due
	Returned    bool          // back soon after a no-show
	Transferred bool
	Resumed     bool          // was parked
	Length      time.Duration // expected time at the desk
	Released    []string      // desks that released themselves from waiting for this joint ticket
}

// A Desk is a place where an officer receives people.
type Desk struct {
	ID           string
	Institutions []string        // what its officer acts for today
	Services     map[string]bool // what is served there now
	Busy         bool            // has a ticket called or being served
	FreeAt       time.Time       // when busy, the moment it is expected free; a past one counts as now
	Paused       bool            // or closed: takes part in nothing
}

// Options are an office's settings of the rule.
type Options struct {
	W    time.Duration // how long a walk-in waits before it goes before appointments; usually an hour
	Hold bool          // hold desks for joint tickets; offices do unless a manager turned it off
}

// DueWalkIn returns when a walk-in issued at issued deserves to be called: from its issue, or from
// the opening of the desks when it came before, and lead earlier with precedence.
func DueWalkIn(issued, opening time.Time, lead time.Duration) time.Time {
	return later(issued, opening).Add(-lead)
}

// DueAppointment returns when an appointment that starts at start and whose holder arrived at
// arrived deserves to be called: w before its start if they came by [LateAfter] after it, else on
// arrival. So it is taken at its time unless a walk-in had then already waited w.
func DueAppointment(start, arrived time.Time, w time.Duration) time.Time {
	if arrived.After(start.Add(LateAfter)) {
		return arrived
	}
	return start.Add(-w)
}

// Serves reports whether d may take t, alone or as one of the desks of a joint ticket. It does not
// look at whether d is free now.
func Serves(d Desk, t Ticket) bool { return d.serves(&t) }

// Servable reports whether the desks that are not paused can take t, together where it is joint, once
// they are free.
func Servable(t Ticket, desks []Desk) bool {
	var order []int
	for i := range desks {
		d := &desks[i]
		if d.Paused || !d.serves(&t) {
			continue
		}
		if !t.joint() || d.covers(&t) {
			return true
		}
		order = append(order, i)
	}
	return t.joint() && seat(&t, desks, order) != nil
}

func (d *Desk) serves(t *Ticket) bool {
	if t.joint() {
		return d.actsForAny(t.Need.All) && d.Services[t.Service]
	}
	if t.Desk != "" && t.Desk != d.ID || t.Institution != "" && !d.actsFor(t.Institution) {
		return false
	}
	return (d.actsForAny(t.Need.All) || d.actsForAny(t.Need.Any)) && d.Services[t.Service]
}

// covers reports whether d, which serves the joint ticket t, may take it without other desks.
func (d *Desk) covers(t *Ticket) bool {
	if !t.Need.CoverAlone || t.Desk != "" && t.Desk != d.ID {
		return false
	}
	for _, institution := range t.Need.All {
		if !d.actsFor(institution) {
			return false
		}
	}
	return true
}

func (d *Desk) actsFor(institution string) bool { return slices.Contains(d.Institutions, institution) }

func (d *Desk) actsForAny(institutions []string) bool {
	for _, institution := range institutions {
		if d.actsFor(institution) {
			return true
		}
	}
	return false
}

func (d *Desk) free() bool { return !d.Busy && !d.Paused }

// freeAt returns the moment d is expected free, not before now.
func (d *Desk) freeAt(now time.Time) time.Time {
	if !d.Busy {
		return now
	}
	return later(now, d.FreeAt)
}

func (t *Ticket) joint() bool { return len(t.Need.All) > 1 }

func (t *Ticket) appointment() bool { return !t.Start.IsZero() }

// time returns when a joint ticket is to be taken: at an appointment's start, or when a walk-in has
// waited w.
func (t *Ticket) time(w time.Duration) time.Time {
	if t.appointment() {
		return t.Start
	}
	return t.Due.Add(w)
}

// early reports whether t is an appointment that does not yet go by its due time.
func (t *Ticket) early(now time.Time) bool {
	return t.appointment() && now.Before(t.Start.Add(-CallableBefore))
}

// late reports whether t is an appointment that is due by the arrival of its holder.
func (t *Ticket) late() bool { return t.appointment() && t.Due.After(t.Start) }

// before reports whether t goes before u by due time, then by order of issue.
func (t *Ticket) before(u *Ticket) bool {
	return cmp.Or(t.Due.Compare(u.Due), cmp.Compare(t.Seq, u.Seq)) < 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
