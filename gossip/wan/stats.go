package wan

import (
	"sync/atomic"
	"time"
)

// Traffic is what went over one link, or over all links to one data centre.
type Traffic struct {
	// MessagesOut and MessagesIn, and their bytes before compression and encryption.
	MessagesOut, MessagesIn uint64
	BytesOut, BytesIn       uint64
	// WireOut and WireIn is bytes as written to and read from the stream: compressed, encrypted, pings and handshake
	// among them, without TCP and IP.
	WireOut, WireIn uint64
	// Overflows is messages that Send refused because the queue was full.
	Overflows uint64
}

func (t *Traffic) add(o Traffic) {
	t.MessagesOut += o.MessagesOut
	t.MessagesIn += o.MessagesIn
	t.BytesOut += o.BytesOut
	t.BytesIn += o.BytesIn
	t.WireOut += o.WireOut
	t.WireIn += o.WireIn
	t.Overflows += o.Overflows
}

// Link is a link at one moment.
type Link struct {
	Traffic
	// Peer is the identity of the gateway at the other end, "datacenter/name".
	Peer       string
	Datacenter string
	// Dialled is whether this end opened it.
	Dialled bool
	Since   time.Time
	// Security is what protects it: "TLS", "gossip key" or "none".
	Security string
	// RTT is the smoothed round trip of pings, with what waits in the kernel and behind batches. 0: not known yet.
	RTT time.Duration
	// Queued is how many bytes of messages wait.
	Queued int
}

// DatacenterStats is the links to one data centre since Start.
type DatacenterStats struct {
	Traffic
	// Ups is how often a link came up; all but the first are reconnects or takeovers.
	Ups uint64
}

// Stats counts what a pool did since Start.
type Stats struct {
	// Links is the links that are up, sorted by peer.
	Links []Link
	// Datacenters is by name, what is up now included. At most 1,024 are kept.
	Datacenters map[string]DatacenterStats
	// DialsFailed is links that could not be dialled, Refused is streams that we or the other end did not want,
	// WrongKey is streams whose keys, certificates or protection did not match.
	DialsFailed, Refused, WrongKey uint64
	// StreamsRefused is streams closed unread because 128 were open.
	StreamsRefused uint64
	// Malformed is streams and member records that no correct gateway makes.
	Malformed uint64
	// RejoinTries is addresses that the rejoin loop tried to join, Rejoins those that took this gateway in.
	RejoinTries, Rejoins uint64
	// Conflicts is clashes of names reported.
	Conflicts uint64
}

type counters struct {
	dialsFailed, refused, wrongKey       atomic.Uint64
	streamsRefused, malformed, conflicts atomic.Uint64
	rejoinTries, rejoins                 atomic.Uint64
}

func (c *counters) read() Stats {
	return Stats{
		DialsFailed: c.dialsFailed.Load(), Refused: c.refused.Load(), WrongKey: c.wrongKey.Load(),
		StreamsRefused: c.streamsRefused.Load(), Malformed: c.malformed.Load(), Conflicts: c.conflicts.Load(),
		RejoinTries: c.rejoinTries.Load(), Rejoins: c.rejoins.Load(),
	}
}

func (l *link) traffic() Traffic {
	return Traffic{
		MessagesOut: l.messagesOut.Load(), MessagesIn: l.messagesIn.Load(),
		BytesOut: l.bytesOut.Load(), BytesIn: l.bytesIn.Load(),
		WireOut: l.conn.out.Load(), WireIn: l.conn.in.Load(), Overflows: l.overflows.Load(),
	}
}

func (l *link) snapshot() Link {
	return Link{
		Traffic: l.traffic(), Peer: l.peer, Datacenter: l.dc, Dialled: l.dialled, Since: l.since, Security: l.security.String(),
		RTT: time.Duration(l.rtt.Load()), Queued: l.queue.queued(),
	}
}
