package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"time"

	"github.com/musterhq/muster/e2e/sim/world"
)

// shrinkRuns is how many runs may be spent on making a failing schedule smaller.
const shrinkRuns = 400

// results runs the seeds on several goroutines, one world each at a time, and hands over the results as they come. It
// stops handing out seeds when stop is closed.
func results(o options, stop <-chan struct{}) <-chan *world.Result {
	seeds, out, done := make(chan uint64), make(chan *world.Result, o.workers), make(chan struct{})
	go func() {
		defer close(seeds)
		for s := o.start; s < o.start+o.seeds; s++ {
			select {
			case seeds <- s:
			case <-stop:
				return
			}
		}
	}()
	for range o.workers {
		go func() {
			for s := range seeds {
				out <- world.Run(o.plan(s))
			}
			done <- struct{}{}
		}()
	}
	go func() {
		for range o.workers {
			<-done
		}
		close(out)
	}()
	return out
}

// campaign runs many seeds and sums up. The first failure ends it.
func campaign(o options, out, progress io.Writer) int {
	begin, shown := time.Now(), time.Now()
	stop := make(chan struct{})
	var sum summary
	var failed *world.Result
	for r := range results(o, stop) {
		sum.add(r)
		if r.Failure != nil && (failed == nil || r.Plan.Seed < failed.Plan.Seed) {
			if failed == nil {
				close(stop)
			}
			failed = r
		}
		if time.Since(shown) > time.Second {
			shown = time.Now()
			_, _ = fmt.Fprintf(progress, "\r%d of %d seeds, %.1fM events, %v ", sum.runs, o.seeds, float64(sum.events)/1e6,
				time.Since(begin).Round(time.Second)) // Nobody to tell.
		}
	}
	_, _ = fmt.Fprintln(progress)
	sum.print(out, time.Since(begin))
	if failed == nil {
		return 0
	}
	_, _ = fmt.Fprintf(out, "\nFAILED seed %d, commit %s\n%v\n", failed.Plan.Seed, commit(), failed.Failure)
	p, r := world.Shrink(failed.Plan, shrinkRuns)
	_, _ = fmt.Fprintf(out, "\nmade smaller, it still fails: %v\n%v\n\nreplay: %s\n", r.Failure, p, o.command(failed.Plan.Seed))
	return 1
}

// commit is what this program was built from, as far as it knows.
func commit() string {
	revision, changed := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = ", with changes"
			}
		}
	}
	return revision + changed
}

// summary adds up runs.
type summary struct {
	runs                                  int
	events, packets, streams, bytes       uint64
	lost, duplicated, delayed, replayed   uint64
	fresh, repeated, syncs, syncsFailed   uint64
	ops, evictions, twins, refused, nodes int
	asked, dead, checks, across           int
	virtual, nodeTime                     time.Duration
	faults                                map[world.FaultKind]int
	converged                             []time.Duration
}

func (s *summary) add(r *world.Result) {
	st := &r.Stats
	s.runs++
	s.events += st.Events
	s.packets += st.Packets
	s.streams += st.Streams
	s.bytes += st.Bytes
	s.lost += st.Lost
	s.duplicated += st.Duplicated
	s.delayed += st.Delayed
	s.replayed += st.Replayed
	s.fresh += st.Fresh
	s.repeated += st.Repeated
	s.syncs += st.Syncs
	s.syncsFailed += st.SyncsFailed
	s.ops += st.Ops
	s.evictions += st.Evictions
	s.twins += st.Twins
	s.refused += st.Refused
	s.asked += st.Asked
	s.dead += st.Dead
	s.checks += st.Runs
	s.across += st.Across
	s.nodes += st.Nodes
	s.virtual += st.Virtual
	s.nodeTime += st.Virtual * time.Duration(st.Nodes)
	if s.faults == nil {
		s.faults = make(map[world.FaultKind]int)
	}
	for k, n := range st.Faults {
		s.faults[k] += n
	}
	if st.Converged > 0 {
		s.converged = append(s.converged, st.Converged)
	}
}

func (s *summary) print(out io.Writer, took time.Duration) {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // Nobody to tell.
	line("%d schedules in %v: %d node lives of %v in all, %d events, %.0f events a second", s.runs, took.Round(time.Millisecond), s.nodes,
		s.nodeTime.Round(time.Hour), s.events, float64(s.events)/max(took.Seconds(), 1e-3))
	line("network: %d packets, %d streams; %d lost, %d doubled, %d late, %d replayed", s.packets, s.streams, s.lost, s.duplicated, s.delayed, s.replayed)
	if seconds := s.nodeTime.Seconds(); seconds > 0 {
		line("a node sends %.1f bytes and %.2f packets a second", float64(s.bytes)/seconds, float64(s.packets)/seconds)
	}
	line("deltas: %d new, %.3f copies a delta; %d syncs, %d of them failed", s.fresh,
		float64(s.fresh+s.repeated)/max(float64(s.fresh), 1), s.syncs, s.syncsFailed)
	line("operations %d, evictions %d, second nodes of a name %d started and %d refused", s.ops, s.evictions, s.twins, s.refused)
	line("kept instances were asked %d times, and %d times their host refused", s.asked, s.dead)
	line("health checks were run %d times", s.checks)
	line("writes were looked for %d times in another data centre", s.across)
	total := 0
	for _, n := range s.faults {
		total += n
	}
	line("faults: %d", total)
	for k := range world.FaultKinds {
		if n := s.faults[k]; n > 0 {
			line("  %-26s %d", k, n)
		}
	}
	if n := len(s.converged); n > 0 {
		slices.Sort(s.converged)
		at := func(share float64) time.Duration {
			return s.converged[min(int(share*float64(n)), n-1)].Round(time.Millisecond)
		}
		line("converged after the repair: p50 %v, p99 %v, most %v", at(0.5), at(0.99), s.converged[n-1].Round(time.Millisecond))
	}
}
