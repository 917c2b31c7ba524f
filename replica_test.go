package muster_test

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// world runs replicas in virtual time, on one goroutine: messages take 1 to 3 ms, and members learn of a death after
// detect. The same seed gives the same run.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	now    time.Duration
	order  []string
	reps   map[string]*muster.Replica
	dead   map[string]bool
	cut    func(from, to string) bool
	mail   []letter
	sent   uint64
	trace  uint64
	events []muster.NodeEvent
	// answer is what a check finds when a node runs it; nil is passing.
	answer func(node string, c *muster.Check) muster.CheckStatus
	ran    map[string]int // runs by node
}

type letter struct {
	at       time.Duration
	n        uint64
	from, to string
	out      muster.Outbound
	f        func()
}

const detect = 2 * time.Second

var worldStart = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, seed uint64, nodes int) *world {
	t.Helper()
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), reps: map[string]*muster.Replica{}, dead: map[string]bool{}, ran: map[string]int{},
		cut: func(string, string) bool { return false },
	}
	for i := range nodes {
		w.start("n"+strconv.Itoa(i+1), uint64(i+1), i > 0)
	}
	w.run(3 * time.Second)
	for _, name := range w.order {
		if ready, why := w.reps[name].Ready(); !ready {
			t.Fatalf("%s is not ready: %s", name, why)
		}
	}
	return w
}

func id(name string) string { return "dc1/" + name }

func (w *world) moment() muster.Moment {
	return muster.Moment{Mono: w.now, Wall: worldStart.Add(w.now)}
}

// start starts a node, or starts it again without its memory, and makes it known to those that it is not cut off from.
func (w *world) start(name string, incarnation uint64, seeds bool) *muster.Replica {
	r, err := muster.NewReplica(muster.ReplicaConfig{
		Name: name, Datacenter: "dc1", Incarnation: incarnation, Preserve: muster.DefaultPreserve(),
		Seeds: seeds, ReadyWait: 30 * time.Second, Rand: rand.New(rand.NewPCG(w.rng.Uint64(), 2)),
	}, w.moment())
	if err != nil {
		w.t.Fatal(err)
	}
	if w.reps[name] == nil {
		w.order = append(w.order, name)
	}
	w.reps[name] = r
	delete(w.dead, name)
	for _, other := range w.order {
		if other != name && !w.dead[other] && !w.cut(name, other) {
			r.MemberUp(w.moment(), spread.Member{ID: id(other)})
			w.reps[other].MemberUp(w.moment(), spread.Member{ID: id(name)})
		}
	}
	return r
}

// kill ends a node without a word; the others notice after detect.
func (w *world) kill(names ...string) {
	for _, name := range names {
		w.dead[name] = true
		for _, other := range w.order {
			if !slices.Contains(names, other) {
				w.after(detect, func() {
					if w.dead[name] && !w.dead[other] {
						w.reps[other].MemberDown(w.moment(), spread.Member{ID: id(name)}, false)
					}
				})
			}
		}
	}
}

// split cuts the nodes into those named and the rest, and heal ends it; both are noticed after detect.
func (w *world) split(side ...string) {
	w.cut = func(a, b string) bool { return slices.Contains(side, a) != slices.Contains(side, b) }
	w.across(side, func(r *muster.Replica, peer string) { r.MemberDown(w.moment(), spread.Member{ID: id(peer)}, false) })
}

func (w *world) heal(side ...string) {
	w.cut = func(string, string) bool { return false }
	w.across(side, func(r *muster.Replica, peer string) { r.MemberUp(w.moment(), spread.Member{ID: id(peer)}) })
}

func (w *world) across(side []string, f func(r *muster.Replica, peer string)) {
	for _, a := range w.order {
		for _, b := range w.order {
			if a != b && slices.Contains(side, a) != slices.Contains(side, b) {
				w.after(detect, func() { f(w.reps[a], b) })
			}
		}
	}
}

func (w *world) after(d time.Duration, f func()) {
	w.sent++
	w.mail = append(w.mail, letter{at: w.now + d, n: w.sent, f: f})
}

// collect takes what the replicas want to be sent and puts it under way.
func (w *world) collect() {
	for _, name := range w.order {
		r := w.reps[name]
		r.Flush(w.moment())
		for _, ev := range r.TakeEvents() {
			ev.Subject = name + ": " + ev.Subject
			w.events = append(w.events, ev)
		}
		for _, run := range r.TakeRuns() {
			w.check(name, run)
		}
		for _, o := range r.TakeOutbound() {
			w.sent++
			delay := time.Millisecond + time.Duration(w.rng.Int64N(int64(2*time.Millisecond)))
			w.mail = append(w.mail, letter{at: w.now + delay, n: w.sent, from: name, to: o.To[len("dc1/"):], out: o})
		}
	}
}

// check runs a check at a node, which takes it 5 ms.
func (w *world) check(name string, run muster.CheckRun) {
	r := w.reps[name]
	w.ran[name]++
	w.after(5*time.Millisecond, func() {
		if w.dead[name] || w.reps[name] != r {
			return
		}
		status := muster.CheckPassing
		if w.answer != nil {
			status = w.answer(name, run.Check)
		}
		r.Ran(w.moment(), run, status, status.String()+" at "+name)
	})
}

// run lets time pass: deliveries and ticks, in order, each at its moment.
func (w *world) run(d time.Duration) {
	end := w.now + d
	for {
		w.collect()
		next := end
		for _, l := range w.mail {
			next = min(next, l.at)
		}
		for _, name := range w.order {
			if !w.dead[name] {
				next = min(next, max(w.reps[name].Next(), w.now))
			}
		}
		w.now = next
		due := w.mail[:0:0]
		w.mail = slices.DeleteFunc(w.mail, func(l letter) bool {
			if l.at <= w.now {
				due = append(due, l)
			}
			return l.at <= w.now
		})
		slices.SortFunc(due, func(a, b letter) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.n, b.n)) })
		for _, l := range due {
			w.deliver(l)
		}
		for _, name := range w.order {
			if r := w.reps[name]; !w.dead[name] && r.Next() <= w.now {
				r.Tick(w.moment())
				if r.Next() <= w.now {
					w.t.Fatalf("%s asks for a tick at %v, at %v, again and again", name, r.Next(), w.now)
				}
			}
		}
		if w.now >= end && len(due) == 0 {
			w.collect()
			return
		}
	}
}

func (w *world) deliver(l letter) {
	if l.f != nil {
		l.f()
		return
	}
	if w.dead[l.to] || w.dead[l.from] || w.cut(l.from, l.to) {
		return
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %v %s %s %T %d", w.trace, l.at, l.from, l.to, l.out.Msg, len(l.out.Renewals))
	w.trace = h.Sum64()
	r := w.reps[l.to]
	if l.out.Msg == nil {
		r.RenewForwarded(w.moment(), l.out.Renewals)
		r.ReportForwarded(w.moment(), l.out.Reports)
		return
	}
	r.Receive(w.moment(), id(l.from), l.out.Msg)
}

// register registers count instances of a service at a node, with that TTL.
func (w *world) register(at, service string, count int, ttl time.Duration) []muster.Key {
	var keys []muster.Key
	for i := range count {
		inst := &muster.Instance{Service: service, ID: fmt.Sprintf("%s-%03d", service, i), Address: "10.0.0.1", Port: 80, TTL: ttl}
		stored, _, err := w.reps[at].Register(w.moment(), inst, false)
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, stored.Key())
	}
	return keys
}

// renewing renews keys at a node every so often for that long, re-registering what it does not know, and lets check look
// after each step.
func (w *world) renewing(at string, keys []muster.Key, every, d time.Duration, check func()) {
	for end := w.now + d; w.now < end; {
		for _, k := range keys {
			if w.reps[at].Renew(w.moment(), k) == muster.RenewalUnknown {
				w.t.Fatalf("at %v: %s does not know %v", w.now, at, k)
			}
		}
		for step := w.now + every; w.now < step; {
			w.run(min(every, 100*time.Millisecond))
			if check != nil {
				check()
			}
		}
	}
}

func (w *world) count(at, service string) (n, preserved int) {
	for _, i := range w.reps[at].Catalog().Lookup("default", service).Instances() {
		n++
		if i.Preserved {
			preserved++
		}
	}
	return n, preserved
}

// want checks what every living node says of a service.
func (w *world) want(service string, n, preserved int) {
	w.t.Helper()
	for _, name := range w.order {
		if w.dead[name] {
			continue
		}
		if gotN, gotP := w.count(name, service); gotN != n || gotP != preserved {
			w.t.Fatalf("at %v: %s has %d instances of %s, %d preserved; want %d and %d", w.now, name, gotN, service, gotP, n, preserved)
		}
	}
}

// agree checks that all living nodes have the same vector and the same state.
func (w *world) agree() {
	w.t.Helper()
	var first *muster.Replica
	for _, name := range w.order {
		if w.dead[name] {
			continue
		}
		r := w.reps[name]
		if first == nil {
			first = r
		}
		if !r.Catalog().Vector().Equal(first.Catalog().Vector()) || r.Catalog().Hash() != first.Catalog().Hash() {
			w.t.Fatalf("at %v: %s and %s do not agree", w.now, r.ID(), first.ID())
		}
	}
}

func TestOneSilentInstanceIsGoneAtItsTTLAndNotBefore(t *testing.T) {
	w := newWorld(t, 1, 3)
	keys := w.register("n1", "s", 10, 2*time.Second)
	w.renewing("n1", keys, 500*time.Millisecond, 5*time.Second, func() { w.want("s", 10, 0) })
	silent := w.now - 500*time.Millisecond
	for w.now < silent+1990*time.Millisecond {
		for _, k := range keys[1:] {
			w.reps["n1"].Renew(w.moment(), k)
		}
		w.run(10 * time.Millisecond)
	}
	w.want("s", 10, 0)
	w.run(20 * time.Millisecond)
	w.want("s", 9, 0)
	w.agree()
}

func TestManySilentTogetherAreKeptAndMarkedEverywhereAndRecover(t *testing.T) {
	w := newWorld(t, 2, 3)
	keys := w.register("n1", "s", 32, 2*time.Second)
	w.renewing("n1", keys, 500*time.Millisecond, 5*time.Second, nil)
	w.renewing("n1", keys[:14], 500*time.Millisecond, 10*time.Second, func() {
		if n, _ := w.count("n2", "s"); n != 32 {
			t.Fatalf("at %v: %d of 32", w.now, n)
		}
	})
	w.want("s", 32, 18)
	for _, i := range w.reps["n3"].Catalog().Lookup("default", "s").Instances() {
		if i.Preserved && (i.LastRenewal.IsZero() || worldStart.Add(w.now).Sub(i.LastRenewal) < 9*time.Second) {
			t.Fatalf("marked as last renewed at %v, now is %v", i.LastRenewal, worldStart.Add(w.now))
		}
	}
	// They renew again, at another node, which passes it on.
	w.renewing("n2", keys, 500*time.Millisecond, 3*time.Second, nil)
	w.want("s", 32, 0)
	w.renewing("n2", keys, 500*time.Millisecond, 10*time.Second, func() { w.want("s", 32, 0) })
	w.agree()
}

func TestScaleDownByDeregistrationNeverTripsSelfPreservation(t *testing.T) {
	w := newWorld(t, 3, 3)
	keys := w.register("n1", "s", 40, 2*time.Second)
	w.renewing("n1", keys, 500*time.Millisecond, 3*time.Second, nil)
	for i, k := range keys[:38] {
		at := w.order[i%3]
		if err := w.reps[at].Deregister(w.moment(), k); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys[i+1:] {
			w.reps["n1"].Renew(w.moment(), k)
		}
		w.run(20 * time.Millisecond)
	}
	w.renewing("n1", keys[38:], 500*time.Millisecond, 5*time.Second, func() { w.want("s", 2, 0) })
	for _, ev := range w.events {
		if ev.Type == muster.NodeEventSelfPreservation {
			t.Fatalf("%s: %s", ev.Subject, ev.Text)
		}
	}
	w.agree()
}

// The home dies while its clients go on at another node: none of them disappears from any answer, the others are gone
// one TTL after the death was noticed.
func TestHomeDiesAndNoneThatRenewsElsewhereDisappears(t *testing.T) {
	w := newWorld(t, 4, 3)
	keys := w.register("n1", "s", 100, 6*time.Second)
	other := w.register("n2", "t", 100, 6*time.Second)
	w.renewing("n1", keys, time.Second, 3*time.Second, func() { w.reps["n2"].Renew(w.moment(), other[0]) })
	w.kill("n1")
	for end := w.now + detect + 5*time.Second; w.now < end; w.run(500 * time.Millisecond) {
		for _, k := range append(slices.Clone(other), keys[:90]...) {
			if w.reps["n3"].Renew(w.moment(), k) == muster.RenewalUnknown {
				t.Fatalf("at %v: unknown %v", w.now, k)
			}
		}
		w.want("s", 100, 0)
	}
	w.renewing("n3", append(slices.Clone(other), keys[:90]...), 500*time.Millisecond, 4*time.Second, nil)
	w.want("s", 90, 0)
	w.want("t", 100, 0)
	for _, i := range w.reps["n2"].Catalog().Lookup("default", "s").Instances() {
		if i.Home != "dc1/n3" {
			t.Fatalf("%s has home %s", i.ID, i.Home)
		}
	}
	// It comes back without its memory, and learns.
	w.start("n1", 100, true)
	w.renewing("n3", append(slices.Clone(other), keys[:90]...), 500*time.Millisecond, 3*time.Second, nil)
	w.want("s", 90, 0)
	w.agree()
}

func TestHeirOfAnHeirEvictsInTheEnd(t *testing.T) {
	w := newWorld(t, 5, 4)
	w.register("n1", "s", 2, 4*time.Second)
	keep := w.register("n4", "t", 50, 4*time.Second)
	w.run(100 * time.Millisecond)
	w.kill("n1")
	w.renewing("n4", keep, time.Second, detect+time.Second, nil)
	w.want("s", 2, 0)
	w.kill("n2")
	w.renewing("n4", keep, time.Second, detect+5*time.Second, nil)
	w.want("s", 0, 0)
	w.agree()
}

func TestLeavingHandsLeasesOverAndNothingFlaps(t *testing.T) {
	w := newWorld(t, 6, 3)
	keys := w.register("n1", "s", 50, 3*time.Second)
	w.renewing("n1", keys, time.Second, 3*time.Second, nil)
	if n := w.reps["n1"].Handover(w.moment()); n != 50 {
		t.Fatalf("handed over %d leases", n)
	}
	w.run(100 * time.Millisecond)
	w.dead["n1"] = true
	for _, other := range []string{"n2", "n3"} {
		w.reps[other].MemberDown(w.moment(), spread.Member{ID: id("n1")}, true)
	}
	w.renewing("n2", keys, time.Second, 10*time.Second, func() { w.want("s", 50, 0) })
	homes := map[string]int{}
	for _, i := range w.reps["n2"].Catalog().Lookup("default", "s").Instances() {
		homes[i.Home]++
	}
	if len(homes) != 2 || homes["dc1/n2"] == 0 || homes["dc1/n3"] == 0 {
		t.Fatalf("homes %v", homes)
	}
	w.agree()
}

// A home that was cut off finds its live leases evicted by their heir when the cut heals, and asserts them again; those
// that moved to another home stay there.
func TestHomeThatWasCutOffReassertsLiveLeasesAndFightsNobody(t *testing.T) {
	w := newWorld(t, 7, 3)
	few := w.register("n1", "few", 2, 2*time.Second)
	moved := w.register("n1", "moved", 1, 2*time.Second)
	rest := w.register("n2", "rest", 40, 2*time.Second)
	all := slices.Concat(few, moved)
	renew := func() {
		for _, k := range few {
			w.reps["n1"].Renew(w.moment(), k)
		}
		for _, k := range slices.Concat(rest, moved) {
			w.reps["n2"].Renew(w.moment(), k)
		}
		w.run(200 * time.Millisecond)
	}
	for range 10 {
		renew()
	}
	w.split("n1")
	for range 40 {
		renew()
	}
	if n, _ := w.count("n2", "few"); n != 0 {
		t.Fatalf("the other side still has %d of the instances that it does not hear", n)
	}
	if n, _ := w.count("n1", "few"); n != 2 {
		t.Fatalf("the home has %d", n)
	}
	w.heal("n1")
	for range 30 {
		renew()
	}
	w.want("few", 2, 0)
	w.want("moved", 1, 0)
	w.want("rest", 40, 0)
	if i, _ := w.reps["n1"].Catalog().Get(all[2]); i.Home != "dc1/n2" {
		t.Fatalf("the home fought for a lease that had moved: home %s", i.Home)
	}
	w.agree()
	before := w.reps["n1"].Catalog().Vector().Hash()
	for range 30 {
		renew()
	}
	if w.reps["n1"].Catalog().Vector().Hash() != before {
		t.Fatal("still writing after the heal: a fight")
	}
}

// Cut in the middle, each side keeps what the other one holds, and nobody evicts a crowd.
func TestCutKeepsTheOtherSidesInstances(t *testing.T) {
	w := newWorld(t, 8, 4)
	a := w.register("n1", "a", 30, 2*time.Second)
	b := w.register("n3", "b", 30, 2*time.Second)
	renew := func() {
		for _, k := range a {
			w.reps["n1"].Renew(w.moment(), k)
		}
		for _, k := range b {
			w.reps["n3"].Renew(w.moment(), k)
		}
		w.run(200 * time.Millisecond)
	}
	for range 5 {
		renew()
	}
	w.split("n1", "n2")
	for range 60 {
		renew()
		for _, at := range w.order {
			na, _ := w.count(at, "a")
			nb, _ := w.count(at, "b")
			if na != 30 || nb != 30 {
				t.Fatalf("at %v: %s has %d and %d", w.now, at, na, nb)
			}
		}
	}
	if _, p := w.count("n1", "b"); p != 30 {
		t.Fatalf("%d of the unreachable are marked", p)
	}
	w.heal("n1", "n2")
	for range 30 {
		renew()
	}
	w.want("a", 30, 0)
	w.want("b", 30, 0)
	w.agree()
}

func TestDeregisteredDuringACutStaysAwayAfterTheHeal(t *testing.T) {
	w := newWorld(t, 9, 3)
	keys := w.register("n1", "s", 20, 3*time.Second)
	w.run(time.Second)
	w.split("n3")
	if err := w.reps["n1"].Deregister(w.moment(), keys[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.reps["n3"].Deregister(w.moment(), keys[1]); err != nil {
		t.Fatal(err)
	}
	w.renewing("n1", keys[2:], time.Second, 4*time.Second, nil)
	w.heal("n3")
	w.renewing("n1", keys[2:], time.Second, 6*time.Second, nil)
	w.want("s", 18, 0)
	w.agree()
}

func TestOverrideSurvivesReregistrationAndTheHome(t *testing.T) {
	w := newWorld(t, 10, 3)
	key := w.register("n1", "s", 1, 3*time.Second)[0]
	w.run(100 * time.Millisecond)
	if err := w.reps["n2"].SetOverride(w.moment(), key, muster.StatusOutOfService, ""); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	w.register("n3", "s", 1, 3*time.Second)
	w.run(100 * time.Millisecond)
	for _, name := range w.order {
		i, _ := w.reps[name].Catalog().Get(key)
		if i.Status != muster.StatusOutOfService || i.Override != muster.StatusOutOfService || i.Home != "dc1/n3" || i.Reported() != muster.StatusUp {
			t.Fatalf("%s: %+v", name, i)
		}
	}
	if err := w.reps["n1"].SetOverride(w.moment(), key, muster.StatusNone, ""); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	if i, _ := w.reps["n3"].Catalog().Get(key); i.Status != muster.StatusUp || i.Override != muster.StatusNone {
		t.Fatalf("after it was cleared: %+v", i)
	}
	if err := w.reps["n1"].SetOverride(w.moment(), muster.Key{Service: "no"}, muster.StatusDown, ""); !errors.Is(err, muster.ErrNotFound) {
		t.Fatalf("of no instance: %v", err)
	}
}

func TestPatchedMetadataLeavesHomeAndLeaseAlone(t *testing.T) {
	w := newWorld(t, 11, 3)
	key := w.register("n1", "s", 1, 3*time.Second)[0]
	w.run(time.Second)
	before, _ := w.reps["n2"].Catalog().Get(key)
	v := "2"
	if err := w.reps["n2"].PatchMetadata(w.moment(), key, map[string]*string{"version": &v, "gone": nil}); err != nil {
		t.Fatal(err)
	}
	w.run(100 * time.Millisecond)
	i, _ := w.reps["n3"].Catalog().Get(key)
	if i.Metadata["version"] != "2" || i.Home != "dc1/n1" || !i.RegisteredAt.Equal(before.RegisteredAt) {
		t.Fatalf("%+v", i)
	}
	w.run(2 * time.Second)
	w.want("s", 0, 0) // Its clock was not touched: 3 s after the registration it is gone.
	long := string(make([]byte, 2000))
	w.register("n1", "s", 1, 3*time.Second)
	var inv *muster.InvalidError
	if err := w.reps["n1"].PatchMetadata(w.moment(), key, map[string]*string{"k": &long}); !errors.As(err, &inv) {
		t.Fatalf("a value too long: %v", err)
	}
}

// Instances that live in a process die with it: one dead node is a crash, two of four are a cut.
func TestEmbeddedInstancesDieWithTheirNodeUnlessItLooksLikeACut(t *testing.T) {
	embed := func(w *world, at string) muster.Key {
		stored, _, err := w.reps[at].Register(w.moment(), &muster.Instance{Service: "e", ID: at, Address: "10.0.0.1", Port: 1, TTL: 3 * time.Second}, true)
		if err != nil {
			t.Fatal(err)
		}
		return stored.Key()
	}
	w := newWorld(t, 12, 4)
	for _, name := range w.order {
		embed(w, name)
	}
	w.run(20 * time.Second)
	w.want("e", 4, 0) // No heartbeat, and none is missed.
	w.kill("n1")
	w.run(detect + 5*time.Second)
	w.want("e", 3, 0)
	w.kill("n2", "n3")
	w.run(detect + 20*time.Second)
	w.want("e", 3, 2)
	w.start("n2", 50, true)
	w.start("n3", 60, true)
	w.run(detect + 10*time.Second)
	w.want("e", 1, 0) // They came back without their instances: nobody renews those.
	w.agree()
}

func TestNodeThatWasStoppedJudgesNoOne(t *testing.T) {
	w := newWorld(t, 13, 2)
	keys := w.register("n1", "s", 2, 2*time.Second)
	w.run(time.Second)
	w.now += 10 * time.Second // The processes are stopped: no ticks, no renewals.
	for _, name := range w.order {
		w.reps[name].Resumed(w.moment(), "10s")
	}
	w.run(1900 * time.Millisecond)
	w.want("s", 2, 0)
	w.renewing("n1", keys[:1], 500*time.Millisecond, time.Second, nil)
	w.want("s", 1, 0)
	w.reps["n1"].SetHealth(w.moment(), 2)
	w.run(10 * time.Second)
	w.want("s", 1, 1)
	w.reps["n1"].SetHealth(w.moment(), 0)
	w.run(5 * time.Second)
	w.want("s", 0, 0)
}

// A node that lost its memory, and whose clock is behind, must not use a dot twice.
func TestNodeWhoseClockIsBehindTakesAHigherIncarnation(t *testing.T) {
	w := newWorld(t, 14, 3)
	w.start("n1", 1000, true)
	w.register("n1", "s", 5, time.Minute)
	w.run(time.Second)
	w.kill("n1")
	w.run(detect + time.Second)
	r := w.start("n1", 7, true)
	w.run(time.Second)
	if got := r.Catalog().Self().Incarnation; got <= 1000 {
		t.Fatalf("writes as incarnation %d, though 1000 was used", got)
	}
	w.register("n1", "t", 5, time.Minute)
	w.run(time.Second)
	w.want("s", 5, 0)
	w.want("t", 5, 0)
	w.agree()
}

func TestNodeIsNotReadyBeforeItHasCaughtUp(t *testing.T) {
	w := newWorld(t, 15, 3)
	w.register("n1", "s", 2000, time.Hour)
	w.run(time.Second)
	r := w.start("n4", 4, true)
	for ready := false; !ready; ready, _ = r.Ready() {
		if n, _ := w.count("n4", "s"); n == 2000 {
			break
		}
		w.run(time.Millisecond)
	}
	w.run(time.Second)
	if ready, why := r.Ready(); !ready || why != "caught up with its peers" {
		t.Fatalf("ready %v: %s", ready, why)
	}
	w.want("s", 2000, 0)
	w.agree()

	// Nobody answers: available in the end, and never silently.
	w.cut = func(a, b string) bool { return a == "n5" || b == "n5" }
	r = w.start("n5", 5, true)
	w.run(29 * time.Second)
	if ready, _ := r.Ready(); ready {
		t.Fatal("ready without having heard from anyone")
	}
	w.run(2 * time.Second)
	if ready, why := r.Ready(); !ready || why != "no seed answered in time: it serves what it has" {
		t.Fatalf("ready %v: %s", ready, why)
	}
}

func TestWholeClusterStartsTogether(t *testing.T) {
	w := newWorld(t, 16, 1)
	w.reps, w.order = map[string]*muster.Replica{}, nil
	for i := range 5 {
		w.start("c"+strconv.Itoa(i), 1, true)
	}
	w.run(3 * time.Second)
	for _, name := range w.order {
		if ready, why := w.reps[name].Ready(); !ready {
			t.Fatalf("%s: %s", name, why)
		}
	}
}

func TestSameSeedSameRun(t *testing.T) {
	run := func(seed uint64) uint64 {
		w := newWorld(t, seed, 5)
		keys := w.register("n1", "s", 30, 2*time.Second)
		w.run(100 * time.Millisecond)
		w.renewing("n2", keys[:20], 300*time.Millisecond, 3*time.Second, nil)
		w.kill("n1")
		w.renewing("n3", keys[:20], 300*time.Millisecond, 6*time.Second, nil)
		return w.trace
	}
	first := run(17)
	for range 3 {
		if again := run(17); again != first {
			t.Fatalf("trace %x, then %x", first, again)
		}
	}
	if run(18) == first {
		t.Fatal("the seed changes nothing")
	}
}
