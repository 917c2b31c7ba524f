package lan

import (
	"cmp"
	"slices"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/host"
)

// State is what a node believes about another; see package host.
type State = host.State

// The states of a member.
const (
	StateAlive  = host.StateAlive
	StateLeft   = host.StateLeft
	StateFailed = host.StateFailed
)

// Member is what is known of one node. A value; it does not change.
type Member struct {
	Name string
	// Addr is the "ip:port" at which the member gossips, or did.
	Addr       string
	Datacenter string
	Zone       string
	State      State
	// Incarnation, HTTP and Version are from the member's Meta.
	Incarnation uint64
	HTTP        string
	Version     string
	// Since is when this node saw the member enter its State, by this node's clock.
	Since time.Time
}

// View is the members at one moment: this node itself, those that are alive, and those that are remembered. It never
// changes. One member a name.
type View struct {
	version uint64 // of the roster
	all     []Member
	alive   []Member
	index   map[string]int
	target  map[string]*memberlist.Node // of those alive
}

// All returns every member, sorted by zone, then name. The caller must not change it.
func (v *View) All() []Member { return v.all }

// Alive returns the members that are alive, this node among them unless it has left, sorted by zone, then name. The
// caller must not change it.
func (v *View) Alive() []Member { return v.alive }

// Get returns the member of that name, in whatever state.
func (v *View) Get(name string) (Member, bool) {
	i, ok := v.index[name]
	if !ok {
		return Member{}, false
	}
	return v.all[i], true
}

// newView takes lives in any order, one a name.
func newView(version uint64, lives []*life) *View {
	slices.SortFunc(lives, func(a, b *life) int {
		return cmp.Or(cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Name, b.Name))
	})
	v := &View{
		version: version,
		all:     make([]Member, len(lives)),
		alive:   make([]Member, 0, len(lives)),
		index:   make(map[string]int, len(lives)),
		target:  make(map[string]*memberlist.Node, len(lives)),
	}
	for i, l := range lives {
		v.all[i] = l.Member
		v.index[l.Name] = i
		if l.State == StateAlive {
			v.alive = append(v.alive, l.Member)
			v.target[l.Name] = l.node
		}
	}
	return v
}
