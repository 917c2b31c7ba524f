package consul

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// registerService takes a registration. What is there already under that id is replaced, but for checks that are not
// named, which stay unless the client says otherwise, and for what checks have found. If this dialect registered it, it is
// replaced under whatever name it was: ids are unique in Consul.
func (a *API) registerService(c *call) error {
	var def serviceDefinition
	if err := a.decode(c, &def); err != nil {
		return err
	}
	inst, err := a.instance(&def, c.r.RemoteAddr)
	if err != nil {
		return err
	}
	old := a.before(&inst, isOurs)
	if old != nil {
		inherit(&inst, old, c.replacesChecks())
	}
	if err := inst.Complete(); err != nil {
		return err
	}
	if old != nil && sameRegistration(&inst, old) {
		return a.confirm(c, old)
	}
	if _, _, err := a.node.Put(c.r.Context(), inst); err != nil {
		return err
	}
	if err := a.removeRenamed(c, old, &inst); err != nil {
		return err
	}
	return c.done()
}

// before is what a registration replaces: the instance of its name and id, else one of its id that is wanted; nil if there
// is none.
func (a *API) before(inst *muster.Instance, wanted func(*muster.Instance) bool) *muster.Instance {
	if old, _ := a.node.Find(muster.DefaultNamespace, inst.Service).Instance(inst.ID); old != nil {
		return old
	}
	return a.ids.findWhere(inst.ID, wanted)
}

// isOurs reports whether this dialect registered an instance.
func isOurs(inst *muster.Instance) bool { return inst.Attributes[attrSource] != "" }

// removeRenamed takes out what a registration has replaced under another name.
func (a *API) removeRenamed(c *call, old, inst *muster.Instance) error {
	if old == nil || old.Service == inst.Service {
		return nil
	}
	if err := a.remove(c, old); err != nil && !errors.Is(err, muster.ErrNotFound) {
		return err
	}
	return nil
}

func (c *call) replacesChecks() bool {
	const name = "replace-existing-checks"
	if !c.flag(name) {
		return false
	}
	text := c.values.Get(name)
	yes, err := strconv.ParseBool(text)
	return text == "" || err == nil && yes
}

// inherit takes over what a registration does not replace: checks that it does not name, unless replace says so, and
// the status of those that it does.
func inherit(inst, old *muster.Instance, replace bool) {
	if !replace {
		for i := range old.Checks {
			if check := old.Checks[i]; !slices.ContainsFunc(inst.Checks, func(c muster.Check) bool { return c.ID == check.ID }) {
				inst.Checks = append(inst.Checks, check)
			}
		}
		for key, value := range old.Attributes {
			if strings.HasPrefix(key, attrCheck) {
				inst.Attributes[key] = value
			}
		}
	}
	inherited(inst.Checks, old)
}

// inherited gives checks that there are already the status that they have.
func inherited(checks []muster.Check, old *muster.Instance) {
	for i := range checks {
		if result := resultOf(old, checks[i].ID); result != nil {
			checks[i].Initial = result.Status
		}
	}
}

// resultOf is what a check has found, nil if there is no such check.
func resultOf(inst *muster.Instance, checkID string) *muster.CheckResult {
	for i := range inst.Results {
		if inst.Results[i].ID == checkID {
			return &inst.Results[i]
		}
	}
	return nil
}

// sameRegistration reports whether a client that said one would have said the other: then nothing has to be written, and
// nobody woken. Both have to be complete.
func sameRegistration(inst, old *muster.Instance) bool {
	sameChecks := slices.EqualFunc(inst.Checks, old.Checks, func(c, d muster.Check) bool {
		c.Initial, d.Initial = muster.CheckNone, muster.CheckNone
		return reflect.DeepEqual(c, d)
	})
	return sameChecks && inst.Service == old.Service && inst.ID == old.ID && inst.Address == old.Address && inst.Port == old.Port &&
		inst.Weight == old.Weight && inst.Permanent == old.Permanent && old.Claimed() == inst.Status &&
		slices.Equal(inst.Tags, old.Tags) && maps.Equal(inst.Metadata, old.Metadata) && maps.Equal(inst.Attributes, old.Attributes)
}

// confirm is a registration that changes nothing: the clocks of its checks start anew, as at Consul.
func (a *API) confirm(c *call, inst *muster.Instance) error {
	for i := range inst.Checks {
		result := resultOf(inst, inst.Checks[i].ID)
		if inst.Checks[i].TTL == 0 || result == nil || result.Status == muster.CheckCritical {
			continue
		}
		if err := a.node.Report(c.r.Context(), inst.Key(), result.ID, result.Status, result.Output); err != nil {
			return err
		}
	}
	return c.done()
}

// deregisterService takes an instance out.
func (a *API) deregisterService(c *call) error {
	inst, err := a.named(c)
	if err != nil {
		return err
	}
	if err := a.remove(c, inst); err != nil {
		return err
	}
	return c.done()
}

// named is the instance whose id is in the path.
func (a *API) named(c *call) (*muster.Instance, error) {
	if c.name == "" {
		return nil, badRequest("Missing service ID")
	}
	if inst := a.ids.find(c.name); inst != nil {
		return inst, nil
	}
	return nil, unknownService(c.name)
}

// remove takes an instance out, and with it its maintenance, which at Consul is a check like the others.
func (a *API) remove(c *call, inst *muster.Instance) error {
	if inst.Override == muster.StatusOutOfService {
		if _, err := a.node.SetOverride(c.r.Context(), inst.Key(), muster.StatusNone, ""); err != nil {
			return err
		}
	}
	return a.node.Remove(c.r.Context(), inst.Key())
}

// maintainService begins or ends maintenance of an instance.
func (a *API) maintainService(c *call) error {
	enable, err := c.enable()
	if err != nil {
		return err
	}
	inst, err := a.named(c)
	if err != nil {
		return err
	}
	return a.maintain(c, inst, enable)
}

// enable is the parameter that maintenance needs.
func (c *call) enable() (bool, error) {
	text := c.values.Get("enable")
	if text == "" {
		return false, badRequest("Missing value for enable")
	}
	enable, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest(fmt.Sprintf("Invalid value for enable: %q", text))
	}
	return enable, nil
}

func (a *API) maintain(c *call, inst *muster.Instance, enable bool) error {
	status, reason := muster.StatusNone, ""
	switch {
	case enable:
		status, reason = muster.StatusOutOfService, c.values.Get("reason")
	case inst.Override != muster.StatusOutOfService:
		return c.done() // Another decision than this one is not taken back.
	}
	if inst.Override != status || inst.OverrideReason != reason {
		if _, err := a.node.SetOverride(c.r.Context(), inst.Key(), status, reason); err != nil {
			return err
		}
	}
	return c.done()
}
