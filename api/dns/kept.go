package dns

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
)

// kept is what is made of the whole registry, and made anew when that has changed, in at most a tenth of one core's time:
// while a large registry changes all the time, it is as of a moment ago. Safe for any number of goroutines. The zero kept
// is not usable: node, now and make have to be set.
type kept[T any] struct {
	node   Node
	now    func() time.Time
	make   func(*muster.Overview) *T
	latest atomic.Pointer[dated[T]]
	mu     sync.Mutex // held to make it
}

// dated is what has been made, and of what. Immutable.
type dated[T any] struct {
	it    *T
	index muster.Index
	at    time.Time
	took  time.Duration
}

// share is what part of the time at most is spent on making it: one in so many.
const share = 10

// get is what there is now.
func (k *kept[T]) get() *T {
	old := k.latest.Load()
	if old != nil && (old.index == k.node.Index() || k.now().Sub(old.at) < share*old.took) {
		return old.it
	}
	if old == nil {
		k.mu.Lock()
	} else if !k.mu.TryLock() {
		return old.it // It is being made.
	}
	defer k.mu.Unlock()
	if now := k.latest.Load(); now != old {
		return now.it
	}
	begin := k.now()
	all := k.node.Services()
	made := &dated[T]{it: k.make(all), index: all.Index, at: k.now()}
	made.took = made.at.Sub(begin)
	k.latest.Store(made)
	return made.it
}
