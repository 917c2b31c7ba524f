package bubble

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
)

// What is registered at any node of any data centre is found at every node of all of them, a network's delay later.
func TestEveryDatacenterFindsWhatAnyHas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 3, 1)
		lease := w.register("dc1/n3", "a")
		took := w.until(time.Second, w.has("a"))
		w.register("dc3/n1", "b") // It is alone there.
		took = max(took, w.until(time.Second, w.has("a", "b")))
		if took > oneWay+20*time.Millisecond {
			t.Errorf("everywhere after %v, %v one way", took, oneWay)
		}
		if err := lease.Deregister(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.until(time.Second, w.has("b"))
		w.until(time.Second, w.unequal)
		for id, n := range w.live {
			if far := n.Distances(); len(far) != 2 {
				t.Errorf("%s reaches %v", id, far)
			}
		}
	})
}

// Each pair of data centres is cut in turn. What either writes reaches the other by the third, nobody is taken for
// unreachable, and the link is back after the heal.
func TestTwoDatacentersWithoutALinkConvergeByTheThird(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 3, 3)
		var ids []string
		for _, pair := range [][2]string{{"dc1", "dc2"}, {"dc1", "dc3"}, {"dc2", "dc3"}} {
			w.cut(pair[0], pair[1])
			for step := range 20 { // Before, while and after the cut is noticed.
				id := pair[step%2]
				ids = append(ids, pair[0]+pair[1]+string(rune('a'+step)))
				w.register(id+"/n3", ids[len(ids)-1])
				time.Sleep(3 * time.Second)
			}
			took := w.until(10*time.Second, w.has(ids...))
			w.until(10*time.Second, w.unequal)
			if took > 5*time.Second {
				t.Errorf("%v: the latest took %v", pair, took)
			}
			for _, dc := range []string{"dc1", "dc2", "dc3"} {
				if p := w.away(dc)(); p != "" {
					t.Error(p)
				}
			}
			w.wide.Heal()
			t.Logf("%v linked again after %v", pair, w.until(time.Minute, w.linked))
		}
	})
}

// A data centre is cut off for hours (twenty; three with the race detector), in which both sides register and deregister, and tombstones come and go.
// Each keeps what it knew of the other, and says so; nothing comes back from the dead afterwards, and nothing is lost.
func TestADatacenterCutOffForADayComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, 2)
		gone1 := w.register("dc1/n2", "1-gone")
		w.register("dc1/n2", "1-stays")
		gone3 := w.register("dc3/n1", "3-gone")
		w.register("dc3/n2", "3-stays")
		w.until(time.Second, w.has("1-gone", "1-stays", "3-gone", "3-stays"))
		w.cut("dc3", "dc1")
		w.cut("dc3", "dc2")
		w.until(time.Minute, w.away("dc3", "dc1"))
		w.until(time.Minute, w.away("dc1", "dc3"))
		w.until(time.Minute, w.away("dc2", "dc3"))
		for id, n := range w.live {
			for _, inst := range n.Lookup("payments").Instances() {
				cut := (n.Datacenter() == "dc3") != (inst.Datacenter == "dc3")
				if inst.Preserved != cut || !inst.Healthy() {
					t.Errorf("%s: %s of %s: preserved %v, status %v", id, inst.ID, inst.Datacenter, inst.Preserved, inst.Status)
				}
			}
		}
		for _, gone := range []*muster.Lease{gone1, gone3} {
			if err := gone.Deregister(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		w.register("dc2/n1", "2-new")
		w.register("dc3/n1", "3-new")
		time.Sleep(longCut)
		for id, n := range w.live {
			if n.Info().Catalog.Tombstones > 0 {
				t.Errorf("%s still has tombstones", id)
			}
		}
		w.wide.Heal()
		took := w.until(time.Minute, w.has("1-stays", "2-new", "3-new", "3-stays"))
		equal := w.until(10*time.Second, w.unequal)
		t.Logf("%v after the heal all have what lives; equal after another %v", took, equal)
		for _, dc := range []string{"dc1", "dc2", "dc3"} {
			w.until(time.Minute, w.away(dc))
		}
		for id, n := range w.live {
			for _, inst := range n.Lookup("payments").Instances() {
				if inst.Preserved {
					t.Errorf("%s: %s is still preserved", id, inst.ID)
				}
			}
		}
	})
}

// Both gateways of a data centre are killed. Its other nodes go on, say what they cannot reach, and are whole again soon
// after one gateway is back.
func TestADatacenterWithoutGatewaysGoesOnAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, 2)
		w.register("dc1/n3", "1")
		w.register("dc2/n2", "2")
		w.until(time.Second, w.has("1", "2"))
		w.kill("dc1/n1")
		w.kill("dc1/n2")
		w.until(2*time.Minute, w.away("dc1", "dc2"))
		w.until(2*time.Minute, w.away("dc2", "dc1"))
		w.register("dc1/n4", "3")
		w.register("dc2/n1", "4")
		if p := w.has("1", "2", "3", "4")(); p == "" {
			t.Fatal("nothing was cut")
		}
		w.seed["dc1"] = w.live["dc1/n3"].Addr()
		w.seed[""] = w.live["dc2/n1"].WANAddr()
		w.start("dc1/n1", true)
		took := w.until(time.Minute, w.has("1", "2", "3", "4"))
		w.until(10*time.Second, w.unequal)
		w.until(time.Minute, w.away("dc1"))
		w.until(time.Minute, w.away("dc2"))
		t.Logf("whole %v after a gateway started", took)
	})
}

// Of two gateways the one that holds the link dies: the other one takes over.
func TestAnotherGatewayTakesTheLinkOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		holder := ""
		for id, n := range w.live {
			for _, g := range n.Gateways() {
				if g.Self && len(g.Links) > 0 && n.Datacenter() == "dc1" {
					holder = id
				}
			}
		}
		w.kill(holder)
		w.register("dc1/n3", "a")
		w.register("dc2/n1", "b")
		t.Logf("the link was taken over %v after the death of %s", w.until(30*time.Second, w.has("a", "b")), holder)
		if p := w.away("dc1")() + w.away("dc2")(); p != "" {
			t.Error(p)
		}
	})
}
