package muster

import (
	"errors"
	"time"

	"github.com/musterhq/muster/catalog"
)

// What an embedding program and the protocol servers see of the catalog.
type (
	// Instance is one instance of a service: what is registered, and what a lookup gives.
	Instance = catalog.Instance
	// Key names an instance across the cluster.
	Key = catalog.Key
	// ServiceKey names a service.
	ServiceKey = catalog.ServiceKey
	// View is one service at one moment, immutable.
	View = catalog.View
	// Overview is the list of services at one moment.
	Overview = catalog.Overview
	// Index is a node's local count of changes, as clients hold it between two questions.
	Index = catalog.Index
	// Status is whether an instance takes traffic.
	Status = catalog.Status
	// Check is a health check of an instance.
	Check = catalog.Check
	// CheckResult is what a check has found.
	CheckResult = catalog.CheckResult
	// CheckStatus is passing, warning or critical.
	CheckStatus = catalog.CheckStatus
	// InvalidError is the error of a registration that cannot be taken: every field at fault.
	InvalidError = catalog.InvalidError
	// FieldError says what is wrong with one field.
	FieldError = catalog.FieldError
)

// The statuses of an instance.
const (
	StatusNone         = catalog.StatusNone
	StatusUp           = catalog.StatusUp
	StatusDown         = catalog.StatusDown
	StatusStarting     = catalog.StatusStarting
	StatusOutOfService = catalog.StatusOutOfService
	StatusUnknown      = catalog.StatusUnknown
)

// The statuses of a check.
const (
	CheckNone     = catalog.CheckNone
	CheckPassing  = catalog.CheckPassing
	CheckWarning  = catalog.CheckWarning
	CheckCritical = catalog.CheckCritical
)

// DefaultNamespace is the namespace of those who name none.
const DefaultNamespace = catalog.DefaultNamespace

// ParseStatus is the status with that name, upper case.
func ParseStatus(name string) (Status, error) { return catalog.ParseStatus(name) }

// ParseCheckStatus is the status of a check with that name, lower case.
func ParseCheckStatus(name string) (CheckStatus, error) { return catalog.ParseCheckStatus(name) }

var (
	// ErrNotFound says that no such instance is registered. A client that renews has to register again. Nothing has
	// been changed.
	ErrNotFound = errors.New("muster: no such instance")
	// ErrNotTTL says that a check is not reported by its client: a node runs it. Nothing has been changed.
	ErrNotTTL = errors.New("muster: not a TTL check")
	// ErrNotReady says that the node has not caught up with its peers yet. Nothing has been changed; try another node.
	ErrNotReady = errors.New("muster: this node is not ready yet")
	// ErrClosed says that the node has left or been closed.
	ErrClosed = errors.New("muster: this node is closed")
	// ErrMemberAlive says that a member cannot be forgotten because it is alive.
	ErrMemberAlive = errors.New("muster: the member is alive")
	// ErrUnknownMember says that no member has that name, alive or remembered.
	ErrUnknownMember = errors.New("muster: no such member")
)

// EventType says what a watch event is.
type EventType string

// The types of watch events.
const (
	// EventSnapshot is the first event of a watch, and again when the watcher has missed too much to go on: the whole.
	EventSnapshot EventType = "snapshot"
	// EventUp is an instance that is new.
	EventUp EventType = "up"
	// EventChange is an instance that is another than before.
	EventChange EventType = "change"
	// EventDown is an instance that is gone.
	EventDown EventType = "down"
)

// Event is one step of a watch.
type Event struct {
	Type EventType
	// Index is where the watcher stands after this event; pass it to WatchFrom to go on from here.
	Index Index
	// Instances is every instance that is watched, for EventSnapshot. Shared: do not change it.
	Instances []*Instance
	// Instance is the one that changed, for the other types; as it was, for EventDown.
	Instance *Instance
	// Cause is why it is gone, for EventDown: "deregistered", "evicted", "absent" (learned by sync), or "hidden": it is held, and
	// left out of answers, see Config.RemoteMaxAge.
	Cause string
}

// Member is a node of this data centre, alive or remembered.
type Member struct {
	Name        string    `json:"name"`
	Datacenter  string    `json:"datacenter"`
	Zone        string    `json:"zone"`
	State       string    `json:"state"` // alive, left or failed
	Address     string    `json:"address"`
	HTTP        string    `json:"http,omitempty"` // where its API listens, if it said so
	Incarnation uint64    `json:"incarnation"`
	Version     string    `json:"version"`
	RTT         string    `json:"rtt,omitempty"` // latest round trip of a probe from this node, a Go duration
	Since       time.Time `json:"since"`         // of the state
	Self        bool      `json:"self,omitempty"`
	// Links are the gateways of other data centres that a gateway exchanges records with, "datacenter/name".
	Links []string `json:"links,omitempty"`
	// Security is what protects the link of this node to a gateway, and of this node itself what protects its links: "TLS",
	// "gossip key" or "none". Empty: no link.
	Security string `json:"security,omitempty"`
}

// Scope is self-preservation in one part of the registry: a zone ("zone:a"), the whole node ("node"), or the leases of
// dead nodes ("datacenter").
type Scope struct {
	Name string `json:"name"`
	// State is NORMAL, PRESERVING or RECOVERING.
	State string `json:"state"`
	// Expected is how many leases should renew, Renewed how many do, Lost how many are silent or were evicted lately.
	Expected int `json:"expected"`
	Renewed  int `json:"renewed"`
	Lost     int `json:"lost"`
	// Threshold is the share of Expected that has to renew.
	Threshold float64 `json:"threshold"`
	// Since is when the state began, null if it was never another; Reason says in words why.
	Since  *time.Time `json:"since"`
	Reason string     `json:"reason"`
	// Preserved is how many expired instances are kept.
	Preserved int `json:"preserved"`
	// Probed is how many of the kept were asked by a bare connection attempt whether they are there, since the scope was
	// last normal; each of them counts with what was found last: refused, so that it is gone; connected, so that it is
	// alive and its renewals do not arrive; or no answer, which proves nothing.
	Probed     int `json:"probed"`
	Refused    int `json:"refused"`
	Connected  int `json:"connected"`
	Unanswered int `json:"unanswered"`
}

// Probes counts connection attempts to kept instances since the node started, with those whose answer came too late to
// matter.
type Probes struct {
	Probed     int `json:"probed"`
	Refused    int `json:"refused"`
	Connected  int `json:"connected"`
	Unanswered int `json:"unanswered"`
}

// Transition is one change of a scope's state.
type Transition struct {
	At     time.Time `json:"at"`
	Scope  string    `json:"scope"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Lost   int       `json:"lost"`
	Total  int       `json:"total"`
	Reason string    `json:"reason"`
}

// SelfPreservation is what this node keeps, and why.
type SelfPreservation struct {
	// Preserving says that at least one scope keeps expired instances.
	Preserving bool `json:"preserving"`
	// Held is why this node judges no lease at the moment, empty if it does.
	Held    string       `json:"held,omitempty"`
	Scopes  []Scope      `json:"scopes"`
	History []Transition `json:"history"` // oldest first
	Probes  Probes       `json:"probes"`
	// Datacenters are the other ones: which can be reached, since when not, and what of them is kept.
	Datacenters []Remote `json:"datacenters"`
}

// InstanceDetail is one instance with what only its home, or this node, knows of it.
type InstanceDetail struct {
	*Instance
	Index Index
	// LastRenewal is the wall time of the last renewal, if this node holds the lease.
	LastRenewal time.Time
	// Evidence says in words that a kept instance is known to be alive, if this node holds the lease; else it is empty.
	Evidence string
}

// NodeInfo is what a node says of itself.
type NodeInfo struct {
	Name        string      `json:"name"`
	Datacenter  string      `json:"dc"`
	Zone        string      `json:"zone"`
	Address     string      `json:"address"`
	Incarnation uint64      `json:"incarnation"`
	Version     string      `json:"version"`
	Started     time.Time   `json:"started"`
	Time        time.Time   `json:"time"` // by its clock, as it answers
	Ready       bool        `json:"ready"`
	Reason      string      `json:"reason"` // why it is ready, or not yet
	Health      int         `json:"health"` // memberlist's score: 0 is well
	Catalog     CatalogInfo `json:"catalog"`
	Leases      int         `json:"leases"` // held here
	Replication Replication `json:"replication"`
}

// CatalogInfo is the size and the identity of a node's catalog.
type CatalogInfo struct {
	Services   int    `json:"services"`
	Instances  int    `json:"instances"`
	Tombstones int    `json:"tombstones"`
	Index      Index  `json:"index"`
	Hash       string `json:"hash"` // 16 hex digits; equal vectors have equal hashes
	// Vector is what the catalog covers: runs of sequences, "1-7,9", by "datacenter/name@incarnation".
	Vector map[string]string `json:"vector"`
}

// Replication counts what has gone between this node and its peers since it started.
type Replication struct {
	Fresh       uint64 `json:"fresh"`      // deltas received that were new
	Duplicates  uint64 `json:"duplicates"` // deltas received that were not
	Wanted      uint64 `json:"wanted"`     // missing deltas asked for
	Syncs       uint64 `json:"syncs"`
	SyncsFailed uint64 `json:"syncsFailed"`
	SyncsServed uint64 `json:"syncsServed"`
	Malformed   uint64 `json:"malformed"`
	Divergences uint64 `json:"divergences"` // must stay 0
	Dropped     uint64 `json:"dropped"`     // messages that came faster than they were read
	Forwarded   uint64 `json:"forwarded"`   // renewals passed to their home
	BytesSent   uint64 `json:"bytesSent"`
	BytesRecv   uint64 `json:"bytesReceived"`
}

// RecordInfo is the version of one register of one instance, for comparing nodes.
type RecordInfo struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	ID        string `json:"id"`
	Register  string `json:"register"` // registration, lease or override
	Lamport   uint64 `json:"lamport"`
	Dot       string `json:"dot"`     // datacenter/name@incarnation#sequence
	Deleted   string `json:"deleted"` // empty, deregistered, evicted or cleared
	Written   string `json:"written"` // the writer's wall time
}

// NodeEventType groups what a node tells of itself.
type NodeEventType string

// The types of node events.
const (
	NodeEventMembership       NodeEventType = "membership"
	NodeEventRegistration     NodeEventType = "registration"
	NodeEventEviction         NodeEventType = "eviction"
	NodeEventSelfPreservation NodeEventType = "self-preservation"
	NodeEventSync             NodeEventType = "sync"
)

// NodeEvent is one thing that happened at a node, for operators.
type NodeEvent struct {
	ID   uint64        `json:"id"` // counts from 1 in this life of the node
	At   time.Time     `json:"at"`
	Type NodeEventType `json:"type"`
	// Subject is the member, "namespace/service/id" of the instance, or the scope.
	Subject string `json:"subject"`
	// Text says what happened, in words.
	Text string `json:"text"`
}
