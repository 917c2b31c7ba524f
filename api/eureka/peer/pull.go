package peer

import (
	"context"
	"net/http"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/api/eureka"
)

// pull reads the server's registry and registers here what is not here. From then on the server has to replicate its
// heartbeats to us, as to any peer, or these end with their leases.
func (s *session) pull(ctx context.Context) error {
	body, err := s.client.do(ctx, http.MethodGet, "/apps/", nil, maxRegistry)
	if err != nil {
		return err
	}
	objects, err := eureka.SplitApplications(body)
	if err != nil {
		return err
	}
	taken, refused := 0, 0
	for _, object := range objects {
		inst, override, err := eureka.DecodeInstance(object)
		if err == nil {
			if old, _ := s.node.Find(muster.DefaultNamespace, inst.Service).Instance(inst.ID); old != nil {
				continue
			}
			err = s.put(ctx, inst, override)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			refused++
			s.log.Warn("an instance of the Eureka server cannot be taken", "service", inst.Service, "instance", inst.ID, "err", err)
		default:
			taken++
		}
	}
	s.log.Info("read the registry of a Eureka server", "instances", len(objects), "new", taken, "refused", refused)
	return nil
}

// adopt takes over an instance that is newer at the server.
func (s *session) adopt(ctx context.Context, object []byte) error {
	inst, override, err := eureka.DecodeInstance(object)
	if err != nil {
		return err
	}
	return s.put(ctx, inst, override)
}

// put registers an instance of the server's here, and what an operator decided about it there.
func (s *session) put(ctx context.Context, inst muster.Instance, override muster.Status) error {
	stored, _, err := s.node.Put(ctx, inst)
	if err != nil || override == muster.StatusNone || override == stored.Override {
		return err
	}
	_, err = s.node.SetOverride(ctx, stored.Key(), override, "")
	return err
}
