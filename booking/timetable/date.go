package timetable

import (
	"cmp"
	"fmt"
	"time"
)

// ParseDate reads a date in its text form, in the years 0001 to 9999.
func ParseDate(text string) (Date, error) {
	n, ok := fields(text, "0000-00-00")
	if !ok {
		return Date{}, fmt.Errorf("%q is not a date such as 2026-12-03", text)
	}
	d := Date{Year: n[0], Month: time.Month(n[1]), Day: n[2]}
	if !d.exists() {
		return Date{}, fmt.Errorf("the date %s does not exist", text)
	}
	return d, nil
}

// DateOf returns the date that t shows in t's own location.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{Year: year, Month: month, Day: day}
}

// String returns the text form of d, or nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// MarshalText returns the text form of d, or nothing for the zero Date. It refuses a date that does
// not exist.
func (d Date) MarshalText() ([]byte, error) {
	if !d.IsZero() && !d.exists() {
		return nil, fmt.Errorf("the date %s does not exist", d)
	}
	return []byte(d.String()), nil
}

// UnmarshalText reads what MarshalText writes; no text is the zero Date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// IsZero reports whether d is the zero Date, which stands for no date.
func (d Date) IsZero() bool { return d == Date{} }

// Compare returns -1, 0 or +1 as d is before, the same as or after e. The zero Date is before all.
func (d Date) Compare(e Date) int {
	return cmp.Or(cmp.Compare(d.Year, e.Year), cmp.Compare(d.Month, e.Month), cmp.Compare(d.Day, e.Day))
}

// Before reports whether d is before e.
func (d Date) Before(e Date) bool { return d.Compare(e) < 0 }

// After reports whether d is after e.
func (d Date) After(e Date) bool { return d.Compare(e) > 0 }

// Weekday returns the day of the week of d.
func (d Date) Weekday() time.Weekday { return d.midnightUTC().Weekday() }

// AddDays returns the date n days after d, or before it where n is negative.
func (d Date) AddDays(n int) Date {
	return DateOf(time.Date(d.Year, d.Month, d.Day+n, 0, 0, 0, 0, time.UTC))
}

// DaysUntil returns the number of days from d to e, negative where e is before d.
func (d Date) DaysUntil(e Date) int {
	return int((e.midnightUTC().Unix() - d.midnightUTC().Unix()) / (24 * 60 * 60))
}

// At returns the instant at which a clock in zone shows c on d; 24:00 is midnight of the day after.
//
// A time that the day does not have, or has twice, is what time.Date makes of it. In Europe/Rome a
// time in the hour skipped in March moves an hour forward, 02:30 to 03:30, and of the hour repeated
// in October the second one counts.
func (d Date) At(c Clock, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, zone)
}

func (d Date) midnightUTC() time.Time { return d.At(0, time.UTC) }

func (d Date) exists() bool {
	return d.Year >= 1 && d.Year <= 9999 && d == d.AddDays(0)
}

// within reports whether d is in the days from to until, both included. A zero bound does not bound.
func (d Date) within(from, until Date) bool {
	return !d.Before(from) && (until.IsZero() || !d.After(until))
}

// monday returns the Monday of the week of d.
func (d Date) monday() Date { return d.AddDays(-((int(d.Weekday()) + 6) % 7)) }

// nth returns which of its weekday d is in its month: 1 to 5 from the start, -1 to -5 from the end.
func (d Date) nth() (fromStart, fromEnd int) {
	last := Date{Year: d.Year, Month: d.Month + 1, Day: 0}.AddDays(0)
	return (d.Day-1)/7 + 1, -((last.Day-d.Day)/7 + 1)
}

// ParseMonthDay reads a yearly date in its text form. 02-29 is one.
func ParseMonthDay(text string) (MonthDay, error) {
	n, ok := fields(text, "00-00")
	if !ok {
		return MonthDay{}, fmt.Errorf("%q is not a day of the year such as 05-19", text)
	}
	m := MonthDay{Month: time.Month(n[0]), Day: n[1]}
	if !m.exists() {
		return MonthDay{}, fmt.Errorf("the day of the year %s does not exist", text)
	}
	return m, nil
}

// String returns the text form of m, or nothing for the zero MonthDay.
func (m MonthDay) String() string {
	if m == (MonthDay{}) {
		return ""
	}
	return fmt.Sprintf("%02d-%02d", m.Month, m.Day)
}

// MarshalText returns the text form of m, or nothing for the zero MonthDay. It refuses a day that no
// year has.
func (m MonthDay) MarshalText() ([]byte, error) {
	if m != (MonthDay{}) && !m.exists() {
		return nil, fmt.Errorf("the day of the year %s does not exist", m)
	}
	return []byte(m.String()), nil
}

// UnmarshalText reads what MarshalText writes; no text is the zero MonthDay.
func (m *MonthDay) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*m = MonthDay{}
		return nil
	}
	parsed, err := ParseMonthDay(string(text))
	if err != nil {
		return err
	}
	*m = parsed
	return nil
}

func (m MonthDay) exists() bool {
	const leapYear = 2000
	return Date{Year: leapYear, Month: m.Month, Day: m.Day}.exists()
}
