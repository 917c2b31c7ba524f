package muster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/gossiptest"
)

// clinic counts what is run of each target, and how much at once.
type clinic struct {
	mu         sync.Mutex
	runs       map[string]int
	busy, most int
}

// run lets targets whose name has "hung" in it take all the time there is.
func (c *clinic) run(ctx context.Context, check *muster.Check) (muster.CheckStatus, string) {
	c.mu.Lock()
	c.runs[check.TCP]++
	c.busy++
	c.most = max(c.most, c.busy)
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.busy--
		c.mu.Unlock()
	}()
	d := 10 * time.Millisecond
	if strings.Contains(check.TCP, "hung") {
		d = check.Timeout
	}
	select {
	case <-ctx.Done():
		return muster.CheckCritical, "the node has ended"
	case <-time.After(d):
	}
	if d == check.Timeout {
		return muster.CheckCritical, "no answer"
	}
	return muster.CheckPassing, "fine"
}

func (c *clinic) count(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[name]
}

func (b *bubble) checked(n *muster.Node, id, target string) {
	b.t.Helper()
	_, _, err := n.Put(b.t.Context(), muster.Instance{
		Service: "s", ID: id, Address: "10.0.0.1", Permanent: true,
		Checks: []muster.Check{{TCP: target, Interval: 2 * time.Second, Timeout: 10 * time.Second}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestChecksThatHangLeaveRoomForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := newBubble(t, gossiptest.Options{}), &clinic{runs: map[string]int{}}
		n := b.start("n1", func(cfg *muster.Config) { cfg.RunCheck = c.run })
		for i := range 2000 {
			b.checked(n, fmt.Sprintf("h%d", i), fmt.Sprintf("hung%d:1", i))
		}
		for i := range 50 {
			b.checked(n, fmt.Sprintf("g%d", i), fmt.Sprintf("good%d:1", i))
		}
		time.Sleep(40 * time.Second) // The first runs of all are over: who hangs is known.
		before := c.count("good7:1")
		time.Sleep(20 * time.Second)
		if ran := c.count("good7:1") - before; ran < 9 || ran > 11 {
			t.Errorf("a check that answers ran %d times in 20 s, want 10", ran)
		}
		if c.most > 1024 {
			t.Errorf("%d checks ran at once", c.most)
		}
		up := 0
		for _, i := range n.Lookup("s").Instances() {
			if i.Status == muster.StatusUp {
				up++
			}
		}
		if up != 50 {
			t.Errorf("%d instances are UP, want the 50 that answer", up)
		}
		if err := n.Close(); err != nil { // With hundreds of runs under way.
			t.Error(err)
		}
		if c.busy > 0 {
			t.Errorf("%d checks run after the node has closed", c.busy)
		}
		delete(b.live, "n1")
	})
}

func TestReportsReachTheHomeFromEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, gossiptest.Options{})
		nodes := b.startAll(3)
		stored, _, err := nodes[0].Put(t.Context(), muster.Instance{
			Service: "s", ID: "1", Address: "10.0.0.1", Permanent: true,
			Checks: []muster.Check{{ID: "c", TTL: 10 * time.Second, Initial: muster.CheckCritical}, {ID: "d", TCP: "10.0.0.1:1"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		key := stored.Key()
		time.Sleep(time.Second)
		for step, n := range []*muster.Node{nodes[2], nodes[1], nodes[0]} {
			status := []muster.CheckStatus{muster.CheckPassing, muster.CheckCritical, muster.CheckWarning}[step]
			if err := n.Report(t.Context(), key, "c", status, "said at "+n.Name()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			for _, m := range nodes {
				got := m.Lookup("s").Instances()[0]
				if r := got.Results[0]; r.Status != status || r.Output != "said at "+n.Name() || got.Home != "dc1/n1" {
					t.Errorf("%s has %+v, home %s", m.Name(), r, got.Home)
				}
			}
		}
		for check, want := range map[string]error{"d": muster.ErrNotTTL, "e": muster.ErrNotFound} {
			if err := nodes[1].Report(t.Context(), key, check, muster.CheckPassing, ""); !errors.Is(err, want) {
				t.Errorf("report of %s: %v, want %v", check, err, want)
			}
		}
	})
}
