package muster

import (
	"fmt"
	"slices"
	"strings"
)

// Export says which instances other data centres hear of: the first rule that matches a service decides; a service that
// none matches is exported. The node that takes a registration decides, and its word travels with it: nodes with other
// rules keep to it, and a change of the rules applies to an instance when it registers again. An instance that was
// exported and no longer is, is deregistered in the other data centres then.
//
// What is not exported does not leave the data centre: no other one holds its name, its records, or a gap where they would
// be. So nothing of it outlives the loss of the whole data centre but the nodes' own snapshots.
type Export []ExportRule

// ExportRule is one rule of an Export.
type ExportRule struct {
	// Service is the service's name, in any namespace. A "*" at its end stands for any rest; alone it matches all.
	Service string
	// None says that nothing of the service is exported.
	None bool
	// Tag, if not empty, says that those of its instances are exported that have this tag. Not beside None.
	Tag string
}

const (
	exportAll  = "all"
	exportNone = "none"
	exportTag  = "tag:"
)

// ParseExportRule reads a rule such as "payments=none", "internal-*=tag:public" or "*=all". The error completes a
// sentence that begins with what the rule is called.
func ParseExportRule(text string) (ExportRule, error) {
	service, what, found := strings.Cut(text, "=")
	rule := ExportRule{Service: service}
	tag, isTag := strings.CutPrefix(what, exportTag)
	switch {
	case !found || what != exportAll && what != exportNone && (!isTag || tag == ""):
		return ExportRule{}, fmt.Errorf("must be SERVICE=all, SERVICE=none or SERVICE=tag:NAME, not %q", text)
	case isTag:
		rule.Tag = tag
	default:
		rule.None = what == exportNone
	}
	if fault := rule.fault(); fault != "" {
		return ExportRule{}, fmt.Errorf("%s, not %q", fault, text)
	}
	return rule, nil
}

// String is the rule as ParseExportRule reads it.
func (r ExportRule) String() string {
	switch {
	case r.None:
		return r.Service + "=" + exportNone
	case r.Tag != "":
		return r.Service + "=" + exportTag + r.Tag
	default:
		return r.Service + "=" + exportAll
	}
}

// fault is what is wrong with a rule, "" if nothing is.
func (r ExportRule) fault() string {
	switch {
	case r.Service == "":
		return "must name a service, or * for all"
	case strings.Contains(strings.TrimSuffix(r.Service, "*"), "*"):
		return "must have a * at the end of the service's name only"
	case r.None && r.Tag != "":
		return "must be none or of a tag, and is both"
	default:
		return ""
	}
}

func (r ExportRule) matches(service string) bool {
	prefix, open := strings.CutSuffix(r.Service, "*")
	return service == r.Service || open && strings.HasPrefix(service, prefix)
}

// exports reports whether other data centres hear of an instance that registers.
func (e Export) exports(inst *Instance) bool {
	for _, r := range e {
		if r.matches(inst.Service) {
			return !r.None && (r.Tag == "" || slices.Contains(inst.Tags, r.Tag))
		}
	}
	return true
}

func (e Export) validate(bad func(field, format string, args ...any)) {
	for i, r := range e {
		if fault := r.fault(); fault != "" {
			bad(fmt.Sprintf("Export[%d]", i), "%s, not %+v", fault, r)
		}
	}
}
