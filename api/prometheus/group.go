package prometheus

import (
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// appendGroup appends the group of one instance. It has the two members that Prometheus knows and no other, which would be
// an error to it.
func appendGroup(b []byte, inst *muster.Instance) []byte {
	b = append(b, `{"targets":[`...)
	b = appendString(b, net.JoinHostPort(inst.Address, strconv.Itoa(inst.Port)))
	b = append(b, `],"labels":{`...)
	for i, l := range labelsOf(inst) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, prefix+l.name), ':')
		b = appendString(b, l.value)
	}
	return append(b, "}}"...)
}

// prefix is that of all labels here. Labels that begin with __meta_ live until relabelling has been done.
const prefix = "__meta_muster_"

type label struct{ name, value string }

// labelsOf are the labels of an instance, always in the same order.
func labelsOf(inst *muster.Instance) []label {
	labels := []label{
		{"namespace", inst.Namespace},
		{"service", inst.Service},
		{"id", inst.ID},
		{"address", inst.Address},
		{"port", strconv.Itoa(inst.Port)},
		{"datacenter", inst.Datacenter},
		{"zone", inst.Zone},
		{"status", inst.Status.String()},
		{"healthy", strconv.FormatBool(inst.Healthy())},
		{"preserved", strconv.FormatBool(inst.Preserved)},
		{"secure", strconv.FormatBool(inst.Secure)},
		{"weight", strconv.Itoa(inst.Weight)},
		{"tags", listed(inst.Tags)},
	}
	ports := make(map[string]string, len(inst.Ports))
	for name, port := range inst.Ports {
		ports[name] = strconv.Itoa(port)
	}
	labels = appendNamed(labels, "port_", ports)
	return appendNamed(labels, "metadata_", inst.Metadata)
}

// listed is a list with a comma around each item, so that an expression finds an item as ",item,"; empty if there are none.
func listed(items []string) string {
	if len(items) == 0 {
		return ""
	}
	return "," + strings.Join(items, ",") + ","
}

// appendNamed appends a label for each pair, in the order of keys. Of those whose keys are the same in labels the first is.
func appendNamed(labels []label, kind string, pairs map[string]string) []label {
	if len(pairs) == 0 {
		return labels
	}
	seen := make(map[string]bool, len(pairs))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		name := kind + sanitize(key)
		if !seen[name] {
			seen[name] = true
			labels = append(labels, label{name, pairs[key]})
		}
	}
	return labels
}

// sanitize is s with _ for everything that the name of a label cannot have.
func sanitize(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return c
		}
		return '_'
	}, s)
}

func appendString(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always can be encoded
		return append(b, `""`...)
	}
	return append(b, quoted...)
}
