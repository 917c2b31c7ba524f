package muster

import (
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/selfpreserve"
)

// Renewal is what became of a heartbeat.
type Renewal uint8

// The outcomes of a renewal.
const (
	// RenewalUnknown: no such instance; the client has to register again.
	RenewalUnknown Renewal = iota
	// RenewalHere: this node holds the lease.
	RenewalHere
	// RenewalForwarded: another node holds the lease and is told.
	RenewalForwarded
	// RenewalAdopted: the node that held the lease is gone; this one holds it from now on.
	RenewalAdopted
)

// Renew is a client's heartbeat. Where the lease is held here it costs a map access and changes no record.
func (r *Replica) Renew(at Moment, key Key) Renewal {
	at.Mono = max(at.Mono, r.at.Mono)
	if r.checks.Judged(key) {
		return RenewalHere // Its reports are its renewals, and nothing else is.
	}
	if n := r.leases.Renew(at.Mono, key); n.Known {
		if !n.Preserved && !n.Inherited && !r.marked[key] {
			return RenewalHere
		}
		r.begin(at)
		defer r.end()
		return r.renewed(key, n)
	}
	inst := r.cat.Current(key)
	if inst == nil || inst.Datacenter != r.cfg.Datacenter {
		return RenewalUnknown
	}
	if r.embedded[key] != nil || inst.Permanent && (inst.Home == r.id || r.peers.alive(inst.Home)) {
		return RenewalHere // There is nothing to renew.
	}
	r.begin(at)
	defer r.end()
	if inst.Home != r.id && r.peers.alive(inst.Home) {
		if planted != "a renewal is not passed to the home" {
			r.pass(key, inst.Home)
			r.passed[key] = r.at.Mono + inst.TTL
		}
		return RenewalForwarded
	}
	r.take(inst)
	return RenewalAdopted
}

// pass plans to tell another node of a renewal.
func (r *Replica) pass(key Key, to string) {
	r.gather()
	r.forward[to] = append(r.forward[to], key)
}

// gather sets the time at which what waits for other nodes is sent, if nothing does yet.
func (r *Replica) gather() {
	if len(r.forward)+len(r.reports) == 0 {
		r.forwardDue = r.at.Mono + forwardDelay
	}
}

// RenewForwarded is renewals that peers pass on because this node is the home. What is not held here is left alone: the
// peer answered from its own catalog, and will hear of a change.
func (r *Replica) RenewForwarded(at Moment, keys []Key) {
	r.begin(at)
	for _, key := range keys {
		if r.checks.Judged(key) {
			continue
		}
		if n := r.leases.Renew(r.at.Mono, key); n.Known {
			r.renewed(key, n)
		}
	}
	r.end()
}

// renewed draws the conclusions from the renewal of a lease in the table.
func (r *Replica) renewed(key Key, n selfpreserve.Renewal) Renewal {
	inst := r.cat.Current(key)
	switch {
	case inst == nil:
		r.leases.Drop(r.at.Mono, key)
		return RenewalUnknown
	case n.Inherited:
		r.leases.Adopt(r.at.Mono, key)
		r.take(inst)
		return RenewalAdopted
	case planted == "the preserved mark stays":
	case n.Preserved || inst.Preserved:
		r.take(inst) // Takes the mark off.
	}
	return RenewalHere
}

// take makes this node the home of an instance that has renewed here.
func (r *Replica) take(inst *Instance) {
	delete(r.marked, inst.Key())
	l := leaseOf(inst)
	l.Home, l.Preserved = r.id, false
	r.wrote(r.cat.SetLease(r.at, inst.Key(), l))
}

// react draws the conclusions from a change of one instance: who holds its lease now?
func (r *Replica) react(ch *catalog.Change) {
	r.census(ch.Old, -1)
	r.census(ch.New, +1)
	r.countAbroad(ch.Old, -1)
	r.countAbroad(ch.New, +1)
	key := ch.Key
	r.checks.Changed(r.at, key.Namespace, key.ID)
	if ch.New == nil {
		if own := r.embedded[key]; own != nil && r.earlierSelf(key) && planted != "an earlier life deregisters what lives in this one" {
			r.tell(NodeEventRegistration, key.String(), "re-asserted: an earlier life of this node ended it, and it lives in this one")
			r.reassert(own)
			return
		}
		until, passed := r.passed[key]
		delete(r.passed, key)
		if passed && until > r.at.Mono && ch.Cause == catalog.CauseEvicted {
			r.tell(NodeEventRegistration, key.String(), "re-asserted: its home evicted it and has not heard of the renewal that was made here")
			r.reassert(ch.Old)
			return
		}
		if ch.Cause != catalog.CauseDeregistered && (r.holdsLive(key) || ch.Old.Permanent && r.boot.ready && r.checks.Alive(key)) {
			r.tell(NodeEventRegistration, key.String(), "re-asserted: it was %s elsewhere, and its lease here is alive", ch.Cause)
			r.reassert(ch.Old)
			return
		}
		delete(r.embedded, key)
		delete(r.marked, key)
		r.drop(key)
		r.checks.Drop(key)
		t := NodeEventRegistration
		if ch.Cause == catalog.CauseEvicted {
			t = NodeEventEviction
		}
		r.tell(t, key.String(), "%s", ch.Cause)
		return
	}
	if ch.Old == nil && !r.quiet {
		r.note(NodeEventRegistration, key.String(), "registered, home "+ch.New.Home) // Too frequent for a format.
	}
	if planted == "a home asserts its lease against a new home" && ch.Old != nil && ch.Old.Home == r.id && ch.New.Home != r.id && r.holdsLive(key) {
		r.reassert(ch.New)
		return
	}
	r.hold(ch.New)
}

// earlierSelf reports whether it was an earlier life of this node that deleted an instance: it cannot have known of one
// that lives in this process.
func (r *Replica) earlierSelf(key Key) bool {
	self := r.cat.Self()
	var last causal.Stamp // Of the two sides, the one on which it ended last.
	for _, rec := range r.cat.Registers(key) {
		if rec.Kind == catalog.KindRegistration && rec.Deleted() && rec.Stamp.Wins(last) {
			last = rec.Stamp
		}
	}
	return last.Dot.Origin.Node == self.Node && last.Dot.Origin.Life() < self.Incarnation
}

// holdsLive reports whether this node knows by itself that an instance is alive: it lives in this process, or its lease
// is held here, was not inherited, and has not expired. One that was preserved is not known to be alive, though its clock
// may have been started afresh.
func (r *Replica) holdsLive(key Key) bool {
	if r.embedded[key] != nil {
		return true
	}
	l, ok := r.leases.Lookup(key)
	return ok && r.boot.ready && !l.Inherited && !l.Expired && (!l.Preserved || planted == "what was preserved is asserted again")
}

// hold brings the lease table in line with an instance's home: the home holds the lease; where the home is gone, its
// heir does.
func (r *Replica) hold(inst *Instance) {
	key := inst.Key()
	r.noteDivided(inst)
	if key == r.afresh && inst.Home == r.id && !inst.Preserved && r.embedded[key] == nil && r.leased(inst) {
		r.watch(inst)
		r.grant(inst, false)
		delete(r.marked, key)
		return // As below, without asking what was held.
	}
	l, held := r.leases.Lookup(key)
	switch {
	case inst.Home == r.id && r.embedded[key] != nil:
		r.watch(inst)
		r.drop(key) // It renews by living in this process.
		switch own := r.embedded[key]; {
		case !inst.RegisteredAt.Equal(own.RegisteredAt):
			r.reassert(own) // What an earlier life registered.
		case inst.Preserved:
			r.take(inst)
		}
	case inst.Home == r.id:
		r.watch(inst)
		if !r.leased(inst) {
			r.unlease(inst)
			return
		}
		own := held && !l.Inherited
		if !own || key == r.afresh || l.TTL != leaseTTL(inst) || l.Zone != inst.Zone || l.Probe != r.mayAsk(inst) || r.unmarked(key, l) {
			r.grant(inst, false)
		}
		switch {
		case !inst.Preserved:
			delete(r.marked, key)
		case own && r.boot.ready && !l.Expired && (!l.Preserved || planted == "what was preserved is asserted again"):
			r.take(inst) // Someone who could not hear it took it for silent.
		case !own || !l.Preserved:
			r.marked[key] = true // To be taken off when it renews.
		}
	case r.heirOf(inst) == r.id:
		delete(r.embedded, key)
		delete(r.marked, key)
		if inst.Permanent {
			r.inherit(inst)
			return
		}
		r.watch(inst)
		if !held || !l.Inherited || r.unmarked(key, l) {
			r.grant(inst, true)
		}
	default:
		delete(r.embedded, key)
		delete(r.marked, key)
		r.checks.Drop(key)
		if held {
			r.leases.Drop(r.at.Mono, key)
		}
	}
}

// unmarked reports whether a lease is preserved here, and its record does not say so: another node, which may have gone
// since, knew better and took the mark off. The clock then starts afresh, so that the mark comes back if nobody renews.
func (r *Replica) unmarked(key Key, l selfpreserve.Info) bool {
	if !l.Preserved {
		return false
	}
	inst := r.cat.Current(key)
	return inst != nil && !inst.Preserved
}

func (r *Replica) grant(inst *Instance, inherited bool) {
	err := r.leases.Grant(r.at.Mono, inst.Key(), selfpreserve.Lease{
		Service: inst.Namespace + "/" + inst.Service, Zone: inst.Zone, TTL: leaseTTL(inst),
		Inherited: inherited, Embedded: inst.Embedded, Probe: r.mayAsk(inst),
	})
	if err != nil {
		// Only a TTL that no decoder lets through could be refused.
		r.tell(NodeEventRegistration, inst.Key().String(), "lease refused: %v", err)
	}
}

// heirOf is the member that holds the lease of an instance whose home is gone: "" if its home is alive, or if another
// data centre's members have to judge.
func (r *Replica) heirOf(inst *Instance) string {
	elsewhere := inst.Datacenter != r.cfg.Datacenter && planted != "another data centre's instance is evicted"
	if elsewhere || inst.Home == r.id || r.peers.alive(inst.Home) {
		return ""
	}
	return selfpreserve.Heir(inst.Key().String(), r.peers.everyone())
}

// heirs is the work of assigning heirs after the members have changed. It looks at every instance, a slice at a time: at a
// million instances all at once would hold up everyone else for a tenth of a second.
type heirs struct {
	planned bool
	due     selfpreserve.Instant
	// moved says that a member has come or gone that is home to instances. Without one, and without dead homes, nobody has
	// another heir than before.
	moved bool
	rest  []ServiceKey // still to be looked at
}

const (
	// heirsDelay is how long changes of the membership are gathered: a cut takes half of the members within a second or two.
	heirsDelay = 50 * time.Millisecond
	// heirsSlice is how many instances are looked at in one go, or one service if that has more; heirsPause is between two.
	heirsSlice = 4096
	heirsPause = time.Millisecond
)

// planHeirs notes that a member has come or gone.
func (r *Replica) planHeirs(member string) {
	if len(r.heirs.rest) > 0 || !r.heirs.planned {
		r.heirs.planned, r.heirs.due, r.heirs.rest = true, r.at.Mono+heirsDelay, nil
	}
	r.heirs.moved = r.heirs.moved || r.homes[member] > 0 || r.hosted[member] > 0 || r.kept[member] > 0
}

// assignHeirs looks at the next instances whose home may have another heir now, or have come back.
func (r *Replica) assignHeirs() {
	h := &r.heirs
	h.planned = false
	if len(h.rest) == 0 {
		if !h.moved && !r.anyDeadHome() {
			return
		}
		h.moved = false
		h.rest = r.serviceKeys()
	}
	for seen := 0; len(h.rest) > 0 && seen < heirsSlice; h.rest = h.rest[1:] {
		v := r.cat.Lookup(h.rest[0].Namespace, h.rest[0].Service)
		for _, inst := range v.Instances() {
			if inst.Home != r.id {
				r.hold(inst)
			}
		}
		seen += v.Len()
	}
	if len(h.rest) > 0 {
		h.planned, h.due = true, r.at.Mono+heirsPause
	}
}

// serviceKeys names every service that has instances, in order: for work that is done in slices.
func (r *Replica) serviceKeys() []ServiceKey { return r.cat.Keys() }

// anyDeadHome reports whether an instance has a home that is not alive.
func (r *Replica) anyDeadHome() bool {
	for _, counts := range []map[string]int{r.homes, r.hosted, r.kept} {
		for home := range counts {
			if home != r.id && !r.peers.alive(home) {
				return true
			}
		}
	}
	return false
}

// instances yields every instance, in order.
func (r *Replica) instances() iter.Seq[*Instance] {
	return func(yield func(*Instance) bool) {
		for _, v := range r.cat.Services().Services {
			for _, inst := range v.Instances() {
				if !yield(inst) {
					return
				}
			}
		}
	}
}

// census keeps the counts by home.
func (r *Replica) census(inst *Instance, n int) {
	if inst == nil || inst.Datacenter != r.cfg.Datacenter {
		return
	}
	counts := r.homes
	switch {
	case inst.Embedded:
		counts = r.hosted
	case inst.Permanent:
		counts = r.kept
	}
	if counts[inst.Home] += n; counts[inst.Home] == 0 {
		delete(counts, inst.Home)
	}
}

// datacenter is what self-preservation has to know of leases that other nodes hold, or held.
func (r *Replica) datacenter() selfpreserve.Datacenter {
	var d selfpreserve.Datacenter
	dead := make(map[string]bool)
	for home, n := range r.homes {
		d.Registrations += n
		if home != r.id && !r.peers.alive(home) {
			d.Unclaimed += n
			dead[home] = true
		}
	}
	for home := range r.hosted {
		if home != r.id && !r.peers.alive(home) {
			dead[home] = true
		}
	}
	d.DeadNodes = len(dead)
	d.Nodes = 1 + len(r.peers.up) + len(dead)
	return d
}

// judge evicts and preserves what the lease table says. A node that is not ready turns renewals away, so it cannot say who
// is silent, and judges no one.
func (r *Replica) judge() {
	if !r.boot.ready && planted != "a node judges before it is ready" {
		return
	}
	for _, a := range r.leases.Step(r.at.Mono) {
		inst := r.cat.Current(a.Key)
		if inst == nil {
			continue
		}
		switch a.Verb {
		case selfpreserve.Evict:
			if inst.Permanent && planted != "silence ends a permanent instance" {
				r.lapse(inst, a.Reason)
				continue
			}
			r.tell(NodeEventEviction, a.Key.String(), "%s", a.Reason)
			r.remove(a.Key, catalog.Evicted)
		case selfpreserve.Preserve:
			l := leaseOf(inst)
			l.Preserved, l.LastRenewal = true, r.wall(a.LastRenewal)
			r.wrote(r.cat.SetLease(r.at, a.Key, l))
		case selfpreserve.Probe:
			r.ask(inst, a.Token)
		}
	}
}

// nextJudgement is when judge has something to do; false if never, as things are.
func (r *Replica) nextJudgement() (time.Duration, bool) {
	t, ok := r.leases.Next()
	return t, ok && (r.boot.ready || planted == "a node judges before it is ready")
}

// Resumed tells the replica that its process was stopped for a while: every lease gets a fresh TTL, because renewals may
// have been missed.
func (r *Replica) Resumed(at Moment, stopped string) {
	r.begin(at)
	if planted != "a stopped process judges as if it had heard" {
		r.leases.Refresh(at.Mono)
		r.checks.Refresh(at)
	}
	r.tell(NodeEventSelfPreservation, "node", "this process was stopped for %s: every lease has a fresh TTL", stopped)
	r.end()
}

// SetHealth tells the replica memberlist's health score. Above 0 this node is unwell and judges no one; where there is
// nobody left to probe the score means nothing, since nothing would ever bring it down.
func (r *Replica) SetHealth(at Moment, score int) {
	r.begin(at)
	if score > 0 && len(r.peers.up) > 0 {
		r.leases.Hold(at.Mono, "this node's own probes fail: it may be the one that is cut off")
	} else {
		r.leases.Release(at.Mono)
	}
	r.end()
}

// Handover gives every lease to its heir, and ends the instances that live in this process: the first step of leaving.
// It returns how many leases moved.
func (r *Replica) Handover(at Moment) int {
	r.begin(at)
	n := 0
	clear(r.early)
	for _, key := range slices.SortedFunc(maps.Keys(r.embedded), Key.Compare) {
		delete(r.embedded, key)
		r.remove(key, catalog.Deregistered)
	}
	others := r.peers.others()
	if len(others) > 0 {
		for inst := range r.instances() {
			if inst.Home == r.id {
				l := leaseOf(inst)
				l.Home = selfpreserve.Heir(inst.Key().String(), others)
				r.wrote(r.cat.SetLease(at, inst.Key(), l))
				n++
			}
		}
	}
	r.end()
	return n
}

// tellTransitions turns new transitions of self-preservation into events.
func (r *Replica) tellTransitions() {
	h := r.leases.History()
	for _, t := range h {
		if t.At >= r.told {
			r.tell(NodeEventSelfPreservation, t.Scope, "%s -> %s: %s", t.From, t.To, t.Reason)
		}
	}
	r.told = r.at.Mono + 1
}

// drop forgets a lease that is in the table. One that has just been evicted is not, and still counts as lost.
func (r *Replica) drop(key Key) {
	if _, held := r.leases.Lookup(key); held {
		r.leases.Drop(r.at.Mono, key)
	}
}

// wall is the wall time of a moment that this replica has seen.
func (r *Replica) wall(mono selfpreserve.Instant) time.Time {
	return r.at.Wall.Add(mono - r.at.Mono).UTC().Truncate(time.Millisecond)
}
