package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// ServerConfig is what a server may be told. The zero ServerConfig is good.
type ServerConfig struct {
	// Logger gets what goes wrong on our side; nil discards it.
	Logger *slog.Logger
	// Rate is how many answers a second a network of clients gets over UDP; 0 is DefaultRate, less than 0 no bound.
	Rate int
	// MaxConns bounds TCP connections in all, MaxConnsOfOne those of one address; 0 is 1,024 and 128. One too many is
	// closed at once.
	MaxConns, MaxConnsOfOne int
	// IdleTimeout is how long a TCP connection may take to ask, and to take an answer; 0 is 10 s.
	IdleTimeout time.Duration
}

// Server is a UDP socket and a TCP listener at the same address, and those who serve them. The zero Server is not usable:
// see Listen.
type Server struct {
	packets  *net.UDPConn
	listener *net.TCPListener
	cfg      ServerConfig
	respond  *Responder
	limit    *limiter
	began    time.Time
	serving  sync.WaitGroup
	failed   chan error // One for each who serves.
	conns    conns
	grumbled grumble
	answered counts
}

// readers is how many goroutines read packets at most. Each answers what it has read before it reads on, so that a flood
// waits in the socket, whose buffer is bounded.
const readers = 4

// portTries is how often a free port is looked for that is free for UDP and TCP both.
const portTries = 16

// Listen opens a UDP socket and a TCP listener at a "host:port"; port 0 is a free one, the same for both. Nothing is
// answered before Serve.
func Listen(ctx context.Context, address string) (*Server, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	var lc net.ListenConfig
	for try := 1; ; try++ {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("dns: %w", err)
		}
		p, err := lc.ListenPacket(ctx, "udp", l.Addr().String())
		if err != nil {
			_ = l.Close() // It has not been used.
			if port == "0" && try < portTries {
				continue
			}
			return nil, fmt.Errorf("dns: %w", err)
		}
		return newServer(p.(*net.UDPConn), l.(*net.TCPListener)), nil //nolint:errcheck,forcetypeassert // Those are of these networks.
	}
}

func newServer(p *net.UDPConn, l *net.TCPListener) *Server {
	return &Server{packets: p, listener: l, failed: make(chan error, readers+1), conns: conns{open: map[net.Conn]bool{}, of: map[netip.Addr]int{}}}
}

// Addr is where it listens, over UDP and TCP.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Failed gets an error for each reason that has ended the service without being asked to.
func (s *Server) Failed() <-chan error { return s.failed }

// Serve answers questions by r until Shutdown or Close. Call it once.
func (s *Server) Serve(r *Responder, cfg ServerConfig) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Rate == 0 {
		cfg.Rate = DefaultRate
	}
	if cfg.MaxConns <= 0 {
		cfg.MaxConns = 1024
	}
	if cfg.MaxConnsOfOne <= 0 {
		cfg.MaxConnsOfOne = 128
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = 10 * time.Second
	}
	s.cfg, s.respond, s.limit, s.began = cfg, r, newLimiter(cfg.Rate), time.Now()
	source := newReplySource(s.packets)
	for range min(readers, runtime.GOMAXPROCS(0)) {
		s.serving.Go(func() { s.readPackets(source) })
	}
	s.serving.Go(s.accept)
}

// answer is the Responder's answer, and survives it: one question that nobody has foreseen must not end a node.
func (s *Server) answer(message []byte, by Transport) (out []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			out = nil
			if s.grumbled.may(time.Since(s.began)) {
				s.cfg.Logger.Error("dns question panicked", "panic", cause, "stack", string(debug.Stack()))
			}
		}
	}()
	if out = s.respond.Answer(message, by); out != nil {
		s.answered.add(by, out)
	}
	return out
}

// Shutdown accepts nothing more and lets what is being answered be answered. If that takes longer than ctx, it is cut off
// and the error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.conns.stop()
	_ = s.listener.Close()                         // It may be closed already.
	_ = s.packets.SetReadDeadline(time.Unix(1, 0)) // Ends those who wait for a packet.
	done := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("dns: %w", ctx.Err())
	}
	s.Close()
	<-done
	return err
}

// Close cuts everything off at once.
func (s *Server) Close() {
	s.conns.stop()
	_ = s.listener.Close() // They may be closed already.
	_ = s.packets.Close()
	s.conns.closeAll()
	s.serving.Wait()
}

// fail reports why one of those who serve has ended, unless it was told to.
func (s *Server) fail(err error) {
	if !s.conns.stopped() && !errors.Is(err, net.ErrClosed) {
		s.failed <- fmt.Errorf("dns: stopped serving on %s: %w", s.Addr(), err)
	}
}
