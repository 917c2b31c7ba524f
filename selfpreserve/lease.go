package selfpreserve

import (
	"errors"
	"fmt"
	"time"
)

// ErrLease is wrapped by the error of a lease that cannot be granted. The caller's fault; nothing has changed.
var ErrLease = errors.New("selfpreserve: invalid lease")

// Lease is the promise of one instance to renew itself: what Grant is told. A value; nothing of it is kept but its strings.
type Lease struct {
	// Service is the name that evictions are spread over. With namespaces, let the caller put both into it.
	Service string
	// Zone is the scope in which the lease is judged; "" is a zone like any other.
	Zone string
	// TTL is how long after its last renewal the lease expires: above 0, up to 10 years.
	TTL time.Duration
	// Interval is the declared time between renewals, 0 to 10 years. 0 is "not declared": TTL/2 is expected at first, then
	// what its renewals show. An interval of TTL/2 or less is what lets a cut show before the first lease expires.
	Interval time.Duration
	// Inherited marks a lease of a dead home, taken over by this node as its heir: judged in the scope "datacenter".
	Inherited bool
	// Embedded marks an instance that lives in the process of its home node and dies with it. It matters for inherited
	// leases only.
	Embedded bool
	// Probe says that the instance has an address that can be asked for evidence. Without it there is never a Probe action
	// for the lease.
	Probe bool
}

func (l Lease) validate() error {
	switch {
	case l.TTL <= 0 || l.TTL > maxTTL:
		return fmt.Errorf("%w: TTL is %v, must be above 0, up to 10 years", ErrLease, l.TTL)
	case l.Interval < 0 || l.Interval > maxTTL:
		return fmt.Errorf("%w: Interval is %v, must be 0 (not declared) to 10 years", ErrLease, l.Interval)
	}
	return nil
}

// Renewal is what became of a renewal.
type Renewal struct {
	// Known is false if there is no such lease (any more): the client must register again.
	Known bool
	// Preserved is true if the lease was kept past its expiry until now: the caller takes the mark off its record.
	Preserved bool
	// Inherited is true if the lease is still that of a dead home: the caller takes over the record and calls Adopt.
	Inherited bool
}

// phase is where a lease is on its way from renewal to eviction.
type phase uint8

const (
	fresh  phase = iota // renewed in time
	silent              // overdue: in its scope's silent list, counted as lost
	gone                // evicted within the last TTL: no longer a lease, still counted on both sides
)

// lease is one entry of the table, 128 bytes with a key of three strings.
type lease[K comparable] struct {
	key     K
	service *service
	zone    *scope[K] // where it is judged unless it is inherited

	renewed Instant // last renewal, or the grant
	base    Instant // start of the silence: renewed, or a later Refresh
	due     Instant // silent: when it is looked at next; gone: when it is forgotten
	armed   Instant // time of its entry in the timers, never if there is none

	ttl      time.Duration
	interval time.Duration // expected

	place int32 // in the silent list
	class class // of its overdue time
	band  class // silent: how wide a population it is judged against
	phase phase

	declared  bool // interval is not learned
	inherited bool
	embedded  bool
	preserved bool // expired but kept
	probe     bool // may be asked
	reprieved bool // has had a fresh TTL after a recovery
	queued    bool // waits for the draw

	found Outcome // of the last connection attempt while preserved; Refused is to be evicted
}

// service is the number of leases of one service.
type service struct {
	name string
	live int
}

// overdue is how long after its last renewal the lease counts as silent: 1.5 intervals, but no later than it expires.
func (l *lease[K]) overdue() time.Duration {
	if planted == "the expired are counted, not the overdue" {
		return l.ttl
	}
	return min(l.interval+l.interval/2, l.ttl)
}

// expires is when the lease expires unless it is renewed.
func (l *lease[K]) expires() Instant { return l.base + l.ttl }

// next is when the lease has to be looked at.
func (l *lease[K]) next() Instant {
	if l.phase == fresh {
		return l.base + l.overdue()
	}
	return l.due
}

// learn moves the expected interval towards an observed gap. Up by a quarter and down by an eighth: an interval believed
// too short makes a healthy lease look lost between two renewals, one believed too long only delays the reaction to a
// cut. Gaps in which the lease expired, or in which this node was paused, say nothing about the client and are left out;
// so are those below a sixteenth of the TTL, which are a renewal sent twice.
func (l *lease[K]) learn(now Instant) {
	gap := now - l.renewed
	if l.declared || gap <= 0 || gap < l.ttl/16 || gap >= l.ttl || l.base != l.renewed {
		return
	}
	if gap > l.interval {
		l.interval += (gap - l.interval) / 4
	} else {
		l.interval -= (l.interval - gap) / 8
	}
}
