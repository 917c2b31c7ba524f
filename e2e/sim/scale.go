package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/musterhq/muster/e2e/sim/world"
)

// scale runs one large data centre.
func scale(o options, out, _ io.Writer) int {
	begin := time.Now()
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // Nobody to tell.
	res, err := world.RunScale(o.start, cmp.Or(o.nodes, 1000), o.instances, func(format string, args ...any) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		line("%6.1f s, %5d MB: %s", time.Since(begin).Seconds(), m.HeapInuse>>20, fmt.Sprintf(format, args...))
	})
	if err != nil {
		line("FAILED: %v", err)
		return 1
	}
	line("%d nodes, %d instances: %d events in %v", res.Nodes, res.Instances, res.Events, time.Since(begin).Round(100*time.Millisecond))
	return 0
}
