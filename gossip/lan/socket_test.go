package lan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRealSocketsJoinTalkLeaveAndRestart(t *testing.T) {
	a := start(t, nil, "a", nil)
	if portOf(t, a.Addr()) == "0" {
		t.Fatalf("the address is %s", a.Addr())
	}
	b := start(t, nil, "b", func(c *Config) { c.Seeds = []string{a.Addr()} })
	c := start(t, nil, "c", func(c *Config) { c.Seeds = []string{a.Addr()} })
	within(t, 10*time.Second, "three agree", func() bool { return agree([]*node{a, b, c}) })

	if err := b.Send("c", []byte("by packet")); err != nil {
		t.Fatal(err)
	}
	if err := c.SendReliable("b", make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "both arrive", func() bool { return len(b.messages()) == 1 && len(c.messages()) == 1 })

	if err := c.Close(); err != nil { // Without a word.
		t.Fatal(err)
	}
	began := time.Now()
	again := start(t, nil, "c", func(k *Config) { k.Meta.Incarnation, k.Seeds = 2, []string{a.Addr()} })
	within(t, 10*time.Second, "the new life is seen", func() bool {
		return a.incarnation("c") == 2 && b.incarnation("c") == 2
	})
	t.Logf("restart on another port was seen by all after %v", time.Since(began))

	if err := b.Leave(context.Background()); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "b is seen to leave", func() bool {
		return a.state("b") == StateLeft && again.state("b") == StateLeft
	})
}

func TestRealSocketsRefuseTheTwinAndTheOtherDatacenter(t *testing.T) {
	a := start(t, nil, "a", nil)
	for _, c := range []struct {
		edit func(*Config)
		want error
	}{
		{func(c *Config) { c.Name, c.Meta.Incarnation = "a", 2 }, ErrNameTaken},
		{func(c *Config) { c.Datacenter = "dc2" }, ErrOtherDatacenter},
		{func(c *Config) { c.Keys = [][]byte{make([]byte, 16)} }, ErrKey},
	} {
		d, err := boot(nil, "twin", func(k *Config) { k.Seeds = []string{a.Addr()}; c.edit(k) })
		if err == nil {
			_ = d.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("error %v, want %v", err, c.want)
			continue
		}
		t.Log(err)
	}
}

func TestStartErrorsAreOneLineThatNamesTheValue(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, c := range []struct {
		name string
		edit func(*Config)
		want error
		word string
	}{
		{"port taken", func(c *Config) { c.Bind = taken.Addr().String() }, ErrBind, taken.Addr().String()},
		{"not this machine's", func(c *Config) { c.Bind = "192.0.2.1:0" }, ErrBind, "192.0.2.1:0"},
		{"no port", func(c *Config) { c.Bind = "127.0.0.1" }, ErrConfig, `"127.0.0.1"`},
		{"no such port", func(c *Config) { c.Bind = "127.0.0.1:70000" }, ErrConfig, "70000"},
		{"no such host", func(c *Config) { c.Bind, c.Resolver = "nowhere:1", lookup(nil) }, ErrBind, "nowhere:1"},
		{"advertise a name", func(c *Config) { c.Advertise = "me:1" }, ErrConfig, `"me:1"`},
		{"advertise everything", func(c *Config) { c.Advertise = "0.0.0.0:1" }, ErrConfig, `"0.0.0.0:1"`},
		{"every interface of IPv6", func(c *Config) { c.Bind = "[::]:0" }, ErrConfig, `"[::]:0"`},
		{"short key", func(c *Config) { c.Keys = [][]byte{make([]byte, 15)} }, ErrConfig, "15 bytes"},
		{"no name", func(c *Config) { c.Name = "" }, ErrConfig, "Name"},
		{"long name", func(c *Config) { c.Name = strings.Repeat("x", 65) }, ErrConfig, "65 bytes"},
		{"slash", func(c *Config) { c.Datacenter = "a/b" }, ErrConfig, `"a/b"`},
		{"space", func(c *Config) { c.Zone = "a b" }, ErrConfig, `"a b"`},
		{"profile", func(c *Config) { c.Profile = "moon" }, ErrConfig, `"moon"`},
		{"seed", func(c *Config) { c.Seeds = []string{"host"} }, ErrConfig, `"host"`},
		{"seed without port", func(c *Config) { c.Seeds = []string{"host:0"} }, ErrConfig, `"host:0"`},
		{"incarnation", func(c *Config) { c.Meta.Incarnation = 0 }, ErrConfig, "Incarnation"},
		{"metadata", func(c *Config) { c.Meta.HTTP = strings.Repeat("h", 500) }, ErrTooLarge, "HTTP has 500"},
		{"range", func(c *Config) { c.RejoinMin, c.RejoinMax = 2, 1 }, ErrConfig, "RejoinMin"},
		{"memory", func(c *Config) { c.Forget = -1 }, ErrConfig, "Forget"},
		{"queue", func(c *Config) { c.Queue = -1 }, ErrConfig, "Queue"},
	} {
		d, err := boot(nil, "n", c.edit)
		if err == nil {
			_ = d.Close()
			t.Errorf("%s: started", c.name)
			continue
		}
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", c.name, err)
		}
	}
}

func TestValidateReportsEveryProblem(t *testing.T) {
	c := Config{Profile: "moon", Bind: "x", Seeds: []string{"y"}}
	err := c.Validate()
	for _, field := range []string{"Name", "Datacenter", "Bind", "Profile", "Seeds", "Incarnation"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is missing in %q", field, err)
		}
	}
}

// lookup is a resolver that knows these addresses for every name.
type lookup []netip.Addr

func (l lookup) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if l == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return l, nil
}

func TestAdvertiseAndNamesInBindAreHonoured(t *testing.T) {
	d := start(t, nil, "n", func(c *Config) {
		c.Bind, c.Advertise = "me.example:0", "127.0.0.1:0"
		c.Resolver = lookup{netip.MustParseAddr("127.0.0.1")}
	})
	if host, _, _ := net.SplitHostPort(d.Addr()); host != "127.0.0.1" || portOf(t, d.Addr()) == "0" {
		t.Errorf("address %s", d.Addr())
	}
	e := start(t, nil, "m", func(c *Config) { c.Advertise = "192.0.2.7:4711" })
	if e.Addr() != "192.0.2.7:4711" {
		t.Errorf("address %s", e.Addr())
	}
}

// moving is a resolver whose answer changes.
type moving struct{ now atomic.Pointer[netip.Addr] }

func (m *moving) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{*m.now.Load()}, nil
}

func TestSeedNamesAreResolvedAnewAtEachTry(t *testing.T) {
	a := start(t, nil, "a", nil)
	r := &moving{}
	wrong, right := netip.MustParseAddr("127.0.0.99"), netip.MustParseAddr("127.0.0.1")
	r.now.Store(&wrong)
	b := start(t, nil, "b", func(c *Config) {
		c.Resolver, c.Seeds = r, []string{"seed.example:" + portOf(t, a.Addr())}
		c.RejoinMin, c.RejoinMax = 50*time.Millisecond, 100*time.Millisecond
	})
	if len(b.Members().Alive()) != 1 {
		t.Fatal("it joined an address at which nobody listens")
	}
	r.now.Store(&right)
	within(t, 10*time.Second, "they agree", func() bool { return agree([]*node{a, b}) })
	if s := b.Stats(); s.RejoinTries == 0 || s.Rejoins == 0 {
		t.Errorf("counted %+v", s)
	}
	within(t, 10*time.Second, "events", func() bool { return slices.Contains(b.seen("a"), EventJoined) })
}

func TestOwnAddressIsPassedOver(t *testing.T) {
	d := start(t, nil, "n", nil)
	if joined, err := d.Join(context.Background(), []string{d.Addr()}); joined != 0 || err != nil {
		t.Errorf("joined %d, %v", joined, err)
	}
	if s := d.Stats(); s.StreamsOpened != 0 {
		t.Errorf("opened %d streams", s.StreamsOpened)
	}
}

func TestCloseDoesNotWaitForASilentSeed(t *testing.T) {
	// A listener whose queue nobody empties answers the handshake and nothing else.
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	d := start(t, nil, "n", nil)
	joined := make(chan error, 1)
	go func() {
		_, err := d.Join(context.Background(), []string{silent.Addr().String()})
		joined <- err
	}()
	within(t, 5*time.Second, "the dial succeeds", func() bool { return d.Stats().StreamsOpened == 1 })
	began := time.Now()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := <-joined; err == nil {
		t.Error("Join succeeded")
	}
}
