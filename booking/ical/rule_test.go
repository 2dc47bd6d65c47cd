package ical_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

func TestParseRule(t *testing.T) {
	until := &ical.DateTime{Wall: time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC), Form: ical.InUTC}
	tests := []struct {
		rule string
		want ical.Rule
	}{
		{"FREQ=DAILY", ical.Rule{Freq: ical.Daily, Interval: 1, WeekStart: time.Monday}},
		{" freq=weekly;;interval=2;byday=mo,2fr;wkst=su; ", ical.Rule{}},
		{"freq=weekly;;interval=2;byday=mo,fr,mo;wkst=su; ", ical.Rule{
			Freq: ical.Weekly, Interval: 2, WeekStart: time.Sunday, ByDay: []ical.RuleDay{{Weekday: time.Monday}, {Weekday: time.Friday}},
		}},
		{"FREQ=MONTHLY;BYDAY=-1FR,+2MO;COUNT=3;UNTIL=20261231T225959Z", ical.Rule{
			Freq: ical.Monthly, Interval: 1, WeekStart: time.Monday, Count: 3, Until: until,
			ByDay: []ical.RuleDay{{N: -1, Weekday: time.Friday}, {N: 2, Weekday: time.Monday}},
		}},
		{"FREQ=YEARLY;BYMONTHDAY=31,-1,31;BYYEARDAY=-366;BYWEEKNO=53;BYMONTH=12,1;BYHOUR=9;BYMINUTE=0;BYSECOND=60;BYSETPOS=-1", ical.Rule{
			Freq: ical.Yearly, Interval: 1, WeekStart: time.Monday, ByMonthDay: []int{-1, 31}, ByYearDay: []int{-366}, ByWeekNo: []int{53},
			ByMonth: []int{1, 12}, ByHour: []int{9}, ByMinute: []int{0}, BySecond: []int{60}, BySetPos: []int{-1},
		}},
		{"RSCALE=GREGORIAN;FREQ=DAILY;SKIP=OMIT", ical.Rule{Freq: ical.Daily, Interval: 1, WeekStart: time.Monday}},
	}
	for _, bad := range []string{
		"", "FREQ", "FREQ=", "FREQ=OFTEN", "COUNT=3", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=-1", "FREQ=DAILY;COUNT=99999999999999999999",
		"FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;UNTIL=", "FREQ=DAILY;UNTIL=2026-12-31", "FREQ=DAILY;UNTIL=20261332", "FREQ=DAILY;BYDAY=", "FREQ=DAILY;BYDAY=LU",
		"FREQ=DAILY;BYDAY=1MO", "FREQ=WEEKLY;BYDAY=1MO", "FREQ=MONTHLY;BYDAY=0MO", "FREQ=YEARLY;BYDAY=54MO", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO",
		"FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYMONTH=0", "FREQ=YEARLY;BYMONTH=-1", "FREQ=YEARLY;BYMONTHDAY=32", "FREQ=YEARLY;BYMONTHDAY=0", "FREQ=YEARLY;BYYEARDAY=367",
		"FREQ=YEARLY;BYWEEKNO=54", "FREQ=DAILY;BYHOUR=24", "FREQ=DAILY;BYMINUTE=60", "FREQ=DAILY;BYSECOND=61", "FREQ=DAILY;BYSETPOS=1", "FREQ=DAILY;BYHOUR=9;BYSETPOS=0",
		"FREQ=YEARLY;BYEASTER=0", "RSCALE=CHINESE;FREQ=YEARLY", "FREQ=YEARLY;SKIP=FORWARD", "FREQ=YEARLY;BYYEARDAY=1" + strings.Repeat(",1", 10_000),
	} {
		tests = append(tests, struct {
			rule string
			want ical.Rule
		}{rule: bad})
	}
	for _, tt := range tests {
		got, err := ical.ParseRule(tt.rule)
		if tt.want.Interval == 0 {
			if !errors.Is(err, ical.ErrRule) {
				t.Errorf("%.60s: got error %v, want %v", tt.rule, err, ical.ErrRule)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, *got); diff != "" {
			t.Errorf("%s: %s", tt.rule, diff)
		}
	}
}
