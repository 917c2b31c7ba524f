package interop

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// loopback is an address of loopback of this run's own, where every port is free: 53, which is the only one that a resolver
// asks, and those of programs that can't be told to pick one. A port that was free a moment ago may not be any more.
func loopback(n int) string {
	return fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%128, os.Getpid()/128%256, n)
}

// loopbackLacks is what a test needs that gives hosts of their own to its programs.
func loopbackLacks() []string {
	if runtime.GOOS != "linux" {
		return []string{"the many addresses of loopback that Linux has"}
	}
	return nil
}

// resolverLacks is what a program needs, beside programs, to be given name servers of its own.
func resolverLacks(programs ...string) []string {
	missing := need.Missing(append(programs, "unshare", "mount")...)
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return append(missing, "root of a Linux")
	}
	if err := exec.Command("unshare", "-m", "true").Run(); err != nil {
		missing = append(missing, "the right to have a mount namespace")
	}
	l, err := net.Listen("tcp", loopback(250)+":53")
	if err != nil {
		return append(missing, "the right to listen at port 53 of "+loopback(250))
	}
	_ = l.Close()
	return missing
}

// resolving is how a program is run that asks these name servers and no others: it sees another /etc/resolv.conf than the
// rest of this machine.
func resolving(t *testing.T, servers ...string) []string {
	t.Helper()
	conf := "options timeout:1 attempts:2\nnameserver " + strings.Join(servers, "\nnameserver ") + "\n"
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, file}
}

// namingNodes is two nodes that answer DNS at port 53 of their own addresses.
func namingNodes(t *testing.T, from int) (nodes []*node, servers []string) {
	t.Helper()
	for i := range 2 {
		server := loopback(from + i)
		nodes = append(nodes, startNode(t, fmt.Sprintf("n%d", i+1), nodes, "--dns", server+":53"))
		servers = append(servers, server)
	}
	return nodes, servers
}

// registers registers an instance of web for good, by the native API.
func (n *node) registers(id, address string, port int) {
	n.t.Helper()
	body := fmt.Sprintf(`{"service":"web","id":%q,"address":%q,"port":%d,"permanent":true}`, id, address, port)
	if status, b, err := request("POST", n.http+"/api/v1/services/instances", body); err != nil || status/100 != 2 {
		n.t.Fatalf("%d, %v: %s", status, err, b)
	}
}

// Programs that know nothing of Muster find services by the resolver that their system or language has: getaddrinfo of the
// C library, by itself and in Python, and Go's own. They find them when the first node is dead, too.
func TestEveryProgramsResolverFindsServices(t *testing.T) {
	need.All(t, resolverLacks("getent", "python3")...)
	need.All(t, consulModulesLack()...)
	t.Parallel()
	nodes, servers := namingNodes(t, 1)
	nodes[0].registers("web-1", "127.0.0.11", 8080)
	nodes[0].registers("web-2", "127.0.0.12", 8080)
	finds := func(t *testing.T) {
		t.Helper()
		for _, argv := range [][]string{
			{"getent", "ahostsv4", "web.service.muster"},
			{"python3", "-c", "import socket\nfor a in socket.getaddrinfo('web.service.consul', 80, socket.AF_INET, socket.SOCK_STREAM): print(a[4][0])"},
			{built(t, buildConsulClients), "lookup", "Web.Service.muster"},
		} {
			t.Run(filepath.Base(argv[0]), func(t *testing.T) {
				out, err := command(append(resolving(t, servers...), argv...)...)
				if err != nil || !strings.Contains(out, "127.0.0.11") || !strings.Contains(out, "127.0.0.12") {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		t.Run("a name that is not there", func(t *testing.T) {
			out, err := command(append(resolving(t, servers...), "getent", "hosts", "nobody.service.muster")...)
			if failed, ok := err.(*exec.ExitError); !ok || failed.ExitCode() != 2 { //nolint:errorlint // Nobody wraps it.
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	eventually(t, soon, func() string {
		all, err := nodes[1].find("web")
		if err != nil || len(all) != 2 {
			return fmt.Sprintf("%v, %v", all, err)
		}
		return ""
	})
	t.Run("two nodes", finds)
	nodes[0].proc.kill()
	t.Run("one is dead", finds)
}

// command runs a program to its end.
func command(argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = attributes()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// dnsperfRate is how many questions a second are asked. A node alone on a processor answers many times as many; this one
// is watched by the race detector, and shares two.
const dnsperfRate = 2000

// Nothing is lost at a steady rate, and nothing is refused.
func TestDnsperfLosesNoAnswer(t *testing.T) {
	need.All(t, append(need.Missing("dnsperf"), loopbackLacks()...)...)
	n := startNode(t, "n1", nil, "--dns", loopback(20)+":8600")
	for i := range 50 {
		n.registers(fmt.Sprintf("web-%d", i), fmt.Sprintf("10.0.0.%d", i+1), 8080)
	}
	questions := filepath.Join(t.TempDir(), "questions")
	if err := os.WriteFile(questions, []byte("web.service.muster A\n_web._tcp.service.muster SRV\nweb.service.muster AAAA\n"+
		"n1.node.consul A\nmuster SOA\n0a000001.addr.dc1.muster A\nnobody.service.muster A\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := command("dnsperf", "-s", loopback(20), "-p", "8600", "-d", questions, "-l", "5", "-c", "4", "-e", "-Q", strconv.Itoa(dnsperfRate))
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{
		`Queries lost: +0 \(`, `Response codes: +NOERROR \d+ \(85\.\d+%\), NXDOMAIN \d+ \(14\.\d+%\)\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("nothing is like %s in\n%s", want, out)
		}
	}
	m := regexp.MustCompile(`Queries per second: +([\d.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatal(out)
	}
	if rate, err := strconv.ParseFloat(m[1], 64); err != nil || rate < 0.9*dnsperfRate {
		t.Errorf("%s answers a second, want %d: %s", m[1], dnsperfRate, out)
	}
	t.Logf("%s answers a second; %s", m[1], regexp.MustCompile(`Average Latency.*`).FindString(out))
}

// --dns-rate bounds what a network of clients is answered by UDP. Who is over it is sent to TCP, and is answered there.
func TestTheDNSRateOfTheFlagSendsClientsToTCP(t *testing.T) {
	need.All(t, append(resolverLacks("dig", "ip"), need.Missing("nsenter")...)...)
	t.Parallel()
	// Loopback is never limited, so the node has a host of its own, with another address.
	const address = "192.0.2.1"
	for _, rate := range []string{"5", "0"} {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			p := start(t, "n1", nil, "unshare", "-n", "sh", "-c", `ip link set lo up && ip address add "$0/32" dev lo && exec "$@"`, address,
				musterBinary(t), "agent", "--node", "n1", "--profile", "local", "--bind", "127.0.0.1:0", "--http", "127.0.0.1:0",
				"--dns", address+":53", "--dns-rate", rate, "--insecure")
			if _, ok := p.says(20*time.Second, "try:"); !ok {
				t.Fatal("it does not start")
			}
			// dig asks one after the other: 60 take far less than the ten seconds in which the rate would allow them.
			const questions = 60
			dig := func(how string) (answered, truncated int) {
				t.Helper()
				argv := []string{"nsenter", "-n", "-t", strconv.Itoa(p.cmd.Process.Pid), "dig", "@" + address, "+tries=1", how}
				out, err := command(append(argv, slices.Repeat([]string{"n1.node.muster"}, questions)...)...)
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return strings.Count(out, "ANSWER: 1,"), strings.Count(out, " tc ")
			}
			answered, truncated := dig("+ignore")
			if answered+truncated != questions || (truncated > 0) != (rate != "0") || answered < 5 {
				t.Errorf("of %d questions at a rate of %s, %d were answered and %d sent to TCP", questions, rate, answered, truncated)
			}
			if answered, _ := dig("+tcp"); answered != questions {
				t.Errorf("of %d questions over TCP, %d were answered", questions, answered)
			}
		})
	}
}
