package timetable_test

import (
	"encoding"
	"fmt"
	"testing"
	"time"

	"sportello/booking/timetable"
)

func TestParseClock(t *testing.T) {
	tests := []struct {
		name, text string
		want       timetable.Clock
		onGrid     bool
		err        string
	}{
		{name: "start of the day", text: "00:00", want: 0, onGrid: true},
		{name: "morning", text: "09:30", want: 570, onGrid: true},
		{name: "off the grid", text: "09:31", want: 571},
		{name: "last minute", text: "23:59", want: 1439},
		{name: "end of the day", text: "24:00", want: 1440, onGrid: true},
		{name: "later than that", text: "24:01", err: `"24:01" is not a time such as 09:30`},
		{name: "hour 25", text: "25:00", err: `"25:00" is not a time such as 09:30`},
		{name: "minute 60", text: "09:60", err: `"09:60" is not a time such as 09:30`},
		{name: "one digit", text: "9:30", err: `"9:30" is not a time such as 09:30`},
		{name: "dot", text: "09.30", err: `"09.30" is not a time such as 09:30`},
		{name: "seconds", text: "09:30:00", err: `"09:30:00" is not a time such as 09:30`},
		{name: "sign", text: "-9:30", err: `"-9:30" is not a time such as 09:30`},
		{name: "empty", text: "", err: `"" is not a time such as 09:30`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := timetable.ParseClock(tt.text)
			checkError(t, err, tt.err)
			if got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
			if err == nil && (got.String() != tt.text || got.OnGrid() != tt.onGrid) {
				t.Errorf("got %s on grid %t, want %s %t", got, got.OnGrid(), tt.text, tt.onGrid)
			}
		})
	}
}

func TestParseInterval(t *testing.T) {
	tests := []struct {
		name, text string
		want       timetable.Interval
		onGrid     bool
		err        string
	}{
		{name: "morning", text: "09:00-12:30", want: timetable.Interval{From: 540, Until: 750}, onGrid: true},
		{name: "whole day", text: "00:00-24:00", want: timetable.Interval{From: 0, Until: 1440}, onGrid: true},
		{name: "start off the grid", text: "09:01-12:30", want: timetable.Interval{From: 541, Until: 750}},
		{name: "end off the grid", text: "09:00-12:31", want: timetable.Interval{From: 540, Until: 751}},
		{name: "backwards", text: "12:30-09:00", err: "the interval 12:30-09:00 does not end after it begins"},
		{name: "empty interval", text: "09:00-09:00", err: "the interval 09:00-09:00 does not end after it begins"},
		{name: "over midnight", text: "22:00-02:00", err: "the interval 22:00-02:00 does not end after it begins"},
		{name: "one end", text: "09:00", err: `"09:00" is not an interval such as 09:00-12:30`},
		{name: "no text", text: "", err: `"" is not an interval such as 09:00-12:30`},
		{name: "bad start", text: "9-12:30", err: `"9" is not a time such as 09:30`},
		{name: "bad end", text: "09:00-12", err: `"12" is not a time such as 09:30`},
		{name: "blanks", text: "09:00 - 12:30", err: `"09:00 " is not a time such as 09:30`},
		{name: "three ends", text: "09:00-12:30-13:00", err: `"12:30-13:00" is not a time such as 09:30`},
		{name: "long dash", text: "09:00–12:30", err: `"09:00–12:30" is not an interval such as 09:00-12:30`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := timetable.ParseInterval(tt.text)
			checkError(t, err, tt.err)
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if err == nil && (got.String() != tt.text || got.OnGrid() != tt.onGrid) {
				t.Errorf("got %s on grid %t, want %s %t", got, got.OnGrid(), tt.text, tt.onGrid)
			}
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	tests := []struct {
		name  string
		value encoding.TextMarshaler
		err   string
	}{
		{"date", timetable.Date{Year: 2026, Month: time.February, Day: 30}, "the date 2026-02-30 does not exist"},
		{"year", timetable.Date{Year: 10000, Month: time.January, Day: 1}, "the date 10000-01-01 does not exist"},
		{"day of the year", timetable.MonthDay{Month: 13, Day: 1}, "the day of the year 13-01 does not exist"},
		{"clock", timetable.Clock(1441), "minute 1441 is not in a day"},
		{"negative clock", timetable.Clock(-5), "minute -5 is not in a day"},
		{"interval", timetable.Interval{From: 540, Until: 1500}, "the interval of minutes 540 to 1500 is not in a day"},
		{"empty interval", timetable.Interval{}, "the interval 00:00-00:00 does not end after it begins"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.value.MarshalText()
			checkError(t, err, tt.err)
		})
	}
}

func TestWeekday(t *testing.T) {
	tests := []struct {
		text string
		want time.Weekday
	}{
		{"mon", time.Monday},
		{"tue", time.Tuesday},
		{"wed", time.Wednesday},
		{"thu", time.Thursday},
		{"fri", time.Friday},
		{"sat", time.Saturday},
		{"sun", time.Sunday},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := timetable.ParseWeekday(tt.text)
			if got != tt.want || err != nil {
				t.Errorf("ParseWeekday: got %s, %v, want %s", got, err, tt.want)
			}
			if got := timetable.WeekdayName(tt.want); got != tt.text {
				t.Errorf("WeekdayName: got %s, want %s", got, tt.text)
			}
		})
	}
	for _, text := range []string{"", "Mon", "monday", "lun", "mon "} {
		t.Run("refuses "+text, func(t *testing.T) {
			_, err := timetable.ParseWeekday(text)
			checkError(t, err, fmt.Sprintf("%q is not a weekday: mon, tue, wed, thu, fri, sat or sun", text))
		})
	}
}

// FuzzText holds that each value has one text: what is read is written back as it was.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "2026-12-03", "2028-02-29", "0000-00-00", "09:30", "24:00", "24:01",
		"09:00-12:30", "12:30-09:00", "00:00-24:00", "05-19", "02-29", "mon", "sun", "9:3٠", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		type value interface {
			encoding.TextMarshaler
			encoding.TextUnmarshaler
		}
		for _, v := range []value{
			new(timetable.Date), new(timetable.Clock), new(timetable.Interval), new(timetable.MonthDay),
		} {
			if v.UnmarshalText([]byte(text)) != nil {
				continue
			}
			got, err := v.MarshalText()
			if err != nil || string(got) != text {
				t.Errorf("%T: got %q, %v, want %q", v, got, err, text)
			}
		}
		if day, err := timetable.ParseWeekday(text); err == nil && timetable.WeekdayName(day) != text {
			t.Errorf("weekday: got %q, want %q", timetable.WeekdayName(day), text)
		}
	})
}
