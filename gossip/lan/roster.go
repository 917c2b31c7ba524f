package lan

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/host"
)

// maxDeparted is how many departed members are remembered; beyond that the longest gone is forgotten first.
const maxDeparted = 4096

// life is one life of one member, as memberlist knows it. Once in the roster it is replaced, never changed.
type life struct {
	Member
	id      string
	node    *memberlist.Node // a copy, which memberlist does not know
	leaving bool             // it has said that it leaves
}

// roster remembers the lives of all members and turns memberlist's news into views and events. memberlist calls it
// under its own lock: nothing in here waits, and nothing in here calls memberlist.
type roster struct {
	self   string // identity of this node
	events *host.Mailbox[Event]

	view    atomic.Pointer[View]
	version atomic.Uint64 // of names; the view is built when it is asked for and older than this

	mu    sync.Mutex
	names map[string][]*life
}

func newRoster(self string, events *host.Mailbox[Event]) *roster {
	r := &roster{self: self, events: events, names: map[string][]*life{}}
	r.view.Store(newView(0, nil))
	return r
}

// members returns the view of this moment. A burst of news (a join brings a thousand members) is sorted once.
func (r *roster) members() *View {
	if v := r.view.Load(); v.version == r.version.Load() {
		return v
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.view.Load()
	if now := r.version.Load(); v.version != now {
		lives := make([]*life, 0, len(r.names))
		for _, ls := range r.names {
			lives = append(lives, r.current(ls))
		}
		v = newView(now, lives)
		r.view.Store(v)
	}
	return v
}

// alive is news of a life that is alive. It returns the life, whether it was not alive before, and the other lives of
// the same name that are alive at other addresses: predecessors whose death is not known yet, or other nodes.
func (r *roster) alive(
	id, name string, n *memberlist.Node, c card, now time.Time,
) (l *life, fresh bool, others []*life) {
	node := &memberlist.Node{
		Name: n.Name, Addr: slices.Clone(n.Addr), Port: n.Port,
		PMin: n.PMin, PMax: n.PMax, PCur: n.PCur, DMin: n.DMin, DMax: n.DMax, DCur: n.DCur,
	}
	l = &life{id: id, node: node, Member: Member{
		Name: name, Addr: addrOf(n), Datacenter: c.datacenter, Zone: c.zone,
		State: StateAlive, Incarnation: c.Incarnation, HTTP: c.HTTP, Version: c.Version, Since: now,
	}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.find(id, name); old != nil && old.State == StateAlive {
		l.leaving = old.leaving
	} else {
		fresh = true
	}
	r.replace(name, l)
	for _, o := range r.names[name] {
		if o.id != id && o.State == StateAlive && o.Addr != l.Addr {
			others = append(others, o)
		}
	}
	return l, fresh, others
}

// gone is news of a life that ended. Whether it left or failed depends on what it said.
func (r *roster) gone(id, name string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.find(id, name)
	if old == nil || old.State != StateAlive {
		return
	}
	l := *old
	l.State, l.Since = StateFailed, now
	if l.leaving || id == r.self {
		l.State = StateLeft
	}
	r.replace(name, &l)
}

// leaving is a life's word that it leaves. If it is believed to have failed, it has left instead.
func (r *roster) leaving(id, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.find(id, name)
	if old == nil || old.leaving {
		return
	}
	l := *old
	l.leaving = true
	if l.State == StateFailed {
		l.State = StateLeft
	}
	r.replace(name, &l)
}

// forget drops a departed member.
func (r *roster) forget(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	ls := r.names[name]
	switch {
	case len(ls) == 0:
		return ErrUnknownMember
	case r.current(ls).State == StateAlive:
		return ErrAlive
	}
	delete(r.names, name)
	r.version.Add(1)
	return nil
}

// forgetBefore drops the members that departed before the given time, and the longest gone beyond the limit.
func (r *roster) forgetBefore(then time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var departed []*life
	for _, ls := range r.names {
		if l := r.current(ls); l.State != StateAlive {
			departed = append(departed, l)
		}
	}
	slices.SortFunc(departed, func(a, b *life) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.Name, b.Name)) })
	for i, l := range departed {
		if l.id != r.self && (i >= maxDeparted || l.Since.Before(then)) {
			delete(r.names, l.Name)
			r.version.Add(1)
		}
	}
}

// living is the life of that name that is alive and in the view; nil if there is none.
func (r *roster) living(name string) *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ls := r.names[name]; len(ls) > 0 {
		if l := r.current(ls); l.State == StateAlive {
			return l
		}
	}
	return nil
}

func (r *roster) find(id, name string) *life {
	for _, l := range r.names[name] {
		if l.id == id {
			return l
		}
	}
	return nil
}

// replace puts a life in its place, drops those that no longer matter, and queues the event if what the name stands for
// has changed.
func (r *roster) replace(name string, l *life) {
	var before *life
	ls := r.names[name]
	if len(ls) > 0 {
		before = r.current(ls)
	}
	if i := slices.IndexFunc(ls, func(o *life) bool { return o.id == l.id }); i < 0 {
		ls = append(ls, l)
	} else {
		if ls[i].State == l.State && ls[i].Incarnation == l.Incarnation {
			l.Since = ls[i].Since
		}
		ls[i] = l
	}
	after := r.current(ls)
	r.names[name] = slices.DeleteFunc(ls, func(o *life) bool {
		return o != after && o.State != StateAlive && o.Incarnation <= after.Incarnation
	})
	r.version.Add(1)
	if e, ok := difference(before, after); ok && after.id != r.self {
		r.events.Put(e)
	}
}

// current is the life that a name stands for: this node's own; else one that is alive; else the latest.
func (r *roster) current(ls []*life) *life {
	return slices.MaxFunc(ls, func(a, b *life) int {
		return cmp.Or(
			order(a.id == r.self, b.id == r.self),
			order(a.State == StateAlive, b.State == StateAlive),
			cmp.Compare(a.Incarnation, b.Incarnation),
			cmp.Compare(a.id, b.id),
		)
	})
}

// order puts true above false.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

func addrOf(n *memberlist.Node) string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// get is one life of a name; nil if it is not known.
func (r *roster) get(id, name string) *life {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.find(id, name)
}
