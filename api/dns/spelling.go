package dns

import (
	"strings"

	"github.com/musterhq/muster"
)

// spellings finds the services that a name in lower case may mean. Those that are spelt that way are found in the registry
// itself, for all others there is a list.
type spellings struct {
	node Node
	list kept[spelt]
}

// spelt is the list as of one moment. Immutable.
type spelt struct {
	others  map[string][]string // names that have capitals, by the same in lower case; in order
	parents map[string]bool     // "b" and "c.b", if a service is called d.c.b
}

// views are the services of a name in lower case, at least one, which may be empty.
func (s *spellings) views(name string) []*muster.View {
	views := make([]*muster.View, 1, 2)
	views[0] = s.node.Find(muster.DefaultNamespace, name)
	for _, other := range s.list.get().others[name] {
		views = append(views, s.node.Find(muster.DefaultNamespace, other))
	}
	return views
}

// isParent reports whether there are services whose names end with a dot and this one, which is in lower case.
func (s *spellings) isParent(name string) bool { return s.list.get().parents[name] }

func spell(all *muster.Overview) *spelt {
	list := &spelt{others: map[string][]string{}, parents: map[string]bool{}}
	for _, view := range all.Services {
		if view.Namespace() != muster.DefaultNamespace {
			continue
		}
		name := fold(view.Service())
		if name != view.Service() {
			list.others[name] = append(list.others[name], view.Service())
		}
		for _, parent, more := strings.Cut(name, "."); more; _, parent, more = strings.Cut(parent, ".") {
			list.parents[parent] = true
		}
	}
	return list
}
