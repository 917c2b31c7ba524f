package lan

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"pgregory.net/rapid"

	"github.com/musterhq/muster/gossip/host"
)

// book is a roster with a hand for its news.
type book struct {
	*roster
	now time.Time
}

func newBook() *book {
	return &book{newRoster(lifeID("self", 1), host.NewMailbox[Event]()), time.Unix(1000, 0)}
}

func (b *book) up(name string, inc uint64, port uint16) []*life {
	b.now = b.now.Add(time.Second)
	n := &memberlist.Node{Name: lifeID(name, inc), Addr: net.IPv4(10, 0, 0, 1), Port: port}
	_, _, others := b.alive(n.Name, name, n, card{Meta: Meta{Incarnation: inc}, datacenter: "dc1"}, b.now)
	return others
}

func (b *book) down(name string, inc uint64) {
	b.now = b.now.Add(time.Second)
	b.gone(lifeID(name, inc), name, b.now)
}

func (b *book) word(name string, inc uint64) { b.leaving(lifeID(name, inc), name) }

// told is the events since the last call, as "joined 2".
func (b *book) told() (out []string) {
	for _, e := range b.events.Take() {
		out = append(out, fmt.Sprint(e.Kind, " ", e.Member.Incarnation))
	}
	return out
}

func TestEventsAreTheChangesOfWhatANameStandsFor(t *testing.T) {
	for _, c := range []struct {
		name   string
		news   func(*book)
		events []string
		state  State
		inc    uint64
	}{
		{"fails", func(b *book) { b.up("n", 1, 1); b.down("n", 1) }, []string{"joined 1", "failed 1"}, StateFailed, 1},
		{
			"leaves", func(b *book) { b.up("n", 1, 1); b.word("n", 1); b.down("n", 1) },
			[]string{"joined 1", "left 1"},
			StateLeft, 1,
		},
		{
			"its word comes late", func(b *book) { b.up("n", 1, 1); b.down("n", 1); b.word("n", 1) },
			[]string{"joined 1", "failed 1", "left 1"},
			StateLeft, 1,
		},
		{
			"its word survives an update", func(b *book) { b.up("n", 1, 1); b.word("n", 1); b.up("n", 1, 1); b.down("n", 1) },
			[]string{"joined 1", "left 1"},
			StateLeft, 1,
		},
		{
			"comes back", func(b *book) { b.up("n", 1, 1); b.down("n", 1); b.up("n", 1, 1) },
			[]string{"joined 1", "failed 1", "joined 1"},
			StateAlive, 1,
		},
		{
			"restarts before its death is known", func(b *book) { b.up("n", 1, 1); b.up("n", 2, 2); b.down("n", 1) },
			[]string{"joined 1", "joined 2"},
			StateAlive, 2,
		},
		{
			"old life is heard of late", func(b *book) { b.up("n", 2, 2); b.up("n", 1, 1); b.down("n", 1) },
			[]string{"joined 2"},
			StateAlive, 2,
		},
		{
			"old life is heard of after the new one failed",
			func(b *book) { b.up("n", 2, 2); b.down("n", 2); b.up("n", 1, 1); b.down("n", 1) },
			[]string{"joined 2", "failed 2", "joined 1", "failed 2"},
			StateFailed, 2,
		},
		{
			"twin goes and the first stays", func(b *book) { b.up("n", 1, 1); b.up("n", 2, 2); b.word("n", 2); b.down("n", 2) },
			[]string{"joined 1", "joined 2", "joined 1"},
			StateAlive, 1,
		},
		{
			"same news twice", func(b *book) { b.up("n", 1, 1); b.up("n", 1, 1); b.down("n", 1); b.down("n", 1) },
			[]string{"joined 1", "failed 1"},
			StateFailed, 1,
		},
		{"news of the unknown", func(b *book) { b.down("n", 1); b.word("n", 1) }, nil, 0, 0},
		{
			"forgotten", func(b *book) { b.up("n", 1, 1); b.down("n", 1); _ = b.forget("n"); b.down("n", 1) },
			[]string{"joined 1", "failed 1"},
			0, 0,
		},
	} {
		b := newBook()
		c.news(b)
		if got := b.told(); !slices.Equal(got, c.events) {
			t.Errorf("%s: events %q, want %q", c.name, got, c.events)
		}
		m, _ := b.members().Get("n")
		if m.State != c.state || m.Incarnation != c.inc {
			t.Errorf("%s: ends as %v of %d", c.name, m.State, m.Incarnation)
		}
	}
}

func TestOtherLivesAreThoseAliveElsewhere(t *testing.T) {
	b := newBook()
	b.up("n", 1, 1)
	if others := b.up("n", 2, 1); len(others) != 0 {
		t.Error("a restart in place is suspicious")
	}
	if others := b.up("n", 3, 2); len(others) != 2 {
		t.Errorf("%d others, want both lives at the first port", len(others))
	}
	b.down("n", 1)
	b.down("n", 2)
	if others := b.up("n", 3, 2); len(others) != 0 {
		t.Error("the dead are suspicious")
	}
}

func TestSinceIsWhenTheStateBegan(t *testing.T) {
	b := newBook()
	b.up("n", 1, 1)
	joined := b.now
	b.up("n", 1, 1)
	if m, _ := b.members().Get("n"); !m.Since.Equal(joined) {
		t.Errorf("since %v, want %v", m.Since, joined)
	}
	b.down("n", 1)
	if m, _ := b.members().Get("n"); !m.Since.Equal(b.now) {
		t.Errorf("since %v, want %v", m.Since, b.now)
	}
}

func TestDepartedMembersAreForgottenByAgeAndByNumber(t *testing.T) {
	b := newBook()
	b.up("self", 1, 9)
	b.down("self", 1)
	const extra = 10
	for i := range maxDeparted + extra {
		name := fmt.Sprint("n", i)
		b.up(name, 1, uint16(i))
		b.down(name, 1)
	}
	b.up("living", 1, 1)
	b.forgetBefore(time.Time{})
	if got := len(b.members().All()); got != maxDeparted+2 {
		t.Errorf("%d members, want %d departed, one alive and this one", got, maxDeparted)
	}
	if _, ok := b.members().Get("n9"); ok {
		t.Error("the longest gone is still there")
	}
	b.forgetBefore(b.now.Add(time.Second))
	if got := len(b.members().All()); got != 2 {
		t.Errorf("%d members, want one alive and this one", got)
	}
	if err := b.forget("living"); !errors.Is(err, ErrAlive) {
		t.Errorf("forget: %v", err)
	}
}

// Whatever the news and its order: one member a name, sorted, and the state that events add up to is the state shown.
func TestEventsAddUpToTheView(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBook()
		sum := map[string]State{}
		for range rapid.IntRange(0, 40).Draw(t, "news") {
			name := rapid.SampledFrom([]string{"a", "b", "self"}).Draw(t, "name")
			inc := rapid.Uint64Range(1, 3).Draw(t, "incarnation")
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0, 1:
				b.up(name, inc, uint16(inc))
			case 2:
				b.down(name, inc)
			case 3:
				b.word(name, inc)
			}
		}
		for _, e := range b.events.Take() {
			if e.Member.Name == "self" && lifeID("self", e.Member.Incarnation) == b.self {
				t.Fatalf("an event about this node: %+v", e)
			}
			sum[e.Member.Name] = e.Member.State
		}
		v := b.members()
		for _, m := range v.All() {
			if m.Name != "self" && sum[m.Name] != m.State {
				t.Fatalf("%s is %v, the events say %v", m.Name, m.State, sum[m.Name])
			}
			if (v.target[m.Name] != nil) != (m.State == StateAlive) {
				t.Fatalf("%s is %v and can be sent to: %v", m.Name, m.State, v.target[m.Name])
			}
		}
		if len(b.names["a"]) > 3 || len(v.All()) > 3 {
			t.Fatal("more lives than there were")
		}
	})
}

func BenchmarkViewAfterOneChange(b *testing.B) {
	for _, size := range []int{10, 100, 1000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			k := newBook()
			for i := range size {
				k.up(fmt.Sprint("n", i), 1, uint16(i))
			}
			b.ReportAllocs()
			for b.Loop() {
				k.version.Add(1)
				k.members()
			}
		})
	}
}

func BenchmarkViewUnchanged(b *testing.B) {
	k := newBook()
	k.up("n", 1, 1)
	b.ReportAllocs()
	for b.Loop() {
		k.members()
	}
}
