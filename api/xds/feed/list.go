package feed

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

const (
	// listWait is how long a node may wait for something new, listGap the least time between two answers: the list changes
	// with every instance, and only new names matter.
	listWait = 30 * time.Second
	listGap  = 200 * time.Millisecond
	// retryFirst and retryLast bound the pause while no node answers.
	retryFirst = 250 * time.Millisecond
	retryLast  = 10 * time.Second
)

// list is the services that a node knows, in all data centres.
type list struct {
	names      []string
	node       string // which told, and where a poll goes on
	index      string
	datacenter string // of the node
}

// firstList asks until a node that is ready answers.
func (f *Feed) firstList(ctx context.Context) (list, error) {
	for pause := retryFirst; ; pause = min(2*pause, retryLast) {
		l, err := f.list(ctx, list{})
		if err == nil {
			return l, nil
		}
		if ctx.Err() != nil {
			return list{}, ctx.Err()
		}
		f.log.WarnContext(ctx, "no node lists its services; clients wait", "err", err)
		rest(ctx, pause)
	}
}

// followAll follows each service of the list, and what is added to it, until ctx ends.
func (f *Feed) followAll(ctx context.Context, l list) {
	followed := map[string]bool{}
	full := false
	pause := listGap
	for ctx.Err() == nil {
		for _, name := range l.names {
			switch {
			case followed[name] || name == "":
			case len(followed) >= f.cfg.MaxServices:
				if !full {
					f.log.ErrorContext(ctx, "too many services; some are not served", "limit", f.cfg.MaxServices)
				}
				full = true
			default:
				followed[name] = true
				f.running.Go(func() { f.follow(ctx, name) })
			}
		}
		rest(ctx, pause)
		next, err := f.list(ctx, l)
		switch {
		case err == nil:
			l, pause = next, listGap
		case ctx.Err() == nil:
			if pause == listGap {
				f.log.WarnContext(ctx, "no node lists its services; what is known is served", "err", err)
			}
			pause = min(max(2*pause, retryFirst), retryLast)
		}
	}
}

// follow tells of every change of a service.
func (f *Feed) follow(ctx context.Context, name string) {
	for view := range f.client.Follow(ctx, name) {
		if view.Known() {
			f.tell(ctx, change{service: name, instances: view.Instances()})
		}
	}
}

// list asks for the services; at the node that told the list before, it waits until there is something new.
func (f *Feed) list(ctx context.Context, before list) (list, error) {
	var body struct {
		Services []struct {
			Service string `json:"service"`
		} `json:"services"`
	}
	from, header, err := f.ask.get(ctx, "/api/v1/services", func(node string) (url.Values, time.Duration) {
		q := url.Values{"dc": {"*"}}
		if f.cfg.Namespace != "" {
			q.Set("namespace", f.cfg.Namespace)
		}
		if node != before.node || before.index == "" {
			return q, 0
		}
		q.Set("since", before.index)
		q.Set("wait", listWait.String())
		return q, listWait
	}, func(b []byte) error { return json.Unmarshal(b, &body) })
	if err != nil {
		return list{}, err
	}
	l := list{node: from, index: header.Get("Muster-Index"), datacenter: header.Get("Muster-Datacenter")}
	for _, s := range body.Services {
		l.names = append(l.names, s.Service)
	}
	return l, nil
}

// rest waits.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
