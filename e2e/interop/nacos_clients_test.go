package interop

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// nacosKind is one of the clients that are proven to work with Nacos' protocol.
type nacosKind struct {
	kind
	cluster   string // the one that it registers in
	subscribe bool   // it is told of changes, or asks often; else it asks each time
	ran       string // what is run with it, for the README
}

// nacosKinds is all of them. The table in the README is this one.
var nacosKinds = []nacosKind{
	{
		kind: kind{
			name: "nacos-go", title: "`github.com/nacos-group/nacos-sdk-go`", language: "Go", version: "v1.1.4",
			pin:     [2]string{"nacosclients/go.mod", "github.com/nacos-group/nacos-sdk-go v1.1.4\n"},
			lacking: nacosGoLacks, argv: nacosGoProgram, port: nextPort,
		},
		cluster: "DEFAULT", subscribe: true,
		ran: "logs in, registers, sends full beats, selects, subscribes, updates, deregisters",
	},
	{
		kind: kind{
			name: "nacos-java", title: "`com.alibaba.nacos:nacos-client`", language: "Java", version: "1.4.7",
			pin:     [2]string{"java/pom.xml", "<nacos.version>1.4.7<"},
			lacking: javaLacks("nacos"), argv: javaProgram("nacos"), port: nextPort,
		},
		cluster: "DEFAULT", subscribe: true,
		ran: "registers, sends light beats, selects, subscribes, updates by the maintenance service, deregisters",
	},
	{
		kind: kind{
			name: "nacos-alibaba", title: "Spring Cloud Alibaba `spring-cloud-starter-alibaba-nacos-discovery`",
			language: "Java, Spring Boot 2.4.2", version: "2021.1",
			pin:     [2]string{"java/pom.xml", "<alibaba.version>2021.1<"},
			lacking: javaLacks("alibaba"), argv: javaProgram("alibaba"),
		},
		cluster: "DEFAULT",
		ran:     "registers, sends light beats, `DiscoveryClient`, takes itself out by the service registry, deregisters",
	},
	{
		kind: kind{
			name: "nacos-python", title: "`nacos-sdk-python`, its `NacosClient`", language: "Python", version: "2.0.11",
			pin:     [2]string{"python/requirements.txt", "nacos-sdk-python==2.0.11\n"},
			lacking: nacosPythonLacks, argv: program("python/.venv/bin/python", "python/nacos_client.py"),
			port: nextPort,
		},
		cluster: "PY",
		ran:     "logs in, registers in a cluster, sends full beats, lists, modifies, deregisters",
	},
}

var buildNacosClients = sync.OnceValues(func() (string, error) { return build("nacosclients", "nacosclients", ".") })

// nacosGoLacks is for what needs the module of the client in Go.
func nacosGoLacks() []string {
	if missing := need.Missing("go"); len(missing) > 0 {
		return missing
	}
	if _, err := buildNacosClients(); err != nil && strings.Contains(err.Error(), "GOPROXY=off") {
		return []string{"the modules of e2e/interop/nacosclients (bash .ci/interop fetches them)"}
	}
	return nil
}

// nacosPythonLacks is for what needs the client in Python, which came later than the folder that it is in.
func nacosPythonLacks() []string {
	missing := need.Missing("python3")
	if found, _ := filepath.Glob("python/.venv/lib/*/site-packages/nacos"); len(found) == 0 {
		missing = append(missing, "nacos-sdk-python in e2e/interop/python/.venv (bash .ci/interop makes it)")
	}
	return missing
}

func nacosGoProgram(t *testing.T) []string {
	t.Helper()
	return []string{built(t, buildNacosClients)}
}

// nacosKindOf is the kind that a client is of.
func nacosKindOf(c *client) nacosKind {
	for _, k := range nacosKinds {
		if k.name == c.name {
			return k
		}
	}
	return nacosKind{}
}

// launchNacos starts a client that knows all nodes and follows the shop.
func launchNacos(t *testing.T, k nacosKind, nodes []*node) *client {
	t.Helper()
	c := &client{kind: k.kind, app: k.name}
	if k.port != nil {
		c.number = k.port()
	}
	var servers []string
	for _, n := range nodes {
		servers = append(servers, strings.TrimPrefix(n.http, "http://"))
	}
	dir := t.TempDir()
	c.proc = start(t, c.name, []string{
		"SERVERS=" + strings.Join(servers, ","), "APP=" + c.app, "PORT=" + strconv.Itoa(c.number), "WATCH=" + shop, "DIR=" + dir,
		fmt.Sprintf("RENEW=%d", renew/time.Millisecond), fmt.Sprintf("LEASE=%d", lease/time.Millisecond),
		"JAVA_TOOL_OPTIONS=-Duser.home=" + dir, // Where that client writes what it knows, and why.
	}, k.argv(t)...)
	return c
}

// identified gives the client the id of its instance, which it finds by its service where it has chosen its port itself.
func (c *client) identified(t *testing.T, n *node) {
	t.Helper()
	eventually(t, 10*time.Second, func() string {
		all, err := n.find(c.app)
		if err != nil || len(all) != 1 {
			return fmt.Sprintf("%s has %d instances at %s: %v", c.app, len(all), n.id, err)
		}
		for id := range all {
			c.id = id
		}
		return ""
	})
}

// told waits until the client was last told of so many instances of the shop.
func (c *client) told(t *testing.T, want int) {
	t.Helper()
	if !nacosKindOf(c).subscribe {
		c.sees(t, shop, want)
		return
	}
	eventually(t, 10*time.Second, func() string {
		if got := c.must(t, "told", "TOLD"); got != strconv.Itoa(want) {
			return fmt.Sprintf("%s was told of %s instances of %s, want %d", c.name, got, shop, want)
		}
		return ""
	})
}
