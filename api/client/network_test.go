package client

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network carries requests to handlers in this process, so that hosts can be killed and cut off in virtual time.
type network struct {
	t  *testing.T
	mu sync.Mutex
	// hosts by host:port.
	hosts map[string]*host
}

type host struct {
	name    string
	handler http.Handler
	cut     bool // packets vanish, in both directions
	life    context.Context
	end     context.CancelFunc // nil while it is dead
	arrived map[string]int     // requests, by method and path
	seconds map[int64]int      // requests, by second
}

func newNetwork(t *testing.T) *network { return &network{t: t, hosts: map[string]*host{}} }

// start makes a host listen, in a life of its own.
func (n *network) start(at, name string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.hosts[at]
	if old == nil {
		old = &host{arrived: map[string]int{}, seconds: map[int64]int{}}
		n.hosts[at] = old
	}
	old.name, old.handler, old.cut = name, h, false
	old.life, old.end = context.WithCancel(context.Background())
	n.t.Cleanup(old.end)
}

// kill ends a host and every connection to it; its port refuses.
func (n *network) kill(at string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[at]; h.end != nil {
		h.end()
		h.end = nil
	}
}

func (n *network) setCut(at string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[at].cut = cut
}

func (n *network) isCut(at string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[at].cut
}

// count is how many requests have arrived whose method and path begin like that.
func (n *network) count(at, prefix string) (sum int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for what, times := range n.hosts[at].arrived {
		if strings.HasPrefix(what, prefix) {
			sum += times
		}
	}
	return sum
}

// within is how many requests have arrived at all hosts in that second.
func (n *network) within(second int64) (sum int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.hosts {
		sum += h.seconds[second]
	}
	return sum
}

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset")
)

func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	n.mu.Lock()
	h := n.hosts[req.URL.Host]
	switch {
	case h == nil || h.end == nil:
		n.mu.Unlock()
		return nil, errRefused
	case h.cut:
		n.mu.Unlock()
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	h.arrived[req.Method+" "+req.URL.Path]++
	h.seconds[time.Now().Unix()]++
	name, handler, life := h.name, h.handler, h.life
	n.mu.Unlock()

	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(req.Context())
	context.AfterFunc(life, func() { //nolint:contextcheck // The host's life, not the request's.
		_ = w.CloseWithError(errReset)
		cancel()
	})
	context.AfterFunc(req.Context(), func() { _ = r.CloseWithError(req.Context().Err()) })
	out := &wire{net: n, at: req.URL.Host, name: name, header: http.Header{}, w: w, begun: make(chan struct{})}
	in := req.Clone(ctx)
	in.RequestURI = req.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	go func() {
		handler.ServeHTTP(out, in)
		out.WriteHeader(http.StatusOK)
		_ = w.Close()
	}()
	select {
	case <-out.begun:
		return &http.Response{StatusCode: out.status, Header: out.sent, Body: &streamBody{r, cancel}, Request: req}, nil
	case <-ctx.Done():
		cancel()
		if life.Err() != nil {
			return nil, errReset
		}
		return nil, ctx.Err()
	}
}

// wire is a handler's answer on its way.
type wire struct {
	net      *network
	at, name string
	header   http.Header
	w        *io.PipeWriter
	once     sync.Once
	begun    chan struct{}
	status   int
	sent     http.Header
}

func (w *wire) Header() http.Header { return w.header }

func (w *wire) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		if w.sent.Get("Muster-Node") != "" {
			w.sent.Set("Muster-Node", w.name)
		}
		if !w.net.isCut(w.at) {
			close(w.begun)
		}
	})
}

func (w *wire) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.net.isCut(w.at) {
		return len(b), nil
	}
	return w.w.Write(b)
}

func (w *wire) Flush() {}

// The hosts of most tests.
const one, two, three = "10.0.0.1:8761", "10.0.0.2:8761", "10.0.0.3:8761"

var hosts = []string{one, two, three}

// world is three nodes that share one registry, as nodes that are well do, in virtual time.
type world struct {
	*testing.T
	net    *network
	shared *apitest.Fake
	api    http.Handler
}

// inWorld runs a test in virtual time.
func inWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, net: newNetwork(t), shared: apitest.New()}
		w.api = api.Handler(w.shared)
		for _, at := range hosts {
			w.start(at)
		}
		test(t, w)
	})
}

// start brings a host up, as a node that has what the others have.
func (w *world) start(at string) { w.net.start(at, "n"+at[7:8], w.api) }

// client is a client of this world, closed at its end.
func (w *world) client(change func(*Config)) *Client {
	w.Helper()
	cfg := Config{Nodes: hosts, Transport: w.net, Logger: slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			w.Errorf("close: %v", err)
		}
	})
	return c
}

func (w *world) put(node *apitest.Fake, service string, ids ...string) {
	w.Helper()
	for _, id := range ids {
		if _, _, err := node.Put(w.Context(), muster.Instance{Service: service, ID: id, Address: "10.1.0.1", Port: 80}); err != nil {
			w.Fatal(err)
		}
	}
	synctest.Wait()
}

func key(id string) muster.Key {
	return muster.Key{Namespace: "default", Service: "payments", ID: id}
}

// stickTo makes the client use a node, for what is under way too.
func (w *world) stickTo(c *Client, at string) {
	w.Helper()
	for _, n := range c.pool.order() {
		if n.base == "http://"+at {
			c.pool.prefer(n)
			for _, s := range *c.services.Load() {
				s.mu.Lock()
				s.move()
				s.mu.Unlock()
			}
			return
		}
	}
	w.Fatalf("the client does not know %s", at)
}

func (w *world) inUse(c *Client) string {
	return strings.TrimPrefix(c.pool.order()[0].base, "http://")
}

func (w *world) resolve(c *Client, service string) View {
	w.Helper()
	v, err := c.Resolve(w.Context(), service)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

func ids(all []*Instance) string {
	var out []string
	for _, i := range all {
		out = append(out, i.ID)
	}
	return strings.Join(out, " ")
}

// handlerArgs is a request that somebody in between has got hold of.
type handlerArgs struct {
	rw http.ResponseWriter
	r  *http.Request
}

func (a handlerArgs) say(text string) { _, _ = io.WriteString(a.rw, text) }

// interposed is the nodes' handler behind somebody who may answer himself.
func (w *world) interposed(answers func(a handlerArgs) bool) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !answers(handlerArgs{rw, r}) {
			w.api.ServeHTTP(rw, r)
		}
	})
}
