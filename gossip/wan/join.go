package wan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/musterhq/muster/gossip/host"
)

// Join asks the gateways at the given "host:port"s, all at once, to take this one in, and exchanges members with each. It
// returns how many did. Own addresses are passed over. Host names are resolved anew, and each of their addresses counts.
//
// The error is nil if at least one address took this gateway in or there was none to try, else what went wrong at each
// address: ErrKey or ErrUnreachable, joined. It is ErrClosed after Close and ctx.Err() when ctx ends first, while tries
// that were begun go on.
func (p *Pool) Join(ctx context.Context, seeds []string) (int, error) {
	n, errs := 0, []error(nil)
	for _, r := range p.tryAll(ctx, seeds) {
		if r.err != nil {
			errs = append(errs, r.err)
		}
		n += r.joined
	}
	switch {
	case p.closing():
		return n, ErrClosed
	case n > 0:
		return n, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	}
	return 0, errors.Join(errs...)
}

// firstJoin tries the seeds once and tells refusal from silence.
func (p *Pool) firstJoin(ctx context.Context) error {
	n, err := p.Join(ctx, p.cfg.seeds())
	switch {
	case n > 0:
		return nil
	case errors.Is(err, ErrKey):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err != nil {
		p.log.Warn("no seed answers", "err", err)
	}
	return nil
}

// attempt is what became of one seed.
type attempt struct {
	seed   string
	addrs  []string // what the seed resolved to
	joined int
	err    error
}

// tryAll tries every seed on a goroutine of its own, until ctx or the pool ends.
func (p *Pool) tryAll(ctx context.Context, seeds []string) (done []attempt) {
	results := make(chan attempt, len(seeds)) // One for each seed, so that nobody waits for a reader.
	started := 0
	for _, s := range seeds {
		if p.spawn(func() { results <- p.try(ctx, s) }) {
			started++
		}
	}
	for range started {
		select {
		case r := <-results:
			done = append(done, r)
		case <-ctx.Done():
			return done
		case <-p.done:
			return done
		}
	}
	return done
}

// try joins every address of one seed.
func (p *Pool) try(ctx context.Context, seed string) attempt {
	a := attempt{seed: seed}
	var err error
	if a.addrs, err = host.Resolve(ctx, p.cfg.Resolver, seed); err != nil {
		a.err = fmt.Errorf("%w: %s: %w", ErrUnreachable, seed, err)
		return a
	}
	var errs []error
	for _, addr := range a.addrs {
		if addr == p.addr || p.closing() || ctx.Err() != nil {
			continue
		}
		if _, err := p.serf.Memberlist().Join([]string{addr}); err != nil {
			errs = append(errs, joinError(addr, err))
			continue
		}
		a.joined++
	}
	a.err = errors.Join(errs...)
	return a
}

// joinError makes one line of memberlist's report and says what kind it is. memberlist keeps the text of an error and
// nothing else, so the text is what there is to go by.
func joinError(addr string, err error) error {
	text := err.Error()
	if _, rest, ok := strings.Cut(text, "failed to join "+addr+": "); ok {
		text = rest
	}
	text = strings.Join(strings.Fields(text), " ")
	for _, k := range keyErrors {
		if strings.Contains(text, k) {
			return fmt.Errorf("%w: joining %s: %s", ErrKey, addr, text)
		}
	}
	return fmt.Errorf("%w: joining %s: %s", ErrUnreachable, addr, text)
}

var keyErrors = []string{
	"no installed keys could decrypt the message",
	"remote state is encrypted and encryption is not configured",
	"encryption is configured but remote state is not encrypted",
}
