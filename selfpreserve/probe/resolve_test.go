package probe_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"github.com/musterhq/muster/selfpreserve"
	"github.com/musterhq/muster/selfpreserve/probe"
)

// resolver is one for which every name has those addresses: a server that answers each question for an A record, over a
// connection in memory, which the resolver takes for one by TCP.
func resolver(addresses ...string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			var size [2]byte
			for {
				if _, err := server.Read(size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := server.Read(query); err != nil {
					return
				}
				reply := answer(query, addresses)
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

// answer is the reply to a query with one question, which begins at byte 12: A records, or none for another type.
func answer(query []byte, addresses []string) []byte {
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 5
	if query[end-3] != 1 {
		addresses = nil
	}
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0}, query[12:end]...)
	for _, a := range addresses {
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
		reply = append(reply, netip.MustParseAddr(a).AsSlice()...)
	}
	return reply
}

func TestANameRefusesOnlyIfAllItsAddressesDo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	_, open, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 9)
	for i := range many {
		many[i] = "127.0.0.1"
	}
	for _, c := range []struct {
		what, port string
		addresses  []string
		want       selfpreserve.Outcome
	}{
		{"one of two accepts", open, []string{"127.0.0.1", "127.0.0.2"}, selfpreserve.Connected},
		{"both refuse", closedPort(t), []string{"127.0.0.1", "127.0.0.1"}, selfpreserve.Refused},
		{"one refuses, one cannot be asked", closedPort(t), []string{"127.0.0.1", "224.0.0.1"}, selfpreserve.Nothing},
		{"too many", closedPort(t), many, selfpreserve.Nothing},
		{"none", closedPort(t), nil, selfpreserve.Nothing},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := probe.Prober{Loopback: true, Resolver: resolver(c.addresses...)}
			if got := p.Connect(t.Context(), "instance.test.:"+c.port); got != c.want {
				t.Fatalf("%v, want %v", got, c.want)
			}
		})
	}
}
