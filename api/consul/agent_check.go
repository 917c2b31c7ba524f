package consul

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster"
)

// registerCheck adds a check to an instance, or, if it names none, to this node.
func (a *API) registerCheck(c *call) error {
	var def checkDefinition
	if err := a.decode(c, &def); err != nil {
		return err
	}
	def.merge()
	switch {
	case def.Namespace != "":
		return enterprise("Namespace")
	case def.Partition != "":
		return enterprise("Partition")
	case def.Name == "":
		return badRequest("Missing check name")
	case def.Status != "" && !isCheckStatus(def.Status):
		return badRequest("Bad check status")
	}
	if def.CheckID == "" {
		def.CheckID = def.Name
	}
	check, err := def.check()
	if err != nil {
		return err
	}
	inst, err := a.checkedInstance(def.ServiceID)
	if err != nil {
		return err
	}
	next := again(inst)
	next.Checks = withCheck(next.Checks, check)
	inherited(next.Checks, inst)
	if _, _, err := a.node.Put(c.r.Context(), *next); err != nil {
		return err
	}
	return c.done()
}

// checkStatuses are the statuses that a client may give.
var checkStatuses = map[string]muster.CheckStatus{
	passing: muster.CheckPassing, warning: muster.CheckWarning, critical: muster.CheckCritical,
}

func isCheckStatus(name string) bool { return checkStatuses[name] != muster.CheckNone }

// checkedInstance is the instance that a check is for: that of this node if the id is empty.
func (a *API) checkedInstance(id string) (*muster.Instance, error) {
	if id == "" {
		return a.nodeRecord(), nil
	}
	if inst := a.ids.find(id); inst != nil {
		return inst, nil
	}
	return nil, &failure{404, `ServiceID "` + id + `" does not exist`}
}

// nodeRecord is this node's instance of the hidden service, or what it will be.
func (a *API) nodeRecord() *muster.Instance {
	if inst, _ := a.node.Find(nodesNamespace, a.dc).Instance(a.name); inst != nil {
		return inst
	}
	return &muster.Instance{
		Namespace: nodesNamespace, Service: a.dc, ID: a.name, Address: a.selfAddress(), Permanent: true, Weight: 1,
		Status: muster.StatusUp, Attributes: map[string]string{attrSource: sourceAgent},
	}
}

// again is a registration that is there, to be registered again with a change.
func again(inst *muster.Instance) *muster.Instance {
	next := inst.Clone()
	next.Status, next.Override, next.OverrideReason, next.Results = inst.Claimed(), muster.StatusNone, "", nil
	next.Preserved, next.LastRenewal = false, time.Time{}
	return next
}

// findCheck is the instance that has a check: of a service, or of a node, this one first.
func (a *API) findCheck(checkID string) *muster.Instance {
	view := a.node.Find(nodesNamespace, a.dc)
	if inst, _ := view.Instance(a.name); inst != nil && hasCheck(inst, checkID) {
		return inst
	}
	if inst := a.ids.findCheck(checkID); inst != nil {
		return inst
	}
	for inst := range view.All() {
		if hasCheck(inst, checkID) {
			return inst
		}
	}
	return nil
}

// deregisterCheck takes a check away.
func (a *API) deregisterCheck(c *call) error {
	inst := a.findCheck(c.name)
	if inst == nil {
		return unknownCheck(c.name)
	}
	if err := a.removeCheck(c, inst, c.name); err != nil {
		return err
	}
	return c.done()
}

func (a *API) removeCheck(c *call, inst *muster.Instance, checkID string) error {
	next := again(inst)
	next.Checks = slices.DeleteFunc(next.Checks, func(check muster.Check) bool { return check.ID == checkID })
	delete(next.Attributes, attrCheck+checkID)
	if len(next.Checks) == len(inst.Checks) && len(next.Attributes) == len(inst.Attributes) {
		return nil // What shows a lease is not to be taken away.
	}
	claim(next)
	inherited(next.Checks, inst)
	_, _, err := a.node.Put(c.r.Context(), *next)
	return err
}

func (a *API) passCheck(c *call) error {
	return a.report(c, muster.CheckPassing, c.values.Get("note"))
}

func (a *API) warnCheck(c *call) error {
	return a.report(c, muster.CheckWarning, c.values.Get("note"))
}

func (a *API) failCheck(c *call) error {
	return a.report(c, muster.CheckCritical, c.values.Get("note"))
}

// updateCheck takes what a client has found itself.
func (a *API) updateCheck(c *call) error {
	var update struct{ Status, Output string }
	if err := a.decode(c, &update); err != nil {
		return err
	}
	status := checkStatuses[update.Status]
	if status == muster.CheckNone {
		return badRequest(fmt.Sprintf("Invalid check status: '%s'", update.Status))
	}
	return a.report(c, status, update.Output)
}

// report passes on what a client says of its check. That which shows a lease is passed by renewing it, and cannot be
// failed: a client of another dialect says itself that it is not well.
func (a *API) report(c *call, status muster.CheckStatus, output string) error {
	inst := a.findCheck(c.name)
	if inst == nil {
		return unknownCheck(c.name)
	}
	var err error
	switch {
	case resultOf(inst, c.name) != nil:
		err = a.node.Report(c.r.Context(), inst.Key(), c.name, status, output)
	case c.name == servicePrefix+inst.ID && isLeased(inst) && status == muster.CheckPassing:
		err = a.node.Renew(c.r.Context(), inst.Key())
	default:
		return noTTL(c.name)
	}
	switch {
	case errors.Is(err, muster.ErrNotTTL):
		return noTTL(c.name)
	case errors.Is(err, muster.ErrNotFound):
		return unknownCheck(c.name)
	case err != nil:
		return err
	}
	return c.done()
}

// maintainNode begins or ends maintenance of this node.
func (a *API) maintainNode(c *call) error {
	enable, err := c.enable()
	if err != nil {
		return err
	}
	record := a.nodeRecord()
	if record.Home == "" { // It has not been written yet.
		if !enable {
			return c.done()
		}
		if _, _, err := a.node.Put(c.r.Context(), *record); err != nil {
			return err
		}
	}
	return a.maintain(c, record, enable)
}
