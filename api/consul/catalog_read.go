package consul

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster"
)

// itself is the service that Consul's servers are in their own catalog, as which the members are shown, unless someone
// registers another.
const itself = "consul"

// namesAnswer is what was last answered about the names of all services.
type namesAnswer struct {
	index muster.Index
	body  []byte
}

// catalogServices answers with the names of all services and the tags of their instances. It does not wait for what
// checks find.
func (a *API) catalogServices(c *call) error {
	if _, err := filtered(&c.query, []catalogService(nil)); err != nil {
		return err
	}
	var index muster.Index
	look := func() state {
		changed := a.node.Changed()
		index = a.ids.registrations()
		return state{index, changes{changed}}
	}
	if err := a.block(c, 0, look); err != nil {
		return err
	}
	choice := c.choice()
	if choice == nil && !c.flag("filter") && c.dc == a.dc {
		kept := a.names.Load()
		if kept == nil || kept.index != index {
			names := a.serviceNames(c.dc, func(*muster.Instance) bool { return true })
			if names[itself] == nil {
				names[itself] = []string{}
			}
			kept = &namesAnswer{index, encoded(names)}
			a.names.Store(kept)
		}
		c.meta(index)
		return c.send(http.StatusOK, kept.body)
	}
	f, err := c.newFilter(catalogService{})
	if err != nil {
		return err
	}
	nodes := a.nodesIn(c.dc)
	names := a.serviceNames(c.dc, func(inst *muster.Instance) bool {
		b := nodes.of(inst)
		if err != nil || !choice.acceptsNode(b) {
			return false
		}
		if f == nil {
			return true
		}
		var yes bool
		yes, err = f.Evaluate(describeCatalog(inst, b, 1))
		return yes
	})
	if err != nil {
		return &failure{http.StatusInternalServerError, err.Error()}
	}
	c.meta(index)
	return c.answer(names)
}

// serviceNames is the tags of all instances that are wanted, by their service.
func (a *API) serviceNames(dc string, wanted func(*muster.Instance) bool) map[string][]string {
	names := map[string][]string{}
	seen, last := map[string]bool{}, ""
	for inst := range a.everything() {
		if inst.Datacenter != dc || !wanted(inst) {
			continue
		}
		if inst.Service != last {
			last = inst.Service
			clear(seen)
		}
		tags := names[inst.Service]
		if tags == nil {
			tags = []string{}
		}
		for _, tag := range inst.Tags {
			if !seen[tag] {
				seen[tag] = true
				tags = append(tags, tag)
			}
		}
		names[inst.Service] = tags
	}
	return names
}

// ourselves are the members, as instances of the service that Consul's own servers are.
func (a *API) ourselves(c *call, f form, nodes *nodeSet) (parts [][]byte) {
	choice := c.choice()
	if choice != nil && choice.tags != nil || c.flag("filter") {
		return nil
	}
	for _, m := range a.node.Members() {
		b := nodes.byName[m.Name]
		if b == nil || !b.alive || !choice.acceptsNode(b) {
			continue
		}
		inst := &muster.Instance{
			Service: itself, ID: itself, Address: b.Address, Weight: 1, Datacenter: a.dc, Permanent: true, Status: muster.StatusUp,
		}
		if _, port, err := net.SplitHostPort(m.HTTP); err == nil {
			inst.Port, _ = strconv.Atoi(port) // 0 if it is no number.
		}
		parts = append(parts, newEntry(inst, 1, b).in(f))
	}
	return parts
}

// lookAtNodes is what a blocking query about nodes looks at.
func (a *API) lookAtNodes(dc string, to **nodeSet) func() state {
	return func() state {
		*to = a.nodesIn(dc)
		return state{(*to).index, changes{(*to).view.Changed()}}
	}
}

// catalogNodes answers with the members, and the nodes that were registered in the catalog.
func (a *API) catalogNodes(c *call) error {
	if _, err := filtered(&c.query, []*wireNode(nil)); err != nil {
		return err
	}
	var nodes *nodeSet
	if err := a.block(c, recheck, a.lookAtNodes(c.dc, &nodes)); err != nil {
		return err
	}
	all, choice := make([]*wireNode, 0, len(nodes.sorted)), c.choice()
	for _, b := range nodes.sorted {
		if choice.acceptsNode(b) {
			all = append(all, &b.wireNode)
		}
	}
	if a.isNear(c) {
		rtts := a.roundTrips()
		slices.SortStableFunc(all, func(x, y *wireNode) int { return int(rtts.to(x.Node) - rtts.to(y.Node)) })
	}
	all, err := filtered(&c.query, all)
	if err != nil {
		return err
	}
	c.meta(nodes.index)
	return c.answer(all)
}

// lookAtNode waits for something to change at a node, and gives it; nil if there is none of that name.
func (a *API) lookAtNode(c *call) (b *nodeBlock, services []*agentService, err error) {
	if c.name == "" {
		return nil, nil, badRequest("Missing node name")
	}
	if _, err := filtered(&c.query, []*agentService(nil)); err != nil {
		return nil, nil, err
	}
	var s state
	if err := a.block(c, recheck, func() state { s = a.lookAtAll(); return s }); err != nil {
		return nil, nil, err
	}
	c.meta(s.index)
	if b = a.nodesIn(c.dc).byName[c.name]; b == nil {
		return nil, nil, nil
	}
	services = []*agentService{}
	for inst := range a.at(b) {
		one := describeAgent(inst)
		services = append(services, &one)
	}
	services, err = filtered(&c.query, services)
	return b, services, err
}

// catalogNode answers with a node and its instances by their ids.
func (a *API) catalogNode(c *call) error {
	b, services, err := a.lookAtNode(c)
	switch {
	case err != nil:
		return err
	case b == nil:
		return c.send(http.StatusOK, null)
	}
	byID := make(map[string]*agentService, len(services))
	for _, s := range services {
		byID[s.ID] = s
	}
	return c.answer(struct {
		Node     *wireNode
		Services map[string]*agentService
	}{&b.wireNode, byID})
}

// catalogNodeServices answers with a node and a list of its instances.
func (a *API) catalogNodeServices(c *call) error {
	b, services, err := a.lookAtNode(c)
	if err != nil {
		return err
	}
	var answer struct {
		Node     *wireNode
		Services []*agentService
	}
	if b != nil {
		answer.Node, answer.Services = &b.wireNode, services
	}
	return c.answer(answer)
}

// roundTrips are the latest ones from this node to the others.
type roundTrips map[string]time.Duration

// unreachable is how far away those are that no round trip is known to.
const unreachable = time.Hour

func (r roundTrips) to(node string) time.Duration {
	if d, ok := r[node]; ok {
		return d
	}
	return unreachable
}

func (a *API) roundTrips() roundTrips {
	r := roundTrips{a.name: 0}
	for _, m := range a.node.Members() {
		if d, err := time.ParseDuration(m.RTT); err == nil {
			r[m.Name] = d
		}
	}
	return r
}
