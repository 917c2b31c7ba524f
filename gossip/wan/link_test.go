package wan

import (
	"strconv"
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func TestEachPairOfDatacentersGetsOneLinkThatKeepsOrderBothWays(t *testing.T) {
	for _, loss := range []float64{0, 0.05} {
		opts := wide
		opts.Loss = loss
		bubble(t, opts, func(t *testing.T, n *gossiptest.Network) {
			ds := world(t, n, []int{3, 3, 3}, nil)
			time.Sleep(time.Minute)
			if !linked(ds) || !chosen(ds) {
				t.Fatal("it did not last")
			}
			for i := range 100 {
				for _, d := range ds {
					for _, peer := range d.peers() {
						if err := d.Send(peer, []byte(strconv.Itoa(i))); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			within(t, time.Second, "all arrive in order", func() bool {
				for _, d := range ds {
					for _, peer := range d.peers() {
						got := d.received(peer)
						if len(got) != 100 {
							return false
						}
						for i, m := range got {
							if m != strconv.Itoa(i) {
								t.Fatalf("message %d is %s", i, m)
							}
						}
					}
				}
				return true
			})
		})
	}
}
