package feed

import (
	"context"
	"time"

	"github.com/musterhq/muster/api/xds"
)

// builder turns changes into snapshots. One goroutine runs it.
type builder struct {
	*Feed
	catalog *xds.Catalog
	// missing are the services without which there is no first snapshot, and nothing else has been heard of: nearness too,
	// under the empty name, so that the first snapshot has its priorities.
	missing map[string]bool
	skipped map[string]int // by service, as was logged
	served  bool
}

// run takes changes until ctx ends. Those that come together are served together.
func (b *builder) run(ctx context.Context) {
	b.missing[""] = true
	sweep := time.NewTimer(time.Hour)
	defer sweep.Stop()
	for {
		select {
		case c := <-b.changes:
			b.take(ctx, c)
			b.drain(ctx)
		case <-sweep.C:
		case <-ctx.Done():
			return
		}
		now := time.Now()
		if next := b.catalog.Sweep(now); !next.IsZero() {
			sweep.Reset(next.Sub(now))
		}
		b.serve(ctx)
	}
}

// drain takes what others are waiting to tell.
func (b *builder) drain(ctx context.Context) {
	for {
		select {
		case c := <-b.changes:
			b.take(ctx, c)
		default:
			return
		}
	}
}

func (b *builder) take(ctx context.Context, c change) {
	delete(b.missing, c.service)
	if c.service == "" {
		b.catalog.Order(c.near)
		return
	}
	b.catalog.Put(c.service, c.instances, time.Now())
	if n := b.catalog.SkippedNames(c.service); n != b.skipped[c.service] {
		b.skipped[c.service] = n
		if n > 0 {
			b.log.WarnContext(ctx, "instances have host names for addresses and are left out", "service", c.service, "count", n)
		}
	}
}

// serve hands out a snapshot, unless the first one is not complete.
func (b *builder) serve(ctx context.Context) {
	if !b.served && len(b.missing) > 0 {
		return
	}
	snap := b.catalog.Snapshot()
	b.cfg.Server.Set(snap)
	b.metrics.services.Set(float64(snap.Services()))
	for reason, n := range b.catalog.Skipped() {
		b.metrics.skipped.WithLabelValues(reason).Set(float64(n))
	}
	if !b.served {
		b.served = true
		b.metrics.synced.Set(1)
		b.log.InfoContext(ctx, "serving", "count", snap.Services())
	}
}
