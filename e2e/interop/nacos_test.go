package interop

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// Unmodified clients of Nacos register at Muster, beat, find each other and what other dialects registered, are told of
// changes, take themselves out of service, are found by every other dialect, live through the death and the restart of
// every node and through being forgotten, and are gone when they end.
func TestClientsOfNacosLiveWithMuster(t *testing.T) {
	if *theirs {
		t.Skip("a Eureka server is no Nacos")
	}
	need.All(t, loopbackLacks()...)
	t.Parallel()
	s := &scene{t: t}
	var nodes []*node
	for i := range 3 {
		// A node has ports that nobody takes while it is dead.
		own := loopback(70 + i)
		n := &node{t: t, id: fmt.Sprintf("n%d", i+1), http: "http://" + own + ":8848", bind: own + ":7946"}
		n.start(nodes, "--dns", own+":8600")
		n.ready()
		nodes, s.registries = append(nodes, n), append(s.registries, n)
	}
	opens := func(id string, port int) { nodes[1].opens(t, shop, id, port) }
	opens("shop-1", 40001)
	t.Run("has the tools", func(t *testing.T) {
		for _, k := range nacosKinds {
			if *only != "" && !slices.Contains(strings.Split(*only, ","), k.name) {
				continue
			}
			t.Run(k.name, func(t *testing.T) {
				need.All(t, k.lacking()...)
				s.clients = append(s.clients, launchNacos(s.t, k, nodes))
			})
		}
	})
	if len(s.clients) == 0 {
		return
	}

	s.each("starts", func(t *testing.T, c *client) { c.started(t) })
	s.each("registers and is found by the native API of every node", func(t *testing.T, c *client) {
		c.identified(t, nodes[0])
		s.is(t, c, func(i *found) string {
			switch {
			case i == nil:
				return "is missing"
			case i.Status != "UP" || i.Address != "127.0.0.1" || i.Port == 0 || c.number != 0 && i.Port != c.number:
				return fmt.Sprintf("is %s at %s:%d", i.Status, i.Address, i.Port)
			case !strings.Contains("nacos-"+i.Metadata["client"], c.name):
				return fmt.Sprintf("has metadata %v", i.Metadata)
			case c.id != fmt.Sprintf("127.0.0.1#%d#%s#DEFAULT_GROUP@@%s", i.Port, nacosKindOf(c).cluster, c.app):
				return "has the id " + c.id
			}
			return ""
		})
	})
	s.each("is found by every other dialect", func(t *testing.T, c *client) { nodes[2].showsEverywhere(t, c) })
	s.each("finds another, and what was registered by the native API", func(t *testing.T, c *client) {
		c.sees(t, s.next(c).app, 1)
		c.told(t, 1)
	})
	opens("shop-2", 40002)
	s.each("sees one come", func(t *testing.T, c *client) { c.told(t, 2) })
	nodes[0].closes(t, shop, "shop-2")
	s.each("sees it go", func(t *testing.T, c *client) { c.told(t, 1) })
	s.each("is renewed", func(t *testing.T, c *client) { s.stays(t, c, 2*lease, hasStatus("UP")) })
	t.Run("one that does not beat is gone at its heart beat timeout", func(t *testing.T) { nodes[0].forgetsWhoDoesNotBeat(t, nodes) })
	s.each("takes itself out of service", func(t *testing.T, c *client) {
		c.must(t, "enabled false", "DONE")
		s.is(t, c, hasStatus("OUT_OF_SERVICE"))
	})
	s.each("finds nobody", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 0) })
	s.each("puts itself back", func(t *testing.T, c *client) {
		s.stays(t, c, 2*renew, hasStatus("OUT_OF_SERVICE")) // Beats do not undo it.
		c.must(t, "enabled true", "DONE")
		s.is(t, c, hasStatus("UP"))
	})
	s.each("finds another again", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	s.killEveryHome(nodes)
	opens("shop-3", 40003)
	s.each("follows after that", func(t *testing.T, c *client) { c.told(t, 2) })
	nodes[0].closes(t, shop, "shop-3")
	s.restartEveryNode(nodes)
	s.each("registers again when it is told that it is unknown", func(t *testing.T, c *client) {
		nodes[0].closes(t, c.app, c.id)
		s.is(t, c, hasStatus("UP"))
	})
	s.each("finds it again", func(t *testing.T, c *client) { c.sees(t, s.next(c).app, 1) })
	s.each("ends in order, and is gone from every node at once", func(t *testing.T, c *client) {
		c.stop(t)
		eventually(t, time.Second, func() string { return s.everywhere(c, absent) })
		s.stays(t, c, 3*time.Second, absent)
	})
}

// opens registers an instance for good, by the native API, and closes takes one out.
func (n *node) opens(t *testing.T, service, id string, port int) {
	t.Helper()
	body := fmt.Sprintf(`{"service":%q,"id":%q,"address":"127.0.0.1","port":%d,"permanent":true}`, service, id, port)
	if status, b, err := request(http.MethodPost, n.http+"/api/v1/services/instances", body); err != nil || status/100 != 2 {
		t.Fatalf("%d, %v: %s", status, err, b)
	}
}

func (n *node) closes(t *testing.T, service, id string) {
	t.Helper()
	status, b, err := request(http.MethodDelete, n.http+"/api/v1/services/"+service+"/instances/"+url.PathEscape(id), "")
	if err != nil || status != http.StatusNoContent {
		t.Fatalf("%d, %v: %s", status, err, b)
	}
}

// forgetsWhoDoesNotBeat registers an instance with a timeout of three seconds, which is all that it ever does.
func (n *node) forgetsWhoDoesNotBeat(t *testing.T, nodes []*node) {
	t.Helper()
	const ghost, timeout = "ghost", 3 * time.Second
	form := "?serviceName=" + ghost + "&ip=127.0.0.1&port=1&metadata=" + url.QueryEscape(
		`{"preserved.heart.beat.interval":"1000","preserved.heart.beat.timeout":"3000","preserved.ip.delete.timeout":"9000"}`)
	registered := time.Now()
	if status, b, err := request(http.MethodPost, n.http+"/nacos/v1/ns/instance"+form, ""); err != nil || status != http.StatusOK {
		t.Fatalf("%d, %v: %s", status, err, b)
	}
	for _, n := range nodes {
		eventually(t, 2*timeout, func() string {
			_, b, err := request(http.MethodGet, n.http+"/nacos/v1/ns/instance/list?serviceName="+ghost, "")
			gone := strings.Contains(string(b), `"hosts":[]`)
			switch age := time.Since(registered); {
			case err != nil:
				return err.Error()
			case gone && n == nodes[0] && age < timeout:
				t.Fatalf("it is gone after %v", age)
			case !gone:
				return n.id + " still has it"
			}
			return ""
		})
	}
}

// showsEverywhere asks a node for a client's instance in every dialect but that of Nacos.
func (n *node) showsEverywhere(t *testing.T, c *client) {
	t.Helper()
	all, err := n.find(c.app)
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(all[c.id].Port)
	for _, path := range []string{
		"/eureka/apps/" + strings.ToUpper(c.app), "/v1/health/service/" + c.app + "?passing", "/v1/catalog/service/" + c.app,
		"/sd/prometheus?healthy=true",
	} {
		status, b, err := request(http.MethodGet, n.http+path, "")
		if err != nil || status != http.StatusOK || !strings.Contains(string(b), port) {
			t.Errorf("%s: %d, %v: %.500s", path, status, err, b)
		}
	}
	host, _, err := net.SplitHostPort(strings.TrimPrefix(n.http, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	dns := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, host+":8600")
	}}
	_, answers, err := dns.LookupSRV(t.Context(), "", "", c.app+".service.muster.")
	if err != nil || len(answers) != 1 || strconv.Itoa(int(answers[0].Port)) != port {
		t.Errorf("DNS: %v, %v", answers, err)
	}
}
