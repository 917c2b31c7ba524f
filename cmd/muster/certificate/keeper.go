package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// pollInterval is how often the files are looked at.
const pollInterval = 2 * time.Second

// Keeper holds the certificate in use. Made by Open; the zero Keeper is not usable.
type Keeper struct {
	files   Files
	log     *slog.Logger
	now     atomic.Pointer[inUse]
	problem atomic.Pointer[Problem]
	reloads atomic.Uint64
	refused atomic.Uint64

	mu sync.Mutex // guards what follows: one look at a time
	// bad is what the last look found wanting, told whether it was told of. A pair may be half replaced at the first look.
	bad  [sha256.Size]byte
	told bool
}

// inUse is what new connections get. It never changes.
type inUse struct {
	sum           [sha256.Size]byte
	expires       time.Time
	server, links *tls.Config // links is nil without authorities
	client        *tls.Config
}

// Problem is why the files are not in use as they are.
type Problem struct {
	Text  string
	Since time.Time
}

// Open reads the files. The error names the one at fault, and what is wrong with it. logger may not be nil.
func Open(files Files, logger *slog.Logger) (*Keeper, error) {
	k := &Keeper{files: files, log: logger.With("component", "tls")}
	c, err := files.read()
	if err != nil {
		return nil, err
	}
	now, err := k.prepare(c)
	if err != nil {
		return nil, err
	}
	k.now.Store(now)
	return k, nil
}

// prepare makes what new connections get of what the files hold.
func (k *Keeper) prepare(c contents) (*inUse, error) {
	pair, err := k.files.pair(c)
	if err != nil {
		return nil, err
	}
	now := &inUse{
		sum: c.sum(), expires: pair.Leaf.NotAfter,
		// http.Server adds the second protocol only to what it is given itself.
		server: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}},
		client: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
	}
	if k.files.Authorities != "" {
		authorities, err := Authorities(c.authorities)
		if err != nil {
			return nil, fmt.Errorf("%s %w", k.files.Authorities, err)
		}
		now.server.ClientCAs, now.server.ClientAuth = authorities, tls.RequireAndVerifyClientCert
		now.client.RootCAs = authorities
		now.links = &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}, RootCAs: authorities, ClientCAs: authorities,
		}
	}
	if !time.Now().Before(now.expires) {
		k.log.Warn("the certificate has expired", "file", k.files.Certificate, "expired", now.expires.UTC().Format(time.RFC3339))
	}
	return now, nil
}

// Run looks at the files every 2 s, and whenever something comes from reload, until ctx ends.
func (k *Keeper) Run(ctx context.Context, reload <-chan os.Signal) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.look(false)
		case <-reload:
			k.look(true)
		case <-ctx.Done():
			return
		}
	}
}

// look puts what the files hold into use, if that is something else and can be. What cannot is told of once: at once if
// someone asked for the look, else when it is still there at the next one.
func (k *Keeper) look(asked bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, err := k.files.read()
	sum := c.sum()
	var next *inUse
	switch {
	case err != nil:
		sum = sha256.Sum256([]byte(err.Error()))
	case sum == k.now.Load().sum:
		k.bad, k.told = [sha256.Size]byte{}, false
		k.problem.Store(nil)
		return
	default:
		next, err = k.prepare(c)
	}
	if err == nil {
		k.bad, k.told = [sha256.Size]byte{}, false
		k.problem.Store(nil)
		k.now.Store(next)
		k.reloads.Add(1)
		k.log.Info("certificates reloaded", "expires", next.expires.UTC().Format(time.RFC3339))
		return
	}
	again := sum == k.bad
	if !again {
		k.bad, k.told = sum, false
	}
	if (again || asked) && !k.told {
		k.told = true
		k.problem.Store(&Problem{Text: err.Error(), Since: time.Now()})
		k.refused.Add(1)
		k.log.Warn("certificates not reloaded: what was in use stays in use", "err", err)
	}
}

// Server is what listeners of HTTP are given: TLS 1.2 or later, and, with authorities, a certificate of theirs from each
// client.
func (k *Keeper) Server() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.now.Load().server, nil },
	}
}

// Links is what the links between gateways are given; nil without authorities, for these check both ends.
func (k *Keeper) Links() *tls.Config {
	if k.now.Load().links == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return k.now.Load().links, nil },
	}
}

// Dial connects to a server of another agent, shows it the certificate, and checks its own against the authorities, or
// those of this machine if none are given. It suits http.Transport.DialTLSContext.
func (k *Keeper) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := tls.Dialer{Config: k.now.Load().client}
	return d.DialContext(ctx, network, address)
}

// Expires is when the certificate in use does.
func (k *Keeper) Expires() time.Time { return k.now.Load().expires }

// Problem is why the files are not in use as they are, nil if they are.
func (k *Keeper) Problem() *Problem { return k.problem.Load() }

// Reloads is how often other certificates were put into use, and how often they could not be.
func (k *Keeper) Reloads() (done, refused uint64) { return k.reloads.Load(), k.refused.Load() }
