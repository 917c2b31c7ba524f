package eureka

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// errEncoding says that a body comes in an encoding that is not taken.
var errEncoding = errors.New("eureka: the content encoding is not gzip")

// readBody reads a request's body and inflates it. The limit holds for what is sent and for what it becomes, so that a
// small body cannot become a large one: then the error is an *http.MaxBytesError.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	sent := http.MaxBytesReader(w, r.Body, limit)
	switch encoding := strings.TrimSpace(r.Header.Get("Content-Encoding")); {
	case encoding == "" || strings.EqualFold(encoding, "identity"):
		return io.ReadAll(sent)
	case !strings.EqualFold(encoding, "gzip"):
		return nil, errEncoding
	}
	z, err := gzip.NewReader(sent)
	if err != nil {
		return nil, gzipError(err)
	}
	b, err := io.ReadAll(io.LimitReader(z, limit+1))
	switch {
	case err != nil:
		return nil, gzipError(err)
	case int64(len(b)) > limit:
		return nil, &http.MaxBytesError{Limit: limit}
	}
	return b, nil
}

// gzipError is what reading a compressed body failed of: its size, or itself.
func gzipError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return malformed("not gzip: %v", err)
}

// decode is the instance in a request's body: XML if it says so, or begins as XML does and says nothing, else JSON.
func decode(r *http.Request, body []byte) (info, error) {
	switch media := r.Header.Get("Content-Type"); {
	case strings.Contains(media, "xml"), !strings.Contains(media, "json") && bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")):
		return decodeXML(body)
	default:
		return decodeJSON(body)
	}
}
