package timetable_test

import (
	"testing"
	"time"

	"sportello/booking/timetable"
)

func rome(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

func date(tb testing.TB, text string) timetable.Date {
	tb.Helper()
	d, err := timetable.ParseDate(text)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func intervals(tb testing.TB, texts ...string) []timetable.Interval {
	tb.Helper()
	var out []timetable.Interval
	for _, text := range texts {
		i, err := timetable.ParseInterval(text)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, i)
	}
	return out
}

// wall shows spans as their own zone's clock does.
func wall(spans []timetable.Span) []string {
	var out []string
	for _, s := range spans {
		until := s.Until.Format("15:04")
		if timetable.DateOf(s.Until).After(timetable.DateOf(s.From)) {
			until = "24:00"
		}
		out = append(out, s.From.Format("15:04-")+until)
	}
	return out
}
