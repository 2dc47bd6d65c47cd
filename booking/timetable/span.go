package timetable

import (
	"slices"
	"time"
)

// Day returns the whole day d in a zone: 23, 24 or 25 hours.
func Day(d Date, zone *time.Location) Span {
	return Span{From: d.At(0, zone), Until: d.AddDays(1).At(0, zone)}
}

func (s Span) empty() bool { return !s.From.Before(s.Until) }

// Union returns spans ascending, those that overlap or touch as one; empty ones vanish.
func Union(spans []Span) []Span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b Span) int { return a.From.Compare(b.From) })
	var out []Span
	for _, s := range sorted {
		last := len(out) - 1
		switch {
		case s.empty():
		case last < 0 || s.From.After(out[last].Until):
			out = append(out, s)
		case s.Until.After(out[last].Until):
			out[last].Until = s.Until
		}
	}
	return out
}

// Intersect returns what lies both in a and in b; each is ascending and without overlaps, as Union
// returns it.
func Intersect(a, b []Span) []Span {
	var out []Span
	for i, j := 0, 0; i < len(a) && j < len(b); {
		both := Span{From: a[i].From, Until: a[i].Until}
		if b[j].From.After(both.From) {
			both.From = b[j].From
		}
		if b[j].Until.Before(both.Until) {
			both.Until = b[j].Until
		}
		if !both.empty() {
			out = append(out, both)
		}
		if a[i].Until.Before(b[j].Until) {
			i++
		} else {
			j++
		}
	}
	return out
}

// Without returns spans without what lies in cut.
func Without(spans []Span, cut Span) []Span {
	var out []Span
	for _, s := range spans {
		if cut.empty() || !cut.From.Before(s.Until) || !s.From.Before(cut.Until) {
			out = append(out, s)
			continue
		}
		if s.From.Before(cut.From) {
			out = append(out, Span{From: s.From, Until: cut.From})
		}
		if cut.Until.Before(s.Until) {
			out = append(out, Span{From: cut.Until, Until: s.Until})
		}
	}
	return out
}
