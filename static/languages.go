package static

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/text/language"
)

// Language is one the citizen may choose.
type Language struct {
	Code     string // BCP 47, such as "uk"
	Own      string // what its speakers call it
	RTL      bool   // written from right to left
	Script   string // the style sheet script-….css it needs, or "" where Titillium Web has its letters
	Reviewed bool   // a native speaker has read its messages
}

// offered are the languages in the order of the language bar.
var offered = [...]Language{
	{Code: "it", Reviewed: true},
	{Code: "en"},
	{Code: "ro"},
	{Code: "ar", RTL: true, Script: "arabic"},
	{Code: "uk", Script: "cyrillic"},
	{Code: "es"},
	{Code: "fr"},
	{Code: "sq"},
	{Code: "zh", Script: "chinese"},
}

// Languages returns the languages on offer, Italian first.
func Languages() []Language {
	languages := slices.Clone(offered[:])
	for i, l := range languages {
		languages[i].Own = Text(l.Code, "language.own")
	}
	return languages
}

func isOurs(code string) bool {
	return slices.ContainsFunc(offered[:], func(l Language) bool { return l.Code == code })
}

var matcher = sync.OnceValue(func() language.Matcher {
	tags := make([]language.Tag, len(offered))
	for i, l := range offered {
		tags[i] = language.Make(l.Code)
	}
	return language.NewMatcher(tags)
})

// Match returns the code of the language on offer that suits an Accept-Language header best
// (RFC 9110, section 12.5.4), Italian when none does.
func Match(acceptLanguage string) string {
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return Italian
	}
	_, i, confidence := matcher().Match(wanted...)
	if confidence == language.No {
		return Italian
	}
	return offered[i].Code
}

// DateStyle is how much of a date [Date] says.
type DateStyle string

const (
	DayMonth DateStyle = "date.day_month" // 24 novembre
	Day      DateStyle = "date.day"       // martedì 24 novembre
	FullDate DateStyle = "date.full"      // martedì 24 novembre 2026
	// MonthYear is a month that stands alone, which some languages write otherwise than in a date.
	MonthYear DateStyle = "date.month_year" // novembre 2026
)

// Weekday returns the name of day in lang, as it stands inside a sentence.
func Weekday(lang string, day time.Weekday) string {
	return Text(lang, weekdayKeys[day])
}

// Date returns the civil date of t, in t's own zone, as lang writes it.
func Date(lang string, t time.Time, style DateStyle) string {
	return Text(lang, string(style),
		"weekday", Weekday(lang, t.Weekday()),
		"day", dayOfMonth(lang, t.Day()),
		"month", Text(lang, monthKeys[t.Month()-1]),
		"alone", Text(lang, aloneKeys[t.Month()-1]),
		"year", t.Year())
}

// dayOfMonth writes the first as languages such as French do, with a sign of its own.
func dayOfMonth(lang string, day int) any {
	if day == 1 {
		return Text(lang, "date.first")
	}
	return day
}

var weekdayKeys = [...]string{
	time.Sunday:    "date.weekday.sunday",
	time.Monday:    "date.weekday.monday",
	time.Tuesday:   "date.weekday.tuesday",
	time.Wednesday: "date.weekday.wednesday",
	time.Thursday:  "date.weekday.thursday",
	time.Friday:    "date.weekday.friday",
	time.Saturday:  "date.weekday.saturday",
}

var aloneKeys = [...]string{
	"date.alone.january", "date.alone.february", "date.alone.march", "date.alone.april",
	"date.alone.may", "date.alone.june", "date.alone.july", "date.alone.august",
	"date.alone.september", "date.alone.october", "date.alone.november", "date.alone.december",
}

var monthKeys = [...]string{
	"date.month.january", "date.month.february", "date.month.march", "date.month.april",
	"date.month.may", "date.month.june", "date.month.july", "date.month.august",
	"date.month.september", "date.month.october", "date.month.november", "date.month.december",
}
