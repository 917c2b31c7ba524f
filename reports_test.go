package muster

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/gossip/frame"
)

func TestReportsSurviveTheWireInMessagesThatFit(t *testing.T) {
	var reports []CheckReport
	for i := range 200 {
		reports = append(reports, CheckReport{
			Key:   Key{Namespace: "default", Service: "s", ID: strconv.Itoa(i)},
			Check: "service:" + strconv.Itoa(i), Status: CheckStatus(1 + i%3), Output: strings.Repeat("ü", i),
		})
	}
	got, messages := []CheckReport(nil), 0
	for rest := reports; len(rest) > 0; messages++ {
		var packet []byte
		packet, rest = appendReports(rest, 1300)
		if len(packet) > 1300 {
			t.Fatalf("a message of %d bytes", len(packet))
		}
		ps, err := decodeReports(packet)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ps...)
	}
	if !slices.Equal(got, reports) || messages < 10 {
		t.Fatalf("%d reports became %d in %d messages", len(reports), len(got), messages)
	}
	long := reports[0]
	long.Output = strings.Repeat("x", catalog.MaxOutput)
	if packet, rest := appendReports([]CheckReport{long, long}, 100); len(rest) != 1 || len(packet) < catalog.MaxOutput {
		t.Fatalf("the first report must go whatever its size: %d bytes, %d left", len(packet), len(rest))
	}
}

func FuzzReports(f *testing.F) {
	packet, _ := appendReports([]CheckReport{
		{Key: Key{Namespace: "default", Service: "s", ID: "1"}, Check: "c", Status: CheckPassing},
		{Key: Key{Namespace: "n", Service: "t", ID: "2"}, Check: "d", Status: CheckCritical, Output: "x"},
	}, 1300)
	f.Add(packet)
	f.Add(packet[:len(packet)-1])
	f.Add(append(slices.Clone(packet), 0))
	f.Add(frame.AppendHeader(nil, kindReports))
	f.Fuzz(func(t *testing.T, b []byte) {
		reports, err := decodeReports(b)
		if err != nil {
			if !errors.Is(err, errReports) || reports != nil {
				t.Fatalf("%d reports and %v", len(reports), err)
			}
			return
		}
		if len(reports)*reportFields > len(b) {
			t.Fatalf("%d reports of %d bytes", len(reports), len(b))
		}
		var again []CheckReport
		for rest := reports; len(rest) > 0; {
			var p []byte
			p, rest = appendReports(rest, 1<<20)
			ps, err := decodeReports(p)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, ps...)
		}
		if !slices.Equal(reports, again) {
			t.Fatalf("%v became %v", reports, again)
		}
	})
}
