package wan

import "sync"

// EventKind is what happened to a gateway.
type EventKind int

const (
	// EventJoined is a gateway that is alive and was not, or that is alive in a higher incarnation: it restarted, and its
	// earlier life need not have been seen to end.
	EventJoined EventKind = iota + 1
	// EventUpdated is a gateway that changed its metadata or its links.
	EventUpdated
	// EventLeft is a gateway that left by its own word. It may follow EventFailed, when the word came late.
	EventLeft
	// EventFailed is a gateway that failed.
	EventFailed
	// EventConflict is two gateways of one name and data centre that are both alive. Member is the one in the View,
	// Event.Other has the address of the other. Nothing is done about it: one of the two has to be renamed.
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

// Event is one change of membership, never about this gateway itself except for EventConflict.
type Event struct {
	Kind EventKind
	// Member is how the gateway is now.
	Member Member
	// Other is the second address, for EventConflict; else empty.
	Other string
}

// mailbox hands calls from where nobody may wait to the goroutine that makes them. It has no bound, since no event may
// be lost.
type mailbox struct {
	ready chan struct{} // capacity 1: more than one signal says nothing new

	mu      sync.Mutex
	waiting []func()
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (m *mailbox) put(call func()) {
	m.mu.Lock()
	m.waiting = append(m.waiting, call)
	m.mu.Unlock()
	signal(m.ready)
}

func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.waiting
	m.waiting = nil
	return calls
}

// signal wakes whoever waits on a channel of capacity 1.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
