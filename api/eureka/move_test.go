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
