package client

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sampleCache() cacheFile {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return cacheFile{Namespace: "default", Services: []cachedService{{Name: "payments", Confirmed: at, Instances: []*Instance{{
		Namespace: "default", Service: "payments", ID: "p1", Address: "10.0.0.5", Port: 8080, Ports: map[string]int{"grpc": 9090}, Tags: []string{"v2"},
		Metadata: map[string]string{"version": "1.4"}, Zone: "a", Weight: 100, Secure: true, Status: StatusUp, TTL: 30 * time.Second,
		Datacenter: "dc1", Home: "dc1/n1", Preserved: true, RegisteredAt: at, LastRenewal: at,
	}}}}}
}

func TestFileGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	want := sampleCache()
	b, err := encodeCache(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeCache(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Whatever happens to a file, the client starts; a damaged one is set aside as it was, and a new one is written.
func TestFileThatIsDamagedIsSetAside(t *testing.T) {
	t.Parallel()
	whole, err := encodeCache(sampleCache())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty":           {},
		"cut short":       whole[:len(whole)-1],
		"a bit flipped":   append(bytes.Clone(whole[:200]), append([]byte{whole[200] ^ 1}, whole[201:]...)...),
		"another version": bytes.Replace(whole, []byte("cache 1"), []byte("cache 2"), 1),
		"something else":  []byte("{}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				file := filepath.Join(t.TempDir(), "cache")
				if err := os.WriteFile(file, content, 0o600); err != nil {
					t.Fatal(err)
				}
				w.put(w.shared, "payments", "p2")
				c := w.client(func(cfg *Config) { cfg.CacheFile = file })
				if c.Lookup("payments").Known() {
					t.Error("a damaged file is believed")
				}
				if aside, err := os.ReadFile(file + ".damaged"); err != nil || !bytes.Equal(aside, content) {
					t.Errorf("set aside: %q, %v", aside, err)
				}
				w.resolve(c, "payments")
				time.Sleep(2 * time.Second)
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if f, err := decodeCache(b); err != nil || len(f.Services) != 1 || f.Services[0].Instances[0].ID != "p2" {
					t.Errorf("written anew: %+v, %v", f, err)
				}
			})
		})
	}
}

func TestFileThatCannotBeWrittenStopsNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.put(w.shared, "payments", "p1")
		c := w.client(func(cfg *Config) { cfg.CacheFile = filepath.Join(t.TempDir(), "no", "such", "folder") })
		w.resolve(c, "payments")
		time.Sleep(2 * time.Second)
		w.put(w.shared, "payments", "p2")
		if got := ids(c.Lookup("payments").Instances()); got != "p1 p2" {
			t.Errorf("the view has %q", got)
		}
	})
}

func TestFileOfAnotherNamespaceIsNotUsed(t *testing.T) {
	t.Parallel()
	b, err := encodeCache(sampleCache())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cache")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []Config{{Namespace: "shop"}, {Datacenter: "dc2"}, {}} {
		cfg.CacheFile, cfg.Nodes = file, []string{"127.0.0.1:1"}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := c.Lookup("payments").Known(), cfg.Namespace == "" && cfg.Datacenter == ""; got != want {
			t.Errorf("%+v: known is %v", cfg, got)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestEventsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{"retry: 2000\n\n", "||"},
		{": heartbeat\n\n", "||"},
		{"id: 7\nevent: up\ndata: {\"a\":1}\n\n", `7|up|{"a":1}`},
		{"id: 7\r\nevent: up\r\ndata:x\r\n\r\n", "7|up|x"},
		{"data: a\ndata: b\n\n", "||a\nb"},
		{"event: up\ndata: x\n", ""},
		{"event: up\ndata: x", ""},
		{"event: up\ndata: " + strings.Repeat("x", 40000) + "\n\n", "|up|" + strings.Repeat("x", 40000)},
		{"event: up\ndata: " + strings.Repeat("x", 70000) + "\n\n", ""},
		{"event: up\ndata: " + strings.Repeat("x", 40000) + "\ndata: " + strings.Repeat("x", 40000) + "\n\n", ""},
	} {
		got := ""
		if ev, err := newEventReader(strings.NewReader(tc.text), 1<<16).next(); err == nil {
			got = ev.id + "|" + ev.kind + "|" + string(ev.data)
		}
		if got != tc.want {
			t.Errorf("%.40q is read as %.40q, want %.40q", tc.text, got, tc.want)
		}
	}
}
