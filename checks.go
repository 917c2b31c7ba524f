package muster

import (
	"context"
	"sync"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/selfpreserve/probe"
)

const (
	// runsAtOnce bounds the checks under way, and so their sockets and goroutines; what is due beyond it waits, in order.
	// A thousand answer 10,000 checks at 10 s unless each takes a second.
	runsAtOnce = 1024
	// failingAtOnce bounds those whose latest run failed: a rack that does not answer, each of its checks taking its whole
	// time-out, leaves room for those that do.
	failingAtOnce = runsAtOnce * 3 / 4
)

// checker runs the checks that the replica asks for, each in a goroutine that takes the next one when it is done.
type checker struct {
	n   *Node
	run func(ctx context.Context, c *Check) (CheckStatus, string)

	// mu guards what follows. Nothing that waits is called while it is held.
	mu               sync.Mutex
	waiting, failing []CheckRun // due, oldest first; those whose latest run failed
	busy, busyFailed int
}

// newChecker makes the checker of a node; one without sockets runs nothing unless it is told how.
func newChecker(n *Node) *checker {
	run := n.cfg.RunCheck
	switch {
	case run != nil:
	case n.cfg.Transport != nil:
		run = func(context.Context, *Check) (CheckStatus, string) { return CheckNone, "this node has no sockets" }
	default:
		run = probe.NewChecker(n.cfg.EnableScriptChecks).Run
	}
	return &checker{n: n, run: run}
}

// add takes runs. Called with the node's lock held, and so never while the node waits for its goroutines to end.
func (k *checker) add(runs []CheckRun) {
	if len(runs) == 0 || k.n.closing {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, run := range runs {
		if run.Failing {
			k.failing = append(k.failing, run)
		} else {
			k.waiting = append(k.waiting, run)
		}
	}
	for range min(len(runs), runsAtOnce-k.busy) {
		k.busy++
		k.n.wg.Go(k.work)
	}
}

// work runs checks until there is none left to take.
func (k *checker) work() {
	for {
		run, ok := k.next()
		if !ok {
			return
		}
		status, output := k.run(k.n.done, run.Check)
		if k.n.done.Err() == nil {
			k.n.do(func(r *Replica, at Moment) { r.Ran(at, run, status, output) })
		}
		k.mu.Lock()
		if run.Failing {
			k.busyFailed--
		}
		k.mu.Unlock()
	}
}

// next takes the next run, or ends the worker.
func (k *checker) next() (run CheckRun, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.n.done.Err() != nil:
	case len(k.waiting) > 0:
		run, ok = k.waiting[0], true
		k.waiting[0] = CheckRun{}
		k.waiting = k.waiting[1:]
	case len(k.failing) > 0 && k.busyFailed < failingAtOnce:
		run, ok = k.failing[0], true
		k.failing[0] = CheckRun{}
		k.failing = k.failing[1:]
		k.busyFailed++
	}
	if !ok {
		k.busy--
	}
	return run, ok
}

// Report is a client's word about one of its TTL checks, at whichever node it reaches; it is due again within the check's
// TTL. status is CheckPassing, CheckWarning or CheckCritical, output is for people. ErrNotFound if there is no such
// instance or check, ErrNotTTL if a node runs the check itself, ErrNotReady or ErrClosed.
func (n *Node) Report(ctx context.Context, key Key, checkID string, status CheckStatus, output string) error {
	if !n.ready.Load() {
		return n.unready()
	}
	rep := CheckReport{Key: key, Check: checkID, Status: status, Output: catalog.CutOutput(output, catalog.MaxOutput)}
	return n.write(ctx, func(r *Replica, at Moment) error { return r.Report(at, rep) })
}
