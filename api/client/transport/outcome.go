package transport

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/musterhq/muster/api/client/balance"
)

// again reports whether a request that got no answer may be sent once more.
func again(req *http.Request, err error) bool {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return false // its body has been read
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true // it was never sent
	}
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, ok := req.Header["Idempotency-Key"]
	_, alike := req.Header["X-Idempotency-Key"]
	return ok || alike
}

// answered reports the outcome when the answer has been read, so that a long one counts as outstanding as long.
func (s *service) answered(id string, res *http.Response) {
	outcome := balance.Success
	if res.StatusCode >= http.StatusInternalServerError {
		outcome = balance.Failure
	}
	report := sync.OnceFunc(func() { s.balancer.Report(time.Now(), id, outcome) })
	if w, ok := res.Body.(io.ReadWriteCloser); ok { // a connection that changes its protocol
		res.Body = &upgraded{w, report}
		return
	}
	res.Body = &body{res.Body, report}
}

type body struct {
	io.ReadCloser
	done func()
}

func (b *body) Close() error {
	b.done()
	return b.ReadCloser.Close()
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done()
	}
	return n, err
}

type upgraded struct {
	io.ReadWriteCloser
	done func()
}

func (u *upgraded) Close() error {
	u.done()
	return u.ReadWriteCloser.Close()
}
