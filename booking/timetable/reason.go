package timetable

import (
	"slices"
	"time"
)

// Code is a reason in a word.
type Code string

// Reason is why a day has no start. Institution says of whom nobody is there, or which alone does
// not open; empty: none in particular.
type Reason struct {
	Code        Code
	Institution string
}

// The codes of Reason.
const (
	ServiceEnded Code = "service_ended"
	TooEarly     Code = "too_early"   // the day is not released yet
	TooLate      Code = "too_late"    // every start is past, or nearer than the least lead
	Closed       Code = "closed"      // nothing opens long enough for all who are needed
	NoOfficer    Code = "no_officer"  // nobody of the institution is there for the service
	NoLanguage   Code = "no_language" // nobody who is there speaks the language that must be spoken
	Full         Code = "full"
)

// None returns why Starts finds nothing, or the zero Reason when it finds something.
func (p *Plan) None(s *Supply, t *Terms) Reason {
	switch {
	case t != nil && t.Ended:
		return Reason{Code: ServiceEnded}
	case t != nil && !t.released(s.Scale):
		return Reason{Code: TooEarly}
	case len(p.Starts(s, t, nil)) > 0:
		return Reason{}
	}
	open := p.open(s)
	if open.IsZero() {
		return Reason{Code: Closed, Institution: p.closed(s)}
	}
	if reason := p.missing(s, &open); reason.Code != "" {
		return reason
	}
	if t != nil && !open.Touches(t.first(s.Scale), MaskBits) {
		return Reason{Code: TooLate}
	}
	return Reason{Code: Full}
}

// closed returns the only one of Needs that does not open at all, if it is one.
func (p *Plan) closed(s *Supply) string {
	var closed []string
	for _, institution := range p.demand.Needs {
		h := s.hours(institution)
		if h == nil || h.Opening.AndNot(h.Closed).IsZero() {
			closed = append(closed, institution)
		}
	}
	if len(closed) == 1 {
		return closed[0]
	}
	return ""
}

// missing returns the reason when, by rota and absences alone, somebody is never there.
func (p *Plan) missing(s *Supply, open *Mask) Reason {
	p.meet(s.Officers)
	var filled uint64
	speaks := false
	for i := range s.Officers {
		o, role := &s.Officers[i], p.known[i].role
		if !p.there(o, open) {
			continue
		}
		filled |= role.fills
		speaks = speaks || role.helps || role.speaks && role.fills != 0
	}
	institutions := p.demand.institutions()
	for i, institution := range p.demand.Needs {
		if filled>>i&1 == 0 {
			return Reason{Code: NoOfficer, Institution: institution}
		}
	}
	switch {
	case filled == 0 && len(institutions) == 1:
		return Reason{Code: NoOfficer, Institution: institutions[0]}
	case filled == 0:
		return Reason{Code: NoOfficer}
	case p.demand.MustSpeak && !speaks:
		return Reason{Code: NoLanguage}
	}
	return Reason{}
}

// there reports whether an officer is present and not absent for any slot.
func (p *Plan) there(o *Officer, open *Mask) bool {
	present := o.Present
	if o.Blocks != nil {
		present = present.AndNot(o.Blocks.Absent)
	}
	starts := present.Runs(p.n).And(*open)
	return !starts.IsZero()
}

// Obstacle is one thing in the way of a start. Institution says for whom, Who is the officer or room;
// either may be empty.
type Obstacle struct {
	Code        Code
	Institution string
	Who         string
}

// The codes of Obstacle, beside ServiceEnded, TooEarly, TooLate and NoOfficer.
const (
	ByOpening  Code = "opening"  // the institution does not open then, or not long enough
	ByClosure  Code = "closure"  // closed, a holiday or the patron saint's day
	ByGrid     Code = "grid"     // starts do not lie there
	ByQuota    Code = "quota"    // the channel has had its share of the day
	ByRota     Code = "rota"     // the officer is not there then
	ByAbsence  Code = "absence"  // the officer is absent
	ByClaim    Code = "claim"    // the officer has another appointment
	ByBlock    Code = "block"    // staff took the officer's time out of sale
	ByExternal Code = "calendar" // the officer's own calendar says busy
	ByPeople   Code = "people"   // each need has somebody, but one would have to stand for two
	ByLanguage Code = "language" // nobody who is free speaks the language
	ByRoom     Code = "room"     // the room is taken, or without Who: the office has too few
)

// Explain returns everything that stands in the way of a start, or nothing when Starts finds it. Of
// an institution nobody of whom is free it says what each of its officers does instead.
func (p *Plan) Explain(s *Supply, t *Terms, start time.Time) []Obstacle {
	bit, exact := s.Bit(start)
	found := p.refused(s, t, bit)
	if open := p.open(s); !open.Has(bit) || !exact {
		found = append(found, p.shut(s, bit, exact)...)
	}
	found = append(found, p.unmanned(s, bit)...)
	return append(found, p.roomless(s, bit)...)
}

// refused returns what the terms have against a start.
func (p *Plan) refused(s *Supply, t *Terms, bit int) []Obstacle {
	if t == nil {
		return nil
	}
	var found []Obstacle
	if t.Ended {
		found = append(found, Obstacle{Code: ServiceEnded})
	}
	if !t.released(s.Scale) {
		found = append(found, Obstacle{Code: TooEarly})
	}
	if bit < t.first(s.Scale) {
		found = append(found, Obstacle{Code: TooLate})
	}
	if t.Used {
		found = append(found, Obstacle{Code: ByQuota})
	}
	return found
}

// shut returns what opening, closure and grid have against a start; exact when it begins a bit.
func (p *Plan) shut(s *Supply, bit int, exact bool) []Obstacle {
	var found []Obstacle
	for i, institution := range p.demand.institutions() {
		var h Hours
		if hours := s.hours(institution); hours != nil {
			h = *hours
		}
		ever := h.Opening.Or(h.Closed)
		switch {
		case h.Closed.Touches(bit, bit+p.n):
			found = append(found, Obstacle{Code: ByClosure, Institution: institution})
		case !ever.Holds(bit, bit+p.n):
			found = append(found, Obstacle{Code: ByOpening, Institution: institution})
		case p.any() && !(exact && p.grids[i].Has(bit)):
			found = append(found, Obstacle{Code: ByGrid, Institution: institution})
		}
	}
	if len(found) == 0 {
		found = append(found, Obstacle{Code: ByGrid})
	}
	return found
}

// unmanned returns what keeps people from a start. Where one of NeedsAny begins a slot then, it
// leaves out the others.
func (p *Plan) unmanned(s *Supply, bit int) []Obstacle {
	p.meet(s.Officers)
	begins := slices.ContainsFunc(p.grids, func(m Mask) bool { return m.Has(bit) })
	p.free = p.free[:0]
	for i := range s.Officers {
		role := p.known[i].role
		if !begins {
			role.serves = 0
		}
		p.free = append(p.free, p.available(&s.Officers[i], &role, bit, 1))
	}
	p.gather(0)
	if p.crowd.ways(p) > 0 {
		return nil
	}
	if p.crowd.teams(p, false) > 0 {
		return append([]Obstacle{{Code: ByLanguage}}, p.instead(s, bit, "", func(r role) bool { return r.helps })...)
	}
	var found []Obstacle
	for i, institution := range p.demand.institutions() {
		if p.any() && begins && !p.grids[i].Has(bit) {
			continue
		}
		fills := func(r role) bool { return r.fills>>i&1 == 1 }
		if p.any() {
			fills = func(r role) bool { return r.serves>>i&1 == 1 }
		}
		switch somebody, free := p.anybody(fills); {
		case !somebody:
			found = append(found, Obstacle{Code: NoOfficer, Institution: institution})
		case !free:
			found = append(found, p.instead(s, bit, institution, fills)...)
		}
	}
	if len(found) == 0 {
		found = append(found, Obstacle{Code: ByPeople})
	}
	return found
}

// anybody reports whether there are people of such a role, and whether one of them is free.
func (p *Plan) anybody(is func(role) bool) (somebody, free bool) {
	for i, word := range p.free {
		if is(p.known[i].role) {
			somebody = true
			free = free || word != 0
		}
	}
	return somebody, free
}

// instead returns what people of such a role who are not free for a start do instead.
func (p *Plan) instead(s *Supply, bit int, institution string, is func(role) bool) []Obstacle {
	var found []Obstacle
	for i, word := range p.free {
		if word != 0 || !is(p.known[i].role) {
			continue
		}
		o := &s.Officers[i]
		for _, code := range p.does(o, bit) {
			found = append(found, Obstacle{Code: code, Institution: institution, Who: o.ID})
		}
	}
	return found
}

// does returns the codes of what keeps an officer from a start.
func (p *Plan) does(o *Officer, bit int) []Code {
	var codes []Code
	if !o.Present.Holds(bit, bit+p.n) {
		codes = append(codes, ByRota)
	}
	blocks := o.Blocks
	if blocks == nil {
		blocks = &Blocks{Claimed: o.Busy}
	}
	from := bit - p.before
	for _, block := range []struct {
		code Code
		mask *Mask
	}{{ByAbsence, &blocks.Absent}, {ByClaim, &blocks.Claimed}, {ByBlock, &blocks.Blocked}, {ByExternal, &blocks.External}} {
		if block.mask.Touches(from, from+p.reach) {
			codes = append(codes, block.code)
		}
	}
	return codes
}

// roomless returns the rooms that are taken at a start, when too few are free.
func (p *Plan) roomless(s *Supply, bit int) []Obstacle {
	if _, ok := p.freeRooms(s, bit, nil); ok {
		return nil
	}
	var found []Obstacle
	for i := range s.Rooms {
		if p.calm(&s.Rooms[i].Busy, bit, 1) == 0 {
			found = append(found, Obstacle{Code: ByRoom, Who: s.Rooms[i].ID})
		}
	}
	if len(s.Rooms) < p.demand.Rooms {
		found = append(found, Obstacle{Code: ByRoom})
	}
	return found
}
