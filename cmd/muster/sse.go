package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// event is one server-sent event.
type event struct {
	id, kind, data string
}

// maxLineBytes bounds a line of a stream. A snapshot is one line, and the largest of them.
const maxLineBytes = 256 << 20

// eventReader reads a stream of server-sent events as the HTML standard has it, except that it knows no other encoding
// than UTF-8 and no byte order mark.
type eventReader struct {
	lines *bufio.Scanner
	// retry is when the server wants a client to come back, 0 if it has not said.
	retry time.Duration
	// alive is called for each line that arrives, comments too.
	alive func()
}

func newEventReader(r io.Reader, alive func()) *eventReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	return &eventReader{lines: lines, alive: alive}
}

// next is the next event that has data. The error is io.EOF at the end of the stream; an event that the end cuts off is
// not one.
func (r *eventReader) next() (event, error) {
	var ev event
	var data []string
	for r.lines.Scan() {
		r.alive()
		line := r.lines.Text()
		if line == "" {
			if data != nil {
				ev.data = strings.Join(data, "\n")
				return ev, nil
			}
			ev = event{}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			ev.id = value
		case "event":
			ev.kind = value
		case "data":
			data = append(data, value)
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				r.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if err := r.lines.Err(); err != nil {
		return event{}, fmt.Errorf("reading a stream of events: %w", err)
	}
	return event{}, io.EOF
}
