package world

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog/causal"
)

// client registers one instance, renews it, fails over to other nodes, and keeps its own account of what it was promised.
type client struct {
	w     *World
	plan  *ClientPlan
	index int
	key   muster.Key
	rand  *rand.Rand

	life    int  // counts the runs of this client
	running bool // its process is there
	wants   bool // it should be found
	server  int  // the node that it talks to
	since   time.Duration
	// acked is when its present registration was acknowledged first, 0 if it is not; acks are the last renewals.
	acked time.Duration
	acks  []ack
	gone  *deregistration
	// stopped is when it last stopped.
	stopped time.Duration
	version int
}

// ack is a renewal, or registration, that a node acknowledged.
type ack struct {
	at   time.Duration
	node *node
	life int
}

// deregistration is one that a node acknowledged.
type deregistration struct {
	at   time.Duration
	tomb causal.Dot
}

const (
	clientTries = 4
	clientWait  = 200 * time.Millisecond // until it gives a node up and tries the next
	acksKept    = 24
)

func (w *World) addClient(i int) {
	p := &w.plan.Clients[i]
	c := &client{
		w: w, plan: p, index: i, rand: rng(w.plan.Seed, "client", i), server: p.Place,
		key: muster.Key{Namespace: muster.DefaultNamespace, Service: p.Service, ID: p.ID},
	}
	w.clients = append(w.clients, c)
	w.byKey[c.key] = c
}

func (c *client) start() {
	w := c.w
	if c.running {
		return
	}
	c.life++
	c.running, c.wants, c.acked, c.acks, c.gone, c.since = true, true, 0, nil, nil, w.now
	if c.plan.Stop > w.now {
		w.at(c.plan.Stop, func() { c.stop() })
	}
	if c.plan.Embedded {
		c.embed()
		return
	}
	c.register(clientTries)
	life := c.life
	var beat func()
	beat = func() {
		if c.life != life || !c.running || w.phase == aging {
			return
		}
		if w.plan.Fickle {
			first, count := w.plan.span(c.plan.Place)
			c.server = first + c.rand.IntN(count)
		}
		switch {
		case w.now >= c.plan.Hang && w.now < c.plan.Hung:
		case c.plan.veers() && w.phase == safety && c.rand.IntN(4) == 0:
			c.register(clientTries)
		default:
			c.renew(clientTries)
		}
		w.after(c.plan.Interval+between(c.rand, -c.plan.Interval/16, c.plan.Interval/16), beat)
	}
	w.after(c.plan.Interval, beat)
}

// stop ends the client, with or without a word.
func (c *client) stop() {
	w := c.w
	c.life++
	c.running, c.wants, c.stopped = false, false, w.now
	switch {
	case !c.plan.Crash:
		c.deregister(clientTries)
	case c.plan.Embedded:
		c.deregister(1)
	default:
		w.note("c", "client %d crashes", c.index)
	}
	if c.plan.Back > w.now && w.phase != aging {
		w.at(c.plan.Back, func() { c.start() })
	}
}

// embed registers with the node that it lives in, if that runs.
func (c *client) embed() {
	n := c.w.nodes[c.plan.Place]
	if !c.wants || !n.up {
		return
	}
	if n.paused {
		c.w.soon(n, 0, c.embed)
		return
	}
	c.running = true
	c.put(n)
}

// homeless is the death of the node that it lives in, and of itself.
func (c *client) homeless() { c.running, c.acked, c.stopped = false, 0, c.w.now }

// asks reports whether a question of this client reaches the node, and hears whether the answer comes back.
func (c *client) asks(n *node) (reached, heard bool) {
	t, place := &c.w.net, c.plan.Place
	if !n.runs() || !t.clear(place, n.place) || !n.ready {
		return false, false
	}
	return true, t.clear(n.place, place)
}

// failOver turns to the next node and tries again.
func (c *client) failOver(tries int, again func(tries int)) {
	first, count := c.w.plan.span(c.plan.Place)
	c.server = first + (c.server-first+1+c.rand.IntN(max(count-1, 1)))%count
	if tries <= 1 {
		return
	}
	life := c.life
	c.w.after(clientWait, func() {
		if c.life == life {
			again(tries - 1)
		}
	})
}

func (c *client) register(tries int) {
	n := c.w.nodes[c.server]
	reached, heard := c.asks(n)
	if !reached {
		c.failOver(tries, c.register)
		return
	}
	c.put(n)
	if heard {
		c.ack(n)
	}
}

// put registers at a node.
func (c *client) put(n *node) {
	c.version++
	inst := &muster.Instance{
		Service: c.plan.Service, ID: c.plan.ID, Address: "10.0.0.1", Port: 1000 + c.index, TTL: c.plan.TTL,
		Zone: c.w.nodes[c.plan.Place].zone, Metadata: map[string]string{"version": string(rune('a' + c.version%26))},
	}
	if c.plan.veers() && !c.private() {
		inst.Tags = []string{publicTag}
	}
	if c.w.plan.Bulk {
		for i := range 15 {
			inst.Metadata["m"+strconv.Itoa(i)] = strings.Repeat("x", 1000)
		}
	}
	_, created, err := n.rep.Register(n.moment(), inst, c.plan.Embedded)
	if err != nil {
		c.w.fail("anytime_valid_registrations_are_taken", "client %d at %s: %v", c.index, n.name, err)
		return
	}
	c.w.note(n.name, "registers %s of client %d, new %v", c.key.ID, c.index, created)
	n.granted(c.key)
	n.hears(c.key)
	c.w.settle(n)
	c.w.expect(c)
	if c.plan.Embedded {
		c.ack(n)
	}
}

func (c *client) renew(tries int) {
	n := c.w.nodes[c.server]
	reached, heard := c.asks(n)
	if !reached {
		c.failOver(tries, c.renew)
		return
	}
	got := n.rep.Renew(n.moment(), c.key)
	if c.w.out != nil {
		c.w.note(n.name, "renewal of client %d: %s", c.index, [...]string{"unknown", "here", "forwarded", "adopted"}[got])
	}
	switch got {
	case muster.RenewalUnknown:
		if heard {
			c.acked, c.acks = 0, nil
			c.w.settle(n)
			c.register(1)
		}
		return
	case muster.RenewalHere, muster.RenewalAdopted:
		n.hears(c.key)
	case muster.RenewalForwarded:
	}
	c.w.settle(n)
	if heard {
		c.ack(n)
	}
}

func (c *client) ack(n *node) {
	if c.acked == 0 {
		c.acked = c.w.now
	}
	if len(c.acks) >= acksKept {
		c.acks = c.acks[:copy(c.acks, c.acks[1:])]
	}
	c.acks = append(c.acks, ack{c.w.now, n, n.life})
}

func (c *client) deregister(tries int) {
	n := c.w.nodes[c.server]
	if c.plan.Embedded {
		n = c.w.nodes[c.plan.Place]
	}
	reached, heard := c.asks(n)
	if c.plan.Embedded {
		if reached, heard = n.runs(), true; !reached {
			life := c.life
			c.w.soon(n, 0, func() {
				if c.life == life {
					c.deregister(1)
				}
			})
			return
		}
	}
	if !reached {
		c.failOver(tries, c.deregister)
		return
	}
	err := n.rep.Deregister(n.moment(), c.key)
	c.w.note(n.name, "deregisters client %d: %v", c.index, err)
	if err != nil {
		return
	}
	if rec := registration(n.rep.Catalog(), c.key); heard && rec != nil {
		c.gone = &deregistration{at: c.w.now, tomb: rec.Stamp.Dot}
	}
	c.w.settle(n)
}

// operate does one operation of an operator, or of a client of its own accord.
func (w *World) operate(o *Op) {
	c, n := w.clients[o.Client], w.nodes[o.Node]
	if !n.runs() || !n.ready {
		return
	}
	w.stats.Ops++
	var err error
	at := n.moment()
	switch o.Kind { //nolint:exhaustive // The rest is how many kinds there are.
	case OpOverride:
		err = n.rep.SetOverride(at, c.key, muster.StatusOutOfService, "")
	case OpClear:
		err = n.rep.SetOverride(at, c.key, muster.StatusNone, "")
	case OpPatch:
		v := "p"
		err = n.rep.PatchMetadata(at, c.key, map[string]*string{"patched": &v})
	case OpStatus:
		err = n.rep.SetOverride(at, c.key, muster.StatusDown, "")
	case OpReregister:
		if c.running && c.wants && !c.plan.Embedded {
			c.server = n.index
			c.register(1)
		}
		return
	}
	w.note(n.name, "%s of client %d: %v", o.Kind, o.Client, err)
	w.settle(n)
}
