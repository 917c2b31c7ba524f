package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// remote is a node as its API shows it. Its errors lead to the exit status that they should: see exit.go. Safe for any
// number of goroutines.
type remote struct {
	scheme  string
	base    string // without slash at the end
	token   string
	timeout time.Duration
	tls     *tls.Config // nil for the usual one
	http    *http.Client
}

const maxAnswerBytes = 1 << 30

func newRemote(scheme, base, token string, timeout time.Duration, secure *tls.Config) *remote {
	return &remote{scheme: scheme, base: base, token: token, timeout: timeout, tls: secure, http: &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: timeout}).DialContext,
			TLSClientConfig:       secure,
			TLSHandshakeTimeout:   timeout,
			ResponseHeaderTimeout: timeout,
			MaxIdleConnsPerHost:   2,
			IdleConnTimeout:       time.Minute,
		},
	}}
}

// close lets go of idle connections.
func (r *remote) close() { r.http.CloseIdleConnections() }

// at is the same client for another node; address is host:port, as members are told.
func (r *remote) at(address string) *remote {
	other := *r
	other.base = r.scheme + "://" + address
	return &other
}

// within is the same client with a time-out of at most that.
func (r *remote) within(d time.Duration) *remote {
	other := *r
	other.timeout = min(r.timeout, d)
	return &other
}

// get asks and decodes the answer into out; it returns the answer as it came.
func (r *remote) get(ctx context.Context, path string, query url.Values, out any) ([]byte, error) {
	return r.call(ctx, http.MethodGet, path, query, nil, out)
}

// call sends a request with a JSON body, none if body is nil, and decodes the answer into out unless that is nil or the
// answer is empty. It returns the answer as it came.
func (r *remote) call(ctx context.Context, method, path string, query url.Values, body, out any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	res, err := r.open(ctx, method, path, query, body, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	if err != nil {
		return nil, r.unreachable(err)
	}
	if len(answer) > maxAnswerBytes {
		return nil, fmt.Errorf("%s answered with more than %d bytes", r.base, maxAnswerBytes)
	}
	if out != nil && len(answer) > 0 {
		if err := json.Unmarshal(answer, out); err != nil {
			return nil, fmt.Errorf("%s did not answer as a Muster node does: %w", r.base, err)
		}
	}
	return answer, nil
}

// open sends a request and returns the answer if it is 2xx, its body unread; else the error that it is.
func (r *remote) open(ctx context.Context, method, path string, query url.Values, body any, header http.Header) (*http.Response, error) {
	target := r.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return nil, r.unreachable(err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	return nil, r.refusal(res)
}

// unreachable is the error of a request that got no answer.
func (r *remote) unreachable(err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("the request to %s was interrupted: %w", r.base, err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failed(exitTimedOut, "%s did not answer within %s: it may be overloaded or stopped; try --timeout", r.base, r.timeout)
	case untrusted(err):
		return failed(exitUnreachable, "%s has a certificate of an authority that is unknown here: give that with --ca-file or MUSTER_CA_FILE", r.base)
	case wantsCertificate(err):
		return failed(exitNotAllowed, "%s wants another certificate than it was shown, or one at all: give it with --client-cert and --client-key", r.base)
	default:
		return failed(exitUnreachable, "cannot reach %s: %s: is an agent running there? start one with: muster agent", r.base, cause(err))
	}
}

// untrusted reports whether a node's certificate is of an authority that is unknown here.
func untrusted(err error) bool {
	_, is := errors.AsType[x509.UnknownAuthorityError](err)
	return is
}

// wantsCertificate reports whether a node has refused the client's certificate, or that there is none. The alerts of TLS over
// TCP have no type of their own to be known by.
func wantsCertificate(err error) bool {
	e, is := errors.AsType[*net.OpError](err)
	return is && e.Op == "remote error" && strings.Contains(e.Err.Error(), "certificate")
}

// cause is the innermost reason of a network error, in words.
func cause(err error) string {
	if e, ok := errors.AsType[*os.SyscallError](err); ok {
		return e.Err.Error()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Name + ": " + e.Err
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// problem is what a node says when it refuses, as in RFC 9457.
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
}

// refusal is the error of an answer that is none.
func (r *remote) refusal(res *http.Response) error {
	var p problem
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || json.Unmarshal(body, &p) != nil || p.Code == "" {
		p = problem{}
	}
	why := p.Detail
	if why == "" {
		why = p.Title
	}
	switch {
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return failed(exitNotAllowed, "%s does not allow it%s: give a token that may with --token or MUSTER_TOKEN", r.base, after(why))
	case p.Code == "" && strings.Contains(string(body), "HTTP request to an HTTPS server"):
		return fmt.Errorf("%s speaks HTTPS: give its URL with https:// to --server", r.base)
	case p.Code == "":
		return fmt.Errorf("%s answered %s: is it a Muster node? check --server", r.base, res.Status)
	case p.Code == "no-such-path":
		return fmt.Errorf("%s does not know this request%s: it may be of another version", r.base, after(why))
	case res.StatusCode == http.StatusNotFound:
		return failed(exitNotFound, "%s", why)
	case res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusUnprocessableEntity:
		return failed(exitUsage, "%s refused it: %s", r.base, why)
	case p.Code == "not-ready":
		return failed(exitFalse, "%s is not ready: %s: try again, or ask another node with --server", r.base, why)
	case res.StatusCode == http.StatusServiceUnavailable:
		return failed(exitUnreachable, "%s does not answer: %s: ask another node with --server", r.base, why)
	case res.StatusCode == http.StatusGatewayTimeout:
		return failed(exitTimedOut, "%s: %s", r.base, why)
	default:
		return fmt.Errorf("%s answered %s%s", r.base, res.Status, after(why))
	}
}

// after is a reason as it is put behind a sentence, nothing if there is none.
func after(why string) string {
	if why == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(why, ".")
}

// The paths of the API.
func pathOfService(service string) string { return "/api/v1/services/" + url.PathEscape(service) }

func pathOfInstance(service, id string) string {
	return pathOfService(service) + "/instances/" + url.PathEscape(id)
}

const (
	pathServices = "/api/v1/services"
	pathRegister = "/api/v1/services/instances"
	pathMembers  = "/api/v1/members"
	pathNode     = "/api/v1/node"
	pathDoctor   = "/api/v1/doctor"
	pathRecords  = "/api/v1/records"
	pathPreserve = "/api/v1/self-preservation"
	pathWatch    = "/api/v1/watch"
	pathLeave    = "/api/v1/leave"
)

// inNamespace is the query of requests about one namespace, empty for the default one.
func inNamespace(namespace string) url.Values {
	if namespace == "" {
		return nil
	}
	return url.Values{"namespace": {namespace}}
}

func pathOfMember(name string) string { return pathMembers + "/" + url.PathEscape(name) }
