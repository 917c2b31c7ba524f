package consul

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

var durationType = reflect.TypeFor[duration]()

// serviceDefinition is a registration as clients send it. Names of fields count in whatever case, and every field may be
// null. Fields with an underscore in the JSON name are what older clients call the one before.
type serviceDefinition struct {
	ID                 string
	Name               string
	Service            string // in the catalog's endpoints
	Kind               string
	Tags               []string
	Port               int
	Ports              json.RawMessage
	Address            string
	SocketPath         string
	TaggedAddresses    map[string]wireAddress
	TaggedAddressesOld map[string]wireAddress `json:"tagged_addresses"`
	EnableTagOverride  bool
	EnableTagOld       bool `json:"enable_tag_override"`
	Meta               map[string]string
	Weights            *wireWeights
	Check              *checkDefinition
	Checks             []*checkDefinition
	Proxy              json.RawMessage
	Connect            json.RawMessage
	Locality           json.RawMessage
	Namespace          string
	Partition          string
	PeerName           string
	Token              string
	ContentHash        string
	Datacenter         string
	CreateIndex        json.RawMessage
	ModifyIndex        json.RawMessage
}

// checkDefinition is a check as clients send it.
type checkDefinition struct {
	ID, CheckID, Name, Notes, Status, Token string
	ServiceID                               string
	ServiceIDOld                            string `json:"service_id"`
	Namespace, Partition                    string

	TTL                                     duration
	HTTP, Method, Body                      string
	Header                                  map[string][]string
	DisableRedirects                        bool
	DisableRedirectsOld                     bool `json:"disable_redirects"`
	TCP                                     string
	TCPUseTLS                               bool
	TCPUseTLSOld                            bool `json:"tcp_use_tls"`
	UDP                                     string
	GRPC                                    string
	GRPCUseTLS                              bool
	GRPCUseTLSOld                           bool `json:"grpc_use_tls"`
	H2PING                                  string
	H2PingUseTLS                            *bool
	H2PingUseTLSOld                         *bool `json:"h2ping_use_tls"`
	ScriptArgs                              []string
	ScriptArgsOld                           []string `json:"script_args"`
	Args                                    []string
	Script                                  string
	Shell                                   string
	DockerContainerID                       string
	DockerContainerIDOld                    string `json:"docker_container_id"`
	OSService                               string
	AliasNode                               string
	AliasNodeOld                            string `json:"alias_node"`
	AliasService                            string
	AliasServiceOld                         string `json:"alias_service"`
	TLSServerName                           string
	TLSServerNameOld                        string `json:"tls_server_name"`
	TLSSkipVerify                           bool
	TLSSkipVerifyOld                        bool `json:"tls_skip_verify"`
	Interval, Timeout                       duration
	SuccessBeforePassing                    int
	SuccessBeforePassingOld                 int `json:"success_before_passing"`
	FailuresBeforeWarning                   int
	FailuresBeforeWarningOld                int `json:"failures_before_warning"`
	FailuresBeforeCritical                  int
	FailuresBeforeCriticalOld               int `json:"failures_before_critical"`
	DeregisterCriticalServiceAfter          duration
	DeregisterCriticalServiceAfterOld       duration `json:"deregister_critical_service_after"`
	OutputMaxSize                           int
	OutputMaxSizeOld                        int `json:"output_max_size"`
	ProxyHTTP, ProxyGRPC, Output, ExposedTo string
	// What the catalog's endpoints have besides.
	Node, ServiceName, Type  string
	ServiceTags              []string
	Definition               json.RawMessage
	ExposedPort              int
	CreateIndex, ModifyIndex json.RawMessage
}

// merge puts what came under an old name where the new one is.
func (s *serviceDefinition) merge() {
	if s.TaggedAddresses == nil {
		s.TaggedAddresses = s.TaggedAddressesOld
	}
	s.EnableTagOverride = s.EnableTagOverride || s.EnableTagOld
	if s.Name == "" {
		s.Name = s.Service
	}
}

// allChecks are those of Check and Checks that say something, merged.
func (s *serviceDefinition) allChecks() (out []*checkDefinition) {
	for _, c := range append([]*checkDefinition{s.Check}, s.Checks...) {
		if c != nil && !reflect.DeepEqual(*c, checkDefinition{}) {
			c.merge()
			out = append(out, c)
		}
	}
	return out
}

func (c *checkDefinition) merge() {
	either(&c.CheckID, c.ID)
	either(&c.ServiceID, c.ServiceIDOld)
	either(&c.DockerContainerID, c.DockerContainerIDOld)
	either(&c.AliasNode, c.AliasNodeOld)
	either(&c.AliasService, c.AliasServiceOld)
	either(&c.TLSServerName, c.TLSServerNameOld)
	either(&c.DisableRedirects, c.DisableRedirectsOld)
	either(&c.TCPUseTLS, c.TCPUseTLSOld)
	either(&c.GRPCUseTLS, c.GRPCUseTLSOld)
	either(&c.TLSSkipVerify, c.TLSSkipVerifyOld)
	either(&c.SuccessBeforePassing, c.SuccessBeforePassingOld)
	either(&c.FailuresBeforeWarning, c.FailuresBeforeWarningOld)
	either(&c.FailuresBeforeCritical, c.FailuresBeforeCriticalOld)
	either(&c.DeregisterCriticalServiceAfter, c.DeregisterCriticalServiceAfterOld)
	either(&c.OutputMaxSize, c.OutputMaxSizeOld)
	for _, args := range [][]string{c.ScriptArgsOld, c.Args} {
		if len(c.ScriptArgs) == 0 {
			c.ScriptArgs = args
		}
	}
}

// either fills an empty field.
func either[T comparable](to *T, old T) {
	var empty T
	if *to == empty {
		*to = old
	}
}

func badCheck(text string) error { return badRequest("Invalid check: " + text) }

// Floors that Consul has, and ceilings that the catalog has and Consul has not: what is beyond them is taken as them.
const (
	minInterval        = time.Second
	maxInterval        = 24 * time.Hour
	minDeregisterAfter = time.Minute
	maxDeregisterAfter = 365 * 24 * time.Hour
	maxThreshold       = 1 << 10
	maxOutput          = 16 << 10
)

func within[T int | time.Duration](least, n, most T) T { return min(max(n, least), most) }

// check is the definition for the catalog of instances. Its id is left to the caller.
func (c *checkDefinition) check() (muster.Check, error) {
	if err := c.validate(); err != nil {
		return muster.Check{}, err
	}
	out := muster.Check{
		ID: c.CheckID, Name: c.Name, Notes: c.Notes, TLSServerName: c.TLSServerName, TLSSkipVerify: c.TLSSkipVerify,
		SuccessBeforePassing:   within(0, c.SuccessBeforePassing, maxThreshold),
		FailuresBeforeWarning:  within(0, c.FailuresBeforeWarning, maxThreshold),
		FailuresBeforeCritical: within(0, c.FailuresBeforeCritical, maxThreshold),
		OutputMax:              min(c.OutputMaxSize, maxOutput), Initial: muster.CheckCritical,
	}
	if after := time.Duration(c.DeregisterCriticalServiceAfter); after > 0 {
		out.DeregisterAfter = within(minDeregisterAfter, after, maxDeregisterAfter)
	}
	if c.Status != "" {
		if !isCheckStatus(c.Status) {
			return out, badRequest("Status for checks must 'passing', 'warning', 'critical'")
		}
		out.Initial = checkStatuses[c.Status]
	}
	if c.TTL > 0 {
		out.TTL = time.Duration(c.TTL)
		return out, nil
	}
	if c.AliasService != "" {
		out.Alias = c.AliasService
		return out, nil
	}
	out.Interval, out.Timeout = within(minInterval, time.Duration(c.Interval), maxInterval), within(0, time.Duration(c.Timeout), maxInterval)
	switch {
	case c.HTTP != "":
		out.HTTP, out.Method, out.Body, out.Header, out.NoRedirect = c.HTTP, c.Method, c.Body, c.Header, c.DisableRedirects
	case c.TCP != "":
		out.TCP, out.TLS = c.TCP, c.TCPUseTLS
	case c.GRPC != "":
		out.GRPC, out.TLS = c.GRPC, c.GRPCUseTLS
	default:
		out.Script = c.ScriptArgs
	}
	return out, nil
}

// validate finds what Consul refuses, in its words, and what nobody can run here.
func (c *checkDefinition) validate() error {
	script := len(c.ScriptArgs) > 0 || c.Script != ""
	alias := c.AliasService != "" || c.AliasNode != ""
	unknown := ""
	for kind, text := range map[string]string{"UDP": c.UDP, "H2PING": c.H2PING, "Docker": c.DockerContainerID, "OSService": c.OSService} {
		if text != "" && kind > unknown {
			unknown = kind
		}
	}
	periodic := script || c.HTTP != "" || c.TCP != "" || c.GRPC != "" || unknown != ""
	switch {
	case c.Interval > 0 && c.TTL > 0:
		return badCheck("Interval and TTL cannot both be specified")
	case periodic && c.Interval <= 0:
		return badCheck("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")
	case periodic && alias:
		return badCheck("Interval cannot be set for Alias checks")
	case alias && c.TTL > 0:
		return badCheck("TTL must be not be set for Alias checks")
	case !periodic && !alias && c.TTL <= 0:
		return badCheck("TTL must be > 0 for TTL checks")
	case c.OutputMaxSize < 0:
		return badCheck("OutputMaxSize must be positive")
	case c.FailuresBeforeWarning > c.FailuresBeforeCritical:
		return badCheck("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
	case unknown != "":
		return badCheck(unknown + " checks are not run here")
	case alias && c.AliasService == "":
		return badCheck("aliases of nodes are not run here, only those of services")
	case script && len(c.ScriptArgs) == 0:
		return badCheck("a script is given by its arguments")
	}
	return nil
}

// decode reads a body.
func (a *API) decode(c *call, to any) error {
	d := json.NewDecoder(http.MaxBytesReader(c.w, c.r.Body, a.maxBody))
	if a.strict {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(to); err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return err
		}
		text := err.Error()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			text = io.ErrUnexpectedEOF.Error()
		}
		return badRequest("Request decode failed: " + strings.ToValidUTF8(text, "?"))
	}
	return nil
}
