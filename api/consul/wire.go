package consul

import (
	"encoding/json"
	"time"
)

// The shapes of answers. The order of their fields is that of Consul's answers, and the names of their fields are the
// selectors of its filter language, so that one value serves both.

// wireNode is a node, in health and catalog answers.
type wireNode struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	CreateIndex     uint64 `bexpr:"-"`
	ModifyIndex     uint64 `bexpr:"-"`
}

// wireAddress is one of a service's tagged addresses.
type wireAddress struct {
	Address string
	Port    int
}

// wireWeights are the shares of traffic that an instance takes by its health.
type wireWeights struct{ Passing, Warning int }

// agentService is an instance as agents show it. Tags and Meta are never null.
type agentService struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Meta              map[string]string
	Port              int
	Address           string
	SocketPath        string                 `json:",omitempty"`
	TaggedAddresses   map[string]wireAddress `json:",omitempty"`
	Weights           wireWeights
	EnableTagOverride bool
	ContentHash       string          `json:",omitempty" bexpr:"-"`
	Proxy             json.RawMessage `json:",omitempty" bexpr:"-"`
	Connect           json.RawMessage `json:",omitempty" bexpr:"-"`
	Datacenter        string          `bexpr:"-"`
}

// healthService is an instance as health answers show it: Meta is null if there is none, Port left out if it is 0.
type healthService struct {
	Kind              string `json:",omitempty"`
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]wireAddress `json:",omitempty"`
	Meta              map[string]string
	Port              int             `json:",omitempty"`
	Ports             json.RawMessage `json:",omitempty" bexpr:"-"`
	SocketPath        string          `json:",omitempty"`
	Weights           wireWeights
	EnableTagOverride bool
	Proxy             json.RawMessage `bexpr:"-"`
	Connect           json.RawMessage `bexpr:"-"`
	Locality          json.RawMessage `json:",omitempty" bexpr:"-"`
	PeerName          string
	CreateIndex       uint64 `bexpr:"-"`
	ModifyIndex       uint64 `bexpr:"-"`
}

// catalogService is an instance as catalog answers show it, together with its node.
type catalogService struct {
	ID                       string
	Node                     string
	Address                  string
	Datacenter               string
	TaggedAddresses          map[string]string
	NodeMeta                 map[string]string
	ServiceKind              string
	ServiceID                string
	ServiceName              string
	ServiceTags              []string
	ServiceAddress           string
	ServiceTaggedAddresses   map[string]wireAddress `json:",omitempty"`
	ServiceWeights           wireWeights
	ServiceMeta              map[string]string
	ServicePort              int
	ServicePorts             json.RawMessage `bexpr:"-"`
	ServiceSocketPath        string
	ServiceEnableTagOverride bool
	ServiceProxy             json.RawMessage `bexpr:"-"`
	ServiceConnect           json.RawMessage `bexpr:"-"`
	ServiceLocality          json.RawMessage `bexpr:"-"`
	CreateIndex              uint64          `bexpr:"-"`
	ModifyIndex              uint64          `bexpr:"-"`
}

// wireCheck is a check and what it has found.
type wireCheck struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string          `bexpr:"-"`
	Timeout     string          `bexpr:"-"`
	ExposedPort int             `bexpr:"-"`
	Definition  json.RawMessage `bexpr:"-"`
	CreateIndex uint64          `bexpr:"-"`
	ModifyIndex uint64          `bexpr:"-"`
}

// healthEntry is one instance in an answer about a service's health.
type healthEntry struct {
	Node    *wireNode
	Service *healthService
	Checks  []wireCheck
}

// duration is a Go duration in text, or a number of nanoseconds, in what clients send.
type duration time.Duration

// UnmarshalJSON takes both forms; null and an empty text leave it as it is.
func (d *duration) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null" || string(b) == `""`:
		return nil
	case b[0] == '"':
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		parsed, err := time.ParseDuration(text)
		*d = duration(parsed)
		return err
	default:
		var ns float64
		if err := json.Unmarshal(b, &ns); err != nil {
			return err
		}
		if ns < -(1<<62) || ns > 1<<62 {
			return &json.UnmarshalTypeError{Value: "number " + string(b), Type: durationType}
		}
		*d = duration(ns)
		return nil
	}
}

var (
	emptyObject  = json.RawMessage(`{}`)
	null         = json.RawMessage(`null`)
	defaultProxy = json.RawMessage(`{"Mode":"","MeshGateway":{},"Expose":{}}`)
)
