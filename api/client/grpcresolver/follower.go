package grpcresolver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"

	"github.com/musterhq/muster/api/client"
)

// reportAfter is how long a channel that knows nothing yet waits until it is told why, and again.
const reportAfter = 5 * time.Second

// follower is the resolver of one channel.
type follower struct {
	client  *client.Client
	target  target
	config  *serviceconfig.ParseResult // nil sends none
	cc      resolver.ClientConn
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// ResolveNow does nothing: the client hears of changes without being asked.
func (*follower) ResolveNow(resolver.ResolveNowOptions) {}

// Close ends the resolver, and returns when it has ended.
func (f *follower) Close() {
	f.cancel()
	f.running.Wait()
}

// run tells the channel of every change, until ctx ends or the client is closed: then the channel keeps what it has.
func (f *follower) run(ctx context.Context) {
	if !f.known(ctx) {
		return
	}
	var last []*client.Instance
	told := false
	for v := range f.client.Follow(ctx, f.target.service) {
		next := f.target.chosen(v.Instances())
		if told && slices.Equal(next, last) {
			continue
		}
		last, told = next, true
		f.tell(next)
	}
	if ctx.Err() == nil && !told {
		f.cc.ReportError(client.ErrClosed)
	}
}

// known waits until something is known of the service, and lets the channel know what is in the way: calls that do not wait
// for a connection then fail with the reason, instead of in silence. False if that will never be.
func (f *follower) known(ctx context.Context) bool {
	for {
		waiting, cancel := context.WithTimeout(ctx, reportAfter)
		_, err := f.client.Resolve(waiting, f.target.service)
		if err == nil || ctx.Err() != nil {
			cancel()
			return err == nil
		}
		f.cc.ReportError(err)
		if errors.Is(err, client.ErrClosed) {
			cancel()
			return false
		}
		<-waiting.Done() // What is refused at once, such as one service too many, is not tried again at once.
		cancel()
	}
}

// tell tells the channel. That it does not like what it hears changes nothing: when there is something else, it is told.
func (f *follower) tell(instances []*client.Instance) {
	s := f.target.state(instances)
	s.ServiceConfig = f.config
	_ = f.cc.UpdateState(s)
	if len(instances) == 0 {
		f.cc.ReportError(fmt.Errorf("%w: service %q", ErrNoInstance, f.target.service))
	}
}
