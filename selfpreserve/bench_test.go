package selfpreserve

import (
	"cmp"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// instance is the key of the product.
type instance struct{ namespace, service, id string }

func compareInstances(a, b instance) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.service, b.service), cmp.Compare(a.id, b.id))
}

const benchTTL = 30 * time.Second

// fill is a Keeper with n leases whose timers are spread over an interval.
func fill(tb testing.TB, n int) (*Keeper[instance], []instance) {
	tb.Helper()
	c := DefaultConfig[instance]()
	c.Compare, c.Rand = compareInstances, rand.New(rand.NewPCG(1, 2))
	k, err := New(c)
	if err != nil {
		tb.Fatal(err)
	}
	keys := make([]instance, n)
	for i := range keys {
		keys[i] = instance{"default", "service-" + strconv.Itoa(i%1000), strconv.Itoa(i)}
		l := Lease{Service: keys[i].service, TTL: benchTTL}
		if err := k.Grant(benchTTL/2*Instant(i)/Instant(n), keys[i], l); err != nil {
			tb.Fatal(err)
		}
	}
	return k, keys
}

var benchSizes = []int{1e2, 1e4, 1e6}

// BenchmarkRenew is one renewal, in random order of keys.
func BenchmarkRenew(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			k, keys := fill(b, n)
			rand.New(rand.NewPCG(3, 4)).Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			now, i := k.now, 0
			b.ReportAllocs()
			for b.Loop() {
				now++
				k.Renew(now, keys[i])
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

// BenchmarkSteady is one renewal and its share of the Steps while everyone renews every half TTL: what a node pays for
// each heartbeat.
func BenchmarkSteady(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			k, keys := fill(b, n)
			now, gap, i := k.now, benchTTL/2/time.Duration(n), 0
			b.ReportAllocs()
			for b.Loop() {
				now += gap
				k.Renew(now, keys[i])
				k.Step(now)
				if i++; i == n {
					i = 0
				}
			}
			if len(k.History()) > 0 || k.Len() != n {
				b.Fatal("healthy clients made it act")
			}
		})
	}
}

// BenchmarkTurnover is one lease that is granted, never renewed, evicted and forgotten, beside n that are well.
func BenchmarkTurnover(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			k, _ := fill(b, n)
			k.rule.threshold = 0 // every expired lease goes
			now, i := k.now, 0
			b.ReportAllocs()
			for b.Loop() {
				now += time.Microsecond // the others are not due before a million of these
				key := instance{"default", "batch", strconv.Itoa(i)}
				if err := k.Grant(now, key, Lease{Service: "batch", TTL: time.Millisecond}); err != nil {
					b.Fatal(err)
				}
				k.Step(now)
				i++
			}
		})
	}
}

// BenchmarkMemory reports the bytes that a lease takes, without the text of its key.
func BenchmarkMemory(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		keys := make([]instance, n)
		for i := range keys {
			keys[i] = instance{"default", "service-" + strconv.Itoa(i%1000), strconv.Itoa(i)}
		}
		before := heap()
		c := DefaultConfig[instance]()
		c.Compare, c.Rand = compareInstances, rand.New(rand.NewPCG(1, 2))
		k, err := New(c)
		if err != nil {
			b.Fatal(err)
		}
		for i, key := range keys {
			if err := k.Grant(Instant(i), key, Lease{Service: key.service, TTL: benchTTL}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/lease")
		runtime.KeepAlive(k)
		runtime.KeepAlive(keys)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
