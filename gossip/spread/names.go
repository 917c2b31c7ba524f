package spread

import (
	"math"
	"time"

	"github.com/musterhq/muster/catalog/causal"
)

// An origin may go by its tag in what is sent: an Origin without a Node, whose Incarnation is the tag. Only a Push that fits
// a packet and a Have say so; whoever answers, asks or syncs spells origins out, so that what is missing is always found.

const (
	// spelledOut is how many sequences of an origin are sent with its name and incarnation: those who do not know it yet
	// learn of it so. It is more than are lost in a row, and as nothing beside what a busy node writes.
	spelledOut = 4
	// recallGap is the least time between two looks at the store for an origin whose tag is not known.
	recallGap = time.Second
)

// tagOf is the 32 bits by which an origin may go, the same on every node; never 0.
func tagOf(o causal.Origin) uint32 {
	return max(1, uint32(causal.Dot{Origin: o}.Hash()>>32))
}

// names is the origins that the store knows, and those of the members, by tag. What a tag stands for is never guessed: one
// that two known origins share stands for neither, in what is sent and in what is received.
type names struct {
	by       map[uint32]name // nil until the first one is asked for
	recalled Instant
}

type name struct {
	origin causal.Origin
	shared bool
}

func (n *names) learn(o causal.Origin) {
	tag := tagOf(o)
	old, known := n.by[tag]
	if !known {
		n.by[tag] = name{origin: o}
	} else if old.origin != o && !old.shared {
		n.by[tag] = name{origin: old.origin, shared: true}
	}
}

// find is what a tag stands for; false if that is not known, or two things.
func (n *names) find(tag uint32) (causal.Origin, bool) {
	k, known := n.by[tag]
	return k.origin, known && !k.shared
}

// recall looks at the store and the members for who there is. What both have forgotten is forgotten here as well.
func (e *Engine) recall() {
	origins := e.cfg.Store.Origins()
	e.names = names{by: make(map[uint32]name, len(origins)), recalled: e.now}
	for _, o := range origins {
		e.names.learn(o)
	}
	for _, m := range e.roster.order {
		if m.Incarnation > 0 {
			e.names.learn(causal.Origin{Node: m.ID, Incarnation: m.Incarnation})
		}
	}
}

// learn notes an origin of which the store has just taken something in, or the life of a member.
func (e *Engine) learn(o causal.Origin) {
	if e.names.by == nil {
		e.recall()
	}
	e.names.learn(o)
}

// short is how an origin is named in a packet that begins with that sequence of it: by its tag, unless it is so new that
// some may not know it, or the tag could be another's.
func (e *Engine) short(o causal.Origin, first uint64) causal.Origin {
	if first <= spelledOut {
		return o
	}
	if e.names.by == nil {
		e.recall()
	}
	tag := tagOf(o)
	if known, ok := e.names.find(tag); !ok || known != o {
		return o
	}
	return causal.Origin{Incarnation: uint64(tag)}
}

// spell is the origin that a message of a peer speaks of. A tag that stands for none, or for two, shows that the peer knows
// more than this node: a sync with it brings what it knows, and false says that nothing else can be done.
func (e *Engine) spell(from string, o causal.Origin) (causal.Origin, bool) {
	if o.Node != "" || o.Incarnation == 0 || o.Incarnation > math.MaxUint32 {
		return o, true // What names nothing is malformed, as the caller will see.
	}
	tag := uint32(o.Incarnation)
	if e.names.by == nil {
		e.recall()
	}
	known, ok := e.names.find(tag)
	if !ok && e.now >= e.names.recalled+recallGap {
		e.recall()
		known, ok = e.names.find(tag)
	}
	if ok {
		return known, true
	}
	e.stats.Unnamed++
	e.request(waiting{peer: from, due: e.now + e.cfg.WantDelay, lack: true, needed: func() bool {
		_, ok := e.names.find(tag)
		return !ok
	}})
	return causal.Origin{}, false
}
