package proc

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Of 32 processes, 18 fall silent at once. When it is because packets to and from their host are dropped, all of them
// stay, and every agent says that nobody has answered. When it is because they were killed, all of them are gone within a
// TTL after the leases have expired, nobody else is, and the agents say that they were refused.
func TestACutOfManyIsKeptAndACrashOfManyIsCleared(t *testing.T) {
	t.Parallel()
	requires(t, "ip", "nft")
	n := newNetwork(t, "evidence", 3, 2)
	nodes, c1, c2 := n.pick("n1 n2 n3"), n.host("c1"), n.host("c2")
	var agents []*agent
	for _, h := range nodes {
		agents = append(agents, h.start())
	}
	for _, a := range agents {
		a.waitReady(20 * time.Second)
	}
	var doomed []*os.Process
	for i := range 18 {
		doomed = append(doomed, c1.startClient(8000+i, nodes[i%3]))
	}
	for i := range 14 {
		c2.startClient(8100+i, nodes[i%3])
	}
	everywhere := func(limit time.Duration, what string, ok func(a *agent) bool) {
		t.Helper()
		for _, a := range agents {
			a.until(limit, what, func() bool { return ok(a) })
		}
	}
	whole := func(a *agent) bool {
		all, preserved := crowdAt(a)
		return all == 32 && preserved == 0 && len(scopes(a)) == 0
	}
	everywhere(20*time.Second, "showing 32 instances", whole)
	time.Sleep(2 * clientInterval) // Each has renewed.

	t.Log("18 of 32 are cut off")
	n.partition([]*host{c1}, nodes)
	began := time.Now()
	everywhere(clientTTL+4*time.Second, "keeping 18 of 32", func(a *agent) bool {
		all, preserved := crowdAt(a)
		s := kept(t, a)
		return all == 32 && preserved == 18 && s.Unanswered == 6
	})
	t.Logf("18 are kept and known not to answer %.1f s after the cut", time.Since(began).Seconds())
	for end := time.Now().Add(2 * clientTTL); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		for _, a := range agents {
			all, preserved := crowdAt(a)
			s := kept(t, a)
			if all != 32 || preserved != 18 || s.State != "PRESERVING" || s.Refused+s.Connected > 0 ||
				!strings.HasSuffix(s.Reason, "of 6 asked, 0 refused, 6 did not answer: it looks like a cut") {
				t.Fatalf("%s, %.1f s after the cut: %d instances, %d preserved, %+v", a.name, time.Since(began).Seconds(), all, preserved, s)
			}
		}
	}
	t.Logf("n1: %s", kept(t, agents[0]).Reason)
	n.heal()
	everywhere(20*time.Second, "as before the cut", whole)

	t.Log("18 of 32 are killed")
	for _, p := range doomed {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	began = time.Now()
	everywhere(2*clientTTL, "rid of the dead", func(a *agent) bool {
		all, preserved := crowdAt(a)
		return all == 14 && preserved == 0
	})
	cleared := time.Since(began)
	t.Logf("18 are gone %.1f s after they were killed, %.1f s after the last of their leases can have expired", cleared.Seconds(),
		(cleared - clientTTL).Seconds())
	for _, a := range agents {
		if s := kept(t, a); s.Refused != 6 || s.Probed != 6 || !strings.Contains(s.Reason, "of 6 asked, 6 refused: the processes are gone") {
			t.Errorf("%s: %+v", a.name, s)
		}
		for id := range a.instances(clientService) {
			if !strings.HasPrefix(id, "81") {
				t.Errorf("%s still has %s", a.name, id)
			}
		}
	}
	everywhere(20*time.Second, "normal again", func(a *agent) bool { return len(scopes(a)) == 0 })
	t.Logf("normal %.1f s after they were killed; n1: %s", time.Since(began).Seconds(), kept(t, agents[0]).Reason)
	for _, a := range agents {
		if all, preserved := crowdAt(a); all != 14 || preserved != 0 {
			t.Errorf("%s: %d instances, %d preserved", a.name, all, preserved)
		}
	}
}
