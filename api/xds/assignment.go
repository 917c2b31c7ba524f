package xds

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/musterhq/muster/api/client"
)

const (
	// maxPriority is the last priority that is used; Envoy has no more than 128 of them. All that is farther shares it.
	maxPriority = 127
	// defaultWeight is that of an instance that says none.
	defaultWeight = 100
	maxWeight     = math.MaxUint16
	// maxFullWeight is how many instances of the largest weight a sum of 32 bits holds.
	maxFullWeight = math.MaxUint32 / maxWeight
)

// skipped counts the instances that an assignment leaves out, by reason.
type skipped struct {
	names      int // the address is a host name
	invalid    int // the address, or the port, is one that nobody can connect to
	duplicates int // another instance has the same address and port
}

// member is an instance that has a place in an assignment.
type member struct {
	*client.Instance
	addr     netip.AddrPort
	health   corev3.HealthStatus
	distance int // of its data centre
}

// assignment is where a service is. far says how far a data centre is, 0 being here; equal ones are told apart by name.
// The order of instances does not matter.
func assignment(service string, instances []*client.Instance, far func(dc string) int) (proto.Message, skipped) {
	members, left := membersOf(instances, far)
	out := &endpointv3.ClusterLoadAssignment{ClusterName: service}
	shift := scale(len(members))
	var priority uint32
	for i, m := range members {
		here := i > 0 && m.Datacenter == members[i-1].Datacenter
		if i > 0 && !here {
			priority = min(priority+1, maxPriority)
		}
		if !here || m.Zone != members[i-1].Zone {
			out.Endpoints = append(out.Endpoints, &endpointv3.LocalityLbEndpoints{
				Locality: &corev3.Locality{Region: m.Datacenter, Zone: m.Zone},
				Priority: priority,
			})
		}
		l := out.GetEndpoints()[len(out.GetEndpoints())-1]
		weight := scaled(weightOf(m.Instance), shift)
		l.LbEndpoints = append(l.LbEndpoints, endpoint(m, weight))
		if m.health == corev3.HealthStatus_HEALTHY {
			l.LoadBalancingWeight = wrapperspb.UInt32(l.GetLoadBalancingWeight().GetValue() + weight)
		}
	}
	for _, l := range out.GetEndpoints() {
		if l.GetLoadBalancingWeight() == nil {
			l.LoadBalancingWeight = wrapperspb.UInt32(1) // Without a weight, gRPC takes the locality for absent.
		}
	}
	return out, left
}

// scale is by how many bits weights are made smaller, so that they add up to no more than 32 bits.
func scale(n int) (shift int) {
	for n>>shift > maxFullWeight {
		shift++
	}
	if shift > 0 {
		shift++ // For what rounding up to 1 adds.
	}
	return shift
}

// scaled is a weight made smaller, but never none.
func scaled(weight, shift int) uint32 { return max(1, uint32(weight)>>shift) }

func weightOf(i *client.Instance) int {
	if i.Weight <= 0 {
		return defaultWeight
	}
	return min(i.Weight, maxWeight)
}

func endpoint(m member, weight uint32) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{
		HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{
			Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
				Address:       m.addr.Addr().String(),
				PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32(m.addr.Port())},
			}}},
		}},
		HealthStatus:        m.health,
		LoadBalancingWeight: wrapperspb.UInt32(weight),
	}
}

// membersOf is the instances that can be given, ordered by data centre (the nearest first), zone and id, no address twice:
// of those that share one, the healthiest, then the nearest, counts.
func membersOf(instances []*client.Instance, far func(dc string) int) (members []member, left skipped) {
	for _, i := range instances {
		addr, err := netip.ParseAddr(i.Address)
		switch {
		case err != nil:
			left.names++
			continue
		case i.Port < 1 || i.Port > math.MaxUint16, addr.IsUnspecified(), addr.Zone() != "":
			left.invalid++
			continue
		}
		members = append(members, member{i, netip.AddrPortFrom(addr.Unmap(), uint16(i.Port)), healthOf(i.Status), far(i.Datacenter)})
	}
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(rank(a.health), rank(b.health)), a.before(b))
	})
	n := len(members)
	members = slices.CompactFunc(members, func(a, b member) bool { return a.addr == b.addr })
	left.duplicates = n - len(members)
	slices.SortFunc(members, member.before)
	return members, left
}

// before is the order of members in an assignment; it is total, if ids are unique within a data centre.
func (m member) before(o member) int {
	return cmp.Or(
		cmp.Compare(m.distance, o.distance), cmp.Compare(m.Datacenter, o.Datacenter), cmp.Compare(m.Zone, o.Zone),
		cmp.Compare(m.ID, o.ID), m.addr.Compare(o.addr), cmp.Compare(weightOf(m.Instance), weightOf(o.Instance)),
	)
}

// healthOf is a status in Envoy's words. STARTING and UNKNOWN take no traffic in Muster; Envoy's UNKNOWN would.
func healthOf(s client.Status) corev3.HealthStatus {
	switch s {
	case client.StatusUp:
		return corev3.HealthStatus_HEALTHY
	case client.StatusOutOfService:
		return corev3.HealthStatus_DRAINING
	case client.StatusNone, client.StatusDown, client.StatusStarting, client.StatusUnknown:
	}
	return corev3.HealthStatus_UNHEALTHY
}

// rank is how much a health is worth where one has to be chosen.
func rank(h corev3.HealthStatus) int {
	switch h {
	case corev3.HealthStatus_HEALTHY:
		return 0
	case corev3.HealthStatus_DRAINING:
		return 1
	default:
		return 2
	}
}
