package lan

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// clashMemory is how long a reported clash is not reported again; maxClashes how many are kept in mind.
const (
	clashMemory = time.Minute
	maxClashes  = 256
)

// NotifyMerge is asked before the members of two sides become one pool, on both sides. A newcomer whose name is taken is
// refused on both. Two pools that meet are not kept apart by a clash between two of their members: it is reported. It
// runs on the stream's goroutine or that of Join, without memberlist's lock, so it may ask the network.
func (d delegate) NotifyMerge(peers []*memberlist.Node) error {
	p := d.p
	select {
	case <-p.ready:
	case <-p.done:
		return ErrClosed
	}
	type record struct {
		id, name, addr string
		node           *memberlist.Node
	}
	var alive []record
	for _, n := range peers {
		name, _, err := d.read(n)
		switch {
		case errors.Is(err, ErrOtherDatacenter):
			return err
		case err != nil:
			continue // Not even memberlist will take it in.
		case n.State == memberlist.StateLeft:
			p.roster.leaving(n.Name, name)
		case n.State == memberlist.StateAlive || n.State == memberlist.StateSuspect:
			alive = append(alive, record{n.Name, name, addrOf(n), n})
		}
	}
	newcomer := len(alive) == 1
	for _, r := range alive {
		var other *memberlist.Node // the life that r clashes with, or that clashes with us
		switch {
		case r.name == p.cfg.Name:
			if r.addr != p.addr { // At our own address it can only be an earlier life of ours.
				other = r.node
			}
		case newcomer:
			if l := p.roster.living(r.name); l != nil && l.Addr != r.addr {
				other = l.node
			}
		}
		if other == nil || !p.answers(other) {
			continue
		}
		p.reportClash(r.name, r.addr)
		if newcomer || !p.settled.Load() || len(p.Members().Alive()) == 1 {
			return fmt.Errorf("%w: a node %q is alive at %s", ErrNameTaken, r.name, addrOf(other))
		}
	}
	return nil
}

// suspectClash looks, on its own goroutine, whether a life that has a successor is still there: then it has none, and
// the two are different nodes. Called under memberlist's lock.
func (p *Pool) suspectClash(successor string, l *life) {
	p.spawn(func() {
		select {
		case <-p.ready:
		case <-p.done:
			return
		}
		if successor != p.id && l.id != p.id {
			if p.answers(l.node) {
				p.reportClash(l.Name, l.Addr)
			}
			return
		}
		// One of the two is this node, which is alive: the other decides.
		other := l
		if l.id == p.id {
			if other = p.roster.get(successor, l.Name); other == nil {
				return
			}
		}
		if p.answers(other.node) {
			p.reportClash(other.Name, other.Addr)
		}
	})
}

// answers reports whether that very life is at its address. A refused connection is proof that it is not. Otherwise it
// is asked twice, since the first packet may be lost.
func (p *Pool) answers(n *memberlist.Node) bool {
	c, err := p.transport.DialAddressTimeout(memberlist.Address{Addr: addrOf(n), Name: n.Name}, p.ml.ProbeTimeout)
	if err == nil {
		_ = c.Close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		return false
	}
	for range 2 {
		if p.closing() {
			return false
		}
		if _, err := p.list.Ping(n.Name, &net.UDPAddr{IP: n.Addr, Port: int(n.Port)}); err == nil {
			return true
		}
	}
	return false
}

// reportClash queues a conflict event, once a minute for each pair of name and address.
func (p *Pool) reportClash(name, addr string) {
	now := time.Now()
	key := name + " " + addr
	p.clashMu.Lock()
	last, known := p.clashes[key]
	if known && now.Sub(last) < clashMemory {
		p.clashMu.Unlock()
		return
	}
	if len(p.clashes) >= maxClashes {
		clear(p.clashes)
	}
	p.clashes[key] = now
	p.clashMu.Unlock()

	p.stats.conflicts.Add(1)
	m := Member{Name: name}
	if l := p.roster.living(name); l != nil {
		m = l.Member
	}
	p.events.Put(Event{Kind: EventConflict, Member: m, Other: addr})
}
