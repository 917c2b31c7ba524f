package eureka

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/apitest"
)

// A client that moves here from a Eureka server is ours from its first heartbeat on, and the server's late word of its end
// there does not end it here.
func TestAClientThatMovesHereIsOurs(t *testing.T) {
	node := apitest.New()
	a := New(node, Config{Now: func() time.Time { return apitest.Start.Add(time.Second) }})
	inst := muster.Instance{Service: "shop", ID: "i1", Address: "10.0.0.1", Port: 80, Attributes: map[string]string{attrSource: sourcePeer}}
	if _, _, err := node.Put(t.Context(), inst); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPut, "/eureka/apps/SHOP/i1", nil)
	r.SetPathValue("app", "SHOP")
	r.SetPathValue("id", "i1")
	if err := a.heartbeat(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	if got := a.find("SHOP", "i1"); got == nil || FromPeer(got) {
		t.Fatalf("after a heartbeat of its own it is %+v", got)
	}
	if _, err := a.take(r, &item{AppName: "SHOP", ID: "i1", Action: "Cancel"}); err != nil || a.find("SHOP", "i1") == nil {
		t.Fatalf("the server's late cancel took it out, %v", err)
	}
}

// The end of an instance may come by one node while a Eureka server's last heartbeat for it is on its way to another.
func TestALateHeartbeatDoesNotBringBackWhatHasEnded(t *testing.T) {
	node, err := muster.Start(t.Context(), muster.Config{Node: "n1", Bind: "127.0.0.1:0"}) // For what its events say.
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	later := time.Duration(0)
	a := New(node, Config{Now: func() time.Time { return time.Now().Add(later) }})
	inst := muster.Instance{Service: "shop", ID: "a/b", Address: "10.0.0.1", Port: 80}
	if _, _, err := node.Put(t.Context(), inst); err != nil {
		t.Fatal(err)
	}
	if err := node.Remove(t.Context(), muster.Key{Namespace: muster.DefaultNamespace, Service: "shop", ID: "a/b"}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/eureka/peerreplication/batch/", nil)
	beat := func(app, id string) int {
		_, err := a.take(r, &item{AppName: app, ID: id, Action: "Heartbeat"})
		if err == nil {
			return http.StatusOK
		}
		return statusOf(err)
	}
	if got := beat("SHOP", "a/b"); got != http.StatusOK {
		t.Errorf("just after its end a heartbeat is answered %d: the server would register it again", got)
	}
	if got := beat("SHOP", "other"); got != http.StatusNotFound {
		t.Errorf("a heartbeat of one that never was is answered %d", got)
	}
	later = peerLag
	if got := beat("SHOP", "a/b"); got != http.StatusNotFound {
		t.Errorf("later it is answered %d: the server knows better than we do", got)
	}
}
