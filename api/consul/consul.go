package consul

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
)

// Node is what this package needs of a node: *muster.Node, or a double in tests.
type Node interface {
	Put(ctx context.Context, inst muster.Instance) (muster.InstanceDetail, bool, error)
	Renew(ctx context.Context, key muster.Key) error
	Remove(ctx context.Context, key muster.Key) error
	SetOverride(ctx context.Context, key muster.Key, status muster.Status, reason string) (muster.InstanceDetail, error)
	Report(ctx context.Context, key muster.Key, checkID string, status muster.CheckStatus, output string) error

	Find(namespace, service string) *muster.View
	Services() *muster.Overview
	Index() muster.Index
	Changed() <-chan struct{}
	WatchFrom(ctx context.Context, namespace, service string, since muster.Index) iter.Seq[muster.Event]

	Name() string
	Datacenter() string
	Ready() (ready bool, reason string)
	Members() []muster.Member
	Distances() []muster.Distance
	Info() muster.NodeInfo
}

// DefaultMaxBodyBytes bounds a request's body, unless Config says otherwise.
const DefaultMaxBodyBytes = 1 << 20

// Config is what an API may be told. The zero Config is good.
type Config struct {
	// Logger gets the errors that are not the client's; nil discards them.
	Logger *slog.Logger
	// MaxBodyBytes bounds a request's body; 0 is DefaultMaxBodyBytes.
	MaxBodyBytes int64
	// Closing, when it is done, answers waiting queries with what there is. Nil never does.
	Closing context.Context
	// Enter is asked before a query waits, and Leave told afterwards, so that all that waits at a server can be bounded
	// together. One that may not enter is answered 429. Nil: any number may.
	Enter func() bool
	Leave func()
	// Strict refuses registrations with unknown fields, as Consul does.
	Strict bool
}

// API is the dialect at one node. It holds no state of the registry but what it has indexed and encoded of it. Safe for
// any number of goroutines. The zero API is not usable: see New.
type API struct {
	node    Node
	name    string
	dc      string
	home    string // as in muster.Instance.Home
	log     *slog.Logger
	maxBody int64
	closing context.Context
	enter   func() bool
	leave   func()
	strict  bool

	routes routes
	ids    directory

	nodesMu sync.Mutex // held to replace latestNodes
	nodes   atomic.Pointer[nodeSet]

	worldMu sync.Mutex // held to replace latestWorld
	world   atomic.Pointer[world]

	mu       sync.RWMutex // guards listings
	listings map[string]*slot

	names  atomic.Pointer[namesAnswer]
	states [stateForms]atomic.Pointer[statesAnswer]
}

// New makes the API of a node.
func New(node Node, cfg Config) *API {
	a := &API{
		node: node, name: node.Name(), dc: node.Datacenter(), home: node.Datacenter() + "/" + node.Name(),
		log: cfg.Logger, maxBody: cfg.MaxBodyBytes, closing: cfg.Closing, enter: cfg.Enter, leave: cfg.Leave,
		strict: cfg.Strict, listings: make(map[string]*slot),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.maxBody <= 0 {
		a.maxBody = DefaultMaxBodyBytes
	}
	if a.closing == nil {
		a.closing = context.Background()
	}
	if a.enter == nil || a.leave == nil {
		a.enter, a.leave = func() bool { return true }, func() {}
	}
	a.ids.node = node
	a.Mount(func(_, _ string, h http.Handler) http.Handler { return h })
	return a
}

// patience is how long a client may take to accept bytes that are ready for it.
const patience = 30 * time.Second
