// Package forecast estimates how long each waiting ticket still waits.
//
// It plays the rest of the day many times over with the calling rule of package rule, the desks that
// are open, and service times drawn around what was learned of each service, and gives the range
// that most runs fall into: an estimate is never a point. It knows only the tickets in the queue:
// whoever comes later with a smaller due, by precedence or appointment, makes the wait longer.
//
// It is pure, and its draws have a fixed seed: the same [State] gives the same answer.
package forecast

import (
	"math/rand/v2"
	"slices"
	"time"

	"sportello/queue/rule"
)

// A Desk is a desk of the calling rule with what is known of its next minutes. The FreeAt of a busy
// desk is what the rule expects; if zero, it follows from Serving and Since.
type Desk struct {
	rule.Desk
	Serving string    // the service being served, if busy
	Ticket  string    // the ticket being served, if busy: desks with the same one end together; may be empty
	Since   time.Time // when that service began; zero: now
	BackAt  time.Time // when a paused desk said it comes back; zero: it is not counted
}

// A State is the lobby at a moment.
type State struct {
	Now     time.Time
	Tickets []rule.Ticket // those waiting; one without Length is expected to take its service's median
	// Newcomers are imagined walk-ins, each as if it were the only one: they are told when they would
	// be called, and make nobody else wait longer.
	Newcomers []rule.Ticket
	Desks     []Desk
	Options   rule.Options
	Times     map[string]Time // by service; a service without takes exactly the ticket's Length
	Runs      int             // 0: 100
}

// A Wait is the range from [State].Now until a ticket is called: the 10th and the 90th percentile.
type Wait struct{ Low, High time.Duration }

const defaultRuns = 100

// Waits returns the wait of each waiting ticket and newcomer by its id. A ticket that the desks open
// or coming back can never serve is absent. Desks call as soon as they are free, in the order of
// their ids.
func Waits(s State) map[string]Wait {
	others := s
	others.Newcomers = slices.DeleteFunc(slices.Clone(s.Newcomers), s.willHold)
	ranges := prepare(others).waits(s.Runs)
	for _, n := range s.Newcomers {
		if !s.willHold(n) {
			continue
		}
		alone := s
		alone.Tickets, alone.Newcomers = append(slices.Clone(s.Tickets), n), nil
		l := prepare(alone)
		l.until = n.ID
		if w, ok := l.waits(s.Runs)[n.ID]; ok {
			ranges[n.ID] = w
		}
	}
	return ranges
}

// willHold reports whether the newcomer t holds desks if it waits for long. It then changes who is
// called before it, and can be told its wait only from runs in which it does.
func (s *State) willHold(t rule.Ticket) bool { return s.Options.Hold && len(t.Need.All) > 1 }

// waits plays so many runs, a hundred if 0, and returns the wait of each ticket and newcomer called.
func (l *lobby) waits(runs int) map[string]Wait {
	if runs <= 0 {
		runs = defaultRuns
	}
	waits := make([][]time.Duration, len(l.tickets)+len(l.newcomers))
	for i := range waits {
		waits[i] = make([]time.Duration, 0, runs)
	}
	r := newRun(l, rand.New(rand.NewPCG(1, 1)))
	for range runs {
		r.begin()
		r.play(func(ticket int, at time.Time) {
			waits[ticket] = append(waits[ticket], at.Sub(l.now))
		})
	}
	ranges := make(map[string]Wait, len(waits))
	for i, w := range waits {
		if len(w) > 0 {
			slices.Sort(w)
			ranges[l.id(i)] = Wait{Low: percentile(w, 10), High: percentile(w, 90)}
		}
	}
	return ranges
}

// percentile returns the smallest of sorted that at least p percent of them do not exceed.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[max(1, (len(sorted)*p+99)/100)-1]
}
