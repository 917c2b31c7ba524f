package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// httpConns is how many connections there are at once.
const httpConns = 32

const threeNodes = "renew, 3 nodes"

// httpWork measures requests over real sockets: a node, beside a handler that does only what cannot be avoided.
func httpWork(ctx context.Context, o options, r *result) (err error) {
	const small, middle, large = 10, 100, 1000
	instances := o.size(100_000)
	var hello nodeHello
	node, err := o.startChild(ctx, "node", nodeArg{Name: "n1", Fill: instances, Sizes: []int{small, middle, large}}, &hello)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.stop()) }()
	gets := map[int]string{}
	var answers []answer
	for _, n := range []int{small, middle, large} {
		gets[n] = "/api/v1/services/" + sizedService(n)
		a, err := fetchAnswer(ctx, hello.HTTP, gets[n])
		if err != nil {
			return err
		}
		answers = append(answers, a)
	}
	var otherHello nodeHello
	other, err := o.startChild(ctx, "handler", answers, &otherHello)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.stop()) }()
	var greeting string
	load, err := o.startChild(ctx, "load", nil, &greeting)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, load.stop()) }()

	a := arena{o: o, r: r, load: load, node: node, nodeAddr: hello.HTTP, gossip: hello.Gossip, other: other, otherAddr: otherHello.HTTP}
	renew := loadWork{Kind: "renew", Instances: instances}
	queries := curve{
		Name: "HTTP lookup", X: "instances in the answer", Y: "µs of CPU", ModelText: "the handler that writes the same bytes, in the same run",
	}
	for _, c := range []struct {
		name, beside string
		work         loadWork
		bar          string
		limit        float64
		size         int
	}{
		{"renew", "no-op", renew, "HTTP renewal beside a no-op handler", 0.75, 0},
		{"query 10", "same bytes", loadWork{Kind: "get", Path: gets[small]}, "HTTP lookup of 10 beside a handler that writes the same bytes", 0.75, small},
		{"query 100", "same bytes", loadWork{Kind: "get", Path: gets[middle]}, "", 0, middle},
		{"query 1000", "same bytes", loadWork{Kind: "get", Path: gets[large]}, "HTTP lookup of 1,000 beside a handler that writes the same bytes", 0.6, large},
		{"register", "reads the body", loadWork{Kind: "register", First: 1_000_000}, "HTTP registration beside a handler that reads the body", 0.5, 0},
	} {
		if !strings.Contains(c.name, o.only) {
			continue
		}
		ratio, err := a.compare(ctx, c.name, c.beside, c.work)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.bar != "" {
			r.atLeast(c.bar, "", ratio, c.limit)
		}
		if ours := r.Figures[len(r.Figures)-2]; c.size > 0 { // The CPU of a request, which compare has just added.
			queries.Seen = append(queries.Seen, point{float64(c.size), ours.Value})
			queries.Model = append(queries.Model, point{float64(c.size), ours.Other})
		}
	}
	if len(queries.Seen) > 0 {
		r.Curves = append(r.Curves, queries)
	}
	if !strings.Contains(threeNodes, o.only) {
		return nil
	}
	return a.threeNodes(ctx, renew, instances)
}

// fetchAnswer is what the node answers with.
func fetchAnswer(ctx context.Context, addr, path string) (answer, error) {
	c, err := dialWire(ctx, addr)
	if err != nil {
		return answer{}, err
	}
	defer c.close()
	c.keep = true
	status, err := c.do(request("GET", path, nil))
	if err == nil && status != 200 {
		err = fmt.Errorf("%w: %s is answered with %d", errRefused, path, status)
	}
	c.head.Del("Date") // Every server writes its own.
	return answer{Path: path, Head: c.head, Body: append([]byte(nil), c.body...)}, err
}

// arena is two servers and the load that goes to one after the other.
type arena struct {
	o                   options
	r                   *result
	load, node, other   *child
	nodeAddr, otherAddr string
	gossip              string
}

// compare measures one kind of work at both servers and returns the ratio of requests a second.
func (a *arena) compare(ctx context.Context, name, beside string, w loadWork) (float64, error) {
	cpus := [2][]float64{}
	p99s := [2][]float64{}
	side := func(i int, server *child, addr string) func(int) (float64, error) {
		return func(int) (float64, error) {
			w.Addrs, w.Conns, w.Seconds = []string{addr}, httpConns, a.o.seconds
			w.First += poolSize
			before, err := server.cpu()
			if err != nil {
				return 0, err
			}
			var d loadDone
			if err := errors.Join(a.load.ask(w, &d), ctx.Err()); err != nil {
				return 0, err
			}
			after, err := server.cpu()
			if err := errors.Join(err, d.ok()); err != nil {
				return 0, err
			}
			cpus[i] = append(cpus[i], float64((after-before).Microseconds())/float64(d.Requests))
			p99s[i] = append(p99s[i], d.P99)
			return d.rate(), nil
		}
	}
	rates, err := measure.Rounds(a.o.rounds, side(0, a.node, a.nodeAddr), side(1, a.other, a.otherAddr))
	if err != nil {
		return 0, err
	}
	ratio := a.r.rounds(name, "requests", "/s", rates[0], beside, rates[1])
	a.r.rounds(name, "CPU a request", "µs", cpus[0], beside, cpus[1])
	a.r.rounds(name, "p99", "ms", p99s[0], beside, p99s[1])
	return ratio, nil
}

// threeNodes is the same renewals at the home while two more nodes are there, and what then passes between them.
func (a *arena) threeNodes(ctx context.Context, w loadWork, instances int) (err error) {
	for _, name := range []string{"n2", "n3"} {
		var hello nodeHello
		peer, err := a.o.startChild(ctx, "node", nodeArg{Name: name, Join: []string{a.gossip}}, &hello)
		if err != nil {
			return err
		}
		defer func() { _ = peer.stop() }() // It has done its part.
		var s nodeState
		err = until(ctx, time.Minute, 50*time.Millisecond, name+" has all instances", func() (bool, error) {
			err := peer.ask("state", &s)
			return s.Ready && s.Instances >= instances, err
		})
		if err != nil {
			return err
		}
	}
	ratio, err := a.compare(ctx, threeNodes, "no-op", w)
	if err != nil {
		return err
	}
	a.r.atLeast("HTTP renewal with three nodes beside a no-op handler", "", ratio, 0.75)
	sent, err := a.traffic(ctx, w)
	if err != nil {
		return err
	}
	a.r.add(threeNodes, "sent by the home for a renewal, beyond an idle node", "B", sent)
	a.r.atMost("bytes between nodes for a renewal at the home", "B", sent, 0.1)
	return nil
}

// traffic is how many bytes the home sends to its peers for each renewal, beyond what it sends when nothing happens.
func (a *arena) traffic(ctx context.Context, w loadWork) (float64, error) {
	var at [3]nodeState
	if err := a.node.ask("state", &at[0]); err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := pause(ctx, a.o.turn()); err != nil {
		return 0, err
	}
	idle := time.Since(begin)
	if err := a.node.ask("state", &at[1]); err != nil {
		return 0, err
	}
	w.Addrs, w.Conns, w.Seconds = []string{a.nodeAddr}, httpConns, a.o.seconds
	var d loadDone
	begin = time.Now()
	if err := a.load.ask(w, &d); err != nil {
		return 0, err
	}
	busy := time.Since(begin)
	if err := errors.Join(a.node.ask("state", &at[2]), d.ok()); err != nil {
		return 0, err
	}
	expected := float64(at[1].Sent-at[0].Sent) * busy.Seconds() / idle.Seconds()
	return max(0, float64(at[2].Sent-at[1].Sent)-expected) / float64(d.Requests), nil
}
