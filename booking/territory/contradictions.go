package territory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/timetable"
)

// never reports a series that falls on no day of those on which its office or officer is active.
func (c *checker) never(at string, s timetable.Series, from, until timetable.Date) {
	reversed := !until.IsZero() && until.Before(from) // said already
	if reversed || s.Falls(from, until) {
		return
	}
	if from.Before(s.From) {
		from = s.From
	}
	if until.IsZero() || !s.Until.IsZero() && s.Until.Before(until) {
		until = s.Until
	}
	c.fault(at+"weekdays", "series_never", "the series falls on no day%s%s", after(" from ", from), after(" until ", until))
}

func after(word string, d timetable.Date) string {
	if d.IsZero() {
		return ""
	}
	return word + d.String()
}

// shadowed reports an extra opening that opens nothing: on a day on which the office is not active,
// or within closures of a part of that day.
func (c *checker) shadowed(at string, e OfficeEntry, x ExtraEntry, hosted []string) {
	if x.Date.IsZero() || len(x.Intervals) == 0 {
		return // said already
	}
	calendar := timetable.Calendar{Zone: time.UTC, From: e.From, Until: e.Until, Institutions: hosted}
	calendar.Extras = []timetable.Extra{{Date: x.Date, Intervals: x.Intervals, Institutions: x.Institutions}}
	if len(calendar.Open(x.Date, "", "")) == 0 {
		c.fault(at+"date", "not_active", "the office is not active on %s", x.Date)
		return
	}
	calendar.Closures = closures(e)
	if len(calendar.Open(x.Date, "", "")) == 0 {
		c.fault(at+"intervals", "extra_closed", "closures on %s take all of it away", x.Date)
	}
}

// twice reports when the rotas of two presences say times at which the officer would be in two
// offices. One who is there whenever an office is open may be wherever somebody books first.
func (c *checker) twice(at string, f *Officer, p, earlier Presence) {
	x, y, ok := overlap(p.Intervals, earlier.Intervals)
	if !ok || p.Office == earlier.Office {
		return // rotas of one office are joined
	}
	a, b := p.series(), earlier.series()
	first, last := both(f, a, b)
	// Weeks are as they were after the product of their numbers, weekdays of the month within two years.
	period := 2*366 + 7*max(1, a.EveryWeeks)*max(1, b.EveryWeeks)
	switch {
	case first.IsZero() && last.IsZero():
		first = timetable.Date{Year: 2000, Month: time.January, Day: 3}
	case first.IsZero():
		first = last.AddDays(-period)
	}
	for n := range period + 1 {
		d := first.AddDays(n)
		if !within(d, first, last) {
			return
		}
		if a.FallsOn(d) && b.FallsOn(d) {
			c.fault(at+"office", "officer_twice", "the officer would be at %q (%s) and at %q (%s) at one time, such as on %s", p.Office, x, earlier.Office, y, d)
			return
		}
	}
}

// both returns the days on which an officer is employed and two rotas hold; zero: unbounded.
func both(f *Officer, a, b timetable.Series) (first, last timetable.Date) {
	for _, d := range []timetable.Date{a.From, b.From, f.From} {
		if first.Before(d) {
			first = d
		}
	}
	for _, d := range []timetable.Date{a.Until, b.Until, f.Until} {
		if last.IsZero() || !d.IsZero() && d.Before(last) {
			last = d
		}
	}
	return first, last
}

// overlap returns the first of a and of b that overlap.
func overlap(a, b []timetable.Interval) (x, y timetable.Interval, ok bool) {
	for _, x := range a {
		for _, y := range b {
			if x.From < y.Until && y.From < x.Until {
				return x, y, true
			}
		}
	}
	return x, y, false
}

// presences reports presences that contradict each other or never are.
func (c *checker) presences(at string, f *Officer, e OfficerEntry) {
	for i, p := range f.Rota {
		in := fmt.Sprintf("%spresence[%d].", at, i)
		if c.faulty(in) {
			continue
		}
		c.never(in, p.series(), e.From, e.Until)
		for _, earlier := range f.Rota[:i] {
			c.twice(in, f, p, earlier)
		}
	}
}

// faulty reports whether something is found to be wrong at a path already.
func (c *checker) faulty(at string) bool {
	return slices.ContainsFunc(c.findings, func(x finding) bool { return strings.HasPrefix(x.path, at) })
}
