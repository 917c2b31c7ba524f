package lan

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/musterhq/muster/gossip/host"
)

// Join asks the nodes at the given "host:port"s, all at once, to take this node in, and exchanges members with each. It
// returns how many did. Own addresses are passed over. Host names are resolved anew, and each of their addresses counts.
//
// The error is ErrNameTaken if anyone said so, else nil if at least one address took this node in or there was none to
// try, else what went wrong at each address: ErrOtherDatacenter, ErrKey, ErrVersion or ErrUnreachable, joined. It is
// ErrClosed after Close and ctx.Err() when ctx ends first, while tries that were begun go on.
func (p *Pool) Join(ctx context.Context, seeds []string) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.life, cancel)() //nolint:contextcheck // The pool's life ends the call too.
	n, errs := 0, []error(nil)
	for r := range p.tryAll(ctx, seeds) {
		if r.err != nil {
			errs = append(errs, r.err)
		}
		n += r.joined
	}
	if p.closing() {
		return n, ErrClosed
	}
	for _, err := range errs {
		if errors.Is(err, ErrNameTaken) {
			return n, err
		}
	}
	if n > 0 {
		return n, nil
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return 0, errors.Join(errs...)
}

// attempt is what became of one seed.
type attempt struct {
	seed   string
	addrs  []string // what the seed resolved to, without our own
	joined int
	err    error
}

// tryAll tries every seed on a goroutine of its own and closes the channel when all are done, or ctx is.
func (p *Pool) tryAll(ctx context.Context, seeds []string) <-chan attempt {
	results := make(chan attempt, len(seeds)) // One for each seed, so that nobody waits for a reader.
	out := make(chan attempt, len(seeds))
	started := 0
	for _, s := range seeds {
		if p.spawn(func() { results <- p.try(ctx, s) }) {
			started++
		}
	}
	collect := func() {
		defer close(out)
		for range started {
			select {
			case r := <-results:
				out <- r
			case <-ctx.Done():
				return
			}
		}
	}
	if !p.spawn(collect) {
		close(out)
	}
	return out
}

// try joins every address of one seed.
func (p *Pool) try(ctx context.Context, seed string) attempt {
	a := attempt{seed: seed}
	addrs, err := host.Resolve(ctx, p.cfg.Resolver, seed)
	if err != nil {
		a.err = fmt.Errorf("%w: %s: %w", ErrUnreachable, seed, err)
		return a
	}
	var errs []error
	for _, addr := range addrs {
		if addr == p.addr {
			continue
		}
		a.addrs = append(a.addrs, addr)
		if p.closing() || ctx.Err() != nil {
			break
		}
		if _, err := p.list.Join([]string{addr}); err != nil {
			errs = append(errs, joinError(addr, err))
			continue
		}
		p.settled.Store(true)
		a.joined++
	}
	a.err = errors.Join(errs...)
	return a
}

// joinError makes one line of memberlist's report and says what kind it is. memberlist keeps the text of an error and
// nothing else, also of those that come from this package, so the text is what there is to go by.
func joinError(addr string, err error) error {
	text := err.Error()
	if _, rest, ok := strings.Cut(text, "failed to join "+addr+": "); ok {
		text = rest
	}
	text = strings.Join(strings.Fields(text), " ")
	for _, k := range joinErrors {
		if strings.Contains(text, k.text) {
			detail := strings.TrimPrefix(text, k.err.Error()+": ")
			return fmt.Errorf("%w: joining %s: %s", k.err, addr, detail)
		}
	}
	return fmt.Errorf("%w: joining %s: %s", ErrUnreachable, addr, text)
}

var joinErrors = []struct {
	text string
	err  error
}{
	{ErrNameTaken.Error(), ErrNameTaken},
	{ErrOtherDatacenter.Error(), ErrOtherDatacenter},
	{"no installed keys could decrypt the message", ErrKey},
	{"remote state is encrypted and encryption is not configured", ErrKey},
	{"encryption is configured but remote state is not encrypted", ErrKey},
	{"protocol version", ErrVersion},
}
