package eureka

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/musterhq/muster"
)

// deltaAge is how long a change is told in deltas: six polls of a client, as at a Eureka server.
const deltaAge = 180 * time.Second

// journal is what has changed lately, for deltas. It is not a log that somebody writes: whoever asks for a delta brings it
// up to date from the catalog's history. Needs the API's lock.
//
// A client that lost something all the same sees it by the hash: what a delta fails to take away, or to add, leaves the
// client with other counts than the registry has, and it fetches the whole.
type journal struct {
	since muster.Index // changes up to it have been read
	at    *registry    // as of then, nil at first
	marks map[muster.Key]*mark
	queue []queued // oldest first

	count    int64 // of different deltas so far: a delta's version
	stale    bool  // marks have changed since the answers were made
	answers  [forms]*pieces
	squeezed [forms]*pieces
}

// mark is the latest change of an instance.
type mark struct {
	seen   time.Time
	action string
	entry
	fragments [forms][]byte
}

type queued struct {
	key  muster.Key
	seen time.Time
}

const (
	actionModified = "MODIFIED"
	actionDeleted  = "DELETED"
)

func newJournal(since muster.Index) journal {
	return journal{since: since, marks: make(map[muster.Key]*mark), stale: true}
}

// read brings the journal up to date with r.
func (j *journal) read(node Node, dc string, r *registry, now time.Time) {
	if r.index != j.since || j.at == nil {
		j.catchUp(node, dc, r, now)
	}
	j.stale = j.stale || j.at != r // Its hash may be newer than the changes, of which some were read before.
	j.at, j.since = r, max(j.since, r.index)
	j.prune(now)
}

// catchUp reads the catalog's history: what a watcher would be told at once.
func (j *journal) catchUp(node Node, dc string, r *registry, now time.Time) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // What there is, and no waiting for more.
	for ev := range node.WatchFrom(ctx, muster.DefaultNamespace, "", j.since) {
		if ev.Type == muster.EventSnapshot {
			j.compare(dc, r, now)
			return
		}
		j.since = ev.Index
		if ev.Instance.Datacenter != dc {
			if j.told(ev) {
				j.mark(ev.Instance, actionDeleted, now) // It has moved away.
			}
			continue
		}
		switch ev.Type {
		case muster.EventUp:
			j.mark(ev.Instance, actionAdded, now)
		case muster.EventDown:
			j.mark(ev.Instance, actionDeleted, now)
		default:
			j.mark(ev.Instance, actionModified, now)
		}
	}
}

// told reports whether clients may have an instance that is now another data centre's.
func (j *journal) told(ev muster.Event) bool {
	if m := j.marks[ev.Instance.Key()]; m != nil {
		return m.action != actionDeleted
	}
	if j.at == nil {
		return ev.Type == muster.EventChange
	}
	return j.at.has(entry{appOf(ev.Instance.Service), ev.Instance})
}

// compare is for when more has happened than the history holds: what differs from the registry that was read last, or,
// where none was, whatever is newer than this dialect is at its node.
func (j *journal) compare(dc string, r *registry, now time.Time) {
	local := func(inst *muster.Instance) bool { return inst.Datacenter == dc }
	if j.at != nil {
		for _, c := range j.at.changes(r.overview, local) {
			switch {
			case c.new == nil:
				j.mark(c.old, actionDeleted, now)
			case c.old == nil:
				j.mark(c.new, actionAdded, now)
			default:
				j.mark(c.new, actionModified, now)
			}
		}
		return
	}
	for _, view := range r.overview.Services {
		if view.Namespace() != muster.DefaultNamespace {
			continue
		}
		for inst, index := range view.All() {
			if local(inst) && index.Newer(j.since, r.index) {
				j.mark(inst, actionAdded, now)
			}
		}
	}
}

func (j *journal) mark(inst *muster.Instance, action string, now time.Time) {
	key := inst.Key()
	if m := j.marks[key]; m == nil || !m.seen.Equal(now) {
		j.queue = append(j.queue, queued{key, now})
	}
	j.marks[key] = &mark{seen: now, action: action, entry: entry{appOf(inst.Service), inst}}
	j.stale = true
}

// prune forgets what is older than deltaAge.
func (j *journal) prune(now time.Time) {
	n := 0
	for ; n < len(j.queue) && now.Sub(j.queue[n].seen) > deltaAge; n++ {
		q := j.queue[n]
		if m := j.marks[q.key]; m != nil && m.seen.Equal(q.seen) {
			delete(j.marks, q.key)
			j.stale = true
		}
	}
	j.queue = j.queue[n:]
}

// delta is the answer to GET apps/delta after read. In an application, what is gone comes last: Netflix' client takes an
// application that it does not know as a whole, with all that is in it, at the first instance that is there.
func (j *journal) delta(f form, compressed bool) *pieces {
	if j.stale {
		j.stale = false
		j.count++
		j.answers, j.squeezed = [forms]*pieces{}, [forms]*pieces{}
	}
	if j.answers[f] == nil {
		marks := make([]*mark, 0, len(j.marks))
		for _, m := range j.marks {
			marks = append(marks, m)
		}
		slices.SortFunc(marks, func(a, b *mark) int {
			return cmp.Or(cmp.Compare(a.app, b.app), boolOrder(a.action == actionDeleted, b.action == actionDeleted), a.compare(b.entry))
		})
		l := newListing(f)
		for _, m := range marks {
			l.add(m.app, m.fragment(f))
		}
		j.answers[f] = l.answer(strconv.FormatInt(j.count, 10), j.at.hash())
	}
	if !compressed {
		return j.answers[f]
	}
	if j.squeezed[f] == nil {
		j.squeezed[f] = j.answers[f].gzip()
	}
	return j.squeezed[f]
}

// boolOrder is false before true.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return +1
	}
}

func (m *mark) fragment(f form) []byte {
	if m.fragments[f] == nil {
		i := describe(m.inst)
		m.fragments[f] = f.appendInstance(nil, &i, m.action)
	}
	return m.fragments[f]
}
