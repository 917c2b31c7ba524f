package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) watchCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "watch [SERVICE]",
		Short: "Print one line for each change, until interrupted",
		Long: `Print what there is, then one line for each change, until interrupted. A node that
goes away is waited for, and what was missed meanwhile is printed when it is back.
With -o json each line is an object: the event as the node sends it, and its type.`,
		Args:              arguments("[SERVICE]"),
		ValidArgsFunction: a.completeServices,
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "`NAMESPACE` to watch (default \"default\")")
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		ctx, stop := a.untilInterrupted(ctx)
		defer stop()
		q := url.Values{}
		if namespace != "" {
			q.Set("namespace", namespace)
		}
		if len(args) > 0 {
			q.Set("service", args[0])
		}
		w := &watcher{app: a, remote: r, query: q}
		return w.run(ctx)
	})
}

// untilInterrupted is a context that ends at SIGINT or SIGTERM.
func (a *app) untilInterrupted(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	caught, stop := a.env.signals(os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-caught:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(); cancel() }
}

// watcher follows one stream over all connections that it takes.
type watcher struct {
	app    *app
	remote *remote
	query  url.Values
	// last is the id of the last event that was printed: where a further connection goes on.
	last string
	// retry is when to come back after the end of a connection.
	retry time.Duration
	away  bool
}

const (
	watchRetry = 2 * time.Second
	// watchSilence is how long a stream may say nothing, not even that it is alive, which a node says every 15 s.
	watchSilence = 45 * time.Second
)

// run prints events until ctx ends. The error is a first connection that could not be made, or a refusal.
func (w *watcher) run(ctx context.Context) error {
	w.retry = watchRetry
	for {
		err := w.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // To be interrupted is how a watch ends.
		case err != nil && !w.comesBack(err):
			return err
		case !w.away:
			w.away = true
			w.app.warn("lost %s: waiting for it to come back", w.remote.base)
		}
		if !pause(ctx, jitter(w.retry)) {
			return nil
		}
	}
}

// comesBack reports whether it is worth connecting again: there has been a connection, and the node is away or busy
// rather than of another opinion.
func (w *watcher) comesBack(err error) bool {
	return w.last != "" && mayPass(err)
}

// follow prints the events of one connection. The error is why there was none, or why it could not go on; nil if it came
// to its end.
func (w *watcher) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{"Accept": {"text/event-stream"}}
	if w.last != "" {
		header.Set("Last-Event-ID", w.last)
	}
	res, err := w.remote.open(ctx, http.MethodGet, pathWatch, w.query, nil, header)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if w.away {
		w.away = false
		w.app.warn("%s is back", w.remote.base)
	}
	silence := time.AfterFunc(watchSilence, cancel)
	defer silence.Stop()
	events := newEventReader(res.Body, func() { silence.Reset(watchSilence) })
	for {
		ev, err := events.next()
		if events.retry > 0 {
			w.retry = events.retry
		}
		if err != nil {
			return nil // However a connection ends, the next one goes on from its last event.
		}
		if err := w.print(ev); err != nil {
			return err
		}
		if ev.id != "" {
			w.last = ev.id
		}
	}
}

// change is what an event carries, as far as lines show it.
type change struct {
	Instances []instance `json:"instances"`
	Instance  instance   `json:"instance"`
	Cause     string     `json:"cause"`
}

// print prints an event as one line; a snapshot as a line for each instance, unless it is printed as data.
func (w *watcher) print(ev event) error {
	var c change
	if err := json.Unmarshal([]byte(ev.data), &c); err != nil || !strings.HasPrefix(ev.data, "{") {
		return fmt.Errorf("%s did not answer as a Muster node does: %q is no event", w.remote.base, ev.data)
	}
	var text string
	switch w.app.client.output {
	case formatJSON:
		text = withType(ev) + "\n"
	case formatYAML:
		y, err := toYAML([]byte(withType(ev)))
		if err != nil {
			return err
		}
		text = "---\n" + y
	default:
		if ev.kind != "snapshot" {
			c.Instances = []instance{c.Instance}
		}
		var lines strings.Builder
		for _, i := range c.Instances {
			lines.WriteString(line(ev.kind, i, c.Cause))
		}
		text = lines.String()
	}
	return w.app.write(text)
}

// withType is the data of an event, an object, with its type as the first member.
func withType(ev event) string {
	if ev.data == "{}" {
		return fmt.Sprintf(`{"type":%q}`, ev.kind)
	}
	return fmt.Sprintf(`{"type":%q,`, ev.kind) + ev.data[1:]
}

// line is a change for people. Its columns are aligned as far as names are of common length, since later ones are not
// known yet.
func line(kind string, i instance, cause string) string {
	words := []string{fmt.Sprintf("%-8s", kind), i.Service, i.ID, i.hostPort()}
	if cause != "" {
		words = append(words, cause)
	} else {
		words = append(words, i.Status)
	}
	if r := i.remarks(); r != "" {
		words = append(words, "("+r+")")
	}
	return strings.Map(printable, strings.Join(words, "  ")) + "\n"
}
