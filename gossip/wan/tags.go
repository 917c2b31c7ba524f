package wan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/gossip/host"
)

// Meta is what a gateway tells the others about itself. All of it, with names and links, is Serf's tags, of at most 512
// bytes.
type Meta struct {
	// Incarnation tells the lives of one node apart: never 0, higher for a later life. Fixed for the life of a pool.
	Incarnation uint64
	// HTTP is the "host:port" of the node's API; may be empty.
	HTTP string
	// Version is the program's version, for people; may be empty.
	Version string
	// LAN is the "ip:port" at which the node gossips within its data centre; may be empty.
	LAN string
}

// card is what travels as Serf's tags. Each key is one letter, since all of it is in every exchange of members.
type card struct {
	Meta
	name, datacenter, zone string
	// links is the marks of the gateways to which this one holds a link, one after the other.
	links string
}

const (
	// tagRoom is what memberlist carries for a member, tagOverhead what Serf's encoding adds at most to a key and a value.
	tagRoom, tagOverhead = memberlist.MetaMaxSize - 4, 1 + 1 + 3
	// minLinks is for how many links there has to be room beside all else.
	minLinks = 8
)

var errTags = errors.New("wan: malformed tags")

// tags gives the card as Serf's tags. Links for which there is no room are left out, of which the only harm is that
// another gateway may dial too. ErrTooLarge if the rest leaves no room for minLinks.
func (c card) tags(links []string) (map[string]string, error) {
	t := map[string]string{
		"n": c.name, "d": c.datacenter, "z": c.zone, "i": strconv.FormatUint(c.Incarnation, 36),
		"h": c.HTTP, "v": c.Version, "l": c.LAN, "k": "",
	}
	room := tagRoom
	for _, v := range t {
		room -= len(v) + tagOverhead
	}
	if room < minLinks*markSize {
		return nil, fmt.Errorf("%w: tags need %d bytes more than there are (HTTP has %d, Version %d, LAN %d)",
			ErrTooLarge, minLinks*markSize-room, len(c.HTTP), len(c.Version), len(c.LAN))
	}
	var all strings.Builder
	for _, id := range links[:min(len(links), room/markSize)] {
		all.WriteString(mark(id))
	}
	t["k"] = all.String()
	return t, nil
}

// readTags refuses what is no gateway's: no name, no data centre, no incarnation, or an identity that is not life.
func readTags(life string, t map[string]string) (card, error) {
	c := card{name: t["n"], datacenter: t["d"], zone: t["z"], links: t["k"]}
	inc, err := strconv.ParseUint(t["i"], 36, 64)
	if err != nil || inc == 0 || host.CheckName(c.name, MaxName) != nil || host.CheckName(c.datacenter, MaxDatacenter) != nil {
		return card{}, errTags
	}
	c.Meta = Meta{Incarnation: inc, HTTP: t["h"], Version: t["v"], LAN: t["l"]}
	if c.zone != "" && host.CheckName(c.zone, MaxZone) != nil || lifeName(c.datacenter, c.name, inc) != life {
		return card{}, errTags
	}
	return c, nil
}

// marks takes the links of a card apart.
func (c card) marks() []string {
	var all []string
	for s := c.links; len(s) >= markSize; s = s[markSize:] {
		all = append(all, s[:markSize])
	}
	return all
}
