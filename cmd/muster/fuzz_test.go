package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParseConfig holds that no file makes the parser panic, that it gives nothing but known keys, each with values of
// the right kind, and that an error is one line that names the file.
func FuzzParseConfig(f *testing.F) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		known := fields(&settings{})
		got, err := parseConfig("file.yaml", data, known)
		if err != nil {
			if text := err.Error(); !strings.HasPrefix(text, "file.yaml:") || strings.Contains(strings.TrimSpace(text), "\n") {
				t.Fatalf("not one line that names the file: %q", text)
			}
			return
		}
		for name, entry := range got {
			field, ok := find(known, name)
			if !ok || entry.line < 1 || !field.isList() && len(entry.texts) != 1 {
				t.Fatalf("%q has %+v", name, entry)
			}
		}
	})
}

// FuzzEventReader holds that no stream makes the reader panic, that what it gives has data, and that it ends.
func FuzzEventReader(f *testing.F) {
	f.Add("retry: 2000\n\nid: 1\nevent: up\ndata: {}\n\n: heartbeat\n\n")
	f.Add("data: a\ndata:b\n\nid: 2\n\ndata: cut off")
	f.Fuzz(func(t *testing.T, stream string) {
		events := newEventReader(strings.NewReader(stream), func() {})
		for n := 0; ; n++ {
			ev, err := events.next()
			if err != nil {
				return
			}
			if n > len(stream) || len(ev.data) > len(stream) {
				t.Fatalf("%d events of %d bytes, the last with %d", n, len(stream), len(ev.data))
			}
		}
	})
}
