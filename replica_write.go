package muster

import (
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
)

// Register takes a registration. The instance belongs to the replica afterwards; its maps and slices do only if it is
// embedded. embedded says that it lives in this
// process, which renews it by living. The error is an *InvalidError; then nothing has changed.
func (r *Replica) Register(at Moment, inst *Instance, embedded bool) (stored *Instance, created bool, err error) {
	if err := inst.Complete(); err != nil {
		return nil, false, err
	}
	if err := r.refuseScripts(inst); err != nil {
		return nil, false, err
	}
	if inst.Zone == "" {
		inst.Zone = r.cfg.Zone
	}
	inst.Embedded = embedded
	inst.Permanent = inst.Permanent && !embedded // It lives as long as this process.
	inst.Datacenter, inst.Home = r.cfg.Datacenter, r.id
	inst.RegisteredAt = at.Wall.UTC().Truncate(time.Millisecond) // As on the wire.
	inst.Override, inst.OverrideReason, inst.Preserved, inst.Results = StatusNone, "", false, nil
	inst.Private = !r.cfg.Export.exports(inst)
	r.begin(at)
	key := inst.Key()
	if embedded && !r.boot.ready && planted != "a node writes before it has caught up" {
		r.early[key] = inst
		return inst, r.cat.Current(key) == nil, nil
	}
	if embedded {
		r.embedded[key] = inst
	} else {
		delete(r.embedded, key)
	}
	r.afresh = key // Its clock starts afresh, with the new terms, whoever held it.
	before := r.cat.Len()
	r.wrote(r.cat.Register(at, inst))
	created = r.cat.Len() > before
	r.end()
	r.afresh = Key{}
	return r.cat.Current(key), created, nil
}

// registerEarly writes what was registered before the node had caught up.
func (r *Replica) registerEarly() {
	for _, key := range slices.SortedFunc(maps.Keys(r.early), Key.Compare) {
		inst := r.early[key]
		r.embedded[key] = inst
		r.wrote(r.cat.Register(r.at, inst))
	}
	clear(r.early)
}

// Deregister removes an instance, whoever its home is. ErrNotFound if there is none.
func (r *Replica) Deregister(at Moment, key Key) error {
	inst := r.cat.Current(key)
	if r.early[key] != nil {
		delete(r.early, key)
		if inst == nil {
			return nil
		}
	}
	if inst == nil {
		return ErrNotFound
	}
	r.begin(at)
	delete(r.embedded, key)
	r.remove(key, catalog.Deregistered)
	r.end()
	return nil
}

// remove writes the tombstones of an instance: of its registration, and of the lease and the results that would be left over. The
// override stays: it is the operator's, and meant for the instance when it comes back.
func (r *Replica) remove(key Key, why catalog.Deletion) {
	r.drop(key)
	r.unite(key)
	tomb := r.cat.Delete(r.at, key, catalog.KindRegistration, why)
	r.wrote(tomb)
	for _, rec := range r.cat.Registers(key) {
		if (rec.Kind == catalog.KindLease || rec.Kind == catalog.KindChecks) && !rec.Deleted() && rec.Private() == tomb.Private() {
			r.wrote(r.cat.Bury(r.at, rec, catalog.Cleared))
		}
	}
}

// SetOverride writes the operator's decision and its reason, which may be empty; StatusNone takes it back. ErrNotFound if
// there is no such instance.
func (r *Replica) SetOverride(at Moment, key Key, s Status, reason string) error {
	inst, _ := r.cat.Get(key) // Nobody decides about what nobody is shown.
	if inst == nil {
		return ErrNotFound
	}
	reason = catalog.CutOutput(reason, catalog.MaxValueBytes)
	if inst.Override == s && (inst.OverrideReason == reason || s == StatusNone) {
		return nil
	}
	r.begin(at)
	r.unite(key)
	if s == StatusNone {
		r.wrote(r.cat.Delete(at, key, catalog.KindOverride, catalog.Cleared))
	} else {
		r.wrote(r.cat.SetOverride(at, key, catalog.Override{Status: s, Reason: reason}))
	}
	r.end()
	return nil
}

// PatchMetadata changes metadata: a nil value removes its key. Home, lease and time of registration stay as they are.
// ErrNotFound if there is no such instance, an *InvalidError if the result is not valid.
func (r *Replica) PatchMetadata(at Moment, key Key, patch map[string]*string) error {
	body := r.registration(key)
	now, _ := r.cat.Get(key)
	if body == nil || now == nil {
		return ErrNotFound
	}
	body = body.Clone()
	if body.Metadata == nil {
		body.Metadata = make(map[string]string, len(patch))
	}
	for k, v := range patch {
		if v == nil {
			delete(body.Metadata, k)
		} else {
			body.Metadata[k] = *v
		}
	}
	if err := body.Complete(); err != nil {
		return err
	}
	body.Home, body.Status = now.Home, now.Claimed()
	r.begin(at)
	r.wrote(r.cat.Register(at, body))
	if now.Preserved {
		r.wrote(r.cat.SetLease(at, key, leaseOf(now)))
	}
	r.end()
	return nil
}

// registration is the body that the client gave, nil if there is no such instance.
func (r *Replica) registration(key Key) *Instance {
	if rec := r.cat.Registration(key); rec != nil {
		return rec.Registration
	}
	return nil
}

// leaseOf is the lease register's value that says what inst says.
func leaseOf(inst *Instance) catalog.Lease {
	return catalog.Lease{
		Home: inst.Home, Status: inst.Claimed(), Preserved: inst.Preserved, LastRenewal: inst.LastRenewal,
	}
}

// reassert writes an instance again that someone else took for dead, or that a sync found deleted, while its lease here
// is alive: the same body, under a new stamp.
func (r *Replica) reassert(inst *Instance) {
	body := inst.Clone()
	body.Status, body.Override, body.OverrideReason, body.Results = inst.Claimed(), StatusNone, "", nil
	body.Home, body.Preserved = r.id, false
	r.wrote(r.cat.Register(r.at, body))
}

// Rebirth takes a higher incarnation if the vector shows that a life of this node with the present one, or a later one,
// has written before: the node lost its memory, and its clock is behind.
func (r *Replica) rebirth() {
	if planted == "an incarnation is used again" {
		return
	}
	self := r.cat.Self()
	highest := self.Incarnation
	for _, o := range r.cat.Vector().Origins() {
		if o.Node == r.id && o.Life() > highest {
			highest = o.Life()
		}
	}
	if highest > self.Incarnation {
		// Not simply the next one: a life in between, of which this peer has not heard, may have taken that.
		next := highest + 1 + r.cfg.Rand.Uint64N(1<<20)
		r.cat.Rebirth(causal.Origin{Node: r.id, Incarnation: next}, r.at)
		r.tell(NodeEventSync, r.id, "took incarnation %d: an earlier life of this node had %d", next, highest)
	}
}
