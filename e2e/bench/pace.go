package main

import (
	"context"
	"time"
)

// paceTick is how often pace catches up.
const paceTick = time.Millisecond

// pace calls f rate times a second, with 0, 1, 2 and so on, until ctx ends, and returns how often it did. What it is late
// with it makes up for at once, so that the rate holds as long as f is fast enough.
func pace(ctx context.Context, rate float64, f func(n int)) int {
	tick := time.NewTicker(paceTick)
	defer tick.Stop()
	begin, n := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return n
		case <-tick.C:
		}
		for due := int(rate * time.Since(begin).Seconds()); n < due && ctx.Err() == nil; n++ {
			f(n)
		}
	}
}
