package xds

import (
	"maps"
	"slices"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// world is a conversation in the protocol's first form, state of the world: each request says everything that the client
// wants of a kind, and responses of some kinds hold everything that it gets. It does no I/O, and one stream owns it. Before
// the first snapshot it takes note of what is asked, and answers nothing.
//
// Requests are heeded even if they answer to a response before the latest. The protocol lets a server ignore those; but a
// client that drops a name and takes it up again in between would then wait for a resource which it is thought to hold.
type world struct {
	snap   *Snapshot
	subs   [kinds]subscription
	nonces nonces
}

func newWorld() *world {
	w := &world{}
	for k := range kinds {
		w.subs[k] = newSubscription(k)
	}
	return w
}

// request takes what a client says and returns what to tell it. The refusal is nil unless the client refuses something.
func (w *world) request(r *discoveryv3.DiscoveryRequest) (out []*discoveryv3.DiscoveryResponse, refused *refusal, known bool) {
	k, known := kindOf(r.GetTypeUrl())
	if !known {
		return nil, nil, false
	}
	if e := r.GetErrorDetail(); e != nil {
		refused = &refusal{k, e.GetMessage()}
	}
	s := &w.subs[k]
	wanted := map[string]bool{}
	for _, name := range r.GetResourceNames() {
		wanted[name] = true
	}
	// Without any name, a kind that can be had whole is wanted whole, until the client has once named some.
	all := wanted[wildcardName] || len(wanted) == 0 && k.whole() && !s.named
	s.named = s.named || len(wanted) > 0
	delete(wanted, wildcardName)
	if !s.started || all && !s.wildcard {
		s.answer = true
	}
	s.started, s.wildcard = true, all
	unwanted := func(name string) bool { return !wanted[name] }
	maps.DeleteFunc(s.names, func(name string, _ bool) bool { return unwanted(name) })
	maps.DeleteFunc(s.owed, func(name string, _ bool) bool { return unwanted(name) })
	if !all { // Else what is no longer named is one of all, and held as such.
		maps.DeleteFunc(s.held, func(name, _ string) bool { return unwanted(name) })
	}
	for name := range wanted {
		if !s.names[name] {
			s.add(name)
		}
	}
	if w.snap != nil {
		out = w.tell(k)
		if child, ok := k.child(); ok && len(out) > 0 {
			out = append(out, w.tell(child)...)
		}
	}
	return out, refused, true
}

// update takes a new snapshot and returns what to tell the client of it.
func (w *world) update(snap *Snapshot) (out []*discoveryv3.DiscoveryResponse) {
	if snap == nil || snap == w.snap {
		return nil
	}
	w.snap = snap
	for k := range kinds {
		out = append(out, w.tell(k)...)
	}
	return out
}

// tell is what the client has to be told of a kind.
func (w *world) tell(k kind) (out []*discoveryv3.DiscoveryResponse) {
	s := &w.subs[k]
	if s.idle(w.snap) {
		return nil
	}
	changed, gone := s.fresh(w.snap)
	s.generation = w.snap.generations[k]
	due := len(changed) > 0 || k.whole() && (s.answer || len(gone) > 0)
	forget(&w.subs, k, changed, gone)
	s.settle(changed, gone)
	switch {
	case !due:
		return nil
	case k.whole():
		return append(out, w.response(k, w.everything(s)))
	}
	for _, part := range chunks(changed) {
		out = append(out, w.response(k, part))
	}
	return out
}

// everything is all that the client holds, after it has been told.
func (w *world) everything(s *subscription) (all []*resource) {
	for _, name := range slices.Sorted(maps.Keys(s.held)) {
		if r := w.snap.find(s.kind, name); r != nil {
			all = append(all, r)
		}
	}
	return all
}

func (w *world) response(k kind, all []*resource) *discoveryv3.DiscoveryResponse {
	r := &discoveryv3.DiscoveryResponse{
		VersionInfo: mixed(w.subs[k].held), TypeUrl: typeURLs[k], Nonce: w.nonces.next(),
		Resources: make([]*anypb.Any, len(all)),
	}
	for i, one := range all {
		r.Resources[i] = one.body
	}
	return r
}
