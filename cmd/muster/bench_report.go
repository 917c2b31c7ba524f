package main

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// benchReport is what came of a bench.
type benchReport struct {
	Server      string       `json:"server"`
	Instances   int          `json:"instances"`
	Clients     int          `json:"clients"`
	Watchers    int          `json:"watchers"`
	Operations  []*operation `json:"operations"`
	interrupted bool
}

func (r *benchReport) add(op *operation) { r.Operations = append(r.Operations, op) }

func (r *benchReport) draw(t *table) {
	t.row("OPERATION", "DONE", "FAILED", "PER SECOND", "P50", "P99", "MAX")
	for _, op := range r.Operations {
		t.row(op.Name, op.Done, op.Failed, op.PerSecond, op.P50, op.P99, op.Max)
	}
}

// verdict is an error if something failed, with the first reason.
func (r *benchReport) verdict() error {
	for _, op := range r.Operations {
		if op.Failed > 0 {
			return failed(statusOf(op.first), "%d of %d failed to %s, the first because: %v", op.Failed, op.Done+op.Failed, op.Name, op.first)
		}
	}
	if r.interrupted {
		return failed(exitFailed, "interrupted: what was registered has been taken out")
	}
	return nil
}

// operation is one kind of request, and how long each took. Safe for any number of goroutines until end.
type operation struct {
	Name   string `json:"name"`
	Done   int    `json:"done"`
	Failed int    `json:"failed"`
	// PerSecond counts those that were done. P50, P99 and Max are how long one took, in Go's notation.
	PerSecond int    `json:"perSecond"`
	P50       string `json:"p50"`
	P99       string `json:"p99"`
	Max       string `json:"max"`

	mu    sync.Mutex
	begin time.Time
	spent []time.Duration
	first error // why the first one failed
}

func newOperation(name string) *operation { return &operation{Name: name, begin: time.Now()} }

// by has clients do something until there is nothing left to do, and ends the operation.
func (o *operation) by(clients int, once func() bool) {
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for once() {
				continue
			}
		})
	}
	all.Wait()
	o.end()
}

// time measures one request. One that ctx has ended does not count.
func (o *operation) time(ctx context.Context, do func() error) {
	begin := time.Now()
	err := do()
	switch {
	case err == nil:
		o.took(time.Since(begin))
	case ctx.Err() == nil:
		o.failed(err)
	}
}

func (o *operation) took(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.spent = append(o.spent, d)
	o.Done++
}

func (o *operation) failed(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.first == nil {
		o.first = err
	}
	o.Failed++
}

// end computes the figures.
func (o *operation) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.spent) == 0 {
		return
	}
	o.PerSecond = int(float64(o.Done) / time.Since(o.begin).Seconds())
	slices.Sort(o.spent)
	at := func(share float64) string {
		return o.spent[min(int(share*float64(len(o.spent))), len(o.spent)-1)].Round(time.Microsecond).String()
	}
	o.P50, o.P99, o.Max = at(0.5), at(0.99), at(1)
}

// versionIn is the version that a change of an instance tells, empty if it tells none.
func versionIn(data string) string {
	var ev struct {
		Instance struct {
			Metadata map[string]string `json:"metadata"`
		} `json:"instance"`
	}
	if json.Unmarshal([]byte(data), &ev) != nil {
		return ""
	}
	return ev.Instance.Metadata["version"]
}
