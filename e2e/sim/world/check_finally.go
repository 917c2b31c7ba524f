package world

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/selfpreserve"
)

// checkEventually: within the bound after the repair, every node of the core is ready, sees all others, and holds the same.
func (w *World) checkEventually() {
	if w.phase != liveness || w.stats.Converged > 0 {
		return
	}
	why := w.disagreement()
	if why == "" {
		w.stats.Converged = w.now - w.healed
		w.note("--", "the core agrees, %v after the repair", w.stats.Converged)
		return
	}
	if w.now-w.healed > w.plan.converge() {
		w.fail("eventually_core_converges", "%v after everything was repaired: %s", w.now-w.healed, why)
	}
}

// disagreement is what the core still lacks; "" if nothing.
func (w *World) disagreement() string {
	core := w.core()
	for _, n := range core {
		if ready, why := n.rep.Ready(); !ready {
			return n.name + " is not ready: " + why
		}
		for _, q := range core {
			if v := n.peer(q); q != n && q.site == n.site && (!v.up || v.life != q.life) {
				return n.name + " does not see " + q.name
			}
		}
	}
	for _, n := range core {
		first := core[0]
		same := n.rep.FarDigest() == first.rep.FarDigest()
		if near := w.closest(core, n.place, 0); same && n.rep.Digest() != near.rep.Digest() {
			first, same = near, false
		}
		if !same {
			return first.name + " and " + n.name + " do not hold the same: " + missing(first, n) + missing(n, first) + difference(first, n)
		}
	}
	return ""
}

// missing is what one node covers and another does not.
func missing(a, b *node) string {
	var s strings.Builder
	for o, r := range a.rep.Catalog().Vector().Minus(b.rep.Catalog().Vector()) {
		fmt.Fprintf(&s, "%s covers %s %d to %d; ", a.name, o, r.First, r.Last)
	}
	return s.String()
}

// checkFinally is what holds at the end of liveness.
func (w *World) checkFinally() {
	if w.failure != nil {
		return
	}
	for w.disagreement() != "" && w.now < w.healed+w.recovery()+5*time.Second {
		w.run(w.now + 100*time.Millisecond) // The last eviction may be on its way.
	}
	if why := w.disagreement(); why != "" {
		w.fail("finally_core_agrees", "%s", why)
		return
	}
	for _, c := range w.clients {
		w.checkClient(c)
	}
	for _, n := range w.core() {
		w.checkScopes(n)
		for _, t := range w.targets {
			if t.acked > 0 && t.acked < w.healed && (!strings.HasPrefix(t.plan.Service, hush) || n.site == w.plan.site(t.plan.Place)) {
				w.checkTarget(n, t, w.healed+time.Second, "finally_checks_show_what_is")
			}
		}
	}
}

// checkClient is I2 and I3 for one client: what is promised and renewed is seen everywhere, and what was deregistered or
// has died is gone, or is known to be kept.
func (w *World) checkClient(c *client) {
	should := c.alive()
	if c.plan.Embedded {
		should = c.wants && c.running && w.nodes[c.plan.Place].up
	}
	for _, n := range w.core() {
		inst, _ := n.rep.Catalog().Get(c.key)
		if w.staysHome(n, c) {
			if inst != nil {
				w.fail("finally_private_is_seen_at_home_only", "%s has %s of client %d, which is private to %s", n.name, c.key, c.index, siteName(w.plan.site(c.plan.Place)))
			}
			continue
		}
		switch {
		case should && w.now-c.since < calmFor:
		case should && inst == nil:
			w.fail("finally_promised_is_present", "%s does not know %s of client %d, which renews", n.name, c.key, c.index)
		case should && inst.Preserved:
			w.fail("finally_promised_is_present", "%s has %s of client %d, which renews, as preserved", n.name, c.key, c.index)
		case should && !w.knows(n, inst.Home):
			w.fail("finally_homes_are_alive", "%s has %s with the home %s, which is dead", n.name, c.key, inst.Home)
		case !should && inst != nil && !inst.Preserved:
			w.fail("finally_dead_is_gone_or_marked", "%s has %s of client %d, which is gone since %v, home %s", n.name, c.key, c.index, c.stopped, inst.Home)
		case !should && inst != nil && !c.plan.Embedded && w.now-c.stopped > w.recovery()/2:
			w.fail("finally_refused_is_gone", "%s keeps %s of client %d, whose host has said since %v that it is gone, home %s: %+v",
				n.name, c.key, c.index, c.stopped, inst.Home, n.rep.Scopes())
		case !should && inst != nil && c.gone != nil && slices.Contains(w.ledger.dead[registration(n.rep.Catalog(), c.key).Stamp.Dot], c.gone.tomb) && n.rep.Catalog().Covers(c.gone.tomb):
			w.fail("finally_deregistered_is_gone", "%s has %s of client %d, which was deregistered at %v", n.name, c.key, c.index, c.gone.at)
		}
	}
}

// checkScopes: where clearly few leases are silent, self-preservation has ended.
func (w *World) checkScopes(n *node) {
	lost, total := make(map[string]int), make(map[string]int)
	dead := 0
	for _, v := range n.rep.Catalog().Services().Services {
		for _, inst := range v.Instances() {
			if inst.Permanent || inst.Datacenter != spread.DatacenterOf(n.id) {
				continue
			}
			if w.resolve(n, inst.Home) == nil && inst.Home != n.id {
				dead++
			}
			if inst.Home != n.id {
				continue
			}
			total[inst.Zone]++
			if !w.byKey[inst.Key()].alive() {
				lost[inst.Zone]++
			}
		}
	}
	few, all := 0, 0
	for zone, n := range total {
		few += lost[zone]
		all += n
	}
	for _, s := range n.rep.Scopes() {
		if s.State == selfpreserve.Normal || n.clock.mono(w.now)-s.Since < max(calmFor, w.plan.longest()) {
			continue // What has begun just now, a probe that failed by chance, has not had the time to end.
		}
		l, t := few, all
		switch {
		case s.Name == selfpreserve.DatacenterScope:
			l, t = dead, max(dead, 1)
		case s.Name != selfpreserve.NodeScope:
			zone := s.Name[len(selfpreserve.ZonePrefix):]
			l, t = lost[zone], total[zone]
		}
		rule := muster.DefaultPreserve()
		if l == 0 || l < rule.MinLost && float64(l) < (1-rule.Threshold)*float64(t)-1 {
			w.fail("finally_self_preservation_ends", "%s: %s is still %s, %d of %d are silent: %s", n.name, s.Name, s.State, l, t, s.Reason)
		}
	}
}

// age lets all clients go, and time pass, until nothing may be left: I5.
func (w *World) age() {
	w.phase = aging
	core := w.core()
	for _, c := range w.clients {
		if c.running || c.wants {
			c.life++
			c.running, c.wants, c.stopped = false, false, w.now
		}
		if n := w.closest(core, c.plan.Place, c.index); n.rep.Deregister(n.moment(), c.key) == nil {
			w.settle(n)
		}
		if n := w.closest(core, c.plan.Place, c.index); n.rep.SetOverride(n.moment(), c.key, muster.StatusNone, "") == nil {
			w.settle(n)
		}
	}
	for i, t := range w.targets {
		if n := w.closest(core, t.plan.Place, i); n.rep.Deregister(n.moment(), t.key) == nil {
			w.settle(n)
		}
	}
	// An orphaned override waits for the round of chores that looks for orphans, each 10 minutes, for its age twice, and
	// then its tombstone is held, at most six times its age where a member does not agree.
	w.run(w.now + 20*time.Minute + 8*w.plan.Tombstone + 2*w.plan.Origin + time.Minute)
	for _, n := range core {
		if w.failure != nil {
			return
		}
		st := n.rep.Catalog().Stats()
		if st.Instances > 0 || st.Records > 0 || st.Tombstones > 0 {
			w.fail("finally_memory_is_bounded", "%s holds %+v after everything was deregistered long ago, first %+v",
				n.name, st, *n.rep.Catalog().Records()[0])
		}
		limit := 2*w.plan.Nodes + 2
		if w.plan.Private {
			limit *= 2 // Each life may have written as two.
		}
		if st.Origins > limit {
			w.fail("finally_origins_are_bounded", "%s remembers %d origins of %d nodes", n.name, st.Origins, w.plan.Nodes)
		}
		if s := n.rep.Traffic(); s.Cached > 0 || s.Lacking > 0 || s.SyncsIn+s.SyncsOut+s.SyncsWaiting > 0 {
			w.fail("finally_engine_is_empty", "%s: %d cached, %d lacking, %d in, %d out, %d waiting", n.name, s.Cached, s.Lacking, s.SyncsIn, s.SyncsOut, s.SyncsWaiting)
		}
	}
}
