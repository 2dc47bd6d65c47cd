package ical

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrValue means that a value does not have its property's form.
var ErrValue = errors.New("not a value of its type")

// Form is how a time is told (RFC 5545, sections 3.3.4 and 3.3.5).
type Form string

// The forms of a time.
const (
	OnDate   Form = "date"     // a day
	Floating Form = "floating" // what the clock shows wherever one is
	InUTC    Form = "utc"
	Zoned    Form = "zoned" // what the clock shows in the zone that TZID names
)

// DateTime is a DATE or a DATE-TIME. Which instant it is, [Zones] say.
type DateTime struct {
	Wall time.Time // what is written, in UTC whatever the form; midnight of a date
	Form Form
	TZID string // of a Zoned one
}

// DateTime reads a DATE or DATE-TIME. The form is that of what is written: many programs write dates
// without VALUE=DATE. A Z goes before a TZID.
func (p *Prop) DateTime() (DateTime, error) {
	d, ok := parseDateTime(p.Value)
	if !ok {
		return DateTime{}, fmt.Errorf("%s: %w: %q", p.Name, ErrValue, shortened(p.Value))
	}
	return p.inZone(d), nil
}

// inZone adds the property's TZID to a time that is told without a zone.
func (p *Prop) inZone(d DateTime) DateTime {
	if zone := p.Params[ParamTimezoneID]; len(zone) > 0 && d.Form == Floating {
		d.Form, d.TZID = Zoned, zone[0]
	}
	return d
}

// DateTimes reads a list, such as that of EXDATE; an empty value is an empty list.
func (p *Prop) DateTimes() ([]DateTime, error) {
	var all []DateTime
	for value := range strings.SplitSeq(p.Value, ",") {
		if strings.TrimSpace(value) == "" {
			continue
		}
		d, ok := parseListed(value)
		if !ok {
			return nil, fmt.Errorf("%s: %w: %q", p.Name, ErrValue, shortened(value))
		}
		all = append(all, p.inZone(d))
	}
	return all, nil
}

// parseListed reads a time of a list. There Google writes dates with a Z.
func parseListed(s string) (DateTime, bool) {
	if date, ok := strings.CutSuffix(strings.TrimSpace(s), "Z"); ok && len(date) == len(dateForm) {
		s = date
	}
	return parseDateTime(s)
}

// parseDateTime reads 20261203, 20261203T093000 and 20261203T093000Z. A leap second is the one
// before it, as RFC 5545, section 3.3.12, has it for programs without leap seconds.
func parseDateTime(s string) (DateTime, bool) {
	s = strings.TrimSpace(s)
	if len(s) < len(dateForm) {
		return DateTime{}, false
	}
	date, ok := number(s[:8])
	year, month, day := date/10000, date/100%100, date%100
	if !ok || month < 1 || month > 12 || day < 1 || day > 31 {
		return DateTime{}, false
	}
	d := DateTime{Form: OnDate, Wall: time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)}
	if d.Wall.Day() != day {
		return DateTime{}, false
	}
	if s = s[8:]; s == "" {
		return d, true
	}
	d.Form = Floating
	if last := s[len(s)-1]; last == 'Z' || last == 'z' {
		d.Form, s = InUTC, s[:len(s)-1]
	}
	if len(s) != len("T093000") || s[0] != 'T' && s[0] != 't' {
		return DateTime{}, false
	}
	clock, ok := number(s[1:])
	hour, minute, second := clock/10000, clock/100%100, clock%100
	if !ok || hour > 23 || minute > 59 || second > 60 {
		return DateTime{}, false
	}
	d.Wall = d.Wall.Add(time.Duration(hour*3600+minute*60+min(second, 59)) * time.Second)
	return d, true
}

// number reads digits, and nothing but digits.
func number(s string) (int, bool) {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != ""
}

// Duration is a DURATION (RFC 5545, section 3.3.6): days of the calendar, however long the clock
// makes them, and then time that passes. Both have the same sign.
type Duration struct {
	Days int
	Time time.Duration
}

// The most that a duration may have: more is a fault of the program that wrote it.
const (
	mostDays  = 100 * 366
	mostHours = mostDays * 24
)

// Duration reads a DURATION. Weeks beside days are taken, and units left out between others.
func (p *Prop) Duration() (Duration, error) {
	d, ok := parseDuration(p.Value)
	if !ok {
		return Duration{}, fmt.Errorf("%s: %w: %q", p.Name, ErrValue, shortened(p.Value))
	}
	return d, nil
}

func parseDuration(s string) (Duration, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	s, ok := strings.CutPrefix(s, "P")
	if !ok {
		return Duration{}, false
	}
	date, clock, timed := strings.Cut(s, "T")
	days, ok := units(date, map[byte]int64{'W': 7, 'D': 1}, "WD")
	if !ok || date == "" && !timed || days > mostDays {
		return Duration{}, false
	}
	seconds, ok := units(clock, map[byte]int64{'H': 3600, 'M': 60, 'S': 1}, "HMS")
	if !ok || timed && clock == "" || seconds > mostHours*3600 {
		return Duration{}, false
	}
	d := Duration{Days: int(days), Time: time.Duration(seconds) * time.Second}
	if negative {
		d.Days, d.Time = -d.Days, -d.Time
	}
	return d, true
}

// units sums numbers that each have a unit after them, in the given order.
func units(s string, worth map[byte]int64, order string) (sum int64, ok bool) {
	for s != "" {
		digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if digits < 1 || digits > 9 {
			return 0, false
		}
		n, _ := number(s[:digits])
		at := strings.IndexByte(order, s[digits])
		if at < 0 {
			return 0, false
		}
		sum += int64(n) * worth[s[digits]]
		s, order = s[digits+1:], order[at+1:]
	}
	return sum, true
}

// Period is a PERIOD (RFC 5545, section 3.3.9): a start with either an end or a length.
type Period struct {
	Start  DateTime
	End    *DateTime
	Length *Duration
}

// Periods reads the values of RDATE, times as well as periods: a time is a period with neither end
// nor length. An empty value is an empty list.
func (p *Prop) Periods() ([]Period, error) {
	if p.ValueType() == ValueTime {
		return nil, fmt.Errorf("%s: a time of day without a date", p.Name)
	}
	var all []Period
	for value := range strings.SplitSeq(p.Value, ",") {
		if strings.TrimSpace(value) == "" {
			continue
		}
		period, ok := parsePeriod(value)
		if !ok {
			return nil, fmt.Errorf("%s: %w: %q", p.Name, ErrValue, shortened(value))
		}
		period.Start = p.inZone(period.Start)
		if period.End != nil {
			*period.End = p.inZone(*period.End)
		}
		all = append(all, period)
	}
	return all, nil
}

func parsePeriod(s string) (Period, bool) {
	start, end, whole := strings.Cut(s, "/")
	var p Period
	var ok bool
	if p.Start, ok = parseListed(start); !ok || !whole {
		return p, ok
	}
	if length, ok := parseDuration(end); ok {
		p.Length = &length
		return p, true
	}
	until, ok := parseDateTime(end)
	p.End = &until
	return p, ok
}

// Int reads a whole number.
func (p *Prop) Int() (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(p.Value))
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %q", p.Name, ErrValue, shortened(p.Value))
	}
	return n, nil
}

// untext reads TEXT (RFC 5545, section 3.3.11). What is no escape sequence stands for itself.
var untext = strings.NewReplacer(`\\`, `\`, `\,`, ",", `\;`, ";", `\n`, "\n", `\N`, "\n")

// Text reads a TEXT, which may have several lines.
func (p *Prop) Text() string {
	if !strings.Contains(p.Value, `\`) {
		return p.Value
	}
	return untext.Replace(p.Value)
}

// TextList reads several TEXTs, such as those of CATEGORIES.
func (p *Prop) TextList() []string {
	var all []string
	from, escaped := 0, false
	for i, c := range []byte(p.Value) {
		if c == ',' && !escaped {
			all = append(all, untext.Replace(p.Value[from:i]))
			from = i + 1
		}
		escaped = c == '\\' && !escaped
	}
	return append(all, untext.Replace(p.Value[from:]))
}

// Text is the first TEXT of a name, or "".
func (p Props) Text(name string) string {
	if prop := p.Get(name); prop != nil {
		return prop.Text()
	}
	return ""
}
