package gossiptest

import "maps"

// Count is a number of packets and of their bytes, without the 28 bytes that IP and UDP would add to each.
type Count struct{ Packets, Bytes int }

func (c *Count) add(bytes int) { c.Packets++; c.Bytes += bytes }

func (c *Count) sum(d Count) { c.Packets += d.Packets; c.Bytes += d.Bytes }

// Counters is the traffic of one host, or of all. Every packet Sent ends as exactly one of Received (at its receiver),
// Lost, Cut, Unreachable or Overflow, or is still under way; a duplicate adds one to Received or Overflow.
type Counters struct {
	// Sent is what the host's transports were given to send.
	Sent Count
	// Received is what was put into the host's receive queue.
	Received Count
	// Lost, Cut and Unreachable are packets from this host that chance took, that met a cut, and that found nobody at
	// their address.
	Lost, Cut, Unreachable Count
	// Overflow is packets to this host that found its receive queue full.
	Overflow Count
	// Kinds divides Sent by memberlist's message type: "ping", "ack", "user", "compound" and so on. Of an encrypted
	// packet the type cannot be seen, and what is given for it means nothing.
	Kinds map[string]Count
	// Dials is the streams that this host opened, Failed those that it tried to open and could not.
	Dials, Failed int
	// StreamBytes is what this host wrote to streams.
	StreamBytes int
}

// Counters returns a copy of one host's counters; of a host that does not exist they are zero.
func (n *Network) Counters(name string) Counters {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[name]
	if h == nil {
		return Counters{}
	}
	c := h.counters
	c.Kinds = maps.Clone(c.Kinds)
	return c
}

// Total returns the sum of the counters of all hosts.
func (n *Network) Total() Counters {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := Counters{Kinds: map[string]Count{}}
	for _, h := range n.hosts {
		c := h.counters
		t.Sent.sum(c.Sent)
		t.Received.sum(c.Received)
		t.Lost.sum(c.Lost)
		t.Cut.sum(c.Cut)
		t.Unreachable.sum(c.Unreachable)
		t.Overflow.sum(c.Overflow)
		for k, v := range c.Kinds {
			sum := t.Kinds[k]
			sum.sum(v)
			t.Kinds[k] = sum
		}
		t.Dials += c.Dials
		t.Failed += c.Failed
		t.StreamBytes += c.StreamBytes
	}
	return t
}

func (c *Counters) sent(b []byte) {
	c.Sent.add(len(b))
	if c.Kinds == nil {
		c.Kinds = map[string]Count{}
	}
	k := kind(b)
	count := c.Kinds[k]
	count.add(len(b))
	c.Kinds[k] = count
}

// kinds is memberlist's message types in the order of their numbers.
var kinds = [...]string{
	"ping", "indirect-ping", "ack", "suspect", "alive", "dead", "push-pull", "compound", "user", "compress", "encrypt",
	"nack", "crc", "err",
}

// kind reads the message type of a plain packet, behind its label and its checksum if it has them.
func kind(b []byte) string {
	const label, crc = 244, 12
	if len(b) > 2 && b[0] == label && len(b) > 2+int(b[1]) {
		b = b[2+int(b[1]):]
	}
	if len(b) > 5 && b[0] == crc {
		b = b[5:]
	}
	if len(b) > 0 && int(b[0]) < len(kinds) {
		return kinds[b[0]]
	}
	return "other"
}
