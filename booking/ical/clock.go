package ical

import (
	"math"
	"time"
)

// farthest is more than any clock is from UTC, in seconds.
const farthest = 26 * 3600

// A clock turns what a clock on the wall shows into instants. Walls are seconds since 1970 began on
// that clock, as if it were in UTC; instants are Unix seconds.
//
// What the clock shows twice is the first of the two; what it never shows is read with the offset
// before the change, that is as much later as the clock is put forward (RFC 5545, section 3.3.5).
// Every wall up to a change, read with the larger of the two offsets, then has the offset before it.
type clock struct {
	zone     *time.Location
	from, to int64 // the walls for which offset is known to hold
	offset   int64
}

// instant is when the clock shows wall.
func (c *clock) instant(wall int64) int64 {
	if wall < c.from || wall >= c.to {
		c.find(wall)
	}
	return wall - c.offset
}

// wall is what the clock shows at an instant.
func (c *clock) wall(instant int64) int64 {
	_, offset := time.Unix(instant, 0).In(c.zone).Zone()
	return instant + int64(offset)
}

// find looks the offset of wall up, going from one change of the clock to the next.
func (c *clock) find(wall int64) {
	at := time.Unix(wall-farthest, 0).In(c.zone)
	_, offset := at.Zone()
	c.offset, c.from = int64(offset), math.MinInt64
	if start, _ := at.ZoneBounds(); !start.IsZero() {
		_, before := start.Add(-time.Second).Zone()
		c.from = start.Unix() + max(c.offset, int64(before))
	}
	for {
		end := boundary(at)
		if end.IsZero() {
			c.to = math.MaxInt64
			return
		}
		_, after := end.Zone()
		if c.to = end.Unix() + max(c.offset, int64(after)); wall < c.to {
			return
		}
		at, c.from, c.offset = end, c.to, int64(after)
	}
}

// boundary is when the offset that holds at an instant ends, if not later, or zero if it never does.
// By a zone's rule for the future, time.ZoneBounds ends leap years on their last day: that day holds
// no change.
func boundary(at time.Time) time.Time {
	_, end := at.ZoneBounds()
	if !end.IsZero() && !end.After(at) {
		return at.Add(24 * time.Hour)
	}
	return end
}
