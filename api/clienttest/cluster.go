package clienttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/api/client"
)

// startWithin bounds the time that nodes take to find each other.
const startWithin = 10 * time.Second

// Cluster is several nodes in this process. Made by Start; the zero Cluster has no node.
type Cluster struct {
	// Nodes are n1, n2 and so on; those that have been closed are still among them.
	Nodes []*Node
}

// Node is one node with its API. Made by Start.
type Node struct {
	// Node is the node itself: what is registered there shows in the API of all.
	*muster.Node
	// URL is where its API is.
	URL string

	server *http.Server
	served chan struct{} // closed when the server has ended
	closed bool
}

// Start starts that many nodes and waits until all of them know all others. The error is what kept one from starting; then
// nothing is left running.
func Start(ctx context.Context, nodes int) (*Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	c := &Cluster{}
	for i := range nodes {
		n, err := c.start(ctx, "n"+strconv.Itoa(i+1))
		if err != nil {
			return nil, errors.Join(err, c.Close()) //nolint:contextcheck // It has none, and the one here may be over.
		}
		c.Nodes = append(c.Nodes, n)
	}
	for _, n := range c.Nodes {
		if err := n.knows(ctx, nodes); err != nil {
			return nil, errors.Join(err, c.Close()) //nolint:contextcheck // It has none, and the one here may be over.
		}
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, name string) (*Node, error) {
	cfg := muster.Config{Node: name, Profile: "local"}
	for _, other := range c.Nodes {
		cfg.Join = append(cfg.Join, other.Addr())
	}
	node, err := muster.Start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("clienttest: %s: %w", name, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("clienttest: %s: %w", name, err), node.Close()) //nolint:contextcheck // It has none, and the one here may be over.
	}
	n := &Node{
		Node: node, URL: "http://" + listener.Addr().String(), served: make(chan struct{}),
		server: &http.Server{Handler: api.Handler(node), ReadHeaderTimeout: startWithin},
	}
	go func() {
		defer close(n.served)
		_ = n.server.Serve(listener) // Ends by Close alone.
	}()
	return n, nil
}

// knows waits until the node is ready and has that many members.
func (n *Node) knows(ctx context.Context, members int) error {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		ready, reason := n.Ready()
		if ready && len(n.Members()) == members {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("clienttest: %s knows %d of %d members, %s: %w", n.Name(), len(n.Members()), members, reason, ctx.Err())
		}
	}
}

// URLs are the addresses of the nodes, as client.Config.Nodes takes them.
func (c *Cluster) URLs() (urls []string) {
	for _, n := range c.Nodes {
		urls = append(urls, n.URL)
	}
	return urls
}

// Client makes a client of all nodes; who calls closes it.
func (c *Cluster) Client() (*client.Client, error) { return client.New(client.Config{Nodes: c.URLs()}) }

// Close ends all nodes that are left, in no order in particular. Closing again is harmless.
func (c *Cluster) Close() error {
	errs := make([]error, 0, len(c.Nodes))
	for _, n := range c.Nodes {
		errs = append(errs, n.Close())
	}
	return errors.Join(errs...)
}

// Close ends the node as a crash would: its connections break, and the others find out by themselves. Closing again is
// harmless.
func (n *Node) Close() error {
	if n.closed {
		return nil
	}
	n.closed = true
	err := n.server.Close()
	<-n.served
	return errors.Join(err, n.Node.Close())
}
