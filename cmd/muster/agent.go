package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/api/doctor"
	"github.com/musterhq/muster/api/eureka/peer"
	"github.com/musterhq/muster/api/native"
)

func (a *app) agentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Run a node with its API, dashboard and DNS",
		Long: `Run a node with its API, dashboard and DNS, on loopback unless told otherwise.

A setting counts by its flag, else by its environment variable (lists are separated
by commas), else by its key in the file of --config, else by its default.

SIGTERM or SIGINT: requests in flight are finished, leases go to their heirs, and the
node leaves. A second signal ends it at once.`,
		Args: arguments(),
	}
	l := newLayers(cmd.Flags(), a.env.lookup)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := l.resolve()
		if err != nil {
			return err
		}
		return a.runAgent(cmd.Context(), s)
	}
	return cmd
}

// agent is a running node with its API and DNS.
type agent struct {
	app  *app
	set  settings
	log  *slog.Logger
	web  *web
	dns  names
	tls  secured
	node *muster.Node
	// leave is closed when a client asks the node to leave.
	leave chan struct{}
}

// leaveGrace is how long a node may take to hand its leases over and to tell the others.
const leaveGrace = 20 * time.Second

// runAgent runs a node until it is told to stop.
func (a *app) runAgent(ctx context.Context, s settings) error {
	cfg, err := s.nodeConfig()
	if err != nil {
		return err
	}
	g := &agent{app: a, set: s, log: a.logger(s), leave: make(chan struct{})}
	cfg.Logger = g.log
	signals, stop := a.env.signals(os.Interrupt, syscall.SIGTERM)
	defer stop()
	if g.tls, err = s.openTLS(g.log); err != nil {
		return err
	}
	cfg.WANTLS = g.tls.links()
	if g.web, err = listen(ctx, s.http, g.tls.server()); err != nil {
		return err
	}
	if g.dns, err = listenNames(ctx, s.dns); err != nil {
		g.web.close()
		return err
	}
	cfg.HTTP = told(g.web.addresses(), "")
	if g.node, err = start(ctx, cfg, signals); err != nil {
		g.close()
		return s.explainStart(err)
	}
	if err := g.tellHTTP(cfg.HTTP); err != nil {
		g.close()
		return errors.Join(err, g.node.Close()) //nolint:contextcheck // To close needs no time.
	}
	g.web.serve(g.handler(), g.log)
	g.dns.serve(g.node, s, g.log)
	endReplication := g.replicate(ctx)
	endWatch := g.tls.watch(ctx, a.env)
	g.banner()
	err = g.await(ctx, signals)
	endReplication()
	endWatch()
	return errors.Join(err, g.stop(context.WithoutCancel(ctx), signals))
}

// close closes what was opened to listen.
func (g *agent) close() {
	g.web.close()
	g.dns.close()
}

// logger writes to standard error.
func (a *app) logger(s settings) *slog.Logger {
	opts := &slog.HandlerOptions{Level: s.logLevel}
	if s.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(a.errs, opts))
	}
	return slog.New(slog.NewTextHandler(a.errs, opts))
}

// start is muster.Start, given up at a signal.
func start(ctx context.Context, cfg muster.Config, signals <-chan os.Signal) (*muster.Node, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		node *muster.Node
		err  error
	}
	started := make(chan outcome, 1)
	go func() {
		node, err := muster.Start(ctx, cfg)
		started <- outcome{node, err}
	}()
	select {
	case o := <-started:
		return o.node, o.err
	case sig := <-signals:
		cancel()
		if o := <-started; o.err == nil {
			_ = o.node.Close() //nolint:contextcheck // It has not begun to be a node to anyone.
		}
		return nil, fmt.Errorf("stopped by %v before it had started", sig)
	}
}

func (g *agent) handler() http.Handler {
	return api.NewHandler(g.node, api.Config{
		Logger: g.log, Closing: g.web.closing, OnLeave: sync.OnceFunc(func() { close(g.leave) }),
		Doctor:     native.Doctor{Asker: doctor.Asker{Client: g.tls.client(), Scheme: g.tls.scheme()}, Certificate: g.tls.certificate},
		Collectors: append(g.dns.collectors(), g.tls.collectors()...),
	})
}

// replicate keeps the Eureka servers up to date until the function that it returns is called, which waits for the end.
func (g *agent) replicate(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		peer.Replicator{Node: g.node, Peers: g.set.eurekaPeers, Logger: g.log}.Run(ctx)
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// tellHTTP tells the members where the API listens, if that is known only now that the node has an address.
func (g *agent) tellHTTP(before string) error {
	if now := told(g.web.addresses(), g.node.Addr()); now != before {
		return g.node.SetHTTP(now)
	}
	return nil
}

// told is the address of the API that members are told: the first that other machines can reach, else the first.
// advertised is the node's own address, empty if it is not known yet.
func told(listeners []string, advertised string) string {
	for _, l := range listeners {
		if !isLoopback(l) {
			return reachable(l, advertised)
		}
	}
	return listeners[0]
}

// readyPoll is how often a node that is not ready is asked again.
const readyPoll = 20 * time.Millisecond

// await waits until the agent has to stop, and tells when the node has become ready. The error is why it stops, nil if it
// was told to.
func (g *agent) await(ctx context.Context, signals <-chan os.Signal) error {
	poll := time.NewTicker(readyPoll)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
			if ready, reason := g.node.Ready(); ready {
				g.say("ready   %s\n", reason)
				poll.Stop()
			}
		case sig := <-signals:
			g.log.Info("stopping", "signal", sig.String())
			return nil
		case <-g.leave:
			g.log.Info("stopping", "reason", "a client asked this node to leave")
			return nil
		case err := <-g.web.failed:
			return err
		case err := <-g.dns.failed():
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// stop finishes requests and leaves; a signal meanwhile ends it at once. ctx does not end, it only carries values.
func (g *agent) stop(ctx context.Context, signals <-chan os.Signal) error {
	stopped := make(chan error, 1)
	go func() {
		g.dns.stop(ctx)
		cut := g.web.stop(ctx)
		ctx, cancel := context.WithTimeout(ctx, leaveGrace)
		defer cancel()
		stopped <- errors.Join(cut, g.node.Leave(ctx))
	}()
	select {
	case err := <-stopped:
		if err == nil {
			g.log.Info("stopped")
		}
		return err
	case <-signals:
		return errors.New("stopped at once by a second signal: its leases may not have been handed over")
	}
}

// explainStart is why a node has not started, in words that name the flag.
func (s settings) explainStart(err error) error {
	if errors.Is(err, muster.ErrInsecure) {
		address := s.bind
		if s.wanBind != "" && isLoopback(address) {
			address = s.wanBind
		}
		but := ""
		if s.tlsCert != "" {
			but = ", for TLS does not protect it"
		}
		return fmt.Errorf("gossip on %s can be read and forged by whoever reaches it%s: give --encrypt-file, or --insecure if the network can be trusted", address, but)
	}
	if errors.Is(err, muster.ErrWANBind) {
		return fmt.Errorf("cannot listen for gateways on %s: %s", s.wanBind, explainListen(err, "--wan-bind"))
	}
	if text := err.Error(); strings.Contains(text, "cannot listen") {
		return fmt.Errorf("cannot listen for gossip on %s: %s", s.bind, explainListen(err, "--bind"))
	}
	return fmt.Errorf("cannot start: %w", err)
}

// explainListen is why an address cannot be listened on and what to do, without the words that the layers below put in
// front.
func explainListen(err error, flag string) string {
	text := err.Error()
	why := text[strings.LastIndex(text, ": ")+1:]
	switch why = strings.TrimSpace(why); {
	case strings.Contains(text, "address already in use"):
		return why + ": is another agent running? give another port with " + flag + ", or port 0 for a free one"
	case strings.Contains(text, "cannot assign requested address"):
		return why + ": this machine has no such address: give one that it has with " + flag
	case strings.Contains(text, "permission denied"):
		return why + ": ports below 1024 need a privilege: give a higher one with " + flag
	default:
		return why + ": check " + flag
	}
}
