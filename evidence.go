package muster

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/musterhq/muster/selfpreserve"
	"github.com/musterhq/muster/selfpreserve/probe"
)

const (
	// askTimeout is how long an instance may take to answer a connection, names that are resolved included: long enough for
	// one packet to be lost and sent again, and shorter than the time until it is asked again.
	askTimeout = 2 * time.Second
	// askedAtOnce bounds the attempts under way, and so their sockets and goroutines. At the pace at which instances are
	// asked, 200 are under way while none of them answers.
	askedAtOnce = 256
)

// ask hands on who is to be asked. It does not wait: who finds no room is left out, and asked another time.
func (n *Node) ask(questions []Question) {
	for _, q := range questions {
		select {
		case n.asking <- q:
		default:
		}
	}
}

// inquire asks, each instance in a goroutine of its own, until the node ends.
func (n *Node) inquire() {
	room := make(chan struct{}, askedAtOnce)
	for {
		select {
		case <-n.done.Done():
			return
		case q := <-n.asking:
			room <- struct{}{} // Soon: every attempt ends.
			n.wg.Go(func() {
				n.try(n.done, q)
				<-room
			})
		}
	}
}

// try asks one instance and tells the replica what came of it.
func (n *Node) try(ctx context.Context, q Question) {
	limited, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	outcome := n.connect(limited, net.JoinHostPort(q.Address, strconv.Itoa(q.Port)))
	if ctx.Err() != nil {
		return // What ends with the node says nothing.
	}
	n.log.Debug("asked a kept instance", "instance", q.Key.String(), "outcome", outcome.String())
	n.do(func(r *Replica, at Moment) { r.Evidence(at, q, outcome) })
}

// connect tries a connection. A node that only its own machine can reach has its instances there too.
func (n *Node) connect(ctx context.Context, hostport string) selfpreserve.Outcome {
	if n.cfg.Connect != nil {
		return n.cfg.Connect(ctx, hostport)
	}
	return probe.Prober{Loopback: isLoopback(n.pool.Addr())}.Connect(ctx, hostport)
}
