package certificate

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// Files names what a Keeper reads, all in PEM.
type Files struct {
	// Certificate is the certificate and, behind it, those that lead to its authority. Key is its private key.
	Certificate, Key string
	// Authorities is the certificates of those who sign the certificates of the other side. Empty: the other side needs none.
	Authorities string
}

// maxFileBytes bounds what is read of a file: a chain of certificates has some kilobytes.
const maxFileBytes = 1 << 20

// contents is what the files held at one moment.
type contents struct {
	certificate, key, authorities []byte
}

// read reads all files. The error names the one at fault.
func (f Files) read() (c contents, err error) {
	for _, one := range []struct {
		path string
		to   *[]byte
	}{{f.Certificate, &c.certificate}, {f.Key, &c.key}, {f.Authorities, &c.authorities}} {
		if one.path == "" {
			continue
		}
		if *one.to, err = readFile(one.path); err != nil {
			return contents{}, err
		}
	}
	return c, nil
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // The operator says which file.
	if err != nil {
		if e, ok := errors.AsType[*os.PathError](err); ok {
			err = e.Err
		}
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	defer func() { _ = f.Close() }() // Opened to read.
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(b) > maxFileBytes {
		err = fmt.Errorf("it has more than %d bytes", maxFileBytes)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return b, nil
}

// sum tells contents apart.
func (c contents) sum() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, b := range [][]byte{c.certificate, c.key, c.authorities} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		h.Write(b)
	}
	h.Sum(sum[:0])
	return sum
}

// pair is the certificate with its key. The error names the files.
func (f Files) pair(c contents) (tls.Certificate, error) {
	p, err := tls.X509KeyPair(c.certificate, c.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("%s and %s are no certificate with its key: %w", f.Certificate, f.Key, err)
	}
	return p, nil
}

// Authorities is the certificates in a PEM text. The error completes a sentence that begins with the text's name.
func Authorities(text []byte) (*x509.CertPool, error) {
	pool, found := x509.NewCertPool(), false
	for rest := bytes.TrimSpace(text); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("holds a certificate that cannot be read: %w", err)
		}
		pool.AddCert(cert)
		found = true
	}
	if !found {
		return nil, errors.New("holds no certificate in PEM")
	}
	return pool, nil
}

// ReadAuthorities is Authorities of a file.
func ReadAuthorities(path string) (*x509.CertPool, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	pool, err := Authorities(text)
	if err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return pool, nil
}

// ReadPair is a certificate with its key.
func ReadPair(certificate, key string) (tls.Certificate, error) {
	f := Files{Certificate: certificate, Key: key}
	c, err := f.read()
	if err != nil {
		return tls.Certificate{}, err
	}
	return f.pair(c)
}
