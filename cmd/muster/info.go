package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
)

func (a *app) infoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show whether a node is ready, what it holds, and what it preserves and why",
		Args:  arguments(),
	}
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		var node muster.NodeInfo
		nodeBody, err := r.get(ctx, pathNode, nil, &node)
		if err != nil {
			return err
		}
		var kept muster.SelfPreservation
		keptBody, err := r.get(ctx, pathPreserve, nil, &kept)
		if err != nil {
			return err
		}
		both := struct {
			Node             json.RawMessage `json:"node"`
			SelfPreservation json.RawMessage `json:"selfPreservation"`
		}{nodeBody, keptBody}
		return a.showValue(both, func(t *table) { drawInfo(t, node, kept) })
	})
}

func drawInfo(t *table, n muster.NodeInfo, kept muster.SelfPreservation) {
	ready := "no: " + n.Reason
	if n.Ready {
		ready = "yes: " + n.Reason
	}
	t.row("node", n.Name)
	t.row("datacenter", n.Datacenter)
	t.row("zone", n.Zone)
	t.row("address", n.Address)
	t.row("version", n.Version)
	t.row("incarnation", n.Incarnation)
	t.row("started", n.Started.UTC().Format(time.RFC3339))
	t.row("ready", ready)
	t.row("health", healthWord(n.Health))
	t.row("services", n.Catalog.Services)
	t.row("instances", n.Catalog.Instances)
	t.row("tombstones", n.Catalog.Tombstones)
	t.row("leases here", n.Leases)
	t.row("state hash", n.Catalog.Hash)
	t.row("divergences", n.Replication.Divergences)
	switch {
	case kept.Held != "":
		t.row("self-preservation", "judges no lease: "+kept.Held)
	case kept.Preserving:
		t.row("self-preservation", "PRESERVING: keeps expired instances")
	default:
		t.row("self-preservation", "off")
	}
	if len(kept.Scopes) == 0 {
		return
	}
	t.gap()
	t.row("SCOPE", "STATE", "EXPECTED", "RENEWED", "LOST", "PRESERVED", "REASON")
	for _, s := range kept.Scopes {
		t.row(s.Name, s.State, s.Expected, s.Renewed, s.Lost, s.Preserved, s.Reason)
	}
}

// healthWord is memberlist's score in words: 0 is well, more is that many steps slower in judging others.
func healthWord(score int) string {
	if score == 0 {
		return "well"
	}
	return "unwell: it waits longer before it declares others failed"
}
