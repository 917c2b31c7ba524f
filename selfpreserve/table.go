package selfpreserve

import (
	"hash/maphash"
	"iter"
)

// table is the leases by key. It holds them under a hash of the key, because the key is in the lease already and a second
// copy of it would cost a third as much again as the lease. The zero table is not usable: see newTable.
type table[K comparable] struct {
	seed   maphash.Seed
	byHash map[uint64]*lease[K]
	// clashes are the leases whose hash another one had when they came: none, except by chance.
	clashes map[K]*lease[K]
}

func newTable[K comparable]() table[K] {
	return table[K]{seed: maphash.MakeSeed(), byHash: make(map[uint64]*lease[K])}
}

func (t *table[K]) hash(key K) uint64 { return maphash.Comparable(t.seed, key) }

// get is the lease with that key; nil if there is none.
func (t *table[K]) get(key K) *lease[K] {
	if l := t.byHash[t.hash(key)]; l != nil && l.key == key {
		return l
	}
	return t.clashes[key]
}

// put adds a lease whose key is not there.
func (t *table[K]) put(l *lease[K]) {
	h := t.hash(l.key)
	if t.byHash[h] == nil {
		t.byHash[h] = l
		return
	}
	if t.clashes == nil {
		t.clashes = make(map[K]*lease[K])
	}
	t.clashes[l.key] = l
}

// remove takes a lease out that is there.
func (t *table[K]) remove(l *lease[K]) {
	if h := t.hash(l.key); t.byHash[h] == l {
		delete(t.byHash, h)
		return
	}
	delete(t.clashes, l.key)
}

func (t *table[K]) len() int { return len(t.byHash) + len(t.clashes) }

// all yields every lease, in no order.
func (t *table[K]) all() iter.Seq[*lease[K]] {
	return func(yield func(*lease[K]) bool) {
		for _, l := range t.byHash {
			if !yield(l) {
				return
			}
		}
		for _, l := range t.clashes {
			if !yield(l) {
				return
			}
		}
	}
}
