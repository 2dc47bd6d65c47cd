package timetable

import (
	"slices"
	"time"
)

// The codes of Why.
const (
	WhyHoliday   = "holiday"
	WhyPatron    = "patron"
	WhyClosure   = "closure"
	WhyNotOpen   = "not_open"
	WhyNotActive = "not_active"
)

// Open returns the spans of d in which an institution is open to a channel, in the calendar's zone,
// ascending; spans that overlap or touch are one. An empty institution means any that the office
// hosts, an empty channel any channel. How series, extras, closures and holidays combine is said at
// the top of the package.
func (c Calendar) Open(d Date, institution, channel string) []Span {
	if institution != "" {
		return c.hours(d, institution, channel)
	}
	var hours []Span
	for _, hosted := range c.hosted() {
		hours = append(hours, c.hours(d, hosted, channel)...)
	}
	return Union(hours)
}

// Common returns the spans of d in which all of institutions are open to a channel; no institutions
// mean any that the office hosts.
func (c Calendar) Common(d Date, institutions []string, channel string) []Span {
	if len(institutions) == 0 {
		return c.Open(d, "", channel)
	}
	hours := c.Open(d, institutions[0], channel)
	for _, institution := range institutions[1:] {
		hours = Intersect(hours, c.Open(d, institution, channel))
	}
	return hours
}

// Any returns the spans of d in which at least one of institutions is open to a channel; no
// institutions mean any that the office hosts.
func (c Calendar) Any(d Date, institutions []string, channel string) []Span {
	if len(institutions) == 0 {
		return c.Open(d, "", channel)
	}
	var hours []Span
	for _, institution := range institutions {
		hours = append(hours, c.Open(d, institution, channel)...)
	}
	return Union(hours)
}

// Why returns the code of the reason for which nothing is open on d, and its detail: WhyNotActive
// outside the office's own dates; WhyClosure, with the closure's reason, where something would be
// open without closures; WhyHoliday, with the holiday's key; WhyPatron; else WhyNotOpen. It returns
// nothing when something is open. Of several closures it names the one that, taken in their order,
// leaves nothing. Institution and channel are those of Open.
func (c Calendar) Why(d Date, institution, channel string) (code, detail string) {
	if len(c.Open(d, institution, channel)) > 0 {
		return "", ""
	}
	if !d.within(c.From, c.Until) {
		return WhyNotActive, ""
	}
	if reason, ok := c.closedBy(d, institution, channel); ok {
		return WhyClosure, reason
	}
	if key, ok := Holiday(d); ok {
		return WhyHoliday, key
	}
	if c.isPatron(d) {
		return WhyPatron, ""
	}
	return WhyNotOpen, ""
}

// Next returns the first of spans that is open at after or begins later, looking at the day of after
// in the calendar's zone and at horizonDays more. A span that is open at after is returned whole.
func (c Calendar) Next(after time.Time, horizonDays int, spans func(Date) []Span) (Span, bool) {
	today := DateOf(after.In(c.Zone))
	for n := range horizonDays + 1 {
		for _, s := range spans(today.AddDays(n)) {
			if s.Until.After(after) {
				return s, true
			}
		}
	}
	return Span{}, false
}

// closedBy returns the reason of the closure that leaves nothing of what would be open on d.
func (c Calendar) closedBy(d Date, institution, channel string) (reason string, ok bool) {
	closures := c.Closures
	c.Closures = nil
	if len(c.Open(d, institution, channel)) == 0 {
		return "", false
	}
	for n, closure := range closures {
		c.Closures = closures[:n+1]
		if len(c.Open(d, institution, channel)) == 0 {
			return closure.Reason, true
		}
	}
	return "", false
}

// hosted returns the office's institutions: where they are not given, those that have openings of
// their own and an unnamed one for the openings of all.
func (c Calendar) hosted() []string {
	if len(c.Institutions) > 0 {
		return c.Institutions
	}
	names := []string{""}
	for _, s := range c.Series {
		names = append(names, s.Institutions...)
	}
	for _, e := range c.Extras {
		names = append(names, e.Institutions...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// hours returns when one institution is open on d. The unnamed one has what is given for all.
func (c Calendar) hours(d Date, institution, channel string) []Span {
	hours := c.extras(d, institution, channel)
	if !c.rests(d, institution) {
		hours = append(hours, c.series(d, institution, channel)...)
	}
	open := c.spans(d, hours)
	for _, cut := range c.spans(d, c.cuts(d, institution)) {
		open = Without(open, cut)
	}
	return open
}

// series returns the hours of d that the series of an institution give, were the day no rest.
func (c Calendar) series(d Date, institution, channel string) []Interval {
	if !d.within(c.From, c.Until) {
		return nil
	}
	var hours []Interval
	for _, s := range c.Series {
		if concerns(s.Institutions, institution) && admits(s.Channels, channel) && s.FallsOn(d) {
			hours = append(hours, s.Intervals...)
		}
	}
	return hours
}

// extras returns the hours of d that the extras give to an institution.
func (c Calendar) extras(d Date, institution, channel string) []Interval {
	if !d.within(c.From, c.Until) {
		return nil
	}
	var hours []Interval
	for _, e := range c.Extras {
		if e.Date == d && concerns(e.Institutions, institution) && admits(e.Channels, channel) {
			hours = append(hours, e.Intervals...)
		}
	}
	return hours
}

// cuts returns the intervals of d that closures of a part of it take from an institution.
func (c Calendar) cuts(d Date, institution string) []Interval {
	var cuts []Interval
	for _, closure := range c.Closures {
		if closure.holds(d, institution) {
			cuts = append(cuts, closure.Intervals...)
		}
	}
	return cuts
}

// HoursOf returns when an institution is open to a channel on d; s is the scale of d in the calendar's
// zone. On a holiday, the patron saint's day or a whole day of closure only extras are Opening, and
// what series would open is Closed.
func (c Calendar) HoursOf(d Date, s Scale, institution, channel string) Hours {
	series, extras := c.series(d, institution, channel), c.extras(d, institution, channel)
	h := Hours{Institution: institution, Closed: s.Touched(c.spans(d, c.cuts(d, institution)))}
	if !c.rests(d, institution) {
		h.Opening = s.Inside(c.spans(d, append(series, extras...)))
		return h
	}
	h.Opening = s.Inside(c.spans(d, extras))
	h.Closed = h.Closed.Or(s.Inside(c.spans(d, series)).AndNot(h.Opening))
	return h
}

// rests reports whether the series of an institution do not count on d.
func (c Calendar) rests(d Date, institution string) bool {
	if _, ok := Holiday(d); ok || c.isPatron(d) {
		return true
	}
	return slices.ContainsFunc(c.Closures, func(closure Closure) bool {
		return len(closure.Intervals) == 0 && closure.holds(d, institution)
	})
}

func (c Calendar) isPatron(d Date) bool { return c.Patron == MonthDay{Month: d.Month, Day: d.Day} }

// spans returns the instants of the hours of d, ascending; those that overlap or touch are one. They
// are put in order as instants: on the day on which the clock skips an hour, 02:30 is after 03:05.
func (c Calendar) spans(d Date, hours []Interval) []Span {
	if len(hours) == 0 {
		return nil
	}
	spans := make([]Span, 0, len(hours))
	for _, h := range hours {
		spans = append(spans, Span{From: d.At(h.From, c.Zone), Until: d.At(h.Until, c.Zone)})
	}
	return Union(spans)
}

// holds reports whether k takes something away from an institution on d.
func (k Closure) holds(d Date, institution string) bool {
	return d.within(k.From, k.Until) && concerns(k.Institutions, institution)
}

// FallsOn reports whether s opens on d, holidays and closures aside.
func (s Series) FallsOn(d Date) bool {
	if !d.within(s.From, s.Until) || !slices.Contains(s.Weekdays, d.Weekday()) {
		return false
	}
	if len(s.Nth) > 0 {
		fromStart, fromEnd := d.nth()
		return slices.Contains(s.Nth, fromStart) || slices.Contains(s.Nth, fromEnd)
	}
	if s.EveryWeeks <= 1 {
		return true
	}
	if s.From.IsZero() {
		return false
	}
	weeks := s.From.monday().DaysUntil(d) / 7
	return weeks%s.EveryWeeks == 0
}

// Falls reports whether s opens on any of the days from to until, both included, holidays and
// closures aside. Zero bounds do not bound.
func (s Series) Falls(from, until Date) bool {
	if from.Before(s.From) {
		from = s.From
	}
	if until.IsZero() || !s.Until.IsZero() && s.Until.Before(until) {
		until = s.Until
	}
	// Whatever recurs has done so within a year: the fifth Friday of a month, or the 52nd week.
	const year = 53 * 7
	switch {
	case from.IsZero() && until.IsZero():
		from = Date{Year: 2000, Month: time.January, Day: 1}
	case from.IsZero():
		from = until.AddDays(-year)
	}
	for n := range year + 1 {
		d := from.AddDays(n)
		if !d.within(from, until) {
			return false
		}
		if s.FallsOn(d) {
			return true
		}
	}
	return false
}

func concerns(institutions []string, institution string) bool {
	return len(institutions) == 0 || slices.Contains(institutions, institution)
}

func admits(channels []string, channel string) bool {
	return channel == "" || len(channels) == 0 || slices.Contains(channels, channel)
}
