package consul

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// waiting asks a query that waits, in the background, and gives its answer once there is one.
func waiting(ctx context.Context, api *API, path string, index string) <-chan recorded {
	done := make(chan recorded, 1)
	go func() {
		c := newCall(ctx, path+"?wait=10m&index="+index)
		api.ServeHTTP(c.w, c.r)
		done <- c
	}()
	return done
}

func indexOfAnswer(t *testing.T, api *API, path string) string {
	t.Helper()
	return ask(t, api, http.MethodGet, path, "").Header().Get("X-Consul-Index")
}

// Who waits is answered with what there is when the server closes, is forgotten when it goes, and is not let in when too
// many wait.
func TestWaitingEndsWithTheServerAndTheClientAndIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		closing, stop := context.WithCancel(t.Context())
		open, limit := 0, 2
		api := New(node, Config{
			Closing: closing,
			Enter:   func() bool { open++; return open <= limit },
			Leave:   func() { open-- },
		})
		put(t, node, muster.Instance{Service: "s", ID: "i"})
		const path = "/v1/health/service/s"
		index := indexOfAnswer(t, api, path)
		gone, leave := context.WithCancel(t.Context())
		first := waiting(t.Context(), api, path, index)
		synctest.Wait()
		second := waiting(gone, api, path, index)
		synctest.Wait()
		if third := <-waiting(t.Context(), api, path, index); third.w.Code != http.StatusTooManyRequests {
			t.Errorf("one too many is answered %d", third.w.Code)
		}
		open-- // The one who was not let in does not leave.
		leave()
		if c := <-second; c.w.Code != statusClientGone || open != 1 {
			t.Errorf("a client that is gone: %d, and %d wait", c.w.Code, open)
		}
		stop()
		if c := <-first; c.w.Code != 200 || c.w.Header().Get("X-Consul-Index") != index || open != 0 {
			t.Errorf("when the server closes: %d, index %s, and %d wait", c.w.Code, c.w.Header().Get("X-Consul-Index"), open)
		}
	})
}

// A query without a wait waits five minutes, one that asks for an hour ten; and a sixteenth more at most.
func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	for wait, want := range map[string]time.Duration{"": 5 * time.Minute, "0s": 5 * time.Minute, "1h": 10 * time.Minute, "1ms": time.Millisecond, "-1s": 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			node := apitest.New()
			api := New(node, Config{})
			put(t, node, muster.Instance{Service: "s", ID: "i"})
			began := time.Now()
			ask(t, api, http.MethodGet, "/v1/health/service/s?wait="+wait+"&index="+indexOfAnswer(t, api, "/v1/health/service/s"), "")
			if took := time.Since(began); took < want || took > want+want/16 {
				t.Errorf("wait=%s took %v", wait, took)
			}
		})
	}
}

// A change wakes all who wait for the service, each once, and nobody who waits for another.
func TestAChangeWakesThoseWhoWaitForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		api := New(node, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		put(t, node, muster.Instance{Service: "s", ID: "i"})
		put(t, node, muster.Instance{Service: "other", ID: "i"})
		var ours, theirs []<-chan recorded
		for range 100 {
			ours = append(ours, waiting(ctx, api, "/v1/health/service/s", indexOfAnswer(t, api, "/v1/health/service/s")))
			theirs = append(theirs, waiting(ctx, api, "/v1/health/service/other", indexOfAnswer(t, api, "/v1/health/service/other")))
		}
		synctest.Wait()
		put(t, node, muster.Instance{Service: "s", ID: "j"})
		synctest.Wait()
		for i := range ours {
			select {
			case <-ours[i]:
			default:
				t.Fatalf("%d still waits", i)
			}
			select {
			case <-theirs[i]:
				t.Fatalf("%d of the others is woken", i)
			default:
			}
		}
		cancel()
		synctest.Wait()
	})
}

// A change of the membership has no index of the catalog, but wakes those who wait for nodes within a second, once.
func TestAChangeOfTheMembershipWakesThoseWhoWaitForNodes(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/v1/catalog/nodes", "/v1/health/node/n2", "/v1/health/state/critical"} {
		synctest.Test(t, func(t *testing.T) {
			node := apitest.New()
			api := New(node, Config{})
			index := indexOfAnswer(t, api, path)
			answer := waiting(t.Context(), api, path, index)
			time.Sleep(10 * time.Second)
			node.AddMember(muster.Member{Name: "n2", Datacenter: "dc1", State: "failed", Address: "10.0.0.2:7946"})
			began := time.Now()
			c := <-answer
			if took := time.Since(began); took > 2*recheck || !contains(c.w.Body.String(), `"Node":"n2"`) {
				t.Errorf("%s: after %v: %s", path, took, c.w.Body)
			}
			next := c.w.Header().Get("X-Consul-Index")
			if number(t, next) <= number(t, index) || number(t, next)&indexTag != number(t, index)&indexTag {
				t.Errorf("%s: index %s after %s", path, next, index)
			}
			ctx, cancel := context.WithCancel(t.Context())
			again := waiting(ctx, api, path, next)
			time.Sleep(10 * time.Second)
			select {
			case <-again:
				t.Errorf("%s: it is woken again by nothing", path)
			default:
			}
			cancel()
			<-again
			if path == "/v1/catalog/nodes" { // Which do not say who is alive.
				return
			}
			// The same nodes, of which one is alive again.
			answer = waiting(t.Context(), api, path, next)
			synctest.Wait()
			if err := node.ForceLeave("n2"); err != nil {
				t.Fatal(err)
			}
			node.AddMember(muster.Member{Name: "n2", Datacenter: "dc1", State: "alive", Address: "10.0.0.2:7946"})
			began = time.Now()
			c = <-answer
			if took := time.Since(began); took > 2*recheck || contains(c.w.Body.String(), `"critical"`) {
				t.Errorf("%s: after %v: %s", path, took, c.w.Body)
			}
		})
	}
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 53)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
