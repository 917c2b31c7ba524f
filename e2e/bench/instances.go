package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/catalog/wire"
)

// perService is how many instances a typical service has.
const perService = 100

// longTTL is a lease that does not run out while something is measured.
const longTTL = 12 * time.Hour

func serviceName(i int) string { return "service-" + strconv.Itoa(i/perService) }

func instanceID(i int) string { return "instance-" + strconv.Itoa(i) }

// typical is the i-th instance of typical size: service, address, 3 tags, 4 pairs of metadata. No two instances share a
// string, as no two do that come from clients.
func typical(i int) muster.Instance {
	own := strings.Clone
	return muster.Instance{
		Service: serviceName(i), ID: instanceID(i), Address: fmt.Sprintf("10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff), Port: 8080,
		Tags:     []string{own("v2"), own("blue"), own("canary")},
		Metadata: map[string]string{own("version"): own("1.4.2"), own("team"): own("payments"), own("zone"): own("eu-west-1a"), own("tier"): own("backend")},
		TTL:      longTTL,
	}
}

// stringBytes is what the strings of an instance hold.
func stringBytes(i *muster.Instance) int {
	n := len(i.Namespace) + len(i.Service) + len(i.ID) + len(i.Address) + len(i.Zone) + len(i.Home) + len(i.Datacenter)
	for _, t := range i.Tags {
		n += len(t)
	}
	for k, v := range i.Metadata {
		n += len(k) + len(v)
	}
	return n
}

// record is an instance as a write, as it is sent and stored.
func record(inst *muster.Instance, seq uint64) *catalog.Record {
	return &catalog.Record{
		Key: inst.Key(), Kind: catalog.KindRegistration, Registration: inst, Wall: time.Now().UnixMilli(),
		Stamp: causal.Stamp{Lamport: seq, Dot: causal.Dot{Origin: causal.Origin{Node: inst.Home, Incarnation: uint64(time.Now().UnixMilli())}, Seq: seq}},
	}
}

// encodedSize is the bytes of an instance's registration on the wire, without the frame around it.
func encodedSize(inst *muster.Instance, seq uint64) int {
	return len(wire.AppendRecord(nil, record(inst, seq)))
}

// sizesOf adds up what n typical instances are in strings and on the wire, as the given node stores them.
func sizesOf(n int, home string) (inStrings, encoded int) {
	for i := range n {
		inst := stored(i, home)
		inStrings += stringBytes(inst)
		encoded += encodedSize(inst, uint64(i+1))
	}
	return inStrings, encoded
}

// stored is a typical instance as its home has completed it.
func stored(i int, home string) *muster.Instance {
	inst := typical(i)
	_ = inst.Complete() // It is valid.
	inst.Home, inst.Datacenter, inst.RegisteredAt = home, "dc1", time.Now()
	return &inst
}

// registration is an instance as the body of a request.
func registration(inst *muster.Instance) []byte {
	b, err := json.Marshal(map[string]any{
		"service": inst.Service, "id": inst.ID, "address": inst.Address, "port": inst.Port, "tags": inst.Tags,
		"metadata": inst.Metadata, "ttl": inst.TTL.String(),
	})
	if err != nil {
		return nil // Strings and numbers can always be encoded.
	}
	return b
}

// fill registers the typical instances first to first+n-1 at a node.
func fill(ctx context.Context, node *muster.Node, first, n int) error {
	for i := first; i < first+n; i++ {
		if _, _, err := node.Put(ctx, typical(i)); err != nil {
			return err
		}
	}
	return nil
}

// distinctBytes is how much longer the metadata of a distinct instance is.
const distinctBytes = 4 * 8

// fillDistinct is fill with instances that differ in every value of their metadata.
func fillDistinct(ctx context.Context, node *muster.Node, first, n int) error {
	for i := first; i < first+n; i++ {
		inst := typical(i)
		for k, v := range inst.Metadata {
			inst.Metadata[k] = fmt.Sprintf("%s%08x", v, i)
		}
		if _, _, err := node.Put(ctx, inst); err != nil {
			return err
		}
	}
	return nil
}
