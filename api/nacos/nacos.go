package nacos

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/musterhq/muster"
)

// Node is what this package needs of a node: *muster.Node, or a double in tests.
type Node interface {
	Put(ctx context.Context, inst muster.Instance) (muster.InstanceDetail, bool, error)
	Renew(ctx context.Context, key muster.Key) error
	Remove(ctx context.Context, key muster.Key) error

	Find(namespace, service string) *muster.View
	Services() *muster.Overview

	Datacenter() string
	Ready() (ready bool, reason string)
	Members() []muster.Member
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
	// Now is the clock of lastRefTime; nil is time.Now.
	Now func() time.Time
}

// API is the dialect at one node. It holds no state of the registry: lists are kept encoded by the views themselves. Safe
// for any number of goroutines. The zero API is not usable: see New.
type API struct {
	node    Node
	dc      string
	log     *slog.Logger
	maxBody int64
	now     func() time.Time
	routes  map[operation]http.Handler
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
	a.Mount(func(_, _ string, h http.Handler) http.Handler { return h })
	return a
}

// local reports whether an instance is of this node's data centre: those of others are not shown.
func (a *API) local(inst *muster.Instance) bool { return inst.Datacenter == a.dc }
