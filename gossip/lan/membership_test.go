package lan

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func TestTenNodesJoinAndAgree(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 10, func(c *Config) { c.Zone = string('b' - c.Name[2]%2) })
		all := ds[3].Members().All()
		if !slices.IsSortedFunc(all, func(a, b Member) int {
			if a.Zone != b.Zone {
				return int(a.Zone[0]) - int(b.Zone[0])
			}
			return int(a.Name[2]) - int(b.Name[2])
		}) {
			t.Errorf("not sorted by zone, then name: %v", all)
		}
		m, ok := ds[3].Members().Get("n07")
		m.Since = time.Time{}
		want := Member{
			Name: "n07", Addr: ds[7].Addr(), Datacenter: "dc1", Zone: string('b' - '7'%2), State: StateAlive, Incarnation: 1,
			HTTP: "n07:8761", Version: "test",
		}
		if !ok || m != want {
			t.Errorf("got %+v, want %+v", m, want)
		}
		if _, ok := ds[3].Members().Get("nobody"); ok {
			t.Error("a member that does not exist was found")
		}
		if k := ds[3].seen("n03"); len(k) != 0 {
			t.Errorf("events about itself: %v", k)
		}
		if k := ds[3].seen("n07"); !slices.Equal(k, []EventKind{EventJoined}) {
			t.Errorf("events about n07: %v", k)
		}
	})
}

func TestViewNeverChangesAndIsReused(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, nil)
		before := ds[0].Members()
		if ds[0].Members() != before {
			t.Error("without a change there is a new view")
		}
		copied := slices.Clone(before.All())
		start(t, n, "late", func(c *Config) { c.Seeds = []string{ds[0].Addr()} })
		within(t, 5*time.Second, "late is seen", func() bool { return ds[0].state("late") == StateAlive })
		if !slices.Equal(before.All(), copied) {
			t.Error("an old view changed")
		}
	})
}

func TestCrashIsSeenAsFailed(t *testing.T) {
	for _, c := range []struct {
		profile Profile
		count   int
		limit   time.Duration
	}{{Local, 3, 2500 * time.Millisecond}, {LAN, 10, 12 * time.Second}} {
		t.Run(string(c.profile), func(t *testing.T) {
			bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
				ds := cluster(t, n, c.count, func(k *Config) { k.Profile = c.profile })
				crash(n, ds[1])
				took := within(t, c.limit, "all see it", func() bool {
					for i, d := range ds {
						if i != 1 && d.state("n01") != StateFailed {
							return false
						}
					}
					return true
				})
				t.Logf("%s, %d nodes: all knew after %v", c.profile, c.count, took)
				synctest.Wait()
				if k := ds[0].seen("n01"); !slices.Equal(k, []EventKind{EventJoined, EventFailed}) {
					t.Errorf("events %v", k)
				}
			})
		})
	}
}

// The figures in the documentation of profile Local come from this test's log.
func TestLocalProfileDetectsACrashOfOneOfThreeInAboutTwoSeconds(t *testing.T) {
	var sum, worst time.Duration
	const runs = 30
	for i := range runs {
		bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
			ds := cluster(t, n, 3, func(c *Config) { c.Profile = Local })
			time.Sleep(time.Duration(i) * 37 * time.Millisecond)
			crash(n, ds[2])
			took := within(t, 2500*time.Millisecond, "both see it", func() bool {
				return ds[0].state("n02") == StateFailed && ds[1].state("n02") == StateFailed
			})
			sum, worst = sum+took, max(worst, took)
		})
	}
	t.Logf("mean %v, worst %v of %d", sum/runs, worst, runs)
}

func TestLeaveIsSeenAsLeft(t *testing.T) {
	for _, loss := range []float64{0, 0.1} {
		bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
			ds := cluster(t, n, 5, nil)
			n.SetLoss(loss)
			began := time.Now()
			if err := ds[4].Leave(context.Background()); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			if took > leaveTimeout {
				t.Errorf("leaving took %v", took)
			}
			if err := ds[4].Leave(context.Background()); err != nil {
				t.Errorf("second leave: %v", err)
			}
			if err := ds[4].Close(); err != nil {
				t.Fatal(err)
			}
			if err := ds[4].Leave(context.Background()); !errors.Is(err, ErrClosed) {
				t.Errorf("leave after close: %v", err)
			}
			within(t, 10*time.Second, "all see it", func() bool {
				for _, d := range ds[:4] {
					if d.state("n04") != StateLeft {
						return false
					}
				}
				return true
			})
			time.Sleep(time.Minute)
			for _, d := range ds[:4] {
				if k := d.seen("n04"); !slices.Equal(k, []EventKind{EventJoined, EventLeft}) {
					t.Errorf("loss %v: events %v", loss, k)
				}
				if s := d.Stats(); s.RejoinTries > 20 {
					t.Errorf("a member that left was tried: %d tries", s.RejoinTries)
				}
			}
			if s := ds[4].state("n04"); s != StateLeft {
				t.Errorf("to itself it is %v", s)
			}
		})
	}
}

func TestMetadataTravels(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 3, nil)
		if err := ds[0].SetMeta(Meta{Incarnation: 1, HTTP: "elsewhere:1", Version: "2"}); err != nil {
			t.Fatal(err)
		}
		within(t, 5*time.Second, "all see it", func() bool {
			for _, d := range ds {
				if m, _ := d.Members().Get("n00"); m.HTTP != "elsewhere:1" || m.Version != "2" {
					return false
				}
			}
			return true
		})
		synctest.Wait()
		if k := ds[1].seen("n00"); !slices.Equal(k, []EventKind{EventJoined, EventUpdated}) {
			t.Errorf("events %v", k)
		}
	})
}

func TestForgottenMemberIsGoneAndComesBackOnlyAlive(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 3, nil)
		if err := ds[0].ForceLeave("n02"); !errors.Is(err, ErrAlive) {
			t.Errorf("of a member that is alive: %v", err)
		}
		if err := ds[0].ForceLeave("nobody"); !errors.Is(err, ErrUnknownMember) {
			t.Errorf("of nobody: %v", err)
		}
		crash(n, ds[2])
		within(t, 20*time.Second, "it fails", func() bool {
			return ds[0].state("n02") == StateFailed && ds[1].state("n02") == StateFailed
		})
		for _, d := range ds[:2] {
			if err := d.ForceLeave("n02"); err != nil {
				t.Fatal(err)
			}
		}
		tries := ds[0].Stats().RejoinTries
		time.Sleep(2 * time.Minute)
		if _, ok := ds[0].Members().Get("n02"); ok {
			t.Error("it is still remembered")
		}
		if got := ds[0].Stats().RejoinTries; got != tries {
			t.Errorf("it was tried %d times", got-tries)
		}
		n.Heal()
		within(t, 30*time.Second, "it comes back by its own rejoining", func() bool { return agree(ds) })
	})
}

func TestFailedMemberIsRememberedUntilForget(t *testing.T) {
	bubble(t, gossiptest.Options{}, func(t *testing.T, n *gossiptest.Network) {
		ds := cluster(t, n, 2, func(c *Config) { c.Forget = 5 * time.Minute })
		crash(n, ds[1])
		within(t, 20*time.Second, "it fails", func() bool { return ds[0].state("n01") == StateFailed })
		time.Sleep(4*time.Minute + 30*time.Second)
		if s := ds[0].state("n01"); s != StateFailed {
			t.Errorf("before its time it is %v", s)
		}
		time.Sleep(time.Minute)
		if _, ok := ds[0].Members().Get("n01"); ok {
			t.Error("after its time it is remembered")
		}
	})
}
