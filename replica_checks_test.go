package muster_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// permanent registers count permanent instances of a service at a node, with those checks.
func (w *world) permanent(at, service string, count int, checks ...muster.Check) []muster.Key {
	w.t.Helper()
	var keys []muster.Key
	for i := range count {
		inst := &muster.Instance{
			Service: service, ID: fmt.Sprintf("%s-%03d", service, i), Address: "10.0.0.1", Permanent: true,
			Checks: append([]muster.Check(nil), checks...),
		}
		stored, _, err := w.reps[at].Register(w.moment(), inst, false)
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, stored.Key())
	}
	return keys
}

// report reports every instance's check at a node.
func (w *world) report(at string, keys []muster.Key, check string, status muster.CheckStatus) {
	w.t.Helper()
	for _, k := range keys {
		err := w.reps[at].Report(w.moment(), muster.CheckReport{Key: k, Check: check, Status: status, Output: "said at " + at})
		if err != nil {
			w.t.Fatalf("at %v: report of %v at %s: %v", w.now, k, at, err)
		}
	}
}

// reporting reports every so often for that long.
func (w *world) reporting(at string, keys []muster.Key, check string, every, d time.Duration) {
	w.t.Helper()
	for end := w.now + d; w.now < end; {
		w.report(at, keys, check, muster.CheckPassing)
		w.run(every)
	}
}

// statuses checks how many instances of a service each living node has, and how many of them are UP.
func (w *world) statuses(service string, n, up int) {
	w.t.Helper()
	for _, name := range w.order {
		if w.dead[name] {
			continue
		}
		gotN, gotUp := 0, 0
		for _, i := range w.reps[name].Catalog().Lookup("default", service).Instances() {
			gotN++
			if i.Status == muster.StatusUp {
				gotUp++
			}
		}
		if gotN != n || gotUp != up {
			w.t.Fatalf("at %v: %s has %d instances of %s, %d UP; want %d and %d", w.now, name, gotN, service, gotUp, n, up)
		}
	}
}

func probed() muster.Check {
	return muster.Check{ID: "c", HTTP: "http://10.0.0.1/health", Interval: 2 * time.Second, Timeout: time.Second}
}

func ttl(id string, d time.Duration) muster.Check { return muster.Check{ID: id, TTL: d} }

func TestACriticalCheckIsDownEverywhereAndTheInstanceStays(t *testing.T) {
	w := newWorld(t, 101, 3)
	w.permanent("n2", "s", 5, probed())
	w.run(5 * time.Second)
	w.statuses("s", 5, 5)
	if w.ran["n1"] > 0 || w.ran["n3"] > 0 {
		t.Fatalf("checks run at %v, want at their home alone", w.ran)
	}
	w.answer = func(string, *muster.Check) muster.CheckStatus { return muster.CheckCritical }
	w.run(3 * time.Second)
	w.statuses("s", 5, 0)
	w.run(10 * time.Minute)
	w.statuses("s", 5, 0)
	w.answer = func(string, *muster.Check) muster.CheckStatus { return muster.CheckWarning }
	w.run(3 * time.Second)
	w.statuses("s", 5, 5)
	w.agree()
}

func TestEqualResultsAreNotWritten(t *testing.T) {
	w := newWorld(t, 102, 2)
	w.permanent("n1", "s", 10, probed())
	w.run(20 * time.Second)
	before := w.reps["n1"].Catalog().Index()
	w.run(5 * time.Minute)
	if now := w.reps["n1"].Catalog().Index(); now != before {
		t.Fatalf("the index moved from %d to %d while every check found the same", before, now)
	}
}

func TestTheHeirOfADeadHomeGoesOnWithItsChecks(t *testing.T) {
	w := newWorld(t, 103, 4)
	keys := w.permanent("n1", "s", 20, probed())
	ttls := w.permanent("n1", "t", 20, ttl("c", 10*time.Second))
	w.run(100 * time.Millisecond)
	w.reporting("n2", ttls, "c", 2*time.Second, 10*time.Second)
	w.kill("n1")
	w.run(detect + time.Second)
	for _, k := range append(keys, ttls...) {
		inst, _ := w.reps["n2"].Catalog().Get(k)
		if inst == nil || inst.Home == id("n1") {
			t.Fatalf("a second after the death: %+v", inst)
		}
	}
	w.ran = map[string]int{}
	w.reporting("n3", ttls, "c", 2*time.Second, 20*time.Second)
	w.statuses("s", 20, 20)
	w.statuses("t", 20, 20)
	total := w.ran["n2"] + w.ran["n3"] + w.ran["n4"]
	if total < 20*9 || total > 20*11 {
		t.Fatalf("%d runs in 20 s, want about 200: %v", total, w.ran)
	}
	w.answer = func(string, *muster.Check) muster.CheckStatus { return muster.CheckCritical }
	w.run(3 * time.Second)
	w.statuses("s", 20, 0)
	w.agree()
}

func TestAHomeThatLeavesHandsItsChecksOver(t *testing.T) {
	w := newWorld(t, 104, 3)
	w.permanent("n1", "s", 10, probed())
	w.run(5 * time.Second)
	w.reps["n1"].Handover(w.moment())
	w.collect()
	w.kill("n1")
	w.run(time.Second)
	w.ran = map[string]int{}
	w.run(10 * time.Second)
	if total := w.ran["n2"] + w.ran["n3"]; total < 40 || total > 50 {
		t.Fatalf("%d runs in 10 s, of which the first begins within 2 s, want 40 to 50: %v", total, w.ran)
	}
	w.statuses("s", 10, 10)
}

func TestOneSilentTTLCheckIsCriticalAndStays(t *testing.T) {
	w := newWorld(t, 105, 3)
	keys := w.permanent("n1", "s", 10, ttl("c", 4*time.Second))
	w.reporting("n1", keys, "c", time.Second, 5*time.Second)
	w.reporting("n2", keys[1:], "c", time.Second, 6*time.Second)
	w.statuses("s", 10, 9)
	for _, name := range w.order {
		inst, _ := w.reps[name].Catalog().Get(keys[0])
		if got := inst.Results[0].Output; got != "TTL expired (last output before timeout follows): said at n1" {
			t.Errorf("%s has the output %q", name, got)
		}
	}
	before := w.reps["n1"].Catalog().Index()
	w.reporting("n2", keys[1:], "c", time.Second, time.Minute)
	if now := w.reps["n1"].Catalog().Index(); now != before {
		t.Errorf("the index moved from %d to %d while nothing changed", before, now)
	}
	w.report("n3", keys[:1], "c", muster.CheckPassing)
	w.run(time.Second)
	w.statuses("s", 10, 10)
	w.agree()
}

func TestMassSilenceOfTTLChecksKeepsThemAsTheyWere(t *testing.T) {
	w := newWorld(t, 106, 3)
	keys := w.permanent("n1", "s", 32, ttl("c", 4*time.Second))
	w.reporting("n1", keys, "c", time.Second, 10*time.Second)
	w.reporting("n1", keys[:14], "c", time.Second, time.Minute)
	w.statuses("s", 32, 32)
	w.want("s", 32, 18)
	w.reporting("n2", keys, "c", time.Second, 3*time.Second)
	w.want("s", 32, 0)
	w.statuses("s", 32, 32)
	w.agree()
}

func TestOneOfTwoTTLChecksThatFallsSilentIsCritical(t *testing.T) {
	w := newWorld(t, 107, 2)
	keys := w.permanent("n1", "s", 8, ttl("a", 4*time.Second), ttl("b", 4*time.Second))
	w.reporting("n1", keys, "a", time.Second, 10*time.Second)
	w.statuses("s", 8, 0)
}

func TestReportsThatReachAnotherNodeGoToTheHome(t *testing.T) {
	w := newWorld(t, 108, 3)
	keys := w.permanent("n1", "s", 4, ttl("c", 4*time.Second))
	w.run(100 * time.Millisecond)
	w.report("n3", keys, "c", muster.CheckCritical)
	w.run(time.Second)
	w.statuses("s", 4, 0)
	inst, _ := w.reps["n2"].Catalog().Get(keys[0])
	if inst.Home != id("n1") || inst.Results[0].Output != "said at n3" {
		t.Errorf("home %s, results %+v", inst.Home, inst.Results)
	}
	w.kill("n1")
	w.run(detect + 10*time.Millisecond)
	w.report("n2", keys, "c", muster.CheckPassing)
	w.run(time.Second)
	w.statuses("s", 4, 4)
}

func TestWhatCannotBeReported(t *testing.T) {
	w := newWorld(t, 109, 2)
	keys := w.permanent("n1", "s", 1, probed(), ttl("t", time.Minute))
	w.run(time.Second)
	for _, tc := range []struct {
		key   muster.Key
		check string
		want  error
	}{
		{keys[0], "c", muster.ErrNotTTL},
		{keys[0], "d", muster.ErrNotFound},
		{muster.Key{Namespace: "default", Service: "s", ID: "x"}, "c", muster.ErrNotFound},
	} {
		for _, at := range w.order {
			err := w.reps[at].Report(w.moment(), muster.CheckReport{Key: tc.key, Check: tc.check, Status: muster.CheckPassing})
			if !errors.Is(err, tc.want) {
				t.Errorf("report of %s of %s at %s: %v, want %v", tc.check, tc.key, at, err, tc.want)
			}
		}
	}
}

func TestAnInstanceIsDeregisteredWhenItHasBeenCriticalForLongEnough(t *testing.T) {
	w := newWorld(t, 110, 3)
	c := probed()
	c.DeregisterAfter = time.Second // Taken for a minute.
	w.permanent("n1", "s", 3, c)
	w.permanent("n1", "stays", 3, probed())
	w.answer = func(string, *muster.Check) muster.CheckStatus { return muster.CheckCritical }
	w.run(50 * time.Second)
	w.statuses("s", 3, 0)
	w.run(15 * time.Second)
	w.statuses("s", 0, 0)
	w.statuses("stays", 3, 0)
	w.agree()
}

func TestAHomeThatWasCutOffKnowsBetterThanAnHeirThatSawNothing(t *testing.T) {
	w := newWorld(t, 111, 3)
	c := probed()
	c.DeregisterAfter = 10 * time.Minute
	w.permanent("n1", "s", 4, c)
	w.run(5 * time.Second)
	w.answer = func(node string, _ *muster.Check) muster.CheckStatus {
		if node != "n1" {
			return muster.CheckCritical
		}
		return muster.CheckPassing
	}
	w.split("n1")
	w.run(30 * time.Second)
	w.answer = nil
	w.heal("n1")
	w.run(10 * time.Second)
	w.statuses("s", 4, 4)
	w.agree()
}

func TestAnAliasRepeatsWhatTheOthersChecksFind(t *testing.T) {
	w := newWorld(t, 112, 3)
	w.permanent("n1", "s", 1, probed())
	w.permanent("n2", "twin", 1, muster.Check{Alias: "s-000"})
	w.permanent("n2", "loop", 1, muster.Check{Alias: "twin-000"})
	w.permanent("n2", "orphan", 1, muster.Check{Alias: "nobody"})
	w.run(3 * time.Second)
	w.statuses("twin", 1, 1)
	w.statuses("orphan", 1, 0)
	w.answer = func(string, *muster.Check) muster.CheckStatus { return muster.CheckCritical }
	w.run(3 * time.Second)
	w.statuses("twin", 1, 0)
	w.statuses("loop", 1, 1)
	w.answer = nil
	w.run(3 * time.Second)
	w.statuses("twin", 1, 1)
	if err := w.reps["n3"].SetOverride(w.moment(), muster.Key{Namespace: "default", Service: "s", ID: "s-000"}, muster.StatusOutOfService, "maintenance"); err != nil {
		t.Fatal(err)
	}
	w.run(time.Second)
	w.statuses("twin", 1, 0)
}

func TestScriptChecksAreRefusedUnlessAllowed(t *testing.T) {
	w := newWorld(t, 113, 1)
	inst := &muster.Instance{
		Service: "s", ID: "1", Address: "10.0.0.1", Port: 1,
		Checks: []muster.Check{probed(), {ID: "x", Script: []string{"true"}}},
	}
	_, _, err := w.reps["n1"].Register(w.moment(), inst, false)
	invalid := new(muster.InvalidError)
	if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Field != "checks[1].script" {
		t.Fatalf("the error is %v", err)
	}
}

func TestALeaseLivesWhateverItsChecksFind(t *testing.T) {
	w := newWorld(t, 114, 2)
	inst := &muster.Instance{
		Service: "s", ID: "1", Address: "10.0.0.1", Port: 1, TTL: 4 * time.Second, Checks: []muster.Check{probed()},
	}
	stored, _, err := w.reps["n1"].Register(w.moment(), inst, false)
	if err != nil {
		t.Fatal(err)
	}
	w.answer = func(string, *muster.Check) muster.CheckStatus { return muster.CheckCritical }
	w.renewing("n1", []muster.Key{stored.Key()}, time.Second, 30*time.Second, nil)
	w.statuses("s", 1, 0)
	w.run(5 * time.Second)
	w.statuses("s", 0, 0)
}

func TestHeartbeatsOfPermanentInstancesChangeNothing(t *testing.T) {
	w := newWorld(t, 115, 2)
	plain := w.permanent("n1", "p", 1)
	silent := w.permanent("n1", "s", 1, ttl("c", 4*time.Second))
	w.run(time.Second)
	before := w.reps["n1"].Catalog().Index()
	w.renewing("n1", plain, time.Second, 3*time.Second, nil)
	w.renewing("n2", plain, time.Second, 3*time.Second, nil)
	if now := w.reps["n1"].Catalog().Index(); now != before && w.now < 4*time.Second {
		t.Errorf("the index moved from %d to %d", before, now)
	}
	w.renewing("n2", silent, time.Second, 5*time.Second, nil)
	w.statuses("s", 1, 0)
	w.statuses("p", 1, 1)
}
