package nacos

import (
	"errors"

	"github.com/musterhq/muster"
)

// registration reads what a request says of an instance at a place.
func (p params) registration(at *place) (g registration, err error) {
	g = registration{
		namespace: at.namespace, name: at.name, ip: at.ip, port: at.port, cluster: at.cluster,
		enabled: p.flag(true, "enabled", "enable"), healthy: p.flag(true, "healthy"), ephemeral: p.flag(true, "ephemeral"),
	}
	if g.weight, err = parseWeight(p.optional("1", "weight")); err != nil {
		return g, err
	}
	if g.metadata, err = parseMetadata(p.optional("", "metadata")); err != nil {
		return g, err
	}
	return g, g.valid()
}

// register takes a registration.
func (a *API) register(c *call) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	g, err := c.registration(&at)
	if err != nil {
		return err
	}
	return a.put(c, g.instance())
}

func (a *API) put(c *call, inst muster.Instance) error {
	if _, _, err := a.node.Put(c.r.Context(), inst); err != nil {
		return err
	}
	return c.ok()
}

// update takes what a client says anew of an instance: weight, metadata, whether it is enabled. What kind it is of, and
// whether it is well, stays. One that is not there is registered: its client believes that it is.
func (a *API) update(c *call) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	g, err := c.registration(&at)
	if err != nil {
		return err
	}
	inst := a.find(&at)
	if inst == nil {
		return a.put(c, g.instance())
	}
	next := again(inst)
	next.weight, next.enabled, next.metadata = g.weight, g.enabled, g.metadata
	return a.put(c, changed(inst, &next))
}

// changed is an instance with what its client, or an operator, may change of it as g says.
func changed(inst *muster.Instance, g *registration) muster.Instance {
	next := inst.Clone()
	next.Status, next.Metadata = inst.Claimed(), g.metadata
	if before := again(inst); before.weight != g.weight || before.enabled != g.enabled || before.healthy != g.healthy {
		g.describe(next)
	}
	if inst.ID == instanceID(g.ip, g.port, g.cluster, g.name) { // That of another dialect has its lease from there.
		next.TTL, next.Secure = timingOf(g.metadata, usual).ttl(), g.metadata[keySecure] == "true"
	}
	return *next
}

// patch changes what the request says and nothing else.
func (a *API) patch(c *call) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	inst := a.find(&at)
	if inst == nil {
		return a.missing(&at)
	}
	next := again(inst)
	if text := c.optional("", "metadata"); text != "" {
		if next.metadata, err = parseMetadata(text); err != nil {
			return err
		}
	}
	if text := c.optional("", "weight"); text != "" {
		if next.weight, err = parseWeight(text); err != nil {
			return err
		}
	}
	next.enabled = c.flag(next.enabled, "enabled", "enable")
	next.healthy = c.flag(next.healthy, "healthy")
	if err := next.valid(); err != nil {
		return err
	}
	return a.put(c, changed(inst, &next))
}

// deregister takes an instance out; one that is not there is as good.
func (a *API) deregister(c *call) error {
	at, err := c.place()
	if err != nil {
		return err
	}
	if inst := a.find(&at); inst != nil {
		if err := a.node.Remove(c.r.Context(), inst.Key()); err != nil && !errors.Is(err, muster.ErrNotFound) {
			return err
		}
	}
	return c.ok()
}
