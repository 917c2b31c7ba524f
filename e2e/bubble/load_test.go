package bubble

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/musterhq/muster"
)

// load is the clients of a cluster and the ledger of what the registry has acknowledged to them.
type load struct {
	c             *cluster
	rng           *rand.Rand
	ttl, interval time.Duration
	// settle is how long after its acknowledgement a write may be missing on nodes that its client reaches.
	settle  time.Duration
	clients []*client
	gone    []entry // deregistered, and never registered again
	made    int
	due     time.Time
	renewed int
	// lenient lets a client be told that it is unknown: it registers again, and is counted as forgotten.
	lenient   bool
	forgotten int
	// healing lets an instance be missing, too: see heal.
	healing bool
}

// client is the process behind one instance.
type client struct {
	entry
	node int // which of its side it talks to
}

// entry is one line of the ledger.
type entry struct {
	key  muster.Key
	side []string  // the hosts that the client reaches
	at   time.Time // when it was registered, or deregistered; zero if not yet
}

// services is how many services the instances belong to.
const services = 4

// newLoad makes a load without clients. They renew three times in a TTL.
func newLoad(c *cluster, ttl, settle time.Duration) *load {
	return &load{
		c: c, ttl: ttl, interval: ttl / 3, settle: settle, due: time.Now().Add(ttl / 3),
		rng: rand.New(rand.NewPCG(7, 7)),
	}
}

// add makes clients that reach the given hosts.
func (l *load) add(count int, side ...string) {
	l.c.t.Helper()
	for range count {
		l.clients = append(l.clients, l.newClient(side))
	}
}

// newClient makes a client that reaches the given hosts, and registers it if it can.
func (l *load) newClient(side []string) *client {
	l.c.t.Helper()
	l.made++
	cl := &client{node: l.rng.IntN(len(side))}
	cl.side = side
	cl.key = muster.Key{Namespace: muster.DefaultNamespace, Service: fmt.Sprintf("s%d", l.made%services), ID: fmt.Sprintf("i%d", l.made)}
	l.register(cl)
	return cl
}

// ask calls f at the client's node, and at the next one while the answer is that it cannot say. It reports whether one
// could.
func (l *load) ask(cl *client, f func(n *muster.Node) error) (error, bool) { //nolint:revive // It is an answer, not a failure.
	for range cl.side {
		if n := l.c.live[cl.side[cl.node]]; n != nil {
			err := f(n)
			if !errors.Is(err, muster.ErrNotReady) && !errors.Is(err, muster.ErrClosed) {
				return err, true
			}
		}
		cl.node = (cl.node + 1) % len(cl.side)
	}
	return nil, false
}

func (l *load) register(cl *client) {
	l.c.t.Helper()
	err, asked := l.ask(cl, func(n *muster.Node) error {
		_, _, err := n.Put(l.c.t.Context(), muster.Instance{Service: cl.key.Service, ID: cl.key.ID, Address: "10.1.1.1", Port: 80, TTL: l.ttl})
		return err
	})
	if err != nil {
		l.c.t.Fatalf("registration of %v: %v", cl.key, err)
	}
	if asked {
		cl.at = time.Now()
	}
}

// turn gives the clients their turn if it is due, and holds the nodes to the ledger.
func (l *load) turn() {
	l.c.t.Helper()
	if time.Now().Before(l.due) {
		return
	}
	l.due = time.Now().Add(l.interval)
	for i, cl := range l.clients {
		settled := time.Since(cl.at) > l.settle
		switch chance := l.rng.IntN(100); {
		case cl.at.IsZero():
			l.register(cl)
		case settled && chance < 2:
			l.deregister(i)
		case settled && chance < 12:
			cl.node = l.rng.IntN(len(cl.side)) // A load balancer's whim.
			l.renew(cl)
		default:
			l.renew(cl)
		}
	}
	l.hold()
}

func (l *load) renew(cl *client) {
	l.c.t.Helper()
	err, asked := l.ask(cl, func(n *muster.Node) error { return n.Renew(l.c.t.Context(), cl.key) })
	if (l.lenient || l.healing) && errors.Is(err, muster.ErrNotFound) {
		l.forgotten++
		l.register(cl)
		return
	}
	if err != nil {
		l.c.t.Fatalf("%v is renewed in time, and is told at %s: %v", cl.key, cl.side[cl.node], err)
	}
	if asked {
		l.renewed++
	}
}

// deregister ends a client and puts another in its place.
func (l *load) deregister(i int) {
	l.c.t.Helper()
	cl := l.clients[i]
	err, asked := l.ask(cl, func(n *muster.Node) error { return n.Remove(l.c.t.Context(), cl.key) })
	if (l.lenient || l.healing) && errors.Is(err, muster.ErrNotFound) {
		l.forgotten++
		l.register(cl)
		return
	}
	if err != nil {
		l.c.t.Fatalf("deregistration of %v at %s: %v", cl.key, cl.side[cl.node], err)
	}
	if !asked {
		return
	}
	l.gone = append(l.gone, entry{key: cl.key, side: cl.side, at: time.Now()})
	l.clients[i] = l.newClient(cl.side)
}

// run lets time pass for nodes and clients.
func (l *load) run(d time.Duration) {
	l.c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		l.turn()
		time.Sleep(min(time.Until(l.due), time.Until(end)))
	}
}

// hold holds every node to what the clients that reach it were told some time ago.
func (l *load) hold() {
	l.c.t.Helper()
	for host, n := range l.c.live {
		if ready, _ := n.Ready(); !ready {
			continue // It refuses to answer.
		}
		seen := l.visible(n)
		for _, cl := range l.clients {
			if !l.healing && !cl.at.IsZero() && time.Since(cl.at) >= l.settle && slices.Contains(cl.side, host) && !seen[cl.key] {
				l.c.t.Fatalf("%v, registered %v ago and renewed since, is missing at %s", cl.key, time.Since(cl.at), host)
			}
		}
		for _, g := range l.gone {
			if time.Since(g.at) >= l.settle && slices.Contains(g.side, host) && seen[g.key] {
				l.c.t.Fatalf("%v, deregistered %v ago, is at %s", g.key, time.Since(g.at), host)
			}
		}
	}
}

func (l *load) visible(n *muster.Node) map[muster.Key]bool {
	seen := make(map[muster.Key]bool, len(l.clients))
	for s := range services {
		for _, inst := range n.Lookup(fmt.Sprintf("s%d", s)).Instances() {
			seen[inst.Key()] = true
		}
	}
	return seen
}

// exact waits until every node has exactly what the ledger has.
func (l *load) exact(limit time.Duration) time.Duration {
	l.c.t.Helper()
	return l.c.until(limit, l, func() string {
		for host, n := range l.c.live {
			seen := l.visible(n)
			for _, cl := range l.clients {
				if !seen[cl.key] {
					return fmt.Sprintf("%v is missing at %s", cl.key, host)
				}
			}
			if len(seen) != len(l.clients) {
				return fmt.Sprintf("%s has %d instances, the ledger %d", host, len(seen), len(l.clients))
			}
		}
		return ""
	})
}

// split leaves each client, in turn, only the hosts of one of the sides: a cut comes. Many have their home on the other.
func (l *load) split(sides ...[]string) {
	for i, cl := range l.clients {
		cl.side = sides[i%len(sides)]
		cl.node = l.rng.IntN(len(cl.side))
	}
}

// everywhere makes every client, and every line of the ledger, one that reaches all nodes: there is no cut any more.
func (l *load) everywhere() {
	hosts := l.c.hosts()
	for _, cl := range l.clients {
		cl.side, cl.node = hosts, l.rng.IntN(len(hosts))
	}
	for i := range l.gone {
		l.gone[i].side = hosts
	}
}

// heal ends a cut. A lease that ran out on one side, while its client renewed on the other, was evicted there, if there
// were too few of them to preserve: its tombstone may reach nodes of the other side a moment before its home there has
// said again that it is alive. Until all is exact again that is no failure; what was deregistered may still not be back.
func (l *load) heal() {
	l.healing = true
	l.c.net.Heal()
}

// end is the end of every test: the cluster is whole, then all nodes are exact and equal, and still so after two TTLs in
// which the clients go on at any node. It returns how long the first two took.
func (l *load) end(members time.Duration) (whole, exact time.Duration) {
	l.c.t.Helper()
	start := time.Now()
	whole = l.c.whole(members, l)
	l.exact(5 * time.Second)
	exact = time.Since(start)
	l.healing = false
	l.everywhere()
	l.run(2 * l.ttl)
	l.exact(5 * time.Second)
	l.c.equal(5*time.Second, l)
	return whole, exact
}
