package muster_test

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/gossiptest"
	"github.com/musterhq/muster/selfpreserve"
)

// silenced is a node after fallSilent.
func silenced(t *testing.T, more time.Duration, change func(*muster.Config)) (*muster.Node, []muster.Key) {
	t.Helper()
	n := newBubble(t, gossiptest.Options{}).start("n1", change)
	return n, fallSilent(t, n, more)
}

// fallSilent registers 32 instances, of which the 18 with the lowest ports fall silent together. It returns when their
// leases have expired, and after as much more time.
func fallSilent(t *testing.T, n *muster.Node, more time.Duration) (keys []muster.Key) {
	t.Helper()
	for i := range 32 {
		stored, _, err := n.Put(t.Context(), muster.Instance{
			Service: "s", ID: strconv.Itoa(i), Address: "10.0.0.1", Port: 1 + i, TTL: 6 * time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, stored.Key())
	}
	for s := range 20 + more/time.Second {
		time.Sleep(time.Second)
		for i, key := range keys {
			if i >= 18 || s < 10 {
				if err := n.Renew(t.Context(), key); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return keys
}

// answers is a connect that gives one answer to the silent, and counts the questions.
func answers(t *testing.T, asked *atomic.Int32, o selfpreserve.Outcome) func(context.Context, string) selfpreserve.Outcome {
	t.Helper()
	return func(ctx context.Context, hostport string) selfpreserve.Outcome {
		asked.Add(1)
		_, port, err := net.SplitHostPort(hostport)
		if p, _ := strconv.Atoi(port); err != nil || p < 1 || p > 18 {
			t.Errorf("asked %s, which renews", hostport)
		}
		if o == selfpreserve.Nothing {
			<-ctx.Done()
		}
		return o
	}
}

func TestACrashOfManyIsClearedByItsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		n, keys := silenced(t, 0, func(c *muster.Config) { c.Connect = answers(t, &asked, selfpreserve.Refused) })
		for i, key := range keys {
			if _, err := n.Detail(key); (err == nil) != (i >= 18) {
				t.Errorf("%s: %v", key, err)
			}
		}
		sp := n.SelfPreservation()
		if sp.Preserving || asked.Load() != 18 || sp.Probes != (muster.Probes{Probed: 18, Refused: 18}) {
			t.Errorf("%d asked, %+v", asked.Load(), sp)
		}
		for _, s := range sp.Scopes {
			if s.Name == "zone:" && !strings.Contains(s.Reason, "of 18 asked, 18 refused: the processes are gone") {
				t.Errorf("%s: %s", s.State, s.Reason)
			}
			if s.State != "NORMAL" {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestACutOfManyKeepsThemAndSaysThatNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		n, keys := silenced(t, 30*time.Second, func(c *muster.Config) { c.Connect = answers(t, &asked, selfpreserve.Nothing) })
		for _, key := range keys {
			if _, err := n.Detail(key); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
		sp := n.SelfPreservation()
		// Expired after 16 s, and asked again each 5 s until 50.
		if got := asked.Load(); got < 18*6 || got > 18*8 || sp.Probes.Refused+sp.Probes.Connected > 0 {
			t.Errorf("%d asked, %+v", got, sp.Probes)
		}
		for _, s := range sp.Scopes {
			if s.Name == "zone:" && (s.State != "PRESERVING" || s.Probed != 18 || s.Unanswered != 18 ||
				!strings.Contains(s.Reason, "0 refused, 18 did not answer: it looks like a cut")) {
				t.Errorf("%+v", s)
			}
		}
	})
}

func TestWhoAcceptsIsKeptAndSaidToBeAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		n, keys := silenced(t, 0, func(c *muster.Config) { c.Connect = answers(t, &asked, selfpreserve.Connected) })
		d, err := n.Detail(keys[0])
		if err != nil || !d.Preserved || !strings.Contains(d.Evidence, "the process is alive") {
			t.Errorf("%+v, %v", d, err)
		}
		if d, err := n.Detail(keys[20]); err != nil || d.Evidence != "" {
			t.Errorf("%q of one that renews, %v", d.Evidence, err)
		}
		if err := n.Renew(t.Context(), keys[0]); err != nil {
			t.Fatal(err)
		}
		if d, err := n.Detail(keys[0]); err != nil || d.Preserved || d.Evidence != "" {
			t.Errorf("renewed, and %+v, %v", d, err)
		}
	})
}

func TestNobodyIsAskedWhoMustNotBe(t *testing.T) {
	for name, change := range map[string]func(*muster.Config){
		"switched off": func(c *muster.Config) {
			c.Preserve = muster.DefaultPreserve()
			c.Preserve.Probe = false
			c.Connect = func(_ context.Context, hostport string) selfpreserve.Outcome {
				t.Errorf("%s was asked", hostport)
				return selfpreserve.Refused
			}
		},
		"a transport without sockets": nil,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, keys := silenced(t, 0, change)
				if _, err := n.Detail(keys[0]); err != nil {
					t.Error(err)
				}
				if p := n.SelfPreservation().Probes; p != (muster.Probes{}) {
					t.Errorf("%+v", p)
				}
			})
		})
	}
}

// Who renews while the connection is under way stays, whatever comes of it.
func TestARenewalDuringTheQuestionWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Pointer[muster.Node]
		renewed := atomic.Int32{}
		node := newBubble(t, gossiptest.Options{}).start("n1", func(c *muster.Config) {
			c.Connect = func(ctx context.Context, hostport string) selfpreserve.Outcome {
				_, port, _ := net.SplitHostPort(hostport)
				p, _ := strconv.Atoi(port)
				time.Sleep(time.Second)
				if err := n.Load().Renew(ctx, muster.Key{Namespace: "default", Service: "s", ID: strconv.Itoa(p - 1)}); err != nil {
					t.Error(err)
				}
				renewed.Add(1)
				time.Sleep(500 * time.Millisecond)
				return selfpreserve.Refused
			}
		})
		n.Store(node)
		for _, key := range fallSilent(t, node, 0) {
			if _, err := node.Detail(key); err != nil {
				t.Errorf("%s renewed, and is evicted: %v", key, err)
			}
		}
		if got := node.SelfPreservation().Probes.Refused; got != 18 || renewed.Load() != 18 {
			t.Errorf("%d renewed while they were asked, %d refused", renewed.Load(), got)
		}
	})
}

// A node that closes does not wait for who does not answer, and leaves no attempt behind.
func TestANodeClosesWhileItAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		n, _ := silenced(t, time.Second, func(c *muster.Config) { c.Connect = answers(t, &asked, selfpreserve.Nothing) })
		for range 60 {
			if p := n.SelfPreservation().Probes; p.Probed > p.Unanswered {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		start := time.Now()
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("closing took %v", d)
		}
	})
}
