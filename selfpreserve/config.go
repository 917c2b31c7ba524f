package selfpreserve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Instant is local monotonic time: the time since the node started. It orders what one node has seen and means nothing
// on another node. An Instant that is earlier than one given before is taken for that one.
type Instant = time.Duration

const (
	// maxTTL keeps every sum of an Instant and a TTL far away from overflow.
	maxTTL = 10 * 365 * 24 * time.Hour

	// never is the Instant of what is not going to happen.
	never = Instant(1<<63 - 1)
)

// Config is what a Keeper is made from. Start from DefaultConfig and set Compare and Rand.
type Config[K comparable] struct {
	// Threshold is the share of the leases of a scope that must be renewing for the others to be evicted, 0 to 1. Default
	// 0.85. Higher preserves earlier: 1 evicts nothing once MinLost leases are silent, 0 never preserves.
	Threshold float64

	// MinLost is the number of silent leases, at least 1, below which a scope never preserves, whatever their share. Default
	// 3: in a scope of three, one crash (33%) is a crash and not a cut. Larger costs a small scope more leases in a cut.
	MinLost int

	// MaxAge is how long past its expiry a lease may be preserved. 0, the default, is without limit. What has reached it is
	// evicted at the pace of a recovery.
	MaxAge time.Duration

	// EvictFraction is the share of all leases that may be evicted in one Pace after a recovery, above 0, up to 1, and at
	// least one lease; the same share bounds what one service may lose. Default 0.02: the 15% that may be silent when a
	// scope returns to normal take 8 seconds to go. That is long enough for a second cut to show and stop it, and for load
	// balancers to follow, and short beside any TTL. Larger is faster and rougher.
	EvictFraction float64

	// Pace is the length of one round of such evictions, above 0. Default 1 s. It is a time and not a call of Step, so that
	// the outcome does not depend on how often Step is called.
	Pace time.Duration

	// Compare is a total order of keys: negative, 0 (only for equal keys) or positive. Required.
	Compare func(a, b K) int

	// Rand draws the leases that go first after a recovery. Required; the Keeper is its only user from then on.
	Rand *rand.Rand
}

// DefaultConfig is the default of every field that has one. Compare and Rand are left for the caller.
func DefaultConfig[K comparable]() Config[K] {
	return Config[K]{Threshold: 0.85, MinLost: 3, EvictFraction: 0.02, Pace: time.Second}
}

// ErrConfig is wrapped by each problem that Config.Validate finds. The caller's fault; nothing has been built.
var ErrConfig = errors.New("selfpreserve: invalid configuration")

// Validate returns all problems of c, joined, each wrapping ErrConfig; nil if there is none.
func (c Config[K]) Validate() error {
	var errs []error
	check := func(ok bool, field string, value any, bound string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%w: %s is %v, must be %s", ErrConfig, field, value, bound))
		}
	}
	check(c.Threshold >= 0 && c.Threshold <= 1, "Threshold", c.Threshold, "0 to 1")
	check(c.MinLost >= 1, "MinLost", c.MinLost, "at least 1")
	check(c.MaxAge >= 0 && c.MaxAge <= maxTTL, "MaxAge", c.MaxAge, "0 (unlimited) to 10 years")
	check(c.EvictFraction > 0 && c.EvictFraction <= 1, "EvictFraction", c.EvictFraction, "above 0, up to 1")
	check(c.Pace > 0 && c.Pace <= maxTTL, "Pace", c.Pace, "above 0, up to 10 years")
	check(c.Compare != nil, "Compare", "nil", "a total order of keys")
	check(c.Rand != nil, "Rand", "nil", "a source of random numbers")
	return errors.Join(errs...)
}

// rule is the part of the configuration that tells a few deaths from a cut.
type rule struct {
	threshold float64
	minLost   int
}

// forbids reports whether lost silent leases out of total are too many to evict any of them.
func (r rule) forbids(lost, total int) bool { return lost >= r.minLost && r.exceeded(lost, total) }

// tolerated is the share of the leases that may be silent.
func (r rule) tolerated() float64 { return 1 - r.threshold }

// exceeded compares shares. The small term keeps equality on the tolerated side: 1 - 0.9 is less than 0.1 in binary.
func (r rule) exceeded(lost, total int) bool {
	return float64(lost) > r.tolerated()*float64(total)+1e-9
}
