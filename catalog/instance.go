package catalog

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Key names an instance across the cluster.
type Key struct{ Namespace, Service, ID string }

// Compare orders keys by namespace, service, id: -1, 0 or +1.
func (k Key) Compare(l Key) int {
	return cmp.Or(cmp.Compare(k.Namespace, l.Namespace), cmp.Compare(k.Service, l.Service), cmp.Compare(k.ID, l.ID))
}

// ServiceKey names the service that k is an instance of.
func (k Key) ServiceKey() ServiceKey { return ServiceKey{k.Namespace, k.Service} }

// String is "namespace/service/id", for people and for hashing.
func (k Key) String() string { return k.Namespace + "/" + k.Service + "/" + k.ID }

// ServiceKey names a service.
type ServiceKey struct{ Namespace, Service string }

// Compare orders service keys by namespace, then service: -1, 0 or +1.
func (s ServiceKey) Compare(t ServiceKey) int {
	return cmp.Or(cmp.Compare(s.Namespace, t.Namespace), cmp.Compare(s.Service, t.Service))
}

// Status is whether an instance takes traffic. The zero Status is "none": not given, or no override.
type Status uint8

// The statuses, with Eureka's names and meanings.
const (
	StatusNone Status = iota
	StatusUp
	StatusDown
	StatusStarting
	StatusOutOfService
	StatusUnknown
)

var statusNames = [...]string{"", "UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"}

var (
	_ encoding.TextMarshaler   = Status(0)
	_ encoding.TextUnmarshaler = (*Status)(nil)
)

// ParseStatus is the status with that name, upper case. The error names the ones there are.
func ParseStatus(name string) (Status, error) {
	for i, n := range statusNames[1:] {
		if n == name {
			return Status(i + 1), nil
		}
	}
	return StatusNone, fmt.Errorf("catalog: status %q is not one of UP, DOWN, STARTING, OUT_OF_SERVICE, UNKNOWN", name)
}

// String is the status's name, "" for StatusNone.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "UNKNOWN"
}

// MarshalText is String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is ParseStatus; an empty text is StatusNone.
func (s *Status) UnmarshalText(text []byte) (err error) {
	*s = StatusNone
	if len(text) > 0 {
		*s, err = ParseStatus(string(text))
	}
	return err
}

// Instance is one instance of a service. Given to Register it is what the client says (the fields up to Checks);
// returned from a View it is what the registry knows (all fields), and is shared and immutable: do not change it, nor
// its maps and slices. The zero Instance is not valid: see Validate.
type Instance struct {
	// Namespace separates services of one name; "default" if not given.
	Namespace string
	// Service and ID name the instance within its namespace; ID is service-address-port if not given.
	Service, ID string
	// Address is a host name or IP address, without port; Port is 1 to 65535, or 0 for a permanent instance that has none.
	Address string
	Port    int
	// Ports are further ports by name.
	Ports map[string]int
	// Tags and Metadata are the client's own, in the client's order.
	Tags     []string
	Metadata map[string]string
	// Attributes are what a dialect must give back and the model has no field for, keyed "dialect.field", as in
	// "eureka.vipAddress". Other dialects keep them and make nothing of them. Nil for an instance that needs none.
	Attributes map[string]string
	// Zone is the failure domain inside the data centre, "" if there are none.
	Zone string
	// Weight is the instance's share of traffic relative to others, 1 to 65535, 100 if not given.
	Weight int
	// Secure says that Port speaks TLS.
	Secure bool
	// Status is what the client or the home's checks report; the operator's override, if there is one, in its place.
	Status Status
	// Permanent says that the instance has no lease: it stays until it is deregistered, or a check's DeregisterAfter has
	// passed. TTL means nothing then.
	Permanent bool
	// Embedded says that the instance lives in the process of its home node and dies with it.
	Embedded bool
	// Private says that other data centres do not hear of the instance. It is the word of the node that took the
	// registration.
	Private bool
	// TTL is how long the lease lasts after a renewal: 1 s to 24 h, 30 s if not given.
	TTL time.Duration
	// Checks are run by the home node, or reported by the client.
	Checks []Check

	// Datacenter is where the instance registered.
	Datacenter string
	// Home is the node that holds the lease, "datacenter/name".
	Home string
	// OverrideReason is what the operator said of Override.
	OverrideReason string
	// Results are what Checks have found, in their order.
	Results []CheckResult
	// RegisteredAt is the registering node's wall time of the latest registration.
	RegisteredAt time.Time
	// LastRenewal is the home's wall time of the last renewal before preservation; zero unless Preserved.
	LastRenewal time.Time
	// Override is the operator's decision, StatusNone if there is none.
	Override Status
	// Preserved says that self-preservation keeps the instance: its lease has expired, or its data centre cannot be reached.
	Preserved bool

	claimed Status // what Status would be without checks and override; StatusNone if it is the same
}

// Claimed is the status that the client gave, without checks and override.
func (i *Instance) Claimed() Status {
	if i.claimed != StatusNone {
		return i.claimed
	}
	return i.Status
}

// Reported is the status without the operator's override: the claimed one, but for an instance that claims to be UP and
// has a critical check, which is DOWN.
func (i *Instance) Reported() Status {
	s := i.Claimed()
	if s == StatusUp && Worst(i.Results) == CheckCritical {
		return StatusDown
	}
	return s
}

// Key names the instance.
func (i *Instance) Key() Key { return Key{i.Namespace, i.Service, i.ID} }

// Healthy reports whether the instance should get traffic: its status is UP.
func (i *Instance) Healthy() bool { return i.Status == StatusUp }

// Clone is a deep copy, for a caller who wants to change what a View gave.
func (i *Instance) Clone() *Instance {
	c := *i
	c.Ports, c.Metadata, c.Attributes = maps.Clone(i.Ports), maps.Clone(i.Metadata), maps.Clone(i.Attributes)
	c.Tags, c.Checks, c.Results = slices.Clone(i.Tags), slices.Clone(i.Checks), slices.Clone(i.Results)
	return &c
}
