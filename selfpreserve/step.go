package selfpreserve

import (
	"fmt"
	"slices"
	"time"
)

// Verb is what an Action asks for.
type Verb uint8

const (
	// Evict: the lease is gone from the Keeper. Take the instance out of the catalog.
	Evict Verb = iota + 1
	// Preserve: the lease has expired and is kept. Mark the instance; a Renewal says when to take the mark off.
	Preserve
	// Probe: the lease is preserved. Try to connect to the instance, without sending anything, and tell what came of it by
	// Evidence, with the Action's Token. No answer does no harm.
	Probe
)

// String is the verb in lower case.
func (v Verb) String() string {
	switch v {
	case Evict:
		return "evict"
	case Preserve:
		return "preserve"
	case Probe:
		return "probe"
	default:
		return "unknown"
	}
}

// Action is what a Step asks its caller to do. A value.
type Action[K comparable] struct {
	Verb Verb
	Key  K
	// At is when it was decided: at most the time of the Step.
	At Instant
	// LastRenewal is when the lease was renewed or granted last.
	LastRenewal Instant
	// Reason says why, in words.
	Reason string
	// Token is what Evidence wants to see again, 0 unless the Verb is Probe.
	Token uint64
}

// Step does everything that is due up to now, in the order of time, and returns what the caller has to do, in order.
// Each decision is taken with the counts of its own moment, so that many small steps and one large one have the same
// outcome; but a renewal only helps if Renew is called before the Step. Renew first, then Step.
func (k *Keeper[K]) Step(now Instant) []Action[K] {
	now = max(now, k.now)
	for {
		t, ok := k.Next()
		if !ok || t > now {
			break
		}
		k.tick(max(t, k.now))
	}
	k.now = now
	actions := k.actions
	k.actions = nil
	return actions
}

// Next is when Step has something to do; false if never, as things are. It may be early: a lease that has been renewed
// keeps its old place among the timers until that place comes up. It is never late.
func (k *Keeper[K]) Next() (Instant, bool) {
	next := min(k.timers.top(), k.wakes.top())
	if len(k.queue) > 0 && !k.unwell {
		next = min(next, k.nextDraw)
	}
	next = min(next, k.inquiry.nextRound())
	return next, next != never
}

// tick does what is due at t. Whatever changes a count comes first, then the judgement, then those whose fate hangs on it.
func (k *Keeper[K]) tick(t Instant) {
	k.now = t
	k.expired = k.expired[:0]
	for k.timers.top() <= t {
		k.fire(t)
	}
	for k.wakes.top() <= t {
		if w := k.wakes.pop(); w.item.armed == w.at {
			w.item.armed = never
			k.touch(w.item)
		}
	}
	k.settle()
	if len(k.expired) > 1 {
		slices.SortFunc(k.expired, func(a, b *lease[K]) int { return k.compare(a.key, b.key) })
	}
	for _, l := range k.expired {
		k.decide(l)
	}
	clear(k.expired)
	if len(k.queue) > 0 && !k.unwell && k.nextDraw <= t {
		k.draw()
	}
	k.settle()
	if k.inquiry.nextRound() <= t {
		k.ask()
	}
}

// fire takes care of the timer on top, which is due.
func (k *Keeper[K]) fire(t Instant) {
	l := k.timers[0].item
	if l.armed != k.timers[0].at {
		k.timers.pop()
		return
	}
	if next := l.next(); next > t {
		if l.armed = next; next == never {
			k.timers.pop()
		} else {
			k.timers.postpone(next)
		}
		return
	}
	k.timers.pop()
	l.armed = never
	switch l.phase {
	case fresh:
		k.silence(l)
		if l.due > t {
			k.arm(l)
			return
		}
		fallthrough // it is overdue no sooner than it expires
	case silent:
		k.widen(l)
		k.expired = append(k.expired, l)
	case gone:
		k.forget(l)
	}
}

// silence makes l overdue.
func (k *Keeper[K]) silence(l *lease[K]) {
	l.phase, l.due = silent, l.expires()
	l.band = l.class
	if band, ok := shown(l.ttl); ok {
		l.band = max(l.band, band) // that of its expiry, which is when it matters first
	}
	k.count(l, counts{lost: 1})
	if !l.inherited {
		k.countAt(l.zone, l.band, counts{band: 1}, 0)
	}
	s := k.scopeOf(l)
	l.place = int32(len(s.silent)) // Two billion leases do not fit in memory.
	s.silent = append(s.silent, l)
}

// hear undoes silence and all that followed from it.
func (k *Keeper[K]) hear(l *lease[K]) {
	s := k.scopeOf(l)
	if l.phase == silent {
		k.count(l, counts{lost: -1})
		if !l.inherited {
			k.countAt(l.zone, l.band, counts{band: -1}, 0)
		}
		last := len(s.silent) - 1
		moved := s.silent[last]
		moved.place = l.place
		s.silent[l.place] = moved
		s.silent[last] = nil
		s.silent = s.silent[:last]
		l.phase = fresh
	}
	if l.preserved {
		l.preserved = false
		s.preserved--
		k.dismiss(l)
	}
	k.endReprieve(l)
	l.found, l.queued = Nothing, false
}

// mark notes that l is preserved.
func (k *Keeper[K]) mark(l *lease[K]) {
	l.preserved = true
	k.scopeOf(l).preserved++
	k.inquire(l)
}

// widen moves a silent lease to the band that its silence has earned.
func (k *Keeper[K]) widen(l *lease[K]) {
	band, ok := shown(k.now - l.base)
	if !ok || band <= l.band || l.inherited {
		return
	}
	k.countAt(l.zone, l.band, counts{band: -1}, 0)
	l.band = band
	k.countAt(l.zone, l.band, counts{band: 1}, 0)
}

// decide is for a silent lease whose time has come: that of its expiry, of a fresh TTL, or of a wider judgement.
func (k *Keeper[K]) decide(l *lease[K]) {
	switch {
	case l.found == Refused && !k.unwell:
		k.evict(l, refusedReason)
	case l.queued:
		l.due = never
	case k.aged(l):
		k.enqueue(l)
	case k.blocked(l):
		k.preserve(l)
	case l.preserved && planted == "a recovery evicts everything at once":
		k.evict(l, k.silenceReason(l))
	case l.preserved && !l.reprieved:
		k.reprieveOne(l)
	case l.reprieved || k.scopeOf(l).state == Recovering || !l.inherited && k.node.state == Recovering:
		k.enqueue(l)
	default:
		k.evict(l, k.silenceReason(l))
	}
}

// aged reports whether l has been preserved for as long as it may.
func (k *Keeper[K]) aged(l *lease[K]) bool {
	return k.maxAge > 0 && l.preserved && k.now >= l.expires()+k.maxAge
}

// preserve keeps l for now. It is looked at again when its silence is long enough for a wider judgement, or it is too old.
func (k *Keeper[K]) preserve(l *lease[K]) {
	k.endReprieve(l)
	if !l.preserved {
		k.mark(l)
		k.act(l, Preserve, k.holdReason(l))
	}
	again := never
	if up := classOf(k.now - l.base).upper(); up != never {
		again = l.base + up
	}
	k.lookAgain(l, again)
}

// lookAgain sets when l is looked at next, no later than its maximal age if that is still to come.
func (k *Keeper[K]) lookAgain(l *lease[K], at Instant) {
	l.due = at
	if end := l.expires() + k.maxAge; k.maxAge > 0 && end > k.now {
		l.due = min(l.due, end)
	}
	k.arm(l)
}

// evict ends l. What fell silent stays counted on both sides for a TTL. What refused a connection is known to be dead,
// which says nothing about those that are silent; and the leases of dead homes are counted by the caller.
func (k *Keeper[K]) evict(l *lease[K], reason string) {
	refused := l.found == Refused
	k.act(l, Evict, reason)
	if refused || l.inherited {
		k.remove(l)
		return
	}
	k.hear(l)
	k.leave(l)
	k.count(l, counts{live: -1, gone: 1})
	l.phase, l.due = gone, k.now+l.ttl
	k.arm(l)
}

func (k *Keeper[K]) act(l *lease[K], v Verb, reason string) {
	k.actions = append(k.actions, Action[K]{Verb: v, Key: l.key, At: k.now, LastRenewal: l.renewed, Reason: reason})
}

// refusedReason is why a lease goes while others are kept.
const refusedReason = "its address refuses connections: the process is gone"

func (k *Keeper[K]) silenceReason(l *lease[K]) string {
	if k.aged(l) {
		return fmt.Sprintf("preserved for %v, the longest allowed", (k.now - l.expires()).Round(time.Millisecond))
	}
	return fmt.Sprintf("silent for %v, TTL %v", (k.now - l.renewed).Round(time.Millisecond), l.ttl)
}

// holdReason is why l is kept.
func (k *Keeper[K]) holdReason(l *lease[K]) string {
	s := k.scopeOf(l)
	switch {
	case k.unwell:
		return k.unwellReason()
	case s.state == Preserving:
		return s.reason + ", in " + s.name
	default:
		return k.node.reason + ", in " + k.node.name
	}
}
