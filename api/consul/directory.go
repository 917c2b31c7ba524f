package consul

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/musterhq/muster"
)

// directory finds instances by what Consul's clients know of them: an id that is unique without a service's name, and
// the id of a check. It follows the default namespace by the catalog's history, when it is asked; what it has is looked up
// before it counts.
//
// Two services may have an instance of one id, since in every other dialect ids are a service's own. Then the one that
// was registered last by this dialect is meant; if none was, the one that registered last.
type directory struct {
	node Node

	mu     sync.RWMutex
	since  muster.Index // changes up to it have been read
	byID   map[string]*muster.Instance
	twins  map[string][]*muster.Instance // all those of an id that several have
	checks map[string][]muster.Key       // those that have a check, for ids of checks that do not say it
	// registered is when an instance last came, went, or was registered anew: what a check finds does not move it.
	registered muster.Index
}

// find is the instance with an id, nil if there is none, as of now.
func (d *directory) find(id string) *muster.Instance {
	return d.findWhere(id, func(*muster.Instance) bool { return true })
}

// findWhere is find among those that are wanted.
func (d *directory) findWhere(id string, wanted func(*muster.Instance) bool) (found *muster.Instance) {
	d.follow()
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := d.twins[id]
	if inst := d.byID[id]; inst != nil && all == nil {
		all = []*muster.Instance{inst}
	}
	for _, inst := range all {
		if inst = d.current(inst); inst != nil && wanted(inst) && (found == nil || meant(found, inst) < 0) {
			found = inst
		}
	}
	return found
}

// recall is find for those who ask all the time: as long as what was known of the id is there, nothing else is looked at.
func (d *directory) recall(id string) *muster.Instance {
	d.mu.RLock()
	inst := d.byID[id]
	_, several := d.twins[id]
	d.mu.RUnlock()
	if inst != nil && !several {
		if now := d.current(inst); now != nil {
			return now
		}
	}
	return d.find(id)
}

func (d *directory) current(inst *muster.Instance) *muster.Instance {
	now, _ := d.node.Find(inst.Namespace, inst.Service).Instance(inst.ID)
	return now
}

// findCheck is the instance that has a check; nil if there is none.
func (d *directory) findCheck(checkID string) *muster.Instance {
	if id, ok := strings.CutPrefix(checkID, servicePrefix); ok { // As nearly all are.
		if inst := d.recall(id); inst != nil && hasCheck(inst, checkID) {
			return inst
		}
		if i := strings.LastIndexByte(id, ':'); i > 0 {
			if inst := d.recall(id[:i]); inst != nil && hasCheck(inst, checkID) {
				return inst
			}
		}
	}
	if inst := d.named(checkID); inst != nil {
		return inst
	}
	d.follow()
	return d.named(checkID)
}

// named is the one of those that had a check when the changes were last read which has it now, and is meant.
func (d *directory) named(checkID string) *muster.Instance {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found *muster.Instance
	for _, key := range d.checks[checkID] {
		inst, _ := d.node.Find(key.Namespace, key.Service).Instance(key.ID)
		if inst != nil && hasCheck(inst, checkID) && (found == nil || meant(found, inst) < 0) {
			found = inst
		}
	}
	return found
}

func hasCheck(inst *muster.Instance, checkID string) bool {
	if slices.ContainsFunc(inst.Checks, func(c muster.Check) bool { return c.ID == checkID }) {
		return true
	}
	if _, ok := inst.Attributes[attrCheck+checkID]; ok {
		return true
	}
	return checkID == servicePrefix+inst.ID && isLeased(inst)
}

// isLeased reports whether the check of an instance's lease is shown.
func isLeased(inst *muster.Instance) bool {
	return inst.Attributes[attrSource] == "" && !inst.Permanent && len(inst.Checks) == 0
}

// registrations is when an instance last came, went, or was registered anew.
func (d *directory) registrations() muster.Index {
	d.follow()
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.registered
}

// follow reads what has changed.
func (d *directory) follow() {
	d.mu.RLock()
	fresh := d.byID != nil && d.since == d.node.Index()
	d.mu.RUnlock()
	if fresh {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byID != nil && d.since == d.node.Index() {
		return
	}
	now := d.node.Index() // Before the changes are read, so that none of those that come meanwhile is taken for read.
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // What there is, and no waiting for more.
	since := d.since
	if d.byID == nil {
		since = 0
	}
	for ev := range d.node.WatchFrom(ctx, muster.DefaultNamespace, "", since) {
		if ev.Type == muster.EventSnapshot {
			d.fill(ev.Instances)
			d.since, d.registered = ev.Index, max(ev.Index, 1)
			return
		}
		d.take(ev)
		d.since = max(d.since, ev.Index)
	}
	d.since = max(d.since, now)
}

// fill begins anew. Needs the lock.
func (d *directory) fill(all []*muster.Instance) {
	d.byID = make(map[string]*muster.Instance, len(all))
	d.twins = make(map[string][]*muster.Instance)
	d.checks = make(map[string][]muster.Key)
	for _, inst := range all {
		d.put(inst)
	}
}

func (d *directory) take(ev muster.Event) {
	old := d.exactly(ev.Instance)
	if old != nil {
		d.drop(old)
	}
	if ev.Type == muster.EventDown {
		d.registered = ev.Index
		return
	}
	d.put(ev.Instance)
	if old == nil || !old.RegisteredAt.Equal(ev.Instance.RegisteredAt) || !slices.Equal(old.Tags, ev.Instance.Tags) {
		d.registered = ev.Index
	}
}

// exactly is what is held of an instance.
func (d *directory) exactly(inst *muster.Instance) *muster.Instance {
	if all, ok := d.twins[inst.ID]; ok {
		if i := indexOf(all, inst); i >= 0 {
			return all[i]
		}
		return nil
	}
	if held := d.byID[inst.ID]; held != nil && held.Service == inst.Service {
		return held
	}
	return nil
}

func indexOf(all []*muster.Instance, inst *muster.Instance) int {
	return slices.IndexFunc(all, func(i *muster.Instance) bool { return i.Service == inst.Service })
}

func (d *directory) put(inst *muster.Instance) {
	for checkID := range namedChecks(inst) {
		d.checks[checkID] = append(d.checks[checkID], inst.Key())
	}
	held := d.byID[inst.ID]
	if held == nil {
		d.byID[inst.ID] = inst
		return
	}
	if len(d.twins[inst.ID]) == 0 {
		d.twins[inst.ID] = []*muster.Instance{held}
	}
	d.twins[inst.ID] = append(d.twins[inst.ID], inst)
	d.byID[inst.ID] = slices.MaxFunc(d.twins[inst.ID], meant)
}

// namedChecks yields the ids of an instance's checks that do not say which instance that is.
func namedChecks(inst *muster.Instance) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range inst.Checks {
			if !saysID(inst.Checks[i].ID, inst.ID) && !yield(inst.Checks[i].ID) {
				return
			}
		}
		for key := range inst.Attributes {
			if id, ok := strings.CutPrefix(key, attrCheck); ok && !saysID(id, inst.ID) && !yield(id) {
				return
			}
		}
	}
}

// saysID reports whether the id of a check is one that findCheck takes apart.
func saysID(checkID, id string) bool {
	rest, ok := strings.CutPrefix(checkID, servicePrefix+id)
	return ok && (rest == "" || rest[0] == ':' && strings.IndexByte(rest[1:], ':') < 0)
}

func (d *directory) drop(inst *muster.Instance) {
	key := inst.Key()
	for checkID := range namedChecks(inst) {
		left := slices.DeleteFunc(d.checks[checkID], func(k muster.Key) bool { return k == key })
		if d.checks[checkID] = left; len(left) == 0 {
			delete(d.checks, checkID)
		}
	}
	all, several := d.twins[inst.ID]
	if !several {
		delete(d.byID, inst.ID)
		return
	}
	i := indexOf(all, inst)
	all = slices.Delete(all, i, i+1)
	d.twins[inst.ID] = all
	if len(all) == 1 {
		delete(d.twins, inst.ID)
	}
	d.byID[inst.ID] = slices.MaxFunc(all, meant)
}

// meant orders instances of one id: the one that is meant is the last.
func meant(a, b *muster.Instance) int {
	ours := func(i *muster.Instance) int {
		if i.Attributes[attrSource] != "" {
			return 1
		}
		return 0
	}
	if c := ours(a) - ours(b); c != 0 {
		return c
	}
	if c := a.RegisteredAt.Compare(b.RegisteredAt); c != 0 {
		return c
	}
	return -strings.Compare(a.Service, b.Service)
}
