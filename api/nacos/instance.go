package nacos

import (
	"net"
	"strconv"
	"time"

	"github.com/musterhq/muster"
)

// Attributes hold what the catalog has no field for, and only where it is not what one would guess.
const (
	prefix = "nacos."
	// attrEnabled is "true" for what its client enabled and that gets no traffic all the same, since its weight is 0.
	attrEnabled = prefix + "enabled"
	// attrHealthy is "false" for what was registered as unhealthy.
	attrHealthy = prefix + "healthy"
)

// keySecure is the metadata by which clients of Nacos, Spring's first of all, say that a port speaks TLS.
const keySecure = "secure"

// registration is what a client says of an instance.
type registration struct {
	namespace string
	name      name
	ip        string
	port      int
	cluster   string
	weight    weight
	enabled   bool
	healthy   bool
	ephemeral bool
	metadata  map[string]string
}

// valid refuses what a Nacos server refuses; what the catalog does, Put says.
func (g *registration) valid() error {
	if !clusterName.MatchString(g.cluster) {
		return badRequest("Instance 'clusterName' should be characters with only 0-9a-zA-Z-. (current: " + clipped(g.cluster) + ")")
	}
	if err := g.weight.valid(); err != nil {
		return err
	}
	return timingOf(g.metadata, usual).valid()
}

// instance is the registration for the catalog.
func (g *registration) instance() muster.Instance {
	inst := muster.Instance{
		Namespace: g.namespace, Service: g.name.stored(), ID: instanceID(g.ip, g.port, g.cluster, g.name),
		Address: g.ip, Port: g.port, Zone: zoneOf(g.cluster), Metadata: g.metadata, Secure: g.metadata[keySecure] == "true",
		TTL: timingOf(g.metadata, usual).ttl(),
	}
	if !g.ephemeral {
		inst.Permanent = true
		inst.Checks = connects(g)
	}
	g.describe(&inst)
	return inst
}

// describe puts weight and status in place.
func (g *registration) describe(inst *muster.Instance) {
	set := func(key, value string) {
		if inst.Attributes == nil {
			inst.Attributes = make(map[string]string)
		}
		inst.Attributes[key] = value
	}
	for _, key := range []string{attrWeight, attrEnabled, attrHealthy} {
		delete(inst.Attributes, key)
	}
	inst.Weight = g.weight.stored()
	if g.weight < 1 || weight(inst.Weight)/scale != g.weight { // Where all weigh less than 1, the field alone would say more: see unitOf.
		set(attrWeight, g.weight.String())
	}
	if !g.healthy && g.ephemeral { // A permanent instance is what its check finds.
		set(attrHealthy, "false")
	}
	switch {
	case !g.enabled:
		inst.Status = muster.StatusOutOfService
	case g.weight == 0: // Which gets no traffic, and other dialects have no such weight.
		inst.Status = muster.StatusOutOfService
		set(attrEnabled, "true")
	case !g.healthy && g.ephemeral:
		inst.Status = muster.StatusDown
	default:
		inst.Status = muster.StatusUp
	}
}

// connects is the check of a permanent instance, which a Nacos server looks after in the same way: it is unhealthy once
// three connections in a row have failed.
func connects(g *registration) []muster.Check {
	if g.port == 0 {
		return nil
	}
	check := muster.Check{
		ID: "nacos:tcp", Name: "Nacos TCP", TCP: net.JoinHostPort(g.ip, strconv.Itoa(g.port)),
		Interval: defaultInterval, Timeout: 3 * time.Second, FailuresBeforeCritical: 3,
	}
	if !g.healthy {
		check.Initial = muster.CheckCritical
	}
	return []muster.Check{check}
}

// enabled reports whether an instance is listed at all: nobody has taken it out of service.
func enabled(inst *muster.Instance) bool {
	if inst.Status != muster.StatusOutOfService {
		return true
	}
	return inst.Override == muster.StatusNone && inst.Attributes[attrEnabled] == "true"
}

// healthy reports whether an instance is well. One that is kept is, as in Nacos what its protection keeps.
func healthy(inst *muster.Instance) bool {
	switch inst.Status {
	case muster.StatusUp:
		return true
	case muster.StatusOutOfService: // Which says nothing of it.
		return inst.Attributes[attrHealthy] != "false"
	default:
		return false
	}
}

// again is an instance as a registration that would make it, for what changes a part of it.
func again(inst *muster.Instance) registration {
	g := registration{
		namespace: inst.Namespace, name: nameOf(inst.Service), ip: inst.Address, port: inst.Port, cluster: clusterOf(inst),
		weight: weightOf(inst, scale), ephemeral: !inst.Permanent, metadata: inst.Metadata,
	}
	claimed := inst.Claimed()
	g.enabled = claimed != muster.StatusOutOfService || inst.Attributes[attrEnabled] == "true"
	g.healthy = (claimed == muster.StatusUp || claimed == muster.StatusOutOfService) && inst.Attributes[attrHealthy] != "false"
	return g
}
