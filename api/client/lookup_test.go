package client

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
)

func TestWatchTellsASnapshotAndThenWhatChanges(t *testing.T) {
	t.Parallel()
	for name, refresh := range refreshes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				w.put(w.shared, "payments", "p1", "p3")
				c := w.client(func(cfg *Config) { cfg.Refresh, cfg.Interval = refresh, 2*time.Second })
				ctx, cancel := context.WithCancel(w.Context())
				var told []string
				done := make(chan struct{})
				go func() {
					defer close(done)
					for ev := range c.Watch(ctx, "payments") {
						id := ids(ev.View.Instances())
						if ev.Type != EventSnapshot {
							id = ev.Instance.ID + " of " + id
						}
						told = append(told, string(ev.Type)+" "+id)
					}
				}()
				for _, step := range []func(){
					func() {},
					func() { w.put(w.shared, "payments", "p2") },
					func() {
						if _, err := w.shared.SetOverride(w.Context(), key("p1"), muster.StatusOutOfService, "drained"); err != nil {
							t.Error(err)
						}
					},
					func() { w.put(w.shared, "carts", "c1") },
					func() {
						if err := w.shared.Remove(w.Context(), key("p3")); err != nil {
							t.Error(err)
						}
					},
				} {
					step()
					time.Sleep(3 * time.Second)
				}
				cancel()
				<-done
				want := "snapshot p1 p3; up p2 of p1 p2 p3; change p1 of p1 p2 p3; down p3 of p1 p2"
				if got := strings.Join(told, "; "); got != want {
					t.Errorf("told\n%s, want\n%s", got, want)
				}
				if v := c.Lookup("payments"); ids(v.Healthy()) != "p2" || v.Version() != 4 || v.Service() != "payments" {
					t.Errorf("healthy are %q in version %d", ids(v.Healthy()), v.Version())
				}
			})
		})
	}
}

func TestStreamTellsAChangeAtTheMomentAtWhichItHappens(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		w.resolve(c, "payments")
		for i := range 100 {
			before := c.Lookup("payments")
			w.put(w.shared, "payments", fmt.Sprintf("p%03d", i))
			if v := c.Lookup("payments"); len(v.Instances()) != i+1 || v == before {
				t.Fatalf("after %d changes the view has %d", i+1, len(v.Instances()))
			}
			if v, again := c.Lookup("payments"), c.Lookup("payments"); v != again {
				t.Fatal("two views of one moment are not equal")
			}
		}
		if got := w.arrived("GET"); got != 1 {
			t.Errorf("%d requests were needed, want the stream alone", got)
		}
	})
}

// Nothing that has not changed is transferred, and nothing is published.
func TestPollsOfWhatHasNotChangedTransferNothing(t *testing.T) {
	t.Parallel()
	for _, refresh := range []Refresh{Poll, LongPoll} {
		inWorld(t, func(t *testing.T, w *world) {
			w.put(w.shared, "payments", "p1")
			c := w.client(func(cfg *Config) { cfg.Refresh = refresh })
			before := w.resolve(c, "payments")
			time.Sleep(10 * time.Minute)
			after := c.Lookup("payments")
			if after != before || after.Age() > 31*time.Second {
				t.Errorf("the view is another, or %v old", after.Age())
			}
			got, least, most := w.arrived("GET"), 20, 24
			if refresh == Poll {
				least, most = 60, 68
			}
			if got < least || got > most {
				t.Errorf("%d polls in ten minutes, want %d to %d", got, least, most)
			}
		})
	}
}

func TestOnDemandNothingIsAskedAboutWhatNobodyLooksUp(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.put(w.shared, "payments", "p1")
		c := w.client(func(cfg *Config) { cfg.Refresh = OnDemand })
		w.resolve(c, "payments")
		time.Sleep(time.Hour)
		if got := w.arrived("GET"); got != 1 {
			t.Errorf("%d requests in an idle hour", got)
		}
		w.put(w.shared, "payments", "p2")
		if got := ids(c.Lookup("payments").Instances()); got != "p1" {
			t.Errorf("the first to look up gets %q", got)
		}
		synctest.Wait()
		if got := ids(c.Lookup("payments").Instances()); got != "p1 p2" {
			t.Errorf("the second gets %q", got)
		}
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			c.Lookup("payments")
		}
		if got := w.arrived("GET"); got < 3 || got > 5 {
			t.Errorf("%d requests in all, want one each half minute", got)
		}
	})
}

// Where streams do not get through, the client asks by long poll, and comes back to streams.
func TestStreamsThatBreakAreReplacedByLongPollsForAWhile(t *testing.T) {
	t.Parallel()
	for name, breaking := range map[string]func(a handlerArgs){
		"they end at once": func(a handlerArgs) { a.rw.Header().Set("Content-Type", "text/event-stream") },
		"no such path":     func(a handlerArgs) { a.rw.WriteHeader(404) },
		"another type":     func(a handlerArgs) { a.rw.Header().Set("Content-Type", "text/html") },
		"something else": func(a handlerArgs) {
			a.rw.Header().Set("Content-Type", "text/event-stream")
			a.say("event: up\ndata: {}\n\n")
		},
		"nothing gets here": func(a handlerArgs) { <-a.r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				var broken atomic.Bool
				broken.Store(true)
				for i, at := range hosts {
					w.net.start(at, fmt.Sprintf("n%d", i+1), w.interposed(func(a handlerArgs) bool {
						if broken.Load() && a.r.URL.Path == pathWatch {
							a.rw.Header().Set("Muster-Node", "n1")
							breaking(a)
							return true
						}
						return false
					}))
				}
				w.put(w.shared, "payments", "p1")
				c := w.client(nil)
				if got := ids(w.resolve(c, "payments").Instances()); got != "p1" {
					t.Fatalf("resolved %q", got)
				}
				time.Sleep(time.Minute)
				streams := w.arrived("GET " + pathWatch)
				w.put(w.shared, "payments", "p2")
				time.Sleep(2 * time.Second)
				if v := c.Lookup("payments"); ids(v.Instances()) != "p1 p2" {
					t.Errorf("by long poll the view has %q", ids(v.Instances()))
				}
				if w.arrived("GET "+pathWatch) != streams {
					t.Error("streams are tried again too soon")
				}
				broken.Store(false)
				time.Sleep(6 * time.Minute)
				before := w.arrived("GET ")
				w.put(w.shared, "payments", "p3")
				time.Sleep(2 * time.Minute)
				if v := c.Lookup("payments"); ids(v.Instances()) != "p1 p2 p3" || v.Stale() || w.arrived("GET ") != before {
					t.Errorf("by stream the view has %q, after %d more requests", ids(v.Instances()), w.arrived("GET ")-before)
				}
			})
		})
	}
}

func TestNamesThatCannotBeFollowedAreRefused(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(func(cfg *Config) { cfg.MaxServices = 2 })
		w.resolve(c, "a")
		w.resolve(c, "b")
		if _, err := c.Resolve(w.Context(), "c"); !errors.Is(err, ErrTooMany) || c.Lookup("c").Known() {
			t.Errorf("a third: %v", err)
		}
		if _, err := c.Resolve(w.Context(), ""); !errors.Is(err, ErrInvalid) || c.Lookup("") != (View{}) {
			t.Errorf("no name: %v", err)
		}
		for range c.Follow(w.Context(), "c") {
			t.Error("it is followed")
		}
		w.all("killed", false)
		ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
		defer cancel()
		other := w.client(nil)
		if _, err := other.Resolve(ctx, "a"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no node: %v", err)
		}
	})
}

func TestServiceOfTheFileMakesRoomIfNobodyAsksForIt(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		file := filepath.Join(t.TempDir(), "cache")
		change := func(cfg *Config) { cfg.CacheFile, cfg.MaxServices, cfg.Refresh = file, 2, Poll }
		w.put(w.shared, "a", "1")
		w.put(w.shared, "b", "1")
		first := w.client(change)
		w.resolve(first, "a")
		w.resolve(first, "b")
		if err := first.Close(w.Context()); err != nil {
			t.Fatal(err)
		}
		second := w.client(change)
		if v := second.Lookup("b"); !v.Known() {
			t.Error("the file's service is not known")
		}
		if w.resolve(second, "c"); second.Lookup("a").Known() || !second.Lookup("b").Known() {
			t.Error("the wrong one went")
		}
	})
}

func TestZeroViewKnowsNothing(t *testing.T) {
	t.Parallel()
	var v View
	if v.Known() || v.Stale() || v.Age() != 0 || v.Held() != 0 || v.Version() != 0 || v.Service() != "" || v.Instances() != nil || v.Healthy() != nil {
		t.Error("it does")
	}
}
