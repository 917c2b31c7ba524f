package nacos

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
)

var jsonType = []string{"application/json;charset=UTF-8"}

// ok answers a write that was taken.
func (c *call) ok() error {
	Refuse(c.w, http.StatusOK, "ok")
	return nil
}

// answer answers 200 with a value as JSON.
func (c *call) answer(v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return c.send(b)
}

// send answers 200 with what is encoded already.
func (c *call) send(parts ...[]byte) error {
	size := 0
	for _, b := range parts {
		size += len(b)
	}
	h := c.w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(size)}
	c.w.WriteHeader(http.StatusOK)
	for _, b := range parts {
		_, _ = c.w.Write(b) // A client that is gone needs no answer.
	}
	return nil
}

// encode is JSON without escapes for HTML, which is what Java writes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
