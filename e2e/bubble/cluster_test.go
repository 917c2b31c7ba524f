package bubble

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/gossiptest"
)

// port is where every host's node gossips, so that one that starts again is where it was.
const port = 7946

// cluster is nodes of one data centre, each on a host of its own.
type cluster struct {
	t      *testing.T
	net    *gossiptest.Network
	change func(*muster.Config)
	seed   string // address of the first node
	live   map[string]*muster.Node
}

// newCluster makes an empty cluster on a network of its own, in the bubble that t is in. change may add to what each node
// is started with.
func newCluster(t *testing.T, change func(*muster.Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, net: gossiptest.New(1, gossiptest.Options{}), change: change, live: map[string]*muster.Node{}}
	t.Cleanup(func() {
		for _, n := range c.live {
			_ = n.Close()
		}
		time.Sleep(time.Minute) // memberlist's own timers end by themselves.
	})
	return c
}

// start starts the node of a host, which joins the first one.
func (c *cluster) start(host string) *muster.Node {
	c.t.Helper()
	tr, err := c.net.TransportAt(host, port)
	if err != nil {
		c.t.Fatal(err)
	}
	cfg := muster.Config{Node: host, Transport: tr}
	if c.seed == "" {
		c.seed = tr.Addr()
	} else {
		cfg.Join = []string{c.seed}
	}
	if c.change != nil {
		c.change(&cfg)
	}
	n, err := muster.Start(c.t.Context(), cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.live[host] = n
	return n
}

// startAll starts n1 to n<count> at once and waits until they are one cluster.
func (c *cluster) startAll(count int) []string {
	c.t.Helper()
	for i := range count {
		c.start(fmt.Sprintf("n%d", i+1))
	}
	c.whole(20*time.Second, nil)
	return c.hosts()
}

// hosts names the hosts whose node runs, in order of their numbers.
func (c *cluster) hosts() []string {
	return slices.SortedFunc(maps.Keys(c.live), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if a < b {
			return -1
		}
		return 1
	})
}

// kill ends a node without a word to anybody.
func (c *cluster) kill(host string) {
	_ = c.live[host].Close()
	delete(c.live, host)
}

// leave ends a node in order.
func (c *cluster) leave(host string) {
	c.t.Helper()
	if err := c.live[host].Leave(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	delete(c.live, host)
}

// until waits for a condition, gives l's clients their turns meanwhile if there are any, and returns how long it took.
func (c *cluster) until(limit time.Duration, l *load, problem func() string) time.Duration {
	c.t.Helper()
	start := time.Now()
	for {
		p := problem()
		took := time.Since(start)
		if p == "" {
			return took
		}
		if took > limit {
			c.t.Fatalf("after %v: %s", limit, p)
		}
		time.Sleep(10 * time.Millisecond)
		if l != nil {
			l.turn()
		}
	}
}

// whole waits until every node is ready and sees every other one alive and nobody else.
func (c *cluster) whole(limit time.Duration, l *load) time.Duration {
	c.t.Helper()
	return c.until(limit, l, func() string {
		for host, n := range c.live {
			if ready, why := n.Ready(); !ready {
				return host + " is not ready: " + why
			}
			alive := 0
			for _, m := range n.Members() {
				switch {
				case m.State != "alive":
				case c.live[m.Name] == nil:
					return fmt.Sprintf("%s takes %s for alive", host, m.Name)
				default:
					alive++
				}
			}
			if alive != len(c.live) {
				return fmt.Sprintf("%s sees %d of %d nodes", host, alive, len(c.live))
			}
		}
		return ""
	})
}

// equal waits until all nodes cover the same writes and hold the same state. A divergence fails the test at once.
func (c *cluster) equal(limit time.Duration, l *load) time.Duration {
	c.t.Helper()
	return c.until(limit, l, func() string {
		var first muster.NodeInfo
		for _, n := range c.live {
			info := n.Info()
			switch {
			case info.Replication.Divergences > 0 || info.Replication.Malformed > 0:
				c.t.Fatalf("%s: %+v", info.Name, info.Replication)
			case first.Name == "":
				first = info
			case info.Catalog.Hash != first.Catalog.Hash || !maps.Equal(info.Catalog.Vector, first.Catalog.Vector):
				return fmt.Sprintf("%s and %s differ: %d and %d instances", first.Name, info.Name, first.Catalog.Instances, info.Catalog.Instances)
			}
		}
		return ""
	})
}
