package world

import (
	"strings"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
)

// showWithin is how long it may take, when nothing is wrong, until every node shows how a target is: until its home has
// looked and told, or, if the home has died, until an heir has noticed that and looked.
func (t *target) showWithin() time.Duration {
	return 2*t.plan.Interval + t.plan.TTL + calmFor + 5*time.Second
}

// checkTargets: what the checks find is shown by every node that is connected.
func (w *World) checkTargets() {
	for _, t := range w.targets {
		from := w.now - t.showWithin()
		if w.phase == aging || t.acked == 0 || t.acked > from || !w.calmSince(w.plan.site(t.plan.Place), from) {
			continue
		}
		for _, n := range w.nodes {
			if n.up && n.ready && n.site == w.plan.site(t.plan.Place) && n.started < from {
				w.checkTarget(n, t, from, "anytime_checks_show_what_is")
			}
		}
	}
}

// checkTarget holds what a node shows of a target against how that is, if it has been so since from.
func (w *World) checkTarget(n *node, t *target, from time.Duration, checker string) {
	truth, since := t.truth()
	quiet, quietSince := t.quiet()
	if since > from || quietSince > from || t.gone {
		return
	}
	if w.plan.wide() && n.changed[t.key] > from {
		return // A data centre that has lost its memory has it back only now, from another.
	}
	inst, _ := n.rep.Catalog().Get(t.key)
	if inst == nil {
		if t.plan.After == 0 && !quiet {
			w.fail(checker, "%s does not know the target %s, which stays until it is deregistered", n.name, t.key)
		}
		return
	}
	found := inst.Results[0]
	switch {
	case (inst.Status == muster.StatusDown) != (found.Status == muster.CheckCritical):
		w.fail(checker, "%s has %s as %s, its check is %s", n.name, t.key, inst.Status, found.Status)
	case quiet:
		// All that is silent is critical in the end, or known to be kept. Of what is silent in a recovery it takes a while.
		if found.Status != muster.CheckCritical && !inst.Preserved && w.now-quietSince > 4*t.plan.TTL+t.showWithin() {
			w.fail(checker, "%s has %s as %s, which has not reported since %v: %+v", n.name, t.key, found.Status, quietSince, n.rep.Scopes())
		}
	case found.Status != truth:
		w.fail(checker, "%s has %s as %s (%q), home %s, and it is %s since %v", n.name, t.key, found.Status, found.Output, inst.Home, truth, since)
	}
}

// checkTargetChange is what must hold of every change of a target.
func (w *World) checkTargetChange(n *node, ch *catalog.Change) {
	t := w.target[ch.Key]
	switch {
	case t == nil || w.phase == aging:
	case ch.New == nil && t.plan.After == 0:
		w.fail("anytime_checks_end_nothing", "%s has no %s any more (%s), and nobody deregistered it", n.name, t.key, ch.Cause)
	case ch.New == nil:
		// Who removes it has not found it well for a minute, by its own clock.
		if rec := registration(n.rep.Catalog(), ch.Key); rec != nil && rec.Deleted() && wrote(n.rep.Catalog(), rec) {
			if well := w.now - n.well[ch.Key]; n.well[ch.Key] > 0 && well < time.Minute*98/100 {
				w.fail("anytime_deregisters_after_a_minute", "%s deregisters %s, which it found well %v ago", n.name, t.key, well)
			}
		}
	case ch.Old != nil && ch.New.Home == n.id && len(ch.Old.Results) > 0 && len(ch.New.Results) > 0:
		w.checkExpiry(n, t, ch.Old.Results[0], ch.New.Results[0])
	}
}

// checkExpiry: while too large a part of the reports is missing, a missing one proves nothing.
func (w *World) checkExpiry(n *node, t *target, was, is muster.CheckResult) {
	if was.Status == muster.CheckCritical || is.Status != muster.CheckCritical || !strings.HasPrefix(is.Output, "TTL expired") {
		return
	}
	rec := checksOf(n.rep.Catalog(), t.key)
	if rec == nil || rec.Deleted() || !wrote(n.rep.Catalog(), rec) || rec.Checks.Results[0] != is {
		return // Somebody else's word, or one that this node has taken back already.
	}
	silent, total := 1, 0
	for _, u := range w.targets {
		inst, _ := n.rep.Catalog().Get(u.key)
		if u.plan.TTL == 0 || inst == nil || inst.Home != n.id {
			continue
		}
		total++
		if u != t && inst.Results[0].Status != muster.CheckCritical && n.late(u.key, u.plan.TTL) {
			silent++
		}
	}
	if tooMany(silent, total) {
		w.fail("anytime_mass_silence_turns_nothing_critical", "%s has %s expired while %d of %d are silent: %+v",
			n.name, t.key, silent, total, n.rep.Scopes())
	}
}

// checksOf is the record in an instance's register of results, nil if there is none.
func checksOf(cat *catalog.Catalog, key muster.Key) *catalog.Record {
	for _, rec := range cat.Registers(key) {
		if rec.Kind == catalog.KindChecks {
			return rec
		}
	}
	return nil
}
