package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
)

// What verify finds about a member.
const (
	agrees      = "agrees"
	differs     = "differs"
	unasked     = "unknown" // It has not said where its API is.
	unreachable = "unreachable"
)

// verdict is what verify finds: whether every member that is alive has the same vector and the same state.
type verdict struct {
	Agree bool            `json:"agree"`
	Nodes []memberVerdict `json:"nodes"`
}

// memberVerdict is a member beside the largest group of members that agree.
type memberVerdict struct {
	Name      string `json:"name"`
	HTTP      string `json:"http,omitempty"`
	Result    string `json:"result"`
	Hash      string `json:"hash,omitempty"`
	Instances int    `json:"instances"`
	// Differing is how many records differ from those of Than.
	Differing int    `json:"differing"`
	Than      string `json:"than,omitempty"`
	Problem   string `json:"problem,omitempty"`

	status  int // that its problem leads to
	catalog muster.CatalogInfo
}

// same reports whether two members cover the same writes and hold the same state.
func (m *memberVerdict) same(other *memberVerdict) bool {
	return m.catalog.Hash == other.catalog.Hash && maps.Equal(m.catalog.Vector, other.catalog.Vector)
}

func (a *app) verifyCommand() *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that every member has the same state; exit 7 if not",
		Long: `Ask every member that is alive for its version vector and its state hash. All must be
equal. While they are not, ask again until --wait is over: writes may be under way.
Exit status 0 if all agree, 7 if some differ or have no address to ask, 5 if some
cannot be reached and the others agree.`,
		Args: arguments(),
	}
	cmd.Flags().DurationVar(&wait, "wait", 5*time.Second, "`DURATION` to wait for agreement")
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		v, err := untilAgreed(ctx, r, wait)
		if err != nil {
			return err
		}
		v.countDifferences(ctx, r)
		if err := a.showValue(v, v.draw); err != nil {
			return err
		}
		return v.err()
	})
}

// verifyRetry is how long to wait before asking all members again.
const verifyRetry = 200 * time.Millisecond

func untilAgreed(ctx context.Context, r *remote, wait time.Duration) (*verdict, error) {
	deadline, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		v, err := compare(ctx, r)
		if err != nil || v.Agree || !pause(deadline, verifyRetry) {
			return v, err
		}
	}
}

// compare asks every member that is alive, all at once.
func compare(ctx context.Context, r *remote) (*verdict, error) {
	var list memberList
	if _, err := r.get(ctx, pathMembers, nil, &list); err != nil {
		return nil, err
	}
	v := &verdict{Nodes: []memberVerdict{}}
	for _, m := range list.Members {
		if m.State == "alive" {
			v.Nodes = append(v.Nodes, memberVerdict{Name: m.Name, HTTP: m.HTTP})
		}
	}
	var wg sync.WaitGroup
	for i := range v.Nodes {
		wg.Go(func() { v.Nodes[i].ask(ctx, r) })
	}
	wg.Wait()
	v.judge()
	return v, nil
}

// ask fills in what a member says.
func (m *memberVerdict) ask(ctx context.Context, r *remote) {
	if m.HTTP == "" {
		m.Result, m.Problem, m.status = unasked, "it has not said where its API is", exitFalse
		return
	}
	var info muster.NodeInfo
	_, err := r.at(m.HTTP).get(ctx, pathNode, nil, &info)
	switch {
	case err != nil:
		m.Result, m.Problem, m.status = unreachable, err.Error(), statusOf(err)
	case info.Name != m.Name:
		m.Result, m.status = unreachable, exitUnreachable
		m.Problem = fmt.Sprintf("%s answers as node %q", m.HTTP, info.Name)
	default:
		m.catalog = info.Catalog
		m.Hash, m.Instances = info.Catalog.Hash, info.Catalog.Instances
	}
}

// judge compares those who answered with the largest group that agrees; of two such groups, the one with the first name.
func (v *verdict) judge() {
	slices.SortFunc(v.Nodes, func(a, b memberVerdict) int { return strings.Compare(a.Name, b.Name) })
	var chosen *memberVerdict
	most := 0
	for i := range v.Nodes {
		candidate, n := &v.Nodes[i], 0
		for j := range v.Nodes {
			if candidate.Problem == "" && v.Nodes[j].Problem == "" && candidate.same(&v.Nodes[j]) {
				n++
			}
		}
		if n > most {
			chosen, most = candidate, n
		}
	}
	v.Agree = len(v.Nodes) > 0
	for i := range v.Nodes {
		m := &v.Nodes[i]
		switch {
		case m.Problem != "":
		case m.same(chosen):
			m.Result = agrees
		default:
			m.Result, m.Than, m.status = differs, chosen.Name, exitFalse
		}
		v.Agree = v.Agree && m.Result == agrees
	}
}

// countDifferences counts the records in which members differ.
func (v *verdict) countDifferences(ctx context.Context, r *remote) {
	for i := range v.Nodes {
		m := &v.Nodes[i]
		if m.Result != differs {
			continue
		}
		than := v.Nodes[slices.IndexFunc(v.Nodes, func(o memberVerdict) bool { return o.Name == m.Than })]
		found, err := differences(ctx, r.at(m.HTTP), r.at(than.HTTP))
		if err != nil {
			m.Problem = "its records cannot be counted: " + err.Error()
			continue
		}
		m.Differing = len(found)
	}
}

func (v *verdict) draw(t *table) {
	t.row("NODE", "RESULT", "HASH", "INSTANCES", "REMARKS")
	for _, m := range v.Nodes {
		remarks := m.Problem
		if m.Result == differs && remarks == "" {
			remarks = fmt.Sprintf("%d records differ from those of %s", m.Differing, m.Than)
		}
		t.row(m.Name, m.Result, m.Hash, m.Instances, remarks)
	}
}

// err is nil if all agree, else says who does not, with the status of the worst: that some differ is certain, that some
// could not be asked proves nothing.
func (v *verdict) err() error {
	if v.Agree {
		return nil
	}
	if len(v.Nodes) == 0 {
		return failed(exitFalse, "no member is alive")
	}
	named := map[string][]string{}
	status := exitFailed
	for _, m := range v.Nodes {
		if m.Result == agrees {
			continue
		}
		named[m.Result] = append(named[m.Result], m.Name)
		if status != exitFalse {
			status = m.status
		}
	}
	var parts []string
	for _, p := range []struct{ result, text string }{
		{differs, "differ: %s (see muster diff)"},
		{unasked, "no address to ask: %s (start it with --http)"},
		{unreachable, "cannot be asked: %s"},
	} {
		if names := named[p.result]; len(names) > 0 {
			parts = append(parts, fmt.Sprintf(p.text, strings.Join(names, ", ")))
		}
	}
	return failed(status, "the members do not all agree: %s", strings.Join(parts, "; "))
}
