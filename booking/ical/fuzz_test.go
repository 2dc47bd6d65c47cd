package ical_test

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

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
