package doctor

import (
	"fmt"
	"strings"
	"time"
)

// encryption is whether gossip can be read and forged.
func encryption(f *Facts) []Finding {
	if f.Condition.Encrypted || len(f.Condition.Exposed) == 0 {
		return nil
	}
	return []Finding{{
		Warning, "node " + f.Node.Name, "gossip on " + strings.Join(f.Condition.Exposed, " and ") + " is not encrypted", nil,
		"whoever reaches that address can read the registry, and write to it",
		"give all nodes the same --encrypt-file, and take --insecure away",
	}}
}

// certificateNotice is how long before a certificate expires someone is told.
const certificateNotice = 14 * 24 * time.Hour

// certificates is the one that the API is served with.
func certificates(f *Facts) (out []Finding) {
	c := f.Certificate
	if c == nil {
		return nil
	}
	subject := "node " + f.Node.Name
	if c.Problem != "" {
		out = append(out, Finding{
			Warning, subject, "the files of its certificate cannot be used: the old one stays in use", at(c.Since), c.Problem,
			"put a certificate and its key in place; they are read again within seconds, or at SIGHUP",
		})
	}
	left := c.Expires.Sub(f.Now)
	if left > certificateNotice {
		return out
	}
	found := Finding{
		Warning, subject, fmt.Sprintf("its certificate expires in %d days", int(left.Hours()/24)), nil,
		"it is valid until " + c.Expires.UTC().Format(time.RFC3339), "put a new one in its place; it is read within seconds, and no connection is dropped",
	}
	if left <= 0 {
		found.Severity, found.What, found.Since = Error, "its certificate has expired: clients refuse to connect", at(c.Expires)
	}
	return append(out, found)
}

// snapshots is whether a restart of everything would lose the registry.
func snapshots(f *Facts) []Finding {
	subject, s := "node "+f.Node.Name, f.Condition.Snapshot
	switch {
	case s.Dir == "" && len(f.alive()) == 1 && len(f.Condition.Exposed) > 0:
		return []Finding{{
			Warning, subject, "it is the only node of its data centre, and keeps nothing on disk", nil,
			"a restart begins with an empty registry, until every client has registered again", "give it --data-dir, or start a second node",
		}}
	case s.Dir == "" && len(f.alive()) == 1:
		return []Finding{{
			Info, subject, "it is the only node of its data centre, and keeps nothing on disk", nil,
			"a restart begins with an empty registry, until every client has registered again", "give it --data-dir, or start a second node",
		}}
	case s.Dir == "":
		return nil
	case s.Problem != "":
		return []Finding{{
			Error, subject, "its snapshot cannot be written to " + s.Dir, at(s.Since), s.Problem,
			"see that the directory is there, can be written to, and has room",
		}}
	case f.Now.Sub(s.Since) > 3*s.Interval:
		return []Finding{{
			Error, subject, "its snapshot is older than it should be", at(s.Since),
			fmt.Sprintf("one is written every %v to %s", s.Interval, s.Dir), "see whether the disk is stuck",
		}}
	}
	return nil
}
