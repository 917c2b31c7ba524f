package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// web is the HTTP side of an agent: its listeners, opened before there is a node, and the server on them.
type web struct {
	listeners []net.Listener
	server    *http.Server
	tls       *tls.Config // nil without TLS
	// closing ends streams and answers waiting queries, so that the server need not wait for them.
	closing context.Context //nolint:containedctx // It is handed to the handler, as the life of the server.
	end     context.CancelFunc
	serving sync.WaitGroup
	failed  chan error // One for each listener.

	mu       sync.Mutex
	unused   map[net.Conn]bool // Connections that have not carried a request yet.
	stopping bool
}

const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// requestsGrace is how long requests in flight may take when the agent stops.
	requestsGrace = 10 * time.Second
)

// listen opens every address, or none; with TLS unless secure is nil.
func listen(ctx context.Context, addresses []string, secure *tls.Config) (*web, error) {
	w := &web{tls: secure, failed: make(chan error, len(addresses)), unused: make(map[net.Conn]bool)}
	w.closing, w.end = context.WithCancel(context.WithoutCancel(ctx))
	var lc net.ListenConfig
	for _, address := range addresses {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			w.close()
			return nil, fmt.Errorf("cannot listen for HTTP on %s: %s", address, explainListen(err, "--http"))
		}
		w.listeners = append(w.listeners, l)
	}
	return w, nil
}

// serve answers requests until stop or close. There is no time-out for writing, because streams last.
func (w *web) serve(handler http.Handler, log *slog.Logger) {
	w.server = &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:  slog.NewLogLogger(log.With("component", "http").Handler(), slog.LevelWarn),
		ConnState: w.track, TLSConfig: w.tls,
	}
	for _, l := range w.listeners {
		w.serving.Go(func() {
			if err := w.serveOn(l); !errors.Is(err, http.ErrServerClosed) {
				w.failed <- fmt.Errorf("stopped serving HTTP on %s: %w", l.Addr(), err)
			}
		})
	}
}

// serveOn serves one listener until it is closed.
func (w *web) serveOn(l net.Listener) error {
	if w.tls != nil {
		return w.server.ServeTLS(l, "", "") // The files are in the configuration.
	}
	return w.server.Serve(l)
}

// track keeps the connections that have not carried a request. Clients open some in reserve, and to a server that shuts
// down they are busy for five seconds: the time that leases would wait for their heirs.
func (w *web) track(c net.Conn, state http.ConnState) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(w.unused, c)
	case w.stopping:
		_ = c.Close() // Nobody has been promised anything.
	default:
		w.unused[c] = true
	}
}

// dropUnused closes the connections that have not carried a request, and those that are still to come.
func (w *web) dropUnused() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
	for c := range w.unused {
		_ = c.Close() // Likewise.
	}
}

// stop ends streams, accepts nothing more and lets requests in flight finish; those that take too long are cut off, and
// then the error says so.
func (w *web) stop(ctx context.Context) error {
	w.end()
	ctx, cancel := context.WithTimeout(ctx, requestsGrace)
	defer cancel()
	w.dropUnused()
	err := w.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests that took longer than %s were cut off", requestsGrace)
	}
	w.close()
	return err
}

// close cuts everything off at once.
func (w *web) close() {
	w.end()
	if w.server != nil {
		_ = w.server.Close() // The listeners may be closed already.
	}
	for _, l := range w.listeners {
		_ = l.Close() // Likewise.
	}
	w.serving.Wait()
}

// addresses is where the listeners are, with the ports that they got.
func (w *web) addresses() []string {
	out := make([]string, len(w.listeners))
	for i, l := range w.listeners {
		out[i] = l.Addr().String()
	}
	return out
}
