package rule

import (
	"cmp"
	"slices"
	"time"
)

// A Hold keeps a desk for a joint ticket whose time is near.
type Hold struct {
	Desk   string
	Ticket string
	Until  time.Time // the moment the group can start: what the desk is offered must end by then
	With   []string  // the other desks held for the ticket, in the order of its institutions
}

// Holds returns the desks held at now. The time of a joint ticket is the start of an appointment,
// and for a walk-in [Options.W] after its due. From [HoldBefore] before its time it holds, of each
// institution it needs, the desk expected free soonest; between equals one free already, then the
// smaller id. The group can start at that time, or when the last of its desks is expected free if
// that is later. A desk that released itself from the ticket is left out, and where one officer may
// cover the need alone, that desk is held by itself if it can start no later. Nothing is held for a
// ticket that the remaining desks cannot serve, as its desks would wait in vain.
//
// A walk-in is callable all the while, so its group starts before its time if all its desks are free
// by then and its due is the smallest they can take. Its desks may take whatever ends by its time,
// and not only what ends before the other desk is free: that costs the others less. To hold only
// once it has waited W would cost them hardly less still, and have it wait longer. As with an
// appointment, who does not fit goes after it, whatever their due.
//
// Tickets are handled by their time, then by order of issue, and a desk is held for one at most.
// Desks of one ticket follow each other in the order of its institutions.
func Holds(now time.Time, tickets []Ticket, desks []Desk, o Options) []Hold {
	if !o.Hold {
		return nil
	}
	var holds []Hold
	for _, t := range holding(now, tickets, o.W) {
		group := soonest(now, t, desks, holds, o.W)
		if group == nil {
			continue
		}
		until := startOf(now, t, desks, group, o.W)
		for k, d := range group {
			with := slices.Delete(names(desks, group), k, k+1)
			holds = append(holds, Hold{Desk: desks[d].ID, Ticket: t.ID, Until: until, With: with})
		}
	}
	return holds
}

// holding returns the joint tickets that hold desks at now, in the order they choose them.
func holding(now time.Time, tickets []Ticket, w time.Duration) []*Ticket {
	var waiting []*Ticket
	for i := range tickets {
		t := &tickets[i]
		if t.joint() && !now.Before(t.time(w).Add(-HoldBefore)) {
			waiting = append(waiting, t)
		}
	}
	slices.SortFunc(waiting, func(a, b *Ticket) int {
		return cmp.Or(a.time(w).Compare(b.time(w)), cmp.Compare(a.Seq, b.Seq))
	})
	return waiting
}

// soonest returns the desks, not held yet, that can start the joint ticket t first; nil when there
// are none.
func soonest(now time.Time, t *Ticket, desks []Desk, holds []Hold, w time.Duration) []int {
	var buf [16]int
	order := buf[:0]
	for i := range desks {
		d := &desks[i]
		if !d.Paused && d.serves(t) && holdOf(holds, d) == nil && !slices.Contains(t.Released, d.ID) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		d, e := &desks[a], &desks[b]
		return cmp.Or(
			falseFirst(d.ID != t.Desk, e.ID != t.Desk),
			d.freeAt(now).Compare(e.freeAt(now)),
			falseFirst(d.Busy, e.Busy),
			cmp.Compare(d.ID, e.ID),
		)
	})
	group := seat(t, desks, order)
	for _, d := range order {
		if !desks[d].covers(t) {
			continue
		}
		alone := []int{d}
		if group == nil || !startOf(now, t, desks, alone, w).After(startOf(now, t, desks, group, w)) {
			return alone
		}
		break
	}
	return group
}

// startOf returns the moment group can start the joint ticket t: its time, or when the last of the
// desks is expected free.
func startOf(now time.Time, t *Ticket, desks []Desk, group []int, w time.Duration) time.Time {
	start := later(now, t.time(w))
	for _, d := range group {
		start = later(start, desks[d].freeAt(now))
	}
	return start
}

// seat gives every institution of the joint ticket t a desk of its own and returns the desks in
// the order of the institutions. Desks are taken in the given order: each is seated if all seated
// so far can stay, where needed for another of their institutions. So a group is found whenever
// there is one, and none has desks that come earlier in the order. It returns nil when there is no
// group, or none with the desk that t was transferred to.
func seat(t *Ticket, desks []Desk, order []int) []int {
	var seatBuf [8]int
	var triedBuf [8]bool
	seats, tried := seatBuf[:0], triedBuf[:0]
	for range t.Need.All {
		seats, tried = append(seats, empty), append(tried, false)
	}
	left, named := len(seats), t.Desk == ""
	for _, d := range order {
		clear(tried)
		if !place(t.Need.All, desks, seats, tried, d) {
			continue
		}
		left--
		named = named || desks[d].ID == t.Desk
		if left == 0 && named {
			return slices.Clone(seats)
		}
	}
	return nil
}

// empty is the seat of an institution that has no desk yet.
const empty = -1

// place seats the desk d at an institution it acts for, moving desks seated before as needed.
func place(institutions []string, desks []Desk, seats []int, tried []bool, d int) bool {
	for k, institution := range institutions {
		if tried[k] || !desks[d].actsFor(institution) {
			continue
		}
		tried[k] = true
		if seats[k] == empty || place(institutions, desks, seats, tried, seats[k]) {
			seats[k] = d
			return true
		}
	}
	return false
}

// holdOf returns the hold of d, or nil.
func holdOf(holds []Hold, d *Desk) *Hold {
	for i := range holds {
		if holds[i].Desk == d.ID {
			return &holds[i]
		}
	}
	return nil
}

func names(desks []Desk, group []int) []string {
	ids := make([]string, len(group))
	for k, d := range group {
		ids[k] = desks[d].ID
	}
	return ids
}

// falseFirst compares a and b so that false comes before true.
func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
