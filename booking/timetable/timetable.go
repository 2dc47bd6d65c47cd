// Package timetable is the civil calendar of an office: opening series, closures, national
// holidays and the patron saint's day, worked out to the instants between which a door is open.
//
// It is pure: plain values in, plain values out, no database and no clock of its own. Openings are
// wall-clock in the office's zone and stay so on the two days on which the clock changes; instants
// are returned in that zone. Intervals are half open: [from, until).
//
// What opens a day, in this order:
//  1. nothing does before the activation or after the end of the office;
//  2. series open, except on national holidays, on the patron saint's day and on whole days of closure;
//  3. extras open on any day, a day of closure too: they name their date, so they are the last word;
//  4. closures with intervals then cut series and extras alike.
//
// A series that never falls on a day opens nothing; Series.Falls tells of it.
//
// On top of it is the search for free starts: what an office has on a day (Supply) as sets of five
// minutes of elapsed time (Mask), what an appointment takes (Demand), and a Plan that finds where the
// one suffices for the other (Starts), who should do it (Staff) and what stands in the way (None,
// Explain). Days on which the clock changes have fewer or more bits; nothing else is different.
package timetable

import "time"

// Date is a civil date without a zone. Its text form is 2026-12-03.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Clock is a wall-clock time as whole minutes after midnight, 0 to 1440. Its text form is 09:30;
// 1440 is written 24:00.
type Clock int

// Interval is a stretch [From, Until) of one civil day. Its text form is 09:00-12:30.
type Interval struct {
	From, Until Clock
}

// MonthDay is a yearly date such as a patron saint's day. Its text form is 05-19; the zero value
// means none.
type MonthDay struct {
	Month time.Month
	Day   int
}

// Span is a stretch of time [From, Until) between two instants.
type Span struct {
	From, Until time.Time
}

// Series is a dated weekly opening. The zero From and Until do not bound it.
type Series struct {
	Institutions []string // none: all of the office
	Channels     []string // none: all
	Weekdays     []time.Weekday
	Intervals    []Interval
	EveryWeeks   int   // 0 and 1: every week; n: every n weeks from the Monday of the week of From, never without one
	Nth          []int // 1…5 from the month's start, -1…-5 from its end; then EveryWeeks does not count
	From, Until  Date  // both days included
}

// Closure takes openings away on the days From to Until, both included: the whole day, or only the
// Intervals of each day. The zero From and Until do not bound it: closed until further notice.
type Closure struct {
	From, Until  Date
	Intervals    []Interval
	Institutions []string // none: all of the office
	Reason       string
}

// Extra opens on one day regardless of the series, of holidays, of the patron saint and of closures
// of the whole day; a closure with intervals cuts it.
type Extra struct {
	Date         Date
	Intervals    []Interval
	Institutions []string // none: all of the office
	Channels     []string // none: all
}

// Calendar is all that decides when an office is open. Its Zone must be set.
type Calendar struct {
	Zone         *time.Location
	Patron       MonthDay // 02-29 is kept in leap years only
	From, Until  Date     // activation and end of the office, both days included; zero: unbounded
	Institutions []string // hosted by the office; none: those that are named below, and any other
	Series       []Series
	Closures     []Closure
	Extras       []Extra
}
