package catalog

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog/causal"
)

func newCatalog(name string) *Catalog {
	return New(Config{Origin: causal.Origin{Node: "dc1/" + name, Incarnation: 1}, History: 8}, moment(0))
}

func pull(dst, src *Catalog, at time.Duration) Summary {
	tr := src.Transfer(dst.Vector().Clone(), false)
	dst.Apply(moment(at), tr.Records)
	dst.Finish(moment(at), tr.Summary)
	return tr.Summary
}

// A peer that was away while a tombstone came and went gets the list of what is held, also from one that only knows of
// the tombstone by hearsay; one that has seen the tombstone does not.
func TestPeerBelowATombstoneFloorGetsTheListOfWhatIsHeld(t *testing.T) {
	a, away, late, fresh := newCatalog("a"), newCatalog("b"), newCatalog("c"), newCatalog("d")
	i := testInstance("s", "1", 1)
	a.Register(moment(0), i)
	if s := pull(away, a, 0); s.Held != nil {
		t.Fatal("the list was sent though no tombstone was ever collected")
	}
	a.Delete(moment(0), i.Key(), KindRegistration, Deregistered)
	a.Collect(moment(TombstoneAge), TombstoneAge, nil)
	if s := pull(late, a, TombstoneAge); s.Held == nil {
		t.Fatal("no list for an empty catalog, which may have learned from others meanwhile")
	}
	if s := pull(away, late, TombstoneAge); s.Held == nil {
		t.Fatal("no list, though the peer may hold what a collected tombstone deleted")
	}
	if got, _ := away.Get(i.Key()); got != nil || away.Hash() != a.Hash() {
		t.Fatal("the deleted instance is still there")
	}
	pull(fresh, a, TombstoneAge)
	a.Register(moment(TombstoneAge), testInstance("s", "2", 1))
	if s := pull(fresh, a, TombstoneAge); s.Held != nil {
		t.Fatal("the list was sent to one that is above the floor")
	}
}

// A node that holds nothing asks one peer, and before the answer comes it has learned from another what the first one knows
// to be deleted, and has forgotten how: found by the simulator, seed 2847.
func TestAnEmptyNodeLearnsWhatWasDeletedMeanwhile(t *testing.T) {
	a, b, fresh := newCatalog("a"), newCatalog("b"), newCatalog("fresh")
	key := a.Register(moment(0), testInstance("s", "1", 1)).Key
	take := func(to *Catalog, t *Transfer) {
		to.Apply(moment(0), t.Records)
		to.Finish(moment(0), t.Summary)
	}
	take(b, a.Transfer(b.Vector(), false))
	a.Delete(moment(0), key, KindRegistration, Evicted)
	a.Collect(moment(TombstoneAge), TombstoneAge, nil)
	answer := a.Transfer(fresh.Vector(), false)
	take(fresh, b.Transfer(fresh.Vector(), false))
	if got, _ := fresh.Get(key); got == nil {
		t.Fatal("the stale peer has nothing to give")
	}
	take(fresh, answer)
	if got, _ := fresh.Get(key); got != nil {
		t.Errorf("%+v came back from the dead", got)
	}
}

func TestStatusTravelsWithoutTheBodyAndTheYoungerRegisterSpeaks(t *testing.T) {
	c := newCatalog("a")
	key := c.Register(moment(0), testInstance("s", "1", 1)).Key
	body, _ := c.Get(key)
	c.SetLease(moment(0), key, Lease{Home: "dc1/b", Status: StatusDown})
	got, _ := c.Get(key)
	if got.Status != StatusDown || got.Home != "dc1/b" || got.Address != body.Address {
		t.Fatalf("after a lease: %+v", got)
	}
	c.SetOverride(moment(0), key, Override{Status: StatusOutOfService})
	if got, _ = c.Get(key); got.Status != StatusOutOfService || got.Override != StatusOutOfService || got.Reported() != StatusDown {
		t.Fatalf("after an override: %+v", got)
	}
	c.Register(moment(0), testInstance("s", "1", 2))
	if got, _ = c.Get(key); got.Home != "dc1/a" || got.Status != StatusOutOfService || got.Metadata["version"] != "2" {
		t.Fatalf("a re-registration must win over an older lease and keep the override: %+v", got)
	}
	c.Delete(moment(0), key, KindOverride, Cleared)
	if got, _ = c.Get(key); got.Status != StatusUp || got.Override != StatusNone {
		t.Fatalf("after the override was cleared: %+v", got)
	}
	c.Delete(moment(0), key, KindRegistration, Deregistered)
	if got, _ = c.Get(key); got != nil {
		t.Fatalf("a lease or override without a registration is no instance: %+v", got)
	}
	recount(t, c)
}

// A view never changes, whatever is written later, and holds what a map would.
func TestViewsAreImmutableAndEqualToAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCatalog("a")
		want := map[string]*Instance{}
		type past struct {
			v    *View
			want []*Instance
		}
		var taken []past
		for n := range rapid.IntRange(1, 30).Draw(t, "batches") {
			var recs []*Record
			for range rapid.IntRange(1, 60).Draw(t, "batch") {
				id := strconv.Itoa(rapid.IntRange(0, 400).Draw(t, "id"))
				key := Key{DefaultNamespace, "s", id}
				c.lamport++
				rec := &Record{Key: key, Stamp: causal.Stamp{Lamport: c.lamport, Dot: causal.Dot{Origin: causal.Origin{Node: "dc1/x"}, Seq: c.lamport}}}
				if want[id] != nil && rapid.Bool().Draw(t, "delete") {
					rec.Deletion = Evicted
					delete(want, id)
				} else {
					rec.Registration = testInstance("s", id, n)
					want[id] = rec.Registration
				}
				recs = append(recs, rec)
			}
			c.Apply(moment(0), recs)
			v := c.Lookup(DefaultNamespace, "s")
			if v.Len() != len(want) {
				t.Fatalf("%d instances, want %d", v.Len(), len(want))
			}
			var all []*Instance
			for inst, index := range v.All() {
				all = append(all, inst)
				if want[inst.ID] != inst {
					t.Fatalf("%s is another", inst.ID)
				}
				got, at := v.Instance(inst.ID)
				if got != inst || at != index || at > v.Index() {
					t.Fatalf("by id: %v at %d, in turn at %d, view at %d", got, at, index, v.Index())
				}
			}
			if !slices.Equal(all, v.Instances()) {
				t.Fatal("the two ways to list a view differ")
			}
			for _, ch := range v.chunks {
				if len(ch.inst) == 0 || len(ch.inst) > chunkMax {
					t.Fatalf("a chunk of %d", len(ch.inst))
				}
			}
			taken = append(taken, past{v, slices.Clone(v.Instances())})
		}
		for _, p := range taken {
			if !slices.Equal(p.v.Instances(), p.want) {
				t.Fatal("a view changed after it was published")
			}
		}
		recount(t, c)
	})
}

func TestWaitersWakeOnTheirServiceAlone(t *testing.T) {
	c := newCatalog("a")
	c.Register(moment(0), testInstance("s", "1", 1))
	isOver := func(ch <-chan struct{}) bool {
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}
	s, unknown, any1 := c.Lookup(DefaultNamespace, "s").Changed(), c.Lookup(DefaultNamespace, "t").Changed(), c.Changed()
	if isOver(s) || isOver(unknown) || isOver(any1) {
		t.Fatal("woken before any change")
	}
	c.Register(moment(0), testInstance("t", "1", 1))
	if isOver(s) {
		t.Fatal("a waiter on s was woken by t")
	}
	if !isOver(unknown) || !isOver(any1) {
		t.Fatal("the first instance of an unknown service woke nobody")
	}
	c.Register(moment(0), testInstance("s", "2", 1))
	if !isOver(s) {
		t.Fatal("not woken")
	}
	old := c.Lookup(DefaultNamespace, "s")
	c.Register(moment(0), testInstance("s", "3", 1))
	if !isOver(old.Changed()) {
		t.Fatal("who asks an outdated view must not wait")
	}
}

func TestIndexOfAnotherNodeOrLifeOrTheFutureIsAnsweredAtOnce(t *testing.T) {
	a, b := newCatalog("a"), newCatalog("b")
	for _, c := range []*Catalog{a, b} {
		c.Register(moment(time.Second), testInstance("s", "1", 1))
		c.Register(moment(time.Second), testInstance("t", "1", 1))
	}
	s, now := a.Lookup(DefaultNamespace, "s").Index(), a.Index()
	for name, c := range map[string]struct {
		since Index
		want  bool
	}{
		"none":                       {0, true},
		"older":                      {s - 1<<indexTagBits, true},
		"this":                       {s, false},
		"younger, of another":        {now, false},
		"from the future":            {now + 1<<indexTagBits, true},
		"of another node":            {b.Index(), true},
		"of another node, far ahead": {b.Index() + 1<<40, true},
	} {
		if got := s.Newer(c.since, now); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if now>>53 != 0 {
		t.Errorf("index %d does not fit a JSON number", now)
	}
	before := a.Index()
	a.Rebirth(causal.Origin{Node: "dc1/a", Incarnation: 2}, Moment{Wall: epoch.AddDate(-30, 0, 0)})
	if a.Index() == before || a.Index()&indexTagMask == before&indexTagMask {
		t.Error("an index of an earlier life is taken for one of this")
	}
	if !a.Index().Newer(before, a.Index()) {
		t.Error("an index of an earlier life was not answered at once")
	}
}

func TestWatcherResumesWithinTheHistoryAndNotBeyond(t *testing.T) {
	c := newCatalog("a")
	start := c.Index()
	var at []Index
	for n := range 20 {
		c.Register(moment(0), testInstance("s", strconv.Itoa(n), 1))
		at = append(at, c.Index())
	}
	for n, i := range at {
		ch, ok := c.Since(i)
		if missed := 19 - n; ok != (missed <= 8) || ok && len(ch) != missed {
			t.Fatalf("%d changes behind: ok=%v, %d changes", missed, ok, len(ch))
		}
		for k, one := range ch {
			if one.Index != at[n+1+k] || one.Old != nil || one.New == nil {
				t.Fatalf("change %d after %d: %+v", k, n, one)
			}
		}
	}
	for name, i := range map[string]Index{"start": start, "zero": 0, "future": c.Index() + 1<<indexTagBits, "other": c.Index() ^ 1} {
		if _, ok := c.Since(i); ok {
			t.Errorf("%s: resumed", name)
		}
	}
}

func TestChangesSayWhatAndWhy(t *testing.T) {
	c := newCatalog("a")
	key := c.Register(moment(0), testInstance("s", "1", 1)).Key
	c.Delete(moment(0), key, KindRegistration, Evicted)
	c.Register(moment(0), testInstance("s", "1", 2))
	c.Delete(moment(0), key, KindRegistration, Deregistered)
	c.SetOverride(moment(0), key, Override{Status: StatusDown}) // No instance: no change to see.
	var got []string
	for _, ch := range c.TakeChanges() {
		got = append(got, strconv.FormatBool(ch.Old != nil)+" "+strconv.FormatBool(ch.New != nil)+" "+ch.Cause.String())
	}
	want := []string{"false true write", "true false evicted", "false true write", "true false deregistered"}
	if !slices.Equal(got, want) || len(c.TakeChanges()) != 0 {
		t.Fatalf("got %q", got)
	}
}

// Readers, of which there are many, run beside the writer; the race detector watches.
func TestReadersRunBesideTheWriter(t *testing.T) {
	c := newCatalog("a")
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last Index
			for {
				v := c.Lookup(DefaultNamespace, "s7")
				if v.Index() < last {
					t.Error("an index went back")
				}
				last = v.Index()
				for _, i := range v.Instances() {
					if i.Service != "s7" {
						t.Error("an instance of another service")
					}
				}
				v.Memo(0, func(v *View) []byte { return []byte{byte(v.Len())} })
				c.Services()
				c.Since(c.Index())
				select {
				case <-done:
					return
				case <-v.Changed():
				case <-c.Changed():
				}
			}
		})
	}
	for n := range 3000 {
		key := Key{DefaultNamespace, "s" + strconv.Itoa(n%50), strconv.Itoa(n % 7)}
		c.Register(moment(0), testInstance(key.Service, key.ID, n))
		if n%3 == 0 {
			c.Delete(moment(0), key, KindRegistration, Evicted)
			c.Collect(moment(0), 0, nil)
		}
	}
	close(done)
	c.Register(moment(0), testInstance("s7", "end", 1))
	wg.Wait()
	recount(t, c)
}

func TestLookupAllocatesNothing(t *testing.T) {
	c := newCatalog("a")
	for n := range 1000 {
		c.Register(moment(0), testInstance("s"+strconv.Itoa(n%10), strconv.Itoa(n), 1))
	}
	n := testing.AllocsPerRun(100, func() {
		v := c.Lookup(DefaultNamespace, "s3")
		if len(v.Instances()) != 100 {
			t.Error("wrong view")
		}
		c.Lookup(DefaultNamespace, "unknown")
	})
	if n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func TestCompleteFillsWhatMayBeLeftOutAndNamesWhatIsWrong(t *testing.T) {
	good := Instance{Service: "payments", Address: "10.0.0.5", Port: 8080}
	if err := good.Complete(); err != nil {
		t.Fatal(err)
	}
	if good.ID != "payments-10.0.0.5-8080" || good.TTL != DefaultTTL || good.Weight != DefaultWeight ||
		good.Status != StatusUp || good.Namespace != DefaultNamespace {
		t.Fatalf("completed to %+v", good)
	}
	long := strings.Repeat("x", MaxNameBytes+1)
	for name, c := range map[string]struct {
		change func(*Instance)
		fields []string
	}{
		"nothing given":     {func(i *Instance) { *i = Instance{} }, []string{"service", "address", "port"}},
		"port too large":    {func(i *Instance) { i.Port = 70000 }, []string{"port"}},
		"port negative":     {func(i *Instance) { i.Port = -1 }, []string{"port"}},
		"address with port": {func(i *Instance) { i.Address = "10.0.0.1:80" }, []string{"address"}},
		"address is a URL":  {func(i *Instance) { i.Address = "http://x" }, []string{"address"}},
		"an IPv6 address":   {func(i *Instance) { i.Address = "::1" }, nil},
		"ttl too short":     {func(i *Instance) { i.TTL = time.Millisecond }, []string{"ttl"}},
		"ttl negative":      {func(i *Instance) { i.TTL = -time.Second }, []string{"ttl"}},
		"name too long":     {func(i *Instance) { i.Service = long }, []string{"service", "id"}},
		"control character": {func(i *Instance) { i.ID = "a\nb" }, []string{"id"}},
		"not UTF-8":         {func(i *Instance) { i.Zone = "\xff" }, []string{"zone"}},
		"empty tag":         {func(i *Instance) { i.Tags = []string{"a", ""} }, []string{"tags[1]"}},
		"weight":            {func(i *Instance) { i.Weight = -5 }, []string{"weight"}},
		"named port":        {func(i *Instance) { i.Ports = map[string]int{"grpc": 0} }, []string{"ports.grpc"}},
		"metadata value":    {func(i *Instance) { i.Metadata = map[string]string{"k": strings.Repeat("x", MaxValueBytes+1)} }, []string{"metadata.k"}},
		"attribute name":    {func(i *Instance) { i.Attributes = map[string]string{"": "x"} }, []string{"attributes"}},
		"attribute value": {func(i *Instance) {
			i.Attributes = map[string]string{"eureka.vip": strings.Repeat("x", MaxValueBytes+1)}
		}, []string{"attributes.eureka.vip"}},
		"attributes too many":  {func(i *Instance) { i.Attributes = numbered(MaxAttributes + 1) }, []string{"attributes"}},
		"check without target": {func(i *Instance) { i.Checks = []Check{{}} }, []string{"checks[0]"}},
		"check of no URL":      {func(i *Instance) { i.Checks = []Check{{HTTP: "ftp://x"}} }, []string{"checks[0].http"}},
		"check of no port":     {func(i *Instance) { i.Checks = []Check{{TCP: "host"}} }, []string{"checks[0].tcp"}},
		"check of two kinds":   {func(i *Instance) { i.Checks = []Check{{TCP: "h:1", HTTP: "http://h"}} }, []string{"checks[0]"}},
		"check of no service":  {func(i *Instance) { i.Checks = []Check{{GRPC: "h/service"}} }, []string{"checks[0].grpc"}},
		"check too often":      {func(i *Instance) { i.Checks = []Check{{TCP: "h:1", Interval: 1}} }, []string{"checks[0].interval"}},
		"check with an interval and a ttl": {func(i *Instance) {
			i.Checks = []Check{{TTL: time.Second, Interval: time.Second}}
		}, []string{"checks[0].interval"}},
		"check warns after it is critical": {func(i *Instance) {
			i.Checks = []Check{{TCP: "h:1", FailuresBeforeWarning: 3, FailuresBeforeCritical: 2}}
		}, []string{"checks[0].failuresBeforeWarning"}},
		"two checks of one id":                    {func(i *Instance) { i.Checks = []Check{{ID: "a", TCP: "h:1"}, {ID: "a", TCP: "h:2"}} }, []string{"checks[1].id"}},
		"a permanent instance may have no port":   {func(i *Instance) { i.Port, i.ID, i.Permanent = 0, "x", true }, nil},
		"only a permanent instance may have none": {func(i *Instance) { i.Port, i.ID = 0, "x" }, []string{"port"}},
	} {
		i := Instance{Service: "payments", Address: "10.0.0.5", Port: 8080}
		c.change(&i)
		err := i.Complete()
		var fields []string
		if inv, ok := errors.AsType[*InvalidError](err); ok {
			for _, f := range inv.Fields {
				fields = append(fields, f.Field)
			}
		}
		if !slices.Equal(fields, c.fields) {
			t.Errorf("%s: fields %q, want %q (%v)", name, fields, c.fields, err)
		}
	}
	total := good
	total.Metadata = map[string]string{}
	for n := range 20 {
		total.Metadata[strconv.Itoa(n)] = strings.Repeat("x", MaxValueBytes)
	}
	if err := total.Complete(); err == nil || !strings.Contains(err.Error(), "all other text together") {
		t.Errorf("a record of 20 kB: %v", err)
	}
}

func numbered(n int) map[string]string {
	m := make(map[string]string, n)
	for i := range n {
		m[strconv.Itoa(i)] = "x"
	}
	return m
}

func TestStatusNamesSurviveText(t *testing.T) {
	for s := StatusNone; s <= StatusUnknown; s++ {
		var back Status
		text, _ := s.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != s {
			t.Errorf("%v became %v, %v", s, back, err)
		}
	}
	if _, err := ParseStatus("up"); err == nil || !strings.Contains(err.Error(), "OUT_OF_SERVICE") {
		t.Errorf("an unknown status must be refused with the ones there are: %v", err)
	}
}

// What a check has found makes an instance that claims to be UP a DOWN one, and nothing else of it; it outlives a
// registration that still has the check, and travels without the body.
func TestACriticalCheckIsAStatus(t *testing.T) {
	c := newCatalog("a")
	register := func(status Status, checks ...Check) Key {
		i := testInstance("s", "1", 1)
		i.Status, i.Checks = status, checks
		if err := i.Complete(); err != nil {
			t.Fatal(err)
		}
		return c.Register(moment(0), i).Key
	}
	expect := func(when string, status Status, results ...CheckStatus) {
		t.Helper()
		got, _ := c.Get(Key{DefaultNamespace, "s", "1"})
		var found []CheckStatus
		for _, r := range got.Results {
			found = append(found, r.Status)
		}
		if got.Status != status || !slices.Equal(found, results) || len(got.Results) != len(got.Checks) {
			t.Fatalf("%s: %v, %v of %d checks; want %v, %v", when, got.Status, found, len(got.Checks), status, results)
		}
	}
	a, b := Check{ID: "a", TCP: "h:1"}, Check{ID: "b", TTL: time.Second, Initial: CheckCritical}
	key := register(StatusUp, a, b)
	expect("before any result", StatusDown, CheckPassing, CheckCritical)
	c.SetChecks(moment(0), key, []CheckResult{{ID: "a", Status: CheckWarning}, {ID: "b", Status: CheckPassing}})
	expect("with a warning", StatusUp, CheckWarning, CheckPassing)
	c.SetChecks(moment(0), key, []CheckResult{{ID: "a", Status: CheckCritical}, {ID: "b", Status: CheckPassing}})
	expect("critical", StatusDown, CheckCritical, CheckPassing)
	register(StatusUp, b, a)
	expect("registered again, in another order", StatusDown, CheckPassing, CheckCritical)
	c.SetLease(moment(0), key, Lease{Home: "dc1/b", Status: StatusUp})
	expect("moved", StatusDown, CheckPassing, CheckCritical)
	c.SetOverride(moment(0), key, Override{Status: StatusOutOfService, Reason: "because"})
	expect("overridden", StatusOutOfService, CheckPassing, CheckCritical)
	if got, _ := c.Get(key); got.Claimed() != StatusUp || got.Reported() != StatusDown || got.OverrideReason != "because" {
		t.Fatalf("claimed %v, reported %v, reason %q", got.Claimed(), got.Reported(), got.OverrideReason)
	}
	c.Delete(moment(0), key, KindOverride, Cleared)
	register(StatusStarting, a)
	expect("STARTING stays", StatusStarting, CheckCritical)
	register(StatusUp, b)
	expect("the critical check is gone", StatusUp, CheckPassing)
}

// Instances of a data centre that cannot be reached are shown as preserved since then, those that come later too, and as
// they were when it can be reached again. The state hash knows nothing of it.
func TestInstancesOfADatacenterThatIsAwayArePreserved(t *testing.T) {
	c := newCatalog("a")
	add := func(id, dc string) {
		i := testInstance("s", id, 1)
		i.Datacenter = dc
		c.Register(moment(0), i)
	}
	add("1", "dc1")
	add("2", "dc2")
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hash, before := c.Hash(), c.Lookup(DefaultNamespace, "s")
	c.SetAway("dc2", since)
	if n := c.Renew(moment(0), before.key, "dc2"); n != 2 {
		t.Errorf("looked at %d instances", n)
	}
	select {
	case <-before.Changed():
	default:
		t.Error("who waits for the service was not woken")
	}
	add("3", "dc2")
	c.SetOverride(moment(0), Key{DefaultNamespace, "s", "2"}, Override{Status: StatusDown})
	expect := func(when string, preserved ...bool) {
		t.Helper()
		for n, inst := range c.Lookup(DefaultNamespace, "s").Instances() {
			if inst.Preserved != preserved[n] || inst.Preserved != inst.LastRenewal.Equal(since) {
				t.Errorf("%s: %s of %s: preserved %v since %v", when, inst.ID, inst.Datacenter, inst.Preserved, inst.LastRenewal)
			}
		}
	}
	expect("away", false, true, true)
	c.SetAway("dc2", time.Time{})
	c.Renew(moment(0), before.key, "dc2")
	expect("back", false, false, false)
	c.Delete(moment(0), Key{DefaultNamespace, "s", "3"}, KindRegistration, Deregistered)
	c.Delete(moment(0), Key{DefaultNamespace, "s", "2"}, KindOverride, Cleared)
	if c.Hash() != hash {
		t.Error("the state hash has changed")
	}
	if n := c.Renew(moment(0), ServiceKey{"no", "such"}, "dc2"); n != 0 {
		t.Errorf("looked at %d instances of nothing", n)
	}
}

func TestOutputsTogetherStayBelowTheBoundOfARecord(t *testing.T) {
	c := newCatalog("a")
	key := c.Register(moment(0), testInstance("s", "1", 1)).Key
	results := make([]CheckResult, MaxChecks)
	for n := range results {
		results[n] = CheckResult{ID: strconv.Itoa(n), Status: CheckPassing, Output: strings.Repeat("ü", MaxOutput/2)}
	}
	bytes := 0
	for _, r := range c.SetChecks(moment(0), key, results).Checks.Results {
		bytes += len(r.Output)
		if !utf8.ValidString(r.Output) {
			t.Fatal("cut in the middle of a character")
		}
	}
	if bytes > MaxRecordBytes || bytes < MaxRecordBytes/2 {
		t.Fatalf("%d bytes", bytes)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	i := testInstance("s", "1", 1)
	i.Tags, i.Ports, i.Attributes = []string{"a"}, map[string]int{"x": 1}, map[string]string{"d.f": "1"}
	c := i.Clone()
	if !reflect.DeepEqual(c, i) {
		t.Fatal("not a copy")
	}
	c.Tags[0], c.Ports["x"], c.Metadata["version"], c.Attributes["d.f"] = "b", 2, "9", "2"
	if i.Tags[0] != "a" || i.Ports["x"] != 1 || i.Metadata["version"] != "1" || i.Attributes["d.f"] != "1" {
		t.Fatal("shares memory")
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := newCatalog("a")
			for i := range n {
				c.Register(moment(0), testInstance("s"+strconv.Itoa(i/10), strconv.Itoa(i), 1))
			}
			b.ReportAllocs()
			for b.Loop() {
				if c.Lookup(DefaultNamespace, "s5").Len() != 10 {
					b.Fatal("wrong view")
				}
			}
		})
	}
}

func BenchmarkRegister(b *testing.B) {
	for _, perService := range []int{10, 100_000} {
		b.Run("of"+strconv.Itoa(perService), func(b *testing.B) {
			c := newCatalog("a")
			insts := make([]*Instance, 100_000)
			for i := range insts {
				insts[i] = testInstance("s"+strconv.Itoa(i/perService), strconv.Itoa(i), 1)
				c.Register(moment(0), insts[i])
			}
			c.TakeChanges()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				c.Register(moment(0), insts[i%len(insts)])
				if i++; i%1000 == 0 {
					c.TakeChanges()
				}
			}
		})
	}
}
