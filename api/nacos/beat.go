package nacos

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/musterhq/muster"
)

// Codes of the answer to a beat.
const (
	codeOK       = 10200
	codeNotFound = 20404 // Upon which a client registers again.
)

// beatAnswer tells a client when to beat again, and that it may leave out what it is.
type beatAnswer struct {
	Interval  int64 `json:"clientBeatInterval"`
	Code      int   `json:"code"`
	LightBeat bool  `json:"lightBeatEnabled"`
}

// fullBeat is what a client says of itself with a beat, unless it is a light one.
type fullBeat struct {
	IP        string  `json:"ip"`
	Port      number  `json:"port"`
	Weight    *number `json:"weight"`
	Cluster   string  `json:"cluster"`
	Metadata  flatMap `json:"metadata"`
	Ephemeral *bool   `json:"ephemeral"`
}

// number is a JSON number, or a text that holds one.
type number float64

// UnmarshalJSON reads both.
func (n *number) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(bytes.Trim(b, `"`), (*float64)(n))
}

// beat renews an instance. One that is not there is registered as its beat describes it; after a light beat, which does
// not, its client is told to register.
func (a *API) beat(c *call) error {
	at := place{namespace: c.namespace(), cluster: c.cluster()}
	var err error
	if at.name, err = c.service(); err != nil {
		return err
	}
	full, err := c.full(&at)
	if err != nil {
		return err
	}
	metadata, err := a.renew(c, &at)
	switch {
	case err == nil:
		return c.beaten(codeOK, metadata)
	case !errors.Is(err, muster.ErrNotFound):
		return err
	case full == nil:
		return c.beaten(codeNotFound, nil)
	}
	g := full.registration(&at)
	if err := g.valid(); err != nil {
		return err
	}
	if _, _, err := a.node.Put(c.r.Context(), g.instance()); err != nil {
		return err
	}
	return c.beaten(codeOK, g.metadata)
}

// full reads whose beat it is, and what it says of its instance, which is nil for a light one.
func (p params) full(at *place) (*fullBeat, error) {
	text := p.optional("", "beat")
	if text == "" {
		at.ip = p.optional("", "ip")
		port := p.optional("0", "port")
		var err error
		if at.port, err = strconv.Atoi(port); err != nil {
			return nil, badRequest("For input string: " + strconv.Quote(clipped(port)))
		}
		return nil, nil //nolint:nilnil // A light beat is no mistake, and says nothing.
	}
	var full fullBeat
	if err := json.Unmarshal([]byte(text), &full); err != nil {
		return nil, badRequest("Param 'beat' is illegal, it should be the JSON of a beat")
	}
	if math.Abs(float64(full.Port)) > math.MaxInt32 { // More is no number that an int is sure to hold.
		return nil, badRequest("Param 'beat' is illegal, its port is out of range")
	}
	at.ip, at.port = full.IP, int(full.Port)
	if full.Cluster != "" {
		at.cluster = full.Cluster
	}
	return &full, nil
}

// registration is what a full beat says, as a registration.
func (b *fullBeat) registration(at *place) registration {
	g := registration{
		namespace: at.namespace, name: at.name, ip: at.ip, port: at.port, cluster: at.cluster,
		weight: 1, enabled: true, healthy: true, ephemeral: b.Ephemeral == nil || *b.Ephemeral, metadata: b.Metadata.orEmpty(),
	}
	if b.Weight != nil {
		g.weight = weight(*b.Weight)
	}
	return g
}

// renew renews what was registered at a place, and returns its metadata. One that was registered as unhealthy is well: it
// beats. muster.ErrNotFound: it is not there.
func (a *API) renew(c *call, at *place) (map[string]string, error) {
	inst := a.own(at)
	if inst == nil {
		return nil, muster.ErrNotFound
	}
	if err := a.node.Renew(c.r.Context(), inst.Key()); err != nil {
		return nil, err
	}
	if inst.Attributes[attrHealthy] == "false" {
		well := again(inst)
		well.healthy = true
		if _, _, err := a.node.Put(c.r.Context(), changed(inst, &well)); err != nil {
			return nil, err
		}
	}
	return inst.Metadata, nil
}

func (c *call) beaten(code int, metadata map[string]string) error {
	return c.answer(&beatAnswer{timingOf(metadata, usual).interval.Milliseconds(), code, true})
}
