package consul

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/musterhq/muster"
)

// registerRequest is what the catalog is told: of a node, an instance at it, and the results of checks.
type registerRequest struct {
	ID, Node, Address, Datacenter string
	TaggedAddresses               map[string]string
	NodeMeta                      map[string]string
	Service                       *serviceDefinition
	Check                         *checkDefinition
	Checks                        []*checkDefinition
	SkipNodeUpdate                bool
	Namespace, Partition          string
	EnterpriseMeta, Locality      json.RawMessage
	PeerName                      string
}

var (
	errNoNode        = &failure{http.StatusInternalServerError, "Must provide node"}
	errNoNodeAddress = &failure{http.StatusInternalServerError, "Must provide address if SkipNodeUpdate is not set"}
	trueBody         = []byte("true")
)

// catalogRegister takes what is not registered at an agent: nodes that are no members, instances at any node, and what
// somebody else has found of them. Nobody runs such checks, and they never expire.
func (a *API) catalogRegister(c *call) error {
	var req registerRequest
	if err := a.decode(c, &req); err != nil {
		return err
	}
	switch {
	case req.Namespace != "":
		return enterprise("Namespace")
	case req.Partition != "":
		return enterprise("Partition")
	case req.Datacenter != "" && req.Datacenter != a.dc:
		return errNoDatacenter
	case req.Node == "":
		return errNoNode
	case req.Address == "" && !req.SkipNodeUpdate:
		return errNoNodeAddress
	}
	checks := make([]*checkDefinition, 0, len(req.Checks)+1)
	for _, check := range append([]*checkDefinition{req.Check}, req.Checks...) {
		if check != nil {
			check.merge()
			checks = append(checks, check)
		}
	}
	if err := a.registerNode(c, &req, checks); err != nil {
		return err
	}
	if req.Service != nil {
		if err := a.registerAt(c, &req, checks); err != nil {
			return err
		}
	} else if err := a.addResults(c, &req, checks); err != nil {
		return err
	}
	return c.send(http.StatusOK, trueBody)
}

// registerNode writes what is said of the node itself, if anything is.
func (a *API) registerNode(c *call, req *registerRequest, checks []*checkDefinition) error {
	old, _ := a.node.Find(nodesNamespace, a.dc).Instance(req.Node)
	block := a.latestNodes().byName[req.Node]
	isMember := block != nil && block.member
	checks = slices.DeleteFunc(slices.Clone(checks), func(check *checkDefinition) bool { return check.ServiceID != "" })
	if len(checks) == 0 && (isMember || req.SkipNodeUpdate) {
		return nil
	}
	var next *muster.Instance
	switch {
	case old != nil:
		next = again(old)
	default:
		next = &muster.Instance{
			Namespace: nodesNamespace, Service: a.dc, ID: req.Node, Address: req.Address, Permanent: true, Weight: 1,
			Status: muster.StatusUp, Attributes: map[string]string{attrSource: sourceCatalog},
		}
		if isMember {
			next.Address = block.Address
		}
	}
	if !req.SkipNodeUpdate && !isMember {
		next.Address, next.Metadata = req.Address, req.NodeMeta
		maps.DeleteFunc(next.Attributes, func(key, _ string) bool { return strings.HasPrefix(key, attrTagged) })
		for name, address := range req.TaggedAddresses {
			set(&next.Attributes, attrTagged+name, address)
		}
		set(&next.Attributes, attrNodeID, req.ID)
	}
	if err := keepResults(next, checks); err != nil {
		return err
	}
	return a.put(c, next, old)
}

// put registers an instance, unless it is there as it is.
func (a *API) put(c *call, next, old *muster.Instance) error {
	if err := next.Complete(); err != nil {
		return err
	}
	if old != nil && sameRegistration(next, old) {
		return nil
	}
	_, _, err := a.node.Put(c.r.Context(), *next)
	return err
}

// registerAt registers an instance at a node.
func (a *API) registerAt(c *call, req *registerRequest, checks []*checkDefinition) error {
	def := req.Service
	def.merge()
	if def.Name == "" {
		return &failure{http.StatusInternalServerError, "Must provide service name (Service.Service) when service is provided"}
	}
	if def.ID == "" {
		def.ID = def.Name
	}
	if def.Weights != nil && *def.Weights == (wireWeights{}) {
		def.Weights = nil // As Consul's own client sends what it has not been given.
	}
	inst, err := def.body()
	if err != nil {
		return err
	}
	set(&inst.Attributes, attrSource, sourceCatalog)
	set(&inst.Attributes, attrNode, req.Node)
	if inst.Address == "" {
		inst.Attributes[attrNoAddress] = "true"
		inst.Address = req.Address
		if b := a.latestNodes().byName[req.Node]; b != nil && inst.Address == "" {
			inst.Address = b.Address
		}
	}
	old := a.before(&inst, func(old *muster.Instance) bool { return isOurs(old) && nodeName(old) == req.Node })
	if old != nil {
		inherit(&inst, old, false)
	}
	own := slices.DeleteFunc(slices.Clone(checks), func(check *checkDefinition) bool { return check.ServiceID != inst.ID })
	if err := keepResults(&inst, own); err != nil {
		return err
	}
	if err := a.put(c, &inst, old); err != nil {
		return err
	}
	return a.removeRenamed(c, old, &inst)
}

// addResults takes the results of checks of instances that are there.
func (a *API) addResults(c *call, req *registerRequest, checks []*checkDefinition) error {
	for _, check := range checks {
		if check.ServiceID == "" {
			continue
		}
		inst := a.ids.findWhere(check.ServiceID, func(inst *muster.Instance) bool { return nodeName(inst) == req.Node })
		if inst == nil {
			return &failure{http.StatusInternalServerError, "failed inserting check: Missing service registration"}
		}
		next := again(inst)
		if err := keepResults(next, []*checkDefinition{check}); err != nil {
			return err
		}
		if err := a.put(c, next, inst); err != nil {
			return err
		}
	}
	return nil
}

// maxStoredOutput is how much of a check's output fits into an attribute beside the rest.
const maxStoredOutput = 512

// keepResults puts the results of checks into an instance's attributes, and makes its status what they say.
func keepResults(inst *muster.Instance, checks []*checkDefinition) error {
	for _, check := range checks {
		id := check.CheckID
		either(&id, check.Name)
		if id == "" {
			return &failure{http.StatusInternalServerError, "Must provide a name or an id of each check"}
		}
		if check.Status == "" {
			check.Status = critical
		}
		if !isCheckStatus(check.Status) {
			return &failure{http.StatusInternalServerError, "Invalid check status: '" + check.Status + "'"}
		}
		output := check.Output
		if len(output) > maxStoredOutput {
			output = strings.ToValidUTF8(output[:maxStoredOutput], "")
		}
		stored := storedCheck{Name: check.Name, Status: check.Status, Notes: check.Notes, Output: output, Type: check.Type}
		if text := compact(check.Definition); text != "null" && text != "{}" {
			stored.Definition = json.RawMessage(text)
		}
		set(&inst.Attributes, attrCheck+id, string(encoded(stored)))
	}
	claim(inst)
	return nil
}

// claim makes the status of an instance what its checks say that nobody runs, so that other dialects see it.
func claim(inst *muster.Instance) {
	if inst.Attributes[attrSource] == "" {
		return // Its client says it.
	}
	inst.Status = muster.StatusUp
	for _, check := range staticChecks(inst) {
		if check.Status == critical {
			inst.Status = muster.StatusDown
		}
	}
}

// deregisterRequest is what the catalog is told is gone.
type deregisterRequest struct {
	Node, Address, Datacenter, ServiceID, CheckID, Namespace, Partition string
}

// at reports whether an instance is shown at the node that is spoken of.
func (r *deregisterRequest) at(inst *muster.Instance) bool { return nodeName(inst) == r.Node }

// catalogDeregister takes away an instance, a check, or a node that is no member with all that was registered at it.
func (a *API) catalogDeregister(c *call) error {
	var req deregisterRequest
	if err := a.decode(c, &req); err != nil {
		return err
	}
	switch {
	case req.Datacenter != "" && req.Datacenter != a.dc:
		return errNoDatacenter
	case req.Node == "":
		return errNoNode
	}
	var err error
	switch {
	case req.ServiceID != "":
		if inst := a.ids.findWhere(req.ServiceID, req.at); inst != nil {
			err = a.remove(c, inst)
		}
	case req.CheckID != "":
		record, _ := a.node.Find(nodesNamespace, a.dc).Instance(req.Node)
		if record == nil || !hasCheck(record, req.CheckID) {
			record = a.ids.findCheck(req.CheckID)
			if record != nil && !req.at(record) {
				record = nil
			}
		}
		if record != nil {
			err = a.removeCheck(c, record, req.CheckID)
		}
	default:
		err = a.deregisterNode(c, req.Node)
	}
	if err != nil && !errors.Is(err, muster.ErrNotFound) { // What is gone need not be taken away.
		return err
	}
	return c.send(http.StatusOK, trueBody)
}

// deregisterNode takes away what was registered in the catalog of a node and at it. What is registered at a member stays:
// its clients would put it back.
func (a *API) deregisterNode(c *call, name string) error {
	for inst := range a.everything() {
		if inst.Attributes[attrNode] == name {
			if err := a.remove(c, inst); err != nil && !errors.Is(err, muster.ErrNotFound) {
				return err
			}
		}
	}
	if record, _ := a.node.Find(nodesNamespace, a.dc).Instance(name); record != nil {
		return a.remove(c, record)
	}
	return nil
}
