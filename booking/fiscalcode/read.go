package fiscalcode

import (
	"slices"
	"time"

	"sportello/booking/timetable"
)

// Sex as the code tells it.
type Sex string

// The sexes of a code.
const (
	Female Sex = "F"
	Male   Sex = "M"
)

// A Warning is something to ask the citizen about.
type Warning string

// The warnings.
const (
	CenturyAmbiguous Warning = "century_ambiguous"           // born in one century or the next
	PlaceUnknown     Warning = "belfiore_unknown"            // the place is not in the tables
	PlaceNotThen     Warning = "belfiore_not_valid_at_birth" // the place was not there on the day of birth
)

// A Reading is what a code tells. Of a provisional one it is empty.
type Reading struct {
	Sex      Sex
	Births   []timetable.Date // those that fit, the likelier first: two when the century must be asked
	Place    Place            // where the person was born; without a name when PlaceUnknown
	Warnings []Warning
}

// oldest is up to which age, in years, a holder is thought of; past it, the century is the next.
const oldest = 110

// Read returns what c tells on a day.
func (c Code) Read(today timetable.Date) Reading {
	if c.Provisional() {
		return Reading{}
	}
	digits, ok := c.digits()
	if !ok {
		return Reading{}
	}
	r := Reading{Sex: Male}
	if isFemale(digits) {
		r.Sex = Female
	}
	e, known := find(digits[placeAt:checkAt])
	r.Births = births(digits, today)
	if len(r.Births) > 1 {
		r.Warnings = append(r.Warnings, CenturyAmbiguous)
		if known && !e.there(r.Births[0]) && e.there(r.Births[1]) {
			slices.Reverse(r.Births)
		}
	}
	if !known {
		r.Place = Place{Code: digits[placeAt:checkAt]}
		r.Warnings = append(r.Warnings, PlaceUnknown)
		return r
	}
	r.Place = e.place(r.Births[0])
	if !e.there(r.Births[0]) {
		r.Warnings = append(r.Warnings, PlaceNotThen)
	}
	return r
}

// births are the dates of birth that fit a code on a day, the later first; there is always one.
func births(digits string, today timetable.Date) []timetable.Date {
	year, month, day := birth(digits)
	var fitting, all []timetable.Date
	for _, century := range []int{2000, 1900} {
		if !exists(century+year, month, day) {
			continue
		}
		d := timetable.Date{Year: century + year, Month: month, Day: day}
		all = append(all, d)
		if !d.After(today) && !d.Before(yearsBefore(today, oldest+1)) {
			fitting = append(fitting, d)
		}
	}
	if len(fitting) == 0 {
		return all[len(all)-1:]
	}
	return fitting
}

// yearsBefore is the day after the one that was years before d: who was born then is not yet years old.
func yearsBefore(d timetable.Date, years int) timetable.Date {
	return timetable.DateOf(time.Date(d.Year-years, d.Month, d.Day+1, 0, 0, 0, 0, time.UTC))
}
