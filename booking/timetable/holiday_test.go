package timetable_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/timetable"
)

func TestHolidaysOfAYear(t *testing.T) {
	tests := []struct {
		name string
		year string
		want []string
	}{
		{"2025, before Saint Francis", "2025", []string{
			"2025-01-01 new_year", "2025-01-06 epiphany", "2025-04-21 easter_monday", "2025-04-25 liberation",
			"2025-05-01 labour", "2025-06-02 republic", "2025-08-15 assumption", "2025-11-01 all_saints",
			"2025-12-08 immaculate", "2025-12-25 christmas", "2025-12-26 saint_stephen",
		}},
		{"2026, the first with Saint Francis", "2026", []string{
			"2026-01-01 new_year", "2026-01-06 epiphany", "2026-04-06 easter_monday", "2026-04-25 liberation",
			"2026-05-01 labour", "2026-06-02 republic", "2026-08-15 assumption", "2026-10-04 saint_francis",
			"2026-11-01 all_saints", "2026-12-08 immaculate", "2026-12-25 christmas", "2026-12-26 saint_stephen",
		}},
		{"2011, Easter Monday on 25 April", "2011", []string{
			"2011-01-01 new_year", "2011-01-06 epiphany", "2011-04-25 liberation",
			"2011-05-01 labour", "2011-06-02 republic", "2011-08-15 assumption", "2011-11-01 all_saints",
			"2011-12-08 immaculate", "2011-12-25 christmas", "2011-12-26 saint_stephen",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for d := date(t, tt.year+"-01-01"); !d.After(date(t, tt.year+"-12-31")); d = d.AddDays(1) {
				if key, ok := timetable.Holiday(d); ok {
					got = append(got, d.String()+" "+key)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("holidays (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEasterMonday(t *testing.T) {
	for _, text := range []string{
		"2025-04-21", "2026-04-06", "2027-03-29", "2028-04-17", "2029-04-02", "2030-04-22", "2031-04-14", "2032-03-29",
		"2033-04-18", "2034-04-10", "2035-03-26", "2036-04-14", "2037-04-06", "2038-04-26", "2039-04-11", "2040-04-02",
		"2008-03-24",               // a day after the earliest Easter of these two centuries
		"2049-04-19", "2076-04-20", // the exceptions of Gauss's rule
		"2285-03-23", // a day after the earliest Easter there is
	} {
		t.Run(text, func(t *testing.T) {
			monday := date(t, text)
			if got, ok := timetable.Holiday(monday); got != "easter_monday" || !ok {
				t.Errorf("got %q, %t, want easter_monday", got, ok)
			}
			for _, n := range []int{-7, -1, 1, 7} {
				if got, _ := timetable.Holiday(monday.AddDays(n)); got == "easter_monday" {
					t.Errorf("%s is Easter Monday too", monday.AddDays(n))
				}
			}
		})
	}
}
