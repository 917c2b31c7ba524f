package lan

import "github.com/musterhq/muster/gossip/host"

// EventKind is what happened to a member; see package host.
type EventKind = host.EventKind

// The kinds of events.
const (
	EventJoined   = host.EventJoined
	EventUpdated  = host.EventUpdated
	EventLeft     = host.EventLeft
	EventFailed   = host.EventFailed
	EventConflict = host.EventConflict
)

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
