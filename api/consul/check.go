package consul

import (
	"encoding/json"
	"strings"

	"github.com/musterhq/muster"
)

// The ids of checks that nobody registers.
const (
	serfHealth         = "serfHealth"
	nodeMaintenance    = "_node_maintenance"
	serviceMaintenance = "_service_maintenance:"
	serviceStatus      = "_service_status:"
	servicePreserved   = "_service_preserved:"
	servicePrefix      = "service:"
)

const (
	passing  = "passing"
	warning  = "warning"
	critical = "critical"
)

// checksOf are the checks of an instance, without those of its node.
func checksOf(inst *muster.Instance, node string, index muster.Index) []wireCheck {
	var out []wireCheck
	tags := inst.Tags
	if tags == nil {
		tags = []string{}
	}
	add := func(c wireCheck) {
		c.Node, c.ServiceID, c.ServiceName, c.ServiceTags = node, inst.ID, inst.Service, tags
		c.CreateIndex, c.ModifyIndex = uint64(index), uint64(index)
		if c.Definition == nil {
			c.Definition = emptyObject
		}
		out = append(out, c)
	}
	for n := range inst.Checks {
		add(registeredCheck(inst, n))
	}
	for _, c := range staticChecks(inst) {
		add(c)
	}
	if c, ok := leaseCheck(inst); ok {
		add(c)
	} else if inst.Preserved {
		add(wireCheck{CheckID: servicePreserved + inst.ID, Name: "Service '" + inst.Service + "' preserved", Status: passing, Output: preserved})
	}
	if c, ok := maintenanceCheck(inst, serviceMaintenance+inst.ID, "Service Maintenance Mode"); ok {
		add(c)
	}
	return out
}

// registeredCheck is a check of the registration with what it has found.
func registeredCheck(inst *muster.Instance, n int) wireCheck {
	def := &inst.Checks[n]
	c := wireCheck{CheckID: def.ID, Name: def.Name, Notes: def.Notes, Type: def.Type(), Status: critical}
	if c.Name == "" {
		c.Name = defaultCheckName(inst.Service)
	}
	if n < len(inst.Results) {
		c.Status, c.Output = inst.Results[n].Status.String(), inst.Results[n].Output
	}
	return c
}

func defaultCheckName(service string) string { return "Service '" + service + "' check" }

// preserved is what is said of an instance that is kept though nobody can tell whether it is there.
const preserved = "(preserved: it is kept because too much has fallen silent at once, or because its data centre cannot be reached)"

// leaseCheck shows a lease, which Consul has no word for, as the TTL check that it is, and the status that the client of another
// dialect gave as what that check found.
func leaseCheck(inst *muster.Instance) (wireCheck, bool) {
	status := inst.Claimed()
	if inst.Override != muster.StatusNone && inst.Override != muster.StatusOutOfService {
		status = inst.Override
	}
	if inst.Attributes[attrSource] != "" || (len(inst.Checks) > 0 || inst.Permanent) && status == muster.StatusUp {
		return wireCheck{}, false
	}
	c := wireCheck{CheckID: servicePrefix + inst.ID, Name: defaultCheckName(inst.Service), Type: "ttl", Status: passing}
	if len(inst.Checks) > 0 {
		c.CheckID, c.Name = serviceStatus+inst.ID, "Service '"+inst.Service+"' status"
	}
	if status != muster.StatusUp {
		c.Status, c.Notes = critical, "the instance is "+status.String()
	}
	if inst.Preserved {
		c.Output = preserved
	}
	return c, true
}

// maintenanceCheck shows an operator's decision that keeps an instance, or a node, from getting traffic.
func maintenanceCheck(inst *muster.Instance, id, name string) (wireCheck, bool) {
	switch inst.Override {
	case muster.StatusNone, muster.StatusUp:
		return wireCheck{}, false
	case muster.StatusOutOfService:
	default:
		if inst.Attributes[attrSource] == "" && len(inst.Checks) == 0 {
			return wireCheck{}, false // The check of its lease shows it.
		}
	}
	c := wireCheck{CheckID: id, Name: name, Status: critical, Notes: inst.OverrideReason, Type: "maintenance"}
	if c.Notes == "" {
		c.Notes = "Maintenance mode is on, and no reason was given."
	}
	return c, true
}

// nodeChecks are the checks of a node itself. What is asked about a service takes every member for alive: the death of
// an instance's home is its heirs' business, and no fault of the instance.
func nodeChecks(b *nodeBlock, assumeAlive bool) []wireCheck {
	var out []wireCheck
	add := func(c wireCheck, index muster.Index) {
		c.Node, c.ServiceTags, c.CreateIndex, c.ModifyIndex = b.Node, []string{}, uint64(index), uint64(index)
		if c.Definition == nil {
			c.Definition = emptyObject
		}
		out = append(out, c)
	}
	if b.member {
		c := wireCheck{CheckID: serfHealth, Name: "Serf Health Status", Status: passing, Output: "Agent alive and reachable"}
		if !b.alive && !assumeAlive {
			c.Status, c.Output = critical, "Agent not live or unreachable"
		}
		add(c, 1)
	}
	if b.record == nil {
		return out
	}
	for n := range b.record.Checks {
		c := registeredCheck(b.record, n)
		c.Name = b.record.Checks[n].Name
		add(c, b.index)
	}
	for _, c := range staticChecks(b.record) {
		add(c, b.index)
	}
	if c, ok := maintenanceCheck(b.record, nodeMaintenance, "Node Maintenance Mode"); ok {
		add(c, b.index)
	}
	return out
}

// aggregate is the worst of some checks, in Consul's words: passing if there are none.
func aggregate(checks []wireCheck) string {
	worst := passing
	for i := range checks {
		switch c := &checks[i]; {
		case c.CheckID == nodeMaintenance || strings.HasPrefix(c.CheckID, serviceMaintenance):
			return "maintenance"
		case c.Status == critical:
			worst = critical
		case c.Status == warning && worst == passing:
			worst = warning
		}
	}
	return worst
}

// allPassing is what ?passing asks for.
func allPassing(checks []wireCheck) bool {
	for i := range checks {
		if checks[i].Status != passing {
			return false
		}
	}
	return true
}

// encoded is a value of this package's as JSON: none of them can fail.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
