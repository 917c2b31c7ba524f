package grpcresolver

import (
	"math"
	"net"
	"slices"
	"strconv"

	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/experimental/balancer/weight"
	"google.golang.org/grpc/resolver"

	"github.com/musterhq/muster/api/client"
)

// defaultWeight is that of an instance that says none.
const defaultWeight = 100

// instanceKey is where an endpoint's attributes have the instance.
type instanceKey struct{}

// FromEndpoint is the instance behind an endpoint that this package made, nil for others. Shared: do not change it.
func FromEndpoint(e resolver.Endpoint) *client.Instance { return fromAttributes(e.Attributes) }

// FromAddress is the instance behind an address, for policies that are given addresses alone; nil for an address that this
// package did not make. Shared: do not change it.
func FromAddress(a resolver.Address) *client.Instance {
	return fromAttributes(a.BalancerAttributes) //nolint:staticcheck // Policies that know no endpoints have nothing else.
}

func fromAttributes(a *attributes.Attributes) *client.Instance {
	i, _ := a.Value(instanceKey{}).(*client.Instance)
	return i
}

// chosen are those instances that take traffic and that the target means, in their order: those of its zone alone, as long
// as at least half of what is registered there takes traffic.
func (t target) chosen(all []*client.Instance) []*client.Instance {
	var up, own []*client.Instance
	registered := 0 // in the zone
	for _, i := range all {
		if !t.means(i) {
			continue
		}
		near := t.zone != "" && i.Zone == t.zone
		if near {
			registered++
		}
		if !i.Healthy() {
			continue
		}
		if up = append(up, i); near {
			own = append(own, i)
		}
	}
	if len(own) > 0 && 2*len(own) >= registered {
		return own
	}
	return up
}

func (t target) means(i *client.Instance) bool {
	if t.dc != "" && i.Datacenter != t.dc || t.port != "" && i.Ports[t.port] == 0 {
		return false
	}
	for _, tag := range t.tags {
		if !slices.Contains(i.Tags, tag) {
			return false
		}
	}
	return true
}

func weightOf(i *client.Instance) int {
	if i.Weight <= 0 {
		return defaultWeight
	}
	return i.Weight
}

// state is what a channel is told of instances. All that may change is in the attributes for the policy: a connection is
// kept as long as the rest of its address is the same.
func (t target) state(instances []*client.Instance) resolver.State {
	s := resolver.State{
		Endpoints: make([]resolver.Endpoint, 0, len(instances)), Addresses: make([]resolver.Address, 0, len(instances)),
	}
	seen := make(map[string]bool, len(instances))
	for _, i := range instances {
		at := t.address(i)
		if seen[at] {
			continue
		}
		seen[at] = true
		e := weight.Set(resolver.Endpoint{
			Addresses:  []resolver.Address{{Addr: at}},
			Attributes: attributes.New(instanceKey{}, i),
		}, weight.EndpointInfo{Weight: uint32(min(weightOf(i), math.MaxUint16))})
		s.Endpoints = append(s.Endpoints, e)
		s.Addresses = append(s.Addresses, resolver.Address{
			Addr: at, BalancerAttributes: e.Attributes, //nolint:staticcheck // Policies that know no endpoints have nothing else.
		})
	}
	return s
}

func (t target) address(i *client.Instance) string {
	if t.port == "" {
		return i.HostPort()
	}
	return net.JoinHostPort(i.Address, strconv.Itoa(i.Ports[t.port]))
}
