package gokit_test

import (
	"io"
	"testing"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	"github.com/go-kit/log"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/gokit"
	"github.com/musterhq/muster/api/clienttest"
)

// serving is what the README says of servers.
func serving(c *client.Client, host string, port int, logger log.Logger) *gokit.Registrar {
	registrar := gokit.NewRegistrar(c, client.Instance{Service: "payments", Address: host, Port: port}, logger)
	registrar.Register() // and registrar.Deregister() in the end
	return registrar
}

// calling is what the README says of clients.
func calling(c *client.Client, factory sd.Factory, logger log.Logger) (payments endpoint.Endpoint, end func()) {
	instancer := gokit.NewInstancer(c, "payments", logger)
	endpointer := sd.NewEndpointer(instancer, factory, logger)
	payments = lb.Retry(3, time.Second, lb.NewRoundRobin(endpointer))
	return payments, func() { endpointer.Close(); instancer.Stop() }
}

func TestTheReadmeIsWhatIsRun(t *testing.T) {
	if err := clienttest.Readme("../../../../README.md", "### Go kit", "readme_test.go"); err != nil {
		t.Error(err)
	}
	_, connect := clienttest.Pair(t)
	c, logger := connect(), log.NewNopLogger()
	registrar := serving(c, "10.0.0.1", 80, logger)
	defer registrar.Deregister()
	factory := func(instance string) (endpoint.Endpoint, io.Closer, error) { return is(instance), nil, nil }
	payments, end := calling(c, factory, logger)
	defer end()
	if who, err := payments(t.Context(), nil); err != nil || who != "10.0.0.1:80" {
		t.Errorf("%v, %v", who, err)
	}
}
