package calendar

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"sportello/booking/ical"
	"sportello/booking/timetable"
)

// Reading is what is understood of a calendar file.
type Reading struct {
	Calendars []*ical.Calendar
	Notes     []ical.Note       // lines that were passed over
	Found     []ical.Occurrence // in the order of their start
	Refused   []ical.Refusal
	Busy      []timetable.Span // of what was found, what keeps somebody busy; ascending, without overlaps
}

// errEmpty means that there is no calendar in a file.
var errEmpty = errors.New("there is no calendar in it")

// Read reads a whole file and expands what it says from one instant until another. Times without a zone
// are those of a clock in zone. What is broken or cut off is refused as a whole: nobody could say what is
// missing, and what is missing is no busy time any more.
func Read(r io.Reader, zone *time.Location, from, until time.Time) (Reading, error) {
	var all Reading
	decoder := ical.NewDecoder(r)
	for {
		c, err := decoder.Decode()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Reading{}, err
		}
		all.Calendars = append(all.Calendars, c)
	}
	if all.Calendars == nil {
		return Reading{}, errEmpty
	}
	all.Notes = decoder.Notes()
	agenda := ical.NewAgenda(zone, all.Calendars...)
	found, refused := agenda.Between(from, until)
	all.Found, all.Refused = found, append(agenda.Refused(), refused...)
	for _, o := range found {
		if Busy(o.Event) && o.End.After(o.Start) {
			all.Busy = append(all.Busy, timetable.Span{From: o.Start.UTC(), Until: o.End.UTC()})
		}
	}
	for _, c := range all.Calendars {
		all.Busy = append(all.Busy, freeBusy(c, from, until)...)
	}
	all.Busy = timetable.Union(all.Busy)
	return all, nil
}

// The property by which Outlook and Exchange say how busy somebody is (MS-OXCICAL, section 2.1.3.1.1.20.32).
const propBusyStatus = "X-MICROSOFT-CDO-BUSYSTATUS"

// Busy reports whether an event keeps somebody busy: it takes place, and neither TRANSP (RFC 5545,
// section 3.8.2.7) nor Outlook's word for it says that one is free meanwhile.
func Busy(e *ical.Event) bool {
	says := func(name, word string) bool { return strings.EqualFold(strings.TrimSpace(e.Props.Text(name)), word) }
	return !says(ical.PropStatus, string(ical.EventCancelled)) && !says(ical.PropTransparency, "TRANSPARENT") && !says(propBusyStatus, "FREE")
}

// freeBusy is what the VFREEBUSYs of a calendar say (RFC 5545, sections 3.6.4 and 3.8.2.6). All their
// times are in UTC; what is not is none.
func freeBusy(c *ical.Calendar, from, until time.Time) []timetable.Span {
	var all []timetable.Span
	for _, component := range c.Children {
		if component.Name != "VFREEBUSY" {
			continue
		}
		for _, p := range component.Props["FREEBUSY"] {
			if strings.EqualFold(p.Params.Get("FBTYPE"), "FREE") {
				continue
			}
			periods, err := p.Periods()
			if err != nil {
				continue
			}
			for _, period := range periods {
				if s, ok := span(period); ok && s.Until.After(from) && s.From.Before(until) {
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// span is a period in UTC, and whether it is one.
func span(p ical.Period) (timetable.Span, bool) {
	s := timetable.Span{From: p.Start.Wall}
	switch {
	case p.Start.Form != ical.InUTC:
		return s, false
	case p.End != nil:
		s.Until = p.End.Wall
	case p.Length != nil:
		s.Until = s.From.AddDate(0, 0, p.Length.Days).Add(p.Length.Time)
	}
	return s, s.Until.After(s.From)
}

// Why is the reason for which an event was refused, in a word.
type Why string

// The reasons.
const (
	WhyValue      Why = "value"
	WhyZone       Why = "zone"
	WhyRule       Why = "rule"
	WhyMuch       Why = "much"
	WhySuperseded Why = "superseded"
	WhyElse       Why = "else"
)

// WhyRefused is why an event was refused.
func WhyRefused(r ical.Refusal) Why {
	for _, each := range []struct {
		is  error
		why Why
	}{
		{ical.ErrZone, WhyZone}, {ical.ErrRule, WhyRule}, {ical.ErrTooMuch, WhyMuch}, {ical.ErrSuperseded, WhySuperseded}, {ical.ErrValue, WhyValue},
	} {
		if errors.Is(r.Err, each.is) {
			return each.why
		}
	}
	return WhyElse
}

// refused counts the events that were not understood; an older state of one that was is none of them.
func (r Reading) refused() int {
	n := 0
	for _, refusal := range r.Refused {
		if WhyRefused(refusal) != WhySuperseded {
			n++
		}
	}
	return n
}

// Next is the busy time that is not over at an instant, at most n.
func (r Reading) Next(now time.Time, n int) []timetable.Span {
	first, _ := slices.BinarySearchFunc(r.Busy, now, func(s timetable.Span, t time.Time) int {
		return cmp.Or(s.Until.Compare(t), -1) // what ends now is over
	})
	return r.Busy[first:min(len(r.Busy), first+n)]
}
