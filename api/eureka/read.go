package eureka

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

func (a *API) local(inst *muster.Instance) bool { return inst.Datacenter == a.dc }

// latest is the registry as it is now. If nothing has changed since the last call it is the same one.
func (a *API) latest() *registry {
	if r := a.current.Load(); r != nil && r.index == a.node.Index() {
		return r
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.latestLocked()
}

func (a *API) latestLocked() *registry {
	r := a.current.Load()
	if r != nil && r.index == a.node.Index() {
		return r
	}
	all := a.node.Services()
	if r == nil {
		r = build(all, a.local)
	} else if all != r.overview {
		r = r.advance(all, a.local)
	}
	a.current.Store(r)
	return r
}

// getApps answers with the whole registry: of this node's data centre, and of those that the client names.
func (a *API) getApps(w http.ResponseWriter, r *http.Request) error {
	f, compressed := formOf(r), acceptsGzip(r)
	all := a.asked(r)
	setPreserved(w, all.preserved)
	all.all(f, compressed).write(w, f, compressed)
	return nil
}

// regions is the choice of instances that a client names data centres for, nil if it names none.
func (a *API) regions(r *http.Request) func(*muster.Instance) bool {
	if r.URL.RawQuery == "" {
		return nil
	}
	named := map[string]bool{a.dc: true}
	for _, value := range r.URL.Query()["regions"] {
		for dc := range strings.SplitSeq(value, ",") {
			if dc = strings.TrimSpace(dc); dc != "" {
				named[dc] = true
			}
		}
	}
	if len(named) == 1 {
		return nil
	}
	return func(inst *muster.Instance) bool { return named[inst.Datacenter] }
}

// asked is the registry with what a client names data centres for.
func (a *API) asked(r *http.Request) *registry {
	if chosen := a.regions(r); chosen != nil {
		return build(a.node.Services(), chosen)
	}
	return a.latest()
}

// getDelta answers with what has changed lately in this data centre. Who follows other data centres too is sent to the
// whole by the hash.
func (a *API) getDelta(w http.ResponseWriter, r *http.Request) error {
	f, compressed := formOf(r), acceptsGzip(r)
	a.mu.Lock()
	all := a.latestLocked()
	a.journal.read(a.node, a.dc, all, a.now())
	p := a.journal.delta(f, compressed)
	a.mu.Unlock()
	p.write(w, f, compressed)
	return nil
}

// getApp answers with one application.
func (a *API) getApp(w http.ResponseWriter, r *http.Request) error {
	f := formOf(r)
	p, ok := a.latest().app(f, r.PathValue("app"))
	if !ok {
		return muster.ErrNotFound
	}
	p.write(w, f, false)
	return nil
}

// getInstance answers with one instance of an application.
func (a *API) getInstance(w http.ResponseWriter, r *http.Request) error {
	inst := a.find(r.PathValue("app"), r.PathValue("id"))
	if inst == nil {
		return muster.ErrNotFound
	}
	return a.writeInstance(w, r, http.StatusOK, inst)
}

// getInstanceByID answers with the first instance of that id, by the order of services.
func (a *API) getInstanceByID(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	for _, view := range a.node.Services().Services {
		if view.Namespace() != muster.DefaultNamespace {
			continue
		}
		if inst, _ := view.Instance(id); inst != nil && a.local(inst) {
			return a.writeInstance(w, r, http.StatusOK, inst)
		}
	}
	return muster.ErrNotFound
}

func (a *API) writeInstance(w http.ResponseWriter, r *http.Request, status int, inst *muster.Instance) error {
	i := describe(inst)
	if d, err := a.node.Detail(inst.Key()); err == nil && !d.LastRenewal.IsZero() {
		i.lease.renewed = millis(d.LastRenewal)
	}
	f := formOf(r)
	b := f.appendOneClose(f.appendInstance(f.appendOneOpen(nil, "instance"), &i, actionAdded))
	return writeBody(w, status, f.contentType(), b)
}

// find is an instance of an application, nil if there is none. Services whose names differ only in case are one
// application, but almost always the service is the application in lower case.
func (a *API) find(app, id string) *muster.Instance {
	if inst, _ := a.node.Find(muster.DefaultNamespace, serviceOf(app)).Instance(id); inst != nil {
		if a.local(inst) {
			return inst
		}
		return nil
	}
	return a.latest().find(app, id)
}

func (a *API) getVIP(w http.ResponseWriter, r *http.Request) error {
	return a.answerVIP(w, r, func(i *info) string { return i.vip })
}

func (a *API) getSecureVIP(w http.ResponseWriter, r *http.Request) error {
	return a.answerVIP(w, r, func(i *info) string { return i.secureVIP })
}

// vipVersion is the version of every answer about a VIP.
const vipVersion = "-1"

// answerVIP answers with the instances of a VIP; none is an answer too.
func (a *API) answerVIP(w http.ResponseWriter, r *http.Request, addresses func(*info) string) error {
	f, vip := formOf(r), r.PathValue("vip")
	l, counted := newListing(f), &registry{}
	for _, s := range a.asked(r).segments {
		for n, e := range s.entries {
			if i := describeVIP(e.inst); !hasVIP(addresses(&i), vip) {
				continue
			}
			in := s.whatever(f)
			l.add(e.app, in.bytes[in.spans[n].from:in.spans[n].to])
			counted.count(e.inst, +1)
		}
	}
	l.answer(vipVersion, counted.hash()).write(w, f, false)
	return nil
}

// describeVIP is describe for those who look at nothing but VIPs.
func describeVIP(inst *muster.Instance) info {
	i := info{vip: inst.Service}
	if inst.Secure {
		i.secureVIP = inst.Service
	}
	if vip, ok := inst.Attributes[prefix+"vipAddress"]; ok {
		i.vip = vip
	}
	if vip, ok := inst.Attributes[prefix+"secureVipAddress"]; ok {
		i.secureVIP = vip
	}
	return i
}

// hasVIP reports whether a comma-separated list of VIPs holds one.
func hasVIP(list, vip string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(one) == vip {
			return true
		}
	}
	return false
}

// setPreserved says how many of the instances have expired and are kept, which the schema has no place for.
func setPreserved(w http.ResponseWriter, n int) {
	if n > 0 {
		w.Header()["Muster-Preserved"] = []string{strconv.Itoa(n)}
	}
}
