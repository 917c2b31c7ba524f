package lan

import (
	"io"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

// balance passes every stream to front on to the node behind, as a load balancer for TCP does.
func balance(front, behind *gossiptest.Transport, done <-chan struct{}) {
	for {
		select {
		case in := <-front.StreamCh():
			out, err := front.DialTimeout(behind.Addr(), time.Second)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() {
				_, _ = io.Copy(out, in)
				_ = out.Close()
			}()
			go func() {
				_, _ = io.Copy(in, out)
				_ = in.Close()
			}()
		case <-done:
			return
		}
	}
}
