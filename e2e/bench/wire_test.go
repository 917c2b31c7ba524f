package main

import (
	"errors"
	"net"
	"strings"
	"testing"
)

// served answers one request on a pipe with the given bytes, and returns what the client makes of it.
func served(t *testing.T, keep bool, answer string) (c *wireConn, status int, err error) {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() {
		buf := make([]byte, 1024)
		_, _ = theirs.Read(buf)
		_, _ = theirs.Write([]byte(answer))
		_ = theirs.Close()
	}()
	c = newWireConn(ours)
	c.keep = keep
	defer c.close()
	status, err = c.do(request("GET", "/", nil))
	return c, status, err
}

func TestAnswersAreReadWhateverTheirForm(t *testing.T) {
	for _, c := range []struct {
		name, answer string
		status       int
		body         string
	}{
		{"no body", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
		{"a length", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
		{"a length in small letters", "HTTP/1.1 201 Created\r\ncontent-length:2\r\n\r\nok", 201, "ok"},
		{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n, my world\r\n0\r\n\r\n", 200, "hello, my world"},
	} {
		for _, keep := range []bool{false, true} {
			conn, status, err := served(t, keep, c.answer)
			if err != nil || status != c.status {
				t.Errorf("%s: status %d, error %v", c.name, status, err)
			}
			if keep && string(conn.body) != c.body {
				t.Errorf("%s: body %q, want %q", c.name, conn.body, c.body)
			}
			if conn.r.Buffered() > 0 {
				t.Errorf("%s: %d bytes are left over", c.name, conn.r.Buffered())
			}
		}
	}
}

func TestHeadersOfAnAnswerAreKeptIfAskedFor(t *testing.T) {
	c, _, err := served(t, true, "HTTP/1.1 200 OK\r\nEtag: \"x\"\r\nContent-Length: 0\r\n\r\n")
	if err != nil || c.head.Get("ETag") != `"x"` {
		t.Errorf("headers %v, error %v", c.head, err)
	}
}

func TestWhatIsNotAnAnswerIsAnError(t *testing.T) {
	for _, answer := range []string{
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/1.1 abc\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
	} {
		if _, _, err := served(t, false, answer); !errors.Is(err, errAnswer) {
			t.Errorf("%q: %v", answer, err)
		}
	}
	for _, answer := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"} {
		if _, _, err := served(t, false, answer); err == nil || errors.Is(err, errAnswer) {
			t.Errorf("%q: %v", answer, err)
		}
	}
}

func TestRequestsSayHowLongTheirBodyIs(t *testing.T) {
	got := string(request("POST", "/x", []byte(`{}`)))
	if !strings.HasPrefix(got, "POST /x HTTP/1.1\r\n") || !strings.Contains(got, "\r\nContent-Length: 2\r\n") || !strings.HasSuffix(got, "\r\n\r\n{}") {
		t.Errorf("got %q", got)
	}
}
