package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) deregisterCommand() *cobra.Command {
	var namespace string
	cmd := &cobra.Command{
		Use:               "deregister SERVICE ID",
		Short:             "Take an instance out of the registry",
		Args:              arguments("SERVICE", "ID"),
		ValidArgsFunction: a.completeServices,
	}
	cmd.Flags().StringVar(&namespace, "namespace", "", "`NAMESPACE` of the service (default \"default\")")
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		_, err := r.call(ctx, "DELETE", pathOfInstance(args[0], args[1]), inNamespace(namespace), nil, nil)
		return err
	})
}

// statuses are those that an operator may set.
func statuses() []string { return []string{"UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"} }

func (a *app) statusCommand() *cobra.Command {
	var namespace string
	var takeBack bool
	cmd := &cobra.Command{
		Use:   "status SERVICE ID STATUS | status SERVICE ID --clear",
		Short: "Set an instance's status over its head, or give it back",
		Long: `Set an instance's status over its head: ` + strings.Join(statuses(), ", ") + `.
It stays, whatever the instance registers or reports, until --clear takes it back.`,
		Args:              arguments("SERVICE", "ID", "[STATUS]"),
		ValidArgsFunction: a.completeServices,
	}
	cmd.Flags().BoolVar(&takeBack, "clear", false, "take the override back: the instance's own status counts again")
	cmd.Flags().StringVar(&namespace, "namespace", "", "`NAMESPACE` of the service (default \"default\")")
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		method, body := "DELETE", any(nil)
		switch {
		case takeBack && len(args) == 3:
			return failed(exitUsage, "%s and --clear are both given", args[2])
		case !takeBack && len(args) < 3:
			return failed(exitUsage, "STATUS is missing: %s, or --clear", strings.Join(statuses(), ", "))
		case !takeBack:
			status := strings.ToUpper(args[2])
			if !slices.Contains(statuses(), status) {
				return failed(exitUsage, "STATUS must be one of %s, not %q", strings.Join(statuses(), ", "), args[2])
			}
			method, body = "PUT", map[string]string{"status": status}
		}
		var stored instance
		answer, err := r.call(ctx, method, pathOfInstance(args[0], args[1])+"/status", inNamespace(namespace), body, &stored)
		if err != nil {
			return err
		}
		return a.show(answer, func(t *table) { drawInstances(t, []instance{stored}) })
	})
}

func (a *app) leaveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Make a node leave in order, and end",
		Long:  "Make a node hand its leases over, leave its cluster, and end. It is what SIGTERM does.",
		Args:  arguments(),
	}
	return a.asks(cmd, func(ctx context.Context, r *remote, _ []string) error {
		_, err := r.call(ctx, "POST", pathLeave, nil, nil, nil)
		return err
	})
}
