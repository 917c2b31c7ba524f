package muster_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// far is two members of dc1, of which the first is its gateway, and the gateway of dc2, with a link that can be cut.
// Messages take no time.
type far struct {
	t      *testing.T
	now    time.Duration
	order  []string
	reps   map[string]*muster.Replica
	events []string
}

// newFar starts them, and links them. n1 hides after an hour, n2 after half of one, dc2 never.
func newFar(t *testing.T) *far {
	t.Helper()
	f := &far{t: t, order: []string{"dc1/n1", "dc1/n2", "dc2/n1"}, reps: map[string]*muster.Replica{}}
	for i, id := range f.order {
		dc, name, _ := strings.Cut(id, "/")
		r, err := muster.NewReplica(muster.ReplicaConfig{
			Name: name, Datacenter: dc, Incarnation: 1, Preserve: muster.DefaultPreserve(), RemoteMaxAge: []time.Duration{time.Hour, 30 * time.Minute, 0}[i],
			Rand: rand.New(rand.NewPCG(1, uint64(i))),
		}, f.moment())
		if err != nil {
			t.Fatal(err)
		}
		f.reps[id] = r
	}
	f.reps["dc1/n1"].MemberUp(f.moment(), spread.Member{ID: "dc1/n2"})
	f.reps["dc1/n2"].MemberUp(f.moment(), spread.Member{ID: "dc1/n1"})
	f.link()
	f.run(5 * time.Second)
	return f
}

func (f *far) moment() muster.Moment {
	return muster.Moment{Mono: f.now, Wall: worldStart.Add(f.now)}
}

func (f *far) link() {
	f.reps["dc1/n1"].LinkUp(f.moment(), "dc2/n1")
	f.reps["dc2/n1"].LinkUp(f.moment(), "dc1/n1")
}

func (f *far) cut() {
	f.reps["dc1/n1"].LinkDown(f.moment(), "dc2/n1", "cut")
	f.reps["dc2/n1"].LinkDown(f.moment(), "dc1/n1", "cut")
}

// run lets time pass, a second at a time.
func (f *far) run(d time.Duration) {
	for end := f.now + d; f.now < end; f.now += time.Second {
		for _, id := range f.order {
			f.reps[id].Tick(f.moment())
		}
		for range 8 {
			for _, from := range f.order {
				r := f.reps[from]
				r.Flush(f.moment())
				for _, o := range r.TakeOutbound() {
					switch {
					case o.Msg != nil:
						f.reps[o.To].Receive(f.moment(), from, o.Msg)
					case o.News != nil:
						f.reps[o.To].Hear(f.moment(), from, *o.News)
					}
				}
				for _, ev := range r.TakeEvents() {
					if ev.Type == muster.NodeEventSelfPreservation {
						f.events = append(f.events, from+": "+ev.Text)
					}
				}
			}
		}
	}
}

func (f *far) register(id, instance string) {
	f.t.Helper()
	inst := &muster.Instance{Service: "web", ID: instance, Address: "10.0.0.1", Port: 80}
	f.put(id, inst)
	f.run(2 * time.Second)
}

func (f *far) put(id string, inst *muster.Instance) {
	f.t.Helper()
	if _, _, err := f.reps[id].Register(f.moment(), inst, true); err != nil {
		f.t.Fatal(err)
	}
}

// shown is what each replica answers, "+" behind what is preserved.
func (f *far) shown(when string, want ...string) {
	f.t.Helper()
	for i, id := range f.order {
		var got strings.Builder
		for _, inst := range f.reps[id].Catalog().Lookup("default", "web").Instances() {
			got.WriteString(inst.ID)
			if inst.Preserved {
				got.WriteString("+")
			}
		}
		if got.String() != want[i] {
			f.t.Errorf("%s: %s answers %q, want %q", when, id, got.String(), want[i])
		}
	}
}

// A data centre that has not been reachable for longer than a node's limit is left out of that node's answers until it is
// reachable again. Nothing of it is deleted, no other node is told, and the state stays what it was.
func TestADatacenterUnreachableForTooLongIsHiddenAndComesBack(t *testing.T) {
	f := newFar(t)
	f.register("dc1/n1", "a")
	f.register("dc2/n1", "b")
	key := muster.Key{Namespace: "default", Service: "web", ID: "b"}
	if err := f.reps["dc2/n1"].SetOverride(f.moment(), key, muster.StatusOutOfService, "repaired"); err != nil {
		t.Fatal(err)
	}
	f.run(time.Second)
	f.shown("linked", "ab", "ab", "ab")
	hash := f.reps["dc1/n1"].Catalog().Hash()
	vector := f.reps["dc1/n1"].Catalog().Vector().Clone()
	f.cut()
	f.run(20 * time.Second)
	f.shown("cut", "ab+", "ab+", "a+b")
	if got := f.reps["dc1/n2"].Remotes()[0].Summary; got != "dc2 has not been reachable by any path since 2026-03-01T00:00:11Z, when dc1/n1 reached it last: "+
		"its one instance is kept as last known, and marked preserved; only its own members may evict" {
		t.Errorf("it says %q", got)
	}
	f.run(31 * time.Minute)
	f.shown("cut for half an hour", "ab+", "a", "a+b")
	f.run(30 * time.Minute)
	f.shown("cut for an hour", "a", "a", "a+b")
	for _, id := range f.order[:2] {
		r := f.reps[id]
		if r.Catalog().Hash() != hash || !r.Catalog().Vector().Equal(vector) || r.Catalog().Stats().Instances != 2 {
			t.Errorf("%s: hash %x, %+v: what is held has changed", id, r.Catalog().Hash(), r.Catalog().Stats())
		}
		far := r.Remotes()
		if len(far) != 1 || far[0].Reachable || !far[0].Hidden || far[0].Instances != 1 || !slices.Equal(far[0].Gateways, []string{"dc1/n1"}) ||
			!strings.Contains(far[0].Summary, "left out of answers, because that is longer than") {
			t.Errorf("%s knows %+v", id, far)
		}
	}
	if err := f.reps["dc1/n1"].SetOverride(f.moment(), key, muster.StatusUp, ""); !errors.Is(err, muster.ErrNotFound) {
		t.Errorf("an operator who decides about what is hidden is told %v", err)
	}
	// Registers without their instance are looked for every ten minutes, and deleted after an hour: what is hidden is there.
	f.register("dc2/n1", "c")
	f.run(3 * time.Hour)
	f.shown("written to meanwhile", "a", "a", "a+bc")
	if got := f.reps["dc1/n1"].Renew(f.moment(), key); got != muster.RenewalUnknown {
		t.Errorf("a renewal of what is hidden is %v", got)
	}
	f.link()
	f.run(10 * time.Second)
	f.shown("linked again", "abc", "abc", "abc")
	for _, id := range f.order {
		if r := f.reps[id]; r.Catalog().Hash() != f.reps["dc2/n1"].Catalog().Hash() || !r.Remotes()[0].Reachable {
			t.Errorf("%s: hash %x, %+v", id, r.Catalog().Hash(), r.Remotes())
		}
		if inst, _ := f.reps[id].Catalog().Get(key); inst == nil || inst.OverrideReason != "repaired" {
			t.Errorf("%s: the operator's decision is lost: %+v", id, inst)
		}
	}
	for _, want := range []string{
		"dc1/n1: dc2 has not been reachable for 1h0m0s: its 1 instances are kept, and left out of answers until it is",
		"dc1/n2: dc2 has not been reachable for 30m0s: its 1 instances are kept, and left out of answers until it is",
		"dc1/n2: dc2 can be reached again",
	} {
		if !slices.Contains(f.events, want) {
			t.Errorf("nothing tells that %s:\n%s", want, strings.Join(f.events, "\n"))
		}
	}
	if slices.ContainsFunc(f.events, func(ev string) bool { return strings.HasPrefix(ev, "dc2/n1") && strings.Contains(ev, "left out") }) {
		t.Error("dc2 has no limit and hides all the same")
	}
}

// What is hidden may be evicted by its own members, or taken over here, meanwhile; neither depends on who sees it.
func TestWhatIsHiddenCanBeRegisteredHereAndBeDeletedThere(t *testing.T) {
	f := newFar(t)
	f.register("dc1/n1", "a")
	for _, id := range []string{"b", "c"} {
		f.register("dc2/n1", id)
	}
	f.put("dc2/n1", &muster.Instance{Service: "only-there", Address: "10.0.0.1", Port: 80})
	f.run(time.Second)
	f.cut()
	f.run(2 * time.Hour)
	f.shown("hidden", "a", "a", "a+bc")
	if n := len(f.reps["dc1/n1"].Catalog().Services().Services); n != 1 {
		t.Errorf("%d services are listed", n)
	}
	f.register("dc1/n2", "b")
	f.shown("registered here", "ab", "ab", "a+bc")
	if err := f.reps["dc2/n1"].Deregister(f.moment(), muster.Key{Namespace: "default", Service: "web", ID: "c"}); err != nil {
		t.Fatal(err)
	}
	f.run(time.Second)
	f.link()
	f.run(10 * time.Second)
	f.shown("linked again", "ab", "ab", "ab")
	for _, id := range f.order {
		if n := f.reps[id].Catalog().Lookup("default", "only-there").Len(); n != 1 {
			t.Errorf("%s answers %d instances of a service that was hidden as a whole", id, n)
		}
		if inst, _ := f.reps[id].Catalog().Get(muster.Key{Namespace: "default", Service: "web", ID: "b"}); inst == nil || inst.Datacenter != "dc1" {
			t.Errorf("%s has %+v", id, inst)
		}
		if got := fmt.Sprint(f.reps[id].Away()); got != "[]" {
			t.Errorf("%s takes %s for unreachable", id, got)
		}
	}
}
