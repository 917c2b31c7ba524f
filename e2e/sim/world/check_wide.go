package world

import (
	"slices"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/spread"
)

// Bounds between data centres.
const (
	// awayWithin is how long a data centre may have been unreachable by any path until its instances are kept: the tags of
	// gateways that are gone count for a while, and so does the word of a gateway.
	awayWithin = tagAge + tagLag + 24*time.Second
	// backWithin is how long a path may have been there until they are no longer.
	backWithin = 25 * time.Second
	// linkedFor is how long links must have been as they are for every gateway to know it.
	linkedFor = tagLag + 5*time.Second
	// seenWithin is how long a write takes over a path of two links when nothing is lost, seenAnyway when packets are.
	seenWithin = time.Second
	seenAnyway = 12 * time.Second
	// farIdle is how long a sync over a link waits for an answer that was dropped, and keeps others from starting.
	farIdle = time.Minute
)

// steady is since when a process has not been stopped.
func (n *node) steady() time.Duration {
	return max(n.started, n.w.net.bad[n.w.net.link(n.place, n.place)])
}

// knows reports whether a node may name another as a home: itself, a member that it sees, or one elsewhere that is there.
func (w *World) knows(n *node, home string) bool {
	if spread.DatacenterOf(home) != spread.DatacenterOf(n.id) {
		return slices.ContainsFunc(w.byID[home], func(q *node) bool { return q.up })
	}
	return home == n.id || w.resolve(n, home) != nil
}

// closest is one of some nodes in the data centre of a place.
func (w *World) closest(nodes []*node, place, i int) *node {
	var own []*node
	for _, n := range nodes {
		if n.site == w.plan.site(place) {
			own = append(own, n)
		}
	}
	return own[i%len(own)]
}

// checkEnder: nobody but members of its own data centre ends an instance.
func (w *World) checkEnder(n *node, old *muster.Instance, rec *catalog.Record) {
	if rec != nil && rec.Deleted() && spread.DatacenterOf(rec.Stamp.Dot.Origin.Node) != old.Datacenter {
		w.fail("anytime_only_its_own_ends_it", "%s has no %s of %s any more: %s ended it", n.name, old.Key(), old.Datacenter, rec.Stamp.Dot)
	}
}

// checkAcross is what must hold between data centres at any time.
func (w *World) checkAcross() {
	if !w.plan.wide() || w.phase == aging {
		return
	}
	calm := make([]bool, w.wide.sites)
	for site := range calm {
		calm[site] = w.calmSince(site, w.now-backWithin)
	}
	for _, n := range w.nodes {
		if !n.runs() || !n.ready {
			continue
		}
		away, lossy := n.rep.Away(), w.plan.Net.Loss > 0.01 || w.net.storms > 0
		for site := range w.wide.sites {
			if site == n.site {
				continue
			}
			dc := siteName(site)
			since := max(w.wide.joined[n.site][site], n.steady())
			if !lossy && slices.Contains(away, dc) && calm[n.site] && w.now-since > backWithin {
				w.fail("anytime_what_a_path_reaches_is_not_away", "%s takes %s for unreachable, and there has been a path since %v", n.name, dc, since)
			}
		}
		w.checkKept(n)
	}
}

// checkKept: what no path reaches is kept.
func (w *World) checkKept(n *node) {
	for _, v := range n.rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			for site := range w.wide.sites {
				since := max(w.wide.apart[n.site][site], n.steady(), n.changed[inst.Key()])
				if site != n.site && siteName(site) == inst.Datacenter && !inst.Preserved && w.now-since > awayWithin {
					w.fail("anytime_what_no_path_reaches_is_kept", "%s has %s of %s as it was, and there has been no path since %v",
						n.name, inst.Key(), inst.Datacenter, since)
					return
				}
			}
		}
	}
}

// expect looks for what a client has just registered, in the other data centres.
func (w *World) expect(c *client) {
	if !w.plan.wide() {
		return
	}
	within := seenAnyway
	if w.plan.Net.Loss == 0 {
		within = seenWithin
	}
	version, at := c.version, w.now
	if c.private() {
		w.after(within+goneWithin, func() { w.checkUnseen(c, version, at) })
		return
	}
	w.after(within, func() { w.checkSeen(c, version, at) })
}

// checkSeen: where a path is up, and everyone knows it, a write gets to every node in time.
func (w *World) checkSeen(c *client, version int, at time.Duration) {
	for _, n := range w.reached(c, version, at) {
		inst, _ := n.rep.Catalog().Get(c.key)
		w.stats.Across++
		if want := string(rune('a' + version%26)); inst == nil || inst.Metadata["version"] != want {
			w.fail("anytime_writes_cross_in_time", "%s does not see what client %d registered in %s at %v: %v",
				n.name, c.index, siteName(w.plan.site(c.plan.Place)), at, inst)
			return
		}
	}
}

// reached is the nodes of other data centres that must know by now what a client has written, if it has written nothing since.
func (w *World) reached(c *client, version int, at time.Duration) []*node {
	x, home := &w.wide, w.plan.site(c.plan.Place)
	from := at - linkedFor
	if c.version != version || !c.running || !c.wants || x.turned > from || x.overflowed > 0 && x.overflowed+farIdle > from || w.phase == aging {
		return nil
	}
	for site := range x.sites {
		if x.full[site] > 0 || !w.calmSince(site, from) {
			return nil
		}
	}
	var out []*node
	for _, n := range w.nodes {
		if n.site == home || !n.up || !n.ready || n.steady() > from || x.joined[home][n.site] > from || x.joined[n.site][home] > from {
			continue
		}
		out = append(out, n)
	}
	return out
}

// apart lists the ways between two data centres, or between one and all others.
func (w *World) apart(f *Fault) [][2]int {
	var links [][2]int
	one, two := w.plan.site(f.Node), w.plan.site(f.Far)
	for a := range w.plan.Nodes {
		for b := range w.plan.Nodes {
			if x, y := w.plan.site(a), w.plan.site(b); x == one && y != one && (f.Kind == CutDatacenter || y == two) {
				links = append(links, [2]int{a, b}, [2]int{b, a})
			}
		}
	}
	return links
}
