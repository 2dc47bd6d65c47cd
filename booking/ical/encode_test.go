package ical_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// written is cal as text.
func written(t testing.TB, cal *ical.Calendar) string {
	t.Helper()
	var out bytes.Buffer
	if err := ical.NewEncoder(&out).Encode(cal); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// golden compares got with a golden file to the last byte, its line ends shown.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.SplitAfter(string(want), "\n"), strings.SplitAfter(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// lines are the content lines of a text, unfolded.
func lines(text string) []string {
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n ", ""), "\r\n"), "\r\n")
}

// value returns what follows "NAME:" on the one line that begins so.
func value(t testing.TB, text, name string) string {
	t.Helper()
	for _, line := range lines(text) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return value
		}
	}
	t.Fatalf("no %s in\n%s", name, text)
	return ""
}

// plain returns a calendar of one event with what is asked of it and no more.
func plain() (*ical.Calendar, *ical.Event) {
	event := ical.NewEvent()
	event.Props.SetText(ical.PropUID, "a1@example.it")
	event.Props.SetDateTime(ical.PropDateTimeStamp, time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC))
	event.Props.SetDateTime(ical.PropDateTimeStart, time.Date(2026, 12, 3, 8, 30, 0, 0, time.UTC))
	cal := ical.NewCalendar()
	cal.Children = append(cal.Children, event.Component)
	return cal, event
}

// TestEncode writes every sort of value, parameter and name.
func TestEncode(t *testing.T) {
	cal, event := plain()
	summary := ical.NewProp("summary")
	summary.SetText("Perché, domani; «sì» \\o/\r\nLinea 2\rLinea 3\n")
	summary.Params.Set("altrep", "cid:uno;due")
	summary.Params.Set("language", "it")
	event.Props.Set(summary)
	event.Props.SetText(ical.PropDescription, strings.Repeat("è", 100)+strings.Repeat(",", 100)+strings.Repeat("😀", 40))

	rome := time.FixedZone("", 3600)
	start := ical.NewProp(ical.PropDateTimeStart)
	start.SetDate(time.Date(2026, 12, 3, 0, 30, 0, 0, rome))
	event.Props.Set(start)
	length := ical.NewProp(ical.PropDuration)
	length.SetDuration(26*time.Hour + 5*time.Second + 999*time.Millisecond)
	event.Props.Set(length)

	for _, name := range []string{"Anna \"l'Esempio\" ^Prova\nfine", "Bruno, Carla: due"} {
		guest := ical.NewProp(ical.PropAttendee)
		guest.Value = "mailto:a@example.it"
		guest.Params.Set(ical.ParamCommonName, name)
		guest.Params.Add("MEMBER", "mailto:x@example.it")
		guest.Params.Add("MEMBER", "mailto:y@example.it")
		event.Props.Add(guest)
	}
	event.Props.SetText("X-SPORTELLO-CODE", "KX7-42P")
	event.Props.SetText("CATEGORIES", "lavoro")
	golden(t, "values.ics", written(t, cal))
}

func TestDuration(t *testing.T) {
	tests := []struct {
		length time.Duration
		want   string
	}{
		{0, "PT0S"},
		{time.Second, "PT1S"},
		{90 * time.Second, "PT1M30S"},
		{15 * time.Minute, "PT15M"},
		{time.Hour, "PT1H"},
		{time.Hour + time.Second, "PT1H0M1S"},
		{-48 * time.Hour, "-PT48H"},
		{-999 * time.Millisecond, "PT0S"},
		{-1 << 63, "-PT2562047H47M16S"},
	}
	for _, tt := range tests {
		p := ical.NewProp(ical.PropDuration)
		p.SetDuration(tt.length)
		if p.Value != tt.want {
			t.Errorf("%v: got %q, want %q", tt.length, p.Value, tt.want)
		}
		cal, event := plain()
		event.Props.Set(p)
		written(t, cal)
	}
}

func TestFold(t *testing.T) {
	const room = 75 - len("SUMMARY:")
	tests := []struct {
		name, text string
		want       string // what stands at the break: the end of the first line, and the next
	}{
		{"fits", strings.Repeat("a", room), ""},
		{"one too many", strings.Repeat("a", room) + "b", "a\r\n b\r\n"},
		{"within a character", strings.Repeat("a", room-1) + "è", "a\r\n è\r\n"},
		{"within four octets", strings.Repeat("a", room-3) + "😀", "a\r\n 😀\r\n"},
		{"within an escape", strings.Repeat("a", room-1) + ",", "a\r\n \\,\r\n"},
		{"before a space", strings.Repeat("a", room) + " b", "a\r\n  b\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cal, event := plain()
			event.Props.SetText(ical.PropSummary, tt.text)
			got := written(t, cal)
			if tt.want == "" && strings.Contains(got, "\r\n ") {
				t.Errorf("folded:\n%s", got)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%q is not in\n%s", tt.want, got)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	set := func(name, value string) func(*ical.Calendar, *ical.Event) {
		return func(_ *ical.Calendar, e *ical.Event) { e.Props.Set(&ical.Prop{Name: name, Value: value}) }
	}
	param := func(name string, values ...string) func(*ical.Calendar, *ical.Event) {
		return func(_ *ical.Calendar, e *ical.Event) {
			e.Props.Set(&ical.Prop{Name: "COMMENT", Params: ical.Params{name: values}})
		}
	}
	tests := []struct {
		name   string
		change func(*ical.Calendar, *ical.Event)
		want   error
	}{
		{"property without name", set("", "x"), ical.ErrUnwritable},
		{"property with a space", set("X NAME", "x"), ical.ErrUnwritable},
		{"property with a line end", set("X-A\r\nX-B", "x"), ical.ErrUnwritable},
		{"property with a letter beyond ASCII", set("X-PERCHÉ", "x"), ical.ErrUnwritable},
		{"a component as a property", set("END", "VEVENT"), ical.ErrUnwritable},
		{"property under another's name", func(_ *ical.Calendar, e *ical.Event) {
			e.Props["COMMENT"] = []ical.Prop{{Name: ical.PropUID, Value: "b2"}}
		}, ical.ErrUnwritable},
		{"a line end in a value", set("COMMENT", "x\r\nUID:b2"), ical.ErrUnwritable},
		{"a NUL in a value", set("COMMENT", "x\x00"), ical.ErrUnwritable},
		{"a delete in a value", set("COMMENT", "x\x7f"), ical.ErrUnwritable},
		{"a C1 control in a value", set("COMMENT", "x\u0085"), ical.ErrUnwritable},
		{"half a character", set("COMMENT", "x\xc3"), ical.ErrUnwritable},
		{"parameter without name", param("", "x"), ical.ErrUnwritable},
		{"parameter with a colon", param("A:B", "x"), ical.ErrUnwritable},
		{"parameter in small letters", param("value", "DATE"), ical.ErrUnwritable},
		{"parameter without value", param("X"), ical.ErrUnwritable},
		{"a bell in a parameter", param("X", "\a"), ical.ErrUnwritable},
		{"no instant", set(ical.PropDateTimeStart, "2026-12-03"), ical.ErrUnwritable},
		{"no such day", set(ical.PropDateTimeStart, "20260229T090000Z"), ical.ErrUnwritable},
		{"an instant with a fraction", set(ical.PropDateTimeStart, "20261203T090000.5Z"), ical.ErrUnwritable},
		{"a year of five digits", func(_ *ical.Calendar, e *ical.Event) {
			e.Props.SetDateTime(ical.PropDateTimeStart, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
		}, ical.ErrUnwritable},
		{"no duration", set(ical.PropDuration, "P"), ical.ErrUnwritable},
		{"a duration of weeks and days", set(ical.PropDuration, "P1W2D"), ical.ErrUnwritable},
		{"no rule", set(ical.PropRecurrenceRule, "FREQ=OFTEN"), ical.ErrUnwritable},
		{"one exception of two that is none", set(ical.PropExceptionDates, "20261203T090000Z,"), ical.ErrUnwritable},
		{"two values of what has one", set(ical.PropDateTimeStart, "20261203T090000Z,20261203T090000Z"), ical.ErrUnwritable},
		{"no offset", set(ical.PropTimezoneOffsetTo, "+1"), ical.ErrUnwritable},
		{"a period without end", func(_ *ical.Calendar, e *ical.Event) {
			p := prop(ical.PropRecurrenceDates, "20261203T090000Z/")
			p.Params = ical.Params{ical.ParamValue: {"PERIOD"}}
			e.Props.Set(p)
		}, ical.ErrUnwritable},
		{"no number", set(ical.PropSequence, "1.5"), ical.ErrUnwritable},
		{"no address", set(ical.PropURL, "example.it/a"), ical.ErrUnwritable},
		{"an address with a space", set(ical.PropURL, "https://example.it/a b"), ical.ErrUnwritable},
		{"no mailbox", set(ical.PropOrganizer, "info@example.it"), ical.ErrUnwritable},
		{"no UID", func(_ *ical.Calendar, e *ical.Event) { e.Props.Del(ical.PropUID) }, ical.ErrUnwritable},
		{"two starts", func(_ *ical.Calendar, e *ical.Event) {
			e.Props.Add(e.Props.Get(ical.PropDateTimeStart))
		}, ical.ErrUnwritable},
		{"two methods", func(c *ical.Calendar, _ *ical.Event) {
			for range 2 {
				c.Props.Add(&ical.Prop{Name: ical.PropMethod, Value: "PUBLISH"})
			}
		}, ical.ErrUnwritable},
		{"end and duration", func(_ *ical.Calendar, e *ical.Event) {
			e.Props.SetDateTime(ical.PropDateTimeEnd, time.Date(2026, 12, 3, 9, 0, 0, 0, time.UTC))
			e.Props.Set(&ical.Prop{Name: ical.PropDuration, Value: "PT30M"})
		}, ical.ErrUnwritable},
		{"an alarm without trigger", func(_ *ical.Calendar, e *ical.Event) {
			e.Children = append(e.Children, ical.NewComponent(ical.CompAlarm))
		}, ical.ErrUnwritable},
		{"a component with a line end", func(_ *ical.Calendar, e *ical.Event) { e.Name = "VEVENT\r\nUID:b2" }, ical.ErrUnwritable},
		{"an empty calendar", func(c *ical.Calendar, _ *ical.Event) { c.Children = nil }, ical.ErrUnwritable},
		{"no calendar", func(c *ical.Calendar, e *ical.Event) { c.Component = e.Component }, ical.ErrUnwritable},
		{"a line too long", set("COMMENT", strings.Repeat("x", 64<<10)), ical.ErrTooLarge},
		{"components without end", func(_ *ical.Calendar, e *ical.Event) {
			e.Children = append(e.Children, e.Component)
		}, ical.ErrTooLarge},
		{"too many components", func(c *ical.Calendar, e *ical.Event) {
			e.Props.SetText("COMMENT", strings.Repeat("x", 60<<10))
			for range 300 {
				c.Children = append(c.Children, e.Component)
			}
		}, ical.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cal, event := plain()
			tt.change(cal, event)
			var out bytes.Buffer
			err := ical.NewEncoder(&out).Encode(cal)
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if out.Len() > 0 {
				t.Errorf("%d octets were written", out.Len())
			}
		})
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestEncodeSaysWhatWritingReturned(t *testing.T) {
	cal, _ := plain()
	if err := ical.NewEncoder(broken{}).Encode(cal); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want %v", err, errBroken)
	}
}

// TestSpacesAroundParameters: readers cut off the spaces around a parameter, unless it is quoted.
func TestSpacesAroundParameters(t *testing.T) {
	cal, _, err := decode(strings.Replace(calendar("UID:1@prova.example", "DTSTAMP:20261203T083000Z", "DTSTART:20261203T083000Z", `X-PROVA;NOTA=" tra spazi ":1`), "VERSION", "PRODID:-//Prova//IT\r\nVERSION", 1))
	if err != nil {
		t.Fatal(err)
	}
	text := written(t, cal[0])
	again, _, err := decode(text)
	if err != nil || written(t, again[0]) != text || !strings.Contains(text, `X-PROVA;NOTA=" tra spazi ":1`) {
		t.Errorf("%v, written again: %s", err, text)
	}
}
