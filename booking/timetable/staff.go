package timetable

import (
	"cmp"
	"math/bits"
	"slices"
)

// Team is who does an appointment, and where.
type Team struct {
	Officers []Assignment // one for each of Needs in its order, or one for NeedsAny
	Mediator string       // id; empty: none is needed
	Rooms    []string     // ids
}

// Assignment says for which institution an officer is there. One who covers several has several.
type Assignment struct{ Institution, Officer string }

// Staff returns who should do the appointment at a start of Starts: those who speak the demand's
// language first, then with the fewest appointments that day, then by id. Where one officer may
// cover every need, a team in which somebody speaks the language comes first, then the one officer.
// Rooms are taken in the supply's order. Staff leaves out the people and rooms of the ids except,
// for a second try when one of them turned out to be taken. It returns false when nobody can.
func (p *Plan) Staff(s *Supply, bit int, except ...string) (Team, bool) {
	open := p.open(s)
	if !open.Has(bit) {
		return Team{}, false
	}
	p.meet(s.Officers)
	p.ask(s, bit, 1)
	rooms, ok := p.freeRooms(s, bit, except)
	if !ok {
		return Team{}, false
	}
	ranked := p.ranked(s, except)
	chosen := p.choose(ranked)
	if chosen == nil {
		return Team{}, false
	}
	team := Team{Rooms: rooms, Officers: p.assignments(bit, chosen)}
	if !p.demand.MustSpeak || slices.ContainsFunc(chosen, func(o *candidate) bool { return o.speaks }) {
		return team, true
	}
	i := slices.IndexFunc(ranked, func(o candidate) bool { return o.helps })
	if i < 0 {
		return Team{}, false
	}
	team.Mediator = ranked[i].ID
	return team, true
}

// candidate is somebody who is free for a start.
type candidate struct {
	*Officer
	role
}

// ranked returns who is free for the first start of p.free, the best choice first.
func (p *Plan) ranked(s *Supply, except []string) []candidate {
	var all []candidate
	for i, word := range p.free {
		if o := &s.Officers[i]; word&1 == 1 && !slices.Contains(except, o.ID) {
			all = append(all, candidate{o, p.known[i].role})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		switch {
		case a.speaks && !b.speaks:
			return -1
		case b.speaks && !a.speaks:
			return 1
		}
		return cmp.Or(cmp.Compare(a.Appointments, b.Appointments), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// choose returns who of the candidates fills each need, or nil when they cannot.
func (p *Plan) choose(ranked []candidate) []*candidate {
	team := p.different(ranked)
	if !p.covers {
		return team
	}
	i := slices.IndexFunc(ranked, func(o candidate) bool { return o.fills == p.every })
	speaks := func(o *candidate) bool { return o.speaks }
	if i < 0 || team != nil && !ranked[i].speaks && slices.ContainsFunc(team, speaks) {
		return team
	}
	return slices.Repeat([]*candidate{&ranked[i]}, p.size)
}

// different returns a candidate for each need, nobody twice, or nil. It takes the candidates in
// their order and whoever can be taken beside those taken already, moving these to other needs: that
// finds the best team, for who can be taken together is a matroid.
func (p *Plan) different(ranked []candidate) []*candidate {
	team := make([]*candidate, p.size)
	taken := 0
	for i := range ranked {
		if p.place(&ranked[i], team, new(uint64)) {
			taken++
		}
	}
	if taken < p.size {
		return nil
	}
	return team
}

// place gives o a need in team, moving others where that helps. It leaves out the needs in tried.
func (p *Plan) place(o *candidate, team []*candidate, tried *uint64) bool {
	for left := o.fills; left != 0; left &= left - 1 {
		need := bits.TrailingZeros64(left)
		if *tried>>need&1 == 1 {
			continue
		}
		*tried |= 1 << need
		if team[need] == nil || p.place(team[need], team, tried) {
			team[need] = o
			return true
		}
	}
	return false
}

// assignments says for which institution each of a team is there.
func (p *Plan) assignments(bit int, team []*candidate) []Assignment {
	out := make([]Assignment, len(team))
	for i, o := range team {
		out[i] = Assignment{Institution: p.institution(o, i, bit), Officer: o.ID}
	}
	return out
}

// institution returns that for which o fills a need. Who serves any of NeedsAny does it for the first
// for which it acts and a slot begins at bit.
func (p *Plan) institution(o *candidate, need, bit int) string {
	if !p.any() {
		return p.demand.Needs[need]
	}
	for i, institution := range p.demand.NeedsAny {
		if o.serves>>i&1 == 1 && p.grids[i].Has(bit) {
			return institution
		}
	}
	return ""
}

// freeRooms returns the first rooms that are free around a start, as many as are needed.
func (p *Plan) freeRooms(s *Supply, bit int, except []string) (ids []string, ok bool) {
	for i := range s.Rooms {
		if len(ids) == p.demand.Rooms {
			break
		}
		if r := &s.Rooms[i]; p.calm(&r.Busy, bit, 1) != 0 && !slices.Contains(except, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	return ids, len(ids) >= p.demand.Rooms
}
