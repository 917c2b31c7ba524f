package native

import (
	"context"
	"iter"

	"github.com/musterhq/muster"
)

// Node is what this protocol needs of a node: *muster.Node, or a double in tests. All methods are safe for any number of
// goroutines. Errors are muster.ErrNotFound, muster.ErrNotReady, muster.ErrClosed, muster.ErrUnknownMember and
// *muster.InvalidError, possibly wrapped.
type Node interface {
	// Info is what the node says of itself.
	Info() muster.NodeInfo
	// Name and Datacenter are Info's, without its cost.
	Name() string
	Datacenter() string
	// Ready says whether answers are complete, and why not, or under which reservation, in words.
	Ready() (ready bool, reason string)

	// Put registers an instance whose client will renew it. created is false if it replaced one of the same key.
	Put(ctx context.Context, inst muster.Instance) (stored muster.InstanceDetail, created bool, err error)
	// Renew is a heartbeat.
	Renew(ctx context.Context, key muster.Key) error
	// Remove deregisters.
	Remove(ctx context.Context, key muster.Key) error
	// SetOverride is an operator's decision; muster.StatusNone takes it back.
	SetOverride(ctx context.Context, key muster.Key, status muster.Status, reason string) (muster.InstanceDetail, error)
	// Report is a client's word about one of its TTL checks. Besides, muster.ErrNotTTL.
	Report(ctx context.Context, key muster.Key, checkID string, status muster.CheckStatus, output string) error
	// PatchMetadata changes metadata: nil removes a key.
	PatchMetadata(ctx context.Context, key muster.Key, patch map[string]*string) (muster.InstanceDetail, error)

	// Find is the latest view of a service; an empty one if nothing is known of it.
	Find(namespace, service string) *muster.View
	// Detail is one instance with its lease.
	Detail(key muster.Key) (muster.InstanceDetail, error)
	// Services lists those that have instances.
	Services() *muster.Overview
	// Index is when anything last changed; Changed is closed once anything does.
	Index() muster.Index
	Changed() <-chan struct{}
	// WatchFrom yields the changes of a service, or of all of the namespace if service is "", that came after since; a snapshot first if
	// it cannot go on from there. It ends with ctx, or with the node.
	WatchFrom(ctx context.Context, namespace, service string, since muster.Index) iter.Seq[muster.Event]

	// Members lists the nodes of the data centre, alive and remembered.
	Members() []muster.Member
	// Gateways lists those of all data centres; nil if this node is none.
	Gateways() []muster.Member
	// Distances is the other data centres that can be reached, and how far they are.
	Distances() []muster.Distance
	// ForceLeave forgets a failed member here.
	ForceLeave(name string) error
	// SelfPreservation says what is kept, and why.
	SelfPreservation() muster.SelfPreservation
	// Condition is what may mean trouble.
	Condition() muster.Condition
	// Records lists the version of every register.
	Records() []muster.RecordInfo
	// Events yields what happens at the node, after the event with that id; it ends with ctx, or with the node.
	Events(ctx context.Context, after uint64) iter.Seq[muster.NodeEvent]
}
