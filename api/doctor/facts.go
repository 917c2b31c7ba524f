package doctor

import (
	"net"
	"slices"
	"time"

	"github.com/musterhq/muster"
)

// Facts is all that findings are made of.
type Facts struct {
	Now  time.Time
	Node muster.NodeInfo
	// Members are those of this data centre, the node itself among them.
	Members []muster.Member
	// Gateways are those of all data centres, nil if the node is none.
	Gateways         []muster.Member
	SelfPreservation muster.SelfPreservation
	Condition        muster.Condition
	// Certificate is the one that the API is served with; nil for none.
	Certificate *Certificate
	// First and Second are what the node held at the two looks, and Answers what the other members that are alive say.
	First, Second *muster.CatalogInfo
	Answers       []Answer
}

// Certificate is the one that the API is served with.
type Certificate struct {
	Expires time.Time
	// Problem is why what is in its files now is not in use, empty if it is; Since is when that began.
	Problem string
	Since   time.Time
}

// Answer is what a member says of itself when it is asked.
type Answer struct {
	// Member is its name, HTTP where it was asked; empty if it has not said where.
	Member, HTTP string
	// Problem is why there is no answer, in words; empty if there is one.
	Problem string
	// Unverified says that the problem is a certificate that cannot be checked here, so that nothing is known of the member.
	Unverified bool
	// Offset is how far its clock is ahead of this node's, negative if it is behind, and Error how far off that may be.
	// Clock says that it is known.
	Offset, Error time.Duration
	Clock         bool
	// First and Second are what it held at the two looks, the second nil if all agreed at the first.
	First, Second *muster.CatalogInfo
}

// alive are the members that are alive, the node itself among them.
func (f *Facts) alive() (out []muster.Member) {
	for _, m := range f.Members {
		if m.State == "alive" {
			out = append(out, m)
		}
	}
	return out
}

// isHere reports whether a member is on this machine alone, as this node is then.
func (f *Facts) isHere(member string) bool {
	return slices.ContainsFunc(f.Members, func(m muster.Member) bool { return m.Name == member && isLocal(m.Address) })
}

// isLocal reports whether an "ip:port" leads nowhere from another machine.
func isLocal(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}
