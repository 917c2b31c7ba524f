package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// Asker asks members by their APIs. The zero Asker does so by HTTP, with http.DefaultClient.
type Asker struct {
	// Client sends the requests; nil is http.DefaultClient.
	Client *http.Client
	// Scheme is that of the members' APIs, "http" or "https"; empty is "http".
	Scheme string
}

const (
	askTimeout    = 3 * time.Second
	askAtOnce     = 16
	maxAnswer     = 16 << 20
	betweenLooks  = time.Second
	pathOfTheNode = "/api/v1/node"
)

// Ask fills in what f lacks of the other members that are alive: their answers, and what this node, which info describes,
// held at the same times. If all agree at the first look there is no second.
func (a Asker) Ask(ctx context.Context, f *Facts, info func() muster.NodeInfo) {
	for _, m := range f.alive() {
		if !m.Self {
			f.Answers = append(f.Answers, Answer{Member: m.Name, HTTP: m.HTTP})
		}
	}
	if len(f.Answers) == 0 {
		return
	}
	look := func() *muster.CatalogInfo {
		var asking sync.WaitGroup
		slots := make(chan struct{}, askAtOnce) // Full: the next one waits.
		for i := range f.Answers {
			asking.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				a.one(ctx, &f.Answers[i])
			})
		}
		asking.Wait()
		own := info().Catalog
		return &own
	}
	f.First = look()
	if f.agree() {
		return
	}
	wait := time.NewTimer(betweenLooks)
	defer wait.Stop()
	select {
	case <-wait.C:
		f.Second = look()
	case <-ctx.Done():
	}
}

// agree reports whether all who answered held the same at the first look.
func (f *Facts) agree() bool {
	for _, x := range f.Answers {
		if x.First != nil && (x.First.Hash != f.First.Hash || !maps.Equal(x.First.Vector, f.First.Vector)) {
			return false
		}
	}
	return true
}

// one asks a member, for the first time or again. Who has not answered before is not waited for twice.
func (a Asker) one(ctx context.Context, x *Answer) {
	if x.HTTP == "" || x.Problem != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	began := time.Now()
	info, err := a.fetch(ctx, x.HTTP)
	took := time.Since(began)
	if err == nil && info.Name != x.Member {
		err = fmt.Errorf("node %q answers there", info.Name)
	}
	if err != nil {
		x.Problem, x.Unverified = words(err), unverified(err)
		return
	}
	if !info.Time.IsZero() && (!x.Clock || took/2 < x.Error) {
		x.Offset, x.Error, x.Clock = info.Time.Sub(began.Add(took/2)), took/2, true
	}
	if x.First == nil {
		x.First = &info.Catalog
	} else {
		x.Second = &info.Catalog
	}
}

func (a Asker) fetch(ctx context.Context, address string) (info muster.NodeInfo, err error) {
	client, scheme := a.Client, a.Scheme
	if client == nil {
		client = http.DefaultClient
	}
	if scheme == "" {
		scheme = "http"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+pathOfTheNode, nil)
	if err != nil {
		return info, err
	}
	res, err := client.Do(req)
	if err != nil {
		return info, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return info, err
	}
	if res.StatusCode != http.StatusOK {
		return info, fmt.Errorf("it answers %s", res.Status)
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return info, errors.New("it does not answer as a Muster node does")
	}
	return info, nil
}

// words is the reason of a failed request, without what the request was.
func words(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("it has not answered within %v", askTimeout)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}

// unverified reports whether a request failed because the other side's certificate is of an authority unknown here.
func unverified(err error) bool {
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	return unknown && verification
}
