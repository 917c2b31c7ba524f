package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/musterhq/muster"
)

// memberList is the answer of the list of members.
type memberList struct {
	Members []muster.Member `json:"members"`
}

func (a *app) membersCommand() *cobra.Command {
	var wan bool
	cmd := &cobra.Command{
		Use:   "members",
		Short: "List the nodes of the data centre, alive and remembered",
		Long: `List the nodes of the data centre, alive and remembered; with --wan, asked of a
gateway, the gateways of all data centres, with the estimated round trip to each
what protects the link of the one that is asked to it, and the gateways that it
exchanges records with.`,
		Args: arguments(),
	}
	cmd.Flags().BoolVar(&wan, "wan", false, "the gateways of all data centres")
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		var list memberList
		query := url.Values{}
		if wan {
			query.Set("wan", "true")
		}
		body, err := r.get(ctx, pathMembers, query, &list)
		if err != nil {
			return err
		}
		return a.show(body, func(t *table) {
			if wan {
				t.row("GATEWAY", "DATACENTER", "ZONE", "STATE", "ADDRESS", "HTTP", "VERSION", "RTT", "SECURITY", "LINKS")
				for _, m := range list.Members {
					t.row(m.Name, m.Datacenter, m.Zone, m.State, m.Address, m.HTTP, m.Version, m.RTT, m.Security, strings.Join(m.Links, " "))
				}
				return
			}
			t.row("NODE", "DATACENTER", "ZONE", "STATE", "ADDRESS", "HTTP", "INCARNATION", "VERSION", "RTT")
			for _, m := range list.Members {
				t.row(m.Name, m.Datacenter, m.Zone, m.State, m.Address, m.HTTP, m.Incarnation, m.Version, m.RTT)
			}
		})
	})
}

func (a *app) forceLeaveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "force-leave NODE",
		Short: "Make a node forget a member that failed or left",
		Long: `Make the node that is asked forget a member that failed or left: it is no longer
tried, and no longer listed. Its leases have gone to their heirs already.`,
		Args:              arguments("NODE"),
		ValidArgsFunction: a.completeMembers,
	}
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		_, err := r.call(ctx, "DELETE", pathOfMember(args[0]), nil, nil, nil)
		return err
	})
}
