package main

import (
	"context"
	"time"
)

// keeper keeps one instance registered as long as it runs, whatever the node does meanwhile. It is driven by one
// goroutine.
type keeper struct {
	remote *remote
	reg    registration
	// warn tells the user when the node is lost, and when it is back.
	warn func(format string, args ...any)

	ttl    time.Duration
	id     string // as the node has it, empty before the first registration
	known  bool   // the node has it, as far as we know
	away   bool
	failed int // tries in a row
}

const (
	defaultTTL = 30 * time.Second
	firstRetry = 200 * time.Millisecond
)

// register registers for the first time, or again.
func (k *keeper) register(ctx context.Context) error {
	stored, _, err := k.remote.register(ctx, k.reg)
	if err != nil {
		return err
	}
	k.id, k.known = stored.ID, true
	if ttl, err := time.ParseDuration(stored.TTL); err == nil && ttl > 0 {
		k.ttl = ttl
	}
	return nil
}

// run renews three times a TTL until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for pause(ctx, k.next()) {
		err := k.once(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if k.away {
				k.warn("%s is back: %s is registered", k.remote.base, k.reg.Service)
			}
			k.away, k.failed = false, 0
		default:
			if !k.away {
				k.warn("%v; %s goes on, and is registered again when it can be", err, k.reg.Service)
			}
			k.away = true
			k.failed++
		}
	}
}

// once renews, or registers if the node does not have the instance.
func (k *keeper) once(ctx context.Context) error {
	if k.known {
		_, err := k.remote.call(ctx, "PUT", pathOfInstance(k.reg.Service, k.id)+"/heartbeat", inNamespace(k.reg.Namespace), nil, nil)
		if statusOf(err) != exitNotFound {
			return err
		}
		k.known = false
	}
	return k.register(ctx)
}

// next is how long to wait before the next try: a third of the TTL if all is well, else less, but longer each time, and
// not the same for everyone who has lost the node.
func (k *keeper) next() time.Duration {
	third := k.period()
	if k.failed == 0 && k.known {
		return third
	}
	retry := firstRetry << min(k.failed, 20)
	return jitter(min(retry, third))
}

func (k *keeper) period() time.Duration {
	if k.ttl > 0 {
		return k.ttl / 3
	}
	if ttl, err := time.ParseDuration(k.reg.TTL); err == nil && ttl > 0 {
		return ttl / 3
	}
	return defaultTTL / 3
}

// deregister takes the instance out if it may be registered. An instance that the node does not have is out.
func (k *keeper) deregister(ctx context.Context) error {
	if k.id == "" {
		return nil
	}
	_, err := k.remote.call(ctx, "DELETE", pathOfInstance(k.reg.Service, k.id), inNamespace(k.reg.Namespace), nil, nil)
	if statusOf(err) == exitNotFound {
		return nil
	}
	return err
}
