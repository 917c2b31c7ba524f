package world

import "time"

// epoch is the wall time at which every world begins.
var epoch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// clock is what one node takes for the time. Its monotonic clock runs a little fast or slow; its wall clock may be wrong
// by years, and be set at any moment.
type clock struct {
	boot  time.Duration // the world's time at which the process started
	drift float64       // how much faster the monotonic clock runs than the world, as a share: 0.001 is a second in 1,000
	wrong time.Duration // how far ahead the wall clock is
}

// mono is the process's monotonic time at a moment of the world.
func (c *clock) mono(now time.Duration) time.Duration {
	d := now - c.boot
	return d + time.Duration(float64(d)*c.drift)
}

// world is the moment at which the process's monotonic clock shows d, to within a nanosecond or so.
func (c *clock) world(d time.Duration) time.Duration {
	return c.boot + time.Duration(float64(d)/(1+c.drift))
}

// wall is what the node's wall clock shows.
func (c *clock) wall(now time.Duration) time.Time { return epoch.Add(now).Add(c.wrong) }
