package client

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// budget bounds what a client sends beyond its usual requests: a bucket that fills at a rate. Requests about leases may
// run into debt, since a lease that is not renewed in time costs more than a request; all others wait until it is paid.
type budget struct {
	rate, burst float64

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

func newBudget(rate float64) *budget {
	burst := max(5*rate, 1)
	return &budget{rate: rate, burst: burst, tokens: burst}
}

// take spends a token and returns how long to wait before making use of it.
func (b *budget) take(now time.Time, urgent bool) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.filled.IsZero() {
		b.tokens = min(b.burst, b.tokens+now.Sub(b.filled).Seconds()*b.rate)
	}
	b.filled = now
	b.tokens--
	owed := -b.tokens
	if urgent {
		owed -= b.burst
	}
	if owed <= 0 {
		return 0
	}
	return time.Duration(owed / b.rate * float64(time.Second))
}

// wait takes a token and waits for it; the error is the context's.
func (b *budget) wait(ctx context.Context, urgent bool) error {
	return pause(ctx, b.take(time.Now(), urgent))
}

// pause waits, unless ctx ends before; the error is the context's.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

const firstBackoff = 250 * time.Millisecond

// backoff is how long to wait after that many failures in a row: twice as long after each, at most limit, and between
// half of it and all of it, so that those who failed together do not come back together.
func backoff(failures int, limit time.Duration) time.Duration {
	d := firstBackoff << min(failures-1, 20)
	return between(min(d, limit)/2, min(d, limit))
}

// between is a random duration of that range.
func between(low, high time.Duration) time.Duration {
	return low + rand.N(max(high-low, 0)+1) //nolint:gosec // It spreads load and keeps no secret.
}
