package selfpreserve

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// crowd is 32 leases of 12 s that renew every 4 s, of which the first 18 fall silent at 20 s.
func crowd(t *testing.T, o Outcome) *world {
	t.Helper()
	w := newWorld(t, testConfig(1))
	w.grant("a", 32, Lease{Zone: "a", TTL: 12 * time.Second, Probe: true}, 4*time.Second)
	w.each("a", 32, func(c *client) { w.answers[c.key] = o })
	w.advance(20*time.Second, 100*time.Millisecond)
	w.silence("a", 18)
	return w
}

// Of 32, 18 die at once: more than may be silent. They are all gone a TTL after the last of them has renewed, none of
// the others is touched, and an interval later nothing is left of it.
func TestAMassCrashIsClearedWithinATTL(t *testing.T) {
	w := crowd(t, Refused)
	w.advance(12*time.Second+400*time.Millisecond, 100*time.Millisecond)
	w.wantEvicted(18)
	for key := range w.evicted {
		if key >= "a/018" {
			t.Fatalf("%s is alive, and was evicted", key)
		}
	}
	if s := w.scope("zone:a"); s.Lost != 0 || s.Expected != 14 || s.Evidence != (Tally{Probed: 18, Refused: 18}) {
		t.Fatalf("%+v", s)
	}
	w.advance(10*time.Second, 100*time.Millisecond)
	w.wantState("zone:a", Normal)
	last := w.k.History()[len(w.k.History())-1]
	if !strings.HasSuffix(last.Reason, "; of 18 asked, 18 refused: the processes are gone") {
		t.Fatalf("%+v", last)
	}
	w.advance(time.Minute, 100*time.Millisecond)
	w.wantEvicted(18)
}

func TestAMassCutKeepsEveryoneAndSaysSo(t *testing.T) {
	w := crowd(t, Nothing)
	w.advance(2*time.Minute, 100*time.Millisecond)
	w.wantEvicted(0)
	w.wantState("zone:a", Preserving)
	if s := w.scope("zone:a"); !strings.HasSuffix(s.Reason, "; of 18 asked, 0 refused, 18 did not answer: it looks like a cut") {
		t.Fatalf("reason %q", s.Reason)
	}
	w.revive("a", -1)
	w.advance(20*time.Second, 100*time.Millisecond)
	w.wantState("zone:a", Normal)
}

func TestWhatAcceptsIsKeptAndMarkedReachable(t *testing.T) {
	w := crowd(t, Connected)
	w.advance(time.Minute, 100*time.Millisecond)
	w.wantEvicted(0)
	if i, _ := w.k.Lookup("a/003"); !i.Preserved || !i.Reachable {
		t.Fatalf("%+v", i)
	}
	if s := w.scope("zone:a"); !strings.HasSuffix(s.Reason, "; of 18 asked, 0 refused, 18 accepted: the processes are alive, and their renewals do not arrive") {
		t.Fatalf("reason %q", s.Reason)
	}
	w.answers["a/003"] = Nothing // A cut has come on top.
	w.advance(10*time.Second, 100*time.Millisecond)
	if i, _ := w.k.Lookup("a/003"); i.Reachable {
		t.Fatal("it has not answered, and counts as reachable")
	}
	if s := w.scope("zone:a"); s.Evidence != (Tally{Probed: 18, Connected: 17, Unanswered: 1}) {
		t.Fatalf("%+v", s.Evidence)
	}
	w.k.Renew(w.now, "a/003")
	if i, _ := w.k.Lookup("a/003"); i.Preserved || i.Reachable {
		t.Fatalf("renewed, but %+v", i)
	}
}

// A crash in the middle of a cut: who refuses goes, the others are kept, and the fraction is theirs alone.
func TestRefusalsDoNotCountAsSilence(t *testing.T) {
	w := crowd(t, Nothing)
	w.each("a", 10, func(c *client) { w.answers[c.key] = Refused })
	w.advance(time.Minute, 100*time.Millisecond)
	w.wantEvicted(10)
	if s := w.scope("zone:a"); s.State != Preserving || s.Lost != 8 || s.Expected != 22 || s.Preserved != 8 {
		t.Fatalf("%+v", s)
	}
}

// Nobody is asked before it is preserved, nobody whose lease says that it cannot be, and nobody by a node that is unwell.
func TestOnlyThePreservedAreAsked(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 10, Lease{TTL: 12 * time.Second, Probe: true}, 4*time.Second)
	w.grant("b", 30, Lease{TTL: 12 * time.Second}, 4*time.Second)
	w.silence("a", 2)
	w.advance(time.Minute, 100*time.Millisecond)
	w.wantEvicted(2)
	if len(w.asked) > 0 {
		t.Fatalf("asked while nothing was preserved: %v", w.asked)
	}
	w.k.Hold(w.now, "test")
	w.silence("a", -1)
	w.silence("b", -1)
	w.advance(time.Minute, 100*time.Millisecond)
	if len(w.asked) > 0 {
		t.Fatalf("asked by a node that is unwell: %v", w.asked)
	}
	w.k.Release(w.now)
	w.advance(30*time.Second, 100*time.Millisecond)
	for _, a := range w.asked {
		if !strings.HasPrefix(a.Key, "a/") {
			t.Fatalf("%s was asked, which cannot be", a.Key)
		}
	}
	if len(w.asked) < 8 {
		t.Fatalf("%d of 8 were asked", len(w.asked))
	}
}

// Who renews while it is asked is alive, whatever the answer says that comes late.
func TestALateRefusalEvictsNobody(t *testing.T) {
	tests := map[string]func(w *world, key string){
		"renewed":            func(w *world, key string) { w.k.Renew(w.now, key) },
		"renewed and silent": func(w *world, key string) { w.k.Renew(w.now, key); w.advance(time.Minute, time.Second) },
		"registered anew": func(w *world, key string) {
			if err := w.k.Grant(w.now, key, Lease{TTL: time.Minute, Probe: true}); err != nil {
				w.t.Fatal(err)
			}
		},
		"the node was stopped": func(w *world, _ string) { w.k.Refresh(w.now) },
		"asked again":          func(w *world, _ string) { w.advance(20*time.Second, time.Second) },
		"the node is unwell":   func(w *world, _ string) { w.k.Hold(w.now, "test") },
		"gone":                 func(w *world, key string) { w.k.Drop(w.now, key) },
	}
	for name, meanwhile := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, testConfig(1))
			w.grant("a", 10, Lease{TTL: 30 * time.Second, Probe: true}, 0)
			w.advance(31*time.Second, time.Second)
			a := w.asked[0]
			clear(w.kept)
			meanwhile(w, a.Key)
			if w.k.Evidence(w.now, a.Key, a.Token, Refused) {
				t.Fatal("the answer was taken")
			}
			w.advance(10*time.Second, time.Second)
			w.wantEvicted(0)
			if got := w.k.Answers(); got.Refused != 1 || got.Probed < 10 {
				t.Fatalf("%+v", got)
			}
		})
	}
}

func TestAnAnswerIsTakenOnceAndInItsName(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 10, Lease{TTL: 30 * time.Second, Probe: true}, 0)
	w.advance(31*time.Second, time.Second)
	a, b := w.asked[0], w.asked[1]
	for _, wrong := range []struct {
		key   string
		token uint64
	}{{a.Key, b.Token}, {a.Key, 0}, {"nobody", a.Token}} {
		if w.k.Evidence(w.now, wrong.key, wrong.token, Refused) {
			t.Fatalf("taken: %+v", wrong)
		}
	}
	if !w.k.Evidence(w.now, a.Key, a.Token, Connected) || w.k.Evidence(w.now, a.Key, a.Token, Refused) {
		t.Fatal("not taken, or twice")
	}
	// Between the answer and the Step it may still renew.
	if !w.k.Evidence(w.now, b.Key, b.Token, Refused) {
		t.Fatal("not taken")
	}
	if next, _ := w.k.Next(); next > w.now {
		t.Fatalf("due at once, not at %v", next)
	}
	if r := w.k.Renew(w.now, b.Key); !r.Preserved {
		t.Fatalf("%+v", r)
	}
	delete(w.kept, b.Key)
	w.step()
	w.wantEvicted(0)
}

// Questions are put at a hundred a second, to each service at the pace of the others, and to nobody twice before everyone
// has been asked once.
func TestQuestionsArePacedAndFair(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 900, Lease{Zone: "a", TTL: 5 * time.Second, Probe: true}, 0)
	w.grant("z", 900, Lease{Zone: "a", TTL: 5 * time.Second, Probe: true}, 0)
	w.advance(5*time.Second, time.Second)
	w.asked = nil
	w.advance(4999*time.Millisecond, time.Second)
	a := 0
	for _, q := range w.asked {
		if strings.HasPrefix(q.Key, "a/") {
			a++
		}
	}
	if n := len(w.asked); n != 490 || a < 200 || a > 300 {
		t.Fatalf("%d asked in 5 s, %d of them of the first service", n, a)
	}
	w.advance(13*time.Second, time.Second)
	seen := map[string]bool{}
	for _, q := range w.asked {
		seen[q.Key] = true
	}
	if len(seen) != 1790 { // The first ten were asked before, and are not asked again.
		t.Fatalf("%d of 1800 were asked in 18 s", len(seen))
	}
}

func TestQuestionsKeepTheirBounds(t *testing.T) {
	questions := 0
	rapid.Check(t, func(t *rapid.T) {
		k := mustNew(t, drawConfig(t))
		now, unwell := Instant(0), false
		asked := map[*question[string]]Instant{}
		var rounds []Instant
		for _, o := range drawOps(t) {
			now += o.after
			stepTo(k, now, func(at Instant, actions []Action[string]) {
				for _, a := range actions {
					if a.Verb != Probe {
						continue
					}
					questions++
					l := k.leases.get(a.Key)
					if l == nil || !l.probe || !l.preserved || at < l.expires() || unwell {
						t.Fatalf("%v: %+v asked for", at, a)
					}
					if s := k.scopeOf(l); s.state != Preserving && (l.inherited || k.node.state != Preserving) {
						t.Fatalf("%v: %+v asked for, and nothing is preserved", at, a)
					}
					q := k.inquiry.about[l]
					if last, ok := asked[q]; ok && at-last < max(askAgain, l.ttl/2) {
						t.Fatalf("%v: %s asked again after %v", at, a.Key, at-last)
					}
					asked[q] = at
					if rounds = append(rounds, at); len(rounds) > askedInRound && at-rounds[len(rounds)-1-askedInRound] < askRound {
						t.Fatalf("%v: too many at once: %v", at, rounds)
					}
				}
			})
			apply(t, k, now, o)
			if o.kind == "hold" || o.kind == "release" {
				unwell = o.kind == "hold"
			}
		}
	})
	if questions == 0 {
		t.Fatal("no schedule asked anyone")
	}
}

// recountQuestions compares what is kept of the questions with the leases.
func recountQuestions(t *rapid.T, k *Keeper[string]) {
	n := &k.inquiry
	about := 0
	tallies := map[*scope[string]]Tally{}
	for l := range k.leases.all() {
		q := n.about[l]
		if (q != nil) != (l.preserved && l.probe) || l.found != Nothing && !l.preserved {
			t.Fatalf("%s: preserved %v, found %v, question %v", l.key, l.preserved, l.found, q)
		}
		if q == nil {
			continue
		}
		about++
		waits := slices.Contains(n.fresh, q) || slices.ContainsFunc(n.later, func(e timer[*question[string]]) bool { return e.item == q })
		if q.over || !waits {
			t.Fatalf("%s: its question is over %v, waits %v", l.key, q.over, waits)
		}
		if q.counted() {
			c := tallies[q.scope]
			c.Probed++
			if q.answered {
				c.add(q.found, 1)
			}
			tallies[q.scope] = c
		}
	}
	if about != len(n.about) {
		t.Fatalf("%d questions, want %d", len(n.about), about)
	}
	for s, want := range tallies { // What has been heard of, or has gone, counts besides.
		got := s.asked
		if got.Probed < want.Probed || got.Refused < want.Refused || got.Connected < want.Connected || got.Unanswered < want.Unanswered ||
			got.Probed-want.Probed != got.Refused+got.Connected+got.Unanswered-want.Refused-want.Connected-want.Unanswered {
			t.Fatalf("%s: %+v, of which %+v wait", s.name, got, want)
		}
	}
}

func TestTalliesReadAsWords(t *testing.T) {
	for _, c := range []struct {
		tally Tally
		want  string
	}{
		{Tally{}, ""},
		{Tally{Probed: 3}, ""},
		{Tally{Probed: 18, Refused: 2}, "of 18 asked, 2 refused"},
		{Tally{Probed: 18, Refused: 18}, "of 18 asked, 18 refused: the processes are gone"},
		{Tally{Probed: 18, Unanswered: 18}, "of 18 asked, 0 refused, 18 did not answer: it looks like a cut"},
		{Tally{Probed: 18, Refused: 9, Connected: 1, Unanswered: 8}, "of 18 asked, 9 refused, 1 accepted, 8 did not answer"},
	} {
		if got := c.tally.String(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.tally, got, c.want)
		}
	}
	for o, want := range map[Outcome]string{Nothing: "nothing", Connected: "connected", Refused: "refused", 9: "unknown"} {
		if fmt.Sprint(o) != want {
			t.Errorf("%d is %q, want %q", o, o, want)
		}
	}
}

// What was found in one episode is not counted in the next.
func TestEachEpisodeCountsAnew(t *testing.T) {
	w := crowd(t, Nothing)
	w.advance(time.Minute, 100*time.Millisecond)
	w.revive("a", -1)
	w.advance(30*time.Second, 100*time.Millisecond)
	w.wantState("zone:a", Normal)
	if s := w.scope("zone:a"); s.Evidence != (Tally{Probed: 18, Unanswered: 18}) {
		t.Fatalf("after the first: %+v", s.Evidence)
	}
	w.silence("a", 6)
	w.each("a", 6, func(c *client) { w.answers[c.key] = Refused })
	w.advance(20*time.Second, 100*time.Millisecond)
	w.wantEvicted(6)
	if s := w.scope("zone:a"); s.Evidence != (Tally{Probed: 6, Refused: 6}) {
		t.Fatalf("after the second: %+v", s.Evidence)
	}
}

// A node that was stopped between the answer and the eviction does not know who has renewed meanwhile.
func TestARefusalDoesNotOutliveAPause(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 10, Lease{TTL: 30 * time.Second, Probe: true}, 0)
	w.advance(31*time.Second, time.Second)
	if a := w.asked[0]; !w.k.Evidence(w.now, a.Key, a.Token, Refused) {
		t.Fatal("not taken")
	}
	w.now += time.Hour
	w.k.Refresh(w.now)
	if i, _ := w.k.Lookup(w.asked[0].Key); !i.Preserved || i.Reachable {
		t.Fatalf("%+v", i)
	}
	w.advance(40*time.Second, time.Second)
	w.wantEvicted(0)
}
