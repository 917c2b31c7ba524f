package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// benchNamespace is where a bench registers unless told otherwise: consumers of real services do not look there.
const benchNamespace = "muster-bench"

// bench is a load that is put on one node, and what came of it.
type bench struct {
	remote    *remote
	namespace string
	run       string // of this run: part of every id
	instances int
	services  int
	clients   int
	watchers  int
	duration  time.Duration
}

func (a *app) benchCommand() *cobra.Command {
	b := &bench{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Put a load on a node and tell how it does: registers, renews, queries, watches",
		Long: `Register instances in a namespace of their own, renew and query them for a while,
watch a service while it changes, and take everything out again, also when
interrupted. Each request waits for the one before it of the same client, so that
rates depend on --clients, on this machine, and on the way between the two.`,
		Args: arguments(),
	}
	f := cmd.Flags()
	f.IntVar(&b.instances, "instances", 1000, "how `MANY` instances to register")
	f.IntVar(&b.services, "services", 10, "how `MANY` services they belong to")
	f.IntVar(&b.clients, "clients", 16, "how `MANY` requests to make at once")
	f.IntVar(&b.watchers, "watchers", 100, "how `MANY` streams to open on one service, 0 for none")
	f.DurationVar(&b.duration, "duration", 5*time.Second, "`DURATION` of the renewals, and of the queries")
	f.StringVar(&b.namespace, "namespace", benchNamespace, "`NAMESPACE` to register in")
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		for name, n := range map[string]int{"instances": b.instances, "services": b.services, "clients": b.clients} {
			if n < 1 {
				return failed(exitUsage, "--%s must be at least 1, not %d", name, n)
			}
		}
		if b.watchers < 0 || b.duration <= 0 {
			return failed(exitUsage, "--watchers must not be below 0, and --duration must be above 0")
		}
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		b.remote, b.run = r.withConnections(b.clients+b.watchers), strconv.FormatInt(time.Now().UnixNano(), 36)
		defer b.remote.close()
		report, err := b.measure(ctx)
		if err != nil {
			return err
		}
		if err := a.showValue(report, report.draw); err != nil {
			return err
		}
		return report.verdict()
	})
}

// withConnections is the same client with connections of its own, so many of them kept open.
func (r *remote) withConnections(n int) *remote {
	other := *newRemote(r.scheme, r.base, r.token, r.timeout, r.tls)
	if t, ok := other.http.Transport.(*http.Transport); ok {
		t.MaxIdleConnsPerHost = n
	}
	return &other
}

// watchedWrites is how many changes the watchers wait for, one after the other.
const watchedWrites = 20

// measure runs the phases. The error is one that leaves nothing to tell: the node is away, or allows nothing.
func (b *bench) measure(ctx context.Context) (*benchReport, error) {
	if _, err := b.remote.get(ctx, pathNode, nil, nil); err != nil {
		return nil, err
	}
	report := &benchReport{Server: b.remote.base, Instances: b.instances, Clients: b.clients, Watchers: b.watchers}
	register := b.all(ctx, "register", func(ctx context.Context, i int) error {
		_, _, err := b.remote.register(ctx, b.registration(i, ""))
		return err
	})
	report.add(register)
	report.add(b.during(ctx, "renew", func(ctx context.Context, i int) error {
		path := pathOfInstance(b.service(i), b.id(i)) + "/heartbeat"
		_, err := b.remote.call(ctx, http.MethodPut, path, inNamespace(b.namespace), nil, nil)
		return err
	}))
	report.add(b.during(ctx, "query", func(ctx context.Context, i int) error {
		_, err := b.remote.get(ctx, pathOfService(b.service(i)), inNamespace(b.namespace), nil)
		return err
	}))
	if b.watchers > 0 && ctx.Err() == nil {
		report.add(b.watch(ctx))
	}
	// What was registered is taken out whatever has happened, as long as it was not the node that failed throughout.
	report.add(b.all(context.WithoutCancel(ctx), "deregister", func(ctx context.Context, i int) error {
		_, err := b.remote.call(ctx, http.MethodDelete, pathOfInstance(b.service(i), b.id(i)), inNamespace(b.namespace), nil, nil)
		return err
	}))
	report.interrupted = ctx.Err() != nil
	return report, nil
}

func (b *bench) service(i int) string { return "bench-" + strconv.Itoa(i%b.services) }

func (b *bench) id(i int) string { return b.run + "-" + strconv.Itoa(i) }

// registration is the i-th instance. Nobody is to connect to it; its lease outlasts the bench.
func (b *bench) registration(i int, version string) registration {
	reg := registration{
		Namespace: b.namespace, Service: b.service(i), ID: b.id(i), Address: "127.0.0.1", Port: 1 + i%65535,
		TTL: (2*b.duration + 10*time.Minute).String(), Tags: []string{"bench"},
	}
	if version != "" {
		reg.Metadata = map[string]string{"version": version}
	}
	return reg
}

// all does something once for each instance, by several clients at once. It stops when ctx ends.
func (b *bench) all(ctx context.Context, name string, do func(ctx context.Context, i int) error) *operation {
	op := newOperation(name)
	var next sync.Mutex
	i := 0
	op.by(b.clients, func() bool {
		next.Lock()
		mine := i
		i++
		next.Unlock()
		if mine >= b.instances || ctx.Err() != nil {
			return false
		}
		op.time(ctx, func() error { return do(ctx, mine) })
		return true
	})
	return op
}

// during does something again and again, each client with instances of its own in turn, for as long as it is told.
func (b *bench) during(ctx context.Context, name string, do func(ctx context.Context, i int) error) *operation {
	op := newOperation(name)
	ctx, cancel := context.WithTimeout(ctx, b.duration)
	defer cancel()
	var clients sync.WaitGroup
	for c := range b.clients {
		clients.Go(func() {
			for i := c % b.instances; ctx.Err() == nil; i = (i + b.clients) % b.instances {
				op.time(ctx, func() error { return do(ctx, i) })
			}
		})
	}
	clients.Wait()
	op.end()
	return op
}

// watch opens streams on one service and changes an instance of it again and again. What is measured is the time from the
// moment a change is sent until each stream tells of it.
func (b *bench) watch(ctx context.Context) *operation {
	op := newOperation("watch")
	defer op.end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	sent := map[string]time.Time{}
	ready, heard := make(chan struct{}, b.watchers), make(chan struct{}, b.watchers)
	var streams sync.WaitGroup
	for range b.watchers {
		streams.Go(func() {
			err := b.follow(ctx, func() { ready <- struct{}{} }, func(version string) {
				mu.Lock()
				at, known := sent[version]
				mu.Unlock()
				if known {
					op.took(time.Since(at))
					heard <- struct{}{}
				}
			})
			if err != nil && ctx.Err() == nil {
				op.failed(err)
				ready <- struct{}{}
			}
		})
	}
	defer streams.Wait()
	defer cancel()
	wait := func(from <-chan struct{}) {
		late := time.NewTimer(b.remote.timeout)
		defer late.Stop()
		for range b.watchers {
			select {
			case <-from:
			case <-late.C:
				op.failed(fmt.Errorf("a stream did not tell of a change within %s", b.remote.timeout))
				return
			case <-ctx.Done():
				return
			}
		}
	}
	wait(ready)
	for n := range watchedWrites {
		if ctx.Err() != nil || op.Failed > 0 {
			break
		}
		version := strconv.Itoa(n + 1)
		mu.Lock()
		sent[version] = time.Now()
		mu.Unlock()
		if _, _, err := b.remote.register(ctx, b.registration(0, version)); err != nil {
			op.failed(err)
			break
		}
		wait(heard)
	}
	return op
}

// follow reads one stream until ctx ends: begun is called once its snapshot is there, changed with each version.
func (b *bench) follow(ctx context.Context, begun func(), changed func(version string)) error {
	q := url.Values{"service": {b.service(0)}, "namespace": {b.namespace}}
	res, err := b.remote.open(ctx, http.MethodGet, pathWatch, q, nil, http.Header{"Accept": {"text/event-stream"}})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	events := newEventReader(res.Body, func() {})
	for {
		ev, err := events.next()
		if err != nil {
			return err
		}
		if ev.kind == "snapshot" {
			begun()
			continue
		}
		if version := versionIn(ev.data); version != "" {
			changed(version)
		}
	}
}
