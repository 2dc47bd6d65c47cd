package ical

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrUnwritable means that a calendar holds something that iCalendar cannot say, or says only with
// other properties beside it.
var ErrUnwritable = errors.New("cannot be written as iCalendar")

// ErrTooLarge means that a calendar is larger than other programs take: a property of more than
// 64 KiB, components more than 8 deep, or more than 16 MiB in all.
var ErrTooLarge = errors.New("too large for iCalendar")

const (
	lineOctets    = 75 // of a line, without its end (RFC 5545, section 3.1)
	largestLine   = 64 << 10
	deepest       = 8
	largestOutput = 16 << 20
	usualSize     = 400 // of an event
)

// order is in which order the properties of a component stand, those not named after them by name.
// RFC 5545 asks for none; these first are what old programs expect.
var order = []string{
	PropVersion, PropProductID, PropCalendarScale, PropMethod,
	PropUID, PropDateTimeStamp, PropLastModified, PropSequence, PropStatus,
	PropAction, PropTrigger,
	PropDateTimeStart, PropDateTimeEnd, PropDuration, PropSummary, PropLocation, PropDescription, PropURL,
	PropOrganizer, PropAttendee,
}

// A rule is what a component must hold exactly once and may hold at most once.
type rule struct {
	one, most []string
}

// rules are those of RFC 5545, section 3.6, but that an event has its start under every METHOD.
var rules = map[string]rule{
	CompCalendar: {
		one:  []string{PropVersion, PropProductID},
		most: []string{PropCalendarScale, PropMethod},
	},
	CompEvent: {
		one: []string{PropUID, PropDateTimeStamp, PropDateTimeStart},
		most: []string{
			PropLastModified, PropSequence, PropStatus, PropDateTimeEnd, PropDuration, PropSummary,
			PropLocation, PropDescription, PropURL, PropOrganizer, PropClass, PropTransparency, "PRIORITY", "CREATED",
			"GEO", PropRecurrenceID,
		},
	},
	CompTimezone: {one: []string{PropTimezoneID}},
	CompStandard: {one: []string{PropDateTimeStart, PropTimezoneOffsetFrom, PropTimezoneOffsetTo}},
	CompDaylight: {one: []string{PropDateTimeStart, PropTimezoneOffsetFrom, PropTimezoneOffsetTo}},
	CompAlarm: {
		one:  []string{PropAction, PropTrigger},
		most: []string{PropDescription, PropSummary, PropDuration, "REPEAT"},
	},
}

// Encoder writes calendars.
type Encoder struct {
	w io.Writer
}

// NewEncoder returns an encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder { return &Encoder{w: w} }

// Encode writes cal, or nothing when Text has an error.
func (e *Encoder) Encode(cal *Calendar) error {
	content, err := cal.Text()
	if err != nil {
		return err
	}
	if _, err := e.w.Write(content); err != nil {
		return fmt.Errorf("write calendar: %w", err)
	}
	return nil
}

// Text returns the calendar as iCalendar, or ErrUnwritable or ErrTooLarge when it is not fit for that.
func (c *Calendar) Text() ([]byte, error) {
	if c.Name != CompCalendar || len(c.Children) == 0 {
		return nil, fmt.Errorf("write calendar: %w: %s with %d components", ErrUnwritable, c.Name, len(c.Children))
	}
	var t text
	t.out.Grow(len(c.Children) * usualSize)
	if err := t.component(c.Component, 1); err != nil {
		return nil, fmt.Errorf("write calendar: %w", err)
	}
	return t.out.Bytes(), nil
}

// A text is a calendar in the making.
type text struct {
	out     bytes.Buffer
	content []byte // of the line that is written
}

func (t *text) component(c *Component, depth int) error {
	if depth > deepest {
		return fmt.Errorf("%w: components are more than %d deep", ErrTooLarge, deepest)
	}
	if !isName(c.Name) {
		return fmt.Errorf("%w: component name %q", ErrUnwritable, c.Name)
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	t.line("BEGIN:", c.Name)
	rule := rules[c.Name]
	for _, name := range c.Props.names() {
		if n := len(c.Props[name]); n > 1 && slices.Contains(rule.most, name) {
			return fmt.Errorf("%s: %w: %d times %s", c.Name, ErrUnwritable, n, name)
		}
		for _, prop := range c.Props[name] {
			if err := t.property(name, &prop); err != nil {
				return fmt.Errorf("%s: %s: %w", c.Name, name, err)
			}
		}
	}
	for _, child := range c.Children {
		if err := t.component(child, depth+1); err != nil {
			return err
		}
	}
	t.line("END:", c.Name)
	if t.out.Len() > largestOutput {
		return fmt.Errorf("%w: more than %d octets", ErrTooLarge, largestOutput)
	}
	return nil
}

// check says what a component lacks, or has that cannot stand together.
func (c *Component) check() error {
	for _, name := range rules[c.Name].one {
		if n := len(c.Props[name]); n != 1 {
			return fmt.Errorf("%w: %d times %s", ErrUnwritable, n, name)
		}
	}
	if c.Name == CompEvent && c.Props[PropDateTimeEnd] != nil && c.Props[PropDuration] != nil {
		return fmt.Errorf("%w: both %s and %s", ErrUnwritable, PropDateTimeEnd, PropDuration)
	}
	return nil
}

// names are the names in the order in which their properties are written.
func (p Props) names() []string {
	names := make([]string, 0, len(p))
	for _, name := range order {
		if _, ok := p[name]; ok {
			names = append(names, name)
		}
	}
	if len(names) == len(p) {
		return names
	}
	ordered := len(names)
	for name := range p {
		if !slices.Contains(order, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names[ordered:])
	return names
}

// property writes a property that stands under name.
func (t *text) property(name string, p *Prop) error {
	if !isName(name) || name != p.Name && name != strings.ToUpper(p.Name) || name == "BEGIN" || name == "END" {
		return fmt.Errorf("%w: property name %q", ErrUnwritable, p.Name)
	}
	params, err := writeParams(p.Params)
	if err != nil {
		return err
	}
	if err := checkText(p.Value); err != nil {
		return err
	}
	if err := p.checkValue(); err != nil {
		return err
	}
	if n := len(name) + len(params) + len(":") + len(p.Value); n > largestLine {
		return fmt.Errorf("%w: %d octets, at most %d", ErrTooLarge, n, largestLine)
	}
	t.line(name, params, ":", p.Value)
	return nil
}

// caret writes what a quoted parameter cannot hold (RFC 6868, section 3).
var caret = strings.NewReplacer("^", "^^", "\r\n", "^n", "\n", "^n", "\r", "^n", `"`, "^'")

// writeParams returns the parameters as they stand after a name, in the order of theirs.
func writeParams(params Params) (all string, err error) {
	if len(params) == 0 {
		return "", nil
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		written, err := writeParam(name, params[name])
		if err != nil {
			return "", err
		}
		all += written
	}
	return all, nil
}

// writeParam returns ;NAME=value,value.
func writeParam(name string, values []string) (string, error) {
	if !isName(name) || len(values) == 0 {
		return "", fmt.Errorf("%w: parameter %q with %d values", ErrUnwritable, name, len(values))
	}
	written := make([]string, len(values))
	for i, value := range values {
		value = caret.Replace(value)
		if err := checkText(value); err != nil {
			return "", fmt.Errorf("parameter %s: %w", name, err)
		}
		if strings.ContainsAny(value, ",;:") || strings.TrimSpace(value) != value {
			value = `"` + value + `"`
		}
		written[i] = value
	}
	return ";" + name + "=" + strings.Join(written, ","), nil
}

// isName reports whether s is an iana-token or x-name (RFC 5545, section 3.1) in capitals.
func isName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// checkText says what in s cannot stand on a line.
func checkText(s string) error {
	for i, r := range s {
		switch {
		case r >= ' ' && r < unicode.MaxASCII || r == '\t': // what most of it is
		case r == utf8.RuneError && !utf8.ValidString(s[i:]):
			return fmt.Errorf("%w: not UTF-8", ErrUnwritable)
		case unicode.IsControl(r):
			return fmt.Errorf("%w: control character %U", ErrUnwritable, r)
		}
	}
	return nil
}

// line writes a content line of parts, folded into lines of at most 75 octets (RFC 5545, section 3.1).
// It breaks neither a character nor an escape sequence: not all programs put those together again.
func (t *text) line(parts ...string) {
	t.content = t.content[:0]
	for _, part := range parts {
		t.content = append(t.content, part...)
	}
	rest, room := t.content, lineOctets
	for len(rest) > room {
		n := fold(rest, room)
		t.out.Write(rest[:n])
		t.out.WriteString("\r\n ")
		rest, room = rest[n:], lineOctets-1
	}
	t.out.Write(rest)
	t.out.WriteString("\r\n")
}

// fold is how many of the first n octets of s belong before a fold: the last begins no character, nor the
// escape of one.
func fold(s []byte, n int) int {
	for !utf8.RuneStart(s[n]) {
		n--
	}
	escapes := 0
	for escapes < n && (s[n-1-escapes] == '\\' || s[n-1-escapes] == '^') {
		escapes++
	}
	return n - escapes%2 // two are one that is escaped
}
