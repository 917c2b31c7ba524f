package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
)

// difference is a register of an instance of which two nodes have different versions; nil is a node that has none.
type difference struct {
	Namespace string             `json:"namespace"`
	Service   string             `json:"service"`
	ID        string             `json:"id"`
	Register  string             `json:"register"`
	First     *muster.RecordInfo `json:"first"`
	Second    *muster.RecordInfo `json:"second"`
}

func (d difference) compare(e difference) int {
	return cmp.Or(cmp.Compare(d.Namespace, e.Namespace), cmp.Compare(d.Service, e.Service), cmp.Compare(d.ID, e.ID),
		cmp.Compare(d.Register, e.Register))
}

func (a *app) diffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff NODE NODE",
		Short: "Show the records in which two nodes differ; exit 7 if there are any",
		Long: `Show the records in which two nodes differ, with the version that each has: the
Lamport counter, and the write that made it as datacenter/node@incarnation#sequence.
Nodes that have just taken writes differ for a moment; see verify.`,
		Args:              arguments("NODE", "NODE"),
		ValidArgsFunction: a.completeMembers,
	}
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		var list memberList
		if _, err := r.get(ctx, pathMembers, nil, &list); err != nil {
			return err
		}
		var nodes [2]*remote
		for i, name := range args {
			at := slices.IndexFunc(list.Members, func(m muster.Member) bool { return m.Name == name })
			switch {
			case at < 0:
				return failed(exitNotFound, "%s knows no member %q: see muster members", r.base, name)
			case list.Members[at].HTTP == "":
				return failed(exitUnreachable, "%s has not said where its API is: start it with --http", name)
			}
			nodes[i] = r.at(list.Members[at].HTTP)
		}
		found, err := differences(ctx, nodes[0], nodes[1])
		if err != nil {
			return err
		}
		err = a.showValue(struct {
			Records []difference `json:"records"`
		}{found}, func(t *table) { drawDifferences(t, args, found) })
		if err == nil && len(found) > 0 {
			err = failed(exitFalse, "%s and %s differ in %d records", args[0], args[1], len(found))
		}
		return err
	})
}

// differences compares the records of two nodes, in the order of their keys.
func differences(ctx context.Context, first, second *remote) ([]difference, error) {
	byKey := map[difference]*difference{} // by a difference that has nothing but its key
	for i, r := range []*remote{first, second} {
		var answer struct {
			Records []muster.RecordInfo `json:"records"`
		}
		if _, err := r.get(ctx, pathRecords, nil, &answer); err != nil {
			return nil, err
		}
		for n := range answer.Records {
			rec := &answer.Records[n]
			key := difference{Namespace: rec.Namespace, Service: rec.Service, ID: rec.ID, Register: rec.Register}
			d := byKey[key]
			if d == nil {
				d = &key
				byKey[*d] = d
			}
			if i == 0 {
				d.First = rec
			} else {
				d.Second = rec
			}
		}
	}
	found := []difference{}
	for _, d := range byKey {
		if d.First == nil || d.Second == nil || d.First.Dot != d.Second.Dot || d.First.Deleted != d.Second.Deleted {
			found = append(found, *d)
		}
	}
	slices.SortFunc(found, difference.compare)
	return found, nil
}

func drawDifferences(t *table, names []string, found []difference) {
	t.row("SERVICE", "ID", "REGISTER", names[0], names[1])
	for _, d := range found {
		t.row(d.Service, d.ID, d.Register, describeRecord(d.First), describeRecord(d.Second))
	}
}

// describeRecord is the version of a record in words.
func describeRecord(r *muster.RecordInfo) string {
	switch {
	case r == nil:
		return "missing"
	case r.Deleted != "":
		return r.Dot + " (" + r.Deleted + ")"
	default:
		return r.Dot
	}
}
