package ical_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

// TestRome writes an event that recurs, and reads it as programs do that have no zones of their own.
func TestRome(t *testing.T) {
	want, err := time.LoadLocation(ical.ZoneRome)
	if err != nil {
		t.Fatal(err)
	}
	cal, event := plain()
	event.Props.Get(ical.PropDateTimeStart).Params = ical.Params{}
	event.Props.Get(ical.PropDateTimeStart).SetZoned(time.Date(2026, 3, 23, 9, 30, 0, 0, want))
	event.Props.Set(prop(ical.PropRecurrenceRule, "FREQ=WEEKLY;COUNT=3"))
	event.Props.Set(prop(ical.PropExceptionDates, "20260406T073000Z,20260413T073000Z"))
	cal.Children = append([]*ical.Component{ical.NewRome()}, cal.Children...)
	text := written(t, cal)
	golden(t, "weekly.ics", text)

	cals, _, err := decode(strings.ReplaceAll(text, ical.ZoneRome, "Ufficio"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ical.NewZones(cals...).Location("Ufficio")
	if err != nil {
		t.Fatal(err)
	}
	sameClock(t, want, got)
	found, refused := ical.NewAgenda(time.UTC, cals...).Between(time.Unix(0, 0), time.Unix(1<<32, 0))
	if diff := cmp.Diff([]string{"260323T0930 260323T0930", "260330T0930 260330T0930"}, told(found)); diff != "" || refused != nil {
		t.Error(refused, diff)
	}
}
