package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// most is how many services or instances a page lists.
const most = 1000

// page is what a template gets.
type page struct {
	Styled        bool
	Home, Service string // paths of the pages
	Now           string
	Node          muster.NodeInfo
	Summary       string
	Concerns      []string // what an operator should know first
	Preservation  []string
	History       []muster.Transition
	Members       []muster.Member
	Services      []serviceRow
	Namespace     string
	Name          string
	Instances     []instanceRow
	More          int // left out of the list
}

type serviceRow struct {
	Namespace, Service string
	Instances, Up      int
	Preserved          int
}

type instanceRow struct {
	ID, Address, Zone, Datacenter, Home string
	Status, Tags, TTL, Since, Note      string
}

func (u *UI) begin(p *page) {
	p.Now = when(time.Now())
	p.Node = u.node.Info()
}

// overview fills the first page: a sentence, what is wrong, then the tables.
func (u *UI) overview(_ *http.Request, p *page) {
	u.begin(p)
	p.Members = u.node.Members()
	kept := u.node.SelfPreservation()
	p.Preservation, p.History = sentences(kept), latest(kept.History, 20)
	all := u.node.Services().Services
	for _, v := range all[:min(len(all), most)] {
		p.Services = append(p.Services, rowOf(v))
	}
	p.More = len(all) - len(p.Services)
	// What needs a look comes first.
	slices.SortStableFunc(p.Services, func(a, b serviceRow) int {
		return cmp.Or(-cmp.Compare(a.Instances-a.Up, b.Instances-b.Up), -cmp.Compare(a.Preserved, b.Preserved))
	})
	states := map[string]int{}
	for _, m := range p.Members {
		states[m.State]++
	}
	p.Summary = fmt.Sprintf("%s alive, %s, %s.", count(states["alive"], "node"),
		count(p.Node.Catalog.Services, "service"), count(p.Node.Catalog.Instances, "instance"))
	if !p.Node.Ready {
		p.Concerns = append(p.Concerns, "This node is not ready: "+p.Node.Reason+".")
	}
	if n := states["failed"]; n > 0 {
		p.Concerns = append(p.Concerns, count(n, "node")+" failed. What is registered there is kept until its heir has judged it.")
	}
	if n := states["suspect"]; n > 0 {
		p.Concerns = append(p.Concerns, count(n, "node")+" under suspicion: probes go unanswered.")
	}
	if kept.Held != "" {
		p.Concerns = append(p.Concerns, "This node evicts nothing at the moment: "+kept.Held+".")
	}
	if n := p.Node.Replication.Divergences; n > 0 {
		p.Concerns = append(p.Concerns, "This node has differed from a peer "+strconv.FormatUint(n, 10)+" times though both had seen the same writes. That is a defect of Muster; please report it.")
	}
}

func rowOf(v *muster.View) serviceRow {
	row := serviceRow{Namespace: v.Namespace(), Service: v.Service(), Instances: v.Len(), Up: v.Up()}
	for _, i := range v.Instances() {
		if i.Preserved {
			row.Preserved++
		}
	}
	return row
}

// service fills the page of one service.
func (u *UI) service(r *http.Request, p *page) {
	u.begin(p)
	p.Namespace = cmp.Or(r.URL.Query().Get("namespace"), muster.DefaultNamespace)
	p.Name = r.URL.Query().Get("service")
	all := u.node.Find(p.Namespace, p.Name).Instances()
	for _, i := range all[:min(len(all), most)] {
		p.Instances = append(p.Instances, instanceOf(i))
	}
	p.More = len(all) - len(p.Instances)
}

func instanceOf(i *muster.Instance) instanceRow {
	row := instanceRow{
		ID: i.ID, Address: i.Address + ":" + strconv.Itoa(i.Port), Zone: i.Zone, Datacenter: i.Datacenter, Home: i.Home,
		Status: i.Status.String(), Tags: strings.Join(i.Tags, ", "), TTL: i.TTL.String(), Since: when(i.RegisteredAt),
	}
	if i.Override != muster.StatusNone {
		row.Note = "An operator set the status. "
	}
	if i.Preserved {
		row.Note += "Its lease has expired, and self-preservation keeps it"
		if !i.LastRenewal.IsZero() {
			row.Note += "; last heard of at " + when(i.LastRenewal)
		}
		row.Note += "."
	}
	return row
}

// sentences tell self-preservation in words: what is kept where, and why.
func sentences(s muster.SelfPreservation) (out []string) {
	for _, scope := range s.Scopes {
		name := "Zone " + strings.TrimPrefix(scope.Name, "zone:")
		switch scope.Name {
		case "zone:":
			name = "Instances without a zone"
		case "node":
			name = "This node as a whole"
		case "datacenter":
			name = "The leases of dead nodes"
		}
		renewed := fmt.Sprintf("%d of %d leases renew", scope.Renewed, scope.Expected)
		switch scope.State {
		case "PRESERVING":
			text := fmt.Sprintf("%s: preserving. %s, fewer than %g%%, so nothing is evicted; %s kept.", name, renewed,
				100*scope.Threshold, count(scope.Preserved, "expired instance"))
			out = append(out, text+because(scope))
		case "RECOVERING":
			out = append(out, fmt.Sprintf("%s: recovering. %s again; evictions start slowly.", name, renewed)+because(scope))
		default:
			out = append(out, fmt.Sprintf("%s: normal. %s.", name, renewed))
		}
	}
	if len(out) == 0 {
		out = []string{"This node holds no lease, so there is nothing to preserve."}
	}
	return out
}

func because(s muster.Scope) (text string) {
	if s.Since != nil {
		text += " Since " + when(*s.Since) + "."
	}
	if s.Reason != "" {
		text += " Reason: " + strings.TrimSuffix(s.Reason, ".") + "."
	}
	return text
}

// latest is the last n transitions, the newest first.
func latest(h []muster.Transition, n int) []muster.Transition {
	h = slices.Clone(h[max(0, len(h)-n):])
	slices.Reverse(h)
	return h
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}
