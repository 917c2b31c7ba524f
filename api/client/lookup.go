package client

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
)

// Lookup is what is known of a service, at once: from the cache, without a lock or an allocation. The first lookup of a
// service begins to follow it, and knows nothing yet unless the file does: see Resolve. The zero View is for a name that
// is empty, or one too many.
func (c *Client) Lookup(name string) View {
	s := (*c.services.Load())[name]
	if s == nil || !s.following.Load() {
		if s, _ = c.follow(name); s == nil {
			return View{}
		}
	}
	if s.expired.Load() {
		s.want()
	}
	return View{s, s.view.Load()}
}

// want asks for an answer that is not too old.
func (s *service) want() {
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

// Resolve is Lookup that waits until something is known: a node has answered, or the file has it. A service without
// instances is known, and empty. The error is ErrClosed, ErrTooMany, ErrInvalid for an empty name, or the context's, with
// the reason why no node has answered.
func (c *Client) Resolve(ctx context.Context, name string) (View, error) {
	for {
		v := c.Lookup(name)
		if v.Known() {
			return v, nil
		}
		s, err := c.follow(name)
		if err != nil {
			return v, err
		}
		s.mu.Lock()
		changed, known := s.changed, s.view.Load() != nil
		s.mu.Unlock()
		if known {
			continue
		}
		select {
		case <-changed:
		case <-c.life.Done():
			return v, ErrClosed
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			return v, fmt.Errorf("client: service %q: %w: %w", name, cmp.Or(s.err, ErrUnavailable), ctx.Err())
		}
	}
}

// follow begins to follow a service.
func (c *Client) follow(name string) (*service, error) {
	if name == "" {
		return nil, fmt.Errorf("%w: a service has a name", ErrInvalid)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all := *c.services.Load()
	s := all[name]
	switch {
	case s != nil && s.following.Load():
		return s, nil
	case c.closed:
		return s, ErrClosed
	case s == nil:
		next := maps.Clone(all)
		if len(next) >= c.cfg.MaxServices && !dropOldest(next) {
			return nil, fmt.Errorf("%w: %d are followed", ErrTooMany, len(next))
		}
		s = c.newService(name)
		next[name] = s
		c.services.Store(&next)
	}
	s.following.Store(true)
	c.running.Go(func() { (&refresher{service: s}).run(c.life) })
	return s, nil
}

// dropOldest makes room: of the services that the file had and nobody has asked for, the one whose answer is the oldest
// goes. False if there is none.
func dropOldest(all map[string]*service) bool {
	oldest := ""
	for name, s := range all {
		if s.following.Load() {
			continue
		}
		o := all[oldest]
		if o == nil || s.confirmed.Load() < o.confirmed.Load() || s.confirmed.Load() == o.confirmed.Load() && name < oldest {
			oldest = name
		}
	}
	delete(all, oldest)
	return oldest != ""
}

// Follow yields the whole of a service each time that it has changed, beginning with what is known. Who is slow misses
// what is in between, and always gets the latest. It ends with ctx, or when the client is closed; at once for a name that
// Resolve refuses.
func (c *Client) Follow(ctx context.Context, name string) iter.Seq[View] {
	return func(yield func(View) bool) {
		s, err := c.follow(name)
		if err != nil {
			return
		}
		s.watchers.Add(1)
		defer s.watchers.Add(-1)
		s.want()
		var last *snapshot
		for ctx.Err() == nil && c.life.Err() == nil {
			s.mu.Lock()
			at, changed := s.view.Load(), s.changed
			s.mu.Unlock()
			if at != last {
				if last = at; !yield(View{s, at}) {
					return
				}
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
			case <-c.life.Done():
			}
		}
	}
}

// EventType says what an event is.
type EventType string

// The types of events.
const (
	// EventSnapshot is the first event: the whole.
	EventSnapshot EventType = "snapshot"
	// EventUp is an instance that is new.
	EventUp EventType = "up"
	// EventChange is an instance that is another than before.
	EventChange EventType = "change"
	// EventDown is an instance that is gone.
	EventDown EventType = "down"
)

// Event is one step of a watch.
type Event struct {
	Type EventType
	// Instance is the one that changed; as it was, for EventDown; nil for EventSnapshot.
	Instance *Instance
	// View is the service after this change, and after those that came with it.
	View View
}

// Watch yields the changes of a service: a snapshot once it is known, then what changes, by id where several come
// together. Who is slow gets changes that cancel each other out not at all. It ends as Follow does.
func (c *Client) Watch(ctx context.Context, name string) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		var old *View
		for v := range c.Follow(ctx, name) {
			if old == nil {
				if !yield(Event{Type: EventSnapshot, View: v}) {
					return
				}
			} else if !changes(old.Instances(), v, yield) {
				return
			}
			old = &v
		}
	}
}

// changes yields what leads from old, by id, to v; false if nobody wants more.
func changes(old []*Instance, v View, yield func(Event) bool) bool {
	for _, i := range v.Instances() {
		for len(old) > 0 && old[0].ID < i.ID {
			if !yield(Event{EventDown, old[0], v}) {
				return false
			}
			old = old[1:]
		}
		kind := EventUp
		if len(old) > 0 && old[0].ID == i.ID {
			was := old[0]
			if old = old[1:]; was == i {
				continue
			}
			kind = EventChange
		}
		if !yield(Event{kind, i, v}) {
			return false
		}
	}
	for _, i := range old {
		if !yield(Event{EventDown, i, v}) {
			return false
		}
	}
	return true
}
