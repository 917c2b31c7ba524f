package measure

import (
	"math"
	"slices"
	"time"
)

// Median is the middle of the values, the mean of the two middle ones if their number is even; 0 if there are none. The
// slice stays as it is.
func Median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	switch n := len(v); {
	case n == 0:
		return 0
	case n%2 == 1:
		return v[n/2]
	default:
		return (v[n/2-1] + v[n/2]) / 2
	}
}

// MedianRatio is the median of ours[i]/theirs[i]. Rounds in which theirs is 0 do not count; 0 if none does.
func MedianRatio(ours, theirs []float64) float64 {
	var ratios []float64
	for i, v := range ours {
		if i < len(theirs) && theirs[i] != 0 {
			ratios = append(ratios, v/theirs[i])
		}
	}
	return Median(ratios)
}

// Durations is a set of measured times. The zero Durations is empty and ready to use.
type Durations struct {
	all    []time.Duration
	sorted bool
}

// Add adds values.
func (d *Durations) Add(values ...time.Duration) {
	d.all = append(d.all, values...)
	d.sorted = false
}

// Len is how many there are.
func (d *Durations) Len() int { return len(d.all) }

// All is every value, in no particular order. It is the owner's to read.
func (d *Durations) All() []time.Duration { return d.all }

// At is the smallest value that at least that share of all values, 0 to 1, does not exceed: At(0.5) is the median, At(1)
// the largest. 0 if there are none.
func (d *Durations) At(share float64) time.Duration {
	if len(d.all) == 0 {
		return 0
	}
	if !d.sorted {
		slices.Sort(d.all)
		d.sorted = true
	}
	i := int(math.Ceil(share*float64(len(d.all)))) - 1
	return d.all[min(max(i, 0), len(d.all)-1)]
}

// Millis is a duration in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
