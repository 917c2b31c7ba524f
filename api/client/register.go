package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Registration is one instance that the client keeps registered: renewed at a third of its TTL, registered again when a
// node does not know it, and taken out at the end. Made by Register; the zero Registration is not usable. All methods are
// safe for any number of goroutines.
type Registration struct {
	c    *Client
	end  context.CancelFunc
	done chan struct{} // closed when the instance has been taken out, or that has failed
	op   chan struct{} // whoever speaks to the registry holds what is in it

	mu      sync.Mutex
	inst    Instance
	known   bool            // the registry has it, as far as we know
	err     error           // of the latest try
	changed chan struct{}   // closed and replaced when a try has ended
	bye     context.Context // of the one who deregisters
	byeErr  error
}

// Register registers an instance, and keeps it registered until ctx ends, Deregister is called or the client is closed:
// then it is deregistered. It returns when a node has it. If no node answers, the registration is pending: it is tried
// again in the background, so that a program that starts while the registry is away is registered when that is back; Wait
// waits for it. The error is ErrInvalid or ErrDenied, as an *Error that says why, ErrClosed, or the context's.
func (c *Client) Register(ctx context.Context, inst Instance) (*Registration, error) {
	life, end := context.WithCancel(ctx)
	r := &Registration{
		c: c, inst: inst.said(c.cfg.Namespace), end: end, done: make(chan struct{}), op: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	err := r.put(life, false)
	if refused, ok := errors.AsType[*Error](err); ok {
		end()
		return nil, refused
	}
	if err != nil && ctx.Err() != nil {
		end()
		return nil, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		end()
		return nil, ErrClosed
	}
	c.registrations[r] = true
	c.running.Go(func() { r.run(life) })
	if err != nil {
		c.log.Warn("instance is not registered yet: no node answers", "service", r.inst.Service, "instance", r.inst.ID, "err", err)
	}
	return r, nil
}

// Instance is the instance as it was last registered.
func (r *Registration) Instance() Instance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inst
}

// Err is why the latest try to register or to renew failed, nil if it did not. One that fails is repeated.
func (r *Registration) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// Wait waits until the registry has the instance. The error is the context's, with the reason; ErrClosed if the
// registration has ended.
func (r *Registration) Wait(ctx context.Context) error {
	for {
		r.mu.Lock()
		known, err, changed := r.known, r.err, r.changed
		r.mu.Unlock()
		if known {
			return nil
		}
		select {
		case <-changed:
		case <-r.done:
			return ErrClosed
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// SetStatus changes what the instance says of itself, by registering it again; StatusNone is UP. An operator's override,
// which Client.SetStatus makes, counts for more. If the error is ErrUnavailable, the change is made when a node answers.
func (r *Registration) SetStatus(ctx context.Context, status Status) error {
	if err := r.hold(ctx); err != nil {
		return err
	}
	defer r.release()
	r.mu.Lock()
	r.inst.Status, r.known = status, false
	r.mu.Unlock()
	return r.tried(r.put(ctx, false))
}

// Drain takes the instance out of traffic, waits for that long, so that clients notice and requests end, and deregisters
// it. If ctx ends before, it deregisters at once.
func (r *Registration) Drain(ctx context.Context, wait time.Duration) error {
	if err := r.SetStatus(ctx, StatusOutOfService); err != nil {
		r.c.log.Warn("instance cannot be drained; it is deregistered", "instance", r.Instance().ID, "err", err)
	} else {
		_ = pause(ctx, wait) // and then goes on, whatever ended it
	}
	return r.Deregister(context.WithoutCancel(ctx))
}

// Deregister takes the instance out and ends the registration. It is tried at each node once; if the error is
// ErrUnavailable, the instance may be registered until its TTL has passed. Again, it returns what it returned before.
func (r *Registration) Deregister(ctx context.Context) error {
	r.mu.Lock()
	if r.bye == nil {
		r.bye = ctx
	}
	r.mu.Unlock()
	r.end()
	select {
	case <-r.done:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.byeErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run renews until ctx ends, and then deregisters.
func (r *Registration) run(ctx context.Context) {
	failures := 0
	if r.Err() != nil {
		failures = 1
	}
	// Those who began together do not go on together.
	next := between(r.third()/2, r.third())
	for {
		if failures > 0 {
			next = min(backoff(failures, r.c.cfg.MaxBackoff), r.third())
		}
		if pause(ctx, next) != nil || r.hold(ctx) != nil {
			break
		}
		err := r.renew(ctx, failures > 0)
		r.release()
		if ctx.Err() != nil {
			break
		}
		_ = r.tried(err)
		if next = between(r.third()*4/5, r.third()); errors.Is(err, ErrNotFound) {
			// A node that has forgotten everybody has told everybody so within a third of a TTL: they take longer to
			// answer. Whoever has other nodes that have not forgotten it loses nothing by that.
			next, err = between(0, r.third()/2), nil
		}
		failures = r.count(failures, err)
	}
	r.leave(ctx)
}

// count is how many tries in a row have failed; the first failure and the end of them are said.
func (r *Registration) count(failures int, err error) int {
	inst := r.Instance()
	switch {
	case err != nil && failures == 0:
		r.c.log.Warn("instance cannot be renewed; it is tried again", "service", inst.Service, "instance", inst.ID, "err", err)
	case err == nil && failures > 0:
		r.c.log.Info("instance is registered", "service", inst.Service, "instance", inst.ID, "failures", failures)
	}
	if err != nil {
		return failures + 1
	}
	return 0
}

// third is a third of the TTL.
func (r *Registration) third() time.Duration {
	if ttl := r.Instance().TTL; ttl > 0 {
		return ttl / 3
	}
	return defaultTTL / 3
}

// hold and release frame what is said to the registry about the instance, so that one thing is said after the other.
func (r *Registration) hold(ctx context.Context) error {
	select {
	case r.op <- struct{}{}:
		return nil
	case <-r.done: // Whoever deregisters keeps what is in op.
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Registration) release() { <-r.op }

// tried takes note of what a try has led to.
func (r *Registration) tried(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	close(r.changed)
	r.changed = make(chan struct{})
	return err
}

// renew renews the lease, or registers if the registry does not have the instance. ErrNotFound says that it does not.
func (r *Registration) renew(ctx context.Context, repeated bool) error {
	r.mu.Lock()
	inst, known := r.inst, r.known
	r.mu.Unlock()
	if known {
		_, err := r.c.call(ctx, request{
			method: http.MethodPut, path: pathOfInstance(inst.Service, inst.ID) + "/heartbeat", query: namespaceQuery(inst.Namespace),
			timeout: min(r.c.cfg.Timeout, r.third()/2), repeated: repeated, urgent: true,
		})
		if errors.Is(err, ErrNotFound) {
			r.c.log.Info("instance is not known; it is registered again", "service", inst.Service, "instance", inst.ID)
			r.mu.Lock()
			r.known = false
			r.mu.Unlock()
		}
		return err
	}
	return r.put(ctx, repeated)
}

// put registers.
func (r *Registration) put(ctx context.Context, repeated bool) error {
	inst := r.Instance()
	a, err := r.c.call(ctx, request{
		method: http.MethodPost, path: pathRegister, body: inst.said(""), timeout: r.c.cfg.Timeout, repeated: repeated, urgent: true,
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.known = err, err == nil
	if err != nil {
		return err
	}
	var stored Instance
	if json.Unmarshal(a.body, &stored) == nil && stored.ID == inst.ID && stored.TTL > 0 {
		r.inst.TTL = stored.TTL
	}
	return nil
}

// leave takes the instance out, in the time of the one who asks for it; if ctx has ended by itself, within that of two
// requests.
func (r *Registration) leave(ctx context.Context) {
	defer close(r.done)
	defer r.end()
	r.op <- struct{}{} // After what is under way, which ctx has ended; nothing comes after this.
	bye, cancel := r.time(ctx)
	defer cancel()
	inst := r.Instance()
	err := r.c.remove(bye, inst.Namespace, inst.Service, inst.ID)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	r.mu.Lock()
	r.byeErr, r.known = err, false
	r.mu.Unlock()
	r.c.mu.Lock()
	defer r.c.mu.Unlock()
	delete(r.c.registrations, r)
}

// time is the context in which to deregister.
func (r *Registration) time(ctx context.Context) (context.Context, context.CancelFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bye != nil {
		return context.WithCancel(r.bye)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 2*r.c.cfg.Timeout)
}

func (c *Client) remove(ctx context.Context, namespace, service, id string) error {
	_, err := c.call(ctx, request{
		method: http.MethodDelete, path: pathOfInstance(service, id), query: namespaceQuery(namespace), timeout: c.cfg.Timeout, urgent: true,
	})
	return err
}

// Deregister takes an instance of the client's namespace out, whoever registered it. One that this client keeps
// registered comes back: end its Registration instead. The error is ErrNotFound, ErrDenied or ErrUnavailable.
func (c *Client) Deregister(ctx context.Context, service, id string) error {
	return c.remove(ctx, c.cfg.Namespace, service, id)
}

// SetStatus puts an operator's decision in place of what an instance says of itself, until it is taken back by
// StatusNone: it outlives the instance's registering again. reason is for people, and may be empty. The error is
// ErrNotFound, ErrInvalid, ErrDenied or ErrUnavailable.
func (c *Client) SetStatus(ctx context.Context, service, id string, status Status, reason string) error {
	r := request{
		method: http.MethodPut, path: pathOfInstance(service, id) + "/status", query: namespaceQuery(c.cfg.Namespace), timeout: c.cfg.Timeout,
		body: struct {
			Status Status `json:"status"`
			Reason string `json:"reason,omitempty"`
		}{status, reason},
	}
	if status == StatusNone {
		r.method, r.body = http.MethodDelete, nil
	}
	_, err := c.call(ctx, r)
	return err
}
