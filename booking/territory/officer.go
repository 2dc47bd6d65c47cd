package territory

import (
	"slices"
	"time"

	"sportello/booking/timetable"
)

// Officer is a member of staff. Institution is the employer, which need not be one it acts for: a
// Comune's tutor may act for others alone.
type Officer struct {
	ID, Name     string
	Institution  string
	Role         Role
	Services     []string // ids, none: all that need an institution it acts for
	Languages    []string
	CalendarMail string         // where its appointments are sent as invitations; empty: nowhere
	From, Until  timetable.Date // employment
	Acts         []Act
	Rota         []Presence
	Absences     []Absence
}

// Act is an institution for which an officer acts on the days From to Until.
type Act struct {
	Institution string
	From, Until timetable.Date
}

// Presence says when an officer works at Office: on the days of the rota within its Intervals, or
// without any whenever the office is open for an institution for which the officer acts then.
type Presence struct {
	Office      string
	Weekdays    []time.Weekday // none: every day
	Intervals   []timetable.Interval
	EveryWeeks  int // counted from the Monday of the week of From
	Nth         []int
	From, Until timetable.Date
}

// Absence is when an officer is nowhere: wall clock, from From until Until.
type Absence struct{ From, Until Moment }

// ActsFor returns the institutions for which the officer acts on the day on, sorted; none outside
// its employment.
func (f *Officer) ActsFor(on timetable.Date) []string {
	if !within(on, f.From, f.Until) {
		return nil
	}
	var ids []string
	for _, a := range f.Acts {
		if within(on, a.From, a.Until) {
			ids = append(ids, a.Institution)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Does reports whether the officer takes part in s, whatever the day: s is one of its services, or
// it has no list and acts for an institution of s.
func (f *Officer) Does(s *Service) bool {
	if len(f.Services) > 0 {
		return slices.Contains(f.Services, s.ID)
	}
	return f.actsForAny(s.Institutions())
}

func (f *Officer) actsForAny(institutions []string) bool {
	return slices.ContainsFunc(f.Acts, func(a Act) bool { return slices.Contains(institutions, a.Institution) })
}

// Covers reports whether the officer suffices for s on the day on: it does s and acts for an
// institution of those that suffice, or for all that are needed.
func (f *Officer) Covers(s *Service, on timetable.Date) bool {
	if !f.Does(s) {
		return false
	}
	acts := f.ActsFor(on)
	has := func(id string) bool { return slices.Contains(acts, id) }
	switch {
	case len(s.NeedsAny) > 0:
		return slices.ContainsFunc(s.NeedsAny, has)
	case s.Joint() && !s.OneOfficerMayCover:
		return false
	}
	return !slices.ContainsFunc(s.Needs, func(id string) bool { return !has(id) })
}

// At reports whether the office is one where the officer works, on any day.
func (f *Officer) At(office string) bool {
	return slices.ContainsFunc(f.Rota, func(p Presence) bool { return p.Office == office })
}

// Present returns when the officer works at o on the day on, absences taken away, ascending. A rota
// holds on holidays too, on which an office opens only by an extra opening.
func (f *Officer) Present(o *Office, on timetable.Date) []timetable.Span {
	spans := f.Rostered(o, on)
	for _, absent := range f.Absent(o) {
		spans = timetable.Without(spans, absent)
	}
	return spans
}

// Rostered returns when the officer works at o on the day on by the rota, ascending, absences or not.
func (f *Officer) Rostered(o *Office, on timetable.Date) []timetable.Span {
	institutions := f.ActsFor(on)
	if f.Role == RoleMediator && within(on, f.From, f.Until) {
		institutions = o.Institutions
	}
	if len(institutions) == 0 {
		return nil
	}
	var spans []timetable.Span
	for _, p := range f.Rota {
		if p.Office != o.ID || !p.falls(on) {
			continue
		}
		if len(p.Intervals) == 0 {
			spans = append(spans, o.anyOpen(institutions, on, "")...)
			continue
		}
		for _, i := range p.Intervals {
			spans = append(spans, timetable.Span{From: on.At(i.From, o.Zone()), Until: on.At(i.Until, o.Zone())})
		}
	}
	return timetable.Union(spans)
}

// AbsentAt reports whether the officer is absent at an instant, by the wall clock of zone.
func (f *Officer) AbsentAt(zone *time.Location, at time.Time) bool {
	return slices.ContainsFunc(f.Absences, func(a Absence) bool {
		s := a.span(zone)
		return !at.Before(s.From) && at.Before(s.Until)
	})
}

// Absent returns the officer's absences by the wall clock of o, in the file's order.
func (f *Officer) Absent(o *Office) []timetable.Span {
	var spans []timetable.Span
	for _, a := range f.Absences {
		spans = append(spans, a.span(o.Zone()))
	}
	return spans
}

// everyDay is what a rota without weekdays means.
var everyDay = []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}

// falls reports whether the day d is one of the rota.
func (p Presence) falls(d timetable.Date) bool { return p.series().FallsOn(d) }

// series returns the days of the rota.
func (p Presence) series() timetable.Series {
	weekdays := p.Weekdays
	if len(weekdays) == 0 {
		weekdays = everyDay
	}
	return timetable.Series{Weekdays: weekdays, EveryWeeks: p.EveryWeeks, Nth: p.Nth, From: p.From, Until: p.Until}
}

func (a Absence) span(zone *time.Location) timetable.Span {
	until := a.Until
	if until.Date.IsZero() {
		until = Moment{Date: a.From.Date}
	}
	s := timetable.Span{From: a.From.Date.At(a.From.Clock, zone), Until: until.Date.At(until.Clock, zone)}
	if !until.Timed {
		s.Until = until.Date.AddDays(1).At(0, zone)
	}
	return s
}
