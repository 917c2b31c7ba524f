package muster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/check"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/selfpreserve"
)

// Moment is now, as a Replica's caller knows it: monotonic time since some start, and wall time for people.
type Moment = catalog.Moment

// ReplicaConfig is what a Replica is made with.
type ReplicaConfig struct {
	// Name is the node's name, unique in its data centre, without "/". Datacenter likewise. Zone may be empty.
	Name, Datacenter, Zone string
	// Incarnation is this life's number. It must not have been used by an earlier life of the same node; the Replica takes
	// a higher one if it learns that it was.
	Incarnation uint64
	// History is how many changes are kept for watchers that resume; 0 is 4,096.
	History int
	// Preserve is the rule by which expired leases are kept.
	Preserve Preserve
	// TombstoneAge is how long tombstones are held at least; 0 is an hour. Shorter only in tests.
	TombstoneAge time.Duration
	// OriginAge is how long an origin is remembered that nothing is held of; 0 is 72 hours. Shorter only in tests.
	OriginAge time.Duration
	// Seeds says that there are peers to catch up with before the node is ready; ReadyWait bounds the wait for them.
	Seeds     bool
	ReadyWait time.Duration
	// Near says that some of these peers are in this data centre: they know best what it holds, so until ReadyWait has passed
	// only they make the node ready, and no link to another data centre does.
	Near bool
	// RemoteMaxAge is how long a data centre may not be reached before its instances are left out of answers; 0 is without
	// limit. They are held all the same.
	RemoteMaxAge time.Duration
	// Scripts allows registrations to have scripts run as health checks.
	Scripts bool
	// Export says of which registrations other data centres hear; nil is of all.
	Export Export
	// Decode reads the body of a record; nil is wire.Decoder.Record. For simulations, whose replicas share what is immutable.
	Decode func(dot causal.Dot, body []byte) (*catalog.Record, error)
	// Rand is the only source of chance. The Replica owns it from then on.
	Rand *rand.Rand
}

// Preserve is the rule of self-preservation.
type Preserve struct {
	// Threshold is the share of leases of a scope that has to renew, 0 to 1; below it expired leases are kept. 0.85.
	Threshold float64
	// MinLost is the number of silent leases below which nothing is kept whatever their share, at least 1. 3.
	MinLost int
	// MaxAge bounds how long an expired lease is kept; 0 is without limit.
	MaxAge time.Duration
	// Probe lets the home of a kept instance try to connect to its address and port, without sending anything: who refuses
	// is gone, and evicted; who accepts, or does not answer, is kept. Package selfpreserve/probe says where that misleads.
	Probe bool
}

// DefaultPreserve is a threshold of 0.85, at least 3 silent leases, no limit of age, and probes.
func DefaultPreserve() Preserve { return Preserve{Threshold: 0.85, MinLost: 3, Probe: true} }

// Outbound is something that a Replica wants to be sent to a peer. Exactly one of Msg, Renewals, Reports and News is set.
type Outbound struct {
	// To is the peer, "datacenter/name".
	To string
	// Msg is a message of the replication engine. Reliable asks for a stream; otherwise it fits a packet and may be lost.
	Msg      spread.Message
	Reliable bool
	// Same says that Msg is that of the Outbound before, which need not be encoded again.
	Same bool
	// Renewals are instances whose home To is, and which renewed here.
	Renewals []Key
	// Reports are those of TTL checks whose home To is.
	Reports []CheckReport
	// News is which data centres can be reached, as this gateway sees it.
	News *World
}

// Replica is one node without its shell: the catalog, the leases it holds, the replication engine and the rules of
// ownership between them, as one state machine. It does no I/O, starts no goroutine, and reads no clock: everything that
// happens comes in by a method, with the time at which it happens, and everything to be done waits until it is taken with
// Flush, TakeOutbound, TakeQuestions, TakeRuns and TakeEvents. The same inputs and the same random source give the same outputs. Most programs want a Node.
//
// Not safe for concurrent use, except for what its Catalog allows to readers. The zero Replica is not usable.
type Replica struct {
	cfg     ReplicaConfig
	id      string
	at      Moment
	cat     *catalog.Catalog
	dec     wire.Decoder
	leases  *selfpreserve.Keeper[Key]
	spread  *spread.Engine
	written []*catalog.Record

	// embedded are the instances that live in this process, as they were registered: they renew by being there.
	embedded map[Key]*Instance
	// early are those of them that were registered before this node had caught up with its peers. They are written when it
	// has: a node without a memory counts from 1, and what it wrote would lose to a tombstone of its own earlier life, or,
	// worse, at some members only: those that have not collected it yet.
	early map[Key]*Instance
	// marked are instances homed here whose record says that they are preserved, by an earlier home or by the other side of
	// a cut, while the lease table here does not: the next renewal takes the mark off.
	marked map[Key]bool
	// homes counts, for each home, the instances it holds; hosted those of them that are embedded in it.
	homes, hosted map[string]int
	// kept counts the permanent instances instead: no renewal will come to move them when their home is gone.
	kept  map[string]int
	peers peers
	boot  boot

	checks *check.Machine
	runs   []CheckRun

	// divided are instances that have gone from one side to the other, and when what is left of them is to be ended.
	divided map[Key]selfpreserve.Instant
	// afresh is the instance that is being registered.
	afresh Key

	forward map[string][]Key         // renewals to pass on, by home
	reports map[string][]CheckReport // likewise
	// passed is until when a renewal that was passed on keeps its instance alive, as far as this node knows: should the home
	// not have heard it, and evict, this node knows better.
	passed     map[Key]selfpreserve.Instant
	forwardDue selfpreserve.Instant
	forwarded  uint64
	out        []Outbound
	events     []NodeEvent
	questions  []Question
	quiet      bool                 // nothing is told
	told       selfpreserve.Instant // transitions of self-preservation before it have been told
	chores     chores
	heirs      heirs
	wan        elsewhere
}

// NewReplica makes a node that knows no peer and holds nothing, or what Restore then gives it.
func NewReplica(cfg ReplicaConfig, at Moment) (*Replica, error) {
	r := &Replica{
		cfg:      cfg,
		id:       cfg.Datacenter + "/" + cfg.Name,
		at:       at,
		embedded: make(map[Key]*Instance),
		early:    make(map[Key]*Instance),
		marked:   make(map[Key]bool),
		divided:  make(map[Key]selfpreserve.Instant),
		homes:    make(map[string]int),
		hosted:   make(map[string]int),
		kept:     make(map[string]int),
		reports:  make(map[string][]CheckReport),
		forward:  make(map[string][]Key),
		passed:   make(map[Key]selfpreserve.Instant),
		chores:   newChores(at.Mono),
		wan:      newElsewhere(at.Mono),
	}
	if r.cfg.TombstoneAge <= 0 {
		r.cfg.TombstoneAge = catalog.TombstoneAge
	}
	if r.cfg.OriginAge <= 0 {
		r.cfg.OriginAge = catalog.OriginAge
	}
	if r.cfg.Decode == nil {
		r.cfg.Decode = r.dec.Record
	}
	r.peers.init(r.id)
	r.cat = catalog.New(catalog.Config{
		Origin:  causal.Origin{Node: r.id, Incarnation: cfg.Incarnation},
		History: cfg.History,
	}, at)
	lc := selfpreserve.DefaultConfig[Key]()
	lc.Threshold, lc.MinLost, lc.MaxAge = cfg.Preserve.Threshold, cfg.Preserve.MinLost, cfg.Preserve.MaxAge
	lc.Compare, lc.Rand = Key.Compare, rand.New(rand.NewPCG(cfg.Rand.Uint64(), cfg.Rand.Uint64())) //nolint:gosec // Seeded on purpose.
	var err error
	if r.leases, err = selfpreserve.New(lc); err != nil {
		return nil, fmt.Errorf("muster: %w", err)
	}
	r.checks = check.New(rand.New(rand.NewPCG(cfg.Rand.Uint64(), cfg.Rand.Uint64()))) //nolint:gosec // Seeded on purpose.
	r.spread, err = spread.New(spread.Config{Self: r.id, Zone: cfg.Zone, Rand: cfg.Rand, Store: (*store)(r), Far: farStore{(*store)(r)}})
	if err != nil {
		return nil, fmt.Errorf("muster: %w", err)
	}
	r.boot.start(r)
	return r, nil
}

// Catalog is the replica's catalog, for its readers.
func (r *Replica) Catalog() *catalog.Catalog { return r.cat }

// ID is "datacenter/name".
func (r *Replica) ID() string { return r.id }

// Receive takes a message of the replication engine from a peer.
func (r *Replica) Receive(at Moment, from string, m spread.Message) {
	r.begin(at)
	r.step(spread.Received{From: from, Msg: m})
	r.end()
}

// PeerDigest takes the digest that rode on a probe's ack.
func (r *Replica) PeerDigest(at Moment, peer string, d spread.Digest) {
	r.begin(at)
	r.peers.compare(r, peer, d)
	r.step(spread.PeerDigest{Peer: peer, Digest: d})
	r.end()
}

// Digest is this replica's, to ride on acks.
func (r *Replica) Digest() spread.Digest { return (*store)(r).Digest() }

// FarDigest is that of what other data centres may know: equal in all of them when they hold the same of it.
func (r *Replica) FarDigest() spread.Digest { return farStore{(*store)(r)}.Digest() }

// Tick does what is due. Earlier or later than Next does no harm.
func (r *Replica) Tick(at Moment) {
	r.begin(at)
	r.leases.SetDatacenter(at.Mono, r.datacenter())
	r.judge()
	r.uniteDue()
	r.tellTransitions()
	r.chores.tick(r)
	r.boot.tick(r)
	r.passOn()
	r.tendWAN()
	r.step(spread.Tick{})
	r.end()
}

// Next is when Tick should be called again at the latest.
func (r *Replica) Next() time.Duration {
	next := r.chores.next
	if len(r.forward)+len(r.reports) > 0 {
		next = min(next, r.forwardDue)
	}
	if r.heirs.planned {
		next = min(next, r.heirs.due)
	}
	if t, ok := r.nextUnion(); ok {
		next = min(next, t)
	}
	for _, due := range []func() (time.Duration, bool){r.nextJudgement, r.spread.Next, r.boot.next, r.checks.Next, r.nextWAN} {
		if t, ok := due(); ok && t < next {
			next = t
		}
	}
	return next
}

// TakeOutbound is what there is to send, in order. The caller sends all of it.
func (r *Replica) TakeOutbound() []Outbound {
	out := r.out
	r.out = nil
	return out
}

// TakeEvents is what has happened since the last call, for operators; the caller numbers them.
func (r *Replica) TakeEvents() []NodeEvent {
	ev := r.events
	r.events = nil
	return ev
}

// begin starts an input: everything until end happens at that moment.
func (r *Replica) begin(at Moment) {
	at.Mono = max(at.Mono, r.at.Mono)
	r.at = at
}

// end draws the conclusions from what an input has changed, which may be writes of this node's own.
func (r *Replica) end() {
	for {
		changes := r.cat.TakeChanges()
		for i := range changes {
			r.react(&changes[i])
		}
		wrote := r.tend()
		if r.heirs.planned && r.at.Mono >= r.heirs.due {
			r.assignHeirs()
		} else if len(changes) == 0 && !wrote {
			if !r.boot.ready || len(r.early) == 0 {
				return
			}
			r.registerEarly()
		}
	}
}

// forwardDelay is how long renewals for another home are gathered: a small part of any TTL, and enough to make one message
// of what would be twenty.
const forwardDelay = 20 * time.Millisecond

// Flush hands what this node has written since the last Flush to the engine. The caller flushes as soon as it can send: what is written while a send is under way then goes together.
func (r *Replica) Flush(at Moment) {
	r.begin(at)
	r.pushWritten()
	r.end()
}

// passOn sends renewals to their homes, once they have been gathered for long enough.
func (r *Replica) passOn() {
	if len(r.forward)+len(r.reports) == 0 || r.at.Mono < r.forwardDue {
		return
	}
	r.passReports()
	for _, to := range slices.Sorted(maps.Keys(r.forward)) {
		r.out = append(r.out, Outbound{To: to, Renewals: r.forward[to]})
		r.forwarded += uint64(len(r.forward[to]))
	}
	clear(r.forward)
}

// Pending reports whether there is something to flush or to send.
func (r *Replica) Pending() bool { return len(r.written) > 0 || len(r.out) > 0 }

// wrote notes a write of this node's own, to be pushed by the next Flush. A node alone has nobody to tell; who comes up
// later learns it all by a sync.
func (r *Replica) wrote(rec *catalog.Record) {
	if len(r.peers.up)+len(r.wan.links) > 0 {
		r.written = append(r.written, rec)
	}
}

// pushWritten gives the engine what was written, origin by origin: a node writes as two if some of it is private, and if it
// has taken a higher incarnation meanwhile.
func (r *Replica) pushWritten() {
	recs := r.written
	r.written = nil
	for len(recs) > 0 {
		o := recs[0].Stamp.Dot.Origin
		var deltas []spread.Delta
		others := recs[:0]
		for _, rec := range recs {
			if rec.Stamp.Dot.Origin != o {
				others = append(others, rec)
				continue
			}
			deltas = append(deltas, spread.Delta{Seq: rec.Stamp.Dot.Seq, Body: wire.AppendRecord(nil, rec)})
		}
		recs = others
		r.step(spread.Local{Origin: o, Deltas: deltas})
	}
}

// step hands one input to the engine and keeps what comes out.
func (r *Replica) step(in spread.Input) {
	for _, o := range r.spread.Step(r.at.Mono, in) {
		switch ev := o.Event.(type) {
		case nil:
			r.out = append(r.out, Outbound{To: o.To, Msg: o.Msg, Reliable: o.Reliable, Same: o.Same})
		case spread.SyncDone:
			r.synced(ev)
		case spread.Divergence:
			r.tell(NodeEventSync, ev.Peer, "vectors are equal and states are not: comparing all of it")
		}
	}
}

func (r *Replica) tell(t NodeEventType, subject, format string, args ...any) {
	if r.quiet {
		return
	}
	r.note(t, subject, fmt.Sprintf(format, args...))
}

func (r *Replica) note(t NodeEventType, subject, text string) {
	if !r.quiet {
		r.events = append(r.events, NodeEvent{At: r.at.Wall, Type: t, Subject: subject, Text: text})
	}
}
