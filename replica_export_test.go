package muster_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/frame"
	"github.com/musterhq/muster/gossip/spread"
)

// exporting is a replica with those rules.
func exporting(t *testing.T, datacenter, name string, rules muster.Export) *muster.Replica {
	t.Helper()
	r, err := muster.NewReplica(muster.ReplicaConfig{
		Name: name, Datacenter: datacenter, Incarnation: 1, Preserve: muster.DefaultPreserve(), Export: rules,
		Rand: rand.New(rand.NewPCG(1, 2)),
	}, muster.Moment{Wall: worldStart})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// border is a data centre of two nodes, of which n1 is the gateway, and one of one node. Messages take no time. Nothing
// that names the secret may cross.
type border struct {
	t      *testing.T
	now    time.Duration
	reps   map[string]*muster.Replica
	secret string
}

var borderNodes = []string{"dc1/n1", "dc1/n2", "dc2/n1"}

func newBorder(t *testing.T, secret string, rules ...string) *border {
	t.Helper()
	b := &border{t: t, reps: map[string]*muster.Replica{}, secret: secret}
	for _, id := range borderNodes {
		b.reps[id] = exporting(t, id[:3], id[4:], exportRules(t, rules...))
	}
	b.reps["dc1/n1"].MemberUp(b.moment(), spread.Member{ID: "dc1/n2"})
	b.reps["dc1/n2"].MemberUp(b.moment(), spread.Member{ID: "dc1/n1"})
	b.link(true)
	b.run(3 * time.Second)
	return b
}

func (b *border) moment() muster.Moment {
	return muster.Moment{Mono: b.now, Wall: worldStart.Add(b.now)}
}

func (b *border) link(up bool) {
	for _, pair := range [][2]string{{"dc1/n1", "dc2/n1"}, {"dc2/n1", "dc1/n1"}} {
		if r := b.reps[pair[0]]; r != nil && up {
			r.LinkUp(b.moment(), pair[1])
		} else if r != nil {
			r.LinkDown(b.moment(), pair[1], "a test")
		}
	}
}

// run lets time pass, in steps of 50 ms.
func (b *border) run(d time.Duration) {
	b.t.Helper()
	for end := b.now + d; b.now < end; b.now += 50 * time.Millisecond {
		for _, id := range borderNodes {
			if b.reps[id] != nil {
				b.reps[id].Tick(b.moment())
			}
		}
		for range 8 {
			b.exchange()
		}
	}
}

func (b *border) exchange() {
	b.t.Helper()
	for _, id := range borderNodes {
		r := b.reps[id]
		if r == nil {
			continue
		}
		r.Flush(b.moment())
		for _, o := range r.TakeOutbound() {
			if o.Msg != nil && o.To[:3] != id[:3] && b.secret != "" && bytes.Contains(frame.Append(nil, o.Msg), []byte(b.secret)) {
				b.t.Fatalf("%s sends a %s with the secret to %s", id, o.Msg.Kind(), o.To)
			}
			if to := b.reps[o.To]; to != nil && o.Msg != nil {
				to.Receive(b.moment(), id, o.Msg)
			}
		}
	}
	for _, pair := range [][2]string{{"dc1/n1", "dc1/n2"}, {"dc1/n2", "dc1/n1"}} {
		if a, c := b.reps[pair[0]], b.reps[pair[1]]; a != nil && c != nil {
			a.PeerDigest(b.moment(), pair[1], c.Digest())
		}
	}
}

func (b *border) register(id, service string, tags ...string) muster.Key {
	b.t.Helper()
	inst := &muster.Instance{Service: service, ID: service + "-1", Address: "10.0.0.1", Port: 80, TTL: time.Hour, Tags: tags}
	if _, _, err := b.reps[id].Register(b.moment(), inst, false); err != nil {
		b.t.Fatal(err)
	}
	return inst.Key()
}

// seen lists the nodes that show an instance.
func (b *border) seen(key muster.Key) (ids []string) {
	for _, id := range borderNodes {
		if b.reps[id] == nil {
			continue
		}
		if inst, _ := b.reps[id].Catalog().Get(key); inst != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (b *border) want(key muster.Key, ids ...string) {
	b.t.Helper()
	if got := b.seen(key); !slices.Equal(got, ids) {
		b.t.Fatalf("%v, %v is seen at %v, want %v", b.now, key, got, ids)
	}
}

// healthy holds that nobody has counted a divergence or a message that is not well formed.
func (b *border) healthy() {
	b.t.Helper()
	for _, id := range borderNodes {
		if b.reps[id] == nil {
			continue
		}
		if s := b.reps[id].Traffic(); s.Divergences > 0 || s.Malformed > 0 || s.SyncsFailed > 0 {
			b.t.Errorf("%s counts %+v", id, s)
		}
	}
	if far := b.reps["dc2/n1"].Catalog().Vector(); far.HasPrivate() {
		b.t.Errorf("the other data centre covers %v", far.Origins())
	}
}

// A private instance is not heard of elsewhere, whatever is done to it: it is overridden, its home dies and another node
// adopts it, the link ends and comes back, and it goes.
func TestWhatIsPrivateStaysHomeThroughItsLife(t *testing.T) {
	b := newBorder(t, "secret", "secret=none")
	key := b.register("dc1/n2", "secret")
	other := b.register("dc1/n2", "open")
	b.run(time.Second)
	b.want(key, "dc1/n1", "dc1/n2")
	b.want(other, borderNodes...)
	if err := b.reps["dc1/n1"].SetOverride(b.moment(), key, muster.StatusOutOfService, "for a while"); err != nil {
		t.Fatal(err)
	}
	b.run(time.Second)
	if inst, _ := b.reps["dc1/n2"].Catalog().Get(key); inst.Override != muster.StatusOutOfService || !inst.Private {
		t.Fatalf("n2 shows %+v", inst)
	}
	b.reps["dc1/n2"] = nil
	b.reps["dc1/n1"].MemberDown(b.moment(), spread.Member{ID: "dc1/n2"}, false)
	b.run(time.Second)
	if got := b.reps["dc1/n1"].Renew(b.moment(), key); got != muster.RenewalAdopted {
		t.Fatalf("renewal: %d", got)
	}
	b.link(false)
	b.run(10 * time.Second)
	v := "1"
	if err := b.reps["dc1/n1"].PatchMetadata(b.moment(), key, map[string]*string{"v": &v}); err != nil {
		t.Fatal(err)
	}
	b.link(true)
	b.run(10 * time.Second)
	b.want(key, "dc1/n1")
	b.want(other, "dc1/n1", "dc2/n1")
	if err := b.reps["dc1/n1"].Deregister(b.moment(), key); err != nil {
		t.Fatal(err)
	}
	b.run(5 * time.Second)
	b.want(key)
	b.healthy()
}

// A member that starts empty loads what is private from its own data centre.
func TestAnEmptyMemberLoadsWhatIsPrivate(t *testing.T) {
	b := newBorder(t, "secret", "secret=none")
	key := b.register("dc1/n1", "secret")
	b.reps["dc1/n2"] = nil
	b.reps["dc1/n1"].MemberDown(b.moment(), spread.Member{ID: "dc1/n2"}, false)
	b.run(5 * time.Second)
	b.reps["dc1/n2"] = exporting(t, "dc1", "n2", nil)
	b.reps["dc1/n1"].MemberUp(b.moment(), spread.Member{ID: "dc1/n2"})
	b.reps["dc1/n2"].MemberUp(b.moment(), spread.Member{ID: "dc1/n1"})
	b.run(2 * time.Second)
	b.want(key, "dc1/n1", "dc1/n2")
	if inst, _ := b.reps["dc1/n2"].Catalog().Get(key); !inst.Private {
		t.Fatal("n2 does not know that it is private")
	}
	b.healthy()
}

// Where something is private, tombstones come last in a sync, also those that are older than what came before them.
func TestASyncWithTombstonesLastIsReadable(t *testing.T) {
	b := newBorder(t, "", "secret=none")
	b.reps["dc1/n2"] = nil
	b.reps["dc1/n1"].MemberDown(b.moment(), spread.Member{ID: "dc1/n2"}, false)
	for _, service := range []string{"secret", "gone"} {
		if err := b.reps["dc1/n1"].Deregister(b.moment(), b.register("dc1/n1", service)); err != nil {
			t.Fatal(err)
		}
	}
	key := b.register("dc1/n1", "last")
	b.run(time.Second)
	b.reps["dc1/n2"] = exporting(t, "dc1", "n2", nil)
	b.reps["dc1/n1"].MemberUp(b.moment(), spread.Member{ID: "dc1/n2"})
	b.reps["dc1/n2"].MemberUp(b.moment(), spread.Member{ID: "dc1/n1"})
	b.run(2 * time.Second)
	b.want(key, borderNodes...)
	if one, two := b.reps["dc1/n1"].Digest(), b.reps["dc1/n2"].Digest(); one != two {
		t.Fatalf("digests %v and %v", one, two)
	}
	b.healthy()
}

// An instance that becomes private is taken back from the others a second later, and comes back to them at once when it
// is exported again. At home it is never gone in between.
func TestAnInstanceGoesFromOneSideToTheOther(t *testing.T) {
	b := newBorder(t, "", "s=tag:public")
	home := b.reps["dc1/n1"].Catalog()
	member := b.reps["dc1/n2"].Catalog()
	from := [2]muster.Index{home.Index(), member.Index()}
	key := b.register("dc1/n1", "s", "public")
	b.run(200 * time.Millisecond)
	b.want(key, borderNodes...)
	for range 3 {
		b.register("dc1/n1", "s")
		b.run(200 * time.Millisecond)
		b.want(key, borderNodes...) // Not yet: the members are to have it as private first.
		b.run(time.Second)
		b.want(key, "dc1/n1", "dc1/n2")
		b.register("dc1/n1", "s", "public")
		b.run(200 * time.Millisecond)
		b.want(key, borderNodes...)
		b.run(2 * time.Second)
		b.want(key, borderNodes...)
	}
	for i, cat := range []*catalog.Catalog{home, member} {
		changes, ok := cat.Since(from[i])
		if !ok || len(changes) < 6 {
			t.Fatalf("%d changes, %v", len(changes), ok)
		}
		for _, ch := range changes {
			if ch.New == nil {
				t.Fatalf("node %d saw it gone: %v", i+1, ch.Cause)
			}
		}
	}
	b.healthy()
	// Nothing of it is left on the private side.
	for _, rec := range home.Registers(key) {
		if rec.Private() && !rec.Deleted() {
			t.Errorf("register %d is still there as of %s", rec.Kind, rec.Stamp.Dot)
		}
	}
}

// What an earlier life has written as private alone shows a node without memory, whose clock is behind, that it had one.
func TestAPrivateOriginShowsAnEarlierLife(t *testing.T) {
	b := newBorder(t, "secret", "secret=none")
	b.register("dc1/n1", "secret")
	b.run(time.Second)
	if got := b.reps["dc1/n1"].Catalog().Self(); got.Incarnation != 1 {
		t.Fatalf("writes as %s", got)
	}
	earlier := causal.Origin{Node: "dc1/n2", Incarnation: 77}.Private()
	b.reps["dc1/n1"].Catalog().Vector().Add(causal.Dot{Origin: earlier, Seq: 1})
	b.run(10 * time.Second)
	if got := b.reps["dc1/n2"].Catalog().Self(); got.Incarnation <= 77 || got.IsPrivate() {
		t.Fatalf("writes as %s", got)
	}
}

// The node that takes the registration decides: one without the rule keeps to its word, also when it becomes the home.
func TestNodesWithOtherRulesKeepToTheWordOfTheOneThatDecided(t *testing.T) {
	b := newBorder(t, "secret", "secret=none")
	b.reps["dc1/n1"] = exporting(t, "dc1", "n1", nil)
	b.reps["dc1/n1"].MemberUp(b.moment(), spread.Member{ID: "dc1/n2"})
	b.link(false)
	b.link(true)
	b.run(2 * time.Second)
	key := b.register("dc1/n2", "secret")
	b.run(time.Second)
	b.reps["dc1/n2"].Handover(b.moment())
	b.run(time.Second)
	b.want(key, "dc1/n1", "dc1/n2")
	if inst, _ := b.reps["dc1/n1"].Catalog().Get(key); inst.Home != "dc1/n1" || !inst.Private {
		t.Fatalf("n1 shows %+v", inst)
	}
}

// A data centre that says it covers what is private to this one would delete it here. It is not believed.
func TestAnotherDatacenterCannotEndWhatIsPrivate(t *testing.T) {
	b := newBorder(t, "", "secret=none")
	key := b.register("dc1/n1", "secret")
	b.run(time.Second)
	one := b.reps["dc1/n1"]
	b.link(false)
	b.reps["dc2/n1"] = nil
	one.LinkUp(b.moment(), "dc2/n1")
	var id uint64
	for range 10 {
		b.now += 100 * time.Millisecond
		one.Tick(b.moment())
		for _, o := range one.TakeOutbound() {
			if m, ok := o.Msg.(spread.SyncRequest); ok && o.To == "dc2/n1" {
				id = m.ID
			}
		}
	}
	if id == 0 {
		t.Fatal("no sync is asked for")
	}
	all := one.Catalog().Vector().Clone()
	one.Receive(b.moment(), "dc2/n1", spread.SyncChunk{
		ID: id, Last: true, Ready: true,
		Summary: wire.AppendSummary(nil, catalog.Summary{Lamport: 99, Vector: all, Held: &causal.Vector{}}),
	})
	if inst, _ := one.Catalog().Get(key); inst == nil {
		t.Fatal("it was deleted by another data centre")
	}
	if s := one.Traffic(); s.Malformed != 1 || s.SyncsFailed != 1 {
		t.Fatalf("counted %+v", s)
	}
}
