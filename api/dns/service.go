package dns

import (
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/musterhq/muster"
)

// service answers for a service, or those of its instances that have a tag.
func (l *lookup) service() (exists bool) {
	found := l.find()
	if len(found) == 0 {
		return l.above()
	}
	random := l.r.source()
	switch l.qtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeCNAME:
		l.addresses(found, random)
	case dns.TypeSRV:
		l.places(found, random)
	case dns.TypeTXT:
		l.metadata(found, random)
	}
	return true
}

// find are the instances that the name means. Dots are part of the service's name as far as there is such a service.
func (l *lookup) find() []*muster.Instance {
	labels := l.name.labels
	if l.name.kind == rfc2782 {
		last := len(labels) - 1
		tag := labels[last][1:]
		if tag == "tcp" {
			tag = ""
		}
		return l.healthy(strings.Join(labels[:last], ".")[1:], tag)
	}
	for i := range labels {
		if found := l.healthy(strings.Join(labels[i:], "."), strings.Join(labels[:i], ".")); len(found) > 0 {
			return found
		}
	}
	return nil
}

// healthy are the instances of a service that are UP, in the data centre that is meant, and have the tag; an empty one all
// have.
func (l *lookup) healthy(name, tag string) (found []*muster.Instance) {
	for _, view := range l.r.names.views(name) {
		if found == nil && view.Up() > 0 {
			found = make([]*muster.Instance, 0, view.Up())
		}
		for inst := range view.All() {
			if inst.Healthy() && slices.Contains(l.name.dcs, inst.Datacenter) && (tag == "" || hasTag(inst, tag)) {
				found = append(found, inst)
			}
		}
	}
	return found
}

func hasTag(inst *muster.Instance, tag string) bool {
	return slices.ContainsFunc(inst.Tags, func(t string) bool { return strings.EqualFold(t, tag) })
}

// above reports whether something has a longer name that ends with this one. Resolvers that ask label by label have to
// learn that it exists, though it has no data.
func (l *lookup) above() bool {
	labels := l.name.labels
	if len(labels) == 1 && underscored(labels[0]) { // _tcp, which is above _web._tcp.
		return true
	}
	if l.r.names.isParent(strings.Join(labels, ".")) {
		return true
	}
	for i := 1; i < len(labels); i++ { // b.web is above a.b.web, where the tag is a.b.
		end := "." + strings.Join(labels[:i], ".")
		for _, inst := range l.healthy(strings.Join(labels[i:], "."), "") {
			for _, tag := range inst.Tags {
				if strings.HasSuffix(fold(tag), end) {
					return true
				}
			}
		}
	}
	return false
}

// Bytes that a record needs at least: its header with a name that refers to the question's, and what it says.
const (
	addressBytes = 12 + 4
	placeBytes   = 12 + 6 + len("00000000.addr.") + 2 + len("muster") + 2
	textBytes    = 12 + 4
)

// shuffled yields instances in random order. It changes the slice.
func shuffled(all []*muster.Instance, random *rand.Rand) func(func(*muster.Instance) bool) {
	return func(yield func(*muster.Instance) bool) {
		for i := range all {
			j := i + random.IntN(len(all)-i)
			all[i], all[j] = all[j], all[i]
			if !yield(all[i]) {
				return
			}
		}
	}
}

// addresses adds one record for each address of the family that is asked for. If no instance has an address of either
// family, but some have host names, one of them is what the service is an alias of.
func (l *lookup) addresses(found []*muster.Instance, random *rand.Rand) {
	room, seen, any4or6, alias := l.room(addressBytes), map[netip.Addr]bool{}, false, ""
	for inst := range shuffled(found, random) {
		ip, ok := parseIP(inst.Address)
		if !ok {
			if host, valid := hostName(inst.Address); valid && alias == "" {
				alias = host
			}
			continue
		}
		any4or6 = true
		if seen[ip] {
			continue
		}
		seen[ip] = true
		l.addressRecord(ip)
		if len(l.Answer) >= room {
			return
		}
	}
	if !any4or6 && alias != "" {
		l.Answer = append(l.Answer, &dns.CNAME{Hdr: l.header(dns.TypeCNAME), Target: alias})
	}
}

// hostName is a host name as records have it; false if it is none.
func hostName(address string) (string, bool) {
	host := dns.Fqdn(escape(address))
	_, ok := dns.IsDomainName(host)
	return host, ok && host != "."
}

// places adds a SRV record for each address and port, with the address as an additional record.
func (l *lookup) places(found []*muster.Instance, random *rand.Rand) {
	type place struct {
		target string
		port   uint16
	}
	room, seen, told := l.room(placeBytes), map[place]bool{}, map[netip.Addr]bool{}
	for inst := range shuffled(found, random) {
		target, ip, ok := l.target(inst)
		at := place{target, uint16(inst.Port)} // Bounded at registration.
		if !ok || seen[at] {
			continue
		}
		seen[at] = true
		l.Answer = append(l.Answer, &dns.SRV{
			Hdr: l.header(dns.TypeSRV), Priority: 1, Weight: weight(inst), Port: at.port, Target: target,
		})
		if ip.IsValid() && !told[ip] {
			told[ip] = true
			l.Extra = append(l.Extra, addressRR(target, ip, l.r.ttl))
		}
		if len(l.Answer) >= room {
			return
		}
	}
}

// target is the name that an instance's address has in a SRV record, and the address that this is the name of, if it is one
// of ours.
func (l *lookup) target(inst *muster.Instance) (target string, ip netip.Addr, ok bool) {
	ip, isIP := parseIP(inst.Address)
	if !isIP {
		target, ok = hostName(inst.Address)
		return target, netip.Addr{}, ok
	}
	target = hex.EncodeToString(ip.AsSlice()) + ".addr." + escape(l.suffix(inst.Datacenter))
	_, ok = dns.IsDomainName(target)
	return target, ip, ok
}

// metadata adds a TXT record for each instance that has some.
func (l *lookup) metadata(found []*muster.Instance, random *rand.Rand) {
	room, seen := l.room(textBytes), map[string]bool{}
	for inst := range shuffled(found, random) {
		texts := characterStrings(inst.Metadata)
		all := strings.Join(texts, "\x00")
		if len(texts) == 0 || seen[all] {
			continue
		}
		seen[all] = true
		l.Answer = append(l.Answer, &dns.TXT{Hdr: l.header(dns.TypeTXT), Txt: texts})
		if len(l.Answer) >= room {
			return
		}
	}
}

const (
	stringMaxBytes = 255  // of a string in a TXT record
	textMaxBytes   = 1024 // of all strings of one record
)

// characterStrings are pairs as a TXT record has them, "key=value", in the order of keys. Pairs that are too long, or too
// many, are left out: half a value would be worse than none.
func characterStrings(pairs map[string]string) (texts []string) {
	left := textMaxBytes
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		size := len(key) + 1 + len(pairs[key])
		if size > stringMaxBytes || size+1 > left {
			continue
		}
		left -= size + 1
		texts = append(texts, present(key+"="+pairs[key]))
	}
	return texts
}

// present is a text in the form in which the library takes it: with backslashes escaped.
func present(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }

// warningWeight is the attribute in which clients of Consul say which weight an instance has while one of its checks warns.
const warningWeight = "consul.weights.warning"

// weight is the instance's share of traffic at the moment.
func weight(inst *muster.Instance) uint16 {
	warns := func(r muster.CheckResult) bool { return r.Status == muster.CheckWarning }
	if text, given := inst.Attributes[warningWeight]; given && slices.ContainsFunc(inst.Results, warns) {
		if n, err := strconv.ParseUint(text, 10, 16); err == nil {
			return uint16(n)
		}
	}
	return uint16(inst.Weight)
}
