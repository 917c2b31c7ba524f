package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// watchWait is about how long a write is, in a turn.
const watchWait = 200 * time.Millisecond

// watch measures one write until every watcher has it.
func watch(ctx context.Context, o options, r *result) error {
	c := curve{
		Name: "watch p99", X: "watchers", Y: "ms",
		ModelText: "proportional to the watchers, from the smallest size: one write to a socket each",
	}
	for _, w := range sizes(o, 100, 1000, 10_000) {
		if err := measure.AllowFiles(w + 100); err != nil {
			return err
		}
		p99, err := watchSize(ctx, o, r, w)
		if err != nil {
			return fmt.Errorf("%d watchers: %w", w, err)
		}
		c.Seen = append(c.Seen, point{float64(w), p99})
		c.Model = append(c.Model, point{float64(w), c.Seen[0].Y / c.Seen[0].X * float64(w)})
	}
	r.Curves = append(r.Curves, c)
	return nil
}

// watchSize measures one number of watchers and returns p99 in milliseconds.
func watchSize(ctx context.Context, o options, r *result, n int) (_ float64, err error) {
	type side struct {
		name, kind, path string
		arg              any
		server, watchers *child
		p50, maxima, cpu []float64
		lost, next       int
	}
	sides := [2]*side{
		{name: "muster", kind: "node", path: "/api/v1/watch?service=" + watchedService, arg: nodeArg{Name: "n1"}},
		{name: "bare broadcast", kind: "broadcast", path: "/"},
	}
	for i, s := range sides {
		var hello nodeHello
		if s.server, err = o.startChild(ctx, s.kind, s.arg, &hello); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, s.server.stop()) }()
		var greeting string
		arg := watchersArg{Addr: hello.HTTP, Path: s.path, Watchers: n, Bare: i == 1}
		if s.watchers, err = o.startChild(ctx, "watchers", arg, &greeting); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, s.watchers.stop()) }()
	}
	writes := max(2, int(o.turn()/watchWait))
	run := func(s *side) func(int) (float64, error) {
		return func(int) (float64, error) {
			before, err := s.server.cpu()
			if err != nil {
				return 0, err
			}
			var d watchDone
			if err := s.watchers.ask(watchWrites{s.next, writes}, &d); err != nil {
				return 0, err
			}
			after, err := s.server.cpu()
			s.next += writes
			s.lost += d.Lost
			s.p50, s.maxima = append(s.p50, d.P50), append(s.maxima, d.Max)
			s.cpu = append(s.cpu, float64((after-before).Microseconds())/float64(n*writes))
			return d.P99, err
		}
	}
	p99s, err := measure.Rounds(o.rounds, run(sides[0]), run(sides[1]))
	if err != nil {
		return 0, err
	}
	us, bare := sides[0], sides[1]
	where := "W=" + amount(float64(n), "")
	r.rounds(where, "p50", "ms", us.p50, bare.name, bare.p50)
	ratio := r.rounds(where, "p99", "ms", p99s[0], bare.name, p99s[1])
	r.rounds(where, "max", "ms", us.maxima, bare.name, bare.maxima)
	r.rounds(where, "CPU of the server for an event", "µs", us.cpu, bare.name, bare.cpu)
	r.beside(where, "events that did not come", "", float64(us.lost), bare.name, float64(bare.lost))
	p99 := measure.Median(p99s[0])
	switch n {
	case o.size(1000):
		r.atMost("one write to 1,000 watchers, p99", "ms", p99, 40)
		r.atMost("beside a bare broadcast loop", "x", ratio, 2)
	case o.size(10_000):
		r.atMost("one write to 10,000 watchers, p99", "ms", p99, 300)
		r.atMost("beside a bare broadcast loop, 10,000 watchers", "x", ratio, 2)
	}
	return p99, nil
}
