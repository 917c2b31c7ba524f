package muster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/musterhq/muster/gossip/frame"
)

func TestRenewalsSurviveTheWireInPacketsThatFit(t *testing.T) {
	var keys []Key
	for i := range 200 {
		keys = append(keys, Key{Namespace: "default", Service: "s", ID: fmt.Sprintf("%s-%d", strings.Repeat("x", i), i)})
	}
	var got []Key
	for rest := keys; len(rest) > 0; {
		var packet []byte
		packet, rest = appendRenewals(rest, 1300)
		if len(packet) > 1300 {
			t.Fatalf("a packet of %d bytes", len(packet))
		}
		ks, err := decodeRenewals(packet)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ks...)
	}
	if !slices.Equal(got, keys) {
		t.Fatalf("%d keys became %d", len(keys), len(got))
	}
	long := Key{Namespace: strings.Repeat("n", 255), Service: strings.Repeat("s", 255), ID: strings.Repeat("i", 255)}
	if packet, rest := appendRenewals([]Key{long, long}, 100); len(rest) != 1 || len(packet) < 700 {
		t.Fatalf("the first key must go whatever its size: %d bytes, %d left", len(packet), len(rest))
	}
}

func FuzzRenewals(f *testing.F) {
	packet, _ := appendRenewals([]Key{{Namespace: "default", Service: "s", ID: "1"}, {Namespace: "n", Service: "t", ID: "2"}}, 1300)
	f.Add(packet)
	f.Add(packet[:len(packet)-1])
	f.Add(append(slices.Clone(packet), 0))
	f.Add(frame.AppendHeader(nil, kindRenewals))
	f.Add([]byte{1, 16, 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := decodeRenewals(b)
		if err != nil {
			if !errors.Is(err, errRenewals) || keys != nil {
				t.Fatalf("%d keys and %v", len(keys), err)
			}
			return
		}
		var again []Key
		for rest := keys; len(rest) > 0; {
			var p []byte
			p, rest = appendRenewals(rest, 1<<20)
			ks, err := decodeRenewals(p)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, ks...)
		}
		if !slices.Equal(keys, again) {
			t.Fatalf("%v became %v", keys, again)
		}
	})
}
