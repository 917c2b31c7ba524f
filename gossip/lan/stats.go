package lan

import "sync/atomic"

// Stats counts what a pool did since Start. Bytes are payload as memberlist gives it to the network: with encryption
// and label, without IP, UDP and TCP.
type Stats struct {
	PacketsSent, PacketBytesSent         uint64
	PacketsReceived, PacketBytesReceived uint64
	// StreamsOpened and StreamsAccepted include memberlist's own exchanges; StreamsRefused were closed unread because
	// 128 were open.
	StreamsOpened, StreamsAccepted, StreamsRefused uint64
	StreamBytesSent, StreamBytesReceived           uint64
	// Dropped is packets that found the message queue full, and digests likewise.
	Dropped uint64
	// Malformed is messages and member records that no correct pool sends.
	Malformed uint64
	// OversizeDigests is digests of Config.Digest above MaxDigest, left out.
	OversizeDigests uint64
	// RejoinTries is addresses that the rejoin loop tried to join, Rejoins those that took this node in.
	RejoinTries, Rejoins uint64
	// Conflicts is clashes of names reported.
	Conflicts uint64
}

type counters struct {
	packetsSent, packetBytesSent                   atomic.Uint64
	packetsReceived, packetBytesReceived           atomic.Uint64
	streamsOpened, streamsAccepted, streamsRefused atomic.Uint64
	streamBytesSent, streamBytesReceived           atomic.Uint64
	dropped, malformed, oversizeDigests            atomic.Uint64
	rejoinTries, rejoins, conflicts                atomic.Uint64
}

func (c *counters) read() Stats {
	return Stats{
		PacketsSent: c.packetsSent.Load(), PacketBytesSent: c.packetBytesSent.Load(),
		PacketsReceived: c.packetsReceived.Load(), PacketBytesReceived: c.packetBytesReceived.Load(),
		StreamsOpened: c.streamsOpened.Load(), StreamsAccepted: c.streamsAccepted.Load(),
		StreamsRefused:  c.streamsRefused.Load(),
		StreamBytesSent: c.streamBytesSent.Load(), StreamBytesReceived: c.streamBytesReceived.Load(),
		Dropped: c.dropped.Load(), Malformed: c.malformed.Load(), OversizeDigests: c.oversizeDigests.Load(),
		RejoinTries: c.rejoinTries.Load(), Rejoins: c.rejoins.Load(), Conflicts: c.conflicts.Load(),
	}
}
