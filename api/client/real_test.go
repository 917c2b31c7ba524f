package client

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
)

// realNode is a node on loopback that serves its API as the agent does.
type realNode struct {
	*muster.Node
	server *httptest.Server
	dead   atomic.Bool
}

func startNode(t *testing.T, name, join string) *realNode {
	t.Helper()
	cfg := muster.Config{Node: name, Bind: "127.0.0.1:0", Profile: "local"}
	if join != "" {
		cfg.Join = []string{join}
	}
	node, err := muster.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	n := &realNode{Node: node}
	handler := api.Handler(node)
	n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.dead.Load() {
			http.NotFound(w, r) // A dead node's port would refuse; here it is somebody else's.
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { n.die(); n.server.Close() })
	return n
}

// die ends the node without a word, and its connections.
func (n *realNode) die() {
	n.dead.Store(true)
	_ = n.Close()
	n.server.CloseClientConnections()
}

// until waits for what a watch will show.
func until(t *testing.T, c *Client, ok func(v View) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var v View
	for v = range c.Follow(ctx, "payments") {
		if ok(v) {
			return
		}
	}
	t.Fatalf("the service did not become what it should: %q, healthy %q, held %d, age %v", ids(v.Instances()), ids(v.Healthy()), v.Held(), v.Age())
}

// Two real nodes, a client of each: what one registers the other sees, and goes on seeing when its node dies.
func TestRealNodesServeTheClient(t *testing.T) {
	t.Parallel()
	n1 := startNode(t, "n1", "")
	n2 := startNode(t, "n2", n1.Info().Address)
	made := func(first, second *realNode) *Client {
		c, err := New(Config{
			Nodes: []string{first.server.URL, second.server.URL}, Spread: 100 * time.Millisecond,
			Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range c.pool.order() {
			if n.base == first.server.URL {
				c.pool.prefer(n)
			}
		}
		return c
	}
	c1, c2 := made(n1, n2), made(n2, n1)
	defer func() {
		if err := c2.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	has := func(n int) func(View) bool { return func(v View) bool { return len(v.Healthy()) == n } }

	var regs []*Registration
	for i := range 5 {
		r, err := c1.Register(t.Context(), Instance{Service: "payments", ID: strconv.Itoa(i), Address: "127.0.0.1", Port: 80, TTL: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		regs = append(regs, r)
	}
	until(t, c2, has(5))
	if err := regs[4].SetStatus(t.Context(), StatusOutOfService); err != nil {
		t.Error(err)
	}
	until(t, c2, has(4))
	if err := regs[4].Deregister(t.Context()); err != nil {
		t.Error(err)
	}
	until(t, c2, func(v View) bool { return len(v.Instances()) == 4 })

	// The node of the one who registers dies: its leases go on at the other.
	n1.die()
	timer := time.NewTimer(5 * time.Second)
	<-timer.C
	if v := c2.Lookup("payments"); len(v.Healthy()) != 4 || v.Stale() {
		t.Errorf("two TTLs after the death of their node %d of 4 are left", len(v.Healthy()))
	}
	if err := c1.Close(t.Context()); err != nil {
		t.Error(err)
	}
	until(t, c2, has(0))
}
