package interop

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startHAProxy starts a load balancer of TCP in front of the nodes' HTTP, on a host, and returns its address. It connects to
// each node ten times a second, and that one listens is all that it knows. Connections go to all nodes in turn, or, if it is
// for failover, to the first: to the next one while that is dead, and all over again to the first when that is back.
func startHAProxy(t *testing.T, host string, failover bool, nodes []*node) string {
	t.Helper()
	address := host + ":8500"
	var conf strings.Builder
	fmt.Fprintf(&conf, `global
  maxconn 2000
defaults
  mode tcp
  timeout connect 1s
  timeout client 15m
  timeout server 15m
  option redispatch 1
  retries 3
listen registry
  bind %s
  balance roundrobin
  default-server check inter 100ms fall 1 rise 1 on-marked-down shutdown-sessions
`, address)
	for i, n := range nodes {
		role := ""
		switch {
		case failover && i == 0:
			role = "on-marked-up shutdown-backup-sessions"
		case failover:
			role = "backup"
		}
		fmt.Fprintf(&conf, "  server %s %s %s\n", n.id, strings.TrimPrefix(n.http, "http://"), role)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "haproxy", nil, "haproxy", "-db", "-f", file)
	eventually(t, 10*time.Second, func() string {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return err.Error()
		}
		_ = c.Close()
		return ""
	})
	return address
}
