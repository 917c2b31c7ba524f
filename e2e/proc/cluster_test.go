package proc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A thousand registrations at one node are read at the other two within 50 ms; its clients go on at another node when it
// is killed, and none of them disappears from any answer; who does not renew is gone after its TTL; the killed node comes
// back and agrees.
func TestRegisterAnywhereFindEverywhereAndSurviveTheLossOfOne(t *testing.T) {
	agents := cluster(t, binary(t), 3)
	a, b, c := agents[0], agents[1], agents[2]

	// Each registration is followed to the other two by a client that watches.
	delays := follow(t, b, c, func(i int) (*agent, string) {
		if i%2 == 0 {
			return a, "5s"
		}
		return b, "5s"
	}, 1000)
	t.Logf("write to visible at the other two: p50 %v, p99 %v, max %v", at(delays, 0.5), at(delays, 0.99), at(delays, 1))
	if p99 := at(delays, 0.99); p99 > 50*time.Millisecond {
		t.Errorf("p99 of write to visible is %v, want at most 50 ms", p99)
	}
	homes := map[string]int{}
	for _, i := range c.instances("s") {
		homes[i.Home]++
	}
	if homes["dc1/n1"] != 500 || homes["dc1/n2"] != 500 {
		t.Fatalf("homes %v", homes)
	}

	// 460 of the 500 whose home is killed renew at the third node; 40 are silent. All others go on as well.
	silent := func(i int) bool { return i%2 == 0 && i < 80 }
	renew := func() {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := w; i < 1000; i += 4 {
					if !silent(i) {
						if status := c.heartbeat("s", id(i)); status != 204 {
							t.Errorf("heartbeat of %s: %d", id(i), status)
						}
					}
				}
			})
		}
		wg.Wait()
	}
	renew()
	a.kill()
	killed := time.Now()
	allGone := time.Time{}
	for time.Since(killed) < 12*time.Second {
		renew()
		for _, n := range []*agent{b, c} {
			got := n.instances("s")
			gone := 0
			for i := range 1000 {
				if _, ok := got[id(i)]; ok {
					continue
				}
				if !silent(i) {
					t.Fatalf("%v after the kill: %s is missing at %s", time.Since(killed), id(i), n.name)
				}
				gone++
			}
			if gone == 40 && allGone.IsZero() {
				allGone = time.Now()
			}
		}
		if t.Failed() {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	for _, n := range []*agent{b, c} {
		if got := len(n.instances("s")); got != 960 {
			t.Errorf("%s has %d instances 12 s after the kill, want 960", n.name, got)
		}
	}
	t.Logf("the 40 that did not renew (TTL 5 s) were gone %v after the kill", allGone.Sub(killed).Round(10*time.Millisecond))

	a = startAgent(t, a.bin, "n1", "--join", b.gossip)
	t.Logf("the killed node was ready again after %v", a.waitReady(20*time.Second))
	if got := len(a.instances("s")); got != 960 {
		t.Errorf("the restarted node has %d instances", got)
	}
	renew()
	out, status := a.cli("verify")
	if status != 0 {
		t.Errorf("muster verify: exit status %d\n%s", status, out)
	}
	renew()
	for _, n := range []*agent{a, b, c} {
		var info struct {
			Replication struct{ Divergences, Malformed int }
		}
		n.get("/api/v1/node", &info)
		if info.Replication.Divergences != 0 || info.Replication.Malformed != 0 {
			t.Errorf("%s: %+v", n.name, info.Replication)
		}
	}
}

func id(i int) string { return fmt.Sprintf("i%04d", i) }

// at is the quantile of sorted delays.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))]
}

// follow registers n instances of service s, one after the other, and returns, sorted, how long each took from the
// answer of its POST to its being in a watch of either of the two nodes.
func follow(t *testing.T, x, y *agent, where func(i int) (*agent, string), n int) []time.Duration {
	t.Helper()
	seen := [2]map[string]time.Time{{}, {}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	started := make(chan struct{}, 2)
	for k, node := range []*agent{x, y} {
		wg.Go(func() {
			err := node.watch("s", started, func(ev event) bool {
				mu.Lock()
				defer mu.Unlock()
				for _, i := range ev.instances() {
					seen[k][i.ID] = time.Now()
				}
				return len(seen[k]) < n
			})
			if err != nil {
				t.Errorf("watch at %s: %v", node.name, err)
			}
		})
	}
	<-started
	<-started
	written := map[string]time.Time{}
	for i := range n {
		node, ttl := where(i)
		node.register("s", id(i), ttl)
		written[id(i)] = time.Now()
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		mu.Lock()
		defer mu.Unlock()
		t.Fatalf("after 20 s the watchers have seen %d and %d of %d", len(seen[0]), len(seen[1]), n)
	}
	var delays []time.Duration
	for name, w := range written {
		delays = append(delays, max(seen[0][name].Sub(w), 0), max(seen[1][name].Sub(w), 0))
	}
	slices.Sort(delays)
	return delays
}

// One that falls silent alone is gone between its TTL and a second later; 18 of 32 that fall silent together are kept,
// marked, and explained; they recover; a scale-down by deregistration never trips it.
func TestSilenceOfOneIsDeathAndOfManyIsNot(t *testing.T) {
	agents := cluster(t, binary(t), 2, "--preserve-probe=false") // Nobody listens at their address: it would refuse.
	a, b := agents[0], agents[1]
	for i := range 32 {
		a.register("crowd", id(i), "2s")
	}
	renew := func(from int) {
		for i := from; i < 32; i++ {
			a.heartbeat("crowd", id(i))
		}
	}
	for range 4 {
		renew(0)
		time.Sleep(400 * time.Millisecond)
	}

	a.register("loner", "1", "2s")
	began := time.Now()
	b.until(time.Second, "informed", func() bool { return len(b.instances("loner")) == 1 })
	for len(b.instances("loner")) > 0 {
		renew(0)
		if time.Since(began) > 5*time.Second {
			t.Fatal("the silent one is still there after 5 s")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if took := time.Since(began); took < 2*time.Second || took > 3*time.Second {
		t.Errorf("the silent one was gone after %v, want 2 to 3 s", took)
	}

	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(400 * time.Millisecond) {
		renew(18)
		for _, n := range agents {
			if got := len(n.instances("crowd")); got != 32 {
				t.Fatalf("%s has %d of 32", n.name, got)
			}
		}
	}
	preserved := func(n *agent) (count int) {
		for _, i := range n.instances("crowd") {
			if i.Preserved {
				count++
			}
		}
		return count
	}
	for _, n := range agents {
		if got := preserved(n); got != 18 {
			t.Errorf("%s marks %d as preserved, want 18", n.name, got)
		}
	}
	var sp struct {
		Preserving bool
		Scopes     []struct {
			Name, State, Reason string
			Preserved, Lost     int
		}
	}
	a.get("/api/v1/self-preservation", &sp)
	explained := false
	for _, s := range sp.Scopes {
		explained = explained || s.State == "PRESERVING" && s.Preserved == 18 && s.Lost == 18 && strings.Contains(s.Reason, "leases are silent")
	}
	if !sp.Preserving || !explained {
		t.Errorf("self-preservation: %+v", sp)
	}

	for range 10 {
		renew(0)
		time.Sleep(300 * time.Millisecond)
	}
	for _, n := range agents {
		if got := preserved(n); got != 0 {
			t.Errorf("%s still marks %d after they renewed", n.name, got)
		}
	}

	for i := range 30 {
		a.must("DELETE", "/api/v1/services/crowd/instances/"+id(i), nil, 204)
	}
	for range 10 {
		renew(30)
		time.Sleep(300 * time.Millisecond)
	}
	a.get("/api/v1/self-preservation", &sp)
	for _, s := range sp.Scopes {
		if s.State == "PRESERVING" {
			t.Errorf("after a scale-down: %+v", s)
		}
	}
	if got := len(b.instances("crowd")); got != 2 {
		t.Errorf("%d are left, want 2", got)
	}
}

// SIGTERM hands leases over, leaves, and ends with status 0; no other node's answers flap; a second start with the same
// data directory serves the same catalog.
func TestSigtermHandsLeasesOverAndNothingFlaps(t *testing.T) {
	dir := t.TempDir()
	bin := binary(t)
	a := startAgent(t, bin, "n1", "--data-dir", dir)
	b := startAgent(t, bin, "n2", "--join", a.gossip)
	c := startAgent(t, bin, "n3", "--join", a.gossip)
	for _, n := range []*agent{a, b, c} {
		n.waitReady(20 * time.Second)
	}
	for i := range 100 {
		a.register("s", id(i), "3s")
	}
	b.until(2*time.Second, "informed", func() bool { return len(b.instances("s")) == 100 })
	var downs, changes int
	started, ended := make(chan struct{}, 1), make(chan error, 1)
	stop := time.Now().Add(8 * time.Second)
	go func() {
		ended <- b.watch("s", started, func(ev event) bool {
			switch ev.kind {
			case "down":
				downs++
			case "change":
				changes++
			}
			return time.Now().Before(stop)
		})
	}()
	<-started
	a.signal(syscall.SIGTERM)
	if status := a.exit(15 * time.Second); status != 0 {
		t.Errorf("exit status %d after SIGTERM", status)
	}
	for time.Now().Before(stop) {
		for i := range 100 {
			if status := c.heartbeat("s", id(i)); status != 204 {
				t.Fatalf("heartbeat: %d", status)
			}
		}
		if got := len(b.instances("s")); got != 100 {
			t.Fatalf("%d of 100", got)
		}
		time.Sleep(300 * time.Millisecond)
	}
	b.register("s", "last", "30s") // Wakes the watch, which then ends.
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if downs != 0 {
		t.Errorf("%d instances were reported down", downs)
	}
	t.Logf("%d changes were seen: each lease moved to its heir", changes)

	alone := startAgent(t, bin, "n1", "--data-dir", dir, "--ready-wait", "1ms")
	alone.waitReady(5 * time.Second)
	got := alone.instances("s")
	for i := range 100 {
		if _, ok := got[id(i)]; !ok {
			t.Fatalf("%s is not in the catalog after a restart from the data directory", id(i))
		}
	}
}

// A node with 100,000 instances serves lookups, and a fresh node joins it and is ready within 5 s.
func TestFreshNodeJoinsAHundredThousandInstances(t *testing.T) {
	bin := fastBinary(t)
	a := startAgent(t, bin, "n1")
	a.waitReady(5 * time.Second)
	const total, workers = 100_000, 16
	began := time.Now()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < total; i += workers {
				status, b, err := a.call("POST", "/api/v1/services/instances", map[string]any{
					"service": fmt.Sprintf("service-%d", i/100), "id": fmt.Sprintf("instance-%d", i), "address": "10.0.0.5", "port": 8080, "ttl": "1h",
					"tags": []string{"v2", "blue", "canary"}, "metadata": map[string]string{"version": "1.4", "team": "payments", "zone": "a", "tier": "1"},
				})
				if err != nil || status != 201 {
					t.Errorf("registration %d: %d, %v: %s", i, status, err, b)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	t.Logf("100,000 registrations took %v", time.Since(began).Round(time.Millisecond))
	if got := len(a.instances("service-7")); got != 100 {
		t.Fatalf("a lookup gives %d of 100", got)
	}
	b := startAgent(t, bin, "n2", "--join", a.gossip)
	took := b.waitReady(30 * time.Second)
	t.Logf("a fresh node was ready %v after it printed its addresses", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("ready after %v, want at most 5 s", took)
	}
	var info struct{ Catalog struct{ Instances int } }
	b.get("/api/v1/node", &info)
	if info.Catalog.Instances != total {
		t.Errorf("ready with %d of %d instances", info.Catalog.Instances, total)
	}
	if out, status := b.cli("verify"); status != 0 {
		t.Errorf("muster verify: %d\n%s", status, out)
	}
}

// event is one event of a watch.
type event struct {
	kind string
	data []byte
}

func (e event) instances() []instance {
	var one struct{ Instance instance }
	var all struct{ Instances []instance }
	if e.kind == "snapshot" {
		_ = json.Unmarshal(e.data, &all)
		return all.Instances
	}
	_ = json.Unmarshal(e.data, &one)
	return []instance{one.Instance}
}
