package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept is a keeper on files in a folder of its own, and what it logs.
type kept struct {
	*Keeper
	t   *testing.T
	dir string
	log bytes.Buffer
}

func keep(t *testing.T, first Issued, authorities []byte) *kept {
	t.Helper()
	k := &kept{t: t, dir: t.TempDir()}
	k.write("tls.crt", first.Certificate)
	k.write("tls.key", first.Key)
	files := Files{Certificate: k.path("tls.crt"), Key: k.path("tls.key")}
	if authorities != nil {
		k.write("ca.crt", authorities)
		files.Authorities = k.path("ca.crt")
	}
	var err error
	if k.Keeper, err = Open(files, slog.New(slog.NewTextHandler(&k.log, nil))); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *kept) path(name string) string { return filepath.Join(k.dir, name) }

// write replaces a file as an agent of secrets does: by renaming.
func (k *kept) write(name string, text []byte) {
	k.t.Helper()
	if err := os.WriteFile(k.path("new"), text, 0o600); err != nil {
		k.t.Fatal(err)
	}
	if err := os.Rename(k.path("new"), k.path(name)); err != nil {
		k.t.Fatal(err)
	}
}

// serves is the name of the certificate in use.
func (k *kept) serves() string {
	c, err := k.Server().GetConfigForClient(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	return c.Certificates[0].Leaf.Subject.CommonName
}

func (k *kept) want(when, serves string, lines int) {
	k.t.Helper()
	if got := k.serves(); got != serves {
		k.t.Errorf("%s: %s is in use, want %s", when, got, serves)
	}
	if got := strings.Count(k.log.String(), "\n"); got != lines {
		k.t.Errorf("%s: %d lines, want %d:\n%s", when, got, lines, k.log.String())
	}
}

func TestACertificateIsReplacedOnceItsKeyIsThereToo(t *testing.T) {
	ca := authority(t, time.Hour)
	one, two := issue(t, ca, "one", time.Hour, "h"), issue(t, ca, "two", 30*time.Minute, "h")
	k := keep(t, one, nil)
	k.look(false)
	k.want("nothing has changed", "one", 0)
	k.write("tls.crt", two.Certificate)
	k.look(false)
	k.want("half of it", "one", 0)
	k.write("tls.key", two.Key)
	k.look(false)
	k.want("all of it", "two", 1)
	if p := k.Problem(); p != nil {
		t.Errorf("a problem: %+v", p)
	}
	if !k.Expires().Equal(leaf(t, two).NotAfter) {
		t.Errorf("expires %v", k.Expires())
	}
	if done, refused := k.Reloads(); done != 1 || refused != 0 {
		t.Errorf("counted %d and %d", done, refused)
	}
}

func TestABrokenPairKeepsTheOldOneAndIsToldOfOnce(t *testing.T) {
	ca := authority(t, time.Hour)
	one, two := issue(t, ca, "one", time.Hour, "h"), issue(t, ca, "two", time.Hour, "h")
	k := keep(t, one, ca.Certificate)
	k.write("tls.key", two.Key)
	for range 5 {
		k.look(false)
	}
	k.want("the key of another", "one", 1)
	if p := k.Problem(); p == nil || !strings.Contains(p.Text, "tls.key are no certificate with its key") {
		t.Errorf("the problem is %+v", p)
	}
	if err := os.Remove(k.path("tls.crt")); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		k.look(false)
	}
	k.want("no certificate", "one", 2)
	k.write("tls.crt", one.Certificate)
	k.write("tls.key", one.Key)
	k.write("ca.crt", []byte("nonsense"))
	k.look(true)
	k.want("no authority, and someone asked", "one", 3)
	k.look(false)
	k.look(true)
	k.want("the same", "one", 3)
	k.write("ca.crt", ca.Certificate)
	k.look(false)
	k.want("as it was", "one", 3)
	if p := k.Problem(); p != nil {
		t.Errorf("the problem is still %+v", p)
	}
	if done, refused := k.Reloads(); done != 0 || refused != 3 {
		t.Errorf("counted %d and %d", done, refused)
	}
}

// Kubernetes mounts secrets behind a link ..data, which it turns round to a new folder; the files are links through it.
func TestALinkThatIsTurnedRoundReplacesAllFilesAtOnce(t *testing.T) {
	ca := authority(t, time.Hour)
	dir := t.TempDir()
	version := func(name string, i Issued) {
		folder := filepath.Join(dir, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string][]byte{"tls.crt": i.Certificate, "tls.key": i.Key} {
			if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		next := filepath.Join(dir, "..data_tmp")
		if err := errors.Join(os.Symlink(name, next), os.Rename(next, filepath.Join(dir, "..data"))); err != nil {
			t.Fatal(err)
		}
	}
	version("..1", issue(t, ca, "one", time.Hour, "h"))
	for _, file := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink(filepath.Join("..data", file), filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	k, err := Open(Files{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	version("..2", issue(t, ca, "two", time.Hour, "h"))
	k.look(false)
	if c, _ := k.Server().GetConfigForClient(nil); c.Certificates[0].Leaf.Subject.CommonName != "two" {
		t.Errorf("%s is in use", c.Certificates[0].Leaf.Subject.CommonName)
	}
	if k.Links() != nil {
		t.Error("links are TLS without authorities")
	}
}

func TestFilesAreLookedAtEverySecondSecondAndWhenAsked(t *testing.T) {
	ca := authority(t, time.Hour)
	one, two, three := issue(t, ca, "one", time.Hour, "h"), issue(t, ca, "two", time.Hour, "h"), issue(t, ca, "three", time.Hour, "h")
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, one, nil)
		ctx, cancel := context.WithCancel(t.Context())
		reload := make(chan os.Signal)
		var running sync.WaitGroup
		running.Go(func() { k.Run(ctx, reload) })
		k.write("tls.crt", two.Certificate)
		k.write("tls.key", two.Key)
		time.Sleep(pollInterval)
		synctest.Wait()
		if got := k.serves(); got != "two" {
			t.Errorf("after %v %s is in use", pollInterval, got)
		}
		k.write("tls.crt", three.Certificate)
		k.write("tls.key", three.Key)
		reload <- syscall.SIGHUP
		synctest.Wait()
		if got := k.serves(); got != "three" {
			t.Errorf("asked to look, %s is in use", got)
		}
		cancel()
		running.Wait()
	})
}

func TestWhatCannotBeServedIsRefusedAtTheStart(t *testing.T) {
	ca := authority(t, time.Hour)
	one, two := issue(t, ca, "one", time.Hour, "h"), issue(t, ca, "two", time.Hour, "h")
	dir := t.TempDir()
	path := func(name string, text []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	cert, key, other := path("c", one.Certificate), path("k", one.Key), path("o", two.Key)
	broken := path("broken", []byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"))
	for want, f := range map[string]Files{
		"none: no such file":              {Certificate: filepath.Join(dir, "none"), Key: key},
		"are no certificate with its key": {Certificate: cert, Key: other},
		"holds no certificate in PEM":     {Certificate: cert, Key: key, Authorities: key},
		"cannot be read":                  {Certificate: cert, Key: key, Authorities: broken},
		"more than 1048576 bytes":         {Certificate: path("long", make([]byte, maxFileBytes+1)), Key: key},
	} {
		if _, err := Open(f, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	var log bytes.Buffer
	late, err := Issue(ca, Request{Name: "late", Hosts: []string{"h"}, Now: time.Now().Add(-2 * time.Minute), Valid: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Files{Certificate: path("late", late.Certificate), Key: path("latekey", late.Key)}, slog.New(slog.NewTextHandler(&log, nil))); err != nil || !strings.Contains(log.String(), "has expired") {
		t.Errorf("%v; it says %q", err, log.String())
	}
}

// Whoever has a certificate of the authorities is served, and dials; nobody else.
func TestWithAuthoritiesBothSidesShowACertificate(t *testing.T) {
	ca, other := authority(t, time.Hour), authority(t, time.Hour)
	k := keep(t, issue(t, ca, "one", time.Hour, "127.0.0.1"), ca.Certificate)
	l, err := tls.Listen("tcp", "127.0.0.1:0", k.Server())
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				_, _ = c.Write([]byte("served"))
			})
		}
	})
	defer serving.Wait()
	defer func() { _ = l.Close() }()
	said := func(c net.Conn, err error) (string, error) {
		if err != nil {
			return "", err
		}
		defer func() { _ = c.Close() }()
		b := make([]byte, 16)
		n, err := c.Read(b)
		return string(b[:n]), err
	}
	if got, err := said(k.Dial(t.Context(), "tcp", l.Addr().String())); got != "served" {
		t.Errorf("an agent is answered %q, %v", got, err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.Certificate)
	for name, pairs := range map[string][]tls.Certificate{"without a certificate": nil, "of another authority": {pairOf(t, issue(t, other, "x", time.Hour))}} {
		d := tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: pairs}}
		if got, err := said(d.DialContext(t.Context(), "tcp", l.Addr().String())); err == nil {
			t.Errorf("%s: answered %q", name, got)
		}
	}
	stranger := keep(t, issue(t, other, "x", time.Hour, "127.0.0.1"), other.Certificate)
	if got, err := said(stranger.Dial(t.Context(), "tcp", l.Addr().String())); err == nil {
		t.Errorf("an agent of others is answered %q", got)
	}
	if links := k.Links(); links == nil {
		t.Error("links are not TLS")
	} else if c, err := links.GetConfigForClient(nil); err != nil || c.RootCAs == nil || c.ClientCAs == nil || len(c.Certificates) != 1 {
		t.Errorf("links are given %+v, %v", c, err)
	}
}

func pairOf(t *testing.T, i Issued) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.Certificate, i.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
