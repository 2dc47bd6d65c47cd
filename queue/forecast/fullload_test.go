package forecast_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sportello/queue/forecast"
	"sportello/queue/rule"
)

// Where people queue, the desks of a joint walk-in are never free at the same moment by chance. In
// twenty crowds at the opening, of sixty singles, two thirds for the CPI with two desks and one
// third for INPS with one, holding has it called about when it has waited W, and the others wait no
// longer than if it had been the first. With -v the test prints the figures.
func TestJointWalkInAtFullLoad(t *testing.T) {
	const w, service = time.Hour, 20 * time.Minute // few services take longer
	first := crowds(0, rule.Options{W: w})
	t.Logf("called first: %v", first)
	for _, place := range []int{10, 30, 60} {
		t.Run(fmt.Sprintf("after %d of the singles", place), func(t *testing.T) {
			before, after := crowds(place, rule.Options{W: w}), crowds(place, rule.Options{W: w, Hold: true})
			t.Logf("without holding: %v", before)
			t.Logf("with holding:    %v", after)
			if before.joint < 2*w {
				t.Errorf("without holding the joint walk-in waits %v: this is no full load", before.joint)
			}
			if after.latest > w+service {
				t.Errorf("the joint walk-in waits up to %v, want at most %v", after.latest, w+service)
			}
			if after.others > first.others {
				t.Errorf("the others wait %v, want at most %v", after.others, first.others)
			}
		})
	}
}

// waited is how long people waited in several crowds: the joint walk-ins on average, at least and at
// most, all others on average.
type waited struct{ joint, soonest, latest, others time.Duration }

func (w waited) String() string {
	return fmt.Sprintf("joint walk-in %.0f min on average, %.0f to %.0f; the others %.1f min on average",
		w.joint.Minutes(), w.soonest.Minutes(), w.latest.Minutes(), w.others.Minutes())
}

// crowds plays each crowd once.
func crowds(place int, o rule.Options) waited {
	const crowds, singles = 20, 60
	sum := waited{soonest: math.MaxInt64}
	for seed := range crowds {
		for id, w := range forecast.Waits(crowd(uint64(seed), place, singles, o)) {
			if id == "J" {
				sum.joint += w.Low
				sum.soonest, sum.latest = min(sum.soonest, w.Low), max(sum.latest, w.Low)
			} else {
				sum.others += w.Low
			}
		}
	}
	sum.joint /= crowds
	sum.others /= crowds * singles
	return sum
}

// crowd has so many singles and, after the first place of them, a joint walk-in J.
func crowd(seed uint64, place, singles int, o rule.Options) forecast.State {
	r := rand.New(rand.NewPCG(seed, 2))
	median := func() time.Duration { return minutes(float64(8 + r.IntN(6))) }
	s := forecast.State{
		Now: at("09:00"), Options: o, Runs: 1,
		Desks: []forecast.Desk{desk("1", "CPI"), desk("2", "CPI"), desk("3", "INPS")},
		Times: map[string]forecast.Time{
			"CPI": {Median: median(), Spread: 0.4}, "INPS": {Median: median(), Spread: 0.4}, "JOINT": {Median: minutes(30)},
		},
	}
	for i := range singles {
		t := waiting(fmt.Sprint("S", i), []string{"CPI", "CPI", "INPS"}[r.IntN(3)], "09:00")
		t.Seq = int64(i + 1)
		s.Tickets = append(s.Tickets, t)
	}
	j := waiting("J", "JOINT", "09:00")
	j.Seq = int64(place)
	s.Tickets = append(s.Tickets, j)
	return s
}
