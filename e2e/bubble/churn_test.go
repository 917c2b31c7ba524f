package bubble

import (
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
)

// Twenty nodes leave and start again one after the other, as an upgrade does it, each with a new incarnation and no
// memory. Their clients move to the next node meanwhile, and no answer of any node that is ready changes by it.
func TestRollingRestartGoesUnnoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		hosts := c.startAll(20)
		l := newLoad(c, 15*time.Second, time.Second)
		l.add(200, hosts...)
		l.run(30 * time.Second)
		var slowest time.Duration
		for _, host := range hosts {
			before := c.live[host].Info().Incarnation
			c.leave(host)
			l.run(2 * time.Second)
			n := c.start(host)
			slowest = max(slowest, c.until(10*time.Second, l, func() string {
				ready, why := n.Ready()
				if ready {
					return ""
				}
				return host + " is not ready: " + why
			}))
			if after := n.Info().Incarnation; after <= before {
				t.Fatalf("%s had incarnation %d, and has %d", host, before, after)
			}
		}
		whole, exact := l.end(5 * time.Second)
		t.Logf("each node was ready within %v; whole %v after the last and exact after %v", slowest, whole, exact)
	})
}

// A hundred nodes start within a second, as a data centre does when its power returns, while clients register at those
// that are up: the crowd is one cluster in which everyone knows every registration.
func TestHundredNodesStartAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		c.start("n1")
		l := newLoad(c, time.Minute, 2*time.Second)
		l.add(20, "n1")
		for i := 2; i <= 100; i++ {
			c.start(fmt.Sprintf("n%d", i))
			time.Sleep(10 * time.Millisecond)
		}
		whole := c.whole(10*time.Second, l)
		l.everywhere()
		l.add(80, c.hosts()...)
		exact := l.exact(time.Second)
		equal := c.equal(time.Second, l)
		t.Logf("whole %v after the last start; 80 registrations are everywhere within %v, all equal after another %v", whole, exact, equal)
	})
}

// A node joins a large catalog, and the peer that it loads it from is killed in the middle, or the node itself is. It is
// not ready before it has everything, and has it soon from another.
func TestNodeIsKilledDuringASync(t *testing.T) {
	const records = 8_000
	for _, victim := range []string{"source", "joiner"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, nil)
				hosts := c.startAll(4)
				for i := range records {
					_, _, err := c.live[hosts[i%4]].Put(t.Context(), muster.Instance{Service: "bulk", ID: strconv.Itoa(i), Address: "10.2.2.2", Port: 80, TTL: time.Hour})
					if err != nil {
						t.Fatal(err)
					}
				}
				l := newLoad(c, 15*time.Second, time.Second)
				l.add(40, hosts[1:]...)
				l.run(15 * time.Second)
				c.equal(10*time.Second, l)

				sent := map[string]int{}
				for _, h := range hosts {
					sent[h] = c.net.Counters(h).StreamBytes
				}
				n := c.start("late")
				for n.Lookup("bulk").Len() == 0 {
					time.Sleep(100 * time.Microsecond)
				}
				part := n.Lookup("bulk").Len()
				if ready, _ := n.Ready(); ready || part == records {
					t.Fatalf("the sync was over too soon: ready %v with %d of %d", ready, part, records)
				}
				if victim == "joiner" {
					c.kill("late")
					l.run(time.Second)
					n = c.start("late")
				} else {
					source, most := "", 0
					for _, h := range hosts {
						if b := c.net.Counters(h).StreamBytes - sent[h]; b > most {
							source, most = h, b
						}
					}
					c.kill(source)
				}
				took := c.until(15*time.Second, l, func() string {
					ready, why := n.Ready()
					if !ready {
						return why
					}
					return ""
				})
				if got := n.Lookup("bulk").Len(); got != records {
					t.Fatalf("ready with %d of %d", got, records)
				}
				_, exact := l.end(20 * time.Second)
				t.Logf("%s killed with %d of %d loaded: ready %v later, exact after another %v", victim, part, records, took, exact)
			})
		})
	}
}
