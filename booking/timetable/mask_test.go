package timetable_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/timetable"
)

// flags are a mask bit by bit.
type flags [timetable.MaskBits]bool

func (f *flags) mask() timetable.Mask {
	var m timetable.Mask
	for bit, set := range f {
		if set {
			m.Set(bit, bit+1)
		}
	}
	return m
}

func (f *flags) all(from, until int) bool {
	for bit := from; bit < until; bit++ {
		if bit < 0 || bit >= len(f) || !f[bit] {
			return false
		}
	}
	return true
}

func (f *flags) any(from, until int) bool {
	for bit := max(0, from); bit < min(until, len(f)); bit++ {
		if f[bit] {
			return true
		}
	}
	return false
}

// stretches returns flags of which stretches are set, and sometimes all or none.
func stretches(r *rand.Rand) *flags {
	f := new(flags)
	for range r.IntN(8) {
		from := r.IntN(len(f))
		for bit := from; bit < min(len(f), from+r.IntN(140)); bit++ {
			f[bit] = true
		}
	}
	return f
}

func TestMask(t *testing.T) {
	for seed := range 2000 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		a, b := stretches(r), stretches(r)
		from := r.IntN(400) - 40
		until := from + r.IntN(200) - 20
		n := r.IntN(150)
		var set, cleared, and, or, not, runs, later, earlier flags
		count := 0
		for bit := range set {
			in := bit >= from && bit < until
			set[bit], cleared[bit] = a[bit] || in, a[bit] && !in
			and[bit], or[bit], not[bit] = a[bit] && b[bit], a[bit] || b[bit], a[bit] && !b[bit]
			runs[bit] = a.all(bit, bit+max(1, n))
			later[bit], earlier[bit] = a.any(bit-n, bit-n+1), a.any(bit+n, bit+n+1)
			if a[bit] {
				count++
			}
		}
		m, o := a.mask(), b.mask()
		s, c := m, m
		s.Set(from, until)
		c.Clear(from, until)
		for _, tt := range []struct {
			name string
			got  timetable.Mask
			want *flags
		}{
			{"set", s, &set},
			{"clear", c, &cleared},
			{"and", m.And(o), &and},
			{"or", m.Or(o), &or},
			{"and not", m.AndNot(o), &not},
			{"runs", m.Runs(n), &runs},
			{"later", m.Later(n), &later},
			{"earlier", m.Later(-n), &earlier},
		} {
			if tt.got != tt.want.mask() {
				t.Fatalf("seed %d: %s of %d to %d, %d: got %x, want %x", seed, tt.name, from, until, n, tt.got, tt.want.mask())
			}
		}
		if got := m.Count(); got != count {
			t.Fatalf("seed %d: count %d, want %d", seed, got, count)
		}
		if got, want := m.Holds(from, until), a.all(from, until); got != want {
			t.Fatalf("seed %d: holds %d to %d: %t, want %t", seed, from, until, got, want)
		}
		if got, want := m.Touches(from, until), a.any(from, until); got != want {
			t.Fatalf("seed %d: touches %d to %d: %t, want %t", seed, from, until, got, want)
		}
		if got, want := m.Has(from), a.any(from, from+1); got != want {
			t.Fatalf("seed %d: has %d: %t, want %t", seed, from, got, want)
		}
		var back timetable.Mask
		for first, until, ok := m.Next(0); ok; first, until, ok = m.Next(until) {
			if a.any(first-1, first) || a.any(until, until+1) || !a.all(first, until) {
				t.Fatalf("seed %d: %d to %d is no stretch", seed, first, until)
			}
			back.Set(first, until)
		}
		if back != m {
			t.Fatalf("seed %d: stretches make %x, want %x", seed, back, m)
		}
	}
}

func TestScale(t *testing.T) {
	zone := rome(t)
	for _, tt := range []struct {
		date string
		bits int
		nine int // the bit of 09:00
	}{
		{"2026-03-28", 288, 108},
		{"2026-03-29", 276, 96},
		{"2026-10-24", 288, 108},
		{"2026-10-25", 300, 120},
	} {
		d := date(t, tt.date)
		s := timetable.ScaleOf(d, zone)
		if s.Bits != tt.bits {
			t.Errorf("%s: %d bits, want %d", tt.date, s.Bits, tt.bits)
		}
		bit, exact := s.Bit(d.At(9*60, zone))
		if bit != tt.nine || !exact {
			t.Errorf("%s: 09:00 is bit %d %t, want %d", tt.date, bit, exact, tt.nine)
		}
		if got := s.At(tt.nine).Format("15:04"); got != "09:00" {
			t.Errorf("%s: bit %d is %s, want 09:00", tt.date, tt.nine, got)
		}
		if bit, exact := s.Bit(s.From.Add(-time.Minute)); bit != -1 || exact {
			t.Errorf("%s: the minute before is in bit %d %t", tt.date, bit, exact)
		}
	}
}

func TestInsideAndTouched(t *testing.T) {
	s := timetable.ScaleOf(date(t, simple), rome(t))
	day := func(texts ...string) []timetable.Span { return spansOf(t, texts...) }
	yesterday := timetable.Span{From: s.From.Add(-time.Hour), Until: s.From.Add(7 * time.Minute)}
	tomorrow := timetable.Span{From: s.From.Add(24*time.Hour - 7*time.Minute), Until: s.From.Add(30 * time.Hour)}
	for _, tt := range []struct {
		name            string
		spans           []timetable.Span
		inside, touched []string
	}{
		{"on the grid", day("09:00-09:10", "10:00-10:05"), []string{"09:00-09:10", "10:00-10:05"}, []string{"09:00-09:10", "10:00-10:05"}},
		{"off the grid", day("09:01-09:14"), []string{"09:05-09:10"}, []string{"09:00-09:15"}},
		{"within five minutes", day("09:01-09:04"), nil, []string{"09:00-09:05"}},
		{"nothing", []timetable.Span{{From: s.From, Until: s.From}, {From: s.At(9), Until: s.At(3)}}, nil, nil},
		{"beyond the day", []timetable.Span{yesterday, tomorrow}, []string{"00:00-00:05", "23:55-24:00"}, []string{"00:00-00:10", "23:50-24:00"}},
		{"another day", []timetable.Span{{From: s.From.AddDate(0, 0, 2), Until: s.From.AddDate(0, 0, 3)}}, nil, nil},
	} {
		if diff := cmp.Diff(tt.inside, wall(s.Spans(s.Inside(tt.spans)))); diff != "" {
			t.Errorf("%s: inside (-want +got):\n%s", tt.name, diff)
		}
		if diff := cmp.Diff(tt.touched, wall(s.Spans(s.Touched(tt.spans)))); diff != "" {
			t.Errorf("%s: touched (-want +got):\n%s", tt.name, diff)
		}
	}
}
