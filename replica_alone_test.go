package muster_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// memberlist's health score stays where it was when there is nobody left to probe. The last node of two judges all the
// same; one that has others, and whose probes fail, does not.
func TestTheLastNodeJudgesWhateverItsScoreWas(t *testing.T) {
	for _, alone := range []bool{true, false} {
		at := func(mono time.Duration) muster.Moment { return muster.Moment{Mono: mono, Wall: worldStart.Add(mono)} }
		r, err := muster.NewReplica(muster.ReplicaConfig{
			Name: "n1", Datacenter: "dc1", Incarnation: 1, Preserve: muster.DefaultPreserve(), Rand: rand.New(rand.NewPCG(1, 2)),
		}, at(0))
		if err != nil {
			t.Fatal(err)
		}
		other := spread.Member{ID: "dc1/n2"}
		r.MemberUp(at(0), other)
		inst := muster.Instance{Service: "s", ID: "1", Address: "10.0.0.1", Port: 80, TTL: 5 * time.Second}
		if _, _, err := r.Register(at(0), &inst, false); err != nil {
			t.Fatal(err)
		}
		if alone {
			r.MemberDown(at(time.Second), other, false)
		}
		for mono := time.Second; mono <= 10*time.Second; mono += 100 * time.Millisecond {
			r.SetHealth(at(mono), 1)
			r.Tick(at(mono))
		}
		if got := r.Catalog().Lookup(muster.DefaultNamespace, "s").Len() == 0; got != alone {
			t.Errorf("alone %v: evicted %v", alone, got)
		}
	}
}
