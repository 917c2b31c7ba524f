package spread

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog/causal"
)

func drawRoster(t *rapid.T) *roster {
	r := &roster{}
	for range rapid.IntRange(1, 60).Draw(t, "members") {
		r.add(Member{
			ID:   fmt.Sprint("n", rapid.IntRange(0, 80).Draw(t, "id")),
			Zone: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"),
		})
	}
	for range rapid.IntRange(0, 10).Draw(t, "departures") {
		if len(r.order) > 1 {
			r.remove(r.order[rapid.IntRange(0, len(r.order)-1).Draw(t, "departed")].ID)
		}
	}
	return r
}

func TestRosterIsSortedWithoutRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRoster(t)
		if !slices.IsSortedFunc(r.order, Member.compare) || len(r.order) != len(r.zone) {
			t.Fatalf("%v, %v", r.order, r.zone)
		}
		for i, m := range r.order {
			if r.index(m.ID) != i || r.zone[m.ID] != m.Zone {
				t.Fatalf("%v is not at %d", m, i)
			}
		}
	})
}

func TestEveryTreeReachesEveryMemberOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRoster(t)
		root := r.order[rapid.IntRange(0, len(r.order)-1).Draw(t, "root")].ID
		k := rapid.IntRange(1, 255).Draw(t, "k")
		parents := map[string]int{}
		for _, m := range r.order {
			children := r.children(root, m.ID, k)
			if len(children) > k {
				t.Fatalf("%d children", len(children))
			}
			for _, c := range children {
				parents[c]++
			}
		}
		for _, m := range r.order {
			if want := 1; m.ID == root && parents[m.ID] != 0 || m.ID != root && parents[m.ID] != want {
				t.Fatalf("%s has %d parents in the tree of %s", m.ID, parents[m.ID], root)
			}
		}
		if r.children("stranger", root, k) != nil || r.children(root, "stranger", k) != nil || r.children(root, root, 0) != nil {
			t.Fatal("a stranger, or nobody's fanout, has children")
		}
	})
}

func TestSampleDrawsDifferentOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRoster(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		self, avoid := r.order[0].ID, rapid.SampledFrom([]string{r.order[0].ID, r.order[len(r.order)-1].ID, "stranger"}).Draw(t, "avoid")
		n := rapid.IntRange(0, 5).Draw(t, "n")
		others := 0
		for _, m := range r.order {
			if m.ID != self && m.ID != avoid {
				others++
			}
		}
		got := r.sample(rng, n, self, avoid)
		distinct := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(got) != min(n, others) || len(distinct) != len(got) || slices.Contains(got, self) || slices.Contains(got, avoid) {
			t.Fatalf("%d of %d: %v", n, others, got)
		}
	})
}

func TestPackKeepsEveryDeltaInOrderWithinTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(256, 2000).Draw(t, "limit")
		n := rapid.IntRange(0, 6).Draw(t, "frames")
		frames := make([]Frame, 0, n)
		for i := range n {
			f := Frame{Origin: causal.Origin{Node: fmt.Sprint("dc1/", i), Incarnation: 1 << 40}}
			seq := uint64(0)
			for range rapid.IntRange(1, 20).Draw(t, "deltas") {
				seq += rapid.Uint64Range(1, 1<<33).Draw(t, "gap")
				f.Deltas = append(f.Deltas, Delta{seq, make([]byte, rapid.IntRange(0, 700).Draw(t, "length"))})
			}
			frames = append(frames, f)
		}
		want := dots(frames)
		var got []causal.Dot
		for _, p := range pack(frames, limit) {
			inside := dots(p.Frames)
			if len(inside) == 0 {
				t.Fatal("an empty packet")
			}
			if size := Size(p); size > limit && len(inside) > 1 {
				t.Fatalf("%d bytes in a packet of %d deltas, limit %d", size, len(inside), limit)
			}
			got = append(got, inside...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func dots(frames []Frame) []causal.Dot {
	var out []causal.Dot
	for _, f := range frames {
		for _, d := range f.Deltas {
			out = append(out, causal.Dot{Origin: f.Origin, Seq: d.Seq})
		}
	}
	return out
}

func TestCacheKeepsTheNewestWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cache{maxDots: rapid.IntRange(1, 8).Draw(t, "dots"), maxBytes: rapid.IntRange(64, 2000).Draw(t, "bytes"), maxAge: 100}
		now := Instant(0)
		for range rapid.IntRange(1, 100).Draw(t, "adds") {
			now += Instant(rapid.IntRange(0, 30).Draw(t, "pause"))
			o := causal.Origin{Node: strconv.Itoa(rapid.IntRange(0, 3).Draw(t, "origin"))}
			var deltas []Delta
			for seq := uint64(0); len(deltas) == 0 || len(deltas) < 12 && rapid.Bool().Draw(t, "more"); {
				seq += rapid.Uint64Range(1, 10).Draw(t, "step")
				deltas = append(deltas, Delta{seq, bytes.Repeat([]byte{byte(now)}, rapid.IntRange(0, 300).Draw(t, "length"))})
			}
			c.add(now, Frame{Origin: o, Deltas: deltas}, rapid.Bool().Draw(t, "own"))
			last := deltas[len(deltas)-1]
			body, held := c.body(causal.Dot{Origin: o, Seq: last.Seq})
			if fits := cost(last.Body) <= c.maxBytes; held && fits && !bytes.Equal(body, last.Body) || !held && fits {
				t.Fatalf("the newest, of %d bytes, is not held, or not with its body", len(last.Body))
			}
			c.expire(now)
			n, size, stale := 0, 0, 0
			for o, r := range c.by {
				dots := 0
				for _, b := range r.batches {
					dots += len(b.deltas)
					for _, d := range b.deltas {
						size += cost(d.Body)
					}
				}
				if dots == 0 || dots != r.dots || dots > c.maxDots || r.origin != o {
					t.Fatalf("%v: %d dots in batches, %d counted", o, dots, r.dots)
				}
				n += dots
				if run := c.newest(o, 4); run.Last != 0 {
					for s := run.First; s <= run.Last; s++ {
						if _, held := c.body(causal.Dot{Origin: o, Seq: s}); !held {
							t.Fatalf("%v is said to be held, %d is not", run, s)
						}
					}
				}
			}
			for _, b := range c.queue {
				if b.gone {
					stale++
				}
			}
			if n != c.len || size != c.bytes || size > c.maxBytes || stale != c.stale || len(c.queue) > 2*n+130 {
				t.Fatalf("%d and %d bytes, counted %d and %d; queue of %d, %d of them stale", n, size, c.len, c.bytes, len(c.queue), stale)
			}
		}
		for range 3 {
			now = max(now, c.expires) + 1
			c.expire(now + 200)
		}
		if c.len != 0 || c.bytes != 0 || len(c.by) != 0 {
			t.Fatalf("not empty in the end: %+v", c)
		}
	})
}

func TestLacksStaySortedDisjointAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lacks
		missing := map[causal.Dot]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "adds") {
			o := causal.Origin{Node: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "node")}
			first := rapid.Uint64Range(1, 30).Draw(t, "first")
			r := causal.Range{First: first, Last: first + rapid.Uint64Range(0, 10).Draw(t, "length")}
			due := Instant(rapid.IntRange(1, 100).Draw(t, "due"))
			source := rapid.SampledFrom([]string{"", "x", "y", "z", "v", "w"}).Draw(t, "source")
			l.add(Span{o, r}, []string{source}, due)
			for _, k := range l.list {
				if l.next > k.due {
					t.Fatalf("next is %v, after %v", l.next, k.due)
				}
			}
			for s := r.First; s <= r.Last; s++ {
				missing[causal.Dot{Origin: o, Seq: s}] = true
			}
		}
		n := 0
		for i, k := range l.list {
			n += int(k.span.Range.Last - k.span.Range.First + 1)
			if len(k.sources) > maxSources || slices.Contains(k.sources, "") {
				t.Fatalf("sources %q", k.sources)
			}
			if i == 0 {
				continue
			}
			p := l.list[i-1].span
			if c := p.Origin.Compare(k.span.Origin); c > 0 || c == 0 && p.Range.Last >= k.span.Range.First {
				t.Fatalf("%v before %v", p, k.span)
			}
		}
		if n != len(missing) {
			t.Fatalf("%d dots tracked, %d are missing: %+v", n, len(missing), l.list)
		}
		for _, k := range l.list {
			for s := k.span.Range.First; s <= k.span.Range.Last; s++ {
				if !missing[causal.Dot{Origin: k.span.Origin, Seq: s}] {
					t.Fatalf("%d of %v is tracked and not missing", s, k.span)
				}
			}
		}
	})
}

func TestAnnouncementsKeepWithinTheirRateInTheLongRun(t *testing.T) {
	const rate, burst = 1000, 5000
	n := news{tokens: burst}
	now, spent := Instant(0), 0
	for now < 100e9 {
		if at := n.refill(now, rate, burst); at > now {
			now = at
			continue
		}
		n.tokens -= 700
		spent += 700
		now += 1e6
	}
	if want := burst + 100*rate; spent < want*9/10 || spent > want+700 {
		t.Fatalf("spent %d bytes in 100 s, allowed are %d", spent, want)
	}
	if n.refill(now+1<<60, rate, burst); n.tokens != burst {
		t.Fatalf("%d tokens after a long silence", n.tokens)
	}
}

func TestAnnouncementsNameTheNewestRunsOfAnOrigin(t *testing.T) {
	var n news
	o := causal.Origin{Node: "a"}
	for seq := uint64(2); seq <= 2000; seq += 2 {
		n.add(o, causal.Range{First: seq, Last: seq})
		if runs := n.dots.Ranges(o); len(runs) > 4*newsRuns || runs[len(runs)-1].Last != seq {
			t.Fatalf("%d runs, the last %v", len(runs), runs[len(runs)-1])
		}
	}
	n.add(o, causal.Range{})
	n.add(causal.Origin{Node: "b"}, causal.Range{})
	if n.dots.Len() != 1 {
		t.Fatal("a range that names nothing was taken in")
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	err := Config{MaxPacket: 9, FlatMax: 256, Fanout: -1, WantTries: 17, SyncIn: -4, Quiet: -1, HeadDelays: [3]Instant{2, 1, 3}}.Validate()
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("%v", err)
	}
	for _, name := range []string{"Self", "Rand", "Store", "MaxPacket", "FlatMax", "Fanout", "WantTries", "SyncIn", "Quiet", "HeadDelays"} {
		if !strings.Contains(err.Error(), name+" ") {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
	if e, err := New(Config{}); e != nil || !errors.Is(err, ErrConfig) {
		t.Fatalf("%v, %v", e, err)
	}
}

func TestDigestTravelsIn16Bytes(t *testing.T) {
	d := Digest{State: 0x0102030405060708, Vector: 0x090a0b0c0d0e0f10}
	b, err := d.AppendBinary(nil)
	if want := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}; err != nil || !bytes.Equal(b, want) {
		t.Fatalf("%x, %v", b, err)
	}
	if got, err := ParseDigest(b); got != d || err != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, b[:15], append(b, 0)} {
		if _, err := ParseDigest(bad); !errors.Is(err, ErrDigest) {
			t.Fatalf("%d bytes: %v", len(bad), err)
		}
	}
}

func TestKindsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for k := range Kinds + 3 {
		seen[k.String()] = true
	}
	if len(seen) != int(Kinds) {
		t.Fatalf("%v", seen)
	}
}
