package world

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/e2e/sim/timeline"
)

// World is a data centre in virtual time: nodes, the network between them, clients, operators, and what goes wrong. One
// goroutine runs it, from one seed, and the same Plan is the same run to the last bit. It is used up by Run. The zero
// World is not usable: see New.
type World struct {
	plan    *Plan
	now     time.Duration
	queue   timeline.Queue
	nodes   []*node
	byID    map[string][]*node
	clients []*client
	byKey   map[muster.Key]*client
	targets []*target
	target  map[muster.Key]*target
	net     network
	wide    wide
	ledger  ledger
	phase   phase
	healed  time.Duration // when liveness began
	doubted time.Duration // until when members may wrongly take one for dead
	chance  *rand.Rand
	asking  *rand.Rand // of questions to instances
	out     io.Writer
	trace   uint64
	stats   Stats
	failure *Failure
	// deltasOnly lets no sync begin once all nodes are ready, see Travel.
	deltasOnly bool
	// syncOnly lets no packet arrive: deltas travel by packet, syncs by stream.
	syncOnly bool
}

// phase is what a schedule is doing.
type phase uint8

const (
	safety   phase = iota // faults go on
	liveness              // everything is repaired, and has to recover
	aging                 // nothing happens, and memory has to go down
)

// Failure is a checker that found something.
type Failure struct { //nolint:errname // What a checker finds is a failure, and is reported, not returned as an error.
	// Checker is its name, At the time, Text what it saw.
	Checker string
	At      time.Duration
	Text    string
}

// Error is the failure in a line.
func (f *Failure) Error() string { return fmt.Sprintf("%s at %v: %s", f.Checker, f.At, f.Text) }

// New prepares a world. transcript, if not nil, gets a line for everything that happens.
func New(p *Plan, transcript io.Writer) *World {
	w := &World{
		plan: p, byID: make(map[string][]*node), byKey: make(map[muster.Key]*client),
		target: make(map[muster.Key]*target),
		chance: rng(p.Seed, "world", 0), asking: rng(p.Seed, "asking", 0), out: transcript,
	}
	w.stats.Faults = make(map[FaultKind]int)
	w.net.init(w)
	w.wide.init(w)
	w.ledger.init()
	for i := range p.Nodes {
		w.addNode(i, i)
	}
	for i := range p.Clients {
		w.addClient(i)
	}
	for i := range p.Targets {
		w.addTarget(i)
	}
	return w
}

// Run runs the schedule to its end, or to the first failure.
func (w *World) Run() *Result {
	p := w.plan
	for i, n := range w.nodes {
		w.after(time.Duration(i)*37*time.Millisecond, func() { w.start(n, nil) })
	}
	for i := range p.Faults {
		w.at(p.Faults[i].At, func() { w.begin(&p.Faults[i]) })
	}
	for i := range p.Ops {
		w.at(p.Ops[i].At, func() { w.operate(&p.Ops[i]) })
	}
	for _, c := range w.clients {
		if !c.plan.Off {
			w.at(c.plan.Start, func() { c.start() })
		}
	}
	for _, t := range w.targets {
		w.at(t.plan.Start, t.start)
	}
	w.at(0, w.sample)
	if p.wide() {
		w.at(0, w.wide.steer)
	}
	w.at(p.Safety, w.heal)
	w.run(p.Safety + w.recovery())
	w.checkFinally()
	if p.Aging && w.failure == nil {
		w.age()
	}
	return w.result()
}

// run lets time pass until end, or until a checker has found something.
func (w *World) run(end time.Duration) {
	for w.failure == nil {
		at, ok := w.queue.Next()
		if !ok || at > end {
			break
		}
		w.now = max(w.now, at)
		if w.stats.Events++; w.stats.Events > maxEvents*uint64(w.plan.Nodes) {
			w.fail("anytime_work_is_bounded", "%d events", w.stats.Events)
		}
		w.queue.Take()()
	}
	if w.failure == nil {
		w.now = end
	}
}

// at plans something; what is in the past happens now.
func (w *World) at(t time.Duration, do func()) { w.queue.Add(max(t, w.now), do) }

func (w *World) after(d time.Duration, do func()) { w.queue.Add(w.now+d, do) }

// note adds something that happened to the trace and, if someone reads it, to the transcript.
func (w *World) note(who, format string, args ...any) {
	w.mix(uint64(w.now))
	if w.out != nil {
		_, _ = fmt.Fprintf(w.out, "%12.6f %-4s %s\n", w.now.Seconds(), who, fmt.Sprintf(format, args...)) // The reader's problem.
	}
}

// mix folds a number into the trace: two runs with equal traces have done the same.
func (w *World) mix(x uint64) { w.trace = (w.trace ^ x) * 0x9e3779b97f4a7c15 >> 1 }

// fail records what a checker has found; the first one counts.
func (w *World) fail(checker, format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{Checker: checker, At: w.now, Text: fmt.Sprintf(format, args...)}
		w.note("!!", "%s: %s", checker, w.failure.Text)
	}
}

// longest is the longest TTL there is.
func (p *Plan) longest() time.Duration {
	d := time.Second
	for i := range p.Clients {
		d = max(d, p.Clients[i].TTL)
	}
	for i := range p.Targets {
		d = max(d, p.Targets[i].TTL)
	}
	return d
}

// Bounds of recovery, from the moment at which everything is repaired.
const (
	// convergeBound is how long until all nodes of the core hold the same: two tries to rejoin, of at most 15 s each, and
	// the syncs that follow.
	convergeBound = 45 * time.Second
	// steadyFor is how long nothing may be written in the end, when there is nothing left to write.
	steadyFor = 15 * time.Second
)

// converge is convergeBound, and longer where syncs over links may have lost their answers.
func (p *Plan) converge() time.Duration {
	if slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == Overflow }) {
		return convergeBound + farIdle
	}
	return convergeBound
}

// maxEvents is how many events there may be in a run for each node; usual are a few thousand.
const maxEvents = 200_000

// recovery is how long liveness takes: until everyone agrees, the leases of the dead have expired twice over (once for
// the fresh TTL of a recovery), evictions that are paced are done, and then a while of peace.
func (w *World) recovery() time.Duration {
	return w.plan.converge() + 4*w.plan.longest() + 20*time.Second + steadyFor
}
