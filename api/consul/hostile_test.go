package consul

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// No filter keeps its parser busy: four open parentheses would take it a second, and each more ten times as long.
func TestNoFilterTakesLong(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	put(t, node, muster.Instance{Service: "s", ID: "i"})
	for _, text := range []string{
		strings.Repeat("(", 100), strings.Repeat("(", 7) + "Service.Port == " + strings.Repeat(")", 7),
		strings.Repeat("not (", 12) + "Service.Port == 1" + strings.Repeat(")", 12), strings.Repeat("Service.Port == 1 and ", 200) + "Service.Port == 1",
		`Service.Meta.a matches "(((a*)*)*)*b"`, `Service.Tags contains "` + strings.Repeat("x", 5000) + `"`, `Service.Meta.x is empty`, `Service.Tags[0`,
	} {
		began := time.Now()
		w := ask(t, api, http.MethodGet, "/v1/health/service/s?filter="+url.QueryEscape(text), "")
		if took := time.Since(began); took > 2*time.Second { // About 60 ms, but for the race detector and the machine.
			t.Errorf("%.40s: %v", text, took)
		}
		if w.Code != http.StatusInternalServerError && !strings.Contains(text, "matches") {
			t.Errorf("%.40s: %d %.100s", text, w.Code, w.Body)
		}
	}
	if w := ask(t, api, http.MethodGet, "/v1/health/service/s?filter="+url.QueryEscape(`((((Service.Port == 80))) and Service.Tags is empty)`), ""); w.Code != 200 || w.Body.Len() < 10 {
		t.Errorf("a filter that is sensible: %d %s", w.Code, w.Body)
	}
}

// A body that is too large is refused as such, and unknown fields are if the node is strict.
func TestBodiesAreBoundedAndStrictIfAsked(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{MaxBodyBytes: 100, Strict: true})
	if w := ask(t, api, http.MethodPut, "/v1/agent/service/register", `{"Name":"`+strings.Repeat("x", 200)+`"}`); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large one: %d %s", w.Code, w.Body)
	}
	w := ask(t, api, http.MethodPut, "/v1/agent/service/register", `{"Name":"x","Foo":1}`)
	if w.Code != http.StatusBadRequest || w.Body.String() != `Request decode failed: json: unknown field "Foo"` {
		t.Errorf("an unknown field: %d %s", w.Code, w.Body)
	}
	must(t, api, http.MethodPut, "/v1/agent/service/register", `{"Name":"x","Check":{"TTL":"9s","H2Ping":null}}`)
}

// What goes wrong on our side is logged, and not told.
func TestFaultsAreNotTold(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	node.SetFault(errFault)
	w := ask(t, api, http.MethodPut, "/v1/agent/service/register", `{"Name":"x"}`)
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	node.SetFault(muster.ErrClosed)
	if w := ask(t, api, http.MethodPut, "/v1/agent/service/register", `{"Name":"x"}`); w.Body.String() != "No cluster leader" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

var errFault = errors.New("the secret is 42")
