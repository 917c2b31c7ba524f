package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/musterhq/muster/e2e/sim/world"
)

// options is the command line.
type options struct {
	seeds, start uint64
	nodes        int
	instances    int
	scenario     string
	replay       uint64
	workers      int
	planted      bool
	bug          string
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the command; it returns the exit status.
func run(args []string, out, progress io.Writer) int {
	var o options
	fs := flag.NewFlagSet("sim", flag.ContinueOnError)
	fs.SetOutput(progress)
	fs.Uint64Var(&o.seeds, "seeds", 1000, "how many seeds to run; with --planted, how many to try for each bug")
	fs.Uint64Var(&o.start, "start", 1, "the first seed")
	fs.IntVar(&o.nodes, "nodes", 0, "how many nodes; 0 leaves it to the seed")
	fs.IntVar(&o.instances, "instances", 100_000, "how many instances, in the scenario scale")
	fs.StringVar(&o.scenario, "scenario", "any", "what goes wrong; list names them")
	fs.Uint64Var(&o.replay, "replay", 0, "run this seed alone and print all that happens")
	fs.IntVar(&o.workers, "workers", runtime.NumCPU(), "how many worlds to run at once")
	fs.BoolVar(&o.planted, "planted", false, "plant known bugs, one after the other; needs -tags planted")
	fs.StringVar(&o.bug, "bug", "", "with --planted, only bugs whose name contains this")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	switch known := append(world.Scenarios(), "any", "scale"); {
	case o.scenario == "list":
		_, _ = fmt.Fprintln(out, strings.Join(known, "\n")) // Nobody to tell.
		return 0
	case !slices.Contains(known, o.scenario) || fs.NArg() > 0 || o.workers < 1:
		_, _ = fmt.Fprintln(progress, "sim: unknown scenario or argument; see --help and --scenario list")
		return 2
	case o.planted:
		return mutate(o, out, progress)
	case o.scenario == "scale":
		return scale(o, out)
	case o.replay > 0:
		return replay(o, out)
	}
	return campaign(o, out, progress)
}

// plan is the schedule of a seed.
func (o options) plan(seed uint64) *world.Plan {
	if o.scenario == "any" {
		return world.Draw(seed, o.nodes)
	}
	return world.Generate(seed, o.scenario, o.nodes)
}

// command is the line that replays a seed.
func (o options) command(seed uint64) string {
	s := fmt.Sprintf("go run ./e2e/sim --replay %d", seed)
	if o.scenario != "any" {
		s += " --scenario " + o.scenario
	}
	if o.nodes > 0 {
		s += fmt.Sprintf(" --nodes %d", o.nodes)
	}
	return s
}

// replay prints what happens in one schedule.
func replay(o options, out io.Writer) int {
	b := bufio.NewWriter(out)
	defer func() { _ = b.Flush() }() // Nobody to tell.
	p := o.plan(o.replay)
	_, _ = fmt.Fprintln(b, p)
	r := world.New(p, b).Run()
	if r.Failure != nil {
		_, _ = fmt.Fprintln(b, "FAILED", r.Failure)
		return 1
	}
	_, _ = fmt.Fprintf(b, "passed: %d events, trace %016x\n", r.Stats.Events, r.Trace)
	return 0
}
