package catalog

import (
	"slices"
	"sort"
	"sync"
)

// Cause says why an instance changed, for watchers and logs.
type Cause uint8

// The causes of a change.
const (
	// CauseWrite is a registration, status change, move or override.
	CauseWrite Cause = iota
	// CauseDeregistered is a deletion that was asked for.
	CauseDeregistered
	// CauseEvicted is a deletion because the lease expired.
	CauseEvicted
	// CauseAbsent is a deletion learned by sync: a peer knew of it and its tombstone is gone.
	CauseAbsent
	// CauseHidden is no deletion: the instance is held, and this node shows it to nobody for as long as its data centre
	// cannot be reached.
	CauseHidden
)

// String is the cause in a word.
func (c Cause) String() string {
	return [...]string{"write", "deregistered", "evicted", "absent", "hidden"}[min(c, CauseHidden)]
}

// Change is one change of one instance in one catalog. Old is nil for a new one, New for one that is gone; both nil never.
type Change struct {
	Key      Key
	Index    Index
	Old, New *Instance
	Cause    Cause
}

// history is the latest changes, for watchers that resume. A ring under a mutex: it is held for as long as one change is
// stored, or a resuming watcher copies what it missed.
type history struct {
	mu   sync.Mutex
	ring []Change // at most limit; the oldest is at next once full
	next int
	// from is the index before the oldest change held: a watcher at from or later has missed nothing.
	from  Index
	limit int
}

func (h *history) add(c Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) < h.limit {
		h.ring = append(h.ring, c)
		return
	}
	h.from = h.ring[h.next].Index
	h.ring[h.next] = c
	h.next = (h.next + 1) % h.limit
}

// since copies the changes after that index, oldest first; false if some of them are no longer held.
func (h *history) since(i Index) ([]Change, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i < h.from {
		return nil, false
	}
	at := func(n int) *Change { return &h.ring[(h.next+n)%len(h.ring)] }
	first := sort.Search(len(h.ring), func(n int) bool { return at(n).Index > i })
	out := make([]Change, 0, len(h.ring)-first)
	for n := first; n < len(h.ring); n++ {
		out = append(out, *at(n))
	}
	return slices.Clip(out), true
}
