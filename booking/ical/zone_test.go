package ical_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking/ical"
)

// rome is a VTIMEZONE with the rules of Europe/Rome since 1996 under any name.
func rome(name string) string {
	return strings.Join([]string{
		"BEGIN:VTIMEZONE", "TZID:" + name,
		"BEGIN:DAYLIGHT", "DTSTART:19810329T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "END:DAYLIGHT",
		"BEGIN:STANDARD", "DTSTART:19961027T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "END:STANDARD",
		"END:VTIMEZONE", "",
	}, "\r\n")
}

// within is the VTIMEZONE of rome with the onsets of its clock in another zone, which RFC 5545, section
// 3.6.5, forbids: they are local times.
func within(name, other string) string {
	return strings.ReplaceAll(rome(name), "DTSTART:", "DTSTART;TZID="+other+":")
}

// fixed is a VTIMEZONE whose clock never changes.
func fixed(name, offset string) string {
	return strings.Join([]string{
		"BEGIN:VTIMEZONE", "TZID:" + name, "BEGIN:STANDARD", "DTSTART:19700101T000000", "TZOFFSETFROM:" + offset, "TZOFFSETTO:" + offset, "END:STANDARD", "END:VTIMEZONE", "",
	}, "\r\n")
}

// zonesOf are the zones of a calendar with these VTIMEZONEs.
func zonesOf(t *testing.T, defined ...string) *ical.Zones {
	t.Helper()
	cals, _, err := decode("BEGIN:VCALENDAR\r\n" + strings.Join(defined, "") + "END:VCALENDAR\r\n")
	if err != nil {
		t.Fatal(err)
	}
	return ical.NewZones(cals...)
}

func TestZones(t *testing.T) {
	tests := []struct {
		name, tzid string
		defined    []string
		want       string // a zone of the IANA with the same clock; "" for none
	}{
		{"a name of the IANA", "Europe/Rome", nil, "Europe/Rome"},
		{"a name of the IANA before a VTIMEZONE that lies", "Europe/Rome", []string{fixed("Europe/Rome", "+0600")}, "Europe/Rome"},
		{"an old name of the IANA", "US/Eastern", nil, "America/New_York"},
		{"a VTIMEZONE", "Ufficio", []string{rome("Ufficio")}, "Europe/Rome"},
		{"a VTIMEZONE, its name escaped", "(UTC+01:00) Berlin, Rome", []string{rome(`(UTC+01:00) Berlin\, Rome`)}, "Europe/Rome"},
		{"a VTIMEZONE before the table", "Tokyo Standard Time", []string{rome("Tokyo Standard Time")}, "Europe/Rome"},
		{"a VTIMEZONE before the last parts", "/example.it/Asia/Tokyo", []string{rome("/example.it/Asia/Tokyo")}, "Europe/Rome"},
		{"a VTIMEZONE twice", "Ufficio", []string{rome("Ufficio"), rome("Ufficio")}, "Europe/Rome"},
		{"a VTIMEZONE that is in itself", "Ufficio", []string{within("Ufficio", "Ufficio")}, "Europe/Rome"},
		{"two that are in each other", "Ufficio", []string{within("Ufficio", "Altro"), within("Altro", "Ufficio")}, "Europe/Rome"},
		{"two that do not agree", "Ufficio", []string{rome("Ufficio"), fixed("Ufficio", "+0100")}, ""},
		{"seconds of an offset", "Ufficio", []string{fixed("Ufficio", "-013015")}, ""},
		{"a name of Windows", "W. Europe Standard Time", nil, "Europe/Rome"},
		{"a name of Windows whose VTIMEZONE is broken", "W. Europe Standard Time", []string{fixed("W. Europe Standard Time", "1")}, "Europe/Rome"},
		{"last parts", "/mozilla.org/20050126_1/Europe/Rome", nil, "Europe/Rome"},
		{"three last parts", "/x/America/Argentina/Buenos_Aires", nil, "America/Argentina/Buenos_Aires"},
		{"a slash before", "/Europe/Rome", nil, "Europe/Rome"},
		{"seconds that count leap seconds", "right/Europe/Rome", nil, "Europe/Rome"},
		{"nowhere", "Nowhere/Middle", nil, ""},
		{"nothing", "", nil, ""},
		{"the machine's", "Local", nil, ""},
		{"the machine's file", "localtime", nil, ""},
		{"a way out", "../../etc/localtime", nil, ""},
		{"another's VTIMEZONE", "Ufficio", []string{rome("Altro")}, ""},
		{"no offset", "Ufficio", []string{strings.ReplaceAll(rome("Ufficio"), "TZOFFSETTO", "X-TO")}, ""},
		{"offset of a day", "Ufficio", []string{fixed("Ufficio", "+2400")}, ""},
		{"no rules", "Ufficio", []string{"BEGIN:VTIMEZONE\r\nTZID:Ufficio\r\nEND:VTIMEZONE\r\n"}, ""},
		{"a rule that is none", "Ufficio", []string{strings.ReplaceAll(rome("Ufficio"), "YEARLY", "OFTEN")}, ""},
		{"a clock that changes every second", "Ufficio", []string{strings.ReplaceAll(rome("Ufficio"), "YEARLY", "SECONDLY")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := zonesOf(t, tt.defined...).Location(tt.tzid)
			if tt.name == "seconds of an offset" {
				if _, offset := time.Unix(0, 0).In(got).Zone(); offset != -(3600 + 30*60 + 15) {
					t.Errorf("got %d s", offset)
				}
				return
			}
			if tt.want == "" {
				if !errors.Is(err, ical.ErrZone) {
					t.Errorf("got %v, error %v, want %v", got, err, ical.ErrZone)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, err := time.LoadLocation(tt.want)
			if err != nil {
				t.Fatal(err)
			}
			sameClock(t, want, got)
		})
	}
}

// sameClock compares two zones around every change of a clock in a hundred years, and each month.
func sameClock(t *testing.T, want, got *time.Location) {
	t.Helper()
	for at := time.Date(1997, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2097; at = at.Add(6 * time.Hour) {
		for _, second := range []time.Duration{0, time.Hour, time.Hour - time.Second} {
			_, w := at.Add(second).In(want).Zone()
			if _, g := at.Add(second).In(got).Zone(); g != w {
				t.Fatalf("at %v: %d s east of UTC, want %d", at.Add(second), g, w)
			}
		}
	}
}

// TestWindowsZones looks every name of the table up.
func TestWindowsZones(t *testing.T) {
	table, err := os.ReadFile("windows.go")
	if err != nil {
		t.Fatal(err)
	}
	entries := regexp.MustCompile(`"(.+)": +"(.+)"`).FindAllStringSubmatch(string(table), -1)
	if len(entries) < 130 {
		t.Fatalf("%d entries", len(entries))
	}
	for _, entry := range entries {
		want, err := time.LoadLocation(entry[2])
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := zonesOf(t).Location(entry[1]); err != nil || got.String() != want.String() {
			t.Errorf("%s: got %v, error %v, want %v", entry[1], got, err, want)
		}
	}
}

// TestTime reads times around both changes of the clock. What it shows twice is the first, what it
// never shows is later by the hour that was left out.
func TestTime(t *testing.T) {
	tests := []struct {
		tzid, wall, want string
	}{
		{"Europe/Rome", "20250330T015959", "2025-03-30T00:59:59Z"},
		{"Europe/Rome", "20250330T020000", "2025-03-30T01:00:00Z"},
		{"Europe/Rome", "20250330T023000", "2025-03-30T01:30:00Z"},
		{"Europe/Rome", "20250330T030000", "2025-03-30T01:00:00Z"},
		{"Europe/Rome", "20251026T015959", "2025-10-25T23:59:59Z"},
		{"Europe/Rome", "20251026T023000", "2025-10-26T00:30:00Z"},
		{"Europe/Rome", "20251026T030000", "2025-10-26T02:00:00Z"},
		{"Europe/Rome", "20521231T233000", "2052-12-31T22:30:00Z"}, // the last day of a leap year, by rule
		{"Europe/Rome", "18500101T120000", "1850-01-01T11:10:04Z"}, // by the sun
		{"Australia/Lord_Howe", "20250406T014500", "2025-04-05T14:45:00Z"},
		{"Australia/Lord_Howe", "20251005T021500", "2025-10-04T15:45:00Z"},
		{"America/St_Johns", "20250309T023000", "2025-03-09T06:00:00Z"},
		{"Asia/Kolkata", "20250330T023000", "2025-03-29T21:00:00Z"},
		{"Pacific/Apia", "20111230T120000", "2011-12-30T22:00:00Z"}, // a day that was left out
		{"Ufficio", "20250330T023000", "2025-03-30T01:30:00Z"},
		{"Ufficio", "20251026T023000", "2025-10-26T00:30:00Z"},
		{"Ufficio", "18500101T120000", "1850-01-01T11:00:00Z"}, // before its first change
	}
	zones := zonesOf(t, rome("Ufficio"))
	for _, tt := range tests {
		t.Run(tt.tzid+" "+tt.wall, func(t *testing.T) {
			p := prop(ical.PropDateTimeStart, tt.wall)
			p.Params = ical.Params{ical.ParamTimezoneID: {tt.tzid}}
			d, err := p.DateTime()
			if err != nil {
				t.Fatal(err)
			}
			at, err := zones.Time(d, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			if got := at.UTC().Format(time.RFC3339); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
