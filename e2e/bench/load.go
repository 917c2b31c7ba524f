package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// loadWork is what a load child is asked to do: requests of one kind on Conns connections, for Seconds or, if Count is
// not 0, that many of them.
type loadWork struct {
	// Addrs are the servers; connections go to them in turn.
	Addrs []string
	Conns int
	// Kind is "renew" (an instance at random of the first Instances), "register" (the typical instance First and those
	// after it) or "get" (Path).
	Kind      string
	Path      string
	Instances int
	First     int
	Seconds   float64
	Count     int
}

// loadDone is what came of it.
type loadDone struct {
	Requests int
	// Refused counts answers that are not a success; Sample is one of them, or an error of a connection.
	Refused int
	Sample  string
	Seconds float64
	// Ended is when the last answer came, Unix nanoseconds.
	Ended int64
	// P50 and P99 are the times from a request to its answer, in milliseconds.
	P50, P99 float64
}

// rate is requests a second.
func (d *loadDone) rate() float64 { return float64(d.Requests) / max(d.Seconds, 1e-9) }

// ok is nil if all went well.
func (d *loadDone) ok() error {
	if d.Refused > 0 || d.Requests == 0 {
		return fmt.Errorf("%d requests, %d of them refused: %s", d.Requests, d.Refused, d.Sample)
	}
	return nil
}

// loadChild does what it is asked, over and over.
func loadChild(ctx context.Context, _ json.RawMessage, l *line) error {
	if err := l.say("ready"); err != nil {
		return err
	}
	for {
		var w loadWork
		if !l.hear(&w) {
			return nil
		}
		done, err := w.do(ctx)
		if err != nil {
			return err
		}
		if err := l.say(done); err != nil {
			return err
		}
	}
}

// do makes all requests beforehand, opens the connections, and then writes and reads.
func (w *loadWork) do(ctx context.Context) (*loadDone, error) {
	conns := make([]*wireConn, w.Conns)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.close()
			}
		}
	}()
	pools := make([][][]byte, w.Conns)
	for i := range conns {
		c, err := dialWire(ctx, w.Addrs[i%len(w.Addrs)])
		if err != nil {
			return nil, err
		}
		conns[i], pools[i] = c, w.requests(i)
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		times measure.Durations
		done  = &loadDone{}
		over  atomic.Bool
	)
	begin := time.Now()
	if w.Count == 0 {
		timer := time.AfterFunc(time.Duration(w.Seconds*float64(time.Second)), func() { over.Store(true) })
		defer timer.Stop()
	}
	for i := range conns {
		wg.Go(func() {
			took, refused, sample := work(conns[i], pools[i], w.Count > 0, &over)
			mu.Lock()
			defer mu.Unlock()
			times.Add(took...)
			done.Refused += refused
			if sample != nil {
				done.Sample = sample.Error()
			}
		})
	}
	wg.Wait()
	ended := time.Now()
	done.Seconds, done.Ended = ended.Sub(begin).Seconds(), ended.UnixNano()
	done.Requests = times.Len()
	done.P50, done.P99 = measure.Millis(times.At(0.5)), measure.Millis(times.At(0.99))
	return done, nil
}

var errRefused = errors.New("bench: refused")

// work sends requests on one connection: each once, or round and round until it is over.
func work(c *wireConn, pool [][]byte, once bool, over *atomic.Bool) (took []time.Duration, refused int, sample error) {
	last := time.Now()
	for n := 0; !over.Load() && (!once || n < len(pool)); n++ {
		status, err := c.do(pool[n%len(pool)])
		if err != nil {
			return took, refused + 1, err
		}
		if status >= 300 {
			refused++
			sample = fmt.Errorf("%w: status %d", errRefused, status)
		}
		now := time.Now()
		took = append(took, now.Sub(last))
		last = now
	}
	return took, refused, sample
}

// poolSize is how many requests all connections together have prepared at most, and poolRate how many for each second:
// about as many as there will be time for. Then they are sent again.
const (
	poolSize = 32_000
	poolRate = 40_000
)

// requests are those of one connection.
func (w *loadWork) requests(conn int) [][]byte {
	n := max(1, min(poolSize, int(poolRate*w.Seconds))/w.Conns)
	if w.Count > 0 {
		n = w.Count/w.Conns + min(1, max(0, w.Count%w.Conns-conn))
	}
	switch w.Kind {
	case "renew":
		rng := rand.New(rand.NewPCG(uint64(conn), 1)) //nolint:gosec // To spread load.
		out := make([][]byte, n)
		for k := range out {
			i := rng.IntN(w.Instances)
			out[k] = request("PUT", "/api/v1/services/"+serviceName(i)+"/instances/"+instanceID(i)+"/heartbeat", nil)
		}
		return out
	case "register":
		out := make([][]byte, n)
		for k := range out {
			inst := typical(w.First + conn + k*w.Conns)
			out[k] = request("POST", "/api/v1/services/instances", registration(&inst))
		}
		return out
	default:
		return [][]byte{request("GET", w.Path, nil)}
	}
}
