package native

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/musterhq/muster"
)

// RegistrationPath is where registrations are posted.
const RegistrationPath = "/api/v1/services/instances"

// IsRegistration reports whether Registration may answer a request.
func IsRegistration(r *http.Request) bool {
	return r.URL.Path == RegistrationPath && r.Method == http.MethodPost && r.URL.RawPath == ""
}

// Registration answers what IsRegistration has accepted, as the handler of RegistrationPath does.
func (a *API) Registration() http.Handler { return a.serve(a.register, false) }

// register takes a registration: 201 if the instance is new, 200 if it replaces one.
func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptNamespace)
	if err != nil {
		return err
	}
	body, err := a.object(w, r)
	if err != nil {
		return err
	}
	inst, err := decodeRegistration(body, q.given("namespace"))
	if err != nil {
		return err
	}
	return a.put(w, r, inst)
}

// put registers a decoded instance and answers with what is stored.
func (a *API) put(w http.ResponseWriter, r *http.Request, inst muster.Instance) error {
	stored, created, err := a.node.Put(r.Context(), inst)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		w.Header()["Location"] = []string{instancePath(stored.Key())}
	}
	return a.answerInstance(w, status, stored)
}

func instancePath(key muster.Key) string {
	path := "/api/v1/services/" + url.PathEscape(key.Service) + "/instances/" + url.PathEscape(key.ID)
	if key.Namespace != muster.DefaultNamespace {
		path += "?namespace=" + url.QueryEscape(key.Namespace)
	}
	return path
}

// answered are the fields of an answer that a registration must not have.
var answered = []string{"datacenter", "home", "override", "overrideReason", "results", "preserved", "exported", "registeredAt", "lastRenewal", "index"}

// decodeRegistration is the instance that a body describes. namespace is what the query says, empty if nothing. The
// error is a *Problem that names every field at fault, those too that the node would refuse: the node has the last word on
// a body without a field that cannot be read.
func decodeRegistration(body string, namespace string) (inst muster.Instance, err error) {
	var d decoder
	inst.Namespace = namespace
	each(body, func(name string, raw string) {
		switch name {
		case "namespace":
			inst.Namespace = d.string(name, raw)
			if namespace != "" && inst.Namespace != namespace {
				d.bad(name, "must be that of the query, %q, not %q", namespace, inst.Namespace)
			}
		case "service":
			inst.Service = d.string(name, raw)
		case "id":
			inst.ID = d.string(name, raw)
		case "address":
			inst.Address = d.string(name, raw)
		case "port":
			inst.Port = d.int(name, raw)
		case "ports":
			inst.Ports = map[string]int{}
			d.object(name, raw, func(port string, raw string) { inst.Ports[strings.Clone(port)] = d.int(name+"."+port, raw) })
		case "tags":
			inst.Tags = d.texts(name, raw)
		case "metadata":
			inst.Metadata = d.pairs(name, raw)
		case "attributes":
			inst.Attributes = d.pairs(name, raw)
		case "zone":
			inst.Zone = d.string(name, raw)
		case "weight":
			// An absent weight becomes 100; one that is given as 0, to get no traffic, must not.
			if inst.Weight = d.int(name, raw); inst.Weight == 0 && !d.faulty(name) {
				d.bad(name, "must be 1 to 65535, not 0; set the status to OUT_OF_SERVICE to take no traffic")
			}
		case "secure":
			inst.Secure = d.bool(name, raw)
		case "status":
			inst.Status = d.status(name, raw)
		case "ttl":
			// An absent TTL becomes 30 s; one that is given as 0, to last for ever, must not.
			if inst.TTL = d.duration(name, raw); inst.TTL == 0 && !d.faulty(name) {
				d.bad(name, "must be 1s to 24h, not 0")
			}
		case "permanent":
			inst.Permanent = d.bool(name, raw)
		case "checks":
			d.array(name, raw, func(field string, raw string) { inst.Checks = append(inst.Checks, d.check(field, raw)) })
		default:
			if slices.Contains(answered, name) {
				d.bad(name, "is set by the registry; leave it out")
			} else {
				d.bad(name, "is not a field of a registration")
			}
		}
	})
	if len(d.fields) > 0 { // Else the node says what it finds.
		d.complete(inst)
	}
	return inst, d.err()
}

// complete adds what a complete instance lacks, so that a client hears of everything at once. Fields that could not even
// be read are not complained about twice.
func (d *decoder) complete(inst muster.Instance) {
	invalid, ok := errors.AsType[*muster.InvalidError](inst.Complete())
	if !ok {
		return
	}
	unread := d.fields
	for _, f := range fieldsOf(invalid) {
		known := slices.ContainsFunc(unread, func(u Field) bool {
			return u.Field == f.Field || strings.HasPrefix(u.Field, f.Field+".") || strings.HasPrefix(u.Field, f.Field+"[")
		})
		if !known {
			d.fields = append(d.fields, f)
		}
	}
}
