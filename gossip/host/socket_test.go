package host

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDialEndsWhenTheSocketsAreShutDown(t *testing.T) {
	s, err := Listen(context.Background(), Listening{Bind: "127.0.0.1:0", Log: log.New(io.Discard, "", 0)})
	if err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	if err := s.Shutdown(); err != nil {
		t.Fatal(err)
	}
	to := memberlist.Address{Addr: other.Addr().String()}
	if c, err := s.DialAddressTimeout(to, time.Minute); err == nil {
		_ = c.Close()
		t.Error("it dials after shutdown")
	}
}

func TestBothSocketsHaveOnePortAndCarryBytes(t *testing.T) {
	open := func() *Sockets {
		s, err := Listen(context.Background(), Listening{Bind: "127.0.0.1:0", Log: log.New(io.Discard, "", 0)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Shutdown() })
		return s
	}
	a, b := open(), open()
	to := b.tcp.Addr().String()
	if b.udp.LocalAddr().String() != to {
		t.Errorf("UDP at %s, TCP at %s", b.udp.LocalAddr(), to)
	}
	if _, err := a.WriteTo([]byte("by packet"), to); err != nil {
		t.Fatal(err)
	}
	if p := <-b.PacketCh(); string(p.Buf) != "by packet" || p.From.String() != a.udp.LocalAddr().String() {
		t.Errorf("got %q from %s", p.Buf, p.From)
	}
	c, err := a.DialTimeout(to, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write([]byte("by stream"))
	_ = c.Close()
	in := <-b.StreamCh()
	defer func() { _ = in.Close() }()
	if got, err := io.ReadAll(in); err != nil || string(got) != "by stream" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEveryInterfaceOfIPv6NeedsAnAddressToAdvertise(t *testing.T) {
	s, err := Listen(context.Background(), Listening{Bind: "[::]:0", Log: log.New(io.Discard, "", 0)})
	if !errors.Is(err, ErrAdvertise) {
		t.Errorf("%v, %v", s, err)
	}
}

func TestNamesAreCheckedOneByOne(t *testing.T) {
	for _, c := range []struct {
		name string
		word string // of the complaint; empty: there is none
	}{
		{"n1", ""},
		{"zürich~2", ""},
		{"", "empty"},
		{strings.Repeat("x", 9), "9 bytes"},
		{"a/b", "slash"},
		{"a b", "space"},
		{"a\x00", "printed"},
		{"a\xff", "UTF-8"},
	} {
		err := CheckName(c.name, 8)
		if c.name == "zürich~2" {
			err = CheckName(c.name, 64)
		}
		if (err == nil) != (c.word == "") || err != nil && !strings.Contains(err.Error(), c.word) {
			t.Errorf("%q: %v", c.name, err)
		}
	}
}
