package dns

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// Whatever is registered and whatever is asked: the answer can be read, is not larger than the client takes, belongs to the
// question, and holds no record twice.
func TestEveryAnswerIsValidAndNoLargerThanTheClientTakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		node := apitest.New()
		services := rapid.SliceOfN(rapid.SampledFrom([]string{"web", "Web", "a.b", `o\dd`, "_x", "ünï", "sp ace"}), 1, 3).Draw(t, "services")
		address := rapid.OneOf(
			rapid.SampledFrom([]string{"10.0.0.1", "fd00::1", "fe80::1%eth0", "::ffff:10.0.0.2", "web.example.org", "a..b", ".", `\`, `\300`, strings.Repeat("x", 64), strings.Repeat("x.", 120)}),
			rapid.Custom(func(t *rapid.T) string {
				return fmt.Sprintf("10.9.%d.%d", rapid.Byte().Draw(t, "c"), rapid.Byte().Draw(t, "d"))
			}),
		)
		tag := rapid.SampledFrom([]string{"v1", "V1", "x.y", "tcp", "."})
		for i := range rapid.IntRange(0, 120).Draw(t, "instances") {
			inst := muster.Instance{
				Service: rapid.SampledFrom(services).Draw(t, "service"), ID: strconv.Itoa(i), Address: address.Draw(t, "address"), Port: 1 + i,
				Tags: rapid.SliceOfN(tag, 0, 2).Draw(t, "tags"), Status: rapid.SampledFrom([]muster.Status{muster.StatusUp, muster.StatusUp, muster.StatusDown}).Draw(t, "status"),
				Metadata: rapid.MapOfN(rapid.StringMatching(`[a-z"\\;]{1,9}`), rapid.StringN(0, 300, 1000), 0, 3).Draw(t, "metadata"),
			}
			// Some cannot be registered.
			if dc := rapid.SampledFrom([]string{"", "", "dc2", "a.b", `x\y`, "ünï", "..", strings.Repeat("d", 64)}).Draw(t, "dc"); dc != "" {
				_ = node.Learn(dc, inst)
			} else {
				_, _, _ = node.Put(t.Context(), inst)
			}
		}
		r := newTestResponder(node, Config{PlainAnswers: rapid.IntRange(-1, 8).Draw(t, "plain"), TTL: time.Second})
		name := rapid.SampledFrom([]string{
			"web.service.", "WEB.service.dc1.", "a.b.service.", "x.y.web.service.", "_web._tcp.", "_web._v1.service.", "n1.node.",
			"web.service.dc2.", "web.service.a.b.dc.", "_web._tcp.dc2.", `web.service.x\\y.`, "b.", "web.service..",
			"0a000001.addr.", "", "service.", `o\\dd.service.`, `sp\032ace.service.`, `\001.service.`, "_x._tcp.", "..", "ns.",
		}).Draw(t, "name") + rapid.SampledFrom([]string{"muster.", "Consul.", "example."}).Draw(t, "domain")
		qtype := rapid.SampledFrom([]uint16{
			dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT, dns.TypeSOA, dns.TypeNS, dns.TypeANY, dns.TypeCNAME, dns.TypeMX, dns.TypeOPT, 65280,
		}).Draw(t, "type")
		query := new(dns.Msg)
		query.SetQuestion(name, qtype)
		limit := dns.MinMsgSize
		if rapid.Bool().Draw(t, "edns") {
			size := rapid.Uint16().Draw(t, "size")
			query.SetEdns0(size, rapid.Bool().Draw(t, "do"))
			limit = max(limit, int(size))
		}
		by := rapid.SampledFrom([]Transport{UDP, TCP, LimitedUDP}).Draw(t, "transport")
		if by == TCP {
			limit = dns.MaxMsgSize
		}
		packed, err := query.Pack()
		if err != nil {
			return // Not a question that anyone can ask.
		}
		out := r.Answer(packed, by)
		if len(out) > limit {
			t.Fatalf("%d bytes for a client that takes %d", len(out), limit)
		}
		if by == LimitedUDP && len(out) > len(packed) && !strings.HasSuffix(name, "example.") {
			t.Fatalf("%d bytes for a question of %d from a client that had its share", len(out), len(packed))
		}
		m := new(dns.Msg)
		if err := m.Unpack(out); err != nil {
			t.Fatalf("unreadable: %v", err)
		}
		asked := new(dns.Msg) // As the server reads it: escapes may be written in several ways.
		if err := asked.Unpack(packed); err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, asked, m)
	})
}

func checkAnswer(t *rapid.T, query, m *dns.Msg) {
	if m.Id != query.Id || !m.Response || m.RecursionAvailable || (query.IsEdns0() == nil) != (m.IsEdns0() == nil) {
		t.Fatalf("the header is not that of an answer: %v", m)
	}
	if len(m.Question) != 1 || m.Question[0] != query.Question[0] {
		t.Fatalf("asked %v, answered %v", query.Question, m.Question)
	}
	seen := map[string]bool{}
	for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		if seen[rr.String()] {
			t.Fatalf("twice in one answer: %v", rr)
		}
		seen[rr.String()] = true
	}
	for _, rr := range m.Answer {
		if rr.Header().Name != query.Question[0].Name && rr.Header().Rrtype != dns.TypeNS {
			t.Fatalf("%v does not answer %v", rr, query.Question)
		}
	}
	if m.Authoritative && len(m.Answer) == 0 && !m.Truncated && (len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA) {
		t.Fatalf("a denial without SOA: %v", m)
	}
	if m.Rcode == dns.RcodeNameError && len(m.Answer) > 0 {
		t.Fatalf("nobody has an answer: %v", m)
	}
}

// A client that gets three of many finds all of them in time, and none much more often than the others.
func TestEveryInstanceAppearsAsOftenAsAnyOther(t *testing.T) {
	const instances, questions = 20, 4000
	node := apitest.New()
	for i := range instances {
		put(t, node, muster.Instance{Service: "web", Address: fmt.Sprintf("10.0.0.%d", i), Port: 80})
	}
	r := newTestResponder(node, Config{})
	for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
		query := new(dns.Msg)
		query.SetQuestion("web.service.muster.", qtype)
		packed, err := query.Pack()
		if err != nil {
			t.Fatal(err)
		}
		times := map[string]int{}
		for range questions {
			m := new(dns.Msg)
			if err := m.Unpack(r.Answer(packed, UDP)); err != nil || len(m.Answer) != DefaultPlainAnswers {
				t.Fatalf("%v, %v", m, err)
			}
			for _, rr := range m.Answer {
				times[rr.String()]++
			}
		}
		if len(times) != instances {
			t.Errorf("%d of %d were seen", len(times), instances)
		}
		// Each has 3/20 of 4,000: 600, with a deviation of 23.
		for record, n := range times {
			if n < 480 || n > 720 {
				t.Errorf("%s was given %d times", record, n)
			}
		}
	}
}

// The same seed gives the same answers.
func TestASeedRepeatsItsAnswers(t *testing.T) {
	node := apitest.New()
	for i := range 50 {
		put(t, node, muster.Instance{Service: "web", Address: fmt.Sprintf("10.0.0.%d", i), Port: 80})
	}
	query, _ := question(t, []string{"web.service.muster.", "SRV"})
	a, b := newTestResponder(node, Config{}), newTestResponder(node, Config{})
	first, changed := "", false
	for range 10 {
		x, y := string(a.Answer(query, UDP)), string(b.Answer(query, UDP))
		if x != y {
			t.Fatal("two responders of one seed differ")
		}
		changed = changed || first != "" && first != x
		first = x
	}
	if !changed {
		t.Error("ten answers were the same")
	}
}

// What is spelt with capitals is found as soon as it is registered, unless the list takes long to make.
func TestAServiceWithCapitalsIsFoundOnceTheListIsAllowedToBeMade(t *testing.T) {
	node := apitest.New()
	now := apitest.Start
	took := 50 * time.Millisecond
	r := NewResponder(slowNode{node, func() { now = now.Add(took) }}, Config{Now: func() time.Time { return now }})
	ask := func() int {
		query, by := question(t, []string{"orders.service.muster.", "A"})
		m := new(dns.Msg)
		if err := m.Unpack(r.Answer(query, by)); err != nil {
			t.Fatal(err)
		}
		return len(m.Answer)
	}
	if ask() != 0 {
		t.Fatal("nothing is registered")
	}
	put(t, node, muster.Instance{Service: "Orders", Address: "10.0.0.1", Port: 80})
	if ask() != 0 {
		t.Error("the list was made again before ten times as long had passed as it took")
	}
	now = now.Add(share * took)
	if ask() != 1 {
		t.Error("it is not found")
	}
	took = 0
	now = now.Add(time.Hour)
	ask()
	put(t, node, muster.Instance{Service: "ORDERS", Address: "10.0.0.2", Port: 80})
	if ask() != 2 {
		t.Error("it is not found at once, though the list takes no time")
	}
}

// slowNode takes its time to list services.
type slowNode struct {
	*apitest.Fake
	pass func()
}

func (n slowNode) Services() *muster.Overview {
	n.pass()
	return n.Fake.Services()
}
