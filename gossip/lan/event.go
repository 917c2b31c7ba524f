package lan

import "sync"

// EventKind is what happened to a member.
type EventKind int

const (
	// EventJoined is a member that is alive and was not, or that is alive in a higher incarnation: it restarted, and its
	// earlier life need not have been seen to end.
	EventJoined EventKind = iota + 1
	// EventUpdated is a member that changed its metadata.
	EventUpdated
	// EventLeft is a member that left by its own word. It may follow EventFailed, when the word came late.
	EventLeft
	// EventFailed is a member that failed.
	EventFailed
	// EventConflict is two nodes of one name that are both alive. Member is the one in the View, Event.Other has the address
	// of the other. Nothing is done about it: one of the two has to be renamed.
	EventConflict
)

// String is "joined", "updated", "left", "failed" or "conflict".
func (k EventKind) String() string {
	switch k {
	case EventJoined:
		return "joined"
	case EventUpdated:
		return "updated"
	case EventLeft:
		return "left"
	case EventFailed:
		return "failed"
	case EventConflict:
		return "conflict"
	default:
		return "unknown"
	}
}

// Event is one change of membership, never about this node itself except for EventConflict.
type Event struct {
	Kind EventKind
	// Member is how the member is now.
	Member Member
	// Other is the second address, for EventConflict; else empty.
	Other string
}

// difference is the event that leads from one state of a name to the next; false if they mean the same.
func difference(before, after *life) (Event, bool) {
	e := Event{Member: after.Member}
	was := before != nil && before.State == after.State && before.Incarnation == after.Incarnation
	switch after.State {
	case StateAlive:
		e.Kind = EventJoined
		if was {
			e.Kind = EventUpdated
			return e, before.Member != after.Member
		}
		return e, true
	case StateLeft:
		e.Kind = EventLeft
	case StateFailed:
		e.Kind = EventFailed
	}
	// Of a member that was never seen alive there is nothing to report.
	return e, before != nil && !was
}

// eventQueue hands events from memberlist's callbacks, which must not wait, to the goroutine that delivers them. It has
// no bound, since no event may be lost.
type eventQueue struct {
	ready chan struct{} // capacity 1: more than one signal says nothing new

	mu      sync.Mutex
	waiting []Event
}

func newEventQueue() *eventQueue { return &eventQueue{ready: make(chan struct{}, 1)} }

func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	q.waiting = append(q.waiting, e)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *eventQueue) take() []Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	es := q.waiting
	q.waiting = nil
	return es
}
