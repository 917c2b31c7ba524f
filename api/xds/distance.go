package xds

import (
	"maps"
	"slices"
	"time"
)

// Two data centres change places only if the one behind is nearer by nearerBy and by nearerThan: round trips are
// estimates that waver, and each change of the order sends every assignment to every client.
const (
	nearerBy   = 0.8
	nearerThan = time.Millisecond
)

// Nearest orders data centres by round trip. before is the order until now, as Nearest gave it, which stays where there is
// little to choose. Those without a measurement, or with one of 0, keep their place behind those that have one, new ones
// by name. The result is a new slice.
func Nearest(before []string, rtt map[string]time.Duration) []string {
	var measured, rest []string
	add := func(dc string) {
		if rtt[dc] > 0 {
			measured = append(measured, dc)
		} else {
			rest = append(rest, dc)
		}
	}
	for _, dc := range before {
		add(dc)
	}
	for _, dc := range slices.Sorted(maps.Keys(rtt)) {
		if !slices.Contains(before, dc) {
			add(dc)
		}
	}
	for moved := true; moved; {
		moved = false
		for i := 1; i < len(measured); i++ {
			a, b := rtt[measured[i-1]], rtt[measured[i]]
			if float64(b) < nearerBy*float64(a) && a-b > nearerThan {
				measured[i-1], measured[i] = measured[i], measured[i-1]
				moved = true
			}
		}
	}
	return append(measured, rest...)
}
