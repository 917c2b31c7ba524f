package spread_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

// sink is a store that covers everything below and nothing from its next dot on; it costs next to nothing.
type sink struct{ *store }

func (sink) Apply(_ causal.Origin, deltas []spread.Delta) ([]spread.Delta, error) { return deltas, nil }
func (sink) Covers(causal.Dot) bool                                               { return true }

// BenchmarkStep is one frame of ten deltas of 100 bytes: received and passed on, or written here.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		for _, local := range []bool{false, true} {
			b.Run(fmt.Sprintf("n=%d,local=%v", n, local), func(b *testing.B) {
				e, err := spread.New(spread.Config{
					Self: "n1", Rand: rand.New(rand.NewPCG(1, 1)), Store: sink{newStore(causal.Origin{})},
				})
				if err != nil {
					b.Fatal(err)
				}
				for i := range n {
					e.Step(0, spread.MemberUp{Member: spread.Member{ID: fmt.Sprint("n", i)}})
				}
				seq, now := uint64(0), time.Duration(0)
				body := make([]byte, 100)
				b.ReportAllocs()
				for b.Loop() {
					deltas := make([]spread.Delta, 10)
					for i := range deltas {
						seq++
						deltas[i] = spread.Delta{Seq: seq, Body: body}
					}
					now += time.Millisecond
					if local {
						e.Step(now, spread.Local{Origin: causal.Origin{Node: "n1", Incarnation: 1}, Deltas: deltas})
					} else {
						e.Step(now, spread.Received{From: "n0", Msg: spread.Push{Frames: []spread.Frame{{
							Origin: causal.Origin{Node: "n0", Incarnation: 1}, Fanout: 6, Deltas: deltas,
						}}}})
					}
				}
			})
		}
	}
}
