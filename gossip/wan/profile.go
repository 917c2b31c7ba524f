package wan

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Profile is a set of timings for a kind of network.
type Profile string

const (
	// WAN is for links of tens to hundreds of milliseconds: a silent gateway is declared failed after 30 s at the
	// earliest, but its links are given up after 6 s.
	WAN Profile = "wan"
	// Local is for gateways on one machine, for tests and for trying things out: failed after about 2 s, links given up
	// after 3 s. A gateway that pauses for longer than a second, as on an overloaded machine, can look failed.
	Local Profile = "local"
)

// timings is what a Profile stands for.
type timings struct {
	base                 func() *memberlist.Config
	rejoinMin, rejoinMax time.Duration
	dial                 time.Duration // how long a silent address may hold up a join or a link
	handshake            time.Duration // how long a stream may take until it says who it is, and again until it is a link
	stream               time.Duration // how long one of Serf's own streams may take in all
	keepAlive            time.Duration // between two pings on a link; it is dead after missedAlive of them without a byte
	announce             time.Duration // at least, between two changes of the tags
	broadcast            time.Duration // at most, for Serf to pass on a change of the tags or a leave
	choice               patience
}

// missedAlive is how many intervals of keep-alive may pass without a byte from the other end.
const missedAlive = 3

var profiles = map[Profile]timings{
	WAN: {
		base: memberlist.DefaultWANConfig, rejoinMin: 5 * time.Second, rejoinMax: 15 * time.Second,
		dial: 5 * time.Second, handshake: 10 * time.Second, stream: 30 * time.Second,
		keepAlive: 2 * time.Second, announce: time.Second, broadcast: 5 * time.Second,
		choice: patience{
			step: 2 * time.Second, settle: 10 * time.Second,
			retryMin: time.Second, retryMax: 5 * time.Second, retryIdle: 30 * time.Second,
		},
	},
	Local: {
		base: localConfig, rejoinMin: time.Second, rejoinMax: 3 * time.Second,
		dial: time.Second, handshake: 3 * time.Second, stream: 10 * time.Second,
		keepAlive: time.Second, announce: 200 * time.Millisecond, broadcast: time.Second,
		choice: patience{
			step: 500 * time.Millisecond, settle: 3 * time.Second,
			retryMin: 200 * time.Millisecond, retryMax: time.Second, retryIdle: 5 * time.Second,
		},
	},
}

// localConfig probes three times as often as memberlist's local default and suspects for at most 1.8 s instead of 18.
func localConfig() *memberlist.Config {
	c := memberlist.DefaultLocalConfig()
	c.ProbeInterval = 300 * time.Millisecond
	c.ProbeTimeout = 100 * time.Millisecond
	c.SuspicionMaxTimeoutMult = 2
	c.GossipInterval = 50 * time.Millisecond
	c.RetransmitMult = 4
	return c
}
