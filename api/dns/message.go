package dns

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Offsets and bits of a message's header (RFC 1035, section 4.1.1).
const (
	headerBytes = 12
	bitResponse = 1 << 15
	bitRecurse  = 1 << 8
	opcodeShift = 11
	opcodeMask  = 0xF
)

// parse takes a message for a question. If it is none, refusal is what is sent back, nil for nothing: a response is never
// answered, or two servers could keep each other busy.
func parse(message []byte) (query *dns.Msg, refusal []byte) {
	if len(message) < headerBytes {
		return nil, nil
	}
	bits := binary.BigEndian.Uint16(message[2:])
	if bits&bitResponse != 0 {
		return nil, nil
	}
	if bits>>opcodeShift&opcodeMask != dns.OpcodeQuery {
		return nil, bare(message, dns.RcodeNotImplemented)
	}
	count := func(section int) uint16 { return binary.BigEndian.Uint16(message[4+2*section:]) }
	// One question; no answers; the SOA record of a transfer, which is refused in its turn; OPT, and a signature.
	if count(0) != 1 || count(1) != 0 || count(2) > 1 || count(3) > 2 {
		return nil, bare(message, dns.RcodeFormatError)
	}
	query = new(dns.Msg)
	if query.Unpack(message) != nil || len(query.Question) != 1 || !soleOPT(query) {
		return nil, bare(message, dns.RcodeFormatError)
	}
	return query, nil
}

// soleOPT reports whether there is at most one OPT record, as there must be.
func soleOPT(query *dns.Msg) bool {
	n := 0
	for _, rr := range query.Extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			n++
		}
	}
	return n <= 1
}

// bare is an answer of a header alone, to what cannot be read further.
func bare(message []byte, rcode int) []byte {
	out := make([]byte, headerBytes)
	copy(out, message[:2])
	kept := binary.BigEndian.Uint16(message[2:]) & (opcodeMask<<opcodeShift | bitRecurse)
	binary.BigEndian.PutUint16(out[2:], kept|bitResponse|uint16(rcode))
	return out
}

// answer is a message being made, and what it may be.
type answer struct {
	dns.Msg
	by    Transport
	limit int // bytes
	most  int // records in the answer section that the client is given; no bound if it is negative
	opt   *dns.OPT
}

// newAnswer begins the answer to a question: its header, and the client's OPT record.
func newAnswer(query *dns.Msg, by Transport, plainAnswers int) *answer {
	a := &answer{by: by, limit: dns.MinMsgSize, most: -1}
	a.Id, a.Response, a.Question, a.Compress = query.Id, true, query.Question, true
	a.RecursionDesired, a.CheckingDisabled = query.RecursionDesired, query.CheckingDisabled
	theirs := query.IsEdns0()
	if theirs != nil {
		a.limit = min(max(int(theirs.UDPSize()), dns.MinMsgSize), maxUDPBytes)
		a.opt = ownOPT(theirs)
		if theirs.Version() != 0 {
			a.Rcode = dns.RcodeBadVers
		}
	}
	if by == TCP {
		a.limit = dns.MaxMsgSize
	} else if a.limit == dns.MinMsgSize {
		a.most = plainAnswers
	}
	return a
}

// ownOPT answers a client's OPT record. A client subnet is given back with scope 0: the answer holds for all clients.
func ownOPT(theirs *dns.OPT) *dns.OPT {
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(ownUDPBytes)
	if theirs.Do() {
		opt.SetDo()
	}
	for _, o := range theirs.Option {
		if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
			subnet.SourceScope = 0
			opt.Option = append(opt.Option, subnet)
			break
		}
	}
	return opt
}

// empty makes it an answer that holds nothing but a code.
func (a *answer) empty(rcode int) {
	a.Rcode, a.Authoritative = rcode, false
	a.Answer, a.Ns, a.Extra = nil, nil, nil
}

// comeByTCP makes it an answer that says no more than that.
func (a *answer) comeByTCP() {
	a.empty(dns.RcodeSuccess)
	a.Truncated = true
	if a.opt != nil {
		a.opt.Option = nil // No more than the question had.
	}
}

// room is more records than could fit if each needs at least so many bytes, and at most as many as the client is given.
func (a *answer) room(least int) int {
	n := a.limit/least + 1
	if a.most >= 0 {
		n = min(n, a.most)
	}
	return n
}

// pack encodes the answer within its limit. TC is set if records of the answer had to go, not if additional ones had to
// (RFC 2181, section 9).
func (a *answer) pack() ([]byte, error) {
	if a.opt != nil {
		a.Extra = append(a.Extra, a.opt)
	}
	answers := len(a.Answer)
	cut := a.Truncated
	if answers > 1 || len(a.Extra) > 1 {
		a.Truncate(a.limit)
		a.Truncated = cut || len(a.Answer) < answers
		a.Compress = true
	}
	packed, err := a.Pack()
	if err != nil || len(packed) <= a.limit {
		return packed, err
	}
	// The length was foretold wrongly, or one record alone is too long.
	a.Answer, a.Ns, a.Extra, a.Truncated = nil, nil, nil, true
	if a.opt != nil {
		a.Extra = []dns.RR{a.opt}
	}
	return a.Pack()
}
