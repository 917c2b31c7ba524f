package wan

import (
	"context"
	"fmt"
	"time"
)

// Leave tells the others that this gateway leaves, so that they see it as left and not as failed, and that another of its
// data centre takes over its links before they end. It stops rejoining and takes no new links; the links end when the
// word has gone round, which takes a few seconds, or when ctx ends, which is an error though some will know. A second call
// waits for the first. ErrClosed after Close.
func (p *Pool) Leave(ctx context.Context) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	first := p.left == nil
	if first {
		p.left = make(chan struct{})
		p.depart()
		p.wg.Go(func() {
			defer close(p.left)
			if err := p.serf.Leave(); err != nil {
				p.log.Warn("not all were told that this gateway leaves", "err", err)
			}
		})
	}
	p.mu.Unlock()
	signal(p.steer)
	var err error
	select {
	case <-p.left:
	case <-ctx.Done():
		err = fmt.Errorf("wan: leave: %w", ctx.Err())
	}
	p.goodbye(p.links.list(), "the gateway leaves")
	return err
}

// goodbye ends links and waits a moment for the word to go out.
func (p *Pool) goodbye(all []*link, reason string) {
	for _, l := range all {
		l.shut(reason)
	}
	late := time.NewTimer(goodbyeFor)
	defer late.Stop()
	for _, l := range all {
		select {
		case <-l.gone:
		case <-late.C:
			return
		}
	}
}

// Close ends the links, frees the sockets and waits for every goroutine of this package, so for callbacks that run and
// for a Leave, which can take 12 s. The others will see this gateway as failed, unless it has left. memberlist's and Serf's
// own timers end by themselves, within a few probe intervals, and call nothing here any more. A second call does nothing.
func (p *Pool) Close() error {
	if !p.stop() {
		return nil
	}
	p.goodbye(p.links.close(), "the gateway closes")
	if p.left != nil {
		<-p.left // Serf's leaving must not meet its shutdown.
	}
	err := p.serf.Shutdown()
	p.wg.Wait()
	return err
}
