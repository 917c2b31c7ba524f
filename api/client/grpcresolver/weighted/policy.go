package weighted

import (
	"math/rand/v2"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/balancer/endpointsharding"
	"google.golang.org/grpc/balancer/pickfirst"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/experimental/balancer/weight"
)

// Name is the policy's name in a service config.
const Name = "muster_weighted"

// defaultWeight is that of an endpoint that has none.
const defaultWeight = 100

func init() { balancer.Register(builder{}) }

type builder struct{}

func (builder) Name() string { return Name }

// Build makes the policy of one channel: a balancer with one child for each endpoint, whose picker is replaced.
func (builder) Build(cc balancer.ClientConn, opts balancer.BuildOptions) balancer.Balancer {
	between := &weigher{ClientConn: cc, turn: &turn{}}
	between.turn.n.Store(rand.Uint64()) //nolint:gosec // So that clients that begin together do not go on together.
	children := balancer.Get(pickfirst.Name).Build
	return &policy{endpointsharding.NewBalancer(between, opts, children, endpointsharding.Options{})}
}

type policy struct{ balancer.Balancer }

// UpdateClientConnState hands the endpoints down, and lets health checks, if any are configured, have a say.
func (p *policy) UpdateClientConnState(s balancer.ClientConnState) error {
	return p.Balancer.UpdateClientConnState(balancer.ClientConnState{ResolverState: pickfirst.EnableHealthListener(s.ResolverState)})
}

// weigher stands between the channel and the children, and weighs them.
type weigher struct {
	balancer.ClientConn
	turn *turn
}

// UpdateState puts our picker in place of the children's, if some of them are ready: otherwise there is nothing to weigh.
func (w *weigher) UpdateState(s balancer.State) {
	if s.ConnectivityState == connectivity.Ready {
		p := &picker{turn: w.turn}
		for _, child := range endpointsharding.ChildStatesFromPicker(s.Picker) {
			if child.State.ConnectivityState != connectivity.Ready {
				continue
			}
			share := uint64(weight.FromEndpoint(child.Endpoint).Weight)
			if share == 0 {
				share = defaultWeight
			}
			p.add(child.State.Picker, share)
		}
		s.Picker = p
	}
	w.ClientConn.UpdateState(s)
}
