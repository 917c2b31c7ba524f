package proc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	goclient "github.com/musterhq/muster/api/client"
)

// front stands before an agent at an address that stays when the agent restarts, and counts what arrives by second.
type front struct {
	server *http.Server
	at     string                                // host:port
	proxy  atomic.Pointer[httputil.ReverseProxy] // nil: nothing gets through, and nothing is said
	mu     sync.Mutex
	counts map[int64]map[string]int // by second and kind of request
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{counts: map[int64]map[string]int{}}
	f.listen(t, "127.0.0.1:0")
	t.Cleanup(f.die)
	return f
}

func (f *front) listen(t *testing.T, at string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	f.at, f.server = l.Addr().String(), &http.Server{Handler: f, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	go func(s *http.Server) { _ = s.Serve(l) }(f.server)
}

// die refuses connections, and ends those that there are, until it listens again.
func (f *front) die() { _ = f.server.Close() }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	proxy := f.proxy.Load()
	if proxy == nil {
		<-r.Context().Done()
		return
	}
	f.mu.Lock()
	now, kind := time.Now().Unix(), r.Method+" "+path.Base(r.URL.Path)
	if f.counts[now] == nil {
		f.counts[now] = map[string]int{}
	}
	f.counts[now][kind]++
	f.mu.Unlock()
	proxy.ServeHTTP(w, r)
}

// lead makes the front lead to an agent.
func (f *front) lead(t *testing.T, a *agent) {
	t.Helper()
	to, err := url.Parse(a.http)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.FlushInterval = -1
	proxy.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	f.proxy.Store(proxy)
}

// add adds what arrived in that second to sum, by kind.
func (f *front) add(second int64, sum map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for kind, n := range f.counts[second] {
		sum[kind] += n
	}
}

// Fifty Go clients, three nodes, each of which is killed and restarted empty, and stopped (so that it is cut off for its
// clients and peers alike), in turn: no client ever sees fewer instances than there are, every registration survives, and
// in no second do more than twice as many requests arrive as usual.
func TestGoClientsOutliveTheLossOfEachNode(t *testing.T) {
	const clients, ttl = 50, 4 * time.Second
	agents := cluster(t, binary(t), 3)
	var fronts []*front
	var nodes []string
	for _, a := range agents {
		f := newFront(t)
		f.lead(t, a)
		fronts, nodes = append(fronts, f), append(nodes, f.at)
	}
	var all []*goclient.Client
	for i := range clients {
		c, err := goclient.New(goclient.Config{Nodes: nodes, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		inst := goclient.Instance{Service: "crowd", ID: id(i), Address: "127.0.0.1", Port: 9, TTL: ttl}
		if _, err := c.Register(t.Context(), inst); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var wg sync.WaitGroup
		for _, c := range all {
			wg.Go(func() {
				if err := c.Close(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}()
	for _, c := range all {
		if _, err := c.Resolve(t.Context(), "crowd"); err != nil {
			t.Fatal(err)
		}
	}
	least := clients
	see := func(d time.Duration) {
		t.Helper()
		for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			for i, c := range all {
				if n := len(c.Lookup("crowd").Healthy()); n < clients {
					least = min(least, n)
					t.Fatalf("client %d sees %d of %d", i, n, clients)
				}
			}
		}
	}
	busiest := func(from, to int64) (most, sum int, what string) {
		for s := from; s < to; s++ {
			kinds, n := map[string]int{}, 0
			for _, f := range fronts {
				f.add(s, kinds)
			}
			for _, times := range kinds {
				n += times
			}
			if sum += n; n > most {
				most, what = n, fmt.Sprintf("second %d of %d: %v", s-from, to-from, kinds)
			}
		}
		return most, sum, what
	}
	time.Sleep(6 * time.Second)
	from := time.Now().Unix()
	see(6 * time.Second)
	usual, sum, _ := busiest(from, time.Now().Unix())
	mean := float64(sum) / float64(time.Now().Unix()-from)
	from = time.Now().Unix()
	for i, a := range agents {
		other := agents[(i+1)%len(agents)]
		a.kill()
		fronts[i].die()
		see(3 * time.Second)
		agents[i] = startAgent(t, a.bin, a.name, "--join", other.gossip) // without a data directory: empty
		fronts[i].lead(t, agents[i])
		fronts[i].listen(t, fronts[i].at)
		agents[i].waitReady(20 * time.Second)
		see(2 * time.Second)
	}
	for i, a := range agents {
		proxy := fronts[i].proxy.Swap(nil)
		a.signal(syscall.SIGSTOP)
		see(4 * time.Second)
		a.signal(syscall.SIGCONT)
		fronts[i].proxy.Store(proxy)
		see(3 * time.Second)
	}
	most, _, what := busiest(from, time.Now().Unix())
	t.Logf("%d clients saw no fewer than %d of %d; usually %.1f requests a second, %d in the busiest; with failures %d in the busiest, %s",
		clients, least, clients, mean, usual, most, what)
	if float64(most) > 2*mean {
		t.Errorf("%d requests in one second, more than twice the usual %.1f", most, mean)
	}
	for _, a := range agents {
		a.until(5*time.Second, "complete", func() bool { return len(a.instances("crowd")) == clients })
		for name, inst := range a.instances("crowd") {
			if inst.Status != "UP" || inst.Preserved {
				t.Errorf("%s has %s as %+v", a.name, name, inst)
			}
		}
	}
}
