package eureka

import (
	"context"
	"maps"
	"time"

	"github.com/musterhq/muster"
)

// peerLag is how long a Eureka server may take to tell what its clients told it: it waits half a second for more, and tries
// again after time-outs.
const peerLag = 5 * time.Second

// moved reports whether an instance has registered here itself so lately that a Eureka server may only now be telling us
// that it was deregistered there: a client moves by a restart with other addresses.
func (a *API) moved(app, id string) bool {
	inst := a.find(app, id)
	if inst == nil || FromPeer(inst) {
		return false
	}
	age := a.now().Sub(inst.RegisteredAt)
	return age >= 0 && age < peerLag
}

// claim makes an instance this registry's own: its client speaks to us and no longer to the Eureka server that we know it
// from, which is told of it from now on.
func (a *API) claim(ctx context.Context, inst *muster.Instance) error {
	own := *inst
	own.Attributes = maps.Clone(inst.Attributes)
	delete(own.Attributes, attrSource)
	_, _, err := a.node.Put(ctx, own)
	return err
}
