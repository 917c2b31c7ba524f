package apitest

import (
	"context"
	"iter"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
)

// Put registers an instance.
func (f *Fake) Put(_ context.Context, inst muster.Instance) (muster.InstanceDetail, bool, error) {
	if err := inst.Complete(); err != nil {
		return muster.InstanceDetail{}, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		return muster.InstanceDetail{}, false, f.fault
	}
	key := inst.Key()
	old, _ := f.catalog.Get(key)
	inst.Datacenter, inst.Home, inst.RegisteredAt = "dc1", "dc1/n1", f.at.Wall
	f.renewals[key] = f.at.Wall
	f.catalog.Register(f.at, &inst)
	return f.detail(key), old == nil, nil
}

// detail needs the lock.
func (f *Fake) detail(key muster.Key) muster.InstanceDetail {
	inst, index := f.catalog.Get(key)
	return muster.InstanceDetail{Instance: inst, Index: index, LastRenewal: f.renewals[key]}
}

// exists needs the lock.
func (f *Fake) exists(key muster.Key) error {
	if f.fault != nil {
		return f.fault
	}
	if inst, _ := f.catalog.Get(key); inst == nil {
		return muster.ErrNotFound
	}
	return nil
}

// Renew is a heartbeat.
func (f *Fake) Renew(_ context.Context, key muster.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.exists(key); err != nil {
		return err
	}
	f.renewals[key] = f.at.Wall
	return nil
}

// Remove deregisters.
func (f *Fake) Remove(_ context.Context, key muster.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.exists(key); err != nil {
		return err
	}
	delete(f.renewals, key)
	if inst, _ := f.catalog.Get(key); len(inst.Checks) > 0 {
		f.catalog.Delete(f.at, key, catalog.KindChecks, catalog.Cleared)
	}
	f.catalog.Delete(f.at, key, catalog.KindRegistration, catalog.Deregistered)
	return nil
}

// SetOverride is an operator's decision.
func (f *Fake) SetOverride(_ context.Context, key muster.Key, status muster.Status, reason string) (muster.InstanceDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.exists(key); err != nil {
		return muster.InstanceDetail{}, err
	}
	if status == muster.StatusNone {
		f.catalog.Delete(f.at, key, catalog.KindOverride, catalog.Cleared)
	} else {
		f.catalog.SetOverride(f.at, key, catalog.Override{Status: status, Reason: reason})
	}
	return f.detail(key), nil
}

// PatchMetadata changes metadata.
func (f *Fake) PatchMetadata(_ context.Context, key muster.Key, patch map[string]*string) (muster.InstanceDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.exists(key); err != nil {
		return muster.InstanceDetail{}, err
	}
	old, _ := f.catalog.Get(key)
	inst := *old
	inst.Metadata = patched(old.Metadata, patch)
	if err := inst.Complete(); err != nil {
		return muster.InstanceDetail{}, err
	}
	f.catalog.Register(f.at, &inst)
	return f.detail(key), nil
}

// Find is the latest view of a service.
func (f *Fake) Find(namespace, service string) *muster.View {
	return f.catalog.Lookup(namespace, service)
}

// Detail is one instance with its lease.
func (f *Fake) Detail(key muster.Key) (muster.InstanceDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.exists(key); err != nil {
		return muster.InstanceDetail{}, err
	}
	return f.detail(key), nil
}

// Services lists those that have instances.
func (f *Fake) Services() *muster.Overview { return f.catalog.Services() }

// Index is when anything last changed.
func (f *Fake) Index() muster.Index { return f.catalog.Index() }

// Changed is closed once anything does.
func (f *Fake) Changed() <-chan struct{} { return f.catalog.Changed() }

// WatchFrom yields the changes after since; a snapshot first if it cannot go on from there.
func (f *Fake) WatchFrom(ctx context.Context, namespace, service string, since muster.Index) iter.Seq[muster.Event] {
	watched := func(key muster.Key) bool {
		return key.Namespace == namespace && (service == "" || key.Service == service)
	}
	return func(yield func(muster.Event) bool) {
		for {
			changed := f.catalog.Changed()
			changes, ok := f.catalog.Since(since)
			if !ok {
				ev := f.snapshot(watched)
				since = ev.Index
				if !yield(ev) {
					return
				}
				continue
			}
			for _, c := range changes {
				since = c.Index
				if watched(c.Key) && !yield(eventOf(c)) {
					return
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (f *Fake) snapshot(watched func(muster.Key) bool) muster.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	ev := muster.Event{Type: muster.EventSnapshot, Index: f.catalog.Index()}
	for _, view := range f.catalog.Services().Services {
		for _, inst := range view.Instances() {
			if watched(inst.Key()) {
				ev.Instances = append(ev.Instances, inst)
			}
		}
	}
	return ev
}

func eventOf(c catalog.Change) muster.Event {
	switch {
	case c.New == nil:
		return muster.Event{Type: muster.EventDown, Index: c.Index, Instance: c.Old, Cause: c.Cause.String()}
	case c.Old == nil:
		return muster.Event{Type: muster.EventUp, Index: c.Index, Instance: c.New}
	default:
		return muster.Event{Type: muster.EventChange, Index: c.Index, Instance: c.New}
	}
}
