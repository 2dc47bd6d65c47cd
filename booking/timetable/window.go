package timetable

import "time"

// Window is when a start can be booked: until LeadMinMinutes before it, and from midnight of the
// office's zone LeadMaxDays days before its date.
type Window struct{ LeadMinMinutes, LeadMaxDays int }

// Quotas are how many of a day's appointments each channel may make before that day; a channel
// without one as many as there are.
type Quotas map[string]int

// Used reports whether a channel that has made so many appointments for d has had its share. On the
// day itself every channel may take what is left. Today is the office's date.
func (q Quotas) Used(channel string, made int, d, today Date) bool {
	quota, bounded := q[channel]
	return bounded && made >= quota && d.After(today)
}

// bookable returns the bits of a day at which a start may be booked.
func (t *Terms) bookable(s Scale) Mask {
	var m Mask
	if t.Ended || t.Used || !t.released(s) {
		return m
	}
	m.Set(t.first(s), s.Bits)
	return m
}

// released reports whether the day of s is near enough to be booked.
func (t *Terms) released(s Scale) bool {
	today := DateOf(t.Now.In(s.From.Location()))
	return today.DaysUntil(DateOf(s.From)) <= t.Window.LeadMaxDays
}

// first returns the first bit that does not begin too soon.
func (t *Terms) first(s Scale) int {
	bit, exact := s.Bit(t.Now.Add(time.Duration(t.Window.LeadMinMinutes) * time.Minute))
	if !exact {
		bit++
	}
	return bit
}
