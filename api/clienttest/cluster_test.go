package clienttest_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/clienttest"
)

// memberlist does not wait for a probe that is under way, which ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probe"))
}

// What is registered by way of one node is found when that node is gone, and nothing is left of either in the end.
func TestWhatOneNodeWasToldTheOtherServes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cluster, err := clienttest.Start(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := cluster.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if _, err := c.Register(ctx, client.Instance{Service: "payments", Address: "10.0.0.5", Port: 8080}); err != nil {
		t.Fatal(err)
	}
	for v := range c.Follow(ctx, "payments") {
		if len(v.Healthy()) == 1 {
			break
		}
	}
	if err := cluster.Nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(ctx, client.Instance{Service: "payments", Address: "10.0.0.6", Port: 8080}); err != nil {
		t.Fatal(err)
	}
	for v := range c.Follow(ctx, "payments") {
		if len(v.Healthy()) == 2 {
			break
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("the client finds %d of 2 instances", len(c.Lookup("payments").Healthy()))
	}
}
