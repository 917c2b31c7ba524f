package host

// State is what a node believes about another. One that is merely suspected is still alive.
type State int

const (
	// StateAlive is a member that answers, as far as is known.
	StateAlive State = iota + 1
	// StateLeft is a member that said that it leaves.
	StateLeft
	// StateFailed is a member that stopped answering.
	StateFailed
)

// String is "alive", "left" or "failed".
func (s State) String() string {
	switch s {
	case StateAlive:
		return "alive"
	case StateLeft:
		return "left"
	case StateFailed:
		return "failed"
	default:
		return "unknown"
	}
}

// EventKind is what happened to a member.
type EventKind int

const (
	// EventJoined is a member that is alive and was not, or that is alive in a higher incarnation: it restarted, and its
	// earlier life need not have been seen to end.
	EventJoined EventKind = iota + 1
	// EventUpdated is a member that changed what it says of itself.
	EventUpdated
	// EventLeft is a member that left by its own word. It may follow EventFailed, when the word came late.
	EventLeft
	// EventFailed is a member that failed.
	EventFailed
	// EventConflict is two nodes of one name that are both alive. Nothing is done about it: one of the two has to be renamed.
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
