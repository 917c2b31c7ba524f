package hertz

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/cloudwego/hertz/pkg/app/client/discovery"

	"github.com/musterhq/muster/api/client"
)

// resolveWithin bounds how long a call waits for a name that nothing is known of.
const resolveWithin = 3 * time.Second

// Resolver is a discovery.Resolver, for sd.Discovery. Made by NewResolver; the zero Resolver is not usable.
type Resolver struct{ c *client.Client }

var _ discovery.Resolver = (*Resolver)(nil)

// NewResolver makes a resolver that asks c.
func NewResolver(c *client.Client) *Resolver { return &Resolver{c} }

// Target is the name of the service that is called: the URL's host.
func (*Resolver) Target(_ context.Context, target *discovery.TargetInfo) string { return target.Host }

// Resolve is the instances that take traffic, by id; none is no error. The error is client.Client's.
func (r *Resolver) Resolve(ctx context.Context, name string) (discovery.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	v, err := r.c.Resolve(ctx, name)
	if err != nil {
		return discovery.Result{}, err
	}
	result := discovery.Result{CacheKey: name}
	for _, i := range v.Healthy() {
		result.Instances = append(result.Instances, discovery.NewInstance("tcp", i.HostPort(), i.Weight, maps.Clone(i.Metadata)))
	}
	return result, nil
}

// Name is another one for each client: Hertz shares what it has found among all resolvers of one name, and two clients may be
// those of two registries.
func (r *Resolver) Name() string { return fmt.Sprintf("muster-%p", r.c) }
