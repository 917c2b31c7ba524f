package nacos

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// A request is bounded in its body, in its parameters, and by what a registration may hold.
func TestHostileRequestsAreRefusedAndChangeNothing(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{MaxBodyBytes: 64 << 10})
	const good = "serviceName=a&ip=10.0.0.1&port=1"
	var many, pairs strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "&p%d=x", i)
	}
	for i := range 65 {
		fmt.Fprintf(&pairs, ",k%d=v", i)
	}
	for _, c := range []struct {
		form   string
		status int
		text   string
	}{
		{good + "&metadata=a=" + strings.Repeat("x", 64<<10), http.StatusRequestEntityTooLarge, "too large"},
		{good + many.String(), http.StatusBadRequest, "Too many parameters"},
		{good + "&metadata=" + pairs.String()[1:], http.StatusBadRequest, "metadata must be at most 64"},
		{good + "&metadata=a=" + strings.Repeat("x", 2<<10), http.StatusBadRequest, "must be at most 1024 bytes"},
		{"ip=10.0.0.1&port=1&serviceName=" + strings.Repeat("x", 300), http.StatusBadRequest, "service must be at most 255 bytes"},
		{good + "&clusterName=" + strings.Repeat("x", 5000), http.StatusBadRequest, "zone must be at most 255 bytes"},
		{good + "&metadata=" + strings.Repeat("{\"a\":", 5000), http.StatusBadRequest, "metadata format incorrect"},
		{good + "&metadata=\xff=\xfe", http.StatusBadRequest, "must be valid UTF-8"},
		{good + "&namespaceId=%00", http.StatusBadRequest, "must not hold control characters"},
		{"serviceName=a%01b&ip=10.0.0.1&port=1&groupName=%7f", http.StatusBadRequest, "must not hold control characters"},
		{good + "&port=99999999999999999999999", http.StatusOK, "ok"},
	} {
		w := ask(t, api, http.MethodPost, base+"ns/instance", c.form)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || w.Body.Len() > 1<<10 {
			t.Errorf("%.60q: %d %.300s, want %d %s", c.form, w.Code, w.Body, c.status, c.text)
		}
		if w.Code != http.StatusOK && len(everything(node)) != 0 {
			t.Fatalf("%.60q was refused and is there", c.form)
		}
	}
}

// What goes wrong on our side is logged, and not told.
func TestFaultsAreNotTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	node := apitest.New()
	api := New(node, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	const form = "serviceName=a&ip=10.0.0.1&port=1"
	must(t, api, http.MethodPost, base+"ns/instance", form)
	node.SetFault(errors.New("the secret is 42"))
	for _, c := range []struct{ method, path, form string }{
		{http.MethodPost, "ns/instance", form},
		{http.MethodPut, "ns/instance", form},
		{http.MethodPatch, "ns/instance", form + "&weight=2"},
		{http.MethodDelete, "ns/instance?" + form, ""},
		{http.MethodPut, "ns/instance/beat?" + form, ""},
		{http.MethodPut, "ns/instance/beat", `serviceName=b&beat={"ip":"10.0.0.1","port":1}`},
	} {
		log.Reset()
		w := ask(t, api, c.method, base+c.path, c.form)
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") || !strings.Contains(log.String(), "the secret is 42") {
			t.Errorf("%s %s: %d %s, and the log: %s", c.method, c.path, w.Code, w.Body, log.String())
		}
	}
}

// An instance that goes while it is deregistered, or renewed, is not there: that is what its client is told.
func TestWhatGoesMeanwhileIsNotThere(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	api := New(node, Config{})
	const form = "serviceName=a&ip=10.0.0.1&port=1"
	must(t, api, http.MethodPost, base+"ns/instance", form)
	node.SetFault(fmt.Errorf("gone: %w", muster.ErrNotFound))
	if got := must(t, api, http.MethodPut, base+"ns/instance/beat?"+form, ""); !strings.Contains(got, `"code":20404`) {
		t.Errorf("a light beat is answered %s", got)
	}
	must(t, api, http.MethodDelete, base+"ns/instance?"+form, "")
}

// A list is encoded once for a state of the service, and anew once it changes.
func TestAListIsOfTheLatestState(t *testing.T) {
	t.Parallel()
	node := apitest.New()
	now := time.UnixMilli(1000)
	api := New(node, Config{Now: func() time.Time { return now }})
	sums := map[string]bool{}
	for i := range 5 {
		must(t, api, http.MethodPost, base+"ns/instance", fmt.Sprintf("serviceName=a&ip=10.0.0.%d&port=1", i))
		first := must(t, api, http.MethodGet, base+"ns/instance/list?serviceName=a", "")
		if n := strings.Count(first, `"instanceId"`); n != i+1 {
			t.Fatalf("%d instances are listed after %d registrations", n, i+1)
		}
		_, sum, _ := strings.Cut(first, `"checksum":"`)
		if sum = sum[:32]; sums[sum] {
			t.Errorf("the checksum %s is that of another state", sum)
		}
		sums[sum] = true
		now = now.Add(time.Second)
		second := must(t, api, http.MethodGet, base+"ns/instance/list?serviceName=a", "")
		if want := strings.Replace(first, fmt.Sprintf(`"lastRefTime":%d`, 1000*(i+1)), fmt.Sprintf(`"lastRefTime":%d`, 1000*(i+2)), 1); second != want {
			t.Errorf("without a change\n%s\nis now\n%s", first, second)
		}
	}
}
