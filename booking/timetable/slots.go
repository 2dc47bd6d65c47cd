package timetable

import (
	"math/bits"
	"slices"
)

// Start is a free start.
type Start struct {
	Bit  int // of the day's Scale
	Ways int // how many distinct sets of people can do it; at least 1
}

// Plan finds the free starts of one demand. It remembers what it found out about people and keeps
// its working memory, so it is for one goroutine; results do not depend on that.
type Plan struct {
	demand        Demand
	n, step       int    // bits of a slot, and of the step
	before, reach int    // bits of the first buffer, and of the slot with both
	size          int    // of a team of different officers
	every         uint64 // a bit for each of Needs
	covers        bool   // one officer may stand for every need

	known []known // by place in Supply.Officers
	grids []Mask  // of all Needs together, or of each of NeedsAny
	free  []uint64
	crowd crowd
}

// known is what a demand makes of a person.
type known struct {
	person *Person
	role
}

// role is what a person can do for a demand.
type role struct {
	fills  uint64 // the needs, or those that suffice, a bit each in the demand's order
	speaks bool   // the demand's language
	helps  bool   // as a mediator, where that is asked for
}

// NewPlan returns the plan of a demand. Nothing is ever free for one that needs nobody, or more
// than MaxNeeds.
func NewPlan(d Demand) *Plan {
	p := &Plan{demand: d, n: max(1, bitsOf(d.Minutes)), before: bitsOf(d.Before), size: 1}
	p.step = p.n
	if d.Step > 0 {
		p.step = bitsOf(d.Step)
	}
	p.reach = p.before + p.n + bitsOf(d.After)
	p.grids = make([]Mask, len(d.NeedsAny))
	if n := len(d.Needs); n > 0 {
		p.size, p.every = n, 1<<n-1
		p.grids = make([]Mask, 1)
	}
	p.covers = d.MayCover && p.size > 1
	p.demand.MustSpeak = d.MustSpeak && d.Language != ""
	return p
}

// bitsOf returns how many bits so many minutes take.
func bitsOf(minutes int) int { return (max(0, minutes) + Grid - 1) / Grid }

// Starts appends the free starts of a day to into, ascending. Two starts may overlap each other.
//
// A start lies on the step, counted from where the common opening begins: the stretch in which all
// of Needs are open, or each of NeedsAny by itself. The slot fits wholly inside it and is clear of
// closures; as many different officers as are needed are present and, buffers included, not busy;
// one officer never stands for two, and two who are free one after the other are not one who is free.
// A buffer that reaches over midnight is looked at only within the day.
func (p *Plan) Starts(s *Supply, t *Terms, into []Start) []Start {
	open := p.open(s)
	if t != nil {
		open = open.And(t.bookable(s.Scale))
	}
	p.meet(s.Officers)
	width := max(1, 64-p.reach+1) // as many starts as one word can tell of
	for at := open.seek(0, 0); at < MaskBits; at = open.seek(at+width, 0) {
		starts, plain := p.staffed(s, at, open.word(at)&stretch(0, width))
		for ; starts != 0; starts &= starts - 1 {
			n := bits.TrailingZeros64(starts)
			if ways := p.ways(n, plain); ways > 0 {
				into = append(into, Start{Bit: at + n, Ways: ways})
			}
		}
	}
	return into
}

// open returns the starts that openings, closures and the step allow. It leaves them in p.grids, of
// each of NeedsAny by itself.
func (p *Plan) open(s *Supply) Mask {
	if len(p.demand.Needs) > 0 {
		p.grids[0] = Mask{}
		if hours, ok := s.common(p.demand.Needs); ok && p.size <= MaxNeeds {
			p.grids[0] = p.grid(&hours)
		}
		return p.grids[0]
	}
	var any Mask
	for i, institution := range p.demand.NeedsAny {
		p.grids[i] = Mask{}
		if hours := s.hours(institution); hours != nil {
			p.grids[i] = p.grid(hours)
		}
		any = any.Or(p.grids[i])
	}
	return any
}

// grid returns the starts of slots that fit the opening and are clear of what is closed.
func (p *Plan) grid(h *Hours) Mask {
	var starts Mask
	for from, until, ok := h.Opening.Next(0); ok; from, until, ok = h.Opening.Next(until) {
		for at := from; at+p.n <= until; at += p.step {
			starts[at>>6] |= 1 << (at & 63)
		}
	}
	if h.Closed.IsZero() || starts.IsZero() {
		return starts
	}
	for at := starts.seek(0, 0); at < MaskBits; at = starts.seek(at+1, 0) {
		if h.Closed.Touches(at, at+p.n) {
			starts.Clear(at, at+1)
		}
	}
	return starts
}

// hours returns the hours of an institution, or nil where the office does not host it.
func (s *Supply) hours(institution string) *Hours {
	for i := range s.Hours {
		if s.Hours[i].Institution == institution {
			return &s.Hours[i]
		}
	}
	return nil
}

// common returns when all of institutions open, and when any of them is closed.
func (s *Supply) common(institutions []string) (Hours, bool) {
	var all Hours
	for i, institution := range institutions {
		hours := s.hours(institution)
		switch {
		case hours == nil:
			return Hours{}, false
		case i == 0:
			all = *hours
		default:
			all.Opening = all.Opening.And(hours.Opening)
			all.Closed = all.Closed.Or(hours.Closed)
		}
	}
	return all, true
}

// meet finds out the roles of officers that are not known yet at their places.
func (p *Plan) meet(officers []Officer) {
	for i := range officers {
		person := officers[i].Person
		if i == len(p.known) {
			p.known = append(p.known, known{})
		}
		if p.known[i].person != person {
			p.known[i] = known{person, p.demand.role(person)}
		}
	}
}

func (d *Demand) role(o *Person) role {
	if d.Service != "" && len(o.Services) > 0 && !slices.Contains(o.Services, d.Service) {
		return role{}
	}
	r := role{speaks: d.Language != "" && slices.Contains(o.Languages, d.Language)}
	if o.Mediator {
		r.helps = r.speaks && d.MustSpeak
		return r
	}
	for i, institution := range d.institutions() {
		if slices.Contains(o.Acts, institution) {
			r.fills |= 1 << i
		}
	}
	return r
}

// institutions returns those that take part.
func (d *Demand) institutions() []string {
	if len(d.Needs) > 0 {
		return d.Needs
	}
	return d.NeedsAny
}

// staffed returns those of starts, the first of which is at, for which each need has somebody and
// the rooms suffice, and leaves in p.free who is free for which. When plain nobody fills two needs
// and no language is asked for: then different people are free for every need.
func (p *Plan) staffed(s *Supply, at int, starts uint64) (found uint64, plain bool) {
	if p.demand.Rooms > 0 {
		starts = p.roomy(s.Rooms, at, starts)
	}
	plain = !p.demand.MustSpeak
	var filled [MaxNeeds]uint64
	var alone uint64
	p.free = slices.Grow(p.free[:0], len(s.Officers))[:len(s.Officers)]
	for i := range s.Officers {
		role := &p.known[i].role
		if role.fills == 0 && !role.helps {
			p.free[i] = 0
			continue
		}
		free := p.available(&s.Officers[i], at, starts)
		if p.every == 0 {
			free = p.allowed(role, at, free)
			filled[0] |= free
			p.free[i] = free
			continue
		}
		p.free[i] = free
		if role.fills == p.every {
			alone |= free
		}
		if role.fills&(role.fills-1) != 0 {
			plain = false
		}
		for left := role.fills; left != 0; left &= left - 1 {
			filled[bits.TrailingZeros64(left)] |= free
		}
	}
	found = starts
	for _, free := range filled[:p.size] {
		found &= free
	}
	if p.covers {
		found |= alone
	}
	return found, plain
}

// allowed returns those of the starts at which one of the institutions for which a role stands
// begins a slot; a mediator stands for all.
func (p *Plan) allowed(r *role, at int, starts uint64) uint64 {
	if r.helps {
		return starts
	}
	var grid uint64
	for left := r.fills; left != 0; left &= left - 1 {
		grid |= p.grids[bits.TrailingZeros64(left)].word(at)
	}
	return starts & grid
}

// available returns those of starts, the first of which is at, that an officer is free for.
func (p *Plan) available(o *Officer, at int, starts uint64) uint64 {
	switch {
	case p.reach > 64:
		if o.Present.Holds(at, at+p.n) {
			return p.calm(&o.Busy, at, starts)
		}
		return 0
	case p.reach > p.n:
		return runs(o.Present.word(at), p.n) & p.calm(&o.Busy, at, starts)
	}
	return runs(o.Present.word(at)&^o.Busy.word(at), p.n) & starts
}

// calm returns those of starts, the first of which is at, that with their buffers are not busy.
func (p *Plan) calm(busy *Mask, at int, starts uint64) uint64 {
	if p.reach <= 64 {
		return runs(^busy.word(at-p.before), p.reach) & starts
	}
	if from := at - p.before; busy.Touches(from, from+p.reach) {
		return 0
	}
	return starts
}

// roomy returns those of starts for which enough rooms are free.
func (p *Plan) roomy(rooms []Room, at int, starts uint64) uint64 {
	var enough uint64
	for left := starts; left != 0; left &= left - 1 {
		start := left & -left
		free := 0
		for i := range rooms {
			if p.calm(&rooms[i].Busy, at, starts)&start != 0 {
				free++
			}
		}
		if free >= p.demand.Rooms {
			enough |= start
		}
	}
	return enough
}

// runs returns the bits at which n set bits begin, in about log n steps.
func runs(word uint64, n int) uint64 {
	for have := 1; have < n && word != 0; {
		step := min(have, n-have)
		word &= word >> (step & 63)
		have += step
	}
	return word
}
