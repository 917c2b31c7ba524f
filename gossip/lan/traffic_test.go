package lan

import (
	"testing"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// What an idle node sends, digests on acknowledgements included, is at most 150 bytes a second, whatever the node's
// catalog holds. The exchanges of state by stream, one each 30 s and more, come on top.
func TestIdleNodeSendsAtMost150BytesASecond(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 20, func(c *Config) { c.Digest = func() []byte { return make([]byte, 16) } })
		time.Sleep(time.Minute) // Until the news of the joins has died down.
		before := n.Total()
		const span = 2 * time.Minute
		time.Sleep(span)
		after := n.Total()
		each := float64(len(ds)) * span.Seconds()
		packets := float64(after.Sent.Packets-before.Sent.Packets) / each
		bytes := float64(after.Sent.Bytes-before.Sent.Bytes) / each
		streams := float64(after.StreamBytes-before.StreamBytes) / each
		t.Logf("per node and second: %.1f packets of %.0f bytes in all, %.0f bytes in streams", packets, bytes, streams)
		if bytes > 150 {
			t.Errorf("%.0f bytes a second", bytes)
		}
	})
}
