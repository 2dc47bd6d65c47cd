package ical_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

// joint is an appointment with everything that one can have.
func joint(t testing.TB) ical.Appointment {
	t.Helper()
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return ical.Appointment{
		UID:         "01JEXAMPLE@sportello.example.it",
		Sequence:    2,
		Start:       time.Date(2026, 12, 3, 9, 30, 0, 0, rome),
		End:         time.Date(2026, 12, 3, 10, 0, 0, 0, rome),
		Summary:     "Disoccupazione: NASpI e DID, consulenza congiunta",
		Location:    "Centro Integrato per il Lavoro, via Esempio 1; 86170 Isernia",
		Description: "Codice KX7-42P\n\nCosa portare:\n– documento d'identità;\n– tessera sanitaria, codice fiscale.",
		URL:         "https://sportello.example.it/a/3fK9mQ2xVb7LpR8s",
		Organizer:   &ical.Address{Name: `Centro per l'Impiego "Isernia", INPS`, Email: "appuntamenti@example.it"},
		Attendee:    &ical.Address{Name: "Maria Prova", Email: "maria.prova+inps@example.it"},
		Stamp:       time.Date(2026, 11, 20, 8, 15, 30, 0, rome),
		Modified:    time.Date(2026, 11, 20, 8, 15, 0, 0, rome),
		Alarms:      []ical.Alarm{{Before: 48 * time.Hour, Text: "Fra due giorni"}, {Before: 3 * time.Hour}},
	}
}

// calendarOf is the text of a for method.
func calendarOf(t testing.TB, a ical.Appointment, method ical.Method) string {
	t.Helper()
	cal, err := a.Calendar(method)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, cal)
}

// calendars are the texts that the tests look at, by the name of their golden file.
func calendars(t testing.TB) map[string]string {
	t.Helper()
	cancelled := joint(t)
	cancelled.Cancelled, cancelled.Sequence = true, 3
	bare := ical.Appointment{UID: "b2@example.it", Start: joint(t).Start, End: joint(t).End, Stamp: joint(t).Stamp}
	return map[string]string{
		"publish.ics":           calendarOf(t, joint(t), ical.MethodPublish),
		"request.ics":           calendarOf(t, joint(t), ical.MethodRequest),
		"cancel.ics":            calendarOf(t, cancelled, ical.MethodCancel),
		"publish-cancelled.ics": calendarOf(t, cancelled, ical.MethodPublish),
		"bare.ics":              calendarOf(t, bare, ical.MethodPublish),
	}
}

func TestAppointment(t *testing.T) {
	for name, got := range calendars(t) {
		t.Run(name, func(t *testing.T) { golden(t, name, got) })
	}
}

func TestAppointmentIsReproducible(t *testing.T) {
	want := calendarOf(t, joint(t), ical.MethodRequest)
	for range 20 {
		if got := calendarOf(t, joint(t), ical.MethodRequest); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestAppointmentOnClockChange writes the hour that comes twice as two instants.
func TestAppointmentOnClockChange(t *testing.T) {
	a := joint(t)
	a.Start = time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC).In(a.Start.Location())
	a.End = a.Start.Add(30 * time.Minute)
	if first, second := a.Start.Format("15:04"), a.End.Format("15:04"); first != "02:45" || second != "02:15" {
		t.Fatalf("from %s to %s, want 02:45 to 02:15", first, second)
	}
	got := calendarOf(t, a, ical.MethodPublish)
	if start, end := value(t, got, "DTSTART"), value(t, got, "DTEND"); start != "20261025T004500Z" || end != "20261025T011500Z" {
		t.Errorf("from %s to %s, want 20261025T004500Z to 20261025T011500Z", start, end)
	}
}

func TestAppointmentRefused(t *testing.T) {
	tests := []struct {
		name   string
		method ical.Method
		change func(*ical.Appointment)
	}{
		{"no UID", ical.MethodPublish, func(a *ical.Appointment) { a.UID = "" }},
		{"a sequence below zero", ical.MethodPublish, func(a *ical.Appointment) { a.Sequence = -1 }},
		{"no stamp", ical.MethodPublish, func(a *ical.Appointment) { a.Stamp = time.Time{} }},
		{"no start", ical.MethodPublish, func(a *ical.Appointment) { a.Start = time.Time{} }},
		{"an end at the start", ical.MethodPublish, func(a *ical.Appointment) { a.End = a.Start }},
		{"no method", "", func(*ical.Appointment) {}},
		{"another method", "REPLY", func(*ical.Appointment) {}},
		{"a request without organizer", ical.MethodRequest, func(a *ical.Appointment) { a.Organizer = nil }},
		{"a request without attendee", ical.MethodRequest, func(a *ical.Appointment) { a.Attendee = nil }},
		{"a request of what is cancelled", ical.MethodRequest, func(a *ical.Appointment) { a.Cancelled = true }},
		{"a cancellation of what is not", ical.MethodCancel, func(*ical.Appointment) {}},
		{"no e-mail address", ical.MethodRequest, func(a *ical.Appointment) { a.Attendee.Email = "maria" }},
		{"a name in the e-mail address", ical.MethodRequest, func(a *ical.Appointment) { a.Attendee.Email = "M <m@example.it>" }},
		{"a line end in the e-mail address", ical.MethodRequest, func(a *ical.Appointment) { a.Attendee.Email = "m@example.it\r\nX:1" }},
		{"a page without scheme", ical.MethodPublish, func(a *ical.Appointment) { a.URL = "/a/3fK9mQ2xVb7LpR8s" }},
		{"a bell in the summary", ical.MethodPublish, func(a *ical.Appointment) { a.Summary = "\a" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := joint(t)
			tt.change(&a)
			cal, err := a.Calendar(tt.method)
			if err == nil {
				err = ical.NewEncoder(&bytes.Buffer{}).Encode(cal)
			}
			if !errors.Is(err, ical.ErrUnwritable) {
				t.Errorf("got error %v, want %v", err, ical.ErrUnwritable)
			}
		})
	}
}

// seen is what another program reads in a calendar.
type seen struct {
	Method, UID, Status, Summary, Location, Description, URL, Organizer, CommonName string
	Start, End, Stamp                                                               string
	Sequence                                                                        int
	Alarms                                                                          []int // seconds from the start
}

// readers are programs that read a calendar on their input and print what they see.
var readers = map[string]string{
	"icalendar": `
import icalendar, json, sys
cal = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
[e] = cal.walk('VEVENT')
assert not cal.errors and not e.errors, (cal.errors, e.errors)
text = lambda name: str(e.get(name, ''))
when = lambda name: e[name].dt.strftime('%Y-%m-%dT%H:%M:%S%z')
print(json.dumps(dict(
    Method=str(cal['METHOD']), UID=text('UID'), Status=text('STATUS'), Summary=text('SUMMARY'), Location=text('LOCATION'),
    Description=text('DESCRIPTION'), URL=text('URL'), Organizer=text('ORGANIZER'),
    CommonName=e['ORGANIZER'].params['CN'] if 'ORGANIZER' in e else '',
    Start=when('DTSTART'), End=when('DTEND'), Stamp=when('DTSTAMP'), Sequence=int(e['SEQUENCE']),
    Alarms=[int(a['TRIGGER'].dt.total_seconds()) for a in e.walk('VALARM')])))`,
	"vobject": `
import vobject, json, sys
cal = vobject.readOne(sys.stdin.buffer.read().decode())
cal.validate(raiseException=True)
e = cal.vevent
text = lambda name: e.getChildValue(name, '')
when = lambda name: e.getChildValue(name).strftime('%Y-%m-%dT%H:%M:%S%z')
print(json.dumps(dict(
    Method=cal.method.value, UID=text('uid'), Status=text('status'), Summary=text('summary'), Location=text('location'),
    Description=text('description'), URL=text('url'), Organizer=text('organizer'),
    CommonName=e.organizer.params['CN'][0] if 'organizer' in e.contents else '',
    Start=when('dtstart'), End=when('dtend'), Stamp=when('dtstamp'), Sequence=int(e.sequence.value),
    Alarms=[int(a.trigger.value.total_seconds()) for a in e.contents.get('valarm', [])])))`,
}

// TestOthersRead has other programs read what is written.
func TestOthersRead(t *testing.T) {
	const python = "/usr/bin/python3" // the system's, for which distributions package these programs
	want := seen{
		Method: "PUBLISH", UID: joint(t).UID, Status: "CONFIRMED", Summary: joint(t).Summary, Location: joint(t).Location,
		Description: joint(t).Description, URL: joint(t).URL, Organizer: "mailto:appuntamenti@example.it",
		// Neither program undoes the encoding of RFC 6868 in these versions.
		CommonName: `Centro per l'Impiego ^'Isernia^', INPS`,
		Start:      "2026-12-03T08:30:00+0000", End: "2026-12-03T09:00:00+0000", Stamp: "2026-11-20T07:15:30+0000",
		Sequence: 2, Alarms: []int{-48 * 3600, -3 * 3600},
	}
	request, cancel, publishCancelled := want, want, want
	request.Method = "REQUEST"
	cancel.Method, cancel.Status, cancel.Sequence, cancel.Alarms = "CANCEL", "CANCELLED", 3, []int{}
	publishCancelled = cancel
	publishCancelled.Method = "PUBLISH"
	bare := seen{
		Method: "PUBLISH", UID: "b2@example.it", Status: "CONFIRMED",
		Start: want.Start, End: want.End, Stamp: want.Stamp, Alarms: []int{},
	}
	expected := map[string]seen{
		"publish.ics": want, "request.ics": request, "cancel.ics": cancel,
		"publish-cancelled.ics": publishCancelled, "bare.ics": bare,
	}
	for reader, program := range readers {
		t.Run(reader, func(t *testing.T) {
			if err := exec.CommandContext(t.Context(), python, "-c", "import "+reader).Run(); err != nil {
				t.Skipf("python3-%s is not installed", reader)
			}
			for name, text := range calendars(t) {
				cmd := exec.CommandContext(t.Context(), python, "-c", program)
				cmd.Stdin = strings.NewReader(text)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v: %s", name, err, stderr.Bytes())
				}
				var got seen
				if err := json.Unmarshal(out, &got); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(expected[name], got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}
