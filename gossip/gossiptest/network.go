package gossiptest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// maxDatagram is the largest packet that UDP over IPv4 can carry.
const maxDatagram = 65507

// Options are the properties of a network. The zero value is a good local network.
type Options struct {
	// LatencyMin and LatencyMax bound the one-way delay, which is drawn evenly between them for each packet and each
	// write to a stream. Both zero: 500 µs to 1 ms.
	LatencyMin, LatencyMax time.Duration
	// Loss is the probability, 0 to 1, that a packet is lost. Streams lose nothing.
	Loss float64
	// Duplication is the probability, 0 to 1, that a packet arrives twice, each time after its own delay.
	Duplication float64
	// Queue is how many packets wait for a node that does not read; more are dropped. 0: 1024.
	Queue int
}

// Network connects Transports. Make one with New; the zero value is not usable.
//
// A host is what cuts apply to. It may have several transports in the course of a test (a process that restarts on
// another port), all of which share its fate. Host names are the network's own and need not be names of nodes.
type Network struct {
	opts Options

	mu      sync.Mutex
	rng     *rand.Rand
	hosts   map[string]*host
	nodes   map[string]*Transport // by "ip:port"
	cuts    map[link]bool
	groups  map[string]int // nil: no partition; hosts that are in none are in group 0
	alone   map[string]bool
	changed chan struct{} // closed and replaced when a cut is made or healed
}

// host is one machine: an address and what it has sent and received.
type host struct {
	ip       netip.Addr
	nextPort uint16
	counters Counters
}

// New makes an empty network whose delays and losses are drawn from seed.
func New(seed uint64, opts Options) *Network {
	if opts.LatencyMin == 0 && opts.LatencyMax == 0 {
		opts.LatencyMin, opts.LatencyMax = 500*time.Microsecond, time.Millisecond
	}
	opts.LatencyMax = max(opts.LatencyMin, opts.LatencyMax)
	if opts.Queue <= 0 {
		opts.Queue = 1024
	}
	return &Network{
		opts:    opts,
		rng:     rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // Tests want a source that repeats.
		hosts:   map[string]*host{},
		nodes:   map[string]*Transport{},
		cuts:    map[link]bool{},
		alone:   map[string]bool{},
		changed: make(chan struct{}),
	}
}

// Transport opens a fresh address on the named host, which comes into being with its first transport. The first port of
// a host is 7946; each further transport has the next.
func (n *Network) Transport(name string) *Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hostLocked(name)
	for {
		port := h.nextPort
		h.nextPort++
		if t, err := n.openLocked(name, port); err == nil {
			return t
		}
	}
}

// TransportAt opens the given port on the named host: a process that restarts where it was. It is an error if the port
// is open.
func (n *Network) TransportAt(name string, port uint16) (*Transport, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.openLocked(name, port)
}

func (n *Network) openLocked(name string, port uint16) (*Transport, error) {
	t := newTransport(n, name, netip.AddrPortFrom(n.hostLocked(name).ip, port))
	if n.nodes[t.Addr()] != nil {
		return nil, fmt.Errorf("gossiptest: %s on host %s is in use", t.Addr(), name)
	}
	n.nodes[t.Addr()] = t
	return t, nil
}

func (n *Network) hostLocked(name string) *host {
	h := n.hosts[name]
	if h == nil {
		i := len(n.hosts) + 1
		h = &host{ip: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), nextPort: 7946}
		n.hosts[name] = h
	}
	return h
}

func (n *Network) delayLocked() time.Duration {
	return n.opts.LatencyMin + time.Duration(n.rng.Int64N(int64(n.opts.LatencyMax-n.opts.LatencyMin)+1))
}

func (n *Network) delay() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delayLocked()
}
