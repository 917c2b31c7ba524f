package nacos

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster"
)

// How long a client may keep a list, in milliseconds: Nacos' number for clients that are told of changes or only ask once,
// and its number for those that would be told of them by UDP and cannot be, which is how long one here is behind.
const (
	cacheMillis      = 10000
	cacheMillisPolls = 3000
)

// This dialect's slots of a view: the packed list of a whole service, and of those of it that are healthy.
const (
	slotList    = 2
	slotHealthy = 3
)

// packed is a list of instances, encoded: how many of them are kept, 4 bytes, big-endian; the checksum of the hosts, 32
// hexadecimal digits; the hosts, a JSON array.
type packed []byte

const (
	checksumAt = 4
	hostsAt    = checksumAt + 32
)

func (p packed) kept() uint32     { return binary.BigEndian.Uint32(p) }
func (p packed) checksum() string { return string(p[checksumAt:hostsAt]) }
func (p packed) hosts() []byte    { return p[hostsAt:] }

// listInstances answers with the instances of a service that are enabled: none for a service that there is not.
func (a *API) listInstances(c *call) error {
	n, err := c.service()
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(c.optional("0", "udpPort"))
	if err != nil {
		return badRequest("For input string: " + strconv.Quote(clipped(c.optional("", "udpPort"))))
	}
	view := a.node.Find(c.namespace(), n.stored())
	clusters := c.params["clusters"] // As it was sent: clients file the answer under it.
	pick := selection{clusters: clustersOf(clusters), healthyOnly: c.flag(false, "healthyOnly")}
	var list packed
	if len(pick.clusters) > 0 {
		list = a.pack(view, pick)
	} else {
		slot := slotList
		if pick.healthyOnly {
			slot = slotHealthy
		}
		list = view.Memo(slot, func(v *muster.View) []byte { return a.pack(v, pick) })
	}
	patience := cacheMillis
	if port > 0 {
		patience = cacheMillisPolls
	}
	head, err := encode(&listHead{n.String(), n.group, clusters, patience})
	if err != nil {
		return err
	}
	tail, err := encode(&listTail{a.now().UnixMilli(), list.checksum(), false, list.kept() > 0, true})
	if err != nil {
		return err
	}
	if kept := list.kept(); kept > 0 {
		c.w.Header()["Muster-Preserved"] = []string{strconv.FormatUint(uint64(kept), 10)}
	}
	return c.send(append(head[:len(head)-1], `,"hosts":`...), list.hosts(), append([]byte{','}, tail[1:]...))
}

// listHead and listTail are a service around its hosts. The members, their order and their types are those of a Nacos
// server.
type listHead struct {
	Name        string `json:"name"`
	GroupName   string `json:"groupName"`
	Clusters    string `json:"clusters"`
	CacheMillis int    `json:"cacheMillis"`
}

type listTail struct {
	LastRefTime int64  `json:"lastRefTime"`
	Checksum    string `json:"checksum"`
	AllIPs      bool   `json:"allIPs"`
	Protected   bool   `json:"reachProtectionThreshold"`
	Valid       bool   `json:"valid"`
}

// selection is which instances a client asks for; the zero selection is all of them.
type selection struct {
	clusters    []string
	healthyOnly bool
}

// clustersOf are the clusters of a comma-separated list, nil for all.
func clustersOf(list string) (out []string) {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}

// pack encodes the instances of a view that a client asks for, in the order of their ids.
func (a *API) pack(view *muster.View, s selection) packed {
	body := []byte{'['}
	kept := uint32(0)
	per := unitOf(view.Instances())
	for inst := range view.All() {
		switch {
		case !a.local(inst), !enabled(inst), s.healthyOnly && !healthy(inst):
			continue
		case len(s.clusters) > 0 && !slices.Contains(s.clusters, clusterOf(inst)):
			continue
		}
		if inst.Preserved {
			kept++
		}
		if len(body) > 1 {
			body = append(body, ',')
		}
		h := hostOf(inst, per)
		body = h.append(body)
	}
	body = append(body, ']')
	p := make(packed, 0, hostsAt+len(body))
	p = append(binary.BigEndian.AppendUint32(p, kept), checksum(body)...)
	return append(p, body...)
}

// checksum tells one list of instances from another.
func checksum(hosts []byte) string {
	h := fnv.New128a()
	_, _ = h.Write(hosts) // Never fails.
	return hex.EncodeToString(h.Sum(nil))
}
