package catalog

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog/causal"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func moment(d time.Duration) Moment { return Moment{Mono: d, Wall: epoch.Add(d)} }

func testInstance(service, id string, version int) *Instance {
	i := &Instance{
		Service: service, ID: id, Address: "10.0.0.1", Port: 80, Home: "dc1/a", Datacenter: "dc1",
		Metadata: map[string]string{"version": strconv.Itoa(version)},
	}
	if err := i.Complete(); err != nil {
		panic(err)
	}
	return i
}

// recount rebuilds everything that the catalog keeps incrementally and compares.
func recount(t interface{ Fatalf(string, ...any) }, c *Catalog) {
	var hash uint64
	var private privateSide
	buried, instances, populated := 0, 0, 0
	held := 0
	for svc := range c.services.all() {
		n, up := 0, 0
		if svc.private != nil && len(svc.private) == 0 {
			t.Fatalf("an empty side of %v was kept", svc.key)
		}
		ids := map[string]bool{}
		for id, s := range both(svc.entries, svc.private) {
			if s.empty() {
				t.Fatalf("an empty entry of %v was kept", id)
			}
			for k, rec := range s {
				if rec == nil {
					continue
				}
				held++
				if rec.Private() != (svc.private[id] == s) || rec.Registration != nil && rec.Registration.Private != rec.Private() {
					t.Fatalf("register %d of %v is on the wrong side", k, id)
				}
				if rec.Private() {
					private.list(rec)
				}
				if !c.vector.Covers(rec.Stamp.Dot) {
					t.Fatalf("holds %v without covering it", rec.Stamp.Dot)
				}
				if c.Record(rec.Stamp.Dot) != rec {
					t.Fatalf("register %d of %v is not in its origin's log", k, id)
				}
				if rec.Deleted() {
					buried++
				} else {
					hash += rec.Stamp.Dot.Hash()
				}
			}
			if ids[id] {
				continue
			}
			ids[id] = true
			want := svc.instance(id, c.away)
			got, _ := svc.view.Load().Instance(id)
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("the view has %+v for %s, the registers say %+v", got, id, want)
			}
			if want != nil {
				n++
				if want.Healthy() {
					up++
				}
			}
		}
		if len(ids) == 0 {
			t.Fatalf("service %v without entries was kept", svc.key)
		}
		v := svc.view.Load()
		if v.Len() != n || v.Up() != up || len(v.Instances()) != n {
			t.Fatalf("the view counts %d, %d up, %d listed; want %d, %d up", v.Len(), v.Up(), len(v.Instances()), n, up)
		}
		if !slices.IsSortedFunc(v.Instances(), func(a, b *Instance) int { return a.Key().Compare(b.Key()) }) {
			t.Fatalf("the view is not sorted")
		}
		instances += n
		if n > 0 {
			populated++
		}
	}
	st := c.Stats()
	want := Stats{Services: populated, Instances: instances, Tombstones: buried, Records: held, Origins: c.vector.Len()}
	private.seq = c.private.seq
	if hash != c.Hash() || st != want || private != c.private || c.PublicHash() != hash-private.hash {
		t.Fatalf("hash %x, stats %+v; recounted %x, %+v", c.Hash(), st, hash, want)
	}
}

// both yields the entries of two sides.
func both(public, private map[string]*slots) iter.Seq2[string, *slots] {
	return func(yield func(string, *slots) bool) {
		for _, side := range []map[string]*slots{public, private} {
			for id, s := range side {
				if !yield(id, s) {
					return
				}
			}
		}
	}
}

// visible is what a reader sees: every instance, by key.
func visible(c *Catalog) map[Key]Instance {
	m := map[Key]Instance{}
	for _, v := range c.Services().Services {
		for _, i := range v.Instances() {
			m[i.Key()] = *i
		}
	}
	return m
}

// cluster is a handful of replicas and the messages between them, for random schedules. For each write it keeps, beside
// the product's records, the true set of writes to the same register that its writer had seen: the ghost history by
// which losses and zombies are told from concurrent writes.
type cluster struct {
	t *rapid.T
	// split is the replica from which on they are in another data centre, where some registrations are private; 0 if none.
	split    int
	now      time.Duration
	reps     []*Catalog
	ghosts   []map[string]map[causal.Dot]bool
	writes   map[string][]write
	inflight []message
}

type write struct {
	rec  *Record
	hist map[causal.Dot]bool
}

type message struct {
	to int
	w  write
}

func register(r *Record) string {
	if r.Private() {
		return fmt.Sprintf("%v/%d of %s alone", r.Key, r.Kind, r.Stamp.Dot.Origin.Node[:3])
	}
	return fmt.Sprintf("%v/%d", r.Key, r.Kind)
}

// far reports whether two replicas are in different data centres.
func (cl *cluster) far(i, j int) bool { return cl.split > 0 && (i < cl.split) != (j < cl.split) }

// hears reports whether a replica may learn of a write of another's.
func (cl *cluster) hears(to, from int, reg string) bool {
	return !cl.far(to, from) || !strings.HasSuffix(reg, "alone")
}

func newCluster(t *rapid.T, n int) *cluster {
	cl := &cluster{t: t, writes: map[string][]write{}}
	for i := range n {
		o := causal.Origin{Node: "dc1/" + string(rune('a'+i)), Incarnation: 1}
		cl.reps = append(cl.reps, New(Config{Origin: o, History: 64}, moment(0)))
		cl.ghosts = append(cl.ghosts, map[string]map[causal.Dot]bool{})
	}
	return cl
}

func (cl *cluster) note(i int, reg string, hist map[causal.Dot]bool) {
	if cl.ghosts[i][reg] == nil {
		cl.ghosts[i][reg] = map[causal.Dot]bool{}
	}
	for d := range hist {
		cl.ghosts[i][reg][d] = true
	}
}

// write makes replica i do a random write and puts its delta under way to some of the others, some of them twice.
func (cl *cluster) write(i int) {
	t, c := cl.t, cl.reps[i]
	key := Key{DefaultNamespace, rapid.SampledFrom([]string{"s", "t"}).Draw(t, "service"), rapid.SampledFrom([]string{"1", "2"}).Draw(t, "id")}
	kind := Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind"))
	at := moment(cl.now)
	var rec *Record
	cur := c.register(key, kind, c.counts(key, kind))
	switch {
	case cur != nil && !cur.Deleted() && rapid.IntRange(0, 2).Draw(t, "delete") == 0:
		rec = c.Delete(at, key, kind, Deregistered)
	case kind == KindRegistration:
		inst := testInstance(key.Service, key.ID, int(c.seq))
		inst.Home, inst.Datacenter = c.self.Node, c.self.Node[:3]
		inst.Private = cl.split > 0 && rapid.Bool().Draw(t, "private")
		rec = c.Register(at, inst)
	case kind == KindLease:
		rec = c.SetLease(at, key, Lease{Home: c.Self().Node, Status: Status(rapid.IntRange(1, 5).Draw(t, "status"))})
	case kind == KindChecks:
		rec = c.SetChecks(at, key, []CheckResult{{ID: "c", Status: CheckStatus(rapid.IntRange(1, 3).Draw(t, "found"))}})
	default:
		rec = c.SetOverride(at, key, Override{Status: StatusOutOfService})
	}
	reg := register(rec)
	cl.note(i, reg, map[causal.Dot]bool{rec.Stamp.Dot: true})
	w := write{rec, map[causal.Dot]bool{}}
	for d := range cl.ghosts[i][reg] {
		w.hist[d] = true
	}
	cl.writes[reg] = append(cl.writes[reg], w)
	for j := range cl.reps {
		if j != i && cl.hears(j, i, reg) {
			for range rapid.IntRange(0, 2).Draw(t, "copies") {
				cl.inflight = append(cl.inflight, message{j, w})
			}
		}
	}
}

func (cl *cluster) deliver() {
	if len(cl.inflight) == 0 {
		return
	}
	n := rapid.IntRange(0, len(cl.inflight)-1).Draw(cl.t, "message")
	m := cl.inflight[n]
	cl.inflight = slices.Delete(cl.inflight, n, n+1)
	cl.reps[m.to].Apply(moment(cl.now), []*Record{m.w.rec})
	cl.note(m.to, register(m.w.rec), m.w.hist)
}

// sync makes dst pull from src, in two steps with something between them if between is given.
func (cl *cluster) sync(dst, src int, between func()) {
	a, b := cl.reps[dst], cl.reps[src]
	var tr *Transfer
	if cl.far(dst, src) {
		v := a.Vector().Public().Clone()
		tr = b.TransferPublic(v, v.Equal(b.Vector().Public()) && a.PublicHash() != b.PublicHash())
		if tr.Summary.HasPrivate() {
			cl.t.Fatalf("a sync between data centres is about %v", tr.Summary.Vector.Origins())
		}
	} else {
		tr = b.Transfer(a.Vector().Clone(), a.Vector().Equal(b.Vector()) && a.Hash() != b.Hash())
	}
	ghost := map[string]map[causal.Dot]bool{}
	for reg, hist := range cl.ghosts[src] {
		if !cl.hears(dst, src, reg) {
			continue
		}
		ghost[reg] = map[causal.Dot]bool{}
		for d := range hist {
			ghost[reg][d] = true
		}
	}
	half := len(tr.Records) / 2
	cl.reps[dst].Apply(moment(cl.now), tr.Records[:half])
	if between != nil {
		between()
	}
	cl.reps[dst].Apply(moment(cl.now), tr.Records[half:])
	cl.reps[dst].Finish(moment(cl.now), tr.Summary)
	for reg, hist := range ghost {
		cl.note(dst, reg, hist)
	}
}

func (cl *cluster) run(steps int, collect bool) {
	for range steps {
		i := rapid.IntRange(0, len(cl.reps)-1).Draw(cl.t, "replica")
		cl.now += time.Second
		switch p := rapid.IntRange(0, 99).Draw(cl.t, "step"); {
		case p < 40:
			cl.write(i)
		case p < 75:
			cl.deliver()
		case p < 90:
			if j := rapid.IntRange(0, len(cl.reps)-1).Draw(cl.t, "peer"); j != i {
				cl.sync(i, j, func() {
					if rapid.Bool().Draw(cl.t, "meanwhile") {
						cl.write(i)
						cl.write(j)
						cl.deliver()
					}
				})
			}
		case collect:
			cl.reps[i].Collect(moment(cl.now), 0, func(causal.Dot, time.Duration) bool {
				return rapid.Bool().Draw(cl.t, "covered")
			})
		}
		recount(cl.t, cl.reps[i])
	}
}

// settle syncs everyone with everyone until nothing can be new.
func (cl *cluster) settle() {
	for range 2 * len(cl.reps) {
		for i := range cl.reps {
			for j := range cl.reps {
				if i != j {
					cl.sync(i, j, nil)
				}
			}
		}
	}
}

// I1, I2, I3: after any schedule of lost, duplicated and reordered deltas, syncs with writes in their midst, and
// tombstones collected at any moment, all replicas agree, nothing deleted is back, and nothing is lost.
func TestAnySchedulesConvergeWithoutZombieOrLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cl := newCluster(t, rapid.IntRange(2, 4).Draw(t, "replicas"))
		cl.run(rapid.IntRange(10, 60).Draw(t, "steps"), true)
		cl.settle()
		first := cl.reps[0]
		for _, c := range cl.reps {
			recount(t, c)
			if !c.Vector().Equal(first.Vector()) || c.Hash() != first.Hash() {
				t.Fatalf("vectors equal: %v; hashes %x and %x", c.Vector().Equal(first.Vector()), c.Hash(), first.Hash())
			}
			if !reflect.DeepEqual(visible(c), visible(first)) {
				t.Fatalf("visible catalogs differ:\n%v\n%v", visible(c), visible(first))
			}
		}
		for reg, writes := range cl.writes {
			rec := first.register(writes[0].rec.Key, writes[0].rec.Kind, writes[0].rec.Private())
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
	})
}

// A registration that is delayed for longer than a concurrent, winning tombstone is held finds an empty register where
// that was collected, and a tombstone elsewhere. Floors do not show it; unequal hashes under equal vectors do, and
// a full transfer ends it.
func TestDeltaDelayedBeyondItsTombstoneIsFoundByTheHash(t *testing.T) {
	cl := newCluster(nil, 3)
	a, b, c := cl.reps[0], cl.reps[1], cl.reps[2]
	delayed := c.Register(moment(0), testInstance("s", "1", 1))
	a.Register(moment(0), testInstance("s", "1", 2))
	tomb := a.Delete(moment(0), delayed.Key, KindRegistration, Deregistered)
	c.Apply(moment(0), []*Record{tomb})
	a.Collect(moment(TombstoneAge), TombstoneAge, nil)
	a.Apply(moment(TombstoneAge), []*Record{delayed})
	for range 3 {
		cl.sync(1, 0, nil)
		cl.sync(1, 2, nil)
		cl.sync(2, 1, nil)
		cl.sync(0, 2, nil)
	}
	for _, r := range cl.reps {
		recount(t, r)
	}
	if a.Hash() != c.Hash() || b.Hash() != c.Hash() || len(visible(a)) != 0 {
		t.Fatalf("hashes %x, %x, %x; visible %v", a.Hash(), b.Hash(), c.Hash(), visible(a))
	}
}

// I4 and the join: any order, any grouping and any repetition of the same records ends in the same state.
func TestMergeIsCommutativeAssociativeIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cl := newCluster(t, 3)
		cl.run(rapid.IntRange(5, 40).Draw(t, "steps"), false)
		var all []*Record
		for _, ws := range cl.writes {
			for _, w := range ws {
				all = append(all, w.rec)
			}
		}
		slices.SortFunc(all, func(a, b *Record) int { return a.Stamp.Compare(b.Stamp) })
		merged := func(label string) *Catalog {
			c := New(Config{Origin: causal.Origin{Node: "dc1/z", Incarnation: 1}}, moment(0))
			recs := rapid.Permutation(all).Draw(t, label)
			for len(recs) > 0 {
				n := rapid.IntRange(1, len(recs)).Draw(t, "group")
				c.Apply(moment(0), recs[:n])
				if rapid.Bool().Draw(t, "again") {
					if fresh := c.Apply(moment(0), recs[:n]); len(fresh) != 0 {
						t.Fatal("a second copy was fresh")
					}
				}
				recs = recs[n:]
			}
			recount(t, c)
			return c
		}
		a, b := merged("first"), merged("second")
		if a.Hash() != b.Hash() || !a.Vector().Equal(b.Vector()) || !reflect.DeepEqual(visible(a), visible(b)) {
			t.Fatal("order or grouping mattered")
		}
	})
}

// The delta route equals the full route: one replica is fed every delta, the other one sync.
func TestDeltaRouteEqualsFullRoute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cl := newCluster(t, 2)
		var recs []*Record
		for range rapid.IntRange(1, 40).Draw(t, "writes") {
			before := len(cl.inflight)
			cl.write(0)
			cl.inflight = cl.inflight[:before]
		}
		for _, ws := range cl.writes {
			for _, w := range ws {
				recs = append(recs, w.rec)
			}
		}
		slices.SortFunc(recs, func(a, b *Record) int { return a.Stamp.Compare(b.Stamp) })
		deltas := New(Config{Origin: causal.Origin{Node: "dc1/y", Incarnation: 1}}, moment(0))
		deltas.Apply(moment(0), recs)
		cl.sync(1, 0, nil)
		full := cl.reps[1]
		if full.Hash() != deltas.Hash() || !full.Vector().Equal(deltas.Vector()) || !reflect.DeepEqual(visible(full), visible(deltas)) {
			t.Fatal("the two routes differ")
		}
	})
}

// I5: what is held is bounded by what is alive, once tombstones and origins have had their time.
func TestMemoryIsBoundedByWhatIsAlive(t *testing.T) {
	c := New(Config{Origin: causal.Origin{Node: "dc1/a", Incarnation: 1}, History: 16}, moment(0))
	other := New(Config{Origin: causal.Origin{Node: "dc1/b", Incarnation: 1}}, moment(0))
	for n := range 1000 {
		at := moment(time.Duration(n) * time.Second)
		i := testInstance("s", strconv.Itoa(n), 1)
		other.Register(at, i)
		other.Delete(at, i.Key(), KindRegistration, Evicted)
	}
	tr := other.Transfer(&causal.Vector{}, false)
	c.Apply(moment(0), tr.Records)
	c.Finish(moment(0), tr.Summary)
	if st := c.Stats(); st.Tombstones != 1000 || st.Services != 0 {
		t.Fatalf("before: %+v", st)
	}
	if n := c.Collect(moment(TombstoneAge-1), TombstoneAge, nil); n != 0 {
		t.Fatalf("%d tombstones were collected too early", n)
	}
	c.Collect(moment(TombstoneAge), TombstoneAge, nil)
	c.Prune(moment(TombstoneAge), OriginAge, func(string) bool { return false })
	c.Prune(moment(TombstoneAge+OriginAge), OriginAge, func(string) bool { return false })
	if st := c.Stats(); st != (Stats{}) || len(c.tombstones) != 0 || len(c.logs) != 0 || len(c.floors) != 0 || c.services.n != 0 {
		t.Fatalf("after: %+v, %d queued, %d logs, %d floors, %d services", st, len(c.tombstones), len(c.logs), len(c.floors), c.services.n)
	}
	// A peer that has not pruned yet does not bring the origin back.
	tr = other.Transfer(c.Vector(), false)
	c.Finish(moment(TombstoneAge+OriginAge), Summary{Vector: tr.Summary.Vector})
	if c.Vector().Len() != 0 {
		t.Fatal("a pruned origin came back by a sync")
	}
	c.Prune(moment(TombstoneAge+2*OriginAge), OriginAge, func(string) bool { return false })
	if len(c.pruned) != 0 {
		t.Fatal("pruned origins are remembered for ever")
	}
}
