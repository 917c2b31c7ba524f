package balance

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Unix(0, 0)

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

func targets(weights ...int) (out []Target) {
	for i, w := range weights {
		out = append(out, Target{ID: string(rune('a' + i)), Weight: w, Healthy: true})
	}
	return out
}

// picks is the ids of n picks, each of which is answered at once.
func picks(b *Balancer, now time.Time, n int) string {
	var out []string
	for range n {
		t, ok := b.Pick(now)
		if !ok {
			return "none"
		}
		b.Report(now, t.ID, Success)
		out = append(out, t.ID)
	}
	return strings.Join(out, "")
}

func TestPoliciesChooseInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		policy  Policy
		weights []int
		want    string
	}{
		{Weighted, []int{5, 1, 1}, "aabacaa"},
		{Weighted, []int{2, 2}, "abab"},
		{Weighted, []int{0, -3}, "abab"},
		{Weighted, []int{7}, "aaa"},
	} {
		b := New(Config{Policy: tc.policy})
		b.Update(targets(tc.weights...))
		if got := picks(b, start, len(tc.want)); got != tc.want {
			t.Errorf("weights %v: %s, want %s", tc.weights, got, tc.want)
		}
	}
	b := New(Config{Rand: seeded(1)})
	b.Update(targets(1, 9, 1))
	if got := picks(b, start, 6); !strings.Contains("abcabcabc", got) {
		t.Errorf("round robin takes %s", got)
	}
}

// Over many picks each gets its share, whatever the policy; round robin gives equal ones.
func TestSharesAreThoseOfTheWeights(t *testing.T) {
	t.Parallel()
	for _, policy := range []Policy{RoundRobin, Weighted, Random, TwoChoices} {
		b := New(Config{Policy: policy, Rand: seeded(7)})
		b.Update(targets(1, 2, 5))
		const n = 80_000
		count := map[string]float64{}
		open := []string{}
		for range n { // 64 requests are under way at any time
			p, _ := b.Pick(start)
			count[p.ID]++
			if open = append(open, p.ID); len(open) > 64 {
				b.Report(start, open[0], Success)
				open = open[1:]
			}
		}
		want := map[string]float64{"a": n / 8, "b": n / 4, "c": n * 5 / 8}
		if policy == RoundRobin {
			want = map[string]float64{"a": n / 3, "b": n / 3, "c": n / 3}
		}
		for id, w := range want {
			if tolerance := 0.05 * n; math.Abs(count[id]-w) > tolerance {
				t.Errorf("policy %d: %s is picked %v times, want %v", policy, id, count[id], w)
			}
		}
	}
}

func TestTwoChoicesKeepTheLongestQueueShort(t *testing.T) {
	t.Parallel()
	longest := func(policy Policy) (most int) {
		b := New(Config{Policy: policy, Rand: seeded(3)})
		b.Update(targets(slices.Repeat([]int{1}, 20)...))
		for range 2000 { // none of which is answered
			if _, ok := b.Pick(start); !ok {
				t.Fatal("none")
			}
		}
		for _, m := range b.all {
			most = max(most, m.outstanding)
		}
		return most
	}
	if two, random := longest(TwoChoices), longest(Random); two > 104 || random < 115 {
		t.Errorf("of 100 each the longest queue has %d by two choices, %d at random", two, random)
	}
}

func TestOwnZoneIsPreferredWhileItHasEnough(t *testing.T) {
	t.Parallel()
	b := New(Config{Zone: "a"})
	set := func(healthyOwn int) {
		var all []Target
		for i := range 4 {
			all = append(all, Target{ID: fmt.Sprintf("a%d", i), Zone: "a", Healthy: i < healthyOwn}, Target{ID: fmt.Sprintf("b%d", i), Zone: "b", Healthy: true})
		}
		b.Update(all)
	}
	for own, away := range map[int]bool{4: false, 3: false, 2: false, 1: true, 0: true} {
		set(own)
		if got := strings.Contains(picks(b, start, 16), "b"); got != away {
			t.Errorf("with %d of 4 healthy in the zone others are chosen: %v", own, got)
		}
	}
	set(2)
	for range 5 { // Failures count as much as what the registry says.
		b.Report(start, "a0", Failure)
	}
	if !strings.Contains(picks(b, start, 16), "b") {
		t.Error("with one of 4 usable in the zone no other is chosen")
	}
}

func TestTargetThatFailsIsEjectedForLongerEachTime(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	b.Update(targets(1, 1, 1, 1))
	now := start
	fail := func(id string, n int) {
		for range n {
			b.Report(now, id, Failure)
		}
	}
	fail("a", 4)
	b.Report(now, "a", Success)
	fail("a", 4)
	b.Report(now, "a", Neutral)
	if got := b.Ejected(now); got != nil {
		t.Errorf("ejected %v without five failures in a row", got)
	}
	for _, lasts := range []time.Duration{30 * time.Second, 60 * time.Second, 90 * time.Second} {
		fail("a", 5)
		if strings.Contains(picks(b, now, 16), "a") {
			t.Error("it is picked while it is ejected")
		}
		now = now.Add(lasts - 1)
		if strings.Contains(picks(b, now, 16), "a") {
			t.Errorf("it is back before %v", lasts)
		}
		now = now.Add(1)
		if !strings.Contains(picks(b, now, 16), "a") {
			t.Errorf("it is not back after %v", lasts)
		}
	}
	now = now.Add(6 * time.Minute)
	fail("a", 5)
	now = now.Add(30 * time.Second)
	if !strings.Contains(picks(b, now, 16), "a") {
		t.Error("its past is not forgotten")
	}
	off := New(Config{Ejection: Ejection{Off: true}})
	off.Update(targets(1, 1))
	for range 100 {
		off.Report(now, "a", Failure)
	}
	if off.Ejected(now) != nil {
		t.Error("it is off")
	}
}

// Those that are out may be all that is left: then half of them are back, those first whose time ends first.
func TestEjectedTargetsComeBackWhenTheOthersHaveGone(t *testing.T) {
	t.Parallel()
	b := New(Config{})
	b.Update(targets(1, 1, 1, 1))
	for i, id := range []string{"b", "a"} {
		for range 5 {
			b.Report(start.Add(time.Duration(i)*time.Second), id, Failure)
		}
	}
	now := start.Add(2 * time.Second)
	if got := picks(b, now, 8); strings.ContainsAny(got, "ab") {
		t.Errorf("picked %s", got)
	}
	b.Update(targets(1, 1))
	if got := picks(b, now, 4); got != "bbbb" {
		t.Errorf("picked %s of two that are both out", got)
	}
}

func TestAnotherTryGoesToAnotherTarget(t *testing.T) {
	t.Parallel()
	for _, policy := range []Policy{RoundRobin, Weighted, Random, TwoChoices} {
		b := New(Config{Policy: policy, Zone: "a"})
		b.Update([]Target{{ID: "a", Zone: "a", Healthy: true, Weight: 99}, {ID: "b", Zone: "b", Healthy: true}, {ID: "c", Zone: "b"}})
		for range 20 {
			if p, ok := b.PickBut(start, "a"); !ok || p.ID != "b" {
				t.Errorf("instead of a: %v", p)
			}
			if p, ok := b.PickBut(start, "a", "b"); !ok || p.ID == "c" {
				t.Errorf("with all healthy ones tried: %v, %v", p, ok)
			}
		}
	}
}

// Whatever happens: a pick is a healthy target of the latest update, there is one if there can be one, at most half of the
// healthy are out, and the same seed gives the same picks.
func TestLawsOfPicking(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			Policy: Policy(rapid.IntRange(0, 3).Draw(t, "policy")), Zone: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "zone"),
			Ejection: Ejection{Failures: rapid.IntRange(1, 3).Draw(t, "failures")},
		}
		cfg.Rand = seeded(5)
		b := New(cfg)
		cfg.Rand = seeded(5)
		twin := New(cfg)
		now := start
		var latest []Target
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				latest = nil
				for i := range 6 {
					if rapid.Bool().Draw(t, "there") {
						latest = append(latest, Target{
							ID: string(rune('a' + i)), Zone: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "in"),
							Weight: rapid.IntRange(0, 9).Draw(t, "weight"), Healthy: rapid.Bool().Draw(t, "healthy"),
						})
					}
				}
				b.Update(latest)
				twin.Update(latest)
			case 1, 2, 3, 4:
				id := string(rune('a' + rapid.IntRange(0, 6).Draw(t, "who")))
				outcome := Outcome(rapid.IntRange(0, 2).Draw(t, "outcome"))
				b.Report(now, id, outcome)
				twin.Report(now, id, outcome)
			default:
				healthy := slices.DeleteFunc(slices.Clone(latest), func(t Target) bool { return !t.Healthy })
				p, ok := b.Pick(now)
				if ok != (len(healthy) > 0) {
					t.Fatalf("picked: %v, with %d healthy", ok, len(healthy))
				}
				if ok && !slices.ContainsFunc(healthy, func(h Target) bool { return h.ID == p.ID }) {
					t.Fatalf("picked %s, which is not healthy", p.ID)
				}
				if out := b.Ejected(now); 2*len(out) > len(healthy) || slices.Contains(out, p.ID) {
					t.Fatalf("%v are ejected of %d, and %s is picked", out, len(healthy), p.ID)
				}
				if other, _ := twin.Pick(now); other != p {
					t.Fatalf("picked %v, and with the same seed %v", p, other)
				}
			}
		}
	})
}

func BenchmarkPick(b *testing.B) {
	for name, policy := range map[string]Policy{"round robin": RoundRobin, "weighted": Weighted, "random": Random, "two choices": TwoChoices} {
		b.Run(name, func(b *testing.B) {
			lb := New(Config{Policy: policy})
			var all []Target
			for i := range 100 {
				all = append(all, Target{ID: strconv.Itoa(i), Healthy: true})
			}
			lb.Update(all)
			b.ReportAllocs()
			for b.Loop() {
				p, _ := lb.Pick(start)
				lb.Report(start, p.ID, Success)
			}
		})
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	lb := New(Config{Policy: TwoChoices})
	lb.Update(targets(1, 1, 1))
	if testing.AllocsPerRun(100, func() {
		p, _ := lb.Pick(start)
		lb.Report(start, p.ID, Success)
	}) != 0 {
		t.Error("it does")
	}
}
