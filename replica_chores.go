package muster

import (
	"maps"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/selfpreserve"
)

// chores is what has to be done now and then, and matters to no one at once.
type chores struct {
	next    selfpreserve.Instant
	orphans selfpreserve.Instant
	since   map[Key]selfpreserve.Instant // registers left over without their registration
}

const (
	choreInterval  = 30 * time.Second
	orphanInterval = 10 * time.Minute
	// tombstoneMost bounds how long a member that never agrees can keep tombstones: in multiples of their age.
	tombstoneMost = 6
)

func newChores(now selfpreserve.Instant) chores {
	return chores{next: now + choreInterval, orphans: now + orphanInterval, since: make(map[Key]selfpreserve.Instant)}
}

func (c *chores) tick(r *Replica) {
	now := r.at.Mono
	if now < c.next {
		return
	}
	c.next = now + choreInterval
	maps.DeleteFunc(r.passed, func(_ Key, until selfpreserve.Instant) bool { return until <= now })
	age := r.cfg.TombstoneAge
	r.cat.Collect(r.at, age, func(_ causal.Dot, learned time.Duration) bool {
		return r.peers.covered(learned) || now-learned >= tombstoneMost*age
	})
	r.cat.Prune(r.at, r.cfg.OriginAge, func(node string) bool { return node == r.id || r.peers.alive(node) })
	if now >= c.orphans {
		c.orphans = now + orphanInterval
		c.clearOrphans(r)
	}
}

// clearOrphans deletes leases and overrides whose instance has been gone for as long as a tombstone is held. One member
// does it for each instance, so that they are not deleted as often as there are members.
func (c *chores) clearOrphans(r *Replica) {
	now := r.at.Mono
	seen := make(map[Key]selfpreserve.Instant)
	for _, rec := range r.cat.Records() {
		if rec.Deleted() || rec.Kind == catalog.KindRegistration {
			continue
		}
		if inst := r.cat.Current(rec.Key); inst != nil {
			continue
		}
		since, ok := c.since[rec.Key]
		if !ok {
			since = now
		}
		seen[rec.Key] = since
		if now-since >= r.cfg.TombstoneAge && selfpreserve.Heir(rec.Key.String(), r.peers.everyone()) == r.id {
			r.wrote(r.cat.Bury(r.at, rec, catalog.Cleared))
		}
	}
	c.since = seen
}
