package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/dns"
)

// dnsOff is the address of no DNS.
const dnsOff = "off"

// names is the DNS side of an agent: its sockets, opened before there is a node. Without a server it is off.
type names struct{ server *dns.Server }

// namesGrace is how long questions in flight may take when the agent stops. Only a client that does not take its answer
// needs any time.
const namesGrace = time.Second

// listenNames opens the address, unless it is off.
func listenNames(ctx context.Context, address string) (names, error) {
	if address == dnsOff {
		return names{}, nil
	}
	server, err := dns.Listen(ctx, address)
	if err != nil {
		return names{}, fmt.Errorf("cannot listen for DNS on %s: %s", address, explainListen(err, "--dns"))
	}
	return names{server}, nil
}

// serve answers questions about the node until stop or close.
func (n names) serve(node *muster.Node, s settings, log *slog.Logger) {
	if n.server != nil {
		responder := dns.NewResponder(node, dns.Config{TTL: s.dnsTTL, NegativeTTL: s.dnsNegativeTTL})
		rate := s.dnsRate
		if rate == 0 {
			rate = -1 // Its 0 is a default.
		}
		n.server.Serve(responder, dns.ServerConfig{Logger: log.With("component", "dns"), Rate: rate})
	}
}

// failed gets the error that has ended the service; nothing ever, if it is off.
func (n names) failed() <-chan error {
	if n.server == nil {
		return nil
	}
	return n.server.Failed()
}

// collectors are its metrics; none if it is off.
func (n names) collectors() []prometheus.Collector {
	if n.server == nil {
		return nil
	}
	return []prometheus.Collector{n.server}
}

// stop answers what is being answered and no more. Who is cut off asks another node.
func (n names) stop(ctx context.Context) {
	if n.server != nil {
		ctx, cancel := context.WithTimeout(ctx, namesGrace)
		defer cancel()
		_ = n.server.Shutdown(ctx) // Likewise.
	}
}

// close cuts everything off at once.
func (n names) close() {
	if n.server != nil {
		n.server.Close()
	}
}

// address is where it listens, with the port that it got; empty if it is off.
func (n names) address() string {
	if n.server == nil {
		return ""
	}
	return n.server.Addr()
}
