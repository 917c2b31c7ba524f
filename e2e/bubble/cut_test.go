package bubble

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
)

// A cluster that is cut in halves is two registries, each of which serves its own clients as if nothing had happened,
// and one registry again soon after the heal, however long it took: shorter than it takes to notice, longer than
// memberlist remembers its dead, longer than tombstones are kept.
func TestHalvesLiveApartAndComeTogether(t *testing.T) {
	cases := []struct {
		cut            time.Duration
		nodes, clients int
		ttl            time.Duration
		profile        string
	}{
		{cut: 20 * time.Second, nodes: 10, clients: 100, ttl: 15 * time.Second},
		{cut: 2 * time.Minute, nodes: 10, clients: 100, ttl: 15 * time.Second},
		{cut: 20 * time.Minute, nodes: 6, clients: 60, ttl: time.Minute},
		{cut: 10 * time.Hour, nodes: 3, clients: 30, ttl: 10 * time.Minute, profile: "wan"},
	}
	for _, tc := range cases {
		t.Run(tc.cut.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, func(cfg *muster.Config) { cfg.Profile = tc.profile })
				hosts := c.startAll(tc.nodes)
				left, right := hosts[:tc.nodes/2], hosts[tc.nodes/2:]
				l := newLoad(c, tc.ttl, time.Second)
				l.add(tc.clients, hosts...)
				l.run(2 * tc.ttl)

				c.net.Partition(left)
				l.split(left, right)
				l.run(tc.cut)
				if tc.cut > tc.ttl {
					apart(t, l, left, right)
				}
				l.heal()
				whole, exact := l.end(20 * time.Second)
				t.Logf("%d nodes are whole %v after the heal and exact after %v; %d renewals, %d deregistrations", tc.nodes, whole, exact, l.renewed, len(l.gone))
			})
		})
	}
}

// apart checks that the cut cut: neither side knows of the newest clients of the other.
func apart(t *testing.T, l *load, left, right []string) {
	t.Helper()
	for i, side := range [][]string{left, right} {
		cl := l.newClient(side)
		l.clients = append(l.clients, cl)
		time.Sleep(time.Second)
		for j, other := range [][]string{left, right} {
			if seen := l.visible(l.c.live[other[0]])[cl.key]; seen != (i == j) {
				t.Fatalf("a new client of side %d is seen at %s: %v", i, other[0], seen)
			}
		}
	}
}

// What one side says does not reach the other, and the other way round it does: neither side loses its own, and all
// heals. What the silenced side hears from the other, though, is that its own members are dead, and some believe it until
// they hear them again, a second or two later.
func TestCutInOneDirectionLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		hosts := c.startAll(8)
		left, right := hosts[:3], hosts[3:]
		l := newLoad(c, 15*time.Second, 2*time.Second)
		l.add(80, hosts...)
		l.run(30 * time.Second)
		l.split(left, right)
		for _, from := range left {
			for _, to := range right {
				c.net.Cut(from, to)
			}
		}
		l.run(2 * time.Minute)
		l.heal()
		whole, exact := l.end(20 * time.Second)
		t.Logf("whole %v after the heal and exact after %v", whole, exact)
	})
}

// Cuts come and go, each too short to be sure of it, while a third of the nodes is on the other side. A renewal that is
// passed to a home over such a link may be lost although its client was thanked for it: if the home evicts the instance
// for that, the node that said thanks asserts it again.
func TestFlappingLinkLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		hosts := c.startAll(6)
		left, right := hosts[:2], hosts[2:]
		l := newLoad(c, 15*time.Second, 6*time.Second)
		l.add(60, hosts...)
		l.run(30 * time.Second)
		l.split(left, right)
		for i := range 20 {
			c.net.Partition(left)
			l.run(time.Duration(1+i%9) * time.Second)
			c.net.Heal()
			l.run(time.Duration(1+i%4) * time.Second)
		}
		whole, exact := l.end(20 * time.Second)
		t.Logf("whole %v after the last heal and exact after %v", whole, exact)
	})
}

// Three packets in ten are lost for minutes: members are suspected and come back, and no client notices.
func TestThreePacketsInTenAreLostAndNoRegistrationIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		hosts := c.startAll(10)
		l := newLoad(c, 15*time.Second, 3*time.Second)
		l.add(100, hosts...)
		l.run(30 * time.Second)
		c.net.SetLoss(0.3)
		l.run(3 * time.Minute)
		lost := c.net.Total().Lost.Packets
		if lost < 1000 {
			t.Fatalf("only %d packets were lost", lost)
		}
		c.net.SetLoss(0)
		whole, exact := l.end(20 * time.Second)
		t.Logf("%d packets were lost; whole %v after that and exact after %v", lost, whole, exact)
	})
}
