package ui

import (
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

var _ Node = (*apitest.Fake)(nil)

func get(t *testing.T, node Node, url string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	New(node).Mount(func(method, pattern string, h http.Handler) { mux.Handle(method+" "+pattern, h) })
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))
	return rec
}

const evil = `"'><script>alert(1)</script>`

func TestWhatClientsChooseIsText(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	_, _, err := node.Put(t.Context(), muster.Instance{
		Service: evil, ID: evil, Address: "h", Port: 1, Zone: evil, Tags: []string{evil}, Namespace: evil,
	})
	if err != nil {
		t.Fatal(err)
	}
	node.AddMember(muster.Member{Name: evil, State: evil, Zone: evil, Version: evil})
	node.SetSelfPreservation(muster.SelfPreservation{
		Held:    evil,
		Scopes:  []muster.Scope{{Name: "zone:" + evil, State: "PRESERVING", Reason: evil}},
		History: []muster.Transition{{Scope: evil, Reason: evil}},
	})
	escaped := template.URLQueryEscaper(evil)
	for _, url := range []string{
		"/ui/", "/ui/plain", "/ui/service?namespace=" + escaped + "&service=" + escaped, "/ui/plain/service?service=" + escaped,
	} {
		rec := get(t, node, url)
		if rec.Code != 200 || strings.Contains(rec.Body.String(), "<script") || !strings.Contains(rec.Body.String(), "&lt;script") {
			t.Errorf("%s: answered %d %s", url, rec.Code, rec.Body)
		}
		csp := rec.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: the policy is %q", url, csp)
		}
	}
}

func TestLinksLeadToPages(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	if _, _, err := node.Put(t.Context(), muster.Instance{Service: "a&b=c/d?", ID: "the one", Address: "h", Port: 1}); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"/ui/", "/ui/plain"} {
		links := regexp.MustCompile(`href="([^"]*service=[^"]*)"`).FindStringSubmatch(get(t, node, from).Body.String())
		if links == nil {
			t.Fatalf("%s: no link to the service", from)
		}
		if page := get(t, node, strings.ReplaceAll(links[1], "&amp;", "&")); !strings.Contains(page.Body.String(), "the one") {
			t.Errorf("%s: %s leads to %d %s", from, links[1], page.Code, page.Body)
		}
	}
}

func TestPagesHaveNoScriptAndNoInlineStyle(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("page.html")
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?i)<script|<style|style=|\son[a-z]+=|javascript:`).Find(source); found != nil {
		t.Errorf("the template holds %q, which the policy forbids", found)
	}
}

func TestLongListsAreCutAndSaySo(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	for i := range most + 3 {
		for _, inst := range []muster.Instance{
			{Service: "large", ID: strconv.Itoa(i), Address: "h", Port: 1},
			{Service: fmt.Sprintf("s%04d", i), Address: "h", Port: 1},
		} {
			if _, _, err := node.Put(t.Context(), inst); err != nil {
				t.Fatal(err)
			}
		}
	}
	for url, more := range map[string]int{"/ui/service?service=large": 3, "/ui/": 4} {
		body := get(t, node, url).Body.String()
		if !strings.Contains(body, fmt.Sprintf("And %d more", more)) || strings.Count(body, "<tr") > most+10 {
			t.Errorf("%s: %d rows, and it does not say that there are %d more", url, strings.Count(body, "<tr"), more)
		}
	}
}

func TestSelfPreservationIsToldInSentences(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		scopes []muster.Scope
		want   string
	}{
		{nil, "This node holds no lease, so there is nothing to preserve."},
		{[]muster.Scope{{Name: "zone:", State: "NORMAL"}}, "Instances without a zone: normal. 0 of 0 leases renew."},
		{
			[]muster.Scope{{Name: "node", State: "NORMAL", Expected: 3, Renewed: 3}},
			"This node as a whole: normal. 3 of 3 leases renew.",
		},
		{
			[]muster.Scope{{Name: "zone:b", State: "PRESERVING", Expected: 20, Renewed: 4, Threshold: 0.85, Preserved: 1, Since: &since, Reason: "a cut."}},
			"Zone b: preserving. 4 of 20 leases renew, fewer than 85%, so nothing is evicted; 1 expired instance kept. " +
				"Since 2026-01-02 03:04:05 UTC. Reason: a cut.",
		},
		{
			[]muster.Scope{{Name: "datacenter", State: "RECOVERING", Expected: 20, Renewed: 19}},
			"The leases of dead nodes: recovering. 19 of 20 leases renew again; evictions start slowly.",
		},
	} {
		if got := strings.Join(sentences(muster.SelfPreservation{Scopes: c.scopes}), " "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// worried is a node with every trouble there is.
type worried struct{ *apitest.Fake }

func (w worried) Info() muster.NodeInfo {
	i := w.Fake.Info()
	i.Ready, i.Reason, i.Replication.Divergences = false, "no seed answers", 2
	return i
}

func TestConcernsComeFirst(t *testing.T) {
	t.Parallel()
	node := worried{apitest.New()}
	node.AddMember(muster.Member{Name: "n2", State: "failed"})
	node.AddMember(muster.Member{Name: "n3", State: "suspect"})
	node.SetSelfPreservation(muster.SelfPreservation{Held: "it was stopped for 9s"})
	body := get(t, node, "/ui/plain").Body.String()
	for _, want := range []string{
		"not ready: no seed answers.", "1 node failed.", "1 node under suspicion", "evicts nothing at the moment: it was stopped for 9s.", "2 times",
	} {
		at := strings.Index(body, want)
		if at < 0 || at > strings.Index(body, "<table") {
			t.Errorf("%q is missing or not before the tables", want)
		}
	}
}
