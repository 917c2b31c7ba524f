package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// snippet writes the README's code block with that opening line to a file, with the addresses of these nodes in place of
// those that it names, which are 127.0.0.1:8761 and :8762.
func snippet(t *testing.T, opening, file string, nodes ...*node) string {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```"+regexp.QuoteMeta(opening)+"\n(.*?)```").FindAllSubmatch(page, -1)
	if len(found) != 1 {
		t.Fatalf("the README has %d blocks %q, want one", len(found), opening)
	}
	text := string(found[0][1])
	for i, n := range nodes {
		named := fmt.Sprintf("127.0.0.1:%d", 8761+i)
		if !strings.Contains(text, named) {
			t.Fatalf("the README's block %q does not name %s", opening, named)
		}
		text = strings.ReplaceAll(text, named, strings.TrimPrefix(n.http, "http://"))
	}
	path := filepath.Join(t.TempDir(), file)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// isFound waits until a service has one instance, UP, at both nodes.
func isFound(t *testing.T, limit time.Duration, service string, nodes ...*node) {
	t.Helper()
	eventually(t, limit, func() string {
		for _, n := range nodes {
			all, err := n.find(service)
			if err != nil || len(all) != 1 {
				return fmt.Sprintf("%s: %s has %v, %v", n.id, service, all, err)
			}
			for id, i := range all {
				if i.Status != "UP" {
					return fmt.Sprintf("%s: %s is %s", n.id, id, i.Status)
				}
			}
		}
		return ""
	})
}

// isGone waits until it has none.
func isGone(t *testing.T, limit time.Duration, service string, nodes ...*node) {
	t.Helper()
	eventually(t, limit, func() string {
		for _, n := range nodes {
			if all, err := n.find(service); err != nil || len(all) != 0 {
				return fmt.Sprintf("%s: %s has %v, %v", n.id, service, all, err)
			}
		}
		return ""
	})
}

func twoNodes(t *testing.T) []*node {
	t.Helper()
	first := startNode(t, "n1", nil)
	return []*node{first, startNode(t, "n2", []*node{first})}
}

func TestTheReadmesProgramInNodeJSRegistersAndEnds(t *testing.T) {
	need.All(t, lacks("node", "js/node_modules")()...)
	t.Parallel()
	nodes := twoNodes(t)
	modules, err := filepath.Abs("js/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "readme.js", []string{"NODE_PATH=" + modules}, "node", snippet(t, "js", "readme.js", nodes...))
	isFound(t, 20*time.Second, "payments", nodes...)
	p.terminate()
	isGone(t, 10*time.Second, "payments", nodes...)
}

func TestTheReadmesConfigurationsOfSpringRegister(t *testing.T) {
	for module, opening := range map[string]string{"spring": "yaml spring", "alibaba": "yaml spring nacos"} {
		t.Run(module, func(t *testing.T) {
			need.All(t, javaLacks(module)()...)
			t.Parallel()
			nodes := twoNodes(t)
			p := start(t, module, []string{
				"SPRING_CONFIG_LOCATION=file:" + snippet(t, opening, "application.yml", nodes...), "SERVER_PORT=" + strconv.Itoa(nextPort()),
			}, javaProgram(module)(t)...)
			isFound(t, 60*time.Second, "payments", nodes...)
			p.terminate()
			isGone(t, 20*time.Second, "payments", nodes...)
		})
	}
}

func TestTheReadmesConfigurationOfPrometheusFindsTargets(t *testing.T) {
	need.All(t, need.Missing("prometheus")...)
	t.Parallel()
	n := startNode(t, "n1", nil)
	host, port, _ := strings.Cut(strings.TrimPrefix(n.http, "http://"), ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	n.registers("web-1", host, number) // The node itself is what is scraped.
	address := "127.0.0.1:" + freePort(t)
	start(t, "prometheus", nil, "prometheus", "--config.file="+snippet(t, "yaml prometheus", "prometheus.yml", n),
		"--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address, "--log.level=warn")
	eventually(t, 30*time.Second, func() string {
		status, b, err := request("GET", "http://"+address+"/api/v1/targets?state=active", "")
		if err != nil || status != 200 || !strings.Contains(string(b), `"service":"web"`) || !strings.Contains(string(b), "http://"+host+":"+port+"/metrics") {
			return fmt.Sprintf("it has not the target: %d, %v: %s", status, err, b)
		}
		return ""
	})
}
