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
	c.fault(at+"weekdays", "the series falls on no day%s%s", after(" from ", from), after(" until ", until))
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
		c.fault(at+"date", "the office is not active on %s", x.Date)
		return
	}
	calendar.Closures = closures(e)
	if len(calendar.Open(x.Date, "", "")) == 0 {
		c.fault(at+"intervals", "closures on %s take all of it away", x.Date)
	}
}

// elsewhereThen reports when the rota of a presence puts the officer in two offices at one time. It
// looks at the days from each on which something begins, until what recurs has met if it ever does.
func (c *checker) elsewhereThen(at string, f *Officer, p, earlier Presence) {
	if p.Office == earlier.Office {
		return // rotas of one office are joined
	}
	a, b := p.series(), earlier.series()
	first, last := both(f, a, b)
	// Weeks are as they were after the product of their numbers, weekdays of the month within two years.
	period := 2*366 + 7*max(1, a.EveryWeeks)*max(1, b.EveryWeeks)
	for _, begin := range c.begins(first, last, period, p.Office, earlier.Office) {
		for n := range period {
			d := begin.AddDays(n)
			if !within(d, first, last) {
				break
			}
			if !a.FallsOn(d) || !b.FallsOn(d) {
				continue
			}
			if x, y, ok := overlap(c.hours(f, p, d), c.hours(f, earlier, d)); ok {
				c.fault(at+"office", "on %s the officer would be at %q (%s) and at %q (%s) at one time", d, p.Office, x, earlier.Office, y)
				return
			}
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

// begins returns the days from first to last on which offices or their series begin, and one to
// begin with, ascending.
func (c *checker) begins(first, last timetable.Date, period int, offices ...string) []timetable.Date {
	all := []timetable.Date{first}
	switch {
	case first.IsZero() && last.IsZero():
		all[0] = timetable.Date{Year: 2000, Month: time.January, Day: 1}
	case first.IsZero():
		all[0] = last.AddDays(-period + 1)
	}
	for _, o := range c.whole.Offices {
		if !slices.Contains(offices, o.ID) {
			continue
		}
		for _, d := range append(each(o.Openings, func(p OpeningEntry) timetable.Date { return p.From }), o.From) {
			if !d.IsZero() && within(d, first, last) {
				all = append(all, d)
			}
		}
	}
	slices.SortFunc(all, timetable.Date.Compare)
	return slices.Compact(all)
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

// hours returns the times of a presence on a day of its rota: its own, or those at which series open
// the office for the officer.
func (c *checker) hours(f *Officer, p Presence, d timetable.Date) []timetable.Interval {
	if len(p.Intervals) > 0 {
		return p.Intervals
	}
	e, _ := find(c.whole.Offices, func(o OfficeEntry) bool { return o.ID == p.Office })
	var all []timetable.Interval
	for _, o := range e.Openings {
		mine := f.Role == RoleMediator || len(o.Institutions) == 0 || f.actsForAny(o.Institutions)
		if mine && o.series().FallsOn(d) && within(d, e.From, e.Until) {
			all = append(all, o.Intervals...)
		}
	}
	return all
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
			c.elsewhereThen(in, f, p, earlier)
		}
	}
}

// faulty reports whether something is found to be wrong at a path already.
func (c *checker) faulty(at string) bool {
	return slices.ContainsFunc(c.findings, func(x finding) bool { return strings.HasPrefix(x.path, at) })
}
