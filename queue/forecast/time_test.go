package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"sportello/queue/forecast"
)

func TestLearn(t *testing.T) {
	all := func(n int, d float64) []time.Duration { return slices.Repeat([]time.Duration{minutes(d)}, n) }
	tests := []struct {
		name           string
		recent         []time.Duration
		prior          time.Duration
		median         float64 // minutes
		spread, within float64
	}{
		{"nothing known", nil, 0, 0, 0, 0},
		{"the catalogue alone", nil, minutes(30), 30, 0.5, 0},
		{"one visit moves it a little", all(1, 10), minutes(30), 26.54, 0.5, 0},
		{"as many as the prior weighs", all(5, 10), minutes(30), 12.90, 0.37, 0.01},
		{"many visits are believed", all(200, 10), minutes(30), 10, 0.08, 0.01},
		{"durations that are none", []time.Duration{0, -minutes(5)}, minutes(30), 30, 0.5, 0},
		{"no prior", []time.Duration{minutes(8), minutes(10), minutes(14)}, 0, 10, 0.458, 0.001},
		{"half of them senseless", slices.Concat(all(50, 0.1), all(50, 300)), minutes(30), 30, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.recent)
			got := forecast.Learn(tt.recent, tt.prior)
			if math.Abs(got.Median.Minutes()-tt.median) > 0.01 {
				t.Errorf("median: got %.2f minutes, want %.2f", got.Median.Minutes(), tt.median)
			}
			if math.Abs(got.Spread-tt.spread) > tt.within+1e-9 {
				t.Errorf("spread: got %.3f, want %.3f", got.Spread, tt.spread)
			}
			if !slices.Equal(before, tt.recent) {
				t.Errorf("the durations given were changed: %v", tt.recent)
			}
		})
	}
}

// What Learn makes of drawn durations is what they were drawn from, also when one in ten is a
// ticket nobody closed.
func TestLearnFindsTheDistribution(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var recent []time.Duration
	for range 5000 {
		recent = append(recent, minutes(20*math.Exp(0.6*r.NormFloat64())))
	}
	got := forecast.Learn(recent, minutes(15))
	near(t, "median", got.Median.Minutes(), 20)
	if math.Abs(got.Spread-0.6) > 0.06 {
		t.Errorf("spread: got %.2f, want 0.6", got.Spread)
	}
	for i := range 500 {
		recent[i*10] = 8 * time.Hour
	}
	spoilt := forecast.Learn(recent, minutes(15))
	if ratio := float64(spoilt.Median) / float64(got.Median); ratio > 1.15 {
		t.Errorf("outliers raise the median by %.2f", ratio)
	}
	if spoilt.Spread > got.Spread+0.2 {
		t.Errorf("outliers raise the spread from %.2f to %.2f", got.Spread, spoilt.Spread)
	}
}
