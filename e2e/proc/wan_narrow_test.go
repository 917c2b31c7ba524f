package proc

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// narrows limits what leaves a data centre to 64 kB a second, and registers 60 MB there, which would need a quarter of an
// hour: instances of 4 MB, fifteen times over, so that what is not kept cannot hide behind what is. The links stay up, no
// gateway takes more and more memory, every node answers all the time, and soon after the line is wide again all are
// equal.
func (w *world) narrows(d int) {
	t := w.t
	t.Helper()
	const (
		instances, times = 1000, 15
		values, digits   = 4, 1000
		hold             = 8 * time.Second // at the limit, once all is registered
		lookup           = time.Second     // the most that an answer may take on a machine that does all this
		memory           = 130 << 20       // by which a gateway may grow
	)
	for _, h := range w.hosts {
		w.agents[h].register("anchor", h.name, "10m")
	}
	w.everywhere(5*time.Second, "with the anchors", func(a *agent) bool { return len(a.instances("anchor?dc=*")) == len(w.hosts) })
	before, downs := w.memory(), w.downs()
	links, _ := w.links()

	w.in(w.router(d), narrow(fmt.Sprintf("wan%d", d))...)
	stop := w.looks("anchor?dc=*", len(w.hosts))
	began, traffic := time.Now(), w.sent(d)
	var writers sync.WaitGroup
	var size int
	for k, h := range w.of(d) {
		writers.Go(func() {
			for i := k; i < times*instances; i += 2 {
				metadata := map[string]string{}
				for v := range values {
					metadata[strconv.Itoa(v)] = text(digits)
				}
				service, id := fmt.Sprintf("bulk%02d", i%10), fmt.Sprintf("b%05d", i%instances)
				if i == 0 {
					size = times * instances * deltaSize(h, service, id, metadata)
				}
				w.agents[h].post(registration(service, id, metadata))
			}
		})
	}
	writers.Wait()
	registered := time.Since(began)
	most := w.memory()
	// Half of the time shows how much it is, the other half that it does not become more.
	var halves [2]map[*host]int
	for half := range halves {
		halves[half] = map[*host]int{}
		for end := time.Now().Add(hold / 2); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			for h, now := range w.memory() {
				halves[half][h], most[h] = max(halves[half][h], now), max(most[h], now)
			}
		}
	}
	passed := float64(w.sent(d)-traffic) / time.Since(began).Seconds()
	t.Logf("%.1f MB of deltas registered in %.1f s at dc%d, whose line passes %.0f kB a second", float64(size)/1e6, registered.Seconds(), d, passed/1e3)
	if passed > 64e3*1.25 {
		t.Error("the line is not narrow, so that nothing is proved")
	}
	for _, h := range w.hosts {
		a := w.agents[h]
		has := len(a.instances("bulk00?dc=*"))
		if datacenterOf(h) != d && has == instances/10 {
			t.Errorf("%s has everything already, so that nothing is proved", h.name)
		}
		t.Logf("  %s: %d MB before, at most %d MB, %d of 100 instances of a service", h.name, before[h]>>20, most[h]>>20, has)
		// What is kept of the deltas, as records and as answers, is 8 MB; what waits for a link is 8 MiB, and 4 MiB of what
		// was last written are there for who asks. The rest is garbage of that many requests a second. It is 70 to 95 MB
		// in all; with queues that take everything it was 173.
		if grown := most[h] - before[h]; grown > memory {
			t.Errorf("%s has grown by %d MB for %d MB of deltas", h.name, grown>>20, size>>20)
		}
		if more := halves[1][h] - halves[0][h]; more > 16<<20 {
			t.Errorf("%s grew by another %d MB within %v though nothing was registered", h.name, more>>20, hold/2)
		}
	}

	w.in(w.router(d), "tc", "qdisc", "del", "dev", fmt.Sprintf("wan%d", d), "root")
	lifted := time.Now()
	w.everywhere(45*time.Second, "equal", func(*agent) bool { return w.equal() })
	t.Logf("all are equal %.1f s after the line is wide again", time.Since(lifted).Seconds())
	took := stop()
	t.Logf("%d lookups meanwhile, p50 %.1f ms, p99 %.1f, max %.1f", len(took), ms(at(took, 0.5)), ms(at(took, 0.99)), ms(at(took, 1)))
	if at(took, 1) > lookup {
		t.Errorf("a lookup took %v", at(took, 1))
	}
	if now, _ := w.links(); w.downs() != downs || !slices.Equal(now, links) {
		t.Errorf("%d links went down; there were %v, there are %v", w.downs()-downs, links, now)
	}
}

// memory is what each agent's process has in memory, in bytes.
func (w *world) memory() map[*host]int {
	w.t.Helper()
	all := map[*host]int{}
	for h, a := range w.agents {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.cmd.Process.Pid))
		if err != nil {
			w.t.Fatal(err)
		}
		_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
		line, _, _ := bytes.Cut(rest, []byte("kB"))
		kilobytes, err := strconv.Atoi(strings.TrimSpace(string(line)))
		if err != nil {
			w.t.Fatalf("memory of %s: %v", a.name, err)
		}
		all[h] = kilobytes << 10
	}
	return all
}

// sent is how many bytes have left a data centre.
func (w *world) sent(d int) (n int) {
	w.t.Helper()
	for _, t := range w.line().Traffic {
		if t.From == d {
			n += t.Bytes
		}
	}
	return n
}

// everywhere waits until every agent is as it should be.
func (w *world) everywhere(limit time.Duration, what string, ok func(*agent) bool) {
	w.t.Helper()
	for _, h := range w.hosts {
		w.agents[h].until(limit, what, func() bool { return ok(w.agents[h]) })
	}
}

// equal reports whether all agents hold the same.
func (w *world) equal() bool {
	hashes := map[string]bool{}
	for _, a := range w.agents {
		var node struct{ Catalog struct{ Hash string } }
		a.get("/api/v1/node", &node)
		hashes[node.Catalog.Hash] = true
	}
	return len(slices.Collect(maps.Keys(hashes))) == 1
}

// looks asks every agent for a service, ten times a second, until it is told to stop; then it returns how long the
// answers took, sorted. Each has to have all instances.
func (w *world) looks(query string, instances int) (stop func() []time.Duration) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var all []time.Duration
	done := make(chan struct{})
	for _, a := range w.agents {
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				began := time.Now()
				status, said, err := a.call("GET", "/api/v1/services/"+query, nil)
				took := time.Since(began)
				if n := bytes.Count(said, []byte(`"service":"anchor","id"`)); err != nil || status != 200 || n != instances {
					w.t.Errorf("lookup at %s: status %d, %v, %d instances", a.name, status, err, n)
				}
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	return func() []time.Duration {
		close(done)
		wg.Wait()
		slices.Sort(all)
		return all
	}
}
