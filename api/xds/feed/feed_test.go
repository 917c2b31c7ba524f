package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/musterhq/muster/api/xds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The nodes, by addresses that need no looking up.
const (
	hostA, hostB = "127.0.0.1:1", "127.0.0.2:1"
	nodeB        = "http://" + hostB
)

// direct sends requests to handlers, by host, without any socket, so that time can be a bubble's.
type direct map[string]http.HandlerFunc

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	h := d[r.URL.Host]
	if h == nil {
		return nil, errors.New("nobody there")
	}
	w := httptest.NewRecorder()
	h(w, r)
	return w.Result(), r.Context().Err()
}

// lists answers with a list of services.
func lists(index int, services ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Muster-Node", "n")
		w.Header().Set("Muster-Datacenter", "dc7")
		w.Header().Set("Muster-Index", strconv.Itoa(index))
		var rows []string
		for _, s := range services {
			rows = append(rows, fmt.Sprintf(`{"service": %q}`, s))
		}
		_, _ = io.WriteString(w, `{"services": [`+strings.Join(rows, ",")+`]}`)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Muster-Node", "n")
		w.WriteHeader(code)
	}
}

// newTestFeed makes a feed whose own requests go to handlers.
func newTestFeed(t *testing.T, nodes direct) *Feed {
	t.Helper()
	f, err := New(Config{Server: xds.NewServer(nil, nil), Nodes: []string{"http://" + hostA, nodeB + "/"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.client.Close(context.Background()) })
	f.ask.client.Transport = nodes
	return f
}

// A node that is not ready, or no node at all, has nothing to say, least of all that there are no services.
func TestTheFirstListIsThatOfANodeThatIsReady(t *testing.T) {
	for name, bad := range map[string]http.HandlerFunc{
		"absent": nil, "not ready": status(503), "refusing": status(403), "other": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"services": []}`)
		}, "garbled": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Muster-Node", "n")
			_, _ = io.WriteString(w, `<html>`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newTestFeed(t, direct{hostA: bad, hostB: lists(9, "x", "y")})
			l, err := f.firstList(t.Context())
			if err != nil || !slices.Equal(l.names, []string{"x", "y"}) || l.datacenter != "dc7" || l.node != nodeB || l.index != "9" {
				t.Errorf("%+v, %v", l, err)
			}
		})
	}
}

func TestTheFirstListIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ready atomic.Bool
		f := newTestFeed(t, direct{hostA: func(w http.ResponseWriter, r *http.Request) {
			if ready.Load() {
				lists(1, "x")(w, r)
			} else {
				status(503)(w, r)
			}
		}})
		time.AfterFunc(time.Hour, func() { ready.Store(true) })
		began := time.Now()
		l, err := f.firstList(t.Context())
		if took := time.Since(began); err != nil || len(l.names) != 1 || took < time.Hour || took > time.Hour+retryLast {
			t.Errorf("%+v, %v after %v", l, err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ready.Store(false)
		if _, err := f.firstList(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the end of the context is %v", err)
		}
	})
}

// An index means something at the node that gave it; at another one, the list is asked for at once.
func TestAPollGoesOnAtTheSameNodeAndBeginsAnewAtAnother(t *testing.T) {
	var asked []url.Values
	note := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.Query())
			h(w, r)
		}
	}
	nodes := direct{hostA: note(lists(5, "x")), hostB: note(lists(7, "x"))}
	f := newTestFeed(t, nodes)
	l, err := f.list(t.Context(), list{})
	if err != nil {
		t.Fatal(err)
	}
	if l, err = f.list(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	nodes[hostA] = note(status(500))
	if l, err = f.list(t.Context(), l); err != nil || l.node != nodeB {
		t.Fatalf("%+v, %v", l, err)
	}
	nodes[hostA] = note(lists(5, "x"))
	if l, err = f.list(t.Context(), l); err != nil || l.node != nodeB {
		t.Fatalf("%+v, %v: a node that answers is left", l, err)
	}
	var got []string
	for _, q := range asked {
		got = append(got, q.Get("dc")+" "+q.Get("since")+" "+q.Get("wait"))
	}
	want := []string{"*  ", "* 5 30s", "* 5 30s", "*  ", "* 7 30s"}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestDistancesAreThoseOfTheNearestGateway(t *testing.T) {
	nodes := direct{hostA: status(409), hostB: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Muster-Node", "n")
		if r.URL.Path != "/api/v1/members" || r.URL.Query().Get("wan") != "true" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, `{"members": [{"datacenter": "dc2", "state": "alive", "rtt": "30ms"},
			{"datacenter": "dc2", "state": "alive", "rtt": "20ms"}, {"datacenter": "dc2", "state": "left", "rtt": "1ms"},
			{"datacenter": "dc3", "state": "alive", "rtt": "soon"}, {"datacenter": "dc4", "state": "alive"}]}`)
	}}
	f := newTestFeed(t, nodes)
	got, err := f.distances(t.Context())
	if err != nil || len(got) != 1 || got["dc2"] != 20*time.Millisecond {
		t.Errorf("%v, %v", got, err)
	}
	nodes[hostB] = status(409)
	if _, err := f.distances(t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("no gateway is %v", err)
	}
}

func TestAConfigThatCannotWorkIsRefused(t *testing.T) {
	s := xds.NewServer(nil, nil)
	for _, cfg := range []Config{{}, {Server: s, Nodes: []string{"ftp://x"}}, {Server: s, Linger: -1}, {Server: s, MaxServices: -1}} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
