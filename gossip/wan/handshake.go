package wan

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// identity is what this end says in every preface, and how it protects streams.
type identity struct {
	name, datacenter string
	ring             *Keyring
	tls              *tls.Config
}

func (i identity) id() string { return ID(i.datacenter, i.name) }

func (i identity) security() security {
	switch {
	case i.tls != nil:
		return tlsSecurity
	case i.ring != nil:
		return aeadSecurity
	default:
		return plainSecurity
	}
}

// session is a stream both ends of which have said who they are and shown that they have what it takes.
type session struct {
	conn     *watched
	peer, dc string
	security security
	packs    bool // the other end reads packed batches
	recalls  bool // the other end reads like batches
	in       *recordReader
	out      *recordWriter
	keys     func() [][]byte // in use, one a direction; nil without
}

// readBuffer is how much is read from a stream at once.
const readBuffer = 32 << 10

// dialSession makes a session of a stream that was dialled to reach the gateway want. It takes at most limit. The stream
// is the caller's to close if it fails.
func (i identity) dialSession(conn net.Conn, want, addr string, limit time.Duration) (*session, error) {
	c := &watched{Conn: conn}
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	mine := i.hello(want)
	raw := mine.encode()
	if _, err := c.Write(raw); err != nil {
		return nil, silent(err)
	}
	theirs, theirRaw, err := readPreface(c)
	switch {
	case err != nil:
		return nil, silent(err)
	case theirs.kind == refusalKind:
		return nil, fmt.Errorf("%w by %s: %q", ErrRefused, theirs.id(), theirs.reason)
	case theirs.id() != want:
		return nil, fmt.Errorf("%w: at %s is %s, not %s", ErrRefused, addr, theirs.id(), want)
	case theirs.security != mine.security:
		return nil, fmt.Errorf("%w: %s protects links by %v, this gateway by %v", ErrKey, want, theirs.security, mine.security)
	}
	t := newTranscript(raw, theirRaw, mine.random, theirs.random)
	return i.protect(c, theirs, t, fromDialer, addr)
}

// acceptSession makes a session of a stream that was accepted. admit says what is wrong with who dials, if anything.
func (i identity) acceptSession(conn net.Conn, limit time.Duration, admit func(preface) string) (*session, error) {
	c := &watched{Conn: conn}
	if err := c.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, err
	}
	theirs, theirRaw, err := readPreface(c)
	if errors.Is(err, ErrVersion) {
		_, _ = c.Write(i.refusal("", err.Error())) // Its head tells the other end our version.
	}
	if err != nil {
		return nil, silent(err)
	}
	mine := i.hello(theirs.id())
	var reason string
	switch {
	case theirs.kind != helloKind:
		return nil, fmt.Errorf("%w preface: a refusal comes first", ErrMalformed)
	case theirs.to != i.id():
		reason = "this is " + i.id() + ", not " + theirs.to
	case theirs.security != mine.security:
		reason = fmt.Sprintf("links are protected here by %v, there by %v", mine.security, theirs.security)
	default:
		reason = admit(theirs)
	}
	if reason != "" {
		_, _ = c.Write(i.refusal(theirs.id(), reason)) // The other end need not care.
		return nil, fmt.Errorf("%w of %s: %s", ErrRefused, theirs.id(), reason)
	}
	raw := mine.encode()
	if _, err := c.Write(raw); err != nil {
		return nil, silent(err)
	}
	t := newTranscript(theirRaw, raw, theirs.random, mine.random)
	return i.protect(c, theirs, t, fromAcceptor, "")
}

func (i identity) hello(to string) preface {
	p := preface{
		kind: helloKind, security: i.security(), capabilities: compressed | remembering,
		name: i.name, datacenter: i.datacenter, to: to,
	}
	_, _ = rand.Read(p.random[:]) // It never fails.
	return p
}

func (i identity) refusal(to, reason string) []byte {
	p := i.hello(to)
	p.kind, p.reason = refusalKind, reason
	return p.encode()
}

// protect puts the agreed protection on the stream and lets both ends show that they have it: each sends a hash of what
// was said in the clear, so that nobody changed it, as its first record.
func (i identity) protect(c *watched, theirs preface, t transcript, d direction, addr string) (*session, error) {
	s := &session{
		conn: c, peer: theirs.id(), dc: theirs.datacenter, security: i.security(),
		packs: theirs.capabilities&compressed != 0, recalls: theirs.capabilities&remembering != 0,
	}
	var stream io.ReadWriter = c
	var in, out sealer = bare{}, bare{}
	switch i.security() {
	case tlsSecurity:
		now, err := i.currentTLS()
		if err != nil {
			return nil, fmt.Errorf("%w: TLS with %s: %w", ErrKey, s.peer, err)
		}
		secured := tls.Server(c, serverTLS(now))
		if d == fromDialer {
			secured = tls.Client(c, clientTLS(now, addr))
		}
		if err := secured.Handshake(); err != nil { //nolint:noctx // The stream's deadline bounds it.
			return nil, fmt.Errorf("%w: TLS with %s: %w", ErrKey, s.peer, err)
		}
		stream = secured
	case aeadSecurity:
		other := fromDialer
		if d == fromDialer {
			other = fromAcceptor
		}
		primary := bytes.Clone(i.ring.GetPrimaryKey())
		reader := &anyKey{keys: i.ring.GetKeys(), t: t, d: other}
		writer, err := newGCM(primary, t, d)
		if err != nil {
			return nil, err
		}
		in, out = reader, writer
		s.keys = func() [][]byte { return [][]byte{primary, reader.used} }
	case plainSecurity:
	}
	s.in = &recordReader{r: bufio.NewReaderSize(stream, readBuffer), sealer: in}
	s.out = &recordWriter{w: stream, sealer: out}
	// The dialer confirms, then the acceptor, then the dialer again: so neither end takes for a link what the other cannot
	// read, and a wrong key does not show as a link that comes and goes.
	for turn := range 3 {
		var err error
		if (turn%2 == 0) == (d == fromDialer) {
			err = s.out.write(confirmRecord, t.sum[:])
		} else {
			err = i.confirmed(s, t)
		}
		if err != nil {
			return nil, err
		}
	}
	return s, c.SetDeadline(time.Time{})
}

// confirmed reads what the other end confirms.
func (i identity) confirmed(s *session, t transcript) error {
	kind, body, err := s.in.read()
	switch {
	case errors.Is(err, ErrKey):
		return fmt.Errorf("with %s: %w", s.peer, err)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		// Whoever cannot open a record closes the stream.
		return fmt.Errorf("%w: %s closed the stream when it saw ours", ErrKey, s.peer)
	case err != nil && i.security() == tlsSecurity && !errors.Is(err, os.ErrDeadlineExceeded):
		// In TLS 1.3 the dialler learns here that its certificate was refused.
		return fmt.Errorf("%w: TLS with %s: %w", ErrKey, s.peer, err)
	case err != nil:
		return silent(err)
	case kind != confirmRecord || !bytes.Equal(body, t.sum[:]):
		return fmt.Errorf("%w: what %s heard is not what was said", ErrMalformed, s.peer)
	}
	return nil
}

// currentTLS is a copy of the configuration as it is at this moment.
func (i identity) currentTLS() (*tls.Config, error) {
	if i.tls.GetConfigForClient == nil {
		return i.tls.Clone(), nil
	}
	now, err := i.tls.GetConfigForClient(&tls.ClientHelloInfo{})
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = i.tls
	}
	now = now.Clone()
	now.GetConfigForClient = nil
	return now, nil
}

// serverTLS asks for the certificate of the other end, whatever the configuration says.
func serverTLS(c *tls.Config) *tls.Config {
	c.ClientAuth = tls.RequireAndVerifyClientCert
	if c.ClientCAs == nil {
		c.ClientCAs = c.RootCAs
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS13)
	return c
}

func clientTLS(c *tls.Config, addr string) *tls.Config {
	if c.RootCAs == nil {
		c.RootCAs = c.ClientCAs
	}
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(addr)
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS13)
	return c
}

// silent marks errors of the stream itself; those of this package stay as they are.
func silent(err error) error {
	switch {
	case errors.Is(err, ErrVersion), errors.Is(err, ErrMalformed), errors.Is(err, ErrRefused):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w in time", ErrUnreachable)
	default:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
}
