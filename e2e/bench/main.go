package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options is the command line after the name.
type options struct {
	output  string
	write   bool
	dir     string
	nodes   int
	loss    float64
	rounds  int
	seconds float64
	scale   float64
	only    string
	profile string
}

// comparison is one thing to measure. run fills r; what it measured before an error is not kept.
type comparison struct {
	name, about string
	run         func(ctx context.Context, o options, r *result) error
}

// comparisons is all there are, in the order of RESULTS.md.
var comparisons = []comparison{
	{"lookup", "In-process lookup, beside a Go map behind a sync.RWMutex.", lookup},
	{"http", "Renewals, queries and registrations over real sockets, beside net/http handlers that do nothing.", httpWork},
	{"writes", "The CPU time of a renewal and of a registration in-process, by the number of instances, beside a Go map.", writes},
	{"memory", "Memory of a node by the number of instances, beside the encoded size of the records.", memory},
	{"propagation", "One write until every node has it, on real sockets, beside memberlist's queue.", propagation},
	{"sustained", "Writes a second that keep arriving in time: on real sockets, and in virtual time.", sustained},
	{"join", "A new node until it is ready, beside the bare decoding of what it has to load.", join},
	{"heal", "Two nodes that hold different records meet: time and bytes until they are equal.", heal},
	{"start", "A node's start from a snapshot, beside the bare decoding of the file.", start},
	{"burst", "Mass registration over three nodes.", burst},
	{"watch", "One write until every watcher has it, beside a bare broadcast loop over the same kind of connections.", watch},
	{"member", "A member that comes or goes: for how long the writers of a node wait, beside a walk over all instances.", member},
	{"gc", "The garbage collector under renewals.", collector},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command; it returns the exit status.
func run(ctx context.Context, args []string, out, progress io.Writer) int {
	if len(args) > 0 && args[0] == childCommand {
		return runChild(ctx, args[1:], os.Stdin, out, progress)
	}
	fail := func(code int, format string, args ...any) int {
		_, _ = fmt.Fprintf(progress, "bench: "+format+"\n", args...) // Nobody to tell.
		return code
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return fail(2, "name a comparison: %s; or all, report, list", strings.Join(names(), ", "))
	}
	name := args[0]
	o, err := parse(name, args[1:], progress)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return fail(2, "%v", err)
	}
	switch name {
	case "list":
		_, _ = fmt.Fprintln(out, strings.Join(names(), "\n")) // Nobody to tell.
		return 0
	case "report":
		err = writeReport(o.dir)
	case "all":
		err = runAll(ctx, o, args[1:], out, progress)
	default:
		i := slices.IndexFunc(comparisons, func(c comparison) bool { return c.name == name })
		if i < 0 {
			return fail(2, "unknown comparison %q; there are %s", name, strings.Join(names(), ", "))
		}
		err = runOne(ctx, comparisons[i], o, args[1:], out)
	}
	if err != nil {
		return fail(1, "%v", err)
	}
	return 0
}

func names() []string {
	out := make([]string, len(comparisons))
	for i, c := range comparisons {
		out[i] = c.name
	}
	return out
}

func parse(name string, args []string, progress io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("bench "+name, flag.ContinueOnError)
	fs.SetOutput(progress)
	fs.StringVar(&o.output, "o", "text", "text or json")
	fs.BoolVar(&o.write, "write", false, "keep the result in the folder, and make RESULTS.md anew")
	fs.StringVar(&o.dir, "dir", "e2e/bench", "the folder of RESULTS.md and results")
	fs.IntVar(&o.nodes, "nodes", 0, "propagation, sustained: this many nodes only; 0 is all sizes")
	fs.Float64Var(&o.loss, "loss", 0, "propagation: the share of packets that are lost, 0 to 1")
	fs.IntVar(&o.rounds, "rounds", 5, "how often the sides take turns")
	fs.Float64Var(&o.seconds, "seconds", 2, "how long one turn is")
	fs.Float64Var(&o.scale, "scale", 1, "multiplies the numbers of instances and watchers: below 1 to try things out")
	fs.StringVar(&o.only, "case", "", "http, sustained: only work whose name contains this")
	fs.StringVar(&o.profile, "profile", "", "an existing folder that gets a CPU profile of each process")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	switch {
	case fs.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case o.output != "text" && o.output != "json":
		return o, fmt.Errorf("-o is text or json, not %q", o.output)
	case o.nodes < 0 || o.nodes == 1 || o.nodes > 1000:
		return o, fmt.Errorf("--nodes is 2 to 1000, not %d", o.nodes)
	case o.loss < 0 || o.loss >= 1:
		return o, fmt.Errorf("--loss is 0 to below 1, not %v", o.loss)
	case o.rounds < 1 || o.seconds <= 0 || o.scale <= 0 || o.scale > 1:
		return o, errors.New("--rounds and --seconds are above 0, --scale is above 0 and at most 1")
	}
	return o, nil
}

// turn is how long one turn is.
func (o options) turn() time.Duration { return time.Duration(o.seconds * float64(time.Second)) }

// size scales a number of instances or watchers, but leaves at least ten.
func (o options) size(n int) int { return max(10, int(float64(n)*o.scale)) }
