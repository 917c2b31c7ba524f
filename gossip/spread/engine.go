package spread

import (
	"errors"

	"github.com/musterhq/muster/catalog/causal"
)

// Why a sync came to no end. A store's own error is passed on as it is.
var (
	// ErrUnknownPeer says that the peer is not a member.
	ErrUnknownPeer = errors.New("spread: not a member")
	// ErrBusy says that too many syncs are waiting here.
	ErrBusy = errors.New("spread: too many syncs are waiting")
	// ErrRefused says that the peer is serving as many syncs as it will: try another.
	ErrRefused = errors.New("spread: sync refused")
	// ErrTimeout says that the peer fell silent.
	ErrTimeout = errors.New("spread: sync timed out")
	// ErrPeerDown says that the peer left or failed.
	ErrPeerDown = errors.New("spread: peer went down")
	// ErrMalformed says that the peer sent a frame that is out of order.
	ErrMalformed = errors.New("spread: malformed frame")
)

// Input is something that happened: a Local, Received, PeerDigest, MemberUp, MemberDown, LinkUp, LinkDown, Linked,
// StartSync or Tick.
type Input interface{ isInput() }

// Local is writes that the store has just taken in other than from a member: this node's own, or, at a gateway, those
// of another data centre. Deltas are in ascending order, without repeats. Writes that happen while a send is under way
// belong together in one Local.
type Local struct {
	Origin causal.Origin
	Deltas []Delta
}

// Received is a message from another node.
type Received struct {
	From string
	Msg  Message
}

// PeerDigest is a member's digest, as it rode on a probe's ack.
type PeerDigest struct {
	Peer   string
	Digest Digest
}

// MemberUp is a member that joined, came back, or changed its zone. For this node itself it only sets the zone.
type MemberUp struct{ Member Member }

// MemberDown is a member that failed or, if Left is set, said goodbye.
type MemberDown struct {
	Member Member
	Left   bool
}

// StartSync asks for a sync from a peer, as soon as no other one is making progress. It is answered by one SyncDone.
// Full compares live dots whatever the tombstone floors say.
type StartSync struct {
	Peer string
	Full bool
}

// Tick is nothing but the time.
type Tick struct{}

func (Local) isInput()      {}
func (Received) isInput()   {}
func (PeerDigest) isInput() {}
func (MemberUp) isInput()   {}
func (MemberDown) isInput() {}
func (StartSync) isInput()  {}
func (Tick) isInput()       {}

// Output is either a message to send or an event to report; the other is nil.
type Output struct {
	// To is the member to send Msg to.
	To  string
	Msg Message
	// Reliable asks for a stream. Otherwise Msg fits a packet of MaxPacket bytes and may be lost.
	Reliable bool
	// Same says that Msg is that of the output before, which need not be encoded again.
	Same bool

	Event Event
}

// Event is something the node should know: a SyncDone or a Divergence.
type Event interface{ isEvent() }

// SyncDone is the end of a sync that this node pulled, whoever asked for it.
type SyncDone struct {
	Peer string
	// Fresh is the number of records that were new. They count even if the sync failed half way.
	Fresh int
	// PeerReady says that the peer holds a complete catalog. Only without Err.
	PeerReady bool
	// Err is nil if all of it has been applied; else one of the errors of this package, or the store's.
	Err error
}

// Divergence is a peer whose vector is equal to this node's and whose state is not. It must never happen. A full sync
// from the peer has been asked for; seen at most once per DigestGap.
type Divergence struct{ Peer string }

func (SyncDone) isEvent()   {}
func (Divergence) isEvent() {}

// Engine is the replication of one node, from its start to its end. It is not a queue and not a store: what it holds
// beyond a few milliseconds is a bounded cache. Made by New; the zero value is of no use. Not safe for concurrent use.
type Engine struct {
	cfg   Config
	now   Instant
	out   []Output
	stats Stats
	ready bool

	roster roster
	far    far
	names  names
	cache  cache
	news   news
	tails  tails
	lacks  lacks

	inbound  []*inbound
	outbound []*outbound
	waiting  []waiting
	joins    int // members that came up since no join sync was waiting
	nextID   uint64
	started  map[string]Instant // when the last sync with a peer was started, while SyncGap has not passed

	quietAt  Instant            // until then a delta counts as recent
	digestAt Instant            // until then no sync for a digest's sake
	unequal  map[string]Instant // since when a member's digest has been unequal
}

// New returns an engine that knows no member but itself. The error is that of Validate.
func New(cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg:     cfg,
		cache:   cache{maxDots: cfg.CacheDots, maxBytes: cfg.CacheBytes, maxAge: cfg.CacheAge},
		news:    news{tokens: cfg.AnnounceBurst},
		nextID:  cfg.Rand.Uint64(),
		started: make(map[string]Instant),
		unequal: make(map[string]Instant),
	}
	e.roster.add(Member{ID: cfg.Self, Zone: cfg.Zone})
	return e, nil
}

// SetReady says whether this node holds a complete catalog. It rides on the last chunk of every sync served.
func (e *Engine) SetReady(ready bool) { e.ready = ready }

// Step takes in one input, does what is due, and returns what to send and to report, in order. now must not go
// backwards; a lower value counts as the highest one before. The slice is the caller's.
func (e *Engine) Step(now Instant, in Input) []Output {
	e.now = max(e.now, now)
	switch in := in.(type) {
	case Local:
		e.local(in)
	case Received:
		e.receive(in.From, in.Msg)
	case PeerDigest:
		e.compare(in.Peer, in.Digest)
	case MemberUp:
		e.memberUp(in.Member)
	case MemberDown:
		e.memberDown(in.Member.ID, in.Left)
	case LinkUp:
		e.linkUp(in.Peer)
	case LinkDown:
		e.linkDown(in.Peer)
	case Linked:
		e.setLinked(in)
	case StartSync:
		e.request(waiting{peer: in.Peer, full: in.Full, asked: true})
	case Tick:
	}
	e.fire()
	out := e.out
	e.out = nil
	return out
}

// Next returns when Step should be called again at the latest, and false if nothing is due before the next input.
func (e *Engine) Next() (Instant, bool) {
	var s soonest
	s.add(e.tails.next, len(e.tails.by) > 0)
	s.add(e.news.due, e.news.armed)
	s.add(e.lacks.next, len(e.lacks.list) > 0)
	s.add(e.cache.expires, e.cache.len > 0)
	s.add(e.far.due, len(e.far.peers) > 0)
	e.syncsDue(&s)
	return s.at, s.any
}

// fire does what is due, in a fixed order.
func (e *Engine) fire() {
	e.compareFar()
	e.announceTails()
	e.announce()
	e.askForLacks()
	e.expireSyncs()
	e.startSyncs()
	e.cache.expire(e.now)
}

func (e *Engine) receive(from string, m Message) {
	if m == nil || from == e.cfg.Self || from == "" {
		e.stats.Malformed++
		return
	}
	if k := m.Kind(); k < Kinds {
		e.stats.Received[k].add(m, Size(m))
	}
	switch m := m.(type) {
	case Push:
		e.push(from, m)
	case Have:
		e.have(from, m)
	case Want:
		e.answer(from, m)
	case SyncRequest:
		e.serve(from, m)
	case SyncChunk:
		e.chunk(from, m)
	case SyncNext:
		e.serveNext(from, m)
	case SyncRefuse:
		e.refused(from, m)
	case Compare:
		e.compare(from, m.Digest)
	default:
		e.stats.Malformed++
	}
}

// memberUp takes a member in and, if it was not one, plans to sync from it. When many come up at once, which follows
// a heal or this node's own join, a few of them at random will do.
func (e *Engine) memberUp(m Member) {
	if m.ID == "" {
		return
	}
	if m.Incarnation > 0 {
		e.learn(causal.Origin{Node: m.ID, Incarnation: m.Incarnation})
	}
	if !e.roster.add(m) || m.ID == e.cfg.Self {
		return
	}
	var planned []int
	for i, w := range e.waiting {
		if w.join {
			planned = append(planned, i)
		}
	}
	if len(planned) == 0 {
		e.joins = 0
	}
	e.joins++
	if len(planned) >= e.cfg.JoinMax {
		i := e.cfg.Rand.IntN(e.joins)
		if i >= len(planned) {
			return
		}
		e.drop(planned[i])
	}
	e.request(waiting{peer: m.ID, due: e.now + e.upTo(e.cfg.JoinDelay), join: true})
}

// memberDown takes a member out, ends what was going on with it, and, if it died, announces the newest of its writes:
// it may have died in the middle of sending them.
func (e *Engine) memberDown(id string, left bool) {
	if id == e.cfg.Self || !e.roster.remove(id) {
		return
	}
	delete(e.unequal, id)
	e.forgetSyncs(id)
	if left {
		return
	}
	for _, o := range e.cache.originsOf(id) {
		e.news.add(o, e.cache.newest(o, uint64(e.cfg.WantMax)))
		e.news.arm(e.now)
	}
}

// compare looks at a member's digest. An inequality is the rule while deltas are on their way, so it leads to a sync
// only when nothing has moved for a while, or when it has lasted.
func (e *Engine) compare(peer string, theirs Digest) {
	if peer == e.cfg.Self || !e.known(peer) {
		return
	}
	mine := e.store(peer).Digest()
	if mine == theirs || planted == "digests are not compared" {
		delete(e.unequal, peer)
		return
	}
	if e.far.has(peer) && !e.far.hears(peer, mine, theirs) {
		return
	}
	since, known := e.unequal[peer]
	if !known {
		since = e.now
		e.unequal[peer] = since
	}
	if e.now < e.digestAt {
		return
	}
	if mine.Vector == theirs.Vector {
		e.digestAt = e.now + e.cfg.DigestGap
		e.stats.Divergences++
		e.out = append(e.out, Output{Event: Divergence{peer}})
		e.request(waiting{peer: peer, full: true})
		return
	}
	if e.now < e.quietAt && e.now-since < e.cfg.Stale {
		return
	}
	e.digestAt = e.now + e.cfg.DigestGap
	e.request(waiting{peer: peer, needed: func() bool { return e.store(peer).Digest() != theirs }})
}

// send puts one message to several members into the outputs.
func (e *Engine) send(to []string, m Message, reliable bool) {
	size := Size(m)
	for i, id := range to {
		e.out = append(e.out, Output{To: id, Msg: m, Reliable: reliable, Same: i > 0})
		e.stats.Sent[m.Kind()].add(m, size)
	}
}

// upTo is a random time of less than d.
func (e *Engine) upTo(d Instant) Instant { return Instant(e.cfg.Rand.Int64N(int64(d))) }

// soonest is the earliest of several times.
type soonest struct {
	at  Instant
	any bool
}

func (s *soonest) add(at Instant, valid bool) {
	if valid && (!s.any || at < s.at) {
		s.at, s.any = at, true
	}
}
