package selfpreserve

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Each test here is a defect of Eureka's rule, reported by its users, that must not exist.

// Eureka assumes one renewal interval for all clients; another one disables the rule or leaves it on for good.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/373
func TestEachLeaseIsHeldToItsOwnInterval(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute} {
		for _, declared := range []bool{true, false} {
			w := newWorld(t, testConfig(1))
			l := Lease{TTL: 90 * time.Second}
			if declared {
				l.Interval = every
			}
			w.grant("a", 20, l, every)
			w.advance(30*time.Minute, time.Second)
			if h := w.k.History(); len(h) > 0 || len(w.actions) > 0 {
				t.Fatalf("every %v, declared %v: healthy clients made it act: %v %v", every, declared, h, w.actions)
			}
			w.silence("a", 10)
			w.advance(4*time.Minute, time.Second)
			w.wantState("zone:", Preserving)
			if every < time.Minute {
				w.wantEvicted(0)
			} else {
				// Two thirds of a TTL leave too little time between overdue and expired to see the whole cut first, but what
				// goes before is never more than the share that is tolerated.
				w.wantEvicted(3)
			}
		}
	}
}

// With heartbeats every 10 s, Eureka lets 72% of the fleet vanish before it reacts; here 16% is enough at any interval,
// and 15% is not.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/373
func TestFractionsAreOfLeasesNotOfHeartbeats(t *testing.T) {
	for _, every := range []time.Duration{5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute} {
		for lost, want := range map[int]State{15: Normal, 16: Preserving} {
			w := newWorld(t, testConfig(1))
			w.grant("a", 100, Lease{TTL: 3 * every, Interval: every}, every)
			w.advance(2*every, time.Second)
			w.silence("a", lost)
			w.advance(4*every, time.Second)
			w.wantState("zone:", want)
			if want == Preserving {
				w.wantEvicted(0)
			} else {
				w.wantEvicted(lost)
			}
		}
	}
}

// Eureka compares counts of whole minutes, and notices a cut one to two minutes later.
// https://github.com/Netflix/eureka/wiki/Server-Self-Preservation-Mode
func TestReactionTakesOneAndAHalfIntervals(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 40, Lease{TTL: 30 * time.Second, Interval: 10 * time.Second}, 10*time.Second)
	w.advance(time.Minute, time.Second)
	cut := w.now
	w.silence("a", -1)
	w.advance(time.Minute, 100*time.Millisecond)
	h := w.k.History()
	if len(h) != 1 || h[0].To != Preserving {
		t.Fatalf("history %v, want one transition to preserving", h)
	}
	if d := h[0].At - cut; d > 15*time.Second {
		t.Fatalf("reacted %v after the cut, want at most 1.5 intervals", d)
	}
	w.wantEvicted(0)
}

// Eureka's protection trips at one silent instance among six, and is always on for one to five healthy ones: the red
// banner on every developer's machine.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/3934
func TestOneSilentOfAnyNumberIsEvictedAtItsTTL(t *testing.T) {
	const tick = 500 * time.Millisecond
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 12, 50, 200} {
		w := newWorld(t, testConfig(1))
		w.grant("a", n, Lease{TTL: 30 * time.Second}, 10*time.Second)
		w.advance(5*time.Minute, tick)
		if h := w.k.History(); len(h) > 0 {
			t.Fatalf("%d healthy: %v", n, h)
		}
		w.silence("a", 1)
		info, _ := w.k.Lookup("a/000")
		w.advance(2*time.Minute, tick)
		w.wantEvicted(1)
		if late := w.evicted["a/000"] - info.LastRenewal - 30*time.Second; late < 0 || late > tick {
			t.Fatalf("one of %d: evicted %v after its TTL", n, late)
		}
		if h := w.k.History(); len(h) > 0 {
			t.Fatalf("one silent of %d: %v", n, h)
		}
	}
}

// Eureka's lease expires after twice its duration.
// https://github.com/Netflix/eureka/issues/531
// A dead instance stays for four to five minutes.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/3652
func TestExpiryIsExactlyOneTTLAfterTheLastRenewal(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 1, Lease{TTL: 90 * time.Second, Interval: 30 * time.Second}, 0)
	w.now = 7 * time.Second
	w.k.Renew(w.now, "a/000")
	w.now += 90*time.Second - 1
	w.step()
	w.wantEvicted(0)
	w.now++
	w.step()
	w.wantEvicted(1)
}

// Eureka protects all or nothing, and mistakes a few dead instances for a partition of everything.
// https://www.fahimfarook.me/2017/12/03/the-mystery-of-eureka-self-preservation.html
func TestAPreservedZoneDoesNotStopEvictionElsewhere(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 50, Lease{TTL: 30 * time.Second, Zone: "a"}, 10*time.Second)
	w.grant("b", 10, Lease{TTL: 30 * time.Second, Zone: "b"}, 10*time.Second)
	w.advance(time.Minute, time.Second)
	w.silence("a", -1)
	w.advance(time.Minute, time.Second)
	w.silence("b", 1)
	w.advance(time.Minute, time.Second)
	w.wantState("zone:a", Preserving)
	w.wantState("zone:b", Normal)
	w.wantState(NodeScope, Normal)
	w.wantEvicted(1)
}

// Scaling down makes Eureka enter protection and stay there; the advice is to switch it off and on by hand.
// https://github.com/Netflix/eureka/issues/1267
func TestScalingDownNeverTrips(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 100, Lease{TTL: 30 * time.Second}, 10*time.Second)
	for range 9 {
		w.advance(7*time.Second, time.Second)
		w.drop("a", 10)
	}
	w.advance(5*time.Minute, time.Second)
	if h := w.k.History(); len(h) > 0 || len(w.actions) > 0 {
		t.Fatalf("deregistration made it act: %v %v", h, w.actions)
	}
	if s := w.scope("zone:"); s.Expected != 10 || s.Lost != 0 {
		t.Fatalf("expected %d, lost %d, want 10 and 0", s.Expected, s.Lost)
	}
}

// A loop of kill -9 and restart inflates Eureka's threshold (65 instances, threshold 368) until the server restarts.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/2407
// https://github.com/Netflix/eureka/issues/1247
func TestKillLoopsDoNotDistort(t *testing.T) {
	const loops = 60
	for _, sameID := range []bool{true, false} {
		w := newWorld(t, testConfig(1))
		w.grant("a", 65, Lease{TTL: 30 * time.Second}, 10*time.Second)
		w.advance(time.Minute, time.Second)
		for i := range loops {
			name := "loop"
			if !sameID {
				name = fmt.Sprintf("loop%d", i)
			}
			w.grant(name, 1, Lease{TTL: 30 * time.Second, Service: "loop"}, 10*time.Second)
			w.advance(12*time.Second, time.Second)
			w.silence(name, 1)
			if got := w.scope("zone:").Expected; got > 65+8 {
				t.Fatalf("same id %v: %d expected after %d kills", sameID, got, i+1)
			}
		}
		w.advance(2*time.Minute, time.Second)
		if h := w.k.History(); len(h) > 0 {
			t.Fatalf("same id %v: %v", sameID, h)
		}
		if s := w.scope("zone:"); s.Expected != 65 || s.Lost != 0 || w.k.Len() != 65 {
			t.Fatalf("same id %v: expected %d, lost %d, want 65 and 0", sameID, s.Expected, s.Lost)
		}
		before := len(w.evicted)
		w.silence("a", 1)
		w.advance(time.Minute, time.Second)
		w.wantEvicted(before + 1)
		w.silence("a", 20)
		w.advance(time.Minute, time.Second)
		w.wantState("zone:", Preserving)
	}
}

// A loop of kills among instances of a short TTL, in a zone of long ones, must not pile up what it leaves behind: the
// youngest dead are always most of those that can have shown yet, the older ones are judged among all.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/2407
func TestKillLoopsOfShortLeasesDoNotPileUp(t *testing.T) {
	w := newWorld(t, testConfig(1))
	w.grant("a", 200, Lease{TTL: 30 * time.Second}, 10*time.Second)
	w.advance(time.Minute, time.Second)
	for i := range 300 {
		w.grant(fmt.Sprintf("loop%d", i), 1, Lease{TTL: 2 * time.Second, Service: "loop"}, 0)
		w.advance(2*time.Second, time.Second)
		if n := w.k.Len() - 200; n > 25 {
			t.Fatalf("%d dead leases are kept after %d kills", n, i+1)
		}
	}
	w.advance(3*time.Minute, time.Second)
	w.wantState("zone:", Normal)
	if w.k.Len() != 200 {
		t.Fatalf("%d leases, want 200", w.k.Len())
	}
}

// Eureka has no hysteresis and gives no reason but a red banner.
// https://github.com/spring-cloud/spring-cloud-netflix/issues/3934
func TestAFlutterAroundTheThresholdIsOneEpisodeWithAReason(t *testing.T) {
	w := newWorld(t, testConfig(1))
	l := Lease{TTL: 30 * time.Second, Interval: 10 * time.Second}
	w.grant("a", 96, l, 10*time.Second)
	w.grant("late", 4, l, 10*time.Second)
	w.advance(time.Minute, time.Second)
	w.silence("a", 15)
	// Each of the late ones is overdue for 3 s of its 18 s, one after the other: 15 and 16 of 100 are lost by turns.
	w.each("late", -1, func(c *client) { c.every = 18 * time.Second; c.next = w.now + c.every*time.Duration(c.key[7]-'0')/4 })
	seen := map[int]bool{}
	for range 600 {
		w.advance(500*time.Millisecond, 500*time.Millisecond)
		if w.now > 2*time.Minute {
			seen[w.scope("zone:").Lost] = true
		}
	}
	if len(seen) != 2 || !seen[15] || !seen[16] {
		t.Fatalf("lost was %v, the flutter is not there", seen)
	}
	h := w.k.History()
	if len(h) != 1 {
		t.Fatalf("%d transitions, want 1: %v", len(h), h)
	}
	want := Transition{
		At: h[0].At, Scope: "zone:", From: Normal, To: Preserving, Lost: 16, Total: 100,
		Reason: "16 of 100 leases are silent, more than 15%",
	}
	if h[0] != want {
		t.Fatalf("got %+v, want %+v", h[0], want)
	}
	w.wantEvicted(0)
}

// What Eureka keeps it returns as healthy for ever.
// https://www.fahimfarook.me/2017/12/03/the-mystery-of-eureka-self-preservation.html
func TestWhatIsKeptIsMarkedAndBounded(t *testing.T) {
	c := testConfig(1)
	c.MaxAge = 10 * time.Minute
	w := newWorld(t, c)
	w.grant("a", 20, Lease{TTL: 30 * time.Second}, 10*time.Second)
	w.advance(time.Minute, time.Second)
	w.silence("a", -1)
	w.advance(time.Minute, time.Second)
	if len(w.kept) != 20 || w.scope("zone:").Preserved != 20 {
		t.Fatalf("%d marked, %d counted, want 20", len(w.kept), w.scope("zone:").Preserved)
	}
	for _, i := range w.k.All() {
		if !i.Preserved || !i.Expired || i.LastRenewal > time.Minute {
			t.Fatalf("not shown as preserved since its last renewal: %+v", i)
		}
	}
	w.advance(8*time.Minute, time.Second)
	w.wantEvicted(0)
	w.advance(2*time.Minute, time.Second)
	w.wantEvicted(20)
	if r := w.actions[len(w.actions)-1].Reason; !strings.Contains(r, "longest allowed") {
		t.Fatalf("reason %q", r)
	}
}

// Eureka does not look at its peers: a dead peer's instances are merely silent. Here the leases of a dead home are judged
// by what the whole data centre has lost, and two dead nodes by what the members have.
// https://github.com/Netflix/eureka/issues/1490
func TestDeadHomesArePartOfTheRule(t *testing.T) {
	for _, c := range []struct {
		facts    Datacenter
		embedded bool
		kept     bool
	}{
		{Datacenter{Unclaimed: 15, Registrations: 100, DeadNodes: 1, Nodes: 3}, false, false},
		{Datacenter{Unclaimed: 16, Registrations: 100, DeadNodes: 1, Nodes: 3}, false, true},
		{Datacenter{Unclaimed: 2, Registrations: 4, DeadNodes: 1, Nodes: 3}, false, false},
		{Datacenter{Unclaimed: 90, Registrations: 100, DeadNodes: 1, Nodes: 3}, true, false},
		{Datacenter{Unclaimed: 0, Registrations: 100, DeadNodes: 2, Nodes: 3}, true, true},
		{Datacenter{Unclaimed: 0, Registrations: 100, DeadNodes: 2, Nodes: 20}, true, false},
	} {
		w := newWorld(t, testConfig(1))
		w.grant("own", 20, Lease{TTL: 30 * time.Second}, 10*time.Second)
		w.grant("home", 10, Lease{TTL: 30 * time.Second, Inherited: true, Embedded: c.embedded}, 0)
		w.k.SetDatacenter(w.now, c.facts)
		w.advance(time.Minute, time.Second)
		if c.kept {
			w.wantState(DatacenterScope, Preserving)
			w.wantEvicted(0)
		} else {
			w.wantState(DatacenterScope, Normal)
			w.wantEvicted(10)
		}
		w.wantState(NodeScope, Normal)
	}
}
