package crowd

import (
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/gossip/spread"
)

// member is a node as the data centre sees it: a keeper or an echo. All calls happen at a moment that does not go back.
type member interface {
	// register writes the i-th instance; flush sends what was written on its way.
	register(at muster.Moment, i int) error
	flush(at muster.Moment)
	receive(at muster.Moment, from string, m spread.Message)
	compare(at muster.Moment, peer string, d spread.Digest)
	memberUp(at muster.Moment, m spread.Member)
	memberDown(at muster.Moment, m spread.Member)
	tick(at muster.Moment)
	// next is when tick is due, which may be never.
	next() (time.Duration, bool)
	// pending reports whether there is something to flush or to take.
	pending() bool
	// take is what there is to send.
	take() []muster.Outbound
	digest() spread.Digest
	stats() spread.Stats
}

// keeper is a whole node without its shell.
type keeper struct {
	rep  *muster.Replica
	zone string
}

func newKeeper(cfg muster.ReplicaConfig, at muster.Moment) (*keeper, error) {
	rep, err := muster.NewReplica(cfg, at)
	return &keeper{rep, cfg.Zone}, err
}

func (k *keeper) register(at muster.Moment, i int) error {
	_, _, err := k.rep.Register(at, instance(i, k.zone), false)
	return err
}

func (k *keeper) flush(at muster.Moment) { k.rep.Flush(at) }

func (k *keeper) receive(at muster.Moment, from string, m spread.Message) { k.rep.Receive(at, from, m) }

func (k *keeper) compare(at muster.Moment, peer string, d spread.Digest) {
	k.rep.PeerDigest(at, peer, d)
}

func (k *keeper) memberUp(at muster.Moment, m spread.Member) { k.rep.MemberUp(at, m) }

func (k *keeper) memberDown(at muster.Moment, m spread.Member) { k.rep.MemberDown(at, m, false) }

func (k *keeper) tick(at muster.Moment) { k.rep.Tick(at) }

func (k *keeper) next() (time.Duration, bool) { return k.rep.Next(), true }

func (k *keeper) pending() bool { return k.rep.Pending() }

func (k *keeper) take() []muster.Outbound {
	_ = k.rep.TakeEvents() // Nobody watches.
	return k.rep.TakeOutbound()
}

func (k *keeper) digest() spread.Digest { return k.rep.Digest() }

func (k *keeper) stats() spread.Stats { return k.rep.Traffic() }
