package ical

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// zoneYears are those in which the rules of a VTIMEZONE are followed. Outside them its clock does not
// change any more.
var (
	firstOnset = time.Date(1850, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	lastOnset  = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

const mostOnsets = 1500 // of a zone: four a year

// An onset is when a clock is set from one offset to another, in seconds east of UTC.
type onset struct {
	at       int64 // Unix seconds
	from, to int32
}

// ownZone is the zone that VTIMEZONEs of one TZID define, or nil where there are none. Two that do
// not agree define nothing.
func ownZone(tzid string, defined []*Component, w *work) (*time.Location, error) {
	var agreed []onset
	for i, c := range defined {
		onsets, err := onsetsOf(c, w)
		if err != nil {
			return nil, fmt.Errorf("its VTIMEZONE: %w", err)
		}
		if i > 0 && !slices.Equal(agreed, onsets) {
			return nil, errors.New("two VTIMEZONEs that do not agree")
		}
		agreed = onsets
	}
	if agreed == nil {
		return nil, nil
	}
	return time.LoadLocationFromTZData(tzid, tzif(agreed))
}

// onsetsOf are the onsets of a VTIMEZONE in the order of time (RFC 5545, section 3.6.5).
func onsetsOf(c *Component, w *work) ([]onset, error) {
	var all []onset
	for _, child := range c.Children {
		if child.Name != CompStandard && child.Name != CompDaylight {
			continue
		}
		onsets, err := observance(child, w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", child.Name, err)
		}
		if all = append(all, onsets...); len(all) > mostOnsets {
			return nil, fmt.Errorf("%w: more than %d changes of the clock", ErrTooMuch, mostOnsets)
		}
	}
	if all == nil {
		return nil, errors.New("neither STANDARD nor DAYLIGHT")
	}
	slices.SortStableFunc(all, func(a, b onset) int { return int(min(max(a.at-b.at, -1), 1)) })
	return slices.CompactFunc(all, func(a, b onset) bool { return a.at == b.at && a.to == b.to }), nil
}

// observance are the onsets of STANDARD or DAYLIGHT: DTSTART, and what RRULE and RDATE say.
func observance(c *Component, w *work) ([]onset, error) {
	from, err := offset(c.Props, PropTimezoneOffsetFrom)
	if err != nil {
		return nil, err
	}
	to, err := offset(c.Props, PropTimezoneOffsetTo)
	if err != nil {
		return nil, err
	}
	begin := c.Props.Get(PropDateTimeStart)
	if begin == nil {
		return nil, errors.New("no DTSTART")
	}
	first, err := begin.DateTime()
	if err != nil {
		return nil, err
	}
	walls := []int64{first.Wall.Unix()}
	for _, p := range c.Props.Values(PropRecurrenceDates) {
		dates, err := p.DateTimes()
		if err != nil {
			return nil, err
		}
		for _, d := range dates {
			walls = append(walls, d.Wall.Unix())
		}
	}
	for _, p := range c.Props.Values(PropRecurrenceRule) {
		if walls, err = onsetsByRule(walls, p.Value, first.Wall.Unix(), int64(from), w); err != nil {
			return nil, err
		}
	}
	slices.Sort(walls)
	var all []onset
	for _, wall := range slices.Compact(walls) {
		all = append(all, onset{at: wall - int64(from), from: from, to: to})
	}
	return all, nil
}

// onsetsByRule adds the walls that a rule gives, on a clock that is `from` before UTC until then.
func onsetsByRule(walls []int64, value string, start, from int64, w *work) ([]int64, error) {
	if strings.TrimSpace(value) == "" {
		return walls, nil
	}
	r, err := ParseRule(value)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(r, start, false, w)
	if err != nil {
		return nil, err
	}
	for wall, err := range p.walls(firstOnset, lastOnset) {
		if err != nil {
			return nil, err
		}
		if r.Until != nil {
			until := r.Until.Wall.Unix()
			if r.Until.Form == InUTC {
				until += from
			}
			if wall > until {
				break
			}
		}
		if walls = append(walls, wall); len(walls) > mostOnsets {
			return nil, fmt.Errorf("%w: more than %d changes of the clock", ErrTooMuch, mostOnsets)
		}
	}
	return walls, nil
}

// offset reads a UTC-OFFSET.
func offset(props Props, name string) (int32, error) {
	p := props.Get(name)
	if p == nil {
		return 0, fmt.Errorf("no %s", name)
	}
	seconds, ok := parseOffset(p.Value)
	if !ok {
		return 0, fmt.Errorf("%s: %w: %q", name, ErrValue, shortened(p.Value))
	}
	return seconds, nil
}

// parseOffset reads +0100 and -013015 into seconds east of UTC (RFC 5545, section 3.3.14).
func parseOffset(s string) (int32, bool) {
	s = strings.TrimSpace(s)
	if len(s) == len("+0100") {
		s += "00"
	}
	if len(s) != len("+010000") || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	n, ok := number(s[1:])
	hour, minute, second := n/10000, n/100%100, n%100
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	seconds := int32(hour*anHour + minute*aMinute + second)
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// tzif writes onsets in the form of zone files, version 2 (RFC 8536), so that the zone is one like
// any other. The first of the local time types is that before the first onset.
func tzif(onsets []onset) []byte {
	offsets := []int32{onsets[0].from}
	var times, types bytes.Buffer
	for _, o := range onsets {
		at := slices.Index(offsets[1:], o.to) + 1
		if at == 0 {
			at = len(offsets)
			offsets = append(offsets, o.to)
		}
		_ = binary.Write(&times, binary.BigEndian, o.at)
		types.WriteByte(byte(at))
	}
	header := func(onsets, offsets, letters int) []byte {
		h := append([]byte("TZif2"), make([]byte, 15+3*4)...)
		for _, n := range []int{onsets, offsets, letters} {
			h = binary.BigEndian.AppendUint32(h, uint32(n))
		}
		return h
	}
	data := append(header(0, 0, 0), header(len(onsets), len(offsets), 1)...)
	data = append(append(data, times.Bytes()...), types.Bytes()...)
	for _, o := range offsets {
		data = append(binary.BigEndian.AppendUint32(data, uint32(o)), 0, 0) // not summer time, no name
	}
	return append(data, "\x00\n\n"...) // the names; no rule for what comes after
}
