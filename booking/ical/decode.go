package ical

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrMalformed means that a text is no iCalendar, or one that is broken or cut off.
var ErrMalformed = errors.New("not iCalendar")

// timing are the properties that say when an event is: to pass over one would move the event.
var timing = []string{
	PropDateTimeStart, PropDateTimeEnd, PropDuration, PropRecurrenceRule, PropRecurrenceDates,
	PropExceptionDates, PropRecurrenceID, PropUID, PropTimezoneID, PropTimezoneOffsetFrom, PropTimezoneOffsetTo,
}

// A Note is what was passed over in a file.
type Note struct {
	Line int // where it stands, from 1
	Text string
}

// notes are the first mostNotes notes of a file.
type notes struct {
	lines *lineReader
	all   []Note
}

func (n *notes) add(format string, args ...any) {
	if len(n.all) < mostNotes {
		n.all = append(n.all, Note{Line: n.lines.number, Text: fmt.Sprintf(format, args...)})
	}
}

func (n *notes) once(text string) {
	if !slices.ContainsFunc(n.all, func(note Note) bool { return note.Text == text }) {
		n.add("%s", text)
	}
}

// mostNamesAtFirst is for how many names of properties a component has room before it has any.
const mostNamesAtFirst = 32

// Decoder reads calendars. It takes what programs write and RFC 5545 does not allow where the
// meaning is not in doubt: line ends without CR, blank lines, a byte order mark, missing required
// properties, unknown escape sequences, lines other than those of times that have no value.
type Decoder struct {
	lines  *lineReader
	parser lineParser
	notes  notes

	components, properties int
	room                   []Prop         // where the next properties are kept
	names                  map[string]int // how many names of properties the last component of a name had
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r io.Reader) *Decoder {
	lines := newLineReader(r)
	d := &Decoder{lines: lines, notes: notes{lines: lines}, names: make(map[string]int)}
	d.parser = lineParser{names: make(map[string]string), notes: &d.notes}
	return d
}

// Notes are what was passed over so far, at most the first 100.
func (d *Decoder) Notes() []Note { return slices.Clone(d.notes.all) }

// Decode reads the next calendar. It returns io.EOF after the last, ErrMalformed for what is not
// iCalendar, stands before a calendar or ends before the calendar does, ErrTooLarge for more than
// 16 MiB, components more than 8 deep or a line of times of more than 64 KiB, and what reading
// returned. Nothing more can be read after an error.
func (d *Decoder) Decode() (*Calendar, error) {
	root, err := d.begin()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err == nil {
		err = d.fill(root)
	}
	if err != nil {
		return nil, fmt.Errorf("read calendar: line %d: %w", d.lines.number, err)
	}
	return &Calendar{Component: root}, nil
}

// begin reads the line that every calendar begins with. After a calendar, properties of none are
// passed over.
func (d *Decoder) begin() (*Component, error) {
	for {
		line, err := d.lines.next()
		if err != nil {
			return nil, err
		}
		switch {
		case bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")):
			return nil, fmt.Errorf("%w: it is UTF-16, not UTF-8", ErrMalformed)
		case bytes.HasPrefix(bytes.TrimSpace(line), []byte("<")):
			return nil, fmt.Errorf("%w: it looks like HTML", ErrMalformed)
		}
		p, err := d.parser.property(line)
		switch {
		case err == nil && p.Name == "BEGIN" && strings.EqualFold(p.Value, CompCalendar):
			return d.component(CompCalendar)
		case err != nil || p.Name == "BEGIN" || d.components == 0:
			return nil, fmt.Errorf("%w: something stands outside a calendar", ErrMalformed)
		}
		d.notes.add("%s was passed over: it is in no calendar", shortened(p.Name))
	}
}

func (d *Decoder) component(name string) (*Component, error) {
	if d.components++; d.components > mostComponents {
		return nil, fmt.Errorf("%w: more than %d components", ErrTooLarge, mostComponents)
	}
	return &Component{Name: name, Props: make(Props, min(d.names[name], mostNamesAtFirst))}, nil
}

// fill reads the lines of root up to its end.
func (d *Decoder) fill(root *Component) error {
	open := []*Component{root}
	for len(open) > 0 {
		in := open[len(open)-1]
		line, err := d.lines.next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it ends before %s does", ErrMalformed, in.Name)
		}
		if err != nil {
			return err
		}
		p, err := d.parser.property(line)
		if d.lines.long && err == nil {
			err = fmt.Errorf("%w: more than %d octets", errNoValue, largestLine)
		}
		if errors.Is(err, errNoValue) {
			if slices.Contains(timing, strings.TrimSpace(p.Name)) {
				return fmt.Errorf("%w: %s: %v", ErrMalformed, p.Name, err)
			}
			d.notes.add("%s was passed over: %v", shortened(p.Name), err)
			continue
		}
		if err != nil {
			return err
		}
		switch p.Name {
		case "BEGIN":
			child, err := d.child(p.Value, len(open))
			if err != nil {
				return err
			}
			in.Children = append(in.Children, child)
			open = append(open, child)
		case "END":
			if !strings.EqualFold(p.Value, in.Name) {
				return fmt.Errorf("%w: END:%s within %s", ErrMalformed, shortened(p.Value), in.Name)
			}
			d.names[in.Name] = len(in.Props)
			open = open[:len(open)-1]
		default:
			if err := d.add(in, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// child is the component that a line begins within depth others.
func (d *Decoder) child(value string, depth int) (*Component, error) {
	name, ok := d.parser.name([]byte(value))
	if !ok {
		return nil, fmt.Errorf("%w: component name %q", ErrMalformed, shortened(value))
	}
	if depth >= deepest {
		return nil, fmt.Errorf("%w: components are more than %d deep", ErrTooLarge, deepest)
	}
	return d.component(name)
}

// add keeps a property. Most names are there once: their properties share memory.
func (d *Decoder) add(in *Component, p Prop) error {
	if d.properties++; d.properties > mostProperties {
		return fmt.Errorf("%w: more than %d properties", ErrTooLarge, mostProperties)
	}
	if there := in.Props[p.Name]; there != nil {
		in.Props[p.Name] = append(there, p)
		return nil
	}
	if len(d.room) == cap(d.room) {
		d.room = make([]Prop, 0, 256)
	}
	d.room = append(d.room, p)
	last := len(d.room)
	in.Props[p.Name] = d.room[last-1 : last : last]
	return nil
}

// shortened is a name as it is told, however long it is.
func shortened(name string) string {
	if len(name) > 40 {
		return name[:40] + "…"
	}
	return name
}
