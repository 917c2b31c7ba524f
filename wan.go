package muster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"time"

	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/spread"
	"github.com/musterhq/muster/gossip/wan"
)

// ErrWANBind is a WANBind that cannot be listened on. Nothing has been started.
var ErrWANBind = errors.New("muster: cannot listen for gateways")

// joinWAN makes the node a gateway, if it is to be one.
func (n *Node) joinWAN(ctx context.Context, incarnation uint64) (err error) {
	if n.cfg.WANBind == "" && n.cfg.WANTransport == nil {
		return nil
	}
	cfg := wan.Config{
		Name: n.cfg.Node, Datacenter: n.cfg.Datacenter, Zone: n.cfg.Zone,
		Bind: n.cfg.WANBind, Advertise: n.cfg.WANAdvertise, Keyring: n.pool.Keyring(), TLS: n.cfg.WANTLS,
		Meta:  wan.Meta{Incarnation: incarnation, HTTP: n.cfg.HTTP, Version: n.version, LAN: n.pool.Addr()},
		Seeds: n.cfg.WANJoin, Transport: n.cfg.WANTransport, Logger: n.cfg.Logger,
		Handler: n.receiveWAN, OnEvent: n.gatewayEvent,
	}
	if n.cfg.Profile == "local" {
		cfg.Profile = wan.Local
	}
	if n.cfg.DataDir != "" {
		cfg.SnapshotPath = filepath.Join(n.cfg.DataDir, "wan.snapshot")
	}
	started := make(chan struct{})
	defer close(started)
	// A link may be up before Start returns, and what is sent over it then must not be lost.
	cfg.OnLink = func(ev wan.LinkEvent) {
		<-started
		n.linkEvent(ev)
	}
	gateways, err := wan.Start(ctx, cfg)
	if errors.Is(err, wan.ErrBind) {
		return fmt.Errorf("%w: %w", ErrWANBind, err)
	}
	if err != nil {
		return err
	}
	n.gateways.Store(gateways)
	n.seeLinks()
	n.wg.Go(n.measureWAN)
	return nil
}

// receiveWAN takes a message from the far end of a link: of the replication engine, and nothing else. A node's own
// messages are for the members of its data centre.
func (n *Node) receiveWAN(from string, msg []byte) {
	m, err := frame.Decode(msg)
	if err != nil {
		n.malformed.Add(1)
		n.log.Debug("message over a link not understood", "peer", from, "err", err)
		return
	}
	n.do(func(r *Replica, at Moment) { r.Receive(at, from, m) })
}

// linkEvent is the pool's word that a link has come up or gone down.
func (n *Node) linkEvent(ev wan.LinkEvent) {
	n.do(func(r *Replica, at Moment) {
		if ev.Kind == wan.LinkUp {
			r.LinkUp(at, ev.Peer)
		} else {
			r.LinkDown(at, ev.Peer, ev.Reason)
		}
	})
	n.seeLinks()
}

// gatewayEvent is the pool's word that a gateway has come, gone, or says something new of itself.
func (n *Node) gatewayEvent(ev wan.Event) {
	id := ev.Member.ID()
	switch ev.Kind {
	case wan.EventConflict:
		n.do(func(r *Replica, _ Moment) {
			r.tell(NodeEventMembership, id, "two gateways have this name: one at %s, one at %s", ev.Member.Addr, ev.Other)
		})
	case wan.EventUpdated:
	default:
		n.do(func(r *Replica, _ Moment) { r.tell(NodeEventMembership, id, "gateway %s", ev.Kind) })
	}
	n.seeLinks()
}

// seeLinks tells the replica which data centres have links to which, as the gateways say that are alive.
func (n *Node) seeLinks() {
	gateways := n.gateways.Load()
	if gateways == nil {
		return // Still starting: Start looks itself.
	}
	to := make(map[string]map[string]bool)
	for _, m := range gateways.Members().All() {
		if to[m.Datacenter] == nil {
			to[m.Datacenter] = make(map[string]bool)
		}
		if m.State != wan.StateAlive {
			continue
		}
		for _, far := range m.Links {
			to[m.Datacenter][spread.DatacenterOf(far)] = true
		}
	}
	n.do(func(r *Replica, at Moment) {
		for _, dc := range slices.Sorted(maps.Keys(to)) {
			r.Linked(at, dc, slices.Collect(maps.Keys(to[dc])))
		}
	})
}

// measureInterval is how often the round trips to other data centres are looked at.
const measureInterval = 5 * time.Second

// measureWAN tells the replica how far the other data centres are: as far as the nearest of their gateways.
func (n *Node) measureWAN() {
	tick := time.NewTicker(measureInterval)
	defer tick.Stop()
	for {
		select {
		case <-n.done.Done():
			return
		case <-tick.C:
		}
		n.seeLinks() // What this gateway says of itself makes no event.
		gateways := n.gateways.Load()
		nearest := make(map[string]time.Duration)
		for _, m := range gateways.Members().All() {
			rtt, known := gateways.RTT(m.ID())
			if best, seen := nearest[m.Datacenter]; m.Datacenter != n.cfg.Datacenter && known && (!seen || rtt < best) {
				nearest[m.Datacenter] = rtt
			}
		}
		n.do(func(r *Replica, at Moment) {
			for dc, rtt := range nearest {
				r.SetDistance(at, dc, rtt)
			}
		})
	}
}

// overLink sends a message to the far end of a link. What finds no room there is found missing by the next comparison.
func (n *Node) overLink(to string, m spread.Message, msg []byte) {
	gateways := n.gateways.Load()
	if gateways == nil {
		return
	}
	if err := gateways.Send(to, msg); err != nil {
		n.log.Debug("message not sent over a link", "peer", to, "kind", m.Kind(), "err", err)
	}
}

// WANAddr is the "ip:port" at which gateways of other data centres reach this one, "" if it is no gateway.
func (n *Node) WANAddr() string {
	if gateways := n.gateways.Load(); gateways != nil {
		return gateways.Addr()
	}
	return ""
}

// Distances is the other data centres that can be reached from here, with the estimated round trip to each.
func (n *Node) Distances() []Distance {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.replica.begin(n.moment())
	return n.replica.Distances()
}

// Gateways lists the gateways of all data centres as this one sees them, by data centre and name; nil if this node is none.
func (n *Node) Gateways() []Member {
	gateways := n.gateways.Load()
	if gateways == nil {
		return nil
	}
	security := make(map[string]string)
	for _, l := range gateways.Links() {
		security[l.Peer] = l.Security
	}
	var out []Member
	for _, m := range gateways.Members().All() {
		member := Member{
			Name: m.Name, Datacenter: m.Datacenter, Zone: m.Zone, State: m.State.String(), Address: m.Addr, HTTP: m.HTTP,
			Incarnation: m.Incarnation, Version: m.Version, Since: m.Since.UTC(), Links: m.Links,
			Self: m.Name == n.cfg.Node && m.Datacenter == n.cfg.Datacenter, Security: security[m.ID()],
		}
		if member.Self {
			member.Security = gateways.Security()
		}
		if rtt, known := gateways.RTT(m.ID()); known && !member.Self {
			member.RTT = rtt.Round(time.Microsecond).String()
		}
		out = append(out, member)
	}
	return out
}

func (c Config) validateWAN(bad func(field, format string, args ...any)) {
	if c.WANBind == "" && c.WANTransport == nil {
		if len(c.WANJoin) > 0 {
			bad("WANJoin", "needs WANBind: a node that joins gateways is one")
		}
		return
	}
	if c.WANTransport != nil {
		return
	}
	if _, _, err := net.SplitHostPort(c.WANBind); err != nil {
		bad("WANBind", "must be host:port: %v", err)
	}
}
