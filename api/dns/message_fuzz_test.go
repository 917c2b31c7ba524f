package dns

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// Any bytes at all may come: the answer is none, or one that can be read, within what the client takes, and never to an
// answer.
func FuzzAnyBytesAreAnsweredOrIgnored(f *testing.F) {
	node := apitest.New()
	for _, inst := range []muster.Instance{
		{Service: "web", Address: "10.0.0.1", Port: 80, Tags: []string{"v1"}, Metadata: map[string]string{"a": "b"}},
		{Service: "Web", Address: "fd00::1", Port: 80},
		{Service: "a.b", Address: "web.example.org", Port: 80},
	} {
		put(f, node, inst)
	}
	r := newTestResponder(node, Config{})
	f.Fuzz(func(t *testing.T, message []byte) {
		for _, by := range []Transport{UDP, TCP, LimitedUDP} {
			out := r.Answer(message, by)
			if out == nil {
				continue
			}
			if message[2]&0x80 != 0 {
				t.Fatalf("an answer is answered: %x", out)
			}
			if limit := map[bool]int{true: dns.MaxMsgSize, false: maxUDPBytes}[by == TCP]; len(out) > limit {
				t.Fatalf("%d bytes", len(out))
			}
			m := new(dns.Msg)
			if err := m.Unpack(out); err != nil || !m.Response || out[0] != message[0] || out[1] != message[1] {
				t.Fatalf("%x is answered with %x: %v", message, out, err)
			}
		}
	})
}
