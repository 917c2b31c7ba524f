package client

import (
	"math/rand/v2"
	"slices"
	"sync"
)

// pool is the nodes, in an order that is this client's own, so that clients spread over the nodes. Requests go to one of
// them as long as it is well, because an index means something at the node that gave it. Safe for any number of
// goroutines.
type pool struct {
	mu     sync.Mutex
	nodes  []*node
	sticky *node
}

// order is whom to ask, one after the other: the one who is in use, then all others.
func (p *pool) order() []*node {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*node, 0, len(p.nodes))
	if p.sticky != nil {
		out = append(out, p.sticky)
	}
	for _, n := range p.nodes {
		if n != p.sticky {
			out = append(out, n)
		}
	}
	return out
}

// prefer makes n the node in use, and reports whether it was another.
func (p *pool) prefer(n *node) (moved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Contains(p.nodes, n) {
		return false
	}
	moved, p.sticky = p.sticky != n, n
	return moved
}

// failed makes another node the one in use, if it was n: the next that is not known to be down. n goes to the end.
func (p *pool) failed(n *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sticky != n {
		return
	}
	p.sticky = nil
	for _, other := range p.nodes {
		if other != n && !other.open() {
			p.sticky = other
			return
		}
	}
}

// set replaces the nodes by those of the given addresses; who was there before stays as he was, and in his place.
func (p *pool) set(addresses []address, made func(address) *node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := map[string]*node{}
	for _, n := range p.nodes {
		known[n.base+" "+n.host] = n
	}
	var fresh, kept []*node
	wanted := map[*node]bool{}
	for _, a := range addresses {
		n := known[a.base+" "+a.host]
		if n == nil {
			n = made(a)
			known[a.base+" "+a.host] = n
			fresh = append(fresh, n)
		}
		wanted[n] = true
	}
	for _, n := range p.nodes {
		if wanted[n] {
			kept = append(kept, n)
		}
	}
	for _, n := range fresh {
		at := rand.IntN(len(kept) + 1) //nolint:gosec // It spreads load and keeps no secret.
		kept = slices.Insert(kept, at, n)
	}
	p.nodes = kept
	if !wanted[p.sticky] {
		p.sticky = nil
	}
}

// bases are the addresses of the nodes, sorted.
func (p *pool) bases() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]string, len(p.nodes))
	for i, n := range p.nodes {
		out[i] = n.base
	}
	slices.Sort(out)
	return out
}
