package eureka

import (
	"context"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// peerLag is how long a Eureka server may take to tell what its clients told it: it waits half a second for more, and tries
// again after time-outs.
const peerLag = 5 * time.Second

// moved reports whether an instance has come from a Eureka server to register here itself so lately that the server may
// only now be telling us that it was deregistered there: a client moves by a restart with other addresses.
func (a *API) moved(app, id string) bool {
	inst := a.find(app, id)
	if inst == nil || inst.Attributes[attrSource] != sourceMoved {
		return false
	}
	age := a.now().Sub(inst.RegisteredAt)
	return age >= 0 && age < peerLag
}

// claim makes an instance this registry's own: its client speaks to us and no longer to the Eureka server that we know it
// from, which is told of it from now on.
func (a *API) claim(ctx context.Context, inst *muster.Instance) error {
	own := *inst
	own.Attributes = withAttribute(inst.Attributes, attrSource, sourceMoved)
	_, _, err := a.node.Put(ctx, own)
	return err
}

// ended reports whether an instance that is not here was deregistered so lately that a Eureka server may not have heard of
// it: it tells several of our nodes by a queue each, and the end may come by one of them before the last heartbeat comes
// by another. Told that the instance is unknown, it would register it again, for nobody.
func (a *API) ended(ctx context.Context, app, id string) bool {
	if a.find(app, id) != nil {
		return false
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel() // What there is, and no waiting for more.
	ended := false
	for ev := range a.node.Events(ctx, 0) {
		namespace, rest, _ := strings.Cut(ev.Subject, "/")
		service, instance, _ := strings.Cut(rest, "/")
		if ev.Type == muster.NodeEventRegistration && namespace == muster.DefaultNamespace && instance == id && appOf(service) == appOf(app) {
			age := a.now().Sub(ev.At)
			ended = ev.Text == causeDeregistered && age >= 0 && age < peerLag
		}
	}
	return ended
}

// causeDeregistered is what a node's events say of an instance that its client, or an operator, took out.
const causeDeregistered = "deregistered"
