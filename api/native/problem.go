package native

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/musterhq/muster"
)

// Codes of problems: what a program branches on. Once given a meaning, a code keeps it.
const (
	codeMalformed   = "malformed-json"
	codeParameter   = "invalid-parameter"
	codeField       = "invalid-field"
	codeNotFound    = "instance-not-found"
	codeNoCheck     = "check-not-found"
	codeNotTTL      = "not-a-ttl-check"
	codeNoMember    = "member-not-found"
	codeNoWAN       = "no-wan-pool"
	codeNoRoute     = "no-such-path"
	codeMethod      = "method-not-allowed"
	codeAmbiguous   = "ambiguous-id"
	codeAlive       = "member-alive"
	codeTooLarge    = "body-too-large"
	codeMediaType   = "unsupported-media-type"
	codeCrossOrigin = "cross-origin"
	codeNotReady    = "not-ready"
	codeClosed      = "closed"
	codeTooMany     = "too-many-waiting"
	codeTimeout     = "timed-out"
	codeInternal    = "internal"
)

// kind is what all problems of one code have in common.
type kind struct {
	status int
	title  string
	retry  bool   // the same request may succeed soon, here or at another node
	advice string // what to do about it
}

var kinds = map[string]kind{
	codeMalformed:   {400, "The body is not valid JSON", false, "The detail says where the text stops making sense. Nothing has been changed."},
	codeParameter:   {400, "A query parameter cannot be taken", false, "The fields name every parameter at fault. Parameters that are not known are refused, so that a misspelt filter does not pass for none."},
	codeField:       {422, "The body has fields that cannot be taken", false, "The fields name every field at fault. Nothing has been changed."},
	codeNotFound:    {404, "No such instance", false, "A client that renews a lease has to register again: the instance was deregistered, or its lease expired, or this registry never had it."},
	codeNoCheck:     {404, "No such check", false, "The instance is there, without a check of that id: GET the instance to see those that it has."},
	codeNotTTL:      {409, "The check is not reported by its client", false, "Only TTL checks are reported. A node runs all others by itself."},
	codeNoMember:    {404, "No such member", false, "GET /api/v1/members lists the members that this node knows."},
	codeNoWAN:       {404, "This node is in no WAN pool", false, "Ask a gateway: a node that was started with an address for the WAN pool."},
	codeNoRoute:     {404, "No such path", false, "GET /openapi.json describes every path there is."},
	codeMethod:      {405, "The path does not take this method", false, "The Allow header lists the methods that it takes."},
	codeAmbiguous:   {409, "Several services have an instance of that id", false, "Name the service too."},
	codeAlive:       {409, "The member is alive", false, "Only a member that has failed or left can be forgotten. POST /api/v1/leave at the member itself makes it leave."},
	codeTooLarge:    {413, "The body is too large", false, "A registration is at most 16 KiB of text; send no more than it needs."},
	codeMediaType:   {415, "The body is not declared as JSON", false, "Send Content-Type: application/json."},
	codeCrossOrigin: {403, "A page of another origin may not change the registry", false, "Browsers may write only from this node's own pages. Programs are not affected: they send no Origin header."},
	codeNotReady:    {503, "This node is not ready yet", true, "It has not loaded the registry from its peers, and does not answer with half of it. Ask another node, or try again."},
	codeClosed:      {503, "This node is leaving", true, "Ask another node."},
	codeTooMany:     {503, "Too many clients are waiting at this node", true, "Ask another node, or try again."},
	codeTimeout:     {504, "The node did not answer in time", true, "Whether anything has been changed is not known; the same request may be repeated."},
	codeInternal:    {500, "Something went wrong in this node", false, "The node's log has the cause, under the request's id."},
}

// Problem is a problem document as in RFC 9457. It is an error, so that handlers can return it. The zero Problem is none;
// the functions of this package that return one make all of it but what Write knows of the request.
type Problem struct { //nolint:errname // the name that RFC 9457 gives it
	// Type is a reference to the problem's explanation: /problems/CODE.
	Type string `json:"type"`
	// Title is the same for all problems of a code, Detail speaks of this one.
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Instance is the path of the request.
	Instance string `json:"instance"`
	Code     string `json:"code"`
	// Fields are the fields or parameters at fault.
	Fields    []Field `json:"fields,omitempty"`
	RequestID string  `json:"requestId,omitempty"`
}

// Field is one field or parameter at fault; Problem completes the sentence that begins with its name.
type Field struct {
	Field   string `json:"field"`
	Problem string `json:"problem"`
}

// Error is the title and the detail.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

func newProblem(code, detail string) *Problem {
	k := kinds[code]
	return &Problem{Type: "/problems/" + code, Title: k.title, Status: k.status, Detail: detail, Code: code}
}

func parameterProblem(fields ...Field) *Problem { return fieldProblem(codeParameter, fields) }

func fieldProblem(code string, fields []Field) *Problem {
	said := make([]string, len(fields))
	for i, f := range fields {
		said[i] = f.Field + " " + f.Problem
	}
	p := newProblem(code, strings.Join(said, "; "))
	p.Fields = fields
	return p
}

// NoRoute is the problem of a path that does not exist.
func NoRoute(path string) *Problem {
	return newProblem(codeNoRoute, "there is nothing at "+path)
}

// MethodNotAllowed is the problem of a path that exists, for other methods.
func MethodNotAllowed(method, path string) *Problem {
	return newProblem(codeMethod, path+" does not take "+method)
}

// CrossOrigin is the problem of a browser that was sent by a page of another origin.
func CrossOrigin(origin string) *Problem {
	return newProblem(codeCrossOrigin, fmt.Sprintf("the request comes from a page of origin %q", origin))
}

// Internal is the problem of an error that is ours; what it was is for the log, not for the client.
func Internal() *Problem {
	return newProblem(codeInternal, "the request could not be answered")
}

// Explain is what to do about the problems of a code; false if there are none of that code.
func Explain(code string) (title, advice string, status int, ok bool) {
	k, ok := kinds[code]
	return k.title, k.advice, k.status, ok
}

// problemOf is the table from the errors of a node, and of reading a request, to problems.
func problemOf(err error) *Problem {
	if invalid, ok := errors.AsType[*muster.InvalidError](err); ok {
		return fieldProblem(codeField, fieldsOf(invalid))
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return newProblem(codeTooLarge, fmt.Sprintf("the body is more than %d bytes", large.Limit))
	}
	switch {
	case errors.Is(err, muster.ErrNotFound):
		return newProblem(codeNotFound, "no such instance is registered")
	case errors.Is(err, muster.ErrUnknownMember):
		return newProblem(codeNoMember, "no member has that name")
	case errors.Is(err, muster.ErrMemberAlive):
		return newProblem(codeAlive, "a member that is alive cannot be forgotten")
	case errors.Is(err, muster.ErrNotReady):
		return newProblem(codeNotReady, "this node has not caught up with its peers yet")
	case errors.Is(err, muster.ErrClosed):
		return newProblem(codeClosed, "this node has left the cluster")
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(codeTimeout, "the node took too long")
	default:
		return Internal()
	}
}

func fieldsOf(invalid *muster.InvalidError) []Field {
	fields := make([]Field, len(invalid.Fields))
	for i, f := range invalid.Fields {
		fields[i] = Field(f)
	}
	return fields
}

// Write answers a request with the problem. The request's id is the one that the answer's header carries.
func (p *Problem) Write(w http.ResponseWriter, r *http.Request) {
	out := *p
	out.Instance, out.RequestID = r.URL.EscapedPath(), w.Header().Get(headerRequestID)
	if out.Fields != nil {
		out.Fields = slices.Clone(out.Fields)
	}
	body, err := json.Marshal(&out)
	if err != nil { // strings and numbers always can be encoded
		http.Error(w, p.Title, p.Status)
		return
	}
	h := w.Header()
	h.Set(headerType, "application/problem+json")
	h.Set(headerCache, "no-store")
	if kinds[p.Code].retry {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone needs no answer
}
