package ical_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sportello/booking/ical"
)

// officer is the calendar of an officer: present on weekdays, two meetings a week and a month, with
// days off and instances that were moved.
func officer(n int) string {
	const zone = ";TZID=Europe/Rome:"
	uid := fmt.Sprintf("UID:%d-", n)
	var off []string
	for week := range 10 {
		off = append(off, time.Date(2025, 1, 8+35*week, 0, 0, 0, 0, time.UTC).Format("20060102")+"T083000")
	}
	return rome("Europe/Rome") +
		event(uid+"desk", "SUMMARY:Sportello", "DTSTART"+zone+"20240108T083000", "DTEND"+zone+"20240108T123000", "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;WKST=MO", "EXDATE"+zone+strings.Join(off, ",")) +
		event(uid+"team", "SUMMARY:Riunione", "DTSTART"+zone+"20240110T143000", "DTEND"+zone+"20240110T153000", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=WE,FR") +
		event(uid+"team", "RECURRENCE-ID"+zone+"20250514T143000", "DTSTART"+zone+"20250515T143000", "DTEND"+zone+"20250515T153000", "SUMMARY:Riunione, spostata") +
		event(uid+"month", "SUMMARY:Coordinamento", "DTSTART"+zone+"20240126T110000", "DURATION:PT2H", "RRULE:FREQ=MONTHLY;BYDAY=-1FR")
}

const officers = 1000

// BenchmarkExpandOfficers expands a year of the calendars of 1,000 officers, which were read before.
func BenchmarkExpandOfficers(b *testing.B) {
	agendas := make([]*ical.Agenda, officers)
	for n := range agendas {
		agendas[n] = agendaOf(b, officer(n))
	}
	from := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(1, 0, 0)
	found := 0
	for b.Loop() {
		found = 0
		for _, agenda := range agendas {
			all, refused := agenda.Between(from, to)
			if len(refused) > 0 {
				b.Fatal(refused)
			}
			found += len(all)
		}
	}
	b.ReportMetric(float64(found), "occurrences")
	if found != officers*(251+52+12) {
		b.Errorf("%d occurrences", found)
	}
	besideDateutil(b, from, to, found)
}

// besideDateutil has dateutil do the same with the rules alone, of a hundredth of the officers.
func besideDateutil(b *testing.B, from, to time.Time, found int) {
	const part = officers / 100
	const program = `
import sys, time
from datetime import datetime
from dateutil import rrule, tz
zone = tz.gettz('Europe/Rome')
at = lambda s: datetime.strptime(s, '%Y%m%dT%H%M%S').replace(tzinfo=zone)
series = []
for n in range(int(sys.argv[1])):
    desk = rrule.rruleset()
    desk.rrule(rrule.rrulestr('FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;WKST=MO', dtstart=at('20240108T083000')))
    for week in range(10):
        desk.exdate(rrule.rrulestr('FREQ=DAILY;INTERVAL=35;COUNT=10', dtstart=at('20250108T083000'))[week])
    series += [desk, rrule.rrulestr('FREQ=WEEKLY;INTERVAL=2;BYDAY=WE,FR', dtstart=at('20240110T143000')),
               rrule.rrulestr('FREQ=MONTHLY;BYDAY=-1FR', dtstart=at('20240126T110000'))]
begun = time.perf_counter()
found = sum(len(s.between(at('20250101T010000'), at('20260101T010000'))) for s in series)
print(found, time.perf_counter() - begun)`
	count, seconds := python(b, "dateutil", program, nil, fmt.Sprint(part))
	if seconds == 0 {
		return
	}
	if want := float64(found) / officers * part; count != want {
		b.Errorf("dateutil found %v occurrences, want %v", count, want)
	}
	b.ReportMetric(seconds*officers/part/(b.Elapsed().Seconds()/float64(b.N)), "×dateutil")
}

// feed is a calendar of 5 MB as programs write them.
func feed() []byte {
	var out bytes.Buffer
	out.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Esempio//Prova//IT\r\n" + rome("Europe/Rome"))
	for n := 0; out.Len() < 5_000_000; n++ {
		start := time.Date(2025, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * 30 * time.Minute)
		out.WriteString(event(
			fmt.Sprintf("UID:%08d-prova@example.it", n), "DTSTAMP:20250101T080000Z", "CREATED:20250101T080000Z", "LAST-MODIFIED:20250101T080000Z", "SEQUENCE:0",
			"DTSTART;TZID=Europe/Rome:"+start.Format("20060102T150405"), "DTEND;TZID=Europe/Rome:"+start.Add(30*time.Minute).Format("20060102T150405"),
			"SUMMARY:Colloquio di orientamento", "LOCATION:Centro per l'impiego\\, via Esempio 1", "STATUS:CONFIRMED", "TRANSP:OPAQUE",
			"DESCRIPTION:Portare il documento d'identità e la tessera sanitaria. Chi non pu", " ò venire lo dica per tempo\\, così il posto va ad altri.",
			"ATTENDEE;CN=\"Anna Prova\";PARTSTAT=ACCEPTED:mailto:anna@example.it"))
	}
	out.WriteString("END:VCALENDAR\r\n")
	return out.Bytes()
}

// BenchmarkDecodeFeed reads a feed of 5 MB.
func BenchmarkDecodeFeed(b *testing.B) {
	text := feed()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		cals, _, err := decodeFrom(bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		events = len(cals[0].Events())
	}
	const program = `
import icalendar, sys, time
text = sys.stdin.buffer.read()
begun = time.perf_counter()
found = len(icalendar.Calendar.from_ical(text).walk('VEVENT'))
print(found, time.perf_counter() - begun)`
	if count, seconds := python(b, "icalendar", program, text); seconds > 0 {
		if int(count) != events {
			b.Errorf("icalendar found %v events, want %d", count, events)
		}
		b.ReportMetric(seconds/(b.Elapsed().Seconds()/float64(b.N)), "×icalendar")
	}
}

// python runs a program that prints how many it found and how many seconds it took; 0 if the module
// is not installed.
func python(b *testing.B, module, program string, stdin []byte, args ...string) (count, seconds float64) {
	b.Helper()
	const python = "/usr/bin/python3" // the system's, for which distributions package these programs
	if exec.CommandContext(b.Context(), python, "-c", "import "+module).Run() != nil {
		b.Logf("python3-%s is not installed", module)
		return 0, 0
	}
	cmd := exec.CommandContext(b.Context(), python, append([]string{"-c", program}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Sscan(string(out), &count, &seconds); err != nil {
		b.Fatal(err)
	}
	return count, seconds
}
