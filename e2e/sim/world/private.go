package world

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/spread"
)

// What is kept to a data centre: the instances of services whose name begins with hush, for ever, and those of one whose
// clients register now so, now so.
const (
	hush      = "hush"
	veer      = "veer"
	publicTag = "public"
)

// goneWithin is how much longer than a write it takes until others do not see what has become private: its home lets a
// second pass.
const goneWithin = 1500 * time.Millisecond

// exported is the rules of every node.
func exported() muster.Export {
	return muster.Export{{Service: hush + "*", None: true}, {Service: veer, Tag: publicTag}}
}

// drawPrivate keeps some instances to their data centres in every other schedule, from chance of its own.
func (p *Plan) drawPrivate() {
	r := rng(p.Seed, "between us", 0)
	if p.Private = r.IntN(2) == 0; !p.Private {
		return
	}
	for i := range p.Clients {
		switch c := &p.Clients[i]; r.IntN(4) {
		case 0:
			c.Service, c.ID = hush+"-"+c.Service, hush+"-"+c.ID
		case 1:
			c.Service = veer
		}
	}
	for i := range p.Targets {
		if t := &p.Targets[i]; r.IntN(3) == 0 {
			t.Service, t.ID = hush+"-"+t.Service, hush+"-"+t.ID
		}
	}
}

func (c *ClientPlan) veers() bool { return c.Service == veer }

// private reports whether what the client registers, or has registered last, is for its data centre alone.
func (c *client) private() bool {
	return strings.HasPrefix(c.plan.Service, hush) || c.plan.veers() && c.version%2 == 0
}

// checkCrossing: nothing that is private is in a message to another data centre, by what it says or by any of its bytes.
func (w *World) checkCrossing(from *node, m spread.Message) {
	if !w.plan.Private || m == nil {
		return
	}
	if bytes.Contains(frame.Append(nil, m), []byte(hush)) {
		w.fail("anytime_private_crosses_no_link", "%s sends a %s to another data centre that names a private instance", from.name, m.Kind())
	}
	for _, o := range origins(m) {
		if o.IsPrivate() {
			w.fail("anytime_private_crosses_no_link", "%s sends a %s to another data centre that is about %s", from.name, m.Kind(), o)
			return
		}
	}
}

// origins is what a message says something of.
func origins(m spread.Message) []causal.Origin {
	var out []causal.Origin
	var d wire.Decoder
	spans := func(list []spread.Span) {
		for _, s := range list {
			out = append(out, s.Origin)
		}
	}
	frames := func(list []spread.Frame) {
		for _, f := range list {
			out = append(out, f.Origin)
		}
	}
	switch m := m.(type) {
	case spread.Push:
		frames(m.Frames)
	case spread.Have:
		spans(m.Spans)
	case spread.Want:
		spans(m.Spans)
	case spread.SyncRequest:
		if v, err := d.Vector(m.Vector); err == nil {
			out = append(out, v.Origins()...)
		}
	case spread.SyncChunk:
		frames(m.Frames)
		if s, err := d.Summary(m.Summary); err == nil {
			out = append(out, s.Vector.Origins()...)
			if s.Held != nil {
				out = append(out, s.Held.Origins()...)
			}
			for o := range s.Floors {
				out = append(out, o)
			}
		}
	}
	slices.SortFunc(out, causal.Origin.Compare)
	return out
}

// checkPrivate: what is private is held, and covered, in its own data centre and nowhere else.
func (w *World) checkPrivate(n *node) {
	if !w.plan.Private || w.failure != nil {
		return
	}
	dc := spread.DatacenterOf(n.id)
	for _, o := range n.rep.Catalog().Vector().Origins() {
		if o.IsPrivate() && spread.DatacenterOf(o.Node) != dc {
			w.fail("anytime_private_stays_home", "%s covers writes of %s", n.name, o)
			return
		}
	}
	for _, rec := range n.rep.Catalog().Records() {
		if strings.HasPrefix(rec.Key.Service, hush) && (!rec.Private() || w.siteOf(rec.Key) != n.site) {
			w.fail("anytime_private_stays_home", "%s holds register %d of %s as of %s", n.name, rec.Kind, rec.Key, rec.Stamp.Dot)
			return
		}
	}
}

// siteOf is the data centre of a client or a target.
func (w *World) siteOf(key muster.Key) int {
	if c := w.byKey[key]; c != nil {
		return w.plan.site(c.plan.Place)
	}
	return w.plan.site(w.target[key].plan.Place)
}

// checkUnseen: where a path is up, and everyone knows it, what has become private is soon not seen elsewhere any more.
func (w *World) checkUnseen(c *client, version int, at time.Duration) {
	for _, n := range w.nodes {
		if n.site == w.plan.site(c.plan.Place) && (!n.runs() || !n.ready || n.steady() > at-linkedFor) {
			return // It may have been its home.
		}
	}
	for _, n := range w.reached(c, version, at) {
		w.stats.Across++
		if inst, _ := n.rep.Catalog().Get(c.key); inst != nil {
			w.fail("anytime_what_becomes_private_is_taken_back", "%s still sees client %d, which registered as private in %s at %v: %v",
				n.name, c.index, siteName(w.plan.site(c.plan.Place)), at, inst)
			return
		}
	}
}

// staysHome reports whether a node is in another data centre than an instance that is private to its own.
func (w *World) staysHome(n *node, c *client) bool {
	if n.site == w.plan.site(c.plan.Place) {
		return false
	}
	rec := w.closest(w.core(), c.plan.Place, 0).rep.Catalog().Registration(c.key)
	return rec != nil && rec.Private()
}
