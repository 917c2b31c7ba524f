package muster

import (
	"context"
	"iter"

	"github.com/musterhq/muster/catalog"
)

// Watch yields the changes of a service in the default namespace, a snapshot first. It ends with ctx, or with the node.
func (n *Node) Watch(ctx context.Context, service string) iter.Seq[Event] {
	return n.WatchFrom(ctx, DefaultNamespace, service, 0)
}

// WatchFrom yields the changes of a service, or of every service of the namespace if service is "", that came after
// since: what the watcher has of an earlier watch, or a lookup. It begins with a snapshot if since is 0, or so long ago
// that it cannot go on from there. A slow reader costs nothing but gets fewer, larger steps, and in the end a snapshot.
// It ends with ctx, or with the node.
func (n *Node) WatchFrom(ctx context.Context, namespace, service string, since Index) iter.Seq[Event] {
	if namespace == "" {
		namespace = DefaultNamespace
	}
	if service == "" {
		return n.watchAll(ctx, namespace, since)
	}
	return n.watchOne(ctx, namespace, service, since)
}

func (n *Node) watchOne(ctx context.Context, namespace, service string, since Index) iter.Seq[Event] {
	cat := n.replica.Catalog()
	return func(yield func(Event) bool) {
		var old *View
		for {
			v := cat.Lookup(namespace, service)
			changes, known := cat.Since(since)
			switch {
			case known:
				changes = ofService(changes, namespace, service, v.Index())
			case old != nil:
				// None of these is a place to resume from but the last: they are in the order of ids.
				changes = v.Since(old)
				for i := range changes {
					changes[i].Index = since
				}
				if len(changes) > 0 {
					changes[len(changes)-1].Index = v.Index()
				}
			default:
				if !yield(Event{Type: EventSnapshot, Index: v.Index(), Instances: v.Instances()}) {
					return
				}
			}
			if !yieldChanges(changes, yield) {
				return
			}
			old, since = v, max(v.Index(), since)
			if !n.await(ctx, v.Changed()) {
				return
			}
		}
	}
}

func (n *Node) watchAll(ctx context.Context, namespace string, since Index) iter.Seq[Event] {
	cat := n.replica.Catalog()
	return func(yield func(Event) bool) {
		// After a snapshot, what the views had seen by then is not told again: they are newer than the index before it.
		var seen map[string]Index
		for {
			changed, now := cat.Changed(), cat.Index()
			changes, known := cat.Since(since)
			if !known {
				seen = make(map[string]Index)
				var all []*Instance
				for _, v := range cat.Services().Services {
					if v.Namespace() == namespace {
						seen[v.Service()] = v.Index()
						all = append(all, v.Instances()...)
					}
				}
				if !yield(Event{Type: EventSnapshot, Index: now, Instances: all}) {
					return
				}
				since = now
				continue
			}
			told := changes[:0:0]
			for _, ch := range changes {
				since = max(since, ch.Index)
				if ch.Key.Namespace == namespace && ch.Index > seen[ch.Key.Service] {
					told = append(told, ch)
				}
			}
			if !yieldChanges(told, yield) || !n.await(ctx, changed) {
				return
			}
		}
	}
}

// await waits for a change, and reports false at the end of the watch.
func (n *Node) await(ctx context.Context, changed <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-n.done.Done():
		return false
	case <-changed:
		return true
	}
}

// ofService keeps the changes of one service up to an index: later ones are told with the next view.
func ofService(changes []catalog.Change, namespace, service string, upTo Index) []catalog.Change {
	out := changes[:0]
	for _, ch := range changes {
		if ch.Key.Service == service && ch.Key.Namespace == namespace && ch.Index <= upTo {
			out = append(out, ch)
		}
	}
	return out
}

func yieldChanges(changes []catalog.Change, yield func(Event) bool) bool {
	for _, ch := range changes {
		ev := Event{Type: EventChange, Index: ch.Index, Instance: ch.New}
		switch {
		case ch.Old == nil:
			ev.Type = EventUp
		case ch.New == nil:
			ev.Type, ev.Instance, ev.Cause = EventDown, ch.Old, ch.Cause.String()
		}
		if !yield(ev) {
			return false
		}
	}
	return true
}
