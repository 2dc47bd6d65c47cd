package ical_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/ical"
)

// decode reads all calendars of a text.
func decode(text string) ([]*ical.Calendar, []ical.Note, error) {
	return decodeFrom(strings.NewReader(text))
}

func decodeFrom(r io.Reader) (cals []*ical.Calendar, notes []ical.Note, err error) {
	d := ical.NewDecoder(r)
	for {
		cal, err := d.Decode()
		if errors.Is(err, io.EOF) {
			return cals, d.Notes(), nil
		}
		if err != nil {
			return nil, d.Notes(), err
		}
		cals = append(cals, cal)
	}
}

// calendar is a text with lines of one event.
func calendar(lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

func TestDecodeText(t *testing.T) {
	tests := []struct {
		name, text, want string // of SUMMARY
	}{
		{"plain", calendar("SUMMARY:sì"), "sì"},
		{"LF alone", strings.ReplaceAll(calendar("SUMMARY:a", " b"), "\r\n", "\n"), "ab"},
		{"CR twice", strings.ReplaceAll(calendar("SUMMARY:a"), "\r\n", "\r\r\n"), "a"},
		{"a byte order mark", "\ufeff" + calendar("SUMMARY:a"), "a"},
		{"blank lines", "\r\n\r\n" + calendar("", "SUMMARY:a", "", "", "X-B:1"), "a"},
		{"no end of the last line", strings.TrimSpace(calendar("SUMMARY:a")), "a"},
		{"folded within an escape", calendar(`SUMMARY:uno\`, ` ndue\`, " , tre"), "uno\ndue, tre"},
		{"folded within a character", calendar("SUMMARY:\xc3", " \xa8"), "è"},
		{"folded within the name", calendar("SUM", "\tMARY:a"), "a"},
		{"folded with what looks folded", calendar("SUMMARY:a", "  b"), "a b"},
		{"every escape", calendar(`SUMMARY:\\n\n\N\,\;\x\`), "\\n\n\n,;\\x\\"},
		{"name in small letters", calendar("summary;language=it:a"), "a"},
		{"quoted parameters", calendar(`SUMMARY;X-P="a:b;c,d";X-Q=e,"f":g:h`), "g:h"},
		{"the first of two", calendar("SUMMARY:a", "SUMMARY:b"), "a"},
		{"not UTF-8", calendar("SUMMARY:perch\xe9\xe8"), "perch\ufffd\ufffd"},
		{"control characters", calendar("SUMMARY:a\x00\x01b"), "a\x00\x01b"},
		{"a parameter that is a value alone", calendar("SUMMARY;QUOTED-PRINTABLE:a"), "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				cals, _, err := decodeFrom(r)
				if err != nil {
					t.Fatal(err)
				}
				if got := cals[0].Events()[0].Props.Text(ical.PropSummary); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
		})
	}
}

func TestDecodeParameters(t *testing.T) {
	cals, _, err := decode(calendar(`ATTENDEE;CN=Anna ^'l'Esempio^' ^^Prova^nfine^x;MEMBER="mailto:x@example.it","mailto:y@example.it"; ROLE = CHAIR :mailto:a@example.it`))
	if err != nil {
		t.Fatal(err)
	}
	got := cals[0].Events()[0].Props.Get(ical.PropAttendee).Params
	want := ical.Params{
		"CN": {"Anna \"l'Esempio\" ^Prova\nfine^x"}, "MEMBER": {"mailto:x@example.it", "mailto:y@example.it"}, "ROLE": {"CHAIR"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeSeveral(t *testing.T) {
	cals, _, err := decode(calendar("UID:a", "BEGIN:VALARM", "END:VALARM", "BEGIN:VEVENT", "UID:within", "END:VEVENT") + calendar("UID:b"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, cal := range cals {
		for _, e := range cal.Events() {
			got = append(got, e.Props.Text(ical.PropUID))
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestDecodePassesOver looks at what a file may have that nobody needs, and what is said of it.
func TestDecodePassesOver(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	tests := []struct {
		name, text string
		want       []ical.Note
	}{
		{"nothing", calendar("SUMMARY:a"), nil},
		{"a property without value", calendar("ORGANIZER;CN=Anna"), []ical.Note{{4, "ORGANIZER was passed over: no value after the parameters"}}},
		{"an open quote", calendar("X-A:1", `ATTENDEE;CN="Anna:mailto:a@example.it`), []ical.Note{{5, "ATTENDEE was passed over: no value: a quote is not closed"}}},
		{"a name with spaces", calendar("REFRESH - INTERVAL:1"), []ical.Note{{4, "REFRESH - INTERVAL was passed over: no value: the name is not one"}}},
		{"a long line", calendar("ATTACH:" + long), []ical.Note{{4, "ATTACH was passed over: no value: more than 65536 octets"}}},
		{"a long line, folded", calendar("ATTACH:"+long[:40<<10], " "+long[:40<<10]), []ical.Note{{4, "ATTACH was passed over: no value: more than 65536 octets"}}},
		{"another encoding", calendar("SUMMARY:\xe8", "LOCATION:\xe8"), []ical.Note{{4, "not all of it is UTF-8: what is not was replaced"}}},
		{"a property after the calendar", calendar() + "X-COMMENT:from a cache\n", []ical.Note{{7, "X-COMMENT was passed over: it is in no calendar"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, notes, err := decode(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	const begin, end = "BEGIN:VCALENDAR\r\n", "END:VCALENDAR\r\n"
	long := strings.Repeat("x", 70<<10)
	tests := []struct {
		name, text string
		want       error
	}{
		{"HTML", "<!DOCTYPE html>\n<title>Accedi</title>", ical.ErrMalformed},
		{"UTF-16", "\xff\xfeB\x00E\x00", ical.ErrMalformed},
		{"another sort of card", "BEGIN:VCARD\r\nEND:VCARD\r\n", ical.ErrMalformed},
		{"an event alone", "BEGIN:VEVENT\r\nEND:VEVENT\r\n", ical.ErrMalformed},
		{"a header before", "Content-Type: text/calendar\r\n\r\n" + calendar(), ical.ErrMalformed},
		{"a space before", " " + calendar(), ical.ErrMalformed},
		{"a space after the name", strings.Replace(calendar(), "VCALENDAR", "VCALENDAR ", 1), ical.ErrMalformed},
		{"a signature after", calendar() + "-- \r\nAnna\r\n", ical.ErrMalformed},
		{"CR alone", strings.ReplaceAll(calendar(), "\r\n", "\r"), ical.ErrMalformed},
		{"cut off within a line", calendar("DTSTART:2026")[:60], ical.ErrMalformed},
		{"cut off after the event", strings.TrimSuffix(calendar(), end), ical.ErrMalformed},
		{"an event without end", begin + "BEGIN:VEVENT\r\n" + end, ical.ErrMalformed},
		{"an end too many", begin + "END:VEVENT\r\n" + end, ical.ErrMalformed},
		{"a line without name", calendar("this is no property"), ical.ErrMalformed},
		{"a component without name", begin + "BEGIN:\r\nEND:\r\n" + end, ical.ErrMalformed},
		{"a rule without value", calendar(`RRULE;X="FREQ=DAILY`), ical.ErrMalformed},
		{"a start with a space", calendar("DTSTART :20261203"), ical.ErrMalformed},
		{"exceptions too long", calendar("EXDATE:" + long), ical.ErrMalformed},
		{"too deep", begin + strings.Repeat("BEGIN:X\r\n", 9), ical.ErrTooLarge},
		{"too many parameters", calendar("X-A" + strings.Repeat(";B=1", 300) + ":1"), ical.ErrTooLarge},
		{"too many components", begin + strings.Repeat("BEGIN:X\nEND:X\n", 150_000) + end, ical.ErrTooLarge},
		{"too many properties", calendar(strings.Repeat("A:\n", 700_000)), ical.ErrTooLarge},
		{"too large", calendar(strings.Repeat("X-A:"+strings.Repeat("x", 1000)+"\n", 17<<10)), ical.ErrTooLarge},
		{"too large, in one line", calendar("X-A:" + strings.Repeat("x", 17<<20)), ical.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := decode(tt.text); !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
	t.Run("what reading returned", func(t *testing.T) {
		_, _, err := decodeFrom(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(calendar()))))
		if !errors.Is(err, iotest.ErrTimeout) {
			t.Errorf("got error %v, want %v", err, iotest.ErrTimeout)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		if _, err := ical.NewDecoder(strings.NewReader("\n\n")).Decode(); !errors.Is(err, io.EOF) {
			t.Errorf("got error %v, want %v", err, io.EOF)
		}
	})
}

// TestDecodeBoundsMemory reads a stream that has no end.
func TestDecodeBoundsMemory(t *testing.T) {
	for _, repeated := range []string{"x", "A:\n", "BEGIN:X\nEND:X\n", " ", "\n", ";B=1"} {
		_, _, err := decodeFrom(io.MultiReader(strings.NewReader("BEGIN:VCALENDAR\nX-A"), &endless{text: repeated}))
		if err == nil {
			t.Errorf("%q without end: no error", repeated)
		}
	}
}

// endless is a text again and again, up to far more than anybody would read.
type endless struct {
	text string
	read int
}

func (e *endless) Read(b []byte) (int, error) {
	if e.read > 1<<30 {
		return 0, errors.New("nobody stops reading")
	}
	n := 0
	for n+len(e.text) <= len(b) {
		n += copy(b[n:], e.text)
	}
	if n == 0 {
		n = copy(b, e.text)
	}
	e.read += n
	return n, nil
}

// TestDecodeWhatIsWritten reads what the encoder writes, which is the same when it is written again.
func TestDecodeWhatIsWritten(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ics")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			cals, notes, err := decode(string(want))
			if err != nil || len(notes) > 0 {
				t.Fatal(err, notes)
			}
			var got bytes.Buffer
			if err := ical.NewEncoder(&got).Encode(cals[0]); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
