package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/musterhq/muster/catalog"
)

// maxRedirects is how many redirects an HTTP check follows.
const maxRedirects = 10

var errRedirects = errors.New("probe: more than 10 redirects")

// http is the HTTP check: 2xx is passing, 429 a warning, everything else critical.
func (k *Checker) http(ctx context.Context, c *catalog.Check) (catalog.CheckStatus, string) {
	method := c.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, c.HTTP, strings.NewReader(c.Body))
	if err != nil {
		return catalog.CheckCritical, err.Error()
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "text/plain, text/*, */*")
	for name, values := range c.Header {
		if strings.EqualFold(name, "Host") && len(values) > 0 {
			req.Host = values[0]
			continue
		}
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	t := k.plain
	if c.TLSServerName != "" || c.TLSSkipVerify {
		t = transport(c)
	}
	client := http.Client{Transport: t, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		switch {
		case c.NoRedirect:
			return http.ErrUseLastResponse
		case len(via) >= maxRedirects:
			return errRedirects
		default:
			return nil
		}
	}}
	resp, err := client.Do(req)
	if err != nil {
		return catalog.CheckCritical, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // Only read from.
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(outputLimit(c))))
	output := fmt.Sprintf("HTTP %s %s: %s Output: %s", method, c.HTTP, resp.Status, body)
	switch {
	case err != nil:
		return catalog.CheckCritical, output + " (" + err.Error() + ")"
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		return catalog.CheckPassing, output
	case resp.StatusCode == http.StatusTooManyRequests:
		return catalog.CheckWarning, output
	default:
		return catalog.CheckCritical, output
	}
}
