package main

import (
	"context"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// instance is one as a node answers it, as far as tables show it.
type instance struct {
	Namespace  string   `json:"namespace"`
	Service    string   `json:"service"`
	ID         string   `json:"id"`
	Address    string   `json:"address"`
	Port       int      `json:"port"`
	Tags       []string `json:"tags"`
	Zone       string   `json:"zone"`
	Weight     int      `json:"weight"`
	Status     string   `json:"status"`
	Override   string   `json:"override"`
	Preserved  bool     `json:"preserved"`
	TTL        string   `json:"ttl"`
	Datacenter string   `json:"datacenter"`
	Home       string   `json:"home"`
}

func (i instance) hostPort() string { return net.JoinHostPort(i.Address, strconv.Itoa(i.Port)) }

// remarks is what the status alone does not say.
func (i instance) remarks() string {
	var words []string
	if i.Override != "" {
		words = append(words, "override")
	}
	if i.Preserved {
		words = append(words, "preserved")
	}
	return strings.Join(words, ",")
}

func (a *app) instancesCommand() *cobra.Command {
	var dc, zone, namespace string
	var tags []string
	var healthy bool
	cmd := &cobra.Command{
		Use:               "instances SERVICE",
		Short:             "List the instances of a service",
		Long:              "List the instances of a service. A service that nobody has registered has none.",
		Args:              arguments("SERVICE"),
		ValidArgsFunction: a.completeServices,
	}
	f := cmd.Flags()
	f.StringVar(&dc, "dc", "", "data centre `NAME` to look in, * for all (default: that of the node)")
	f.StringVar(&zone, "zone", "", "only those of this `ZONE`")
	f.StringArrayVar(&tags, "tag", nil, "only those with this `TAG`; repeatable: with all of them")
	f.BoolVar(&healthy, "healthy", false, "only those that are up")
	f.StringVar(&namespace, "namespace", "", "`NAMESPACE` of the service (default \"default\")")
	return a.asks(cmd, func(ctx context.Context, r *remote, args []string) error {
		q := url.Values{}
		for name, value := range map[string]string{"dc": dc, "zone": zone, "namespace": namespace} {
			if value != "" {
				q.Set(name, value)
			}
		}
		if healthy {
			q.Set("healthy", "true")
		}
		if len(tags) > 0 {
			q["tag"] = tags
		}
		var list struct {
			Instances []instance `json:"instances"`
		}
		body, err := r.get(ctx, pathOfService(args[0]), q, &list)
		if err != nil {
			return err
		}
		return a.show(body, func(t *table) { drawInstances(t, list.Instances) })
	})
}

func drawInstances(t *table, list []instance) {
	t.row("ID", "ADDRESS", "STATUS", "REMARKS", "ZONE", "WEIGHT", "TAGS", "TTL", "HOME")
	for _, i := range list {
		t.row(i.ID, i.hostPort(), i.Status, i.remarks(), i.Zone, i.Weight, strings.Join(i.Tags, ","), i.TTL, i.Home)
	}
}
