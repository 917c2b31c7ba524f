package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/musterhq/muster/e2e/sim/crowd"
)

// keepers is how many nodes of a large data centre are whole replicas: all of them up to wholeEntries entries in all
// catalogs together, which is a few gigabytes.
const (
	keepers      = 10
	wholeEntries = 2_000_000
)

// scale runs one large data centre.
func scale(o options, out io.Writer) int {
	begin := time.Now()
	debug.SetGCPercent(300)                                                                    // Most of what lives, lives to the end.
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // Nobody to tell.
	cfg := crowd.Config{Seed: o.start, Nodes: max(cmp.Or(o.nodes, 1000), 2), Keepers: keepers, Instances: o.instances}
	if cfg.Nodes*cfg.Instances <= wholeEntries {
		cfg.Keepers = cfg.Nodes
	}
	res, err := crowd.Run(cfg, func(format string, args ...any) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		line("%6.1f s, %5d MB: %s", time.Since(begin).Seconds(), m.Sys>>20, fmt.Sprintf(format, args...))
	})
	if err != nil {
		line("FAILED: %v", err)
		return 1
	}
	line("%d events in %v, state hash %016x", res.Events, time.Since(begin).Round(100*time.Millisecond), res.Digest)
	return 0
}
