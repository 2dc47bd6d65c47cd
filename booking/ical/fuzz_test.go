package ical_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

// FuzzText writes any text, as a value and as a parameter, and reads it back as RFC 5545 and
// RFC 6868 say.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"", " ", "Perché, domani; «sì» \\o/\nLinea 2", strings.Repeat("è", 80), strings.Repeat(",", 80),
		`C:\nuovo`, "\\", "^n^^'\"", "a\tb", "\r\n \r\n", "BEGIN:VEVENT", "x\x00", "\xff", "😀\u2028", strings.Repeat("^", 75),
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		cal, event := plain()
		prop := ical.NewProp(ical.PropSummary)
		prop.SetText(text)
		prop.Params.Set("X-NAME", name)
		event.Props.Set(prop)
		var out bytes.Buffer
		err := ical.NewEncoder(&out).Encode(cal)
		if !sayable(text) || !sayable(name) {
			if !errors.Is(err, ical.ErrUnwritable) {
				t.Fatalf("got error %v, want %v", err, ical.ErrUnwritable)
			}
			return
		}
		if err != nil {
			if errors.Is(err, ical.ErrTooLarge) && len(text)+len(name) > 32<<10-100 {
				return
			}
			t.Fatal(err)
		}
		gotText, gotName := summaryOf(t, out.String())
		if want := oneLineEnd(text); gotText != want {
			t.Errorf("value: got %q, want %q", gotText, want)
		}
		if want := oneLineEnd(name); gotName != want {
			t.Errorf("parameter: got %q, want %q", gotName, want)
		}
	})
}

// FuzzDecode reads any octets. What was read and can be written is the same when it is read again and
// written again.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(calendar("DTSTART;TZID=\"Ufficio\":20250317T090000", "X-A;B=^n,\"c\":1", " 2", "", "RDATE;VALUE=PERIOD:20250317T090000Z/PT1H")))
	f.Add([]byte("\ufeffBEGIN:VCALENDAR\n" + rome("Ufficio") + "END:VCALENDAR\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cals, _, err := decodeFrom(bytes.NewReader(text))
		if err != nil {
			return
		}
		agenda := ical.NewAgenda(time.UTC, cals...)
		agenda.Between(time.Unix(0, 0), time.Unix(1<<32, 0))
		for _, cal := range cals {
			var first bytes.Buffer
			if ical.NewEncoder(&first).Encode(cal) != nil {
				continue
			}
			again, notes, err := decode(first.String())
			if err != nil || len(notes) > 0 {
				t.Fatalf("%v %v, of\n%s", err, notes, first.Bytes())
			}
			if second := written(t, again[0]); second != first.String() {
				t.Errorf("written again: %s", cmp.Diff(first.String(), second))
			}
		}
	})
}

// FuzzRule reads any rule, and what RFC 5545 says of all of them.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{
		"FREQ=DAILY", "freq=weekly;interval=2;byday=mo,fr;wkst=su", "FREQ=MONTHLY;BYDAY=-1FR,+2MO;COUNT=3;UNTIL=20261231T225959Z",
		"FREQ=YEARLY;BYMONTHDAY=31,-1;BYYEARDAY=-366;BYWEEKNO=53;BYMONTH=12;BYHOUR=9;BYMINUTE=0;BYSECOND=60;BYSETPOS=-1", "RSCALE=GREGORIAN;FREQ=DAILY;SKIP=OMIT",
	} {
		f.Add(rule)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ical.ParseRule(text)
		if err != nil {
			if !errors.Is(err, ical.ErrRule) {
				t.Errorf("got error %v, want %v", err, ical.ErrRule)
			}
			return
		}
		if r.Freq < ical.Secondly || r.Freq > ical.Yearly || r.Interval < 1 || r.Count < 0 {
			t.Errorf("got %+v", r)
		}
		for _, l := range [][]int{r.BySecond, r.ByMinute, r.ByHour, r.ByMonthDay, r.ByYearDay, r.ByWeekNo, r.ByMonth, r.BySetPos} {
			if !slices.IsSorted(l) || len(l) != len(slices.Compact(slices.Clone(l))) {
				t.Errorf("%v is not sorted", l)
			}
		}
	})
}

// FuzzExpand expands any rule from any start: in the end there is an answer, in order, each instance
// once, all in the window, and the same of a window in two halves.
func FuzzExpand(f *testing.F) {
	for _, rule := range []string{
		"FREQ=WEEKLY;BYDAY=MO,FR;INTERVAL=2", "FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "FREQ=YEARLY;BYWEEKNO=53,-1;BYDAY=SU", "FREQ=HOURLY;BYMINUTE=0,30;BYSETPOS=2",
		"FREQ=SECONDLY;INTERVAL=100000;BYMONTH=2", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20300101T000000Z",
	} {
		f.Add(rule, int64(1_742_198_400), uint16(400))
		f.Add(rule, int64(-12_000_000_000), uint16(1))
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, rule string, begin int64, days uint16) {
		at := time.Unix(begin%(1<<37), 0).UTC()
		if at.Year() < 0 || at.Year() > 9999 {
			return
		}
		start := ical.NewProp(ical.PropDateTimeStart)
		start.Value = at.Format("20060102T150405")
		start.Params.Set(ical.ParamTimezoneID, "Europe/Rome")
		e := ical.NewEvent()
		e.Props.Set(start)
		e.Props.Set(&ical.Prop{Name: ical.PropRecurrenceRule, Value: rule})
		cal := ical.NewCalendar()
		cal.Children = append(cal.Children, e.Component)
		agenda := ical.NewAgenda(rome, cal)
		from := at.AddDate(0, 0, -2)
		middle, to := from.AddDate(0, 0, int(days/2)), from.AddDate(0, 0, int(days))
		all, refused := agenda.Between(from, to)
		for i, o := range all {
			if o.Start.Before(from) || !o.Start.Before(to) || i > 0 && !o.Start.After(all[i-1].Start) {
				t.Fatalf("%v of %v", o.Start, told(all))
			}
		}
		early, refusedEarly := agenda.Between(from, middle)
		late, refusedLate := agenda.Between(middle, to)
		if refused != nil || refusedEarly != nil || refusedLate != nil {
			return
		}
		if diff := cmp.Diff(told(all), told(append(early, late...))); diff != "" {
			t.Error(diff)
		}
	})
}

// sayable reports whether iCalendar has a way to say text.
func sayable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r)
	})
}

func oneLineEnd(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// summaryLine is the whole line: name, a parameter that is quoted or holds nothing to quote, value.
var summaryLine = regexp.MustCompile(`^SUMMARY;X-NAME=("[^"]*"|[^",;:]*):(.*)$`)

// summaryOf checks the layer of lines and returns the text and the parameter of SUMMARY.
func summaryOf(t *testing.T, out string) (text, name string) {
	t.Helper()
	if !strings.HasSuffix(out, "\r\n") {
		t.Fatal("the last line has no end")
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\r\n"), "\r\n") {
		if len(line) > 75 {
			t.Errorf("a line of %d octets: %q", len(line), line)
		}
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Errorf("a line that is none by itself: %q", line)
		}
		if open := strings.TrimRight(line, `\`); (len(line)-len(open))%2 == 1 {
			t.Errorf("an escape sequence is broken: %q", line)
		}
	}
	for _, line := range lines(out) {
		if found := summaryLine.FindStringSubmatch(line); found != nil {
			return unescaped(found[2], '\\', textEscapes), unescaped(strings.Trim(found[1], `"`), '^', caretEscapes)
		}
	}
	t.Fatalf("no summary in %q", out)
	return "", ""
}

// What stands after the mark of an escape sequence, and what for.
var (
	textEscapes  = map[rune]rune{'\\': '\\', 'n': '\n', ',': ',', ';': ';'}
	caretEscapes = map[rune]rune{'^': '^', 'n': '\n', '\'': '"'}
)

// unescaped puts in what the escape sequences of s stand for.
func unescaped(s string, mark rune, meaning map[rune]rune) string {
	var out strings.Builder
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			out.WriteRune(meaning[r])
			escaped = false
		case r == mark:
			escaped = true
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}
