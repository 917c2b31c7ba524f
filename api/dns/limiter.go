package dns

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// buckets is how many counters a limiter has: 128 KiB of them. A flood from more networks than that is from everywhere.
const buckets = 1 << 14

// limiter bounds how much a network of clients is answered. For each there is a bucket with as many tokens as the rate
// allows in a second; an answer takes one. A bucket is kept as the moment at which it is full again, so that one word is all
// there is to it. Networks are told apart by a hash that nobody else knows; two of them may share a bucket. Safe for any
// number of goroutines.
type limiter struct {
	gap    time.Duration // between two answers, at the rate
	seed   maphash.Seed
	fullAt [buckets]atomic.Int64 // since the beginning of the limiter's time
}

// newLimiter makes a limiter for so many answers a second; nil, which allows everything, if that is not more than 0.
func newLimiter(rate int) *limiter {
	if rate <= 0 {
		return nil
	}
	return &limiter{gap: max(time.Second/time.Duration(rate), 1), seed: maphash.MakeSeed()}
}

// allow takes a token from the client's network, and reports whether there was one. now is the time since some moment that
// stays the same, and never goes back.
func (l *limiter) allow(client netip.Addr, now time.Duration) bool {
	if l == nil || client.IsLoopback() {
		return true // Nobody else can send in this machine's own name.
	}
	bucket := &l.fullAt[maphash.Comparable(l.seed, network(client))%buckets]
	for {
		old := bucket.Load()
		next := max(old, int64(now)) + int64(l.gap)
		if next > int64(now+time.Second) {
			return false
		}
		if bucket.CompareAndSwap(old, next) {
			return true
		}
	}
}

// network is what a client can be supposed to have to itself: all of /56 of IPv6, and of IPv4 the /24 beyond which nothing
// is routed.
func network(client netip.Addr) netip.Prefix {
	bits := 56
	if client = client.Unmap(); client.Is4() {
		bits = 24
	}
	p, _ := client.WithZone("").Prefix(bits) // The bits are within the address's.
	return p
}
