package world

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// wide reports whether there is more than one data centre.
func (p *Plan) wide() bool { return len(p.Sites) > 0 }

// site is the number of a node's data centre.
func (p *Plan) site(node int) int {
	for i, n := range p.Sites {
		if node < n {
			return i
		}
		node -= n
	}
	return 0
}

// span is the nodes of a node's data centre: the first of them, and how many.
func (p *Plan) span(node int) (first, count int) {
	if !p.wide() {
		return 0, p.Nodes
	}
	for _, n := range p.Sites[:p.site(node)] {
		first += n
	}
	return first, p.Sites[p.site(node)]
}

// datacenter is the name of a node's data centre.
func (p *Plan) datacenter(node int) string {
	if !p.wide() {
		return p.Datacenter
	}
	return siteName(p.site(node))
}

func siteName(site int) string { return "dc" + strconv.Itoa(site+1) }

// drawWide draws the data centres of a schedule, from chance of their own. One schedule in 30 takes hours.
func (p *Plan) drawWide(nodes int) {
	r := rng(p.Seed, "sites", 0)
	p.Tombstone = []time.Duration{20 * time.Second, 20 * time.Second, time.Minute, time.Hour}[r.IntN(4)]
	p.Safety += between(r, 0, 100*time.Second).Round(time.Second)
	if p.hours() {
		p.Safety = between(r, time.Hour, 2*time.Hour).Round(time.Second)
	}
	if r.IntN(2) == 0 {
		p.Net.Loss = 0
	}
	p.Zones, p.Nodes, p.Late = 1+r.IntN(2), 0, false
	for range 2 + r.IntN(2) {
		n := 1 + r.IntN(3)
		if nodes > 0 {
			n = max(nodes/2, 1)
		}
		p.Sites, p.Gateways = append(p.Sites, n), append(p.Gateways, 1+r.IntN(min(n, 2)))
		p.Nodes += n
	}
}

// hours reports whether a schedule takes hours.
func (p *Plan) hours() bool { return p.Scenario == "wan" && rng(p.Seed, "hours", 0).IntN(30) == 0 }

// settleWide keeps clients and operators to the data centres that they are in, lets some clients come while links are as
// they will be, and the faults between data centres be between two.
func (p *Plan) settleWide() {
	if !p.wide() {
		return
	}
	p.drawPrivate()
	r := rng(p.Seed, "settle", 0)
	slow := 1
	if p.hours() {
		slow = 10
		p.Clients = p.Clients[:min(len(p.Clients), 8)]
		p.Targets = nil
	}
	for i := range p.Clients {
		c := &p.Clients[i]
		c.TTL, c.Interval = time.Duration(slow*int(c.TTL)), time.Duration(slow*int(c.Interval))
		if r.IntN(3) == 0 {
			c.Start = between(r, c.Start, min(p.Safety/2, 2*time.Minute))
		}
	}
	for i := range p.Ops {
		o := &p.Ops[i]
		o.Client %= len(p.Clients)
		first, count := p.span(p.Clients[o.Client].Place)
		o.Node = first + o.Node%count
	}
	for i := range p.Faults {
		f := &p.Faults[i]
		if f.Kind != CutPair {
			continue
		}
		if p.site(f.Far) == p.site(f.Node) {
			f.Far = p.elsewhere(f.Node, r)
		}
		// Something is to be written while a third data centre is the only way.
		for k := range p.Clients {
			c := &p.Clients[k]
			if site := p.site(c.Place); f.For > 20*time.Second && (site == p.site(f.Node) || site == p.site(f.Far)) && r.IntN(4) == 0 {
				c.Start = between(r, f.At+18*time.Second, f.At+f.For)
			}
		}
	}
}

// elsewhere is a node of another data centre.
func (p *Plan) elsewhere(node int, r *rand.Rand) int {
	first, count := p.span(node)
	return (first + count + r.IntN(p.Nodes-count)) % p.Nodes
}

// spareGateways lets no data centre stay away for good: what belongs to the core has to recover. A node whose only peer has
// died for good holds itself to be unwell, as memberlist does that has nobody left to probe, and so evicts nothing: data
// centres of two lose no one either.
func (p *Plan) spareGateways() {
	if !p.wide() || len(p.Dead) == 0 {
		return
	}
	first, count := p.span(p.Dead[0])
	if g := p.Gateways[p.site(p.Dead[0])]; count < 3 || p.Dead[0] == first && g == 1 {
		p.Dead = nil
	}
}
