package proc

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// ledger is what the registry has acknowledged to the clients of a load: what it is held to.
type ledger struct {
	t   *testing.T
	ttl time.Duration

	mu     sync.Mutex
	settle time.Duration // how long after its acknowledgement a write may be missing at nodes that its client reaches
	// healing is the time from a heal until all agree. A lease that ran out on one side, while its client renewed on the
	// other, was evicted there, if there were too few of them to preserve: its tombstone may reach nodes of the other side a
	// moment before its home there has said again that it is alive. What is missing meanwhile is counted as a blink.
	healing bool
	entries map[string]*entry
	began   time.Time
	count   struct{ registered, renewed, deregistered, lapsed, blinks, looks int }
	errors  int
}

// entry is one instance.
type entry struct {
	id, side   string
	registered time.Time // of the last acknowledged registration
	renewed    time.Time // when the last acknowledged registration or renewal was sent
	leaving    bool      // its deregistration has been sent, and may or may not have been taken
	gone       time.Time // of the acknowledged deregistration
}

// claim is what the ledger says at one moment of the instances of one side: which must be there, and which must not.
// What has just been written, or is not renewed in time, may or may not be there.
type claim struct{ present, absent map[string]entry }

func newLedger(t *testing.T, ttl, settle time.Duration) *ledger {
	t.Helper()
	return &ledger{t: t, ttl: ttl, settle: settle, entries: map[string]*entry{}, began: time.Now()}
}

// report reports a broken promise; the test goes on, to show what else breaks, but not for ever.
func (l *ledger) report(format string, args ...any) {
	l.mu.Lock()
	l.errors++
	n, at := l.errors, time.Since(l.began)
	l.mu.Unlock()
	if n <= 20 {
		l.t.Errorf("%6.2f s: %s", at.Seconds(), fmt.Sprintf(format, args...))
	}
}

// registered notes an acknowledged registration that was sent at the given moment.
func (l *ledger) registered(id, side string, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count.registered++
	l.entries[id] = &entry{id: id, side: side, registered: time.Now(), renewed: sent}
}

// renewed notes an acknowledged renewal. One that comes a TTL after the last may have come too late.
func (l *ledger) renewed(id string, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[id]
	l.count.renewed++
	if time.Since(e.renewed) >= l.ttl {
		l.count.lapsed++
	}
	e.renewed = sent
}

// unknown notes that a client was told to register again, which must not be if it has renewed in time.
func (l *ledger) unknown(id, node string) {
	l.mu.Lock()
	e := *l.entries[id]
	silent := time.Since(e.renewed)
	healing := l.healing
	switch {
	case silent >= l.ttl:
		l.count.lapsed++
	case healing:
		l.count.blinks++
	}
	l.mu.Unlock()
	if silent < l.ttl && !healing {
		l.report("%s of side %s has renewed %v ago, and is unknown at %s", id, e.side, silent, node)
	}
}

// leaving notes that a deregistration is being sent.
func (l *ledger) leaving(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[id].leaving = true
}

// deregistered notes an acknowledged deregistration.
func (l *ledger) deregistered(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count.deregistered++
	l.entries[id].gone = time.Now()
}

// claim is what the ledger says of one side now, or of all sides if side is empty.
func (l *ledger) claim(side string) claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := claim{present: map[string]entry{}, absent: map[string]entry{}}
	for id, e := range l.entries {
		switch {
		case side != "" && side != e.side:
		case !e.gone.IsZero():
			if time.Since(e.gone) >= l.settle {
				c.absent[id] = *e
			}
		case !e.leaving && time.Since(e.registered) >= l.settle && time.Since(e.renewed) < l.ttl:
			c.present[id] = *e
		}
	}
	return c
}

// broken reports whether it breaks a promise that a present instance was missing: what was claimed is still claimed.
func (l *ledger) broken(was entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[was.id]
	if e.leaving || !e.registered.Equal(was.registered) || time.Since(e.renewed) >= l.ttl {
		return false
	}
	if l.healing {
		l.count.blinks++
	}
	return !l.healing
}

// heals says whether a heal is under way.
func (l *ledger) heals(now bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.healing = now
}

// settles says how long after its acknowledgement a write may be missing.
func (l *ledger) settles(within time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle = within
}

// compare holds what a node has answered to what the ledger claimed before it was asked.
func (l *ledger) compare(node string, before claim, seen map[string]bool) {
	l.mu.Lock()
	l.count.looks++
	l.mu.Unlock()
	for id, e := range before.present {
		if !seen[id] && l.broken(e) {
			l.report("%s of side %s, registered %v ago and renewed since, is missing at %s", id, e.side, time.Since(e.registered), node)
		}
	}
	for id, e := range before.absent {
		if seen[id] {
			l.report("%s of side %s, deregistered %v ago, is at %s", id, e.side, time.Since(e.gone), node)
		}
	}
}
