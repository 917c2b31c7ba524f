package wan

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/serf/serf"
)

// member is a record as Serf gives it, of the gateway "dc/name" with that incarnation and links.
func member(t *testing.T, id string, incarnation uint64, s serf.MemberStatus, links ...string) serf.Member {
	t.Helper()
	dc, name, _ := strings.Cut(id, "/")
	tags, err := card{name: name, datacenter: dc, Meta: Meta{Incarnation: incarnation, HTTP: "h:1"}}.tags(links)
	if err != nil {
		t.Fatal(err)
	}
	return serf.Member{
		Name: lifeName(dc, name, incarnation), Addr: net.IPv4(10, 0, 0, byte(incarnation)), Port: 7946, Tags: tags, Status: s,
	}
}

// Each step is what Serf knows then; what follows is what the view makes of a/x, and the events.
func TestViewShowsTheLifeThatCounts(t *testing.T) {
	const alive, failed, left, leaving = serf.StatusAlive, serf.StatusFailed, serf.StatusLeft, serf.StatusLeaving
	self := member(t, "a/self", 1, alive)
	x := func(inc uint64, s serf.MemberStatus, links ...string) serf.Member {
		return member(t, "a/x", inc, s, links...)
	}
	view := &View{}
	for i, step := range []struct {
		serf   []serf.Member
		state  State
		inc    uint64
		events string
		others int
	}{
		{[]serf.Member{x(3, failed)}, StateFailed, 3, "", 0}, // Never seen alive.
		{[]serf.Member{x(3, alive)}, StateAlive, 3, "joined", 0},
		{[]serf.Member{x(3, leaving)}, StateAlive, 3, "", 0},
		{[]serf.Member{x(3, alive, "a/self")}, StateAlive, 3, "updated", 0},
		{[]serf.Member{x(3, alive, "a/self"), x(5, alive)}, StateAlive, 5, "joined", 1},
		{[]serf.Member{x(5, alive), x(3, failed)}, StateAlive, 5, "", 0},
		{[]serf.Member{x(3, alive), x(5, failed)}, StateAlive, 3, "joined", 0}, // It was the older one that lived.
		{[]serf.Member{x(3, failed), x(5, failed)}, StateFailed, 5, "failed", 0},
		{[]serf.Member{x(5, left)}, StateLeft, 5, "left", 0},
		{[]serf.Member{x(6, alive)}, StateAlive, 6, "joined", 0},
		{nil, 0, 0, "", 0}, // Forgotten.
	} {
		now := time.Unix(int64(i), 0)
		var lives []life
		for _, m := range append(step.serf, self) {
			l, ok := readLife(m, now)
			if !ok {
				t.Fatalf("step %d: %+v is no gateway", i, m)
			}
			lives = append(lives, l)
		}
		next, events, others := newView(view, self.Name, lives)
		var kinds []string
		for _, e := range events {
			kinds = append(kinds, e.Kind.String())
		}
		m, _ := next.Get("a/x")
		if m.State != step.state || m.Incarnation != step.inc || strings.Join(kinds, " ") != step.events || len(others) != step.others {
			t.Errorf("step %d: %v in life %d, events %v, %d others; want %+v", i, m.State, m.Incarnation, kinds, len(others), step)
		}
		if was, ok := view.Get("a/x"); ok && was.State == m.State && was.Incarnation == m.Incarnation && !was.Since.Equal(m.Since) {
			t.Errorf("step %d: it has been so since %v, not since %v", i, was.Since, m.Since)
		}
		if i == 3 && (!slices.Equal(m.Links, []string{"a/self"}) || !m.LinkedTo("a") || m.LinkedTo("b")) {
			t.Errorf("links %v", m.Links)
		}
		view = next
	}
}

func TestStatesAndKindsHaveWords(t *testing.T) {
	for want, got := range map[string]string{
		"alive": StateAlive.String(), "left": StateLeft.String(), "failed": StateFailed.String(), "joined": EventJoined.String(),
		"updated": EventUpdated.String(), "conflict": EventConflict.String(), "up": LinkUp.String(), "down": LinkDown.String(),
		"none": plainSecurity.String(), "gossip key": aeadSecurity.String(), "TLS": tlsSecurity.String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
