package bubble

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
)

// An instance of a service that is not exported is at every node of its data centre and at none of the others: after a
// while, after the death of a gateway, and after a cut with its writes on both sides. What is exported is everywhere.
func TestWhatIsNotExportedIsInItsDatacenterAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2)
		put := func(id, instance string) {
			t.Helper()
			inst := muster.Instance{Service: "cache", ID: instance, Address: "10.0.0.1", Port: 80}
			if _, err := w.live[id].Register(t.Context(), inst); err != nil {
				t.Fatal(err)
			}
		}
		home := func() string {
			for id, n := range w.live {
				for _, inst := range n.Lookup("cache").Instances() {
					if inst.Datacenter != n.Datacenter() || !inst.Private {
						t.Fatalf("%s shows %s of %s", id, inst.ID, inst.Datacenter)
					}
				}
				if got, want := n.Lookup("cache").Len(), map[string]int{"dc1": 2, "dc2": 1}[n.Datacenter()]; got != want {
					return fmt.Sprintf("%s shows %d instances, want %d", id, got, want)
				}
				if r := n.Info().Replication; r.Divergences > 0 || r.Malformed > 0 {
					t.Fatalf("%s: %+v", id, r)
				}
			}
			return ""
		}
		put("dc1/n2", "1-first")
		put("dc2/n1", "2-first")
		w.register("dc1/n3", "everywhere")
		w.cut("dc1", "dc2")
		time.Sleep(time.Minute)
		put("dc1/n3", "1-second")
		w.register("dc2/n2", "meanwhile")
		w.until(time.Second, home)
		w.wide.Heal()
		w.until(time.Minute, w.linked)
		w.until(10*time.Second, w.has("everywhere", "meanwhile"))
		w.until(time.Second, home)
		w.kill("dc1/n1")
		time.Sleep(time.Minute)
		w.register("dc1/n3", "later")
		w.until(10*time.Second, w.has("everywhere", "later", "meanwhile"))
		w.until(time.Second, home)
	})
}
