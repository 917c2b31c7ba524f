package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fakeNode answers as a node does, with the same words each time.
type fakeNode struct {
	*httptest.Server
	mux *http.ServeMux
}

func newFakeNode(t *testing.T) *fakeNode {
	t.Helper()
	n := &fakeNode{mux: http.NewServeMux()}
	n.Server = httptest.NewServer(n.mux)
	t.Cleanup(n.Close)
	return n
}

// host is the host:port.
func (n *fakeNode) host() string { return strings.TrimPrefix(n.URL, "http://") }

// answer answers requests of that pattern with a status and a body; %s in the body are the arguments.
func (n *fakeNode) answer(pattern string, status int, body string, args ...any) {
	if len(args) > 0 {
		body = fmt.Sprintf(body, args...)
	}
	n.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		if status >= 400 {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// echo answers requests of that pattern with an instance whose id is the request itself, so that it is seen.
func (n *fakeNode) echo(pattern string, status int) {
	n.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		request := strings.ReplaceAll(fmt.Sprintf("%s %s %s", r.Method, r.URL.RequestURI(), body), `"`, "'")
		_, _ = fmt.Fprintf(w, `{"namespace":"default","service":"payments","id":"%s","address":"10.0.0.5","port":8080,`+
			`"weight":100,"secure":false,"status":"OUT_OF_SERVICE","ttl":"30s","home":"dc1/n1","override":"OUT_OF_SERVICE","preserved":true}`+"\n", request)
	})
}

const (
	servicesBody = `{"index":61247690438061,"services":[` +
		`{"namespace":"default","service":"orders","instances":1,"up":0},` +
		`{"namespace":"default","service":"payments","instances":2,"up":2}]}` + "\n"
	instancesBody = `{"index":61247690438061,"service":"payments","instances":[` +
		`{"namespace":"default","service":"payments","id":"p1","address":"10.0.0.5","port":8080,"tags":["v2","eu"],"metadata":{"yes":"no"},` +
		`"zone":"a","weight":100,"secure":false,"status":"UP","ttl":"30s","datacenter":"dc1","home":"dc1/n1","preserved":false,` +
		`"registeredAt":"2026-11-24T06:29:57.693Z","index":61247690438061},` +
		`{"namespace":"default","service":"payments","id":"p\u001b[2J","address":"2001:db8::1","port":80,"weight":50,"secure":true,` +
		`"status":"UP","ttl":"1m0s","datacenter":"dc1","home":"dc1/n2","preserved":true,"index":1}]}` + "\n"
	preserveBody = `{"preserving":true,"scopes":[{"name":"zone:a","state":"PRESERVING","expected":10,"renewed":2,"lost":8,` +
		`"threshold":0.85,"since":"2026-11-24T06:30:00Z","reason":"8 of 10 leases fell silent together","preserved":5}],"history":[]}` + "\n"
	knownBody = `{"severity":"info","subject":"node n2","what":"it keeps nothing on disk","since":null,"why":"a restart begins empty","remedy":"give it --data-dir"}`
	wrongBody = `{"node":"n1","datacenter":"dc1","at":"2026-11-24T06:31:00Z","healthy":false,"findings":[` +
		`{"severity":"error","subject":"datacenter dc2","what":"it cannot be reached by any path","since":"2026-11-24T06:30:00Z","why":"no link","remedy":"see to the links"},` +
		`{"severity":"warning","subject":"member n3","what":"it has failed","since":null,"why":"no word","remedy":"start it again"},` + knownBody + `]}` + "\n"
	nodeBody = `{"name":"%s","dc":"dc1","zone":"a","address":"10.0.0.1:7946","incarnation":1795501797320,"version":"v1.0.0",` +
		`"started":"2026-11-24T06:29:57Z","ready":true,"reason":"caught up with its peers","health":0,` +
		`"catalog":{"services":2,"instances":3,"tombstones":1,"index":61247690438061,"hash":"%s","vector":{"dc1/n1@7":"%s"}},` +
		`"leases":2,"replication":{"divergences":0}}` + "\n"
	recordBody = `{"namespace":"default","service":"payments","id":"%s","register":"registration","lamport":7,"dot":"dc1/n1@7#%d","deleted":"%s","written":"2026-11-24T06:29:57Z"}`
)

// notFound is a problem as a node answers it.
const notFound = `{"type":"/problems/instance-not-found","title":"No such instance","status":404,` +
	`"detail":"service \"payments\" has no instance \"nope\" in namespace \"default\"","code":"instance-not-found"}`

// fakeCluster is four nodes: n1 and n2 agree, n3 differs from them in three records, of which one is the same write and yet another state, n4 is not there.
func fakeCluster(t *testing.T) (n1, n2, n3 *fakeNode, gone string) {
	t.Helper()
	n1, n2, n3 = newFakeNode(t), newFakeNode(t), newFakeNode(t)
	dead := httptest.NewServer(http.NotFoundHandler())
	gone = strings.TrimPrefix(dead.URL, "http://")
	dead.Close()
	n1.answer("GET "+pathNode, 200, nodeBody, "n1", "149ab6e9bbac37ef", "1-9")
	n2.answer("GET "+pathNode, 200, nodeBody, "n2", "149ab6e9bbac37ef", "1-9")
	n3.answer("GET "+pathNode, 200, nodeBody, "n3", "00000000deadbeef", "1-7")
	same := fmt.Sprintf(recordBody, "p1", 3, "")
	all := `{"index":1,"records":[` + same + "," + fmt.Sprintf(recordBody, "p2", 8, "evicted") + "," + fmt.Sprintf(recordBody, "p3", 9, "") + "," + fmt.Sprintf(recordBody, "p4", 6, "") + "]}"
	n1.answer("GET "+pathRecords, 200, all)
	n2.answer("GET "+pathRecords, 200, all)
	n3.answer("GET "+pathRecords, 200, `{"index":1,"records":[`+same+","+fmt.Sprintf(recordBody, "p2", 2, "")+","+fmt.Sprintf(recordBody, "p4", 6, "deregistered")+"]}")
	return n1, n2, n3, gone
}

// member is a member as a node lists it.
func member(name, state, http string) string {
	return fmt.Sprintf(`{"name":"%s","datacenter":"dc1","zone":"a","state":"%s","address":"10.0.0.1:7946","http":"%s",`+
		`"incarnation":1795501797320,"version":"v1.0.0","rtt":"739µs","since":"2026-11-24T06:29:57Z"}`, name, state, http)
}

func (n *fakeNode) members(list ...string) {
	n.answer("GET "+pathMembers, 200, `{"members":[`+strings.Join(list, ",")+"]}\n")
}
