package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node answers as the node of that name, with what each look is to see.
func node(t *testing.T, name string, ahead time.Duration, looks ...string) (address string) {
	t.Helper()
	var count atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		runs := looks[min(int(count.Add(1)), len(looks))-1]
		if r.URL.Path != pathOfTheNode {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(muster.NodeInfo{
			Name: name, Time: time.Now().Add(ahead), Catalog: muster.CatalogInfo{Hash: runs, Vector: map[string]string{"o": runs}},
		})
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func facts(members map[string]string) *Facts {
	f := &Facts{Members: []muster.Member{{Name: "n1", State: "alive", Self: true}}}
	for _, name := range []string{"n2", "n3", "n4", "n5"} {
		if address, ok := members[name]; ok {
			f.Members = append(f.Members, muster.Member{Name: name, State: "alive", HTTP: address})
		}
	}
	f.Members = append(f.Members, muster.Member{Name: "n9", State: "failed", HTTP: "127.0.0.1:1"})
	return f
}

// own is what the asking node holds, look by look.
func own(looks ...string) func() muster.NodeInfo {
	n := 0
	return func() muster.NodeInfo {
		runs := looks[min(n, len(looks)-1)]
		n++
		return muster.NodeInfo{Name: "n1", Catalog: muster.CatalogInfo{Hash: runs, Vector: map[string]string{"o": runs}}}
	}
}

func asker(t *testing.T) Asker {
	t.Helper()
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return Asker{Client: &http.Client{Transport: tr}}
}

func TestThoseWhoAgreeAreAskedOnce(t *testing.T) {
	f := facts(map[string]string{"n2": node(t, "n2", -5*time.Second, "1-9", "never asked"), "n3": ""})
	asker(t).Ask(t.Context(), f, own("1-9"))
	if len(f.Answers) != 2 || f.Second != nil {
		t.Fatalf("%+v", f)
	}
	a := f.Answers[0]
	if a.Member != "n2" || a.Problem != "" || a.Second != nil || !a.Clock || (a.Offset+5*time.Second).Abs() > a.Error {
		t.Errorf("%+v", a)
	}
	if b := f.Answers[1]; b.HTTP != "" || b.Problem != "" || b.First != nil {
		t.Errorf("who has no API: %+v", b)
	}
}

func TestThoseWhoDifferAreAskedAgain(t *testing.T) {
	f := facts(map[string]string{"n2": node(t, "n2", 0, "1-7", "1-9")})
	asker(t).Ask(t.Context(), f, own("1-9", "1-12"))
	a := f.Answers[0]
	if a.Second == nil || a.First.Hash != "1-7" || a.Second.Hash != "1-9" || f.First.Hash != "1-9" || f.Second.Hash != "1-12" {
		t.Errorf("%+v, own %+v and %+v", a, f.First, f.Second)
	}
}

func TestWhyAMemberCannotBeAskedIsSaidInWords(t *testing.T) {
	broken := httptest.NewServer(http.NotFoundHandler())
	defer broken.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = nil
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	host := func(s *httptest.Server) string { _, h, _ := strings.Cut(s.URL, "://"); return h }
	f := facts(map[string]string{"n2": host(broken), "n3": host(gone), "n4": node(t, "other", 0, "1")})
	asker(t).Ask(t.Context(), f, own("1"))
	for i, want := range []string{"it answers 404 Not Found", "connection refused", `node "other" answers there`} {
		if got := f.Answers[i]; !strings.Contains(got.Problem, want) || got.Unverified || got.First != nil {
			t.Errorf("%+v, want %q", got, want)
		}
	}
	f = facts(map[string]string{"n2": host(secure)})
	a := Asker{Scheme: "https", Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	a.Ask(t.Context(), f, own("1"))
	if got := f.Answers[0]; !got.Unverified || !strings.Contains(got.Problem, "unknown authority") {
		t.Errorf("%+v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f = facts(map[string]string{"n2": node(t, "n2", 0, "1")})
	asker(t).Ask(ctx, f, own("1"))
	if f.Answers[0].Problem == "" {
		t.Error("who gives up is told that all is well")
	}
}
