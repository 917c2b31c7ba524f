package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// watchersArg is that many connections which watch a path at a server.
type watchersArg struct {
	Addr, Path string
	Watchers   int
	// Bare says that the server is the bare broadcaster: what is posted is the event itself, not a registration.
	Bare bool
}

// watchWrites is what watchers are asked: to make that many writes, one after the other has arrived everywhere.
type watchWrites struct{ First, Writes int }

// watchDone is what came of it, in milliseconds.
type watchDone struct {
	P50, P99, Max float64
	Lost          int
}

// watchersChild opens the connections, and then writes and waits, so that both ends of each time are one clock's.
func watchersChild(ctx context.Context, raw json.RawMessage, l *line) error {
	var arg watchersArg
	if err := json.Unmarshal(raw, &arg); err != nil {
		return err
	}
	w := &watchers{arg: arg}
	defer w.close()
	if err := w.open(ctx); err != nil {
		return err
	}
	if err := l.say("ready"); err != nil {
		return err
	}
	for {
		var q watchWrites
		if !l.hear(&q) {
			return nil
		}
		d, err := w.measure(ctx, q)
		if err != nil {
			return err
		}
		if err := l.say(d); err != nil {
			return err
		}
	}
}

type watchers struct {
	arg    watchersArg
	conns  []*wireConn
	writer *wireConn
	wg     sync.WaitGroup

	began   time.Time
	number  atomic.Int64
	sent    atomic.Int64 // nanoseconds after began
	pending atomic.Int64
	took    []atomic.Int64 // of the latest write, by watcher; 0 while it is waited for
	done    chan struct{}  // one is enough: there is one write at a time
}

// marker is what an event of the write with that number contains.
func marker(number int) []byte { return fmt.Appendf(nil, "write-%08d", number) }

// dialers is how many connections are opened at once.
const dialers = 64

// open opens all connections, in order, and starts to read from them.
func (w *watchers) open(ctx context.Context) error {
	w.began, w.done = time.Now(), make(chan struct{}, 1)
	w.number.Store(-1)
	w.conns, w.took = make([]*wireConn, w.arg.Watchers), make([]atomic.Int64, w.arg.Watchers)
	var err error
	if w.writer, err = dialWire(ctx, w.arg.Addr); err != nil {
		return err
	}
	req := request("GET", w.arg.Path, nil)
	errs := make([]error, dialers)
	var wg sync.WaitGroup
	for d := range dialers {
		wg.Go(func() {
			for i := d; i < len(w.conns) && errs[d] == nil; i += dialers {
				c, err := dialWire(ctx, w.arg.Addr)
				if err == nil {
					w.conns[i] = c
					_, err = c.c.Write(req)
				}
				errs[d] = err
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	opened := make(chan error, len(w.conns))
	for i, c := range w.conns {
		w.wg.Go(func() { w.read(i, c, opened) })
	}
	for range w.conns {
		if err := <-opened; err != nil {
			return err
		}
	}
	return nil
}

// read notes when the event of the latest write has come.
func (w *watchers) read(i int, c *wireConn, opened chan<- error) {
	buf := make([]byte, 4096)
	kept, told := 0, false
	for {
		n, err := c.c.Read(buf[kept:])
		now := time.Since(w.began)
		if err != nil {
			if !told {
				opened <- err
			}
			return // Closed, by either side.
		}
		if !told { // The beginning of the answer has come, so the server knows of this watcher.
			told = true
			opened <- nil
		}
		kept += n
		if number := w.number.Load(); number >= 0 && bytes.Contains(buf[:kept], marker(int(number))) {
			if w.took[i].CompareAndSwap(0, int64(now)-w.sent.Load()) && w.pending.Add(-1) == 0 {
				w.done <- struct{}{}
			}
			kept = 0
			continue
		}
		const tail = 64 // A marker may come in two pieces.
		if kept > len(buf)/2 {
			copy(buf, buf[kept-tail:kept])
			kept = tail
		}
	}
}

// measure makes writes and waits for each of them.
func (w *watchers) measure(ctx context.Context, q watchWrites) (d watchDone, err error) {
	var all measure.Durations
	for n := q.First; n < q.First+q.Writes; n++ {
		for i := range w.took {
			w.took[i].Store(0)
		}
		w.pending.Store(int64(len(w.took)))
		req := w.write(n)
		w.number.Store(int64(n))
		w.sent.Store(int64(time.Since(w.began)))
		status, err := w.writer.do(req)
		if err != nil || status >= 300 {
			return d, errors.Join(err, fmt.Errorf("%w: status %d", errRefused, status))
		}
		late, stop := context.WithTimeout(ctx, patience)
		select {
		case <-w.done:
		case <-late.Done():
		}
		stop()
		for i := range w.took {
			if took := w.took[i].Load(); took != 0 {
				all.Add(time.Duration(took))
			} else {
				d.Lost++
			}
		}
		if ctx.Err() != nil {
			return d, ctx.Err()
		}
	}
	d.P50, d.P99, d.Max = measure.Millis(all.At(0.5)), measure.Millis(all.At(0.99)), measure.Millis(all.At(1))
	return d, nil
}

// watchedService is what is watched.
const watchedService = "watched"

// write is the request that makes a write. The bare broadcaster gets what the registry would send, about.
func (w *watchers) write(number int) []byte {
	inst := typical(0)
	inst.Service, inst.Metadata["write"] = watchedService, string(marker(number))
	if !w.arg.Bare {
		return request("POST", "/api/v1/services/instances", registration(&inst))
	}
	body := fmt.Appendf(nil, "id: %s\nevent: change\ndata: {\"index\":%d,\"instance\":%s}\n\n",
		strconv.FormatInt(time.Now().UnixNano(), 10), time.Now().UnixNano(), registration(&inst))
	return request("POST", "/", body)
}

func (w *watchers) close() {
	for _, c := range w.conns {
		if c != nil {
			c.close()
		}
	}
	if w.writer != nil {
		w.writer.close()
	}
	w.wg.Wait()
}
