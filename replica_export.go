package muster

import (
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/selfpreserve"
)

// uniteDelay is how long the home of an instance that has gone from one side to the other, from exported to private or
// back, waits before it ends what is left of it on the side that it came from. By then the members have the new
// registration, and do not see the instance gone in between.
const uniteDelay = time.Second

// noteDivided notes an instance that is on both sides. The one who holds its lease sees to it: its home, or the heir.
func (r *Replica) noteDivided(inst *Instance) {
	key := inst.Key()
	if !r.cat.Divided(key) || inst.Home != r.id && r.heirOf(inst) != r.id {
		delete(r.divided, key)
		return
	}
	if _, noted := r.divided[key]; !noted {
		r.divided[key] = r.at.Mono + uniteDelay
	}
}

// unite ends at once what is left of a divided instance; nothing happens to others.
func (r *Replica) unite(key Key) {
	delete(r.divided, key)
	if planted == "what has become private is not taken back" {
		return
	}
	for _, rec := range r.cat.Unite(r.at, key) {
		r.wrote(rec)
	}
}

// uniteDue does so with those that have waited. A node that is not ready writes nothing.
func (r *Replica) uniteDue() {
	if len(r.divided) == 0 || !r.boot.ready {
		return
	}
	for _, key := range slices.SortedFunc(maps.Keys(r.divided), Key.Compare) {
		if r.divided[key] <= r.at.Mono {
			r.unite(key)
		}
	}
}

// nextUnion is when uniteDue has something to do.
func (r *Replica) nextUnion() (next selfpreserve.Instant, ok bool) {
	for _, at := range r.divided {
		if !ok || at < next {
			next, ok = at, true
		}
	}
	return next, ok && r.boot.ready
}
