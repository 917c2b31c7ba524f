package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// Children are this very program: the test's, here.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childCommand {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	// Under the race detector every process would wait for a second before it ends.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// tiny is the arguments of a run that only shows that everything works.
var tiny = []string{"--scale", "0.001", "--rounds", "1", "--seconds", "0.05", "--nodes", "3"}

// sane fails on figures that cannot be.
func sane(t *testing.T, r *result) {
	t.Helper()
	if len(r.Figures) == 0 || r.Seconds <= 0 || r.Conditions.Go == "" || r.Conditions.Command == "" {
		t.Fatalf("%+v", r)
	}
	above := 0
	for _, f := range r.Figures {
		for _, v := range []float64{f.Value, f.Other, f.Ratio} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				t.Errorf("%+v", f)
			}
		}
		if f.Value > 0 {
			above++
		}
		if lost := slices.Contains([]string{"events that did not come", "never arrived, of a million", "acknowledged and missing somewhere"}, f.Measure); lost && f.Value != 0 {
			t.Errorf("%+v", f)
		}
		if f.Beside != "" && f.Value > 0 && f.Other > 0 && f.Ratio == 0 && f.Unit != "µs" { // CPU of a child comes in steps.
			t.Errorf("no ratio in %+v", f)
		}
	}
	if above*2 < len(r.Figures) {
		t.Errorf("only %d of %d figures are above 0: %+v", above, len(r.Figures), r.Figures)
	}
	for _, c := range r.Curves {
		if len(c.Seen) == 0 || len(c.Seen) != len(c.Model) {
			t.Errorf("curve %s has %d points, its model %d", c.Name, len(c.Seen), len(c.Model))
		}
	}
}

func TestEveryComparisonMeasuresSomethingAndTheReportTellsOfIt(t *testing.T) {
	dir := t.TempDir()
	for _, c := range comparisons {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			args := append([]string{c.name, "-o", "json", "--write", "--dir", dir}, tiny...)
			if code := run(t.Context(), args, &out, &errs); code != 0 {
				t.Fatalf("exit status %d: %s", code, errs.String())
			}
			var r result
			if err := json.Unmarshal(out.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			sane(t, &r)
			if want := "go run ./e2e/bench " + c.name + " " + strings.Join(tiny, " "); r.Conditions.Command != want {
				t.Errorf("command is %q, want %q", r.Conditions.Command, want)
			}
		})
	}
	report, err := os.ReadFile(filepath.Join(dir, "RESULTS.md"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(report)
	for _, c := range comparisons {
		if !strings.Contains(text, "\n## "+c.name+"\n") {
			t.Errorf("the report has no section %s", c.name)
		}
	}
	if strings.Contains(text, "Not measured yet") || !strings.Contains(text, "breaks first") {
		t.Error("the report lacks a result or its outlook")
	}
	for l := range strings.SplitSeq(text, "\n") {
		if name, ok := strings.CutPrefix(l, "!["); ok {
			_, path, _ := strings.Cut(strings.TrimSuffix(name, ")"), "](")
			wellFormed(t, filepath.Join(dir, path))
		}
	}
}

// wellFormed fails on a plot that no reader of SVG could read.
func wellFormed(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = f.Close() }() // Opened to read.
	dots := 0
	for dec := xml.NewDecoder(f); ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "circle" {
			dots++
		}
	}
	if dots == 0 {
		t.Errorf("%s has no points", path)
	}
}

func TestTextNamesBarsAndWhetherTheyAreMet(t *testing.T) {
	r := &result{Name: "x", About: "An example."}
	r.beside("small", "time", "ms", 2, "other", 8)
	r.atMost("time", "ms", 2, 1)
	r.atLeast("speed", "/s", 12345, 10_000)
	var out bytes.Buffer
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.00 ms", "8.00 ms", "0.250", "at most 1.00 ms", "**missed**", "at least 10,000 /s", "12,345 /s", "met"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestAmountsHaveThreeDigitsThatCount(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0, "", "0"},
		{0.0123456, "s", "0.0123 s"},
		{1.5, "x", "1.50 x"},
		{99.94, "", "99.9"},
		{123.4, "", "123"},
		{1234567, "B", "1,234,567 B"},
		{-1234, "", "-1,234"},
		{0.0000001, "", "0.000000"},
	} {
		if got := amount(c.v, c.unit); got != c.want {
			t.Errorf("%v %s is %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestACommandLineThatMakesNoSenseIsExitStatus2(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--rounds", "3"},
		{"nonsense"},
		{"http", "--rounds", "0"},
		{"http", "-o", "yaml"},
		{"http", "extra"},
		{"propagation", "--nodes", "1"},
		{"propagation", "--loss", "1"},
		{"memory", "--scale", "2"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), args, &out, &errs); code != 2 || errs.Len() == 0 {
			t.Errorf("%q: exit status %d, says %q", args, code, errs.String())
		}
	}
}

func TestAReportOfNothingIsAnError(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"report", "--dir", t.TempDir()}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "no results") {
		t.Errorf("exit status %d, says %q", code, errs.String())
	}
}

func TestTheCommandThatIsToldLeavesOutWhereFiguresWent(t *testing.T) {
	got := strings.Join(told([]string{"--nodes", "3", "-o", "json", "--write", "--dir=x", "--profile", "y", "--loss", "0.1"}), " ")
	if want := "--nodes 3 --loss 0.1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEventsOfOneTimeHappenInTheOrderInWhichTheyWerePlanned(t *testing.T) {
	v := &virtual{}
	var got []int
	for i := range 20 {
		v.after(time.Duration(i%2)*time.Millisecond, func() { got = append(got, i) })
	}
	if err := v.run(t.Context(), time.Second); err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19}; !slices.Equal(got, want) || v.now != time.Second {
		t.Errorf("got %v at %v", got, v.now)
	}
}

// The virtual data centre is one event loop and one seed, so that a figure of it can be looked into.
func TestVirtualTimeRepeats(t *testing.T) {
	var first *turn
	for range 2 {
		v, err := newVirtual(t.Context(), 1, 5, 0.05)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.sustain(t.Context(), 500, 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if got.late != 0 || got.made < 50 || got.took.Len() != 4*got.made {
			t.Fatalf("%d writes, %d arrivals, %d missing", got.made, got.took.Len(), got.late)
		}
		if first == nil {
			first = got
		} else if got.traffic != first.traffic || got.took.At(0.99) != first.took.At(0.99) || got.made != first.made {
			t.Errorf("%+v, then %+v", first.traffic, got.traffic)
		}
	}
}

// What is sent when nothing is lost is each delta once to each node: the model that figures are drawn beside.
func TestVirtualTreeSendsEachDeltaOnce(t *testing.T) {
	v, err := newVirtual(t.Context(), 1, 80, 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.sustain(t.Context(), 200, 500*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if got.copies() > 1.01 || got.late != 0 {
		t.Errorf("%.3f copies, %d missing", got.copies(), got.late)
	}
	limit := time.Duration(treeHops(80)) * (virtualLongest + virtualWork)
	if worst := got.took.At(0.99); worst > limit {
		t.Errorf("p99 is %v, want at most %v", worst, limit)
	}
}

func TestDeltasAreAsLargeAsTheyAreSaidToBe(t *testing.T) {
	write := smallWrite(deltaBytes)
	for _, number := range []int{1, 999, 4999, 123_456} {
		inst := write(number)
		if err := inst.Complete(); err != nil {
			t.Fatal(err)
		}
		inst.Home, inst.Datacenter, inst.RegisteredAt = "dc1/n010", "dc1", time.Now()
		if got := encodedSize(&inst, 1000); got < deltaBytes-3 || got > deltaBytes+1 {
			t.Errorf("write %d is %d bytes", number, got)
		}
	}
}

func TestTheUsualTurnIsTheMedianAndLossesOfAllCount(t *testing.T) {
	n := 0
	got, err := usualTurn(3, func() (*turn, error) {
		t := &turn{took: &measure.Durations{}, late: int64(n)}
		t.took.Add([]time.Duration{30, 10, 20}[n])
		n++
		return t, nil
	})
	if err != nil || got.took.At(1) != 20 || got.late != 3 {
		t.Errorf("p99 %v, %d late, error %v", got.took.At(1), got.late, err)
	}
}

func TestQueueCapacityIsWhatWasMeasured(t *testing.T) {
	for n, want := range map[int]float64{10: 27.6, 100: 18.4, 1000: 13.8} {
		if got := queueCapacity(n, deltaBytes); math.Abs(got-want) > 0.1 {
			t.Errorf("%d nodes: %.1f, want %v", n, got, want)
		}
	}
}

func TestTreeHopsGrowWithTheLogarithm(t *testing.T) {
	for n, want := range map[int]float64{2: 1, 65: 1, 66: 3, 259: 3, 260: 4, 1555: 4, 1556: 5} {
		if got := treeHops(n); got != want {
			t.Errorf("%d nodes: %v hops, want %v", n, got, want)
		}
	}
}
