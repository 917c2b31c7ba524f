package dns

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server on a free port; it ends with the test.
func serve(t *testing.T, node Node, cfg ServerConfig) *Server {
	t.Helper()
	s, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Serve(NewResponder(node, Config{}), cfg)
	return s
}

// ask asks for the service web.
func ask(t *testing.T, network, address string, qtype, size uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg)
	m.SetQuestion("web.service.muster.", qtype)
	if size > 0 {
		m.SetEdns0(size, false)
	}
	c := dns.Client{Net: network, Timeout: 10 * time.Second, UDPSize: max(size, dns.MinMsgSize)}
	in, _, err := c.ExchangeContext(t.Context(), m, address)
	if err != nil {
		t.Fatalf("over %s: %v", network, err)
	}
	return in
}

func many(t *testing.T, instances int) *apitest.Fake {
	t.Helper()
	node := apitest.New()
	happen(t, node, []string{"many", "web", strconv.Itoa(instances)})
	return node
}

func TestAThousandInstancesAreAnsweredOverTCPAndCutOverUDP(t *testing.T) {
	s := serve(t, many(t, 1000), ServerConfig{})
	for _, qtype := range []uint16{dns.TypeA, dns.TypeSRV} {
		if m := ask(t, "tcp", s.Addr(), qtype, 0); len(m.Answer) != 1000 || m.Truncated {
			t.Errorf("%d of 1000 over TCP, cut: %v", len(m.Answer), m.Truncated)
		}
		if m := ask(t, "udp", s.Addr(), qtype, 1232); len(m.Answer) < 20 || !m.Truncated {
			t.Errorf("%d of 1000 over UDP, cut: %v", len(m.Answer), m.Truncated)
		}
		if m := ask(t, "udp", s.Addr(), qtype, 0); len(m.Answer) != 3 || m.Truncated {
			t.Errorf("%d of 1000 over plain UDP, cut: %v", len(m.Answer), m.Truncated)
		}
	}
}

// The resolver of Go's library does what a program does: it asks for both families, sees TC, and comes again over TCP.
func TestAResolverFindsServices(t *testing.T) {
	node := many(t, 200)
	put(t, node, muster.Instance{Service: "Orders", ID: "o1", Address: "10.0.0.7", Port: 7070, Tags: []string{"v2"}, Metadata: map[string]string{"version": "2.1"}})
	s := serve(t, node, ServerConfig{})
	var d net.Dialer
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return d.DialContext(ctx, network, s.Addr())
	}}
	if all, err := r.LookupHost(t.Context(), "web.service.muster."); err != nil || len(all) != 200 {
		t.Errorf("%d of 200: %v", len(all), err)
	}
	if all, err := r.LookupHost(t.Context(), "v2.orders.service.dc1.consul."); err != nil || !slices.Equal(all, []string{"10.0.0.7"}) {
		t.Errorf("%v, %v", all, err)
	}
	_, places, err := r.LookupSRV(t.Context(), "orders", "tcp", "service.muster.")
	if err != nil || len(places) != 1 || places[0].Port != 7070 || places[0].Weight != 100 {
		t.Fatalf("%v, %v", places, err)
	}
	if all, err := r.LookupHost(t.Context(), places[0].Target); err != nil || !slices.Equal(all, []string{"10.0.0.7"}) {
		t.Errorf("%s is %v, %v", places[0].Target, all, err)
	}
	if all, err := r.LookupTXT(t.Context(), "orders.service.muster."); err != nil || !slices.Equal(all, []string{"version=2.1"}) {
		t.Errorf("%v, %v", all, err)
	}
	var none *net.DNSError
	if _, err := r.LookupHost(t.Context(), "nope.service.muster."); !errors.As(err, &none) || !none.IsNotFound {
		t.Errorf("nobody: %v", err)
	}
	node.SetReady(false, "a test")
	if _, err := r.LookupHost(t.Context(), "web.service.muster."); !errors.As(err, &none) || none.IsNotFound {
		t.Errorf("not ready: %v", err)
	}
}

func TestGarbageEndsNothing(t *testing.T) {
	s := serve(t, many(t, 3), ServerConfig{})
	for _, garbage := range []string{"", "\x00", "eleven byte", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\xff", 600), strings.Repeat("\x00", 5000)} {
		udp, err := net.Dial("udp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(udp, garbage); err != nil {
			t.Fatal(err)
		}
		_ = udp.Close()
		tcp, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(tcp, garbage) // It may be closed before all of it is taken.
		_ = tcp.Close()
	}
	for _, network := range []string{"udp", "tcp"} {
		if m := ask(t, network, s.Addr(), dns.TypeA, 0); len(m.Answer) != 3 {
			t.Errorf("over %s: %v", network, m)
		}
	}
}

func TestAConnectionCarriesManyQuestionsAndEndsWhenItIsIdle(t *testing.T) {
	s := serve(t, many(t, 3), ServerConfig{IdleTimeout: 100 * time.Millisecond})
	raw, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn := &dns.Conn{Conn: raw}
	defer func() { _ = conn.Close() }()
	for id := range uint16(5) { // All at once.
		m := new(dns.Msg)
		m.SetQuestion("web.service.muster.", dns.TypeA)
		m.Id = id
		if err := conn.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for id := range uint16(5) {
		if m, err := conn.ReadMsg(); err != nil || m.Id != id || len(m.Answer) != 3 {
			t.Fatalf("answer %d: %v, %v", id, m, err)
		}
	}
	if _, err := conn.ReadMsg(); !errors.Is(err, io.EOF) {
		t.Errorf("an idle connection gets %v", err)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	for name, cfg := range map[string]ServerConfig{"in all": {MaxConns: 2}, "of one client": {MaxConnsOfOne: 2}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, many(t, 3), cfg)
			dial := func() (*dns.Conn, bool) { // It is served.
				raw, err := net.Dial("tcp", s.Addr())
				if err != nil {
					t.Fatal(err)
				}
				conn := &dns.Conn{Conn: raw}
				m := new(dns.Msg)
				m.SetQuestion("web.service.muster.", dns.TypeA)
				_ = conn.WriteMsg(m) // The answer tells.
				_, err = conn.ReadMsg()
				return conn, err == nil
			}
			first, ok1 := dial()
			second, ok2 := dial()
			third, ok3 := dial()
			if !ok1 || !ok2 || ok3 {
				t.Errorf("served: %v, %v, %v; want two", ok1, ok2, ok3)
			}
			for _, conn := range []*dns.Conn{first, second, third} {
				_ = conn.Close()
			}
			for range 10_000 { // The server learns of it in time.
				conn, ok := dial()
				_ = conn.Close()
				if ok {
					return
				}
			}
			t.Error("what was closed still counts")
		})
	}
}

func TestAPortThatIsTakenByEitherIsAnErrorThatSaysSo(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	for _, address := range []string{tcp.Addr().String(), udp.LocalAddr().String()} {
		if s, err := Listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), "address already in use") {
			if s != nil {
				s.Close()
			}
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := Listen(t.Context(), "nonsense"); err == nil {
		t.Error("nonsense is no address")
	}
}

// A client drops an answer that comes from another address than it asked.
func TestASocketAtEveryAddressAnswersFromTheOneThatWasAsked(t *testing.T) {
	s, err := Listen(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Serve(NewResponder(many(t, 3), Config{}), ServerConfig{})
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	// 127.0.0.9 is an address of every Linux machine, and not the one that it sends from by itself.
	if m := ask(t, "udp", "127.0.0.9:"+port, dns.TypeA, 0); len(m.Answer) != 3 {
		t.Errorf("%v", m)
	}
}

func TestAnswersAreCountedByTransportAndCode(t *testing.T) {
	s := serve(t, many(t, 3), ServerConfig{})
	for range 2 {
		ask(t, "udp", s.Addr(), dns.TypeA, 0)
	}
	ask(t, "tcp", s.Addr(), dns.TypeA, 0)
	query, _ := question(t, []string{"nope.service.muster.", "A"})
	s.answer(query, UDP)
	s.answer(query, LimitedUDP)
	s.answer([]byte("not a question"), UDP)
	s.answer([]byte("short"), UDP)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	const want = `# HELP muster_dns_answers_total Questions answered over DNS, by transport and code. Limited is UDP of clients that had their share.
# TYPE muster_dns_answers_total counter
muster_dns_answers_total{code="NOERROR",transport="limited"} 1
muster_dns_answers_total{code="NOERROR",transport="tcp"} 1
muster_dns_answers_total{code="NOERROR",transport="udp"} 2
muster_dns_answers_total{code="NOTIMP",transport="udp"} 1
muster_dns_answers_total{code="NXDOMAIN",transport="udp"} 1
# HELP muster_dns_connections TCP connections of clients of DNS.
`
	if got := rec.Body.String(); !strings.HasPrefix(got, want) {
		t.Errorf("the metrics are\n%s", got)
	}
}

func TestAClientThatHasHadItsShareIsSentToTCP(t *testing.T) {
	s := serve(t, many(t, 3), ServerConfig{Rate: 1})
	far := netip.MustParseAddr("192.0.2.1")
	if first, second := s.shared(far), s.shared(far); first != UDP || second != LimitedUDP {
		t.Errorf("%v, then %v", first, second)
	}
	for range 5 {
		if m := ask(t, "udp", s.Addr(), dns.TypeA, 0); m.Truncated {
			t.Error("this machine is limited")
		}
	}
}

// held is a node that lets a question wait.
type held struct {
	*apitest.Fake
	asked, release chan struct{}
}

func (h held) Ready() (bool, string) {
	h.asked <- struct{}{}
	<-h.release
	return h.Fake.Ready()
}

func TestAShutdownLetsQuestionsThatAreBeingAnsweredFinish(t *testing.T) {
	node := held{many(t, 3), make(chan struct{}), make(chan struct{})}
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := serve(t, node, ServerConfig{})
			answered := make(chan error, 1)
			go func() {
				m := new(dns.Msg)
				m.SetQuestion("web.service.muster.", dns.TypeA)
				c := dns.Client{Net: network, Timeout: 10 * time.Second}
				_, _, err := c.Exchange(m, s.Addr())
				answered <- err
			}()
			<-node.asked
			stopped := make(chan error, 1)
			go func() { stopped <- s.Shutdown(context.Background()) }()
			for !s.conns.stopped() { // Until it has begun.
				runtime.Gosched()
			}
			node.release <- struct{}{}
			if err := <-answered; err != nil {
				t.Errorf("the question: %v", err)
			}
			if err := <-stopped; err != nil {
				t.Errorf("the shutdown: %v", err)
			}
			if _, err := net.Dial("tcp", s.Addr()); err == nil {
				t.Error("it still listens")
			}
		})
	}
}

func TestAShutdownCutsOffAClientThatDoesNotTakeItsAnswer(t *testing.T) {
	s := serve(t, many(t, 3), ServerConfig{IdleTimeout: time.Hour})
	client, server := net.Pipe() // Nothing is written before the other end reads it.
	defer func() { _ = client.Close() }()
	s.take(server)
	query, _ := question(t, []string{"web.service.muster.", "A"})
	if _, err := client.Write(append([]byte{0, byte(len(query))}, query...)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// broken is a node with a fault that nobody has foreseen.
type broken struct{ *apitest.Fake }

func (broken) Members() []muster.Member { panic("a fault") }

func TestAQuestionThatPanicsEndsNothingAndIsLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, broken{many(t, 3)}, ServerConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	query, _ := question(t, []string{"n1.node.muster.", "A"})
	for range 3 {
		if out := s.answer(query, UDP); out != nil {
			t.Errorf("answered with %x", out)
		}
	}
	if m := ask(t, "udp", s.Addr(), dns.TypeA, 0); len(m.Answer) != 3 {
		t.Errorf("%v", m)
	}
	s.Close()
	if n := strings.Count(log.String(), "a fault"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}
