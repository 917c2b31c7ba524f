package muster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/gossiptest"
)

// bubble is a cluster of real nodes with real memberlist over an in-memory network, in virtual time.
type bubble struct {
	t    *testing.T
	net  *gossiptest.Network
	seed string
	live map[string]*muster.Node
}

func newBubble(t *testing.T, opts gossiptest.Options) *bubble {
	t.Helper()
	b := &bubble{t: t, net: gossiptest.New(1, opts), live: map[string]*muster.Node{}}
	t.Cleanup(func() {
		for _, n := range b.live {
			_ = n.Close()
		}
		time.Sleep(time.Minute) // memberlist's own timers end by themselves.
	})
	return b
}

func (b *bubble) start(name string, change func(*muster.Config)) *muster.Node {
	tr := b.net.Transport(name)
	cfg := muster.Config{Node: name, Transport: tr}
	if b.seed != "" {
		cfg.Join = []string{b.seed}
	} else {
		b.seed = tr.Addr()
	}
	if change != nil {
		change(&cfg)
	}
	n, err := muster.Start(b.t.Context(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.live[name] = n
	return n
}

func (b *bubble) startAll(count int) []*muster.Node {
	var out []*muster.Node
	for i := range count {
		out = append(out, b.start(fmt.Sprintf("n%d", i+1), nil))
	}
	time.Sleep(5 * time.Second)
	for _, n := range out {
		if ready, why := n.Ready(); !ready {
			b.t.Fatalf("%s is not ready: %s", n.Name(), why)
		}
	}
	return out
}

func (b *bubble) put(n *muster.Node, service, id string, ttl time.Duration) muster.Key {
	stored, _, err := n.Put(b.t.Context(), muster.Instance{Service: service, ID: id, Address: "10.0.0.1", Port: 80, TTL: ttl})
	if err != nil {
		b.t.Fatal(err)
	}
	return stored.Key()
}

// converge waits until all nodes have equal catalogs.
func (b *bubble) converge(limit time.Duration) {
	b.t.Helper()
	start := time.Now()
	for {
		same, first := true, ""
		for _, n := range b.live {
			info := n.Info()
			key := info.Catalog.Hash + fmt.Sprint(info.Catalog.Vector)
			if first == "" {
				first = key
			}
			same = same && key == first
			if info.Replication.Divergences > 0 {
				b.t.Fatalf("%s has seen a divergence", n.Name())
			}
		}
		if same {
			return
		}
		if time.Since(start) > limit {
			b.t.Fatalf("no agreement after %v", limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestHundredNodesInOneProcessAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, gossiptest.Options{})
		nodes := b.startAll(100)
		start := time.Now()
		for i, n := range nodes {
			b.put(n, "s", strconv.Itoa(i), time.Hour)
		}
		b.converge(time.Second)
		t.Logf("100 writes at 100 nodes: everywhere after %v", time.Since(start))
		for _, n := range nodes {
			if n.Lookup("s").Len() != 100 {
				t.Fatalf("%s has %d instances", n.Name(), n.Lookup("s").Len())
			}
		}
	})
}

// The whole chain with real membership: SIGKILL of a home, as the others see it.
func TestHomeIsKilledAndItsClientsGoOnElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, gossiptest.Options{Loss: 0.01})
		nodes := b.startAll(5)
		var keys []muster.Key
		for i := range 100 {
			keys = append(keys, b.put(nodes[0], "s", strconv.Itoa(i), 20*time.Second))
		}
		b.converge(time.Second)
		_ = nodes[0].Close()
		delete(b.live, "n1")
		for range 60 {
			for _, k := range keys {
				if err := nodes[1].Renew(t.Context(), k); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range nodes[1:] {
				if got := n.Lookup("s").Len(); got != 100 {
					t.Fatalf("%s has %d", n.Name(), got)
				}
			}
			time.Sleep(time.Second)
		}
		if home := nodes[2].Lookup("s").Instances()[0].Home; home != "dc1/n2" {
			t.Fatalf("home %s", home)
		}
		// And then they all fall silent but one service of two: those go, one TTL after their last renewal.
		b.put(nodes[1], "alone", "1", 5*time.Second)
		for range 7 {
			for _, k := range keys {
				_ = nodes[1].Renew(t.Context(), k)
			}
			time.Sleep(time.Second)
		}
		if nodes[3].Lookup("alone").Len() != 0 {
			t.Fatal("the silent one is still there")
		}
		b.converge(time.Second)
	})
}

func TestClusterHealsAfterAnyCut(t *testing.T) {
	for _, cut := range []time.Duration{20 * time.Second, 20 * time.Minute} {
		t.Run(cut.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, gossiptest.Options{})
				nodes := b.startAll(6)
				b.net.Partition([]string{"n1", "n2", "n3"})
				renew := func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Second) {
						for _, side := range []int{0, 3} {
							for i := range 20 {
								key := muster.Key{Namespace: "default", Service: "side" + strconv.Itoa(side), ID: strconv.Itoa(i)}
								if err := nodes[side].Renew(t.Context(), key); errors.Is(err, muster.ErrNotFound) {
									b.put(nodes[side], key.Service, key.ID, time.Minute)
								}
							}
						}
					}
				}
				renew(cut)
				if nodes[0].Lookup("side3").Len() != 0 || nodes[5].Lookup("side3").Len() != 20 {
					t.Fatal("the cut does not cut")
				}
				b.net.Heal()
				healed := time.Now()
				for _, n := range nodes {
					for n.Lookup("side0").Len() != 20 || n.Lookup("side3").Len() != 20 {
						if time.Since(healed) > 25*time.Second {
							t.Fatalf("%s has %d and %d, %v after the heal", n.Name(), n.Lookup("side0").Len(), n.Lookup("side3").Len(), time.Since(healed))
						}
						time.Sleep(10 * time.Millisecond)
					}
				}
				t.Logf("after a cut of %v everyone has everything %v after the heal", cut, time.Since(healed))
				b.converge(5 * time.Second)
			})
		})
	}
}

func TestRestartWithTheSameDataDirectoryServesTheSameCatalog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		withDir := func(c *muster.Config) { c.DataDir = dir }
		b := newBubble(t, gossiptest.Options{})
		n := b.start("n1", withDir)
		key := b.put(n, "s", "1", time.Hour)
		b.put(n, "s", "2", time.Hour)
		if _, err := n.SetOverride(t.Context(), key, muster.StatusOutOfService, ""); err != nil {
			t.Fatal(err)
		}
		before := n.Info()
		if err := n.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		b.seed = ""
		n = b.start("n1", withDir)
		after := n.Info()
		if ready, why := n.Ready(); !ready {
			t.Fatalf("not ready: %s", why)
		}
		if after.Catalog.Hash != before.Catalog.Hash || after.Incarnation <= before.Incarnation {
			t.Fatalf("before %+v, after %+v", before, after)
		}
		if i, err := n.Detail(key); err != nil || i.Status != muster.StatusOutOfService || i.RegisteredAt.IsZero() {
			t.Fatalf("%+v, %v", i, err)
		}
		if err := n.Renew(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	})
}

// A whole cluster stops and starts again, on other addresses: nobody has to be there first, and what was deregistered
// meanwhile by one that started earlier does not come back.
func TestWholeClusterRestartsFromItsSnapshots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dirs := map[string]string{"n1": t.TempDir(), "n2": t.TempDir(), "n3": t.TempDir()}
		b := newBubble(t, gossiptest.Options{})
		with := func(name string) func(*muster.Config) { return func(c *muster.Config) { c.DataDir = dirs[name] } }
		for name := range dirs {
			b.start(name, with(name))
		}
		time.Sleep(5 * time.Second)
		gone := b.put(b.live["n1"], "s", "gone", time.Hour)
		b.put(b.live["n2"], "s", "kept", time.Hour)
		b.converge(time.Second)
		for name, n := range b.live {
			if err := n.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			delete(b.live, name)
		}
		time.Sleep(time.Hour)
		b.seed = ""
		first := b.start("n2", with("n2"))
		time.Sleep(2 * time.Minute) // Nobody else is there: after its wait it serves what it has.
		if err := first.Remove(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		b.start("n1", with("n1"))
		b.start("n3", with("n3"))
		time.Sleep(10 * time.Second)
		b.converge(time.Second)
		for _, n := range b.live {
			v := n.Lookup("s")
			if v.Len() != 1 || v.Instances()[0].ID != "kept" {
				t.Fatalf("%s has %d instances", n.Name(), v.Len())
			}
		}
	})
}

func TestDamagedSnapshotIsSetAsideAndTheNodeStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		withDir := func(c *muster.Config) { c.DataDir = dir }
		b := newBubble(t, gossiptest.Options{})
		n := b.start("n1", withDir)
		b.put(n, "s", "1", time.Hour)
		if err := n.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		path := muster.SnapshotPath(dir)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		b.seed = ""
		n = b.start("n1", withDir)
		if n.Lookup("s").Len() != 0 {
			t.Fatal("a damaged snapshot was believed")
		}
		aside, _ := filepath.Glob(path + ".damaged-*")
		if len(aside) != 1 {
			t.Fatalf("set aside: %v", aside)
		}
	})
}

func TestWatchTellsEveryChangeAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, gossiptest.Options{})
		nodes := b.startAll(2)
		b.put(nodes[0], "s", "1", 10*time.Second)
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		var last muster.Index
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ev := range nodes[1].Watch(ctx, "s") {
				switch ev.Type {
				case muster.EventSnapshot:
					got = append(got, fmt.Sprintf("snapshot of %d", len(ev.Instances)))
				default:
					got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", ev.Type, ev.Instance.ID, ev.Cause)))
				}
				last = ev.Index
			}
		}()
		key := b.put(nodes[0], "s", "2", time.Hour)
		b.put(nodes[0], "other", "1", time.Hour)
		synctest.Wait()
		time.Sleep(time.Second)
		if _, err := nodes[0].SetOverride(t.Context(), key, muster.StatusDown, ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // The first one is silent.
		if err := nodes[0].Remove(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		cancel()
		<-done
		want := "snapshot of 1, up 2, change 2, down 1 evicted, down 2 deregistered"
		if s := strings.Join(got, ", "); s != want {
			t.Fatalf("got  %s\nwant %s", s, want)
		}
		// Whoever resumes gets what came after, and no snapshot.
		b.put(nodes[0], "s", "3", time.Hour)
		time.Sleep(time.Second)
		for ev := range nodes[1].WatchFrom(t.Context(), "", "s", last) {
			if ev.Type != muster.EventUp || ev.Instance.ID != "3" {
				t.Fatalf("resumed with %+v", ev)
			}
			break
		}
		for ev := range nodes[1].WatchFrom(t.Context(), "", "", last) {
			if ev.Type != muster.EventUp || ev.Instance.ID != "3" {
				t.Fatalf("resumed all with %+v", ev)
			}
			break
		}
		// An index of another node begins with a snapshot.
		for ev := range nodes[0].WatchFrom(t.Context(), "", "", last) {
			if ev.Type != muster.EventSnapshot || len(ev.Instances) != 2 {
				t.Fatalf("with another node's index: %+v", ev)
			}
			break
		}
	})
}

func TestNodeThatHasLeftTakesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, gossiptest.Options{})
		nodes := b.startAll(2)
		key := b.put(nodes[0], "s", "1", time.Hour)
		lease, err := nodes[0].Register(t.Context(), muster.Instance{Service: "embedded", Address: "h", Port: 1})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for range nodes[0].Watch(t.Context(), "s") {
			}
		}()
		if err := nodes[0].Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-ended
		delete(b.live, "n1")
		if _, _, err := nodes[0].Put(t.Context(), muster.Instance{Service: "s", Address: "h", Port: 1}); !errors.Is(err, muster.ErrClosed) {
			t.Fatalf("put: %v", err)
		}
		if err := nodes[0].Renew(t.Context(), key); !errors.Is(err, muster.ErrClosed) {
			t.Fatalf("renew: %v", err)
		}
		if err := lease.Deregister(t.Context()); !errors.Is(err, muster.ErrClosed) {
			t.Fatalf("deregister: %v", err)
		}
		if err := nodes[0].Leave(t.Context()); err != nil {
			t.Fatalf("a second time: %v", err)
		}
		if i := nodes[1].Lookup("s").Instances(); len(i) != 1 || i[0].Home != "dc1/n2" {
			t.Fatalf("the lease was not handed over: %+v", i)
		}
		if nodes[1].Lookup("embedded").Len() != 0 {
			t.Fatal("an embedded instance outlived its node")
		}
	})
}
