package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if rec.Code != 200 {
		t.Fatalf("answered %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// busy is a node of which there is something to measure.
func busy(t *testing.T) *apitest.Fake {
	t.Helper()
	node := apitest.New()
	for i := range 3 {
		_, _, err := node.Put(t.Context(), muster.Instance{Service: "secret-service", Address: "10.0.0.1", Port: 80 + i})
		if err != nil {
			t.Fatal(err)
		}
	}
	node.AddMember(muster.Member{Name: "n2", Datacenter: "dc1", State: "failed"})
	node.SetSelfPreservation(muster.SelfPreservation{Preserving: true, Scopes: []muster.Scope{
		{Name: "node", State: "NORMAL", Expected: 9, Renewed: 8, Lost: 1},
		{Name: "zone:a", State: "PRESERVING", Expected: 5, Renewed: 2, Lost: 3, Preserved: 2},
	}, Datacenters: []muster.Remote{
		{Datacenter: "dc2", Reachable: true, Instances: 7}, {Datacenter: "dc3", Instances: 4, Hidden: true},
	}, Probes: muster.Probes{Probed: 9, Refused: 4, Connected: 1, Unanswered: 3}})
	return node
}

func TestMetricsSayWhatTheNodeIsLike(t *testing.T) {
	t.Parallel()
	h := Handler(busy(t))
	for range 2 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/services/secret-service", nil))
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "PROPFIND", "/secret-service", nil))
	got := scrape(t, h)
	for _, want := range []string{
		`muster_build_info{goversion="go`,
		"\nmuster_ready 1\n",
		"\nmuster_start_time_seconds 1.767323045e+09\n",
		"\nmuster_health_score 0\n",
		"\n" + `muster_members{datacenter="dc1",state="alive"} 1` + "\n",
		"\n" + `muster_members{datacenter="dc1",state="failed"} 1` + "\n",
		"\n" + `muster_members{datacenter="dc1",state="suspect"} 0` + "\n",
		"\nmuster_services 1\n",
		"\nmuster_instances 3\n",
		"\nmuster_tombstones 0\n",
		"\nmuster_leases 3\n",
		"\n" + `muster_self_preservation{scope="node"} 0` + "\n",
		"\n" + `muster_self_preservation{scope="zone:a"} 1` + "\n",
		"\n" + `muster_preserved_instances{scope="zone:a"} 2` + "\n",
		"\n" + `muster_renewals_expected{scope="node"} 9` + "\n",
		"\n" + `muster_renewals_renewed{scope="node"} 8` + "\n",
		"\n" + `muster_renewals_lost{scope="zone:a"} 3` + "\n",
		"\n" + `muster_datacenter_unreachable{datacenter="dc2"} 0` + "\n",
		"\n" + `muster_datacenter_unreachable{datacenter="dc3"} 1` + "\n",
		"\n" + `muster_datacenter_instances{datacenter="dc2"} 7` + "\n",
		"\n" + `muster_datacenter_hidden_instances{datacenter="dc2"} 0` + "\n",
		"\n" + `muster_datacenter_hidden_instances{datacenter="dc3"} 4` + "\n",
		"\n" + `muster_evidence_probes_total{outcome="refused"} 4` + "\n",
		"\n" + `muster_evidence_probes_total{outcome="connected"} 1` + "\n",
		"\n" + `muster_evidence_probes_total{outcome="unanswered"} 3` + "\n",
		"\nmuster_replication_fresh_total 3\n",
		"\nmuster_replication_received_bytes_total 200\n",
		"\nmuster_divergences_total 0\n",
		"\n" + `muster_watch_streams{kind="watch"} 0` + "\n",
		"\n" + `muster_http_requests_total{code="200",method="GET",route="/api/v1/services/{service}"} 2` + "\n",
		"\n" + `muster_http_requests_total{code="404",method="other",route="other"} 1` + "\n",
		"\n" + `muster_http_request_duration_seconds_count{route="/api/v1/services/{service}"} 2` + "\n",
		"\ngo_goroutines ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(got, "secret-service") || strings.Contains(got, "PROPFIND") {
		t.Error("what clients choose is in the labels")
	}
}

func TestMetricNamesAreThoseThatPrometheusExpects(t *testing.T) {
	t.Parallel()
	h := Handler(busy(t))
	scrape(t, h) // which is a request to count
	text := scrape(t, h)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "muster_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	names := regexp.MustCompile(`(?m)^# TYPE (\S+)`).FindAllStringSubmatch(text, -1)
	if !slices.ContainsFunc(names, func(m []string) bool { return m[1] == "muster_http_requests_total" }) {
		t.Error("the linter had nothing to look at")
	}
	for _, m := range names {
		if !regexp.MustCompile(`^(muster|go|process|promhttp)_`).MatchString(m[1]) {
			t.Errorf("%s has none of our prefixes", m[1])
		}
	}
}

func TestDurationsOfThoseWhoWaitAreLeftOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		node := apitest.New()
		h := Handler(node)
		ask := func(url string) {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
		}
		began := time.Now()
		ask(fmt.Sprintf("/api/v1/services/payments?wait=1m&since=%d", node.Index()))
		if time.Since(began) != time.Minute {
			t.Fatal("it did not wait")
		}
		ask("/api/v1/services/payments")
		got := scrape(t, h)
		if !strings.Contains(got, `muster_http_request_duration_seconds_count{route="/api/v1/services/{service}"} 1`) ||
			!strings.Contains(got, `muster_http_requests_total{code="200",method="GET",route="/api/v1/services/{service}"} 2`) {
			t.Error("a minute of waiting counts as a slow answer, or a request is not counted")
		}
	})
}

func TestHandlersShareNoMetrics(t *testing.T) {
	t.Parallel()
	one, other := Handler(apitest.New()), Handler(apitest.New())
	scrape(t, one)
	if strings.Contains(scrape(t, other), `route="/metrics"} 1`) {
		t.Error("one handler counts the requests of another")
	}
}

func TestInstrumentsCostLittle(t *testing.T) {
	s := newServer(apitest.New(), Config{})
	h := s.instrument("GET", "/x", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	rec, req := httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
	if got := testing.AllocsPerRun(100, func() { h.ServeHTTP(rec, req) }); got > 2 {
		t.Errorf("%v allocations around each request", got)
	}
}
