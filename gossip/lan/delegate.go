package lan

import (
	"bytes"
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. It copies, hands over and returns: memberlist reads packets on one goroutine, and
// calls the methods about members while it holds its lock.
type delegate struct{ p *Pool }

var (
	_ memberlist.Delegate         = delegate{}
	_ memberlist.EventDelegate    = delegate{}
	_ memberlist.PingDelegate     = delegate{}
	_ memberlist.AliveDelegate    = delegate{}
	_ memberlist.ConflictDelegate = delegate{}
	_ memberlist.MergeDelegate    = delegate{}
)

// NodeMeta is this node's card, which is short enough: SetMeta and Validate saw to that.
func (d delegate) NodeMeta(int) []byte { return *d.p.meta.Load() }

// NotifyMsg takes a message. On a packet it must not wait; on a stream it may, since the stream has its own goroutine
// and memberlist's sender has its own deadline.
func (d delegate) NotifyMsg(b []byte) {
	kind, from, msg, err := parseFrame(b)
	if err != nil {
		d.p.stats.malformed.Add(1)
		return
	}
	in := inbound{from: from, msg: bytes.Clone(msg)}
	switch kind {
	case leavingFrame:
		if name, ok := nameOf(string(msg)); !ok || name != from {
			d.p.stats.malformed.Add(1)
			return
		}
		d.p.roster.leaving(string(msg), from)
	case helloFrame:
		if !d.p.greeted(from, string(msg)) {
			d.p.stats.malformed.Add(1)
		}
	case streamFrame:
		d.p.heard(from)
		select {
		case d.p.inbox <- in:
		case <-d.p.done:
		}
	case packetFrame:
		d.p.heard(from)
		d.p.offer(in)
	}
}

// GetBroadcasts has none: data never travels in memberlist's queue.
func (delegate) GetBroadcasts(int, int) [][]byte { return nil }

// LocalState has none: the cost of an exchange must not grow with what the nodes hold.
func (delegate) LocalState(bool) []byte { return nil }

// MergeRemoteState has none to merge.
func (delegate) MergeRemoteState([]byte, bool) {}

// NotifyAlive refuses records that no pool of this data centre makes.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	_, _, err := d.read(n)
	return err
}

// NotifyJoin is a life that is alive: a new one, or one that came back.
func (d delegate) NotifyJoin(n *memberlist.Node) { d.alive(n) }

// NotifyUpdate is a life with new metadata.
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.alive(n) }

// NotifyLeave is a life that left or failed; memberlist does not say which.
func (d delegate) NotifyLeave(n *memberlist.Node) {
	if name, ok := nameOf(n.Name); ok {
		d.p.roster.gone(n.Name, name, time.Now())
	}
}

func (d delegate) alive(n *memberlist.Node) {
	name, c, err := d.read(n)
	if err != nil {
		return // NotifyAlive has counted and refused it.
	}
	l, fresh, others := d.p.roster.alive(n.Name, name, n, c, time.Now())
	for _, o := range others {
		d.p.suspectClash(n.Name, o)
	}
	if fresh && n.Name != d.p.id {
		d.p.greet(l.node)
	}
}

// NotifyConflict is one identity at two addresses: two nodes that were given the same incarnation.
func (d delegate) NotifyConflict(_, other *memberlist.Node) {
	if name, ok := nameOf(other.Name); ok {
		d.p.reportClash(name, addrOf(other))
	}
}

// AckPayload is the digest for whoever probed this node.
func (d delegate) AckPayload() []byte {
	if d.p.cfg.Digest == nil {
		return nil
	}
	b := d.p.cfg.Digest()
	if len(b) > MaxDigest {
		d.p.stats.oversizeDigests.Add(1)
		return nil
	}
	return b
}

// NotifyPingComplete is the digest of a member that this node probed. It runs on the goroutine that probes.
func (d delegate) NotifyPingComplete(n *memberlist.Node, rtt time.Duration, digest []byte) {
	name, ok := nameOf(n.Name)
	if !ok || len(digest) > MaxDigest {
		d.p.stats.malformed.Add(1)
		return
	}
	if d.p.cfg.OnDigest != nil {
		d.p.offer(inbound{from: name, msg: bytes.Clone(digest), rtt: rtt, digest: true})
	}
}

// read takes a member record apart and refuses what is not of this pool.
func (d delegate) read(n *memberlist.Node) (name string, c card, err error) {
	name, ok := nameOf(n.Name)
	if !ok {
		d.p.stats.malformed.Add(1)
		return "", card{}, fmt.Errorf("%w: %q is no identity", errCard, n.Name)
	}
	if c, err = decodeCard(n.Meta); err != nil {
		d.p.stats.malformed.Add(1)
		return "", card{}, err
	}
	if c.datacenter != d.p.cfg.Datacenter {
		return "", card{}, fmt.Errorf("%w: the node %s at %s is of %q, this one of %q",
			ErrOtherDatacenter, name, addrOf(n), c.datacenter, d.p.cfg.Datacenter)
	}
	return name, c, nil
}
