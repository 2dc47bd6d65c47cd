package timetable

import "time"

// Holiday returns the key of the Italian national holiday that falls on d; its name in each language
// is in the message catalogue. A fixed holiday hides Easter Monday when both fall on 25 April.
//
// Source: L. 260/1949, art. 2, less what L. 54/1977 abolished, with what D.P.R. 792/1985 (Epiphany)
// and L. 336/2000 (2 June) gave back, and from 2026 with Saint Francis (L. 151/2025). It holds for
// the years from 2001. Sundays are not among the keys, Easter included: the series of an office
// say on which weekdays it opens. Nor are holidays of one province or city.
func Holiday(d Date) (key string, ok bool) {
	switch (MonthDay{Month: d.Month, Day: d.Day}) {
	case MonthDay{time.January, 1}:
		return "new_year", true
	case MonthDay{time.January, 6}:
		return "epiphany", true
	case MonthDay{time.April, 25}:
		return "liberation", true
	case MonthDay{time.May, 1}:
		return "labour", true
	case MonthDay{time.June, 2}:
		return "republic", true
	case MonthDay{time.August, 15}:
		return "assumption", true
	case MonthDay{time.October, 4}:
		if d.Year >= 2026 {
			return "saint_francis", true
		}
	case MonthDay{time.November, 1}:
		return "all_saints", true
	case MonthDay{time.December, 8}:
		return "immaculate", true
	case MonthDay{time.December, 25}:
		return "christmas", true
	case MonthDay{time.December, 26}:
		return "saint_stephen", true
	}
	if d == easter(d.Year).AddDays(1) {
		return "easter_monday", true
	}
	return "", false
}

// easter returns Easter Sunday of a year of the Gregorian calendar.
//
// Source: the algorithm of Nature (1876) and Butcher (1877), as in J. Meeus, Astronomical
// Algorithms, chapter 8, with its letters.
func easter(year int) Date {
	a := year % 19
	b, c := year/100, year%100
	d, e := b/4, b%4
	f := (b + 8) / 25
	g := (b - f + 1) / 3
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 22*l) / 451
	n := h + l - 7*m + 114
	return Date{Year: year, Month: time.Month(n / 31), Day: n%31 + 1}
}
