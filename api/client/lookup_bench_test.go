package client

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// lookedUp is a client that has a service of n instances, and 100 others.
func lookedUp(t testing.TB, n int) *Client {
	c, err := New(Config{Nodes: []string{"127.0.0.1:1"}, Transport: newNetwork(nil)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	services := map[string]*service{}
	for i := range 101 {
		s := c.newService(fmt.Sprintf("service-%d", i))
		var all []*Instance
		for k := range n {
			all = append(all, &Instance{ID: fmt.Sprintf("i%05d", k), Status: StatusUp})
		}
		s.view.Store(newSnapshot(1, all, 0))
		s.following.Store(true)
		services[s.name] = s
	}
	c.services.Store(&services)
	return c
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			c := lookedUp(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if len(c.Lookup("service-7").Healthy()) != n {
					b.Fatal("lost")
				}
			}
		})
	}
}

func TestLookupAllocatesNothingAndTakesLessThan50ns(t *testing.T) {
	c := lookedUp(t, 100)
	found := 0
	if n := testing.AllocsPerRun(1000, func() { found += len(c.Lookup("service-7").Healthy()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	best := time.Hour
	for range 20 { // The machine has other things to do.
		const times = 10_000
		began := time.Now()
		for range times {
			found += len(c.Lookup("service-7").Healthy())
		}
		best = min(best, time.Since(began)/times)
	}
	if found == 0 {
		t.Fatal("nothing was found")
	}
	t.Logf("%v a lookup", best)
	if !raceBuild && best > 50*time.Nanosecond {
		t.Errorf("a lookup takes %v", best)
	}
}
