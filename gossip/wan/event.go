package wan

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

// Event is one change of membership, never about this gateway itself except for EventConflict.
type Event struct {
	Kind EventKind
	// Member is how the gateway is now.
	Member Member
	// Other is the second address, for EventConflict; else empty.
	Other string
}

// signal wakes whoever waits on a channel of capacity 1.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
