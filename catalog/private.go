package catalog

import (
	"maps"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// What a data centre keeps to itself is not withheld from the others record by record: a peer that covers a write and does
// not hold it takes it for deleted, and would delete it here by the next sync in the other direction. It is a side of its
// own. Each node writes it under an origin of its own (see causal.Origin.Private), and it has registers of its own, so
// that each side is by itself the replicated data type that the package documentation describes, and what other data
// centres see is one of them, whole. The two meet only in what is shown of an instance:
//
//   - The younger of the two live registrations stands, with the lease of its side.
//   - Override and results of checks are those of its side, or, where that has none, of the other.
//
// An instance is on both sides for as long as it takes to go from one to the other: see Unite.

// privateSide is what the catalog keeps of it beside the registers.
type privateSide struct {
	seq  uint64 // of the last write of this catalog's own
	hash uint64 // of what is live; in Catalog.hash too
	held int    // registers that hold something, tombstones included
}

func (p *privateSide) list(rec *Record) {
	p.held++
	if !rec.Deleted() {
		p.hash += rec.Stamp.Dot.Hash()
	}
}

func (p *privateSide) unlist(rec *Record) {
	p.held--
	if !rec.Deleted() {
		p.hash -= rec.Stamp.Dot.Hash()
	}
}

// next is the dot of the next write of this catalog's own.
func (c *Catalog) next(private bool) causal.Dot {
	if private {
		c.private.seq++
		return causal.Dot{Origin: c.self.Private(), Seq: c.private.seq}
	}
	c.seq++
	return causal.Dot{Origin: c.self, Seq: c.seq}
}

// PublicHash is the state hash of what is not private: equal in data centres whose vectors, without private origins, are
// equal. Needs the writer's lock.
func (c *Catalog) PublicHash() uint64 { return c.hash - c.private.hash }

// side is the registers of one side.
func (s *service) side(private bool) map[string]*slots {
	if private {
		return s.private
	}
	return s.entries
}

// open is the registers of an instance on one side, which may be new and empty.
func (s *service) open(id string, private bool) *slots {
	if private && s.private == nil {
		s.private = make(map[string]*slots)
	}
	m := s.side(private)
	e := m[id]
	if e == nil {
		e = &slots{}
		m[id] = e
	}
	return e
}

// close forgets the registers of an instance on one side, which are empty.
func (s *service) close(id string, private bool) {
	delete(s.side(private), id)
	if len(s.private) == 0 {
		s.private = nil
	}
}

var noSlots slots

// sides are the registers of an instance: those of the side on which its registration stands, and the others. Where none
// stands, those of the public side come first, unless there are none. Never nil, and not to be written to.
func (s *service) sides(id string) (main, other *slots) {
	public, private := s.entries[id], s.private[id]
	switch {
	case private == nil && public == nil:
		return &noSlots, &noSlots
	case private == nil:
		return public, &noSlots
	case public == nil:
		return private, &noSlots
	}
	a, b := public.live(KindRegistration), private.live(KindRegistration)
	if b != nil && (a == nil || b.Stamp.Wins(a.Stamp)) {
		return private, public
	}
	return public, private
}

// instance is what the registers of both sides say together: nil without a live registration.
func (s *service) instance(id string, away map[string]time.Time) *Instance {
	main, other := s.sides(id)
	if *other == noSlots {
		return main.instance(away)
	}
	both := *main
	for _, k := range [...]Kind{KindOverride, KindChecks} {
		if main.live(k) == nil {
			both[k] = other[k]
		}
	}
	return both.instance(away)
}

// sidesOf is sides by key; both empty if nothing is known of the service.
func (c *Catalog) sidesOf(key Key) (main, other *slots) {
	if svc := c.services.get(key.ServiceKey()); svc != nil {
		return svc.sides(key.ID)
	}
	return &noSlots, &noSlots
}

// Registration is the registration that stands, nil if none does. Needs the writer's lock.
func (c *Catalog) Registration(key Key) *Record {
	main, _ := c.sidesOf(key)
	return main.live(KindRegistration)
}

// staysPrivate reports whether what is written of an instance stays here: it does where its registration does, and where
// nothing but private registers is left of it.
func (c *Catalog) staysPrivate(key Key) bool {
	if c.private.held == 0 {
		return false
	}
	main, _ := c.sidesOf(key)
	return main.isPrivate()
}

// counts reports whether the record that counts in a register is the private one.
func (c *Catalog) counts(key Key, kind Kind) bool {
	if c.private.held == 0 {
		return false
	}
	main, other := c.sidesOf(key)
	if main.live(kind) == nil && other.live(kind) != nil {
		return other.isPrivate()
	}
	return main.isPrivate()
}

// isPrivate reports whether the registers are those of the private side.
func (s *slots) isPrivate() bool {
	for _, rec := range s {
		if rec != nil {
			return rec.Private()
		}
	}
	return false
}

// Divided reports whether something of an instance is left on the side on which its registration does not stand. That of
// an instance of another data centre, which has the same name by mistake, is its own. Needs the writer's lock.
func (c *Catalog) Divided(key Key) bool {
	if c.private.held == 0 {
		return false
	}
	return divided(c.sidesOf(key))
}

func divided(main, other *slots) bool {
	stands, left := main.live(KindRegistration), other.live(KindRegistration)
	if stands == nil || left != nil && left.Registration.Datacenter != stands.Registration.Datacenter {
		return false
	}
	for k := range kinds {
		if other.live(k) != nil {
			return true
		}
	}
	return false
}

// Unite ends what is left of a divided instance on the side on which its registration does not stand, takes over to the
// other what has still a meaning, and returns what it has written. Other data centres see that an instance which has
// become private is deregistered.
//
// The tombstones have no new counter but that of the registration which stands: they are its consequence. So they beat
// what it beats, and not a registration that has come after it and is not known here yet. Needs the writer's lock.
func (c *Catalog) Unite(at Moment, key Key) []*Record {
	if !c.Divided(key) {
		return nil
	}
	main, other := c.sidesOf(key)
	stands, keep, leave := main.live(KindRegistration), *main, *other // They change below.
	var out []*Record
	for _, k := range [...]Kind{KindOverride, KindChecks} {
		old := leave.live(k)
		if old == nil || keep.live(k) != nil {
			continue
		}
		lamport := old.Stamp.Lamport
		if keep[k] != nil {
			lamport = max(lamport, keep[k].Stamp.Lamport+1)
		}
		rec := &Record{Key: key, Kind: k, Override: old.Override, Checks: old.Checks}
		out = append(out, c.writeAs(at, rec, stands.Private(), lamport))
	}
	for k := range kinds {
		old := leave.live(k)
		if old == nil {
			continue
		}
		why := Cleared
		if k == KindRegistration {
			why = Deregistered
		}
		rec := &Record{Key: key, Kind: k, Deletion: why}
		out = append(out, c.writeAs(at, rec, old.Private(), max(stands.Stamp.Lamport, old.Stamp.Lamport+1)))
	}
	return out
}

// keepPublic takes private origins out of the end of a sync.
func (s *Summary) keepPublic() {
	s.Vector = s.Vector.Public()
	maps.DeleteFunc(s.Floors, func(o causal.Origin, _ uint64) bool { return o.IsPrivate() })
	if s.Held != nil {
		s.Held = s.Held.Public()
	}
}

// HasPrivate reports whether a sync's end says anything of private origins: no peer of another data centre may.
func (s *Summary) HasPrivate() bool {
	for o := range s.Floors {
		if o.IsPrivate() {
			return true
		}
	}
	return s.Vector.HasPrivate() || s.Held != nil && s.Held.HasPrivate()
}
