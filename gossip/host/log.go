package host

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"sync"
	"time"
)

// logRate is how many of memberlist's lines pass in a second. A cut makes it write several for each member and probe.
const logRate = 10

// lines turns a library's lines into slog records: one constant message, the line as an attribute. What the library
// calls an error it deals with by itself, so it is a warning here.
type lines struct {
	logger *slog.Logger

	mu         sync.Mutex
	second     time.Time // in which passed counts
	passed     int
	suppressed int
}

// Lines is the logger that memberlist and Serf are given. At most 10 of its lines pass in a second, and the next one says
// how many did not.
func Lines(to *slog.Logger) *log.Logger { return log.New(&lines{logger: to}, "", 0) }

// Write takes one line, such as "[WARN] memberlist: Refuting a suspect message (from: b)".
func (w *lines) Write(line []byte) (int, error) {
	level, library, text := parseLine(line)
	ctx := context.Background()
	if !w.logger.Enabled(ctx, level) {
		return len(line), nil
	}
	if suppressed, ok := w.admit(time.Now()); ok {
		attrs := []slog.Attr{slog.String("line", text)}
		if suppressed > 0 {
			attrs = append(attrs, slog.Int("suppressed", suppressed))
		}
		if library == "serf" {
			w.logger.LogAttrs(ctx, level, "serf", attrs...)
		} else {
			w.logger.LogAttrs(ctx, level, "memberlist", attrs...)
		}
	}
	return len(line), nil
}

// admit reports whether a line may pass, and how many did not since the last that did.
func (w *lines) admit(now time.Time) (suppressed int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.second) >= time.Second {
		w.second, w.passed = now, 0
	}
	if w.passed >= logRate {
		w.suppressed++
		return 0, false
	}
	w.passed++
	suppressed, w.suppressed = w.suppressed, 0
	return suppressed, true
}

// parseLine takes the level and the name of the library off a line. A line without level is information; one without a
// name is memberlist's.
func parseLine(line []byte) (level slog.Level, library, text string) {
	line = bytes.TrimSpace(line)
	level = slog.LevelInfo
	if tag, rest, ok := bytes.Cut(line, []byte("] ")); ok && len(tag) > 0 && tag[0] == '[' {
		switch string(tag[1:]) {
		case "TRACE", "DEBUG":
			level, line = slog.LevelDebug, rest
		case "INFO":
			line = rest
		case "WARN", "ERR", "ERROR":
			level, line = slog.LevelWarn, rest
		}
	}
	if rest, ok := bytes.CutPrefix(line, []byte("serf: ")); ok {
		return level, "serf", string(rest)
	}
	return level, "memberlist", string(bytes.TrimPrefix(line, []byte("memberlist: ")))
}
