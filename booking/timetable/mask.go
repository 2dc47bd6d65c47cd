package timetable

import (
	"math/bits"
	"time"
)

// Mask is a set of stretches of one civil day, a bit for every Grid minutes of elapsed time since
// the day's midnight: 288 bits, or 276 and 300 on the days on which the clock changes by an hour.
// Bits beyond the day's end are clear. See Scale.
type Mask [5]uint64

// MaskBits is how many bits a Mask has; no day has more.
const MaskBits = 64 * len(Mask{})

// Set adds the bits from to until, until excluded. What lies outside the mask is left out.
func (m *Mask) Set(from, until int) {
	for w := range m {
		m[w] |= stretch(from-64*w, until-64*w)
	}
}

// Clear takes away the bits from to until, until excluded.
func (m *Mask) Clear(from, until int) {
	for w := range m {
		m[w] &^= stretch(from-64*w, until-64*w)
	}
}

// stretch returns a word with the bits from to until of it, until excluded.
func stretch(from, until int) uint64 {
	from, until = max(from, 0), min(until, 64)
	if from >= until {
		return 0
	}
	return ^uint64(0) >> (64 - (until - from)) << from
}

// Has reports whether the bit is set; one outside the mask is not.
func (m *Mask) Has(bit int) bool {
	return bit >= 0 && bit < MaskBits && m[bit>>6]>>(bit&63)&1 == 1
}

// Holds reports whether all bits from to until are set, until excluded.
func (m *Mask) Holds(from, until int) bool {
	if from < 0 || until > MaskBits {
		return from >= until
	}
	for w := range m {
		if want := stretch(from-64*w, until-64*w); m[w]&want != want {
			return false
		}
	}
	return true
}

// Touches reports whether any of the bits from to until is set, until excluded.
func (m *Mask) Touches(from, until int) bool {
	return m.seek(from, 0) < min(until, MaskBits)
}

// IsZero reports whether no bit is set.
func (m Mask) IsZero() bool { return m == Mask{} }

// Count returns how many bits are set.
func (m Mask) Count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// And returns the bits that are both in m and in o.
func (m Mask) And(o Mask) Mask {
	for w := range m {
		m[w] &= o[w]
	}
	return m
}

// Or returns the bits that are in m or in o.
func (m Mask) Or(o Mask) Mask {
	for w := range m {
		m[w] |= o[w]
	}
	return m
}

// AndNot returns the bits of m that are not in o.
func (m Mask) AndNot(o Mask) Mask {
	for w := range m {
		m[w] &^= o[w]
	}
	return m
}

// Later returns m moved n bits up, or down where n is negative; what leaves the mask is lost.
func (m Mask) Later(n int) Mask {
	var out Mask
	for w := range out {
		out[w] = m.word(64*w - n)
	}
	return out
}

// Runs returns the bits at which n set bits begin, in about log n steps. No set bits begin anywhere,
// so n less than 1 is as 1.
func (m Mask) Runs(n int) Mask {
	for have := 1; have < n; {
		step := min(have, n-have)
		m = m.And(m.Later(-step))
		have += step
	}
	return m
}

// Next returns the first stretch of set bits at from or after it, until excluded, or ok false.
func (m *Mask) Next(from int) (first, until int, ok bool) {
	first = m.seek(from, 0)
	if first == MaskBits {
		return 0, 0, false
	}
	return first, m.seek(first, ^uint64(0)), true
}

// seek returns the first bit at from or after it that is set in m with flip applied, or MaskBits.
func (m *Mask) seek(from int, flip uint64) int {
	from = max(from, 0)
	for w := from >> 6; w < len(m); w++ {
		word := m[w] ^ flip
		if w == from>>6 {
			word = word >> (from & 63) << (from & 63)
		}
		if word != 0 {
			return w<<6 + bits.TrailingZeros64(word)
		}
	}
	return MaskBits
}

// word returns the 64 bits that begin at the bit at; those outside the mask are clear.
func (m *Mask) word(at int) uint64 {
	w, shift := at>>6, uint(at)&63
	var low, high uint64
	if w >= 0 && w < len(m) {
		low = m[w]
	}
	if w+1 >= 0 && w+1 < len(m) {
		high = m[w+1]
	}
	return low>>shift | high<<1<<(63-shift)
}

// Scale is where the bits of a civil day lie: bit n is the Grid minutes of elapsed time that begin
// n × Grid minutes after the day's midnight.
type Scale struct {
	From time.Time // midnight, in the office's zone
	Bits int       // of the day: 276, 288 or 300 where the clock changes by an hour
}

// ScaleOf returns the scale of d in a zone.
func ScaleOf(d Date, zone *time.Location) Scale {
	day := Day(d, zone)
	return Scale{From: day.From, Bits: int(day.Until.Sub(day.From) / (Grid * time.Minute))}
}

// At returns the instant at which a bit begins, in the scale's zone.
func (s Scale) At(bit int) time.Time {
	return s.From.Add(time.Duration(bit) * Grid * time.Minute)
}

// Bit returns the bit in which t lies, and whether t is the instant at which it begins. It may lie
// outside the day.
func (s Scale) Bit(t time.Time) (bit int, exact bool) {
	const width = Grid * time.Minute
	since := t.Sub(s.From)
	bit = int(since / width)
	if since < 0 && since%width != 0 {
		bit--
	}
	return bit, since%width == 0
}

// Inside returns the bits that lie wholly in one of spans: what somebody offers.
func (s Scale) Inside(spans []Span) Mask {
	var m Mask
	for _, x := range spans {
		from, exact := s.Bit(x.From)
		if !exact {
			from++
		}
		until, _ := s.Bit(x.Until)
		m.Set(from, min(until, s.Bits))
	}
	return m
}

// Touched returns the bits of which any part lies in one of spans: what somebody takes.
func (s Scale) Touched(spans []Span) Mask {
	var m Mask
	for _, x := range spans {
		if x.empty() {
			continue
		}
		from, _ := s.Bit(x.From)
		until, exact := s.Bit(x.Until)
		if !exact {
			until++
		}
		m.Set(from, min(until, s.Bits))
	}
	return m
}

// Spans returns the stretches of m, ascending, in the scale's zone.
func (s Scale) Spans(m Mask) []Span {
	var spans []Span
	for first, until, ok := m.Next(0); ok; first, until, ok = m.Next(until) {
		spans = append(spans, Span{From: s.At(first), Until: s.At(until)})
	}
	return spans
}
