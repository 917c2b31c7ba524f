package eureka

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/musterhq/muster"
)

// statusName is a status as Eureka says it: no override is UNKNOWN.
func statusName(s muster.Status) string {
	if s == muster.StatusNone {
		return muster.StatusUnknown.String()
	}
	return s.String()
}

// appendXML appends an instance. action is what a delta says of it.
func appendXML(b []byte, i *info, action string) []byte {
	b = append(b, "<instance>"...)
	b = appendElement(b, "instanceId", i.id)
	b = appendElement(b, "hostName", i.host)
	b = appendElement(b, "app", i.app)
	b = appendElement(b, "ipAddr", i.ip)
	if i.sid != none && i.sid != "unknown" && i.sid != "" {
		b = appendElement(b, "sid", i.sid)
	}
	b = appendElement(b, "status", statusName(i.status))
	b = appendElement(b, "overriddenstatus", statusName(i.override)) // Lower case here, and only here.
	b = appendXMLPort(b, "port", i.port)
	b = appendXMLPort(b, "securePort", i.securePort)
	b = appendElementNumber(b, "countryId", i.country)
	b = appendXMLDatacenter(b, i.datacenter, nil)
	b = append(b, "<leaseInfo>"...)
	b = appendElementNumber(b, "renewalIntervalInSecs", i.lease.renewal)
	b = appendElementNumber(b, "durationInSecs", i.lease.duration)
	b = appendElementNumber(b, "registrationTimestamp", i.lease.registered)
	b = appendElementNumber(b, "lastRenewalTimestamp", i.lease.renewed)
	b = appendElementNumber(b, "evictionTimestamp", i.lease.evicted)
	b = appendElementNumber(b, "serviceUpTimestamp", i.lease.serviceUp)
	b = append(b, "</leaseInfo>"...)
	if len(i.metadata) == 0 {
		b = append(b, `<metadata class="`+classEmpty+`"/>`...)
	} else {
		b = appendXMLMap(b, i.metadata)
	}
	b = appendElementOptional(b, "appGroupName", i.group)
	b = appendElementOptional(b, "homePageUrl", i.homePage)
	b = appendElementOptional(b, "statusPageUrl", i.statusPage)
	b = appendElementOptional(b, "healthCheckUrl", i.healthCheck)
	b = appendElementOptional(b, "secureHealthCheckUrl", i.secureHealthCheck)
	b = appendElementOptional(b, "vipAddress", i.vip)
	b = appendElementOptional(b, "secureVipAddress", i.secureVIP)
	b = appendElement(b, "isCoordinatingDiscoveryServer", strconv.FormatBool(i.coordinating))
	b = appendElementNumber(b, "lastUpdatedTimestamp", i.updated)
	b = appendElementNumber(b, "lastDirtyTimestamp", i.dirty)
	b = appendElementOptional(b, "actionType", action)
	b = appendElementOptional(b, "asgName", i.asg)
	return append(b, "</instance>"...)
}

// appendCompactXML appends what discovery needs of an instance.
func appendCompactXML(b []byte, i *info, action string) []byte {
	b = append(b, "<instance>"...)
	b = appendElement(b, "instanceId", i.id)
	b = appendElement(b, "app", i.app)
	b = appendElement(b, "ipAddr", i.ip)
	b = appendElementOptional(b, "vipAddress", i.vip)
	b = appendElementOptional(b, "secureVipAddress", i.secureVIP)
	b = appendElementOptional(b, "asgName", i.asg)
	b = appendXMLDatacenter(b, i.datacenter, compactAmazon)
	b = appendElement(b, "hostName", i.host)
	b = appendElement(b, "status", statusName(i.status))
	b = appendElementNumber(b, "lastUpdatedTimestamp", i.updated)
	b = appendElementOptional(b, "actionType", action)
	b = appendXMLPort(b, "port", i.port)
	b = appendXMLPort(b, "securePort", i.securePort)
	return append(b, "</instance>"...)
}

func appendXMLDatacenter(b []byte, d datacenter, keys []string) []byte {
	class := classDefault
	if d.name == amazon {
		class = classAmazon
	}
	b = append(append(b, `<dataCenterInfo class="`...), class...)
	b = appendElement(append(b, `">`...), "name", d.name)
	if d.name == amazon {
		b = appendXMLMap(b, chosen(d.metadata, keys))
	}
	return append(b, "</dataCenterInfo>"...)
}

func appendXMLPort(b []byte, name string, p port) []byte {
	b = append(append(append(b, '<'), name...), ` enabled="`...)
	b = strconv.AppendBool(b, p.enabled)
	b = strconv.AppendInt(append(b, `">`...), p.number, 10)
	return appendClose(b, name)
}

func appendXMLMap(b []byte, m map[string]string) []byte {
	b = append(b, "<metadata>"...)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b = append(appendXMLName(append(b, '<'), key), '>')
		b = append(appendEscaped(b, m[key]), "</"...)
		b = append(appendXMLName(b, key), '>')
	}
	return append(b, "</metadata>"...)
}

// appendElement appends an element that holds text; name needs no escapes.
func appendElement(b []byte, name, value string) []byte {
	b = append(append(append(b, '<'), name...), '>')
	return appendClose(appendEscaped(b, value), name)
}

func appendElementOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendElement(b, name, value)
}

func appendElementNumber(b []byte, name string, n int64) []byte {
	b = append(append(append(b, '<'), name...), '>')
	return appendClose(strconv.AppendInt(b, n, 10), name)
}

func appendClose(b []byte, name string) []byte {
	return append(append(append(b, "</"...), name...), '>')
}

// appendEscaped appends text as XStream escapes it. What XML cannot hold at all becomes U+FFFD.
func appendEscaped(b []byte, s string) []byte {
	for i, r := range s {
		switch {
		case r == '&':
			b = append(b, "&amp;"...)
		case r == '<':
			b = append(b, "&lt;"...)
		case r == '>':
			b = append(b, "&gt;"...)
		case r == '"':
			b = append(b, "&quot;"...)
		case r == '\'':
			b = append(b, "&apos;"...)
		case r == '\r':
			b = append(b, "&#xd;"...)
		case r < utf8.RuneSelf && r >= ' ' || r == '\t' || r == '\n':
			b = append(b, s[i])
		case r < ' ' || r == 0xfffe || r == 0xffff:
			b = utf8.AppendRune(b, utf8.RuneError)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
