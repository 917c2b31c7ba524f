package proc

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/e2e/need"
)

// world is data centres that are far from each other: each has a switch of its own, which is its router as well, and what
// goes from one to another goes over a line. All hosts are gateways.
type world struct {
	*network
	datacenters int
	agents      map[*host]*agent

	ask      sync.Mutex // one question to the line at a time
	question io.Writer
	reply    *bufio.Reader
}

// requiresLines is requires, for a test that needs a world.
func requiresLines(t *testing.T) {
	t.Helper()
	requires(t, "ip", "nft", "tc")
	if err := linesWork(); err != nil {
		need.All(t, "what lines between data centres are made of ("+err.Error()+")")
	}
}

// linesWork tries what a world needs of the kernel beyond what a network does.
var linesWork = sync.OnceValue(func() error {
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	ns := thisRun.prefix + "lines"
	return errors.Join(
		tun.Close(),
		command("", "ip", "netns", "add", ns),
		command("", "ip", slices.Concat([]string{"netns", "exec", ns}, narrow("lo"))...),
		command("", "ip", "netns", "del", ns),
	)
})

// narrow is the command that lets no more than 64 kB a second leave an interface of the namespace that it runs in. What
// does not pass waits for up to 400 ms, as in a router, and is dropped then.
func narrow(device string) []string {
	return []string{"tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", "512kbit", "burst", "16kb", "latency", "400ms"}
}

// newWorld makes a world of data centres dc1, dc2 and so on of two hosts each, n1 and n2, n3 and n4, and so on.
func newWorld(t *testing.T, name string, datacenters int) *world {
	t.Helper()
	requiresLines(t)
	w := &world{network: &network{t: t, name: name, cuts: map[[2]*host]bool{}}, datacenters: datacenters, agents: map[*host]*agent{}}
	t.Cleanup(w.remove)
	making.Lock()
	defer making.Unlock()
	w.ip("", "netns", "add", w.namespace("line"))
	var ends []string
	for d := 1; d <= datacenters; d++ {
		ends = append(ends, "wan"+strconv.Itoa(d))
	}
	w.startLine(ends)
	for d := 1; d <= datacenters; d++ {
		router := fmt.Sprintf("10.213.%d.254", d)
		w.addSwitch(w.router(d))
		for i := range 2 {
			h := fmt.Sprintf("n%d", 2*d-1+i)
			w.add(w.router(d), h, fmt.Sprintf("10.213.%d.%d", d, i+1), true)
			w.ip("", "-n", w.namespace(h), "route", "add", "default", "via", router)
		}
		end := ends[d-1]
		w.ip("", "-n", w.namespace("line"), "link", "set", end, "netns", w.namespace(w.router(d)))
		w.ip(strings.Join([]string{
			"addr add " + router + "/24 dev br0",
			"link set " + end + " up txqueuelen 10000", // A burst waits here, and is not dropped.
			"route add default dev " + end,
		}, "\n"), "-n", w.namespace(w.router(d)), "-batch", "-")
		w.in(w.router(d), "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	}
	return w
}

// router is the name of the switch of a data centre.
func (*world) router(d int) string { return fmt.Sprintf("r%d", d) }

// in runs a program in one of the network's namespaces.
func (w *world) in(name string, argv ...string) {
	w.t.Helper()
	w.ip("", append([]string{"netns", "exec", w.namespace(name)}, argv...)...)
}

// startLine starts the process that holds up the packets.
func (w *world) startLine(ends []string) {
	w.t.Helper()
	w.question, w.reply = w.helper("line", roleLine, lineVariable+"="+strings.Join(ends, " "))
	if said, err := w.reply.ReadString('\n'); err != nil || said != "ready\n" {
		w.t.Fatalf("the line: %q, %v", said, err)
	}
}

// helper starts this program in another role, in one of the network's namespaces, until the test ends.
func (w *world) helper(where, role, setting string) (io.WriteCloser, *bufio.Reader) {
	w.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", w.namespace(where), os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, setting)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return in, bufio.NewReader(out)
}

// line is the state of the line.
func (w *world) line() (s lineState) {
	w.t.Helper()
	w.ask.Lock()
	defer w.ask.Unlock()
	if _, err := fmt.Fprintln(w.question, "state"); err != nil {
		w.t.Fatal(err)
	}
	said, err := w.reply.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(said, &s)
	}
	if err != nil {
		w.t.Fatalf("the line: %v", err)
	}
	return s
}

// pairTraffic is what has gone between two data centres, both ways.
type pairTraffic map[[2]int]lineTraffic

// pairs is what has gone between data centres since the line began.
func (s lineState) pairs() pairTraffic {
	both := pairTraffic{}
	for _, t := range s.Traffic {
		pair := [2]int{min(t.From, t.To), max(t.From, t.To)}
		sum := both[pair]
		sum.Bytes, sum.Payload = sum.Bytes+t.Bytes, sum.Payload+t.Payload
		both[pair] = sum
	}
	return both
}

// since is what has gone from then to now.
func (now pairTraffic) since(then pairTraffic) pairTraffic {
	diff := pairTraffic{}
	for pair, t := range now {
		was := then[pair]
		diff[pair] = lineTraffic{Bytes: t.Bytes - was.Bytes, Payload: t.Payload - was.Payload}
	}
	return diff
}

// pings asks the kernel of one host for echoes from another until it is told to stop; then it returns the round trips,
// sorted.
func (w *world) pings(from, to *host) (stop func() []time.Duration) {
	w.t.Helper()
	in, out := w.helper(from.name, rolePinger, pingVariable+"="+to.ip)
	took := make(chan []time.Duration, 1)
	go func() {
		var all []time.Duration
		for lines := bufio.NewScanner(out); lines.Scan(); {
			ns, err := strconv.ParseInt(lines.Text(), 10, 64)
			if err != nil {
				w.t.Errorf("the pinger on %s: %s", from.name, lines.Text())
				break
			}
			all = append(all, time.Duration(ns))
		}
		slices.Sort(all)
		took <- all
	}()
	return func() []time.Duration {
		w.t.Helper()
		_ = in.Close()
		all := <-took
		if len(all) == 0 {
			w.t.Fatal("no ping came back")
		}
		return all
	}
}

// datacenterOf is the number of a host's data centre.
func datacenterOf(h *host) int { return (int(h.name[1]-'0') + 1) / 2 }

// of is the hosts of a data centre.
func (w *world) of(d int) (found []*host) {
	for _, h := range w.hosts {
		if datacenterOf(h) == d {
			found = append(found, h)
		}
	}
	return found
}

// start starts an agent on every host, and waits until all are ready and every pair of data centres has the one link that
// it is going to keep.
func (w *world) start(bin string, flags ...string) {
	w.t.Helper()
	for i, h := range w.hosts {
		patient := *h.http()
		patient.Timeout = client.Timeout
		a := &agent{t: w.t, name: h.name, bin: bin, within: h.within(), client: &patient}
		own := []string{
			"--dc", fmt.Sprintf("dc%d", datacenterOf(h)), "--bind", net.JoinHostPort(h.ip, "7946"),
			"--wan-bind", net.JoinHostPort(h.ip, "7947"), "--http", net.JoinHostPort(h.ip, "8761"),
			"--dns", net.JoinHostPort(h.ip, "8600"), "--insecure", "--encrypt", clusterKey,
		}
		if i%2 == 1 {
			own = append(own, "--join", net.JoinHostPort(w.hosts[i-1].ip, "7946"))
		}
		if i > 0 {
			own = append(own, "--wan-join", net.JoinHostPort(w.hosts[0].ip, "7947"))
		}
		a.launch(slices.Concat(own, flags)...)
		w.agents[h] = a
	}
	for _, a := range w.agents {
		a.waitReady(30 * time.Second)
	}
	w.linked(40 * time.Second)
}

// linked waits until every gateway knows all others, and every pair of data centres has had one link, the same, for
// longer than it takes to find a better one.
func (w *world) linked(limit time.Duration) {
	w.t.Helper()
	began, since := time.Now(), time.Now()
	last := ""
	w.agents[w.hosts[0]].until(limit, "linked with all others by one link each", func() bool {
		links, whole := w.links()
		if now := strings.Join(links, " "); now != last || !whole {
			last, since = now, time.Now()
		}
		return len(links) == w.datacenters*(w.datacenters-1)/2 && time.Since(since) > 3*time.Second
	})
	w.t.Logf("linked after %.1f s: %s", time.Since(began).Seconds(), last)
}

// links is the links as "n1-n3", sorted, and whether every gateway sees all others alive.
func (w *world) links() (links []string, whole bool) {
	w.t.Helper()
	whole = true
	for _, h := range w.hosts {
		var list struct {
			Members []struct {
				Name, State string
				Links       []string
			}
		}
		w.agents[h].get("/api/v1/members?wan=true", &list)
		alive := 0
		for _, m := range list.Members {
			if m.State == "alive" {
				alive++
			}
			for _, far := range m.Links {
				_, name, _ := strings.Cut(far, "/")
				if m.Name == h.name && m.Name < name {
					links = append(links, m.Name+"-"+name)
				}
			}
		}
		whole = whole && alive == len(w.hosts)
	}
	slices.Sort(links)
	return links, whole
}

// registration is what a client posts.
func registration(service, id string, metadata map[string]string) map[string]any {
	return map[string]any{
		"service": service, "id": id, "address": "10.1.2.3", "port": 8080, "ttl": "10m", "metadata": metadata,
	}
}

// deltaSize is the encoded size of such a registration at a host, in bytes: the record as nodes keep it and pass it on.
// Its dot is not in it, which adds a byte or two.
func deltaSize(h *host, service, id string, metadata map[string]string) int {
	now, dc := time.Now(), fmt.Sprintf("dc%d", datacenterOf(h))
	return len(wire.AppendRecord(nil, &catalog.Record{
		Key: catalog.Key{Namespace: "default", Service: service, ID: id}, Wall: now.UnixMilli(), Kind: catalog.KindRegistration,
		Stamp: causal.Stamp{Lamport: 1000},
		Registration: &catalog.Instance{
			Address: "10.1.2.3", Port: 8080, Weight: 100, TTL: 10 * time.Minute, Status: catalog.StatusUp,
			Home: dc + "/" + h.name, Datacenter: dc, RegisteredAt: now, Metadata: metadata,
		},
	}))
}

// text is so many random hexadecimal digits, such as a build or a commit: half of them is what compression can take away.
func text(digits int) string {
	b := make([]byte, (digits+1)/2)
	_, _ = rand.Read(b) // It never fails.
	return hex.EncodeToString(b)[:digits]
}

// downs is how many links have gone down since the beginning, as the agents said.
func (w *world) downs() (n int) {
	for _, a := range w.agents {
		a.mu.Lock()
		n += strings.Count(a.out.String(), `msg="link is down"`)
		a.mu.Unlock()
	}
	return n
}
