package timetable_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/timetable"
)

func TestParseDate(t *testing.T) {
	tests := []struct {
		name, text string
		want       timetable.Date
		err        string
	}{
		{name: "plain", text: "2026-12-03", want: timetable.Date{Year: 2026, Month: time.December, Day: 3}},
		{name: "leap day", text: "2028-02-29", want: timetable.Date{Year: 2028, Month: time.February, Day: 29}},
		{name: "first", text: "0001-01-01", want: timetable.Date{Year: 1, Month: time.January, Day: 1}},
		{name: "last", text: "9999-12-31", want: timetable.Date{Year: 9999, Month: time.December, Day: 31}},
		{name: "no leap year", text: "2026-02-29", err: "the date 2026-02-29 does not exist"},
		{name: "century without leap day", text: "2100-02-29", err: "the date 2100-02-29 does not exist"},
		{name: "day 31 of a short month", text: "2026-11-31", err: "the date 2026-11-31 does not exist"},
		{name: "month 13", text: "2026-13-01", err: "the date 2026-13-01 does not exist"},
		{name: "month 0", text: "2026-00-01", err: "the date 2026-00-01 does not exist"},
		{name: "day 0", text: "2026-01-00", err: "the date 2026-01-00 does not exist"},
		{name: "year 0", text: "0000-01-01", err: "the date 0000-01-01 does not exist"},
		{name: "zeros", text: "0000-00-00", err: "the date 0000-00-00 does not exist"},
		{name: "empty", text: "", err: `"" is not a date such as 2026-12-03`},
		{name: "one digit", text: "2026-1-03", err: `"2026-1-03" is not a date such as 2026-12-03`},
		{name: "Italian order", text: "03-12-2026", err: `"03-12-2026" is not a date such as 2026-12-03`},
		{name: "slashes", text: "2026/12/03", err: `"2026/12/03" is not a date such as 2026-12-03`},
		{name: "blank before", text: " 2026-12-3", err: `" 2026-12-3" is not a date such as 2026-12-03`},
		{name: "sign", text: "2026-+1-03", err: `"2026-+1-03" is not a date such as 2026-12-03`},
		{name: "with time", text: "2026-12-03T09:00", err: `"2026-12-03T09:00" is not a date such as 2026-12-03`},
		{name: "other digits", text: "٢٠٢٦-12-3", err: `"٢٠٢٦-12-3" is not a date such as 2026-12-03`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := timetable.ParseDate(tt.text)
			checkError(t, err, tt.err)
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if err == nil && got.String() != tt.text {
				t.Errorf("String: got %q, want %q", got, tt.text)
			}
		})
	}
}

func checkError(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Fatalf("error: got %q, want %q", got, want)
	}
}

func TestMonthDay(t *testing.T) {
	tests := []struct {
		name, text string
		want       timetable.MonthDay
		err        string
	}{
		{name: "plain", text: "05-19", want: timetable.MonthDay{Month: time.May, Day: 19}},
		{name: "leap day", text: "02-29", want: timetable.MonthDay{Month: time.February, Day: 29}},
		{name: "none", text: ""},
		{name: "no such day", text: "02-30", err: "the day of the year 02-30 does not exist"},
		{name: "no such month", text: "13-01", err: "the day of the year 13-01 does not exist"},
		{name: "one digit", text: "5-19", err: `"5-19" is not a day of the year such as 05-19`},
		{name: "a whole date", text: "2026-05-19", err: `"2026-05-19" is not a day of the year such as 05-19`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got timetable.MonthDay
			checkError(t, got.UnmarshalText([]byte(tt.text)), tt.err)
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if tt.err == "" && got.String() != tt.text {
				t.Errorf("String: got %q, want %q", got, tt.text)
			}
		})
	}
}

func TestDateOf(t *testing.T) {
	instant := time.Date(2026, time.December, 31, 23, 30, 0, 0, time.UTC)
	tests := []struct {
		name string
		zone *time.Location
		want string
	}{
		{"UTC", time.UTC, "2026-12-31"},
		{"Rome is in the next year", rome(t), "2027-01-01"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := timetable.DateOf(instant.In(tt.zone)).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAddDays(t *testing.T) {
	tests := []struct {
		name, from string
		days       int
		want       string
		weekday    time.Weekday // of want
	}{
		{"none", "2026-12-03", 0, "2026-12-03", time.Thursday},
		{"over the year's end", "2026-12-30", 3, "2027-01-02", time.Saturday},
		{"back over the year's end", "2027-01-02", -3, "2026-12-30", time.Wednesday},
		{"over a leap day", "2028-02-28", 2, "2028-03-01", time.Wednesday},
		{"over the clock change of March", "2026-03-28", 2, "2026-03-30", time.Monday},
		{"over the clock change of October", "2026-10-24", 2, "2026-10-26", time.Monday},
		{"four centuries", "2026-12-03", 146097, "2426-12-03", time.Thursday},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			from := date(t, tt.from)
			got := from.AddDays(tt.days)
			if got.String() != tt.want {
				t.Errorf("AddDays: got %s, want %s", got, tt.want)
			}
			if got.Weekday() != tt.weekday {
				t.Errorf("Weekday: got %s, want %s", got.Weekday(), tt.weekday)
			}
			if days := from.DaysUntil(got); days != tt.days {
				t.Errorf("DaysUntil: got %d, want %d", days, tt.days)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	var zero timetable.Date
	tests := []struct {
		name string
		a, b timetable.Date
		want int
	}{
		{"same", date(t, "2026-12-03"), date(t, "2026-12-03"), 0},
		{"day", date(t, "2026-12-03"), date(t, "2026-12-04"), -1},
		{"month before day", date(t, "2026-11-30"), date(t, "2026-12-01"), -1},
		{"year before month", date(t, "2026-12-31"), date(t, "2027-01-01"), -1},
		{"zero before all", zero, date(t, "0001-01-01"), -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Compare(tt.b); got != tt.want {
				t.Errorf("Compare: got %d, want %d", got, tt.want)
			}
			if got := tt.b.Compare(tt.a); got != -tt.want {
				t.Errorf("Compare the other way: got %d, want %d", got, -tt.want)
			}
			if got, want := tt.a.Before(tt.b), tt.want < 0; got != want {
				t.Errorf("Before: got %t, want %t", got, want)
			}
			if got, want := tt.b.After(tt.a), tt.want < 0; got != want {
				t.Errorf("After: got %t, want %t", got, want)
			}
		})
	}
	if !zero.IsZero() || date(t, "0001-01-01").IsZero() {
		t.Error("only the zero Date is zero")
	}
}

func TestAt(t *testing.T) {
	tests := []struct {
		name, date, clock string
		want              string // UTC
	}{
		{"winter", "2026-12-03", "09:30", "2026-12-03T08:30:00Z"},
		{"summer", "2026-07-02", "09:30", "2026-07-02T07:30:00Z"},
		{"midnight that begins the day", "2026-12-03", "00:00", "2026-12-02T23:00:00Z"},
		{"midnight that ends the day", "2026-12-03", "24:00", "2026-12-03T23:00:00Z"},
		{"2026 March: before the change", "2026-03-29", "01:59", "2026-03-29T00:59:00Z"},
		{"2026 March: skipped, an hour forward", "2026-03-29", "02:30", "2026-03-29T01:30:00Z"},
		{"2026 March: after the change", "2026-03-29", "03:00", "2026-03-29T01:00:00Z"},
		{"2026 March: morning", "2026-03-29", "09:00", "2026-03-29T07:00:00Z"},
		{"2026 March: end of 23 hours", "2026-03-29", "24:00", "2026-03-29T22:00:00Z"},
		{"2026 October: before the change", "2026-10-25", "01:59", "2026-10-24T23:59:00Z"},
		{"2026 October: the second of two", "2026-10-25", "02:30", "2026-10-25T01:30:00Z"},
		{"2026 October: after the change", "2026-10-25", "03:00", "2026-10-25T02:00:00Z"},
		{"2026 October: morning", "2026-10-25", "09:00", "2026-10-25T08:00:00Z"},
		{"2026 October: end of 25 hours", "2026-10-25", "24:00", "2026-10-25T23:00:00Z"},
		{"2027 March: skipped, an hour forward", "2027-03-28", "02:30", "2027-03-28T01:30:00Z"},
		{"2027 March: morning", "2027-03-28", "09:00", "2027-03-28T07:00:00Z"},
		{"2027 October: the second of two", "2027-10-31", "02:30", "2027-10-31T01:30:00Z"},
		{"2027 October: morning", "2027-10-31", "09:00", "2027-10-31T08:00:00Z"},
	}
	zone := rome(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock, err := timetable.ParseClock(tt.clock)
			if err != nil {
				t.Fatal(err)
			}
			got := date(t, tt.date).At(clock, zone)
			if got.UTC().Format(time.RFC3339) != tt.want {
				t.Errorf("got %s, want %s", got.UTC().Format(time.RFC3339), tt.want)
			}
			if got.Location() != zone {
				t.Errorf("zone: got %s, want %s", got.Location(), zone)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	type sheet struct {
		Date     timetable.Date
		None     timetable.Date
		Patron   timetable.MonthDay
		NoPatron timetable.MonthDay
		Clock    timetable.Clock
		Interval timetable.Interval
	}
	in := sheet{
		Date:     date(t, "2026-12-03"),
		Patron:   timetable.MonthDay{Month: time.May, Day: 19},
		Clock:    9*60 + 30,
		Interval: intervals(t, "09:00-24:00")[0],
	}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Date":"2026-12-03","None":"","Patron":"05-19","NoPatron":"","Clock":"09:30","Interval":"09:00-24:00"}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	out := sheet{None: in.Date, NoPatron: in.Patron}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("read back (-written +read):\n%s", diff)
	}
}
