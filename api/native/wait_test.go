package native

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func TestQueryWaitsForItsOwnServiceAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		register(t, node, "payments", "p1")
		url := fmt.Sprintf("/api/v1/services/payments?wait=1m&since=%d", node.Find("default", "payments").Index())
		c := ask(t, mux, url)
		register(t, node, "carts", "c1")
		synctest.Wait()
		if c.ended() {
			t.Fatal("a change of another service ended the wait")
		}
		register(t, node, "payments", "p2")
		<-c.done
		index := node.Find("default", "payments").Index()
		if got := c.news(); !strings.Contains(got, `"p2"`) || c.header.Get("Muster-Index") != strconv.FormatUint(uint64(index), 10) {
			t.Errorf("answered %q with index %s, want the new instance and %d", got, c.header.Get("Muster-Index"), index)
		}
	})
}

func TestQueryOfNothingIsNotWokenByOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		c := ask(t, mux, fmt.Sprintf("/api/v1/services/none?since=%d", node.Find("default", "none").Index()))
		for _, other := range []string{"carts", "shop", "stock"} {
			register(t, node, other, "x")
			synctest.Wait()
		}
		if c.ended() {
			t.Fatal("a new service ended the wait for another")
		}
		register(t, node, "none", "n1")
		<-c.done
		if got := c.news(); !strings.Contains(got, `"n1"`) {
			t.Errorf("answered %q", got)
		}
	})
}

func TestListOfServicesWaitsForAnyChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		c := ask(t, mux, fmt.Sprintf("/api/v1/services?wait=1m&since=%d", node.Index()))
		if c.ended() {
			t.Fatal("answered without a change")
		}
		register(t, node, "carts", "c1")
		<-c.done
		if got := c.news(); !strings.Contains(got, `"carts"`) {
			t.Errorf("answered %q", got)
		}
	})
}

func TestEntityTagCanBeWaitedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{})
		register(t, node, "payments", "p1")
		for _, path := range []string{"/api/v1/services/payments", "/api/v1/services"} {
			held := ask(t, mux, path)
			<-held.done
			tag := held.header.Get("ETag")
			c := ask(t, mux, path+"?wait=1m", "If-None-Match: "+tag)
			if c.ended() {
				t.Fatalf("%s: answered at once, to one who holds the answer", path)
			}
			register(t, node, "payments", "p1")
			<-c.done
			if c.code != 200 || c.header.Get("ETag") == tag {
				t.Errorf("%s: %d with tag %s after a change from %s", path, c.code, c.header.Get("ETag"), tag)
			}
			began := time.Now()
			c = ask(t, mux, path+"?wait=7s", "If-None-Match: "+c.header.Get("ETag"))
			<-c.done
			if took := time.Since(began); c.code != 304 || took != 7*time.Second {
				t.Errorf("%s: %d after %v without a change, want 304 after 7s", path, c.code, took)
			}
		}
	})
}

func TestWaitEndsWhenItWasToldTo(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]time.Duration{
		"":           30 * time.Second,
		"&wait=0s":   0,
		"&wait=1.5s": 1500 * time.Millisecond,
		"&wait=24h":  10 * time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			node := apitest.New()
			_, mux := serverOf(node, Config{})
			began := time.Now()
			c := ask(t, mux, fmt.Sprintf("/api/v1/services/payments?since=%d%s", node.Index(), query))
			<-c.done
			if took := time.Since(began); took != want || c.code != 200 {
				t.Errorf("%q: %d after %v, want 200 after %v", query, c.code, took, want)
			}
		})
	}
}

// racing is a node where something happens just after the first look.
type racing struct {
	*apitest.Fake
	happen func()
}

func (r *racing) raced() {
	if happen := r.happen; happen != nil {
		r.happen = nil
		happen()
	}
}

func (r *racing) Find(namespace, service string) *muster.View {
	defer r.raced()
	return r.Fake.Find(namespace, service)
}

func (r *racing) Services() *muster.Overview {
	defer r.raced()
	return r.Fake.Services()
}

func TestChangeBetweenTheLookAndTheWaitIsNotSleptThrough(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/api/v1/services/payments", "/api/v1/services"} {
		synctest.Test(t, func(t *testing.T) {
			node := &racing{Fake: apitest.New()}
			_, mux := serverOf(node, Config{})
			register(t, node.Fake, "payments", "p1")
			since := node.Index()
			// The first Find of a service query is not the one that its wait looks with.
			looks := 0
			var later func()
			later = func() {
				if looks++; looks == 2 || path == "/api/v1/services" {
					register(t, node.Fake, "payments", "p2")
				} else {
					node.happen = later
				}
			}
			node.happen = later
			began := time.Now()
			c := ask(t, mux, fmt.Sprintf("%s?since=%d", path, since))
			<-c.done
			if took := time.Since(began); took != 0 {
				t.Errorf("%s: a change just after the look was noticed after %v", path, took)
			}
		})
	}
}

// lagging is a node between two steps: a view is out and the node's own index is not.
type lagging struct {
	*apitest.Fake
	index muster.Index
}

func (l *lagging) Index() muster.Index { return l.index }

func TestIndexOfAViewIsNotFromTheFuture(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := &lagging{Fake: apitest.New()}
		node.index = node.Fake.Index()
		register(t, node.Fake, "payments", "p1")
		_, mux := serverOf(node, Config{})
		c := ask(t, mux, fmt.Sprintf("/api/v1/services/payments?since=%d", node.Find("default", "payments").Index()))
		if c.ended() {
			t.Error("one who has the latest was answered at once")
		}
		c.leave()
	})
}

func TestClosingAnswersThoseWhoWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closing, shut := context.WithCancel(t.Context())
		node := apitest.New()
		a, mux := serverOf(node, Config{Closing: closing})
		poll := ask(t, mux, fmt.Sprintf("/api/v1/services/payments?wait=10m&since=%d", node.Index()))
		watch, events := ask(t, mux, "/api/v1/watch"), ask(t, mux, "/api/v1/events")
		if got := a.Waiting(); got != (Waiting{1, 1, 1}) {
			t.Errorf("waiting are %+v, want one of each", got)
		}
		began := time.Now()
		shut()
		<-poll.done
		<-watch.done
		<-events.done
		if poll.code != 200 || time.Since(began) != 0 {
			t.Errorf("the query was answered %d after %v", poll.code, time.Since(began))
		}
		if got := a.Waiting(); got != (Waiting{}) {
			t.Errorf("waiting are %+v after all have gone", got)
		}
	})
}

func TestOneWaitingTooManyIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		_, mux := serverOf(node, Config{MaxWaiting: 2})
		poll := fmt.Sprintf("/api/v1/services/payments?wait=10m&since=%d", node.Index())
		first, second := ask(t, mux, "/api/v1/watch"), ask(t, mux, poll)
		for _, url := range []string{"/api/v1/watch", "/api/v1/events", poll} {
			c := ask(t, mux, url)
			<-c.done
			if c.code != 503 || c.header.Get("Retry-After") == "" || !strings.Contains(c.news(), `"too-many-waiting"`) {
				t.Errorf("%s: answered %d", url, c.code)
			}
		}
		second.leave()
		if second.code != 499 {
			t.Errorf("a client that left counts as %d", second.code)
		}
		if c := ask(t, mux, "/api/v1/events"); c.ended() {
			t.Error("refused though one has left")
		}
		first.leave()
	})
}

func TestAThousandWatchersAreWokenByOneChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		a, mux := serverOf(node, Config{})
		register(t, node, "payments", "p1")
		poll := fmt.Sprintf("/api/v1/services/payments?wait=10m&since=%d", node.Index())
		var watches, polls []*sink
		for range 1000 {
			watches = append(watches, ask(t, mux, "/api/v1/watch?service=payments"))
			polls = append(polls, ask(t, mux, poll))
		}
		if got := a.Waiting(); got.Watches != 1000 || got.LongPolls != 1000 {
			t.Fatalf("waiting are %+v", got)
		}
		for _, c := range watches {
			c.news()
		}
		register(t, node, "payments", "p2")
		synctest.Wait()
		want := ""
		for i, c := range watches {
			got := c.news()
			if want == "" {
				want = got
			}
			if got != want || !strings.HasPrefix(got, "id: ") || !strings.Contains(got, "\nevent: up\n") || !strings.Contains(got, `"p2"`) {
				t.Fatalf("watcher %d was told %q", i, got)
			}
			c.leave()
		}
		for i, c := range polls {
			if !c.ended() || !strings.Contains(c.news(), `"p2"`) {
				t.Fatalf("query %d was not woken", i)
			}
		}
	})
}
