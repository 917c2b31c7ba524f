package eureka

import (
	"maps"
	"strconv"
	"strings"
)

// prefix is that of the attributes which are this dialect's.
const prefix = "eureka."

// amazonPrefix is that of what Amazon says of an instance: a key each, so that no value gets long.
const amazonPrefix = prefix + "dataCenterInfo.metadata."

// keptField is a field of the schema that goes into an attribute if it is not what one would guess.
type keptField struct {
	get func(*info) string
	set func(*info, string)
}

// keptFields are all of them, by the attribute's key. A value that cannot be read, which somebody else must have
// written, leaves the guess as it is.
var keptFields = map[string]keptField{
	prefix + "hostName":              text(func(i *info) *string { return &i.host }),
	prefix + "sid":                   text(func(i *info) *string { return &i.sid }),
	prefix + "appGroupName":          text(func(i *info) *string { return &i.group }),
	prefix + "homePageUrl":           text(func(i *info) *string { return &i.homePage }),
	prefix + "statusPageUrl":         text(func(i *info) *string { return &i.statusPage }),
	prefix + "healthCheckUrl":        text(func(i *info) *string { return &i.healthCheck }),
	prefix + "secureHealthCheckUrl":  text(func(i *info) *string { return &i.secureHealthCheck }),
	prefix + "vipAddress":            text(func(i *info) *string { return &i.vip }),
	prefix + "secureVipAddress":      text(func(i *info) *string { return &i.secureVIP }),
	prefix + "asgName":               text(func(i *info) *string { return &i.asg }),
	prefix + "countryId":             number(func(i *info) *int64 { return &i.country }),
	prefix + "renewalIntervalInSecs": number(func(i *info) *int64 { return &i.lease.renewal }),
	prefix + "durationInSecs":        number(func(i *info) *int64 { return &i.lease.duration }),
	prefix + "port":                  ports(func(i *info) *port { return &i.port }),
	prefix + "securePort":            ports(func(i *info) *port { return &i.securePort }),
	prefix + "lastDirtyTimestamp": {
		get: func(i *info) string {
			if i.dirty == 0 {
				return "" // The time of registration stands for it, as it does for an instance of another dialect.
			}
			return strconv.FormatInt(i.dirty, 10)
		},
		set: number(func(i *info) *int64 { return &i.dirty }).set,
	},
	prefix + "isCoordinatingDiscoveryServer": {
		get: func(i *info) string { return strconv.FormatBool(i.coordinating) },
		set: func(i *info, s string) { i.coordinating = s == "true" },
	},
	prefix + "dataCenterInfo.name": {
		get: func(i *info) string { return i.datacenter.name },
		set: func(i *info, s string) {
			if knownDatacenter(s) {
				i.datacenter.name = s
			}
		},
	},
}

func knownDatacenter(name string) bool { return name == myOwn || name == amazon || name == netflix }

func text(field func(*info) *string) keptField {
	return keptField{
		get: func(i *info) string { return *field(i) },
		set: func(i *info, s string) { *field(i) = s },
	}
}

func number(field func(*info) *int64) keptField {
	return keptField{
		get: func(i *info) string { return strconv.FormatInt(*field(i), 10) },
		set: func(i *info, s string) {
			if n, err := strconv.ParseInt(s, 10, 64); err == nil {
				*field(i) = n
			}
		},
	}
}

// ports keeps a port as "8080 enabled" or "8080 disabled".
func ports(field func(*info) *port) keptField {
	const on, off = "enabled", "disabled"
	return keptField{
		get: func(i *info) string {
			word := off
			if field(i).enabled {
				word = on
			}
			return strconv.FormatInt(field(i).number, 10) + " " + word
		},
		set: func(i *info, s string) {
			digits, word, _ := strings.Cut(s, " ")
			if n, err := strconv.ParseInt(digits, 10, 32); err == nil && (word == on || word == off) {
				*field(i) = port{n, word == on}
			}
		},
	}
}

// differences is what i says and g does not, as attributes; nil if there is nothing.
func (i *info) differences(g *info) map[string]string {
	var kept map[string]string
	keep := func(key, value string) {
		if kept == nil {
			kept = make(map[string]string)
		}
		kept[key] = value
	}
	for key, f := range keptFields {
		if said := f.get(i); said != f.get(g) {
			keep(key, said)
		}
	}
	if i.datacenter.name == amazon {
		for key, value := range i.datacenter.metadata {
			keep(amazonPrefix+key, value)
		}
	}
	return maps.Clone(kept) // As small as it can be: an instance may live for years.
}

// restore puts in place what the attributes say.
func (i *info) restore(attributes map[string]string) {
	for key, value := range attributes {
		if f, ok := keptFields[key]; ok {
			f.set(i, value)
		} else if name, ok := strings.CutPrefix(key, amazonPrefix); ok {
			if i.datacenter.metadata == nil {
				i.datacenter.metadata = make(map[string]string)
			}
			i.datacenter.metadata[name] = value
		}
	}
}
