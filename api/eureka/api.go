package eureka

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
	PatchMetadata(ctx context.Context, key muster.Key, patch map[string]*string) (muster.InstanceDetail, error)

	Find(namespace, service string) *muster.View
	Detail(key muster.Key) (muster.InstanceDetail, error)
	Services() *muster.Overview
	Index() muster.Index
	WatchFrom(ctx context.Context, namespace, service string, since muster.Index) iter.Seq[muster.Event]

	Name() string
	Datacenter() string
	Ready() (ready bool, reason string)
	Members() []muster.Member
	Info() muster.NodeInfo
	Events(ctx context.Context, after uint64) iter.Seq[muster.NodeEvent]
}

// Bounds, unless Config says otherwise.
const (
	DefaultMaxBodyBytes = 1 << 20
	// batchBodies is how many bodies a batch may be as large as.
	batchBodies = 8
)

// Config is what an API may be told. The zero Config is good.
type Config struct {
	// Logger gets the errors that are not the client's; nil discards them.
	Logger *slog.Logger
	// MaxBodyBytes bounds a request's body, as sent and as inflated; 0 is DefaultMaxBodyBytes. A batch may have eight times
	// that.
	MaxBodyBytes int64
	// Now is the clock by which deltas age; nil is time.Now.
	Now func() time.Time
}

// API is the dialect at one node. It holds no state of the registry but what it has encoded of it, and what has changed
// lately. Safe for any number of goroutines. The zero API is not usable: see New.
type API struct {
	node    Node
	dc      string
	log     *slog.Logger
	maxBody int64
	now     func() time.Time
	routes  map[operation]http.Handler

	current atomic.Pointer[registry]
	mu      sync.Mutex // held to replace current, and for the journal
	journal journal
}

// New makes the API of a node.
func New(node Node, cfg Config) *API {
	a := &API{node: node, dc: node.Datacenter(), log: cfg.Logger, maxBody: cfg.MaxBodyBytes, now: cfg.Now}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.maxBody <= 0 {
		a.maxBody = DefaultMaxBodyBytes
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.journal = newJournal(node.Index())
	a.Mount(func(_, _ string, h http.Handler) http.Handler { return h })
	return a
}
