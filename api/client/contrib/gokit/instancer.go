package gokit

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/go-kit/kit/sd"
	"github.com/go-kit/log"

	"github.com/musterhq/muster/api/client"
)

// resolveWithin bounds how long NewInstancer waits until something is known.
const resolveWithin = 3 * time.Second

// Instancer is an sd.Instancer of one service. Made by NewInstancer; the zero Instancer is not usable.
type Instancer struct {
	ctx     context.Context // the life of the instancer: Stop ends it
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex // held while events are sent, so that they arrive in order
	state     sd.Event
	listeners map[chan<- sd.Event]bool
}

var _ sd.Instancer = (*Instancer)(nil)

// NewInstancer begins to follow a service. If nothing is known of it within 3 s, the first event is the error that says why;
// endpointers begin with it and go on as soon as a node answers.
func NewInstancer(c *client.Client, service string, logger log.Logger) *Instancer {
	i := &Instancer{listeners: map[chan<- sd.Event]bool{}}
	i.ctx, i.cancel = context.WithCancel(context.Background())
	waiting, cancel := context.WithTimeout(i.ctx, resolveWithin)
	defer cancel()
	v, err := c.Resolve(waiting, service)
	if i.state = (sd.Event{Instances: addresses(v), Err: err}); err != nil {
		_ = logger.Log("service", service, "err", err)
	}
	i.running.Go(func() {
		for v := range c.Follow(i.ctx, service) {
			i.update(sd.Event{Instances: addresses(v)})
		}
	})
	return i
}

// addresses are those of the instances that take traffic, each once, sorted.
func addresses(v client.View) []string {
	all := make([]string, 0, len(v.Healthy()))
	for _, i := range v.Healthy() {
		all = append(all, i.HostPort())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (i *Instancer) update(next sd.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.state.Err == nil && slices.Equal(i.state.Instances, next.Instances) {
		return
	}
	i.state = next
	for listener := range i.listeners {
		i.send(listener)
	}
}

// send tells one listener what there is, for it to keep. It needs the lock.
func (i *Instancer) send(listener chan<- sd.Event) {
	select {
	case listener <- sd.Event{Instances: slices.Clone(i.state.Instances), Err: i.state.Err}:
	case <-i.ctx.Done():
	}
}

// Register sends what is known, and from then on every change.
func (i *Instancer) Register(listener chan<- sd.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.listeners[listener] = true
	i.send(listener)
}

// Deregister sends no more.
func (i *Instancer) Deregister(listener chan<- sd.Event) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.listeners, listener)
}

// Stop ends the instancer; endpointers keep what they have.
func (i *Instancer) Stop() {
	i.cancel()
	i.running.Wait()
}
