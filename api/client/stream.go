package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
)

const (
	// A node says something every 15 s; a stream that is silent for streamSilence is dead.
	streamSilence = 40 * time.Second
	// maxEventBytes bounds one event: a snapshot of a service.
	maxEventBytes = 256 << 20
)

// streamOnce opens a stream and takes what comes until it ends, and returns how long to wait until the next one.
func (r *refresher) streamOnce(ctx context.Context) time.Duration {
	session, cancel := r.begin(ctx)
	defer cancel()
	query := r.c.scope()
	query.Set("service", r.name)
	a, err := r.c.call(session, request{
		method: http.MethodGet, path: pathWatch, query: query, resume: r.resumeStream, timeout: r.c.cfg.Timeout,
		stream: true, repeated: r.reconnected,
	})
	if err != nil {
		if session.Err() != nil && ctx.Err() == nil {
			return 0 // moved
		}
		if refused, ok := errors.AsType[*Error](err); ok && (refused.Status == http.StatusNotFound || refused.Status == http.StatusMethodNotAllowed) {
			r.broke()
		}
		r.unopened = errors.Is(err, ErrUnavailable)
		return r.failed(ctx, err)
	}
	opened := time.Now()
	if r.failures = 0; r.before != a.node {
		r.broken = 0 // The last one lived, or it was its node that died.
	}
	err = r.listen(session, a)
	r.reconnected, r.before = true, nil
	if ctx.Err() != nil || session.Err() != nil {
		return 0 // closed, or moved
	}
	r.c.log.Debug("stream ended", "service", r.name, "node", a.node.base, "err", err)
	if time.Since(opened) < streamLife {
		r.before = a.node
		r.broke()
	}
	return between(0, r.c.cfg.Spread)
}

// broke takes note of a stream that did not get through.
func (r *refresher) broke() {
	if r.broken++; r.broken >= streamFaults {
		r.broken, r.before, r.noStreams = 0, nil, time.Now().Add(fallbackFor)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.from = source{}
		r.c.log.Info("streams break at once; asking by long poll for a while", "service", r.name)
	}
}

// resumeStream goes on after the last event, at the node that it is from.
func (r *refresher) resumeStream(n *node, _ url.Values, header http.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.from.node == n && r.from.index != "" {
		header.Set("Last-Event-Id", r.from.index)
	}
}

var errNoStream = errors.New("client: the answer is no stream of events")

// listen takes what a stream says, until it ends, is silent for too long, or the node is lost.
func (r *refresher) listen(ctx context.Context, a *answer) error {
	defer func() { _ = a.stream.Close() }()
	if kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type")); kind != "text/event-stream" {
		return errNoStream
	}
	ctx, cancel := a.node.whileUp(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = a.stream.Close() })()
	silent := time.AfterFunc(streamSilence, cancel)
	defer silent.Stop()
	// A node that is asked to go on after the last event, and has nothing new, says nothing but that it is there. What is
	// held is then the truth, if it was this node that told it.
	current := r.isFrom(a.node)
	events := newEventReader(a.stream, maxEventBytes)
	for {
		ev, err := events.next()
		if err != nil {
			return err
		}
		silent.Reset(streamSilence)
		switch ev.kind {
		case "snapshot":
			told, err := decodeList(ev.data)
			if err != nil {
				return err
			}
			current = true
			r.offer(told, source{node: a.node, name: a.name, index: ev.id})
		case "up", "change", "down":
			var change struct {
				Instance *Instance `json:"instance"`
				Cause    string    `json:"cause"`
			}
			if err := json.Unmarshal(ev.data, &change); err != nil || change.Instance == nil || change.Instance.ID == "" {
				return errors.Join(errNoStream, err)
			}
			if !current {
				return errNoStream // a change of what was never told
			}
			change.Instance.Checks = nil
			r.apply(ev.kind, change.Instance, change.Cause, ev.id)
		default:
			if current {
				r.touch()
			}
		}
	}
}

func (r *refresher) isFrom(n *node) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.node == n && r.from.index != ""
}

// event is one server-sent event; one without a kind is a sign of life.
type event struct {
	id, kind string
	data     []byte
}

// eventReader reads server-sent events, as in the WHATWG's HTML, section 9.2, as far as nodes write them: lines end with
// LF or CR LF.
type eventReader struct {
	r     *bufio.Reader
	limit int
}

func newEventReader(r io.Reader, limit int) *eventReader {
	return &eventReader{bufio.NewReaderSize(r, 16<<10), limit}
}

var errEventTooLarge = errors.New("client: an event is too large")

// next is the next event. A comment, and an event without data, is a sign of life.
func (e *eventReader) next() (ev event, err error) {
	var said []byte
	has := false
	for {
		line, err := e.line(e.limit - len(said))
		if err != nil {
			return event{}, err
		}
		if len(line) == 0 {
			if !has {
				return event{}, nil
			}
			ev.data = said
			return ev, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if has {
				said = append(said, '\n')
			}
			said, has = append(said, value...), true
		case "id":
			ev.id = string(value)
		case "event":
			ev.kind = string(value)
		}
	}
}

// line is the next line without its end, valid until the next call.
func (e *eventReader) line(limit int) (line []byte, err error) {
	part, err := e.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line = append(line, part...)
		for errors.Is(err, bufio.ErrBufferFull) && len(line) <= limit {
			part, err = e.r.ReadSlice('\n')
			line = append(line, part...)
		}
	} else {
		line = part
	}
	if err == nil && len(line) > limit || errors.Is(err, bufio.ErrBufferFull) {
		return nil, errEventTooLarge
	}
	if err != nil {
		return nil, err
	}
	line = line[:len(line)-1]
	return bytes.TrimSuffix(line, []byte("\r")), nil
}
