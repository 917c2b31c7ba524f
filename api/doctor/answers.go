package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// unreached are the members that cannot be asked.
func unreached(f *Facts) (out []Finding) {
	for _, a := range f.Answers {
		subject := "member " + a.Member
		switch {
		case a.HTTP == "":
			out = append(out, Finding{
				Info, subject, "it has not said where its API is", nil, "it is embedded in a program that serves none, so it cannot be asked", "nothing, or serve its API and say where",
			})
		case a.Problem == "":
		case a.Unverified:
			out = append(out, Finding{
				Info, subject, "it cannot be asked: its certificate cannot be checked here", nil, a.Problem,
				"give this node --tls-client-ca, with the authority that signed the certificates of the members",
			})
		case isLocal(a.HTTP) && !f.isHere(a.Member):
			out = append(out, Finding{
				Info, subject, "its API listens on loopback of its own machine, at " + a.HTTP + ": it cannot be asked from here", nil, a.Problem,
				"ask it there: muster doctor; or give it --http on an address that members reach",
			})
		default:
			out = append(out, Finding{
				Warning, subject, "its API at " + a.HTTP + " cannot be asked, though the member is alive", nil, a.Problem,
				"see that --http is on an address that members reach, and that the port is open",
			})
		}
	}
	return out
}

// divergence is what must never be: equal vectors with unequal states.
func divergence(f *Facts) (out []Finding) {
	const why = "equal version vectors with unequal states are a defect of Muster"
	if n := f.Node.Replication.Divergences; n > 0 {
		out = append(out, Finding{
			Error, "node " + f.Node.Name, fmt.Sprintf("its state has differed %d times from that of a peer with the same vector", n), nil,
			why + "; each time all of it was compared and repaired", "report it, with the log and what muster diff says",
		})
	}
	own := latest(f.First, f.Second)
	for _, a := range f.Answers {
		if theirs := latest(a.First, a.Second); own != nil && theirs != nil && theirs.Hash != own.Hash && maps.Equal(theirs.Vector, own.Vector) {
			out = append(out, Finding{
				Error, "member " + a.Member, "its state differs from this node's, though both have seen the same writes", nil, why,
				"muster diff " + f.Node.Name + " " + a.Member + "; restart the one that is wrong, without its snapshot, and report it",
			})
		}
	}
	return out
}

func latest(first, second *muster.CatalogInfo) *muster.CatalogInfo {
	if second != nil {
		return second
	}
	return first
}

// differences are the nodes that at the second look still lack what another had at the first.
func differences(f *Facts) (out []Finding) {
	all := append([]Answer{{Member: f.Node.Name, First: f.First, Second: f.Second}}, f.Answers...)
	for _, a := range all {
		if a.Second == nil {
			continue
		}
		lacks, than := 0, ""
		for _, other := range all {
			if other.First == nil || other.Member == a.Member {
				continue
			}
			if n := Lacking(other.First.Vector, a.Second.Vector); n > lacks {
				lacks, than = n, other.Member
			}
		}
		if lacks > 0 {
			out = append(out, Finding{
				Warning, "member " + a.Member, fmt.Sprintf("it lacks %d writes that %s had a second before", lacks, than), nil,
				"what was lost on the way is asked for again within seconds; if this stays, they cannot reach each other",
				"run muster verify; if it stays, look at the path between the two, UDP and TCP on the port of --bind",
			})
		}
	}
	return out
}

// Lacking counts the writes that one vector covers and the other does not. Vectors are as a node describes its own: runs of
// sequences, "1-7,9", by origin. What cannot be read counts as nothing.
func Lacking(had, has map[string]string) (n int) {
	for origin, runs := range had {
		theirs := parseRuns(has[origin])
		for _, r := range parseRuns(runs) {
			n += r.without(theirs)
		}
	}
	return n
}

// run is the sequences from first to last.
type run struct{ first, last uint64 }

func parseRuns(text string) (runs []run) {
	for part := range strings.SplitSeq(text, ",") {
		low, high, ranged := strings.Cut(part, "-")
		if !ranged {
			high = low
		}
		first, err1 := strconv.ParseUint(low, 10, 64)
		last, err2 := strconv.ParseUint(high, 10, 64)
		if err1 == nil && err2 == nil && first <= last {
			runs = append(runs, run{first, last})
		}
	}
	return runs
}

// without counts the sequences of r that are in none of others, which are in order and apart.
func (r run) without(others []run) int {
	covered := uint64(0)
	for _, o := range others {
		if first, last := max(r.first, o.first), min(r.last, o.last); first <= last {
			covered += last - first + 1
		}
	}
	return int(r.last - r.first + 1 - covered)
}

// clockLimit is how far two clocks may be apart.
const clockLimit = time.Second

// clocks are the members whose clock is another than this node's. If most are, it is this node's.
func clocks(f *Facts) (out []Finding) {
	var off []Answer
	asked := 0
	for _, a := range f.Answers {
		if !a.Clock {
			continue
		}
		asked++
		if a.Offset.Abs()-a.Error > clockLimit {
			off = append(off, a)
		}
	}
	const (
		why    = "clocks order nothing here: only times that people read, and certificates, are wrong"
		remedy = "see to its time synchronisation (NTP, chrony)"
	)
	if len(off) > 1 && len(off) == asked {
		low := slices.MinFunc(off, func(a, b Answer) int { return int(a.Offset - b.Offset) })
		high := slices.MaxFunc(off, func(a, b Answer) int { return int(a.Offset - b.Offset) })
		if high.Offset-low.Offset <= clockLimit {
			return []Finding{{Warning, "node " + f.Node.Name, "its clock is " + ahead(-off[0].Offset) + " those of all other members", nil, why, remedy}}
		}
	}
	for _, a := range off {
		out = append(out, Finding{Warning, "member " + a.Member, "its clock is " + ahead(a.Offset) + " this node's", nil, why, remedy})
	}
	return out
}

func ahead(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("%v behind", (-d).Round(100*time.Millisecond))
	}
	return fmt.Sprintf("%v ahead of", d.Round(100*time.Millisecond))
}
