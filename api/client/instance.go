package client

import (
	"cmp"
	"encoding/json"
	"net"
	"reflect"
	"strconv"
	"time"
)

// Status is whether an instance takes traffic.
type Status string

// The statuses.
const (
	// StatusNone is no status: a registration that says none is UP, and an override of none is taken back.
	StatusNone         Status = ""
	StatusUp           Status = "UP"
	StatusDown         Status = "DOWN"
	StatusStarting     Status = "STARTING"
	StatusOutOfService Status = "OUT_OF_SERVICE"
	StatusUnknown      Status = "UNKNOWN"
)

const (
	defaultNamespace = "default"
	defaultTTL       = 30 * time.Second
)

// Instance is one instance of a service. Given to Register it is what the program says of itself (the fields up to
// Checks); from a View it is what the registry knows (all fields), and is shared and immutable: do not change it, nor its
// maps and slices. The zero Instance is not valid: Service, Address and Port are required. Its JSON is the registry's.
type Instance struct {
	// Namespace separates services of one name; the client's if not given.
	Namespace string `json:"namespace,omitempty"`
	// Service and ID name the instance within its namespace; ID is service-address-port if not given.
	Service string `json:"service"`
	ID      string `json:"id,omitempty"`
	// Address is a host name or IP address, without port; Port is 1 to 65535.
	Address string `json:"address"`
	Port    int    `json:"port"`
	// Ports are further ports by name.
	Ports map[string]int `json:"ports,omitempty"`
	// Tags and Metadata are the program's own, Attributes what other protocols have to give back.
	Tags       []string          `json:"tags,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	// Zone is the failure domain inside the data centre.
	Zone string `json:"zone,omitempty"`
	// Weight is the share of traffic relative to others, 1 to 65535; 0 is 100.
	Weight int `json:"weight,omitempty"`
	// Secure says that Port speaks TLS.
	Secure bool `json:"secure,omitempty"`
	// Status is UP if not given. In an answer it is what counts: checks and an operator's override are in it.
	Status Status `json:"status,omitempty"`
	// Permanent says that the instance has no lease: it stays until it is deregistered.
	Permanent bool `json:"permanent,omitempty"`
	// TTL is how long the lease lasts after a renewal: 1 s to 24 h; 0 is 30 s. It is a Go duration such as "30s" in JSON.
	TTL time.Duration `json:"-"`
	// Checks are run by the node that holds the lease. They are given, and left out of what lookups hold.
	Checks []Check `json:"checks,omitempty"`

	// Datacenter is where the instance registered, Home the node that holds its lease.
	Datacenter string `json:"datacenter,omitempty"`
	Home       string `json:"home,omitempty"`
	// Override is an operator's decision, OverrideReason what was said of it.
	Override       Status `json:"override,omitempty"`
	OverrideReason string `json:"overrideReason,omitempty"`
	// Preserved says that the registry keeps the instance though its lease has expired, or its data centre is out of reach;
	// LastRenewal is when it was last heard of then.
	Preserved    bool      `json:"preserved,omitempty"`
	RegisteredAt time.Time `json:"registeredAt,omitzero"`
	LastRenewal  time.Time `json:"lastRenewal,omitzero"`
}

// Check is a health check of an instance: exactly one of HTTP, TCP, GRPC and TTL is set.
type Check struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	// HTTP is a URL that must answer 2xx, TCP a host:port that must accept, GRPC a host:port/service with health checking.
	HTTP string `json:"http,omitempty"`
	TCP  string `json:"tcp,omitempty"`
	GRPC string `json:"grpc,omitempty"`
	// TTL is within which time the program has to report.
	TTL Span `json:"ttl,omitzero"`
	// Interval and Timeout are those of a check that a node runs; 0 is the node's default.
	Interval Span `json:"interval,omitzero"`
	Timeout  Span `json:"timeout,omitzero"`
	// DeregisterAfter takes the instance out after that long a time in the critical state; 0 never does.
	DeregisterAfter Span `json:"deregisterAfter,omitzero"`
}

// Span is a time.Duration whose text is that of a Go duration, such as "10s".
type Span time.Duration

// MarshalText is the duration as time.Duration.String has it.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText is time.ParseDuration.
func (s *Span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = Span(d)
	return err
}

// plain has the fields of an Instance without its methods.
type plain Instance

type wireInstance struct {
	plain
	TTL Span `json:"ttl,omitzero"`
}

// MarshalJSON is the instance as the registry's JSON has it.
func (i Instance) MarshalJSON() ([]byte, error) {
	return json.Marshal(wireInstance{plain(i), Span(i.TTL)})
}

// UnmarshalJSON reads what MarshalJSON writes; members that are not known are ignored, since a newer node may have some.
func (i *Instance) UnmarshalJSON(b []byte) error {
	var w wireInstance
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*i = Instance(w.plain)
	i.TTL = time.Duration(w.TTL)
	return nil
}

// HostPort is the address and the port, as net.Dial takes them.
func (i *Instance) HostPort() string { return net.JoinHostPort(i.Address, strconv.Itoa(i.Port)) }

// Healthy reports whether the instance takes traffic: its status is UP.
func (i *Instance) Healthy() bool { return i.Status == StatusUp }

// said is the registration alone, complete as far as a client can complete it.
func (i Instance) said(namespace string) Instance {
	i.Namespace = cmp.Or(i.Namespace, namespace, defaultNamespace)
	if i.ID == "" {
		i.ID = i.Service + "-" + i.Address + "-" + strconv.Itoa(i.Port)
	}
	if i.TTL == 0 && !i.Permanent {
		i.TTL = defaultTTL
	}
	i.Datacenter, i.Home, i.Override, i.OverrideReason = "", "", "", ""
	i.Preserved, i.RegisteredAt, i.LastRenewal = false, time.Time{}, time.Time{}
	return i
}

// same reports whether nothing that a lookup shows has changed.
func (i *Instance) same(j *Instance) bool {
	return i == j || i.Status == j.Status && i.Home == j.Home && reflect.DeepEqual(i, j)
}
