package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
)

const eventInstance = `{"namespace":"default","service":"payments","id":"p1","address":"10.0.0.5","port":8080,"status":"UP","preserved":false}`

// streamer is a node whose streams end after their events, except for the last one.
func streamer(t *testing.T, streams ...string) (n *fakeNode, resumed *[]string) {
	t.Helper()
	n, resumed = newFakeNode(t), &[]string{}
	var next atomic.Int32
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	n.mux.HandleFunc("GET "+pathWatch, func(w http.ResponseWriter, r *http.Request) {
		i := int(next.Add(1)) - 1
		*resumed = append(*resumed, r.URL.RawQuery+"@"+r.Header.Get("Last-Event-ID"))
		if streams[i] == "not ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"code":"not-ready","detail":"it has just begun"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "retry: 1\n\n"+streams[i])
		_ = http.NewResponseController(w).Flush()
		if i == len(streams)-1 {
			select {
			case <-r.Context().Done():
			case <-over:
			}
		}
	})
	return n, resumed
}

func snapshot(id int) string {
	return fmt.Sprintf("id: %d\nevent: snapshot\ndata: {\"index\":%d,\"instances\":[%s]}\n\n", id, id, eventInstance)
}

func changed(id int, kind, cause string) string {
	return fmt.Sprintf("id: %d\nevent: %s\ndata: {\"index\":%d,\"instance\":%s%s}\n\n", id, kind, id, eventInstance, cause)
}

func TestAWatchPrintsALineAChangeAndGoesOnWhereItWasCutOff(t *testing.T) {
	n, resumed := streamer(t, snapshot(5)+": heartbeat\n\n"+changed(6, "change", ""), "not ready", changed(7, "down", `,"cause":"evicted"`))
	p := begin(t, map[string]string{"MUSTER_SERVER": n.URL}, nil, "watch", "payments", "--namespace", "default")
	p.out.await("down")
	p.signals <- os.Interrupt
	p.end(exitDone)
	want := "snapshot  payments  p1  10.0.0.5:8080  UP\nchange    payments  p1  10.0.0.5:8080  UP\ndown      payments  p1  10.0.0.5:8080  evicted\n"
	if got := p.out.String(); got != want {
		t.Errorf("it printed\n%s", got)
	}
	if got := fmt.Sprint(*resumed); got != "[namespace=default&service=payments@ namespace=default&service=payments@6 namespace=default&service=payments@6]" {
		t.Errorf("it asked %s", got)
	}
	if errs := p.errs.String(); strings.Count(errs, "lost "+n.URL) != 1 || strings.Count(errs, n.URL+" is back") != 1 {
		t.Errorf("it said %s", errs)
	}
}

func TestAWatchPrintsEachEventAsAnObject(t *testing.T) {
	for format, want := range map[string]string{
		"json": `{"type":"snapshot","index":5,"instances":[` + eventInstance + "]}\n" + `{"type":"up","index":6,"instance":` + eventInstance + "}\n",
		"yaml": "---\ntype: snapshot\nindex: 5\ninstances: []\n---\ntype: up\nindex: 6\ninstance:\n  namespace: default\n  service: payments\n  id: p1\n  address: \"10.0.0.5\"\n  port: 8080\n  status: UP\n  preserved: false\n",
	} {
		first := snapshot(5)
		if format == "yaml" {
			first = strings.Replace(first, eventInstance, "", 1)
		}
		n, _ := streamer(t, first+changed(6, "up", ""))
		p := begin(t, map[string]string{"MUSTER_SERVER": n.URL}, nil, "watch", "-o", format)
		p.out.await("p1")
		p.out.await("up")
		p.signals <- os.Interrupt
		p.end(exitDone)
		if got := p.out.String(); got != want {
			t.Errorf("%s is\n%s", format, got)
		}
	}
}

func TestAWatchThatCannotBeginFails(t *testing.T) {
	n := newFakeNode(t)
	n.answer("GET "+pathWatch, 400, `{"code":"invalid-parameter","detail":"service must not be empty"}`)
	if got := invoke(t, nil, "watch", "--server", n.URL); got.status != exitUsage {
		t.Errorf("refused: exit status %d, %s", got.status, got.errs)
	}
	n.Close()
	got := invoke(t, nil, "watch", "--server", n.URL)
	if got.status != exitUnreachable {
		t.Errorf("not there: exit status %d, %s", got.status, got.errs)
	}
	oneLine(t, got.errs)
}

func TestAWatchOfSomethingElseFails(t *testing.T) {
	n, _ := streamer(t, "data: hello\n\n")
	got := invoke(t, nil, "watch", "--server", n.URL)
	if got.status != exitFailed || !strings.Contains(got.errs, "did not answer as a Muster node does") {
		t.Errorf("exit status %d, %s", got.status, got.errs)
	}
}
