package client

import (
	"bytes"
	"slices"
	"testing"
)

// No stream makes the reader panic, or hold more than its limit; what it reads, it reads again from what it has read.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("retry: 2000\n\nid: 7\nevent: up\ndata: {\"index\":7,\"instance\":{\"id\":\"p1\"}}\n\n: heartbeat\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		events := newEventReader(bytes.NewReader(b), limit)
		for {
			ev, err := events.next()
			if err != nil {
				return
			}
			if len(ev.data) > limit {
				t.Fatalf("an event of %d bytes, with a limit of %d", len(ev.data), limit)
			}
			if len(ev.data) == 0 {
				continue
			}
			text := slices.Concat([]byte("id: "+ev.id+"\nevent: "+ev.kind+"\ndata: "), bytes.ReplaceAll(ev.data, []byte("\n"), []byte("\ndata: ")), []byte("\n\n"))
			again, err := newEventReader(bytes.NewReader(text), 2*limit).next()
			if err != nil || again.id != ev.id || again.kind != ev.kind || !bytes.Equal(again.data, ev.data) {
				t.Fatalf("%+v is read again as %+v, %v", ev, again, err)
			}
		}
	})
}

// No list that a node sends breaks the order that everything else stands on.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"index":7,"instances":[{"id":"p2","ttl":"30s"},{"id":"p1"},null,{"id":""},{"id":"p1","port":1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := decodeList(b)
		if err != nil {
			return
		}
		for i, inst := range all {
			if inst.ID == "" || i > 0 && all[i-1].ID >= inst.ID {
				t.Fatalf("out of order: %q", ids(all))
			}
		}
	})
}

// A file is used only if every byte of it is as it was written.
func FuzzCacheFile(f *testing.F) {
	whole, err := encodeCache(sampleCache())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := decodeCache(b)
		if err != nil {
			return
		}
		if _, err := encodeCache(got); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
