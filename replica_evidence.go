package muster

import "github.com/musterhq/muster/selfpreserve"

// Question is an instance that is kept though its lease has expired, and that the replica wants to be asked whether it is
// there: by a connection to its address and port on which nothing is sent. The answer goes to Evidence, with the Token.
type Question struct {
	Key Key
	// Address is a host name or an IP address.
	Address string
	Port    int
	Token   uint64
}

// maxQuestions is how many wait to be taken at most. More are made in no second, and who takes none loses nothing.
const maxQuestions = 256

// TakeQuestions is who is to be asked, in order. No answer does no harm.
func (r *Replica) TakeQuestions() []Question {
	q := r.questions
	r.questions = nil
	return q
}

// Evidence is the answer to a Question. It is late, and changes nothing, if the instance has renewed since. It evicts
// nobody yet: the next Tick does, which is due at once. A process that was itself stopped for a while learns so before
// that, and then judges no one by what it has missed.
func (r *Replica) Evidence(at Moment, q Question, o selfpreserve.Outcome) {
	r.begin(at)
	known := r.evidence(q.Key) != ""
	if r.leases.Evidence(r.at.Mono, q.Key, q.Token, r.seen(o)) && o == selfpreserve.Connected && !known {
		r.tell(NodeEventSelfPreservation, q.Key.String(), "kept: %s", r.evidence(q.Key))
	}
	r.end()
}

// seen is what is made of an answer.
func (*Replica) seen(o selfpreserve.Outcome) selfpreserve.Outcome {
	switch {
	case o == selfpreserve.Nothing && planted == "a time-out counts as refused":
		return selfpreserve.Refused
	case o == selfpreserve.Refused && planted == "a refusal is not taken":
		return selfpreserve.Nothing
	default:
		return o
	}
}

// ask plans to ask an instance.
func (r *Replica) ask(inst *Instance, token uint64) {
	if len(r.questions) >= maxQuestions {
		return
	}
	r.questions = append(r.questions, Question{Key: inst.Key(), Address: inst.Address, Port: inst.Port, Token: token})
}

// mayAsk reports whether an instance can be asked: it has a port, and a process of its own. What lives in a node dies
// with it, and says nothing by a port that somebody else may have by then; a permanent instance may fall silent.
func (r *Replica) mayAsk(inst *Instance) bool {
	return r.cfg.Preserve.Probe && inst.Port > 0 && !inst.Embedded && !inst.Permanent
}

// evidence says in words what is known of an instance that is kept, "" if nothing is.
func (r *Replica) evidence(key Key) string {
	if l, ok := r.leases.Lookup(key); ok && l.Reachable {
		return "its address accepts connections: the process is alive, and its renewals do not arrive"
	}
	return ""
}
