package kitex

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/cloudwego/kitex/pkg/discovery"
	"github.com/cloudwego/kitex/pkg/rpcinfo"

	"github.com/musterhq/muster/api/client"
)

// resolveWithin bounds how long a call waits for a name that nothing is known of.
const resolveWithin = 3 * time.Second

// Resolver is a discovery.Resolver, for client.WithResolver. Made by NewResolver; the zero Resolver is not usable.
type Resolver struct{ c *client.Client }

var _ discovery.Resolver = (*Resolver)(nil)

// NewResolver makes a resolver that asks c.
func NewResolver(c *client.Client) *Resolver { return &Resolver{c} }

// Target is the name of the service that is called.
func (*Resolver) Target(_ context.Context, target rpcinfo.EndpointInfo) string {
	return target.ServiceName()
}

// Resolve is the instances that take traffic, by id; none is no error. The error is client.Client's.
func (r *Resolver) Resolve(ctx context.Context, name string) (discovery.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	v, err := r.c.Resolve(ctx, name)
	if err != nil {
		return discovery.Result{}, err
	}
	result := discovery.Result{Cacheable: true, CacheKey: name}
	for _, i := range v.Healthy() {
		result.Instances = append(result.Instances, discovery.NewInstance("tcp", i.HostPort(), i.Weight, maps.Clone(i.Metadata)))
	}
	return result, nil
}

// Diff is Kitex's own, by address and weight.
func (*Resolver) Diff(cacheKey string, prev, next discovery.Result) (discovery.Change, bool) {
	return discovery.DefaultDiff(cacheKey, prev, next)
}

// Name is another one for each client: Kitex shares what it has found among all resolvers of one name, and two clients may be
// those of two registries.
func (r *Resolver) Name() string { return fmt.Sprintf("muster-%p", r.c) }
