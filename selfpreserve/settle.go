package selfpreserve

import (
	"cmp"
	"maps"
	"slices"
)

// touch notes that the counts of s have changed, so that settle judges it anew.
func (k *Keeper[K]) touch(s *scope[K]) {
	if s.unsettled {
		return
	}
	s.unsettled = true
	if k.isZone(s) {
		k.unsettled = append(k.unsettled, s)
	}
}

// settle judges all scopes whose counts have changed. Zones go first, so that a zone that is cut off is out of the node's
// counts before the node is judged, and holds that end are acted upon when all is judged.
func (k *Keeper[K]) settle() {
	var freed []*scope[K]
	if len(k.unsettled) > 1 {
		slices.SortFunc(k.unsettled, func(a, b *scope[K]) int { return cmp.Compare(a.name, b.name) })
	}
	for i := 0; i < len(k.unsettled); i++ { //nolint:intrange // Grows while zones change state.
		freed = k.judge(k.unsettled[i], freed)
	}
	clear(k.unsettled)
	k.unsettled = k.unsettled[:0]
	for k.node.unsettled {
		freed = k.judge(k.node, freed)
	}
	for k.dc.unsettled {
		freed = k.judge(&k.dc.scope, freed)
	}
	for _, s := range freed {
		if s != k.node {
			k.reprieve(s)
			continue
		}
		for _, z := range k.sortedZones() {
			k.reprieve(z)
		}
	}
}

func (k *Keeper[K]) isZone(s *scope[K]) bool { return s != k.node && s != &k.dc.scope }

// judge brings one scope up to date, and appends it to freed if leases in it may have become free to go.
func (k *Keeper[K]) judge(s *scope[K], freed []*scope[K]) []*scope[K] {
	s.unsettled = false
	var v verdict
	if s == &k.dc.scope {
		v = k.dc.judge(k.now, k.rule)
	} else {
		v = s.census.judge(k.now, k.rule)
	}
	unwell := s == k.node && k.unwell
	v.held = v.held || unwell
	next := s.advance(v, k.now)
	ended := v.ended || s.state == Preserving && next == Recovering
	if next != s.state {
		reason := v.explain(next, k.rule)
		if unwell && !v.tripped {
			reason = k.unwellReason()
		}
		if found := s.asked.String(); found != "" && next != Preserving {
			reason += "; " + found
		}
		k.transit(s, next, v, reason)
		k.touch(s) // it may have further to go
	}
	if at := s.wake(v, k.now); at < s.armed {
		s.armed = at
		k.wakes.push(at, s)
	}
	if k.isZone(s) && s.empty() && k.zones[s.zone()] == s {
		delete(k.zones, s.zone())
	}
	if ended {
		freed = append(freed, s)
	}
	return freed
}

// transit changes the state of s and remembers it. A zone that is preserving takes no part in the node's counts.
func (k *Keeper[K]) transit(s *scope[K], next State, v verdict, reason string) {
	k.history = append(k.history, Transition{
		At: k.now, Scope: s.name, From: s.state, To: next, Lost: v.lost, Total: v.total, Reason: reason,
	})
	if n := len(k.history) - maxHistory; n > 0 {
		k.history = slices.Delete(k.history, 0, n)
	}
	if k.isZone(s) {
		switch {
		case next == Preserving:
			k.node.census.merge(s.census, -1)
			k.touch(k.node)
		case s.state == Preserving:
			k.node.census.merge(s.census, +1)
			k.touch(k.node)
		}
	}
	if s.state == Normal {
		s.asked = Tally{}
		s.episode++
	}
	s.state, s.since, s.reason = next, k.now, reason
}

// reprieve gives a fresh TTL to the silent leases of s that have become free to go: as long as nobody could be heard,
// nobody could have renewed.
func (k *Keeper[K]) reprieve(s *scope[K]) {
	for _, l := range s.silent {
		k.reprieveOne(l)
	}
}

func (k *Keeper[K]) reprieveOne(l *lease[K]) {
	if l.found == Refused || planted == "a recovery evicts everything at once" && !k.blocked(l) {
		l.due = k.now
		k.arm(l)
		return
	}
	if l.reprieved || l.queued || k.blocked(l) {
		return
	}
	l.reprieved = true
	k.scopeOf(l).reprieved++
	if !l.inherited {
		k.node.reprieved++
	}
	k.lookAgain(l, k.now+l.ttl)
}

// endReprieve takes the mark off l.
func (k *Keeper[K]) endReprieve(l *lease[K]) {
	if !l.reprieved {
		return
	}
	l.reprieved = false
	s := k.scopeOf(l)
	s.reprieved--
	k.touch(s)
	if !l.inherited {
		k.node.reprieved--
		k.touch(k.node)
	}
}

// blocked reports whether l must not be evicted, its age left aside. What the node holds, it holds in every zone, also in
// those that are preserving and so do not count towards it.
func (k *Keeper[K]) blocked(l *lease[K]) bool {
	switch {
	case k.unwell:
		return true
	case l.inherited:
		return k.dc.blocked(l)
	default:
		return l.zone.census.blocked(l.band) || k.node.census.blocked(l.band)
	}
}

// sortedZones is all zones by name.
func (k *Keeper[K]) sortedZones() []*scope[K] {
	return slices.SortedFunc(maps.Values(k.zones), func(a, b *scope[K]) int { return cmp.Compare(a.name, b.name) })
}
