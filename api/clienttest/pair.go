package clienttest

import (
	"context"
	"time"

	"github.com/musterhq/muster/api/client"
)

// T is what is needed of a *testing.T, which only tests may import.
type T interface {
	Helper()
	Context() context.Context
	Cleanup(f func())
	Error(args ...any)
	Fatal(args ...any)
}

// closeWithin bounds the time that a client of Pair takes to end.
const closeWithin = 5 * time.Second

// Pair starts two nodes, and gives what makes clients of both. The clients end with the test, and the nodes after them.
func Pair(t T) (nodes *Cluster, connect func() *client.Client) {
	t.Helper()
	nodes, err := Start(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Close(); err != nil {
			t.Error(err)
		}
	})
	return nodes, func() *client.Client {
		t.Helper()
		c, err := nodes.Client()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
			defer cancel()
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		return c
	}
}

// Call asks a program who answers it.
type Call func(ctx context.Context) (who string, err error)

// LivesOn checks that whoever is behind call follows what pay starts and stops, and that it goes on without the first node.
// pay starts an instance that answers with its name; "pay-1" and "pay-2" run already.
func LivesOn(ctx context.Context, t T, nodes *Cluster, call Call, pay func(name string) (stop func())) {
	t.Helper()
	answering := func(want ...string) {
		t.Helper()
		if err := Answering(ctx, call, want...); err != nil {
			t.Fatal(err)
		}
	}
	answering("pay-1", "pay-2")
	stop := pay("pay-3")
	answering("pay-1", "pay-2", "pay-3")
	stop()
	answering("pay-1", "pay-2")
	if err := nodes.Nodes[0].Close(); err != nil { //nolint:contextcheck // It has none.
		t.Fatal(err)
	}
	answering("pay-1", "pay-2")
	pay("pay-4")
	answering("pay-1", "pay-2", "pay-4")
}
