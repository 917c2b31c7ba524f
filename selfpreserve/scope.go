package selfpreserve

import "fmt"

// State is what a scope is doing about its expired leases.
type State uint8

const (
	// Normal: a lease is evicted when it expires.
	Normal State = iota
	// Preserving: too many leases are silent at once, so those that expire are kept.
	Preserving
	// Recovering: the silence is over. Leases that are still silent have been given one fresh TTL, and evictions are paced.
	Recovering
)

// String is the state in lower case.
func (s State) String() string {
	switch s {
	case Normal:
		return "normal"
	case Preserving:
		return "preserving"
	case Recovering:
		return "recovering"
	default:
		return "unknown"
	}
}

// Names of the scopes that are not zones. The scope of a zone is ZonePrefix and the zone's name.
const (
	NodeScope       = "node"
	DatacenterScope = "datacenter"
	ZonePrefix      = "zone:"
)

// Scope is what is known of one scope, for people and metrics. A value.
type Scope struct {
	Name  string
	State State
	// Expected is the number of leases that the scope counts: live ones and those evicted within their last TTL. For
	// "datacenter" it is the number of registrations that the caller reported.
	Expected int
	// Renewed is Expected minus Lost.
	Renewed int
	// Lost is the number of silent leases: overdue ones and those evicted within their last TTL; unclaimed ones for
	// "datacenter".
	Lost int
	// Threshold is the configured share of Expected that must be Renewed.
	Threshold float64
	// Since is the time of the last transition, 0 if there was none, and Reason says in words what caused it.
	Since  Instant
	Reason string
	// Preserved is the number of leases that are expired but kept.
	Preserved int
	// Evidence counts the leases that were asked for evidence since the scope was last normal, each with what was found last.
	// One that was renewed and fell silent again counts anew. It stays until the scope preserves again.
	Evidence Tally
}

// Transition is one change of a scope's state. A value.
type Transition struct {
	At       Instant
	Scope    string
	From, To State
	// Lost and Total are the counts behind it. They are those of the population that was judged, which in a scope of mixed
	// TTLs may be a part of it.
	Lost, Total int
	// Reason says it in words.
	Reason string
}

// maxHistory bounds the transitions that are remembered.
const maxHistory = 64

// scope is a set of leases that are judged together.
type scope[K comparable] struct {
	name   string
	census census
	silent []*lease[K] // overdue leases, in no order; unused for the node, whose leases are in their zones

	state     State
	since     Instant
	reason    string
	recovered Instant // recovering: when it may become normal
	members   int     // leases of the zone, inherited ones and those that are gone included
	asked     Tally   // in this episode, or the last one
	episode   uint32  // how often it has begun to preserve, coming from normal
	reprieved int     // leases that have had a fresh TTL and have not been heard of since
	preserved int     // leases that are expired but kept
	armed     Instant // time of its entry in the wake-ups, never if there is none
	unsettled bool    // counts have changed since the last judgement
}

// zone is the name of the zone that s is the scope of.
func (s *scope[K]) zone() string { return s.name[len(ZonePrefix):] }

// empty reports whether nothing would be lost if the zone were forgotten.
func (s *scope[K]) empty() bool { return s.members == 0 && s.state == Normal }

// advance is the state that follows on a verdict.
func (s *scope[K]) advance(v verdict, now Instant) State {
	next := s.state
	switch {
	case v.held:
		next = Preserving
	case s.state == Preserving:
		next = Recovering
		s.recovered = now + v.interval
	case s.state == Recovering && now >= s.recovered && s.reprieved == 0:
		next = Normal
	}
	return next
}

// wake is when s has to be judged again, if nothing else happens.
func (s *scope[K]) wake(v verdict, now Instant) Instant {
	if s.state == Recovering && s.recovered > now {
		return min(v.clear, s.recovered)
	}
	return v.clear
}

// explain puts the cause of a transition into words.
func (v verdict) explain(to State, r rule) string {
	switch to {
	case Preserving:
		return fmt.Sprintf("%d of %d %s, more than %s", v.lost, v.total, v.subject(), percent(r.tolerated()))
	case Recovering:
		return fmt.Sprintf("%d of %d %s, which is few enough again", v.lost, v.total, v.subject())
	default:
		return fmt.Sprintf("%d of %d %s, and no fresh TTL is left to wait for", v.lost, v.total, v.subject())
	}
}

// subject says what lost and total count.
func (v verdict) subject() string {
	switch {
	case v.of == ofNodes:
		return "nodes are dead"
	case v.of == ofHomes:
		return "leases are of dead homes and unclaimed"
	case v.within > 0:
		return fmt.Sprintf("leases that would be overdue after %v are silent", v.within)
	default:
		return "leases are silent"
	}
}

func percent(share float64) string { return fmt.Sprintf("%.4g%%", share*100) }
