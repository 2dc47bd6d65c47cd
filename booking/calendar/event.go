package calendar

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"sportello/booking"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/static"
)

// Detail is how much a calendar says of an appointment.
type Detail string

// The levels of detail.
const (
	DetailBusy Detail = "busy" // that the time is taken
	DetailCode Detail = "code" // its code, service, place and officers
	DetailFull Detail = "full" // and with whom it is
)

// Details are all levels, the least first.
var Details = []Detail{DetailBusy, DetailCode, DetailFull}

// UID is the identity of an appointment in calendars: one, whoever's calendar it is (RFC 5545, section
// 3.8.4.7). Appointments' ids are random, so that nobody else has it.
func UID(appointment string) string { return appointment + "@sportello" }

// Event is an appointment of t as staff's calendars say it. A service that tells something about its
// citizen is named only in full detail. The words are Italian.
func Event(t *territory.Territory, a booking.Appointment, d Detail) ical.Appointment {
	o, ok := t.Office(a.Office)
	if !ok {
		d = DetailBusy
	}
	return newWords().event(o, a, d)
}

// words are those that events are made of: looking one up takes longer than writing an event.
type words struct{ busy, session, code, officers, phone, people, language, note string }

func newWords() words {
	return words{
		busy: text("calendar.busy"), session: text("calendar.session"), code: text("calendar.code"), officers: text("calendar.officers"),
		phone: text("calendar.phone"), people: text("calendar.people"), language: text("calendar.language"), note: text("calendar.note"),
	}
}

func (w words) event(o *territory.Office, a booking.Appointment, d Detail) ical.Appointment {
	event := ical.Appointment{
		UID: UID(a.ID), Sequence: a.Sequence, Start: a.Start, End: a.End, Stamp: a.ChangedAt, Modified: a.ChangedAt,
		Cancelled: a.State == booking.Cancelled, Summary: w.busy,
	}
	if d == DetailBusy {
		return event
	}
	event.Location = joined(", ", roomOf(o, a.Room), o.Name, o.Address)
	who, lines := a.Reference, []string{line(w.officers, strings.Join(officersOf(o, a), ", "))}
	switch {
	case a.Session:
		who = w.session
	case d == DetailFull:
		who, lines = cmp.Or(a.Contact.Name, a.Reference), append(w.citizen(a), lines...)
	}
	event.Summary = joined(" · ", who, serviceOf(o, a, d))
	event.Description = joined("\n", lines...)
	return event
}

// citizen is what officers should know of who comes, a line each.
func (w words) citizen(a booking.Appointment) []string {
	lines := []string{line(w.code, a.Reference), line(w.phone, a.Contact.Phone)}
	if a.People > 1 {
		lines = append(lines, line(w.people, strconv.Itoa(a.People)))
	}
	if a.Language != "" && a.Language != static.Italian {
		lines = append(lines, line(w.language, static.Text(a.Language, "language.own")))
	}
	return append(lines, line(w.note, a.Note))
}

// line says something under its name, "" nothing.
func line(name, what string) string {
	if what == "" {
		return ""
	}
	return name + ": " + what
}

func serviceOf(o *territory.Office, a booking.Appointment, d Detail) string {
	s, ok := o.Territory.Service(a.Service)
	if !ok || s.Sensitive && d != DetailFull {
		return ""
	}
	return s.Name
}

func roomOf(o *territory.Office, id string) string {
	i := slices.IndexFunc(o.Rooms, func(r territory.Room) bool { return r.ID == id })
	if i < 0 {
		return ""
	}
	return o.Rooms[i].Name
}

// officersOf are the names of who does an appointment, each once.
func officersOf(o *territory.Office, a booking.Appointment) []string {
	var names []string
	for _, id := range staffOf(a) {
		name := id
		if f, ok := o.Territory.Officer(id); ok {
			name = f.Name
		}
		names = append(names, name)
	}
	return names
}

// staffOf are the ids of who does an appointment, each once, the mediator last.
func staffOf(a booking.Appointment) []string {
	var ids []string
	for _, s := range a.Staff {
		if !slices.Contains(ids, s.Officer) {
			ids = append(ids, s.Officer)
		}
	}
	if a.Mediator != "" && !slices.Contains(ids, a.Mediator) {
		ids = append(ids, a.Mediator)
	}
	return ids
}

func text(key string, args ...any) string { return static.Text(static.Italian, key, args...) }

// joined joins what there is of parts.
func joined(sep string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), sep)
}
