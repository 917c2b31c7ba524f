package proc

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The cases of DNS among those of Consul, asked of the built binary: addresses by UDP, EDNS0 and TCP, SRV with the
// addresses beside it, what there is nothing of, and a warning's weight. What registers by Consul is found by either
// domain.
func TestTheBinaryAnswersConsulsCasesOfDNS(t *testing.T) {
	t.Parallel()
	a := startAgent(t, binary(t), "n1", "--dns", "127.0.0.1:0")
	a.waitReady(20 * time.Second)
	put := func(path string, body any) { a.must("PUT", path, body, 200) }
	for i := range 6 {
		put("/v1/agent/service/register", map[string]any{
			"Name": "web", "ID": fmt.Sprintf("web-%d", i), "Address": fmt.Sprintf("10.0.0.%d", i+1), "Port": 8080 + i, "Tags": []string{"v1"},
		})
	}
	put("/v1/agent/service/register", map[string]any{
		"Name": "warned", "ID": "w", "Address": "10.0.1.1", "Port": 1, "Weights": map[string]int{"Passing": 5, "Warning": 3},
		"Check": map[string]string{"TTL": "1h"},
	})
	put("/v1/agent/check/warn/service:w", nil)
	put("/v1/agent/service/register", map[string]any{
		"Name": "down", "ID": "d", "Address": "10.0.1.2", "Port": 1, "Check": map[string]string{"TTL": "1h"},
	})

	ask := func(network, name string, qtype, size uint16) *dns.Msg {
		t.Helper()
		q := new(dns.Msg)
		q.SetQuestion(name, qtype)
		if size > 0 {
			q.SetEdns0(size, false)
		}
		r, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(q, a.dns)
		if err != nil {
			t.Fatalf("%s by %s: %v", name, network, err)
		}
		if !r.Authoritative || r.Truncated {
			t.Errorf("%s by %s: authoritative %v, truncated %v", name, network, r.Authoritative, r.Truncated)
		}
		return r
	}
	for _, c := range []struct {
		network string
		size    uint16
		answers int
	}{{"udp", 0, 3}, {"udp", 4096, 6}, {"tcp", 0, 6}} { // 41
		for _, domain := range []string{"consul.", "muster."} {
			if r := ask(c.network, "web.service."+domain, dns.TypeA, c.size); len(r.Answer) != c.answers || r.Answer[0].Header().Ttl != 0 {
				t.Errorf("%s, size %d, %s: %v", c.network, c.size, domain, r.Answer)
			}
		}
	}
	srv := ask("tcp", "_web._tcp.service.consul.", dns.TypeSRV, 0) // 42
	if len(srv.Answer) != 6 || len(srv.Extra) < 6 {
		t.Errorf("%d answers, %d beside them", len(srv.Answer), len(srv.Extra))
	}
	for _, rr := range srv.Answer {
		s, ok := rr.(*dns.SRV)
		if !ok || s.Priority != 1 || s.Port < 8080 || !strings.HasSuffix(s.Target, ".addr.dc1.consul.") {
			t.Errorf("%v", rr)
			continue
		}
		if !slices.ContainsFunc(srv.Extra, func(x dns.RR) bool { return x.Header().Name == s.Target }) {
			t.Errorf("no address of %s beside it", s.Target)
		}
	}
	for _, name := range []string{ // 43
		"nobody.service.consul.", "v9.web.service.consul.", "down.service.consul.", "web.service.dc9.consul.",
	} {
		if r := ask("udp", name, dns.TypeA, 0); r.Rcode != dns.RcodeNameError || len(r.Ns) != 1 || r.Ns[0].Header().Rrtype != dns.TypeSOA {
			t.Errorf("%s: %s, %v", name, dns.RcodeToString[r.Rcode], r.Ns)
		}
	}
	if r := ask("udp", "web.service.consul.", dns.TypeAAAA, 0); r.Rcode != dns.RcodeSuccess || len(r.Answer) != 0 || len(r.Ns) != 1 { // 44
		t.Errorf("AAAA: %s, %v, %v", dns.RcodeToString[r.Rcode], r.Answer, r.Ns)
	}
	r := ask("udp", "warned.service.consul.", dns.TypeSRV, 0) // 45
	if len(r.Answer) != 1 {
		t.Fatalf("%v", r.Answer)
	}
	if s, ok := r.Answer[0].(*dns.SRV); !ok || s.Weight != 3 {
		t.Errorf("a warning: %v", r.Answer[0])
	}
}
