package dns

import (
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// errorsMax is how many errors one after the other are taken for the end of a socket.
const errorsMax = 100

// readPackets answers packets until the socket is closed.
func (s *Server) readPackets(source *replySource) {
	buf, oob := make([]byte, maxUDPBytes), make([]byte, source.size)
	for failures := 0; ; {
		n, control, client, err := source.read(buf, oob)
		switch {
		case err == nil:
			failures = 0
		case s.conns.stopped():
			return
		default: // Such as one that a packet of ours was not taken somewhere.
			if failures++; failures >= errorsMax {
				s.fail(err)
				return
			}
			continue
		}
		if out := s.answer(buf[:n], s.shared(client.Addr())); out != nil {
			source.write(out, control, client)
		}
	}
}

// shared is how a client is answered over UDP: with what it asks for, or, if its network has had its share, to come by TCP.
func (s *Server) shared(client netip.Addr) Transport {
	if s.limit.allow(client, time.Since(s.began)) {
		return UDP
	}
	return LimitedUDP
}

// replySource reads packets and answers each from the address that it was sent to. A socket at one address always does; one
// at all of them has to be told, or a client that gets its answer from another address than it asked drops it.
type replySource struct {
	conn *net.UDPConn
	size int // of what comes beside a packet; 0 for a socket at one address
}

func newReplySource(conn *net.UDPConn) *replySource {
	r := &replySource{conn: conn}
	if at, ok := conn.LocalAddr().(*net.UDPAddr); !ok || !at.IP.IsUnspecified() {
		return r
	}
	err6 := ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true)
	err4 := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true)
	if err6 == nil || err4 == nil { // A system that has neither answers from where it thinks best.
		r.size = max(len(ipv6.NewControlMessage(ipv6.FlagDst)), len(ipv4.NewControlMessage(ipv4.FlagDst)))
	}
	return r
}

// read is one packet, and, in oob, what says where it was sent to.
func (r *replySource) read(buf, oob []byte) (n int, control []byte, client netip.AddrPort, err error) {
	if r.size == 0 {
		n, client, err = r.conn.ReadFromUDPAddrPort(buf)
		return n, nil, client, err
	}
	n, c, _, client, err := r.conn.ReadMsgUDPAddrPort(buf, oob)
	return n, oob[:c], client, err
}

// write answers. A client that cannot be reached asks again.
func (r *replySource) write(out, control []byte, client netip.AddrPort) {
	if r.size == 0 {
		_, _ = r.conn.WriteToUDPAddrPort(out, client)
		return
	}
	_, _, _ = r.conn.WriteMsgUDPAddrPort(out, from(control), client)
}

// from makes of what came beside a packet what has to go beside its answer. A socket for both families gives addresses of
// IPv4 in the form of IPv6, and takes them in their own.
func from(control []byte) []byte {
	var (
		six  ipv6.ControlMessage
		four ipv4.ControlMessage
		at   net.IP
	)
	switch {
	case six.Parse(control) == nil && six.Dst != nil:
		at = six.Dst
	case four.Parse(control) == nil && four.Dst != nil:
		at = four.Dst
	default:
		return nil
	}
	if at.To4() == nil {
		return (&ipv6.ControlMessage{Src: at}).Marshal()
	}
	return (&ipv4.ControlMessage{Src: at}).Marshal()
}
