package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// prometheusJobs are the ways in which one server finds the same targets, with what its configuration says of each.
var prometheusJobs = map[string]string{
	"consul": `
    consul_sd_configs:
      - server: REGISTRY
        services: [web]
        refresh_interval: 1s`,
	"eureka": `
    eureka_sd_configs:
      - server: http://REGISTRY/eureka
        refresh_interval: 1s
    relabel_configs:
      - {source_labels: [__meta_eureka_app_name], regex: WEB, action: keep}`,
	"http": `
    http_sd_configs:
      - url: http://REGISTRY/sd/prometheus?service=web
        refresh_interval: 1s`,
	"dns": `
    dns_sd_configs:
      - names: [_web._tcp.service.muster]
        type: SRV
        refresh_interval: 1s`,
}

// prometheusServers are the real servers. Debian's has no consul_sd, since Debian has no client of Consul.
var prometheusServers = []struct {
	name    string
	program string
	lacks   func() []string
	jobs    []string
}{
	{"Debian's", "prometheus", func() []string { return need.Missing("haproxy", "prometheus") }, []string{"eureka", "http", "dns"}},
	{"v0.312.0", "prometheus/bin/prometheus", lacks("haproxy", "prometheus/bin/prometheus"), []string{"consul", "eureka", "http", "dns"}},
}

// Real Prometheus servers scrape what they find by each kind of discovery, at one node through a load balancer and by DNS.
// They follow what comes and goes, and drop nothing when that node dies.
func TestPrometheusServersScrapeWhatTheyFindInFourWays(t *testing.T) {
	t.Parallel()
	for i, server := range prometheusServers {
		t.Run(server.name, func(t *testing.T) {
			need.All(t, append(resolverLacks(), server.lacks()...)...)
			t.Parallel()
			scrapes(t, server.program, server.jobs, 11+2*i)
		})
	}
}

func scrapes(t *testing.T, program string, jobs []string, from int) {
	t.Helper()
	nodes, servers := namingNodes(t, from)
	registry := startHAProxy(t, servers[0], true, nodes)
	targets := map[string]*httptest.Server{}
	comes := func(n *node, id string) {
		t.Helper()
		targets[id] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("alive 1\n")) // Prometheus notices if it did not get it.
		}))
		t.Cleanup(targets[id].Close)
		address := targets[id].Listener.Addr().String()
		port, err := strconv.Atoi(address[strings.LastIndexByte(address, ':')+1:])
		if err != nil {
			t.Fatal(err)
		}
		n.registers(id, "127.0.0.1", port)
	}
	goes := func(n *node, id string) {
		t.Helper()
		if status, b, err := request("DELETE", n.http+"/api/v1/services/web/instances/"+id, ""); err != nil || status/100 != 2 {
			t.Fatalf("%d, %v: %s", status, err, b)
		}
		delete(targets, id)
	}
	comes(nodes[0], "web-1")
	comes(nodes[0], "web-2")
	p := startPrometheus(t, program, jobs, registry, servers)
	t.Cleanup(func() {
		if t.Failed() {
			found, err := p.targets()
			t.Logf("at last it scrapes %v, %v", found, err)
		}
	})
	// scraped is what is wrong with what is scraped: each job has each of the targets, up, and no other.
	scraped := func() string {
		found, err := p.targets()
		if err != nil {
			return err.Error()
		}
		want := []string{}
		for _, s := range targets {
			want = append(want, s.Listener.Addr().String()+" up")
		}
		slices.Sort(want)
		for _, job := range jobs {
			if !slices.Equal(found[job], want) {
				return fmt.Sprintf("%s has %v, want %v", job, found[job], want)
			}
		}
		return ""
	}
	// kept is what is wrong if any of these is not up in any job. Others may come and go.
	steady := []string{targets["web-1"].Listener.Addr().String() + " up", targets["web-2"].Listener.Addr().String() + " up"}
	kept := func() string {
		found, err := p.targets()
		if err != nil {
			return err.Error()
		}
		for _, job := range jobs {
			for _, want := range steady {
				if !slices.Contains(found[job], want) {
					return fmt.Sprintf("%s has lost a target: %v", job, found[job])
				}
			}
		}
		return ""
	}
	becomes := func(limit time.Duration) {
		t.Helper()
		eventually(t, limit, func() string {
			if what := kept(); what != "" {
				t.Fatal(what)
			}
			return scraped()
		})
	}
	eventually(t, 20*time.Second, scraped)
	comes(nodes[0], "web-3")
	becomes(15 * time.Second)
	goes(nodes[0], "web-3")
	becomes(15 * time.Second)
	nodes[0].proc.kill()
	always(t, 3*time.Second, kept)
	comes(nodes[1], "web-4")
	becomes(25 * time.Second) // consul_sd waits 15 s if its question got no answer.
	goes(nodes[1], "web-4")
	becomes(15 * time.Second)
}

// prometheusServer is a running one.
type prometheusServer struct{ url string }

func startPrometheus(t *testing.T, program string, jobs []string, registry string, servers []string) *prometheusServer {
	t.Helper()
	dir := t.TempDir()
	var conf strings.Builder
	conf.WriteString("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\nscrape_configs:\n")
	for _, job := range jobs {
		fmt.Fprintf(&conf, "  - job_name: %s%s\n", job, strings.ReplaceAll(prometheusJobs[job], "REGISTRY", registry))
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	address := servers[0] + ":9090"
	start(t, "prometheus", nil, append(resolving(t, servers...), program, "--config.file="+file,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")...)
	return &prometheusServer{url: "http://" + address}
}

// targets is what each job scrapes, "host:port health", sorted.
func (p *prometheusServer) targets() (map[string][]string, error) {
	status, b, err := request("GET", p.url+"/api/v1/targets?state=active", "")
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%w %d: %s", errStatus, status, b)
	}
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				ScrapePool, ScrapeURL, Health string
			}
		}
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, a := range answer.Data.ActiveTargets {
		host := strings.TrimSuffix(strings.TrimPrefix(a.ScrapeURL, "http://"), "/metrics")
		host = strings.Replace(host, "7f000001.addr.dc1.muster", "127.0.0.1", 1) // The target of an SRV, which it has to look up.
		found[a.ScrapePool] = append(found[a.ScrapePool], host+" "+a.Health)
	}
	for _, list := range found {
		slices.Sort(list)
	}
	return found, nil
}
