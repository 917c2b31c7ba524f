package clienttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/musterhq/muster/api/client"
)

// Answering calls until those who answer are exactly the wanted, in a row of calls that is long enough for each to have had
// several turns. The error is that of a call, or says who answered instead until ctx ended.
func Answering(ctx context.Context, call Call, want ...string) error {
	slices.Sort(want)
	for {
		seen := map[string]bool{}
		for range 20 * len(want) { // Policies that draw lots miss one of two once in 2^39 times.
			who, err := call(ctx)
			if err != nil {
				return err
			}
			seen[who] = true
		}
		got := slices.Sorted(maps.Keys(seen))
		if slices.Equal(got, want) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("clienttest: %v answer, want %v: %w", got, want, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Found waits until as many instances of a service take traffic as wanted, and returns them. The error is the context's.
func Found(ctx context.Context, c *client.Client, service string, want int) ([]*client.Instance, error) {
	got := 0
	for v := range c.Follow(ctx, service) {
		if got = len(v.Healthy()); got == want {
			return v.Healthy(), nil
		}
	}
	return nil, fmt.Errorf("clienttest: %d instances of %s, want %d: %w", got, service, want, ctx.Err())
}
