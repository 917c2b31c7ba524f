package host

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestLinesOfMemberlistBecomeRecords(t *testing.T) {
	for _, c := range []struct {
		line    string
		level   slog.Level
		library string
		text    string
	}{
		{"[WARN] memberlist: Refuting a dead message (from: b)\n", slog.LevelWarn, "memberlist", "Refuting a dead message (from: b)"},
		{"[ERR] memberlist: x", slog.LevelWarn, "memberlist", "x"},
		{"[INFO] memberlist: x", slog.LevelInfo, "memberlist", "x"},
		{"[DEBUG] memberlist: x", slog.LevelDebug, "memberlist", "x"},
		{"[TRACE] serf: x", slog.LevelDebug, "serf", "x"},
		{"no level", slog.LevelInfo, "memberlist", "no level"},
		{"[ODD] x", slog.LevelInfo, "memberlist", "[ODD] x"},
		{"", slog.LevelInfo, "memberlist", ""},
	} {
		if level, library, text := parseLine([]byte(c.line)); level != c.level || library != c.library || text != c.text {
			t.Errorf("%q: %v %q %q", c.line, level, library, text)
		}
	}
}

func TestLogIsRateLimitedAndSaysWhatItKeptBack(t *testing.T) {
	w := &lines{}
	now := time.Unix(1000, 0)
	passed := 0
	for range 100 {
		if _, ok := w.admit(now); ok {
			passed++
		}
	}
	if passed != logRate {
		t.Errorf("%d lines passed in a second, want %d", passed, logRate)
	}
	if suppressed, ok := w.admit(now.Add(time.Second)); !ok || suppressed != 100-logRate {
		t.Errorf("after a second: %v, %d suppressed", ok, suppressed)
	}
	var out strings.Builder
	w = &lines{logger: slog.New(slog.NewTextHandler(&out, nil))}
	_, _ = w.Write([]byte("[DEBUG] memberlist: quiet"))
	_, _ = w.Write([]byte("[WARN] memberlist: loud"))
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "msg=memberlist line=loud") {
		t.Errorf("logged %q", got)
	}
}
