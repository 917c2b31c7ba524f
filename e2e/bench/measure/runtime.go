package measure

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// Heap is the bytes of live objects on this process's heap, after a collection that it runs.
func Heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// GC is what the garbage collector of this process has cost since the process began.
type GC struct {
	// Cycles counts collections.
	Cycles uint64
	// Pauses counts, by bucket, the times at which the collector stopped the world; Bounds are the buckets' edges in
	// seconds, one more than there are buckets.
	Pauses []uint64
	Bounds []float64
	// CPU is the collector's CPU time, idle time that it made use of left out; Used that of the whole process; Available what the
	// machine had for it. All as the runtime estimates them at each collection.
	CPU, Used, Available time.Duration
}

var gcMetrics = []string{
	"/gc/cycles/total:gc-cycles",
	"/sched/pauses/total/gc:seconds",
	"/cpu/classes/gc/total:cpu-seconds",
	"/cpu/classes/gc/mark/idle:cpu-seconds",
	"/cpu/classes/idle:cpu-seconds",
	"/cpu/classes/total:cpu-seconds",
}

// ReadGC reads the counters.
func ReadGC() GC {
	s := make([]metrics.Sample, len(gcMetrics))
	for i, name := range gcMetrics {
		s[i].Name = name
	}
	metrics.Read(s)
	h := s[1].Value.Float64Histogram()
	seconds := func(i int) time.Duration { return time.Duration(s[i].Value.Float64() * float64(time.Second)) }
	return GC{
		Cycles: s[0].Value.Uint64(), Pauses: append([]uint64(nil), h.Counts...), Bounds: h.Buckets,
		CPU: seconds(2) - seconds(3), Used: seconds(5) - seconds(4) - seconds(3), Available: seconds(5),
	}
}

// Since is what the collector has cost after the earlier reading.
func (g GC) Since(before GC) GC {
	d := GC{
		Cycles: g.Cycles - before.Cycles, Pauses: make([]uint64, len(g.Pauses)), Bounds: g.Bounds,
		CPU: g.CPU - before.CPU, Used: g.Used - before.Used, Available: g.Available - before.Available,
	}
	for i := range g.Pauses {
		d.Pauses[i] = g.Pauses[i]
		if i < len(before.Pauses) {
			d.Pauses[i] -= before.Pauses[i]
		}
	}
	return d
}

// Pause is the upper edge of the bucket below which that share of the pauses, 0 to 1, lies; 0 if there were none.
func (g GC) Pause(share float64) time.Duration {
	var all, sum uint64
	for _, n := range g.Pauses {
		all += n
	}
	if all == 0 {
		return 0
	}
	most := uint64(math.Ceil(share * float64(all)))
	for i, n := range g.Pauses {
		if sum += n; n > 0 && sum >= most {
			edge := g.Bounds[i+1]
			if math.IsInf(edge, 1) {
				edge = g.Bounds[i]
			}
			return time.Duration(edge * float64(time.Second))
		}
	}
	return 0
}
