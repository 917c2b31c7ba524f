package native

import (
	"net/http"
	"time"

	"github.com/musterhq/muster/api/doctor"
)

// Doctor is what the search for what is wrong may be told. The zero Doctor is good.
type Doctor struct {
	// Asker asks the other members.
	Asker doctor.Asker
	// Certificate is the one that the API is served with, nil for none. Nil: there never is one.
	Certificate func() *doctor.Certificate
}

// diagnose looks for what is wrong with this node, and with the cluster as this node sees it. One search is under way at a
// time: it asks every member.
func (a *API) diagnose(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	select {
	case a.searching <- struct{}{}:
		defer func() { <-a.searching }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	f := doctor.Facts{Members: a.node.Members(), Gateways: a.node.Gateways()}
	a.doctor.Asker.Ask(r.Context(), &f, a.node.Info)
	f.Now, f.Node, f.SelfPreservation, f.Condition = time.Now(), a.node.Info(), a.node.SelfPreservation(), a.node.Condition()
	if a.doctor.Certificate != nil {
		f.Certificate = a.doctor.Certificate()
	}
	return answer(w, doctor.Examine(f))
}
