package catalog

import (
	"hash/maphash"
	"iter"
	"sync/atomic"
)

// table is a hash map from service key to service for one writer and any number of readers. Readers take no lock and
// allocate nothing, which no map of the standard library gives for a key of two strings: sync.Map boxes it, and a
// read-write mutex lets a writer hold up a lookup.
//
// Chains are linked lists whose links are atomic. The writer prepends, unlinks, and grows by building new nodes, so a
// reader that is on an old chain or in an old array still reaches all that was there when it began.
type table struct {
	seed    maphash.Seed
	buckets atomic.Pointer[[]atomic.Pointer[tableNode]]
	n       int
}

type tableNode struct {
	hash uint64
	svc  *service
	next atomic.Pointer[tableNode]
}

const tableMinBuckets = 16

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	b := make([]atomic.Pointer[tableNode], tableMinBuckets)
	t.buckets.Store(&b)
	return t
}

// get is the service with that key, or nil. For any goroutine.
func (t *table) get(key ServiceKey) *service {
	h := maphash.Comparable(t.seed, key)
	b := *t.buckets.Load()
	for n := b[h&uint64(len(b)-1)].Load(); n != nil; n = n.next.Load() {
		if n.hash == h && n.svc.key == key {
			return n.svc
		}
	}
	return nil
}

// put adds a service whose key is not in the table yet. For the writer.
func (t *table) put(s *service) {
	b := *t.buckets.Load()
	if t.n >= len(b) {
		b = t.grow(b)
	}
	n := &tableNode{hash: maphash.Comparable(t.seed, s.key), svc: s}
	head := &b[n.hash&uint64(len(b)-1)]
	n.next.Store(head.Load())
	head.Store(n)
	t.n++
}

func (t *table) grow(old []atomic.Pointer[tableNode]) []atomic.Pointer[tableNode] {
	b := make([]atomic.Pointer[tableNode], 2*len(old))
	for i := range old {
		for o := old[i].Load(); o != nil; o = o.next.Load() {
			n := &tableNode{hash: o.hash, svc: o.svc}
			head := &b[n.hash&uint64(len(b)-1)]
			n.next.Store(head.Load())
			head.Store(n)
		}
	}
	t.buckets.Store(&b)
	return b
}

// remove takes a service out if it is there. For the writer.
func (t *table) remove(key ServiceKey) {
	h := maphash.Comparable(t.seed, key)
	b := *t.buckets.Load()
	link := &b[h&uint64(len(b)-1)]
	for n := link.Load(); n != nil; n = link.Load() {
		if n.hash == h && n.svc.key == key {
			link.Store(n.next.Load())
			t.n--
			return
		}
		link = &n.next
	}
}

// all yields every service, in no order. For any goroutine; one that runs beside the writer sees each service that is
// there throughout, and may or may not see those that come or go meanwhile.
func (t *table) all() iter.Seq[*service] {
	return func(yield func(*service) bool) {
		b := *t.buckets.Load()
		for i := range b {
			for n := b[i].Load(); n != nil; n = n.next.Load() {
				if !yield(n.svc) {
					return
				}
			}
		}
	}
}
