package selfpreserve

import (
	"fmt"
	"strings"
)

// Outcome is what came of a bare connection attempt to an instance that is preserved.
type Outcome uint8

const (
	// Nothing: no answer in time, or none that says anything about the instance. It proves nothing.
	Nothing Outcome = iota
	// Connected: the process is alive and only its renewals do not arrive.
	Connected
	// Refused: the host answered that nothing listens there, so the process is gone.
	Refused
)

// String is the outcome in lower case.
func (o Outcome) String() string {
	switch o {
	case Nothing:
		return "nothing"
	case Connected:
		return "connected"
	case Refused:
		return "refused"
	default:
		return "unknown"
	}
}

// Tally counts what was asked by Probe actions, and what came of it. Unanswered is what answered with Nothing; what is
// under way is in Probed alone.
type Tally struct {
	Probed, Refused, Connected, Unanswered int
}

// Evidence takes the answer to the Probe action with that token into account and reports whether it mattered. It does not
// if the lease has been renewed, or granted anew, since it was asked: a client that renews is alive, whatever was found
// before; nor while the node is unwell. After Refused the lease is evicted by the next Step, unless it is renewed before
// that; after Connected it is kept and marked reachable, within the bounds of any preserved lease; after Nothing it is
// kept.
//
// What is evicted by evidence leaves both sides of the fraction at once, unlike what is evicted for its silence: that it
// is dead is known, which says nothing about those that are merely silent. So a mass crash ends as it is cleared: once
// those that are left silent are few enough, the hold ends after its interval.
func (k *Keeper[K]) Evidence(now Instant, key K, token uint64, o Outcome) bool {
	k.arrive(now)
	k.answers.add(o, 1)
	l := k.leases.get(key)
	if l == nil || k.unwell {
		return false
	}
	q := k.inquiry.about[l]
	if q == nil || q.token != token {
		return false
	}
	q.token = 0
	q.retract()
	q.answered, q.found = true, o
	if q.counted() {
		q.scope.asked.add(o, 1)
	}
	l.found = o
	if o == Refused {
		l.due = k.now
		k.arm(l)
	}
	return true
}

// Answers is how often which answer has been given since the Keeper was made, those that did not matter included. Probed
// is how many Probe actions there were.
func (k *Keeper[K]) Answers() Tally { return k.answers }

// add counts n more answers of a kind.
func (t *Tally) add(o Outcome, n int) {
	switch o {
	case Refused:
		t.Refused += n
	case Connected:
		t.Connected += n
	case Nothing:
		t.Unanswered += n
	}
}

// String is what was found in words, and what it looks like; empty if nobody was asked.
func (t Tally) String() string {
	answered := t.Refused + t.Connected + t.Unanswered
	if t.Probed == 0 || answered == 0 {
		return ""
	}
	parts := []string{fmt.Sprintf("of %d asked, %d refused", t.Probed, t.Refused)}
	if t.Connected > 0 {
		parts = append(parts, fmt.Sprintf("%d accepted", t.Connected))
	}
	if t.Unanswered > 0 {
		parts = append(parts, fmt.Sprintf("%d did not answer", t.Unanswered))
	}
	s := strings.Join(parts, ", ")
	if 2*answered < t.Probed {
		return s // Too early to say.
	}
	switch answered {
	case t.Refused:
		s += ": the processes are gone"
	case t.Connected:
		s += ": the processes are alive, and their renewals do not arrive"
	case t.Unanswered:
		s += ": it looks like a cut"
	}
	return s
}
