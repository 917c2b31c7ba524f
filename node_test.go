package muster_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// startNodes starts n nodes on loopback, the later ones joined to the first, and waits until all are ready.
func startNodes(t *testing.T, n int) []*muster.Node {
	t.Helper()
	var nodes []*muster.Node
	for i := range n {
		cfg := muster.Config{Node: fmt.Sprintf("n%d", i+1), Profile: "local"}
		if os.Getenv("MUSTER_TEST_LOG") != "" {
			cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		if i > 0 {
			cfg.Join = []string{nodes[0].Addr()}
		}
		node, err := muster.Start(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := node.Leave(ctx); err != nil {
				t.Errorf("leaving: %v", err)
			}
		})
		nodes = append(nodes, node)
	}
	for _, node := range nodes {
		until(t, node, "ready", func() bool { ready, _ := node.Ready(); return ready })
	}
	return nodes
}

// until waits for a condition of a node that comes true by a change of its catalog or by one of its events.
func until(t *testing.T, n *muster.Node, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not %s in time", n.Name(), what)
		case <-n.Changed():
		case <-poll.C:
		}
	}
}

func TestWhatIsRegisteredAtOneNodeIsFoundAtAll(t *testing.T) {
	nodes := startNodes(t, 3)
	ctx := t.Context()
	lease, err := nodes[0].Register(ctx, muster.Instance{Service: "payments", Address: "10.0.0.5", Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		until(t, n, "informed", func() bool { return n.Lookup("payments").Len() == 1 })
		i := n.Lookup("payments").Instances()[0]
		if i.Home != "dc1/n1" || i.ID != "payments-10.0.0.5-8080" || !i.Embedded || i.Status != muster.StatusUp {
			t.Fatalf("%s has %+v", n.Name(), i)
		}
	}
	if err := lease.Deregister(ctx); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		until(t, n, "informed", func() bool { return n.Lookup("payments").Len() == 0 })
	}
	if err := lease.Deregister(ctx); !errors.Is(err, muster.ErrNotFound) {
		t.Fatalf("a second time: %v", err)
	}
}
