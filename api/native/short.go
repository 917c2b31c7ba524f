package native

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// The short forms are for a first try with curl: they say less and mean the same.

// shortRegister takes {"id", "name", "address": "host:port", "ttl": seconds}.
func (a *API) shortRegister(w http.ResponseWriter, r *http.Request) error {
	if _, err := parseQuery(r, acceptNothing); err != nil {
		return err
	}
	body, err := a.object(w, r)
	if err != nil {
		return err
	}
	inst, err := decodeShort(body)
	if err != nil {
		return err
	}
	return a.put(w, r, inst)
}

func decodeShort(body string) (inst muster.Instance, err error) {
	var d decoder
	each(body, func(name string, raw string) {
		switch name {
		case "id":
			inst.ID = d.string(name, raw)
		case "name":
			inst.Service = d.string(name, raw)
		case "address":
			if s := d.string(name, raw); !d.faulty(name) {
				inst.Address, inst.Port = d.hostPort(name, s)
			}
		case "ttl":
			const most = 24 * 60 * 60
			seconds := d.int(name, raw)
			if !d.faulty(name) && (seconds < 1 || seconds > most) {
				d.bad(name, "must be 1 to %d seconds, not %d", most, seconds)
			}
			inst.TTL = time.Duration(min(max(seconds, 1), most)) * time.Second
		default:
			d.bad(name, "is not a field of the short form, which has id, name, address and ttl")
		}
	})
	var full decoder
	full.complete(inst)
	for _, f := range full.fields {
		switch f.Field {
		case "service":
			f.Field = "name"
		case "port":
			f.Field = "address"
		}
		if !d.faulty(f.Field) {
			d.fields = append(d.fields, f)
		}
	}
	return inst, d.err()
}

func (d *decoder) hostPort(field, s string) (host string, port int) {
	host, text, err := net.SplitHostPort(s)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || host == "" || port < 1 || port > 65535 {
		d.bad(field, "must be host:port, as in 10.0.0.5:8080, not %q", s)
	}
	return host, port
}

// shortHeartbeat renews by id; the service has to be named only if several have an instance of that id.
func (a *API) shortHeartbeat(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r, acceptID)
	if err != nil {
		return err
	}
	key := muster.Key{Namespace: q.namespace, Service: q.given("name"), ID: q.given("id")}
	if key.ID == "" {
		return parameterProblem(Field{"id", "is required"})
	}
	if key.Service == "" {
		switch names := a.servicesOf(key); len(names) {
		case 0:
			return newProblem(codeNotFound, fmt.Sprintf("no service has an instance %q in namespace %q", key.ID, key.Namespace))
		case 1:
			key.Service = names[0]
		default:
			return newProblem(codeAmbiguous, "it is an instance of "+strings.Join(names, ", ")+": add name=")
		}
	}
	return a.renew(w, r, key)
}

// servicesOf is the services of a namespace that have an instance of that id. It costs a look into each service.
func (a *API) servicesOf(key muster.Key) (names []string) {
	for _, view := range a.node.Services().Services {
		if view.Namespace() != key.Namespace {
			continue
		}
		if inst, _ := view.Instance(key.ID); inst != nil {
			names = append(names, view.Service())
		}
	}
	return names
}

// shortServices is the list of services, or with name the instances of one.
func (a *API) shortServices(w http.ResponseWriter, r *http.Request) error {
	named := r.URL.Query().Has("name")
	takes := acceptShortList
	if named {
		takes = acceptShortName
	}
	q, err := parseQuery(r, takes)
	if err != nil {
		return err
	}
	if named {
		return a.answerService(w, r, &q, q.given("name"))
	}
	return a.answerServices(w, r, &q)
}
