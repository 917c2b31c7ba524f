package wan

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/serf/serf"

	"github.com/musterhq/muster/gossip/host"
)

// State is what a gateway believes about another; see package host.
type State = host.State

// The states of a member.
const (
	StateAlive  = host.StateAlive
	StateLeft   = host.StateLeft
	StateFailed = host.StateFailed
)

// Member is what is known of one gateway.
type Member struct {
	Name       string
	Datacenter string
	Zone       string
	// Addr is the "ip:port" at which the gateway gossips and takes links, or did.
	Addr  string
	State State
	// Incarnation, HTTP, Version and LAN are from the gateway's Meta.
	Incarnation uint64
	HTTP        string
	Version     string
	LAN         string
	// Links is the identities of the known gateways to which this one says that it holds a link, sorted. The caller must
	// not change it.
	Links []string
	// Since is when this gateway saw the member enter its State, by this gateway's clock.
	Since time.Time
}

// ID is "datacenter/name".
func (m Member) ID() string { return ID(m.Datacenter, m.Name) }

// LinkedTo reports whether the gateway says that it holds a link to the data centre.
func (m Member) LinkedTo(datacenter string) bool {
	return slices.ContainsFunc(m.Links, func(id string) bool { return strings.HasPrefix(id, datacenter+"/") })
}

// View is the gateways at one moment: this one, those that are alive, and those that are remembered. It never changes.
// One member an identity.
type View struct {
	all   []Member
	alive []Member
	index map[string]int
	lives map[string]life // current ones, by identity
}

// All returns every gateway, sorted by data centre, then name. The caller must not change it.
func (v *View) All() []Member { return v.all }

// Alive returns the gateways that are alive, this one among them unless it has left, sorted by data centre, then name. The
// caller must not change it.
func (v *View) Alive() []Member { return v.alive }

// Get returns the gateway with that identity, "datacenter/name", in whatever state.
func (v *View) Get(id string) (Member, bool) {
	i, ok := v.index[id]
	if !ok {
		return Member{}, false
	}
	return v.all[i], true
}

// life is one life of one gateway, as Serf knows it.
type life struct {
	Member
	serf    string // Serf's name
	leaving bool   // it has said that it leaves
	marks   []string
}

// readLife takes a member of Serf's apart; false if it is no gateway's.
func readLife(m serf.Member, now time.Time) (life, bool) {
	c, err := readTags(m.Name, m.Tags)
	if err != nil {
		return life{}, false
	}
	l := life{serf: m.Name, marks: c.marks(), leaving: m.Status == serf.StatusLeaving, Member: Member{
		Name: c.name, Datacenter: c.datacenter, Zone: c.zone,
		Addr: net.JoinHostPort(m.Addr.String(), strconv.Itoa(int(m.Port))), State: StateAlive,
		Incarnation: c.Incarnation, HTTP: c.HTTP, Version: c.Version, LAN: c.LAN, Since: now,
	}}
	switch m.Status {
	case serf.StatusLeft:
		l.State = StateLeft
	case serf.StatusFailed, serf.StatusNone:
		l.State = StateFailed
	case serf.StatusAlive, serf.StatusLeaving:
	}
	return l, true
}

// newView is what follows before when these are the lives, in any order. self is Serf's name of this life. It also
// returns the events that lead there, and the lives that are alive although another of the same identity is, too.
func newView(before *View, self string, lives []life) (v *View, events []Event, others []life) {
	current := map[string]life{}
	for _, l := range lives {
		if old, ok := current[l.ID()]; ok && !better(self, l, old) {
			continue
		}
		current[l.ID()] = l
	}
	names := map[string]string{} // by mark
	for id := range current {
		names[mark(id)] = id
	}
	v = &View{index: map[string]int{}, lives: current}
	for id, l := range current {
		for _, m := range l.marks {
			if peer, ok := names[m]; ok {
				l.Links = append(l.Links, peer)
			}
		}
		slices.Sort(l.Links)
		if old, ok := before.lives[id]; ok && old.State == l.State && old.serf == l.serf {
			l.Since = old.Since
		}
		current[id] = l
	}
	for _, l := range lives {
		if l.State == StateAlive && current[l.ID()].serf != l.serf {
			others = append(others, l)
		}
	}
	for _, l := range slices.SortedFunc(maps.Values(current), func(a, b life) int {
		return cmp.Or(cmp.Compare(a.Datacenter, b.Datacenter), cmp.Compare(a.Name, b.Name))
	}) {
		v.index[l.ID()] = len(v.all)
		v.all = append(v.all, l.Member)
		if l.State == StateAlive {
			v.alive = append(v.alive, l.Member)
		}
		old, known := before.lives[l.ID()]
		if e, ok := difference(old, known, l); ok && l.serf != self {
			events = append(events, e)
		}
	}
	return v, events, others
}

// better reports whether l stands for its identity and not old: this very life; else one that is alive; else the latest.
func better(self string, l, old life) bool {
	return cmp.Or(
		order(l.serf == self, old.serf == self),
		order(l.State == StateAlive, old.State == StateAlive),
		cmp.Compare(l.Incarnation, old.Incarnation),
		cmp.Compare(l.serf, old.serf),
	) > 0
}

// difference is the event that leads from one state of an identity to the next; false if they mean the same.
func difference(before life, known bool, after life) (Event, bool) {
	e := Event{Member: after.Member}
	was := known && before.State == after.State && before.Incarnation == after.Incarnation
	switch after.State {
	case StateAlive:
		e.Kind = EventJoined
		if was {
			e.Kind = EventUpdated
			a, b := before.Member, after.Member
			same := slices.Equal(a.Links, b.Links)
			a.Links, b.Links = nil, nil
			return e, !same || !equal(a, b)
		}
		return e, true
	case StateLeft:
		e.Kind = EventLeft
	case StateFailed:
		e.Kind = EventFailed
	}
	// Of a gateway that was never seen alive there is nothing to report.
	return e, known && !was
}

// equal compares members without their links.
func equal(a, b Member) bool {
	return a.ID() == b.ID() && a.Zone == b.Zone && a.Addr == b.Addr && a.HTTP == b.HTTP && a.Version == b.Version && a.LAN == b.LAN
}
