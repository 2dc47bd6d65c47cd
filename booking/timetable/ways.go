package timetable

import "math/bits"

// count appends those of the starts that staffed told of, the first of which is at, that somebody can
// do, and in how many ways.
func (p *Plan) count(at int, starts uint64, into []Start) []Start {
	tallies := p.tallies[:p.size]
	for ; starts != 0; starts &= starts - 1 {
		n, ways := bits.TrailingZeros64(starts), 1
		if p.plain {
			for i := range tallies {
				ways *= tallies[i].at(n)
			}
		} else {
			p.gather(n)
			ways = p.crowd.ways(p)
		}
		if ways > 0 {
			into = append(into, Start{Bit: at + n, Ways: ways})
		}
	}
	return into
}

// tally counts for each of 64 starts how many are free for it, maxTally at most: the binary digits of
// the counts, a word for each digit.
type tally struct{ ones, twos, fours, eights uint64 }

const maxTally = 15

func (t tally) with(free uint64) tally {
	t.ones, free = t.ones^free, t.ones&free
	t.twos, free = t.twos^free, t.twos&free
	t.fours, free = t.fours^free, t.fours&free
	t.eights ^= free
	return t
}

// at returns the count of the n-th start.
func (t *tally) at(n int) int {
	n &= 63
	count := t.ones>>n&1 | t.twos>>n&1<<1
	if t.fours|t.eights != 0 { // seldom more than three are free
		count |= t.fours>>n&1<<2 | t.eights>>n&1<<3
	}
	return int(count)
}

// some returns for which starts anybody is free.
func (t *tally) some() uint64 { return t.ones | t.twos | t.fours | t.eights }

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
			p.crowd.add(&p.known[i].role)
		}
	}
}

func (c *crowd) add(r *role) {
	if r.helps {
		c.helpers++
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
