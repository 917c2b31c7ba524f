package client

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/api/apitest"
)

var refreshes = map[string]Refresh{"stream": Stream, "long poll": LongPoll, "poll": Poll, "on demand": OnDemand}

// All nodes are down for ten minutes, and then are back: lookups never lose anything, and say how old it is.
func TestLookupsOutliveAnOutageOfAllNodesAndSayHowOldTheyAre(t *testing.T) {
	t.Parallel()
	for name, refresh := range refreshes {
		for _, how := range []string{"killed", "cut off", "not ready"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				inWorld(t, func(t *testing.T, w *world) {
					w.put(w.shared, "payments", "p1", "p2")
					c := w.client(func(cfg *Config) { cfg.Refresh = refresh })
					w.resolve(c, "payments")
					time.Sleep(time.Minute)
					c.Lookup("payments")
					time.Sleep(time.Second)
					if v := c.Lookup("payments"); v.Stale() || v.Age() > 35*time.Second {
						t.Errorf("a view of nodes that are well is %v old", v.Age())
					}
					w.all(how, false)
					for range 120 {
						time.Sleep(5 * time.Second)
						v := c.Lookup("payments")
						if got := ids(v.Healthy()); got != "p1 p2" {
							t.Fatalf("the view has %q", got)
						}
					}
					v := c.Lookup("payments")
					if age := v.Age(); !v.Stale() || age < 10*time.Minute || age > 10*time.Minute+35*time.Second {
						t.Errorf("after ten minutes the view is %v old, stale %v", age, v.Stale())
					}
					w.all(how, true)
					w.put(w.shared, "payments", "p3")
					for range 90 {
						time.Sleep(time.Second)
						c.Lookup("payments")
					}
					if v := c.Lookup("payments"); ids(v.Healthy()) != "p1 p2 p3" || v.Stale() {
						t.Errorf("90 s after the nodes are back the view has %q and is %v old", ids(v.Healthy()), v.Age())
					}
				})
			})
		}
	}
}

// all brings all hosts down in one way, or up again.
func (w *world) all(how string, up bool) {
	for _, at := range hosts {
		switch {
		case how == "killed" && up:
			w.start(at)
		case how == "killed":
			w.net.kill(at)
		case how == "cut off":
			w.net.setCut(at, !up)
		default:
			w.shared.SetReady(up, "it loads")
			if !up { // Streams that are open know nothing of readiness: a restart ends them.
				w.net.kill(at)
				w.start(at)
			}
		}
	}
}

func TestProgramThatRestartsWithAllNodesDownAnswersFromItsFile(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		file := filepath.Join(t.TempDir(), "cache")
		w.put(w.shared, "payments", "p1", "p2")
		withFile := func(cfg *Config) { cfg.CacheFile = file }
		first := w.client(withFile)
		w.resolve(first, "payments")
		time.Sleep(2 * time.Second) // and then it crashes: nothing is saved at the end
		w.all("killed", false)
		time.Sleep(3 * time.Minute)

		second := w.client(withFile)
		for range 120 {
			v, err := second.Resolve(w.Context(), "payments")
			if err != nil || ids(v.Instances()) != "p1 p2" || !v.Stale() {
				t.Fatalf("%q, %v", ids(v.Instances()), err)
			}
			time.Sleep(5 * time.Second)
		}
		if age := second.Lookup("payments").Age(); age < 13*time.Minute || age > 14*time.Minute {
			t.Errorf("the view is %v old, want a little over 13 minutes", age)
		}
		if i := second.Lookup("payments").Instances()[0]; i.HostPort() != "10.1.0.1:80" || i.TTL != 30*time.Second || i.Status != StatusUp {
			t.Errorf("the file gave %+v", i)
		}
		w.all("killed", true)
		time.Sleep(30 * time.Second)
		if v := second.Lookup("payments"); v.Stale() {
			t.Errorf("the view is %v old after the nodes are back", v.Age())
		}
	})
}

// empty is a node that has lost its memory, alone in its cluster.
func empty() (*apitest.Fake, http.Handler) {
	f := apitest.New()
	return f, api.Handler(f)
}

func TestNodeThatRestartsEmptyIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, refresh := range refreshes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				w.put(w.shared, "payments", "p1", "p2", "p3", "p4")
				c := w.client(func(cfg *Config) { cfg.Refresh = refresh })
				w.stickTo(c, one)
				w.resolve(c, "payments")
				for _, at := range hosts { // Wherever the client goes, that node has just lost all but one.
					forgetful, handler := empty()
					w.put(forgetful, "payments", "p2")
					w.net.kill(at)
					w.net.start(at, "n"+at[7:8], handler)
					w.stickTo(c, at)
					for range 90 {
						time.Sleep(time.Second)
						v := c.Lookup("payments")
						if got := ids(v.Healthy()); got != "p1 p2 p3 p4" {
							t.Fatalf("with %s empty the view has %q", at, got)
						}
					}
					if v := c.Lookup("payments"); v.Held() > 0 || w.inUse(c) == at {
						t.Errorf("%d are held back, and %s is in use", v.Held(), w.inUse(c))
					}
					w.net.kill(at)
					w.start(at)
				}
			})
		})
	}
}

// What is really gone is believed: at once if another node says the same, after a time if nobody else can be asked.
func TestListThatShrinksIsBelievedOnceItIsConfirmedOrOld(t *testing.T) {
	t.Parallel()
	half, most, all := 2, 3, 4
	for _, tc := range []struct {
		name   string
		change func(*Config)
		alone  bool // no other node answers
		lose   int  // of four
		every  time.Duration
		leave  bool // they deregister; else they are evicted
		within time.Duration
		atOnce bool
	}{
		{"confirmed by another node", nil, false, all, 0, false, 5 * time.Second, false},
		{"nobody else answers", nil, true, all, 0, false, time.Minute, false},
		{"one after the other", nil, true, all, time.Second, false, time.Minute, false},
		{"all but one", nil, true, most, 0, false, time.Minute, false},
		{"half", nil, true, half, 0, false, 0, true},
		{"slowly", nil, true, all, 11 * time.Second, false, time.Minute, false},
		{"deregistered", nil, true, all, 0, true, 0, true},
		{"the guard is off", func(cfg *Config) { cfg.Guard.Off = true }, true, all, 0, false, 0, true},
		{"a hold of its own", func(cfg *Config) { cfg.Guard.Hold = 10 * time.Second }, true, most, 0, false, 10 * time.Second, false},
		{"a share of its own", func(cfg *Config) { cfg.Guard.Share = 0.2 }, true, 1, 0, false, time.Minute, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				w.put(w.shared, "payments", "p1", "p2", "p3", "p4")
				c := w.client(tc.change)
				w.resolve(c, "payments")
				if tc.alone {
					for _, at := range hosts {
						if at != w.inUse(c) {
							w.net.kill(at)
						}
					}
				}
				for i := range tc.lose {
					k := key(fmt.Sprintf("p%d", i+1))
					if !tc.leave {
						w.shared.Evict(k)
					} else if err := w.shared.Remove(w.Context(), k); err != nil {
						t.Error(err)
					}
					time.Sleep(tc.every)
				}
				synctest.Wait()
				want := len(w.shared.Find("default", "payments").Instances())
				v := c.Lookup("payments")
				if tc.atOnce != (len(v.Instances()) == want) {
					t.Errorf("at once the view has %q, the nodes %d", ids(v.Instances()), want)
				}
				if !tc.atOnce && v.Held() != len(v.Instances())-want {
					t.Errorf("%d are said to be held back of %q", v.Held(), ids(v.Instances()))
				}
				if tc.within > 5*time.Second {
					time.Sleep(tc.within - 5*time.Second)
					if !tc.atOnce && tc.name != "slowly" && len(c.Lookup("payments").Instances()) == want {
						t.Error("the list was believed too early")
					}
				}
				time.Sleep(min(tc.within, 5*time.Second) + time.Second)
				if v := c.Lookup("payments"); len(v.Instances()) != want || v.Held() != 0 {
					t.Errorf("after %v the view has %q and holds back %d, the nodes have %d", tc.within, ids(v.Instances()), v.Held(), want)
				}
			})
		})
	}
}

// Each node counts its changes for itself, so an index that goes backwards means nothing.
func TestIndexThatGoesBackwardsAtAnotherNodeMissesNothing(t *testing.T) {
	t.Parallel()
	for name, refresh := range refreshes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				young, handler := empty() // Its index is behind, and so are those of all that it will ever say here.
				w.put(young, "payments", "p1", "p2", "p3")
				for range 50 {
					w.put(w.shared, "payments", "p1", "p2")
				}
				w.net.kill(two)
				w.net.kill(three)
				w.net.start(two, "n2", handler)
				c := w.client(func(cfg *Config) { cfg.Refresh = refresh })
				w.stickTo(c, one)
				if got := ids(w.resolve(c, "payments").Instances()); got != "p1 p2" {
					t.Fatalf("the view has %q", got)
				}
				if young.Find("default", "payments").Index()>>10 >= w.shared.Find("default", "payments").Index()>>10 {
					t.Fatal("the index does not go backwards: this test tests nothing")
				}
				w.net.kill(one)
				wait := func(want string) {
					t.Helper()
					for range 60 {
						time.Sleep(time.Second)
						c.Lookup("payments")
					}
					if got := ids(c.Lookup("payments").Instances()); got != want {
						t.Errorf("the view has %q, want %q", got, want)
					}
				}
				wait("p1 p2 p3")
				w.put(young, "payments", "p4")
				wait("p1 p2 p3 p4")
			})
		})
	}
}
