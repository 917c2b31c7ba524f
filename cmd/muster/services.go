package main

import (
	"context"

	"github.com/spf13/cobra"
)

// serviceList is the answer of the list of services.
type serviceList struct {
	Services []struct {
		Namespace string `json:"namespace"`
		Service   string `json:"service"`
		Instances int    `json:"instances"`
		Up        int    `json:"up"`
	} `json:"services"`
}

func (a *app) servicesCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:   "services",
		Short: "List the services and how many of their instances are up",
		Args:  arguments(),
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "`NAMESPACE` to look in, * for all (default \"default\")")
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		var list serviceList
		body, err := r.get(ctx, pathServices, inNamespace(namespace), &list)
		if err != nil {
			return err
		}
		return a.show(body, func(t *table) {
			t.row("SERVICE", "NAMESPACE", "INSTANCES", "UP")
			for _, s := range list.Services {
				t.row(s.Service, s.Namespace, s.Instances, s.Up)
			}
		})
	})
}

// asks completes a command that talks to a node.
func (a *app) asks(cmd *cobra.Command, do func(ctx context.Context, r *remote, args []string) error) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.remote()
		if err != nil {
			return err
		}
		defer r.close()
		return do(cmd.Context(), r, args)
	}
	return a.clientFlags(cmd)
}
