package ical_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

func prop(name, value string) *ical.Prop { return &ical.Prop{Name: name, Value: value} }

func TestDateTime(t *testing.T) {
	at := func(hour, minute, second int) time.Time {
		return time.Date(2024, 2, 29, hour, minute, second, 0, time.UTC)
	}
	tests := []struct {
		value, tzid string
		want        ical.DateTime // zero: refused
	}{
		{"20240229", "", ical.DateTime{Wall: at(0, 0, 0), Form: ical.OnDate}},
		{"20240229", "Europe/Rome", ical.DateTime{Wall: at(0, 0, 0), Form: ical.OnDate}},
		{"20240229T093001", "", ical.DateTime{Wall: at(9, 30, 1), Form: ical.Floating}},
		{"20240229T093001Z", "", ical.DateTime{Wall: at(9, 30, 1), Form: ical.InUTC}},
		{"20240229T093001", "Europe/Rome", ical.DateTime{Wall: at(9, 30, 1), Form: ical.Zoned, TZID: "Europe/Rome"}},
		{"20240229T093001Z", "Europe/Rome", ical.DateTime{Wall: at(9, 30, 1), Form: ical.InUTC}},
		{" 20240229t093001z ", "", ical.DateTime{Wall: at(9, 30, 1), Form: ical.InUTC}},
		{"20240229T235960Z", "", ical.DateTime{Wall: at(23, 59, 59), Form: ical.InUTC}},
		{"20230229", "", ical.DateTime{}},
		{"20241340T080000Z", "", ical.DateTime{}},
		{"20240229T240000", "", ical.DateTime{}},
		{"20240229T0930", "", ical.DateTime{}},
		{"20240229T093061", "", ical.DateTime{}},
		{"20240229Z", "", ical.DateTime{}},
		{"20240229T093000+0100", "", ical.DateTime{}},
		{"2024-02-29", "", ical.DateTime{}},
		{"2024022é", "", ical.DateTime{}},
		{"", "", ical.DateTime{}},
	}
	for _, tt := range tests {
		t.Run(tt.value+" "+tt.tzid, func(t *testing.T) {
			p := prop(ical.PropDateTimeStart, tt.value)
			if tt.tzid != "" {
				p.Params = ical.Params{ical.ParamTimezoneID: {tt.tzid}}
			}
			got, err := p.DateTime()
			if refused := tt.want.Form == ""; refused != errors.Is(err, ical.ErrValue) {
				t.Errorf("got error %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDurationRead(t *testing.T) {
	tests := []struct {
		value string
		want  ical.Duration
		ok    bool
	}{
		{"P1D", ical.Duration{Days: 1}, true},
		{"P2W", ical.Duration{Days: 14}, true},
		{"+PT1H30M", ical.Duration{Time: 90 * time.Minute}, true},
		{"-P1DT2H0M3S", ical.Duration{Days: -1, Time: -(2*time.Hour + 3*time.Second)}, true},
		{"PT1H3S", ical.Duration{Time: time.Hour + 3*time.Second}, true},
		{"pt0s", ical.Duration{}, true},
		{"P1W2D", ical.Duration{Days: 9}, true},
		{"P", ical.Duration{}, false},
		{"PT", ical.Duration{}, false},
		{"P1DT", ical.Duration{}, false},
		{"1H", ical.Duration{}, false},
		{"PT1M1H", ical.Duration{}, false},
		{"P1H", ical.Duration{}, false},
		{"P-1D", ical.Duration{}, false},
		{"--P1D", ical.Duration{}, false},
		{"PT1.5H", ical.Duration{}, false},
		{"P999999999999999999W", ical.Duration{}, false},
		{"P99999999D", ical.Duration{}, false},
		{"", ical.Duration{}, false},
	}
	for _, tt := range tests {
		got, err := prop(ical.PropDuration, tt.value).Duration()
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %v, error %v, want %v", tt.value, got, err, tt.want)
		}
	}
}

func TestPeriods(t *testing.T) {
	at := func(day int) ical.DateTime {
		return ical.DateTime{Wall: time.Date(2026, 12, day, 9, 0, 0, 0, time.UTC), Form: ical.InUTC}
	}
	end := at(4)
	got, err := prop(ical.PropRecurrenceDates, "20261203T090000Z/PT1H,20261203T090000Z/20261204T090000Z,20261205T090000Z,").Periods()
	want := []ical.Period{{Start: at(3), Length: &ical.Duration{Time: time.Hour}}, {Start: at(3), End: &end}, {Start: at(5)}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for _, value := range []string{"x", "20261203T090000Z/", "/PT1H", "20261203T090000Z/x"} {
		if _, err := prop(ical.PropRecurrenceDates, value).Periods(); !errors.Is(err, ical.ErrValue) {
			t.Errorf("%q: got error %v", value, err)
		}
	}
}

func TestTextList(t *testing.T) {
	tests := []struct {
		value string
		want  []string
	}{
		{"a,b c", []string{"a", "b c"}},
		{`con\, virgola,\\,c`, []string{"con, virgola", `\`, "c"}},
		{"", []string{""}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, prop(ical.PropCategories, tt.value).TextList()); diff != "" {
			t.Errorf("%q: %s", tt.value, diff)
		}
	}
}
