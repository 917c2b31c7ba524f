package world

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster/gossip/spread"
)

// wide is the network between data centres, in place of gossip/wan: links between gateways, one for each pair of data
// centres as long as one can be had, and what the gateways hear of each other's. A link carries messages in order and
// loses none until it goes down; what is under way then is lost. Its ends learn at different moments that it is up, and
// that it is down.
type wide struct {
	w     *World
	rand  *rand.Rand
	sites int
	links []*link
	held  map[[2]int]*link // by node and peer: what the node has been told is up
	again map[[2]int]time.Duration
	heard map[[2]int]tag
	full  []int // by data centre: how many faults let what it sends over links be dropped without a word

	// joined and apart are since when two data centres have had a path that works and that every gateway must know of by now,
	// and none that an end believes in.
	joined, apart [][]time.Duration
	// turned is when links last changed, overflowed when messages were last dropped.
	turned, overflowed time.Duration
}

// tag is what a gateway knows of the links of another.
type tag struct {
	at time.Duration
	to []int // data centres
}

// link is one stream between two gateways.
type link struct {
	ends  [2]*node
	lives [2]int
	up    [2]bool // told
	over  [2]bool // told
	dead  bool
	since time.Duration // when it was made
	told  time.Duration // when the later of its ends was told
	stuck time.Duration // since when nothing passes, 0 if it does
	delay time.Duration // the least, one way
	lanes [2]lane
}

// lane is one direction of a link.
type lane struct {
	queue []parcel
	last  time.Duration
	again bool // it will look again
}

type parcel struct {
	at      time.Duration
	deliver func(*node)
}

const (
	steerEach = 250 * time.Millisecond
	// linkPatience is how long a link may pass nothing until it is given up.
	linkPatience = 5800 * time.Millisecond
	// overlap is how long two links of a pair go on, when a better one has come up.
	overlap = 10 * time.Second
	// tagAge is how long the links of a gateway that cannot be heard count.
	tagAge = 10 * time.Second
	// tagLag is by how much what a gateway hears of another may be late.
	tagLag = 3 * time.Second
)

func (x *wide) init(w *World) {
	*x = wide{
		w: w, rand: rng(w.plan.Seed, "wide", 0), sites: max(len(w.plan.Sites), 1),
		held: make(map[[2]int]*link), again: make(map[[2]int]time.Duration), heard: make(map[[2]int]tag),
	}
	x.full = make([]int, x.sites)
	for range x.sites {
		x.joined = append(x.joined, make([]time.Duration, x.sites))
		x.apart = append(x.apart, make([]time.Duration, x.sites))
	}
}

// gateway reports whether a node is a gateway.
func (x *wide) gateway(n *node) bool {
	p := x.w.plan
	first, _ := p.span(n.place)
	return p.wide() && n.index < p.Nodes && n.index-first < p.Gateways[n.site]
}

// gateways are those of a data centre that run.
func (x *wide) gateways(site int) []*node {
	var out []*node
	for _, n := range x.w.nodes {
		if n.site == site && n.runs() && x.gateway(n) {
			out = append(out, n)
		}
	}
	return out
}

// holder is a node of a data centre that holds a link, nil if none does.
func (x *wide) holder(site int, r *rand.Rand) *node {
	var out []*node
	for _, l := range x.links {
		for i, n := range l.ends {
			if n.site == site && l.up[i] && n.up && n.life == l.lives[i] {
				out = append(out, n)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out[r.IntN(len(out))]
}

// steer gives links up, chooses new ones, and looks at who is joined.
func (x *wide) steer() {
	w := x.w
	w.after(steerEach, x.steer)
	for _, l := range x.links {
		if !l.dead {
			x.watch(l)
		}
	}
	for a := range x.sites {
		for b := range a {
			x.choose([2]int{b, a})
		}
	}
	x.links = slices.DeleteFunc(x.links, func(l *link) bool {
		gone := l.dead
		for i, n := range l.ends {
			gone = gone && (l.over[i] || !n.up || n.life != l.lives[i])
		}
		return gone
	})
	x.look()
}

// watch notices that a link's end has died, or that it has passed nothing for too long.
func (x *wide) watch(l *link) {
	for i, n := range l.ends {
		if !n.up || n.life != l.lives[i] {
			x.lose(l, "the other end is gone")
			return
		}
	}
	switch {
	case x.w.net.trip(l.ends[0], l.ends[1]):
		if l.stuck > 0 {
			x.turned = x.w.now
		}
		l.stuck = 0
	case l.stuck == 0:
		l.stuck, x.turned = x.w.now, x.w.now
	case x.w.now-l.stuck > linkPatience:
		x.lose(l, "nothing passes")
	}
}

// lose ends a link. Its ends are told in their own time.
func (x *wide) lose(l *link, reason string) {
	w := x.w
	l.dead, x.turned = true, w.now
	x.again[pairOf(l)] = w.now + between(x.rand, 200*time.Millisecond, 4*time.Second)
	for i, n := range l.ends {
		l.lanes[i].queue = nil
		if !n.up || n.life != l.lives[i] {
			continue
		}
		peer := l.ends[1-i]
		w.soon(n, between(x.rand, 10*time.Millisecond, 2500*time.Millisecond), func() {
			l.over[i], x.turned = true, w.now
			if !l.up[i] {
				return
			}
			l.up[i] = false
			delete(x.held, [2]int{n.index, peer.index})
			w.note(n.name, "link to %s is down: %s", peer.name, reason)
			n.rep.LinkDown(n.moment(), peer.id, reason)
			w.settle(n)
		})
	}
}

func pairOf(l *link) [2]int { return [2]int{l.ends[0].site, l.ends[1].site} }

// choose sees to it that a pair of data centres has a link, and the best that can be had.
func (x *wide) choose(pair [2]int) {
	w := x.w
	var live []*link
	for _, l := range x.links {
		if pairOf(l) == pair && !l.dead {
			live = append(live, l)
		}
	}
	if len(live) > 1 || len(live) == 0 && w.now < x.again[pair] || len(live) == 1 && w.now-live[0].since < overlap {
		return
	}
	a, b := x.best(pair)
	if a == nil || len(live) == 1 && live[0].ends == [2]*node{a, b} {
		return
	}
	x.connect(a, b)
	if len(live) == 1 {
		w.after(overlap, func() {
			if !live[0].dead {
				x.lose(live[0], "another link has taken over")
			}
		})
	}
}

// best is the first gateways of a pair that reach each other, in an order that is the pair's own.
func (x *wide) best(pair [2]int) (a, b *node) {
	ordered := func(site int) []*node {
		list := x.gateways(site)
		if (x.w.plan.Seed>>(pair[0]+2*pair[1]+site))&1 == 1 {
			slices.Reverse(list)
		}
		return list
	}
	for _, a := range ordered(pair[0]) {
		for _, b := range ordered(pair[1]) {
			if x.w.net.trip(a, b) {
				return a, b
			}
		}
	}
	return nil, nil
}

// connect makes a link. Each end is told when it is, one or the other sometimes seconds later.
func (x *wide) connect(a, b *node) {
	w := x.w
	l := &link{
		ends: [2]*node{a, b}, lives: [2]int{a.life, b.life}, since: w.now,
		delay: between(x.rand, 5*time.Millisecond, 60*time.Millisecond),
	}
	x.links = append(x.links, l)
	x.turned = w.now
	for i, n := range l.ends {
		d := l.delay
		if x.rand.IntN(6) == 0 {
			d += between(x.rand, 0, 2*time.Second)
		}
		w.soon(n, d, func() { x.tellUp(l, i) })
	}
}

// tellUp tells an end, once it has been told that its last link to the same gateway is down.
func (x *wide) tellUp(l *link, i int) {
	w, n, peer := x.w, l.ends[i], l.ends[1-i]
	if l.dead {
		return
	}
	key := [2]int{n.index, peer.index}
	if old := x.held[key]; old != nil && old.up[slices.Index(old.ends[:], n)] && old.lives[slices.Index(old.ends[:], n)] == n.life {
		w.soon(n, 100*time.Millisecond, func() { x.tellUp(l, i) })
		return
	}
	x.held[key], l.up[i], l.told, x.turned = l, true, w.now, w.now
	w.note(n.name, "link to %s is up", peer.name)
	n.rep.LinkUp(n.moment(), peer.id)
	n.rep.SetDistance(n.moment(), spread.DatacenterOf(peer.id), 2*l.delay)
	w.settle(n)
	x.drain(l, 1-i)
}

// send takes a message for the far end of a link.
func (x *wide) send(from *node, id string, size int, deliver func(*node)) {
	w := x.w
	peers := w.byID[id]
	if len(peers) == 0 {
		return
	}
	l := x.held[[2]int{from.index, peers[0].index}]
	i := 0
	if l != nil && l.ends[1] == from {
		i = 1
	}
	if l == nil || l.dead || !l.up[i] || l.lives[i] != from.life || x.full[from.site] > 0 {
		w.stats.Lost++
		return
	}
	w.stats.Streams++
	t := &l.lanes[i]
	t.last = max(t.last, w.now+l.delay+between(x.rand, 0, 40*time.Millisecond)+time.Duration(size)*time.Second/bandwidth)
	t.queue = append(t.queue, parcel{t.last, deliver})
	w.at(t.last, func() { x.drain(l, i) })
}

// drain delivers what has arrived at the end of a lane, in order. What cannot pass waits, until the link is given up.
func (x *wide) drain(l *link, i int) {
	w, t, from, to := x.w, &l.lanes[i], l.ends[i], l.ends[1-i]
	for len(t.queue) > 0 && t.queue[0].at <= w.now && !l.dead && l.up[1-i] {
		if !w.net.clear(from.place, to.place) {
			if !t.again {
				t.again = true
				w.after(200*time.Millisecond, func() {
					t.again = false
					x.drain(l, i)
				})
			}
			return
		}
		next := t.queue[0]
		t.queue = t.queue[1:]
		life := l.lives[1-i]
		w.soon(to, 0, func() {
			if to.life == life && !l.over[1-i] {
				next.deliver(to)
			}
		})
	}
}

// meets reports whether news gets from one gateway to another, over others if need be.
func (x *wide) meets(a, b *node) bool {
	met := map[int]bool{a.index: true}
	for front := []*node{a}; len(front) > 0; front = front[1:] {
		if front[0] == b {
			return true
		}
		for site := range x.sites {
			for _, y := range x.gateways(site) {
				if !met[y.index] && x.w.net.trip(front[0], y) {
					met[y.index] = true
					front = append(front, y)
				}
			}
		}
	}
	return false
}

// far is the data centres to which a gateway has been told that it has links.
func (x *wide) far(n *node) []int {
	var out []int
	for _, l := range x.links {
		for i, end := range l.ends {
			if site := l.ends[1-i].site; end == n && l.up[i] && l.lives[i] == n.life && !slices.Contains(out, site) {
				out = append(out, site)
			}
		}
	}
	return out
}

// listen tells a gateway which data centres have links to which, as it has heard: late, and stale for a while when those
// who would know cannot be heard.
func (x *wide) listen(n *node) {
	w := x.w
	links := make([][]string, x.sites)
	for _, q := range w.nodes[:w.plan.Nodes] {
		if !x.gateway(q) {
			continue
		}
		key := [2]int{n.index, q.index}
		known := x.heard[key]
		late := w.now-known.at < tagLag && x.rand.IntN(3) == 0
		switch {
		case q == n || q.runs() && !late && x.meets(n, q):
			known = tag{w.now, x.far(q)}
		case w.now-known.at > tagAge:
			known = tag{}
		}
		x.heard[key] = known
		for _, site := range known.to {
			if dc := siteName(site); !slices.Contains(links[q.site], dc) {
				links[q.site] = append(links[q.site], dc)
			}
		}
	}
	for site, to := range links {
		n.rep.Linked(n.moment(), siteName(site), to)
	}
	w.settle(n)
}

// look keeps account of which data centres have a path between them.
func (x *wide) look() {
	works := func(l *link) bool {
		return !l.dead && l.up[0] && l.up[1] && l.stuck == 0 && x.w.now-l.told > linkedFor
	}
	believed := func(l *link) bool { return l.up[0] || l.up[1] }
	for a := range x.sites {
		good, seen := x.reached(a, works), x.reached(a, believed)
		heard := x.hear(a)
		for b := range x.sites {
			if !good[b] || !heard {
				x.joined[a][b] = x.w.now
			}
			if seen[b] {
				x.apart[a][b] = x.w.now
			}
		}
	}
}

// reached is the data centres that one gets to from another over links of a kind.
func (x *wide) reached(from int, kind func(*link) bool) []bool {
	met := make([]bool, x.sites)
	met[from] = true
	for range x.sites {
		for _, l := range x.links {
			if p := pairOf(l); kind(l) {
				met[p[0]] = met[p[0]] || met[p[1]]
				met[p[1]] = met[p[0]]
			}
		}
	}
	return met
}

// hear reports whether every gateway of a data centre hears every other that runs.
func (x *wide) hear(site int) bool {
	own := x.gateways(site)
	for other := range x.sites {
		for _, q := range x.gateways(other) {
			for _, g := range own {
				if !x.meets(g, q) {
					return false
				}
			}
		}
	}
	return len(own) > 0
}
