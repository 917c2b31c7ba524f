package spread

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Member is a node of this data centre.
type Member struct {
	// ID is what the transport calls it, and the Node of its origins.
	ID string
	// Zone is where it runs; may be empty. Trees put the members of a zone next to each other.
	Zone string
	// Incarnation is that of its present life, and so of its origin; 0 if it is not known.
	Incarnation uint64
}

// compare orders members by zone, then id: the order in which trees are read.
func (m Member) compare(n Member) int {
	return cmp.Or(cmp.Compare(m.Zone, n.Zone), cmp.Compare(m.ID, n.ID))
}

// roster is the live members, this node included, in order.
type roster struct {
	order []Member
	zone  map[string]string
}

// add takes a member in, or moves it to its new zone, and reports whether it is new.
func (r *roster) add(m Member) bool {
	old, known := r.zone[m.ID]
	if known && old == m.Zone {
		r.order[r.index(m.ID)].Incarnation = m.Incarnation
		return false
	}
	r.remove(m.ID)
	i, _ := slices.BinarySearchFunc(r.order, m, Member.compare)
	r.order = slices.Insert(r.order, i, m)
	if r.zone == nil {
		r.zone = make(map[string]string)
	}
	r.zone[m.ID] = m.Zone
	return !known
}

// remove takes a member out and reports whether it was in.
func (r *roster) remove(id string) bool {
	i := r.index(id)
	if i < 0 {
		return false
	}
	r.order = slices.Delete(r.order, i, i+1)
	delete(r.zone, id)
	return true
}

func (r *roster) has(id string) bool { _, ok := r.zone[id]; return ok }

// index is the place of a member in the order; -1 if it is not one.
func (r *roster) index(id string) int {
	zone, ok := r.zone[id]
	if !ok {
		return -1
	}
	i, _ := slices.BinarySearchFunc(r.order, Member{ID: id, Zone: zone}, Member.compare)
	return i
}

// children lists to whom self passes on what travels by the k-ary tree of root: the order of members is rotated so that
// root comes first, and read as a heap. Empty if root is not a member: what it wrote then spreads by announcements.
func (r *roster) children(root, self string, k int) []string {
	top, mine, n := r.index(root), r.index(self), len(r.order)
	if top < 0 || mine < 0 || k < 1 {
		return nil
	}
	p := (mine - top + n) % n
	first, last := k*p+1, min(k*p+k, n-1)
	var ids []string
	for i := first; i <= last; i++ {
		ids = append(ids, r.order[(top+i)%n].ID)
	}
	return ids
}

// sample draws up to n different members at random, without self and without avoid.
func (r *roster) sample(rng *rand.Rand, n int, self, avoid string) []string {
	others := len(r.order)
	if r.has(self) {
		others--
	}
	if avoid != self && r.has(avoid) {
		others--
	}
	n = min(n, others)
	var ids []string
	for len(ids) < n {
		id := r.order[rng.IntN(len(r.order))].ID
		if id != self && id != avoid && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
