package muster

import (
	"context"
)

// Lease is a registration that lives as long as this process does.
type Lease struct {
	n   *Node
	key Key
}

// Key names the instance.
func (l *Lease) Key() Key { return l.key }

// Deregister ends the registration. ErrNotFound if someone else has ended it, ErrClosed after the node has left, which
// ends it too.
func (l *Lease) Deregister(ctx context.Context) error { return l.n.Remove(ctx, l.key) }

// Register registers an instance that lives in this process: the node renews it as long as the process lives, and the
// other nodes take it out when this node dies. A node that has peers to catch up with keeps the registration until it is
// ready (see Ready), and is found with it, here too, from then on. The error is an *InvalidError with every field at fault, or ErrClosed.
func (n *Node) Register(ctx context.Context, inst Instance) (*Lease, error) {
	own := inst.Clone() // It may have to wait, and the caller keeps its maps.
	err := n.write(ctx, func(r *Replica, at Moment) error {
		_, _, err := r.Register(at, own, true)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Lease{n: n, key: own.Key()}, nil
}

// Put registers an instance whose client will renew it, with Renew at any node. created is false if it replaced one of
// the same key. The error is an *InvalidError with every field at fault, ErrNotReady or ErrClosed.
func (n *Node) Put(ctx context.Context, inst Instance) (stored InstanceDetail, created bool, err error) {
	if !n.ready.Load() {
		return InstanceDetail{}, false, n.unready()
	}
	err = n.write(ctx, func(r *Replica, at Moment) (err error) {
		stored.Instance, created, err = r.Register(at, &inst, false)
		if err == nil {
			stored.Index = r.cat.Index()
			if !inst.Permanent {
				stored.LastRenewal = stored.RegisteredAt // Its clock starts here.
			}
		}
		return err
	})
	return stored, created, err
}

// write runs a change unless the caller has gone or the node has.
func (n *Node) write(ctx context.Context, f func(r *Replica, at Moment) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return ErrClosed
	}
	err = f(n.replica, n.moment())
	n.settle()
	return err
}

func (n *Node) unready() error {
	if n.done.Err() != nil {
		return ErrClosed
	}
	return ErrNotReady
}

// Renew is a client's heartbeat, at whichever node it reaches. ErrNotFound: the client has to register again.
func (n *Node) Renew(ctx context.Context, key Key) error {
	if !n.ready.Load() {
		return n.unready()
	}
	n.mu.Lock()
	got := n.replica.Renew(n.moment(), key)
	if got != RenewalHere || n.replica.Pending() {
		n.settle()
	}
	n.mu.Unlock()
	if got == RenewalUnknown {
		return ErrNotFound
	}
	return ctx.Err()
}

// Remove deregisters an instance, whichever node it registered at. ErrNotFound, ErrNotReady or ErrClosed.
func (n *Node) Remove(ctx context.Context, key Key) error {
	if !n.ready.Load() {
		return n.unready()
	}
	return n.write(ctx, func(r *Replica, at Moment) error { return r.Deregister(at, key) })
}

// SetOverride is an operator's decision about an instance's status, and the reason for it (at most 1 KiB is kept), which no
// registration wipes; StatusNone takes it back. ErrNotFound, ErrNotReady or ErrClosed.
func (n *Node) SetOverride(ctx context.Context, key Key, status Status, reason string) (InstanceDetail, error) {
	if !n.ready.Load() {
		return InstanceDetail{}, n.unready()
	}
	if err := n.write(ctx, func(r *Replica, at Moment) error { return r.SetOverride(at, key, status, reason) }); err != nil {
		return InstanceDetail{}, err
	}
	return n.Detail(key)
}

// PatchMetadata changes an instance's metadata: nil removes a key. ErrNotFound, ErrNotReady, ErrClosed or an *InvalidError.
func (n *Node) PatchMetadata(ctx context.Context, key Key, patch map[string]*string) (InstanceDetail, error) {
	if !n.ready.Load() {
		return InstanceDetail{}, n.unready()
	}
	if err := n.write(ctx, func(r *Replica, at Moment) error { return r.PatchMetadata(at, key, patch) }); err != nil {
		return InstanceDetail{}, err
	}
	return n.Detail(key)
}
