package lan

import (
	"fmt"

	"github.com/hashicorp/memberlist"
)

// Send sends one packet to a member that is alive, and does not know what becomes of it. msg may be used again when it
// returns. ErrTooLarge above MaxPacket, ErrUnknownMember, ErrClosed; other errors are the socket's.
func (p *Pool) Send(to string, msg []byte) error {
	if len(msg) > MaxPacket {
		return fmt.Errorf("%w: packet of %d bytes, at most %d are allowed", ErrTooLarge, len(msg), MaxPacket)
	}
	n, err := p.target(to)
	if err != nil {
		return err
	}
	return p.list.SendBestEffort(n, p.frame(packetFrame, msg))
}

// SendReliable sends a message by a stream of its own, and returns once all of it has been given to the network. The
// receiver drops nothing that arrives, but no error does not prove that it has: a cut or the receiver's limit on streams
// can still take it. It takes at least one round trip and at most the profile's time for streams (10 s, WAN 30 s).
// ErrTooLarge above MaxStream, ErrUnknownMember, ErrClosed; other errors are the network's, and the message may then
// have arrived or not.
func (p *Pool) SendReliable(to string, msg []byte) error {
	if len(msg) > MaxStream {
		return fmt.Errorf("%w: message of %d bytes, at most %d are allowed", ErrTooLarge, len(msg), MaxStream)
	}
	n, err := p.target(to)
	if err != nil {
		return err
	}
	return p.list.SendReliable(n, p.frame(streamFrame, msg))
}

// target is the member to send to. A node does not send to itself.
func (p *Pool) target(name string) (*memberlist.Node, error) {
	if p.closing() {
		return nil, ErrClosed
	}
	n := p.Members().target[name]
	if n == nil || n.Name == p.id {
		return nil, fmt.Errorf("%w: %q is not alive here", ErrUnknownMember, name)
	}
	return n, nil
}

func (p *Pool) frame(kind frameKind, msg []byte) []byte {
	return appendFrame(make([]byte, 0, senderOverhead+len(msg)), kind, p.cfg.Name, msg)
}
