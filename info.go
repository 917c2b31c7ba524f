package muster

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/musterhq/muster/gossip/lan"
	"github.com/musterhq/muster/gossip/wan"
)

// Members lists the nodes of the data centre, alive and remembered, by zone and name.
func (n *Node) Members() []Member {
	all := n.pool.Members().All()
	out := make([]Member, len(all))
	for i, m := range all {
		out[i] = Member{
			Name: m.Name, Datacenter: m.Datacenter, Zone: m.Zone, State: m.State.String(), Address: m.Addr, HTTP: m.HTTP,
			Incarnation: m.Incarnation, Version: m.Version, Since: m.Since.UTC(), Self: m.Name == n.cfg.Node,
		}
		if rtt, ok := n.rtt.Load(m.Name); ok && out[i].State == "alive" {
			out[i].RTT = rtt.(time.Duration).Round(time.Microsecond).String() //nolint:errcheck // Nothing else is stored.
		}
	}
	return out
}

// ForceLeave makes this node forget a member that has failed or left: it is not tried any more, and not listed.
// ErrUnknownMember if there is none of that name, ErrMemberAlive if it is alive.
func (n *Node) ForceLeave(name string) error {
	if _, ok := n.pool.Members().Get(name); !ok {
		return fmt.Errorf("%w: %s", ErrUnknownMember, name)
	}
	err := n.pool.ForceLeave(name)
	if errors.Is(err, lan.ErrAlive) {
		return fmt.Errorf("%w: %s", ErrMemberAlive, name)
	}
	return err
}

// SelfPreservation says what this node keeps, and why.
func (n *Node) SelfPreservation() SelfPreservation {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.replica
	r.begin(n.moment())
	sp := SelfPreservation{Probes: Probes(r.leases.Answers()), Scopes: []Scope{}, History: []Transition{}}
	for _, s := range r.leases.Scopes() {
		scope := Scope{
			Name: s.Name, State: strings.ToUpper(s.State.String()), Expected: s.Expected, Renewed: s.Renewed, Lost: s.Lost,
			Threshold: s.Threshold, Reason: s.Reason, Preserved: s.Preserved, Probed: s.Evidence.Probed,
			Refused: s.Evidence.Refused, Connected: s.Evidence.Connected, Unanswered: s.Evidence.Unanswered,
		}
		if s.Reason != "" {
			since := r.wall(s.Since)
			scope.Since = &since
		}
		sp.Preserving = sp.Preserving || s.Preserved > 0
		sp.Scopes = append(sp.Scopes, scope)
	}
	sp.Datacenters = r.Remotes()
	for _, scope := range r.awayScopes() {
		sp.Preserving = true
		sp.Scopes = append(sp.Scopes, scope)
	}
	for _, t := range r.leases.History() {
		sp.History = append(sp.History, Transition{
			At: r.wall(t.At), Scope: t.Scope, From: strings.ToUpper(t.From.String()), To: strings.ToUpper(t.To.String()),
			Lost: t.Lost, Total: t.Total, Reason: t.Reason,
		})
	}
	return sp
}

// Ready says whether answers are complete, and why not, or under which reservation, in words.
func (n *Node) Ready() (ready bool, reason string) {
	now := n.readiness.Load()
	return now.ready, now.reason
}

type readiness struct {
	ready  bool
	reason string
}

// Name is the node's name.
func (n *Node) Name() string { return n.cfg.Node }

// Datacenter is the node's data centre.
func (n *Node) Datacenter() string { return n.cfg.Datacenter }

// Addr is the "ip:port" at which other nodes reach this one: what they are given to Join.
func (n *Node) Addr() string { return n.pool.Addr() }

// SetHTTP tells the other nodes where this one's API listens.
func (n *Node) SetHTTP(addr string) error {
	self, ok := n.pool.Members().Get(n.cfg.Node)
	if !ok {
		return ErrClosed
	}
	if gateways := n.gateways.Load(); gateways != nil {
		err := gateways.SetMeta(wan.Meta{Incarnation: self.Incarnation, HTTP: addr, Version: n.version, LAN: n.pool.Addr()})
		if err != nil {
			return err
		}
	}
	return n.pool.SetMeta(lan.Meta{Incarnation: self.Incarnation, HTTP: addr, Version: n.version})
}

// Info is what the node says of itself.
func (n *Node) Info() NodeInfo {
	self, _ := n.pool.Members().Get(n.cfg.Node)
	lanStats := n.pool.Stats()
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.replica
	st, sp := r.cat.Stats(), r.spread.Stats()
	ready, reason := r.Ready()
	return NodeInfo{
		Name: n.cfg.Node, Datacenter: n.cfg.Datacenter, Zone: n.cfg.Zone, Address: n.pool.Addr(), Time: time.Now().UTC(),
		Incarnation: self.Incarnation, Version: n.version, Started: n.started.UTC(),
		Ready: ready && !n.closing, Reason: reason, Health: n.pool.HealthScore(), Leases: r.leases.Len() + len(r.embedded),
		Catalog: CatalogInfo{
			Services: st.Services, Instances: st.Instances, Tombstones: st.Tombstones, Index: r.cat.Index(),
			Hash: fmt.Sprintf("%016x", r.cat.Hash()), Vector: describe(r.cat.Vector()),
		},
		Replication: Replication{
			Fresh: sp.Fresh, Duplicates: sp.Duplicates, Wanted: sp.Wanted, Syncs: sp.Syncs, SyncsFailed: sp.SyncsFailed,
			SyncsServed: sp.SyncsServed, Malformed: sp.Malformed + n.malformed.Load() + lanStats.Malformed,
			Divergences: sp.Divergences, Dropped: lanStats.Dropped, Forwarded: r.forwarded,
			BytesSent: lanStats.PacketBytesSent + lanStats.StreamBytesSent,
			BytesRecv: lanStats.PacketBytesReceived + lanStats.StreamBytesReceived,
		},
	}
}
