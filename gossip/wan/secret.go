package wan

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// sealer protects the records of one direction of a stream, in order. It is not safe for concurrent use.
type sealer interface {
	// seal appends the protected plain to dst.
	seal(dst, head, plain []byte) ([]byte, error)
	// open gives what seal was given; it may reuse the memory of sealed. ErrKey if that cannot be.
	open(head, sealed []byte) ([]byte, error)
	// overhead is how much longer a record becomes.
	overhead() int
}

// bare protects nothing: TLS does, or nobody does.
type bare struct{}

func (bare) seal(dst, _, plain []byte) ([]byte, error) { return append(dst, plain...), nil }
func (bare) open(_, sealed []byte) ([]byte, error)     { return sealed, nil }
func (bare) overhead() int                             { return 0 }

const (
	gcmOverhead = 16
	noncePrefix = 4
)

// direction is who writes. It is part of what a key is derived from, so that no record can be sent back to its writer.
type direction string

const (
	fromDialer   direction = "dialer"
	fromAcceptor direction = "acceptor"
)

// gcm is AES-256-GCM with a key and a nonce prefix of its own for each stream and direction. The nonce is the prefix and
// a counter, so it never repeats under a key. A record that is lost, doubled, moved or of another stream does not open.
type gcm struct {
	aead   cipher.AEAD
	prefix [noncePrefix]byte
	count  uint64
}

// newGCM derives key and prefix from a gossip key and from all that was said in the clear, both randoms among it.
func newGCM(key []byte, t transcript, d direction) (*gcm, error) {
	secret, err := hkdf.Key(sha256.New, key, t.randoms, "muster wan link 1 "+string(d)+string(t.sum[:]), 32+noncePrefix)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(secret[:32])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	g := &gcm{aead: aead}
	copy(g.prefix[:], secret[32:])
	return g, nil
}

var errWornOut = errors.New("wan: a stream has used up its nonces")

func (g *gcm) nonce() ([]byte, error) {
	if g.count == math.MaxUint64 {
		return nil, errWornOut
	}
	n := binary.BigEndian.AppendUint64(append(make([]byte, 0, 12), g.prefix[:]...), g.count)
	return n, nil
}

func (g *gcm) seal(dst, head, plain []byte) ([]byte, error) {
	n, err := g.nonce()
	if err != nil {
		return nil, err
	}
	g.count++
	return g.aead.Seal(dst, n, plain, head), nil
}

func (g *gcm) open(head, sealed []byte) ([]byte, error) {
	n, err := g.nonce()
	if err != nil {
		return nil, err
	}
	plain, err := g.aead.Open(sealed[:0], n, sealed, head)
	if err != nil {
		return nil, fmt.Errorf("%w: a record does not open", ErrKey)
	}
	g.count++
	return plain, nil
}

func (*gcm) overhead() int { return gcmOverhead }

// anyKey opens the first record with each key of the ring, and then sticks to the one that fitted.
type anyKey struct {
	keys [][]byte
	t    transcript
	d    direction

	used []byte // the key that fitted; nil before
	gcm  *gcm
}

func (a *anyKey) seal(_, _, _ []byte) ([]byte, error) {
	return nil, errors.New("wan: sealing with a reader's keys")
}

func (a *anyKey) open(head, sealed []byte) ([]byte, error) {
	if a.gcm != nil {
		return a.gcm.open(head, sealed)
	}
	for _, key := range a.keys {
		g, err := newGCM(key, a.t, a.d)
		if err != nil {
			continue
		}
		if plain, err := g.open(head, append([]byte(nil), sealed...)); err == nil {
			a.used, a.gcm, a.keys = key, g, nil
			return plain, nil
		}
	}
	return nil, fmt.Errorf("%w: none of %d opens what the other end sends", ErrKey, len(a.keys))
}

func (*anyKey) overhead() int { return gcmOverhead }

// transcript is what was said in the clear.
type transcript struct {
	sum     [sha256.Size]byte
	randoms []byte // the dialer's first
}

func newTranscript(dialer, acceptor []byte, a, b [randomSize]byte) transcript {
	h := sha256.New()
	h.Write(dialer) // Each preface carries its own length, so where one ends is not open to doubt.
	h.Write(acceptor)
	t := transcript{randoms: append(append([]byte(nil), a[:]...), b[:]...)}
	h.Sum(t.sum[:0])
	return t
}
