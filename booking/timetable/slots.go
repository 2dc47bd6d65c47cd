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
	slot, span    shifts // of n, and of reach
	every         uint64 // a bit for each of them
	covers        bool   // one officer may stand for every need

	hours  []Hours // of the day before, of which grids and opened are
	grids  []Mask  // of all Needs together, or of each of NeedsAny
	opened Mask    // all of grids

	known   []known         // by place in Supply.Officers
	pools   [MaxNeeds][]int // who fills each need, by place
	plain   bool            // pools are small and have nobody in common, and no language is asked for
	tallies [MaxNeeds]tally // where plain, how many of each pool are free for which starts
	free    []uint64        // otherwise, for which starts each of known is free
	crowd   crowd
}

// known is what a demand makes of a person.
type known struct {
	person *Person
	role
}

// role is what a person can do for a demand.
type role struct {
	fills  uint64 // the needs, a bit each; any of NeedsAny is one need
	serves uint64 // which of NeedsAny, a bit each
	speaks bool   // the demand's language
	helps  bool   // as a mediator, where that is asked for
}

// NewPlan returns the plan of a demand. Nothing is ever free for one that needs nobody, or more
// than MaxNeeds; of NeedsAny the first 64 count.
func NewPlan(d Demand) *Plan {
	if len(d.Needs) > MaxNeeds {
		d.Needs, d.NeedsAny = nil, nil
	}
	d.NeedsAny = d.NeedsAny[:min(len(d.NeedsAny), 64)]
	d.MustSpeak = d.MustSpeak && d.Language != ""
	p := &Plan{demand: d, n: max(1, bitsOf(d.Minutes)), before: bitsOf(d.Before), size: max(1, len(d.Needs))}
	p.step = p.n
	if d.Step > 0 {
		p.step = bitsOf(d.Step)
	}
	p.reach = p.before + p.n + bitsOf(d.After)
	p.slot, p.span = shiftsOf(p.n), shiftsOf(p.reach)
	p.every = 1<<p.size - 1
	p.covers = d.MayCover && p.size > 1
	p.grids = make([]Mask, len(d.NeedsAny))
	if !p.any() {
		p.grids = make([]Mask, 1)
	}
	return p
}

// any reports whether one officer of any institution suffices.
func (p *Plan) any() bool { return len(p.demand.Needs) == 0 }

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
		into = p.count(at, p.staffed(s, at, open.word(at)&stretch(0, width)), into)
	}
	return into
}

// open returns the starts that openings, closures and the step allow. It leaves them in p.grids, of
// each of NeedsAny by itself. Most days of an office open as the one before.
func (p *Plan) open(s *Supply) Mask {
	if p.hours != nil && slices.Equal(p.hours, s.Hours) {
		return p.opened
	}
	p.hours = append(p.hours[:0], s.Hours...)
	p.opened = Mask{}
	for i := range p.grids {
		p.grids[i] = Mask{}
		if hours, ok := s.common(p.together(i)); ok {
			p.grids[i] = p.grid(&hours)
		}
		p.opened = p.opened.Or(p.grids[i])
	}
	return p.opened
}

// together returns the institutions that must all open for the grid i.
func (p *Plan) together(i int) []string {
	if p.any() {
		return p.demand.NeedsAny[i : i+1]
	}
	return p.demand.Needs
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
	same := len(p.known) == len(officers)
	if !same {
		p.known = slices.Grow(p.known[:0], len(officers))[:len(officers)]
	}
	for i := range officers {
		if person := officers[i].Person; p.known[i].person != person {
			p.known[i] = known{person, p.demand.role(person)}
			same = false
		}
	}
	if !same {
		p.pool()
	}
}

// pool sorts the known people by what they fill.
func (p *Plan) pool() {
	p.plain = !p.demand.MustSpeak
	for need := range p.size {
		p.pools[need] = p.pools[need][:0]
		for i, k := range p.known {
			if k.fills>>need&1 == 1 {
				p.pools[need] = append(p.pools[need], i)
				p.plain = p.plain && k.fills == 1<<need
			}
		}
		p.plain = p.plain && len(p.pools[need]) <= maxTally
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
	var acts uint64
	for i, institution := range d.institutions() {
		if slices.Contains(o.Acts, institution) {
			acts |= 1 << i
		}
	}
	switch {
	case len(d.Needs) > 0:
		r.fills = acts
	case acts != 0:
		r.fills, r.serves = 1, acts
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
// the rooms suffice. It leaves in p.tallies or in p.free who is free for which.
func (p *Plan) staffed(s *Supply, at int, starts uint64) uint64 {
	if p.demand.Rooms > 0 {
		starts = p.roomy(s.Rooms, at, starts)
	}
	if p.plain {
		for need := 0; need < p.size && starts != 0; need++ {
			p.tallies[need] = p.tally(s, p.pools[need], at, starts)
			starts &= p.tallies[need].some()
		}
		return starts
	}
	p.ask(s, at, starts)
	var alone uint64
	var filled [MaxNeeds]uint64
	for i, free := range p.free {
		fills := p.known[i].fills
		if p.covers && fills == p.every {
			alone |= free
		}
		for ; fills != 0; fills &= fills - 1 {
			filled[bits.TrailingZeros64(fills)] |= free
		}
	}
	for _, free := range filled[:p.size] {
		starts &= free
	}
	return starts | alone
}

// tally counts how many of a pool are free for which of starts, the first of which is at.
func (p *Plan) tally(s *Supply, pool []int, at int, starts uint64) tally {
	var t tally
	w, shift := uint(at)>>6, uint(at)&63
	if p.reach > min(p.n, 64) || p.any() || w >= uint(len(Mask{})-1) {
		for _, i := range pool {
			t = t.with(p.available(&s.Officers[i], &p.known[i].role, at, starts))
		}
		return t
	}
	// The same in fewer steps, for demands without buffers: nearly all.
	for _, i := range pool {
		o := &s.Officers[i]
		low, high := o.Present[w]&^o.Busy[w], o.Present[w+1]&^o.Busy[w+1]
		t = t.with(p.slot.runs(low>>shift|high<<1<<(63-shift)) & starts)
	}
	return t
}

// ask leaves in p.free for which of starts, the first of which is at, each of the officers is free.
func (p *Plan) ask(s *Supply, at int, starts uint64) {
	p.free = p.free[:0]
	for i := range s.Officers {
		p.free = append(p.free, p.available(&s.Officers[i], &p.known[i].role, at, starts))
	}
}

// available returns those of starts, the first of which is at, that an officer is free for.
func (p *Plan) available(o *Officer, r *role, at int, starts uint64) uint64 {
	switch {
	case r.fills == 0 && !r.helps:
		return 0
	case p.reach == p.n && p.reach <= 64:
		starts &= p.slot.runs(o.Present.word(at) &^ o.Busy.word(at))
	case p.reach <= 64:
		starts &= p.slot.runs(o.Present.word(at)) & p.calm(&o.Busy, at, starts)
	case !o.Present.Holds(at, at+p.n) || p.calm(&o.Busy, at, starts) == 0:
		return 0
	}
	if r.serves != 0 {
		return starts & p.begins(r.serves, at)
	}
	return starts
}

// begins returns, as a word that begins at at, when one of those of NeedsAny begins a slot.
func (p *Plan) begins(serves uint64, at int) uint64 {
	var any uint64
	for ; serves != 0; serves &= serves - 1 {
		any |= p.grids[bits.TrailingZeros64(serves)].word(at)
	}
	return any
}

// calm returns those of starts, the first of which is at, that with their buffers are not busy.
func (p *Plan) calm(busy *Mask, at int, starts uint64) uint64 {
	if p.reach <= 64 {
		return p.span.runs(^busy.word(at-p.before)) & starts
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

// shifts are the steps, about log n, in which runs of n set bits are found in a word; the rest are
// nought.
type shifts [6]uint8

// shiftsOf returns the shifts for runs of n bits, 64 at most.
func shiftsOf(n int) shifts {
	var s shifts
	have := 1
	for i := 0; have < min(n, 64); i++ {
		s[i] = uint8(min(have, n-have))
		have += int(s[i])
	}
	return s
}

// runs returns the bits of word at which as many set bits begin.
func (s *shifts) runs(word uint64) uint64 {
	word &= word >> (s[0] & 63)
	word &= word >> (s[1] & 63)
	word &= word >> (s[2] & 63)
	if s[3] == 0 { // an hour takes four
		return word
	}
	word &= word >> (s[3] & 63)
	word &= word >> (s[4] & 63)
	return word & (word >> (s[5] & 63))
}
