package selfpreserve

import "slices"

// Hold stops all evictions until Release, because this node is unwell (reason says how) and judges no one. The scope
// "node" shows it as preserving. A second Hold replaces the reason.
func (k *Keeper[K]) Hold(now Instant, reason string) {
	k.arrive(now)
	k.unwell, k.why = true, reason
	k.touch(k.node)
	k.settle()
}

// Release ends a Hold. Leases that are silent by then get one fresh TTL. Without a Hold it does nothing.
func (k *Keeper[K]) Release(now Instant) {
	k.arrive(now)
	if !k.unwell {
		return
	}
	k.unwell, k.why = false, ""
	k.touch(k.node)
	k.settle()
	for _, z := range k.sortedZones() {
		k.reprieve(z)
	}
	k.reprieve(&k.dc.scope)
}

// Refresh gives every lease a fresh TTL and takes none of them for silent: for a node that was itself stopped and does
// not know what it missed. Leases that were preserved stay marked until they are renewed. It looks at every lease.
func (k *Keeper[K]) Refresh(now Instant) {
	k.arrive(now)
	type marked struct {
		*lease[K]
		found Outcome
	}
	var preserved []marked
	for l := range k.leases.all() {
		if l.phase == gone {
			continue
		}
		if l.preserved {
			preserved = append(preserved, marked{l, l.found})
		}
		k.hear(l)
		l.base = k.now
		k.arm(l)
	}
	slices.SortFunc(preserved, func(a, b marked) int { return k.compare(a.key, b.key) })
	for _, m := range preserved {
		k.mark(m.lease)
		if m.found == Connected {
			m.lease.found = Connected
		}
	}
	k.settle()
}

func (k *Keeper[K]) unwellReason() string { return "this node is unwell: " + k.why }
