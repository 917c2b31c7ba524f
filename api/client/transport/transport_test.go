package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api"
	"github.com/musterhq/muster/api/apitest"
	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/balance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// mesh is a registry and a client of it.
type mesh struct {
	*testing.T
	fake *apitest.Fake
	c    *client.Client
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{T: t, fake: apitest.New()}
	node := httptest.NewServer(api.Handler(m.fake))
	c, err := client.New(client.Config{Nodes: []string{node.URL}, Refresh: client.Poll, Interval: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	m.c = c
	t.Cleanup(func() {
		_ = c.Close(context.WithoutCancel(t.Context()))
		node.CloseClientConnections()
		node.Close()
	})
	return m
}

func (m *mesh) add(service, id, hostport string, change func(*muster.Instance)) {
	m.Helper()
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		m.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		m.Fatal(err)
	}
	inst := muster.Instance{Service: service, ID: id, Address: host, Port: n}
	if change != nil {
		change(&inst)
	}
	if _, _, err := m.fake.Put(m.Context(), inst); err != nil {
		m.Fatal(err)
	}
}

// base answers, or fails, without a network, and remembers who was asked.
type base struct {
	mu    sync.Mutex
	asked []string
	do    func(req *http.Request) (*http.Response, error)
}

func (b *base) RoundTrip(req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, req.URL.Host)
	if b.do != nil {
		return b.do(req)
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("ok"))}, nil
}

func (b *base) distinct() int {
	seen := map[string]bool{}
	for _, host := range b.asked {
		seen[host] = true
	}
	return len(seen)
}

func three(t *testing.T) *mesh {
	t.Helper()
	m := newMesh(t)
	m.add("payments", "p1", "10.0.0.1:80", nil)
	m.add("payments", "p2", "10.0.0.2:80", nil)
	m.add("payments", "p3", "10.0.0.3:80", nil)
	return m
}

func TestRequestsReachTheInstancesOfAService(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	hits := map[string]int{}
	var mu sync.Mutex
	for _, id := range []string{"p1", "p2"} {
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			hits[id+" "+r.Host+" "+r.URL.String()+" "+string(b)]++
		}))
		defer server.Close()
		m.add("payments", id, server.Listener.Addr().String(), nil)
	}
	m.add("payments", "p0", "127.0.0.1:1", nil) // It is dead.
	tr := New(m.c, Config{Base: &http.Transport{}})
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr}
	for range 20 {
		res, err := c.Post("http://payments.muster/charge?n=1", "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	for _, id := range []string{"p1", "p2"} {
		if hits[id+" payments.muster /charge?n=1 body"] < 8 {
			t.Errorf("%s got too few of %v", id, hits)
		}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if got := tr.services["payments"].balancer.Ejected(time.Now()); len(got) != 1 || got[0] != "p0" {
		t.Errorf("ejected are %v", got)
	}
}

func TestOnlyWhatMayBeSentTwiceIsSentToAnotherInstance(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	read := &net.OpError{Op: "read", Err: errors.New("reset")}
	for _, tc := range []struct {
		method string
		header string
		body   io.Reader
		err    error
		tries  int
	}{
		{"GET", "", nil, read, 3},
		{"PUT", "", strings.NewReader("x"), read, 3},
		{"DELETE", "", nil, dial, 3},
		{"POST", "", strings.NewReader("x"), read, 1},
		{"POST", "", strings.NewReader("x"), dial, 3},
		{"POST", "Idempotency-Key", strings.NewReader("x"), read, 3},
		{"PUT", "", io.MultiReader(strings.NewReader("x")), dial, 1},
		{"PATCH", "", nil, read, 1},
	} {
		b := &base{do: func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				if got, _ := io.ReadAll(req.Body); string(got) != "x" {
					t.Errorf("%s: the body is %q", tc.method, got)
				}
			}
			return nil, tc.err
		}}
		c := &http.Client{Transport: New(three(t).c, Config{Base: b})}
		req, err := http.NewRequest(tc.method, "http://payments.muster/", tc.body)
		if err != nil {
			t.Fatal(err)
		}
		if tc.header != "" {
			req.Header.Set(tc.header, "1")
		}
		res, err := c.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		if !errors.Is(err, tc.err) || len(b.asked) != tc.tries || b.distinct() != tc.tries {
			t.Errorf("%s %s after %v: asked %v, %v, want %d", tc.method, tc.header, tc.err, b.asked, err, tc.tries)
		}
	}
}

func TestAnswersAreNeverRetriedAndErrorsEject(t *testing.T) {
	t.Parallel()
	b := &base{do: func(req *http.Request) (*http.Response, error) {
		status := 200
		if req.URL.Host == "10.0.0.2:80" {
			status = 503
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(""))}, nil
	}}
	c := &http.Client{Transport: New(three(t).c, Config{Base: b})}
	failed := 0
	for range 90 {
		res, err := c.Get("http://payments.muster/")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode == 503 {
			failed++
		}
	}
	if len(b.asked) != 90 || failed != 5 {
		t.Errorf("%d requests were sent for 90, and %d got the answer of the one in trouble, want 5", len(b.asked), failed)
	}
}

// An outage of a service is not made worse: tries are a share of the requests.
func TestTriesAreAShareOfTheRequests(t *testing.T) {
	t.Parallel()
	b := &base{do: func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }}
	c := &http.Client{Transport: New(three(t).c, Config{Base: b})}
	for range 1000 {
		if res, err := c.Get("http://payments.muster/"); err == nil {
			_ = res.Body.Close()
			t.Fatal("answered")
		}
	}
	if n := len(b.asked); n < 1150 || n > 1215 {
		t.Errorf("%d requests were sent for 1000", n)
	}
}

func TestAddressIsThatOfThePortAskedFor(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	m.add("payments", "p1", "[fd00::1]:80", func(i *muster.Instance) { i.Ports = map[string]int{"admin": 9090} })
	m.add("secure", "s1", "10.0.0.1:443", func(i *muster.Instance) { i.Secure = true })
	for _, tc := range []struct {
		cfg       Config
		url, want string
	}{
		{Config{}, "http://payments.muster/", "http://[fd00::1]:80/"},
		{Config{Port: "admin"}, "http://payments.muster/", "http://[fd00::1]:9090/"},
		{Config{Port: "none"}, "http://payments.muster/", "http://[fd00::1]:80/"},
		{Config{Port: "admin"}, "http://payments.muster:7/", "http://[fd00::1]:7/"},
		{Config{}, "http://secure.muster/x", "https://10.0.0.1:443/x"},
		{Config{Suffix: ".svc"}, "http://payments.svc/", "http://[fd00::1]:80/"},
		{Config{Suffix: ".svc"}, "http://payments.muster/", "http://payments.muster/"},
		{Config{}, "http://example.com/", "http://example.com/"},
		{Config{}, "http://.muster/", "http://.muster/"},
	} {
		got := ""
		tc.cfg.Base = &base{do: func(req *http.Request) (*http.Response, error) {
			got = req.URL.String()
			return nil, io.EOF
		}}
		u, err := url.Parse(tc.url)
		if err != nil {
			t.Fatal(err)
		}
		res, err := New(m.c, tc.cfg).RoundTrip(&http.Request{Method: "POST", URL: u})
		if err == nil {
			_ = res.Body.Close()
		}
		if got != tc.want {
			t.Errorf("%s goes to %s, want %s", tc.url, got, tc.want)
		}
	}
}

func TestNobodyTakesTraffic(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	m.add("payments", "p1", "10.0.0.1:80", func(i *muster.Instance) { i.Status = muster.StatusDown })
	c := &http.Client{Transport: New(m.c, Config{Base: &base{}})}
	for _, service := range []string{"payments", "nobody"} {
		res, err := c.Get("http://" + service + ".muster/")
		if err == nil {
			_ = res.Body.Close()
		}
		if !errors.Is(err, ErrNoInstance) {
			t.Errorf("%s: %v", service, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://unheard.muster/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := New(m.c, Config{Base: &base{}}).RoundTrip(req); !errors.Is(err, context.Canceled) {
		if err == nil {
			_ = res.Body.Close()
		}
		t.Errorf("a caller who has gone: %v", err)
	}
}

// The caller's own zone is preferred, and a request is outstanding until its answer has been read.
func TestBalancerKnowsZonesAndWhatIsOutstanding(t *testing.T) {
	t.Parallel()
	m := newMesh(t)
	for _, id := range []string{"1", "2"} {
		m.add("payments", id, "10.0.0."+id+":80", func(i *muster.Instance) { i.Zone = "a" })
	}
	m.add("payments", "3", "10.0.0.3:80", func(i *muster.Instance) { i.Zone = "b" })
	b := &base{}
	c := &http.Client{Transport: New(m.c, Config{Base: b, Balance: balance.Config{Policy: balance.TwoChoices, Zone: "a"}})}
	for range 20 {
		res, err := c.Get("http://payments.muster/")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
	}
	count := map[string]int{}
	for _, host := range b.asked {
		count[host]++
	}
	if count["10.0.0.1:80"] != 10 || count["10.0.0.2:80"] != 10 {
		t.Errorf("20 requests that are under way went to %v", count)
	}
}
