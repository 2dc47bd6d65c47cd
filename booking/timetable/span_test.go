package timetable_test

import (
	"strings"
	"testing"
	"time"

	"sportello/booking/timetable"
)

// spans reads "09:00-10:00 11:00-12:00" of one day, UTC.
func spans(t *testing.T, text string) []timetable.Span {
	t.Helper()
	day := timetable.Date{Year: 2026, Month: 12, Day: 3}
	var all []timetable.Span
	for _, part := range strings.Fields(text) {
		i, err := timetable.ParseInterval(part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, timetable.Span{From: day.At(i.From, time.UTC), Until: day.At(i.Until, time.UTC)})
	}
	return all
}

func text(all []timetable.Span) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, s.From.Format("15:04")+"-"+s.Until.Format("15:04"))
	}
	return strings.Join(parts, " ")
}

func TestUnion(t *testing.T) {
	tests := []struct{ name, of, want string }{
		{"nothing", "", ""},
		{"apart", "11:00-12:00 09:00-10:00", "09:00-10:00 11:00-12:00"},
		{"touching", "09:00-10:00 10:00-11:00", "09:00-11:00"},
		{"overlapping", "09:00-10:30 10:00-11:00", "09:00-11:00"},
		{"inside", "09:00-12:00 10:00-11:00", "09:00-12:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(timetable.Union(spans(t, tt.of))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestIntersect(t *testing.T) {
	tests := []struct{ name, a, b, want string }{
		{"nothing", "09:00-10:00", "", ""},
		{"touching", "09:00-10:00", "10:00-11:00", ""},
		{"overlapping", "09:00-10:30", "10:00-11:00", "10:00-10:30"},
		{"one over many", "09:00-12:00", "08:00-09:30 10:00-11:00 11:30-13:00", "09:00-09:30 10:00-11:00 11:30-12:00"},
		{"equal", "09:00-10:00", "09:00-10:00", "09:00-10:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(timetable.Intersect(spans(t, tt.a), spans(t, tt.b))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := text(timetable.Intersect(spans(t, tt.b), spans(t, tt.a))); got != tt.want {
				t.Errorf("the other way: got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWithout(t *testing.T) {
	tests := []struct{ name, of, cut, want string }{
		{"inside", "09:00-12:00", "10:00-11:00", "09:00-10:00 11:00-12:00"},
		{"touching", "09:00-10:00", "10:00-11:00", "09:00-10:00"},
		{"all", "09:00-10:00 10:30-11:00", "08:00-12:00", ""},
		{"across two", "09:00-10:00 10:30-11:30", "09:30-11:00", "09:00-09:30 11:00-11:30"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := text(timetable.Without(spans(t, tt.of), spans(t, tt.cut)[0])); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDay(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		date timetable.Date
		want time.Duration
	}{
		{"usual", timetable.Date{Year: 2026, Month: 12, Day: 3}, 24 * time.Hour},
		{"clock goes forward", timetable.Date{Year: 2027, Month: 3, Day: 28}, 23 * time.Hour},
		{"clock goes back", timetable.Date{Year: 2026, Month: 10, Day: 25}, 25 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := timetable.Day(tt.date, rome)
			if got := d.Until.Sub(d.From); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
