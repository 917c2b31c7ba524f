package wan

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/gossiptest"
)

func ringOf(t *testing.T, keys ...[]byte) *Keyring {
	t.Helper()
	r, err := memberlist.NewKeyring(keys, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// stream is the two ends of a fresh stream.
func stream(t *testing.T, n *gossiptest.Network) (near, far net.Conn) {
	t.Helper()
	a, b := n.Transport("near"), n.Transport("far")
	near, err := a.DialTimeout(b.Addr(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	far = <-b.StreamCh()
	t.Cleanup(func() {
		_ = a.Shutdown()
		_ = b.Shutdown()
	})
	return near, far
}

// meet lets a dial b, which it takes for want, over a stream of which the wraps hold either end.
func meet(near, far net.Conn, a, b identity, want string) (sa, sb *session, ea, eb error) {
	var both sync.WaitGroup
	both.Go(func() {
		if sa, ea = a.dialSession(near, want, "10.0.0.1:1", 5*time.Second); ea != nil {
			_ = near.Close()
		}
	})
	both.Go(func() {
		if sb, eb = b.acceptSession(far, 5*time.Second, func(preface) string { return "" }); eb != nil {
			_ = far.Close()
		}
	})
	both.Wait()
	return sa, sb, ea, eb
}

func TestSessionNeedsWhatTheOtherEndHas(t *testing.T) {
	ca := newAuthority(t)
	other := newAuthority(t)
	k1, k2, k3 := key(1), key(2), key(3)
	for _, c := range []struct {
		name string
		a, b identity
		want error // at the dialer; nil: it works
	}{
		{"nothing", identity{}, identity{}, nil},
		{"one key", identity{ring: ringOf(t, k1)}, identity{ring: ringOf(t, k1)}, nil},
		{"different first keys of one ring", identity{ring: ringOf(t, k1, k2)}, identity{ring: ringOf(t, k2, k1)}, nil},
		{"a new key that one end has not yet", identity{ring: ringOf(t, k1)}, identity{ring: ringOf(t, k1, k2)}, nil},
		{"different keys", identity{ring: ringOf(t, k1)}, identity{ring: ringOf(t, k2)}, ErrKey},
		{"a first key that the other end lacks", identity{ring: ringOf(t, k3, k1)}, identity{ring: ringOf(t, k1)}, ErrKey},
		{"a first key of the acceptor's that the dialer lacks", identity{ring: ringOf(t, k1)}, identity{ring: ringOf(t, k3, k1)}, ErrKey},
		{"a key and none", identity{ring: ringOf(t, k1)}, identity{}, ErrRefused},
		{"TLS", identity{tls: ca.issue(t)}, identity{tls: ca.issue(t)}, nil},
		{"TLS and keys", identity{tls: ca.issue(t), ring: ringOf(t, k1)}, identity{tls: ca.issue(t), ring: ringOf(t, k2)}, nil},
		{"TLS and a key", identity{tls: ca.issue(t)}, identity{ring: ringOf(t, k2)}, ErrRefused},
		{"a stranger's certificate", identity{tls: other.issue(t)}, identity{tls: ca.issue(t)}, ErrKey},
		{"the same stranger, who trusts us", identity{tls: other.trusting(t, ca)}, identity{tls: ca.issue(t)}, ErrKey},
	} {
		bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
			a, b := c.a, c.b
			a.name, a.datacenter, b.name, b.datacenter = "x", "a", "y", "b"
			near, far := stream(t, n)
			sa, sb, ea, eb := meet(near, far, a, b, "b/y")
			if (ea == nil) != (c.want == nil) || !errors.Is(ea, c.want) || (eb == nil) != (c.want == nil) {
				t.Errorf("%s: %v, %v, want %v", c.name, ea, eb, c.want)
			}
			if ea != nil || eb != nil {
				return
			}
			if sa.peer != "b/y" || sb.peer != "a/x" || sa.dc != "b" || sb.dc != "a" || !sa.packs {
				t.Errorf("%s: %+v, %+v", c.name, sa, sb)
			}
			if err := sa.out.write(batchRecord, []byte("secret words")); err != nil {
				t.Fatal(err)
			}
			if kind, body, err := sb.in.read(); err != nil || kind != batchRecord || string(body) != "secret words" {
				t.Errorf("%s: %v %q %v", c.name, kind, body, err)
			}
		})
	}
}

func TestSessionIsRefusedByName(t *testing.T) {
	a, b := identity{name: "x", datacenter: "a"}, identity{name: "y", datacenter: "b"}
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		near, far := stream(t, n)
		if _, _, ea, eb := meet(near, far, a, b, "b/z"); !errors.Is(ea, ErrRefused) || !strings.Contains(ea.Error(), "this is b/y, not b/z") || !errors.Is(eb, ErrRefused) {
			t.Errorf("another gateway's address: %v, %v", ea, eb)
		}
		near, far = stream(t, n)
		p := a.hello("b/y").encode()
		p[len(prefaceMagic)] = prefaceVersion + 1
		_, _ = near.Write(p)
		if _, err := b.acceptSession(far, time.Second, nil); !errors.Is(err, ErrVersion) {
			t.Errorf("a later version: %v", err)
		}
		// The answer's head tells the other end which version we speak.
		if q, _, err := readPreface(near); err != nil || q.kind != refusalKind || !strings.Contains(q.reason, "version 3") {
			t.Errorf("answer %+v, %v", q, err)
		}
	})
}

// flipper changes one byte of what is read.
type flipper struct {
	net.Conn
	at int
}

func (f *flipper) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.at >= 0 && f.at < n {
		p[f.at] ^= 0x20
	}
	f.at -= n
	return n, err
}

// Whoever changes one byte of what is said until a link is up, in either direction, keeps it from coming up.
func TestNoByteOfTheHandshakeCanBeChanged(t *testing.T) {
	for _, ring := range []*Keyring{nil, ringOf(t, key(1))} {
		a, b := identity{name: "x", datacenter: "a", ring: ring}, identity{name: "y", datacenter: "b", ring: ring}
		confirm := recordHead + 1 + 32
		if ring != nil {
			confirm += gcmOverhead
		}
		for _, dialer := range []bool{true, false} {
			size := len(a.hello("b/y").encode()) + confirm
			if !dialer {
				size += confirm // The dialer confirms twice.
			}
			for at := range size {
				bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
					near, far := stream(t, n)
					if dialer {
						near = &flipper{near, at}
					} else {
						far = &flipper{far, at}
					}
					if _, _, ea, eb := meet(near, far, a, b, "b/y"); ea == nil && eb == nil {
						t.Errorf("byte %d of %d was changed (dialer reads: %v, encrypted: %v) and nobody cares", at, size, dialer, ring != nil)
					}
				})
			}
		}
	}
}

// recorder keeps what is read.
type recorder struct {
	net.Conn
	all []byte
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.all = append(r.all, p[:n]...)
	return n, err
}

func TestRecordedStreamCannotBePlayedAgain(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		ring := ringOf(t, key(1))
		a, b := identity{name: "x", datacenter: "a", ring: ring}, identity{name: "y", datacenter: "b", ring: ring}
		near, far := stream(t, n)
		tape := &recorder{Conn: far}
		if _, _, ea, eb := meet(near, tape, a, b, "b/y"); ea != nil || eb != nil {
			t.Fatal(ea, eb)
		}
		near, far = stream(t, n)
		_, _ = near.Write(tape.all)
		if _, err := b.acceptSession(far, time.Second, func(preface) string { return "" }); !errors.Is(err, ErrKey) {
			t.Errorf("played again: %v", err)
		}
	})
}

func TestSilentOrTalkativeStrangerIsLetGo(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		b := identity{name: "y", datacenter: "b", ring: ringOf(t, key(1))}
		for name, say := range map[string][]byte{
			"nothing":         nil,
			"half a preface":  []byte(prefaceMagic),
			"a huge preface":  append([]byte(prefaceMagic), prefaceVersion, 255, 255),
			"a short preface": append([]byte(prefaceMagic), prefaceVersion, 0, 1, 1),
		} {
			near, far := stream(t, n)
			_, _ = near.Write(say)
			began := time.Now()
			_, err := b.acceptSession(far, 2*time.Second, nil)
			if err == nil || time.Since(began) > 3*time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
		}
		// A preface, and then a record that claims to be large and never comes.
		a := identity{name: "x", datacenter: "a", ring: ringOf(t, key(1))}
		near, far := stream(t, n)
		_, _ = near.Write(append(a.hello("b/y").encode(), 0, 15, 255, 255))
		if _, err := b.acceptSession(far, 2*time.Second, func(preface) string { return "" }); !errors.Is(err, ErrUnreachable) {
			t.Errorf("an unfinished record: %v", err)
		}
	})
}

// A gateway says no to streams that no chooser would dial, by name, and is unharmed.
func TestStreamsThatNobodyChoosesAreRefused(t *testing.T) {
	bubble(t, wide, func(t *testing.T, n *gossiptest.Network) {
		_, b := two(t, n, nil)
		other := n.Transport("other")
		defer func() { _ = other.Shutdown() }()
		dial := func(i identity) error {
			c, err := other.DialTimeout(b.Addr(), time.Second)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			_, err = i.dialSession(c, b.ID(), b.Addr(), 5*time.Second)
			return err
		}
		refused := func(i identity, word string) {
			t.Helper()
			if err := dial(i); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v, want %q", i.id(), err, word)
			}
		}
		refused(identity{name: "x", datacenter: "b"}, "both are of the data centre b")
		refused(identity{name: "x", datacenter: "c"}, "b dials to c")
		refused(identity{name: "x", datacenter: "a", ring: ringOf(t, key(1))}, `links are protected here by none, there by gossip key`)
		// One that is welcome takes the place of an earlier link of its name, which ends first.
		for range 2 {
			if err := dial(identity{name: "g0", datacenter: "a"}); err != nil {
				t.Fatal(err)
			}
		}
		within(t, 30*time.Second, "the true one is back", func() bool { return len(b.linkEvents("a/g0")) >= 7 })
		down := false
		for i, kind := range b.linkEvents("a/g0") {
			if (kind == "down") == (i%2 == 0) {
				t.Errorf("event %d is %s: a link is up before the one before it is down", i, kind)
			}
			down = down || kind == "down"
		}
		if !down {
			t.Error("no link was replaced")
		}
		go func() { _ = b.Leave(t.Context()) }()
		time.Sleep(time.Millisecond)
		refused(identity{name: "x", datacenter: "a"}, "is leaving")
		time.Sleep(10 * time.Second)
	})
}
