package dns

import (
	"net/netip"
	"testing"
	"time"
)

func TestANetworkGetsItsRateAndNoMore(t *testing.T) {
	l := newLimiter(100)
	client, neighbour, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.200"), netip.MustParseAddr("198.51.100.1")
	allowed := func(who netip.Addr, now time.Duration, asked int) (n int) {
		for range asked {
			if l.allow(who, now) {
				n++
			}
		}
		return n
	}
	if got := allowed(client, 0, 250); got != 100 {
		t.Errorf("%d at once, want what the rate allows in a second", got)
	}
	if got := allowed(neighbour, 0, 10); got != 0 {
		t.Errorf("%d to another client of the same network", got)
	}
	if got := allowed(other, 0, 10); got != 10 {
		t.Errorf("%d of 10 to another network", got)
	}
	if got := allowed(client, 500*time.Millisecond, 250); got != 50 {
		t.Errorf("%d after half a second, want 50", got)
	}
	if got := allowed(client, time.Hour, 250); got != 100 {
		t.Errorf("%d after an hour, want 100: an idle client saves nothing up", got)
	}
}

func TestNetworksAreToldApartByWhatAClientMayHaveToItself(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.255", true},
		{"192.0.2.1", "192.0.3.1", false},
		{"::ffff:192.0.2.1", "192.0.2.9", true},
		{"2001:db8:0:100::1", "2001:db8:0:1ff::1", true},
		{"2001:db8:0:100::1", "2001:db8:0:200::1", false},
		{"fe80::1%eth0", "fe80::2%eth1", true},
	} {
		if same := network(netip.MustParseAddr(tc.a)) == network(netip.MustParseAddr(tc.b)); same != tc.same {
			t.Errorf("%s and %s: same network %v", tc.a, tc.b, same)
		}
	}
}

func TestThisMachineAndNoLimitAreNotLimited(t *testing.T) {
	for _, l := range []*limiter{newLimiter(1), newLimiter(-1)} {
		client := netip.MustParseAddr("127.0.0.1")
		if l == nil {
			client = netip.MustParseAddr("192.0.2.1")
		}
		for range 1000 {
			if !l.allow(client, 0) {
				t.Fatal("limited")
			}
		}
	}
}
