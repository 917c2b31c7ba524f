package xds

import (
	"maps"
	"slices"
	"strconv"
)

// wildcardName is a subscription to everything, where it is given as a name.
const wildcardName = "*"

// maxMessageBytes is where a message is split, if it may be; gRPC's clients take no more than 4 MiB at once.
const maxMessageBytes = 1 << 20

// subscription is what a client wants of one kind, and what it has got. One stream owns it.
type subscription struct {
	kind     kind
	started  bool // the client has asked
	named    bool // it has given names, the wildcard among them: then to give none is to want nothing
	wildcard bool
	names    map[string]bool // asked for by name
	// held is what the client has of what it wants: name to version.
	held map[string]string
	// owed are names for which an answer is due even if there is nothing new: that there is none, too.
	owed map[string]bool
	// answer says that a message is due, even an empty one.
	answer     bool
	generation uint64 // of the snapshot that was last compared
}

func newSubscription(k kind) subscription {
	return subscription{kind: k, names: map[string]bool{}, held: map[string]string{}, owed: map[string]bool{}}
}

// add subscribes to a name; the client wants to hear of it, whatever it has been told before.
func (s *subscription) add(name string) {
	s.names[name] = true
	s.owed[name] = true
	delete(s.held, name)
}

// drop ends the subscription to a name.
func (s *subscription) drop(name string) {
	delete(s.names, name)
	delete(s.owed, name)
	delete(s.held, name)
}

// fresh is what a client has to be told: resources that it lacks or has in another version, in order, and names of which
// there is nothing (any more).
func (s *subscription) fresh(snap *Snapshot) (changed []*resource, gone []string) {
	check := func(name string) {
		r := snap.find(s.kind, name)
		version, has := s.held[name]
		switch {
		case r == nil && (has || s.owed[name]):
			gone = append(gone, name)
		case r != nil && version != r.version:
			changed = append(changed, r)
		}
	}
	names := slices.Sorted(maps.Keys(s.names))
	if s.wildcard {
		names = union(snap.wildcard(s.kind), names)
	}
	for _, name := range names {
		check(name)
	}
	if s.wildcard {
		for _, name := range slices.Sorted(maps.Keys(s.held)) {
			if _, found := slices.BinarySearch(names, name); !found {
				gone = append(gone, name) // It was one of all.
			}
		}
	}
	return changed, gone
}

// union merges two lists that are in order.
func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// settle takes note that the client has been told.
func (s *subscription) settle(changed []*resource, gone []string) {
	for _, r := range changed {
		s.held[r.name] = r.version
	}
	for _, name := range gone {
		delete(s.held, name)
	}
	clear(s.owed)
	s.answer = false
}

// idle reports whether there is nothing to compare: nobody asks, or nothing of this kind has changed since.
func (s *subscription) idle(snap *Snapshot) bool {
	return !s.started || s.generation == snap.generations[s.kind] && len(s.owed) == 0 && !s.answer
}

// chunks splits resources into messages; at least one, which may be empty.
func chunks(all []*resource) [][]*resource {
	var out [][]*resource
	from, size := 0, 0
	for i, r := range all {
		if i > from && size+r.size() > maxMessageBytes {
			out = append(out, all[from:i])
			from, size = i, 0
		}
		size += r.size()
	}
	return append(out, all[from:])
}

// nonces numbers the responses of a stream.
type nonces uint64

func (n *nonces) next() string {
	*n++
	return strconv.FormatUint(uint64(*n), 10)
}

// refusal is what a client says of a response that it does not accept.
type refusal struct {
	kind    kind
	message string
}

// forget makes the children of what has changed be sent again. An Envoy that is told of a changed cluster waits for its
// endpoints before it uses it, and a client that lost a resource and got it back has forgotten its children too.
func forget(subs *[kinds]subscription, k kind, changed []*resource, gone []string) {
	child, ok := k.child()
	if !ok {
		return
	}
	sub := &subs[child]
	again := func(name string) {
		name = k.pointsTo(name)
		if _, has := sub.held[name]; has {
			sub.held[name] = "" // No version is that; but that it has one counts, should it be gone.
			sub.generation = 0
		}
	}
	for _, r := range changed {
		again(r.name)
	}
	for _, name := range gone {
		again(name)
	}
}
