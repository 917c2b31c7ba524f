package bubble

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/api"
)

// ask sends a request to a handler and is the status and the body of the answer.
func ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
	return w.Code, w.Body.String()
}

// A TTL check of Consul's that nobody reports is critical at its TTL, says what it said last, and takes its instance out a
// minute to a minute and a half later, at every node, though its client asked for a second.
func TestAnInstanceIsTakenOutWhenItsCheckStaysCritical(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, nil)
		c.startAll(2)
		one, two := api.Handler(c.live["n1"]), api.Handler(c.live["n2"])
		const body = `{"Name":"web","Address":"10.0.0.1","Port":80,"Check":{"TTL":"20s","DeregisterCriticalServiceAfter":"1s"}}`
		if status, text := ask(t, one, http.MethodPut, "/v1/agent/service/register", body); status != http.StatusOK {
			t.Fatal(status, text)
		}
		time.Sleep(time.Second)
		if status, text := ask(t, two, http.MethodPut, "/v1/agent/check/pass/service:web?note=hi", ""); status != http.StatusOK {
			t.Fatal(status, text)
		}
		reported := time.Now()
		checks := func(h http.Handler) string {
			_, text := ask(t, h, http.MethodGet, "/v1/health/checks/web", "")
			return text
		}
		expired := c.until(time.Minute, nil, func() string {
			if text := checks(two); !strings.Contains(text, `"critical"`) || !strings.Contains(text, "TTL expired") || !strings.Contains(text, "hi") {
				return text
			}
			return ""
		})
		if expired < 20*time.Second || expired > 22*time.Second {
			t.Errorf("critical %v after the last report", expired)
		}
		c.until(3*time.Minute, nil, func() string {
			if text := checks(one) + checks(two); text != "[][]" {
				return text
			}
			return ""
		})
		if gone := time.Since(reported) - expired; gone < 59*time.Second || gone > 91*time.Second {
			t.Errorf("gone %v after it became critical", gone)
		}
	})
}
