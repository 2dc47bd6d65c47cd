package kiosk

import (
	"slices"
	"time"

	"sportello/booking/timetable"
)

// The grid of a diary is a table: a row for each time at which something begins or ends, and each half
// hour; a cell is as many rows high as what it shows lasts. So it says the same to who reads it with
// the eyes, with the ears or on paper, and needs no script.

// What a stretch of a track can be.
const (
	fillFree     = ""
	fillBusy     = "busy"   // an appointment
	fillStart    = "start"  // a free start of the service that is looked at
	fillClosed   = "closed" // the office is, to the public
	fillAway     = "away"   // the officer is not there by the rota
	fillAbsent   = "absent"
	fillBlock    = "block"    // staff took it out of sale
	fillExternal = "external" // another calendar says busy
	gridMinutes  = 5
	gridBits     = 24 * 60 / gridMinutes
	halfHour     = 30 / gridMinutes
	leastGap     = 45 / gridMinutes // a shorter stretch in which nothing is open is shown as high as it is
)

// shade is what a stretch of a track shows.
type shade struct {
	kind  string
	text  string // reason
	entry *diaryBlock
	link  *diaryLink
}

// shut reports whether nobody could be received.
func (f shade) shut() bool { return f.kind == fillClosed || f.kind == fillAway }

// track is a column of the grid: the wall-clock day of an officer, a room or a lane.
type track struct {
	head  gridHead
	day   timetable.Date
	whose string // name of the officer whose time it is; "" nobody's alone
	fills []shade
	bits  [gridBits]int16 // index of fills; each is five minutes
}

// newTrack returns a track that is closed all day.
func newTrack(head gridHead, day timetable.Date, why string) *track {
	return &track{head: head, day: day, fills: []shade{{kind: fillClosed, text: why}}}
}

// paint shows f from one bit to another, where it may.
func (t *track) paint(from, until int, f shade, may func(before shade) bool) {
	t.fills = append(t.fills, f)
	for i := max(from, 0); i < min(until, gridBits); i++ {
		if may == nil || may(t.fills[t.bits[i]]) {
			t.bits[i] = int16(len(t.fills) - 1)
		}
	}
}

// paintSpans shows f in spans, by the wall clock of the track's day.
func (t *track) paintSpans(spans []timetable.Span, f shade, may func(before shade) bool) {
	for _, span := range spans {
		from, until := bitsOf(span, t.day)
		t.paint(from, until, f, may)
	}
}

func isFree(f shade) bool { return f.kind == fillFree }

// bitsOf returns the wall-clock bits that a span touches on a day.
func bitsOf(s timetable.Span, day timetable.Date) (from, until int) {
	return bitOf(s.From, day, 0), bitOf(s.Until, day, gridMinutes-1)
}

func bitOf(t time.Time, day timetable.Date, up int) int {
	switch d := timetable.DateOf(t); {
	case d.Before(day):
		return 0
	case d.After(day):
		return gridBits
	}
	return (t.Hour()*60 + t.Minute() + up) / gridMinutes
}

// stretch is part of a track that is one cell.
type stretch struct {
	from, until int
	fill        shade
}

// stretches cuts a track into cells between two bits. Free time is cut at the half hours, everything at
// cuts.
func (t *track) stretches(from, until int, cuts []int) []stretch {
	var all []stretch
	for i := from; i < until; {
		f, end := t.fills[t.bits[i]], i+1
		for end < until && t.bits[end] == t.bits[i] && !slices.Contains(cuts, end) && (f.kind != fillFree || end%halfHour != 0) {
			end++
		}
		all = append(all, stretch{i, end, f})
		i = end
	}
	return all
}

// gridHead is the head of a column, or of several.
type gridHead struct {
	Name, Note string
	Link       string // address of the same for this one alone, "" none
	Today      bool
	Span       int // columns
}

// gridRow is a row of the grid. One whose Gap is set says why nothing is open for a while.
type gridRow struct {
	Time  string
	Shown bool // the time is worth a word to the eye too
	Now   bool
	Size  int // in five minutes, at most six
	Gap   string
	Cells []gridCell
}

type gridCell struct {
	Rows  int
	Kind  string
	Text  string
	Entry *diaryBlock
	Link  *diaryLink
	Past  bool
}

// diaryBlock is an appointment in the grid. What the reader may not know is empty.
type diaryBlock struct {
	Path    string // of its page; "" the reader has none
	Hours   string
	Who     string
	Service string
	State   string   // key
	Code    string   // of the state
	Joint   []string // institutions that take part, if several
	With    []string // names of the officers, where the column does not tell
	Seats   string   // of a session: taken, and how many there are
	Faint   bool     // it is not of the service that is looked at
	Short   bool     // there is room for one line
	Clash   bool     // somebody who does it is busy with something else
}

// diaryLink is free time that can be booked.
type diaryLink struct {
	Path, Label, Text string
}

// gridView is the grid of a day or a week.
type gridView struct {
	Groups []gridHead // above the columns; none for a day
	Heads  []gridHead
	Rows   []gridRow
	Width  int // columns
}

// gridOf builds the grid of tracks. now is the bit of the present moment, negative where it is on none
// of the days; gap tells of a long time in which nothing is open, free what can be done with free time
// and whether it is past.
func gridOf(tracks []*track, now int, gap func(from, until string) string, free func(t *track, from, until int) (link *diaryLink, past bool)) gridView {
	view := gridView{Width: len(tracks)}
	for _, t := range tracks {
		view.Heads = append(view.Heads, t.head)
	}
	from, until := extent(tracks)
	if from >= until {
		return gridView{}
	}
	gaps := gapsIn(tracks, from, until)
	if now < from || now >= until || slices.ContainsFunc(gaps, func(g [2]int) bool { return now >= g[0] && now < g[1] }) {
		now = -1
	}
	var cuts []int
	for _, g := range gaps {
		cuts = append(cuts, g[0], g[1])
	}
	cells := make([][]stretch, len(tracks))
	bounds := boundsOf(from, until, now, gaps)
	for i, t := range tracks {
		cells[i] = t.stretches(from, until, cuts)
		for _, c := range cells[i] {
			bounds = append(bounds, c.from)
		}
	}
	slices.Sort(bounds)
	bounds = slices.DeleteFunc(slices.Compact(bounds), func(b int) bool {
		return slices.ContainsFunc(gaps, func(g [2]int) bool { return b > g[0] && b < g[1] })
	})
	for i, b := range bounds {
		end := until
		if i+1 < len(bounds) {
			end = bounds[i+1]
		}
		row := gridRow{Time: clockOf(b), Shown: b%halfHour == 0 || b == from, Now: b == now, Size: min(end-b, halfHour)}
		if slices.ContainsFunc(gaps, func(g [2]int) bool { return g[0] == b }) {
			row.Gap = gap(clockOf(b), clockOf(end))
			view.Rows = append(view.Rows, row)
			continue
		}
		for k, t := range tracks {
			for _, c := range cells[k] {
				if c.from == b {
					row.Cells = append(row.Cells, cellOf(t, c, rowsIn(bounds, c), free))
				}
			}
		}
		view.Rows = append(view.Rows, row)
	}
	return view
}

func cellOf(t *track, c stretch, rows int, free func(t *track, from, until int) (link *diaryLink, past bool)) gridCell {
	cell := gridCell{Rows: rows, Kind: c.fill.kind, Text: c.fill.text, Entry: c.fill.entry, Link: c.fill.link}
	if cell.Entry != nil {
		short := *cell.Entry
		short.Short = c.until-c.from < halfHour
		cell.Entry = &short
	}
	if c.fill.kind == fillFree {
		cell.Link, cell.Past = free(t, c.from, c.until)
	}
	return cell
}

// rowsIn returns how many rows a cell is high.
func rowsIn(bounds []int, c stretch) int {
	n := 0
	for _, b := range bounds {
		if b >= c.from && b < c.until {
			n++
		}
	}
	return n
}

// extent returns from when until when anything is open on any of the tracks.
func extent(tracks []*track) (from, until int) {
	from = gridBits
	for _, t := range tracks {
		for i := range t.bits {
			if !t.fills[t.bits[i]].shut() {
				from, until = min(from, i), max(until, i+1)
			}
		}
	}
	return from, until
}

// gapsIn returns the long stretches in which all tracks are shut.
func gapsIn(tracks []*track, from, until int) [][2]int {
	var gaps [][2]int
	begin := -1
	for i := from; i <= until; i++ {
		shut := i < until && !slices.ContainsFunc(tracks, func(t *track) bool { return !t.fills[t.bits[i]].shut() })
		switch {
		case shut && begin < 0:
			begin = i
		case !shut && begin >= 0:
			if i-begin >= leastGap {
				gaps = append(gaps, [2]int{begin, i})
			}
			begin = -1
		}
	}
	return gaps
}

// boundsOf returns the times at which there is a row in any case.
func boundsOf(from, until, now int, gaps [][2]int) []int {
	bounds := []int{from}
	for b := from - from%halfHour; b < until; b += halfHour {
		if b > from {
			bounds = append(bounds, b)
		}
	}
	if now >= 0 {
		bounds = append(bounds, now)
	}
	for _, g := range gaps {
		bounds = append(bounds, g[0], g[1])
	}
	return bounds
}

func clockOf(bit int) string { return timetable.Clock(bit * gridMinutes).String() }
