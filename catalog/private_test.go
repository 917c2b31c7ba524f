package catalog

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog/causal"
)

// twoDatacenters is a cluster of which the replicas from split on are in dc2.
func twoDatacenters(t *rapid.T, n, split int) *cluster {
	cl := newCluster(t, n)
	cl.split = split
	for i := split; i < n; i++ {
		o := causal.Origin{Node: "dc2/" + string(rune('a'+i)), Incarnation: 1}
		cl.reps[i] = New(Config{Origin: o, History: 64}, moment(0))
	}
	return cl
}

// checkSides holds what all replicas have in the end against what was written: the public registers everywhere, the
// private ones in their own data centre, and there alone.
func (cl *cluster) checkSides() {
	t := cl.t
	for i, c := range cl.reps {
		recount(t, c)
		near := cl.reps[0]
		if i >= cl.split {
			near = cl.reps[cl.split]
		}
		if !c.Vector().Equal(near.Vector()) || c.Hash() != near.Hash() || !reflect.DeepEqual(visible(c), visible(near)) {
			t.Fatalf("in one data centre: hashes %x and %x, vectors %v and %v", c.Hash(), near.Hash(), c.Vector().Origins(), near.Vector().Origins())
		}
		if !c.Vector().Public().Equal(cl.reps[0].Vector().Public()) || c.PublicHash() != cl.reps[0].PublicHash() {
			t.Fatalf("between data centres: public hashes %x and %x", c.PublicHash(), cl.reps[0].PublicHash())
		}
		for _, o := range c.Vector().Origins() {
			if o.IsPrivate() && o.Node[:3] != c.self.Node[:3] {
				t.Fatalf("%s covers %s", c.self, o)
			}
		}
	}
	for reg, writes := range cl.writes {
		of := writes[0].rec
		c := cl.reps[0]
		if of.Private() && of.Stamp.Dot.Origin.Node[:3] == "dc2" {
			c = cl.reps[cl.split]
		}
		rec := c.register(of.Key, of.Kind, of.Private())
		live := rec != nil && !rec.Deleted()
		for _, w := range writes {
			if live && w.rec.Deleted() && w.hist[rec.Stamp.Dot] {
				t.Fatalf("zombie: %v of %s was deleted by %v, which knew it", rec.Stamp.Dot, reg, w.rec.Stamp.Dot)
			}
			last := !w.rec.Deleted()
			for _, v := range writes {
				last = last && w.hist[v.rec.Stamp.Dot]
			}
			if last && (!live || rec.Stamp != w.rec.Stamp) {
				t.Fatalf("lost: %v of %s came after all other writes", w.rec.Stamp.Dot, reg)
			}
		}
	}
}

// Each side converges by itself, without zombie or loss, whatever goes over the link in either direction, and whatever
// tombstones are collected: what a data centre keeps to itself is neither seen elsewhere nor deleted from there.
func TestBothSidesConvergeWithoutZombieOrLossAndThePrivateOneStaysHome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(t, "replicas")
		cl := twoDatacenters(t, n, rapid.IntRange(1, n-1).Draw(t, "split"))
		cl.run(rapid.IntRange(10, 60).Draw(t, "steps"), true)
		cl.settle()
		cl.checkSides()
	})
}

// Unite changes nothing of what is shown, leaves nothing divided, and other data centres see no more of what is private.
func TestUniteShowsTheSameAndLeavesNothingBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cl := twoDatacenters(t, 3, 2)
		cl.run(rapid.IntRange(5, 40).Draw(t, "steps"), false)
		c := cl.reps[0]
		for key := range visible(c) {
			before, _ := c.Get(key)
			was := *before
			aliens := false
			for _, rec := range c.Registers(key) {
				aliens = aliens || rec.Kind == KindRegistration && !rec.Deleted() && rec.Registration.Datacenter != was.Datacenter
			}
			divided := c.Divided(key)
			recs := c.Unite(moment(cl.now), key)
			if divided != (len(recs) > 0) || aliens && divided || c.Divided(key) {
				t.Fatalf("%v: divided %v, alien %v, wrote %d, divided %v afterwards", key, divided, aliens, len(recs), c.Divided(key))
			}
			if now, _ := c.Get(key); !reflect.DeepEqual(*now, was) {
				t.Fatalf("%v was shown as %+v, and is as %+v", key, was, *now)
			}
			for _, rec := range c.Registers(key) {
				if !aliens && !rec.Deleted() && rec.Private() != was.Private {
					t.Fatalf("%v has register %d on the other side", key, rec.Kind)
				}
			}
			recount(t, c)
		}
		cl.settle()
		cl.settle()
		first := cl.reps[0]
		if !reflect.DeepEqual(visible(first), visible(cl.reps[1])) || first.PublicHash() != cl.reps[2].PublicHash() {
			t.Fatal("the data centres do not agree")
		}
	})
}

func privateInstance(id string, version int) *Instance {
	i := testInstance("s", id, version)
	i.Private = true
	return i
}

// The end that an exported registration finds, because a private one has taken its place, beats that and what that had
// beaten. A registration that came after the private one, elsewhere in the data centre, is neither known nor beaten.
func TestUniteEndsNothingThatCameLater(t *testing.T) {
	cl := newCluster(nil, 2)
	a, b := cl.reps[0], cl.reps[1]
	first := a.Register(moment(0), testInstance("s", "1", 1))
	private := a.Register(moment(0), privateInstance("1", 2))
	b.Apply(moment(0), []*Record{first, private})
	later := b.Register(moment(0), testInstance("s", "1", 3))
	for range 3 {
		a.Register(moment(0), testInstance("s", "2", 1)) // Its counter goes on meanwhile.
	}
	ends := a.Unite(moment(0), first.Key)
	if len(ends) != 1 || ends[0].Private() || !ends[0].Stamp.Wins(first.Stamp) {
		t.Fatalf("wrote %+v", ends)
	}
	b.Apply(moment(0), ends)
	a.Apply(moment(0), []*Record{later})
	for _, c := range cl.reps {
		recount(t, c)
		if inst, _ := c.Get(first.Key); inst == nil || inst.Metadata["version"] != "3" || inst.Private {
			t.Fatalf("%s shows %+v", c.self, inst)
		}
	}
	if ends = b.Unite(moment(0), first.Key); len(ends) != 1 || !ends[0].Private() || !ends[0].Deleted() {
		t.Fatalf("wrote %+v", ends)
	}
}

// Who syncs from a peer after an instance has gone from one side to the other does not see it gone in between.
func TestASyncShowsNoGapBetweenTheSides(t *testing.T) {
	cl := newCluster(nil, 2)
	a, b := cl.reps[0], cl.reps[1]
	key := a.Register(moment(0), testInstance("s", "1", 1)).Key
	cl.sync(1, 0, nil)
	from := b.Index()
	for version, private := range []bool{true, false, true} {
		inst := testInstance("s", "1", version+2)
		inst.Private = private
		a.Register(moment(0), inst)
		a.Unite(moment(0), key)
		tr := a.Transfer(b.Vector().Clone(), false)
		if len(tr.Records) != 2 {
			t.Fatalf("sent %d records", len(tr.Records))
		}
		for _, rec := range tr.Records {
			b.Apply(moment(0), []*Record{rec})
		}
		b.Finish(moment(0), tr.Summary)
	}
	changes, ok := b.Since(from)
	if !ok || len(changes) < 3 {
		t.Fatalf("%d changes, %v", len(changes), ok)
	}
	for _, ch := range changes {
		if ch.New == nil || ch.Cause != CauseWrite {
			t.Fatalf("it was gone, or seemed to be: %+v", ch)
		}
	}
}

// An operator's decision and the results of checks go with the instance; they are never missing in between.
func TestOverrideAndResultsGoOverWithTheInstance(t *testing.T) {
	c := newCluster(nil, 1).reps[0]
	checked := func(version int, private bool) *Instance {
		i := testInstance("s", "1", version)
		i.Checks, i.Private = []Check{{ID: "c", TTL: time.Minute}}, private
		return i
	}
	key := c.Register(moment(0), checked(1, false)).Key
	c.SetChecks(moment(0), key, []CheckResult{{ID: "c", Status: CheckWarning}})
	c.SetOverride(moment(0), key, Override{Status: StatusOutOfService, Reason: "broken"})
	shown := func(private bool) {
		t.Helper()
		recount(t, c)
		inst, _ := c.Get(key)
		if inst.Private != private || inst.Override != StatusOutOfService || inst.OverrideReason != "broken" || inst.Results[0].Status != CheckWarning {
			t.Fatalf("shown %+v", inst)
		}
	}
	for version, private := range []bool{true, false, true} {
		c.Register(moment(0), checked(version+2, private))
		shown(private)
		c.Unite(moment(0), key)
		shown(private)
	}
	if rec := c.Delete(moment(0), key, KindOverride, Cleared); !rec.Private() {
		t.Fatal("what was private is cleared in public")
	}
}

// What is written of a private instance is private, whatever it is and whoever writes it.
func TestEveryRegisterFollowsTheRegistration(t *testing.T) {
	cl := newCluster(nil, 2)
	a, b := cl.reps[0], cl.reps[1]
	rec := a.Register(moment(0), privateInstance("1", 1))
	b.Apply(moment(0), []*Record{rec})
	var all []*Record
	all = append(all, b.SetLease(moment(0), rec.Key, Lease{Home: "dc1/b", Status: StatusUp}),
		b.SetOverride(moment(0), rec.Key, Override{Status: StatusDown}),
		b.SetChecks(moment(0), rec.Key, []CheckResult{{ID: "c", Status: CheckPassing}}),
		b.Delete(moment(0), rec.Key, KindRegistration, Evicted),
		b.SetChecks(moment(0), rec.Key, []CheckResult{{ID: "c", Status: CheckWarning}})) // Of what is gone already.
	for _, rec := range b.Registers(rec.Key) {
		all = append(all, b.Bury(moment(0), rec, Cleared))
	}
	for _, rec := range all {
		if !rec.Private() || rec.Stamp.Dot.Origin != b.self.Private() {
			t.Errorf("register %d, deletion %d is of %s", rec.Kind, rec.Deletion, rec.Stamp.Dot)
		}
	}
	if tr := b.TransferPublic(&causal.Vector{}, true); len(tr.Records) > 0 || tr.Summary.Vector.Len() > 0 || tr.Summary.Held.Len() > 0 {
		t.Errorf("others are sent %+v", tr)
	}
	recount(t, b)
}

// An instance of another data centre that has the same name by mistake is left alone.
func TestAnInstanceOfAnotherDatacenterIsNotUnited(t *testing.T) {
	c := newCluster(nil, 1).reps[0]
	foreign := testInstance("s", "1", 1)
	foreign.Home, foreign.Datacenter = "dc2/x", "dc2"
	c.Apply(moment(0), []*Record{{
		Key: foreign.Key(), Registration: foreign,
		Stamp: causal.Stamp{Lamport: 1, Dot: causal.Dot{Origin: causal.Origin{Node: "dc2/x", Incarnation: 1}, Seq: 1}},
	}})
	own := c.Register(moment(0), privateInstance("1", 2))
	if c.Divided(own.Key) || c.Unite(moment(0), own.Key) != nil {
		t.Fatal("it was ended from here")
	}
	c.Delete(moment(0), own.Key, KindRegistration, Deregistered)
	if inst, _ := c.Get(own.Key); inst == nil || inst.Datacenter != "dc2" {
		t.Fatalf("shown %+v", inst)
	}
	recount(t, c)
}

// The two origins of a life are forgotten by the same rule: not as long as the node is known in that life.
func TestPrivateOriginsArePrunedLikePublicOnes(t *testing.T) {
	c := newCluster(nil, 1).reps[0]
	known := func(node string) bool { return node == "dc1/b" }
	lives := []causal.Origin{{Node: "dc1/b", Incarnation: 1}, {Node: "dc1/b", Incarnation: 2}, {Node: "dc1/gone", Incarnation: 7}}
	for _, o := range lives {
		c.vector.Add(causal.Dot{Origin: o.Private(), Seq: 1})
	}
	c.vector.Add(causal.Dot{Origin: lives[1], Seq: 1})
	c.vector.Add(causal.Dot{Origin: c.self.Private(), Seq: 1})
	c.Prune(moment(0), OriginAge, known)
	c.Prune(moment(OriginAge), OriginAge, known)
	want := []causal.Origin{c.self.Private(), lives[1], lives[1].Private()}
	if got := c.vector.Origins(); !slices.Equal(got, want) {
		t.Fatalf("left are %v, want %v", got, want)
	}
}
