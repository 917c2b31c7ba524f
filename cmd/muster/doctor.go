package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster/api/doctor"
)

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong with a node or its cluster, since when, and what to do; exit 7 if something is",
		Long: `Say what is wrong with a node, and with the cluster as that node sees it: data centres
that cannot be reached, members that fail or flap, self-preservation, addresses that
lead nowhere, clocks and versions that differ, nodes that hold something else, gossip
that is not encrypted, certificates that expire, snapshots that are not written.
The node asks the other members of its data centre. Exit status 0 if nothing is worse
than information, else 7.`,
		Args: arguments(),
	}
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		var report doctor.Report
		body, err := r.get(ctx, pathDoctor, nil, &report)
		if err != nil {
			return err
		}
		if err := a.show(body, func(t *table) { drawReport(t, report) }); err != nil {
			return err
		}
		return verdictOf(report)
	})
}

func drawReport(t *table, r doctor.Report) {
	if len(r.Findings) == 0 {
		t.row("nothing is wrong that " + r.Datacenter + "/" + r.Node + " can see")
		return
	}
	t.row("SEVERITY", "WHAT IS WRONG", "SINCE")
	for _, f := range r.Findings {
		since := ""
		if f.Since != nil {
			since = f.Since.UTC().Format(time.RFC3339)
		}
		t.row(f.Severity, f.Subject+": "+f.What, since)
	}
	for _, f := range r.Findings {
		t.gap()
		t.row(f.Subject + ": " + f.What)
		t.row("  why:   " + f.Why)
		t.row("  to do: " + f.Remedy)
	}
}

// verdictOf is nil if nothing was found that asks for someone.
func verdictOf(r doctor.Report) error {
	if r.Healthy {
		return nil
	}
	counts := map[doctor.Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
	}
	return failed(exitFalse, "%s/%s is not well: %s, %s", r.Datacenter, r.Node, several(counts[doctor.Error], "error"), several(counts[doctor.Warning], "warning"))
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
