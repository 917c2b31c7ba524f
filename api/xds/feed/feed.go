package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/xds"
)

// Config is what a feed may be told. Server is required.
type Config struct {
	// Server gets the snapshots.
	Server *xds.Server
	// Nodes are the addresses of Muster nodes, URLs without a path; none is http://127.0.0.1:8761. The first that answers
	// is used as long as it does.
	Nodes []string
	// Namespace is that of the services; "" is "default".
	Namespace string
	// Datacenter is the one that is near: its instances have the first priority. "" is that of the node that answers first.
	Datacenter string
	// Token is sent with each request, if it is not empty.
	Token string
	// Linger is how long a service without instances is kept; 0 is 10 min.
	Linger time.Duration
	// MaxServices bounds how many services are followed; 0 is 16,384.
	MaxServices int
	// Logger gets what is worth knowing; nil discards it.
	Logger *slog.Logger
	// Registry gets the metrics, unless it is nil.
	Registry prometheus.Registerer
}

const (
	defaultNode        = "http://127.0.0.1:8761"
	defaultLinger      = 10 * time.Minute
	defaultMaxServices = 16 << 10
	// retryRate and spread are for a client of very many services at once: those of api/client would take minutes to open
	// thousands of streams at another node.
	retryRate = 200
	spread    = time.Second
	// distanceEvery is how often round trips are asked for.
	distanceEvery = 15 * time.Second
)

// Feed is one supply. Made by New; the zero Feed is not usable.
type Feed struct {
	cfg     Config
	log     *slog.Logger
	ask     *asker
	client  *client.Client
	metrics *metrics

	changes chan change // to who builds; unbuffered, so that who follows waits for it
	running sync.WaitGroup
}

// change is one thing that has become known: the state of a service, or if that has no name, the order of data centres.
type change struct {
	service   string
	instances []*client.Instance
	near      []string
}

// New makes a feed, which asks nothing before Run. The error says what is wrong with the config.
func New(cfg Config) (*Feed, error) {
	if cfg.Server == nil {
		return nil, errors.New("feed: Server is missing")
	}
	if cfg.Linger < 0 || cfg.MaxServices < 0 {
		return nil, fmt.Errorf("feed: Linger is %v and MaxServices %d, and neither may be negative", cfg.Linger, cfg.MaxServices)
	}
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = []string{defaultNode}
	}
	if cfg.Linger == 0 {
		cfg.Linger = defaultLinger
	}
	if cfg.MaxServices == 0 {
		cfg.MaxServices = defaultMaxServices
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c, err := client.New(client.Config{
		Nodes: cfg.Nodes, Namespace: cfg.Namespace, Datacenter: "*", Token: cfg.Token, MaxServices: cfg.MaxServices,
		RetryRate: retryRate, Spread: spread, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, err
	}
	return &Feed{
		cfg: cfg, log: cfg.Logger.With("component", "feed"), client: c, metrics: newMetrics(cfg.Registry),
		ask: newAsker(cfg.Nodes, cfg.Token), changes: make(chan change),
	}, nil
}

// Run supplies the server until ctx ends. Its error is never nil: that of ctx, if nothing else.
func (f *Feed) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer func() { //nolint:contextcheck // The context has ended.
		cancel()
		f.running.Wait()
		_ = f.client.Close(context.Background()) // It registers nothing, so nothing is left to wait for.
		f.ask.close()
	}()
	first, err := f.firstList(ctx)
	if err != nil {
		return err
	}
	dc := first.datacenter
	if f.cfg.Datacenter != "" {
		dc = f.cfg.Datacenter
	}
	b := &builder{Feed: f, catalog: xds.NewCatalog(dc, f.cfg.Linger), missing: map[string]bool{}, skipped: map[string]int{}}
	for _, name := range first.names[:min(len(first.names), f.cfg.MaxServices)] {
		b.missing[name] = true
	}
	f.running.Go(func() { f.followAll(ctx, first) })
	f.running.Go(func() { f.watchDistances(ctx) })
	f.log.InfoContext(ctx, "services are listed", "count", len(first.names), "datacenter", dc)
	b.run(ctx)
	return ctx.Err()
}

// tell hands something on to who builds; it is not taken any more when ctx has ended.
func (f *Feed) tell(ctx context.Context, c change) {
	select {
	case f.changes <- c:
	case <-ctx.Done():
	}
}
