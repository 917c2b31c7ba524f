package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

const (
	// pollGap is the least time between two long polls, so that a service that changes all the time does not become a busy
	// loop.
	pollGap = 100 * time.Millisecond
	// Where streamFaults streams in a row do not get through, or are over before they have lived for streamLife and can be
	// opened at the same node again, something in between does not let them through: the client asks by long poll for
	// fallbackFor.
	streamFaults = 3
	streamLife   = 30 * time.Second
	fallbackFor  = 5 * time.Minute
)

// refresher keeps one service up to date. One goroutine runs it.
type refresher struct {
	*service
	failures    int       // in a row
	broken      int       // streams in a row that did not get through
	before      *node     // where the last stream was that did not live; nil if it did
	noStreams   time.Time // until when long polls are used instead
	unopened    bool      // no stream could be opened just now: a poll shows whether nodes answer at all
	reconnected bool      // the next request is not one of the usual ones
}

// run asks until ctx ends.
func (r *refresher) run(ctx context.Context) {
	for ctx.Err() == nil {
		var next time.Duration
		mode := r.c.cfg.Refresh
		if mode == Stream && (r.unopened || time.Now().Before(r.noStreams)) {
			mode = LongPoll
		}
		if mode == Stream {
			next = r.streamOnce(ctx)
		} else {
			next = r.pollOnce(ctx, mode)
		}
		r.rest(ctx, next)
		if mode == OnDemand && r.failures == 0 && r.watchers.Load() == 0 {
			r.awaitDemand(ctx)
		}
	}
}

// rest waits, unless there is a reason to go on at once.
func (r *refresher) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.again:
		r.reconnected = true
	case <-ctx.Done():
	}
}

// awaitDemand waits until somebody looks the service up.
func (r *refresher) awaitDemand(ctx context.Context) {
	select {
	case <-r.wanted: // somebody wanted what was new then
	default:
	}
	r.expired.Store(true)
	select {
	case <-r.wanted:
	case <-r.again:
	case <-ctx.Done():
	}
	r.expired.Store(false)
}

// begin is the context of one request; move ends it.
func (r *refresher) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.again: // which is what is about to happen
		r.reconnected = true
	default:
	}
	r.session = cancel
	return ctx, cancel
}

// failed takes note of a request without an answer and returns how long to wait.
func (r *refresher) failed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	r.failures++
	r.reconnected = true
	if r.failures == 1 {
		r.c.log.Debug("service cannot be refreshed; the cache is served", "service", r.name, "err", err)
	}
	return backoff(r.failures, r.c.cfg.MaxBackoff)
}

// answered takes note of an answer.
func (r *refresher) answered() { r.failures, r.reconnected = 0, false }

// pollOnce asks once, and returns how long to wait until the next time.
func (r *refresher) pollOnce(ctx context.Context, mode Refresh) time.Duration {
	req := request{
		method: http.MethodGet, path: pathOfService(r.name), query: r.c.scope(), resume: r.resumePoll,
		timeout: r.c.cfg.Timeout, repeated: r.reconnected,
	}
	interval := between(r.c.cfg.Interval*9/10, r.c.cfg.Interval)
	if mode == LongPoll {
		if r.c.cfg.Refresh == Stream {
			interval = between(27*time.Second, 30*time.Second)
		}
		req.query.Set("wait", interval.String())
		req.timeout += interval
		// Whoever waits at a node that dies learns of it at the same moment as all others who do.
		req.single = r.failures == 0 && r.view.Load() != nil
		interval = between(pollGap/2, pollGap)
	}
	session, cancel := r.begin(ctx)
	defer cancel()
	a, err := r.c.call(session, req)
	switch {
	case session.Err() != nil && ctx.Err() == nil:
		r.reconnected = true
		return 0 // moved
	case err != nil && req.single && ctx.Err() == nil:
		_ = r.failed(ctx, err)
		return between(0, r.c.cfg.Spread)
	case err != nil:
		r.unopened = false
		return r.failed(ctx, err)
	}
	r.answered()
	if r.unopened {
		r.broke() // Nodes answer, and streams do not get through.
		r.unopened = false
	}
	if a.status == http.StatusNotModified {
		r.touch()
		return interval
	}
	told, err := decodeList(a.body)
	if err != nil {
		return r.failed(ctx, err)
	}
	r.offer(told, source{a.node, a.name, a.header.Get("Muster-Index"), a.header.Get("Etag")})
	return interval
}

// resumePoll says what is held already, to the node that it is from.
func (r *refresher) resumePoll(n *node, query url.Values, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from.node == n && r.from.etag != "" {
		header.Set("If-None-Match", r.from.etag)
		if query.Has("wait") && r.from.index != "" {
			query.Set("since", r.from.index)
		}
	} else {
		query.Del("wait") // an answer is wanted now
	}
}
