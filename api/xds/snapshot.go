package xds

import (
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
)

// Snapshot is all resources at one moment. Immutable, and safe for any number of goroutines. Made by Catalog.
type Snapshot struct {
	services map[string]*resources
	names    []string  // of services, in order
	all      *resource // the RouteConfiguration of all services
	// generations count, for each kind, the snapshots in which something of it changed.
	generations [kinds]uint64
}

// Services is how many services the snapshot has, those without instances included.
func (s *Snapshot) Services() int { return len(s.names) }

// count sets the generations, given the snapshot before; nil if there was none.
func (s *Snapshot) count(before *Snapshot) {
	if before == nil {
		for k := range s.generations {
			s.generations[k] = 1
		}
		return
	}
	for k := range kinds {
		if s.differs(k, before) {
			s.generations[k]++
		}
	}
}

func (s *Snapshot) differs(k kind, before *Snapshot) bool {
	if len(s.services) != len(before.services) || k == routes && !same(s.all, before.all) {
		return true
	}
	for name, r := range s.services {
		if old := before.services[name]; old != r && (old == nil || old[k] != r[k]) {
			return true
		}
	}
	return false
}

// find is the resource of that name; nil if there is none. An assignment is always there: one of a service that is not
// known has no endpoints.
func (s *Snapshot) find(k kind, name string) *resource {
	if k == routes {
		if name == AllServices {
			return s.all
		}
		service, ok := serviceOfRoute(name)
		if !ok {
			return nil
		}
		name = service
	}
	if r := s.services[name]; r != nil {
		return r[k]
	}
	if k == endpoints {
		return encode(endpoints, name, &endpointv3.ClusterLoadAssignment{ClusterName: name})
	}
	return nil
}

// wildcard is the names that a client gets that asks for everything: all clusters. Listeners are for those who know their
// names: an Envoy, which is who asks so, cannot take one of ours.
func (s *Snapshot) wildcard(k kind) []string {
	if k == clusters {
		return s.names
	}
	return nil
}
