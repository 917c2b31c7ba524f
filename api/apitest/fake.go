package apitest

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

// Start is the wall time at which every Fake begins.
var Start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Fake is a node without peers: "n1" of data centre "dc1", zone "a", ready. The zero Fake is not usable: see New.
type Fake struct {
	mu       sync.Mutex // guards writes to the catalog, and all below
	catalog  *catalog.Catalog
	at       catalog.Moment
	renewals map[muster.Key]time.Time
	ready    bool
	reason   string
	members  []muster.Member
	away     []muster.Distance
	kept     muster.SelfPreservation
	events   []muster.NodeEvent
	happened chan struct{} // closed and replaced when an event is added
	fault    error
}

// New makes a node with an empty registry.
func New() *Fake {
	at := catalog.Moment{Wall: Start}
	return &Fake{
		catalog:  catalog.New(catalog.Config{Origin: causal.Origin{Node: "dc1/n1", Incarnation: 1}}, at),
		at:       at,
		renewals: map[muster.Key]time.Time{},
		ready:    true,
		reason:   "it has no seeds",
		happened: make(chan struct{}),
		members: []muster.Member{{
			Name: "n1", Datacenter: "dc1", Zone: "a", State: "alive", Address: "127.0.0.1:7946", HTTP: "127.0.0.1:8761",
			Incarnation: 1, Version: "test", Since: Start, Self: true,
		}},
	}
}

// Advance lets time pass.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at.Mono += d
	f.at.Wall = f.at.Wall.Add(d)
}

// SetReady says whether the node is ready, and why.
func (f *Fake) SetReady(ready bool, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready, f.reason = ready, reason
}

// SetFault makes every write fail with err; nil ends that.
func (f *Fake) SetFault(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = err
}

// AddMember adds a peer.
func (f *Fake) AddMember(m muster.Member) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.members = append(f.members, m)
}

// SetDistances says how far away other data centres are.
func (f *Fake) SetDistances(away ...muster.Distance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

// SetSelfPreservation says what is kept, and why.
func (f *Fake) SetSelfPreservation(s muster.SelfPreservation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept = s
}

// Happen adds an event with the next id.
func (f *Fake) Happen(kind muster.NodeEventType, subject, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, muster.NodeEvent{
		ID: uint64(len(f.events)) + 1, At: f.at.Wall, Type: kind, Subject: subject, Text: text,
	})
	close(f.happened)
	f.happened = make(chan struct{})
}

// Learn adds an instance that registered at a node of another data centre, or moves one there.
func (f *Fake) Learn(datacenter string, inst muster.Instance) error {
	if err := inst.Complete(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	inst.Datacenter, inst.Home, inst.RegisteredAt = datacenter, datacenter+"/n9", f.at.Wall
	f.catalog.Register(f.at, &inst)
	return nil
}

// Preserve marks an instance as expired and kept.
func (f *Fake) Preserve(key muster.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	home := "dc1/n1"
	if inst, _ := f.catalog.Get(key); inst != nil {
		home = inst.Home
	}
	f.catalog.SetLease(f.at, key, catalog.Lease{
		Home: home, Status: muster.StatusUp, Preserved: true, LastRenewal: f.renewals[key],
	})
}

// Evict takes an instance out because its lease has expired.
func (f *Fake) Evict(key muster.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catalog.Delete(f.at, key, catalog.KindRegistration, catalog.Evicted)
}

// Info is what the node says of itself.
func (f *Fake) Info() muster.NodeInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	stats := f.catalog.Stats()
	return muster.NodeInfo{
		Name: "n1", Datacenter: "dc1", Zone: "a", Address: "127.0.0.1:7946", Incarnation: 1, Version: "test",
		Started: Start, Time: f.at.Wall, Ready: f.ready, Reason: f.reason, Leases: len(f.renewals),
		Catalog: muster.CatalogInfo{
			Services: stats.Services, Instances: stats.Instances, Tombstones: stats.Tombstones, Index: f.catalog.Index(),
			Hash: "0000000000000000", Vector: map[string]string{"dc1/n1@1": "1-9"},
		},
		Replication: muster.Replication{Fresh: 3, Duplicates: 1, BytesSent: 100, BytesRecv: 200},
	}
}

// Name is "n1".
func (f *Fake) Name() string { return "n1" }

// Datacenter is "dc1".
func (f *Fake) Datacenter() string { return "dc1" }

// Ready is what SetReady said.
func (f *Fake) Ready() (ready bool, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready, f.reason
}

// Members is this node and those that AddMember added.
func (f *Fake) Members() []muster.Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.members)
}

// Gateways is nil: the node is none.
func (f *Fake) Gateways() []muster.Member { return nil }

// Distances is what SetDistances said.
func (f *Fake) Distances() []muster.Distance {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.away)
}

// Condition is that of a node that listens on loopback and keeps nothing on disk.
func (f *Fake) Condition() muster.Condition { return muster.Condition{} }

// ForceLeave forgets a member that has failed.
func (f *Fake) ForceLeave(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.members, func(m muster.Member) bool { return m.Name == name })
	switch {
	case i < 0:
		return muster.ErrUnknownMember
	case f.members[i].State == "alive":
		return muster.ErrMemberAlive
	}
	f.members = slices.Delete(f.members, i, i+1)
	return nil
}

// SelfPreservation is what SetSelfPreservation said.
func (f *Fake) SelfPreservation() muster.SelfPreservation {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept
}

// Events yields what Happen added, and goes on until ctx ends.
func (f *Fake) Events(ctx context.Context, after uint64) iter.Seq[muster.NodeEvent] {
	return func(yield func(muster.NodeEvent) bool) {
		for {
			f.mu.Lock()
			happened, all := f.happened, f.events
			f.mu.Unlock()
			for ; after < uint64(len(all)); after++ {
				if !yield(all[after]) {
					return
				}
			}
			select {
			case <-happened:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Records is the version of every register.
func (f *Fake) Records() (out []muster.RecordInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	deletions := [...]string{"", "deregistered", "evicted", "cleared"}
	registers := [...]string{"registration", "lease", "override"}
	for _, r := range f.catalog.Records() {
		out = append(out, muster.RecordInfo{
			Namespace: r.Key.Namespace, Service: r.Key.Service, ID: r.Key.ID, Register: registers[r.Kind],
			Lamport: r.Stamp.Lamport, Dot: r.Stamp.Dot.String(), Deleted: deletions[r.Deletion],
			Written: time.UnixMilli(r.Wall).UTC().Format(time.RFC3339Nano),
		})
	}
	return out
}

// patched is m after a merge patch, which has to leave the catalog's own map alone.
func patched(m map[string]string, patch map[string]*string) map[string]string {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]string{}
	}
	for key, value := range patch {
		if value == nil {
			delete(m, key)
		} else {
			m[key] = *value
		}
	}
	return m
}
