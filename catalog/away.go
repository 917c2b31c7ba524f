package catalog

import (
	"maps"
	"slices"
	"time"
)

// SetAway says that a data centre cannot be reached since that wall time, or, by the zero time, that it can. Its instances
// are kept, and shown as preserved: those of every service as soon as it is renewed by Renew, or otherwise changes. It is
// this node's own opinion, is told to no one, and is in no hash. Needs the writer's lock.
func (c *Catalog) SetAway(datacenter string, since time.Time) {
	// Views that are being made share the map.
	away := maps.Clone(c.away)
	if away == nil {
		away = make(map[string]time.Time)
	}
	if since.IsZero() {
		delete(away, datacenter)
	} else {
		away[datacenter] = since.UTC().Truncate(time.Millisecond)
	}
	c.away = away
}

// Hide leaves the instances of a data centre out of every view, or shows them again: those of every service as soon as it
// is renewed by Renew, or otherwise changes. They are held all the same, go to whoever syncs, and are in the hash: it is
// this node's own choice of what it answers, as SetAway is its own opinion. Needs the writer's lock.
func (c *Catalog) Hide(datacenter string, hide bool) {
	if !hide {
		delete(c.hidden, datacenter)
		return
	}
	if c.hidden == nil {
		c.hidden = make(map[string]bool)
	}
	c.hidden[datacenter] = true
}

// seen is what the view of a service shows of an instance that was before and is after, now and next, and counts what it
// leaves out. The usual view leaves out nothing.
func (c *Catalog) seen(svc *service, id string, before, after *Instance) (shown, next *Instance) {
	if svc.left == 0 && len(c.hidden) == 0 {
		return before, after
	}
	shown, _ = svc.draft.Instance(id)
	if next = after; after != nil && c.hidden[after.Datacenter] {
		next = nil
	}
	if before != nil && shown == nil {
		svc.left--
	}
	if after != nil && next == nil {
		svc.left++
	}
	return shown, next
}

// Renew makes a service's view of a data centre's instances agree with what SetAway and Hide have said, and returns how
// many instances it looked at. Needs the writer's lock.
func (c *Catalog) Renew(at Moment, key ServiceKey, datacenter string) int {
	svc := c.services.get(key)
	if svc == nil {
		return 0
	}
	c.batch++
	view := svc.view.Load()
	left := c.leftOut(svc, view, datacenter) // Before the view changes what it leaves out.
	for _, old := range view.Instances() {
		if old.Datacenter != datacenter {
			continue
		}
		now := svc.instance(old.ID, c.away)
		if now.Preserved == old.Preserved && now.LastRenewal.Equal(old.LastRenewal) {
			if !c.hidden[datacenter] {
				continue
			}
			now = old
		}
		c.show(at, svc, old.Key(), old, now, CauseWrite)
	}
	for _, inst := range left {
		c.show(at, svc, inst.Key(), inst, inst, CauseWrite)
	}
	c.publish()
	return view.Len() + len(left)
}

// leftOut is the instances of a data centre that the view leaves out and should not, by their ids.
func (c *Catalog) leftOut(svc *service, view *View, datacenter string) (left []*Instance) {
	if svc.left == 0 || c.hidden[datacenter] {
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(svc.entries)) {
		if shown, _ := view.Instance(id); shown != nil {
			continue
		}
		if inst := svc.instance(id, c.away); inst != nil && inst.Datacenter == datacenter {
			left = append(left, inst)
		}
	}
	return left
}
