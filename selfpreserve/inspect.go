package selfpreserve

import (
	"iter"
	"slices"
	"time"
)

// Info is what is known of one lease as of the last call that moved the time. A value.
type Info struct {
	Service, Zone string
	// Scope is the name of the scope that judges it first: its zone, or "datacenter" while it is inherited.
	Scope string
	// LastRenewal is when it was renewed or granted last.
	LastRenewal Instant
	// Expires is a TTL after its last renewal, or after a later Refresh. Past it, the lease is preserved or about to go.
	Expires Instant
	TTL     time.Duration
	// Interval is the expected time between renewals, declared or learned.
	Interval time.Duration
	// Overdue: silent for 1.5 intervals, and counted as lost. Expired: silent for its TTL.
	Overdue, Expired bool
	// Preserved: expired but kept. Reachable: preserved, and the last connection attempt was accepted.
	Preserved, Reachable       bool
	Inherited, Embedded, Probe bool
}

// Lookup is the Info of one lease; false if there is none.
func (k *Keeper[K]) Lookup(key K) (Info, bool) {
	l := k.leases.get(key)
	if l == nil || l.phase == gone {
		return Info{}, false
	}
	return k.info(l), true
}

// Len is the number of leases.
func (k *Keeper[K]) Len() int { return k.live }

// All yields every lease in the order of keys. The Keeper must not be changed meanwhile.
func (k *Keeper[K]) All() iter.Seq2[K, Info] {
	return func(yield func(K, Info) bool) {
		byKey := func(a, b *lease[K]) int { return k.compare(a.key, b.key) }
		for _, l := range slices.SortedFunc(k.leases.all(), byKey) {
			if l.phase != gone && !yield(l.key, k.info(l)) {
				return
			}
		}
	}
}

// Scopes is every scope: "datacenter", "node", then the zones that have leases of this node's own, by name. "node" counts
// the leases of those zones that are not preserving.
func (k *Keeper[K]) Scopes() []Scope {
	f := k.dc.facts
	scopes := []Scope{k.scope(&k.dc.scope, f.Unclaimed, f.Registrations), {}}
	kept := 0
	for _, z := range k.sortedZones() {
		lost, total := z.census.sum()
		if total == 0 && z.state == Normal {
			continue
		}
		scopes = append(scopes, k.scope(z, lost, total))
		if z.state != Preserving {
			kept += z.preserved
		}
	}
	lost, total := k.node.census.sum()
	scopes[1] = k.scope(k.node, lost, total)
	scopes[1].Preserved = kept
	return scopes
}

// History is the last transitions of all scopes, at most 64, oldest first.
func (k *Keeper[K]) History() []Transition { return slices.Clone(k.history) }

func (k *Keeper[K]) scope(s *scope[K], lost, total int) Scope {
	reason := s.reason
	if found := s.asked.String(); found != "" && s.state == Preserving && !k.unwell {
		reason += "; " + found
	}
	return Scope{
		Name: s.name, State: s.state, Expected: total, Renewed: max(total-lost, 0), Lost: lost,
		Threshold: k.rule.threshold, Since: s.since, Reason: reason, Preserved: s.preserved, Evidence: s.asked,
	}
}

func (k *Keeper[K]) info(l *lease[K]) Info {
	return Info{
		Service: l.service.name, Zone: l.zone.zone(), Scope: k.scopeOf(l).name,
		LastRenewal: l.renewed, Expires: l.expires(), TTL: l.ttl, Interval: l.interval,
		Overdue: l.phase == silent, Expired: k.now >= l.expires(),
		Preserved: l.preserved, Reachable: l.found == Connected, Inherited: l.inherited, Embedded: l.embedded, Probe: l.probe,
	}
}
