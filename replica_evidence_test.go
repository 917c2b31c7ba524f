package muster_test

import (
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/selfpreserve"
)

// refuse takes what a node wants to be asked, and lets all of it refuse.
func (w *world) refuse(at string) (asked []muster.Question) {
	r := w.reps[at]
	asked = r.TakeQuestions()
	for _, q := range asked {
		r.Evidence(w.moment(), q, selfpreserve.Refused)
	}
	w.run(100 * time.Millisecond)
	return asked
}

// The home asks about the leases that it keeps, and nobody else does; what refuses goes everywhere.
func TestTheHomeAsksAndEvictsWhatRefuses(t *testing.T) {
	w := newWorld(t, 1, 3)
	keys := w.register("n1", "a", 20, 4*time.Second)
	w.renewing("n1", keys, time.Second, 4*time.Second, nil)
	for end := w.now + 6*time.Second; w.now < end; { // All 20 are silent, and expire.
		w.run(100 * time.Millisecond)
	}
	asked := map[muster.Key]bool{}
	for _, q := range w.refuse("n1") {
		if asked[q.Key] || q.Address != "10.0.0.1" || q.Port != 80 {
			t.Errorf("asked %+v, before %v", q, asked[q.Key])
		}
		asked[q.Key] = true
	}
	if len(asked) != 20 {
		t.Fatalf("%d of 20 were asked", len(asked))
	}
	for _, other := range []string{"n2", "n3"} {
		if q := w.reps[other].TakeQuestions(); len(q) > 0 {
			t.Errorf("%s asks %+v, which is not its own", other, q)
		}
		if n, _ := w.count(other, "a"); n > 0 {
			t.Errorf("%s has %d of the dead", other, n)
		}
	}
}

// The heirs of a dead home ask about what nobody has claimed, each about its own.
func TestTheHeirsOfADeadHomeAsk(t *testing.T) {
	w := newWorld(t, 2, 3)
	w.register("n1", "a", 20, 4*time.Second)
	w.run(time.Second)
	w.kill("n1")
	w.run(detect + 6*time.Second)
	n2, n3 := w.refuse("n2"), w.refuse("n3")
	if len(n2) == 0 || len(n3) == 0 || len(n2)+len(n3) != 20 {
		t.Fatalf("n2 asks %d, n3 asks %d, want 20 in all", len(n2), len(n3))
	}
	w.run(time.Second)
	for _, at := range []string{"n2", "n3"} {
		if n, _ := w.count(at, "a"); n > 0 {
			t.Errorf("%s has %d of the dead", at, n)
		}
	}
}

// Of what lives in a dead node nothing is asked, whatever listens at its port by now.
func TestWhatLivedInADeadNodeIsNotAsked(t *testing.T) {
	w := newWorld(t, 3, 5)
	for _, at := range []string{"n1", "n2"} {
		for i := range 4 {
			inst := &muster.Instance{Service: "e", ID: at + string(rune('a'+i)), Address: "10.0.0.1", Port: 80, TTL: 4 * time.Second}
			if _, _, err := w.reps[at].Register(w.moment(), inst, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.run(time.Second)
	w.kill("n1", "n2") // Two of five: it looks like a cut.
	w.run(detect + 8*time.Second)
	for _, at := range []string{"n3", "n4", "n5"} {
		if q := w.reps[at].TakeQuestions(); len(q) > 0 {
			t.Errorf("%s asks %+v", at, q)
		}
		if n, p := w.count(at, "e"); n != 8 || p != 8 {
			t.Errorf("%s has %d, %d of them preserved, want 8", at, n, p)
		}
	}
}

// A caller that takes no questions loses nothing, and they do not pile up.
func TestQuestionsThatNobodyTakesAreBounded(t *testing.T) {
	w := newWorld(t, 4, 1)
	w.register("n1", "a", 300, 2*time.Second)
	w.run(30 * time.Second)
	if n := len(w.reps["n1"].TakeQuestions()); n != 256 {
		t.Fatalf("%d questions wait", n)
	}
	w.run(10 * time.Second)
	if n := len(w.refuse("n1")); n < 200 {
		t.Fatalf("%d are asked later", n)
	}
}
