package prometheus

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// anyNamespace and anyDatacenter are of those who want services, or instances, of all of them.
const (
	anyNamespace  = "*"
	anyDatacenter = "*"
)

// filter is what a query chooses.
type filter struct {
	namespace, dc  string
	services, tags []string
	zone           string
	byZone         bool
	healthy        bool
}

// parse reads a query to a node of a data centre. problem is everything that is wrong with it, in words; empty if nothing is.
func parse(query, dc string) (f *filter, problem string) {
	f = &filter{namespace: muster.DefaultNamespace, dc: dc}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, "the query cannot be read: " + err.Error()
	}
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		given := values[name]
		if len(given) > 1 && name != "service" && name != "tag" {
			bad = append(bad, name+" must be given once")
			continue
		}
		for _, v := range given {
			if p := f.set(name, v); p != "" {
				bad = append(bad, name+" "+p)
			}
		}
	}
	return f, strings.Join(bad, "; ")
}

// set takes one parameter. The result completes a sentence that says what is wrong with it; empty if nothing is.
func (f *filter) set(name, value string) string {
	switch name {
	case "zone":
		f.zone, f.byZone = value, true
		return ""
	case "healthy":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return "must be true or false, not " + strconv.Quote(value)
		}
		f.healthy = b
		return ""
	case "namespace":
		f.namespace = value
	case "dc":
		f.dc = value
	case "service":
		f.services = append(f.services, value)
	case "tag":
		f.tags = append(f.tags, value)
	default:
		return "is not a parameter of this path, which takes namespace, dc, service, tag, zone, healthy"
	}
	if value == "" {
		return "must not be empty"
	}
	return ""
}

// wants reports whether a service's instances are chosen from.
func (f *filter) wants(namespace, service string) bool {
	return (f.namespace == anyNamespace || f.namespace == namespace) &&
		(len(f.services) == 0 || slices.Contains(f.services, service))
}

// chooses reports whether an instance of such a service is chosen.
func (f *filter) chooses(inst *muster.Instance) bool {
	if f.dc != anyDatacenter && inst.Datacenter != f.dc || f.healthy && !inst.Healthy() || f.byZone && inst.Zone != f.zone {
		return false
	}
	for _, tag := range f.tags {
		if !slices.Contains(inst.Tags, tag) {
			return false
		}
	}
	return true
}
