package registrar_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster/api/client"
	"github.com/musterhq/muster/api/client/contrib/internal/registrar"
	"github.com/musterhq/muster/api/clienttest"
)

// memberlist does not wait for a probe that is under way, which ends by itself.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/hashicorp/memberlist.(*Memberlist).probe"))
}

func TestAnInstanceThatIsRegisteredAgainReplacesTheFirst(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cluster, err := clienttest.Start(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close() }()
	c, err := cluster.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	node := cluster.Nodes[0]

	r := registrar.New(c)
	for _, port := range []int{80, 81} {
		if err := r.Register(ctx, "1", client.Instance{Service: "payments", Address: "10.0.0.1", Port: port}); err != nil {
			t.Fatal(err)
		}
	}
	if all := node.Lookup("payments").Instances(); len(all) != 1 || all[0].Port != 81 {
		t.Errorf("the registry has %v, want the second alone", all)
	}
	if err := r.Register(ctx, "1", client.Instance{}); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("an instance without a name: %v", err)
	}
	for range 2 { // Again is harmless.
		if err := r.Deregister(ctx, "payments", "1"); err != nil {
			t.Error(err)
		}
	}
	if all := node.Lookup("payments").Instances(); len(all) != 0 {
		t.Errorf("the registry still has %v", all)
	}
}

// registry answers every request with yes, and takes notes.
type registry struct{ asked []string }

func (r *registry) RoundTrip(req *http.Request) (*http.Response, error) {
	r.asked = append(r.asked, req.Method)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Muster-Node": {"n1"}}, Body: http.NoBody, Request: req}, nil
}

// Frameworks give the context of a registration a few seconds, and mean the first try.
func TestARegistrationOutlivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := &registry{}
		c, err := client.New(client.Config{Nodes: []string{"http://192.0.2.1:8761"}, Transport: asked})
		if err != nil {
			t.Fatal(err)
		}
		r := registrar.New(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Register(ctx, "1", client.Instance{Service: "payments", Address: "10.0.0.1", Port: 80}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(asked.asked) < 4 || slices.Contains(asked.asked, http.MethodDelete) {
			t.Errorf("in a minute the registry was asked %v, want renewals alone", asked.asked)
		}
		if err := r.Deregister(t.Context(), "payments", "1"); err != nil || !slices.Contains(asked.asked, http.MethodDelete) {
			t.Errorf("%v; the registry was asked %v", err, asked.asked)
		}
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAServerIsNotRegisteredWhereNobodyCanCallIt(t *testing.T) {
	for _, at := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "10.0.0.1:0", "10.0.0.1", "10.0.0.1:http", "/run/a.sock", ""} {
		if address, port, err := registrar.Split(at); !errors.Is(err, registrar.ErrAddress) {
			t.Errorf("%q is %q and %d, %v", at, address, port, err)
		}
	}
	for _, at := range []string{"10.0.0.1:80", "[fd00::1]:80", "web.local:80"} {
		if address, port, err := registrar.Split(at); err != nil || address == "" || port != 80 {
			t.Errorf("%q is %q and %d, %v", at, address, port, err)
		}
	}
}
