package dns

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

var _ Node = (*apitest.Fake)(nil)

var update = flag.Bool("update", false, "rewrite testdata with what is answered now")

// The names of Consul and what is answered to them, as observed at a running Consul, but for what doc.go says. A file is a
// conversation with a new node: "! " lets something happen, "? " asks (name, type, and words for how), and what follows
// is the answer. Lines that begin with # are comments.
func TestQuestionsAreAnsweredAsRecorded(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			recorded, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			now := converse(t, string(recorded))
			if *update {
				if err := os.WriteFile(file, []byte(now), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, got := strings.Split(string(recorded), "\n\n"), strings.Split(now, "\n\n")
			for i := range got {
				if i >= len(want) || want[i] != got[i] {
					t.Fatalf("it is answered otherwise than recorded (-update records it anew):\n%s\nrecorded:\n%s", got[i], want[min(i, len(want)-1)])
				}
			}
		})
	}
}

func converse(t *testing.T, recorded string) string {
	t.Helper()
	node := apitest.New()
	r := newTestResponder(node, Config{})
	var b strings.Builder
	for line := range strings.Lines(recorded) {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "# "):
			b.WriteString(line)
		case strings.HasPrefix(line, "! "):
			b.WriteString(line)
			if words[1] == "config" {
				r = newTestResponder(node, configOf(t, words[2:]))
				continue
			}
			happen(t, node, words[1:])
		case strings.HasPrefix(line, "? "):
			b.WriteString(line)
			query, by := question(t, words[1:])
			b.WriteString(render(r.Answer(query, by)))
			b.WriteString("\n")
		}
	}
	return b.String()
}

// newTestResponder draws and knows the time as if it were always the same.
func newTestResponder(node Node, cfg Config) *Responder {
	cfg.Rand = rand.New(rand.NewPCG(1, 2))
	cfg.Now = func() time.Time { return apitest.Start }
	return NewResponder(node, cfg)
}

func configOf(t *testing.T, words []string) (cfg Config) {
	t.Helper()
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		var err error
		switch key {
		case "ttl":
			cfg.TTL, err = time.ParseDuration(value)
		case "negative":
			cfg.NegativeTTL, err = time.ParseDuration(value)
		case "plain":
			cfg.PlainAnswers, err = strconv.Atoi(value)
		default:
			t.Fatalf("nothing like %q can be configured", w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// happen lets something happen to the node: "service id key=value...", "drop service id", "ready no", "member key=value...".
func happen(t *testing.T, node *apitest.Fake, words []string) {
	t.Helper()
	switch words[0] {
	case "ready":
		node.SetReady(words[1] == "yes", "a test")
	case "drop":
		if err := node.Remove(t.Context(), muster.Key{Namespace: "default", Service: words[1], ID: words[2]}); err != nil {
			t.Fatal(err)
		}
	case "preserve":
		node.Preserve(muster.Key{Namespace: "default", Service: words[1], ID: words[2]})
	case "gateways": // the data centres that they know of
		var away []muster.Distance
		for _, dc := range words[1:] {
			away = append(away, muster.Distance{Datacenter: dc, RTT: time.Millisecond})
		}
		node.SetDistances(away...)
	case "member":
		node.AddMember(muster.Member{Name: words[1], Datacenter: "dc1", State: words[2], Address: words[3], Version: "test"})
	case "many": // service, how many
		n, err := strconv.Atoi(words[2])
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			put(t, node, muster.Instance{Service: words[1], Address: fmt.Sprintf("10.1.%d.%d", i/250, i%250+1), Port: 8080})
		}
	default:
		inst := muster.Instance{Service: words[0], ID: words[1], Port: 8080}
		elsewhere := ""
		for _, w := range words[2:] {
			key, value, _ := strings.Cut(w, "=")
			var err error
			switch key {
			case "address":
				inst.Address = value
			case "port":
				inst.Port, err = strconv.Atoi(value)
			case "weight":
				inst.Weight, err = strconv.Atoi(value)
			case "tags":
				inst.Tags = strings.Split(value, ",")
			case "status":
				inst.Status, err = muster.ParseStatus(value)
			case "namespace":
				inst.Namespace = value
			case "dc":
				elsewhere = value
			default: // metadata
				if inst.Metadata == nil {
					inst.Metadata = map[string]string{}
				}
				inst.Metadata[key] = strings.NewReplacer("LONG", strings.Repeat("x", 256), "HALF", strings.Repeat("y", 128)).Replace(value)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if elsewhere != "" {
			if err := node.Learn(elsewhere, inst); err != nil {
				t.Fatal(err)
			}
			return
		}
		put(t, node, inst)
	}
}

func put(tb testing.TB, node *apitest.Fake, inst muster.Instance) {
	tb.Helper()
	if _, _, err := node.Put(tb.Context(), inst); err != nil {
		tb.Fatal(err)
	}
}

// question is a name, a type, and how: "tcp", "limited", "edns=SIZE", "twice", "do", "version=N", "class=CH", "rd", "subnet".
func question(t *testing.T, words []string) ([]byte, Transport) {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion(words[0], dns.StringToType[words[1]])
	m.Id, m.RecursionDesired = 7, false
	by := UDP
	for _, w := range words[2:] {
		key, value, _ := strings.Cut(w, "=")
		n, _ := strconv.Atoi(value) // Not all are numbers.
		switch key {
		case "tcp":
			by = TCP
		case "limited":
			by = LimitedUDP
		case "rd":
			m.RecursionDesired = true
		case "class":
			m.Question[0].Qclass = dns.StringToClass[value]
		case "opcode":
			m.Opcode = dns.StringToOpcode[value]
		case "edns":
			m.SetEdns0(uint16(n), false)
		case "do":
			m.IsEdns0().SetDo()
		case "twice":
			m.Extra = append(m.Extra, m.IsEdns0())
		case "version":
			m.IsEdns0().SetVersion(uint8(n))
		case "subnet":
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_SUBNET{
				Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, SourceScope: 24, Address: []byte{192, 0, 2, 0},
			})
		default:
			t.Fatalf("nobody asks with %q", w)
		}
	}
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed, by
}

// render is an answer as testdata has it. Of many records of one kind the first few are shown.
func render(packed []byte) string {
	m := new(dns.Msg)
	if err := m.Unpack(packed); err != nil {
		return fmt.Sprintf("unreadable: %v\n", err)
	}
	var b strings.Builder
	b.WriteString(dns.RcodeToString[m.Rcode])
	for _, flag := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionDesired, "rd"}, {m.RecursionAvailable, "ra"}} {
		if flag.set {
			b.WriteString(" " + flag.name)
		}
	}
	fmt.Fprintf(&b, ", %d answers, %d bytes\n", len(m.Answer), len(packed))
	for _, section := range []struct {
		name    string
		records []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		for i, rr := range section.records {
			if i == 8 {
				fmt.Fprintf(&b, "  %s ... and %d more\n", section.name, len(section.records)-i)
				break
			}
			text := strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(rr.String(), "\t", " ")), "\n", " ")
			fmt.Fprintf(&b, "  %s %s\n", section.name, text)
		}
	}
	return b.String()
}
