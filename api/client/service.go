package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// service is what the cache has of one service, and what keeps it up to date.
type service struct {
	c    *Client
	name string

	view      atomic.Pointer[snapshot] // nil until anything is known
	confirmed atomic.Int64             // when a node last said that this is so, since the client's epoch
	following atomic.Bool              // there is a goroutine that asks
	watchers  atomic.Int32             // how many follow: on demand, they are demand
	expired   atomic.Bool              // on demand: an answer is too old, and wanted wakes who asks
	wanted    chan struct{}            // on demand: one is enough
	again     chan struct{}            // go on at once, at another node; one is enough

	mu       sync.Mutex
	changed  chan struct{}      // closed and replaced when view is
	session  context.CancelFunc // ends the request that is under way
	guard    guard
	told     []*Instance // what the node says, by id
	missing  []*Instance // what is believed though the node does not say it, by id
	from     source
	doubting bool  // there is a goroutine that looks for a second opinion
	err      error // why there is no answer, nil if there was one
}

// source is who told, and where in his changes we are.
type source struct {
	node  *node
	name  string // "datacenter/name"
	index string
	etag  string
}

func (c *Client) newService(name string) *service {
	return &service{
		c: c, name: name, wanted: make(chan struct{}, 1), again: make(chan struct{}, 1), changed: make(chan struct{}),
		guard: guard{off: c.cfg.Guard.Off, share: c.cfg.Guard.Share},
	}
}

// list is a list of instances as nodes tell it.
type list struct {
	Instances []*Instance `json:"instances"`
}

// decodeList reads a list and puts it in order; the error says that it is none.
func decodeList(b []byte) ([]*Instance, error) {
	var l list
	if err := json.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("client: a list of instances: %w", err)
	}
	return ordered(l.Instances), nil
}

// ordered is the instances by id, each once, without those that are none. Their checks are dropped: they are for those who
// run them, and most of a list's bytes.
func ordered(all []*Instance) []*Instance {
	all = slices.DeleteFunc(all, func(i *Instance) bool { return i == nil || i.ID == "" })
	slices.SortStableFunc(all, byID)
	all = slices.CompactFunc(all, func(i, j *Instance) bool { return i.ID == j.ID })
	for _, i := range all {
		i.Checks = nil
	}
	return all
}

func byID(i, j *Instance) int { return cmp.Compare(i.ID, j.ID) }

// believed is what lookups show.
func (s *service) believed() []*Instance {
	if v := s.view.Load(); v != nil {
		return v.all
	}
	return nil
}

// touch takes note that a node has just confirmed what it told.
func (s *service) touch() { s.confirmed.Store(int64(time.Since(s.c.epoch))) }

// sameLife reports whether two indices were given by the same node in one life: their last ten bits say so. If nodes of
// another version count in another way, a second opinion too many is asked for, or one in a thousand is not.
func sameLife(a, b string) bool {
	const bits = 10
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	return errX == nil && errY == nil && x<<(64-bits) == y<<(64-bits)
}

// offer takes a whole list that a node tells: the answer to a poll, which has an entity tag, or what a stream begins with.
func (s *service) offer(told []*Instance, from source) {
	s.mu.Lock()
	fresh := s.from.node != from.node || !sameLife(s.from.index, from.index) || from.etag == ""
	s.from, s.err = from, nil
	doubt := s.take(told, fresh)
	s.mu.Unlock()
	if doubt {
		s.startDoubt()
	}
}

// apply takes one change that a node tells of the list that it told before.
func (s *service) apply(kind string, inst *Instance, cause, index string) {
	s.mu.Lock()
	s.from.index = index
	told := slices.Clone(s.told)
	at, found := slices.BinarySearchFunc(told, inst, byID)
	switch {
	case kind != "down" && found:
		told[at] = inst
	case kind != "down":
		told = slices.Insert(told, at, inst)
	case found:
		told = slices.Delete(told, at, at+1)
	}
	if kind == "down" && (cause == "deregistered" || cause == "filtered") {
		s.forget(inst)
	}
	doubt := s.take(told, false)
	s.mu.Unlock()
	if doubt {
		s.startDoubt()
	}
}

// forget drops an instance that has said goodbye: nobody doubts that.
func (s *service) forget(inst *Instance) {
	believed := s.believed()
	if at, found := slices.BinarySearchFunc(believed, inst, byID); found {
		s.guard.left()
		s.publish(slices.Delete(slices.Clone(believed), at, at+1), len(s.missing))
	}
}

// take believes what is told, or not, and reports whether somebody has to look for a second opinion. It needs the lock.
func (s *service) take(told []*Instance, fresh bool) (doubt bool) {
	known := s.view.Load() != nil
	s.told = interned(s.believed(), told)
	next := s.told
	if known {
		next, s.missing = s.guard.judge(time.Now(), s.believed(), s.told, fresh)
	}
	s.touch()
	s.publish(next, len(s.missing))
	doubt = len(s.missing) > 0 && !s.doubting
	s.doubting = s.doubting || doubt
	return doubt
}

// interned is next with the instances of old in place of equal ones, so that what has not changed is the same.
func interned(old, next []*Instance) []*Instance {
	for n, i := range next {
		for len(old) > 0 && old[0].ID < i.ID {
			old = old[1:]
		}
		if len(old) > 0 && old[0].ID == i.ID && old[0].same(i) {
			next[n] = old[0]
		}
	}
	return next
}

// publish shows a list to lookups and watches, if it is another. It needs the lock.
func (s *service) publish(all []*Instance, held int) {
	old, version := s.view.Load(), uint64(1)
	if old != nil {
		if old.held == held && slices.Equal(old.all, all) {
			return
		}
		version = old.version + 1
	}
	s.view.Store(newSnapshot(version, all, held))
	close(s.changed)
	s.changed = make(chan struct{})
	if s.c.disk != nil {
		s.c.disk.soon()
	}
}

// settle believes what the node told. It needs the lock.
func (s *service) settle() {
	s.guard.settle(time.Now(), len(s.told))
	s.missing = nil
	s.publish(s.told, 0)
}

// move ends what is under way and makes the service go on at once, at the node in use. It needs the lock.
func (s *service) move() {
	select {
	case s.again <- struct{}{}:
	default:
	}
	if s.session != nil {
		s.session()
	}
}
