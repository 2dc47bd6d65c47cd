package fiscalcode

import (
	_ "embed"
	"strings"
	"time"

	"sportello/booking/timetable"
)

// A Place is where somebody was born, by its Belfiore code.
type Place struct {
	Code     string // such as F205, or Z129 for a country
	Name     string // of the Comune, or of the country, in Italian
	Province string // its letters on a day; "" abroad, and where the tables do not tell
	Country  string // ISO 3166-1, two letters; "" of countries that had none
}

// places has a line for each code; it is searched as it stands.
//
//go:embed places.csv
var places string

const placeLength = 4

// An entry is a line of the tables.
type entry struct {
	code, name, where string
	from, until       timetable.Date // zero: from the beginning, without end
}

// PlaceOf returns the place of a code, with the province it was in on a day, and false for a code
// that is not in the tables.
func PlaceOf(code string, on timetable.Date) (Place, bool) {
	e, known := find(code)
	if !known {
		return Place{Code: code}, false
	}
	return e.place(on), true
}

// place is e as it was on a day.
func (e entry) place(on timetable.Date) Place {
	if e.abroad() {
		return Place{Code: e.code, Name: e.name, Country: e.where}
	}
	province := e.where
	if p, young := provinces[province]; young && on.Before(p.since) {
		province = p.before
	}
	return Place{Code: e.code, Name: e.name, Province: province, Country: "IT"}
}

func find(code string) (entry, bool) {
	_, line, _ := strings.Cut(places, "\n"+code+";")
	line, _, known := strings.Cut(line, "\n")
	if !known || len(code) != placeLength {
		return entry{}, false
	}
	f := strings.Split(line, ";")
	return entry{code: code, name: f[0], where: f[1], from: date(f[2]), until: date(f[3])}, true
}

// date reads a date of the tables, which a test has read through.
func date(text string) (d timetable.Date) {
	_ = d.UnmarshalText([]byte(text))
	return d
}

func (e entry) abroad() bool { return e.code[0] == 'Z' }

// there reports whether somebody could be born in the place on a day. The tables have some places
// begin with the province they came to.
func (e entry) there(on timetable.Date) bool {
	p, young := provinces[e.where]
	renewed := young && !e.abroad() && e.from == p.since
	return (renewed || !on.Before(e.from)) && (e.until.IsZero() || !on.After(e.until))
}

// A province is younger than its places: they were in another before, or "" in one of several.
type province struct {
	since  timetable.Date
	before string
}

// provinces are those established after 1960: L. 171/1968 (Pordenone), L. 20/1970 (Isernia), L.
// 306/1974 (Oristano), D.Lgs. 248–254/1992 and 277/1992, L.R. Sardegna 9/2001, at work from 2005, L.
// 146–148/2004, at work from the elections of June 2009, and L.R. Sardegna 2/2016.
var provinces = map[string]province{
	"PN": {on(1968, 4, 6), "UD"},
	"IS": {on(1970, 3, 3), "CB"},
	"OR": {on(1974, 8, 20), ""},
	"BI": {on(1992, 4, 16), "VC"},
	"KR": {on(1992, 4, 16), "CZ"},
	"LC": {on(1992, 4, 16), ""},
	"LO": {on(1992, 4, 16), "MI"},
	"PO": {on(1992, 4, 16), "FI"},
	"RN": {on(1992, 4, 16), ""},
	"VV": {on(1992, 4, 16), "CZ"},
	"VB": {on(1992, 4, 30), "NO"},
	"OG": {on(2005, 5, 9), "NU"},
	"OT": {on(2005, 5, 9), ""},
	"BT": {on(2009, 6, 8), ""},
	"FM": {on(2009, 6, 8), "AP"},
	"MB": {on(2009, 6, 8), "MI"},
	"SU": {on(2016, 4, 20), ""},
}

func on(year, month, day int) timetable.Date {
	return timetable.Date{Year: year, Month: time.Month(month), Day: day}
}
