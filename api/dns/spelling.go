package dns

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
)

// spellings finds the services that a name in lower case may mean. Those that are spelt that way are found in the registry
// itself; for all others there is a list, which is made anew when the registry has changed, in at most a tenth of one
// core's time: while a registry of many services changes all the time, a new service with a capital in its name may be
// found a moment late.
type spellings struct {
	node   Node
	now    func() time.Time
	latest atomic.Pointer[spelt]
	mu     sync.Mutex // held to make the list
}

// spelt is the list as of one moment. Immutable.
type spelt struct {
	index   muster.Index
	at      time.Time
	took    time.Duration
	others  map[string][]string // names that have capitals, by the same in lower case; in order
	parents map[string]bool     // "b" and "c.b", if a service is called d.c.b
}

// views are the services of a name in lower case, at least one, which may be empty.
func (s *spellings) views(name string) []*muster.View {
	views := make([]*muster.View, 1, 2)
	views[0] = s.node.Find(muster.DefaultNamespace, name)
	for _, other := range s.list().others[name] {
		views = append(views, s.node.Find(muster.DefaultNamespace, other))
	}
	return views
}

// isParent reports whether there are services whose names end with a dot and this one, which is in lower case.
func (s *spellings) isParent(name string) bool { return s.list().parents[name] }

// share is what part of the time at most is spent on making lists.
const share = 10

func (s *spellings) list() *spelt {
	old := s.latest.Load()
	if old != nil && (old.index == s.node.Index() || s.now().Sub(old.at) < share*old.took) {
		return old
	}
	if old == nil {
		s.mu.Lock()
	} else if !s.mu.TryLock() {
		return old // It is being made.
	}
	defer s.mu.Unlock()
	if now := s.latest.Load(); now != old {
		return now
	}
	begin := s.now()
	list := spell(s.node.Services())
	list.at = s.now()
	list.took = list.at.Sub(begin)
	s.latest.Store(list)
	return list
}

func spell(all *muster.Overview) *spelt {
	list := &spelt{index: all.Index, others: map[string][]string{}, parents: map[string]bool{}}
	for _, view := range all.Services {
		if view.Namespace() != muster.DefaultNamespace {
			continue
		}
		name := fold(view.Service())
		if name != view.Service() {
			list.others[name] = append(list.others[name], view.Service())
		}
		for _, parent, more := strings.Cut(name, "."); more; _, parent, more = strings.Cut(parent, ".") {
			list.parents[parent] = true
		}
	}
	return list
}
