package consul

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// What is known of nodes, beyond that they are members, is kept in the catalog as instances of a hidden service, each
// with its node's name for its id: the checks and the maintenance of a node, and the nodes that were registered in
// the catalog and are no members. The service is called as the data centre: there is one view to wait for, and nodes of
// several data centres may have one name.
const nodesNamespace = "consul-nodes"

// nodeBlock is a node as of one moment. Immutable.
type nodeBlock struct {
	wireNode
	member bool
	alive  bool
	// record is the node's instance of the hidden service, nil if there is none, and index when that last changed.
	record *muster.Instance
	index  muster.Index
}

// nodeSet is every node as of one moment. Immutable. A node that has not changed is the same block in the next set.
type nodeSet struct {
	byName map[string]*nodeBlock
	sorted []*nodeBlock // by name
	view   *muster.View
	read   time.Time // when the members were looked at
	// index is when any of it changed. Changes of the membership have no index in the catalog: it is made here, in the
	// same form, so that it can be compared with others of this node.
	index muster.Index
}

// membersAge is how long the list of members is good for: it has no index that would say that it is not.
const membersAge = 250 * time.Millisecond

// latestNodes is every node as it is now.
func (a *API) latestNodes() *nodeSet {
	view := a.node.Find(nodesNamespace, a.dc)
	if s := a.nodes.Load(); s != nil && s.view == view && time.Since(s.read) < membersAge {
		return s
	}
	a.nodesMu.Lock()
	defer a.nodesMu.Unlock()
	old := a.nodes.Load()
	if old != nil && old.view == view && time.Since(old.read) < membersAge {
		return old
	}
	s := a.readNodes(view)
	switch {
	case old == nil:
		s.index = max(a.node.Index(), 1)
	case s.keep(old):
		s.index = old.index
	default:
		s.index = laterIndex(old.index, a.node.Index(), s.read)
	}
	a.nodes.Store(s)
	return s
}

// indexTag is the part of an index that names the node and its life; what is above it counts.
const indexTag = 1<<10 - 1

// laterIndex is an index after old, with the tag that now has.
func laterIndex(old, now muster.Index, at time.Time) muster.Index {
	ms := muster.Index(max(at.Sub(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds(), 0))
	return max(ms<<10, old&^indexTag+indexTag+1) | now&indexTag
}

// keep puts the blocks of an older set in place of equal ones, and reports whether all are.
func (s *nodeSet) keep(old *nodeSet) bool {
	same := len(s.sorted) == len(old.sorted)
	for i, b := range s.sorted {
		was := old.byName[b.Node]
		if was == nil || !reflect.DeepEqual(was, b) {
			same = false
			continue
		}
		s.sorted[i], s.byName[b.Node] = was, was
	}
	return same
}

func (a *API) readNodes(view *muster.View) *nodeSet {
	s := &nodeSet{byName: make(map[string]*nodeBlock), view: view, read: time.Now()}
	add := func(b *nodeBlock) {
		s.byName[b.Node] = b
		s.sorted = append(s.sorted, b)
	}
	for _, m := range a.node.Members() {
		if m.State == "left" || m.Datacenter != a.dc {
			continue
		}
		b := &nodeBlock{wireNode: memberNode(m.Datacenter, m.Name, m.Address, m.Zone), member: true, alive: m.State == "alive"}
		b.record, b.index = view.Instance(m.Name)
		add(b)
	}
	for inst, index := range view.All() {
		if s.byName[inst.ID] == nil && inst.Datacenter == a.dc {
			add(externalNode(inst, index))
		}
	}
	slices.SortFunc(s.sorted, func(a, b *nodeBlock) int { return strings.Compare(a.Node, b.Node) })
	return s
}

// memberNode is a member as a node of Consul's.
func memberNode(dc, name, address, zone string) wireNode {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	n := wireNode{
		ID: nodeID(dc, name), Node: name, Address: host, Datacenter: dc, CreateIndex: 1, ModifyIndex: 1,
		TaggedAddresses: map[string]string{"lan": host, "wan": host},
		Meta:            map[string]string{"consul-network-segment": "", "consul-version": spoken, "muster-zone": zone},
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		n.TaggedAddresses[family("lan_", ip)], n.TaggedAddresses[family("wan_", ip)] = host, host
	}
	return n
}

// externalNode is a node that was registered in the catalog.
func externalNode(inst *muster.Instance, index muster.Index) *nodeBlock {
	b := &nodeBlock{record: inst, index: index, wireNode: wireNode{
		ID: inst.Attributes[attrNodeID], Node: inst.ID, Address: inst.Address, Datacenter: inst.Datacenter,
		Meta: inst.Metadata, CreateIndex: uint64(index), ModifyIndex: uint64(index),
	}}
	for key, address := range inst.Attributes {
		if name, ok := strings.CutPrefix(key, attrTagged); ok {
			if b.TaggedAddresses == nil {
				b.TaggedAddresses = make(map[string]string)
			}
			b.TaggedAddresses[name] = address
		}
	}
	return b
}

// nodeID is a UUID (of version 8, RFC 9562) that every node makes of another's name, and always the same one.
func nodeID(dc, name string) string {
	sum := sha256.Sum256([]byte(dc + "/" + name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// nodeName is the name of the node that an instance is shown at: the one that it was registered for, else its home.
func nodeName(inst *muster.Instance) string {
	if name := inst.Attributes[attrNode]; name != "" {
		return name
	}
	return strings.TrimPrefix(inst.Home, inst.Datacenter+"/")
}

// of is the node that an instance is shown at. One that is gone, or of another data centre, is known by its name alone.
func (s *nodeSet) of(inst *muster.Instance) *nodeBlock {
	name := nodeName(inst)
	if b := s.byName[name]; b != nil && b.Datacenter == inst.Datacenter {
		return b
	}
	return &nodeBlock{wireNode: memberNode(inst.Datacenter, name, "", ""), member: true}
}

// selfAddress is the host at which other nodes reach this one.
func (a *API) selfAddress() string {
	if b := a.latestNodes().byName[a.name]; b != nil {
		return b.Address
	}
	return "127.0.0.1"
}
