package ical

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A series is an event as its properties tell it: once, or again by rules and dates.
//
// Times without a zone that stand beside a zoned start are read on the same clock, and so are dates.
type series struct {
	event  *Event
	zone   *time.Location
	form   Form  // of the start
	start  int64 // a wall on the zone's clock, as in [clock]
	at     int64 // its instant
	length length

	rules       []recurrence
	more        []instance // of RDATE
	without     []int64    // instants of EXDATE, sorted
	withoutDays []int64    // days of an EXDATE that names days, sorted

	// Of an event that tells an instance of another: which, and whether it tells all later ones too.
	of      *DateTime
	onwards bool
	// The same once the series is known. An instance may be named by its day alone.
	ofInstance instance
	ofDay      bool

	changed     []*series // what tells instances of this one, in the order of those
	changedDays []int64   // the days of those that are named by their day alone
}

// A recurrence is a rule with UNTIL as the last wall and the last instant that it may give.
type recurrence struct {
	*Rule
	untilWall, untilInstant int64
}

// An instance is one time of a series.
type instance struct {
	wall, at int64
	length   *length // nil: the series'
}

// A length is how long an instance takes: days of the calendar, then seconds that pass.
type length struct {
	days, seconds int64
}

func (l length) end(c *clock, wall, at int64) int64 {
	if l.days != 0 {
		at = c.instant(wall + l.days*aDay)
	}
	return at + l.seconds
}

// understand reads the times of an event. Floating times are those of a clock in the given zone.
func understand(e *Event, zones *Zones, floating *time.Location) (*series, error) {
	s := &series{event: e, zone: floating, form: Floating}
	begin := e.Props.Get(PropDateTimeStart)
	if begin == nil {
		begin = e.Props.Get(PropRecurrenceID) // a cancellation may say no more
	}
	if begin == nil {
		return nil, errors.New("no DTSTART")
	}
	start, err := begin.DateTime()
	if err != nil {
		return nil, err
	}
	if s.zone, err = zones.zoneOf(start, floating); err != nil {
		return nil, err
	}
	c := &clock{zone: s.zone}
	s.form, s.start = start.Form, start.Wall.Unix()
	s.at = c.instant(s.start)
	for _, read := range []func(*clock, *Zones) error{s.readLength, s.readRules, s.readDates, s.readExceptions, s.readIdentity} {
		if err := read(c, zones); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// wall is a time on the clock of the series.
func (s *series) wall(c *clock, zones *Zones, d DateTime) (int64, error) {
	if d.Form == InUTC && s.zone != time.UTC || d.Form == Zoned {
		t, err := zones.Time(d, s.zone)
		return c.wall(t.Unix()), err
	}
	return d.Wall.Unix(), nil
}

// instance is a time at which the series takes place or does not. On dates it is a midnight.
func (s *series) instance(c *clock, zones *Zones, d DateTime) (instance, error) {
	if s.form != OnDate && (d.Form == InUTC || d.Form == Zoned) {
		t, err := zones.Time(d, s.zone)
		return instance{wall: c.wall(t.Unix()), at: t.Unix()}, err
	}
	wall, err := s.wall(c, zones, d)
	if s.form == OnDate {
		wall -= modulo(wall, aDay)
	}
	return instance{wall: wall, at: c.instant(wall)}, err
}

// readLength reads DTEND, or else DURATION. A DTEND lasts as many days, or as much time, whenever the
// instance is; a DURATION has days of the calendar (RFC 5545, section 3.8.5.3). An event of dates
// that says neither takes a day, any other no time at all.
func (s *series) readLength(c *clock, zones *Zones) error {
	if p := s.event.Props.Get(PropDateTimeEnd); p != nil {
		d, err := p.DateTime()
		if err != nil {
			return err
		}
		s.length, err = s.until(c, zones, instance{wall: s.start, at: s.at}, d)
		return err
	}
	if p := s.event.Props.Get(PropDuration); p != nil {
		d, err := p.Duration()
		s.length = nominal(d)
		return err
	}
	if s.form == OnDate {
		s.length.days = 1
	}
	return nil
}

func nominal(d Duration) length {
	return length{days: int64(d.Days), seconds: int64(d.Time / time.Second)}
}

// until is how long it is from an instance to an end.
func (s *series) until(c *clock, zones *Zones, from instance, d DateTime) (length, error) {
	end, err := s.instance(c, zones, d)
	if s.form == OnDate {
		return length{days: (end.wall - from.wall) / aDay}, err
	}
	return length{seconds: end.at - from.at}, err
}

func (s *series) readRules(*clock, *Zones) error {
	for _, p := range s.event.Props.Values(PropRecurrenceRule) {
		if strings.TrimSpace(p.Value) == "" {
			continue
		}
		parsed, err := ParseRule(p.Value)
		if err != nil {
			return err
		}
		if s.form == OnDate && parsed.Freq < Daily {
			return fmt.Errorf("%w: parts of a day, and the event is on dates", ErrRule)
		}
		r := recurrence{Rule: parsed, untilWall: lastWall, untilInstant: lastWall}
		if u := parsed.Until; u != nil && u.Form == InUTC && s.form == Zoned {
			r.untilInstant = u.Wall.Unix()
			r.untilWall = r.untilInstant + farthest
		} else if u != nil {
			r.untilWall = u.Wall.Unix()
		}
		s.rules = append(s.rules, r)
	}
	return nil
}

func (s *series) readDates(c *clock, zones *Zones) error {
	for _, p := range s.event.Props.Values(PropRecurrenceDates) {
		periods, err := p.Periods()
		if err != nil {
			return err
		}
		for _, period := range periods {
			if period.Start.Form == OnDate && s.form != OnDate {
				return fmt.Errorf("%s: a date, and the event has times", p.Name)
			}
			more, err := s.instance(c, zones, period.Start)
			if err != nil {
				return err
			}
			if period.Length != nil {
				l := nominal(*period.Length)
				more.length = &l
			}
			if period.End != nil {
				l, err := s.until(c, zones, more, *period.End)
				if err != nil {
					return err
				}
				more.length = &l
			}
			s.more = append(s.more, more)
		}
	}
	return nil
}

func (s *series) readExceptions(c *clock, zones *Zones) error {
	for _, p := range s.event.Props.Values(PropExceptionDates) {
		dates, err := p.DateTimes()
		if err != nil {
			return err
		}
		for _, d := range dates {
			if d.Form == OnDate && s.form != OnDate {
				s.withoutDays = append(s.withoutDays, d.Wall.Unix()/aDay)
				continue
			}
			x, err := s.instance(c, zones, d)
			if err != nil {
				return err
			}
			s.without = append(s.without, x.at)
		}
	}
	slices.Sort(s.without)
	slices.Sort(s.withoutDays)
	return nil
}

func (s *series) readIdentity(*clock, *Zones) error {
	p := s.event.Props.Get(PropRecurrenceID)
	if p == nil {
		return nil
	}
	s.rules, s.more = nil, nil // Notes repeats in the change what is said of all instances
	d, err := p.DateTime()
	s.of = &d
	s.onwards = strings.EqualFold(p.Params.Get(ParamRange), "THISANDFUTURE")
	return err
}
