package muster

import (
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/selfpreserve"
)

// peers is the other members of the data centre, as far as the replica has to know them.
type peers struct {
	up map[string]spread.Member
	// agreed is when a peer's vector was last equal to this replica's: it then covered all that was covered here.
	agreed map[string]selfpreserve.Instant
	self   string
	// ids are those of up, and all has self besides: nil until asked for.
	ids, all []string
}

func (p *peers) init(self string) {
	p.self = self
	p.up = make(map[string]spread.Member)
	p.agreed = make(map[string]selfpreserve.Instant)
}

func (p *peers) alive(id string) bool { _, ok := p.up[id]; return ok }

// others lists the other members that are alive, sorted. The slice is the caller's to read, not to keep.
func (p *peers) others() []string {
	if p.all == nil {
		p.ids = slices.Sorted(maps.Keys(p.up))
		p.all = append(slices.Clone(p.ids), p.self)
	}
	return p.ids
}

// everyone lists the members that are alive, this node among them. Likewise.
func (p *peers) everyone() []string {
	p.others()
	return p.all
}

// changed forgets the lists.
func (p *peers) changed() { p.ids, p.all = nil, nil }

func (p *peers) compare(r *Replica, peer string, d spread.Digest) {
	if p.alive(peer) && d.Vector == r.cat.Vector().Hash() {
		p.agreed[peer] = r.at.Mono
	}
}

// covered reports whether every member that is alive is known to cover what this replica learned at that time.
func (p *peers) covered(learned selfpreserve.Instant) bool {
	for id := range p.up {
		if at, ok := p.agreed[id]; !ok || at < learned {
			return false
		}
	}
	return true
}

// MemberUp is a member of this data centre that joined, came back, or says something new of itself.
func (r *Replica) MemberUp(at Moment, m spread.Member) {
	r.begin(at)
	if m.ID != r.id {
		if !r.peers.alive(m.ID) {
			r.planHeirs(m.ID)
		}
		r.peers.up[m.ID] = m
		r.peers.changed()
	}
	r.step(spread.MemberUp{Member: m})
	r.boot.again(at.Mono)
	r.boot.tick(r)
	r.end()
}

// MemberDown is a member that failed, or left.
func (r *Replica) MemberDown(at Moment, m spread.Member, left bool) {
	r.begin(at)
	if r.peers.alive(m.ID) {
		delete(r.peers.up, m.ID)
		delete(r.peers.agreed, m.ID)
		delete(r.boot.asked, m.ID)
		r.peers.changed()
		if planted != "an heir has no heir" || r.homes[m.ID] > 0 {
			r.planHeirs(m.ID)
		}
	}
	r.step(spread.MemberDown{Member: m, Left: left})
	r.boot.tick(r)
	r.end()
}

// boot is how a node becomes ready: it loads the catalog from one peer and checks it against two more. A registry that
// answers "empty" because it has just started is the worst that can happen to those who ask it.
type boot struct {
	ready    bool
	reason   string
	deadline selfpreserve.Instant
	try      selfpreserve.Instant
	asked    map[string]bool // a sync that has not ended yet
	synced   map[string]bool // whether the peer was ready itself
}

const (
	bootPeers = 3
	bootRetry = 500 * time.Millisecond
)

func (b *boot) start(r *Replica) {
	b.asked, b.synced = make(map[string]bool), make(map[string]bool)
	if !r.cfg.Seeds {
		b.done(r, "no seeds: it began as a cluster of its own")
		return
	}
	b.reason = "waiting for a seed to answer"
	b.deadline = r.at.Mono + r.cfg.ReadyWait
}

func (b *boot) done(r *Replica, reason string) {
	b.ready, b.reason = true, reason
	r.spread.SetReady(true)
	r.leases.Refresh(r.at.Mono) // Until now nobody could have renewed here.
	r.checks.Refresh(r.at)
	r.planInheritance()
	r.tell(NodeEventSync, r.id, "ready: %s", reason)
}

// tick asks peers for what they have until the node is ready.
func (b *boot) tick(r *Replica) {
	if b.ready {
		return
	}
	ids := r.peers.others()
	if len(ids) == 0 && (!r.cfg.Near || r.at.Mono >= b.deadline) {
		ids = r.wan.links
	}
	need := min(bootPeers, len(ids))
	have, anyReady := 0, false
	for _, id := range ids {
		if ready, ok := b.synced[id]; ok {
			have++
			anyReady = anyReady || ready
		}
	}
	switch {
	case len(ids) > 0 && have >= need && anyReady:
		b.done(r, "caught up with its peers")
		return
	case len(ids) > 0 && have == len(ids):
		b.done(r, "caught up with every peer there is, all of which are starting too")
		return
	case r.at.Mono >= b.deadline && len(b.synced) > 0:
		b.done(r, "caught up with some of its peers; the others did not answer in time")
		return
	case r.at.Mono >= b.deadline:
		b.done(r, "no seed answered in time: it serves what it has")
		return
	case len(ids) > 0 && have == 0:
		b.reason = "loading the catalog from a peer"
	case len(ids) > 0:
		b.reason = "checking the catalog against more peers"
	}
	if r.at.Mono < b.try {
		return
	}
	b.try = b.deadline // Until a member comes, or a sync ends.
	if len(ids) == 0 || len(b.asked) > 1 {
		return
	}
	first := r.cfg.Rand.IntN(len(ids))
	for n := range ids {
		id := ids[(first+n)%len(ids)]
		if _, ok := b.synced[id]; ok || b.asked[id] {
			continue
		}
		b.asked[id] = true
		b.try = r.at.Mono + bootRetry
		r.step(spread.StartSync{Peer: id})
		return
	}
}

func (b *boot) next() (time.Duration, bool) { return min(b.try, b.deadline), !b.ready }

// again makes the next tick ask.
func (b *boot) again(now selfpreserve.Instant) { b.try = now }

// synced draws the conclusions from the end of a sync.
func (r *Replica) synced(ev spread.SyncDone) {
	delete(r.boot.asked, ev.Peer)
	if ev.Err != nil {
		r.tell(NodeEventSync, ev.Peer, "sync failed after %d new records: %v", ev.Fresh, ev.Err)
		r.boot.again(r.at.Mono + bootRetry)
		return
	}
	if ev.Fresh > 0 {
		r.tell(NodeEventSync, ev.Peer, "synced: %d new records", ev.Fresh)
	}
	r.rebirth()
	if !r.boot.ready {
		r.boot.synced[ev.Peer] = ev.PeerReady
		r.boot.again(r.at.Mono)
		r.boot.tick(r)
	}
}

// Ready says whether the catalog is complete as far as this node can know, and why, or why not, in words.
func (r *Replica) Ready() (ready bool, reason string) { return r.boot.ready, r.boot.reason }
