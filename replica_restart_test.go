package muster_test

import (
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// A program that restarts registers at once, before its node has caught up, and its earlier life said goodbye: what it
// registers now is found everywhere, and as it is now.
func TestWhatIsRegisteredAtTheStartOfALifeOutlivesTheFarewellOfTheLast(t *testing.T) {
	w := newWorld(t, 21, 3)
	embed := func(port int) {
		inst := &muster.Instance{Service: "e", ID: "1", Address: "10.0.0.1", Port: port, TTL: 3 * time.Second}
		if _, _, err := w.reps["n1"].Register(w.moment(), inst, true); err != nil {
			t.Fatal(err)
		}
	}
	for port := range 5 { // The counter of the first life is far above where that of the second begins.
		embed(1 + port)
	}
	w.run(time.Second)
	w.reps["n1"].Handover(w.moment())
	w.run(100 * time.Millisecond)
	w.dead["n1"] = true
	for _, other := range []string{"n2", "n3"} {
		w.reps[other].MemberDown(w.moment(), spread.Member{ID: id("n1")}, true)
	}
	w.run(5 * time.Second)
	w.want("e", 0, 0)
	w.start("n1", 100, true)
	embed(99)
	w.run(10 * time.Second)
	w.want("e", 1, 0)
	for _, name := range w.order {
		if i := w.reps[name].Catalog().Lookup("default", "e").Instances()[0]; i.Port != 99 {
			t.Fatalf("%s knows it at port %d, as an earlier life registered it", name, i.Port)
		}
	}
	w.agree()
}

// A node that has restarted and not caught up turns renewals away, so it has nothing to say about who is silent.
func TestNodeThatIsNotReadyJudgesNoOne(t *testing.T) {
	w := newWorld(t, 22, 3)
	keys := w.register("n1", "s", 2, 2*time.Second)
	rest := w.register("n2", "t", 30, 2*time.Second)
	w.run(100 * time.Millisecond)
	w.renewing("n2", append(keys, rest...), 500*time.Millisecond, 2*time.Second, nil)
	snap := w.reps["n1"].Snapshot(w.moment())
	w.kill("n1")
	w.renewing("n2", append(keys, rest...), 500*time.Millisecond, detect+3*time.Second, nil)
	w.cut = func(a, b string) bool { return a == "n1" || b == "n1" }
	r := w.start("n1", 100, true)
	r.Restore(w.moment(), snap.Records, snap.Summary)
	w.renewing("n2", append(keys, rest...), 500*time.Millisecond, 10*time.Second, nil)
	if ready, _ := r.Ready(); ready {
		t.Fatal("ready without having heard from anyone")
	}
	if n, preserved := w.count("n1", "s"); n != 2 || preserved != 0 {
		t.Fatalf("it has judged: %d are left, %d preserved", n, preserved)
	}
	w.heal("n1")
	w.renewing("n2", append(keys, rest...), 500*time.Millisecond, detect+5*time.Second, func() {
		if n, _ := w.count("n2", "s"); n != 2 {
			t.Fatalf("at %v: %d of 2", w.now, n)
		}
	})
	w.agree()
}
