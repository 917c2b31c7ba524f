package xds

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	managerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/api/client"
)

// instances draws what a registry may hold of a service, and more.
var instances = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *client.Instance {
	return &client.Instance{
		ID: rapid.StringMatching(`[a-f][0-9]?`).Draw(t, "id"),
		Address: rapid.SampledFrom([]string{
			"10.0.0.1", "10.0.0.2", "10.0.0.3", "::ffff:10.0.0.1", "::1", "fe80::1%eth0", "0.0.0.0", "host.example", "",
		}).Draw(t, "address"),
		Port:       rapid.SampledFrom([]int{80, 81, 82, 65535, 0, -1, 65536}).Draw(t, "port"),
		Datacenter: rapid.SampledFrom([]string{"dc1", "dc2", "dc3", "dc4"}).Draw(t, "datacenter"),
		Zone:       rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"),
		Weight:     rapid.SampledFrom([]int{-1, 0, 1, 100, 65535, 1 << 20}).Draw(t, "weight"),
		Status: rapid.SampledFrom([]client.Status{
			client.StatusUp, client.StatusDown, client.StatusOutOfService, client.StatusStarting, client.StatusUnknown, "",
		}).Draw(t, "status"),
		Metadata: map[string]string{"protocol": rapid.SampledFrom([]string{"", "grpc", "http"}).Draw(t, "protocol")},
	}
}), 0, 40)

var orders = rapid.Permutation([]string{"dc1", "dc2", "dc3"})

// What Envoy and gRPC demand of an assignment; they refuse all of it for any of these, or ignore a part in silence.
func TestEveryAssignmentIsOneThatEnvoyAndGRPCAccept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := instances.Draw(t, "instances")
		c := NewCatalog("dc1", time.Minute)
		c.Order(orders.Draw(t, "order"))
		c.Put("s", append(all, &client.Instance{ID: "z", Address: "10.9.9.9", Port: 1, Datacenter: "dc1"}), time.Time{})
		a := assignmentOf(t, c, "s")
		if problem := faultOf(a); problem != "" {
			t.Fatalf("%s in %v", problem, a)
		}
		n := 0
		for _, l := range a.GetEndpoints() {
			n += len(l.GetLbEndpoints())
		}
		left := c.Skipped()
		if n+left["hostname"]+left["invalid"]+left["duplicate"] != len(all)+1 {
			t.Fatalf("%d endpoints and %v left out, of %d instances", n, left, len(all)+1)
		}
	})
}

func assignmentOf(t interface{ Fatal(args ...any) }, c *Catalog, service string) *endpointv3.ClusterLoadAssignment {
	m, err := c.Snapshot().find(endpoints, service).body.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	a, ok := m.(*endpointv3.ClusterLoadAssignment)
	if !ok {
		t.Fatal(m)
	}
	return a
}

// faultOf says which of the rules an assignment breaks, "" if none.
func faultOf(a *endpointv3.ClusterLoadAssignment) string {
	if err := a.ValidateAll(); err != nil {
		return err.Error()
	}
	addresses, localities := map[string]bool{}, map[string]bool{}
	sums := map[uint32]uint64{}
	last, first := uint32(0), true
	for _, l := range a.GetEndpoints() {
		p := l.GetPriority()
		if first && p != 0 || p != last && p != last+1 {
			return fmt.Sprintf("priority %d after %d", p, last)
		}
		last, first = p, false
		if l.GetLocality() == nil || l.GetLoadBalancingWeight().GetValue() == 0 || len(l.GetLbEndpoints()) == 0 {
			return "a locality without name, weight or endpoints"
		}
		at := fmt.Sprint(p, l.GetLocality().GetRegion(), "/", l.GetLocality().GetZone())
		if localities[at] {
			return "a locality twice in a priority"
		}
		localities[at] = true
		if sums[p] += uint64(l.GetLoadBalancingWeight().GetValue()); sums[p] > math.MaxUint32 {
			return "weights of localities beyond 32 bits"
		}
		var sum uint64
		for _, e := range l.GetLbEndpoints() {
			s := e.GetEndpoint().GetAddress().GetSocketAddress()
			addr := fmt.Sprint(s.GetAddress(), " ", s.GetPortValue())
			if addresses[addr] {
				return "address " + addr + " twice"
			}
			addresses[addr] = true
			if e.GetLoadBalancingWeight() == nil || e.GetLoadBalancingWeight().GetValue() < 1 {
				return "an endpoint without weight"
			}
			if sum += uint64(e.GetLoadBalancingWeight().GetValue()); sum > math.MaxUint32 {
				return "weights of endpoints beyond 32 bits"
			}
		}
	}
	return ""
}

// A registry has instances in no order that means anything; two servers must not send the same thing in two versions.
func TestTheOrderOfInstancesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := instances.Draw(t, "instances")
		seed := rapid.Uint64().Draw(t, "seed")
		shuffled := slices.Clone(all)
		r := rand.New(rand.NewPCG(seed, 0))
		r.Shuffle(len(all), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		far := func(dc string) int { return len(dc) }
		a, _ := assignment("s", all, far)
		b, _ := assignment("s", shuffled, far)
		if !proto.Equal(a, b) {
			t.Fatalf("%v\nand\n%v", a, b)
		}
	})
}

func TestAHealthyInstanceIsNeverHiddenByOneOfTheSameAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := instances.Draw(t, "instances")
		members, _ := membersOf(all, func(string) int { return 0 })
		for _, i := range all {
			if got, ok := memberAt([]*client.Instance{i}, members); ok && i.Status == client.StatusUp && got != client.StatusUp {
				t.Fatalf("%s:%d is UP in one instance and %s in the assignment", i.Address, i.Port, got)
			}
		}
	})
}

// memberAt is the status of the member that has the address of the one instance; false if that has none that counts.
func memberAt(one []*client.Instance, members []member) (client.Status, bool) {
	alone, _ := membersOf(one, func(string) int { return 0 })
	if len(alone) == 0 {
		return "", false
	}
	for _, m := range members {
		if m.addr == alone[0].addr {
			return m.Status, true
		}
	}
	return "absent", true
}

// The largest weights a registry takes, for more instances than fit into 32 bits.
func TestWeightsOfVeryManyInstancesFitInto32Bits(t *testing.T) {
	if scale(maxFullWeight) != 0 {
		t.Error("weights that fit are made smaller")
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 1<<31).Draw(t, "instances")
		if sum := uint64(n) * uint64(scaled(maxWeight, scale(n))); sum > math.MaxUint32 {
			t.Fatalf("%d instances weigh %d", n, sum)
		}
	})
}

func TestPrioritiesEndAtWhatEnvoyHas(t *testing.T) {
	var all []*client.Instance
	for i := range 200 {
		all = append(all, &client.Instance{ID: "a", Address: fmt.Sprintf("10.0.0.%d", i+1), Port: 1, Datacenter: fmt.Sprintf("dc%03d", i), Status: client.StatusUp})
	}
	m, _ := assignment("s", all, func(string) int { return 1 })
	a, ok := m.(*endpointv3.ClusterLoadAssignment)
	if !ok {
		t.Fatalf("it is a %T", m)
	}
	if problem := faultOf(a); problem != "" {
		t.Error(problem)
	}
	if last := a.GetEndpoints()[199].GetPriority(); last != maxPriority {
		t.Errorf("the last priority is %d", last)
	}
}

// Names of services are any text, and each resource must be one that is accepted all the same.
func TestEveryResourceOfAnyNameIsValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.OneOf(rapid.String(), rapid.StringMatching(`[aA][-.]?(muster)?|\*|xdstp:.*`)), rapid.ID).Draw(t, "names")
		c := NewCatalog("dc1", time.Minute)
		for _, name := range names {
			c.Put(name, []*client.Instance{{ID: "a", Address: "10.0.0.1", Port: 1, Datacenter: "dc1"}}, time.Time{})
		}
		snap := c.Snapshot()
		if slices.Contains(snap.names, "") || slices.Contains(snap.names, wildcardName) {
			t.Fatalf("names that mean something else are served: %q", snap.names)
		}
		for _, name := range snap.names {
			for k := range kinds {
				validate(t, snap.find(k, k.pointsToSelf(name)), k.pointsToSelf(name))
			}
		}
		validate(t, snap.find(routes, AllServices), AllServices)
	})
}

func validate(t *rapid.T, r *resource, name string) {
	m, err := r.body.UnmarshalNew()
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := m.(interface{ ValidateAll() error }); !ok || v.ValidateAll() != nil {
		t.Fatalf("%v is not valid", m)
	}
	switch m := m.(type) {
	case *listenerv3.Listener:
		inner, err := m.GetApiListener().GetApiListener().UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		manager, ok := inner.(*managerv3.HttpConnectionManager)
		if !ok || manager.ValidateAll() != nil || m.GetName() != name || r.name != name {
			t.Fatalf("listener %q: %v", name, inner)
		}
		if f := manager.GetHttpFilters(); len(f) != 1 || !f[0].GetTypedConfig().MessageIs(routerMessage) {
			t.Fatalf("the chain of filters does not end with the router: %v", f)
		}
		if manager.GetRds().GetRouteConfigName() != routeName(name) || manager.GetRds().GetConfigSource().GetAds() == nil {
			t.Fatalf("listener %q points to %v", name, manager.GetRds())
		}
	case *routev3.RouteConfiguration:
		seen := map[string]bool{}
		for _, v := range m.GetVirtualHosts() {
			for _, d := range v.GetDomains() {
				if seen[d] || d == "*" && len(m.GetVirtualHosts()) > 1 {
					t.Fatalf("domain %q twice, or for all", d)
				}
				seen[d] = true
			}
		}
	case *clusterv3.Cluster:
		if m.GetType() != clusterv3.Cluster_EDS || m.GetEdsClusterConfig().GetEdsConfig().GetAds() == nil || m.GetName() != name ||
			len(m.GetTransportSocketMatches()) > 0 || m.GetLbPolicy() != clusterv3.Cluster_ROUND_ROBIN {
			t.Fatalf("cluster %q: %v", name, m)
		}
	case *endpointv3.ClusterLoadAssignment:
		if m.GetClusterName() != name {
			t.Fatalf("assignment %q is of %q", name, m.GetClusterName())
		}
	}
}
