package kratos_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-kratos/kratos/v2"
	khttp "github.com/go-kratos/kratos/v2/transport/http"

	"github.com/musterhq/muster/api/client"
	muster "github.com/musterhq/muster/api/client/contrib/kratos"
	"github.com/musterhq/muster/api/clienttest"
)

// serving is what the README says of servers.
func serving(c *client.Client, web *khttp.Server) *kratos.App {
	app := kratos.New(kratos.Name("payments"), kratos.Server(web), kratos.Registrar(muster.New(c)))
	return app
}

// calling is what the README says of clients.
func calling(ctx context.Context, c *client.Client) (*khttp.Client, error) {
	payments, err := khttp.NewClient(ctx, khttp.WithEndpoint("discovery:///payments"),
		khttp.WithDiscovery(muster.New(c)), khttp.WithBlock())
	return payments, err
}

func TestTheReadmeIsWhatIsRun(t *testing.T) {
	if err := clienttest.Readme("../../../../README.md", "### kratos", "readme_test.go"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, connect := clienttest.Pair(t)
	c := connect()
	web := khttp.NewServer(khttp.Address("127.0.0.1:0"))
	web.HandleFunc("/who", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"who":"pay-1"}`)
	})
	app := serving(c, web)
	var running sync.WaitGroup
	running.Go(func() {
		if err := app.Run(); err != nil {
			t.Error(err)
		}
	})
	defer func() { _ = app.Stop(); running.Wait() }()
	payments, err := calling(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = payments.Close() }()
	var r reply
	if err := payments.Invoke(ctx, http.MethodGet, "/who", nil, &r); err != nil || r.Who != "pay-1" {
		t.Errorf("%+v, %v", r, err)
	}
}
