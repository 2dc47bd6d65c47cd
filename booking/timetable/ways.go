package timetable

import "math/bits"

// ways returns how many distinct sets of people are free for the n-th start of p.free. Plain is as
// staffed says.
func (p *Plan) ways(n int, plain bool) int {
	if plain {
		return p.product(n)
	}
	p.gather(n)
	return p.crowd.ways(p)
}

// product returns how many sets there are when nobody fills two needs.
func (p *Plan) product(n int) int {
	var free [MaxNeeds]int
	for i, word := range p.free {
		if p.every == 0 {
			free[0] += int(word >> n & 1)
		} else if fills := p.known[i].fills; fills != 0 {
			free[bits.TrailingZeros64(fills)&(MaxNeeds-1)] += int(word >> n & 1)
		}
	}
	ways := 1
	for _, count := range free[:p.size] {
		ways *= count
	}
	return ways
}

// crowd is who is free at one start: groups of equals, and mediators who speak the language.
type crowd struct {
	groups  []group
	helpers int
}

// group is how many people fill the same needs, how many of them do not speak the language, and how
// many are in the set that is being made.
type group struct {
	fills       uint64
	all, silent int
	taken       int
}

// gather leaves in p.crowd who is free for the n-th start of p.free.
func (p *Plan) gather(n int) {
	p.crowd.groups, p.crowd.helpers = p.crowd.groups[:0], 0
	for i, word := range p.free {
		if word>>n&1 == 1 {
			p.crowd.add(p.part(p.known[i].role))
		}
	}
}

// part returns a role as it counts in a team: any of NeedsAny is one need.
func (p *Plan) part(r role) role {
	if p.every == 0 && r.fills != 0 {
		r.fills = 1
	}
	return r
}

func (c *crowd) add(r role) {
	if r.helps {
		c.helpers++
		return
	}
	if r.fills == 0 {
		return
	}
	silent := 1
	if r.speaks {
		silent = 0
	}
	for i := range c.groups {
		if g := &c.groups[i]; g.fills == r.fills {
			g.all++
			g.silent += silent
			return
		}
	}
	c.groups = append(c.groups, group{fills: r.fills, all: 1, silent: silent})
}

// ways returns how many sets of people suffice. Where the language must be spoken, a team in which
// nobody does takes a mediator.
func (c *crowd) ways(p *Plan) int {
	all := c.teams(p, false)
	if !p.demand.MustSpeak {
		return all
	}
	silent := c.teams(p, true)
	return all - silent + silent*c.helpers
}

// teams returns how many teams there are of different officers for every need, and of one who covers
// them; silent: only those in which nobody speaks the language.
func (c *crowd) teams(p *Plan, silent bool) int {
	teams := c.sets(0, p.size, silent)
	for _, g := range c.groups {
		if p.covers && g.fills == p.every {
			teams += g.size(silent)
		}
	}
	return teams
}

func (g *group) size(silent bool) int {
	if silent {
		return g.silent
	}
	return g.all
}

// sets returns how many ways there are to take so many more from the groups i and after, each for a
// need of its own.
func (c *crowd) sets(i, more int, silent bool) int {
	if more == 0 {
		return 1
	}
	if i == len(c.groups) {
		return 0
	}
	g := &c.groups[i]
	size := g.size(silent)
	total := c.sets(i+1, more, silent)
	for choices := 1; g.taken < min(size, more); {
		choices = choices * (size - g.taken) / (g.taken + 1)
		g.taken++
		if !c.fits(i) {
			break
		}
		total += choices * c.sets(i+1, more-g.taken, silent)
	}
	g.taken = 0
	return total
}

// fits reports whether everybody taken from the groups to i can have a need of their own: no more
// people than needs in any set of needs (Hall's theorem).
func (c *crowd) fits(i int) bool {
	var every uint64
	for _, g := range c.groups[:i+1] {
		every |= g.fills
	}
	for needs := every; needs != 0; needs = (needs - 1) & every {
		people := 0
		for _, g := range c.groups[:i+1] {
			if g.fills&^needs == 0 {
				people += g.taken
			}
		}
		if people > bits.OnesCount64(needs) {
			return false
		}
	}
	return true
}
