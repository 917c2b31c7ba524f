package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// pause waits that long; false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter is d, half of it more or less: those who lost a node at one moment must not come back at one.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1) //nolint:gosec // For spreading load.
}
