package client

import "time"

// View is a service at one moment, as far as the client knows. It is a value, cheap to copy and to compare: two views are
// equal if nothing has changed in between. The zero View knows nothing. Safe for any number of goroutines.
type View struct {
	of *service
	at *snapshot
}

// snapshot is the instances of a service at one moment. Immutable.
type snapshot struct {
	version uint64
	all, up []*Instance // by id
	held    int
}

func newSnapshot(version uint64, all []*Instance, held int) *snapshot {
	s := &snapshot{version: version, all: all, held: held}
	healthy := 0
	for _, i := range all {
		if i.Healthy() {
			healthy++
		}
	}
	if healthy == len(all) {
		s.up = all
		return s
	}
	s.up = make([]*Instance, 0, healthy)
	for _, i := range all {
		if i.Healthy() {
			s.up = append(s.up, i)
		}
	}
	return s
}

// Known reports whether a node, or the file, has ever said anything about the service. A view that is not known is empty
// because nobody has been asked yet, or has answered.
func (v View) Known() bool { return v.at != nil }

// Service is the service's name, "" for the zero View.
func (v View) Service() string {
	if v.of == nil {
		return ""
	}
	return v.of.name
}

// Instances are all instances, by id, whatever their status. Shared: do not change it.
func (v View) Instances() []*Instance {
	if v.at == nil {
		return nil
	}
	return v.at.all
}

// Healthy are the instances whose status is UP, by id. Shared: do not change it.
func (v View) Healthy() []*Instance {
	if v.at == nil {
		return nil
	}
	return v.at.up
}

// Held is how many instances the view has that the node's latest list lacks: see Guard.
func (v View) Held() int {
	if v.at == nil {
		return 0
	}
	return v.at.held
}

// Version counts the changes of the service in this life of the client, from 1; 0 if the view is not known.
func (v View) Version() uint64 {
	if v.at == nil {
		return 0
	}
	return v.at.version
}

// Age is how long ago a node last said that this is so: a few seconds as long as there is one, whatever the age of the
// last change. 0 if the view is not known.
func (v View) Age() time.Duration {
	if v.of == nil || v.at == nil {
		return 0
	}
	return max(time.Since(v.of.c.epoch)-time.Duration(v.of.confirmed.Load()), 0)
}

// Stale reports whether the view is known and older than Config.StaleAfter: no node answers. It is the best there is.
func (v View) Stale() bool { return v.at != nil && v.Age() > v.of.c.cfg.StaleAfter }
