package consul

import (
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// Attributes hold what the catalog has no field for. A key each, so that no value gets long.
const (
	prefix = "consul."
	// attrSource marks what was registered by this dialect: sourceAgent at an agent's endpoints, sourceCatalog at the
	// catalog's, whose checks nobody runs.
	attrSource     = prefix + "source"
	sourceAgent    = "agent"
	sourceCatalog  = "catalog"
	attrNode       = prefix + "node" // the node that an instance was registered for in the catalog
	attrNodeID     = prefix + "nodeID"
	attrNoAddress  = prefix + "noAddress" // the address is that of the node
	attrKind       = prefix + "kind"
	attrSocketPath = prefix + "socketPath"
	attrTagEdit    = prefix + "enableTagOverride"
	attrWarning    = prefix + "weights.warning"
	attrNoMeta     = prefix + "emptyMeta" // the client gave an empty object, and not null
	attrProxy      = prefix + "proxy"
	attrConnect    = prefix + "connect"
	attrPorts      = prefix + "ports"
	attrLocality   = prefix + "locality"
	attrTagged     = prefix + "taggedAddress." // a key each, JSON; of a node, the address itself
	attrCheck      = prefix + "check."         // a check that the catalog was told the result of, JSON
)

// set puts an attribute into m, which it makes if there is none; an empty value is not kept.
func set(m *map[string]string, key, value string) {
	if value == "" {
		return
	}
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[key] = value
}

// rawAttribute is an attribute that is JSON, or what is there without it. What somebody else wrote and is no JSON counts
// as missing.
func rawAttribute(inst *muster.Instance, key string, otherwise json.RawMessage) json.RawMessage {
	if text, ok := inst.Attributes[key]; ok && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return otherwise
}

// taggedAddresses are those of an instance: the ones that its address implies, as Consul adds them, and the ones that
// the client gave.
func taggedAddresses(inst *muster.Instance) map[string]wireAddress {
	out := impliedAddresses(address(inst), inst.Port)
	for key, text := range inst.Attributes {
		name, ok := strings.CutPrefix(key, attrTagged)
		var at wireAddress
		if !ok || json.Unmarshal([]byte(text), &at) != nil {
			continue
		}
		if out == nil {
			out = make(map[string]wireAddress)
		}
		out[name] = at
	}
	return out
}

// impliedAddresses are the tagged addresses of what has an IP address: that address, in its family.
func impliedAddresses(address string, port int) map[string]wireAddress {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return nil
	}
	at := wireAddress{address, port}
	return map[string]wireAddress{family("lan_", ip): at, family("wan_", ip): at}
}

func family(kind string, ip netip.Addr) string {
	if ip.Unmap().Is4() {
		return kind + "ipv4"
	}
	return kind + "ipv6"
}

// weights of an instance: what it would show if it were warning is a number of its own in Consul.
func weights(inst *muster.Instance) wireWeights {
	w := wireWeights{Passing: inst.Weight, Warning: 1}
	if n, err := strconv.Atoi(inst.Attributes[attrWarning]); err == nil {
		w.Warning = n
	}
	return w
}

// metadata of an instance: nil if its client gave none.
func metadata(inst *muster.Instance) map[string]string {
	if len(inst.Metadata) == 0 && inst.Attributes[attrNoMeta] != "" {
		return map[string]string{}
	}
	return inst.Metadata
}

// storedCheck is a check of which the catalog was told the result, as an attribute holds it.
type storedCheck struct {
	Name, Status, Notes, Output, Type string          `json:",omitempty"`
	Definition                        json.RawMessage `json:",omitempty"`
}

// staticChecks are those that the catalog was told the results of, by their ids.
func staticChecks(inst *muster.Instance) (out []wireCheck) {
	for _, key := range slices.Sorted(maps.Keys(inst.Attributes)) {
		id, ok := strings.CutPrefix(key, attrCheck)
		var c storedCheck
		if !ok || json.Unmarshal([]byte(inst.Attributes[key]), &c) != nil {
			continue
		}
		out = append(out, wireCheck{
			CheckID: id, Name: c.Name, Status: c.Status, Notes: c.Notes, Output: c.Output, Type: c.Type, Definition: c.Definition,
		})
	}
	return out
}
