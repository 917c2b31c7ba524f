package eureka

import (
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/musterhq/muster"
)

// registry is what Eureka clients see at one moment: the instances of the default namespace in the chosen data centres,
// in the order of application, service and id. Immutable but for the answers it keeps. It is made from the one before by
// what has changed, and shares with it every segment that has not.
type registry struct {
	overview  *muster.Overview
	index     muster.Index
	segments  []*segment
	n         int
	statuses  [statuses]int
	preserved int

	answers [forms]answer
}

// statuses is one more than the largest muster.Status.
const statuses = int(muster.StatusUnknown) + 1

// answer is what GET apps is answered with, once someone has asked.
type answer struct {
	plain      atomic.Pointer[pieces]
	mu         sync.Mutex // held to compress, so that many who wait for it do it once
	compressed atomic.Pointer[pieces]
}

// change is an instance that is new, another than before, or gone: inst is then nil.
type change struct {
	at       entry // where it stands; only its key counts
	old, new *muster.Instance
}

// build makes a registry of the instances that chosen accepts.
func build(all *muster.Overview, chosen func(*muster.Instance) bool) *registry {
	r := &registry{overview: all, index: all.Index}
	var entries []entry
	for _, view := range all.Services {
		if view.Namespace() != muster.DefaultNamespace {
			continue
		}
		app := appOf(view.Service())
		for inst := range view.All() {
			if chosen(inst) {
				entries = append(entries, entry{app, inst})
				r.count(inst, +1)
			}
		}
	}
	slices.SortFunc(entries, entry.compare)
	for run := range slices.Chunk(entries, segmentMax) {
		r.segments = append(r.segments, &segment{entries: run})
	}
	return r
}

// advance is the registry as of a later overview.
func (r *registry) advance(all *muster.Overview, chosen func(*muster.Instance) bool) *registry {
	changes := r.changes(all, chosen)
	next := &registry{overview: all, index: all.Index, n: r.n, statuses: r.statuses, preserved: r.preserved}
	for _, c := range changes {
		if c.old != nil {
			next.count(c.old, -1)
		}
		if c.new != nil {
			next.count(c.new, +1)
		}
	}
	next.segments = merge(r.segments, changes)
	if len(next.segments) > 8+4*next.n/segmentMax {
		return build(all, chosen) // Deletions have left the segments nearly empty.
	}
	return next
}

// changes is what differs between the registry's overview and a later one, in the registry's order. The cost is that of
// the services, and of what has changed in those that have.
func (r *registry) changes(all *muster.Overview, chosen func(*muster.Instance) bool) []change {
	var out []change
	add := func(view *muster.View, old, inst *muster.Instance) {
		if old != nil && !chosen(old) {
			old = nil
		}
		if inst != nil && !chosen(inst) {
			inst = nil
		}
		if key := inst; old != nil || inst != nil {
			if key == nil {
				key = old
			}
			out = append(out, change{entry{appOf(view.Service()), key}, old, inst})
		}
	}
	before, after := r.overview.Services, all.Services
	for len(before) > 0 || len(after) > 0 {
		var order int
		switch {
		case len(after) == 0:
			order = -1
		case len(before) == 0:
			order = +1
		default:
			order = viewKey(before[0]).Compare(viewKey(after[0]))
		}
		var old, view *muster.View
		if order <= 0 {
			old, before = before[0], before[1:]
		}
		if order >= 0 {
			view, after = after[0], after[1:]
		}
		switch {
		case old == view || (old != nil && old.Namespace() != muster.DefaultNamespace) || (view != nil && view.Namespace() != muster.DefaultNamespace):
		case view == nil:
			for inst := range old.All() {
				add(old, inst, nil)
			}
		case old == nil:
			for inst := range view.All() {
				add(view, nil, inst)
			}
		default:
			for _, c := range view.Since(old) {
				add(view, c.Old, c.New)
			}
		}
	}
	slices.SortFunc(out, func(a, b change) int { return a.at.compare(b.at) })
	return out
}

func viewKey(v *muster.View) muster.ServiceKey {
	return muster.ServiceKey{Namespace: v.Namespace(), Service: v.Service()}
}

// merge applies changes to segments. Those without a change are taken over; the others are made anew, with what was
// encoded of them.
func merge(segments []*segment, changes []change) []*segment {
	out := make([]*segment, 0, len(segments)+len(changes)/segmentMax+1)
	for n, s := range segments {
		mine := len(changes) // The last segment takes all that is left.
		if n+1 < len(segments) {
			next := segments[n+1].entries[0]
			mine = sort.Search(len(changes), func(i int) bool { return changes[i].at.compare(next) >= 0 })
		}
		if mine == 0 {
			out = append(out, s)
			continue
		}
		out = append(out, s.with(changes[:mine])...)
		changes = changes[mine:]
	}
	if len(segments) == 0 {
		out = append(out, (&segment{}).with(changes)...)
	}
	return out
}

// with is the segment after changes: none if it is empty, several if it has grown too long.
func (s *segment) with(changes []change) []*segment {
	entries := make([]entry, 0, len(s.entries)+len(changes))
	old := s.entries
	for _, c := range changes {
		for len(old) > 0 && old[0].compare(c.at) < 0 {
			entries, old = append(entries, old[0]), old[1:]
		}
		if len(old) > 0 && old[0].compare(c.at) == 0 {
			old = old[1:]
		}
		if c.new != nil {
			entries = append(entries, entry{c.at.app, c.new})
		}
	}
	entries = append(entries, old...)
	if len(entries) == 0 {
		return nil
	}
	size := segmentMax
	if len(entries) > segmentMax { // Room to grow for each.
		size = segmentMax * 3 / 4
	}
	var out []*segment
	for run := range slices.Chunk(entries, size) {
		made := &segment{entries: slices.Clip(run)}
		made.follow(s)
		out = append(out, made)
	}
	return out
}

func (r *registry) count(inst *muster.Instance, by int) {
	r.n += by
	r.statuses[effective(inst)] += by
	if inst.Preserved {
		r.preserved += by
	}
}

// hash is what clients compare their own count with: how many instances have which status, by the names of the statuses.
func (r *registry) hash() string {
	b := make([]byte, 0, 64)
	for _, s := range byName {
		if n := r.statuses[s]; n > 0 {
			b = append(append(b, s.String()...), '_')
			b = append(strconv.AppendInt(b, int64(n), 10), '_')
		}
	}
	return string(b)
}

// byName are the statuses by their names.
var byName = []muster.Status{
	muster.StatusDown, muster.StatusOutOfService, muster.StatusStarting, muster.StatusUnknown, muster.StatusUp,
}

// fullVersion is the version of every full answer.
const fullVersion = "1"

// all is the answer to GET apps.
func (r *registry) all(f form, compressed bool) *pieces {
	a := &r.answers[f]
	p := a.plain.Load()
	if p == nil {
		p = r.assemble(f)
		a.plain.Store(p)
	}
	if !compressed {
		return p
	}
	if z := a.compressed.Load(); z != nil {
		return z
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	z := a.compressed.Load()
	if z == nil {
		z = p.gzip()
		a.compressed.Store(z)
	}
	return z
}

func (r *registry) assemble(f form) *pieces {
	p := &pieces{}
	p.add(f.appendHead(nil, fullVersion, r.hash(), r.n == 0))
	before := ""
	for _, s := range r.segments {
		p.addSegment(s.in(f, before))
		before = s.last()
	}
	var end []byte
	if r.n > 0 {
		end = f.appendAppClose(end)
	}
	p.add(f.appendTail(end))
	return p
}

// app is the answer to GET apps/{app}; false if there is no such application.
func (r *registry) app(f form, app string) (*pieces, bool) {
	var p *pieces
	from := sort.Search(len(r.segments), func(i int) bool { return r.segments[i].last() >= app })
	for _, s := range r.segments[from:] {
		first := sort.Search(len(s.entries), func(i int) bool { return s.entries[i].app >= app })
		end := sort.Search(len(s.entries), func(i int) bool { return s.entries[i].app > app })
		if first == end {
			break
		}
		if p == nil {
			p = &pieces{}
			p.add(f.appendAppOpen(f.appendOneOpen(nil, "application"), app))
		} else {
			p.add(f.appendComma(nil))
		}
		e := s.whatever(f)
		p.add(e.bytes[e.spans[first].from:e.spans[end-1].to])
	}
	if p == nil {
		return nil, false
	}
	p.add(f.appendOneClose(f.appendAppClose(nil)))
	return p, true
}

// entries yields all of them in order.
func (r *registry) entries(yield func(entry) bool) {
	for _, s := range r.segments {
		for _, e := range s.entries {
			if !yield(e) {
				return
			}
		}
	}
}

// find is an instance of an application, nil if there is none. The cost is that of the application.
func (r *registry) find(app, id string) *muster.Instance {
	from := sort.Search(len(r.segments), func(i int) bool { return r.segments[i].last() >= app })
	for _, s := range r.segments[from:] {
		for _, e := range s.entries {
			switch {
			case e.app > app:
				return nil
			case e.app == app && e.inst.ID == id:
				return e.inst
			}
		}
	}
	return nil
}

// has reports whether there is an entry with the key of e.
func (r *registry) has(e entry) bool {
	at := sort.Search(len(r.segments), func(i int) bool {
		entries := r.segments[i].entries
		return entries[len(entries)-1].compare(e) >= 0
	})
	if at == len(r.segments) {
		return false
	}
	_, found := slices.BinarySearchFunc(r.segments[at].entries, e, entry.compare)
	return found
}
