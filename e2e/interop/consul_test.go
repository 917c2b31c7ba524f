package interop

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// Unmodified clients of Consul register at Muster through a load balancer, follow every change, live through the death and
// the return of the node that they talk to, and never find fewer instances than there are.
func TestClientsOfConsulLiveWithMuster(t *testing.T) {
	if *theirs {
		t.Skip("a Eureka server is no Consul")
	}
	need.All(t, consulLacks()...)
	t.Parallel()
	t.Run("all at one node", func(t *testing.T) {
		t.Parallel()
		liveWithConsulsProtocol(t, true, 40)
	})
	t.Run("spread over nodes", func(t *testing.T) {
		t.Parallel()
		liveWithConsulsProtocol(t, false, 50)
	})
}

func liveWithConsulsProtocol(t *testing.T, failover bool, from int) {
	t.Helper()
	host := loopback(from)
	s := &scene{t: t}
	var nodes []*node
	for i := range 3 {
		// A node has ports that nobody takes while it is dead.
		own := loopback(from + 1 + i)
		n := &node{t: t, id: fmt.Sprintf("n%d", i+1), http: "http://" + own + ":8761", bind: own + ":7946"}
		n.start(nodes)
		n.ready()
		nodes, s.registries = append(nodes, n), append(s.registries, n)
	}
	registry := startHAProxy(t, host, failover, nodes)
	at := &shopkeeper{t: t, registry: "http://" + registry}
	at.opens("shop-1")
	at.opens("shop-2")
	for _, k := range consulKinds {
		if *only == "" || slices.Contains(strings.Split(*only, ","), k.name) {
			s.clients = append(s.clients, launchConsul(t, k, host, registry))
		}
	}

	s.each("starts", func(t *testing.T, c *client) { c.started(t) })
	s.members("registers and is found by the native API of every node", func(t *testing.T, c *client) {
		s.is(t, c, hasStatus("UP"))
		s.is(t, c, func(i *found) string {
			if i == nil || i.Address != host || i.Port == 0 || i.Metadata["client"] != c.name {
				return fmt.Sprintf("is %+v", i)
			}
			return ""
		})
	})
	s.each("finds what is there, and another client", func(t *testing.T, c *client) {
		c.finds(t, shop, 2, 10*time.Second)
		c.finds(t, s.next(c).app, 1, 10*time.Second)
	})
	s.followsTheShop(at, "shop-3", soon)
	asked := requests(t, nodes)
	s.members("is healthy for longer than its TTL", func(t *testing.T, c *client) { s.stays(t, c, lease+time.Second, hasStatus("UP")) })
	// Heartbeats are a few a second, and who follows waits.
	if n := requests(t, nodes) - asked; n > 60 {
		t.Errorf("while nothing changed, clients of Consul's protocol asked %.0f times in six seconds", n)
	}
	s.members("becomes unhealthy", func(t *testing.T, c *client) {
		c.must(t, "health false", "DONE")
		s.is(t, c, hasStatus("DOWN"))
	})
	s.each("finds nobody healthy", func(t *testing.T, c *client) { c.finds(t, s.next(c).app, 0, 5*time.Second) })
	s.members("becomes healthy again", func(t *testing.T, c *client) {
		c.must(t, "health true", "DONE")
		s.is(t, c, hasStatus("UP"))
	})
	s.maintains(true)
	s.maintains(false)
	s.each("finds another again", func(t *testing.T, c *client) { c.finds(t, s.next(c).app, 1, 5*time.Second) })
	s.survivesTheDeathOf(nodes[0], nodes, at)
	s.members("ends in order, and is gone from every node at once", func(t *testing.T, c *client) {
		if c.name == "grpc" {
			if said := c.must(t, "failures", "FAILURES"); !strings.HasPrefix(said, "0 of ") || said == "0 of 0" {
				t.Errorf("calls that failed: %s", said)
			}
		}
		c.neverFewer(t, shop, 2)
		c.stop(t)
		eventually(t, time.Second, func() string { return s.everywhere(c, absent) })
		s.stays(t, c, 3*time.Second, absent)
	})
	s.each("has never found fewer than there were, and finds that all have ended", func(t *testing.T, c *client) {
		if c.reads {
			c.neverFewer(t, shop, 2)
			for _, k := range consulKinds {
				if !k.reads {
					c.finds(t, k.name, 0, 5*time.Second)
				}
			}
			c.stop(t)
		}
	})
}

// soon is how long a change may take until a client has it that waits for it, or looks each second.
const soon = 3 * time.Second

// followsTheShop has an instance come, turn unhealthy and back, be taken out and back, and go. Every client follows.
func (s *scene) followsTheShop(at *shopkeeper, id string, limit time.Duration) {
	s.t.Helper()
	for _, step := range []struct {
		name string
		do   func()
		want int
	}{
		{"sees an instance come", func() { at.opens(id) }, 3},
		{"sees its check turn critical", func() { at.puts("check/fail/service:"+id, "") }, 2},
		{"sees its check pass again", func() { at.puts("check/pass/service:"+id, "") }, 3},
		{"sees it taken out of service", func() { at.puts("service/maintenance/"+id+"?enable=true&reason=test", "") }, 2},
		{"sees it put back", func() { at.puts("service/maintenance/"+id+"?enable=false", "") }, 3},
		{"sees it go", func() { at.puts("service/deregister/"+id, "") }, 2},
	} {
		step.do()
		s.each(step.name+" ("+id+")", func(t *testing.T, c *client) { c.finds(t, shop, step.want, limit) })
	}
}

// maintains has those that can take themselves out of service, or back, do so. All see it.
func (s *scene) maintains(on bool) {
	s.t.Helper()
	status, act, want := "UP", "puts itself back", 1
	if on {
		status, act, want = "OUT_OF_SERVICE", "takes itself out of service", 0
	}
	var out []*client
	s.members(act, func(t *testing.T, c *client) {
		if !consulKindOf(c).maintains {
			return
		}
		c.must(t, fmt.Sprintf("maintenance %t", on), "DONE")
		s.is(t, c, hasStatus(status))
		s.mu.Lock()
		defer s.mu.Unlock()
		out = append(out, c)
	})
	s.each("sees who "+act, func(t *testing.T, c *client) {
		for _, o := range out {
			c.finds(t, o.app, want, soon)
		}
	})
}

// survivesTheDeathOf kills a node without a word. Everyone stays registered everywhere, and follows what happens at another
// node; and again when the node is back and has connections before it is ready.
func (s *scene) survivesTheDeathOf(dead *node, nodes []*node, at *shopkeeper) {
	s.t.Helper()
	s.leave(dead)
	dead.proc.kill()
	at.opens("shop-4")
	s.each("goes on without "+dead.id, func(t *testing.T, c *client) {
		t.Run("stays registered", func(t *testing.T) {
			t.Parallel()
			switch {
			case c.reads:
			case consulKindOf(c).lapses:
				s.stays(t, c, lease+time.Second, present)
				s.is(t, c, hasStatus("UP"))
			default:
				s.stays(t, c, lease+time.Second, hasStatus("UP"))
			}
		})
		t.Run("follows", func(t *testing.T) {
			t.Parallel()
			c.finds(t, shop, 3, consulKindOf(c).retries+soon+2*time.Second)
		})
	})
	at.puts("service/deregister/shop-4", "")
	s.each("sees one go without "+dead.id, func(t *testing.T, c *client) { c.finds(t, shop, 2, soon) })
	s.meetsANodeThatIsNotReady(dead, at)
	dead.start(nodes)
	s.each("goes on while "+dead.id+" returns", func(t *testing.T, c *client) {
		if !c.reads {
			s.stays(t, c, 3*time.Second, present)
		}
	})
	dead.ready()
	s.back(dead)
	at.opens("shop-5")
	s.each("follows when "+dead.id+" is back", func(t *testing.T, c *client) {
		c.finds(t, shop, 3, consulKindOf(c).retries+soon)
	})
	s.members("is known by all when "+dead.id+" is back", func(t *testing.T, c *client) { s.is(t, c, hasStatus("UP")) })
	at.puts("service/deregister/shop-5", "")
	s.each("sees one go when "+dead.id+" is back", func(t *testing.T, c *client) { c.finds(t, shop, 2, soon) })
}

// meetsANodeThatIsNotReady has another node in the place of a dead one, that finds no peer to load from: the load balancer has
// no idea, and sends it whom it likes. Then that one dies too.
func (s *scene) meetsANodeThatIsNotReady(dead *node, at *shopkeeper) {
	s.t.Helper()
	n := &node{t: s.t, id: "lost", http: dead.http, bind: loopback(60) + ":0"}
	n.start(nil, "--join", "127.0.0.1:1", "--ready-wait", "10m")
	for until := time.Now().Add(1500 * time.Millisecond); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		status, b, err := request(http.MethodGet, n.http+"/v1/health/service/"+shop, "")
		if err != nil || status != http.StatusInternalServerError {
			s.t.Errorf("a node that is not ready answers %d, %v: %.100s", status, err, b)
		}
	}
	n.proc.kill()
	at.opens("shop-6")
	s.each("has lost nobody to a node that was not ready", func(t *testing.T, c *client) {
		c.finds(t, shop, 3, consulKindOf(c).retries+soon+2*time.Second)
		c.neverFewer(t, shop, 2)
		if !c.reads {
			s.is(t, c, hasStatus("UP"))
		}
	})
	at.puts("service/deregister/shop-6", "")
}

// requests is how many requests of Consul's protocol the nodes have answered.
func requests(t *testing.T, nodes []*node) (sum float64) {
	t.Helper()
	for _, n := range nodes {
		_, b, err := request(http.MethodGet, n.http+"/metrics", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^muster_http_requests_total\{.*route="/v1/.* (\S+)$`).FindAllSubmatch(b, -1) {
			count, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += count
		}
	}
	return sum
}

// shopkeeper registers instances that nobody keeps alive but their checks, which have an hour.
type shopkeeper struct {
	t        *testing.T
	registry string
	port     int
}

func (k *shopkeeper) opens(id string) {
	k.t.Helper()
	k.port++
	k.puts("service/register", fmt.Sprintf(
		`{"Name":%q,"ID":%q,"Address":"127.0.0.1","Port":%d,"Check":{"TTL":"1h","Status":"passing"}}`, shop, id, 40000+k.port))
}

// puts tries until a node takes it: the load balancer may not have noticed yet that one is dead.
func (k *shopkeeper) puts(path, body string) {
	k.t.Helper()
	eventually(k.t, 5*time.Second, func() string {
		status, b, err := request(http.MethodPut, k.registry+"/v1/agent/"+path, body)
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("%s: %d, %v: %s", path, status, err, b)
		}
		return ""
	})
}
