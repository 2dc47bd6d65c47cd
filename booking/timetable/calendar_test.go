package timetable_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/timetable"
)

var weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}

// isernia is the office of the tests: all of it opens on weekday mornings, INPS on Tuesday and Thursday afternoons
// too, the online channel until late.
func isernia(tb testing.TB) timetable.Calendar {
	tb.Helper()
	return timetable.Calendar{
		Zone:         rome(tb),
		Patron:       timetable.MonthDay{Month: time.May, Day: 19},
		From:         date(tb, "2026-01-07"),
		Until:        date(tb, "2027-12-31"),
		Institutions: []string{"CPI", "INPS"},
		Series: []timetable.Series{
			{Weekdays: weekdays, Intervals: intervals(tb, "09:00-12:30")},
			{
				Institutions: []string{"INPS"},
				Weekdays:     []time.Weekday{time.Tuesday, time.Thursday},
				Intervals:    intervals(tb, "15:00-17:00"),
			},
			{
				Institutions: []string{"CPI"},
				Channels:     []string{"online"},
				Weekdays:     weekdays,
				Intervals:    intervals(tb, "12:00-18:00"),
			},
		},
	}
}

func TestOpen(t *testing.T) {
	closure := func(from, until string, hours []string, institutions ...string) timetable.Closure {
		return timetable.Closure{
			From: date(t, from), Until: date(t, until), Intervals: intervals(t, hours...), Institutions: institutions,
		}
	}
	extra := func(day string, hours []string, institutions ...string) timetable.Extra {
		return timetable.Extra{Date: date(t, day), Intervals: intervals(t, hours...), Institutions: institutions}
	}
	tests := []struct {
		name                 string
		closures             []timetable.Closure
		extras               []timetable.Extra
		date                 string
		institution, channel string
		want                 []string
	}{
		{name: "series of all", date: "2026-11-25", institution: "INPS", channel: "walk-in", want: []string{"09:00-12:30"}},
		{name: "and of one institution", date: "2026-11-24", institution: "INPS", channel: "walk-in", want: []string{"09:00-12:30", "15:00-17:00"}},
		{name: "not the other's", date: "2026-11-24", institution: "CPI", channel: "walk-in", want: []string{"09:00-12:30"}},
		{name: "channel, overlapping joined", date: "2026-11-24", institution: "CPI", channel: "online", want: []string{"09:00-18:00"}},
		{name: "any channel", date: "2026-11-24", institution: "CPI", want: []string{"09:00-18:00"}},
		{name: "any institution", date: "2026-11-24", channel: "walk-in", want: []string{"09:00-12:30", "15:00-17:00"}},
		{name: "any at all", date: "2026-11-24", want: []string{"09:00-18:00"}},
		{name: "Saturday", date: "2026-11-28", institution: "CPI"},

		{name: "holiday", date: "2026-12-08", institution: "INPS"},
		{name: "Easter Monday", date: "2026-04-06", institution: "INPS"},
		{name: "patron", date: "2026-05-19", institution: "INPS"},
		{name: "Easter Monday of another year", date: "2027-04-06", institution: "INPS", want: []string{"09:00-12:30", "15:00-17:00"}},

		{name: "day before the activation", date: "2026-01-05", institution: "CPI"},
		{name: "day of the activation", date: "2026-01-07", institution: "CPI", channel: "walk-in", want: []string{"09:00-12:30"}},
		{name: "last day", date: "2027-12-31", institution: "CPI", channel: "walk-in", want: []string{"09:00-12:30"}},
		{name: "day after the end", date: "2028-01-03", institution: "CPI"},
		{
			name: "extra before the activation", extras: []timetable.Extra{extra("2026-01-05", []string{"09:00-10:00"})},
			date: "2026-01-05", institution: "CPI",
		},

		{
			name:     "closure of a day",
			closures: []timetable.Closure{closure("2026-12-24", "2026-12-24", nil)},
			date:     "2026-12-24", institution: "INPS",
		},
		{
			name:     "first day of a closure",
			closures: []timetable.Closure{closure("2026-08-10", "2026-08-21", nil)},
			date:     "2026-08-10",
		},
		{
			name:     "last day of a closure",
			closures: []timetable.Closure{closure("2026-08-10", "2026-08-21", nil)},
			date:     "2026-08-21",
		},
		{
			name:     "day after a closure",
			closures: []timetable.Closure{closure("2026-08-10", "2026-08-21", nil)},
			date:     "2026-08-24", institution: "INPS", want: []string{"09:00-12:30"},
		},
		{
			name:     "until further notice",
			closures: []timetable.Closure{{From: date(t, "2026-08-10")}},
			date:     "2027-11-24", institution: "INPS",
		},
		{
			name:     "closure of another institution",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", nil, "INPS")},
			date:     "2026-11-24", institution: "CPI", channel: "walk-in", want: []string{"09:00-12:30"},
		},
		{
			name:     "closure of one institution, any asked",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", nil, "INPS")},
			date:     "2026-11-24", channel: "walk-in", want: []string{"09:00-12:30"},
		},
		{
			name:     "closure of each institution, any asked",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", nil, "INPS", "CPI")},
			date:     "2026-11-24",
		},
		{
			name:     "interval in the middle",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", []string{"11:00-11:30"})},
			date:     "2026-11-24", institution: "INPS", want: []string{"09:00-11:00", "11:30-12:30", "15:00-17:00"},
		},
		{
			name:     "interval over two openings",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", []string{"12:00-15:30"})},
			date:     "2026-11-24", institution: "INPS", want: []string{"09:00-12:00", "15:30-17:00"},
		},
		{
			name:     "interval that swallows an opening",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", []string{"15:00-17:00"})},
			date:     "2026-11-24", institution: "INPS", want: []string{"09:00-12:30"},
		},
		{
			name:     "interval that only touches",
			closures: []timetable.Closure{closure("2026-11-24", "2026-11-24", []string{"08:00-09:00", "12:30-15:00"})},
			date:     "2026-11-24", institution: "INPS", want: []string{"09:00-12:30", "15:00-17:00"},
		},
		{
			name: "several, unordered and overlapping",
			closures: []timetable.Closure{
				closure("2026-11-24", "2026-11-24", []string{"16:00-24:00", "10:00-11:00"}),
				closure("2026-11-01", "2026-11-30", []string{"10:30-11:30"}),
			},
			date: "2026-11-24", institution: "INPS", want: []string{"09:00-10:00", "11:30-12:30", "15:00-16:00"},
		},

		{
			name:   "extra on a free day",
			extras: []timetable.Extra{extra("2026-11-28", []string{"10:00-12:00"})},
			date:   "2026-11-28", institution: "CPI", want: []string{"10:00-12:00"},
		},
		{
			name:   "extra is for its day only",
			extras: []timetable.Extra{extra("2026-11-28", []string{"10:00-12:00"})},
			date:   "2026-11-29", institution: "CPI",
		},
		{
			name:   "extra adds to the series, touching joined",
			extras: []timetable.Extra{extra("2026-11-25", []string{"12:30-14:00"})},
			date:   "2026-11-25", institution: "INPS", want: []string{"09:00-14:00"},
		},
		{
			name:   "extra on a holiday, without the series",
			extras: []timetable.Extra{extra("2026-12-08", []string{"10:00-12:00"})},
			date:   "2026-12-08", institution: "INPS", want: []string{"10:00-12:00"},
		},
		{
			name:   "extra on the patron's day, without the series",
			extras: []timetable.Extra{extra("2026-05-19", []string{"10:00-12:00"})},
			date:   "2026-05-19", institution: "INPS", want: []string{"10:00-12:00"},
		},
		{
			name:   "extra of another institution",
			extras: []timetable.Extra{extra("2026-12-08", []string{"10:00-12:00"}, "CPI")},
			date:   "2026-12-08", institution: "INPS",
		},
		{
			name:   "extra of one institution, any asked",
			extras: []timetable.Extra{extra("2026-12-08", []string{"10:00-12:00"}, "CPI")},
			date:   "2026-12-08", want: []string{"10:00-12:00"},
		},
		{
			name:   "extra of another channel",
			extras: []timetable.Extra{{Date: date(t, "2026-12-08"), Intervals: intervals(t, "10:00-12:00"), Channels: []string{"staff"}}},
			date:   "2026-12-08", institution: "INPS", channel: "walk-in",
		},
		{
			name:     "extra beats a closure of that very day",
			closures: []timetable.Closure{closure("2026-12-24", "2026-12-24", nil)},
			extras:   []timetable.Extra{extra("2026-12-24", []string{"10:00-11:00"})},
			date:     "2026-12-24", institution: "INPS", want: []string{"10:00-11:00"},
		},
		{
			name:     "extra beats a closure of weeks",
			closures: []timetable.Closure{closure("2026-08-10", "2026-08-21", nil)},
			extras:   []timetable.Extra{extra("2026-08-13", []string{"10:00-11:00"})},
			date:     "2026-08-13", institution: "INPS", want: []string{"10:00-11:00"},
		},
		{
			name:     "closure with intervals cuts an extra",
			closures: []timetable.Closure{closure("2026-12-08", "2026-12-08", []string{"11:00-13:00"})},
			extras:   []timetable.Extra{extra("2026-12-08", []string{"10:00-12:00"})},
			date:     "2026-12-08", institution: "INPS", want: []string{"10:00-11:00"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := isernia(t)
			c.Closures, c.Extras = tt.closures, tt.extras
			got := wall(c.Open(date(t, tt.date), tt.institution, tt.channel))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("open on %s (-want +got):\n%s", tt.date, diff)
			}
		})
	}
}

func TestOpenWithoutInstitutions(t *testing.T) {
	tuesday := []time.Weekday{time.Tuesday}
	inpsCloses := []timetable.Closure{{
		From: date(t, "2026-11-24"), Until: date(t, "2026-11-24"), Institutions: []string{"INPS"},
	}}
	tests := []struct {
		name         string
		institutions []string // of the series
		closures     []timetable.Closure
		extras       []timetable.Extra
		want         []string
	}{
		{name: "opening of all", want: []string{"09:00-12:30"}},
		{name: "opening of one", institutions: []string{"INPS"}, want: []string{"09:00-12:30"}},
		{name: "opening of all, another is left", closures: inpsCloses, want: []string{"09:00-12:30"}},
		{name: "opening of two, one is left", institutions: []string{"INPS", "CPI"}, closures: inpsCloses, want: []string{"09:00-12:30"}},
		{name: "opening of one that closes", institutions: []string{"INPS"}, closures: inpsCloses},
		{
			name: "extra of another", institutions: []string{"INPS"}, closures: inpsCloses,
			extras: []timetable.Extra{
				{Date: date(t, "2026-11-24"), Intervals: intervals(t, "10:00-11:00"), Institutions: []string{"CPI"}},
			},
			want: []string{"10:00-11:00"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := timetable.Calendar{
				Zone: rome(t),
				Series: []timetable.Series{
					{Institutions: tt.institutions, Weekdays: tuesday, Intervals: intervals(t, "09:00-12:30")},
				},
				Closures: tt.closures,
				Extras:   tt.extras,
			}
			got := wall(c.Open(date(t, "2026-11-24"), "", ""))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("open (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeriesDays(t *testing.T) {
	monWed := []time.Weekday{time.Monday, time.Wednesday}
	friday := []time.Weekday{time.Friday}
	tests := []struct {
		name        string
		series      timetable.Series
		from, until string // the days looked at
		want        []string
	}{
		{
			name: "every week", series: timetable.Series{Weekdays: monWed},
			from: "2026-11-23", until: "2026-12-02",
			want: []string{"2026-11-23", "2026-11-25", "2026-11-30", "2026-12-02"},
		},
		{
			name: "every 1 week", series: timetable.Series{Weekdays: monWed, EveryWeeks: 1},
			from: "2026-11-23", until: "2026-12-02",
			want: []string{"2026-11-23", "2026-11-25", "2026-11-30", "2026-12-02"},
		},
		{
			name:   "from and until are included",
			series: timetable.Series{Weekdays: monWed, From: date(t, "2026-11-25"), Until: date(t, "2026-11-30")},
			from:   "2026-11-01", until: "2026-12-31",
			want: []string{"2026-11-25", "2026-11-30"},
		},
		{
			name:   "every 2 weeks over the year's end, from a Wednesday",
			series: timetable.Series{Weekdays: monWed, EveryWeeks: 2, From: date(t, "2026-12-16")},
			from:   "2026-12-01", until: "2027-01-31",
			want: []string{"2026-12-16", "2026-12-28", "2026-12-30", "2027-01-11", "2027-01-13", "2027-01-25", "2027-01-27"},
		},
		{
			name: "every 2 weeks from Wednesday 2 January 2019",
			series: timetable.Series{
				Weekdays: []time.Weekday{time.Wednesday}, EveryWeeks: 2, From: date(t, "2019-01-02"),
			},
			from: "2019-03-01", until: "2019-04-12",
			want: []string{"2019-03-13", "2019-03-27", "2019-04-10"},
		},
		{
			name: "every 2 weeks from a Sunday, the last day of its week",
			series: timetable.Series{
				Weekdays: []time.Weekday{time.Sunday, time.Monday}, EveryWeeks: 2, From: date(t, "2026-11-15"),
			},
			from: "2026-11-01", until: "2026-12-01",
			want: []string{"2026-11-15", "2026-11-23", "2026-11-29"},
		},
		{
			name:   "every 3 weeks over the clock change",
			series: timetable.Series{Weekdays: friday, EveryWeeks: 3, From: date(t, "2026-10-09")},
			from:   "2026-10-01", until: "2026-12-15",
			want: []string{"2026-10-09", "2026-10-30", "2026-11-20", "2026-12-11"},
		},
		{
			name:   "every 2 weeks from never",
			series: timetable.Series{Weekdays: monWed, EveryWeeks: 2},
			from:   "2026-11-01", until: "2026-12-31",
		},
		{
			name:   "first of the month",
			series: timetable.Series{Weekdays: friday, Nth: []int{1}},
			from:   "2026-09-01", until: "2026-12-31",
			want: []string{"2026-09-04", "2026-10-02", "2026-11-06", "2026-12-04"},
		},
		{
			name:   "last of the month, the fourth or fifth",
			series: timetable.Series{Weekdays: friday, Nth: []int{-1}},
			from:   "2026-09-01", until: "2026-11-30",
			want: []string{"2026-09-25", "2026-10-30", "2026-11-27"},
		},
		{
			name:   "first and last",
			series: timetable.Series{Weekdays: friday, Nth: []int{1, -1}},
			from:   "2026-11-01", until: "2026-11-30",
			want: []string{"2026-11-06", "2026-11-27"},
		},
		{
			name:   "last of December is in December",
			series: timetable.Series{Weekdays: []time.Weekday{time.Thursday}, Nth: []int{-1}},
			from:   "2026-12-01", until: "2027-01-31",
			want: []string{"2026-12-31", "2027-01-28"},
		},
		{
			name:   "last of February in a leap year",
			series: timetable.Series{Weekdays: []time.Weekday{time.Tuesday}, Nth: []int{-1}},
			from:   "2028-02-01", until: "2028-02-29",
			want: []string{"2028-02-29"},
		},
		{
			name:   "fifth, only where there is one",
			series: timetable.Series{Weekdays: friday, Nth: []int{5}},
			from:   "2026-09-01", until: "2027-01-31",
			want: []string{"2026-10-30", "2027-01-29"},
		},
		{
			name:   "fifth from the end is the first of five",
			series: timetable.Series{Weekdays: friday, Nth: []int{-5}},
			from:   "2026-09-01", until: "2027-01-31",
			want: []string{"2026-10-02"}, // 2027-01-01 is a holiday
		},
		{
			name:   "nth of each weekday, each on its own",
			series: timetable.Series{Weekdays: []time.Weekday{time.Monday, time.Friday}, Nth: []int{2}},
			from:   "2026-10-01", until: "2026-10-31",
			want: []string{"2026-10-09", "2026-10-12"},
		},
		{
			name:   "nth sets every n weeks aside",
			series: timetable.Series{Weekdays: friday, Nth: []int{1}, EveryWeeks: 2, From: date(t, "2026-09-11")},
			from:   "2026-09-01", until: "2026-12-31",
			want: []string{"2026-10-02", "2026-11-06", "2026-12-04"},
		},
		{
			name:   "nth that no month has",
			series: timetable.Series{Weekdays: friday, Nth: []int{0, 6, -6}},
			from:   "2026-09-01", until: "2026-12-31",
		},
		{
			name: "no weekday", series: timetable.Series{},
			from: "2026-11-01", until: "2026-11-30",
		},
		{
			name:   "until before from",
			series: timetable.Series{Weekdays: monWed, From: date(t, "2026-12-01"), Until: date(t, "2026-11-01")},
			from:   "2026-10-01", until: "2026-12-31",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.series.Intervals = intervals(t, "09:00-12:30")
			c := timetable.Calendar{Zone: rome(t), Series: []timetable.Series{tt.series}}
			var got []string
			for d := date(t, tt.from); !d.After(date(t, tt.until)); d = d.AddDays(1) {
				if len(c.Open(d, "CPI", "")) > 0 {
					got = append(got, d.String())
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("days (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClockChange(t *testing.T) {
	const march26, october26, march27, october27 = "2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31"
	tests := []struct {
		name, date string
		hours      []string
		want       []string // UTC
	}{
		{"day before March 2026", "2026-03-28", []string{"09:00-12:30"}, []string{"28 08:00 to 28 11:30"}},
		{"March 2026", march26, []string{"09:00-12:30"}, []string{"29 07:00 to 29 10:30"}},
		{"day before October 2026", "2026-10-24", []string{"09:00-12:30"}, []string{"24 07:00 to 24 10:30"}},
		{"October 2026", october26, []string{"09:00-12:30"}, []string{"25 08:00 to 25 11:30"}},
		{"March 2027", march27, []string{"09:00-12:30"}, []string{"28 07:00 to 28 10:30"}},
		{"October 2027", october27, []string{"09:00-12:30"}, []string{"31 08:00 to 31 11:30"}},

		{"March 2026, 23 hours", march26, []string{"00:00-24:00"}, []string{"28 23:00 to 29 22:00"}},
		{"October 2026, 25 hours", october26, []string{"00:00-24:00"}, []string{"24 22:00 to 25 23:00"}},
		{"March 2027, 23 hours", march27, []string{"00:00-24:00"}, []string{"27 23:00 to 28 22:00"}},
		{"October 2027, 25 hours", october27, []string{"00:00-24:00"}, []string{"30 22:00 to 31 23:00"}},

		{"skipped hour vanishes", march26, []string{"02:00-03:00"}, nil},
		{"hours on both sides of the skipped one meet", march26, []string{"01:00-02:00", "03:00-04:00"}, []string{"29 00:00 to 29 02:00"}},
		{"a start in the skipped hour", march26, []string{"02:30-05:00"}, []string{"29 01:30 to 29 03:00"}},
		{"an end in the skipped hour", march26, []string{"01:00-02:30"}, []string{"29 00:00 to 29 01:30"}},
		{"parts of the skipped hour stay ascending", march26, []string{"02:00-02:30", "03:00-03:15"}, []string{"29 01:00 to 29 01:30"}},
		{"what overlaps only by the real time is joined", march26, []string{"02:30-05:10", "03:05-09:30"}, []string{"29 01:05 to 29 07:30"}},
		{"repeated hour counts in full from before it", october26, []string{"01:00-03:00"}, []string{"24 23:00 to 25 02:00"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := timetable.Calendar{Zone: rome(t), Series: []timetable.Series{{
				Weekdays: []time.Weekday{time.Saturday, time.Sunday}, Intervals: intervals(t, tt.hours...),
			}}}
			var got []string
			for _, s := range c.Open(date(t, tt.date), "CPI", "") {
				got = append(got, s.From.UTC().Format("02 15:04 to ")+s.Until.UTC().Format("02 15:04"))
				if s.From.Location() != c.Zone || s.Until.Location() != c.Zone {
					t.Errorf("zone: got %s and %s, want %s", s.From.Location(), s.Until.Location(), c.Zone)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("open in UTC (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommonAndAny(t *testing.T) {
	series := func(institution string, hours ...string) timetable.Series {
		return timetable.Series{Institutions: []string{institution}, Weekdays: weekdays, Intervals: intervals(t, hours...)}
	}
	online := series("CPI", "20:00-21:00")
	online.Channels = []string{"online"}
	c := timetable.Calendar{
		Zone: rome(t),
		Series: []timetable.Series{
			series("CPI", "08:30-12:00", "14:00-16:00"),
			series("INPS", "09:00-10:00", "10:30-15:00", "15:30-18:00"),
			series("COMUNE", "11:00-14:30"),
			series("ASL", "16:00-17:00"),
			online,
		},
	}
	tests := []struct {
		name         string
		institutions []string
		channel      string
		common, any  []string
	}{
		{
			name: "one", institutions: []string{"CPI"}, channel: "walk-in",
			common: []string{"08:30-12:00", "14:00-16:00"},
			any:    []string{"08:30-12:00", "14:00-16:00"},
		},
		{
			name: "two", institutions: []string{"CPI", "INPS"}, channel: "walk-in",
			common: []string{"09:00-10:00", "10:30-12:00", "14:00-15:00", "15:30-16:00"},
			any:    []string{"08:30-18:00"},
		},
		{
			name: "three", institutions: []string{"CPI", "INPS", "COMUNE"}, channel: "walk-in",
			common: []string{"11:00-12:00", "14:00-14:30"},
			any:    []string{"08:30-18:00"},
		},
		{
			name: "hours that only touch", institutions: []string{"CPI", "ASL"}, channel: "walk-in",
			any: []string{"08:30-12:00", "14:00-17:00"},
		},
		{
			name: "one that never opens", institutions: []string{"CPI", "REGIONE"}, channel: "walk-in",
			any: []string{"08:30-12:00", "14:00-16:00"},
		},
		{
			name: "one for its channel", institutions: []string{"CPI", "COMUNE"}, channel: "online",
			common: []string{"11:00-12:00", "14:00-14:30"},
			any:    []string{"08:30-16:00", "20:00-21:00"},
		},
		{
			name: "none is any", channel: "walk-in",
			common: []string{"08:30-18:00"},
			any:    []string{"08:30-18:00"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			day := date(t, "2026-11-24")
			if diff := cmp.Diff(tt.common, wall(c.Common(day, tt.institutions, tt.channel))); diff != "" {
				t.Errorf("common (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.any, wall(c.Any(day, tt.institutions, tt.channel))); diff != "" {
				t.Errorf("any (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	c := isernia(t)
	day := func(text, reason string, hours ...string) timetable.Closure {
		return timetable.Closure{From: date(t, text), Until: date(t, text), Intervals: intervals(t, hours...), Reason: reason}
	}
	only := func(k timetable.Closure, institution string) timetable.Closure {
		k.Institutions = []string{institution}
		return k
	}
	c.Closures = []timetable.Closure{
		day("2026-12-24", "Vigilia di Natale"),
		day("2026-12-26", "ponte"),
		day("2026-11-25", "pulizie", "18:00-19:00"),
		day("2026-11-25", "sciopero", "09:00-12:30"),
		day("2026-11-26", "assemblea", "09:00-11:00"),
		day("2026-11-26", "guasto", "11:00-20:00"),
		only(day("2026-11-23", "corso CPI"), "CPI"),
		only(day("2026-11-23", "corso INPS"), "INPS"),
		{From: date(t, "2026-08-10"), Until: date(t, "2026-08-21"), Reason: "ferie"},
		day("2026-06-02", "allerta meteo", "00:00-24:00"),
	}
	c.Extras = []timetable.Extra{
		{Date: date(t, "2026-06-02"), Intervals: intervals(t, "10:00-12:00")},
		{Date: date(t, "2026-12-08"), Intervals: intervals(t, "10:00-12:00"), Institutions: []string{"CPI"}},
	}
	tests := []struct {
		name, date           string
		institution, channel string
		code, detail         string
	}{
		{name: "open", date: "2026-11-24", institution: "CPI"},
		{name: "before the activation", date: "2026-01-06", institution: "CPI", code: "not_active"},
		{name: "after the end", date: "2028-01-03", code: "not_active"},
		{name: "holiday", date: "2027-01-06", institution: "CPI", code: "holiday", detail: "epiphany"},
		{name: "holiday on a Sunday", date: "2026-10-04", institution: "CPI", code: "holiday", detail: "saint_francis"},
		{name: "holiday with a closure", date: "2026-12-26", code: "holiday", detail: "saint_stephen"},
		{name: "holiday with an extra", date: "2026-12-08", institution: "CPI"},
		{name: "holiday with another's extra", date: "2026-12-08", institution: "INPS", code: "holiday", detail: "immaculate"},
		{name: "holiday, its extra closed", date: "2026-06-02", institution: "CPI", code: "closure", detail: "allerta meteo"},
		{name: "patron", date: "2026-05-19", institution: "CPI", code: "patron"},
		{name: "closure", date: "2026-12-24", institution: "INPS", code: "closure", detail: "Vigilia di Natale"},
		{name: "closure of weeks", date: "2026-08-12", code: "closure", detail: "ferie"},
		{name: "Sunday within a closure", date: "2026-08-16", code: "not_open"},
		{name: "the interval that closes, not the other", date: "2026-11-25", institution: "INPS", code: "closure", detail: "sciopero"},
		{name: "two intervals together", date: "2026-11-26", institution: "INPS", code: "closure", detail: "guasto"},
		{name: "one institution's closure", date: "2026-11-23", institution: "CPI", code: "closure", detail: "corso CPI"},
		{name: "each institution's closure", date: "2026-11-23", code: "closure", detail: "corso INPS"},
		{name: "free day", date: "2026-11-28", institution: "CPI", code: "not_open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, detail := c.Why(date(t, tt.date), tt.institution, tt.channel)
			if code != tt.code || detail != tt.detail {
				t.Errorf("got %q %q, want %q %q", code, detail, tt.code, tt.detail)
			}
		})
	}
}

func TestWhyForAChannel(t *testing.T) {
	c := isernia(t)
	c.Series = c.Series[2:] // CPI, online only
	if code, _ := c.Why(date(t, "2026-11-24"), "CPI", "walk-in"); code != timetable.WhyNotOpen {
		t.Errorf("walk-in: got %q, want %q", code, timetable.WhyNotOpen)
	}
	if code, _ := c.Why(date(t, "2026-11-24"), "CPI", "online"); code != "" {
		t.Errorf("online: got %q, want nothing", code)
	}
}

func TestWhyOfIntervalsThatEndBeforeTheyBegin(t *testing.T) {
	c := isernia(t)
	c.Series = []timetable.Series{{Weekdays: weekdays, Intervals: []timetable.Interval{{From: 750, Until: 540}}}}
	c.Closures = []timetable.Closure{{From: date(t, "2026-11-24"), Until: date(t, "2026-11-24")}}
	if code, _ := c.Why(date(t, "2026-11-24"), "CPI", ""); code != timetable.WhyNotOpen {
		t.Errorf("got %q, want %q: no closure could take anything away", code, timetable.WhyNotOpen)
	}
}

func TestNext(t *testing.T) {
	c := isernia(t)
	inps := func(d timetable.Date) []timetable.Span { return c.Open(d, "INPS", "walk-in") }
	tests := []struct {
		name, after string
		horizon     int
		want        string
	}{
		{"before opening", "2026-11-24T08:00:00+01:00", 0, "2026-11-24 09:00-12:30"},
		{"at opening", "2026-11-24T09:00:00+01:00", 0, "2026-11-24 09:00-12:30"},
		{"while open", "2026-11-24T12:29:59+01:00", 0, "2026-11-24 09:00-12:30"},
		{"at closing", "2026-11-24T12:30:00+01:00", 0, "2026-11-24 15:00-17:00"},
		{"after the last closing", "2026-11-24T17:00:00+01:00", 1, "2026-11-25 09:00-12:30"},
		{"beyond the horizon", "2026-11-24T17:00:00+01:00", 0, ""},
		{"over a weekend", "2026-11-27T13:00:00+01:00", 3, "2026-11-30 09:00-12:30"},
		{"a day short of it", "2026-11-27T13:00:00+01:00", 2, ""},
		{"over a holiday and the year's end", "2026-12-31T18:00:00+01:00", 7, "2027-01-04 09:00-12:30"},
		{"the day is the office's", "2026-11-23T23:30:00Z", 0, "2026-11-24 09:00-12:30"},
		{"over the clock change", "2026-10-23T13:00:00+02:00", 7, "2026-10-26 09:00-12:30"},
		{"after the end", "2027-12-31T13:00:00+01:00", 60, ""},
		{"no horizon", "2026-11-24T08:00:00+01:00", -1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after, err := time.Parse(time.RFC3339, tt.after)
			if err != nil {
				t.Fatal(err)
			}
			span, ok := c.Next(after, tt.horizon, inps)
			got := ""
			if ok {
				got = timetable.DateOf(span.From).String() + " " + wall([]timetable.Span{span})[0]
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOpenKeepsItsInput(t *testing.T) {
	c := isernia(t)
	c.Series[0].Intervals = intervals(t, "11:00-12:30", "09:00-11:30")
	c.Extras = []timetable.Extra{{Date: date(t, "2026-11-24"), Intervals: intervals(t, "18:00-19:00", "10:00-17:00")}}
	c.Open(date(t, "2026-11-24"), "", "")
	c.Common(date(t, "2026-11-24"), c.Institutions, "")
	c.Why(date(t, "2026-11-28"), "", "")
	got := append(c.Series[0].Intervals, c.Extras[0].Intervals...)
	want := intervals(t, "11:00-12:30", "09:00-11:30", "18:00-19:00", "10:00-17:00")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("intervals (-before +after):\n%s", diff)
	}
}

func BenchmarkOpen60Days(b *testing.B) {
	c := isernia(b)
	c.Closures = []timetable.Closure{
		{From: date(b, "2026-12-24"), Until: date(b, "2026-12-24")},
		{From: date(b, "2026-12-01"), Until: date(b, "2026-12-31"), Intervals: intervals(b, "11:00-11:30")},
	}
	first := date(b, "2026-11-22")
	b.ReportAllocs()
	for b.Loop() {
		for n := range 60 {
			c.Open(first.AddDays(n), "INPS", "online")
		}
	}
}

func TestHoursOf(t *testing.T) {
	closure := func(institutions []string, hours ...string) []timetable.Closure {
		return []timetable.Closure{{From: date(t, "2026-12-01"), Until: date(t, "2026-12-31"), Intervals: intervals(t, hours...), Institutions: institutions}}
	}
	extra := func(day string, hours ...string) []timetable.Extra {
		return []timetable.Extra{{Date: date(t, day), Intervals: intervals(t, hours...)}}
	}
	tests := []struct {
		name            string
		closures        []timetable.Closure
		extras          []timetable.Extra
		date            string
		opening, closed []string
	}{
		{name: "series", date: "2026-12-03", opening: []string{"09:00-12:30", "15:00-17:00"}},
		{name: "nothing", date: "2026-12-05"},
		{
			name: "a part is closed, and still counts for the grid", closures: closure(nil, "08:00-10:00"), date: "2026-12-03",
			opening: []string{"09:00-12:30", "15:00-17:00"}, closed: []string{"08:00-10:00"},
		},
		{name: "another is closed", closures: closure([]string{"CPI"}), date: "2026-12-03", opening: []string{"09:00-12:30", "15:00-17:00"}},
		{name: "closed all day", closures: closure(nil), date: "2026-12-03", closed: []string{"09:00-12:30", "15:00-17:00"}},
		{name: "holiday", date: "2026-12-08", closed: []string{"09:00-12:30", "15:00-17:00"}},
		{name: "Saint Francis, 2026 on a Sunday", date: "2026-10-04"},
		{name: "Saint Francis, 2027 on a Monday", date: "2027-10-04", closed: []string{"09:00-12:30"}},
		{name: "patron", date: "2026-05-19", closed: []string{"09:00-12:30", "15:00-17:00"}},
		{
			name: "an extra opens longer", extras: extra("2026-12-03", "12:00-13:30"), date: "2026-12-03",
			opening: []string{"09:00-13:30", "15:00-17:00"},
		},
		{
			name: "an extra on a holiday counts by itself", extras: extra("2026-12-08", "10:15-16:00"), date: "2026-12-08",
			opening: []string{"10:15-16:00"}, closed: []string{"09:00-10:15", "16:00-17:00"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := isernia(t)
			c.Closures, c.Extras = tt.closures, tt.extras
			d := date(t, tt.date)
			s := timetable.ScaleOf(d, c.Zone)
			got := c.HoursOf(d, s, "INPS", "walk-in")
			if diff := cmp.Diff(tt.opening, wall(s.Spans(got.Opening))); diff != "" {
				t.Errorf("opening (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.closed, wall(s.Spans(got.Closed))); diff != "" {
				t.Errorf("closed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(wall(c.Open(d, "INPS", "walk-in")), wall(s.Spans(got.Opening.AndNot(got.Closed)))); diff != "" {
				t.Errorf("open (-spans +masks):\n%s", diff)
			}
		})
	}
}
