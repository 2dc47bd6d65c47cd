package kiosk

import (
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/static"
)

// facts are what there is to say of an appointment, in one language. The page about it, the mails and
// the receipt are made of them.
type facts struct {
	Lang         string
	Reference    string    // KX7-42P
	Date         string    // giovedì 3 dicembre 2026
	Hours        string    // ore 9:30–10:00
	Start, End   time.Time // in the office's zone
	Office       string
	Address      string
	Phone        string   // of the office; "" not said
	Institutions []string // that take part
	Service      string
	Sensitive    bool // the service tells something about health or hardship: it is named on no screen that others see, and in no mail
	People       int
	Documents    []string // to bring, in Italian
	MoveUntil    string   // last moment to move or cancel: giovedì 3 dicembre, ore 7:30; "" it is over
	URL          string   // of the citizen's page; "" when phones cannot reach this server
}

// factsOf says what an appointment of o is, in lang. URLs begin with base.
func factsOf(o *territory.Office, a booking.Appointment, lang, base string, now time.Time) facts {
	start, end := a.Start.In(o.Zone()), a.End.In(o.Zone())
	f := facts{
		Lang: page(lang).Lang, Reference: a.Reference, Start: start, End: end, Office: o.Name, Address: o.Address, Phone: o.Phone, People: a.People,
	}
	f.Date, f.Hours = static.Date(f.Lang, start, static.FullDate), hours(f.Lang, start, end)
	if s, ok := o.Territory.Service(a.Service); ok {
		f.Service, f.Sensitive, f.Documents = serviceName(s, f.Lang), s.Sensitive, s.Documents
		f.Institutions = institutionNames(o, s, a)
		if until := a.MoveUntil(s).In(o.Zone()); a.State == booking.Booked && !now.After(until) {
			f.MoveUntil = moment(f.Lang, until)
		}
	}
	if Reachable(base) {
		f.URL = base + "/a/" + a.Token
	}
	return f
}

// hours are from when until when, as "ore 9:30–10:00".
func hours(lang string, from, until time.Time) string {
	return static.Text(lang, "appointment.hours", "from", from.Format("15:04"), "until", until.Format("15:04"))
}

// moment is a day and a time of it.
func moment(lang string, at time.Time) string {
	return static.Text(lang, "appointment.moment", "date", static.Date(lang, at, static.Day), "time", at.Format("15:04"))
}

// institutionNames are those that take part: whose officers do the appointment, or that its service needs.
func institutionNames(o *territory.Office, s *territory.Service, a booking.Appointment) []string {
	var ids []string
	for _, x := range a.Staff {
		ids = append(ids, x.Institution)
	}
	if len(ids) == 0 {
		ids = s.Needs
	}
	var names []string
	for _, id := range ids {
		if i, ok := o.Territory.Institution(id); ok {
			names = append(names, i.Name)
		}
	}
	return names
}

// text is a message in the language of the facts.
func (f facts) text(key string, args ...any) string { return static.Text(f.Lang, key, args...) }

// Where is the place in one line.
func (f facts) Where() string { return joined(", ", f.Office, f.Address) }

// When is the day and the hours in one line.
func (f facts) When() string { return joined(", ", f.Date, f.Hours) }

// joined joins what there is of parts.
func joined(sep string, parts ...string) string {
	var said []string
	for _, part := range parts {
		if part != "" {
			said = append(said, part)
		}
	}
	return strings.Join(said, sep)
}
