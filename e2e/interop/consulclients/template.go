package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/consul-template/config"
	"github.com/hashicorp/consul-template/manager"
)

// newTemplate is consul-template with a template of all services that it follows: a line for each, of its addresses.
func newTemplate(s settings, seen *history) (client, error) {
	var text strings.Builder
	for _, name := range s.watch {
		fmt.Fprintf(&text, "%s{{range service %q}} {{.Address}}:{{.Port}}{{end}}\n", name, name)
	}
	contents, file := text.String(), filepath.Join(s.dir, "services")
	conf := config.DefaultConfig()
	conf.Consul.Address = &s.registry
	conf.Templates = &config.TemplateConfigs{{Contents: &contents, Destination: &file}}
	conf.Finalize()
	r, err := manager.NewRunner(conf, false)
	if err != nil {
		return nil, err
	}
	go r.Start()
	go func() {
		for {
			select {
			case <-r.TemplateRenderedCh():
				b, err := os.ReadFile(file)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					continue
				}
				for line := range strings.Lines(string(b)) {
					word := strings.Fields(line)
					seen.saw(word[0], word[1:])
				}
			case err := <-r.ErrCh:
				say("FAILED", err)
				os.Exit(1)
			}
		}
	}()
	return template{runner: r}, nil
}

type template struct {
	reader
	runner *manager.Runner
}

func (t template) stop() error {
	t.runner.Stop()
	return nil
}
