package muster

import (
	"maps"
	"slices"
	"time"
)

// Condition is what a node knows of itself and of its neighbours that may mean trouble, for those who look for its causes.
type Condition struct {
	// Gateways are those of this data centre of which was heard lately, "datacenter/name".
	Gateways []string
	// Failures is how often each member has failed within FailureWindow; those that have not are not in it.
	Failures map[string]int
	// Encrypted says that gossip is. Exposed is the addresses of gossip that other machines reach.
	Encrypted bool
	Exposed   []string
	Snapshot  SnapshotInfo
}

// SnapshotInfo is how the node's snapshots are doing.
type SnapshotInfo struct {
	// Dir is the data directory; empty for none.
	Dir      string
	Interval time.Duration
	// Problem is why the last one could not be written, empty if it could. Since is when that began, or when the last one
	// was written, or, before the first, when the node started.
	Problem string
	Since   time.Time
}

// Condition says what may mean trouble.
func (n *Node) Condition() Condition {
	n.mu.Lock()
	defer n.mu.Unlock()
	at := n.moment()
	n.replica.begin(at)
	c := Condition{
		Gateways: n.replica.Gateways(), Failures: n.failures.within(at.Mono),
		Encrypted: len(n.cfg.Keys) > 0, Snapshot: n.snapshots,
	}
	listening := []string{n.cfg.Bind, n.cfg.WANBind}
	if n.cfg.Transport != nil {
		listening = nil
	}
	for _, address := range listening {
		if address != "" && !isLoopback(address) {
			c.Exposed = append(c.Exposed, address)
		}
	}
	return c
}

// FailureWindow is for how long the failures of members are counted.
const FailureWindow = 10 * time.Minute

// failureLog is when members have failed. The zero failureLog is ready; not safe for concurrent use.
type failureLog struct{ at map[string][]time.Duration }

// maxFailures is how many failures of a member are told apart.
const maxFailures = 64

func (l *failureLog) note(member string, now time.Duration) {
	if l.at == nil {
		l.at = make(map[string][]time.Duration)
	}
	l.forget(now)
	times := l.at[member]
	l.at[member] = append(times[max(0, len(times)-maxFailures+1):], now)
}

func (l *failureLog) forget(now time.Duration) {
	maps.DeleteFunc(l.at, func(_ string, times []time.Duration) bool { return now-times[len(times)-1] > FailureWindow })
}

// within counts the failures of each member within the window.
func (l *failureLog) within(now time.Duration) map[string]int {
	l.forget(now)
	counts := make(map[string]int, len(l.at))
	for member, times := range l.at {
		first := slices.IndexFunc(times, func(t time.Duration) bool { return now-t <= FailureWindow })
		counts[member] = len(times) - first
	}
	return counts
}
