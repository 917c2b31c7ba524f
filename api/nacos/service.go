package nacos

import (
	"maps"
	"slices"
	"strconv"

	"github.com/musterhq/muster"
)

// exists reports whether a service has instances in this data centre.
func (a *API) exists(namespace string, n name) bool {
	return a.populated(a.node.Find(namespace, n.stored()))
}

func (a *API) populated(view *muster.View) bool {
	for inst := range view.All() {
		if a.local(inst) {
			return true
		}
	}
	return false
}

// serviceList is a page of the services of a group.
type serviceList struct {
	Count int      `json:"count"`
	Doms  []string `json:"doms"`
}

// listServices answers with the names, without their group, of the services of a group, and with how many there are.
func (a *API) listServices(c *call) error {
	page, err := c.page("pageNo")
	if err != nil {
		return err
	}
	size, err := c.page("pageSize")
	if err != nil {
		return err
	}
	group, namespace := c.optional(defaultGroup, "groupName"), c.namespace()
	var names []string
	for _, view := range a.node.Services().Services {
		if n := nameOf(view.Service()); view.Namespace() == namespace && n.group == group && a.populated(view) {
			names = append(names, n.service)
		}
	}
	slices.Sort(names)
	from := min((max(page, 1)-1)*max(size, 0), int64(len(names)))
	to := min(from+max(size, 0), int64(len(names)))
	return c.answer(&serviceList{len(names), append([]string{}, names[from:to]...)})
}

// page is a required number of 32 bits, so that two can be multiplied; a text that is none counts as 0, as in Nacos.
func (p params) page(name string) (int64, error) {
	text, err := p.required(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, nil //nolint:nilerr // As said above.
	}
	return n, nil
}

// serviceDetail is a service without its instances. The members, their order and their types are those of a Nacos server.
type serviceDetail struct {
	NamespaceID      string            `json:"namespaceId"`
	GroupName        string            `json:"groupName"`
	Name             string            `json:"name"`
	ProtectThreshold weight            `json:"protectThreshold"`
	Metadata         map[string]string `json:"metadata"`
	Selector         selector          `json:"selector"`
	Clusters         []clusterDetail   `json:"clusters"`
}

type selector struct {
	Type        string `json:"type"`
	ContextType string `json:"contextType"`
}

type clusterDetail struct {
	Name          string            `json:"name"`
	HealthChecker healthChecker     `json:"healthChecker"`
	Metadata      map[string]string `json:"metadata"`
}

type healthChecker struct {
	Type string `json:"type"`
}

// getService answers with what there is to say of a service: its clusters.
func (a *API) getService(c *call) error {
	n, err := c.service()
	if err != nil {
		return err
	}
	clusters := map[string]bool{}
	for inst := range a.node.Find(c.namespace(), n.stored()).All() {
		if a.local(inst) {
			clusters[clusterOf(inst)] = true
		}
	}
	if len(clusters) == 0 {
		return badRequest("service not found, namespace: " + namespaceID(c.namespace()) + ", serviceName: " + n.String())
	}
	out := serviceDetail{
		NamespaceID: namespaceID(c.namespace()), GroupName: n.group, Name: n.service, Metadata: map[string]string{},
		Selector: selector{"none", "NONE"},
	}
	for _, cluster := range slices.Sorted(maps.Keys(clusters)) {
		out.Clusters = append(out.Clusters, clusterDetail{cluster, healthChecker{"TCP"}, map[string]string{}})
	}
	return c.answer(&out)
}

// createService takes note of a service and forgets it: there is none without instances, and none has settings of its own.
func (a *API) createService(c *call) error {
	n, err := c.service()
	if err != nil {
		return err
	}
	if a.exists(c.namespace(), n) {
		return badRequest("specified service " + n.String() + " already exists!")
	}
	return c.ok()
}

// updateService changes nothing of a service that there is.
func (a *API) updateService(c *call) error {
	n, err := c.service()
	if err != nil {
		return err
	}
	if _, err := c.required("protectThreshold"); err != nil {
		return err
	}
	if !a.exists(c.namespace(), n) {
		return badRequest("service " + n.String() + " not found!")
	}
	return c.ok()
}

// deleteService refuses: a service that there is has instances, and goes with the last of them.
func (a *API) deleteService(c *call) error {
	n, err := c.service()
	if err != nil {
		return err
	}
	if !a.exists(c.namespace(), n) {
		return badRequest("service " + n.String() + " not found!")
	}
	return badRequest("Service " + n.String() + " is not empty, can't be delete. Please unregister instance first")
}
