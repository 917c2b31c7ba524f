package xds

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/api/client"
)

// Catalog turns what is known of services into snapshots. It is no cache: what it is told is believed, and doubts about a
// list that is suddenly short are the business of whoever tells. It has one owner; the zero Catalog is not usable.
//
// A service that has lost all instances, or is told to have none, keeps its resources for the time that New was given,
// with an assignment without endpoints. To a client, a listener or cluster that is missing is a fault of configuration,
// and an assignment that is removed leaves the last one in use.
type Catalog struct {
	linger   time.Duration
	dc       string
	near     []string
	services map[string]*entry
	latest   *Snapshot
	names    bool // the set of services has changed since latest
	dirty    bool
}

// entry is a service and its resources.
type entry struct {
	instances []*client.Instance
	http2     bool
	gone      time.Time // since when there are no instances; zero if there are some
	left      skipped
	resources *resources
}

// resources are those of one service. Immutable.
type resources [kinds]*resource

// NewCatalog makes an empty catalog, as seen from data centre dc. Services without instances are kept for linger.
func NewCatalog(dc string, linger time.Duration) *Catalog {
	return &Catalog{linger: linger, dc: dc, services: map[string]*entry{}, dirty: true, names: true}
}

// Put replaces the instances of a service, which must not be changed any more. One that is not known and has none is
// nothing new, and neither is one whose name means something else in xDS: "*", or one that begins with "xdstp:".
func (c *Catalog) Put(name string, instances []*client.Instance, now time.Time) {
	e := c.services[name]
	switch {
	case !servable(name) || e == nil && len(instances) == 0:
		return
	case e == nil:
		e = &entry{}
		c.services[name] = e
		c.names = true
	}
	e.instances = instances
	switch {
	case len(instances) > 0:
		e.gone = time.Time{}
		e.http2 = speakHTTP2(instances)
	case e.gone.IsZero():
		e.gone = now
	}
	c.build(name, e)
}

func servable(name string) bool {
	return name != "" && name != wildcardName && !strings.HasPrefix(name, "xdstp:")
}

// Order says which data centres are how near; the catalog's own always comes first, and those that are not in near last,
// by name.
func (c *Catalog) Order(near []string) {
	if slices.Equal(c.near, near) {
		return
	}
	c.near = slices.Clone(near)
	for name, e := range c.services {
		c.build(name, e)
	}
}

// Sweep drops the services that have been without instances for long enough, and says when it is worth to be called
// again; the zero time if there is nothing to wait for.
func (c *Catalog) Sweep(now time.Time) (next time.Time) {
	for name, e := range c.services {
		if e.gone.IsZero() {
			continue
		}
		end := e.gone.Add(c.linger)
		if !end.After(now) {
			delete(c.services, name)
			c.names, c.dirty = true, true
		} else if next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}

// Snapshot is the resources at the moment; the same as before if nothing has changed.
func (c *Catalog) Snapshot() *Snapshot {
	if !c.dirty {
		return c.latest
	}
	s := &Snapshot{services: make(map[string]*resources, len(c.services))}
	if c.latest != nil {
		s.names, s.all, s.generations = c.latest.names, c.latest.all, c.latest.generations
	}
	for name, e := range c.services {
		s.services[name] = e.resources
	}
	if c.names {
		s.names = slices.Sorted(maps.Keys(c.services))
		s.all = encode(routes, AllServices, allServices(s.names))
	}
	s.count(c.latest)
	c.latest, c.dirty, c.names = s, false, false
	return s
}

// Skipped is how many instances are left out of assignments at the moment, by reason: "hostname" for an address that is no
// IP address, "invalid" for one that nobody can connect to, and "duplicate" for one that another instance has too.
func (c *Catalog) Skipped() map[string]int {
	var sum skipped
	for _, e := range c.services {
		sum.names += e.left.names
		sum.invalid += e.left.invalid
		sum.duplicates += e.left.duplicates
	}
	return map[string]int{"hostname": sum.names, "invalid": sum.invalid, "duplicate": sum.duplicates}
}

// SkippedNames is how many instances of a service are left out because their address is no IP address.
func (c *Catalog) SkippedNames(service string) int {
	if e := c.services[service]; e != nil {
		return e.left.names
	}
	return 0
}

// build makes the resources of a service, keeping those that stay the same.
func (c *Catalog) build(name string, e *entry) {
	where, left := assignment(name, e.instances, c.far)
	e.left = left
	next := &resources{
		clusters:  encode(clusters, name, cluster(name, e.http2)),
		endpoints: encode(endpoints, name, where),
	}
	if e.resources == nil {
		next[listeners] = encode(listeners, name, listener(name))
		next[routes] = encode(routes, routeName(name), route(name))
	} else {
		next[listeners], next[routes] = e.resources[listeners], e.resources[routes]
		changed := false
		for k, r := range next {
			if same(r, e.resources[k]) {
				next[k] = e.resources[k]
			} else {
				changed = true
			}
		}
		if !changed {
			return
		}
	}
	e.resources = next
	c.dirty = true
}

// far is the distance of a data centre.
func (c *Catalog) far(dc string) int {
	if dc == c.dc || dc == "" {
		return 0
	}
	if i := slices.Index(c.near, dc); i >= 0 {
		return 1 + i
	}
	return 1 + len(c.near)
}

// speakHTTP2 reports whether the instances say in their metadata that they do: those that say anything, and at least one.
func speakHTTP2(instances []*client.Instance) bool {
	said := false
	for _, i := range instances {
		switch strings.ToLower(i.Metadata["protocol"]) {
		case "grpc", "h2c", "http2":
			said = true
		case "":
		default:
			return false
		}
	}
	return said
}
