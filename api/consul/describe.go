package consul

import (
	"hash/fnv"
	"strconv"

	"github.com/musterhq/muster"
)

// orEmpty is a list that is never null.
func orEmpty(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return tags
}

// describeHealth is an instance as health answers show it.
func describeHealth(inst *muster.Instance, b *nodeBlock, index muster.Index) healthEntry {
	return healthEntry{
		Node: &b.wireNode,
		Service: &healthService{
			Kind: inst.Attributes[attrKind], ID: inst.ID, Service: inst.Service, Tags: orEmpty(inst.Tags), Address: address(inst),
			TaggedAddresses: taggedAddresses(inst), Meta: metadata(inst), Port: inst.Port, Ports: rawAttribute(inst, attrPorts, nil),
			SocketPath: inst.Attributes[attrSocketPath], Weights: weights(inst),
			EnableTagOverride: inst.Attributes[attrTagEdit] != "", Proxy: rawAttribute(inst, attrProxy, defaultProxy),
			Connect: rawAttribute(inst, attrConnect, emptyObject), Locality: rawAttribute(inst, attrLocality, nil),
			CreateIndex: uint64(index), ModifyIndex: uint64(index),
		},
		Checks: append(nodeChecks(b, true), checksOf(inst, b.Node, index)...),
	}
}

// describeCatalog is an instance as catalog answers show it.
func describeCatalog(inst *muster.Instance, b *nodeBlock, index muster.Index) catalogService {
	meta := inst.Metadata
	if meta == nil {
		meta = map[string]string{}
	}
	return catalogService{
		ID: b.ID, Node: b.Node, Address: b.Address, Datacenter: b.Datacenter, TaggedAddresses: b.TaggedAddresses, NodeMeta: b.Meta,
		ServiceKind: inst.Attributes[attrKind], ServiceID: inst.ID, ServiceName: inst.Service, ServiceTags: orEmpty(inst.Tags),
		ServiceAddress: address(inst), ServiceTaggedAddresses: taggedAddresses(inst), ServiceWeights: weights(inst),
		ServiceMeta: meta, ServicePort: inst.Port, ServicePorts: rawAttribute(inst, attrPorts, null),
		ServiceSocketPath: inst.Attributes[attrSocketPath], ServiceEnableTagOverride: inst.Attributes[attrTagEdit] != "",
		ServiceProxy: rawAttribute(inst, attrProxy, defaultProxy), ServiceConnect: rawAttribute(inst, attrConnect, emptyObject),
		ServiceLocality: rawAttribute(inst, attrLocality, null), CreateIndex: uint64(index), ModifyIndex: uint64(index),
	}
}

// describeAgent is an instance as agents show it.
func describeAgent(inst *muster.Instance) agentService {
	meta := inst.Metadata
	if meta == nil {
		meta = map[string]string{}
	}
	return agentService{
		Kind: inst.Attributes[attrKind], ID: inst.ID, Service: inst.Service, Tags: orEmpty(inst.Tags), Meta: meta, Port: inst.Port,
		Address: address(inst), SocketPath: inst.Attributes[attrSocketPath], TaggedAddresses: taggedAddresses(inst),
		Weights: weights(inst), EnableTagOverride: inst.Attributes[attrTagEdit] != "", Proxy: rawAttribute(inst, attrProxy, nil),
		Connect: rawAttribute(inst, attrConnect, nil), Datacenter: inst.Datacenter,
	}
}

// address is what is said of an instance's own address: nothing, if it was registered in the catalog without one and
// has its node's.
func address(inst *muster.Instance) string {
	if inst.Attributes[attrNoAddress] != "" {
		return ""
	}
	return inst.Address
}

// contentHash is of everything else that is said of a service.
func contentHash(s *agentService) string {
	h := fnv.New64a()
	_, _ = h.Write(encoded(s)) // A hash never fails.
	return strconv.FormatUint(h.Sum64(), 16)
}
