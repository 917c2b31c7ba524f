package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// runOne measures one comparison, prints it and, if asked to, keeps it.
func runOne(ctx context.Context, c comparison, o options, args []string, out io.Writer) error {
	r, err := measureOne(ctx, c, o, args)
	if err != nil {
		return err
	}
	if o.output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	} else {
		err = r.print(out)
	}
	if err != nil || !o.write {
		return err
	}
	return errors.Join(r.save(o.dir), writeReport(o.dir))
}

// runAll measures everything. What fails does not keep the rest from being measured.
func runAll(ctx context.Context, o options, args []string, out, progress io.Writer) error {
	var errs []error
	for _, c := range comparisons {
		if ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
		_, _ = fmt.Fprintf(progress, "%s ...\n", c.name) // Nobody to tell.
		errs = append(errs, runOne(ctx, c, o, args, out))
	}
	return errors.Join(errs...)
}

func measureOne(ctx context.Context, c comparison, o options, args []string) (*result, error) {
	command := strings.TrimSpace("go run ./e2e/bench " + c.name + " " + strings.Join(told(args), " "))
	r := &result{Name: c.name, About: c.about, Conditions: measure.ReadConditions(ctx, command)}
	stop, err := profileTo(o.profile, "bench-"+c.name)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	err = c.run(ctx, o, r)
	stop()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	r.Seconds = time.Since(begin).Seconds()
	return r, nil
}

// told is the arguments that matter to whoever measures again: not where the figures went.
func told(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		switch name, _, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "="); name {
		case "write":
		case "o", "dir", "profile":
			if !inline {
				i++
			}
		default:
			out = append(out, args[i])
		}
	}
	return out
}

// resultsDir is where results are kept, inside the folder of RESULTS.md.
const resultsDir = "results"

// save keeps the result.
func (r *result) save(dir string) error {
	dir = filepath.Join(dir, resultsDir)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, r.Name+".json"), append(b, '\n'), 0o600) //nolint:gosec // Who runs it names the folder.
}
