package grpcresolver

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/experimental/balancer/weight"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/api/client"
)

func ids(instances []*client.Instance) string {
	var all []string
	for _, i := range instances {
		all = append(all, i.ID)
	}
	return strings.Join(all, " ")
}

func TestATargetMeansTheInstancesThatHaveAllOfIt(t *testing.T) {
	all := []*client.Instance{
		{ID: "0", Status: client.StatusOutOfService, Tags: []string{"v1", "eu", "v2"}, Datacenter: "dc2", Ports: map[string]int{"grpc": 9000}},
		{ID: "1", Tags: []string{"v1", "eu"}, Datacenter: "dc1", Ports: map[string]int{"grpc": 9001}},
		{ID: "2", Tags: []string{"v2", "eu"}, Datacenter: "dc1"},
		{ID: "3", Tags: []string{"eu", "v2"}, Datacenter: "dc2", Ports: map[string]int{"grpc": 9003}},
		{ID: "4", Datacenter: "dc2"},
	}
	for _, i := range all[1:] {
		i.Status = client.StatusUp
	}
	for _, c := range []struct {
		target target
		want   string
	}{
		{target{}, "1 2 3 4"},
		{target{tags: []string{"eu"}}, "1 2 3"},
		{target{tags: []string{"eu", "v2"}}, "2 3"},
		{target{dc: "dc2"}, "3 4"},
		{target{dc: "dc3"}, ""},
		{target{port: "grpc"}, "1 3"},
		{target{port: "grpc", dc: "dc1", tags: []string{"v1"}}, "1"},
		{target{tags: []string{"v3"}}, ""},
	} {
		if got := ids(c.target.chosen(all)); got != c.want {
			t.Errorf("%+v means %q, want %q", c.target, got, c.want)
		}
	}
}

func TestAZoneIsUsedAloneWhileItIsEnough(t *testing.T) {
	up := func(zone, id string) *client.Instance {
		return &client.Instance{ID: id, Zone: zone, Status: client.StatusUp}
	}
	down := func(zone, id string) *client.Instance {
		return &client.Instance{ID: id, Zone: zone, Status: client.StatusDown}
	}
	for _, c := range []struct {
		name string
		all  []*client.Instance
		want string
	}{
		{"nobody there", nil, ""},
		{"nobody of the zone", []*client.Instance{up("b", "1"), up("", "2")}, "1 2"},
		{"only the zone", []*client.Instance{up("a", "1"), up("a", "2")}, "1 2"},
		{"all of it", []*client.Instance{up("a", "1"), up("b", "2"), up("b", "3")}, "1"},
		{"half of it", []*client.Instance{up("a", "1"), down("a", "2"), up("b", "3"), down("b", "4")}, "1"},
		{"less", []*client.Instance{up("a", "1"), down("a", "2"), down("a", "3"), up("b", "4")}, "1 4"},
		{"none of it", []*client.Instance{down("a", "1"), up("b", "2")}, "2"},
		{"nobody anywhere", []*client.Instance{down("a", "1"), down("b", "2")}, ""},
	} {
		if got := ids(target{zone: "a"}.chosen(c.all)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Who is chosen takes traffic; and a preference never leaves a channel without what there is, nor mixes: it is the zone's, or
// all.
func TestPreferenceIsAllOrTheZone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, up, own []*client.Instance
		for n := range rapid.IntRange(0, 20).Draw(t, "instances") {
			i := &client.Instance{
				ID: string(rune('a' + n)), Zone: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "zone"),
				Status: rapid.SampledFrom([]client.Status{client.StatusUp, client.StatusUp, client.StatusDown, client.StatusOutOfService}).Draw(t, "status"),
			}
			if all = append(all, i); !i.Healthy() {
				continue
			}
			if up = append(up, i); i.Zone == "a" {
				own = append(own, i)
			}
		}
		got := target{zone: "a"}.chosen(all)
		if !slices.Equal(got, up) && (len(own) == 0 || !slices.Equal(got, own)) {
			t.Fatalf("%q of %q", ids(got), ids(all))
		}
	})
}

func TestEndpointsCarryTheWeightAndTheInstance(t *testing.T) {
	all := []*client.Instance{
		{ID: "1", Address: "10.0.0.1", Port: 80, Weight: 7, Ports: map[string]int{"grpc": 9001}},
		{ID: "2", Address: "10.0.0.2", Port: 80, Ports: map[string]int{"grpc": 9001}},
		{ID: "3", Address: "::1", Port: 80, Weight: 65535, Ports: map[string]int{"grpc": 9003}},
		{ID: "4", Address: "10.0.0.1", Port: 81, Weight: 9, Ports: map[string]int{"grpc": 9001}}, // the first one's address
	}
	s := target{port: "grpc"}.state(all)
	want := []struct {
		addr   string
		weight uint32
	}{{"10.0.0.1:9001", 7}, {"10.0.0.2:9001", 100}, {"[::1]:9003", 65535}}
	if len(s.Endpoints) != len(want) || len(s.Addresses) != len(want) {
		t.Fatalf("%d endpoints and %d addresses, want %d", len(s.Endpoints), len(s.Addresses), len(want))
	}
	for n, w := range want {
		e, a := s.Endpoints[n], s.Addresses[n]
		if len(e.Addresses) != 1 || e.Addresses[0].Addr != w.addr || a.Addr != w.addr || e.Addresses[0].Attributes != nil {
			t.Errorf("endpoint %d is at %v, address %v; want %s, without attributes", n, e.Addresses, a.Addr, w.addr)
		}
		if got := weight.FromEndpoint(e).Weight; got != w.weight {
			t.Errorf("endpoint %d weighs %d, want %d", n, got, w.weight)
		}
		if FromEndpoint(e) != all[n] || FromAddress(a) != all[n] {
			t.Errorf("endpoint %d has %v, its address %v", n, FromEndpoint(e), FromAddress(a))
		}
	}
}
