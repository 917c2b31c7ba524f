package dns

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/musterhq/muster"
)

// lookup is one question on its way to its answer.
type lookup struct {
	r *Responder
	*answer
	name  name
	qname string // in the question's spelling: every record that answers it is called so
	qtype uint16
}

// run adds the records that the question asks for. It reports whether the name exists: then no records mean that there
// are none of that type.
func (l *lookup) run() (exists bool) {
	switch l.name.kind {
	case apex:
		l.apex()
		return true
	case nameserver:
		if ip, ok := l.self(); ok {
			l.addressRecord(ip)
		}
		return true
	case service, rfc2782:
		return l.service()
	case member:
		return l.member()
	case address:
		return l.address()
	case between:
		return true
	case nothing, foreign:
	}
	return false
}

// header begins a record that answers the question.
func (l *lookup) header(rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: l.qname, Rrtype: rrtype, Class: dns.ClassINET, Ttl: l.r.ttl}
}

// suffix is what names of a data centre end with that are given for others to ask for.
func (l *lookup) suffix(dc string) string { return dc + "." + l.name.domain + "." }

// wants reports whether the question asks for that type. Of ANY only the addresses are given.
func (l *lookup) wants(rrtype uint16) bool { return l.qtype == rrtype }

// addressRecord adds the address if its family is asked for. To ANY both are addresses.
func (l *lookup) addressRecord(ip netip.Addr) {
	if l.wants(typeOf(ip)) || l.wants(dns.TypeANY) {
		l.Answer = append(l.Answer, addressRR(l.qname, ip, l.r.ttl))
	}
}

func typeOf(ip netip.Addr) uint16 {
	if ip.Is4() {
		return dns.TypeA
	}
	return dns.TypeAAAA
}

func addressRR(owner string, ip netip.Addr, ttl uint32) dns.RR {
	h := dns.RR_Header{Name: owner, Rrtype: typeOf(ip), Class: dns.ClassINET, Ttl: ttl}
	if ip.Is4() {
		return &dns.A{Hdr: h, A: ip.AsSlice()}
	}
	return &dns.AAAA{Hdr: h, AAAA: ip.AsSlice()}
}

// parseIP is an address as it is put into records: without zone, and of IPv4 if it is one in disguise.
func parseIP(s string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(s)
	return ip.Unmap().WithZone(""), err == nil // A zone is that of a link of one machine.
}

// soa is the start of authority of the domain that is asked about; ttl is how long it, and what it denies, may be kept.
func (l *lookup) soa(ttl uint32) dns.RR {
	domain := l.name.domain + "."
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: domain, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  "ns." + domain, Mbox: "hostmaster." + domain,
		Serial:  uint32(l.r.now().Unix()), // Serial numbers wrap around (RFC 1982).
		Refresh: 3600, Retry: 600, Expire: 86400, Minttl: l.r.negativeTTL,
	}
}

// apex answers for a domain itself.
func (l *lookup) apex() {
	switch l.qtype {
	case dns.TypeSOA, dns.TypeANY:
		soa := l.soa(l.r.negativeTTL)
		soa.Header().Name = l.qname
		l.Answer = append(l.Answer, soa)
		l.Ns = l.nameservers()
	case dns.TypeNS:
		l.Answer = l.nameservers()
	}
}

// nameserversMax is how many nodes are told of as servers of a domain.
const nameserversMax = 3

// nameservers are this node and some others that are alive; their addresses become additional records.
func (l *lookup) nameservers() (records []dns.RR) {
	var all []muster.Member
	for _, m := range l.r.node.Members() {
		if m.State == "alive" && strings.EqualFold(m.Datacenter, l.r.node.Datacenter()) {
			all = append(all, m)
		}
	}
	random := l.r.source()
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, m := range all {
		if m.Self {
			all[0], all[i] = all[i], all[0]
		}
	}
	for _, m := range all {
		if len(records) == nameserversMax {
			break
		}
		target := escape(m.Name) + ".node." + l.suffix(m.Datacenter)
		ip, ok := memberIP(m)
		if _, valid := dns.IsDomainName(target); !ok || !valid {
			continue
		}
		records = append(records, &dns.NS{
			Hdr: dns.RR_Header{Name: l.name.domain + ".", Rrtype: dns.TypeNS, Class: dns.ClassINET, Ttl: l.r.ttl}, Ns: target,
		})
		l.Extra = append(l.Extra, addressRR(target, ip, l.r.ttl))
	}
	return records
}

// escape makes a text part of a name; its dots separate labels.
func escape(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }

func memberIP(m muster.Member) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(m.Address)
	return at.Addr().Unmap().WithZone(""), err == nil
}

// self is the address of this node.
func (l *lookup) self() (netip.Addr, bool) {
	for _, m := range l.r.node.Members() {
		if m.Self {
			return memberIP(m)
		}
	}
	return netip.Addr{}, false
}

// member answers for a node: one that has failed too, since it may be back before anybody notices, but not one that left.
func (l *lookup) member() (exists bool) {
	asked := strings.Join(l.name.labels, ".")
	for _, m := range l.r.node.Members() {
		if m.State == "left" || !strings.EqualFold(m.Datacenter, l.r.node.Datacenter()) {
			continue
		}
		called := fold(m.Name)
		if called != asked {
			exists = exists || strings.HasSuffix(called, "."+asked) // It is above one that is.
			continue
		}
		exists = true
		if ip, ok := memberIP(m); ok {
			l.addressRecord(ip)
		}
		if l.wants(dns.TypeTXT) {
			l.Answer = append(l.Answer, &dns.TXT{
				Hdr: l.header(dns.TypeTXT), Txt: characterStrings(map[string]string{"zone": m.Zone, "version": m.Version}),
			})
		}
	}
	return exists
}

// address answers for a name that is an address itself.
func (l *lookup) address() (exists bool) {
	if len(l.name.labels) != 1 {
		return false
	}
	digits, err := hex.DecodeString(l.name.labels[0])
	ip, ok := netip.AddrFromSlice(digits)
	if err != nil || !ok {
		return false
	}
	l.addressRecord(ip)
	return true
}
