package spread_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/spread"
)

// depth is the number of hops from the root of a k-ary heap of n to its last place.
func depth(n, k int) int {
	hops := 0
	for place := n - 1; place > 0; place = (place - 1) / k {
		hops++
	}
	return hops
}

func TestWithoutLossEveryMemberReceivesEachDeltaOnceWithinTheTreesDepth(t *testing.T) {
	for _, n := range []int{2, 3, 10, 65, 66, 200} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			c := newCluster(t, uint64(n), n, nil)
			for range 30 {
				c.write(c.nodes[c.rng.IntN(n)], 1+c.rng.IntN(3), "v")
				c.run(3 * ms)
			}
			c.run(50 * ms)
			k := 6
			if n <= 65 {
				k = n - 1
			}
			for dot := range c.born {
				for _, m := range c.nodes {
					a, ok := c.seen[dot][m]
					if !ok || a.hops > depth(n, k) || a.at > c.born[dot]+time.Duration(depth(n, k))*ms {
						t.Fatalf("%v at %s: there=%v after %d hops, %v", dot, m.id, ok, a.hops, a.at-c.born[dot])
					}
				}
			}
			if got := c.perNode(); got != 1 {
				t.Fatalf("%.4f copies a node, want exactly 1", got)
			}
			if wants := c.count(func(s spread.Stats) uint64 { return s.Wanted + s.Duplicates }); wants != 0 {
				t.Fatalf("%d wants and duplicates though nothing was lost", wants)
			}
		})
	}
}

func TestAtOnePercentLossNearlyAllHaveItWithin50Milliseconds(t *testing.T) {
	for _, burst := range []bool{false, true} {
		t.Run(fmt.Sprintf("burst=%v", burst), func(t *testing.T) {
			c := newCluster(t, 7, 100, nil)
			c.loss = 0.01
			if burst { // 200 at once.
				for i := range 200 {
					c.write(c.nodes[i%100], 1, "v")
				}
			}
			for range 120 {
				if burst {
					break
				}
				c.write(c.nodes[c.rng.IntN(100)], 1, "v")
				c.run(10 * ms)
			}
			c.run(3 * time.Second)
			var delays []time.Duration
			for dot, born := range c.born {
				for _, n := range c.nodes {
					a, ok := c.seen[dot][n]
					if !ok && !n.store.Covers(dot) {
						t.Fatalf("%s never got %v", n.id, dot)
					}
					if !ok { // It came by a sync; the harness does not know when.
						a.at = born + 2*time.Second
					}
					if n.id != dot.Origin.Node {
						delays = append(delays, a.at-born)
					}
				}
			}
			slices.Sort(delays)
			q := func(p float64) time.Duration { return delays[int(p*float64(len(delays)-1))] }
			t.Logf("p50 %v, p99 %v, p99.9 %v, max %v; %.3f copies a node", q(.5), q(.99), q(.999), q(1), c.perNode())
			if q(.99) > 50*ms || c.perNode() > 1.3 {
				t.Error("want 99% within 50ms and at most 1.3 copies")
			}
		})
	}
}

func TestEveryLiveMemberGetsEveryDelta(t *testing.T) {
	for seed := range uint64(24) {
		n := []int{2, 3, 5, 9, 20, 70}[seed%6]
		loss := []float64{0, 0.01, 0.1, 0.3}[seed/6]
		t.Run(fmt.Sprintf("seed=%d,n=%d,loss=%v", seed, n, loss), func(t *testing.T) {
			c := newCluster(t, seed, n, nil)
			c.loss, c.dup = loss, loss/2
			for i := range 40 {
				w := c.nodes[c.rng.IntN(n)]
				if !w.alive {
					continue
				}
				c.write(w, 1+c.rng.IntN(4), "v")
				switch {
				case n > 2 && i%20 == 10: // In the middle of a write, as it were.
					c.crash(w)
				case n > 2 && i%20 == 19:
					for _, d := range c.nodes {
						if d.alive {
							continue
						}
						c.boot(d)
						for _, p := range c.nodes {
							if p != d {
								c.step(p, spread.MemberDown{Member: c.member(d)})
								c.meet(p, d)
							}
						}
					}
				}
				c.run(time.Duration(c.rng.Int64N(int64(40 * ms))))
			}
			took := c.settle(20 * time.Second)
			for dot := range c.born {
				held := 0
				alive := 0
				for _, m := range c.nodes {
					if m.alive {
						alive++
						if m.store.Covers(dot) {
							held++
						}
					}
				}
				if held != 0 && held != alive {
					t.Fatalf("%v is at %d of %d", dot, held, alive)
				}
			}
			t.Logf("agreed after %v", took)
			if d := c.count(func(s spread.Stats) uint64 { return s.Divergences + s.Malformed }); d != 0 {
				t.Fatalf("%d divergences and malformed messages", d)
			}
		})
	}
}

func TestHalvesAgreeAfterTheyMeetAgain(t *testing.T) {
	c := newCluster(t, 3, 20, nil)
	half := func(n *node) bool { return slices.Index(c.nodes, n) < 10 }
	c.cut = func(a, b *node) bool { return half(a) != half(b) }
	each := func(do func(a, b *node)) {
		for _, a := range c.nodes {
			for _, b := range c.nodes {
				if half(a) != half(b) {
					do(a, b)
				}
			}
		}
	}
	each(func(a, b *node) { c.step(a, spread.MemberDown{Member: c.member(b)}) })
	for range 200 {
		c.write(c.nodes[c.rng.IntN(20)], 1+c.rng.IntN(10), "v")
		c.run(10 * ms)
	}
	c.run(time.Minute)
	if c.agreed() {
		t.Fatal("the cut does not cut")
	}
	c.cut, c.digests = nil, false
	each(func(a, b *node) { c.step(a, spread.MemberUp{Member: c.member(b)}) })
	t.Logf("agreed %v after the heal", c.settle(2*time.Second))
	if syncs := c.count(func(s spread.Stats) uint64 { return s.SyncsServed }); syncs > 200 {
		t.Fatalf("%d syncs to heal 20 nodes", syncs)
	}
}

func TestAnEmptyNodeLoadsFromOnePeerAndChecksAgainstOthers(t *testing.T) {
	c := newCluster(t, 4, 10, nil)
	for i := range 100 {
		c.write(c.nodes[i%10], 50, "0123456789")
		c.run(5 * ms)
	}
	c.settle(time.Second)
	for _, n := range c.nodes {
		n.store.chunk = 2000 // Many chunks.
	}
	n := c.add("dc1/new", "z1")
	for _, p := range c.nodes[:10] {
		c.meet(n, p)
	}
	// Writes go on meanwhile: they show the newcomer more gaps than it could ask for one by one.
	for i := range 20 {
		c.write(c.nodes[i%10], 1, "late")
		c.run(10 * ms)
	}
	t.Logf("agreed %v later", c.settle(3*time.Second))
	c.run(2 * time.Second)
	full, ready := 0, 0
	for _, e := range n.events {
		if done, ok := e.(spread.SyncDone); ok && done.Err == nil {
			if done.Fresh > 500 {
				full++
			}
			if done.PeerReady {
				ready++
			}
		}
	}
	if full != 1 || ready < 3 {
		t.Fatalf("%d bulk loads, want 1; %d peers checked, want 3 or more: %+v", full, ready, n.events)
	}
}

func TestTheSameSeedGivesTheSameTranscript(t *testing.T) {
	transcript := func() (uint64, int) {
		c := newCluster(t, 99, 12, nil)
		c.record = true
		c.loss, c.dup = 0.1, 0.05
		for i := range 40 {
			c.write(c.nodes[c.rng.IntN(10)], 1+c.rng.IntN(30), "v")
			if i == 20 {
				c.crash(c.nodes[11])
			}
			c.run(7 * ms)
		}
		c.run(2 * time.Second)
		return c.log, c.lines
	}
	want, lines := transcript()
	for i := range 9 {
		if got, n := transcript(); got != want || n != lines {
			t.Fatalf("run %d: %d messages with hash %x, before %d with %x", i, n, got, lines, want)
		}
	}
	t.Logf("10 of 10 runs: %d messages, hash %x", lines, want)
}

func TestMemoryEmptiesOutAfterALongRun(t *testing.T) {
	c := newCluster(t, 5, 12, func(cfg *spread.Config) { cfg.CacheBytes = 20 << 10 })
	c.loss = 0.2
	for i := range 400 {
		c.write(c.nodes[c.rng.IntN(12)], 1+c.rng.IntN(20), "v")
		if i == 200 {
			c.crash(c.nodes[11])
		}
		c.run(5 * ms)
		for _, n := range c.nodes {
			if s := n.engine.Stats(); s.CachedBytes > 20<<10 || s.SyncsOut > 2 || s.SyncsIn > 4 || s.Lacking > 1024 || s.SyncsWaiting > 16 {
				t.Fatalf("beyond the bounds: %+v", s)
			}
		}
	}
	c.settle(20 * time.Second)
	c.run(2 * time.Minute)
	for _, n := range c.nodes[:11] {
		s := n.engine.Stats()
		if s.Cached+s.CachedBytes+s.Lacking+s.Announcing+s.SyncsIn+s.SyncsOut+s.SyncsWaiting != 0 {
			t.Errorf("%s still holds %+v", n.id, s)
		}
		if at, ok := n.engine.Next(); ok {
			t.Errorf("%s still wants to wake at %v", n.id, at)
		}
	}
}

// Two routes, one result: what travels by pushes alone and what travels by syncs alone must end in the same stores.
func TestDeltasAloneAndSyncsAloneEndInTheSameStores(t *testing.T) {
	for seed := range uint64(5) {
		end := func(deltas bool) spread.Digest {
			c := newCluster(t, seed, 8, nil)
			c.noSync, c.digests = deltas, !deltas
			if !deltas {
				c.loss = 1
			}
			rng := c.rng
			for i := range 50 {
				w := c.nodes[i%8]
				c.rng = rand.New(rand.NewPCG(seed, uint64(i))) // The same writes on both routes, with the same stamps.
				w.store.lamport = uint64(100 * i)
				c.write(w, 1+i%5, strconv.Itoa(i))
				c.rng = rng
				c.run(20 * ms)
			}
			c.settle(30 * time.Second)
			return c.nodes[0].store.Digest()
		}
		if a, b := end(true), end(false); a != b {
			t.Fatalf("seed %d: %+v by deltas, %+v by syncs", seed, a, b)
		}
	}
}
