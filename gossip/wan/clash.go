package wan

import (
	"net"
	"net/netip"
	"time"
)

// clashMemory is how long a clash is not looked into again; maxClashes how many are kept in mind.
const (
	clashMemory = time.Minute
	maxClashes  = 256
)

// suspectClash looks, on its own goroutine, whether a life that has a successor is still there: then it has none, and the
// two are different nodes. At the successor's own address it cannot be.
func (p *Pool) suspectClash(l life) {
	now, ok := p.Members().lives[l.ID()]
	if !ok || now.Addr == l.Addr || !p.newClash(l.ID()+" "+l.Addr) {
		return
	}
	p.spawn(func() {
		if p.answers(l) {
			p.stats.conflicts.Add(1)
			p.tell(Event{Kind: EventConflict, Member: now.Member, Other: l.Addr})
		}
	})
}

// reportClash queues a conflict event, once a minute for each pair.
func (p *Pool) reportClash(m Member, addr string) {
	if p.newClash(m.ID() + " " + addr) {
		p.stats.conflicts.Add(1)
		p.tell(Event{Kind: EventConflict, Member: m, Other: addr})
	}
}

// answers reports whether that very life is at its address. It is asked twice, since the first packet may be lost.
func (p *Pool) answers(l life) bool {
	at, err := netip.ParseAddrPort(l.Addr)
	if err != nil {
		return false
	}
	for range 2 {
		if p.closing() {
			return false
		}
		if _, err := p.serf.Memberlist().Ping(l.serf, net.UDPAddrFromAddrPort(at)); err == nil {
			return true
		}
	}
	return false
}

// newClash reports whether that clash has not been looked into lately.
func (p *Pool) newClash(key string) bool {
	now := time.Now()
	p.clashMu.Lock()
	defer p.clashMu.Unlock()
	if last, ok := p.clashes[key]; ok && now.Sub(last) < clashMemory {
		return false
	}
	if len(p.clashes) >= maxClashes {
		clear(p.clashes)
	}
	p.clashes[key] = now
	return true
}
