package forecast

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A Time is how long a service takes at the desk: lognormal, as service times are skewed.
type Time struct {
	Median time.Duration
	Spread float64 // standard deviation of the natural logarithm; 0: always the median
}

const (
	// least is how long who should be finished, or back from a pause, by now is expected to need still.
	least = time.Minute
	// longest cuts off what no desk ever does, whatever the spread.
	longest = 12 * time.Hour
)

// draw returns a service time.
func (t Time) draw(r *rand.Rand) time.Duration { return t.longer(0, r) }

// remaining returns how much longer a service lasts that has lasted elapsed, at least a minute.
func (t Time) remaining(elapsed time.Duration, r *rand.Rand) time.Duration {
	return max(least, t.longer(elapsed, r)-elapsed)
}

// longer returns a service time drawn among those longer than elapsed, by inverting the survival
// function Q(x) = erfc((ln x − ln median) / (spread √2)) / 2.
func (t Time) longer(elapsed time.Duration, r *rand.Rand) time.Duration {
	if t.Spread <= 0 || t.Median <= 0 {
		return t.Median
	}
	scale, survival := t.Spread*math.Sqrt2, 1.0
	if elapsed > 0 {
		survival = math.Erfc(math.Log(float64(elapsed)/float64(t.Median))/scale) / 2
	}
	x := math.Erfcinv(2 * survival * (1 - r.Float64()))
	if math.IsInf(x, 1) {
		return elapsed // beyond anything the distribution knows
	}
	return time.Duration(min(float64(t.Median)*math.Exp(scale*x), float64(longest)))
}

const (
	// priorSpread is the spread of a service nobody has seen yet.
	priorSpread = 0.5
	// widest is the widest spread that is learned; more comes from faulty records.
	widest = 1.0
	// normalMAD makes the median absolute deviation of normal values their standard deviation.
	normalMAD = 1.4826
)

// priorQuantiles are those at 10, 30, 50, 70 and 90 percent of the standard normal distribution: as
// many observations as the prior weighs.
var priorQuantiles = [...]float64{-1.2816, -0.5244, 0, 0.5244, 1.2816}

// Learn returns a service's time from its recent durations and from prior, the catalogue's duration,
// which weighs as much as five observations. Median and spread are robust: forgotten or hurried
// tickets, as long as they are few, do not move them. Durations that are not positive are left out.
func Learn(recent []time.Duration, prior time.Duration) Time {
	seen := slices.DeleteFunc(slices.Clone(recent), func(d time.Duration) bool { return d <= 0 })
	spread, weight := deviation(seen), float64(max(0, len(seen)-1)) // one alone says nothing of the spread
	if prior > 0 {
		for _, z := range priorQuantiles {
			seen = append(seen, time.Duration(float64(prior)*math.Exp(priorSpread*z)))
		}
	}
	if len(seen) == 0 {
		return Time{}
	}
	const priorWeight = float64(len(priorQuantiles))
	variance := (weight*spread*spread + priorWeight*priorSpread*priorSpread) / (weight + priorWeight)
	return Time{Median: median(seen), Spread: min(widest, math.Sqrt(variance))}
}

// deviation returns the robust standard deviation of the logarithms of durations; 0 for none.
func deviation(durations []time.Duration) float64 {
	if len(durations) == 0 {
		return 0
	}
	logs := make([]float64, len(durations))
	for i, d := range durations {
		logs[i] = math.Log(float64(d))
	}
	centre := median(logs)
	for i := range logs {
		logs[i] = math.Abs(logs[i] - centre)
	}
	return normalMAD * median(logs)
}

// median returns the middle of values, which it sorts; of two middle ones their mean.
func median[N time.Duration | float64](values []N) N {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
