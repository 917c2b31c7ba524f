package world

import (
	"slices"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

// ledger is what the world knows of writes, beside the product's own account: which registrations there were of each
// instance, and which of them the writer of a tombstone knew of when it wrote it. By it a zombie is told from a
// registration that was concurrent with the deletion.
type ledger struct {
	written map[muster.Key][]causal.Dot
	dead    map[causal.Dot][]causal.Dot
}

func (l *ledger) init() {
	l.written = make(map[muster.Key][]causal.Dot)
	l.dead = make(map[causal.Dot][]causal.Dot)
}

// registered notes a registration. Few are written of one instance.
func (l *ledger) registered(key muster.Key, d causal.Dot) {
	if !slices.Contains(l.written[key], d) {
		l.written[key] = append(l.written[key], d)
	}
}

// deleted notes a tombstone, at its writer.
func (l *ledger) deleted(key muster.Key, tomb causal.Dot, cat *catalog.Catalog) {
	for _, d := range l.written[key] {
		// What is on the other side is ended there: see catalog.Unite.
		if d != tomb && d.Origin.IsPrivate() == tomb.Origin.IsPrivate() && cat.Covers(d) {
			l.dead[d] = append(l.dead[d], tomb)
		}
	}
}

// eviction is a lease that a node has evicted, which it counts as lost for another TTL.
type eviction struct {
	at, ttl time.Duration
	zone    string
	key     muster.Key
}

// hearing is when a node last heard of a lease, and the longest that it has waited since it holds it.
type hearing struct {
	at, gap time.Duration
	sure    bool // it renewed or registered here; else it became this node's by a change, and its clock may be older
}

func (n *node) hears(key muster.Key) {
	h := n.heard[key]
	if h.at > 0 {
		h.gap = max(h.gap, n.w.now-h.at)
	}
	h.at, h.sure = n.w.now, true
	n.heard[key] = h
}

func (n *node) granted(key muster.Key) { n.heard[key] = hearing{at: n.w.now} }

// refreshed starts the clocks of all leases afresh, as a node does that could not hear.
func (n *node) refreshed() {
	for k, h := range n.heard {
		h.at = n.w.now
		n.heard[k] = h
	}
}

// overdue reports whether the node must take a lease for silent by now: 1.5 of its intervals, which it believes to be no
// longer than the longest that it has seen, or half a TTL until it has seen any.
func (n *node) overdue(inst *muster.Instance) bool { return n.late(inst.Key(), inst.TTL) }

func (n *node) late(key muster.Key, ttl time.Duration) bool {
	h := n.heard[key]
	after := min(max(ttl/2, h.gap)*3/2, ttl)
	return n.w.now-h.at > after*102/100+100*time.Millisecond
}

// observe looks at what has changed in a node's catalog since it was last looked at, and at what the node tells.
func (w *World) observe(n *node) {
	cat := n.rep.Catalog()
	if index := cat.Index(); index != n.seen {
		changes, ok := cat.Since(n.seen)
		n.seen = index
		if !ok {
			w.rescan(n)
		}
		for i := range changes {
			w.change(n, &changes[i])
		}
	}
	for _, ev := range n.rep.TakeEvents() {
		if w.out != nil {
			w.note(n.name, "%s: %s: %s", ev.Type, ev.Subject, ev.Text)
		}
	}
	if ready, why := n.rep.Ready(); ready && !n.ready {
		n.ready = true
		n.refreshed()
		w.note(n.name, "is ready: %s", why)
		w.checkReady(n, why)
	}
}

// registration is an instance's registration, or, where it has none, the tombstone of the last one; nil if there is none.
func registration(cat *catalog.Catalog, key muster.Key) *catalog.Record {
	if rec := cat.Registration(key); rec != nil {
		return rec
	}
	var last *catalog.Record
	for _, rec := range cat.Registers(key) {
		if rec.Kind == catalog.KindRegistration && (last == nil || rec.Stamp.Wins(last.Stamp)) {
			last = rec
		}
	}
	return last
}

// wrote reports whether the present life of a node has written a record.
func wrote(cat *catalog.Catalog, rec *catalog.Record) bool {
	o, self := rec.Stamp.Dot.Origin, cat.Self()
	return o.Node == self.Node && o.Life() == self.Incarnation
}

// rescan starts the account of a node afresh, when its history does not reach back.
func (w *World) rescan(n *node) {
	cat := n.rep.Catalog()
	for _, v := range cat.Services().Services {
		for _, inst := range v.Instances() {
			key := inst.Key()
			n.changed[key] = w.now
			if inst.Home == n.id {
				n.granted(key)
			}
			if rec := registration(cat, key); rec != nil {
				w.ledger.registered(key, rec.Stamp.Dot)
			}
		}
	}
}

// change is one change of one instance at one node.
func (w *World) change(n *node, ch *catalog.Change) {
	cat := n.rep.Catalog()
	n.changed[ch.Key] = w.now
	rec := registration(cat, ch.Key)
	if ch.New != nil {
		w.mix(uint64(ch.New.Status)<<8 ^ uint64(len(ch.New.Home)))
		if w.out != nil {
			w.note(n.name, "has %s: home %s, %s, preserved %v", ch.Key, ch.New.Home, ch.New.Status, ch.New.Preserved)
		}
		if ch.New.Home == n.id && (ch.Old == nil || ch.Old.Home != n.id || !ch.Old.RegisteredAt.Equal(ch.New.RegisteredAt)) {
			n.granted(ch.Key)
		}
		if rec != nil && !rec.Deleted() {
			w.ledger.registered(ch.Key, rec.Stamp.Dot)
			w.checkEarly(n, rec)
			w.checkZombie(n, ch.Key, rec.Stamp.Dot)
		}
		w.checkFight(n, ch)
		w.checkTargetChange(n, ch)
		return
	}
	w.mix(uint64(ch.Cause) + 77)
	w.checkEnder(n, ch.Old, rec)
	if w.out != nil {
		w.note(n.name, "has no %s any more: %s", ch.Key, ch.Cause)
	}
	if rec != nil && rec.Deleted() && wrote(cat, rec) {
		w.ledger.deleted(ch.Key, rec.Stamp.Dot, cat)
		if ch.Cause == catalog.CauseEvicted && !ch.Old.Permanent {
			w.checkEviction(n, ch.Old)
			if ch.Old.Home == n.id && !n.dead(ch.Key) {
				n.evicted = append(n.evicted, eviction{w.now, ch.Old.TTL, ch.Old.Zone, ch.Key})
			}
		}
	}
	w.checkVanished(n, ch)
	w.checkTargetChange(n, ch)
}
