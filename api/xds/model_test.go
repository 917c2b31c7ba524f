package xds

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"pgregory.net/rapid"
)

// model is what a client has been told, as it understands it.
type model struct {
	names    [kinds]map[string]bool
	wildcard bool // of clusters
	started  [kinds]bool
	held     [kinds]map[string]string
}

func newModel() *model {
	m := &model{}
	for k := range kinds {
		m.names[k], m.held[k] = map[string]bool{}, map[string]string{}
	}
	return m
}

// hearWorld takes responses as state of the world: of listeners and clusters, what one does not hold is gone.
func (m *model) hearWorld(all []*discoveryv3.DiscoveryResponse, catalog *Snapshot) {
	for _, r := range all {
		k, _ := kindOf(r.GetTypeUrl())
		if k.whole() {
			clear(m.held[k])
		}
		for _, body := range r.GetResources() {
			name := nameOf(k, body.GetValue(), catalog)
			m.held[k][name] = string(body.GetValue())
		}
	}
}

func (m *model) hearDelta(all []*discoveryv3.DeltaDiscoveryResponse) {
	for _, r := range all {
		k, _ := kindOf(r.GetTypeUrl())
		for _, one := range r.GetResources() {
			m.held[k][one.GetName()] = string(one.GetResource().GetValue())
		}
		for _, name := range r.GetRemovedResources() {
			delete(m.held[k], name)
		}
	}
}

// nameOf finds the name of a resource by its content.
func nameOf(k kind, body []byte, snap *Snapshot) string {
	for _, name := range serviceNames {
		if r := snap.find(k, k.pointsToSelf(name)); r != nil && string(r.body.GetValue()) == string(body) {
			return r.name
		}
	}
	return "?"
}

// differs says where the client's picture is another than the server's, "" if it is not. What it has of routes of services
// that are gone does not count: as state of the world there is no way to say so.
func (m *model) differs(snap *Snapshot, routesGo bool) string {
	for k := range kinds {
		if !m.started[k] {
			continue
		}
		want := map[string]string{}
		names := slices.Collect(maps.Keys(m.names[k]))
		if m.wildcard && k == clusters {
			names = append(names, snap.names...)
		}
		for _, name := range names {
			if r := snap.find(k, name); r != nil {
				want[name] = string(r.body.GetValue())
			}
		}
		got := maps.Clone(m.held[k])
		if !routesGo && k == routes {
			maps.DeleteFunc(got, func(name, _ string) bool { return want[name] == "" })
		}
		if !maps.Equal(got, want) {
			return kindNames[k] + ": the client holds " + keys(got) + " and should hold " + keys(want)
		}
	}
	return ""
}

func keys(m map[string]string) string { return strings.Join(slices.Sorted(maps.Keys(m)), " ") }

var serviceNames = []string{"a", "b", "c"}

// Whatever a client subscribes to, in whatever order, and whatever happens to services in between: after each step it
// holds what the server has, and a step that changes nothing sends nothing.
func TestAClientHoldsWhatTheServerHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewCatalog("dc1", time.Minute)
		now := start
		w, d := newWorld(), newDelta()
		mw, md := newModel(), newModel()
		published := false
		var snap *Snapshot
		sync := func() {
			if !published {
				return
			}
			snap = c.Snapshot()
			mw.hearWorld(w.update(snap), snap)
			md.hearDelta(d.update(snap))
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				n := rapid.IntRange(0, 3).Draw(t, "instances")
				all := up("dc1", n)
				if n > 0 && rapid.Bool().Draw(t, "grpc") {
					all[0].Metadata = map[string]string{"protocol": "grpc"}
				}
				c.Put(rapid.SampledFrom(serviceNames).Draw(t, "service"), all, now)
				sync()
			},
			"time passes": func(*rapid.T) {
				now = now.Add(40 * time.Second)
				c.Sweep(now)
				sync()
			},
			"publish": func(*rapid.T) {
				published = true
				sync()
			},
			"ask": func(t *rapid.T) {
				k := kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
				names := rapid.SliceOfDistinct(rapid.SampledFrom(serviceNames), rapid.ID).Draw(t, "names")
				all := k == clusters && rapid.Bool().Draw(t, "all")
				request := &discoveryv3.DiscoveryRequest{TypeUrl: typeURLs[k]}
				change := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: typeURLs[k]}
				before := mw.names[k]
				after := map[string]bool{}
				for _, name := range names {
					name = k.pointsToSelf(name)
					after[name] = true
					request.ResourceNames = append(request.ResourceNames, name)
					if !before[name] {
						change.ResourceNamesSubscribe = append(change.ResourceNamesSubscribe, name)
					}
				}
				if all {
					request.ResourceNames = append(request.ResourceNames, "*")
					change.ResourceNamesSubscribe = append(change.ResourceNamesSubscribe, "*")
				} else if k == clusters && mw.wildcard {
					change.ResourceNamesUnsubscribe = append(change.ResourceNamesUnsubscribe, "*")
				}
				if len(request.ResourceNames) == 0 && k.whole() && !mw.started[k] {
					t.Skip("the first request without names is for all; that has tests of its own")
				}
				for name := range before {
					if !after[name] {
						change.ResourceNamesUnsubscribe = append(change.ResourceNamesUnsubscribe, name)
					}
				}
				for _, m := range []*model{mw, md} {
					m.names[k], m.started[k] = after, true
					if k == clusters {
						m.wildcard = all
					}
					// What a client does not want any more it forgets.
					maps.DeleteFunc(m.held[k], func(name, _ string) bool { return !after[name] && (!all || k != clusters) })
				}
				out, _, _ := w.request(request)
				deltas, _, _ := d.request(change)
				if !published && len(out)+len(deltas) > 0 {
					t.Fatal("something is said before there is a snapshot")
				}
				if published {
					mw.hearWorld(out, snap)
					md.hearDelta(deltas)
				}
				if again, _, _ := w.request(request); len(again) > 0 {
					t.Fatalf("the same request again is answered %s", said(again))
				}
			},
			"": func(t *rapid.T) {
				if !published {
					return
				}
				if problem := mw.differs(snap, false); problem != "" {
					t.Fatalf("state of the world: %s", problem)
				}
				if problem := md.differs(snap, true); problem != "" {
					t.Fatalf("delta: %s", problem)
				}
			},
		})
	})
}
