package catalog

import (
	"cmp"
	"maps"
	"slices"

	"github.com/musterhq/muster/catalog/causal"
)

// Summary closes a sync: what the sender covered at the moment of the snapshot. It may be given to Finish only after
// every record of the same Transfer has been applied, because merging a vector says "I know of all this", and
// a record that is covered but was never received counts as deleted everywhere.
type Summary struct {
	Vector  *causal.Vector
	Lamport uint64
	// Floors is, for each origin, the highest sequence of a tombstone that the sender has collected.
	Floors map[causal.Origin]uint64
	// Held is the dots of all records that the sender holds, or nil: then the receiver has seen every tombstone that the
	// sender has collected, and needs no list to know what was deleted.
	Held *causal.Vector
}

// Transfer is a consistent snapshot of what a peer lacks. Its records are shared and immutable.
type Transfer struct {
	// Records are those whose dots the peer does not cover, by origin and sequence; where some are private, tombstones come
	// last, so that what has gone from one side to the other is not missing in between.
	Records []*Record
	Summary Summary
}

// Transfer takes the snapshot for a peer that covers v. full asks for the list of held records whatever the floors say:
// for two catalogs that disagree although their vectors are equal, which both then keep what both hold, and leave it to
// homes to assert their live leases again. Needs the writer's lock; the result does not.
func (c *Catalog) Transfer(v *causal.Vector, full bool) *Transfer { return c.transfer(v, full, false) }

// TransferPublic is Transfer for a peer of another data centre: nothing of it is private, and it covers nothing that is.
// Needs the writer's lock; the result does not.
func (c *Catalog) TransferPublic(v *causal.Vector, full bool) *Transfer {
	return c.transfer(v, full, planted != "what is private is in a sync between data centres")
}

func (c *Catalog) transfer(v *causal.Vector, full, public bool) *Transfer {
	t := &Transfer{Summary: Summary{Vector: c.vector.Clone(), Lamport: c.lamport, Floors: maps.Clone(c.floors)}}
	below := full
	for o, r := range c.vector.Minus(v) {
		if public && o.IsPrivate() {
			continue
		}
		if l := c.logs[o]; l != nil {
			t.Records = l.within(t.Records, r)
		}
		below = below || r.First <= c.floors[o]
	}
	// The list goes to a peer that holds nothing, too: until this arrives it may have learned from others what is deleted here.
	if below && planted != "the list of what is held is not sent" {
		t.Summary.Held = c.held()
	}
	switch {
	case public:
		t.Summary.keepPublic()
	case c.private.held > 0:
		slices.SortStableFunc(t.Records, func(a, b *Record) int { return cmp.Compare(a.last(), b.last()) })
	}
	return t
}

// last is 1 for what is to be sent last, a tombstone, and 0 for all else.
func (r *Record) last() int {
	if r.Deleted() {
		return 1
	}
	return 0
}

// held is the dots of all records, tombstones included.
func (c *Catalog) held() *causal.Vector {
	h := &causal.Vector{}
	for o, l := range c.logs {
		for _, e := range l.entries {
			if e.rec != nil {
				h.Add(causal.Dot{Origin: o, Seq: e.seq})
			}
		}
	}
	return h
}

// Finish ends a sync from a peer whose records have all been applied: drops what the peer covers but does not hold, and
// takes over its vector, floors and counter. Needs the writer's lock.
func (c *Catalog) Finish(at Moment, s Summary) {
	c.batch++
	if s.Held != nil {
		for _, rec := range c.Records() {
			if d := rec.Stamp.Dot; s.Vector.Covers(d) && !s.Held.Covers(d) {
				c.put(at, rec, nil, CauseAbsent)
			}
		}
	}
	for o, runs := range s.Vector.All() {
		if _, gone := c.pruned[o]; gone && c.logs[o] == nil {
			continue // This node has forgotten the origin for good; the peer soon will.
		}
		for _, r := range runs {
			c.vector.AddRange(o, r)
		}
	}
	for o, f := range s.Floors {
		if c.vector.Head(o) > 0 {
			c.floors[o] = max(c.floors[o], f)
		}
	}
	c.lamport = max(c.lamport, s.Lamport)
	if c.self.Node != "" {
		c.seq, c.private.seq = max(c.seq, c.vector.Head(c.self)), max(c.private.seq, c.vector.Head(c.self.Private()))
	}
	c.publish()
}
