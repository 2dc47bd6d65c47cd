package timetable_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sportello/booking/timetable"
)

// province is what BenchmarkJointStarts searches: for every office and day four officers of each of
// two institutions, three quarters of whose time is taken, in the three forms that are compared.
type province struct {
	days  []timetable.Supply // for the engine, an office after the other
	words []uint64           // for the bare loop: two for each officer, from openFrom, a bit set is free
	taken [][]stretch        // for subtraction: of each officer, ascending, minutes after midnight
}

type stretch struct{ from, until int }

const (
	pairs    = 4            // officers of each institution
	openFrom = 9 * 60       // minutes after midnight
	openTo   = 17 * 60      //
	slot     = 30           // minutes, which are the step too
	daysOpen = 60           // of each office
	perDay   = 2 * pairs    // officers
	slotBits = slot / 5     // bits of five minutes
	first    = openFrom / 5 // bit
	length   = openTo/5 - first
)

func newProvince(b *testing.B, offices int) *province {
	b.Helper()
	p := &province{}
	r := rand.New(rand.NewPCG(1, 2))
	for range offices * daysOpen * perDay {
		taken := appointments(r)
		p.taken = append(p.taken, taken)
		p.words = append(p.words, free(taken)...)
	}
	start, zone := date(b, "2026-03-02"), rome(b)
	for office := range offices {
		var staff []*timetable.Person
		for i := range perDay {
			staff = append(staff, &timetable.Person{ID: fmt.Sprint(i), Acts: []string{[]string{"CPI", "INPS"}[i/pairs]}})
		}
		for n := range daysOpen {
			at := (office*daysOpen + n) * perDay
			p.days = append(p.days, supply(timetable.ScaleOf(start.AddDays(n), zone), staff, p.taken[at:]))
		}
	}
	return p
}

// supply returns one office's day. Its bits are those of a clock that does not change: the results of
// the three forms could not be compared otherwise.
func supply(scale timetable.Scale, staff []*timetable.Person, taken [][]stretch) timetable.Supply {
	day := timetable.Supply{Scale: scale, Officers: make([]timetable.Officer, len(staff))}
	var open timetable.Mask
	open.Set(first, first+length)
	for _, institution := range []string{"CPI", "INPS"} {
		day.Hours = append(day.Hours, timetable.Hours{Institution: institution, Opening: open})
	}
	for i, person := range staff {
		o := &day.Officers[i]
		o.Person, o.Present = person, open
		for _, t := range taken[i] {
			o.Busy.Set(t.from/5, t.until/5)
		}
	}
	return day
}

// free returns the words of the bare loop for an officer.
func free(taken []stretch) []uint64 {
	words := []uint64{^uint64(0), 1<<(length-64) - 1}
	for _, t := range taken {
		for bit := t.from/5 - first; bit < t.until/5-first; bit++ {
			words[bit>>6] &^= 1 << (bit & 63)
		}
	}
	return words
}

// appointments returns what takes three quarters of an officer's day, ascending.
func appointments(r *rand.Rand) []stretch {
	slots := r.Perm((openTo - openFrom) / slot)
	taken := slots[:len(slots)*3/4]
	slices.Sort(taken)
	var out []stretch
	for _, n := range taken {
		out = append(out, stretch{openFrom + n*slot, openFrom + (n+1)*slot})
	}
	return out
}

// engine finds the starts of the days as the product does.
func (p *province) engine(plan *timetable.Plan, starts []timetable.Start) (total, ways int) {
	for i := range p.days {
		starts = plan.Starts(&p.days[i], nil, starts[:0])
		total += len(starts)
		for _, s := range starts {
			ways += s.Ways
		}
	}
	return total, ways
}

// bare is the least that can be done: words that hold the free time already, shifted, joined and
// counted. It knows no openings, people, buffers, rooms or ways.
func (p *province) bare() (total int) {
	var grid [2]uint64
	for bit := 0; bit+slotBits <= length; bit += slotBits {
		grid[bit>>6] |= 1 << (bit & 63)
	}
	run := func(low, high uint64) (uint64, uint64) {
		low, high = low&(low>>1|high<<63), high&(high>>1)
		low, high = low&(low>>2|high<<62), high&(high>>2)
		return low & (low>>2 | high<<62), high & (high >> 2)
	}
	for at := 0; at < len(p.words); at += 2 * perDay {
		day := p.words[at : at+2*perDay]
		joint := grid
		for range 2 {
			var low, high uint64
			for n := 0; n < 2*pairs; n += 2 {
				l, h := run(day[n], day[n+1])
				low, high = low|l, high|h
			}
			joint[0], joint[1] = joint[0]&low, joint[1]&high
			day = day[2*pairs:]
		}
		total += bits.OnesCount64(joint[0]) + bits.OnesCount64(joint[1])
	}
	return total
}

// subtraction finds the same starts as is usually done: take the appointments from the opening,
// list what slots fit in what is left of each officer, and count them.
func (p *province) subtraction() (total, ways int) {
	for at := 0; at < len(p.taken); at += perDay {
		var able [2]map[int]int
		for i := range able {
			able[i] = map[int]int{}
			for _, taken := range p.taken[at+i*pairs:][:pairs] {
				for _, free := range without(stretch{openFrom, openTo}, taken) {
					from := openFrom + (free.from-openFrom+slot-1)/slot*slot
					for ; from+slot <= free.until; from += slot {
						able[i][from]++
					}
				}
			}
		}
		for from, n := range able[0] {
			if both := n * able[1][from]; both > 0 {
				total++
				ways += both
			}
		}
	}
	return total, ways
}

// without returns what is left of a stretch.
func without(whole stretch, taken []stretch) []stretch {
	var left []stretch
	from := whole.from
	for _, t := range taken {
		if t.from > from {
			left = append(left, stretch{from, t.from})
		}
		from = t.until
	}
	if from < whole.until {
		left = append(left, stretch{from, whole.until})
	}
	return left
}

// BenchmarkJointStarts finds every joint start of a province of 200 offices in 60 days, and of one
// office's month; beside it the limit and the usual way, on the same data. The goals are 2 ms and
// 0.1 ms.
func BenchmarkJointStarts(b *testing.B) {
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI", "INPS"}, Minutes: slot})
	starts := make([]timetable.Start, 0, 100)
	p := newProvince(b, 200)
	total, ways := p.engine(plan, starts)
	if n, m := p.subtraction(); n != total || m != ways {
		b.Fatalf("%d starts in %d ways, by subtraction %d in %d", total, ways, n, m)
	}
	if n := p.bare(); n != total {
		b.Fatalf("%d starts, by the bare loop %d", total, n)
	}
	var bare, engine time.Duration
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			p.bare()
		}
		bare = each(b)
	})
	b.Run("province", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.engine(plan, starts)
		}
		engine = each(b)
		b.ReportMetric(float64(total), "starts")
		b.ReportMetric(float64(engine)/float64(bare), "×limit")
	})
	b.Run("subtraction", func(b *testing.B) {
		for b.Loop() {
			p.subtraction()
		}
		b.ReportMetric(float64(each(b))/float64(engine), "×engine")
	})
	b.Run("month", func(b *testing.B) {
		month := &province{days: p.days[:31]}
		b.ReportAllocs()
		for b.Loop() {
			month.engine(plan, starts)
		}
	})
}

// each returns how long one round of a benchmark took.
func each(b *testing.B) time.Duration { return b.Elapsed() / time.Duration(b.N) }
