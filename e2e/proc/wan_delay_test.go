package proc

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// Three data centres, 40 ms from each other and back, and each pair of them with one link, encrypted. What is written in
// one is visible in the others after one way, and costs the line little more than it is long, or less, if it is not
// tiny. Then the line out of one of them becomes narrow.
func TestDatacentersFarApart(t *testing.T) {
	w := newWorld(t, "far", 3)
	w.start(fastBinary(t), "--profile", "lan") // The timings of a user who says nothing.
	w.crosses([]int{100, 300, 1000})
	w.narrows(1)
}

// crosses registers at all hosts and looks in all other data centres when it is there, once for each size of a delta.
// Meanwhile the line counts, and a ping measures what it is worth.
func (w *world) crosses(sizes []int) {
	t := w.t
	t.Helper()
	const (
		count, rate = 1000, 200
		period      = count * time.Second / rate * 6 / 5 // of one run, with what comes after the last registration
		slack       = 20 * time.Millisecond
		most        = 1.2
	)
	before := w.line().pairs()
	time.Sleep(period)
	idle := w.line().pairs().since(before)
	for _, size := range sizes {
		s := newFlow(w, fmt.Sprintf("web%d", size), size, count)
		stop := w.pings(w.hosts[0], w.hosts[2])
		before, began := w.line().pairs(), time.Now()
		took := s.run(rate)
		time.Sleep(period - time.Since(began))
		state, pings := w.line(), stop()
		run := state.pairs().since(before)
		trip := at(pings, 0.99)
		t.Logf("deltas of %d bytes, %d a second: write to visible p50 %.1f ms, p99 %.1f, max %.1f; ping p50 %.1f, p99 %.1f, max %.1f",
			s.size[0], rate, ms(at(took, 0.5)), ms(at(took, 0.99)), ms(at(took, 1)), ms(at(pings, 0.5)), ms(trip), ms(at(pings, 1)))
		t.Logf("  the line held %d packets, of which half left less than %.2f ms late, 99 of 100 less than %.2f",
			state.Held, ms(state.Late[0]), ms(state.Late[1]))
		if at(pings, 0.5) < roundTrip || state.Late[0] > time.Millisecond {
			t.Errorf("the line does not do what it should")
		}
		if p99 := at(took, 0.99); p99 > trip+slack {
			t.Errorf("p99 of write to visible is %v, want at most the round trip of %v and %v", p99, trip, slack)
		}
		for from := 1; from <= w.datacenters; from++ {
			for to := from + 1; to <= w.datacenters; to++ {
				pair := [2]int{from, to}
				deltas := s.size[from] + s.size[to]
				part := func(run, idle int) float64 { return float64(run-idle) / float64(s.bytes[from]+s.bytes[to]) }
				ratio := part(run[pair].Payload, idle[pair].Payload)
				t.Logf("  dc%d and dc%d: %d bytes of deltas of %d were %d on the line, beyond the idle %d: %.2f, %.2f with IP's headers",
					from, to, s.bytes[from]+s.bytes[to], deltas/2, run[pair].Payload-idle[pair].Payload, idle[pair].Payload,
					ratio, part(run[pair].Bytes, idle[pair].Bytes))
				if ratio > most {
					t.Errorf("between dc%d and dc%d deltas of %d bytes cost %.2f times their size, want at most %.1f", from, to, size, ratio, most)
				}
			}
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// flow is registrations at an even pace at all hosts of a world, followed to all hosts of other data centres.
type flow struct {
	w       *world
	service string // its own: each change makes a new list of all instances of a service, and those of earlier flows stay
	ids     []string
	home    map[string]*host
	note    int         // digits of metadata that make a delta as long as it is to be
	size    map[int]int // of a delta, by data centre, and of any for 0
	bytes   map[int]int // of all deltas of a data centre

	mu   sync.Mutex
	sent map[string]time.Time
	seen map[*host]map[string]time.Time // each written by one watcher alone
}

func newFlow(w *world, service string, size, count int) *flow {
	f := &flow{
		w: w, service: service, home: map[string]*host{}, size: map[int]int{}, bytes: map[int]int{},
		sent: map[string]time.Time{}, seen: map[*host]map[string]time.Time{},
	}
	for i := range count {
		id := fmt.Sprintf("%s-%04d", service, i)
		f.ids = append(f.ids, id)
		f.home[id] = w.hosts[i%len(w.hosts)]
	}
	bare := deltaSize(w.hosts[0], f.service, f.ids[0], f.metadata(0))
	f.note = max(size-bare, 0)
	for _, id := range f.ids {
		n, dc := deltaSize(f.home[id], f.service, id, f.metadata(f.note)), datacenterOf(f.home[id])
		f.size[0], f.size[dc] = n, n
		f.bytes[dc] += n
	}
	return f
}

func (*flow) metadata(digits int) map[string]string { return map[string]string{"v": text(digits)} }

// run registers so many a second, and returns, sorted, how long each took from when it was sent to when a watch of each
// host of another data centre showed it.
func (f *flow) run(rate int) (took []time.Duration) {
	t := f.w.t
	t.Helper()
	var watchers, writers sync.WaitGroup
	started := make(chan struct{}, len(f.w.hosts))
	for _, h := range f.w.hosts {
		seen, want := map[string]time.Time{}, 0
		for _, home := range f.home {
			if datacenterOf(home) != datacenterOf(h) {
				want++
			}
		}
		f.seen[h] = seen
		watchers.Go(func() {
			err := f.w.agents[h].watch(f.service+"&dc=*", started, func(ev event) bool {
				now := time.Now()
				for _, i := range ev.instances() {
					if home := f.home[i.ID]; home != nil && datacenterOf(home) != datacenterOf(h) {
						seen[i.ID] = now
					}
				}
				return len(seen) < want
			})
			if err != nil {
				t.Errorf("watch at %s: %v", h.name, err)
			}
		})
	}
	for range f.w.hosts {
		<-started
	}
	began := time.Now()
	for k, h := range f.w.hosts {
		writers.Go(func() {
			for i := k; i < len(f.ids); i += len(f.w.hosts) {
				time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
				sent := time.Now()
				f.w.agents[h].post(registration(f.service, f.ids[i], f.metadata(f.note)))
				f.mu.Lock()
				f.sent[f.ids[i]] = sent
				f.mu.Unlock()
			}
		})
	}
	writers.Wait()
	done := make(chan struct{})
	go func() { watchers.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("not everything is visible everywhere 20 s after the last registration")
	}
	for _, seen := range f.seen {
		for id, when := range seen {
			took = append(took, when.Sub(f.sent[id]))
		}
	}
	slices.Sort(took)
	return took
}

// post registers, from any goroutine of the test.
func (a *agent) post(body any) {
	if status, said, err := a.call("POST", "/api/v1/services/instances", body); err != nil || status != 201 && status != 200 {
		a.t.Errorf("registering at %s: %d, %v: %s", a.name, status, err, said)
	}
}
