package dns

import (
	"strings"
)

// kind is what a name is a name of.
type kind uint8

const (
	foreign    kind = iota // not ours
	nothing                // ours, and nobody's
	between                // nothing itself, but others may be below it
	apex                   // a domain of ours
	nameserver             // who is authoritative
	service                // labels are the service's and its tag's
	rfc2782                // labels are _service._tag
	member                 // labels are the node's
	address                // the label is an address in hexadecimal digits
)

// domains are the ones that are answered for.
var domains = []string{"muster", "consul"}

// words are the labels that say what is in front of them.
var words = map[string]kind{"service": service, "node": member, "addr": address}

// name is a question's name, taken apart. Labels are in lower case and without escapes.
type name struct {
	kind   kind
	domain string   // one of domains
	labels []string // in front of the word for the kind
	dcs    []string // the data centre whose instances are meant, in each spelling that it has
}

// locate takes a name apart. Names that say no data centre are of this one. Only this one's nodes have names; those of
// addresses are the same in every data centre, whether anyone knows of it or not.
func locate(qname string, in *datacenters) name {
	labels := labelsOf(qname)
	n := name{kind: nothing, dcs: in.here.spellings}
	for _, d := range domains {
		if len(labels) > 0 && labels[len(labels)-1] == d {
			n.domain = d
		}
	}
	if n.domain == "" {
		return name{kind: foreign}
	}
	rest := labels[:len(labels)-1]
	switch {
	case len(rest) == 0:
		n.kind = apex
		return n
	case len(rest) == 1 && rest[0] == "ns":
		n.kind = nameserver
		return n
	case n.word(rest):
		return n
	case len(rest) > 1 && rest[len(rest)-2] == "addr":
		n.kind, n.labels = address, rest[:len(rest)-2]
		return n.settled()
	case underscored(rest[len(rest)-1]): // For RFC 2782 the word may be absent.
		n.kind, n.labels = rfc2782, rest
		return n.settled()
	}
	return n.within(rest, in)
}

// within is the name with labels that end with a data centre. service.dc1.dc is what service.dc1 is.
func (n name) within(labels []string, in *datacenters) name {
	rest, of := in.cut(labels)
	if last := len(labels) - 1; of == nil && labels[last] == "dc" {
		if labels = labels[:last]; last > 0 {
			rest, of = in.cut(labels)
		} else {
			n.kind = between
		}
	}
	if of == nil {
		if len(labels) > 0 && in.above(labels) {
			n.kind = between
		}
		return n
	}
	n.dcs = of.spellings
	switch {
	case len(rest) == 0:
		n.kind = between
	case n.word(rest):
		if n.kind == member && of != &in.here {
			n.kind = nothing
		}
	default: // As complete has it.
		n.kind, n.labels = rfc2782, rest
		return n.settled()
	}
	return n
}

// word reports whether the last of the labels is a word, and takes what is in front of it.
func (n *name) word(labels []string) bool {
	last := len(labels) - 1
	k, ok := words[labels[last]]
	if !ok {
		return false
	}
	n.kind, n.labels = k, labels[:last]
	if k == service && last > 1 && underscored(labels[last-1]) && underscored(labels[0]) {
		n.kind = rfc2782
	}
	*n = n.settled()
	return true
}

// settled is the name, with those that lack their first labels made out: there may be others below them.
func (n name) settled() name {
	if len(n.labels) == 0 || n.kind == rfc2782 && len(n.labels) == 1 {
		n.kind = between
	}
	if n.kind == rfc2782 && !underscored(n.labels[0]) {
		n.kind = nothing
	}
	return n
}

func underscored(label string) bool { return len(label) > 1 && label[0] == '_' }

// cutSuffix is labels without the last ones, if those are suffix.
func cutSuffix(labels, suffix []string) ([]string, bool) {
	at := len(labels) - len(suffix)
	if at < 0 {
		return labels, false
	}
	for i, s := range suffix {
		if labels[at+i] != s {
			return labels, false
		}
	}
	return labels[:at], true
}

// labelsOf are the labels of a name in presentation form: in lower case, as far as DNS has cases, and without escapes.
func labelsOf(presented string) []string {
	if presented == "" || presented == "." {
		return nil
	}
	text := make([]byte, 0, len(presented)) // All labels, one behind the other.
	var ends [128]int                       // A name has at most 127.
	n := 0
	end := func() {
		if n < len(ends) {
			ends[n] = len(text)
			n++
		}
	}
	for i := 0; i < len(presented); i++ {
		c := presented[i]
		switch {
		case c == '.':
			end()
			continue
		case c == '\\' && i+3 < len(presented) && digit(presented[i+1]) && digit(presented[i+2]) && digit(presented[i+3]):
			c = (presented[i+1]-'0')*100 + (presented[i+2]-'0')*10 + presented[i+3] - '0'
			i += 3
		case c == '\\' && i+1 < len(presented):
			i++
			c = presented[i]
		}
		text = append(text, lower(c))
	}
	if presented[len(presented)-1] != '.' {
		end()
	}
	all, labels, from := string(text), make([]string, n), 0
	for i := range labels {
		labels[i], from = all[from:ends[i]], ends[i]
	}
	return labels
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// fold is s in lower case, as far as DNS has cases.
func fold(s string) string {
	if !strings.ContainsFunc(s, func(c rune) bool { return 'A' <= c && c <= 'Z' }) {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}
