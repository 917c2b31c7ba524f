package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/musterhq/muster/catalog"
)

// errAnswer is an answer that is not one of the health service.
var errAnswer = errors.New("probe: not an answer of the gRPC health service")

// servingNames are the statuses of grpc.health.v1, by number.
var servingNames = [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}

// maxAnswer bounds a health answer: it holds one number.
const maxAnswer = 4 << 10

// serving is the gRPC check: the standard health service, asked for the service behind the slash, or for the server.
// It speaks HTTP/2 by net/http and writes the two fields there are by hand, which spares the node a gRPC stack.
func serving(ctx context.Context, c *catalog.Check) (catalog.CheckStatus, string) {
	target, service, _ := strings.Cut(c.GRPC, "/")
	t := transport(c)
	defer t.CloseIdleConnections()
	t.Protocols = new(http.Protocols)
	scheme := "http"
	if c.TLS {
		scheme = "https"
		t.Protocols.SetHTTP2(true)
	} else {
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+target+"/grpc.health.v1.Health/Check",
		bytes.NewReader(healthRequest(service)))
	if err != nil {
		return catalog.CheckCritical, err.Error()
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	req.Header.Set("User-Agent", userAgent)
	resp, err := t.RoundTrip(req)
	if err != nil {
		return catalog.CheckCritical, fmt.Sprintf("gRPC check %s: %v", c.GRPC, err)
	}
	defer resp.Body.Close() //nolint:errcheck // Only read from.
	status, err := healthAnswer(resp)
	switch {
	case err != nil:
		return catalog.CheckCritical, fmt.Sprintf("gRPC check %s: %v", c.GRPC, err)
	case status != "SERVING":
		return catalog.CheckCritical, fmt.Sprintf("gRPC check %s: serving status: %s", c.GRPC, status)
	default:
		return catalog.CheckPassing, fmt.Sprintf("gRPC check %s: success", c.GRPC)
	}
}

// healthRequest is HealthCheckRequest{service: field 1}, framed: a byte for "not compressed" and four for the length.
func healthRequest(service string) []byte {
	var msg []byte
	if service != "" {
		msg = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(msg))), msg...)
}

// healthAnswer is the serving status in a response, by name. The error says what the server said instead.
func healthAnswer(resp *http.Response) (string, error) {
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%w: %s", errAnswer, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // Trailers come after the body.
	if err != nil {
		return "", err
	}
	code, message := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if code == "" { // An answer without a body has them in front.
		code, message = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	if code != "0" {
		return "", fmt.Errorf("%w: code %q, %q", errAnswer, code, message)
	}
	return servingStatus(body)
}

// servingStatus reads a framed HealthCheckResponse{status: field 1}. Fields that it does not know are skipped.
func servingStatus(frame []byte) (string, error) {
	if len(frame) < 5 || frame[0] != 0 || uint64(binary.BigEndian.Uint32(frame[1:])) != uint64(len(frame)-5) {
		return "", fmt.Errorf("%w: %d bytes", errAnswer, len(frame))
	}
	status := uint64(0)
	for msg := frame[5:]; len(msg) > 0; {
		tag, n := binary.Uvarint(msg)
		if n <= 0 {
			return "", errAnswer
		}
		msg = msg[n:]
		var size int
		switch tag & 7 {
		case 0:
			v, n := binary.Uvarint(msg)
			if n <= 0 {
				return "", errAnswer
			}
			if tag>>3 == 1 {
				status = v
			}
			size = n
		case 1:
			size = 8
		case 2:
			length, n := binary.Uvarint(msg)
			if n <= 0 || length > uint64(len(msg)) {
				return "", errAnswer
			}
			size = n + int(length)
		case 5:
			size = 4
		default:
			return "", errAnswer
		}
		if size > len(msg) {
			return "", errAnswer
		}
		msg = msg[size:]
	}
	if status >= uint64(len(servingNames)) {
		return "", fmt.Errorf("%w: status %d", errAnswer, status)
	}
	return servingNames[status], nil
}
