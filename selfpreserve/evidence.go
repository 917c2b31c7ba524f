package selfpreserve

// Finding is what came of a bare connection attempt to an instance that is preserved.
type Finding uint8

const (
	// Silent: no answer in time. It proves nothing.
	Silent Finding = iota
	// Connected: the process is alive and only its renewals do not arrive.
	Connected
	// Refused: the host answered that nothing listens there, so the process is gone.
	Refused
)

// String is the finding in lower case.
func (f Finding) String() string {
	switch f {
	case Silent:
		return "silent"
	case Connected:
		return "connected"
	case Refused:
		return "refused"
	default:
		return "unknown"
	}
}

// Evidence takes a finding into account and reports whether it mattered: only a preserved lease has a case to decide.
// After Refused it is evicted by the next Step, unless it is renewed before that; after Connected it is kept and marked
// reachable, within the bounds of any preserved lease; after Silent it is kept.
func (k *Keeper[K]) Evidence(now Instant, key K, f Finding) bool {
	k.arrive(now)
	l := k.leases.get(key)
	if l == nil || !l.preserved {
		return false
	}
	l.reachable, l.refused = f == Connected, f == Refused
	if l.refused && l.phase == silent {
		l.due = k.now
		k.arm(l)
	}
	return true
}
