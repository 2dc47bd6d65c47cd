package forecast

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"sportello/queue/rule"
)

// A lobby is what all runs start from.
type lobby struct {
	now       time.Time
	options   rule.Options
	times     map[string]Time
	tickets   []rule.Ticket // by due
	newcomers []rule.Ticket // each as if it were the only one
	desks     []rule.Desk   // by id
	backAt    []time.Time   // of paused desks; zero: never
	serving   []service
	until     string // the id of the ticket whose call ends a run; empty: the last one's
}

// A service is going on at the start, at the desks given by index.
type service struct {
	ticket  string
	desks   []int
	time    Time
	elapsed time.Duration
}

// prepare sorts s and fills in what is expected.
func prepare(s State) *lobby {
	l := &lobby{
		now: s.Now, options: s.Options, times: s.Times,
		tickets: slices.Clone(s.Tickets), newcomers: slices.Clone(s.Newcomers),
	}
	slices.SortFunc(l.tickets, func(a, b rule.Ticket) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.ID, b.ID))
	})
	l.expect(l.tickets)
	l.expect(l.newcomers)

	desks := slices.SortedFunc(slices.Values(s.Desks), func(a, b Desk) int { return cmp.Compare(a.ID, b.ID) })
	for i, d := range desks {
		l.backAt = append(l.backAt, time.Time{})
		if d.Paused && !d.BackAt.IsZero() {
			l.backAt[i] = latest(d.BackAt, s.Now.Add(least))
		}
		if d.Busy {
			l.serve(i, &d)
		}
		l.desks = append(l.desks, d.Desk)
	}
	return l
}

// serve adds what the busy desk d, the i-th, is at, and says in d when it is expected to end.
func (l *lobby) serve(i int, d *Desk) {
	k := slices.IndexFunc(l.serving, func(s service) bool { return d.Ticket != "" && s.ticket == d.Ticket })
	if k < 0 {
		k = len(l.serving)
		l.serving = append(l.serving, service{ticket: d.Ticket, time: l.times[d.Serving]})
	}
	s := &l.serving[k]
	s.desks = append(s.desks, i)
	if !d.Since.IsZero() {
		s.elapsed = max(s.elapsed, l.now.Sub(d.Since))
	}
	switch {
	case d.FreeAt.IsZero():
		d.FreeAt = l.now.Add(max(least, s.time.Median-s.elapsed))
	case s.time.Median <= 0:
		s.time.Median = s.elapsed + d.FreeAt.Sub(l.now)
	}
}

// id returns the id of the i-th of the tickets and, after them, the newcomers.
func (l *lobby) id(i int) string {
	if i < len(l.tickets) {
		return l.tickets[i].ID
	}
	return l.newcomers[i-len(l.tickets)].ID
}

// expect fills in how long tickets are expected to take.
func (l *lobby) expect(tickets []rule.Ticket) {
	for i := range tickets {
		if t := &tickets[i]; t.Length == 0 {
			t.Length = l.timeOf(t).Median
		}
	}
}

// timeOf returns how long t takes.
func (l *lobby) timeOf(t *rule.Ticket) Time {
	if learned := l.times[t.Service]; learned.Median > 0 {
		return learned
	}
	return Time{Median: t.Length}
}

// A run plays the rest of the day, as often as it is begun.
type run struct {
	lobby   *lobby
	draw    *rand.Rand
	queue   []rule.Ticket // room for tickets, and for newcomers behind them
	order   []int         // room for numbers
	now     time.Time
	tickets []rule.Ticket // still waiting
	numbers []int         // of tickets, their index in the lobby
	coming  []rule.Ticket // newcomers not called yet
	desks   []rule.Desk
	ready   []time.Time // of desks busy or paused, when they can call again; zero: never
}

func newRun(l *lobby, draw *rand.Rand) *run {
	return &run{
		lobby: l, draw: draw,
		queue: make([]rule.Ticket, 0, len(l.tickets)+len(l.newcomers)), order: make([]int, 0, len(l.tickets)),
	}
}

// begin puts a run at the start and draws how long what is going on still lasts.
func (r *run) begin() {
	l := r.lobby
	r.now = l.now
	r.tickets, r.numbers = append(r.queue, l.tickets...), r.order
	for i := range l.tickets {
		r.numbers = append(r.numbers, i)
	}
	r.coming = append(r.coming[:0], l.newcomers...)
	r.desks = append(r.desks[:0], l.desks...)
	r.ready = append(r.ready[:0], l.backAt...)
	for _, s := range l.serving {
		end := r.now.Add(s.time.remaining(s.elapsed, r.draw))
		for _, d := range s.desks {
			if !r.desks[d].Paused || !r.ready[d].IsZero() {
				r.ready[d] = latest(r.ready[d], end)
			}
		}
	}
}

// play lets time pass until nobody is called any more. It reports each ticket or newcomer called, as
// [lobby.id] counts them, with the moment.
func (r *run) play(called func(ticket int, at time.Time)) {
	for {
		r.call(called)
		if r.over() || !r.pass() {
			return
		}
	}
}

// over reports whether all are called whose wait is asked for.
func (r *run) over() bool {
	if r.lobby.until == "" {
		return len(r.tickets)+len(r.coming) == 0
	}
	return !slices.ContainsFunc(r.numbers, func(n int) bool { return r.lobby.tickets[n].ID == r.lobby.until })
}

// call lets the free desks call until none of them has anybody.
func (r *run) call(called func(ticket int, at time.Time)) {
	for again := true; again; {
		again = false
		for i := range r.desks {
			if r.desks[i].Busy || r.desks[i].Paused {
				continue
			}
			c, ok := rule.Next(r.now, r.desks[i].ID, r.tickets, r.desks, r.lobby.options)
			r.welcome(r.desks[i].ID, c, ok, called)
			if ok {
				called(r.take(c), r.now)
				again = true // the others may have waited for it
			}
		}
	}
}

// welcome reports the newcomers who would be called now if desk, which can call, did not choose c.
func (r *run) welcome(desk string, c rule.Choice, chosen bool, called func(ticket int, at time.Time)) {
	rivals := []string{desk}
	switch {
	case len(r.coming) == 0:
		return
	case chosen && r.now.Before(c.Ticket.Start.Add(-rule.CallableBefore)):
		rivals = c.Desks // before its time a joint ticket takes no desk that has somebody else
	case chosen && !slices.ContainsFunc(r.coming, func(t rule.Ticket) bool { return !t.Due.After(c.Ticket.Due) }):
		return
	}
	for _, desk := range rivals {
		for r.admit(desk, called) {
		}
	}
}

// admit reports the newcomer, if any, that desk would call now, and takes it off.
func (r *run) admit(desk string, called func(ticket int, at time.Time)) bool {
	c, ok := rule.Next(r.now, desk, append(r.tickets, r.coming...), r.desks, r.lobby.options)
	if !ok {
		return false
	}
	is := func(t rule.Ticket) bool { return t.ID == c.Ticket.ID }
	i := slices.IndexFunc(r.coming, is)
	if i < 0 {
		return false
	}
	r.coming = slices.Delete(r.coming, i, i+1)
	called(len(r.lobby.tickets)+slices.IndexFunc(r.lobby.newcomers, is), r.now)
	return true
}

// take moves the ticket of c from the queue to its desks and returns its index in the lobby.
func (r *run) take(c rule.Choice) int {
	i := slices.IndexFunc(r.numbers, func(n int) bool { return r.lobby.tickets[n].ID == c.Ticket.ID })
	number := r.numbers[i]
	// The tickets called are mostly the first: moving those before is cheaper than those behind.
	copy(r.numbers[1:], r.numbers[:i])
	copy(r.tickets[1:], r.tickets[:i])
	r.numbers, r.tickets = r.numbers[1:], r.tickets[1:]

	t := r.lobby.timeOf(&c.Ticket)
	expected, end := r.now.Add(t.Median), r.now.Add(t.draw(r.draw))
	for d := range r.desks {
		if slices.Contains(c.Desks, r.desks[d].ID) {
			r.desks[d].Busy, r.desks[d].FreeAt, r.ready[d] = true, expected, end
		}
	}
	return number
}

// pass goes to the next moment at which a desk can call again; it returns false when there is none.
//
// No other moment matters. Not the one from which an appointment is callable: a desk without anybody
// else would have called it before its time, and what kept it from that were other desks. Nor the
// one from which a joint ticket holds desks: those free then had nobody to call, and a hold leaves
// them fewer still. From then on, the rule sees it whenever a desk calls.
func (r *run) pass() bool {
	var next time.Time
	for _, ready := range r.ready {
		if !ready.IsZero() && (next.IsZero() || ready.Before(next)) {
			next = ready
		}
	}
	if next.IsZero() {
		return false
	}
	r.now = next
	for d, ready := range r.ready {
		if !ready.IsZero() && !ready.After(next) {
			r.desks[d].Busy, r.desks[d].Paused, r.ready[d] = false, false, time.Time{}
		}
	}
	return true
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
