package wan

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/host"
)

// Limits on names, in bytes, as in the pool of a data centre.
const (
	MaxName       = host.MaxName
	MaxDatacenter = host.MaxDatacenter
	MaxZone       = host.MaxZone
)

// MaxMessage is the largest message that Send takes, in bytes.
const MaxMessage = 1 << 20

// Transport is memberlist's: what carries packets and streams. It is named here so that those who start pools, and may
// not know memberlist, can pass one on.
type Transport = memberlist.Transport

// Keyring is memberlist's: encryption keys that can be changed while pools use them.
type Keyring = memberlist.Keyring

// Resolver is the part of net.Resolver that is used.
type Resolver = host.Resolver

// Config says what a gateway is. Name, Datacenter, Bind and Meta.Incarnation are needed; all else has a default.
type Config struct {
	// Name of this node, unique in its data centre: 1 to 64 bytes, printable, without space and slash.
	Name string
	// Datacenter that this node is a gateway of: 1 to 32 bytes, printable, without space and slash.
	Datacenter string
	// Zone is the failure domain within the data centre; may be empty; at most 64 bytes.
	Zone string
	// Bind is the "host:port" to listen on, the same port for UDP and TCP, for Serf and for links. Port 0 picks a free
	// one, see Pool.Addr. An empty host is every interface.
	Bind string
	// Advertise is the "ip:port" that others are told, if it is not what Bind says. Port 0 is the port of Bind. Empty: the
	// address of Bind, or this machine's private IPv4 address.
	Advertise string
	// Profile is the set of timings. Empty: WAN.
	Profile Profile
	// Keys are AES keys of 16, 24 or 32 bytes. The first encrypts, all decrypt. None: no encryption, unless Keyring is set.
	Keys [][]byte
	// Keyring is used in place of Keys, so that the pool of the data centre and this one have one ring. Nil: Keys.
	Keyring *Keyring
	// TLS makes links mutual TLS in place of AES-GCM under the keys; Serf's packets are encrypted by the keys as ever. It
	// has to hold the certificate and, in RootCAs or ClientCAs, who signs those of the others. If ServerName is empty the
	// certificate of the other end is checked against the address that is dialled. If GetConfigForClient is set it is asked
	// anew for each link, for one that is dialled with an empty hello, so that certificates and authorities can change while
	// the pool runs; links that are up stay up. Nil: no TLS.
	TLS *tls.Config
	// Meta is what the other gateways learn of this one.
	Meta Meta
	// Seeds are "host:port" of gateways to join. Host names are resolved anew at each try. This node's own address among
	// them is passed over.
	Seeds []string
	// SnapshotPath is the file in which Serf remembers who is alive, to join them after a restart. A file that cannot be
	// opened is reported in the log, and done without. Empty: none.
	SnapshotPath string
	// RejoinMin and RejoinMax bound the pause between two tries to rejoin, drawn evenly. 0: 5 s and 15 s, in profile
	// local 1 s and 3 s.
	RejoinMin, RejoinMax time.Duration
	// Forget is how long a departed gateway is remembered, and a failed one tried. 0: 72 h.
	Forget time.Duration
	// QueueBytes bounds what waits to be sent on one link; each message counts 64 bytes more than it has. 0: 8 MiB. It
	// cannot be less than one message of MaxMessage.
	QueueBytes int

	// Handler gets each message that arrives on a link. It owns msg. While it does not return, nothing more is read from
	// that link, and in the end the sender's queue fills. Nil: messages are discarded.
	Handler func(from string, msg []byte)
	// OnEvent gets each change of membership. Nil: nobody wants to know.
	OnEvent func(Event)
	// OnLink gets each link that comes up or goes down. Nil: nobody wants to know.
	OnLink func(LinkEvent)
	// OnDrained is called after Send has returned ErrFull, once the queue of the link to that gateway is below a quarter
	// of QueueBytes. Nil: nobody wants to know.
	OnDrained func(to string)

	// Transport replaces the sockets, for tests; Bind and Advertise are then not used. The pool shuts it down.
	Transport Transport
	// Resolver looks host names up. Nil: net.DefaultResolver.
	Resolver Resolver
	// Logger gets this package's lines, Serf's and memberlist's. Nil: none.
	Logger *slog.Logger
}

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
		bad("Profile %q is not one of local, wan", c.Profile)
	}
	if c.TLS != nil && len(c.TLS.Certificates) == 0 && c.TLS.GetCertificate == nil && c.TLS.GetConfigForClient == nil {
		bad("TLS has no certificate, and links need one at both ends")
	}
	if c.QueueBytes != 0 && c.QueueBytes < MaxMessage+messageCost {
		bad("QueueBytes %d is less than the %d that one message may need", c.QueueBytes, MaxMessage+messageCost)
	}
	if _, err := c.card().tags(nil); err != nil {
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
	if c.QueueBytes == 0 {
		c.QueueBytes = 8 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c *Config) profile() Profile {
	if c.Profile == "" {
		return WAN
	}
	return c.Profile
}

func (c *Config) card() card {
	return card{Meta: c.Meta, name: c.Name, datacenter: c.Datacenter, zone: c.Zone}
}

// ring is the encryption keys; nil for none.
func (c *Config) ring() (*Keyring, error) {
	if c.Keyring != nil || len(c.Keys) == 0 {
		return c.Keyring, nil
	}
	return memberlist.NewKeyring(c.Keys, c.Keys[0])
}
