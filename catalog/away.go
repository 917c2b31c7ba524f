package catalog

import (
	"maps"
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

// Renew makes a service's view of a data centre's instances agree with what SetAway has said, and returns how many
// instances it looked at. Needs the writer's lock.
func (c *Catalog) Renew(at Moment, key ServiceKey, datacenter string) int {
	svc := c.services.get(key)
	if svc == nil {
		return 0
	}
	c.batch++
	instances := svc.view.Load().Instances()
	for _, old := range instances {
		if old.Datacenter != datacenter {
			continue
		}
		now := svc.entries[old.ID].instance(c.away)
		if now.Preserved == old.Preserved && now.LastRenewal.Equal(old.LastRenewal) {
			continue
		}
		c.show(at, svc, old.Key(), old, now, CauseWrite)
	}
	c.publish()
	return len(instances)
}
