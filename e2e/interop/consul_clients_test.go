package interop

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// consulKind is one of the clients in Go that are proven to work with Consul's protocol, or with what stands beside it.
type consulKind struct {
	kind
	maintains bool          // it can take its instance out of service
	noEmpty   bool          // it keeps the last list when there is nobody left
	retries   time.Duration // how long it waits at most before it asks again after an error
	lapses    bool          // it may miss its own TTL when a report is lost, and comes back by itself
	ran       string        // what is run with it, for the README
}

const consulModule = "consulclients/go.mod"

// consulKinds is all of them. The table in the README is this one.
var consulKinds = []consulKind{
	{
		kind: kind{
			name: "agent", title: "`github.com/hashicorp/consul/api` and its `watch`", version: "v1.33.4",
			pin: [2]string{consulModule, "github.com/hashicorp/consul/api v1.33.4\n"},
		},
		maintains: true, retries: 5 * time.Second,
		ran: "registers with a TTL check, reports, follows by plans, maintenance, deregisters",
	},
	{
		kind: kind{
			name: "gokit", title: "Go kit `github.com/go-kit/kit/sd/consul`", version: "v0.13.0",
			pin: [2]string{consulModule, "github.com/go-kit/kit v0.13.0\n"},
		},
		retries: time.Second,
		ran:     "registers with a TCP check, follows, deregisters",
	},
	{
		kind: kind{
			name: "kratos", title: "Kratos `github.com/go-kratos/kratos/contrib/registry/consul/v2`", version: "v2.0.0-20260105075216-c7a58ff59f80",
			pin: [2]string{consulModule, "kratos/contrib/registry/consul/v2 v2.0.0-20260105075216-c7a58ff59f80\n"},
		},
		noEmpty: true, lapses: true, retries: 2 * time.Second,
		ran: "registers with a TCP and a TTL check, reports, follows, deregisters",
	},
	{
		kind: kind{
			name: "grpc", title: "`github.com/mbobakov/grpc-consul-resolver`", version: "v1.5.3",
			pin: [2]string{consulModule, "github.com/mbobakov/grpc-consul-resolver v1.5.3\n"},
		},
		maintains: true, retries: time.Second,
		ran: "gRPC servers with a gRPC check, a client that calls them by name all the time",
	},
	{
		kind: kind{
			name: "template", title: "`github.com/hashicorp/consul-template`", version: "v0.41.1", reads: true,
			pin: [2]string{consulModule, "github.com/hashicorp/consul-template v0.41.1\n"},
		},
		retries: 2 * time.Second,
		ran:     "renders a template of services",
	},
	{
		kind: kind{
			name: "consulsd", title: "Prometheus `consul_sd_configs`", version: "v0.312.0", reads: true,
			pin: [2]string{consulModule, "github.com/prometheus/prometheus v0.312.0\n"},
		},
		retries: 15 * time.Second,
		ran:     "follows the catalog and every service",
	},
	{
		kind: kind{
			name: "httpsd", title: "Prometheus `http_sd_configs`, `/sd/prometheus`", version: "v0.312.0", reads: true,
			pin: [2]string{consulModule, "github.com/prometheus/prometheus v0.312.0\n"},
		},
		retries: time.Second,
		ran:     "reads all services each second",
	},
}

var buildConsulClients = sync.OnceValues(func() (string, error) { return build("consulclients", "consulclients", ".") })

// consulLacks is for what needs the clients in Go, and hosts for them.
func consulLacks() []string {
	if missing := append(need.Missing("haproxy"), loopbackLacks()...); len(missing) > 0 {
		return missing
	}
	return consulModulesLack()
}

// consulModulesLack is for what needs the program of the clients in Go.
func consulModulesLack() []string {
	if missing := need.Missing("go"); len(missing) > 0 {
		return missing
	}
	if _, err := buildConsulClients(); err != nil && strings.Contains(err.Error(), "GOPROXY=off") {
		return []string{"the modules of e2e/interop/consulclients (bash .ci/interop fetches them)"}
	}
	return nil
}

// consulKindOf is the kind that a client is of.
func consulKindOf(c *client) consulKind {
	return consulKinds[slices.IndexFunc(consulKinds, func(k consulKind) bool { return k.name == c.name })]
}

// shop is the service that the test itself registers. There are always two instances of it, and sometimes a third.
const shop = "shop"

// launchConsul starts a client on a host, that knows one address.
func launchConsul(t *testing.T, k consulKind, host, registry string) *client {
	t.Helper()
	c := &client{kind: k.kind, app: k.name, id: k.name + "-1"}
	watch := []string{shop}
	for _, k := range consulKinds {
		if !k.reads {
			watch = append(watch, k.name)
		}
	}
	c.proc = start(t, c.id, []string{
		"REGISTRY=" + registry, "HOST=" + host, "SERVICE=" + c.app, "INSTANCE=" + c.id,
		"WATCH=" + strings.Join(watch, ","), "DIR=" + t.TempDir(),
	}, built(t, buildConsulClients), k.name)
	return c
}

// finds waits until the client has so many instances of a service.
func (c *client) finds(t *testing.T, service string, want int, limit time.Duration) {
	t.Helper()
	if want == 0 && consulKindOf(c).noEmpty {
		return
	}
	eventually(t, limit, func() string {
		found := c.must(t, "sees "+service, "SEES")
		n := 0
		if found != "" {
			n = strings.Count(found, ",") + 1
		}
		if n != want {
			return fmt.Sprintf("%s finds %d instances of %s, want %d: %s", c.id, n, service, want, found)
		}
		return ""
	})
}

// neverFewer holds the client to it that it has had so many instances of a service at any time.
func (c *client) neverFewer(t *testing.T, service string, than int) {
	t.Helper()
	if n, err := strconv.Atoi(c.must(t, "fewest "+service, "FEWEST")); err != nil || n < than {
		t.Errorf("%s has once found %d instances of %s, want never less than %d", c.id, n, service, than)
	}
}
