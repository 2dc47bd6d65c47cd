package rule

import (
	"cmp"
	"slices"
	"time"
)

// A Choice is the ticket a desk calls, with the desks that take it.
type Choice struct {
	Ticket Ticket
	// Desks are the calling desk, then those reserved with it in the order of the institutions.
	Desks  []string
	Reason Reason
}

// Next returns the ticket that desk calls at now, and false when there is none for it or the desk
// is busy, paused or unknown. Of the tickets it may serve it takes the smallest due, then the first
// issued; an appointment before its time only when nothing else is callable.
//
// A joint ticket is callable when a group of ready desks, the calling one among them, has one desk
// for each institution. Preferred are desks held for the ticket, then those not held, then those
// that act for the fewest institutions, then the smaller id. Ready is a desk that is free and not
// held for another ticket, or held but expected free again before that one's group can start.
// Before its time a joint ticket takes no desk that has something else to call.
func Next(now time.Time, desk string, tickets []Ticket, desks []Desk, o Options) (Choice, bool) {
	caller := slices.IndexFunc(desks, func(d Desk) bool { return d.ID == desk })
	if caller < 0 || !desks[caller].free() {
		return Choice{}, false
	}
	l := lobby{now: now, tickets: tickets, desks: desks, holds: Holds(now, tickets, desks, o)}
	t, group := l.first(caller, false)
	if t == nil {
		t, group = l.first(caller, true)
	}
	if t == nil {
		return Choice{}, false
	}
	return Choice{Ticket: *t, Desks: l.reserved(caller, group), Reason: l.reason(caller, t, group, o.W)}, true
}

// lobby is what one decision looks at. Desks are named by their index.
type lobby struct {
	now     time.Time
	tickets []Ticket
	desks   []Desk
	holds   []Hold
}

// first returns the first ticket that caller may call now, and the desks of a joint one. It looks
// only at appointments before their time if early, only at all other tickets if not.
func (l *lobby) first(caller int, early bool) (best *Ticket, group []int) {
	for i := range l.tickets {
		t := &l.tickets[i]
		if best != nil && !t.before(best) || t.early(l.now) != early {
			continue
		}
		if g, ok := l.group(caller, t); ok {
			best, group = t, g
		}
	}
	return best, group
}

// group reports whether caller may call t now, and returns the desks of a joint ticket in the order
// of its institutions, nil if caller takes it alone.
func (l *lobby) group(caller int, t *Ticket) ([]int, bool) {
	if !l.ready(caller, t) {
		return nil, false
	}
	if !t.joint() || l.desks[caller].covers(t) {
		return nil, true
	}
	var buf [16]int
	order := buf[:0]
	for d := range l.desks {
		if d == caller || l.ready(d, t) && !(t.early(l.now) && l.wanted(d)) {
			order = append(order, d)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		d, e := &l.desks[a], &l.desks[b]
		return cmp.Or(
			falseFirst(a != caller, b != caller),
			falseFirst(d.ID != t.Desk, e.ID != t.Desk),
			cmp.Compare(l.preference(d, t), l.preference(e, t)),
			cmp.Compare(len(d.Institutions), len(e.Institutions)),
			cmp.Compare(d.ID, e.ID),
		)
	})
	group := seat(t, l.desks, order)
	return group, group != nil
}

// ready reports whether d may take part in t now: it is free, and if held for another ticket, t is
// expected to end before that one's group can start.
func (l *lobby) ready(d int, t *Ticket) bool {
	desk := &l.desks[d]
	if !desk.free() || !desk.serves(t) {
		return false
	}
	h := holdOf(l.holds, desk)
	return h == nil || h.Ticket == t.ID || !l.now.Add(t.Length).After(h.Until)
}

// wanted reports whether d has a ticket to call now that is not an appointment before its time.
func (l *lobby) wanted(d int) bool {
	t, _ := l.first(d, false)
	return t != nil
}

// preference ranks a desk ready for t: held for t, not held, held for another.
func (l *lobby) preference(d *Desk, t *Ticket) int {
	h := holdOf(l.holds, d)
	switch {
	case h == nil:
		return 1
	case h.Ticket == t.ID:
		return 0
	default:
		return 2
	}
}

// reserved returns the ids of the desks that take a ticket: caller, then the rest of group.
func (l *lobby) reserved(caller int, group []int) []string {
	ids := make([]string, 1, max(1, len(group)))
	ids[0] = l.desks[caller].ID
	for _, d := range group {
		if d != caller {
			ids = append(ids, l.desks[d].ID)
		}
	}
	return ids
}
