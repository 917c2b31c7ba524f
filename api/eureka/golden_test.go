package eureka

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
	"github.com/musterhq/muster/api/eureka/eurekatest"
)

// The fact sheet's table of conformance, but for the two rows that need leases that expire and a second node: those, and
// all others again, run against the program itself.
func TestEveryCaseOfTheTableIsAnsweredAsAEurekaServerWould(t *testing.T) {
	t.Parallel()
	cases, err := eurekatest.Load("testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) != 43 {
		t.Errorf("%d cases, and the table has 43", len(cases))
	}
	ran := 0
	for _, c := range cases {
		if needs := c.Needs(); slices.Contains(needs, "wait") || slices.Contains(needs, "node") {
			continue
		}
		for _, base := range []string{"/eureka/v2", "/eureka", "/v2"} {
			ran++
			t.Run(c.Name+base, func(t *testing.T) {
				t.Parallel()
				node := apitest.New()
				now := time.Now()
				api := New(node, Config{Now: func() time.Time { return now }})
				server := httptest.NewServer(api)
				t.Cleanup(server.Close)
				c.Run(t, eurekatest.Target{
					URLs: []string{server.URL}, Base: base,
					Advance: func(d time.Duration) { node.Advance(d); now = now.Add(d) },
					Ready:   func(ready bool) { node.SetReady(ready, "the test says so") },
				})
			})
		}
	}
	if ran != 3*41 {
		t.Errorf("%d runs, want those of 41 cases under three paths", ran)
	}
}

// Regions are data centres: those that a client names are added, whether they can be reached or not.
func TestRegionsAreTheDataCentresOfTheRegistry(t *testing.T) {
	t.Parallel()
	cases, err := eurekatest.Load("testdata/regions")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			node := apitest.New()
			for _, far := range []struct {
				dc, service, id, address string
				status                   muster.Status
			}{
				{"dc2", "far", "f1", "10.2.0.1", muster.StatusUp},
				{"dc2", "far", "f2", "10.2.0.2", muster.StatusDown},
				{"dc2", "myapp", "i2", "10.2.0.3", muster.StatusUp},
				{"dc3", "farther", "g1", "10.3.0.1", muster.StatusUp},
			} {
				inst := muster.Instance{Service: far.service, ID: far.id, Address: far.address, Port: 80, Status: far.status}
				if err := node.Learn(far.dc, inst); err != nil {
					t.Fatal(err)
				}
			}
			node.Preserve(muster.Key{Namespace: "default", Service: "far", ID: "f1"})
			server := httptest.NewServer(New(node, Config{}))
			t.Cleanup(server.Close)
			c.Run(t, eurekatest.Target{URLs: []string{server.URL}, Base: "/eureka"})
		})
	}
}
