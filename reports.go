package muster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/frame"
)

// reportFields is how many values a report is in a packet of kindReports, which carries reports of TTL checks to their home:
// [namespace, service, id, check, status, output, ...].
const reportFields = 6

// errReports is a packet of reports that cannot be read. Nothing was counted of it.
var errReports = errors.New("muster: malformed check reports")

// appendReports makes one packet with as many of reports as fit maxBytes, at least one, and returns the rest.
func appendReports(reports []CheckReport, maxBytes int) (packet []byte, rest []CheckReport) {
	n, size := 0, frame.HeaderSize+5
	for n < len(reports) {
		p := &reports[n]
		if size += len(p.Key.Namespace) + len(p.Key.Service) + len(p.Key.ID) + len(p.Check) + len(p.Output) + 18; size > maxBytes && n > 0 {
			break
		}
		n++
	}
	buf, enc := newPacket(kindReports, reportFields*n)
	for i := range reports[:n] {
		p := &reports[i]
		for _, s := range []string{p.Key.Namespace, p.Key.Service, p.Key.ID, p.Check} {
			_ = enc.EncodeString(s)
		}
		_ = enc.EncodeUint(uint64(p.Status))
		_ = enc.EncodeString(p.Output)
	}
	return buf.Bytes(), reports[n:]
}

// decodeReports reads what appendReports wrote.
func decodeReports(b []byte) ([]CheckReport, error) {
	r, dec, n, err := openPacket(b, kindReports, reportFields)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errReports, err)
	}
	var reports []CheckReport
	for range n {
		var p CheckReport
		for _, to := range []struct {
			s           *string
			least, most int
		}{
			{&p.Key.Namespace, 1, catalog.MaxNameBytes},
			{&p.Key.Service, 1, catalog.MaxNameBytes},
			{&p.Key.ID, 1, catalog.MaxNameBytes},
			{&p.Check, 1, catalog.MaxCheckIDBytes},
		} {
			if *to.s, err = readText(dec, r, to.least, to.most); err != nil {
				return nil, fmt.Errorf("%w: %w", errReports, err)
			}
		}
		status, err := dec.DecodeUint64()
		if err == nil && (status == 0 || status > uint64(CheckCritical)) {
			err = fmt.Errorf("a status of %d", status)
		}
		if err == nil {
			p.Status = CheckStatus(status)
			p.Output, err = readText(dec, r, 0, catalog.MaxOutput)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errReports, err)
		}
		reports = append(reports, p)
	}
	if err := closePacket(r); err != nil {
		return nil, fmt.Errorf("%w: %w", errReports, err)
	}
	return reports, nil
}

// readText reads a text of so many bytes. It takes no memory before they are known to be there.
func readText(dec *msgpack.Decoder, r *bytes.Reader, least, most int) (string, error) {
	length, err := dec.DecodeBytesLen()
	switch {
	case err != nil:
		return "", err
	case length < least || length > min(most, r.Len()):
		return "", fmt.Errorf("a text of %d bytes, want %d to %d of the %d left", length, least, most, r.Len())
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	if !utf8.Valid(text) {
		return "", errors.New("a text that is not UTF-8")
	}
	return string(text), nil
}
