package nacos

import (
	"net/http"
	"strings"

	"github.com/musterhq/muster"
)

// status is the server's status in Nacos' words: clients take another than UP for a server that is not there for them.
func (a *API) status() string {
	if ok, _ := a.node.Ready(); ok {
		return "UP"
	}
	return "STARTING"
}

// metrics answers with the server's status, which is what clients ask for, and if told to with what it holds.
func (a *API) metrics(c *call) error {
	if c.flag(true, "onlyStatus") {
		return c.answer(&struct {
			Status string `json:"status"`
		}{a.status()})
	}
	held := a.node.Info().Catalog
	return c.answer(&struct {
		Status        string `json:"status"`
		ServiceCount  int    `json:"serviceCount"`
		InstanceCount int    `json:"instanceCount"`
	}{a.status(), held.Services, held.Instances})
}

// switches answers with those settings of a Nacos server that mean something here. None can be changed.
func (a *API) switches(c *call) error {
	return c.answer(&struct {
		Name               string `json:"name"`
		CacheMillis        int    `json:"defaultCacheMillis"`
		PushCacheMillis    int    `json:"defaultPushCacheMillis"`
		ClientBeatInterval int64  `json:"clientBeatInterval"`
		HealthCheckEnabled bool   `json:"healthCheckEnabled"`
		LightBeatEnabled   bool   `json:"lightBeatEnabled"`
		PushEnabled        bool   `json:"pushEnabled"`
	}{
		"00-00---000-NACOS_SWITCH_DOMAIN-000---00-00", cacheMillisPolls, cacheMillis, defaultInterval.Milliseconds(), true, true, false,
	})
}

// login gives a token to whoever asks for one: it opens nothing, but a client that was told a name wants one.
func (a *API) login(c *call) error {
	return c.answer(&struct {
		AccessToken string `json:"accessToken"`
		TokenTTL    int64  `json:"tokenTtl"`
		GlobalAdmin bool   `json:"globalAdmin"`
		Username    string `json:"username"`
	}{"muster", 18000, false, c.optional("", "username")})
}

// liveness says that the process is alive.
func (a *API) liveness(c *call) error {
	Refuse(c.w, http.StatusOK, "OK")
	return nil
}

// readiness says whether the node should get requests.
func (a *API) readiness(c *call) error {
	if ok, _ := a.node.Ready(); !ok {
		return muster.ErrNotReady
	}
	return a.liveness(c)
}

// state answers with the version by which clients know what a server can do: one whose protocol is this one.
func (a *API) state(c *call) error {
	return c.answer(&struct {
		StandaloneMode string `json:"standalone_mode"`
		FunctionMode   string `json:"function_mode"`
		Version        string `json:"version"`
	}{"cluster", "naming", "1.4.7"})
}

// namespaceInfo is a namespace as the console's list has it.
type namespaceInfo struct {
	Namespace   string `json:"namespace"`
	ShowName    string `json:"namespaceShowName"`
	Quota       int    `json:"quota"`
	ConfigCount int    `json:"configCount"`
	Type        int    `json:"type"`
}

// namespaces answers with the namespaces that have services, the public one first.
func (a *API) namespaces(c *call) error {
	const quota, global, custom = 200, 0, 2
	out := []namespaceInfo{{"", publicNamespace, quota, 0, global}}
	last := muster.DefaultNamespace
	for _, view := range a.node.Services().Services { // In the order of namespaces.
		if ns := view.Namespace(); ns != last && ns != muster.DefaultNamespace {
			out = append(out, namespaceInfo{ns, ns, quota, 0, custom})
			last = ns
		}
	}
	return c.answer(&struct {
		Code    int             `json:"code"`
		Message *string         `json:"message"`
		Data    []namespaceInfo `json:"data"`
	}{http.StatusOK, nil, out})
}

// servers answers with the addresses of the nodes that are alive, one a line: for clients that are given an endpoint,
// and not servers.
func (a *API) servers(c *call) error {
	var b strings.Builder
	for _, m := range a.node.Members() {
		if m.State == "alive" && m.HTTP != "" && m.Datacenter == a.dc {
			b.WriteString(m.HTTP + "\n")
		}
	}
	Refuse(c.w, http.StatusOK, b.String())
	return nil
}
