package muster_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// A gateway that starts may hear another data centre first. What its own holds, its own members know better: the link makes
// it ready only when none of them has answered for as long as they are waited for, or if it has none to ask.
func TestALinkMakesReadyWhomNoMemberAnswers(t *testing.T) {
	for _, c := range []struct {
		near bool
		at   time.Duration
	}{{false, 0}, {true, 30 * time.Second}} {
		start := func(datacenter string, seeds bool) *muster.Replica {
			r, err := muster.NewReplica(muster.ReplicaConfig{
				Name: "n1", Datacenter: datacenter, Incarnation: 1, Preserve: muster.DefaultPreserve(),
				Seeds: seeds, Near: seeds && c.near, ReadyWait: 30 * time.Second, Rand: rand.New(rand.NewPCG(1, 2)),
			}, muster.Moment{Wall: worldStart})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		ends := map[string]*muster.Replica{"dc1/n1": start("dc1", true), "dc2/n1": start("dc2", false)}
		one, two := ends["dc1/n1"], ends["dc2/n1"]
		one.LinkUp(muster.Moment{Wall: worldStart}, "dc2/n1")
		two.LinkUp(muster.Moment{Wall: worldStart}, "dc1/n1")
		readyAt := time.Duration(-1)
		for at := time.Duration(0); at <= time.Minute && readyAt < 0; at += 100 * time.Millisecond {
			now := muster.Moment{Mono: at, Wall: worldStart.Add(at)}
			one.Tick(now)
			two.Tick(now)
			for range 8 {
				for _, from := range []string{"dc1/n1", "dc2/n1"} {
					for _, o := range ends[from].TakeOutbound() {
						if o.Msg != nil {
							ends[o.To].Receive(now, from, o.Msg)
						}
					}
				}
			}
			if ready, _ := one.Ready(); ready {
				readyAt = at
			}
		}
		if readyAt < c.at || readyAt > c.at+time.Second {
			t.Errorf("members to ask %v: ready after %v, want %v", c.near, readyAt, c.at)
		}
	}
}
