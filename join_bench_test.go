package muster_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// BenchmarkJoin is the work of a fresh node that loads 100,000 instances from a peer, and of the peer.
func BenchmarkJoin(b *testing.B) {
	at := func(d time.Duration) muster.Moment { return muster.Moment{Mono: d, Wall: worldStart.Add(d)} }
	start := func(name string, seeds bool) *muster.Replica {
		r, err := muster.NewReplica(muster.ReplicaConfig{
			Name: name, Datacenter: "dc1", Incarnation: 1, Preserve: muster.DefaultPreserve(), Seeds: seeds,
			ReadyWait: time.Minute, Rand: rand.New(rand.NewPCG(1, 2)),
		}, at(0))
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	peer := start("a", false)
	for i := range 100_000 {
		inst := &muster.Instance{
			Service: fmt.Sprintf("service-%d", i/100), ID: fmt.Sprintf("instance-%d", i), Address: "10.0.0.5", Port: 8080, TTL: time.Hour,
			Tags: []string{"v2", "blue", "canary"}, Metadata: map[string]string{"version": "1.4", "team": "payments", "zone": "a", "tier": "1"},
		}
		if _, _, err := peer.Register(at(0), inst, false); err != nil {
			b.Fatal(err)
		}
	}
	peer.Flush(at(0))
	peer.TakeOutbound()
	peer.TakeEvents()
	peer.MemberUp(at(time.Second), spread.Member{ID: "dc1/b"})
	b.ReportAllocs()
	for b.Loop() {
		fresh := start("b", true)
		fresh.MemberUp(at(time.Second), spread.Member{ID: "dc1/a"})
		for now := time.Second; ; now += time.Millisecond {
			if ready, _ := fresh.Ready(); ready {
				break
			}
			fresh.Tick(at(now))
			for _, o := range fresh.TakeOutbound() {
				peer.Receive(at(now), "dc1/b", o.Msg)
			}
			for _, o := range peer.TakeOutbound() {
				if o.To == "dc1/b" {
					fresh.Receive(at(now), "dc1/a", o.Msg)
				}
			}
		}
		if n := fresh.Catalog().Stats().Instances; n != 100_000 {
			b.Fatalf("ready with %d", n)
		}
	}
}
