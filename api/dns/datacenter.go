package dns

import (
	"slices"
	"strings"

	"github.com/musterhq/muster"
)

// datacenters finds the data centre that a name is of: the own one, those of instances, which are in every node's registry
// wherever they run, and those that the gateways know of.
type datacenters struct {
	node Node
	here datacenter
	list kept[[]datacenter]
}

// datacenter is one by the labels of its name, in lower case. It is spelt in as many ways as there are instances of.
type datacenter struct {
	labels    []string
	spellings []string
}

func datacenterOf(spelling string) datacenter {
	return datacenter{labelsOf(spelling), []string{spelling}}
}

// cut takes the name of a data centre off the end of labels, if what is left then is a name: of those that fit, the
// longest. If none does, rest is all of the labels.
func (d *datacenters) cut(labels []string) (rest []string, of *datacenter) {
	if rest, ok := cutSuffix(labels, d.here.labels); ok && complete(rest) {
		return rest, &d.here
	}
	rest = labels
	for _, other := range d.others() {
		left, ok := cutSuffix(labels, other.labels)
		if ok && len(left) < len(rest) && complete(left) {
			rest, of = left, &other
		}
	}
	return rest, of
}

// complete reports whether labels can stand before the name of a data centre.
func complete(labels []string) bool {
	if len(labels) == 0 {
		return true
	}
	last := labels[len(labels)-1]
	_, word := words[last]
	return word || underscored(last)
}

// above reports whether the name of a data centre is longer, and ends with these labels.
func (d *datacenters) above(labels []string) bool {
	for _, one := range append([]datacenter{d.here}, d.others()...) {
		if left, ok := cutSuffix(one.labels, labels); ok && len(left) > 0 {
			return true
		}
	}
	return false
}

// others are the data centres that are not this one.
func (d *datacenters) others() []datacenter {
	all := *d.list.get()
	for _, away := range d.node.Distances() {
		if !slices.ContainsFunc(all, func(o datacenter) bool { return slices.Contains(o.spellings, away.Datacenter) }) {
			all = with(slices.Clone(all), away.Datacenter)
		}
	}
	return all
}

// with adds one more spelling to a list.
func with(all []datacenter, spelling string) []datacenter {
	one := datacenterOf(spelling)
	i := slices.IndexFunc(all, func(o datacenter) bool { return slices.Equal(o.labels, one.labels) })
	if i < 0 {
		return append(all, one)
	}
	all[i].spellings = append(slices.Clip(all[i].spellings), spelling)
	return all
}

// elsewhere lists the data centres of instances of the default namespace, but for the one that is here.
func elsewhere(all *muster.Overview, here string) *[]datacenter {
	var names []string
	for _, view := range all.Services {
		if view.Namespace() != muster.DefaultNamespace {
			continue
		}
		for inst := range view.All() {
			if inst.Datacenter != here && !slices.Contains(names, inst.Datacenter) {
				names = append(names, inst.Datacenter)
			}
		}
	}
	slices.SortFunc(names, strings.Compare)
	list := make([]datacenter, 0, len(names))
	for _, name := range names {
		list = with(list, name)
	}
	return &list
}
