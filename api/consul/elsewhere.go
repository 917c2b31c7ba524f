package consul

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// world is what is known here of the other data centres, as of one moment. Immutable.
type world struct {
	services *muster.Overview
	nodes    map[string]*nodeSet // of each that has instances
}

// latestWorld is the world as it is now.
func (a *API) latestWorld() *world {
	services := a.node.Services()
	if w := a.world.Load(); w != nil && w.services == services {
		return w
	}
	a.worldMu.Lock()
	defer a.worldMu.Unlock()
	old := a.world.Load()
	if old != nil && old.services == services {
		return old
	}
	w := &world{services, a.nodesElsewhere()}
	for dc, s := range w.nodes {
		s.index = max(services.Index, 1)
		if old != nil && old.nodes[dc] != nil && s.keep(old.nodes[dc]) {
			s.index = old.nodes[dc].index
		}
	}
	a.world.Store(w)
	return w
}

// nodesElsewhere are the nodes of the other data centres that anything is shown at. Nobody here sees whether they are
// alive: their instances are those of a data centre that answers for them.
func (a *API) nodesElsewhere() map[string]*nodeSet {
	sets := map[string]*nodeSet{}
	for inst := range a.everything() {
		if inst.Datacenter == a.dc {
			continue
		}
		s := sets[inst.Datacenter]
		if s == nil {
			s = a.newSet(inst.Datacenter)
			sets[inst.Datacenter] = s
		}
		name, isHome := nodeName(inst), inst.Attributes[attrNode] == ""
		if b := s.byName[name]; b == nil || isHome && !b.member {
			s.byName[name] = nodeElsewhere(inst.Datacenter, name, isHome, s.view)
		}
	}
	for _, s := range sets {
		for record := range s.view.All() {
			if s.byName[record.ID] == nil {
				s.byName[record.ID] = nodeElsewhere(record.Datacenter, record.ID, false, s.view)
			}
		}
		for _, b := range s.byName {
			s.sorted = append(s.sorted, b)
		}
		slices.SortFunc(s.sorted, func(a, b *nodeBlock) int { return strings.Compare(a.Node, b.Node) })
	}
	return sets
}

// nodeElsewhere is a node of another data centre. That it is no member has been written down there.
func nodeElsewhere(dc, name string, isHome bool, records *muster.View) *nodeBlock {
	record, index := records.Instance(name)
	if record != nil && record.Attributes[attrSource] == sourceCatalog && !isHome {
		return externalNode(record, index)
	}
	return &nodeBlock{wireNode: memberNode(dc, name, "", ""), member: true, alive: true, record: record, index: index}
}

// newSet is one without nodes.
func (a *API) newSet(dc string) *nodeSet {
	return &nodeSet{byName: make(map[string]*nodeBlock), view: a.node.Find(nodesNamespace, dc), index: 1}
}

// nodesIn are the nodes of the data centre that a client asks for.
func (a *API) nodesIn(dc string) *nodeSet {
	if dc == a.dc {
		return a.latestNodes()
	}
	if s := a.latestWorld().nodes[dc]; s != nil {
		return s
	}
	return a.newSet(dc)
}

// elsewhere is a service at another data centre, made for one answer.
func (a *API) elsewhere(service, dc string) *listing {
	view, nodes := a.node.Find(muster.DefaultNamespace, service), a.nodesIn(dc)
	l := &listing{view: view, nodes: nodes, index: max(view.Index(), 1)}
	for inst, index := range view.All() {
		if inst.Datacenter == dc {
			b := nodes.of(inst)
			l.index = max(l.index, b.index)
			l.entries = append(l.entries, newEntry(inst, index, b))
		}
	}
	slices.SortStableFunc(l.entries, func(a, b *entry) int { return strings.Compare(a.node.Node, b.node.Node) })
	return l
}

// datacenters answers with this one, and the others.
func (a *API) datacenters(c *call) error {
	return c.answer(append([]string{a.dc}, a.others()...))
}

// others are the data centres but for this one that have instances or that the gateways know of, the nearest first; those
// that no round trip to is known are last. As many that are as far are in the order of their names.
func (a *API) others() []string {
	away := map[string]time.Duration{}
	for dc := range a.latestWorld().nodes {
		away[dc] = farthest
	}
	for _, d := range a.node.Distances() {
		if d.Datacenter == a.dc {
			continue
		}
		away[d.Datacenter] = farthest
		if d.RTT > 0 {
			away[d.Datacenter] = d.RTT
		}
	}
	dcs := make([]string, 0, len(away))
	for dc := range away {
		dcs = append(dcs, dc)
	}
	slices.SortFunc(dcs, func(x, y string) int { return cmp.Or(cmp.Compare(away[x], away[y]), strings.Compare(x, y)) })
	return dcs
}

// farthest is farther than any data centre that a round trip is known to.
const farthest = time.Duration(1<<63 - 1)

// knows reports whether there is another data centre of that name.
func (a *API) knows(dc string) bool {
	return a.latestWorld().nodes[dc] != nil ||
		slices.ContainsFunc(a.node.Distances(), func(d muster.Distance) bool { return d.Datacenter == dc })
}
