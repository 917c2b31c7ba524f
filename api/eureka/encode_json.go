package eureka

import (
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// The JSON is written by hand because its schema is closed: readers of the registry fail as a whole on a member that they
// do not know or that has another type, and numbers, strings of digits and strings of booleans are each where they are.

// What a data centre's class is called; the first is no class that exists, but what servers say of all but Amazon.
const (
	classDefault = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
	classAmazon  = "com.netflix.appinfo.AmazonInfo"
	classEmpty   = "java.util.Collections$EmptyMap"
)

// appendJSON appends an instance. action is what a delta says of it.
func appendJSON(b []byte, i *info, action string) []byte {
	b = appendString(append(b, `{"instanceId":`...), i.id)
	b = appendMember(b, "hostName", i.host)
	b = appendMember(b, "app", i.app)
	b = appendMember(b, "ipAddr", i.ip)
	if i.sid != none && i.sid != "unknown" {
		b = appendOptional(b, "sid", i.sid)
	}
	b = appendMember(b, "status", statusName(i.status))
	b = appendMember(b, "overriddenStatus", statusName(i.override))
	b = appendPort(b, `,"port":`, i.port)
	b = appendPort(b, `,"securePort":`, i.securePort)
	b = appendNumber(b, `,"countryId":`, i.country)
	b = append(b, `,"dataCenterInfo":`...)
	b = appendDatacenter(b, i.datacenter, nil)
	b = appendNumber(b, `,"leaseInfo":{"renewalIntervalInSecs":`, i.lease.renewal)
	b = appendNumber(b, `,"durationInSecs":`, i.lease.duration)
	b = appendNumber(b, `,"registrationTimestamp":`, i.lease.registered)
	b = appendNumber(b, `,"lastRenewalTimestamp":`, i.lease.renewed)
	b = appendNumber(b, `,"evictionTimestamp":`, i.lease.evicted)
	b = appendNumber(b, `,"serviceUpTimestamp":`, i.lease.serviceUp)
	b = append(b, `},"metadata":`...)
	if len(i.metadata) == 0 {
		b = append(b, `{"@class":"`+classEmpty+`"}`...)
	} else {
		b = appendMap(b, i.metadata)
	}
	b = appendOptional(b, "appGroupName", i.group)
	b = appendOptional(b, "homePageUrl", i.homePage)
	b = appendOptional(b, "statusPageUrl", i.statusPage)
	b = appendOptional(b, "healthCheckUrl", i.healthCheck)
	b = appendOptional(b, "secureHealthCheckUrl", i.secureHealthCheck)
	b = appendOptional(b, "vipAddress", i.vip)
	b = appendOptional(b, "secureVipAddress", i.secureVIP)
	b = append(b, `,"isCoordinatingDiscoveryServer":"`...)
	b = strconv.AppendBool(b, i.coordinating)
	b = appendNumber(b, `","lastUpdatedTimestamp":"`, i.updated)
	b = appendNumber(b, `","lastDirtyTimestamp":"`, i.dirty)
	b = append(b, '"')
	b = appendOptional(b, "actionType", action)
	b = appendOptional(b, "asgName", i.asg)
	return append(b, '}')
}

// appendCompactJSON appends what discovery needs of an instance.
func appendCompactJSON(b []byte, i *info, action string) []byte {
	b = appendString(append(b, `{"instanceId":`...), i.id)
	b = appendMember(b, "app", i.app)
	b = appendMember(b, "ipAddr", i.ip)
	b = appendOptional(b, "vipAddress", i.vip)
	b = appendOptional(b, "secureVipAddress", i.secureVIP)
	b = appendOptional(b, "asgName", i.asg)
	b = append(b, `,"dataCenterInfo":`...)
	b = appendDatacenter(b, i.datacenter, compactAmazon)
	b = appendMember(b, "hostName", i.host)
	b = appendMember(b, "status", statusName(i.status))
	b = appendNumber(b, `,"lastUpdatedTimestamp":`, i.updated)
	b = appendOptional(b, "actionType", action)
	b = appendPort(b, `,"port":`, i.port)
	b = appendPort(b, `,"securePort":`, i.securePort)
	return append(b, '}')
}

// compactAmazon is what of Amazon's metadata the compact forms keep.
var compactAmazon = []string{"instance-id", "public-ipv4", "public-hostname", "local-ipv4", "availability-zone"}

// appendDatacenter appends a data centre with the given metadata keys, or all if there are none given.
func appendDatacenter(b []byte, d datacenter, keys []string) []byte {
	if d.name != amazon {
		b = append(b, `{"@class":"`+classDefault+`"`...)
		return append(appendMember(b, "name", d.name), '}')
	}
	b = append(b, `{"@class":"`+classAmazon+`","name":"`+amazon+`","metadata":`...)
	return append(appendMap(b, chosen(d.metadata, keys)), '}')
}

// chosen is the part of m with those keys; all of it if keys is nil.
func chosen(m map[string]string, keys []string) map[string]string {
	if keys == nil {
		return m
	}
	out := make(map[string]string, len(keys))
	for _, key := range keys {
		if value, ok := m[key]; ok {
			out[key] = value
		}
	}
	return out
}

func appendPort(b []byte, before string, p port) []byte {
	b = appendNumber(append(b, before...), `{"$":`, p.number)
	b = append(b, `,"@enabled":"`...)
	return append(strconv.AppendBool(b, p.enabled), '"', '}')
}

func appendNumber(b []byte, before string, n int64) []byte {
	return strconv.AppendInt(append(b, before...), n, 10)
}

func appendMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for n, key := range slices.Sorted(maps.Keys(m)) {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, key), ':')
		b = appendString(b, m[key])
	}
	return append(b, '}')
}

// appendMember appends a further member; name needs no escapes.
func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

// appendOptional is appendMember, unless the value is empty: Eureka's null, which is left out.
func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendMember(b, name, value)
}

// appendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' {
				b = append(append(b, s[done:i]...), '\\')
				if c < ' ' {
					b = append(b, 'u', '0', '0', hex[c>>4], hex[c&15])
				} else {
					b = append(b, c)
				}
				done = i + 1
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			b = append(append(b, s[done:i]...), `\ufffd`...)
			done = i + n
		}
		i += n
	}
	return append(append(b, s[done:]...), '"')
}
