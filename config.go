package muster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/musterhq/muster/gossip/lan"
	"github.com/musterhq/muster/gossip/wan"
	"github.com/musterhq/muster/selfpreserve"
)

// Config is what a node is started with. The zero Config starts a single node on loopback, on a free port, that keeps
// nothing on disk.
type Config struct {
	// Node is the node's name, unique in its data centre: 1 to 64 bytes, printable, without space and slash. Empty: the
	// host's name.
	Node string
	// Datacenter is where the node is; nodes of one data centre find each other by Join. Empty: "dc1".
	Datacenter string
	// Zone is the failure domain inside the data centre; instances that name none get it. May be empty.
	Zone string

	// Bind is the host:port of gossip, UDP and TCP. Empty: "127.0.0.1:0", a free port on loopback.
	Bind string
	// Advertise is the host:port that other nodes are told, if it is not Bind.
	Advertise string
	// Join is the host:port of nodes to join. Host names are resolved anew at each try. A node that has some is not ready
	// before it has caught up with its peers.
	Join []string
	// ReadyWait bounds how long a node whose seeds do not answer stays not ready. 0: 60 s.
	ReadyWait time.Duration
	// Profile is the set of gossip timings: "local", "lan" or "wan". Empty: "lan".
	Profile string
	// Keys are AES keys of 16, 24 or 32 bytes; the first one encrypts gossip, all of them decrypt. None: no encryption.
	Keys [][]byte
	// Insecure allows Bind beyond loopback without Keys.
	Insecure bool

	// WANBind is the host:port, UDP and TCP, at which gateways of other data centres reach this node; it makes the node a
	// gateway. Empty: it is none.
	WANBind string
	// WANAdvertise is the host:port that other gateways are told, if it is not WANBind.
	WANAdvertise string
	// WANJoin is the host:port of gateways to join. Host names are resolved anew at each try.
	WANJoin []string
	// Export says which instances other data centres hear of. Nil: all.
	Export Export
	// WANTLS makes what goes between data centres mutual TLS, in place of AES-GCM under Keys. Nil: no TLS.
	WANTLS *tls.Config

	// HTTP is the host:port of the node's API as others reach it; shown in the list of members. Empty: none.
	HTTP string
	// DataDir is where the node keeps its snapshot. Empty: nowhere.
	DataDir string
	// SnapshotInterval is the time between two snapshots. 0: a minute.
	SnapshotInterval time.Duration
	// History is how many changes are kept for watchers that resume. 0: 4,096.
	History int
	// Preserve is the rule of self-preservation; the zero value is DefaultPreserve.
	Preserve Preserve

	// RemoteMaxAge is how long another data centre may not be reachable before this node leaves its instances out of
	// answers, until it is reached again. They are kept all the same, and no other node is told. 0: without limit.
	RemoteMaxAge time.Duration

	// EnableScriptChecks lets registrations have commands run on this node's machine as health checks. Whoever may register
	// an instance may then run what they like as this process's user. False: such registrations are refused.
	EnableScriptChecks bool

	// Transport replaces the sockets, for tests and simulations.
	Transport lan.Transport
	// WANTransport likewise, those between data centres, and makes the node a gateway.
	WANTransport wan.Transport
	// Connect replaces the sockets by which kept instances are asked whether they are there, see Preserve.Probe. ctx ends
	// after 2 s. Nil: sockets; with a Transport, nobody is asked.
	Connect func(ctx context.Context, hostport string) selfpreserve.Outcome
	// RunCheck replaces the way health checks are run; CheckNone is that nothing was found. ctx ends with the node. Nil: by
	// sockets and commands; with a Transport, none is run.
	RunCheck func(ctx context.Context, c *Check) (CheckStatus, string)
	// Logger gets the node's log lines. Nil: none.
	Logger *slog.Logger
}

// ErrConfig is wrapped by each problem of a Config. Nothing has been started.
var ErrConfig = errors.New("muster: bad configuration")

// ErrInsecure is a node that would listen beyond loopback with neither key nor permission. Nothing has been started.
var ErrInsecure = errors.New("muster: gossip beyond loopback needs an encryption key")

func (c Config) withDefaults() (Config, error) {
	if c.Node == "" {
		host, err := os.Hostname()
		if err != nil {
			return c, fmt.Errorf("%w: Node is not set and the host has no name: %w", ErrConfig, err)
		}
		c.Node = host
	}
	if c.Datacenter == "" {
		c.Datacenter = "dc1"
	}
	if c.Bind == "" {
		c.Bind = "127.0.0.1:0"
	}
	if c.ReadyWait == 0 {
		c.ReadyWait = time.Minute
	}
	if c.Profile == "" {
		c.Profile = string(lan.LAN)
	}
	if c.SnapshotInterval == 0 {
		c.SnapshotInterval = time.Minute
	}
	if c.Preserve == (Preserve{}) {
		c.Preserve = DefaultPreserve()
	}
	if c.Transport != nil && c.Connect == nil {
		c.Preserve.Probe = false
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, c.validate()
}

func (c Config) validate() error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s %s", ErrConfig, field, fmt.Sprintf(format, args...)))
	}
	if strings.Contains(c.Node, "/") {
		bad("Node", "must not contain a slash, as in %q", c.Node)
	}
	if strings.Contains(c.Datacenter, "/") {
		bad("Datacenter", "must not contain a slash, as in %q", c.Datacenter)
	}
	if c.ReadyWait < 0 {
		bad("ReadyWait", "must not be negative, as %v is", c.ReadyWait)
	}
	if c.SnapshotInterval < 0 {
		bad("SnapshotInterval", "must not be negative, as %v is", c.SnapshotInterval)
	}
	if c.Preserve.Threshold < 0 || c.Preserve.Threshold > 1 {
		bad("Preserve.Threshold", "must be 0 to 1, not %v", c.Preserve.Threshold)
	}
	if c.Preserve.MinLost < 1 {
		bad("Preserve.MinLost", "must be at least 1, not %d", c.Preserve.MinLost)
	}
	if c.Preserve.MaxAge < 0 {
		bad("Preserve.MaxAge", "must not be negative, as %v is", c.Preserve.MaxAge)
	}
	if c.RemoteMaxAge < 0 {
		bad("RemoteMaxAge", "must not be negative, as %v is", c.RemoteMaxAge)
	}
	c.validateWAN(bad)
	c.Export.validate(bad)
	if c.WANTransport == nil && c.WANBind != "" && len(c.Keys) == 0 && !c.Insecure && !isLoopback(c.WANBind) {
		errs = append(errs, fmt.Errorf("%w: WANBind is %s", ErrInsecure, c.WANBind))
	}
	if c.Transport == nil && len(c.Keys) == 0 && !c.Insecure && !isLoopback(c.Bind) {
		errs = append(errs, fmt.Errorf("%w: Bind is %s", ErrInsecure, c.Bind))
	}
	return errors.Join(errs...)
}

// isLoopback reports whether an address to listen on can be reached from this machine alone. What cannot be told is not.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
