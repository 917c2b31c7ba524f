package muster

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

// Lookup is the latest view of a service in the default namespace; an empty one if nothing is known of it. It takes no
// lock and allocates nothing.
func (n *Node) Lookup(service string) *View { return n.Find(DefaultNamespace, service) }

// Find is Lookup in any namespace; "" is the default one.
func (n *Node) Find(namespace, service string) *View {
	if namespace == "" {
		namespace = DefaultNamespace
	}
	return n.replica.Catalog().Lookup(namespace, service)
}

// Detail is one instance with its lease. ErrNotFound.
func (n *Node) Detail(key Key) (InstanceDetail, error) {
	inst, _ := n.replica.Catalog().Get(key)
	if inst == nil {
		return InstanceDetail{}, ErrNotFound
	}
	return n.detail(inst), nil
}

func (n *Node) detail(inst *Instance) InstanceDetail {
	key := inst.Key()
	d := InstanceDetail{Instance: inst, LastRenewal: inst.LastRenewal}
	if now, index := n.replica.Catalog().Get(key); now != nil {
		d.Index = index
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.replica
	if r.embedded[key] != nil {
		d.LastRenewal = time.Now().UTC().Truncate(time.Millisecond)
	} else if l, ok := r.leases.Lookup(key); ok && !l.Inherited {
		r.begin(n.moment())
		d.LastRenewal = r.wall(l.LastRenewal)
	}
	d.Evidence = r.evidence(key)
	return d
}

// Services lists the services that have instances.
func (n *Node) Services() *Overview { return n.replica.Catalog().Services() }

// Index is when anything last changed.
func (n *Node) Index() Index { return n.replica.Catalog().Index() }

// Changed is closed once anything is newer than at the moment of the call: take it first, then look.
func (n *Node) Changed() <-chan struct{} { return n.replica.Catalog().Changed() }

// Records lists the version of every register this node holds, by origin and sequence.
func (n *Node) Records() []RecordInfo {
	n.mu.Lock()
	recs := n.replica.cat.Records()
	n.mu.Unlock()
	out := make([]RecordInfo, len(recs))
	for i, r := range recs {
		out[i] = RecordInfo{
			Namespace: r.Key.Namespace, Service: r.Key.Service, ID: r.Key.ID, Register: registerNames[r.Kind],
			Lamport: r.Stamp.Lamport, Dot: r.Stamp.Dot.String(), Deleted: deletionNames[r.Deletion],
			Written: time.UnixMilli(r.Wall).UTC().Format(time.RFC3339Nano),
		}
	}
	return out
}

var (
	registerNames = map[catalog.Kind]string{
		catalog.KindRegistration: "registration", catalog.KindLease: "lease", catalog.KindOverride: "override",
	}
	deletionNames = map[catalog.Deletion]string{
		catalog.Deregistered: "deregistered", catalog.Evicted: "evicted", catalog.Cleared: "cleared",
	}
)

// describe is a vector for people: runs of sequences, "1-7,9", by origin.
func describe(v *causal.Vector) map[string]string {
	out := make(map[string]string, v.Len())
	for _, o := range v.Origins() {
		var runs []string
		for _, r := range v.Ranges(o) {
			if r.First == r.Last {
				runs = append(runs, strconv.FormatUint(r.First, 10))
			} else {
				runs = append(runs, fmt.Sprintf("%d-%d", r.First, r.Last))
			}
		}
		out[o.String()] = strings.Join(runs, ",")
	}
	return out
}
