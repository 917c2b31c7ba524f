package selfpreserve

import (
	"math/rand/v2"
	"time"
)

// Keeper is the lease table of one node and the decision which expired leases may be evicted. It is told what happens and
// what time it is, and answers with Actions; it evicts nothing from anywhere but itself. It is no health checker: a
// failing check is an observation, and observations do not come here.
//
// One goroutine owns a Keeper; it is not safe for concurrent use. Its zero value is not usable: call New.
type Keeper[K comparable] struct {
	rule     rule
	maxAge   time.Duration
	fraction float64
	pace     time.Duration
	compare  func(a, b K) int
	rand     *rand.Rand

	now      Instant
	leases   table[K] // with those that are gone and still counted
	live     int      // leases without those
	services map[string]*service
	zones    map[string]*scope[K]
	node     *scope[K]
	dc       *datacenter[K]

	timers    timers[*lease[K]] // one valid entry a lease, no later than its next
	wakes     timers[*scope[K]]
	unsettled []*scope[K] // zones whose counts have changed since they were judged
	expired   []*lease[K] // due at the instant being worked on
	queue     []*lease[K] // waiting for the draw, and some that no longer do
	nextDraw  Instant
	inquiry   inquiry[K]
	answers   Tally

	unwell  bool // between Hold and Release
	why     string
	actions []Action[K]
	history []Transition
}

// New is an empty Keeper. Its error is that of Config.Validate.
func New[K comparable](c Config[K]) (*Keeper[K], error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Keeper[K]{
		rule:     rule{threshold: c.Threshold, minLost: c.MinLost},
		maxAge:   c.MaxAge,
		fraction: c.EvictFraction,
		pace:     c.Pace,
		compare:  c.Compare,
		rand:     c.Rand,
		leases:   newTable[K](),
		services: make(map[string]*service),
		inquiry:  inquiry[K]{about: make(map[*lease[K]]*question[K])},
		zones:    make(map[string]*scope[K]),
		node:     &scope[K]{name: NodeScope, armed: never},
		dc:       &datacenter[K]{scope: scope[K]{name: DatacenterScope, armed: never}},
	}, nil
}

// Grant adds a lease, or replaces the one of the same key, and starts its clock. A key that was evicted a moment ago and
// returns no longer counts as lost. The error wraps ErrLease; then nothing has changed.
func (k *Keeper[K]) Grant(now Instant, key K, l Lease) error {
	if err := l.validate(); err != nil {
		return err
	}
	k.arrive(now)
	if old := k.leases.get(key); old != nil {
		k.remove(old)
	}
	interval := l.Interval
	if interval == 0 {
		interval = max(l.TTL/2, 1)
	}
	n := &lease[K]{
		key: key, service: k.serviceOf(l.Service), zone: k.zoneOf(l.Zone),
		renewed: k.now, base: k.now, armed: never, ttl: l.TTL, interval: interval,
		declared: l.Interval > 0, inherited: l.Inherited, embedded: l.Embedded, probe: l.Probe,
	}
	if l.Inherited && planted == "the leases of a dead home go at once" {
		n.base -= n.ttl
	}
	n.class = classOf(n.overdue())
	k.leases.put(n)
	k.live++
	n.service.live++
	n.zone.members++
	k.count(n, counts{live: 1})
	k.arm(n)
	k.settle()
	return nil
}

// Renew starts the clock of a lease afresh, in constant time and without allocating unless the lease was overdue. A
// lease that has expired but has not been evicted by a Step can still be renewed. A renewal of a lease that is inherited
// leaves it so: see Adopt.
func (k *Keeper[K]) Renew(now Instant, key K) Renewal {
	k.arrive(now)
	l := k.leases.get(key)
	if l == nil || l.phase == gone {
		return Renewal{}
	}
	r := Renewal{Known: true, Preserved: l.preserved, Inherited: l.inherited}
	k.hear(l)
	l.learn(k.now)
	k.classify(l)
	l.renewed, l.base = k.now, k.now
	k.arm(l)
	k.settle()
	return r
}

// Adopt turns an inherited lease into one of this node's own, with its clock started afresh: what a renewal that reaches
// the heir amounts to. For a lease that is not inherited it is Renew.
func (k *Keeper[K]) Adopt(now Instant, key K) Renewal {
	l := k.leases.get(key)
	if l == nil || l.phase == gone || !l.inherited {
		return k.Renew(now, key)
	}
	r := Renewal{Known: true, Preserved: l.preserved, Inherited: true}
	k.arrive(now)
	k.hear(l)
	k.count(l, counts{live: -1})
	l.inherited = false
	k.count(l, counts{live: 1})
	l.renewed, l.base = k.now, k.now
	k.arm(l)
	k.settle()
	return r
}

// Drop forgets a lease that was deregistered or has moved to another home: it leaves both sides of the fraction at once,
// and so does one that was evicted a moment ago. It reports whether there was a lease.
func (k *Keeper[K]) Drop(now Instant, key K) bool {
	k.arrive(now)
	l := k.leases.get(key)
	if l == nil {
		return false
	}
	known := l.phase != gone
	k.remove(l)
	k.settle()
	return known
}

// arrive moves the time to now, never backwards.
func (k *Keeper[K]) arrive(now Instant) { k.now = max(k.now, now) }

// scopeOf is where l is listed and judged.
func (k *Keeper[K]) scopeOf(l *lease[K]) *scope[K] {
	if l.inherited {
		return &k.dc.scope
	}
	return l.zone
}

// count adds d to the counts in which l takes part, at the class of l.
func (k *Keeper[K]) count(l *lease[K], d counts) {
	if l.inherited {
		k.dc.count(l, d)
		k.touch(&k.dc.scope)
		return
	}
	k.countAt(l.zone, l.class, d, l.interval)
}

// countAt adds d to the counts of a zone, and of the node unless the zone is preserving.
func (k *Keeper[K]) countAt(zone *scope[K], c class, d counts, interval time.Duration) {
	zone.census.add(c, d, interval)
	k.touch(zone)
	if zone.state != Preserving {
		k.node.census.add(c, d, interval)
		k.touch(k.node)
	}
}

// classify moves l, which is fresh, to the class that its interval now belongs to.
func (k *Keeper[K]) classify(l *lease[K]) {
	c := classOf(l.overdue())
	if c == l.class {
		return
	}
	k.count(l, counts{live: -1})
	l.class = c
	k.count(l, counts{live: 1})
}

// remove takes l out of every count and out of the table.
func (k *Keeper[K]) remove(l *lease[K]) {
	if l.phase == gone {
		k.forget(l)
		return
	}
	k.hear(l)
	k.count(l, counts{live: -1})
	k.leave(l)
	k.discard(l)
}

// leave ends the live part of l.
func (k *Keeper[K]) leave(l *lease[K]) {
	k.live--
	if l.service.live--; l.service.live == 0 {
		delete(k.services, l.service.name)
	}
}

// forget ends the count of a lease that was evicted.
func (k *Keeper[K]) forget(l *lease[K]) {
	k.count(l, counts{gone: -1})
	k.discard(l)
}

func (k *Keeper[K]) discard(l *lease[K]) {
	l.armed = never // what is left in the timers is stale
	k.leases.remove(l)
	l.zone.members--
	k.touch(l.zone)
}

func (k *Keeper[K]) serviceOf(name string) *service {
	s := k.services[name]
	if s == nil {
		s = &service{name: name}
		k.services[name] = s
	}
	return s
}

func (k *Keeper[K]) zoneOf(name string) *scope[K] {
	s := k.zones[name]
	if s == nil {
		s = &scope[K]{name: ZonePrefix + name, armed: never}
		k.zones[name] = s
	}
	return s
}

// arm makes sure that the timers have an entry for l no later than its next look. One that is earlier is left alone: it
// will be postponed when it is due, which is what keeps a renewal from touching the timers.
func (k *Keeper[K]) arm(l *lease[K]) {
	next := l.next()
	if next >= l.armed {
		return
	}
	l.armed = next
	k.timers.push(next, l)
	if len(k.timers) > 2*k.leases.len()+64 {
		k.timers.keep(func(t timer[*lease[K]]) bool { return t.item.armed == t.at })
	}
}
