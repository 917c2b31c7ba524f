package kratos

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/go-kratos/kratos/v2/registry"

	"github.com/musterhq/muster/api/client"
)

// watcher is a registry.Watcher: a loop over a service's views that is asked for one at a time.
type watcher struct {
	ctx    context.Context // kratos has it in the watcher, and none in Next
	cancel context.CancelFunc

	mu   sync.Mutex // held while somebody waits for the next one
	next func() (client.View, bool)
	end  func()
	last []*client.Instance
}

func newWatcher(ctx context.Context, c *client.Client, name string) *watcher {
	w := &watcher{}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.next, w.end = iter.Pull(c.Follow(w.ctx, name)) //nolint:contextcheck // It comes from ctx.
	return w
}

// Next waits until the instances are others than at the last call; at the first, until there is one. The error is the
// context's, context.Canceled if it was stopped; or, with context.Canceled too so that kratos does not ask again,
// client.ErrClosed.
func (w *watcher) Next() ([]*registry.ServiceInstance, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		v, ok := w.next()
		switch {
		case ok && !slices.Equal(v.Healthy(), w.last):
			w.last = v.Healthy()
			return toServices(w.last), nil
		case ok:
		case w.ctx.Err() != nil:
			return nil, w.ctx.Err()
		default:
			return nil, fmt.Errorf("%w: %w", client.ErrClosed, context.Canceled)
		}
	}
}

// Stop ends the watcher, and whoever waits for it.
func (w *watcher) Stop() error {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
	return nil
}
