package lan

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/host"
)

// Limits on names, in bytes. They are part of what fits into a packet, see MaxPacket.
const (
	MaxName       = host.MaxName
	MaxDatacenter = host.MaxDatacenter
	MaxZone       = host.MaxZone
	// MaxDigest is how many bytes Config.Digest may return.
	MaxDigest = 64
)

// Config says what a pool is. Name, Datacenter, Bind and Meta.Incarnation are needed; all else has a default.
type Config struct {
	// Name of this node, unique in its data centre: 1 to 64 bytes, printable, without space and slash.
	Name string
	// Datacenter is what all members of the pool share: 1 to 32 bytes, printable, without space and slash.
	Datacenter string
	// Zone is the failure domain within the data centre; may be empty; at most 64 bytes.
	Zone string
	// Bind is the "host:port" to listen on, the same port for UDP and TCP. Port 0 picks a free one, see Pool.Addr. An
	// empty host is every interface.
	Bind string
	// Advertise is the "ip:port" that others are told, if it is not what Bind says (behind NAT, or when Bind is every
	// interface). Port 0 is the port of Bind. Empty: the address of Bind, or this machine's private IPv4 address.
	Advertise string
	// Profile is the set of timings. Empty: LAN.
	Profile Profile
	// Keys are AES keys of 16, 24 or 32 bytes. The first encrypts, all decrypt. None: no encryption.
	Keys [][]byte
	// Meta is what the other members learn of this one.
	Meta Meta
	// Seeds are "host:port" of nodes to join. Host names are resolved anew at each try. This node's own address among
	// them is passed over.
	Seeds []string
	// RejoinMin and RejoinMax bound the pause between two tries to rejoin, drawn evenly. 0: 5 s and 15 s, in profile
	// local 1 s and 3 s.
	RejoinMin, RejoinMax time.Duration
	// Forget is how long a departed member is remembered, and a failed one tried. 0: 72 h.
	Forget time.Duration
	// Queue is how many received messages wait for Handler. 0: 4,096. Packets beyond that are dropped and counted;
	// streams wait.
	Queue int

	// Handler gets each message. It owns msg. While it does not return, messages queue. Nil: messages are discarded.
	Handler func(from string, msg []byte)
	// OnEvent gets each change of membership. Nil: nobody wants to know.
	OnEvent func(Event)
	// Digest gives at most MaxDigest bytes that ride on the acknowledgement of a probe. It is called on memberlist's
	// packet goroutine and must not block. A longer one is left out and counted. Nil: none.
	Digest func() []byte
	// OnDigest gets the digest of a member that this node probed, about one a probe interval, and the round-trip time.
	// A probe that needed help (indirect, or by TCP) brings none. The callee owns digest. Nil: nobody wants to know.
	OnDigest func(peer string, digest []byte, rtt time.Duration)

	// Transport replaces the sockets, for tests; Bind and Advertise are then not used. The pool shuts it down.
	Transport memberlist.Transport
	// Resolver looks host names up. Nil: net.DefaultResolver.
	Resolver Resolver
	// Logger gets this package's lines and memberlist's. Nil: none.
	Logger *slog.Logger
}

// Resolver is the part of net.Resolver that is used.
type Resolver = host.Resolver

// Validate reports all that is wrong with c, each problem with its field and value; nil if nothing is. Each error wraps
// ErrConfig or ErrTooLarge.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...))
	}
	host.Config{
		Name: c.Name, Datacenter: c.Datacenter, Zone: c.Zone, Bind: c.Bind, Advertise: c.Advertise, Sockets: c.Transport == nil,
		Keys: c.Keys, Seeds: c.Seeds, Incarnation: c.Meta.Incarnation, RejoinMin: c.RejoinMin, RejoinMax: c.RejoinMax, Forget: c.Forget,
	}.Check(bad)
	if _, ok := profiles[c.profile()]; !ok {
		bad("Profile %q is not one of local, lan, wan", c.Profile)
	}
	if c.Queue < 0 {
		bad("Queue %d is negative", c.Queue)
	}
	if _, err := c.card().encode(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// withDefaults returns c with every zero field that has a default filled in.
func (c Config) withDefaults() Config {
	c.Profile = c.profile()
	t := profiles[c.Profile]
	if c.RejoinMin == 0 && c.RejoinMax == 0 {
		c.RejoinMin, c.RejoinMax = t.rejoinMin, t.rejoinMax
	}
	if c.RejoinMax == 0 {
		c.RejoinMax = c.RejoinMin
	}
	if c.Forget == 0 {
		c.Forget = 72 * time.Hour
	}
	if c.Queue == 0 {
		c.Queue = 4096
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c *Config) profile() Profile {
	if c.Profile == "" {
		return LAN
	}
	return c.Profile
}

func (c *Config) card() card {
	return card{Meta: c.Meta, datacenter: c.Datacenter, zone: c.Zone}
}
