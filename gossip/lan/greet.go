package lan

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// greetAfter is how many gossip intervals a node lets pass before it greets, and as many again at most: what gossip
// brings to everyone, it has brought by then.
const greetAfter = 5

// greetPause is the shortest time between two joins of nodes that this one has heard. One exchange brings all that is missing.
const greetPause = time.Second

// greet says hello to a life that has just become alive here, once. memberlist passes news on a fixed number of times
// to members drawn at random, so that even without loss some member sometimes never hears of a join, until an exchange
// of state half a minute later (measured: one formation in 150 with 6 nodes, one in 15 with 30). Both sides of each new
// pair greet, and whoever is greeted by a stranger joins it. Called under memberlist's lock.
func (p *Pool) greet(n *memberlist.Node) {
	pause := greetAfter*p.ml.GossipInterval + rand.N(greetAfter*p.ml.GossipInterval) //nolint:gosec // To spread packets.
	p.spawn(func() {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-p.staying.Done():
			return
		}
		select {
		case <-p.ready:
			_ = p.list.SendBestEffort(n, p.frame(helloFrame, []byte(p.id+" "+p.addr)))
		case <-p.staying.Done():
		}
	})
}

// greeted takes a hello. It reports whether it is one.
func (p *Pool) greeted(from, msg string) bool {
	id, addr, ok := strings.Cut(msg, " ")
	if name, named := nameOf(id); !ok || !named || name != from {
		return false
	}
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return false
	}
	if l := p.roster.get(id, from); l != nil && l.State == StateAlive {
		return true
	}
	p.meet(addr)
	return true
}

// heard sees to it that a member that speaks does not count as failed for long. Across a cut in one direction those who
// cannot hear it go on telling everyone that it is dead; and where it is believed, its own word against it may have come
// too soon. The rejoin loop would find it only by chance among all that are missed.
func (p *Pool) heard(from string) {
	if m, ok := p.Members().Get(from); ok && m.State == StateFailed {
		p.meet(m.Addr)
	}
}

// meet joins a node that this one has heard, unless it has just met another.
func (p *Pool) meet(addr string) {
	now := time.Now().UnixNano()
	if last := p.lastGreeted.Load(); now-last >= int64(greetPause) && p.lastGreeted.CompareAndSwap(last, now) {
		p.spawn(func() {
			if p.staying.Err() == nil {
				p.try(p.staying, addr)
			}
		})
	}
}
