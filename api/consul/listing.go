package consul

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/musterhq/muster"
)

// form is what is told of an instance.
type form int

const (
	formHealth form = iota
	formCatalog
	forms
)

// entry is an instance of this data centre in answers about its service. It is encoded once for each form that someone
// has asked for, and taken over into the next listing if neither it nor its node has changed.
type entry struct {
	inst    *muster.Instance
	index   muster.Index
	node    *nodeBlock
	passing bool
	bytes   [forms]atomic.Pointer[[]byte]
}

func newEntry(inst *muster.Instance, index muster.Index, b *nodeBlock) *entry {
	return &entry{
		inst: inst, index: index, node: b,
		passing: allPassing(checksOf(inst, b.Node, index)) && allPassing(nodeChecks(b, true)),
	}
}

// in is the entry in a form. Two that come first together may both make it.
func (e *entry) in(f form) []byte {
	if p := e.bytes[f].Load(); p != nil {
		return *p
	}
	var b []byte
	if f == formHealth {
		b = encoded(describeHealth(e.inst, e.node, e.index))
	} else {
		b = encoded(describeCatalog(e.inst, e.node, e.index))
	}
	e.bytes[f].Store(&b)
	return b
}

// listing is a service at this data centre as of one moment. Immutable, but for what its entries keep.
type listing struct {
	view    *muster.View
	nodes   *nodeSet
	index   muster.Index
	entries []*entry // by node, then id
	// answers are whole ones that are kept, to those who want all entries, or all that pass.
	answers [forms][2]atomic.Pointer[[]byte]
}

// fewEntries is how many entries an answer may have that is kept whole: with more, joining them is little beside sending
// them, and would take the memory twice.
const fewEntries = 32

// whole is the answer to those who want all entries, or all that pass; nil if there are too many.
func (l *listing) whole(f form, onlyPassing bool) []byte {
	if len(l.entries) > fewEntries {
		return nil
	}
	which := 0
	if onlyPassing {
		which = 1
	}
	if p := l.answers[f][which].Load(); p != nil {
		return *p
	}
	parts, size := make([][]byte, 0, len(l.entries)), 2
	for _, e := range l.entries {
		if e.passing || !onlyPassing {
			parts = append(parts, e.in(f))
			size += len(e.in(f)) + 1
		}
	}
	b := join(parts, size)
	l.answers[f][which].Store(&b)
	return b
}

// slot is where the listing of a service is. Its lock is held while the next one is made, so that a thousand who are
// woken by one change make it once.
type slot struct {
	mu      sync.Mutex
	current atomic.Pointer[listing]
}

// list is a service as it is now. What has no instances is not kept, whatever its name.
func (a *API) list(service string) *listing {
	view, nodes := a.node.Find(muster.DefaultNamespace, service), a.latestNodes()
	a.mu.RLock()
	s := a.listings[service]
	a.mu.RUnlock()
	if view.Len() == 0 {
		if s != nil {
			a.mu.Lock()
			delete(a.listings, service)
			a.mu.Unlock()
		}
		return &listing{view: view, nodes: nodes, index: max(view.Index(), 1)}
	}
	if s == nil {
		a.mu.Lock()
		if s = a.listings[service]; s == nil {
			s = &slot{}
			a.listings[service] = s
		}
		a.mu.Unlock()
	}
	if l := s.current.Load(); l != nil && l.view == view && l.nodes == nodes {
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current.Load()
	if old != nil && old.view == view && old.nodes == nodes {
		return old
	}
	l := a.build(view, nodes, old)
	if old == nil || view.Index() >= old.view.Index() {
		s.current.Store(l)
	}
	return l
}

func (a *API) build(view *muster.View, nodes *nodeSet, old *listing) *listing {
	l := &listing{view: view, nodes: nodes, index: view.Index(), entries: make([]*entry, 0, view.Len())}
	var before map[string]*entry
	if old != nil {
		before = make(map[string]*entry, len(old.entries))
		for _, e := range old.entries {
			before[e.inst.ID] = e
		}
	}
	for inst, index := range view.All() {
		if inst.Datacenter != a.dc {
			continue
		}
		b := nodes.of(inst)
		l.index = max(l.index, b.index) // What is found of a node is found of its instances.
		if e := before[inst.ID]; e != nil && e.inst == inst && e.node == b {
			l.entries = append(l.entries, e)
			continue
		}
		l.entries = append(l.entries, newEntry(inst, index, b))
	}
	slices.SortStableFunc(l.entries, func(a, b *entry) int { return cmp.Compare(a.node.Node, b.node.Node) })
	return l
}

// in is a service in the data centre that a client asks for.
func (a *API) in(dc, service string) *listing {
	if dc == a.dc {
		return a.list(service)
	}
	return a.elsewhere(service, dc)
}
