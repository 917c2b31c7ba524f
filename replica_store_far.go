package muster

import (
	"fmt"

	"github.com/musterhq/muster/catalog/wire"
	"github.com/musterhq/muster/gossip/spread"
)

// farStore is the replica's catalog as other data centres see it: without what is private to this one. What is private has
// origins of its own, so that they hear of none of its writes, and cover none; see package catalog.
type farStore struct{ *store }

var _ spread.Store = farStore{}

// Digest is the two hashes of what is not private.
func (s farStore) Digest() spread.Digest {
	return spread.Digest{State: s.cat.PublicHash(), Vector: s.cat.Vector().PublicHash()}
}

// Vector is the catalog's vector without private origins, encoded.
func (s farStore) Vector() []byte {
	v := s.cat.Vector().Public()
	if planted == "what is withheld is covered" {
		v = s.cat.Vector()
	}
	return wire.AppendVector(nil, v)
}

// Transfer takes the snapshot of what the sender of the vector lacks and may know.
func (s farStore) Transfer(vector []byte, full bool) (spread.Transfer, error) {
	v, err := s.dec.Vector(vector)
	if err != nil {
		return nil, err
	}
	t := s.cat.TransferPublic(v, full)
	return &transfer{store: s.store, records: t.Records, summary: t.Summary}, nil
}

// Finish ends a sync. One that covers something private to this data centre would delete it.
func (s farStore) Finish(summary []byte) error {
	sum, err := s.dec.Summary(summary)
	if err != nil {
		return err
	}
	if sum.HasPrivate() {
		return fmt.Errorf("%w: another data centre covers private origins", wire.ErrMalformed)
	}
	s.cat.Finish(s.at, sum)
	return nil
}
