package consul

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/musterhq/muster"
)

// changes are closed once what was looked at may have changed. Nil channels never are.
type changes [2]<-chan struct{}

// state is what a blocking query looks at: when it last changed, and how to know that it has again.
type state struct {
	index   muster.Index
	changed changes
}

// recheck is how often a query looks again that is about nodes: a change of the membership closes no channel.
const recheck = time.Second

// unmetered is what the writer of an instrumented server offers: durations of requests that wait mean nothing.
type unmetered interface{ Unmetered() }

// block returns once there is an answer to give: what the client has is not what there is, or its time is over, or the
// server is closing. look has to take its channels before it looks. A client whose index is another node's, or from the
// future, is answered at once, with an index of this node by which it can wait.
func (a *API) block(c *call, every time.Duration, look func() state) error {
	return a.await(c, every, func() (bool, changes) {
		s := look()
		return c.index == 0 || s.index.Newer(c.index, max(s.index, a.node.Index())), s.changed
	})
}

// blockForever is block for what never changes here: its index is 1, always.
func (a *API) blockForever(c *call) error {
	if c.index > 1 {
		return nil
	}
	return a.block(c, 0, func() state { return state{index: 1} })
}

// await returns once look reports news, the client's time is over, or the server is closing: then there is an answer to
// give.
func (a *API) await(c *call, every time.Duration, look func() (news bool, changed changes)) error {
	news, changed := look()
	if news {
		return nil
	}
	if !a.enter() {
		return errTooMany
	}
	defer a.leave()
	if u, ok := c.w.(unmetered); ok {
		u.Unmetered()
	}
	wait := c.wait + rand.N(c.wait/16+1) //nolint:gosec // So that clients do not come back all at once.
	// A server's time-out for writing counts from the request. Not every writer has one.
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(wait + patience))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	var ticks <-chan time.Time
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for !news {
		select {
		case <-changed[0]:
		case <-changed[1]:
		case <-ticks:
		case <-timer.C:
			return nil
		case <-a.closing.Done():
			return nil
		case <-c.r.Context().Done():
			return c.r.Context().Err()
		}
		news, changed = look()
	}
	return nil
}
