package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/musterhq/muster/api/xds"
	"github.com/musterhq/muster/api/xds/feed"
)

// Exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// run is the command, until ctx ends.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, env, stdout)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitDone
	case err == nil:
		err = serve(ctx, o, stdout, stderr)
	}
	if err == nil {
		return exitDone
	}
	_, _ = fmt.Fprintf(stderr, "muster-xds: %v\n", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

// serve listens, says where, and serves until ctx ends. The error says why it could not begin, or go on.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	log := o.logger(stderr)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server := xds.NewServer(log, registry)
	supply, err := feed.New(feed.Config{
		Server: server, Nodes: o.servers, Namespace: o.namespace, Datacenter: o.datacenter, Token: o.token,
		Logger: log, Registry: registry,
	})
	if err != nil {
		return err
	}
	ads, err := listen(ctx, o.listen)
	if err != nil {
		return err
	}
	defer func() { _ = ads.Close() }()
	var admin net.Listener
	if o.admin != off {
		if admin, err = listen(ctx, o.admin); err != nil {
			return err
		}
		defer func() { _ = admin.Close() }()
	}

	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, 2) // Room for both listeners, so that nobody has to take them.
	streams := newStreams()
	server.Register(streams)
	running.Go(func() { _ = supply.Run(ctx) }) // It ends with ctx, and for no other reason.
	running.Go(func() { failed <- streams.Serve(ads) })
	defer streams.Stop() // Clients come back by themselves: to wait for their streams is to wait for ever.
	_, _ = fmt.Fprintf(stdout, "ads %s\n", ads.Addr())
	if admin != nil {
		pages := &http.Server{Handler: adminHandler(server, registry), ReadHeaderTimeout: 10 * time.Second}
		running.Go(func() { failed <- pages.Serve(admin) })
		defer func() { _ = pages.Close() }()
		_, _ = fmt.Fprintf(stdout, "admin http://%s\n", admin.Addr())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return l, nil
}

// newStreams makes the gRPC server. A client that is gone without a word is noticed by its silence, and one that asks
// for signs of life may do so every ten seconds.
func newStreams() *grpc.Server {
	return grpc.NewServer(
		grpc.MaxConcurrentStreams(1000),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	)
}

// adminHandler says that the process lives, whether it serves, and what it counts.
func adminHandler(server *xds.Server, registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !server.Ready() {
			http.Error(w, "the services are not known yet; clients wait", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}
