package native

import (
	"cmp"
	"slices"
	"time"

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
		if failover = nearestHealthy(elsewhere, a.node.Distances()); failover != "" {
			chosen = slices.DeleteFunc(elsewhere, func(f found) bool { return f.Datacenter != failover })
		}
	}
	if q.near {
		far := a.node.Distances()
		slices.SortStableFunc(chosen, func(x, y found) int {
			return a.distance(x.Instance, far).compare(a.distance(y.Instance, far))
		})
	}
	return chosen, failover
}

// nearestHealthy is the data centre to fail over to: of those that have a healthy instance, the nearest; those whose
// distance is not known, or which cannot be reached, come last, by name, so that all clients go to the same one.
func nearestHealthy(elsewhere []found, far []muster.Distance) (dc string) {
	for _, f := range elsewhere {
		if f.Healthy() && (dc == "" || roundTrip(f.Datacenter, far).compare(roundTrip(dc, far)) < 0) {
			dc = f.Datacenter
		}
	}
	return dc
}

// distance is how far an instance is: first those of the node's zone, then those of its data centre, then the others by
// round trip.
type distance struct {
	class      int // 0 in the zone, 1 in the data centre, 2 reachable, 3 not
	rtt        time.Duration
	datacenter string
}

func (d distance) compare(e distance) int {
	return cmp.Or(cmp.Compare(d.class, e.class), cmp.Compare(d.rtt, e.rtt), cmp.Compare(d.datacenter, e.datacenter))
}

func (a *API) distance(inst *muster.Instance, far []muster.Distance) distance {
	switch {
	case inst.Datacenter != a.dc:
		return roundTrip(inst.Datacenter, far)
	case inst.Zone != a.zone:
		return distance{class: 1}
	default:
		return distance{}
	}
}

// roundTrip is the distance to a data centre.
func roundTrip(dc string, far []muster.Distance) distance {
	for _, d := range far {
		if d.Datacenter != dc {
			continue
		}
		if d.RTT == 0 {
			return distance{2, 1<<63 - 1, dc} // It was reached a moment ago, and has not been measured.
		}
		return distance{2, d.RTT, dc}
	}
	return distance{class: 3, datacenter: dc}
}

// page is the part of n items that q asks for.
func (q *query) page(n int) (first, end int) {
	first = min(q.offset, n)
	if q.limit == 0 || q.limit > n-first {
		return first, n
	}
	return first, first + q.limit
}
