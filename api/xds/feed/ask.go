package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// patience is how long a node may take to answer, beyond what it was asked to wait.
	patience = 5 * time.Second
	// maxAnswerBytes bounds an answer.
	maxAnswerBytes = 64 << 20
)

// errRefused is an answer of 400 to 499: the request is not for this node.
var errRefused = errors.New("feed: refused")

// asker asks one node after the other until one answers, beginning with the one that answered last. Safe for any number of
// goroutines.
type asker struct {
	nodes  []string
	token  string
	client *http.Client

	mu    sync.Mutex
	first map[string]int // by path, which node answered last
}

func newAsker(nodes []string, token string) *asker {
	a := &asker{token: token, first: map[string]int{}}
	for _, n := range nodes {
		if !strings.Contains(n, "://") {
			n = "http://" + n
		}
		a.nodes = append(a.nodes, strings.TrimSuffix(n, "/"))
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
	a.client = &http.Client{Transport: transport}
	return a
}

func (a *asker) close() { a.client.CloseIdleConnections() }

// get asks for a path. query says for a node what to ask and how long it may wait; read takes the body of an answer of
// 200, and if its error is not nil the node is no Muster node. The error joins those of all nodes; it is errRefused if one
// of them refused, since that one is well.
func (a *asker) get(ctx context.Context, path string, query func(node string) (url.Values, time.Duration), read func([]byte) error) (node string, header http.Header, err error) {
	a.mu.Lock()
	first := a.first[path]
	a.mu.Unlock()
	var errs []error
	for _, n := range slices.Concat(a.nodes[first:], a.nodes[:first]) {
		q, wait := query(n)
		header, err := a.one(ctx, n+path+"?"+q.Encode(), wait+patience, read)
		if err == nil {
			a.mu.Lock()
			a.first[path] = slices.Index(a.nodes, n)
			a.mu.Unlock()
			return n, header, nil
		}
		if ctx.Err() != nil {
			return "", nil, ctx.Err()
		}
		errs = append(errs, fmt.Errorf("%s: %w", n, err))
	}
	return "", nil, errors.Join(errs...)
}

func (a *asker) one(ctx context.Context, target string, limit time.Duration, read func([]byte) error) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "muster-xds")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes+1))
	switch {
	case err != nil:
		return nil, err
	case res.StatusCode/100 == 4:
		return nil, fmt.Errorf("%w: status %d: %.200s", errRefused, res.StatusCode, body)
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("status %d: %.200s", res.StatusCode, body)
	case len(body) > maxAnswerBytes:
		return nil, fmt.Errorf("more than %d bytes", maxAnswerBytes)
	case res.Header.Get("Muster-Node") == "":
		return nil, errors.New("not a Muster node")
	}
	return res.Header, read(body)
}
