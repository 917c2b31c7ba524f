package dns

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/musterhq/muster"
)

// Node is what this package needs of a node: *muster.Node, or a double in tests. All methods are safe for any number of
// goroutines.
type Node interface {
	// Ready says whether answers are complete.
	Ready() (ready bool, reason string)
	// Name and Datacenter are those of the node.
	Name() string
	Datacenter() string
	// Find is the latest view of a service; an empty one if nothing is known of it.
	Find(namespace, service string) *muster.View
	// Services lists those that have instances, Index is when anything last changed.
	Services() *muster.Overview
	Index() muster.Index
	// Members lists the nodes of the data centre, alive and remembered.
	Members() []muster.Member
	// Distances lists the other data centres that its gateways know of.
	Distances() []muster.Distance
}

// Bounds, unless Config says otherwise.
const (
	// DefaultPlainAnswers is how many records a client without EDNS0 gets over UDP.
	DefaultPlainAnswers = 3
	// DefaultRate is how many answers a second a network of clients gets over UDP.
	DefaultRate = 1000
	// maxUDPBytes bounds what a client may ask for by EDNS0. Longer packets are fragments, which get lost.
	maxUDPBytes = 4096
	// ownUDPBytes is what clients are told that they may send: what passes everywhere in one piece.
	ownUDPBytes = 1232
)

// Config is what a responder may be told. The zero Config is good.
type Config struct {
	// TTL is how long clients may keep an answer, in whole seconds; 0, the default, is not at all: what is answered is
	// the registry as it is. A larger one spares questions and hides changes for that long.
	TTL time.Duration
	// NegativeTTL is how long they may keep it that there is nothing; 0, the default, is not at all.
	NegativeTTL time.Duration
	// PlainAnswers is how many records a client without EDNS0 gets over UDP; 0 is DefaultPlainAnswers, less than 0 as many
	// as fit.
	PlainAnswers int
	// Rand orders the records of answers. Nil is a source that is seeded at random. It must not be used elsewhere.
	Rand *rand.Rand
	// Now is the clock, for the serial number of the zone; nil is time.Now.
	Now func() time.Time
}

// Responder makes answers. It holds no state of the registry but which services are not spelt in lower case, and which
// data centres there are. Safe for any number of goroutines. The zero Responder is not usable: see NewResponder.
type Responder struct {
	node             Node
	ttl, negativeTTL uint32 // seconds
	plainAnswers     int
	now              func() time.Time
	names            spellings
	dcs              datacenters

	mu   sync.Mutex // guards rand
	rand *rand.Rand
}

// NewResponder makes the responder of a node.
func NewResponder(node Node, cfg Config) *Responder {
	r := &Responder{
		node: node, plainAnswers: cfg.PlainAnswers, now: cfg.Now, rand: cfg.Rand,
		ttl: seconds(cfg.TTL), negativeTTL: seconds(cfg.NegativeTTL),
	}
	if r.plainAnswers == 0 {
		r.plainAnswers = DefaultPlainAnswers
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.rand == nil {
		r.rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // It spreads load and keeps no secret.
	}
	here := node.Datacenter()
	r.names.node, r.dcs.node, r.dcs.here = node, node, datacenterOf(here)
	r.names.list.node, r.names.list.now, r.names.list.make = node, r.now, spell
	r.dcs.list.node, r.dcs.list.now = node, r.now
	r.dcs.list.make = func(all *muster.Overview) *[]datacenter { return elsewhere(all, here) }
	return r
}

// seconds is a time to live as DNS has it: at most a week, which is where resolvers end too.
func seconds(d time.Duration) uint32 {
	return uint32(min(max(d, 0), 7*24*time.Hour) / time.Second)
}

// source is a source of random numbers for one answer.
func (r *Responder) source() *rand.Rand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return rand.New(rand.NewPCG(r.rand.Uint64(), r.rand.Uint64())) //nolint:gosec // Likewise.
}

// Transport is how a question has come.
type Transport uint8

const (
	// UDP may carry as much as the client says.
	UDP Transport = iota
	// TCP carries up to 65,535 bytes.
	TCP
	// LimitedUDP is UDP for a client that has had its share: the answer is that it should come by TCP.
	LimitedUDP
)

// Answer is the message to send back for a message that has come; nil if there must be none. Whatever the bytes are, it
// does not panic.
func (r *Responder) Answer(message []byte, by Transport) []byte {
	query, refusal := parse(message)
	if query == nil {
		return refusal
	}
	a := newAnswer(query, by, r.plainAnswers)
	r.answer(a, query.Question[0])
	packed, err := a.pack()
	if err != nil { // A name in the registry that is none in DNS.
		a.empty(dns.RcodeServerFailure)
		packed, err = a.pack()
		if err != nil {
			return bare(message, dns.RcodeServerFailure)
		}
	}
	return packed
}

// answer fills a with the answer to q.
func (r *Responder) answer(a *answer, q dns.Question) {
	switch {
	case a.Rcode != dns.RcodeSuccess: // The version of EDNS is not ours.
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		a.empty(dns.RcodeNotImplemented)
	case q.Qclass != dns.ClassINET && q.Qclass != dns.ClassANY:
		a.empty(dns.RcodeRefused)
	default:
		n := locate(q.Name, &r.dcs)
		if n.kind == foreign {
			a.empty(dns.RcodeRefused)
			return
		}
		if ready, _ := r.node.Ready(); !ready {
			a.empty(dns.RcodeServerFailure)
			return
		}
		if a.by == LimitedUDP {
			a.comeByTCP()
			return
		}
		a.Authoritative = true
		look := &lookup{r: r, answer: a, name: n, qname: q.Name, qtype: q.Qtype}
		exists := look.run()
		switch {
		case !exists:
			a.Rcode = dns.RcodeNameError
			a.Ns = []dns.RR{look.soa(r.negativeTTL)}
		case len(a.Answer) == 0:
			a.Ns = []dns.RR{look.soa(r.negativeTTL)}
		}
	}
}
