package native

import (
	"net/http"
	"strconv"

	"github.com/musterhq/muster"
)

// watch streams the changes of a service, or of all of a namespace: a snapshot, then what changes.
func (a *API) watch(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptWatch)
	if err != nil {
		return err
	}
	since, err := resumeAt(r, &q)
	if err != nil {
		return err
	}
	if err := a.waiting.enter(waitWatch); err != nil {
		return err
	}
	defer a.waiting.leave(waitWatch)
	s, ctx := a.openStream(w, r)
	defer s.close()
	f := watchFilter{filter: &q.filter, dc: a.dc}
	for ev := range a.node.WatchFrom(ctx, q.namespace, q.given("service"), muster.Index(since)) {
		kind, ok := f.pass(&ev)
		if ok && !s.send(a.encodeEvent(&ev, kind, &f)) {
			break
		}
	}
	return nil
}

// watchFilter turns changes of the registry into changes of what a watcher watches: an instance that no longer matches
// is down for it, one that matches at last is up. It remembers the instances that the watcher knows not to match; of one
// that it remembers nothing of, after the watcher came back, the watcher is told once.
type watchFilter struct {
	*filter
	dc      string
	outside map[muster.Key]bool
}

// pass is the type of the event for the watcher; false if there is nothing to tell.
func (f *watchFilter) pass(ev *muster.Event) (muster.EventType, bool) {
	if ev.Type == muster.EventSnapshot {
		f.outside = nil
		for _, inst := range ev.Instances {
			if !f.watched(inst) {
				f.leave(inst)
			}
		}
		return ev.Type, true
	}
	inst := ev.Instance
	key := inst.Key()
	outside := f.outside[key]
	switch {
	case ev.Type == muster.EventDown:
		delete(f.outside, key)
		return ev.Type, !outside
	case f.watched(inst):
		delete(f.outside, key)
		if outside {
			return muster.EventUp, true
		}
		return ev.Type, true
	case outside:
		return "", false
	default:
		f.leave(inst)
		return muster.EventDown, ev.Type == muster.EventChange
	}
}

func (f *watchFilter) watched(inst *muster.Instance) bool {
	return f.matches(inst, f.dc)
}

func (f *watchFilter) leave(inst *muster.Instance) {
	if f.outside == nil {
		f.outside = map[muster.Key]bool{}
	}
	f.outside[inst.Key()] = true
}

// encodedEvent is the latest event as it was sent. A change goes to all watchers of its service at about the same time,
// so most of them find it encoded.
type encodedEvent struct {
	kind  muster.EventType
	index muster.Index
	inst  *muster.Instance
	bytes []byte
}

// encodeEvent is ev as a server-sent event of that type.
func (a *API) encodeEvent(ev *muster.Event, kind muster.EventType, f *watchFilter) []byte {
	if kind == muster.EventSnapshot {
		b := appendSnapshot(nil, ev, f)
		return appendEvent(make([]byte, 0, len(b)+64), uint64(ev.Index), string(kind), b)
	}
	if e := a.latest.Load(); e != nil && e.index == ev.Index && e.kind == kind && e.inst == ev.Instance {
		return e.bytes
	}
	cause := ev.Cause
	if kind == muster.EventDown && ev.Type != muster.EventDown {
		cause = "filtered"
	}
	b := append([]byte(nil), `{"index":`...)
	b = strconv.AppendUint(b, uint64(ev.Index), 10)
	b = append(b, `,"instance":`...)
	b = appendInstance(b, ev.Instance, ev.Instance.LastRenewal, ev.Index)
	b = append(appendOptional(b, "cause", cause), '}')
	e := &encodedEvent{kind, ev.Index, ev.Instance, appendEvent(nil, uint64(ev.Index), string(kind), b)}
	a.latest.Store(e)
	return e.bytes
}

func appendSnapshot(b []byte, ev *muster.Event, f *watchFilter) []byte {
	b = append(b, `{"index":`...)
	b = strconv.AppendUint(b, uint64(ev.Index), 10)
	b = append(b, `,"instances":[`...)
	n := 0
	for _, inst := range ev.Instances {
		if f.watched(inst) {
			b = appendInstance(appendComma(b, n), inst, inst.LastRenewal, 0)
			n++
		}
	}
	return append(b, "]}"...)
}
