package xds

import (
	"maps"
	"slices"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// delta is a conversation in the protocol's second form: requests say what else the client wants, or no longer wants, and
// responses hold what has changed, and what is gone. Otherwise it is as world is.
type delta struct {
	snap   *Snapshot
	subs   [kinds]subscription
	nonces nonces
}

func newDelta() *delta {
	d := &delta{}
	for k := range kinds {
		d.subs[k] = newSubscription(k)
	}
	return d
}

// request takes what a client says and returns what to tell it. The refusal is nil unless the client refuses something.
func (d *delta) request(r *discoveryv3.DeltaDiscoveryRequest) (out []*discoveryv3.DeltaDiscoveryResponse, refused *refusal, known bool) {
	k, known := kindOf(r.GetTypeUrl())
	if !known {
		return nil, nil, false
	}
	if e := r.GetErrorDetail(); e != nil {
		refused = &refusal{k, e.GetMessage()}
	}
	s := &d.subs[k]
	first := !s.started
	s.started = true
	if first && len(r.GetResourceNamesSubscribe()) == 0 && k.whole() {
		s.wildcard, s.answer = true, true
	}
	for _, name := range r.GetResourceNamesSubscribe() {
		if name == wildcardName {
			s.wildcard, s.answer = true, true
			continue
		}
		s.add(name) // Again, too: who subscribes twice wants it twice.
	}
	for _, name := range r.GetResourceNamesUnsubscribe() {
		if name != wildcardName {
			s.drop(name) // If it is one of all, it is sent again, so that the client has it still.
			continue
		}
		s.wildcard = false
		maps.DeleteFunc(s.held, func(name, _ string) bool { return !s.names[name] })
	}
	if len(r.GetResourceNamesUnsubscribe()) > 0 && s.wildcard {
		s.generation = 0
	}
	if first {
		// The client has been here before, or at another server; what has not changed it need not get.
		for name, version := range r.GetInitialResourceVersions() {
			if s.wildcard || s.names[name] {
				s.held[name] = version
				delete(s.owed, name)
				s.generation = 0
			}
		}
	}
	if d.snap != nil {
		out = d.tell(k)
		if child, ok := k.child(); ok && len(out) > 0 {
			out = append(out, d.tell(child)...)
		}
	}
	return out, refused, true
}

// update takes a new snapshot and returns what to tell the client of it.
func (d *delta) update(snap *Snapshot) (out []*discoveryv3.DeltaDiscoveryResponse) {
	if snap == nil || snap == d.snap {
		return nil
	}
	d.snap = snap
	for k := range kinds {
		out = append(out, d.tell(k)...)
	}
	return out
}

// tell is what the client has to be told of a kind. What is gone comes with the last message.
func (d *delta) tell(k kind) (out []*discoveryv3.DeltaDiscoveryResponse) {
	s := &d.subs[k]
	if s.idle(d.snap) {
		return nil
	}
	changed, gone := s.fresh(d.snap)
	s.generation = d.snap.generations[k]
	due := len(changed) > 0 || len(gone) > 0 || s.answer
	forget(&d.subs, k, changed, gone)
	s.settle(changed, gone)
	if !due {
		return nil
	}
	version := mixed(s.held)
	for _, part := range chunks(changed) {
		r := &discoveryv3.DeltaDiscoveryResponse{
			SystemVersionInfo: version, TypeUrl: typeURLs[k], Nonce: d.nonces.next(),
			Resources: make([]*discoveryv3.Resource, len(part)),
		}
		for i, one := range part {
			r.Resources[i] = &discoveryv3.Resource{Name: one.name, Version: one.version, Resource: one.body}
		}
		out = append(out, r)
	}
	slices.Sort(gone)
	out[len(out)-1].RemovedResources = gone
	return out
}
