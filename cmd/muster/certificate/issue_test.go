package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issued is an authority and what it signs.
func authority(t *testing.T, valid time.Duration) Issued {
	t.Helper()
	ca, err := NewAuthority("Test CA", time.Now(), valid)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issue(t *testing.T, ca Issued, name string, valid time.Duration, hosts ...string) Issued {
	t.Helper()
	made, err := Issue(ca, Request{Name: name, Hosts: hosts, Now: time.Now(), Valid: valid})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func leaf(t *testing.T, i Issued) *x509.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.Certificate, i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func TestServersServeTheirHostsAndClientsServeNobody(t *testing.T) {
	ca := authority(t, 48*time.Hour)
	pool, err := Authorities(ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	server := leaf(t, issue(t, ca, "n1", 24*time.Hour, "n1.example.com", "10.0.0.5", "::1"))
	for host, want := range map[string]bool{"n1.example.com": true, "10.0.0.5": true, "::1": true, "10.0.0.6": false, "n1": false} {
		_, err := server.Verify(x509.VerifyOptions{DNSName: host, Roots: pool})
		if (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
	}
	asClient := x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := server.Verify(asClient); err != nil {
		t.Errorf("a gateway cannot dial another: %v", err)
	}
	client := leaf(t, issue(t, ca, "payments", 24*time.Hour))
	if _, err := client.Verify(asClient); err != nil {
		t.Error(err)
	}
	if _, err := client.Verify(x509.VerifyOptions{Roots: pool}); err == nil {
		t.Error("a client's certificate serves")
	}
	if other, _ := Authorities(authority(t, time.Hour).Certificate); other == nil {
		t.Fatal("no other authority")
	} else if _, err := server.Verify(x509.VerifyOptions{DNSName: "10.0.0.5", Roots: other}); err == nil {
		t.Error("another authority vouches for it")
	}
	if server.PublicKeyAlgorithm != x509.ECDSA || server.Subject.CommonName != "n1" || server.IsCA {
		t.Errorf("%v of %v", server.PublicKeyAlgorithm, server.Subject)
	}
}

func TestNothingOutlivesItsAuthorityAndNoLeafSigns(t *testing.T) {
	ca := authority(t, time.Hour)
	made := issue(t, ca, "n1", 24*time.Hour, "n1")
	if got := leaf(t, made); got.NotAfter.After(leaf(t, ca).NotAfter) {
		t.Errorf("valid until %v, its authority until %v", got.NotAfter, leaf(t, ca).NotAfter)
	}
	for want, c := range map[string]struct {
		by Issued
		r  Request
	}{
		"may not sign others":            {made, Request{Name: "x", Now: time.Now()}},
		"has expired":                    {ca, Request{Name: "x", Now: time.Now().Add(2 * time.Hour)}},
		"is no certificate with its key": {Issued{ca.Certificate, made.Key}, Request{Name: "x", Now: time.Now()}},
		"needs a name":                   {ca, Request{Now: time.Now()}},
	} {
		if _, err := Issue(c.by, c.r); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestFilesAreTheirOwnersAndNeverOverwritten(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	ca := authority(t, time.Hour)
	if err := ca.Save(cert, key); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{cert, key} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	for _, c := range [][2]string{{cert, filepath.Join(dir, "new.pem")}, {filepath.Join(dir, "new.pem"), key}} {
		if err := authority(t, time.Hour).Save(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "is there already") {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.pem")); err == nil {
		t.Error("half of a pair was written")
	}
	if _, err := ReadPair(cert, key); err != nil {
		t.Errorf("what was there is not any more: %v", err)
	}
	if err := ca.Save(filepath.Join(dir, "none", "c"), filepath.Join(dir, "none", "k")); err == nil {
		t.Error("a folder that is not there is written to")
	}
}
