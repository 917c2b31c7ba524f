package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
	"github.com/musterhq/muster/api/eureka"
)

// server is a Eureka server without a socket: the dialect itself at another node.
type server struct {
	node    *apitest.Fake
	handler http.Handler

	mu      sync.Mutex // guards what follows
	during  func()     // is called once, while a request is under way
	down    bool
	batches [][]string // the actions of each batch
	tries   int
}

func newServer() *server {
	node := apitest.New()
	return &server{node: node, handler: eureka.New(node, eureka.Config{})}
}

// RoundTrip answers a request, or fails as a dead server does.
func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if during := s.during; during != nil {
		s.during = nil
		during()
	}
	if s.down {
		return nil, errors.New("connection refused")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if strings.Contains(req.URL.Path, "batch") {
		var batch struct {
			ReplicationList []struct{ ID, Action string }
		}
		if err := json.Unmarshal(body, &batch); err != nil {
			return nil, err
		}
		var actions []string
		for _, it := range batch.ReplicationList {
			actions = append(actions, it.Action+" "+it.ID)
		}
		s.batches = append(s.batches, actions)
	}
	w := httptest.NewRecorder()
	inner := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), strings.NewReader(string(body)))
	inner.Header = req.Header
	s.handler.ServeHTTP(w, inner)
	return w.Result(), nil
}

// take is what the server was told since the last call, all batches together.
func (s *server) take() (actions []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.batches {
		actions = append(actions, b...)
	}
	s.batches = nil
	return actions
}

func (s *server) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down, s.tries = down, 0
}

func (s *server) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tries
}

func (s *server) statuses() map[string]string {
	out := map[string]string{}
	for _, view := range s.node.Services().Services {
		for _, inst := range view.Instances() {
			out[inst.Service+"/"+inst.ID] = inst.Status.String()
		}
	}
	return out
}

// replicated is a node, and a server that it keeps up to date as long as the test lasts. Needs a bubble.
func replicated(t *testing.T) (*apitest.Fake, *server) {
	t.Helper()
	node, s := apitest.New(), newServer()
	replicate(t, node, s)
	return node, s
}

func replicate(t *testing.T, node *apitest.Fake, s *server) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Replicator{Node: node, Peers: []string{"http://eureka:8761/eureka/"}, Transport: s}.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func put(t *testing.T, node *apitest.Fake, id string, attributes map[string]string) {
	t.Helper()
	inst := muster.Instance{Service: "pay", ID: id, Address: "10.0.0.1", Port: 80, TTL: 90 * time.Second, Attributes: attributes}
	if _, _, err := node.Put(t.Context(), inst); err != nil {
		t.Fatal(err)
	}
}

func elapse(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func key(id string) muster.Key { return muster.Key{Namespace: "default", Service: "pay", ID: id} }

// What registers, changes and goes here does so at the server, within two ticks.
func TestTheServerFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		put(t, node, "a", nil)
		elapse(2 * tick)
		put(t, node, "b", nil)
		elapse(2 * tick)
		if got := fmt.Sprint(s.statuses()); got != "map[pay/a:UP pay/b:UP]" {
			t.Fatal(got)
		}
		if _, err := node.SetOverride(t.Context(), key("a"), muster.StatusOutOfService, ""); err != nil {
			t.Fatal(err)
		}
		if err := node.Remove(t.Context(), key("b")); err != nil {
			t.Fatal(err)
		}
		elapse(2 * tick)
		if got := fmt.Sprint(s.statuses()); got != "map[pay/a:OUT_OF_SERVICE]" {
			t.Fatal(got)
		}
		if _, err := node.SetOverride(t.Context(), key("a"), muster.StatusNone, ""); err != nil {
			t.Fatal(err)
		}
		elapse(2 * tick)
		if got := fmt.Sprint(s.statuses()); got != "map[pay/a:UP]" {
			t.Fatal(got)
		}
	})
}

// The server hears a heartbeat every interval, and nothing else while nothing changes; a server that has forgotten is told again.
func TestHeartbeatsGoOnWhileTheInstanceIsHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		put(t, node, "a", nil)
		elapse(2 * tick)
		s.take()
		elapse(5 * time.Minute)
		beats := s.take()
		if len(beats) < 9 || len(beats) > 10 || slices.ContainsFunc(beats, func(b string) bool { return b != "Heartbeat a" }) {
			t.Errorf("in five minutes, every 30 s: %q", beats)
		}
		if err := s.node.Remove(t.Context(), key("a")); err != nil {
			t.Fatal(err)
		}
		elapse(31 * time.Second)
		if got := fmt.Sprint(s.statuses()); got != "map[pay/a:UP]" {
			t.Errorf("the server had forgotten, and was not told again: %s", got)
		}
	})
}

// What came from a server by replication is not sent back, until it registers here itself.
func TestWhatTheServerToldIsNotToldToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		put(t, node, "a", map[string]string{"eureka.source": "peer"})
		elapse(time.Minute)
		if got := s.take(); got != nil {
			t.Fatalf("sent %q", got)
		}
		put(t, node, "a", nil)
		elapse(2 * tick)
		if got := s.take(); !slices.Equal(got, []string{"Register a"}) {
			t.Fatalf("sent %q", got)
		}
	})
}

// What is registered at the server alone is found here, marked, with what an operator decided there.
func TestTheServersRegistryIsReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := apitest.New(), newServer()
		put(t, s.node, "there", nil)
		put(t, s.node, "both", nil)
		put(t, node, "both", nil)
		if _, err := s.node.SetOverride(t.Context(), key("there"), muster.StatusOutOfService, ""); err != nil {
			t.Fatal(err)
		}
		replicate(t, node, s)
		elapse(2 * tick)
		there, _ := node.Find("default", "pay").Instance("there")
		both, _ := node.Find("default", "pay").Instance("both")
		if there == nil || !eureka.FromPeer(there) || there.Override != muster.StatusOutOfService || there.Port != 80 {
			t.Errorf("got %+v", there)
		}
		if both == nil || eureka.FromPeer(both) {
			t.Errorf("what was here has been replaced: %+v", both)
		}
		put(t, s.node, "later", nil)
		elapse(time.Minute)
		if later, _ := node.Find("default", "pay").Instance("later"); later != nil {
			t.Error("the registry was read again")
		}
	})
}

// A server that is away is not pressed, and hears afterwards of everything that is true then.
func TestAnOutageLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		put(t, node, "a", nil)
		put(t, node, "b", nil)
		elapse(2 * tick)
		s.setDown(true)
		if err := node.Remove(t.Context(), key("a")); err != nil {
			t.Fatal(err)
		}
		put(t, node, "c", nil)
		put(t, node, "d", nil)
		if err := node.Remove(t.Context(), key("d")); err != nil {
			t.Fatal(err)
		}
		elapse(30 * time.Minute)
		if n := s.tried(); n > 130 || n < 50 {
			t.Errorf("%d tries in half an hour", n)
		}
		s.setDown(false)
		elapse(backoffMost)
		if got := fmt.Sprint(s.statuses()); got != "map[pay/b:UP pay/c:UP]" {
			t.Error(got)
		}
	})
}

// What changes while it is being told is told again.
func TestAChangeDuringARequestIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		elapse(2 * tick)
		put(t, node, "a", nil)
		s.mu.Lock()
		s.during = func() {
			if err := node.Remove(t.Context(), key("a")); err != nil {
				t.Error(err)
			}
			put(t, node, "a", map[string]string{"eureka.vipAddress": "second"})
			synctest.Wait() // The change is noted before the answer is.
		}
		s.mu.Unlock()
		elapse(3 * tick)
		if a, _ := s.node.Find("default", "pay").Instance("a"); a == nil || a.Attributes["eureka.vipAddress"] != "second" {
			t.Errorf("the server has %+v", a)
		}
	})
}

// Many instances go in batches of what a server takes.
func TestBatchesAreNotLargerThanTheServerTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		for n := range 600 {
			put(t, node, fmt.Sprintf("i%03d", n), nil)
		}
		elapse(3 * tick)
		total := 0
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, b := range s.batches {
			if total += len(b); len(b) > batchMax {
				t.Errorf("a batch of %d", len(b))
			}
		}
		if total < 600 || len(s.statuses()) != 600 {
			t.Errorf("%d items, %d instances", total, len(s.statuses()))
		}
	})
}

// When the server has a newer registration by the client's clock it is taken over; where only our own clocks say so, it is
// the server that is corrected.
func TestTheNewerRegistrationWinsByTheClientsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node, s := replicated(t)
		put(t, node, "a", map[string]string{"eureka.lastDirtyTimestamp": "100"})
		put(t, node, "b", nil)
		elapse(2 * tick)
		put(t, s.node, "a", map[string]string{"eureka.lastDirtyTimestamp": "200", "eureka.vipAddress": "new"})
		put(t, s.node, "b", map[string]string{"eureka.lastDirtyTimestamp": "9000000000000", "eureka.vipAddress": "wrong"})
		elapse(35 * time.Second)
		a, _ := node.Find("default", "pay").Instance("a")
		if a.Attributes["eureka.vipAddress"] != "new" || !eureka.FromPeer(a) {
			t.Errorf("a is %v here", a.Attributes)
		}
		b, _ := s.node.Find("default", "pay").Instance("b")
		if b == nil || b.Attributes["eureka.vipAddress"] != "" {
			t.Errorf("b is %+v there", b)
		}
		if here, _ := node.Find("default", "pay").Instance("b"); eureka.FromPeer(here) {
			t.Error("b has been taken over")
		}
	})
}

// Of several members exactly one speaks to a server, whatever the server, and none that is not ready.
func TestOneMemberSpeaks(t *testing.T) {
	t.Parallel()
	speakers := map[string]int{}
	for server := range 300 {
		url := fmt.Sprintf("http://eureka-%d:8761/eureka/", server)
		best, lowest := "", uint64(0)
		for _, name := range []string{"n1", "n2", "n3"} {
			if r := rank(url, name); best == "" || r < lowest {
				best, lowest = name, r
			}
		}
		speakers[best]++
		node := apitest.New()
		for _, other := range []string{"n2", "n3"} {
			node.AddMember(muster.Member{Name: other, Datacenter: "dc1", State: "alive"})
		}
		if speaks(node, url) != (best == "n1") {
			t.Errorf("%s: n1 speaks %v, and %s is the lowest", url, speaks(node, url), best)
		}
		alone := apitest.New()
		alone.AddMember(muster.Member{Name: "n2", Datacenter: "dc1", State: "failed"})
		if !speaks(alone, url) {
			t.Error("nobody speaks where only one is alive")
		}
		alone.SetReady(false, "the test says so")
		if speaks(alone, url) {
			t.Error("a node that is not ready speaks")
		}
	}
	for name, n := range speakers {
		if n < 60 {
			t.Errorf("%s speaks to %d of 300 servers", name, n)
		}
	}
}

// Passwords are for the server alone.
func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	if got := redacted("http://user:secret@eureka:8761/"); strings.Contains(got, "secret") {
		t.Error(got)
	}
}
