package check_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/check"
)

// op is one thing that happens to a machine.
type op struct {
	wait   time.Duration
	kind   int
	key    int
	id     string
	status catalog.CheckStatus
	output string
}

func ops(t *rapid.T) []op {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) op {
		return op{
			wait:   time.Duration(rapid.IntRange(0, 20_000).Draw(t, "wait")) * time.Millisecond,
			kind:   rapid.IntRange(0, 7).Draw(t, "kind"),
			key:    rapid.IntRange(0, 3).Draw(t, "key"),
			id:     rapid.SampledFrom([]string{"http", "ttl", "long", "alias", "none"}).Draw(t, "id"),
			status: catalog.CheckStatus(rapid.IntRange(1, 3).Draw(t, "status")),
			output: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "output"),
		}
	}), 1, 80).Draw(t, "ops")
}

// definitions are the checks of an instance, a few of them.
func definitions(n int) []catalog.Check {
	return []catalog.Check{
		{ID: "http", HTTP: "http://a/", Interval: 10 * time.Second, FailuresBeforeCritical: n, SuccessBeforePassing: n},
		{ID: "ttl", TTL: 15 * time.Second, DeregisterAfter: time.Second},
		{ID: "long", TTL: 40 * time.Second},
		{ID: "alias", Alias: "0"},
	}[:1+n]
}

// world drives a machine and keeps what it put out, and the records as its owner would.
type world struct {
	m       *check.Machine
	now     time.Duration
	running map[string]check.Run
	defs    map[catalog.Key][]catalog.Check
	records map[catalog.Key][]catalog.CheckResult
	log     []string
	fail    func(format string, args ...any)
}

func (w *world) do(o op) {
	w.now += o.wait
	key := catalog.Key{Namespace: "default", Service: "s", ID: strconv.Itoa(o.key)}
	switch at := moment(w.now); o.kind {
	case 0:
		w.defs[key] = definitions(o.key)
		if len(w.records[key]) != len(w.defs[key]) {
			w.records[key] = passing(w.defs[key])
		}
		w.m.Put(at, key, o.key > 1, w.defs[key], w.records[key])
	case 1:
		w.m.Drop(key)
		delete(w.defs, key)
		for name, run := range w.running {
			if run.Key == key {
				delete(w.running, name)
			}
		}
	case 2, 3:
		if run, ok := w.running[key.ID+o.id]; ok {
			delete(w.running, key.ID+o.id)
			w.m.Ran(at, key, o.id, run.Token, o.status, o.output)
		}
	case 4:
		_ = w.m.Report(at, key, o.id, o.status, o.output) // Unknown ones are part of it.
	case 5:
		w.m.Lapse(at, key)
	case 6:
		w.m.Changed(at, key.Namespace, key.ID)
	default:
		w.m.Refresh(at)
	}
	w.m.Tick(moment(w.now))
	w.take()
}

func (w *world) take() {
	for _, run := range w.m.Runs() {
		name := run.Key.ID + run.Check.ID
		if _, twice := w.running[name]; twice && run.Check.Alias == "" {
			w.fail("a second run of %s is under way", name)
		}
		w.running[name] = run
		w.log = append(w.log, fmt.Sprintf("%v run %s %d", w.now, name, run.Token))
	}
	for _, wr := range w.m.Writes() {
		if slices.Equal(w.records[wr.Key], wr.Results) {
			w.fail("what the record of %s says already is written again: %+v", wr.Key, wr.Results)
		}
		w.records[wr.Key] = wr.Results
		w.m.Put(moment(w.now), wr.Key, wr.Key.ID > "1", w.defs[wr.Key], wr.Results)
		w.log = append(w.log, fmt.Sprintf("%v write %+v", w.now, wr))
	}
	for _, r := range w.m.Removals() {
		if r.Status != catalog.CheckCritical || r.After < check.MinDeregister {
			w.fail("%+v is removed", r)
		}
		w.log = append(w.log, fmt.Sprintf("%v remove %+v", w.now, r))
	}
	if at, ok := w.m.Next(); ok && at <= w.now {
		w.fail("after a tick at %v something is due at %v", w.now, at)
	}
}

func drive(t *rapid.T, list []op) []string {
	w := &world{
		m: newMachine(7), running: make(map[string]check.Run), defs: make(map[catalog.Key][]catalog.Check),
		records: make(map[catalog.Key][]catalog.CheckResult), fail: t.Fatalf,
	}
	for _, o := range list {
		w.do(o)
	}
	return w.log
}

func TestEqualCallsGiveEqualOutputs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := ops(t)
		if a, b := drive(t, list), drive(t, list); !slices.Equal(a, b) {
			t.Fatalf("two runs differ:\n%q\n%q", a, b)
		}
	})
}
