package lan

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Profile is a set of timings for a kind of network.
type Profile string

const (
	// Local is for nodes on one machine or one rack, and for trying things out: a crashed node of three is declared
	// failed within about 2 s of its crash (measured: 1.5 s on average, 2.0 s at most). A node that pauses for more than
	// about a second, as on an overloaded machine, can look failed; it is taken back as soon as it answers.
	Local Profile = "local"
	// LAN is memberlist's defaults: a crash is declared after about 7 s with 10 nodes, 12 s with 100.
	LAN Profile = "lan"
	// WAN is memberlist's timings for links of hundreds of milliseconds: a crash is declared after 30 s at the earliest,
	// six probe intervals of 5 s.
	WAN Profile = "wan"
)

// Wire versions: what the messages between pools look like. A node joins a pool only if its current version lies within
// the range of all others. Version 2 names writers by tags and takes the label off packets; nothing speaks both it and
// version 1, which no release had. WireMin is raised one release later than WireCur at the earliest.
const (
	WireMin = 2
	WireMax = 2
	WireCur = 2
)

// timings is what a Profile stands for beyond memberlist's own settings.
type timings struct {
	base                 func() *memberlist.Config
	rejoinMin, rejoinMax time.Duration
	// dial is how long a silent address may hold up a join.
	dial time.Duration
	// stream is how long one stream may take in all. 20 MiB need 17 s at 10 Mbit/s.
	stream time.Duration
}

var profiles = map[Profile]timings{
	Local: {
		base: localConfig, rejoinMin: time.Second, rejoinMax: 3 * time.Second, dial: time.Second, stream: 10 * time.Second,
	},
	LAN: {
		base:      memberlist.DefaultLANConfig,
		rejoinMin: 5 * time.Second, rejoinMax: 15 * time.Second, dial: 2 * time.Second, stream: 10 * time.Second,
	},
	WAN: {
		base:      memberlist.DefaultWANConfig,
		rejoinMin: 5 * time.Second, rejoinMax: 15 * time.Second, dial: 5 * time.Second, stream: 30 * time.Second,
	},
}

// localConfig probes three times as often as memberlist's local default and suspects for at most 1.8 s instead of 18.
// memberlist's default also sends each change half as often, which leaves members that never hear of it.
func localConfig() *memberlist.Config {
	c := memberlist.DefaultLocalConfig()
	c.ProbeInterval = 300 * time.Millisecond
	c.ProbeTimeout = 100 * time.Millisecond
	c.SuspicionMaxTimeoutMult = 2
	c.GossipInterval = 50 * time.Millisecond
	c.RetransmitMult = 4
	return c
}

// memberlistConfig is what memberlist is told; the delegates, transport and logger are the pool's to add.
func (c *Config) memberlistConfig() (*memberlist.Config, error) {
	t := profiles[c.Profile]
	m := t.base()
	m.Name = lifeID(c.Name, c.Meta.Incarnation)
	m.Label = labelPrefix + c.Datacenter
	m.TCPTimeout = t.stream
	// LZW costs 92 µs a packet, and whoever sends much has compressed it better.
	m.EnableCompression = false
	m.UDPBufferSize = packetBudget
	m.DelegateProtocolMin, m.DelegateProtocolMax, m.DelegateProtocolVersion = WireMin, WireMax, WireCur
	// Identities differ from life to life, so an identity at another address is a tag that two incarnations share (one
	// pair in 16 million) or a clone. Either may have the address once the other is dead; the second only keeps a late
	// message about the death from meeting the newcomer.
	m.DeadNodeReclaimTime = time.Second
	m.SecretKey, m.Keyring = nil, nil
	if len(c.Keys) > 0 {
		ring, err := memberlist.NewKeyring(c.Keys, c.Keys[0])
		if err != nil {
			return nil, err
		}
		m.Keyring = ring
	}
	return m, nil
}
