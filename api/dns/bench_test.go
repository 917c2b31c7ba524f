package dns

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func benchNode(b *testing.B, instances int) *apitest.Fake {
	b.Helper()
	node := apitest.New()
	for i := range instances {
		put(b, node, muster.Instance{Service: "web", Address: fmt.Sprintf("10.0.%d.%d", i/250, i%250+1), Port: 80})
	}
	return node
}

func benchQuery(b *testing.B, name string, qtype, size uint16) []byte {
	b.Helper()
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	if size > 0 {
		m.SetEdns0(size, false)
	}
	packed, err := m.Pack()
	if err != nil {
		b.Fatal(err)
	}
	return packed
}

func BenchmarkAnswer(b *testing.B) {
	for _, c := range []struct {
		name      string
		instances int
		question  string
		qtype     uint16
		size      uint16
		by        Transport
	}{
		{"A of 3", 3, "web.service.muster.", dns.TypeA, 1232, UDP},
		{"SRV of 3", 3, "web.service.muster.", dns.TypeSRV, 1232, UDP},
		{"A of 10", 10, "web.service.muster.", dns.TypeA, 1232, UDP},
		{"A of 1000, plain", 1000, "web.service.muster.", dns.TypeA, 0, UDP},
		{"A of 1000, cut", 1000, "web.service.muster.", dns.TypeA, 1232, UDP},
		{"A of 1000, TCP", 1000, "web.service.muster.", dns.TypeA, 0, TCP},
		{"nobody", 3, "nope.service.muster.", dns.TypeA, 1232, UDP},
		{"limited", 3, "web.service.muster.", dns.TypeA, 1232, LimitedUDP},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := NewResponder(benchNode(b, c.instances), Config{})
			query := benchQuery(b, c.question, c.qtype, c.size)
			b.ReportAllocs()
			for b.Loop() {
				if r.Answer(query, c.by) == nil {
					b.Fatal("no answer")
				}
			}
		})
	}
}

// Questions over a real socket by a client that has a hundred of them under way.
func BenchmarkUDP(b *testing.B) {
	s, err := Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.Serve(NewResponder(benchNode(b, 3), Config{}), ServerConfig{})
	conn, err := net.Dial("udp", s.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	query := benchQuery(b, "web.service.muster.", dns.TypeA, 1232)
	const underWay = 100
	slots := make(chan struct{}, underWay) // One for each question that has no answer yet; a full one makes the client wait.
	var answered atomic.Int64
	go func() {
		buf := make([]byte, maxUDPBytes)
		for {
			if _, err := conn.Read(buf); err != nil {
				return
			}
			answered.Add(1)
			<-slots
		}
	}()
	b.ReportAllocs()
	for b.Loop() {
		slots <- struct{}{}
		if _, err := conn.Write(query); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(answered.Load())/b.Elapsed().Seconds(), "answers/s")
}
