package wan

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"time"
)

// LinkEventKind is what happened to a link.
type LinkEventKind int

const (
	// LinkUp is a link over which messages can be sent. The other end has none of what was sent over links before it:
	// whoever replicates begins with a version vector.
	LinkUp LinkEventKind = iota + 1
	// LinkDown is a link that ended, with all that still waited on it.
	LinkDown
)

// String is "up" or "down".
func (k LinkEventKind) String() string {
	switch k {
	case LinkUp:
		return "up"
	case LinkDown:
		return "down"
	default:
		return "unknown"
	}
}

// LinkEvent is a link that came up or went down.
type LinkEvent struct {
	Kind LinkEventKind
	// Peer is the identity of the gateway at the other end, "datacenter/name": what Send takes.
	Peer string
	// Member is the gateway as it is known at this moment. A link may come up before Serf has heard of its gateway: then
	// only Name and Datacenter are set.
	Member Member
	// Since is when the link came up.
	Since time.Time
	// Security is what protects it: "TLS", "gossip key" or "none".
	Security string
	// Reason is why it went down, in words; empty for LinkUp.
	Reason string
}

const (
	// maxLinks is how many links there are at most, in both directions.
	maxLinks = 1024
	// maxDatacenters is for how many data centres traffic is counted.
	maxDatacenters = 1024
)

// links is the links of one gateway, one a peer.
type links struct {
	mu     sync.Mutex
	closed bool
	all    map[string]*link
	past   map[string]DatacenterStats // of the links that are gone, by data centre
}

func newLinks() *links {
	return &links{all: map[string]*link{}, past: map[string]DatacenterStats{}}
}

func (s *links) get(peer string) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[peer]
}

// room reports whether one more link, to that peer, may come up.
func (s *links) room(peer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && (s.all[peer] != nil || len(s.all) < maxLinks)
}

// add puts a link in the place of an earlier one to the same peer, which is returned; false after close.
func (s *links) add(l *link) (old *link, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.all[l.peer]
	if s.closed || old == nil && len(s.all) >= maxLinks {
		return nil, false
	}
	s.all[l.peer] = l
	if d, ok := s.past[l.dc]; ok || len(s.past) < maxDatacenters {
		d.Ups++
		s.past[l.dc] = d
	}
	return old, true
}

// remove takes a link out that has ended, unless another has its place already.
func (s *links) remove(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[l.peer] == l {
		delete(s.all, l.peer)
	}
	if d, ok := s.past[l.dc]; ok {
		d.add(l.traffic())
		s.past[l.dc] = d
	}
}

// close gives all links and lets no more come up.
func (s *links) close() []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return slices.Collect(maps.Values(s.all))
}

// list is the links, sorted by peer.
func (s *links) list() []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*link, 0, len(s.all))
	for _, peer := range slices.Sorted(maps.Keys(s.all)) {
		all = append(all, s.all[peer])
	}
	return all
}

func (s *links) datacenters() map[string]DatacenterStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.past)
	for _, l := range s.all {
		if d, ok := all[l.dc]; ok {
			d.add(l.traffic())
			all[l.dc] = d
		}
	}
	return all
}

// adopt makes a link of a session. It takes the place of an earlier one to the same peer: that end knows better whether
// it is still alive. life is Serf's name of the peer.
func (p *Pool) adopt(s *session, life string, dialled bool) {
	s.conn.patience = missedAlive * p.times.keepAlive
	l := &link{
		session: s, life: life, dialled: dialled, since: time.Now(), every: p.times.keepAlive,
		queue: newQueue(p.cfg.QueueBytes), down: make(chan struct{}), gone: make(chan struct{}),
		pongWake: make(chan struct{}, 1),
	}
	l.drained = func() {
		if p.cfg.OnDrained != nil {
			p.calls.Put(func() { p.cfg.OnDrained(l.peer) })
		}
	}
	l.valid = func() bool { return l.keys == nil || p.ringHolds(l.keys()) }
	old, ok := p.links.add(l)
	if !ok {
		_ = s.conn.Close()
		return
	}
	if !p.spawn(func() { p.runLink(l, old) }) {
		l.queue.close()
		p.links.remove(l)
		_ = s.conn.Close()
		return
	}
	signal(p.steer)
}

// runLink makes all calls about one link, in their order.
func (p *Pool) runLink(l, old *link) {
	defer close(l.gone)
	if old != nil {
		old.shut("another link to the same gateway takes its place")
		<-old.gone
	}
	var writer sync.WaitGroup
	writer.Go(l.write)
	p.log.Info("link is up", "peer", l.peer, "dialled", l.dialled, "security", l.security.String())
	p.tellLink(l, LinkUp)
	l.read(func(msg []byte) {
		if p.cfg.Handler != nil {
			p.cfg.Handler(l.peer, msg)
		}
	})
	writer.Wait()
	l.queue.close()
	p.links.remove(l)
	p.log.Info("link is down", "peer", l.peer, "reason", l.reason, "lasted", time.Since(l.since))
	p.tellLink(l, LinkDown)
	p.ended.Store(l.peer, l)
	signal(p.steer)
}

func (p *Pool) tellLink(l *link, kind LinkEventKind) {
	if p.cfg.OnLink == nil {
		return
	}
	e := LinkEvent{Kind: kind, Peer: l.peer, Since: l.since, Security: l.security.String()}
	var ok bool
	if e.Member, ok = p.Members().Get(l.peer); !ok {
		e.Member = Member{Name: l.name(), Datacenter: l.dc}
	}
	if kind == LinkDown {
		e.Reason = l.reason
	}
	p.cfg.OnLink(e)
}

// name is the peer's name without its data centre.
func (l *link) name() string { return l.peer[len(l.dc)+1:] }

// ringHolds reports whether all keys are still in the ring.
func (p *Pool) ringHolds(keys [][]byte) bool {
	ring := p.me.ring.GetKeys()
	return !slices.ContainsFunc(keys, func(k []byte) bool {
		return !slices.ContainsFunc(ring, func(r []byte) bool { return bytes.Equal(k, r) })
	})
}

// Send puts a message into the queue of the link to a gateway, given by its identity, "datacenter/name". It never waits.
// It keeps msg until it is sent: the caller must not change it. ErrNoLink if there is no link, ErrFull if its queue has no
// room, ErrTooLarge above MaxMessage, ErrClosed after Close. That it is sent does not prove that it arrives.
func (p *Pool) Send(to string, msg []byte) error {
	if len(msg) > MaxMessage {
		return ErrTooLarge
	}
	if p.closing() {
		return ErrClosed
	}
	l := p.links.get(to)
	if l == nil {
		return ErrNoLink
	}
	err := l.queue.put(msg)
	if err == ErrFull { //nolint:errorlint // The queue returns it unwrapped.
		l.overflows.Add(1)
	}
	return err
}

// Queued is how many bytes wait to be sent to a gateway; 0 without a link.
func (p *Pool) Queued(to string) int {
	if l := p.links.get(to); l != nil {
		return l.queue.queued()
	}
	return 0
}

// Links is the links that are up at this moment, sorted by peer.
func (p *Pool) Links() []Link {
	all := p.links.list()
	out := make([]Link, len(all))
	for i, l := range all {
		out[i] = l.snapshot()
	}
	return out
}

// Stats returns the counters.
func (p *Pool) Stats() Stats {
	s := p.stats.read()
	s.Links, s.Datacenters = p.Links(), p.links.datacenters()
	return s
}
