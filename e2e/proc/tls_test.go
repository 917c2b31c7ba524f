package proc

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// authority is the files of an authority that muster tls has made, and of what it has signed: all in one folder.
type authority struct {
	t   *testing.T
	bin string
	dir string
}

func newAuthority(t *testing.T, bin string) *authority {
	t.Helper()
	a := &authority{t: t, bin: bin, dir: t.TempDir()}
	a.make("ca")
	a.make("client", "client")
	return a
}

func (a *authority) make(args ...string) {
	a.t.Helper()
	if out, err := exec.Command(a.bin, append(append([]string{"tls"}, args...), "--dir", a.dir)...).CombinedOutput(); err != nil {
		a.t.Fatalf("muster tls %v: %v\n%s", args, err, out)
	}
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// flags are those of an agent with the certificate of that name.
func (a *authority) flags(name string) []string {
	return []string{"--tls-cert", a.file(name + ".pem"), "--tls-key", a.file(name + "-key.pem"), "--tls-client-ca", a.file("ca.pem")}
}

// config is that of a client.
func (a *authority) config() *tls.Config {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.file("client.pem"), a.file("client-key.pem"))
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := os.ReadFile(a.file("ca.pem"))
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}}
}

// client speaks to agents, over connections that it keeps, by the second version of HTTP or the first.
func (a *authority) client(second bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: a.config(), ForceAttemptHTTP2: second, MaxIdleConnsPerHost: 8}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// commands lets the commands of the binary speak to these agents.
func (a *authority) commands() {
	a.t.Setenv("MUSTER_CA_FILE", a.file("ca.pem"))
	a.t.Setenv("MUSTER_CLIENT_CERT", a.file("client.pem"))
	a.t.Setenv("MUSTER_CLIENT_KEY", a.file("client-key.pem"))
}

// secret is a folder as Kubernetes mounts a secret: files that are links through ..data, which is a link to the folder of
// this version, and is turned round when there is another.
type secret struct {
	a   *authority
	dir string
	n   int
}

func newSecret(a *authority, name string) *secret {
	a.t.Helper()
	s := &secret{a: a, dir: a.t.TempDir()}
	s.put(name)
	for _, file := range []string{"tls.crt", "tls.key", "ca.crt"} {
		if err := os.Symlink(filepath.Join("..data", file), filepath.Join(s.dir, file)); err != nil {
			a.t.Fatal(err)
		}
	}
	return s
}

// put makes the certificate of that name the secret's. The version before goes, as there.
func (s *secret) put(name string) {
	t := s.a.t
	t.Helper()
	s.n++
	version := "..version" + strings.Repeat("i", s.n)
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(s.dir, version), 0o700))
	for file, from := range map[string]string{"tls.crt": name + ".pem", "tls.key": name + "-key.pem", "ca.crt": "ca.pem"} {
		text, err := os.ReadFile(s.a.file(from))
		must(err)
		must(os.WriteFile(filepath.Join(s.dir, version, file), text, 0o600))
	}
	old, _ := os.Readlink(filepath.Join(s.dir, "..data"))
	must(os.Symlink(version, filepath.Join(s.dir, "..data_tmp")))
	must(os.Rename(filepath.Join(s.dir, "..data_tmp"), filepath.Join(s.dir, "..data")))
	if old != "" {
		must(os.RemoveAll(filepath.Join(s.dir, old)))
	}
}

func (s *secret) flags() []string {
	return []string{
		"--tls-cert", filepath.Join(s.dir, "tls.crt"), "--tls-key", filepath.Join(s.dir, "tls.key"),
		"--tls-client-ca", filepath.Join(s.dir, "ca.crt"),
	}
}

// Certificates are replaced under load, by turning a link round, by writing files over one after the other, and at SIGHUP;
// a pair that is none changes nothing. Not one request fails, on connections that are kept or new, by either version of HTTP,
// and a stream that was there before is there afterwards.
func TestCertificatesAreReplacedUnderLoadWithoutOneFailedRequest(t *testing.T) {
	bin := binary(t)
	ca := newAuthority(t, bin)
	ca.commands()
	for _, name := range []string{"first", "second", "third", "fourth"} {
		ca.make("server", name)
	}
	mount := newSecret(ca, "first")
	a := &agent{t: t, name: "n1", bin: bin, client: ca.client(true)}
	a.launch(append([]string{"--bind", "127.0.0.1:0", "--http", "127.0.0.1:0"}, mount.flags()...)...)
	a.waitReady(10 * time.Second)
	a.register("web", "1", "10m")

	long := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config()}}
	watch, err := long.Get(a.http + "/api/v1/watch?service=web")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Body.Close() }()
	seen := &tapeOf{}
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(seen, watch.Body) })

	var answered, failures atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	for i := range 6 {
		c := ca.client(i%2 == 0)
		load.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if i >= 4 {
					c.CloseIdleConnections() // A new connection each time.
				}
				res, err := c.Get(a.http + "/api/v1/services/web")
				if err != nil {
					failures.Add(1)
					t.Errorf("request %d of client %d: %v", n, i, err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if err != nil || res.StatusCode != http.StatusOK {
					failures.Add(1)
					t.Errorf("request %d of client %d: %d, %v", n, i, res.StatusCode, err)
					return
				}
				answered.Add(1)
			}
		})
	}
	until := func(name string) {
		t.Helper()
		a.until(10*time.Second, "serving "+name, func() bool { return served(t, a, ca) == name })
	}
	began := time.Now()
	mount.put("second")
	until("second")
	t.Logf("a link that was turned round was seen after %v", time.Since(began))

	// The files themselves, one after the other, with half of a pair in between for longer than a look takes.
	replace := func(file, from string) {
		t.Helper()
		text, err := os.ReadFile(ca.file(from))
		if err != nil {
			t.Fatal(err)
		}
		next := filepath.Join(mount.dir, "next")
		if err := os.WriteFile(next, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(mount.dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	replace("tls.crt", "third.pem")
	a.until(10*time.Second, "complaining", func() bool { return strings.Contains(a.said(), "certificates not reloaded") })
	out, status := a.cli("doctor")
	if status != 7 || !strings.Contains(out, "node n1: the files of its certificate cannot be used: the old one stays in use") {
		t.Errorf("muster doctor: exit status %d:\n%s", status, out)
	}
	time.Sleep(5 * time.Second)
	if got := served(t, a, ca); got != "second" {
		t.Errorf("with half of a pair it serves %s", got)
	}
	replace("tls.key", "third-key.pem")
	until("third")
	if n := strings.Count(a.said(), "certificates not reloaded"); n != 1 {
		t.Errorf("it complains %d times", n)
	}
	replace("tls.crt", "fourth.pem")
	replace("tls.key", "fourth-key.pem")
	began = time.Now()
	a.signal(syscall.SIGHUP)
	a.until(time.Second, "serving fourth", func() bool { return served(t, a, ca) == "fourth" })
	t.Logf("at SIGHUP it took %v", time.Since(began))

	close(stop)
	load.Wait()
	a.register("web", "2", "10m")
	a.until(5*time.Second, "telling the watcher", func() bool { return strings.Contains(seen.String(), `"id":"2"`) })
	_ = watch.Body.Close()
	reading.Wait()
	long.CloseIdleConnections()
	t.Logf("%d requests answered, %d failed", answered.Load(), failures.Load())
	if answered.Load() < 100 {
		t.Errorf("%d requests are no load", answered.Load())
	}
	metrics := string(a.must("GET", "/metrics", nil, 200))
	for _, want := range []string{`muster_tls_reloads_total{outcome="done"} 3`, `muster_tls_reloads_total{outcome="refused"} 1`, "muster_tls_certificate_expiry_seconds "} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// served is the name of the certificate that a new connection is shown.
func served(t *testing.T, a *agent, ca *authority) string {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(a.http, "https://"), ca.config())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// tapeOf keeps what is written.
type tapeOf struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *tapeOf) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *tapeOf) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// said is all that an agent has printed so far.
func (a *agent) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.String()
}
