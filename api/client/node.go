package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

// A node whose breaker is open is not asked for breakerOpen; then one request may try it. It opens after breakerTrips
// failures in a row.
const (
	breakerOpen  = 5 * time.Second
	breakerTrips = 2
)

// node is one address of a node, and what the client has seen of it. Safe for any number of goroutines.
type node struct {
	base    string // scheme://host:port
	host    string // the Host header, if it is not that of base
	rt      http.RoundTripper
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	name    atomic.Pointer[string] // "datacenter/name", once it has answered
	down    atomic.Bool            // it has been said that it does not answer

	mu   sync.Mutex
	life context.Context
	end  context.CancelFunc
}

func newNode(base, host string, rt http.RoundTripper) *node {
	n := &node{base: base, host: host, rt: rt}
	n.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name:        base,
		MaxRequests: 1,
		Timeout:     breakerOpen,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerTrips },
		// Who asked has lost interest: that says nothing about the node.
		IsExcluded: func(err error) bool { return errors.Is(err, context.Canceled) },
	})
	n.life, n.end = context.WithCancel(context.Background())
	return n
}

func (n *node) open() bool { return n.breaker.State() == gobreaker.StateOpen }

// whom is the node's own name, "" if it has not answered yet.
func (n *node) whom() string {
	if name := n.name.Load(); name != nil {
		return *name
	}
	return ""
}

// cut ends the streams that are open at the node: a request to it has got no answer, so they may be dead too, and would
// not show it until their silence is noticed.
func (n *node) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.end()
	n.life, n.end = context.WithCancel(context.Background())
}

// mute is the error of a request that got no answer. If whoever asked still wants one, the node is to blame.
func (n *node) mute(asked context.Context, err error) error {
	if asked.Err() == nil {
		n.cut()
	}
	return fmt.Errorf("%w: %s: %w", errFault, n.base, err)
}

// whileUp is a context that ends with ctx, or when the node is cut.
func (n *node) whileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(n.life, cancel)
	return ctx, func() { stop(); cancel() }
}
