package gossiptest

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// send sends b and lets the network deliver it.
func send(t *testing.T, from, to *Transport, b []byte) {
	t.Helper()
	if _, err := from.WriteTo(b, to.Addr()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
}

// received empties the receive queue.
func received(tr *Transport) (got []string) {
	for {
		select {
		case p := <-tr.PacketCh():
			got = append(got, string(p.Buf))
		default:
			return got
		}
	}
}

func TestPacketArrivesAfterTheLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{LatencyMin: 5 * time.Millisecond, LatencyMax: 7 * time.Millisecond})
		a, b := n.Transport("a"), n.Transport("b")
		sent := time.Now()
		buf := []byte("hello")
		if _, err := a.WriteTo(buf, b.Addr()); err != nil {
			t.Fatal(err)
		}
		buf[0] = 'j' // The sender may use its buffer again at once.
		p := <-b.PacketCh()
		if d := p.Timestamp.Sub(sent); d < 5*time.Millisecond || d > 7*time.Millisecond {
			t.Fatalf("took %v, want 5 to 7 ms", d)
		}
		if string(p.Buf) != "hello" || p.From.String() != a.Addr() {
			t.Fatalf("got %q from %v", p.Buf, p.From)
		}
	})
}

func TestCutsStopPacketsInTheirDirection(t *testing.T) {
	cases := []struct {
		name     string
		cut      func(*Network)
		atob     bool
		btoa     bool
		ctob     bool
		streamAB bool
	}{
		{"none", func(*Network) {}, true, true, true, true},
		{"one way", func(n *Network) { n.Cut("a", "b") }, false, true, true, false},
		{"the other way", func(n *Network) { n.Cut("b", "a") }, true, false, true, false},
		{"both ways", func(n *Network) { n.CutBoth("a", "b") }, false, false, true, false},
		{"isolated", func(n *Network) { n.Isolate("a") }, false, false, true, false},
		{"partition of one and the rest", func(n *Network) { n.Partition([]string{"a"}) }, false, false, true, false},
		{"partition in two groups", func(n *Network) { n.Partition([]string{"a", "b"}, []string{"c"}) }, true, true, false, true},
		{"healed", func(n *Network) {
			n.CutBoth("a", "b")
			n.Isolate("c")
			n.Partition([]string{"a"})
			n.Heal()
		}, true, true, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(1, Options{})
				tr := map[string]*Transport{"a": n.Transport("a"), "b": n.Transport("b"), "c": n.Transport("c")}
				c.cut(n)
				for _, w := range []struct {
					from, to string
					want     bool
				}{{"a", "b", c.atob}, {"b", "a", c.btoa}, {"c", "b", c.ctob}} {
					send(t, tr[w.from], tr[w.to], []byte("x"))
					if got := len(received(tr[w.to])) == 1; got != w.want {
						t.Errorf("%s to %s: arrived=%v, want %v", w.from, w.to, got, w.want)
					}
				}
				conn, err := tr["a"].DialTimeout(tr["b"].Addr(), time.Second)
				if (err == nil) != c.streamAB {
					t.Errorf("dial from a to b: %v, want success=%v", err, c.streamAB)
				}
				if err == nil {
					_ = conn.Close()
				}
			})
		})
	}
}

func TestPacketUnderWayWhenTheCutComesIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{LatencyMin: time.Second, LatencyMax: time.Second})
		a, b := n.Transport("a"), n.Transport("b")
		if _, err := a.WriteTo([]byte("x"), b.Addr()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second / 2)
		n.Cut("a", "b")
		time.Sleep(time.Second)
		if got := received(b); len(got) != 0 {
			t.Fatalf("got %q", got)
		}
		if c := n.Counters("a"); c.Cut.Packets != 1 || c.Sent.Packets != 1 {
			t.Fatalf("counted %+v", c)
		}
	})
}

func TestFullQueueDropsAndNeverBlocksTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{Queue: 3})
		a, b := n.Transport("a"), n.Transport("b")
		for range 10 {
			send(t, a, b, []byte("xy"))
		}
		if got := received(b); len(got) != 3 {
			t.Fatalf("received %d, want 3", len(got))
		}
		if c := n.Counters("b"); c.Overflow != (Count{7, 14}) || c.Received != (Count{3, 6}) {
			t.Fatalf("counted %+v", c)
		}
	})
}

func TestLossAndDuplicationAreCountedAndNearTheirProbability(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(7, Options{Loss: 0.2, Duplication: 0.1, Queue: 1 << 16})
		a, b := n.Transport("a"), n.Transport("b")
		const sent = 10_000
		for range sent {
			if _, err := a.WriteTo([]byte("x"), b.Addr()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		from, to := n.Counters("a"), n.Counters("b")
		doubles := from.Lost.Packets + to.Received.Packets - sent
		if from.Sent.Packets != sent || len(received(b)) != to.Received.Packets {
			t.Fatalf("counted %+v and %+v", from, to)
		}
		if l := from.Lost.Packets; l < 1850 || l > 2150 {
			t.Errorf("lost %d of %d, want about 2,000", l, sent)
		}
		if doubles < 680 || doubles > 920 {
			t.Errorf("doubled %d, want about 800 of the 8,000 that were not lost", doubles)
		}
		if total := n.Total(); total.Sent != from.Sent || total.Received != to.Received {
			t.Errorf("total %+v", total)
		}
	})
}

func TestPacketToNobodyVanishesWithoutAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{})
		a, b := n.Transport("a"), n.Transport("b")
		if err := b.Shutdown(); err != nil {
			t.Fatal(err)
		}
		send(t, a, b, []byte("x"))
		if c := n.Counters("a"); c.Unreachable.Packets != 1 {
			t.Fatalf("counted %+v", c)
		}
		if _, err := b.WriteTo([]byte("x"), a.Addr()); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("write after shutdown: %v", err)
		}
		if _, err := a.WriteTo(make([]byte, maxDatagram+1), b.Addr()); err == nil {
			t.Fatal("a packet larger than UDP can carry was taken")
		}
	})
}

func TestDialToSilenceEndsAtItsTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{})
		a, dead, cut, full := n.Transport("a"), n.Transport("dead"), n.Transport("cut"), n.Transport("full")
		_ = dead.Shutdown()
		n.Cut("cut", "a")
		for range backlog {
			if _, err := a.DialTimeout(full.Addr(), time.Second); err != nil {
				t.Fatal(err)
			}
		}
		for name, addr := range map[string]string{
			"dead": dead.Addr(), "cut": cut.Addr(), "never accepts": full.Addr(), "unknown": "10.9.9.9:1",
		} {
			start := time.Now()
			_, err := a.DialTimeout(addr, 3*time.Second)
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%s: error %v, want a timeout", name, err)
			}
			if d := time.Since(start); d != 3*time.Second {
				t.Errorf("%s: took %v, want 3 s", name, d)
			}
		}
		if c := n.Counters("a"); c.Failed != 4 || c.Dials != backlog {
			t.Errorf("counted %+v", c)
		}
		_ = a.Shutdown()
	})
}

// pair opens a stream and accepts it.
func pair(t *testing.T, a, b *Transport) (near, far net.Conn) {
	t.Helper()
	near, err := a.DialTimeout(b.Addr(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return near, <-b.StreamCh()
}

func TestStreamKeepsEveryByteInOrderAndThenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(3, Options{LatencyMin: time.Millisecond, LatencyMax: 20 * time.Millisecond, Loss: 0.5})
		near, far := pair(t, n.Transport("a"), n.Transport("b"))
		want := strings.Repeat("0123456789", window/2) // Five windows: the writer has to wait for the reader.
		go func() {
			for chunk := range slices.Chunk([]byte(want), 100_000) {
				if _, err := near.Write(chunk); err != nil {
					t.Error(err)
				}
			}
			_ = near.Close()
		}()
		got, err := io.ReadAll(far)
		if err != nil || string(got) != want {
			t.Fatalf("read %d of %d bytes, equal=%v, %v", len(got), len(want), string(got) == want, err)
		}
		if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("write to a closed stream: %v", err)
		}
		_ = far.Close()
	})
}

func TestStreamStallsInACutAndGoesOnAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{})
		near, far := pair(t, n.Transport("a"), n.Transport("b"))
		n.Cut("b", "a") // Data would pass, its acknowledgements would not.
		if _, err := near.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		_ = far.SetReadDeadline(time.Now().Add(time.Minute))
		buf := make([]byte, 10)
		if _, err := far.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("read in the cut: %v, want the deadline", err)
		}
		_ = far.SetReadDeadline(time.Time{})
		healed := time.AfterFunc(time.Hour, n.Heal)
		defer healed.Stop()
		start := time.Now()
		k, err := far.Read(buf)
		if err != nil || string(buf[:k]) != "late" || time.Since(start) != time.Hour {
			t.Fatalf("read %q after %v, %v", buf[:k], time.Since(start), err)
		}
		_, _ = near.Close(), far.Close()
	})
}

func TestWriterIntoACutWaitsOnceTheWindowIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{})
		near, far := pair(t, n.Transport("a"), n.Transport("b"))
		n.CutBoth("a", "b")
		_ = near.SetDeadline(time.Now().Add(5 * time.Second))
		k, err := near.Write(make([]byte, 2*window))
		if k != window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("wrote %d, %v", k, err)
		}
		_, _ = near.Close(), far.Close()
	})
}

func TestShutdownResetsStreamsAndFreesTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{})
		a, b := n.Transport("a"), n.Transport("b")
		near, _ := pair(t, a, b)
		if _, err := n.TransportAt("b", 7946); err == nil {
			t.Fatal("the address was given out twice")
		}
		_, _ = b.Shutdown(), b.Shutdown()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("read from a dead peer: %v", err)
		}
		again, err := n.TransportAt("b", 7946)
		if err != nil {
			t.Fatal(err)
		}
		send(t, a, again, []byte("x"))
		if got := received(again); len(got) != 1 {
			t.Fatalf("the new holder received %q", got)
		}
		if other := n.Transport("b"); other.Addr() == again.Addr() {
			t.Fatal("a fresh transport has a used address")
		}
		_ = near.Close()
	})
}

func TestKindIsThatOfTheInnermostMessage(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   string
	}{
		{[]byte{0, 1}, "ping"},
		{[]byte{2}, "ack"},
		{append([]byte{244, 3}, "abc\x08"...), "user"},
		{append([]byte{244, 3}, "abc\x0c\x00\x00\x00\x00\x08"...), "user"},
		{[]byte{200}, "other"},
		{[]byte{244}, "other"},
		{nil, "other"},
	} {
		if got := kind(c.packet); got != c.want {
			t.Errorf("kind(%x) = %s, want %s", c.packet, got, c.want)
		}
	}
}

func TestMemberlistRunsOnIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1, Options{Loss: 0.05, Duplication: 0.05})
		var lists []*memberlist.Memberlist
		for _, name := range []string{"a", "b", "c"} {
			tr := n.Transport(name)
			c := memberlist.DefaultLANConfig()
			c.Name, c.Transport, c.LogOutput, c.EnableCompression = name, tr, io.Discard, false
			m, err := memberlist.Create(c)
			if err != nil {
				t.Fatal(err)
			}
			lists = append(lists, m)
			if _, err := m.Join([]string{"10.0.0.1:7946"}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Second)
		for _, m := range lists {
			if got := m.NumMembers(); got != 3 {
				t.Errorf("%d members, want 3", got)
			}
		}
		if k := n.Counters("a").Kinds; k["ping"].Packets == 0 || k["ack"].Packets == 0 {
			t.Errorf("kinds %v", k)
		}
		for _, m := range lists {
			_ = m.Shutdown()
		}
		time.Sleep(time.Minute)
	})
}
