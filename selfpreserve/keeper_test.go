package selfpreserve

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestConfigReportsEveryProblem(t *testing.T) {
	if err := testConfig(1).Validate(); err != nil {
		t.Fatalf("the default is not valid: %v", err)
	}
	bad := Config[string]{Threshold: math.NaN(), MaxAge: -1, EvictFraction: 1.5, Pace: -time.Second}
	_, err := New(bad)
	if !errors.Is(err, ErrConfig) {
		t.Fatalf("got %v, want ErrConfig", err)
	}
	for _, field := range []string{"Threshold", "MinLost", "MaxAge", "EvictFraction", "Pace", "Compare", "Rand"} {
		if !strings.Contains(err.Error(), field+" is ") {
			t.Errorf("%s is not reported: %v", field, err)
		}
	}
}

func TestAnImpossibleLeaseChangesNothing(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 1, Lease{TTL: time.Second}, 0)
	for _, l := range []Lease{
		{}, {TTL: -1}, {TTL: math.MaxInt64}, {TTL: time.Second, Interval: -1}, {TTL: time.Second, Interval: math.MaxInt64},
	} {
		if err := w.k.Grant(0, "a/000", l); !errors.Is(err, ErrLease) {
			t.Errorf("%+v: got %v, want ErrLease", l, err)
		}
	}
	if i, ok := w.k.Lookup("a/000"); !ok || i.TTL != time.Second || w.k.Len() != 1 {
		t.Errorf("the lease has changed: %+v", i)
	}
}

func TestTheShortestAndTheLongestLeasesExpire(t *testing.T) {
	k, _ := New(testConfig(1))
	for key, l := range map[string]Lease{"short": {TTL: 1}, "late": {TTL: time.Second, Interval: maxTTL}, "long": {TTL: maxTTL}} {
		if err := k.Grant(0, key, l); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		at  Instant
		key string
	}{{1, "short"}, {time.Second, "late"}, {maxTTL, "long"}} {
		if got := k.Step(c.at - 1); len(got) != 0 {
			t.Errorf("%v: %v is too early", c.at-1, got)
		}
		if got := k.Step(c.at); len(got) != 1 || got[0].Key != c.key || got[0].Verb != Evict {
			t.Errorf("%v: got %v, want %s evicted", c.at, got, c.key)
		}
	}
}

func TestTimeNeverRunsBackwards(t *testing.T) {
	k, _ := New(testConfig(1))
	k.Step(time.Minute)
	if err := k.Grant(0, "a", Lease{TTL: time.Second}); err != nil {
		t.Fatal(err)
	}
	if got := k.Step(30 * time.Second); len(got) != 0 {
		t.Fatalf("expired before its time: %v", got)
	}
	if got := k.Step(time.Minute + time.Second); len(got) != 1 {
		t.Fatalf("got %v, want one eviction", got)
	}
}

// Whatever the phases: when leases renew every third of a TTL, all that are cut off are overdue before the first of them
// expires, and none is lost.
func TestACutOfHalfAZoneLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, testConfig(1))
		w.grant("a", 32, Lease{TTL: 30 * time.Second, Interval: 10 * time.Second}, 10*time.Second)
		w.each("a", -1, func(c *client) {
			c.next = time.Duration(rapid.IntRange(1, 10_000).Draw(t, "phase")) * time.Millisecond
		})
		w.advance(40*time.Second, time.Second)
		w.silence("a", 18)
		w.advance(time.Duration(rapid.IntRange(25, 600).Draw(t, "cut"))*time.Second, time.Second)
		w.revive("a", -1)
		w.advance(2*time.Minute, time.Second)
		if len(w.evicted) > 0 || len(w.kept) > 0 || w.k.Scopes()[2].State != Normal {
			t.Fatalf("evicted %v, still marked %v, %+v", w.evicted, w.kept, w.k.Scopes())
		}
	})
}

// Whatever the phases, TTLs and intervals: a cut of everything takes no more with it than the share that is tolerated, or
// one less than MinLost. (Of four leases, two may go before a third is overdue, and then two are too few to be a cut.)
func TestACutTakesNoMoreThanIsTolerated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := mustNew(t, testConfig(1))
		n := rapid.IntRange(5, 60).Draw(t, "leases")
		ttl := time.Duration(rapid.IntRange(5, 60).Draw(t, "ttl")) * time.Second
		for i := range n {
			at := time.Duration(rapid.IntRange(0, 1000).Draw(t, "phase")) * ttl / 1000
			interval := time.Duration(rapid.IntRange(100, 1000).Draw(t, "interval")) * ttl / 1000
			if err := k.Grant(0, strconv.Itoa(i), Lease{TTL: ttl, Interval: interval}); err != nil {
				t.Fatal(err)
			}
			l := k.leases.get(strconv.Itoa(i))
			l.base, l.renewed = at, at // as if renewed at its phase; its timer is early, which is allowed
		}
		gone := 0
		for now := Instant(0); now < 5*ttl; now += 100 * time.Millisecond {
			for _, a := range k.Step(now) {
				if a.Verb == Evict {
					gone++
				}
			}
		}
		if limit := max(2, n*15/100); gone > limit {
			t.Fatalf("%d of %d evicted, want at most %d", gone, n, limit)
		}
	})
}

func TestIntervalsAreLearnedWithinAFewRenewals(t *testing.T) {
	for _, every := range []time.Duration{5 * time.Second, 15 * time.Second, 25 * time.Second} {
		w := newWorld(t, testConfig(1))
		w.grant("a", 1, Lease{TTL: 30 * time.Second}, every)
		if i, _ := w.k.Lookup("a/000"); i.Interval != 15*time.Second {
			t.Fatalf("%v is expected at first, want half a TTL", i.Interval)
		}
		w.advance(20*every, time.Second)
		if i, _ := w.k.Lookup("a/000"); (i.Interval - every).Abs() > every/5 {
			t.Errorf("learned %v, want about %v", i.Interval, every)
		}
	}
}

// An outage, a pause of this node, or a client that renews twice in a row must not teach it anything.
func TestWhatIsNoIntervalIsNotLearned(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 1, Lease{TTL: 30 * time.Second}, 15*time.Second)
	w.advance(time.Minute, time.Second)
	w.k.Hold(w.now, "test")
	w.advance(time.Second, time.Second)
	w.silence("a", 1)
	w.advance(time.Minute, time.Second)
	w.k.Renew(w.now, "a/000")
	w.k.Release(w.now)
	w.k.Refresh(w.now + 20*time.Second)
	w.k.Renew(w.now+29*time.Second, "a/000")
	if i, _ := w.k.Lookup("a/000"); i.Interval != 15*time.Second {
		t.Fatalf("an outage taught it %v", i.Interval)
	}
	for now := w.now + 29*time.Second; now < w.now+time.Hour; now += 30*time.Second - time.Millisecond {
		w.k.Step(now)
		w.k.Renew(now, "a/000")
		w.k.Renew(now+time.Millisecond, "a/000")
	}
	if i, _ := w.k.Lookup("a/000"); i.Interval*3/2 < 30*time.Second {
		t.Fatalf("pairs of renewals taught it %v: it would be overdue between them", i.Interval)
	}
}

func TestAHeldNodeEvictsNothingAndAReleaseGivesAFreshTTL(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 20, Lease{TTL: 30 * time.Second, Zone: "a"}, 10*time.Second)
	w.grant("home", 1, Lease{TTL: 30 * time.Second, Inherited: true}, 0)
	w.advance(time.Minute-time.Second, time.Second)
	w.wantEvicted(1)
	w.grant("home", 1, Lease{TTL: 30 * time.Second, Inherited: true}, 0)
	w.silence("a", 1)
	w.k.Hold(w.now, "health score 2")
	w.advance(10*time.Minute, time.Second)
	w.wantEvicted(0)
	if s := w.scope(NodeScope); s.State != Preserving || s.Reason != "this node is unwell: health score 2" || s.Preserved != 1 {
		t.Fatalf("held, but shown as %+v", s)
	}
	w.k.Release(w.now)
	released := w.now
	w.advance(29*time.Second, time.Second)
	w.wantEvicted(0)
	w.advance(3*time.Second, time.Second)
	w.wantEvicted(2)
	if first := min(w.evicted["a/000"], w.evicted["home/000"]); first != released+30*time.Second {
		t.Fatalf("first evicted at %v, want a TTL after %v", first, released)
	}
	w.wantState(NodeScope, Normal)
}

func TestAfterAPauseEveryLeaseHasAFreshTTL(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 100, Lease{TTL: 30 * time.Second}, 10*time.Second)
	w.advance(time.Minute, time.Second)
	w.silence("a", -1)
	w.now += time.Hour // no ticks
	w.k.Refresh(w.now)
	w.revive("a", -1)
	w.silence("a", 1)
	w.advance(30*time.Second-time.Millisecond, time.Second)
	if len(w.actions) > 0 || len(w.k.History()) > 0 {
		t.Fatalf("acted on the pause: %v %v", w.actions, w.k.History())
	}
	w.advance(time.Millisecond, time.Second)
	w.wantEvicted(1)
}

// The mark tells peers that nobody has heard of it, and a pause of this node does not change that.
func TestAPauseDoesNotTakeTheMarkOffWhatIsPreserved(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.answers["a/001"] = Connected
	w.grant("a", 10, Lease{TTL: 30 * time.Second, Probe: true}, 0)
	w.advance(time.Minute, time.Second)
	w.k.Refresh(w.now)
	if i, _ := w.k.Lookup("a/001"); !i.Preserved || !i.Reachable || i.Overdue || i.Expired {
		t.Fatalf("after a pause: %+v", i)
	}
	if r := w.k.Renew(w.now, "a/000"); !r.Preserved {
		t.Fatalf("renewal %+v, want preserved", r)
	}
	if r := w.k.Renew(w.now, "a/000"); r.Preserved {
		t.Fatalf("second renewal %+v, want not preserved", r)
	}
	if n := w.scope("zone:").Preserved; n != 9 {
		t.Fatalf("%d preserved, want 9", n)
	}
}

// A lease that waits for the draw, is renewed, and comes to wait again before the next round is evicted once.
func TestALeaseIsDrawnOnce(t *testing.T) {
	c := testConfig(1)
	c.Pace, c.EvictFraction = 20*time.Second, 0.1 // four in the first round, three in the next
	w := newWorld(t, c)
	w.grant("a", 40, Lease{TTL: 2 * time.Second}, 500*time.Millisecond)
	w.advance(4*time.Second, 100*time.Millisecond)
	w.silence("a", 10)
	w.advance(10*time.Second, 100*time.Millisecond)
	w.each("a", 4, func(c *client) { c.silent, c.next = false, w.now })
	w.advance(4*time.Second, 100*time.Millisecond)
	w.wantEvicted(4)
	for key := range w.kept { // one of the two that wait; the other keeps the zone recovering
		w.k.Renew(w.now, key)
		delete(w.kept, key)
		break
	}
	w.advance(5*time.Minute, 100*time.Millisecond)
	w.wantEvicted(6)
	if s := w.scope("zone:"); w.k.Len() != 34 || s.Expected != 34 {
		t.Fatalf("%d leases, %d expected, want 34", w.k.Len(), s.Expected)
	}
}

// After a recovery no service loses more than its share in a round, and all of them together no more than theirs.
func TestEvictionAfterARecoveryIsPacedOverServices(t *testing.T) {
	c := testConfig(1)
	c.EvictFraction = 0.05
	c.Pace = 2 * time.Second
	w := newWorld(t, c)
	l := Lease{TTL: 10 * time.Second, Interval: 3 * time.Second}
	size := map[string]int{"big": 160, "mid": 30, "one": 10}
	for s, n := range size {
		w.grant(s, n, l, 3*time.Second)
	}
	w.advance(20*time.Second, time.Second)
	w.silence("big", -1)
	w.silence("mid", 6)
	w.silence("one", 3)
	w.advance(30*time.Second, time.Second)
	w.revive("big", 149)
	w.advance(2*time.Minute, 500*time.Millisecond)
	rounds := map[Instant]map[string]int{}
	for _, a := range w.actions {
		if a.Verb == Evict {
			if rounds[a.At] == nil {
				rounds[a.At] = map[string]int{}
			}
			rounds[a.At][a.Key[:3]]++
		}
	}
	w.wantEvicted(20)
	var times []Instant
	for at, by := range rounds {
		times = append(times, at)
		for s, n := range by {
			if n > max(1, size[s]*5/100) {
				t.Errorf("%v: %s lost %d of %d in one round", at, s, n, size[s])
			}
		}
		if n := by["big"] + by["mid"] + by["one"]; n > 10 {
			t.Errorf("%v: %d in one round", at, n)
		}
	}
	slices.Sort(times)
	for i := range times[1:] {
		if times[i+1]-times[i] < c.Pace {
			t.Errorf("rounds at %v and %v, closer than the pace", times[i], times[i+1])
		}
	}
	w.wantState("zone:", Normal)
}

// A second cut while the survivors of the first are being evicted stops that at once.
func TestASecondCutStopsARecovery(t *testing.T) {
	c := testConfig(1)
	c.EvictFraction = 0.005 // one a second
	w := newWorld(t, c)
	w.grant("a", 200, Lease{TTL: 10 * time.Second, Interval: 3 * time.Second}, 3*time.Second)
	w.advance(20*time.Second, time.Second)
	w.silence("a", 60)
	w.advance(20*time.Second, time.Second)
	w.revive("a", 32)
	w.advance(16*time.Second, 500*time.Millisecond)
	w.wantState("zone:", Recovering)
	if n := len(w.evicted); n == 0 || n > 4 {
		t.Fatalf("%d evicted before the second cut, want a few", n)
	}
	w.silence("a", -1)
	w.advance(time.Minute, 500*time.Millisecond)
	w.wantState("zone:", Preserving)
	if n := len(w.evicted); n > 10 || n+len(w.kept) != 200 {
		t.Fatalf("%d evicted, %d kept", n, len(w.kept))
	}
}

// What falls silent and expires during a recovery waits its turn like the survivors.
func TestEvictionIsPacedAsLongAsAScopeRecovers(t *testing.T) {
	w := newWorld(t, testConfig(1))
	l := Lease{TTL: 10 * time.Second, Interval: 3 * time.Second}
	w.grant("a", 90, l, 3*time.Second)
	w.grant("b", 10, l, 0)
	w.each("b", -1, func(c *client) { c.every, c.next, c.silent = 3*time.Second, 3*time.Second, false }) // in phase
	w.advance(20*time.Second, time.Second)
	w.silence("a", 30)
	w.advance(20*time.Second, time.Second)
	w.revive("a", 20)
	w.advance(8*time.Second, 500*time.Millisecond)
	w.wantState("zone:", Recovering)
	w.silence("b", 4)
	w.advance(time.Minute, 500*time.Millisecond)
	w.wantEvicted(14)
	at := map[Instant]int{}
	for key, t := range w.evicted {
		if strings.HasPrefix(key, "b/") {
			at[t]++
		}
	}
	if len(at) != 4 {
		t.Fatalf("four of b went in %d rounds", len(at))
	}
}

func TestEqualityWithTheToleratedShareIsTolerated(t *testing.T) {
	for _, c := range []struct {
		threshold   float64
		lost, total int
		want        bool
	}{
		{0.9, 1, 10, false},
		{0.9, 2, 10, true},
		{0.85, 3, 20, false},
		{0.85, 4, 20, true},
		{0.7, 3, 10, false},
		{0.6, 4_000_000, 10_000_000, false},
		{0.6, 4_000_001, 10_000_000, true},
		{0, 10, 10, false},
		{1, 1, 1_000_000, true},
		{1, 0, 10, false},
	} {
		if got := (rule{c.threshold, 1}).forbids(c.lost, c.total); got != c.want {
			t.Errorf("%d of %d at %v: forbids is %v", c.lost, c.total, c.threshold, got)
		}
	}
}

func TestTransitionsOfOneInstantAreInTheOrderOfNames(t *testing.T) {
	w := newWorld(t, testConfig(1))
	for _, zone := range []string{"c", "a", "d", "b"} {
		w.grant(zone, 5, Lease{TTL: 30 * time.Second, Zone: zone}, 0)
	}
	w.advance(time.Minute, time.Second)
	var got []string
	for _, h := range w.k.History() {
		got = append(got, h.Scope)
	}
	if want := []string{"zone:a", "zone:b", "zone:c", "zone:d"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// The hysteresis of inherited leases is that of those that are there, not of one that was.
func TestTheIntervalOfFormerInheritedLeasesIsForgotten(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("slow", 1, Lease{TTL: time.Hour, Inherited: true}, 0)
	w.drop("slow", 1)
	w.grant("home", 4, Lease{TTL: 10 * time.Second, Inherited: true}, 0)
	w.k.SetDatacenter(w.now, Datacenter{Unclaimed: 4, Registrations: 10})
	w.advance(20*time.Second, time.Second)
	w.wantState(DatacenterScope, Preserving)
	w.k.SetDatacenter(w.now, Datacenter{Unclaimed: 1, Registrations: 10})
	w.advance(5*time.Second, time.Second)
	w.wantState(DatacenterScope, Recovering)
}

func TestAnInheritedLeaseBecomesOnesOwn(t *testing.T) {
	w := newWorld(t, testConfig(1))
	l := Lease{TTL: 30 * time.Second, Zone: "a", Inherited: true}
	w.grant("x", 3, l, 0)
	w.advance(20*time.Second, time.Second)
	if r := w.k.Renew(w.now, "x/000"); !r.Inherited || !r.Known {
		t.Fatalf("renewal %+v, want known and inherited", r)
	}
	if r := w.k.Adopt(w.now, "x/001"); !r.Inherited || r.Preserved {
		t.Fatalf("adoption %+v, want inherited", r)
	}
	l.Inherited = false
	if err := w.k.Grant(w.now, "x/002", l); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"x/000": DatacenterScope, "x/001": "zone:a", "x/002": "zone:a"}
	for key, i := range w.k.All() {
		if i.Scope != want[key] || i.Zone != "a" || i.LastRenewal != w.now || i.Service != "x" && i.Service != "" {
			t.Errorf("%s: %+v, want scope %s", key, i, want[key])
		}
	}
	if s := w.scope("zone:a"); s.Expected != 2 {
		t.Errorf("zone expects %d, want 2", s.Expected)
	}
	if r := w.k.Adopt(w.now, "nobody"); r.Known {
		t.Error("adopted a lease that does not exist")
	}
}

func TestAllIsInTheOrderOfKeys(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("b", 3, Lease{TTL: time.Minute}, 0)
	w.grant("a", 3, Lease{TTL: time.Minute}, 0)
	var got []string
	for key := range w.k.All() {
		if got = append(got, key); len(got) == 5 {
			break
		}
	}
	if want := []string{"a/000", "a/001", "a/002", "b/000", "b/001"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestHistoryAndTableAreBounded(t *testing.T) {
	w := newWorld(t, testConfig(1))
	for range 100 {
		w.k.Hold(w.now, "test")
		w.now += time.Second
		w.k.Release(w.now)
		w.now += time.Second
		w.step()
	}
	h := w.k.History()
	if len(h) != maxHistory || h[0].At >= h[len(h)-1].At || h[len(h)-1].At < 198*time.Second {
		t.Fatalf("%d transitions, %v to %v, want the last %d", len(h), h[0].At, h[len(h)-1].At, maxHistory)
	}
	// A client that registers anew all the time, each time with another TTL and zone, leaves nothing behind.
	for i := range 10_000 {
		l := Lease{TTL: time.Hour >> (i % 20), Zone: strconv.Itoa(i), Service: strconv.Itoa(i), Inherited: i%2 == 0}
		if err := w.k.Grant(w.now, "one", l); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.k.timers) > 128 || len(w.k.zones) != 1 || len(w.k.services) != 1 || w.k.leases.len() != 1 {
		t.Fatalf("%d timers, %d zones, %d services", len(w.k.timers), len(w.k.zones), len(w.k.services))
	}
	w.k.Drop(w.now, "one")
	w.step()
	if len(w.k.zones) != 0 || len(w.k.services) != 0 || w.k.leases.len() != 0 || len(w.k.node.census) != 0 {
		t.Fatal("something is left of the last lease")
	}
}

func TestDropOfTheEvictedTakesThemOffBothSides(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 10, Lease{TTL: 30 * time.Second}, 10*time.Second)
	w.advance(10*time.Second, time.Second)
	w.silence("a", 1)
	w.advance(35*time.Second, time.Second)
	if s := w.scope("zone:"); s.Lost != 1 || s.Expected != 10 {
		t.Fatalf("lost %d of %d, want the evicted one on both sides", s.Lost, s.Expected)
	}
	if _, ok := w.k.Lookup("a/000"); ok {
		t.Fatal("what is evicted is still a lease")
	}
	if w.k.Drop(w.now, "a/000") || w.k.Drop(w.now, "nobody") || !w.k.Drop(w.now, "a/001") {
		t.Fatal("Drop reports the wrong ones as known")
	}
	if s := w.scope("zone:"); s.Lost != 0 || s.Expected != 8 {
		t.Fatalf("lost %d of %d, want 0 of 8", s.Lost, s.Expected)
	}
}

func TestRenewalAllocatesNothing(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 100, Lease{TTL: 30 * time.Second}, 0)
	now := w.now
	if n := testing.AllocsPerRun(1000, func() {
		now += time.Second
		w.k.Renew(now, "a/042")
	}); n != 0 {
		t.Fatalf("%v allocations a renewal", n)
	}
}
