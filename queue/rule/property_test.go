package rule_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/queue/rule"
)

// state is an invented moment of an office.
type state struct {
	now     time.Time
	tickets []rule.Ticket
	desks   []rule.Desk
	options rule.Options
}

func (s state) desk(id string) rule.Desk {
	return s.desks[slices.IndexFunc(s.desks, func(d rule.Desk) bool { return d.ID == id })]
}

func (s state) hold(holds []rule.Hold, desk string) (rule.Hold, bool) {
	i := slices.IndexFunc(holds, func(h rule.Hold) bool { return h.Desk == desk })
	if i < 0 {
		return rule.Hold{}, false
	}
	return holds[i], true
}

// randomState makes up to seven desks and a dozen tickets, with joint ones if joints.
func randomState(r *rand.Rand, joints bool) state {
	s := state{now: at("10:00"), options: rule.Options{W: time.Hour, Hold: r.IntN(4) > 0}}
	minutes := func(from, to int) time.Duration { return time.Duration(from+r.IntN(to-from+1)) * time.Minute }
	institutions := []string{"CPI", "INPS", "COMUNE"}
	some := func() []string {
		r.Shuffle(3, func(i, j int) { institutions[i], institutions[j] = institutions[j], institutions[i] })
		return slices.Clone(institutions[:1+r.IntN(3)])
	}
	for i := range 1 + r.IntN(7) {
		d := rule.Desk{
			ID: fmt.Sprint(i + 1), Institutions: some()[:1], Services: map[string]bool{"S": r.IntN(8) > 0, "T": r.IntN(3) > 0},
			Busy: r.IntN(3) == 0, Paused: r.IntN(8) == 0,
		}
		if r.IntN(3) == 0 {
			d.Institutions = some()
		}
		if d.Busy {
			d.FreeAt = s.now.Add(minutes(-5, 30))
		}
		s.desks = append(s.desks, d)
	}
	for i := range r.IntN(13) {
		t := rule.Ticket{
			ID: fmt.Sprintf("A%03d", i), Seq: int64(i), Service: []string{"S", "T"}[r.IntN(2)],
			Need: rule.Need{All: some()[:1]}, Length: minutes(5, 40), Lead: []time.Duration{0, 20 * time.Minute}[r.IntN(8)/7],
		}
		issued := s.now.Add(-minutes(0, 90)).Truncate(10 * time.Minute)
		switch {
		case r.IntN(5) == 0:
			t.Need = rule.Need{Any: some()}
		case joints && r.IntN(2) == 0:
			t.Need = rule.Need{All: some(), CoverAlone: r.IntN(3) == 0}
		}
		t.Due = rule.DueWalkIn(issued, at("09:00"), t.Lead)
		if r.IntN(3) == 0 {
			t.Start, t.Lead = s.now.Add(minutes(-20, 40)), 0
			t.Due = rule.DueAppointment(t.Start, issued, s.options.W)
		}
		if r.IntN(8) == 0 {
			t.Desk = fmt.Sprint(1 + r.IntN(7))
		}
		if r.IntN(12) == 0 {
			t.Institution = institutions[0]
		}
		if r.IntN(5) == 0 {
			t.Released = []string{fmt.Sprint(1 + r.IntN(7))}
		}
		s.tickets = append(s.tickets, t)
	}
	return s
}

// each calls check with many invented states; the same ones every time.
func each(t *testing.T, joints bool, check func(t *testing.T, s state)) {
	r := rand.New(rand.NewPCG(2026, 12))
	for i := range 5000 {
		s := randomState(r, joints)
		check(t, s)
		if t.Failed() {
			t.Fatalf("in state %d: %+v", i, s)
		}
	}
}

func early(t rule.Ticket, now time.Time) bool {
	return !t.Start.IsZero() && now.Before(t.Start.Add(-5*time.Minute))
}

// mans reports by trial whether desks can be given to the institutions one each, all of both used.
func mans(all []string, desks []rule.Desk) bool {
	if len(all) == 0 {
		return len(desks) == 0
	}
	for i, d := range desks {
		rest := slices.Delete(slices.Clone(desks), i, i+1)
		if slices.Contains(d.Institutions, all[0]) && mans(all[1:], rest) {
			return true
		}
	}
	return false
}

// sufficient reports whether exactly the desks named take part in t as its need asks.
func (s state) sufficient(t rule.Ticket, ids []string) bool {
	var desks []rule.Desk
	for _, id := range ids {
		desks = append(desks, s.desk(id))
	}
	if slices.ContainsFunc(desks, func(d rule.Desk) bool { return !d.Services[t.Service] }) {
		return false
	}
	if t.Desk != "" && !slices.Contains(ids, t.Desk) {
		return false
	}
	if len(t.Need.All) > 1 {
		covered := len(desks) == 1 && t.Need.CoverAlone && !slices.ContainsFunc(t.Need.All, func(institution string) bool {
			return !slices.Contains(desks[0].Institutions, institution)
		})
		return covered || mans(t.Need.All, desks)
	}
	actsFor := func(institution string) bool { return slices.Contains(desks[0].Institutions, institution) }
	return len(desks) == 1 &&
		slices.ContainsFunc(slices.Concat(t.Need.All, t.Need.Any), actsFor) &&
		(t.Institution == "" || actsFor(t.Institution))
}

// available reports whether no desk named is busy, paused, or held for another ticket that t would overrun.
func (s state) available(holds []rule.Hold, t rule.Ticket, ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		h, held := s.hold(holds, id)
		d := s.desk(id)
		return d.Busy || d.Paused || held && h.Ticket != t.ID && s.now.Add(t.Length).After(h.Until)
	})
}

// offers returns every ticket that caller could call, found by trying all groups of desks: those
// before their time if ahead, else the others.
func (s state) offers(holds []rule.Hold, caller string, ahead bool) []rule.Ticket {
	wanted := func(desk string) bool { return ahead && len(s.offers(holds, desk, false)) > 0 }
	var offered []rule.Ticket
	for _, t := range s.tickets {
		if early(t, s.now) != ahead {
			continue
		}
		for _, group := range s.groups(caller, max(1, len(t.Need.All))) {
			if s.available(holds, t, group) && s.sufficient(t, group) && !slices.ContainsFunc(group[1:], wanted) {
				offered = append(offered, t)
				break
			}
		}
	}
	return offered
}

// groups returns all groups of at most size desks with caller first.
func (s state) groups(caller string, size int) [][]string {
	groups := [][]string{{caller}}
	for _, d := range s.desks {
		for _, g := range groups {
			if d.ID != caller && len(g) < size {
				groups = append(groups, append(slices.Clone(g), d.ID))
			}
		}
	}
	return groups
}

func TestNextIsLawful(t *testing.T) {
	each(t, true, func(t *testing.T, s state) {
		holds := rule.Holds(s.now, s.tickets, s.desks, s.options)
		for _, d := range s.desks {
			c, ok := rule.Next(s.now, d.ID, s.tickets, s.desks, s.options)
			if !ok {
				continue
			}
			if c.Desks[0] != d.ID {
				t.Errorf("desk %s calls %s for %v", d.ID, c.Ticket.ID, c.Desks)
			}
			if !s.available(holds, c.Ticket, c.Desks) {
				t.Errorf("%s: a desk of %v is busy, paused, or held and overrun", c.Ticket.ID, c.Desks)
			}
			if !s.sufficient(c.Ticket, c.Desks) {
				t.Errorf("%s: %v are not the desks it needs", c.Ticket.ID, c.Desks)
			}
			if c.Reason == "" {
				t.Errorf("%s: no reason", c.Ticket.ID)
			}
			for _, id := range c.Desks {
				if !rule.Serves(s.desk(id), c.Ticket) {
					t.Errorf("%s: desk %s does not serve it", c.Ticket.ID, id)
				}
			}
		}
	})
}

func TestNextIsTheFirstOfAllThatCouldBeCalled(t *testing.T) {
	each(t, true, func(t *testing.T, s state) {
		holds := rule.Holds(s.now, s.tickets, s.desks, s.options)
		for _, d := range s.desks {
			offers := s.offers(holds, d.ID, false)
			if len(offers) == 0 {
				offers = s.offers(holds, d.ID, true)
			}
			c, ok := rule.Next(s.now, d.ID, s.tickets, s.desks, s.options)
			if ok != (len(offers) > 0) {
				t.Errorf("desk %s: got %v (%s), want one of %d offers", d.ID, ok, c.Ticket.ID, len(offers))
				continue
			}
			if !ok {
				continue
			}
			slices.SortFunc(offers, byDue)
			if c.Ticket.ID != offers[0].ID {
				t.Errorf("desk %s: got %s, want %s", d.ID, c.Ticket.ID, offers[0].ID)
			}
		}
	})
}

func byDue(a, b rule.Ticket) int {
	if c := a.Due.Compare(b.Due); c != 0 {
		return c
	}
	return int(a.Seq - b.Seq)
}

func TestNextWithoutJointTicketsIsASort(t *testing.T) {
	each(t, false, func(t *testing.T, s state) {
		for _, d := range s.desks {
			served := slices.DeleteFunc(slices.Clone(s.tickets), func(t rule.Ticket) bool { return !rule.Serves(d, t) })
			slices.SortFunc(served, func(a, b rule.Ticket) int {
				switch ea, eb := early(a, s.now), early(b, s.now); {
				case ea == eb:
					return byDue(a, b)
				case eb:
					return -1
				default:
					return 1
				}
			})
			want := ""
			if len(served) > 0 && !d.Busy && !d.Paused {
				want = served[0].ID
			}
			c, _ := rule.Next(s.now, d.ID, s.tickets, s.desks, s.options)
			if c.Ticket.ID != want {
				t.Errorf("desk %s: got %q, want %q", d.ID, c.Ticket.ID, want)
			}
		}
	})
}

func TestHoldsAreLawful(t *testing.T) {
	each(t, true, func(t *testing.T, s state) {
		holds := rule.Holds(s.now, s.tickets, s.desks, s.options)
		seen := make(map[string]bool)
		for _, h := range holds {
			d := s.desk(h.Desk)
			if seen[h.Desk] || d.Paused || !s.options.Hold {
				t.Errorf("desk %s is held twice, while paused, or with holding turned off", h.Desk)
			}
			seen[h.Desk] = true
			ticket := s.tickets[slices.IndexFunc(s.tickets, func(t rule.Ticket) bool { return t.ID == h.Ticket })]
			from := ticket.Start
			if from.IsZero() {
				from = ticket.Due.Add(s.options.W)
			}
			if s.now.Before(from.Add(-30*time.Minute)) || slices.Contains(ticket.Released, h.Desk) {
				t.Errorf("%s holds desk %s too early or although released", h.Ticket, h.Desk)
			}
			want := slices.MaxFunc([]time.Time{from, s.now}, time.Time.Compare)
			for _, id := range append([]string{h.Desk}, h.With...) {
				if d := s.desk(id); d.Busy && d.FreeAt.After(want) {
					want = d.FreeAt
				}
			}
			if !h.Until.Equal(want) {
				t.Errorf("%s holds desk %s until %v, want %v", h.Ticket, h.Desk, h.Until, want)
			}
			if !s.sufficient(ticket, append([]string{h.Desk}, h.With...)) {
				t.Errorf("%s holds %s with %v, which are not the desks it needs", h.Ticket, h.Desk, h.With)
			}
		}
	})
}

func TestOrderOfSlicesDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	each(t, true, func(t *testing.T, s state) {
		tickets, desks := slices.Clone(s.tickets), slices.Clone(s.desks)
		r.Shuffle(len(tickets), func(i, j int) { tickets[i], tickets[j] = tickets[j], tickets[i] })
		r.Shuffle(len(desks), func(i, j int) { desks[i], desks[j] = desks[j], desks[i] })
		for _, d := range s.desks {
			want, _ := rule.Next(s.now, d.ID, s.tickets, s.desks, s.options)
			got, _ := rule.Next(s.now, d.ID, tickets, desks, s.options)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("shuffled (-want +got):\n%s", diff)
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	for _, joints := range []bool{false, true} {
		name := "walk-ins"
		if joints {
			name = "joint appointments"
		}
		b.Run(name, func(b *testing.B) {
			s := busyMorning(joints)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := rule.Next(s.now, "1", s.tickets, s.desks, s.options); !ok {
					b.Fatal("nobody is next")
				}
			}
		})
	}
}

// busyMorning has sixty tickets, every tenth of them a joint appointment if joints, and six desks.
func busyMorning(joints bool) state {
	s := state{now: at("10:00"), options: rule.Options{W: time.Hour, Hold: true}}
	for i := range 6 {
		d := desk(fmt.Sprint(i+1), []string{"CPI", "INPS"}[i%2])
		if i > 0 {
			d = busy(d, "10:08")
		}
		s.desks = append(s.desks, d)
	}
	for i := range 60 {
		t := walkIn(fmt.Sprintf("A%03d", i), int64(i), "09:00")
		t.Due = t.Due.Add(time.Duration(i) * time.Minute)
		if i%2 == 1 {
			t.Service, t.Need = "INPS", inps
		}
		if joints && i%10 == 5 {
			t = joint(t.ID, t.Seq, "10:10")
			t.Start = t.Start.Add(time.Duration(i) * 10 * time.Second)
		}
		s.tickets = append(s.tickets, t)
	}
	return s
}
