package consul

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// here yields the instances whose home is this node, by service and id: what Consul's agents have registered
// themselves. Of two that have one id, the last counts where ids are keys.
func (a *API) here() func(func(*muster.Instance, muster.Index) bool) {
	return func(yield func(*muster.Instance, muster.Index) bool) {
		for inst, index := range a.everything() {
			if inst.Home == a.home && inst.Attributes[attrNode] == "" && !yield(inst, index) {
				return
			}
		}
	}
}

// agentServices answers with the instances of this node.
func (a *API) agentServices(c *call) error {
	all := []*agentService{}
	for inst := range a.here() {
		one := describeAgent(inst)
		all = append(all, &one)
	}
	all, err := filtered(&c.query, all)
	if err != nil {
		return err
	}
	byID := make(map[string]*agentService, len(all))
	for _, one := range all {
		byID[one.ID] = one
	}
	return c.answer(byID)
}

// agentChecks answers with the checks of this node and of its instances.
func (a *API) agentChecks(c *call) error {
	var all []wireCheck
	if b := a.latestNodes().byName[a.name]; b != nil {
		all = ownChecks(b)
	}
	for inst, index := range a.here() {
		all = append(all, checksOf(inst, a.name, index)...)
	}
	all, err := filtered(&c.query, all)
	if err != nil {
		return err
	}
	byID := make(map[string]wireCheck, len(all))
	for _, check := range all {
		check.CreateIndex, check.ModifyIndex = 0, 0
		byID[check.CheckID] = check
	}
	return c.answer(byID)
}

// ownChecks are those of a node but for the one that is the other nodes' word about it.
func ownChecks(b *nodeBlock) []wireCheck {
	return slices.DeleteFunc(nodeChecks(b, true), func(check wireCheck) bool { return check.CheckID == serfHealth })
}

// agentService answers with one instance, wherever its home is, and waits for it to become another than the one whose
// hash the client has.
func (a *API) agentService(c *call) error {
	hash := c.values.Get("hash")
	var inst *muster.Instance
	var s agentService
	look := func() (bool, changes) {
		changed := a.node.Changed()
		if inst = a.ids.find(c.name); inst == nil {
			return true, changes{}
		}
		view := a.node.Find(inst.Namespace, inst.Service)
		if now, _ := view.Instance(inst.ID); now == inst {
			changed = view.Changed()
		}
		s = describeAgent(inst)
		s.ContentHash = contentHash(&s)
		return hash == "" || s.ContentHash != hash, changes{changed}
	}
	if err := a.await(c, 0, look); err != nil {
		return err
	}
	if inst == nil {
		return &failure{http.StatusNotFound, "unknown service ID: " + c.name}
	}
	c.w.Header()["X-Consul-Contenthash"] = []string{s.ContentHash}
	return c.answer(&s)
}

// agentHealth is an instance of this node and how well it is.
type agentHealth struct {
	AggregatedStatus string
	Service          *agentService
	Checks           []wireCheck
}

func (a *API) agentHealth(inst *muster.Instance) agentHealth {
	b := a.latestNodes().of(inst)
	checks := checksOf(inst, b.Node, 0)
	checks = append(checks, ownChecks(b)...)
	for i := range checks {
		checks[i].CreateIndex, checks[i].ModifyIndex = 0, 0
	}
	s := describeAgent(inst)
	return agentHealth{aggregate(checks), &s, checks}
}

// healthStatus is what a health is told by.
func healthStatus(aggregated string) int {
	switch aggregated {
	case passing:
		return http.StatusOK
	case warning:
		return http.StatusTooManyRequests
	default:
		return http.StatusServiceUnavailable
	}
}

// answerHealth answers with a health as a status, and with what there is to say of it, or the word alone.
func (c *call) answerHealth(status int, aggregated string, v any) error {
	c.w.Header()["X-Consul-Reason"] = []string{aggregated}
	if c.values.Get("format") == "text" || strings.HasPrefix(c.r.Header.Get("Accept"), "text/plain") {
		Refuse(c.w, status, aggregated)
		return nil
	}
	return c.send(status, encoded(v))
}

// serviceHealthByID answers with the health of one instance, wherever its home is.
func (a *API) serviceHealthByID(c *call) error {
	if c.name == "" {
		return &failure{http.StatusInternalServerError, "Missing serviceID"}
	}
	inst := a.ids.find(c.name)
	if inst == nil {
		return c.answerHealth(http.StatusNotFound, critical, agentHealth{AggregatedStatus: critical})
	}
	h := a.agentHealth(inst)
	return c.answerHealth(healthStatus(h.AggregatedStatus), h.AggregatedStatus, h)
}

// serviceHealthByName answers with the health of a service's instances at this node, which is that of the worst.
func (a *API) serviceHealthByName(c *call) error {
	if c.name == "" {
		return &failure{http.StatusInternalServerError, "Missing service name"}
	}
	all, worst := []agentHealth{}, ""
	for inst := range a.node.Find(muster.DefaultNamespace, c.name).All() {
		if inst.Home != a.home || inst.Attributes[attrNode] != "" {
			continue
		}
		h := a.agentHealth(inst)
		all = append(all, h)
		if worst == "" || severity[h.AggregatedStatus] > severity[worst] {
			worst = h.AggregatedStatus
		}
	}
	if len(all) == 0 {
		return c.answerHealth(http.StatusNotFound, critical, all)
	}
	return c.answerHealth(healthStatus(worst), worst, all)
}

var severity = map[string]int{passing: 0, warning: 1, critical: 2, "maintenance": 3}

// spoken is the version of Consul whose protocol this is. Clients compare it with what they need.
const spoken = "1.22.3"

// wireMember is a member in answers about the membership.
type wireMember struct {
	Name        string
	Addr        string
	Port        int
	Tags        map[string]string
	Status      int
	ProtocolMin int
	ProtocolMax int
	ProtocolCur int
	DelegateMin int
	DelegateMax int
	DelegateCur int
}

// memberStates are the numbers that Serf has for them.
var memberStates = map[string]int{"alive": 1, "leaving": 2, "left": 3, "failed": 4}

func describeMember(m *muster.Member) wireMember {
	host, port, _ := net.SplitHostPort(m.Address)
	n, _ := strconv.Atoi(port) // 0 if it has none.
	return wireMember{
		Name: m.Name, Addr: host, Port: n, Status: memberStates[m.State],
		Tags: map[string]string{
			"role": "consul", "dc": m.Datacenter, "id": nodeID(m.Datacenter, m.Name), "port": port, "build": spoken, "vsn": "2",
			"segment": "", "muster-version": m.Version, "muster-zone": m.Zone,
		},
		ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4,
	}
}

// agentMembers answers with the members.
func (a *API) agentMembers(c *call) error {
	wan := c.values.Get("wan") == "1" || c.values.Get("wan") == "true"
	members := a.node.Members()
	all := make([]wireMember, 0, len(members))
	for _, m := range members {
		one := describeMember(&m)
		if wan {
			one.Name += "." + m.Datacenter
		}
		all = append(all, one)
	}
	all, err := filtered(&c.query, all)
	if err != nil {
		return err
	}
	return c.answer(all)
}

type object = map[string]any

// agentSelf answers with what clients read of an agent. Every value is an object: they fail on any other.
func (a *API) agentSelf(c *call) error {
	info := a.node.Info()
	member := wireMember{Name: a.name}
	for _, m := range a.node.Members() {
		if m.Self {
			member = describeMember(&m)
		}
	}
	return c.answer(object{
		"Config": object{
			"Datacenter": a.dc, "PrimaryDatacenter": a.dc, "NodeName": a.name, "NodeID": nodeID(a.dc, a.name), "Revision": "",
			"Server": true, "Version": spoken, "BuildDate": "", "BindAddr": member.Addr,
		},
		"DebugConfig": object{},
		"Coord":       object{"Vec": make([]float64, 8), "Error": 1.5, "Adjustment": 0, "Height": 1e-5},
		"Member":      member,
		"Stats": object{
			"build":  object{"version": spoken, "muster": info.Version},
			"consul": object{"server": "true", "leader": "true", "known_datacenters": strconv.Itoa(1 + len(a.others()))},
		},
		"Meta": object{"consul-network-segment": "", "consul-version": spoken, "muster-zone": info.Zone},
	})
}

// agentVersion answers with the version that clients compare.
func (a *API) agentVersion(c *call) error {
	return c.answer(struct{ SHA, BuildDate, HumanVersion, FIPS string }{HumanVersion: spoken})
}
