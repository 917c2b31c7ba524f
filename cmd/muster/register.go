package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// registration is what a client says of its instance.
type registration struct {
	Namespace string            `json:"namespace,omitempty"`
	Service   string            `json:"service"`
	ID        string            `json:"id,omitempty"`
	Address   string            `json:"address"`
	Port      int               `json:"port"`
	Tags      []string          `json:"tags,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Zone      string            `json:"zone,omitempty"`
	Weight    int               `json:"weight,omitempty"`
	TTL       string            `json:"ttl,omitempty"`
	Checks    []check           `json:"checks,omitempty"`
}

type check struct {
	HTTP string `json:"http"`
}

// register registers at a node; it returns what is stored, also as it came.
func (r *remote) register(ctx context.Context, reg registration) (stored instance, answer []byte, err error) {
	answer, err = r.call(ctx, "POST", pathRegister, nil, reg, &stored)
	return stored, answer, err
}

func (a *app) registerCommand() *cobra.Command {
	var reg registration
	var meta, checks []string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "register SERVICE --address ADDRESS --port PORT [-- COMMAND [ARGUMENT ...]]",
		Short: "Register an instance, and with COMMAND keep it registered while that runs",
		Long: `Register an instance. Alone, it is registered once and expires after its TTL.

With COMMAND it is renewed three times a TTL while COMMAND runs, registered again if
the registry has lost it, and taken out when COMMAND ends. A node that is away does
not disturb COMMAND. Signals are passed on, and the exit status is that of COMMAND,
or 128 and the signal's number if a signal ended it.`,
		Example: "  muster register payments --address 10.0.0.5 --port 8080 -- ./payments --listen :8080",
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		before := args
		if dash := cmd.ArgsLenAtDash(); dash >= 0 {
			before = args[:dash]
			if dash == len(args) {
				return failed(exitUsage, "COMMAND is missing behind --")
			}
		}
		return arguments("SERVICE")(cmd, before)
	}
	f := cmd.Flags()
	f.StringVar(&reg.Address, "address", "", "host name or IP `ADDRESS` of the instance")
	f.IntVar(&reg.Port, "port", 0, "`PORT` of the instance")
	f.StringVar(&reg.ID, "id", "", "`ID` of the instance (default SERVICE-ADDRESS-PORT)")
	f.StringArrayVar(&reg.Tags, "tag", nil, "`TAG` of the instance; repeatable")
	f.StringArrayVar(&meta, "meta", nil, "metadata of the instance, `KEY=VALUE`; repeatable")
	f.DurationVar(&ttl, "ttl", 0, "`DURATION` that the registration lasts without a renewal (default 30s)")
	f.StringArrayVar(&checks, "check-http", nil, "`URL` that answers 2xx while the instance is well; repeatable")
	f.StringVar(&reg.Zone, "zone", "", "`ZONE` of the instance (default that of the node)")
	f.IntVar(&reg.Weight, "weight", 0, "`SHARE` of the traffic relative to others, 1 to 65535 (default 100)")
	f.StringVar(&reg.Namespace, "namespace", "", "`NAMESPACE` of the service (default \"default\")")
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		reg.Service = args[0]
		if reg.Address == "" {
			return failed(exitUsage, "--address is missing")
		}
		if reg.Port < 1 || reg.Port > 65535 {
			return failed(exitUsage, "--port must be given, 1 to 65535")
		}
		if f.Changed("ttl") {
			reg.TTL = ttl.String()
		}
		for _, pair := range meta {
			key, value, ok := strings.Cut(pair, "=")
			if !ok || key == "" {
				return failed(exitUsage, "--meta must be KEY=VALUE, not %q", pair)
			}
			if reg.Metadata == nil {
				reg.Metadata = map[string]string{}
			}
			reg.Metadata[key] = value
		}
		for _, u := range checks {
			reg.Checks = append(reg.Checks, check{HTTP: u})
		}
		if len(args) > 1 {
			return a.runRegistered(ctx, r, reg, args[1:])
		}
		stored, answer, err := r.register(ctx, reg)
		if err != nil {
			return err
		}
		return a.show(answer, func(t *table) { drawInstances(t, []instance{stored}) })
	})
}
