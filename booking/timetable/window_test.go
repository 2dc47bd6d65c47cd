package timetable_test

import (
	"testing"
	"time"

	"sportello/booking/timetable"
)

func TestWindow(t *testing.T) {
	d := newDay(t).open("CPI", "09:00-11:00").officer("a", "CPI", "09:00-11:00")
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI"}, Minutes: 30})
	window := timetable.Window{LeadMinMinutes: 60, LeadMaxDays: 30}
	tests := []struct {
		name, now, starts string
		none              timetable.Code
	}{
		{"well before", "2027-01-05T10:00:00+01:00", "09:00 09:30 10:00 10:30", ""},
		{"the last second before the release", "2026-12-13T23:59:59+01:00", "", timetable.TooEarly},
		{"midnight of the office's zone", "2026-12-14T00:00:00+01:00", "09:00 09:30 10:00 10:30", ""},
		{"the same in another zone", "2026-12-13T23:00:00Z", "09:00 09:30 10:00 10:30", ""},
		{"exactly the lead", "2027-01-13T08:30:00+01:00", "09:30 10:00 10:30", ""},
		{"a second less", "2027-01-13T08:30:01+01:00", "10:00 10:30", ""},
		{"the last", "2027-01-13T09:30:00+01:00", "10:30", ""},
		{"too late", "2027-01-13T09:30:01+01:00", "", timetable.TooLate},
		{"days too late", "2027-02-13T09:30:01+01:00", "", timetable.TooLate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			terms := &timetable.Terms{Now: now, Window: window}
			if got := d.shown(plan.Starts(&d.Supply, terms, nil)); got != tt.starts {
				t.Errorf("got %q, want %q", got, tt.starts)
			}
			if got := plan.None(&d.Supply, terms).Code; got != tt.none {
				t.Errorf("none because %q, want %q", got, tt.none)
			}
		})
	}
}

func TestQuotas(t *testing.T) {
	day, before := date(t, "2027-01-13"), date(t, "2027-01-12")
	quotas := timetable.Quotas{"online": 3, "kiosk": 0}
	for _, tt := range []struct {
		name, channel string
		made          int
		today         timetable.Date
		want          bool
	}{
		{"some are left", "online", 2, before, false},
		{"none is left", "online", 3, before, true},
		{"released on the day", "online", 3, day, false},
		{"none at all", "kiosk", 0, before, true},
		{"none at all, released", "kiosk", 0, day, false},
		{"no quota", "staff", 99, before, false},
	} {
		if got := quotas.Used(tt.channel, tt.made, day, tt.today); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}
