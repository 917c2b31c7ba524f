package peer

import (
	"context"
	"hash/fnv"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// Node is what a Replicator needs of its node: *muster.Node, or a double in tests.
type Node interface {
	Name() string
	Datacenter() string
	Ready() (ready bool, reason string)
	Members() []muster.Member
	Find(namespace, service string) *muster.View
	WatchFrom(ctx context.Context, namespace, service string, since muster.Index) iter.Seq[muster.Event]
	Put(ctx context.Context, inst muster.Instance) (muster.InstanceDetail, bool, error)
	SetOverride(ctx context.Context, key muster.Key, status muster.Status, reason string) (muster.InstanceDetail, error)
}

// Replicator tells Eureka servers what registers here. It is not a server itself: what they tell us comes in by package
// eureka. Every node of a cluster may run one with the same servers, and should. The zero Replicator has no servers
// and does nothing.
type Replicator struct {
	// Node is the node that it runs beside.
	Node Node
	// Peers are the servers' service URLs, such as "http://eureka-1:8761/eureka/", with user and password if they want them.
	Peers []string
	// Logger gets what happens to the connections; nil discards it.
	Logger *slog.Logger
	// Transport replaces http.DefaultTransport.
	Transport http.RoundTripper
}

const (
	// tick is how often there is a look at what is to be sent: items gather meanwhile.
	tick = 500 * time.Millisecond
	// timeout is how long a server may take to answer.
	timeout = 5 * time.Second
)

// Run replicates until ctx ends.
func (r Replicator) Run(ctx context.Context) {
	log := r.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var all sync.WaitGroup
	for _, url := range r.Peers {
		s := newSession(r.Node, url, log.With("component", "eureka-peer", "peer", redacted(url)), r.Transport)
		all.Go(func() { s.run(ctx) })
	}
	all.Wait()
}

// speaks reports whether this node is the one that speaks to a server.
func speaks(node Node, url string) bool {
	if ready, _ := node.Ready(); !ready {
		return false
	}
	own := rank(url, node.Name())
	for _, m := range node.Members() {
		if m.Self || m.State != "alive" || m.Datacenter != node.Datacenter() {
			continue
		}
		if other := rank(url, m.Name); other < own || other == own && m.Name < node.Name() {
			return false
		}
	}
	return true
}

// rank orders the members for a server: the lowest one speaks to it.
func rank(url, name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.TrimRight(url, "/") + " " + name)) // A hash never fails.
	// The last bytes of a name hardly reach the upper bits by themselves.
	x := h.Sum64()
	x ^= x >> 32
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}
