package world

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// Margins of the checkers that judge a node by what the world knows: what is closer to the line than this is left alone.
const (
	// calmFor is how long two nodes must have been able to talk before what one knows counts as known to the other.
	calmFor = 15 * time.Second
	// hearWithin is how long a renewal may take from the node that acknowledged it to the one that holds the lease.
	hearWithin = time.Second
	// stableFor is how long an instance must have been as it is at every node before a new node has to know it.
	stableFor = 4 * time.Second
)

// checkDigests is I1: equal vectors have equal states.
func (w *World) checkDigests(a, b *node) {
	x, y := a.rep.Digest(), b.rep.Digest()
	if x.Vector == y.Vector && x.State != y.State && !w.plan.Late {
		w.fail("anytime_equal_vectors_equal_states", "%s and %s cover the same and hold something else: %s", a.name, b.name, difference(a, b))
	}
}

// difference names a few records that one of two nodes holds and the other does not.
func difference(a, b *node) string {
	held := func(n *node) map[causal.Dot]*catalog.Record {
		m := make(map[causal.Dot]*catalog.Record)
		for _, rec := range n.rep.Catalog().Records() {
			if !rec.Deleted() {
				m[rec.Stamp.Dot] = rec
			}
		}
		return m
	}
	x, y := held(a), held(b)
	var lines []string
	add := func(n *node, m, other map[causal.Dot]*catalog.Record) {
		for d, rec := range m {
			if other[d] == nil {
				lines = append(lines, fmt.Sprintf("%s has register %d of %s as of %s, lamport %d", n.name, rec.Kind, rec.Key, d, rec.Stamp.Lamport))
			}
		}
	}
	add(a, x, y)
	add(b, y, x)
	slices.Sort(lines)
	return strings.Join(lines[:min(4, len(lines))], "; ")
}

// checkZombie is I2: what was deleted by someone who knew it is not seen again by those who know of the deletion.
func (w *World) checkZombie(n *node, key muster.Key, d causal.Dot) {
	for _, tomb := range w.ledger.dead[d] {
		if n.rep.Catalog().Covers(tomb) {
			w.fail("anytime_no_zombie", "%s shows %s as of %s, which it knows was deleted by %s", n.name, key, d, tomb)
			return
		}
	}
}

// checkEarly: a node that has not caught up registers nothing. Its counter is behind, and members that still hold a tombstone
// and members that have collected it would come to hold different states.
func (w *World) checkEarly(n *node, rec *catalog.Record) {
	if ready, _ := n.rep.Ready(); !ready && wrote(n.rep.Catalog(), rec) {
		w.fail("anytime_registers_only_when_ready", "%s, which is not ready, writes %s as %s", n.name, rec.Key, rec.Stamp.Dot)
	}
}

// alive reports whether a client is there, has been promised its place, and should be seen.
func (c *client) alive() bool { return c != nil && c.running && c.wants && c.acked > 0 }

// checkEviction judges a node that has just evicted a lease.
func (w *World) checkEviction(n *node, old *muster.Instance) {
	w.stats.Evictions++
	if !n.ready {
		w.fail("anytime_judges_only_when_ready", "%s, which is not ready, evicts %s", n.name, old.Key())
	}
	heard := n.heard[old.Key()]
	if silence := w.now - heard.at; old.Home == n.id && heard.sure && silence < old.TTL*98/100 {
		w.fail("anytime_expiry_is_a_whole_ttl", "%s evicts %s, TTL %v, %v after it could last have heard of it", n.name, old.Key(), old.TTL, silence)
	}
	c := w.byKey[old.Key()]
	if c.alive() && !c.plan.Embedded {
		w.checkWrongEviction(n, c, old)
	}
	switch {
	case n.dead(old.Key()):
		return // It is known to be dead, however many others are silent.
	case old.Home == n.id:
		w.checkOwnScope(n, old)
	case old.Embedded:
		w.checkDeadNodes(n, old)
	default:
		w.checkDeadHomes(n, old)
	}
}

// checkWrongEviction: Of two nodes of one name it is not known which one a renewal was passed to. Otherwise a renewal that reached a node in time, from which this one has long been reachable, counts.
func (w *World) checkWrongEviction(n *node, c *client, old *muster.Instance) {
	if len(w.byID[old.Home]) > 1 {
		return
	}
	holders := []*node{n}
	for _, q := range w.byID[old.Home] {
		if q.up && q != n {
			holders = append(holders, q)
		}
	}
	for _, a := range c.acks {
		if a.at < w.now-old.TTL*9/10 || a.at > w.now-hearWithin || !a.node.up || a.life != a.node.life {
			continue
		}
		calm := true
		for i, x := range append(holders, a.node) {
			for _, y := range append(holders, a.node)[:i] {
				calm = calm && w.healthy(x, y) < a.at-calmFor
			}
		}
		if calm && w.healthy(n, n) < a.at-calmFor {
			w.fail("anytime_no_wrong_eviction", "%s evicts %s of %s, which renewed at %s at %v and can be heard",
				n.name, old.Key(), old.Home, a.node.name, a.at)
			return
		}
	}
}

// tooMany reports whether that many lost leases are clearly above what may be lost.
func tooMany(lost, total int) bool {
	rule := muster.DefaultPreserve()
	return lost >= rule.MinLost && float64(lost) > (1-rule.Threshold)*float64(total)+0.5
}

// checkOwnScope: a zone of which too many leases are silent loses none. Silent is what has been for the longest time
// that a lease may take to count as overdue.
func (w *World) checkOwnScope(n *node, old *muster.Instance) {
	lost, total := 1, 1
	var silent []string
	for _, v := range n.rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			if inst.Home != n.id || inst.Embedded || inst.Permanent || inst.Zone != old.Zone {
				continue
			}
			total++
			if n.overdue(inst) {
				lost++
				silent = append(silent, fmt.Sprintf("%s for %v of %v", inst.ID, w.now-n.heard[inst.Key()].at, inst.TTL))
			}
		}
	}
	for _, e := range n.evicted {
		if n.changed[e.key] > e.at {
			continue // It has come back, and no longer counts as lost.
		}
		if e.zone == old.Zone && w.now-e.at < e.ttl*98/100 {
			lost++
			total++
			silent = append(silent, fmt.Sprintf("%s evicted %v ago", e.key.ID, w.now-e.at))
		}
	}
	if tooMany(lost, total) {
		w.fail("anytime_preserves_before_it_evicts", "%s evicts %s while %d of %d leases of zone %s are silent: %s; %+v",
			n.name, old.Key(), lost, total, old.Zone, strings.Join(silent, ", "), n.rep.Scopes())
	}
}

// checkDeadHomes: of the leases of dead homes none goes while too many have not been claimed.
func (w *World) checkDeadHomes(n *node, old *muster.Instance) {
	unclaimed, total := 1, 1
	for _, v := range n.rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			if inst.Embedded || inst.Permanent {
				continue
			}
			if inst.Datacenter != old.Datacenter {
				continue
			}
			total++
			if inst.Home != n.id && w.resolve(n, inst.Home) == nil {
				unclaimed++
			}
		}
	}
	if tooMany(unclaimed, total) {
		w.fail("anytime_preserves_the_leases_of_dead_homes", "%s evicts %s of %s while %d of %d leases are of dead homes",
			n.name, old.Key(), old.Home, unclaimed, total)
	}
}

// checkDeadNodes: instances that live in nodes are not taken for dead while the nodes that are gone look like a cut.
func (w *World) checkDeadNodes(n *node, old *muster.Instance) {
	dead := map[string]bool{old.Home: true}
	for _, v := range n.rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			if inst.Datacenter == old.Datacenter && inst.Home != n.id && !inst.Permanent && w.resolve(n, inst.Home) == nil {
				dead[inst.Home] = true
			}
		}
	}
	up := 1
	for _, q := range w.nodes {
		if q != n && n.peer(q).up {
			up++
		}
	}
	if len(dead) >= 2 && float64(len(dead)) > (1-muster.DefaultPreserve().Threshold)*float64(up+len(dead))+0.01 {
		w.fail("anytime_preserves_what_lives_in_dead_nodes", "%s evicts %s while %d nodes are gone and %d are there",
			n.name, old.Key(), len(dead), up)
	}
}

// checkVanished is I3 while it lasts: what is promised and renewed does not go from any node's answers as long as all
// nodes that run can talk. Nodes may have crashed meanwhile.
func (w *World) checkVanished(n *node, ch *catalog.Change) {
	c := w.byKey[ch.Key]
	if !c.alive() || c.plan.Embedded || !n.ready || n.site != w.plan.site(c.plan.Place) {
		return
	}
	if now, _ := n.rep.Catalog().Get(ch.Key); now != nil && c.plan.veers() {
		// A node that is its own data centre has lost the private registration in a crash, and has only now heard of the end
		// of the one before it, which it has as live: it has asserted it again at once.
		return
	}
	from := w.now - calmFor - c.plan.TTL
	if c.acked > from || w.gapSince(c, from) {
		return
	}
	if w.calmSince(n.site, from) {
		w.fail("anytime_nothing_promised_vanishes", "%s has no %s any more (%s), whose client renews, and nothing was wrong",
			n.name, ch.Key, ch.Cause)
	}
}

// gapSince reports whether a client has been without an acknowledgement for longer than its lease allows. What a node that
// has crashed since has acknowledged does not count: the crash of a home may cost one interval.
func (w *World) gapSince(c *client, from time.Duration) bool {
	last := from
	for _, a := range c.acks {
		if a.at < from || !a.node.up || a.node.life != a.life {
			continue
		}
		if a.at-last > c.plan.TTL/2 {
			return true
		}
		last = a.at
	}
	return w.now-last > c.plan.TTL/2
}

// calmSince reports whether all nodes of a data centre that run could talk to all others all the time, and those that have
// crashed could until then.
func (w *World) calmSince(site int, from time.Duration) bool {
	for l, at := range w.net.broken {
		if w.plan.site(l/w.net.places) != site || w.plan.site(l%w.net.places) != site {
			continue
		}
		if at > from || w.net.cut[l] > 0 || w.net.clog[l] > 0 {
			return false
		}
	}
	if w.doubted > from {
		return false
	}
	for i, a := range w.nodes {
		if !a.up || a.site != site {
			continue
		}
		for _, b := range w.nodes[:i+1] {
			if b.up && b.site == site && w.healthy(a, b) > from {
				return false
			}
		}
	}
	return true
}

// checkReady: a node that says it has caught up knows what every node that it can reach has known for a while.
func (w *World) checkReady(n *node, why string) {
	if why != "caught up with its peers" {
		return
	}
	var peers []*node
	for _, q := range w.nodes {
		if q == n || q.site != n.site || !q.up || !q.ready || !w.net.trip(n, q) {
			continue
		}
		peers = append(peers, q)
	}
	if len(peers) == 0 {
		return
	}
	for _, v := range peers[0].rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			key, known := inst.Key(), true
			for _, q := range peers {
				got, _ := q.rep.Catalog().Get(key)
				known = known && got != nil && q.changed[key] < w.now-stableFor
			}
			// What it covers and does not hold, it knows to be deleted: who is right is then settled by the home.
			rec := registration(peers[0].rep.Catalog(), key)
			if known && registration(n.rep.Catalog(), key) == nil && !n.rep.Catalog().Covers(rec.Stamp.Dot) && w.byKey[key].alive() {
				w.fail("anytime_ready_means_complete", "%s is ready and does not know %s, which all others have known since %v",
					n.name, key, peers[0].changed[key])
				return
			}
		}
	}
}

// checkFight: once everything has settled, homes stay where they are.
func (w *World) checkFight(n *node, ch *catalog.Change) {
	c := w.byKey[ch.Key]
	if w.phase != liveness || w.now < w.healed+w.recovery()-steadyFor || !c.alive() || w.now-c.since < calmFor {
		return
	}
	if ch.Old == nil || ch.Old.Home != ch.New.Home || ch.Old.Preserved != ch.New.Preserved {
		w.fail("finally_no_fights", "%s still sees %s change: home %s, preserved %v", n.name, ch.Key, ch.New.Home, ch.New.Preserved)
	}
}

// sample looks at everything, once a second.
func (w *World) sample() {
	w.after(time.Second, w.sample)
	states := make(map[uint64]*node)
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		d := n.rep.Digest()
		if other := states[d.Vector]; other != nil {
			w.checkDigests(n, other)
		}
		states[d.Vector] = n
		w.checkEngine(n, n.rep.Traffic())
		w.checkPrivate(n)
	}
	w.checkEventually()
	w.checkTargets()
	w.checkAcross()
}

// checkEngine is I5 for the replication engine, and the metric that must stay 0.
func (w *World) checkEngine(n *node, s spread.Stats) {
	syncsOut := 2
	if w.wide.gateway(n) {
		syncsOut = 4 // Those over links do not wait for those with members.
	}
	switch {
	case s.Divergences > 0 && !w.plan.Late:
		w.fail("anytime_no_divergence", "%s counts %d divergences", n.name, s.Divergences)
	case s.Malformed > 0:
		w.fail("anytime_nothing_malformed", "%s counts %d malformed messages", n.name, s.Malformed)
	case s.CachedBytes > 4<<20 || s.Lacking > 1024 || s.SyncsWaiting > 16 || s.SyncsIn > 4 || s.SyncsOut > syncsOut:
		w.fail("anytime_engine_is_bounded", "%s holds %+v", n.name, s)
	}
}
