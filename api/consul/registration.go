package consul

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// instance is a definition for the catalog.
func (a *API) instance(def *serviceDefinition, remote string) (muster.Instance, error) {
	var none muster.Instance
	def.merge()
	switch {
	case def.Name == "":
		return none, errNoServiceName
	case def.Namespace != "":
		return none, enterprise("Namespace")
	case def.Partition != "":
		return none, enterprise("Partition")
	case isAnyAddress(def.Address):
		return none, badRequest("Invalid service address")
	}
	if def.ID == "" {
		def.ID = def.Name
	}
	inst, err := def.body()
	if err != nil {
		return none, err
	}
	inst.Attributes[attrSource] = sourceAgent
	if inst.Address == "" {
		inst.Address = a.callerAddress(remote)
	}
	inst.Checks, err = def.registered()
	return inst, err
}

// body is what a definition says of an instance, without its checks.
func (s *serviceDefinition) body() (muster.Instance, error) {
	inst := muster.Instance{
		Service: s.Name, ID: s.ID, Address: s.Address, Port: s.Port, Metadata: s.Meta, Weight: 1, Permanent: true,
		Status: muster.StatusUp, Attributes: make(map[string]string),
	}
	for _, tag := range s.Tags {
		if tag != "" { // Which says nothing, and the catalog does not take.
			inst.Tags = append(inst.Tags, tag)
		}
	}
	if s.Port < 0 || s.Port > 65535 {
		return inst, badRequest("Invalid service port " + strconv.Itoa(s.Port))
	}
	if err := validMeta(s.Meta); err != nil {
		return inst, err
	}
	if s.Meta != nil && len(s.Meta) == 0 {
		inst.Attributes[attrNoMeta] = "true"
	}
	if w := s.Weights; w != nil {
		switch {
		case w.Passing < 1:
			return inst, badRequest("Invalid Weights: Passing must be greater than 0")
		case w.Warning < 0:
			return inst, badRequest("Invalid Weights: Warning must be greater or equal than 0")
		case w.Passing > 65535 || w.Warning > 65535:
			return inst, badRequest("Invalid Weights: weights must be at most 65535")
		}
		inst.Weight = w.Passing
		if w.Warning != 1 || w.Passing != 1 { // Another dialect takes the weight for that of a warning too.
			inst.Attributes[attrWarning] = strconv.Itoa(w.Warning)
		}
	}
	if s.EnableTagOverride {
		inst.Attributes[attrTagEdit] = "true"
	}
	var locality struct{ Zone string }
	if json.Unmarshal(s.Locality, &locality) == nil { // What is no object says nothing of it.
		inst.Zone = locality.Zone
	}
	set(&inst.Attributes, attrKind, s.Kind)
	set(&inst.Attributes, attrSocketPath, s.SocketPath)
	for key, raw := range map[string]json.RawMessage{
		attrProxy: s.Proxy, attrConnect: s.Connect, attrPorts: s.Ports, attrLocality: s.Locality,
	} {
		if text := compact(raw); text != "null" && text != "{}" && text != "[]" {
			set(&inst.Attributes, key, text)
		}
	}
	return inst, s.tagAddresses(&inst)
}

// tagAddresses keeps the tagged addresses that the instance's own does not imply.
func (s *serviceDefinition) tagAddresses(inst *muster.Instance) error {
	implied := impliedAddresses(s.Address, s.Port)
	for _, key := range slices.Sorted(maps.Keys(s.TaggedAddresses)) {
		at := s.TaggedAddresses[key]
		if strings.HasSuffix(key, "_ipv4") || strings.HasSuffix(key, "_ipv6") {
			ip, err := netip.ParseAddr(at.Address)
			if err != nil || family("", ip) != key[strings.LastIndexByte(key, '_')+1:] {
				return badRequest(fmt.Sprintf("Service tagged address %q must be a valid %s address", key, key[len(key)-4:]))
			}
		}
		if implied[key] != at {
			inst.Attributes[attrTagged+key] = string(encoded(at))
		}
	}
	return nil
}

// compact is JSON without blanks, "null" for nothing.
func compact(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	return string(encoded(raw))
}

// validMeta finds what Consul refuses of metadata.
func validMeta(meta map[string]string) error {
	const maxPairs, maxKey, maxValue = 64, 128, 512
	bad := func(why string) error { return badRequest("Invalid Service Meta: " + why) }
	if len(meta) > maxPairs {
		return bad(fmt.Sprintf("Node metadata cannot contain more than %d key/value pairs", maxPairs))
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		pair := fmt.Sprintf("Couldn't load metadata pair ('%s', '%s'): ", key, meta[key])
		switch {
		case key == "":
			return bad(pair + "Key cannot be blank")
		case strings.ContainsFunc(key, notInKey):
			return bad(pair + "Key contains invalid characters")
		case len(key) > maxKey:
			return bad(pair + fmt.Sprintf("Key is too long (limit: %d characters)", maxKey))
		case strings.HasPrefix(key, "consul-") && key != "consul-network-segment":
			return bad(pair + "Key prefix 'consul-' is reserved for internal use")
		case len(meta[key]) > maxValue:
			return bad(pair + fmt.Sprintf("Value is too long (limit: %d characters)", maxValue))
		}
	}
	return nil
}

// notInKey finds what a key of metadata may not hold: all but letters, digits, '-' and '_'.
func notInKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func isAnyAddress(address string) bool {
	ip, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return err == nil && ip.IsUnspecified()
}

// callerAddress is the address of a service whose client gave none: the client's own, as it is seen here, since there is
// no agent at its host whose address would do. A client at this node's own host has the node's. What a proxy says of
// its client is not asked: anyone could say it.
func (a *API) callerAddress(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return a.selfAddress()
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsLoopback() {
		return a.selfAddress()
	}
	return ip.Unmap().WithZone("").String()
}

// registered are the checks of a registration, with their ids: the client's, else the service's, numbered where there are several.
func (s *serviceDefinition) registered() (out []muster.Check, err error) {
	all := s.allChecks()
	for n, c := range all {
		check, err := c.check()
		if err != nil {
			return nil, err
		}
		if check.ID == "" {
			check.ID = servicePrefix + s.ID
			if len(all) > 1 {
				check.ID += ":" + strconv.Itoa(n+1)
			}
		}
		if check.Name == "" {
			check.Name = defaultCheckName(s.Name)
		}
		out = withCheck(out, check)
	}
	return out, nil
}

// withCheck puts a check in place of the one with its id, or at the end.
func withCheck(all []muster.Check, check muster.Check) []muster.Check {
	if i := slices.IndexFunc(all, func(c muster.Check) bool { return c.ID == check.ID }); i >= 0 {
		all[i] = check
		return all
	}
	return append(all, check)
}
