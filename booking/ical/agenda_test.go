package ical_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

// event is the text of an event.
func event(lines ...string) string {
	return "BEGIN:VEVENT\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\n"
}

// agendaOf is that of an office in Rome.
func agendaOf(t testing.TB, events ...string) *ical.Agenda {
	t.Helper()
	cals, _, err := decode("BEGIN:VCALENDAR\r\n" + strings.Join(events, "") + "END:VCALENDAR\r\n")
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return ical.NewAgenda(zone, cals...)
}

// told are occurrences in short: start, end, summary and, if it differs, where the rules put them.
func told(found []ical.Occurrence) []string {
	var all []string
	for _, o := range found {
		const form = "060102T1504"
		text := o.Start.Format(form) + " " + o.End.Format(form)
		if o.Form == ical.OnDate {
			text = o.Start.Format("060102") + " " + o.End.Format("060102")
		}
		if summary := o.Event.Props.Text(ical.PropSummary); summary != "" {
			text += " " + summary
		}
		if !o.Of.IsZero() && !o.Of.Equal(o.Start) {
			text += " of " + o.Of.Format(form)
		}
		all = append(all, text)
	}
	return all
}

func TestAgenda(t *testing.T) {
	const start, end = "DTSTART;TZID=Europe/Rome:20250317T090000", "DTEND;TZID=Europe/Rome:20250317T093000"
	weekly := event("UID:a", start, end, "RRULE:FREQ=WEEKLY;COUNT=4")
	plain := []string{"250317T0900 250317T0930", "250324T0900 250324T0930", "250331T0900 250331T0930", "250407T0900 250407T0930"}
	with := func(change ...string) []string {
		all := append([]string{}, plain...)
		for i := 0; i < len(change); i += 2 {
			for at, text := range all {
				if strings.HasPrefix(text, change[i]) {
					all[at] = change[i+1]
				}
			}
		}
		var left []string
		for _, text := range all {
			if text != "" {
				left = append(left, text)
			}
		}
		return left
	}
	tests := []struct {
		name   string
		events []string
		want   []string
	}{
		{"once", []string{event(start, end)}, plain[:1]},
		{"no end", []string{event(start)}, []string{"250317T0900 250317T0900"}},
		{"an end before the start", []string{event(start, "DTEND;TZID=Europe/Rome:20250317T080000")}, []string{"250317T0900 250317T0800"}},
		{"an end in another zone", []string{event(start, "DTEND;TZID=Europe/London:20250317T083000")}, plain[:1]},
		{"an end without zone", []string{event(start, "DTEND:20250317T093000")}, plain[:1]},
		{"an end before a duration", []string{event(start, end, "DURATION:PT8H")}, plain[:1]},
		{"floating", []string{event("DTSTART:20250317T090000", "DURATION:PT30M")}, plain[:1]},
		{"UTC", []string{event("DTSTART:20250317T080000Z", "DURATION:PT30M")}, []string{"250317T0800 250317T0830"}},
		{"a date", []string{event("DTSTART:20250330")}, []string{"250330 250331"}},
		{"dates", []string{event("DTSTART;VALUE=DATE:20250329", "DTEND;VALUE=DATE:20250401", "RRULE:FREQ=WEEKLY;COUNT=2")}, []string{"250329 250401", "250405 250408"}},
		{"a day and a time over the change of the clock", []string{event("DTSTART;TZID=Europe/Rome:20250329T120000", "DURATION:P1DT1H")}, []string{"250329T1200 250330T1300"}},
		{"24 hours over the change of the clock", []string{event("DTSTART;TZID=Europe/Rome:20250329T120000", "DURATION:PT24H")}, []string{"250329T1200 250330T1300"}},
		{
			"an end is as long after each start",
			[]string{event("DTSTART;TZID=Europe/Rome:20250328T120000", "DTEND;TZID=Europe/Rome:20250329T120000", "RRULE:FREQ=DAILY;COUNT=2")},
			[]string{"250328T1200 250329T1200", "250329T1200 250330T1300"},
		},

		{"weekly", []string{weekly}, plain},
		{"empty rule", []string{event("UID:a", start, end, "RRULE:")}, plain[:1]},
		{"a start off the rule counts", []string{event("UID:a", start, end, "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2")}, []string{plain[0], "250318T0900 250318T0930"}},
		{
			"two rules",
			[]string{event("UID:a", start, end, "RRULE:FREQ=WEEKLY;COUNT=2", "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=2")},
			[]string{plain[0], "250318T0900 250318T0930", plain[1], "250325T0900 250325T0930"},
		},
		{"cut off at its first instance", []string{event("UID:a", start, "RRULE:FREQ=DAILY;UNTIL=20250317T075959Z")}, nil},
		{"until its first instance", []string{event("UID:a", start, end, "RRULE:FREQ=DAILY;UNTIL=20250317T080000Z")}, plain[:1]},
		{"until a date", []string{event("UID:a", start, end, "RRULE:FREQ=WEEKLY;UNTIL=20250324")}, plain[:1]},
		{"until a time on the same clock", []string{event("UID:a", start, end, "RRULE:FREQ=WEEKLY;UNTIL=20250324T090000")}, plain[:2]},
		{"dates until an instant", []string{event("UID:a", "DTSTART:20250317", "RRULE:FREQ=DAILY;UNTIL=20250318T225959Z")}, []string{"250317 250318", "250318 250319"}},
		{"more dates", []string{event("UID:a", start, end, "RDATE:20250324T080000Z", "RDATE;TZID=Europe/Rome:20250331T090000,20250317T090000")}, plain[:3]},
		{
			"periods",
			[]string{event("UID:a", start, end, "RDATE;VALUE=PERIOD:20250324T080000Z/PT1H,20250331T070000Z/20250331T080000Z")},
			[]string{plain[0], "250324T0900 250324T1000", "250331T0900 250331T1000"},
		},

		{"an exception", []string{strings.Replace(weekly, "UID:a", "UID:a\r\nEXDATE;TZID=Europe/Rome:20250331T090000", 1)}, with("250331", "")},
		{"an exception in UTC", []string{strings.Replace(weekly, "UID:a", "UID:a\r\nEXDATE:20250331T070000Z,20250324T080000Z", 1)}, with("250331", "", "250324", "")},
		{"an exception without zone", []string{strings.Replace(weekly, "UID:a", "UID:a\r\nEXDATE:20250331T090000", 1)}, with("250331", "")},
		{"an exception of a day", []string{strings.Replace(weekly, "UID:a", "UID:a\r\nEXDATE;VALUE=DATE:20250331", 1)}, with("250331", "")},
		{"an exception at another time", []string{strings.Replace(weekly, "UID:a", "UID:a\r\nEXDATE:20250331T090000Z", 1)}, plain},
		{
			"an exception of dates, told as midnight",
			[]string{event("UID:a", "DTSTART:20250317", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20250317T230000Z")},
			[]string{"250317 250318", "250319 250320"},
		},

		{
			"a change",
			[]string{weekly, event("UID:a", "RECURRENCE-ID;TZID=Europe/Rome:20250324T090000", "DTSTART:20250325T100000Z", "SUMMARY:b")},
			with("250324", "250325T1000 250325T1000 b of 250324T0800"),
		},
		{
			"a change before its event",
			[]string{event("UID:a", "RECURRENCE-ID:20250324T080000Z", start, "SUMMARY:b"), weekly},
			[]string{"250317T0900 250317T0900 b of 250324T0900", plain[0], plain[2], plain[3]},
		},
		{
			"a change of a day",
			[]string{weekly, event("UID:a", "RECURRENCE-ID;VALUE=DATE:20250324", "DTSTART;TZID=Europe/Rome:20250324T100000", "SUMMARY:b")},
			with("250324", "250324T1000 250324T1000 b of 250324T0000"),
		},
		{
			"a change of what never was",
			[]string{weekly, event("UID:a", "RECURRENCE-ID:20250325T080000Z", "DTSTART;TZID=Europe/Rome:20250325T090000", "DURATION:PT1H")},
			[]string{plain[0], plain[1], "250325T0900 250325T1000", plain[2], plain[3]},
		},
		{"a change of nothing", []string{event("UID:z", "RECURRENCE-ID:20250325T080000Z", start, end)}, plain[:1]},
		{
			"a change that only cancels",
			[]string{weekly, event("UID:a", "RECURRENCE-ID;TZID=Europe/Rome:20250324T090000", "STATUS:CANCELLED", "SUMMARY:no")},
			with("250324", "250324T0900 250324T0900 no"),
		},
		{"the newer of two changes", []string{
			weekly,
			event("UID:a", "RECURRENCE-ID:20250324T080000Z", "SEQUENCE:2", "DTSTART;TZID=Europe/Rome:20250324T110000", "SUMMARY:new"),
			event("UID:a", "RECURRENCE-ID:20250324T080000Z", "SEQUENCE:1", "DTSTART;TZID=Europe/Rome:20250324T100000", "SUMMARY:old"),
		}, with("250324", "250324T1100 250324T1100 new of 250324T0900")},
		{
			"this and all future ones",
			[]string{weekly, event("UID:a", "RECURRENCE-ID;RANGE=THISANDFUTURE:20250324T080000Z", "DTSTART;TZID=Europe/Rome:20250325T110000", "DURATION:PT1H")},
			with("250324", "250325T1100 250325T1200 of 250324T0900", "250331", "250401T1100 250401T1200 of 250331T0900", "250407", "250408T1100 250408T1200 of 250407T0900"),
		},
		{"this and all future ones, and one more", []string{
			weekly,
			event("UID:a", "RECURRENCE-ID;RANGE=THISANDFUTURE:20250324T080000Z", "DTSTART;TZID=Europe/Rome:20250324T110000", "DURATION:PT1H"),
			event("UID:a", "RECURRENCE-ID:20250331T070000Z", "DTSTART;TZID=Europe/Rome:20250331T150000"),
		}, with("250324", "250324T1100 250324T1200 of 250324T0900", "250331", "250331T1500 250331T1500 of 250331T0900", "250407", "250407T1100 250407T1200 of 250407T0900")},

		{"two events with one UID", []string{weekly, event("UID:a", "SEQUENCE:1", start, end)}, plain[:1]},
		{"two events with one UID and SEQUENCE", []string{event("UID:a", start, end), event("UID:a", "DTSTART;TZID=Europe/Rome:20250324T090000", "DURATION:PT30M")}, plain[:2]},
		{"events without UID", []string{event("UID:", start, end), event("UID:", "DTSTART;TZID=Europe/Rome:20250324T090000", "DURATION:PT30M")}, plain[:2]},
	}
	from, to := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			agenda := agendaOf(t, tt.events...)
			found, refused := agenda.Between(from, to)
			for _, r := range append(refused, agenda.Refused()...) {
				if !errors.Is(r.Err, ical.ErrSuperseded) || r.Event.Props.Get(ical.PropSequence) != nil {
					t.Error(r.Err)
				}
			}
			if diff := cmp.Diff(tt.want, told(found)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAgendaWindow asks for what touches a window.
func TestAgendaWindow(t *testing.T) {
	series := event("UID:a", "DTSTART:20250317T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY")
	moved := event("UID:a", "RECURRENCE-ID;RANGE=THISANDFUTURE:20250401T090000", "DTSTART:20250501T090000", "DURATION:P2D")
	tests := []struct {
		name, from, to string
		events         []string
		want           []string
	}{
		{"before", "250301T0000", "250317T0900", []string{series}, nil},
		{"a minute", "250317T0900", "250317T0901", []string{series}, []string{"250317T0900 250317T1000"}},
		{"the last minute", "250317T0959", "250317T1030", []string{series}, []string{"250317T0900 250317T1000"}},
		{"after the last minute", "250317T1000", "250317T1030", []string{series}, nil},
		{"years later", "450317T0959", "450317T1000", []string{series}, []string{"450317T0900 450317T1000"}},
		{"a change moved out of the window", "250331T0000", "250402T0000", []string{series, moved}, []string{"250331T0900 250331T1000"}},
		{"a change moved into the window", "250501T0800", "250501T1200", []string{series, moved}, []string{"250501T0900 250503T0900 of 250401T0900"}},
		{"long ones from before the window", "250503T0800", "250503T0801", []string{series, moved}, []string{"250501T0900 250503T0900 of 250401T0900", "250502T0900 250504T0900 of 250402T0900"}},
		{"a point in time", "250317T0900", "250318T0000", []string{event("DTSTART:20250317T090000")}, []string{"250317T0900 250317T0900"}},
		{"no time at all", "250317T0900", "250317T0900", []string{series}, nil},
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var window [2]time.Time
			for i, text := range []string{tt.from, tt.to} {
				if window[i], err = time.ParseInLocation("060102T1504", text, rome); err != nil {
					t.Fatal(err)
				}
			}
			found, refused := agendaOf(t, tt.events...).Between(window[0], window[1])
			if diff := cmp.Diff(tt.want, told(found)); diff != "" || refused != nil {
				t.Error(refused, diff)
			}
		})
	}
}

func TestAgendaRefuses(t *testing.T) {
	all := func(n int) string {
		var numbers []string
		for i := range n {
			numbers = append(numbers, fmt.Sprint(i))
		}
		return strings.Join(numbers, ",")
	}
	const start = "DTSTART;TZID=Europe/Rome:20250317T090000"
	tests := []struct {
		name  string
		lines []string
		want  error
	}{
		{"no start", []string{"SUMMARY:a"}, nil},
		{"no such day", []string{"DTSTART:20250230"}, ical.ErrValue},
		{"a broken end", []string{start, "DTEND:domani"}, ical.ErrValue},
		{"a broken duration", []string{start, "DURATION:1h"}, ical.ErrValue},
		{"a broken exception", []string{start, "RRULE:FREQ=DAILY", "EXDATE:ieri"}, ical.ErrValue},
		{"a broken date", []string{start, "RDATE:ieri"}, ical.ErrValue},
		{"a broken identity", []string{start, "RECURRENCE-ID:ieri"}, ical.ErrValue},
		{"a broken rule", []string{start, "RRULE:FREQ=QUALCHEVOLTA"}, ical.ErrRule},
		{"hours of a date", []string{"DTSTART:20250317", "RRULE:FREQ=HOURLY"}, ical.ErrRule},
		{"a date beside times", []string{start, "RDATE;VALUE=DATE:20250318"}, nil},
		{"times of day", []string{start, "RDATE;VALUE=TIME:083000"}, nil},
		{"an unknown zone", []string{"DTSTART;TZID=Nowhere/Middle:20250317T090000"}, ical.ErrZone},
		{"a zone without name", []string{"DTSTART;TZID=:20250317T090000"}, ical.ErrZone},
		{"an unknown zone of the end", []string{start, "DTEND;TZID=Nowhere/Middle:20250317T100000"}, ical.ErrZone},
		{"an unknown zone of an exception", []string{start, "RRULE:FREQ=DAILY", "EXDATE;TZID=Nowhere/Middle:20250317T100000"}, ical.ErrZone},
		{"every second", []string{start, "RRULE:FREQ=SECONDLY"}, ical.ErrTooMuch},
		{"every second of each year", []string{start, "RRULE:FREQ=YEARLY;BYHOUR=" + all(24) + ";BYMINUTE=" + all(60) + ";BYSECOND=" + all(60)}, ical.ErrTooMuch},
		{"a second that never comes", []string{start, "RRULE:FREQ=SECONDLY;BYMINUTE=1;BYSECOND=0;BYSETPOS=2;COUNT=2"}, ical.ErrTooMuch},
	}
	from, to := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 5, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := event("UID:good", "DTSTART:20250401T090000Z", "SUMMARY:good")
			agenda := agendaOf(t, event(append([]string{"UID:bad"}, tt.lines...)...), good)
			found, refused := agenda.Between(from, to)
			refused = append(refused, agenda.Refused()...)
			if len(refused) != 1 || refused[0].Err == nil || tt.want != nil && !errors.Is(refused[0].Err, tt.want) {
				t.Fatalf("got %v, want %v", refused, tt.want)
			}
			if got := refused[0].Event.Props.Text(ical.PropUID); got != "bad" {
				t.Errorf("refused %s", got)
			}
			if got := told(found); len(got) != 1 || !strings.HasSuffix(got[0], "good") {
				t.Errorf("got %v, want what is good and nothing else", got)
			}
		})
	}
}

// TestAgendaEndsInTime gives files of many events that each take as much work as one may, or look for
// each other: without bounds on a file they would take minutes.
func TestAgendaEndsInTime(t *testing.T) {
	tests := []struct {
		name    string
		line    func(n int) string
		refused bool
	}{
		{"rules that never come", func(n int) string {
			return fmt.Sprintf("UID:%d\r\nDTSTART:20250317T090000\r\nRRULE:FREQ=SECONDLY;BYMINUTE=1;BYSECOND=0;BYSETPOS=2", n)
		}, true},
		{"occurrences of all together", func(n int) string {
			return fmt.Sprintf("UID:%d\r\nDTSTART:20250317T090000\r\nRRULE:FREQ=DAILY;COUNT=9999", n)
		}, true},
		{"changes of one event", func(n int) string {
			at := time.Date(2200, 1, 1, 0, 0, -n, 0, time.UTC).Format("20060102T150405Z")
			return "UID:a\r\nRECURRENCE-ID:" + at + "\r\nDTSTART:" + at
		}, false},
		{"zones that nobody knows", func(n int) string { return fmt.Sprintf("DTSTART;TZID=/a/b/c/%d:20250317T090000", n) }, true},
		{"states of one event", func(n int) string { return fmt.Sprintf("UID:a\r\nDTSTART:20250317T090000\r\nSEQUENCE:%d", n) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			events := []string{event("UID:a", "DTSTART:20250317T090000Z", "RRULE:FREQ=DAILY;COUNT=9000")}
			for n := range 20_000 {
				events = append(events, event(tt.line(n)))
			}
			agenda := agendaOf(t, events...)
			_, refused := agenda.Between(time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
			if refused = append(refused, agenda.Refused()...); tt.refused != (len(refused) > 19_900) || !tt.refused && refused != nil {
				t.Errorf("refused %d of 20000, want that: %t", len(refused), tt.refused)
			}
		})
	}
}
