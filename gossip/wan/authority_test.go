package wan

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var certificates int64

// template is valid in bubbles, where it is the year 2000, and outside of them.
func template() *x509.Certificate {
	certificates++
	return &x509.Certificate{
		SerialNumber: big.NewInt(certificates), Subject: pkix.Name{CommonName: "gateway"},
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1), net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true,
	}
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	c := template()
	c.IsCA = true
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(raw); err != nil {
		t.Fatal(err)
	}
	return &authority{c, key}
}

// issue is the configuration of a gateway whose certificate this authority signed, and that trusts this authority.
func (a *authority) issue(t *testing.T) *tls.Config { return a.trusting(t, a) }

// trusting is issue for a gateway that trusts another authority.
func (a *authority) trusting(t *testing.T, other *authority) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, template(), a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(other.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}, RootCAs: pool,
		MinVersion: tls.VersionTLS13,
	}
}
