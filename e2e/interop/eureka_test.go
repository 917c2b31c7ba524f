package interop

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// startEureka starts a real Eureka server, with the registries as its peers, and waits until it answers.
func startEureka(t *testing.T, port string, peers ...registry) *eurekaServer {
	t.Helper()
	need.All(t, javaLacks("server")()...)
	env := []string{"PORT=" + port}
	if len(peers) > 0 {
		var urls []string
		for _, p := range peers {
			urls = append(urls, p.eureka("/eureka")+"/")
		}
		env = append(env, "EUREKA_URLS="+strings.Join(urls, ","))
	}
	e := &eurekaServer{url: "http://127.0.0.1:" + port + "/eureka"}
	e.proc = start(t, "eureka", env, javaProgram("server")(t)...)
	if line, ok := e.proc.says(60*time.Second, "@ "); !ok || line != "@ STARTED" {
		t.Fatalf("the Eureka server did not start: %q", line)
	}
	eventually(t, 20*time.Second, func() string {
		status, _, err := request("GET", e.url+"/apps", "")
		if err != nil || status != http.StatusOK {
			return fmt.Sprintf("the Eureka server is not ready: %d, %v", status, err)
		}
		return ""
	})
	return e
}

// freePort is one that nobody listens at. Two programs that have to know each other's port before either runs leave no
// other way.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
