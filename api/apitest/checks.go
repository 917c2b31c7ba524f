package apitest

import (
	"context"
	"slices"

	"github.com/musterhq/muster"
)

// Report is a client's word about one of its TTL checks. As at a real node, an output alone that is another changes nothing.
func (f *Fake) Report(_ context.Context, key muster.Key, checkID string, status muster.CheckStatus, output string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.exists(key); err != nil {
		return err
	}
	inst, _ := f.catalog.Get(key)
	i := slices.IndexFunc(inst.Checks, func(c muster.Check) bool { return c.ID == checkID })
	switch {
	case i < 0:
		return muster.ErrNotFound
	case inst.Checks[i].TTL == 0:
		return muster.ErrNotTTL
	case inst.Results[i].Status == status:
		return nil
	}
	results := slices.Clone(inst.Results)
	results[i].Status, results[i].Output, results[i].Since = status, output, f.at.Wall
	f.catalog.SetChecks(f.at, key, results)
	return nil
}
