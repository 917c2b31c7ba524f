package consul_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/api/apitest"
	"github.com/musterhq/muster/api/consul"
	"github.com/musterhq/muster/api/consul/consultest"
)

var update = flag.Bool("update", false, "record the answers that come as those that are expected")

// inProcess sends requests to a handler without a network, so that they can wait in virtual time.
type inProcess struct{ h http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.RemoteAddr == "" {
		r.RemoteAddr = "127.0.0.1:50000"
	}
	p.h.ServeHTTP(w, r)
	return w.Result(), nil
}

// The fact sheet's table of conformance, but for what needs checks that expire: that, and all others again, run against
// the program itself.
func TestEveryCaseOfTheTableIsAnsweredAsConsulWould(t *testing.T) {
	t.Parallel()
	cases, err := consultest.Load("testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Needs("wait") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				node := apitest.New()
				api := consul.New(node, consul.Config{})
				c.Run(t, consultest.Target{
					URL: "http://n1", Client: &http.Client{Transport: inProcess{api}}, Wait: time.Sleep, Record: *update,
					Ready: func(ready bool) { node.SetReady(ready, "the test says so") },
				})
			})
		})
	}
}
