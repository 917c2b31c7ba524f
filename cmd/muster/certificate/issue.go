package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Issued is a certificate and its private key, in PEM.
type Issued struct{ Certificate, Key []byte }

// backdated is for clocks that are behind the one of the machine that makes certificates.
const backdated = time.Hour

// NewAuthority makes a certificate that signs others, valid from about now for that long.
func NewAuthority(name string, now time.Time, valid time.Duration) (Issued, error) {
	template, err := newTemplate(name, now, valid)
	if err != nil {
		return Issued{}, err
	}
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(template, nil)
}

// Request is a certificate that is wanted.
type Request struct {
	// Name is its subject: for people, and for logs.
	Name string
	// Hosts are the names and IP addresses of a server by which others reach it. None: the certificate is a client's.
	Hosts []string
	// Valid is how long from Now it is valid; it ends with its authority's at the latest.
	Now   time.Time
	Valid time.Duration
}

// Issue signs a certificate by an authority. That of a server serves its own requests too: gateways are at both ends of
// their links.
func Issue(authority Issued, r Request) (Issued, error) {
	by, err := tls.X509KeyPair(authority.Certificate, authority.Key)
	if err != nil {
		return Issued{}, fmt.Errorf("the authority is no certificate with its key: %w", err)
	}
	switch {
	case !by.Leaf.IsCA:
		return Issued{}, errors.New("the certificate of the authority may not sign others: make one with muster tls ca")
	case !r.Now.Before(by.Leaf.NotAfter):
		return Issued{}, fmt.Errorf("the certificate of the authority has expired on %s", by.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	template, err := newTemplate(r.Name, r.Now, r.Valid)
	if err != nil {
		return Issued{}, err
	}
	if template.NotAfter.After(by.Leaf.NotAfter) {
		template.NotAfter = by.Leaf.NotAfter
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(r.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	return sign(template, &by)
}

func newTemplate(name string, now time.Time, valid time.Duration) (*x509.Certificate, error) {
	if name == "" {
		return nil, errors.New("a certificate needs a name")
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(valid), BasicConstraintsValid: true,
	}, nil
}

// sign makes a key and its certificate, signed by by, or by itself if that is nil.
func sign(template *x509.Certificate, by *tls.Certificate) (Issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Issued{}, err
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return Issued{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Issued{}, err
	}
	return Issued{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
	}, nil
}
