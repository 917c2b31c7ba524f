package native

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
)

// Waiting is how many requests are open at the moment, by what they wait for.
type Waiting struct{ Watches, Events, LongPolls int64 }

// Waiting counts the requests that are open at the moment.
func (a *API) Waiting() Waiting {
	return Waiting{
		Watches:   a.waiting.open[waitWatch].Load(),
		Events:    a.waiting.open[waitEvents].Load(),
		LongPolls: a.waiting.open[waitPoll].Load(),
	}
}

type waitKind int

const (
	waitWatch waitKind = iota
	waitEvents
	waitPoll
	waitKinds
)

// gate bounds how many requests wait, all kinds together.
type gate struct {
	limit int64
	total atomic.Int64
	open  [waitKinds]atomic.Int64
}

// enter lets one more wait, or says that it is one too many. The one who entered leaves.
func (g *gate) enter(k waitKind) error {
	if g.total.Add(1) > g.limit {
		g.total.Add(-1)
		return newProblem(codeTooMany, fmt.Sprintf("%d clients are waiting already", g.limit))
	}
	g.open[k].Add(1)
	return nil
}

func (g *gate) leave(k waitKind) {
	g.open[k].Add(-1)
	g.total.Add(-1)
}

// EnterPoll lets a query of another protocol wait here too, so that all that waits at a server is bounded and counted
// together; false if it is one too many. Whoever entered calls LeavePoll.
func (a *API) EnterPoll() bool { return a.waiting.enter(waitPoll) == nil }

// LeavePoll is the end of a wait that EnterPoll began.
func (a *API) LeavePoll() { a.waiting.leave(waitPoll) }

// unmetered is what the writer of an instrumented server offers: durations of requests that wait mean nothing.
type unmetered interface{ Unmetered() }

func letWait(w http.ResponseWriter) {
	if u, ok := w.(unmetered); ok {
		u.Unmetered()
	}
}

// await returns once look reports news, the wait is over, or the server is closing: then there is an answer to give. The
// channel that look returns has to be one that is closed by whatever happens after look has looked.
func (a *API) await(ctx context.Context, w http.ResponseWriter, wait time.Duration, look func() (news bool, changed <-chan struct{})) error {
	news, changed := look()
	if news || wait == 0 {
		return nil
	}
	if err := a.waiting.enter(waitPoll); err != nil {
		return err
	}
	defer a.waiting.leave(waitPoll)
	letWait(w)
	// A server's time-out for writing counts from the request. Not every writer has one.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + patience))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for !news {
		select {
		case <-changed:
			news, changed = look()
		case <-timer.C:
			return nil
		case <-a.closing.Done():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// stale reports whether a client has to be told of what changed at index. Its index counts if it gave one, else the
// entity tag that it holds. The node's own index is read after the view and may still be behind it.
func (a *API) stale(r *http.Request, q *query, index muster.Index, etag string) bool {
	if q.given("since") != "" {
		return index.Newer(q.since, max(index, a.node.Index()))
	}
	return !matches(r, etag)
}
