package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/musterhq/muster/api/apitest"
)

// What one protocol registers, every other finds, at the address that was registered.
func TestWhatOneDialectRegistersEveryOtherFinds(t *testing.T) {
	t.Parallel()
	type request struct{ method, target, media, body string }
	const form, json = "application/x-www-form-urlencoded", "application/json"
	registrations := map[string]request{
		"native": {"POST", "/api/v1/services/instances", json, `{"service":"pay","id":"p1","address":"10.0.0.1","port":8081}`},
		"eureka": {"POST", "/eureka/apps/PAY", json, `{"instance":{"instanceId":"p1","hostName":"10.0.0.1","app":"PAY","ipAddr":"10.0.0.1","status":"UP",` +
			`"port":{"$":8081,"@enabled":"true"},"dataCenterInfo":{"@class":"x","name":"MyOwn"}}}`},
		"consul": {"PUT", "/v1/agent/service/register", json, `{"Name":"pay","ID":"p1","Address":"10.0.0.1","Port":8081}`},
		"nacos":  {"POST", "/nacos/v1/ns/instance", form, `serviceName=pay&ip=10.0.0.1&port=8081`},
	}
	queries := map[string]string{
		"native": "/api/v1/services/pay?healthy=true", "eureka": "/eureka/apps/PAY", "consul": "/v1/health/service/pay?passing",
		"nacos": "/nacos/v1/ns/instance/list?serviceName=pay&healthyOnly=true", "prometheus": "/sd/prometheus?healthy=true",
	}
	for by, r := range registrations {
		h := Handler(apitest.New())
		rec := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), r.method, r.target, strings.NewReader(r.body))
		req.Header.Set("Content-Type", r.media)
		if h.ServeHTTP(rec, req); rec.Code/100 != 2 {
			t.Errorf("%s: registration answered %d %s", by, rec.Code, rec.Body)
			continue
		}
		for in, target := range queries {
			rec := httptest.NewRecorder()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
			req.Header.Set("Accept", json)
			h.ServeHTTP(rec, req)
			if body := rec.Body.String(); rec.Code != 200 || !strings.Contains(body, "10.0.0.1") || !strings.Contains(body, "8081") {
				t.Errorf("registered by %s, %s finds %d %s", by, in, rec.Code, body)
			}
		}
	}
}

// Clients of Nacos are served before the mux, are counted by their operations, and get bare texts for errors, whoever
// refuses them.
func TestClientsOfNacosAreServedBeforeTheMux(t *testing.T) {
	t.Parallel()
	h := NewHandler(panicking{apitest.New()}, Config{})
	for _, c := range []struct {
		method, target string
		status         int
		text           string
	}{
		{http.MethodGet, "/nacos/v1/ns/instance/list?serviceName=a", 200, `"hosts":[]`},
		{http.MethodGet, "/nacos/v1/ns/instance/list", 400, "Param 'serviceName' is required."},
		{http.MethodGet, "/nacos/v1/ns/../ns", 501, "no such api:GET:/nacos/v1/ns/../ns"},
		{http.MethodGet, "/nacos/serverlist", 500, "Something went wrong"},
		{http.MethodDelete, "/nacos/v1/ns/instance?serviceName=a&ip=b&port=1", 403, ""},
	} {
		req := httptest.NewRequestWithContext(t.Context(), c.method, c.target, nil)
		if c.status == 403 {
			req.Header.Set("Sec-Fetch-Site", "cross-site")
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if body := rec.Body.String(); rec.Code != c.status || !strings.Contains(body, c.text) || c.status != 200 && strings.HasPrefix(body, "{") {
			t.Errorf("%s %s: %d %q, want %d %s", c.method, c.target, rec.Code, body, c.status, c.text)
		}
	}
	if got := scrape(t, h); !strings.Contains(got, `muster_http_requests_total{code="400",method="GET",route="/nacos/v1/ns/instance/list"} 1`) {
		t.Error("the requests are not counted by their operations")
	}
}
