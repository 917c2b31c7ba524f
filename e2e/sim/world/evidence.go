package world

import (
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/selfpreserve"
)

const (
	// askPatience is how long a connection is tried, as a node does.
	askPatience = 2 * time.Second
	// evictWithin is how long a node that is well may take from a refusal to the eviction.
	evictWithin = 200 * time.Millisecond
)

// question is a connection attempt to an instance that a node keeps. The host of a client answers as long as packets pass
// both ways: accepts if the client's process is there, whether it renews or not, and refuses if it is not. Nobody answers
// across a cut.
func (w *World) question(n *node, q muster.Question) {
	w.stats.Asked++
	c, place := w.byKey[q.Key], 0
	answer := func(after time.Duration, o selfpreserve.Outcome) {
		asked := w.now
		w.soon(n, after, func() { w.evidence(n, q, o, asked) })
	}
	if c == nil {
		answer(askPatience, selfpreserve.Nothing)
		return
	}
	place = c.plan.Place
	there, back := between(w.asking, w.net.weather.Min, w.net.weather.Mean*2), between(w.asking, w.net.weather.Min, w.net.weather.Mean*2)
	loss := w.net.weather.Loss
	if w.asking.Float64() < loss {
		there += time.Second // The first packet was lost, and is sent again.
		if w.asking.Float64() < loss {
			there = askPatience
		}
	}
	if !w.net.clear(n.place, place) || there+back >= askPatience {
		answer(askPatience, selfpreserve.Nothing)
		return
	}
	w.after(there, func() {
		if !w.net.clear(place, n.place) || !n.up {
			answer(askPatience-there, selfpreserve.Nothing)
			return
		}
		o := selfpreserve.Refused
		if c.running {
			o = selfpreserve.Connected
		}
		answer(back, o)
	})
}

// evidence is what came of a question.
func (w *World) evidence(n *node, q muster.Question, o selfpreserve.Outcome, asked time.Duration) {
	if w.out != nil {
		w.note(n.name, "asked %s: %s", q.Key.ID, o)
	}
	w.mix(uint64(o) + 31)
	if o == selfpreserve.Refused {
		w.stats.Dead++
		n.refused[q.Key] = w.now
	}
	n.rep.Evidence(n.moment(), q, o)
	w.settle(n)
	if o != selfpreserve.Refused || n.score > 0 {
		return
	}
	old, _ := n.rep.Catalog().Get(q.Key)
	w.soon(n, evictWithin, func() { w.checkRefused(n, old, asked) })
}

// dead reports whether a node knows by a refusal that an instance is gone, and has not heard of it since.
func (n *node) dead(key muster.Key) bool {
	at, ok := n.refused[key]
	return ok && at > n.heard[key].at
}

// checkRefused: what has refused its home, and has not been heard of since it was asked, is gone, unless the home is unwell.
func (w *World) checkRefused(n *node, old *muster.Instance, asked time.Duration) {
	if old == nil || old.Home != n.id || !old.Preserved || !n.ready || n.score > 0 || n.slow > 0 || w.now-asked > askPatience+2*evictWithin {
		return
	}
	key := old.Key()
	now, _ := n.rep.Catalog().Get(key)
	if now != nil && now.Preserved && n.changed[key] < asked-evictWithin && n.heard[key].at < asked-evictWithin {
		w.fail("anytime_refused_is_evicted", "%s keeps %s, which it asked at %v and whose host refused: %+v", n.name, key, asked, n.rep.Scopes())
	}
}
