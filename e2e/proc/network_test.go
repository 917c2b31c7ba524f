package proc

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/need"
)

// requires skips a test, with one line that says what is missing, unless the machine can make network namespaces with
// firewalls. Where MUSTER_REQUIRE_ALL is 1 it fails the test instead.
func requires(t *testing.T, tools ...string) {
	t.Helper()
	missing := need.Missing(tools...)
	if os.Geteuid() != 0 {
		missing = append(missing, "root")
	}
	if len(missing) == 0 {
		if err := namespacesWork(); err != nil {
			missing = append(missing, "the right to make network namespaces with firewalls ("+err.Error()+")")
		}
	}
	need.All(t, missing...)
}

// namespacesWork tries what a network needs of the kernel.
var namespacesWork = sync.OnceValue(func() error {
	ns := thisRun.prefix + "probe"
	err := errors.Join(
		command("", "ip", "netns", "add", ns),
		command(ruleset([]string{"10.213.0.1"}, []string{"10.213.0.2"}, 30), "ip", "netns", "exec", ns, "nft", "-f", "-"),
		command("", "ip", "netns", "del", ns),
	)
	return err
})

// command runs a program with the given standard input. The error says what it printed.
func command(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// network is hosts on one switch, or on one for each data centre. Each host is a network namespace with one address in a
// subnet of its own, and a switch is one more namespace: nothing of it is seen by, or can reach, the machine's own network.
type network struct {
	t     *testing.T
	name  string
	hosts []*host

	mu   sync.Mutex
	cuts map[[2]*host]bool // from, to
	loss int               // percent of the packets between nodes
}

// host is one machine of a network.
type host struct {
	net      *network
	name, ip string
	node     bool // it runs an agent, and not only clients
	relay    func() (*http.Client, error)
}

// making keeps commands that make namespaces apart: the first one ever sets up their folder.
var making sync.Mutex

// newNetwork makes a network of nodes n1 to n<nodes> and clients c1 to c<clients>, which is removed with the test.
func newNetwork(t *testing.T, name string, nodes, clients int) *network {
	t.Helper()
	n := &network{t: t, name: name, cuts: map[[2]*host]bool{}}
	t.Cleanup(n.remove)
	making.Lock()
	defer making.Unlock()
	n.addSwitch("switch")
	for i := range nodes {
		n.add("switch", fmt.Sprintf("n%d", i+1), fmt.Sprintf("10.213.0.%d", i+1), true)
	}
	for i := range clients {
		n.add("switch", fmt.Sprintf("c%d", i+1), fmt.Sprintf("10.213.0.%d", 101+i), false)
	}
	return n
}

// addSwitch makes a switch.
func (n *network) addSwitch(name string) {
	n.t.Helper()
	n.ip("", "netns", "add", n.namespace(name))
	n.ip("link add br0 type bridge\nlink set br0 up\n", "-n", n.namespace(name), "-batch", "-")
}

func (n *network) namespace(host string) string { return thisRun.prefix + n.name + "-" + host }

// ip runs the program of that name, which has to succeed.
func (n *network) ip(stdin string, args ...string) {
	n.t.Helper()
	if err := command(stdin, "ip", args...); err != nil {
		n.t.Fatal(err)
	}
}

// add makes a host and connects it to a switch.
func (n *network) add(on, name, ip string, node bool) {
	n.t.Helper()
	h := &host{net: n, name: name, ip: ip, node: node}
	h.relay = sync.OnceValues(h.startRelay)
	ns, sw := n.namespace(name), n.namespace(on)
	n.ip("", "netns", "add", ns)
	n.ip("", "link", "add", "eth0", "netns", ns, "type", "veth", "peer", "name", name, "netns", sw)
	n.ip("link set "+name+" master br0\nlink set "+name+" up\n", "-n", sw, "-batch", "-")
	n.ip("link set lo up\naddr add "+ip+"/24 dev eth0\nlink set eth0 up\n", "-n", ns, "-batch", "-")
	n.hosts = append(n.hosts, h)
}

// remove removes the namespaces, and with them their interfaces. Their processes have ended before: their tests started
// them later, so they clean up earlier.
func (n *network) remove() {
	for _, ns := range thisRun.namespaces() {
		if strings.HasPrefix(ns, n.namespace("")) {
			if err := command("", "ip", "netns", "del", ns); err != nil {
				n.t.Error(err)
			}
		}
	}
}

// host is the host of that name.
func (n *network) host(name string) *host {
	n.t.Helper()
	i := slices.IndexFunc(n.hosts, func(h *host) bool { return h.name == name })
	if i < 0 {
		n.t.Fatalf("no host %s", name)
	}
	return n.hosts[i]
}

// pick is the hosts of those names, separated by spaces.
func (n *network) pick(names string) (hosts []*host) {
	n.t.Helper()
	for name := range strings.FieldsSeq(names) {
		hosts = append(hosts, n.host(name))
	}
	return hosts
}

// cut drops what hosts of from send to hosts of to, and nothing of what comes back.
func (n *network) cut(from, to []*host) {
	n.t.Helper()
	n.change(func() {
		for _, f := range from {
			for _, h := range to {
				n.cuts[[2]*host{f, h}] = f != h
			}
		}
	})
}

// partition cuts the sides from each other, both ways.
func (n *network) partition(a, b []*host) {
	n.t.Helper()
	n.change(func() {
		for _, x := range a {
			for _, y := range b {
				n.cuts[[2]*host{x, y}], n.cuts[[2]*host{y, x}] = true, true
			}
		}
	})
}

// lose drops so many of a hundred packets between nodes, at random.
func (n *network) lose(percent int) {
	n.t.Helper()
	n.change(func() { n.loss = percent })
}

// heal undoes every cut and loss.
func (n *network) heal() {
	n.t.Helper()
	n.change(func() { clear(n.cuts); n.loss = 0 })
}

// change changes what is dropped and gives every host its new rules, all at about the same time.
func (n *network) change(f func()) {
	n.t.Helper()
	n.mu.Lock()
	f()
	rules := map[*host]string{}
	for _, h := range n.hosts {
		var from, nodes []string
		for _, other := range n.hosts {
			if n.cuts[[2]*host{other, h}] {
				from = append(from, other.ip)
			}
			if other.node && other != h {
				nodes = append(nodes, other.ip)
			}
		}
		loss := n.loss
		if !h.node {
			loss = 0
		}
		rules[h] = ruleset(from, nodes, loss)
	}
	n.mu.Unlock()
	var wg sync.WaitGroup
	for h, rule := range rules {
		wg.Go(func() {
			if err := command(rule, "ip", "netns", "exec", n.namespace(h.name), "nft", "-f", "-"); err != nil {
				n.t.Error(err)
			}
		})
	}
	wg.Wait()
	if n.t.Failed() {
		n.t.FailNow()
	}
}

// ruleset is nft's rules of a host, in the place of those that it has: drop what comes from the cut hosts, and loss
// percent of what comes from the lossy ones.
func ruleset(cut, lossy []string, loss int) string {
	var b strings.Builder
	b.WriteString("table inet faults\ndelete table inet faults\ntable inet faults {\n\tchain input {\n")
	b.WriteString("\t\ttype filter hook input priority 0; policy accept;\n")
	if len(cut) > 0 {
		fmt.Fprintf(&b, "\t\tip saddr { %s } drop\n", strings.Join(cut, ", "))
	}
	if len(lossy) > 0 && loss > 0 {
		fmt.Fprintf(&b, "\t\tip saddr { %s } numgen random mod 100 < %d drop\n", strings.Join(lossy, ", "), loss)
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

// within is what runs a program on the host.
func (h *host) within() []string { return []string{"ip", "netns", "exec", h.net.namespace(h.name)} }

// clusterKey encrypts gossip in every network. It is no secret.
const clusterKey = "bXVzdGVyIHRlc3RzIGtleQ=="

// start starts the host's agent, which knows the first two nodes, and waits until it listens.
func (h *host) start(flags ...string) *agent {
	h.net.t.Helper()
	patient := *h.http()
	patient.Timeout = client.Timeout
	a := &agent{t: h.net.t, name: h.name, bin: binary(h.net.t), within: h.within(), client: &patient}
	a.launch(append([]string{
		"--bind", net.JoinHostPort(h.ip, "7946"), "--http", net.JoinHostPort(h.ip, "8761"), "--insecure", "--encrypt", clusterKey,
		"--join", "10.213.0.1:7946", "--join", "10.213.0.2:7946", "--ready-wait", "20s",
	}, flags...)...)
	return a
}

// url is where the host's agent has its API.
func (h *host) url() string { return "http://" + net.JoinHostPort(h.ip, "8761") }

// requestLimit is how long a client waits for an answer before it asks another node.
const requestLimit = time.Second
