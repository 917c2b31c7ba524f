package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// request is what is asked of a node, whichever it will be.
type request struct {
	method, path string
	query        url.Values
	// resume adds what depends on the node: from where it goes on, if it is the node that was asked before. May be nil.
	resume func(n *node, query url.Values, header http.Header)
	body   any // as JSON; nil is none
	// timeout is how long one node may take to answer; with stream, to begin.
	timeout time.Duration
	stream  bool
	// repeated says that the request is not one of the usual ones: it costs a token of the budget. urgent ones may run into
	// debt.
	repeated, urgent bool
	// single asks one node alone.
	single bool
	// but is a node that is not asked, by itself and by its name: the request is for another's opinion, and does not make
	// that other the node in use.
	but     *node
	butName string
}

// answer is what a node says: 2xx or 304.
type answer struct {
	node   *node
	name   string // of the node, "datacenter/name"
	status int
	header http.Header
	body   []byte
	stream io.ReadCloser // instead of body
}

// call asks one node after the other until one answers. The error is an *Error if a node refuses, the context's, or
// ErrUnavailable.
func (c *Client) call(ctx context.Context, r request) (*answer, error) {
	if err := c.directory.wait(ctx); err != nil {
		return nil, err
	}
	var causes []error
	repeated := r.repeated
	for _, n := range c.candidates(&r) {
		if repeated {
			if err := c.budget.wait(ctx, r.urgent); err != nil {
				return nil, err
			}
		}
		done, err := n.breaker.Allow()
		switch {
		case err == nil:
		case r.urgent:
			done = func(error) {} // It is asked all the same.
		default:
			continue // Somebody else is trying it.
		}
		repeated = true
		a, err := c.ask(ctx, n, &r)
		switch {
		case err != nil && ctx.Err() != nil:
			done(context.Canceled)
			return nil, ctx.Err()
		case errors.Is(err, errFault):
			done(err)
			c.lost(ctx, n, err)
			causes = append(causes, err)
			if r.single {
				return nil, unavailable(causes)
			}
			continue
		}
		done(nil)
		c.found(ctx, n, r.but == nil)
		return a, err
	}
	c.directory.hurry()
	return nil, unavailable(causes)
}

// candidates are the nodes to ask, in this order: those whose breakers let a request through. A request about a lease is
// not put off by breakers if there are none: it may be the requests that fail, and not the nodes.
func (c *Client) candidates(r *request) []*node {
	all := slices.DeleteFunc(c.pool.order(), func(n *node) bool { return n == r.but || r.butName != "" && n.whom() == r.butName })
	if closed := slices.DeleteFunc(slices.Clone(all), (*node).open); len(closed) > 0 || !r.urgent {
		return closed
	}
	return all
}

// found takes note of an answer.
func (c *Client) found(ctx context.Context, n *node, use bool) {
	if n.down.CompareAndSwap(true, false) {
		c.log.InfoContext(ctx, "node answers again", "node", n.base)
	}
	if use && c.pool.prefer(n) {
		c.log.DebugContext(ctx, "node in use", "node", n.base)
	}
}

// lost takes note of a fault.
func (c *Client) lost(ctx context.Context, n *node, err error) {
	c.pool.failed(n)
	if n.open() && n.down.CompareAndSwap(false, true) {
		c.log.WarnContext(ctx, "node does not answer", "node", n.base, "err", err)
	}
}

// ask sends the request to one node. The error is an *Error, or errFault if the node is to blame.
func (c *Client) ask(asked context.Context, n *node, r *request) (a *answer, err error) {
	ctx, cancel := context.WithCancel(asked)
	slow := time.AfterFunc(r.timeout, cancel)
	keep := false
	defer func() {
		if !keep {
			slow.Stop()
			cancel()
		}
	}()
	req, err := c.request(ctx, n, r)
	if err != nil {
		return nil, err
	}
	res, err := n.rt.RoundTrip(req)
	if err != nil {
		return nil, n.mute(asked, err)
	}
	defer func() {
		if !keep {
			_ = res.Body.Close()
		}
	}()
	a = &answer{node: n, status: res.StatusCode, header: res.Header}
	ok := a.status/100 == 2 || a.status == http.StatusNotModified
	if name := res.Header.Get("Muster-Node"); name != "" {
		a.name = res.Header.Get("Muster-Datacenter") + "/" + name
		n.name.Store(&a.name)
	} else if ok || a.status == http.StatusNotFound {
		return nil, fmt.Errorf("%w: %s answered %d, and is no Muster node", errFault, n.base, a.status)
	}
	if r.stream && ok {
		if !slow.Stop() {
			return nil, fmt.Errorf("%w: %s: %w", errFault, n.base, context.DeadlineExceeded)
		}
		keep = true
		a.stream = &streamBody{res.Body, cancel}
		return a, nil
	}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, n.mute(asked, err)
	case len(a.body) > maxAnswerBytes:
		return nil, fmt.Errorf("%w: %s answered with more than %d bytes", errFault, n.base, maxAnswerBytes)
	case ok:
		return a, nil
	case a.status >= 500 || a.status == http.StatusTooManyRequests || a.status < 400:
		return nil, fmt.Errorf("%w: %s: %w", errFault, n.base, refusal(a.status, a.body))
	}
	return nil, refusal(a.status, a.body)
}

// request is r as it goes to n.
func (c *Client) request(ctx context.Context, n *node, r *request) (*http.Request, error) {
	query, header := url.Values{}, http.Header{}
	maps.Copy(query, r.query)
	if r.resume != nil {
		r.resume(n, query, header)
	}
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, fmt.Errorf("client: encoding a request: %w", err)
		}
		body = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	target := n.base + r.path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("client: a request: %w", err)
	}
	req.Header, req.Host = header, n.host
	req.Header.Set("User-Agent", "muster-go")
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	// Whatever is sent here may be sent twice, and net/http may do so where a kept connection turns out to be closed.
	req.Header["Idempotency-Key"] = nil
	return req, nil
}

// streamBody is the body of a stream; closing it ends the request.
type streamBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (s *streamBody) Close() error {
	s.cancel()
	return s.ReadCloser.Close()
}

// The paths of the native protocol.
const (
	pathServices = "/api/v1/services"
	pathRegister = "/api/v1/services/instances"
	pathMembers  = "/api/v1/members"
	pathWatch    = "/api/v1/watch"
)

func pathOfService(service string) string { return pathServices + "/" + url.PathEscape(service) }

func pathOfInstance(service, id string) string {
	return pathOfService(service) + "/instances/" + url.PathEscape(id)
}

// scope is the query that chooses the client's namespace and data centre.
func (c *Client) scope() url.Values {
	q := namespaceQuery(c.cfg.Namespace)
	if c.cfg.Datacenter != "" {
		q.Set("dc", c.cfg.Datacenter)
	}
	return q
}

// namespaceQuery is empty for the default namespace.
func namespaceQuery(namespace string) url.Values {
	q := url.Values{}
	if namespace != defaultNamespace {
		q.Set("namespace", namespace)
	}
	return q
}
