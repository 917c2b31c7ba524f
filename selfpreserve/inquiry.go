package selfpreserve

import "time"

const (
	// askRound and askedInRound bound the questions of a node to 100 a second. A connection attempt costs a few packets
	// and, if nobody answers, a socket for a while; a crash of thousands is cleared in less than a TTL for all that.
	askRound     = 100 * time.Millisecond
	askedInRound = 10
	// askAgain is how soon one instance is asked again at the earliest, if half its TTL is shorter.
	askAgain = 5 * time.Second
)

// inquiry is the questions about leases that are preserved: whom to ask next. It holds nothing about any other lease. A
// question begins when its lease is preserved, is put again and again, and ends when it is heard of or goes.
type inquiry[K comparable] struct {
	about map[*lease[K]]*question[K]
	fresh []*question[K]       // not put yet, in no order, with some that are over
	later timers[*question[K]] // to be put again, with some that are over
	next  Instant              // when the next round may be
	last  uint64               // the last token; they begin at 1
}

// question is about one lease.
type question[K comparable] struct {
	lease *lease[K]
	over  bool
	token uint64 // of the question that is under way; 0 if none is
	// scope is where it is counted, nil until it has been put, in which of its episodes.
	scope   *scope[K]
	episode uint32
	// answered says that there has been an answer, and found what the last one was.
	answered bool
	found    Outcome
}

// inquire begins to ask about a lease that has just been preserved.
func (k *Keeper[K]) inquire(l *lease[K]) {
	if !l.probe {
		return
	}
	q := &question[K]{lease: l}
	k.inquiry.about[l] = q
	k.inquiry.fresh = append(k.inquiry.fresh, q)
}

// dismiss ends the question about a lease: what is answered from now on is late. What was found stays counted.
func (k *Keeper[K]) dismiss(l *lease[K]) {
	q := k.inquiry.about[l]
	if q == nil {
		return
	}
	q.over = true
	delete(k.inquiry.about, l)
	if q.counted() && !q.answered {
		q.scope.asked.Probed--
	}
}

// nextRound is when somebody is asked next.
func (n *inquiry[K]) nextRound() Instant {
	if len(n.fresh) > 0 {
		return n.next
	}
	return max(n.later.top(), n.next)
}

// ask puts a round of questions. Those that have not been asked yet come first, drawn at random so that no service waits
// for another; then those whose turn it is again, in the order in which they were asked before.
func (k *Keeper[K]) ask() {
	n := &k.inquiry
	for asked := 0; asked < askedInRound; {
		var q *question[K]
		if last := len(n.fresh) - 1; last >= 0 {
			i := k.rand.IntN(last + 1)
			q = n.fresh[i]
			n.fresh[i], n.fresh[last] = n.fresh[last], nil
			n.fresh = n.fresh[:last]
		} else if n.later.top() <= k.now {
			q = n.later.pop().item
		} else {
			break
		}
		if q.over {
			continue
		}
		if s := k.preserver(q.lease); s != nil {
			k.put(q, s)
			asked++
		}
		n.later.push(k.now+max(askAgain, q.lease.ttl/2), q)
	}
	n.next = k.now + askRound
}

// preserver is the preserving scope for whose sake l is kept; nil if there is none, and then nobody is asked.
func (k *Keeper[K]) preserver(l *lease[K]) *scope[K] {
	s := k.scopeOf(l)
	if s.state != Preserving && !l.inherited {
		s = k.node
	}
	if k.unwell || s.state != Preserving || l.phase != silent || l.found == Refused || k.now < l.expires() {
		return nil
	}
	return s
}

// put asks once, for the sake of s.
func (k *Keeper[K]) put(q *question[K], s *scope[K]) {
	if q.scope != s || !q.counted() {
		if q.counted() {
			q.retract()
			q.scope.asked.Probed--
		}
		q.scope, q.episode, q.answered = s, s.episode, false
		s.asked.Probed++
	}
	k.inquiry.last++
	q.token = k.inquiry.last
	k.answers.Probed++
	k.actions = append(k.actions, Action[K]{
		Verb: Probe, Key: q.lease.key, At: k.now, LastRenewal: q.lease.renewed, Reason: k.holdReason(q.lease), Token: q.token,
	})
}

// retract takes the last answer out of the counts: one lease counts once, with what was found last.
func (q *question[K]) retract() {
	if q.answered && q.counted() {
		q.scope.asked.add(q.found, -1)
	}
	q.answered = false
}

// counted reports whether it is among those asked in its scope's present episode.
func (q *question[K]) counted() bool { return q.scope != nil && q.episode == q.scope.episode }
