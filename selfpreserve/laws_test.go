package selfpreserve

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// op is one call at one instant.
type op struct {
	after time.Duration // since the op before
	kind  string
	key   string
	lease Lease
	facts Datacenter
	find  Outcome
}

func drawOps(t *rapid.T) []op {
	// Lengths are sampled, because drawn ones are mostly short, and it takes many calls to get into every state.
	length := rapid.SampledFrom([]int{3, 10, 40, 150}).Draw(t, "length")
	var keys []string
	for i := range 16 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
	}
	kinds := []string{
		"grant", "grant", "grant", "renew", "renew", "renew", "renew", "renew", "drop", "adopt", "evidence",
		"hold", "release", "release", "refresh", "datacenter", "wait", "wait", "wait",
	}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) op {
		o := op{
			after: time.Duration(rapid.SampledFrom([]int{0, 0, 250, 500, 1000, 1750}).Draw(t, "after")) * time.Millisecond,
			kind:  rapid.SampledFrom(kinds).Draw(t, "kind"),
			key:   rapid.SampledFrom(keys).Draw(t, "key"),
		}
		switch o.kind {
		case "grant":
			o.lease = Lease{
				Service:   rapid.SampledFrom([]string{"s", "t"}).Draw(t, "service"),
				Zone:      rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"),
				TTL:       time.Duration(rapid.SampledFrom([]int{2, 10, 11, 30}).Draw(t, "ttl")) * time.Second,
				Interval:  time.Duration(rapid.SampledFrom([]int{0, 0, 1, 5, 60}).Draw(t, "interval")) * time.Second,
				Inherited: rapid.IntRange(0, 4).Draw(t, "inherited") == 0,
				Embedded:  rapid.Bool().Draw(t, "embedded"),
				Probe:     rapid.Bool().Draw(t, "probe"),
			}
		case "datacenter":
			o.facts = Datacenter{rapid.IntRange(0, 9).Draw(t, "unclaimed"), 20, rapid.IntRange(0, 3).Draw(t, "dead"), 5}
		case "evidence":
			o.find = Outcome(rapid.IntRange(0, 2).Draw(t, "finding"))
		case "wait":
			o.after = time.Duration(rapid.SampledFrom([]int{1, 2, 5, 8, 15, 25}).Draw(t, "wait")) * time.Second
		}
		return o
	}), length, length).Draw(t, "ops")
}

func drawConfig(t *rapid.T) Config[string] {
	c := testConfig(rapid.Uint64().Draw(t, "seed"))
	c.Threshold = rapid.SampledFrom([]float64{0.5, 0.85}).Draw(t, "threshold")
	c.MinLost = rapid.IntRange(1, 3).Draw(t, "min lost")
	c.MaxAge = rapid.SampledFrom([]time.Duration{0, 0, 20 * time.Second}).Draw(t, "max age")
	c.Pace = rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second}).Draw(t, "pace")
	c.EvictFraction = rapid.SampledFrom([]float64{0.02, 0.3, 1}).Draw(t, "fraction")
	return c
}

func apply(t *rapid.T, k *Keeper[string], now Instant, o op) {
	switch o.kind {
	case "grant":
		if err := k.Grant(now, o.key, o.lease); err != nil {
			t.Fatal(err)
		}
	case "renew":
		k.Renew(now, o.key)
	case "drop":
		k.Drop(now, o.key)
	case "adopt":
		k.Adopt(now, o.key)
	case "evidence":
		if q := k.inquiry.about[k.leases.get(o.key)]; q != nil {
			k.Evidence(now, o.key, q.token, o.find)
		}
	case "hold":
		k.Hold(now, "test")
	case "release":
		k.Release(now)
	case "refresh":
		k.Refresh(now)
	case "datacenter":
		k.SetDatacenter(now, o.facts)
	}
}

// stepTo steps a keeper through everything that is due up to now, one instant at a time.
func stepTo(k *Keeper[string], now Instant, each func(at Instant, actions []Action[string])) {
	for {
		next, ok := k.Next()
		if !ok || next > now {
			break
		}
		next = max(next, k.now)
		each(next, k.Step(next))
	}
	each(now, k.Step(now))
}

func TestCountsAreThoseOfARecount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := mustNew(t, drawConfig(t))
		now := Instant(0)
		for _, o := range drawOps(t) {
			now += o.after
			stepTo(k, now, func(Instant, []Action[string]) { recount(t, k) })
			apply(t, k, now, o)
			recount(t, k)
			k.Step(now)
			recount(t, k)
			for l := range k.leases.all() {
				if l.phase != gone && (l.phase == silent) != (now-l.base >= min(l.interval+l.interval/2, l.ttl)) {
					t.Fatalf("%v: %s, renewed at %v, interval %v: phase %d", now, l.key, l.base, l.interval, l.phase)
				}
			}
		}
	})
}

func TestNothingIsEvictedWhileTooManyAreLost(t *testing.T) {
	evictions := 0
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		c.MaxAge = 0 // the one that does not ask
		k := mustNew(t, c)
		now, unwell := Instant(0), false
		for _, o := range drawOps(t) {
			now += o.after
			stepTo(k, now, func(at Instant, actions []Action[string]) {
				for _, a := range actions {
					l := k.leases.get(a.Key)
					if a.Verb != Evict || l == nil {
						continue // refused or inherited: other rules
					}
					evictions++
					if unwell {
						t.Fatalf("%v: %s evicted while held", at, a.Key)
					}
					zone := func(m *lease[string]) bool { return m.zone == l.zone }
					rest := func(m *lease[string]) bool { return m.zone.state != Preserving }
					for _, all := range []bool{false, true} {
						if lost, total := population(k, l, at, all, zone); tooMany(c, lost, total) {
							t.Fatalf("%v: %s evicted with %d of %d lost in its zone", at, a.Key, lost, total)
						}
						if lost, total := population(k, l, at, all, rest); rest(l) && tooMany(c, lost, total) {
							t.Fatalf("%v: %s evicted with %d of %d lost on the node", at, a.Key, lost, total)
						}
					}
				}
			})
			apply(t, k, now, o)
			if o.kind == "hold" || o.kind == "release" {
				unwell = o.kind == "hold"
			}
		}
	})
	if evictions == 0 {
		t.Fatal("no schedule evicted anything")
	}
}

func tooMany(c Config[string], lost, total int) bool {
	return lost >= c.MinLost && float64(lost) > (1-c.Threshold)*float64(total)+1e-6
}

// population counts, from the leases themselves, those of a scope that l is judged against at an instant: all of them, or
// those whose overdue time is no longer than l's own silence, give or take the width of a class, and those like l.
func population(k *Keeper[string], l *lease[string], at Instant, all bool, in func(*lease[string]) bool) (lost, total int) {
	for m := range k.leases.all() {
		like := classOf(m.overdue()) <= classOf(l.overdue())
		shown := classOf(m.overdue()).upper() <= max(at-l.base, l.ttl)
		if m.inherited || !in(m) || !all && !like && !shown {
			continue
		}
		total++
		if m.phase != fresh {
			lost++
		}
	}
	return lost, total
}

func TestALeaseRenewedInTimeIsNeverEvicted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := mustNew(t, drawConfig(t))
		type clock struct {
			heard Instant
			ttl   time.Duration
		}
		model := map[string]clock{}
		now := Instant(0)
		for _, o := range drawOps(t) {
			now += o.after
			for _, a := range k.Step(now) {
				m, ok := model[a.Key]
				if !ok || a.LastRenewal != m.heard || a.At < m.heard+m.ttl {
					t.Fatalf("%v: %+v, but last heard %v with TTL %v (known %v)", now, a, m.heard, m.ttl, ok)
				}
				if a.Verb == Evict {
					delete(model, a.Key)
				}
			}
			_, known := k.Lookup(o.key)
			if _, ok := model[o.key]; ok != known || k.Len() != len(model) {
				t.Fatalf("%v: %s known=%v, model %v", now, o.key, known, ok)
			}
			apply(t, k, now, o)
			switch {
			case o.kind == "grant":
				model[o.key] = clock{now, o.lease.TTL}
			case known && (o.kind == "renew" || o.kind == "adopt"):
				model[o.key] = clock{now, model[o.key].ttl}
			case o.kind == "drop":
				delete(model, o.key)
			}
		}
	})
}

// Any tick pattern, and any run of the same seed, gives the same actions at the same instants in the same order.
func TestTheOutcomeDoesNotDependOnTheTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t)
		seed := rapid.Uint64().Draw(t, "draws")
		ops := drawOps(t)
		run := func(tick time.Duration) ([]Action[string], []Transition) {
			c.Rand = testConfig(seed).Rand
			k := mustNew(t, c)
			var all []Action[string]
			now := Instant(0)
			for _, o := range append(slices.Clone(ops), op{after: 2 * time.Minute}) {
				for end := now + o.after; now < end; {
					now = min(now+tick, end)
					all = append(all, k.Step(now)...)
				}
				all = append(all, k.Step(now)...)
				apply(t, k, now, o)
			}
			return all, k.History()
		}
		want, history := run(time.Hour)
		for range 3 {
			tick := time.Duration(rapid.IntRange(40, 5000).Draw(t, "tick")) * time.Millisecond
			got, h := run(tick)
			if !slices.Equal(got, want) || !slices.Equal(h, history) {
				t.Fatalf("ticks of %v: %v\nwant %v\n%v\nwant %v", tick, got, want, h, history)
			}
		}
	})
}

func mustNew(t *rapid.T, c Config[string]) *Keeper[string] {
	k, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// recount compares every count that is kept with one taken from the leases.
func recount(t *rapid.T, k *Keeper[string]) {
	zones := map[*scope[string]]map[class]counts{}
	node := map[class]counts{}
	type tally struct{ members, preserved, reprieved, silent int }
	tallies := map[*scope[string]]tally{}
	services := map[string]int{}
	var kinds [2][2]int
	live, reprieved := 0, 0
	for l := range k.leases.all() {
		z := tallies[l.zone]
		z.members++
		tallies[l.zone] = z
		s := tallies[k.scopeOf(l)]
		if l.preserved {
			s.preserved++
		}
		if l.reprieved {
			s.reprieved++
			if !l.inherited {
				reprieved++
			}
		}
		if l.phase == silent {
			if k.scopeOf(l).silent[l.place] != l {
				t.Fatalf("%s is not where it says in the silent list", l.key)
			}
			s.silent++
		}
		tallies[k.scopeOf(l)] = s
		if l.phase != gone {
			live++
			services[l.service.name]++
		}
		if next := l.next(); next != never && (l.armed > next || !slices.Contains(k.timers, timer[*lease[string]]{l.armed, l})) {
			t.Fatalf("%s is next due at %v and armed for %v", l.key, next, l.armed)
		}
		if l.inherited {
			kinds[l.kind()][0]++
			if l.phase == silent {
				kinds[l.kind()][1]++
			}
			continue
		}
		for _, m := range []*map[class]counts{ref(zones, l.zone), &node} {
			if m == &node && l.zone.state == Preserving {
				continue
			}
			c := (*m)[classOf(l.overdue())]
			switch l.phase {
			case fresh:
				c.live++
			case silent:
				c.live++
				c.lost++
			case gone:
				c.gone++
			}
			(*m)[classOf(l.overdue())] = c
			if l.phase == silent {
				b := (*m)[l.band]
				b.band++
				(*m)[l.band] = b
			}
		}
	}
	for _, z := range k.zones {
		got := tally{z.members, z.preserved, z.reprieved, len(z.silent)}
		if got != tallies[z] || got == (tally{}) && z.state == Normal {
			t.Fatalf("%s: counts %+v, want %+v", z.name, got, tallies[z])
		}
		if !maps.Equal(asMap(z.census), *ref(zones, z)) {
			t.Fatalf("%s: census %v, want %v", z.name, asMap(z.census), *ref(zones, z))
		}
	}
	if !maps.Equal(asMap(k.node.census), node) {
		t.Fatalf("node: census %v, want %v", asMap(k.node.census), node)
	}
	recountQuestions(t, k)
	dc := tallies[&k.dc.scope]
	if k.dc.preserved != dc.preserved || k.dc.reprieved != dc.reprieved || len(k.dc.silent) != dc.silent {
		t.Fatalf("datacenter: %d preserved, %d reprieved, %d silent, want %+v",
			k.dc.preserved, k.dc.reprieved, len(k.dc.silent), dc)
	}
	for i, g := range k.dc.kinds {
		if g.live != kinds[i][0] || g.lost != kinds[i][1] {
			t.Fatalf("datacenter: kind %d is %d, %d lost, want %v", i, g.live, g.lost, kinds[i])
		}
	}
	if k.live != live || k.node.reprieved != reprieved || len(k.services) != len(services) {
		t.Fatalf("%d live, %d reprieved, %d services, want %d, %d, %d",
			k.live, k.node.reprieved, len(k.services), live, reprieved, len(services))
	}
	for name, n := range services {
		if k.services[name].live != n {
			t.Fatalf("service %s has %d, want %d", name, k.services[name].live, n)
		}
	}
}

func ref(m map[*scope[string]]map[class]counts, s *scope[string]) *map[class]counts {
	if m[s] == nil {
		m[s] = map[class]counts{}
	}
	c := m[s]
	return &c
}

// asMap is the cells that count something.
func asMap(q census) map[class]counts {
	m := map[class]counts{}
	for _, e := range q {
		if e.counts != (counts{}) {
			m[e.class] = e.counts
		}
	}
	return m
}
