package native

import (
	"cmp"
	"slices"

	"github.com/musterhq/muster"
)

// anyDatacenter is the dc of those who want instances wherever they are.
const anyDatacenter = "*"

// filter chooses instances. The zero filter chooses those of the node's own data centre.
type filter struct {
	dc          string // empty is the node's own
	zone        string
	byZone      bool
	tags        []string // all of them
	status      muster.Status
	healthy     bool // status UP
	noPreserved bool
}

// local reports whether f asks for nothing but the node's own data centre, which is what views keep encoded.
func (f *filter) local() bool {
	return f.dc == "" && !f.byZone && len(f.tags) == 0 && f.status == muster.StatusNone && !f.healthy && !f.noPreserved
}

// matches reports whether f chooses inst; own is the node's own data centre.
func (f *filter) matches(inst *muster.Instance, own string) bool {
	return f.inDatacenter(inst, own) && f.matchesElsewhere(inst)
}

func (f *filter) inDatacenter(inst *muster.Instance, own string) bool {
	return f.dc == anyDatacenter || inst.Datacenter == cmp.Or(f.dc, own)
}

// matchesElsewhere is matches without the data centre.
func (f *filter) matchesElsewhere(inst *muster.Instance) bool {
	switch {
	case f.byZone && inst.Zone != f.zone,
		f.status != muster.StatusNone && inst.Status != f.status,
		f.healthy && !inst.Healthy(),
		f.noPreserved && inst.Preserved:
		return false
	}
	for _, tag := range f.tags {
		if !slices.Contains(inst.Tags, tag) {
			return false
		}
	}
	return true
}

// found is an instance that a query chose.
type found struct {
	*muster.Instance
	index muster.Index
}

// everything is the instances of view. A function of its own, so that the loop's closure does not drag a query to the heap
// for requests that choose nothing.
func everything(view *muster.View) []found {
	all := make([]found, 0, view.Len())
	for inst, index := range view.All() {
		all = append(all, found{inst, index})
	}
	return all
}

// choose is the instances of view that q asks for, all pages of them, and the data centre that it had to go to for them,
// empty if none.
func (a *API) choose(view *muster.View, q *query) (chosen []found, failover string) {
	var elsewhere []found
	healthy := false
	for _, f := range everything(view) {
		switch {
		case !q.filter.matchesElsewhere(f.Instance):
		case q.filter.inDatacenter(f.Instance, a.dc):
			chosen = append(chosen, f)
			healthy = healthy || f.Healthy()
		case q.failover:
			elsewhere = append(elsewhere, f)
		}
	}
	if q.failover && !healthy {
		if failover = nearestHealthy(elsewhere); failover != "" {
			chosen = slices.DeleteFunc(elsewhere, func(f found) bool { return f.Datacenter != failover })
		}
	}
	if q.near {
		slices.SortStableFunc(chosen, func(x, y found) int {
			return cmp.Compare(a.distance(x.Instance), a.distance(y.Instance))
		})
	}
	return chosen, failover
}

// nearestHealthy is the data centre to fail over to: of those that have a healthy instance, the first by name. Nothing is
// known here of how far they are, and a fixed order at least sends all clients to the same one.
func nearestHealthy(elsewhere []found) (dc string) {
	for _, f := range elsewhere {
		if f.Healthy() && (dc == "" || f.Datacenter < dc) {
			dc = f.Datacenter
		}
	}
	return dc
}

// distance is 0 within the node's zone, 1 within its data centre, 2 elsewhere.
func (a *API) distance(inst *muster.Instance) int {
	switch {
	case inst.Datacenter != a.dc:
		return 2
	case inst.Zone != a.zone:
		return 1
	default:
		return 0
	}
}

// page is the part of n items that q asks for.
func (q *query) page(n int) (first, end int) {
	first = min(q.offset, n)
	if q.limit == 0 || q.limit > n-first {
		return first, n
	}
	return first, first + q.limit
}
