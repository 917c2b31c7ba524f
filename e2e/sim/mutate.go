package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/musterhq/muster/e2e/sim/world"
)

// mutate plants each known bug and runs seeds until a checker finds it. It prints a table in Markdown, with the command
// that made it.
func mutate(o options, out, progress io.Writer) int {
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // Nobody to tell.
	if !world.CanPlant {
		_, _ = fmt.Fprintln(progress, "sim: this build has no bugs to plant: go run -tags planted ./e2e/sim --planted")
		return 2
	}
	line("`go run -tags planted ./e2e/sim --planted --seeds %d --start %d`, %s, %s, %s\n", o.seeds, o.start,
		time.Now().UTC().Format("2006-01-02"), runtime.Version(), runtime.GOARCH)
	line("| planted bug | seeds needed | scenario | checker |\n|---|---|---|---|")
	bugs, missed := 0, 0
	for _, bug := range world.Plants() {
		if !strings.Contains(bug, o.bug) {
			continue
		}
		bugs++
		begin := time.Now()
		world.Plant(bug)
		n, found := hunt(o)
		world.Plant("")
		if found == nil {
			missed++
			line("| %s | not found in %d | | |", bug, o.seeds)
		} else {
			line("| %s | %d | %s | %s |", bug, n, found.Plan.Scenario, found.Failure.Checker)
		}
		_, _ = fmt.Fprintf(progress, "%s: %v\n", bug, time.Since(begin).Round(time.Second)) // Nobody to tell.
	}
	line("\n%d bugs, %d not found.", bugs, missed)
	if missed > 0 {
		return 1
	}
	return 0
}

// hunt runs seeds until one fails, and says how many it took: the first of them in order, however many run at once.
func hunt(o options) (uint64, *world.Result) {
	stop := make(chan struct{})
	var first *world.Result
	for r := range results(o, stop) {
		if r.Failure == nil || first != nil && first.Plan.Seed < r.Plan.Seed {
			continue
		}
		if first == nil {
			close(stop)
		}
		first = r
	}
	if first == nil {
		return o.seeds, nil
	}
	return first.Plan.Seed - o.start + 1, first
}
