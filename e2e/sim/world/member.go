package world

import (
	"slices"
	"time"

	"github.com/musterhq/muster/gossip/spread"
)

// peerView is what one node believes of another: a membership in the manner of SWIM, without its packets. What matters
// to a replica is when members come and go, differently for each observer, and sometimes wrongly.
type peerView struct {
	known bool // has been a member, and is tried again when it has failed
	up    bool
	left  bool
	life  int
	since time.Duration
}

// peer is n's view of another node.
func (n *node) peer(q *node) *peerView {
	for len(n.view) < len(n.w.nodes) {
		n.view = append(n.view, peerView{})
	}
	return &n.view[q.index]
}

// resolve is the node that a name stands for in the eyes of another: the one that is alive there, the latest life first.
func (w *World) resolve(n *node, id string) *node {
	var best *node
	for _, q := range w.byID[id] {
		if q != n && n.peer(q).up && (best == nil || q.incarnation > best.incarnation) {
			best = q
		}
	}
	return best
}

// alive tells n that q is a member.
func (w *World) alive(n, q *node, life int) {
	if n == q || n.id == q.id || n.site != q.site || !n.up || !q.up || q.life != life {
		return
	}
	v := n.peer(q)
	if v.up && v.life == life {
		return
	}
	*v = peerView{known: true, up: true, life: life, since: w.now}
	w.note(n.name, "sees %s come", q.name)
	n.rep.MemberUp(n.moment(), spread.Member{ID: q.id, Zone: q.zone, Incarnation: q.incarnation})
	w.settle(n)
}

// down tells n that a life of q is over.
func (w *World) down(n, q *node, life int, left bool) {
	if !n.up {
		return
	}
	v := n.peer(q)
	if !v.up || v.life != life {
		return
	}
	v.up, v.left, v.since = false, left, w.now
	w.note(n.name, "sees %s go, left %v", q.name, left)
	if w.resolve(n, q.id) == nil {
		n.rep.MemberDown(n.moment(), spread.Member{ID: q.id, Zone: q.zone}, left)
	}
	w.settle(n)
}

// probe asks one member whether it is there, as memberlist does about once a second. The answer carries a digest.
func (w *World) probe(n *node) {
	var ups []*node
	for _, q := range w.nodes {
		if q != n && n.peer(q).up {
			ups = append(ups, q)
		}
	}
	if len(ups) > 0 {
		q := ups[n.rand.IntN(len(ups))]
		w.ask(n, q, ups)
	}
	if !n.up {
		return
	}
	n.rep.SetHealth(n.moment(), n.score)
	w.settle(n)
}

func (w *World) ask(n, q *node, ups []*node) {
	life := n.peer(q).life
	same := q.up && q.life == life
	if same && w.net.trip(n, q) && w.net.rand.Float64() >= w.net.weather.Loss*w.net.weather.Loss {
		n.score = max(0, n.score-1)
		digest := q.rep.Digest()
		w.checkDigests(n, q)
		w.soon(n, 2*w.net.delay(), func() {
			n.rep.PeerDigest(n.moment(), q.id, digest)
			w.settle(n)
		})
		return
	}
	answered, asked := false, 0
	for _, i := range n.rand.Perm(len(ups)) {
		k := ups[i]
		if k == q || asked == 3 {
			continue
		}
		asked++
		if !w.net.trip(n, k) {
			continue
		}
		answered = true
		if same && w.net.trip(k, q) {
			return // An indirect probe got through.
		}
	}
	if !answered {
		n.score = min(n.score+1, 7) // Nobody answers: it may be this node that is unwell.
	}
	if n.suspects[q.index] {
		return
	}
	n.suspects[q.index] = true
	w.soon(n, between(n.rand, 2*time.Second, 5*time.Second), func() {
		delete(n.suspects, q.index)
		if !q.up || q.life != life || !w.net.reaches(n, q) || !w.net.reaches(q, n) {
			w.declare(n, q, life)
		}
	})
}

// declare is n's word that a life of q is over, which spreads to whoever hears n. Those that q can reach take it back soon.
func (w *World) declare(n, q *node, life int) {
	if !n.peer(q).up || n.peer(q).life != life {
		return
	}
	w.down(n, q, life, false)
	for _, o := range w.nodes {
		if o == n || o == q || !o.up || !w.net.reaches(n, o) {
			continue
		}
		w.soon(o, between(w.chance, 200*time.Millisecond, time.Second), func() {
			w.down(o, q, life, false)
			w.refute(o, q, life)
		})
	}
}

// refute is q's answer to the word that it is dead, if it hears of it at o and o hears q.
func (w *World) refute(o, q *node, life int) {
	if q.up && q.life == life && w.net.reaches(o, q) && w.net.reaches(q, o) {
		w.soon(o, between(w.chance, 100*time.Millisecond, time.Second), func() { w.alive(o, q, life) })
	}
}

// seeds are the nodes whose addresses every node is started with.
const seeds = 3

// join lets a node that has just started find the others: it tries all its seeds at once, until one answers.
func (w *World) join(n *node) {
	life := n.life
	var try func()
	try = func() {
		if !n.up || n.life != life || slices.ContainsFunc(n.view, func(v peerView) bool { return v.up }) {
			return
		}
		if n.runs() {
			w.joinSeeds(n)
		}
		w.after(between(n.rand, time.Second, 5*time.Second), try)
	}
	w.after(between(n.rand, 10*time.Millisecond, 100*time.Millisecond), try)
}

// joinSeeds joins those seeds that n does not see.
func (w *World) joinSeeds(n *node) {
	first, count := w.plan.span(n.place)
	for _, q := range w.nodes[first : first+min(seeds, count)] {
		if q.id != n.id && w.resolve(n, q.id) == nil && w.net.trip(n, q) {
			w.meet(n, q)
		}
	}
}

// rejoin tries two members that have failed, and goes on while it has success.
func (w *World) rejoin(n *node) {
	if planted == "failed members are not joined again" {
		return
	}
	w.joinSeeds(n)
	for range 3 {
		var gone []*node
		for _, q := range w.nodes {
			if v := n.peer(q); v.known && !v.up && !v.left {
				gone = append(gone, q)
			}
		}
		met := false
		for range min(2, len(gone)) {
			if q := gone[n.rand.IntN(len(gone))]; w.net.trip(n, q) && w.resolve(n, q.id) == nil {
				w.meet(n, q)
				met = true
			}
		}
		if !met {
			return
		}
	}
}

// meet is a push-pull: both learn whom the other knows, and tell those that they know.
func (w *World) meet(n, q *node) {
	w.note(n.name, "joins %s", q.name)
	mine, theirs := w.circle(n), w.circle(q)
	for _, a := range theirs {
		w.alive(n, a, a.life)
	}
	for _, b := range mine {
		w.alive(q, b, b.life)
	}
	tell := func(listener *node, news []*node) {
		for _, x := range news {
			v := listener.peer(x)
			if listener == x || v.up && v.life == x.life {
				continue
			}
			life := x.life
			w.soon(listener, between(w.chance, 50*time.Millisecond, time.Second), func() {
				if w.net.reaches(x, listener) {
					w.alive(listener, x, life)
				}
			})
		}
	}
	for _, a := range mine {
		tell(a, theirs)
	}
	for _, b := range theirs {
		tell(b, mine)
	}
}

// exchange is the push-pull that each node has with a random member now and then.
func (w *World) exchange(n *node) {
	if q := w.nodes[n.rand.IntN(len(w.nodes))]; q != n && n.peer(q).up && w.net.trip(n, q) {
		w.meet(n, q)
	}
}

// circle is a node and the members that it sees.
func (w *World) circle(n *node) []*node {
	out := []*node{n}
	for _, q := range w.nodes {
		if q != n && n.peer(q).up && q.up && n.peer(q).life == q.life {
			out = append(out, q)
		}
	}
	return out
}
