package catalog

import (
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// TombstoneAge is how long a tombstone is held at least after this node learned of it. It has to outlive every message
// that may still be under way: a delayed registration that arrives after the tombstone is gone, at a node that a crash
// has made forget that it covers it, would be a zombie.
const TombstoneAge = time.Hour

// OriginAge is how long an origin is remembered after its node is gone, or has a newer life, and no record of it is held.
const OriginAge = 72 * time.Hour

// buried is a tombstone and when this node learned of it.
type buried struct {
	rec *Record
	at  time.Duration
}

// Collect forgets tombstones that are older than age and for which covered says that every member knows of them.
// covered is asked oldest first and may be nil: then age alone decides. Returns how many were forgotten. Needs the
// writer's lock.
func (c *Catalog) Collect(at Moment, age time.Duration, covered func(d causal.Dot, learned time.Duration) bool) int {
	c.batch++
	if planted == "tombstones are dropped early" {
		age, covered = 0, nil
	}
	n, kept := 0, 0
	i := 0
	for ; i < len(c.tombstones) && at.Mono-c.tombstones[i].at >= age; i++ {
		b := c.tombstones[i]
		rec := b.rec
		if c.register(rec.Key, rec.Kind, rec.Private()) != rec {
			continue // Superseded meanwhile.
		}
		d := rec.Stamp.Dot
		if covered != nil && !covered(d, b.at) {
			c.tombstones[kept] = b
			kept++
			continue
		}
		c.put(at, rec, nil, CauseAbsent)
		if planted != "collected tombstones leave no floor" {
			c.floors[d.Origin] = max(c.floors[d.Origin], d.Seq)
		}
		n++
	}
	c.tombstones = append(c.tombstones[:kept], c.tombstones[i:]...)
	c.publish()
	return n
}

// Prune forgets origins of which nothing is held any more and whose node is gone, or lives on under a higher
// incarnation, for longer than age: it bounds vectors and floors by the members there are. The two origins of a life live
// as long as each other. known says whether a node is a member or remembered as one. Call it now and then; it notes what it finds. Needs the writer's lock.
func (c *Catalog) Prune(at Moment, age time.Duration, known func(node string) bool) int {
	newest := make(map[string]uint64)
	for _, o := range c.vector.Origins() {
		newest[o.Node] = max(newest[o.Node], o.Life())
	}
	n := 0
	for _, o := range c.vector.Origins() {
		own := o.Node == c.self.Node && o.Life() == c.self.Incarnation
		if own || c.logs[o] != nil || known(o.Node) && newest[o.Node] == o.Life() {
			delete(c.idle, o)
			continue
		}
		since, noted := c.idle[o]
		if !noted {
			c.idle[o] = at.Mono
			continue
		}
		if at.Mono-since >= age {
			c.vector.Drop(o)
			delete(c.floors, o)
			delete(c.idle, o)
			c.pruned[o] = at.Mono
			n++
		}
	}
	for o, since := range c.pruned {
		if at.Mono-since >= age {
			delete(c.pruned, o)
		}
	}
	return n
}
