package measure

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 0},
		{[]float64{7}, 7},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(c.values)
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Errorf("%v has become %v", before, c.values)
		}
	}
}

func TestMedianRatioLeavesOutRoundsWithoutABase(t *testing.T) {
	if got := MedianRatio([]float64{2, 100, 3}, []float64{1, 0, 1}); got != 2.5 {
		t.Errorf("got %v, want 2.5", got)
	}
	if got := MedianRatio([]float64{1}, []float64{0}); got != 0 {
		t.Errorf("got %v, want 0", got)
	}
}

func TestPercentilesAreValuesThatCoverTheirShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1000), 1, 50).Draw(t, "values")
		share := rapid.Float64Range(0, 1).Draw(t, "share")
		var d Durations
		for _, v := range values {
			d.Add(time.Duration(v))
		}
		got := int64(d.At(share))
		below, under := 0, 0
		for _, v := range values {
			if v <= got {
				below++
			}
			if v < got {
				under++
			}
		}
		n := float64(len(values))
		if !slices.Contains(values, got) || float64(below) < share*n-1e-9 || under > 0 && float64(under) >= share*n {
			t.Fatalf("At(%v) of %v is %v: %d are not above it, %d below", share, values, got, below, under)
		}
	})
}

func TestNoDurationsHaveNoPercentiles(t *testing.T) {
	if got := (&Durations{}).At(0.99); got != 0 {
		t.Errorf("got %v", got)
	}
}

func TestSidesTakeTurnsInChangingOrder(t *testing.T) {
	var order []string
	side := func(name string, value float64) func(int) (float64, error) {
		return func(round int) (float64, error) {
			order = append(order, name)
			return value + float64(round), nil
		}
	}
	got, err := Rounds(3, side("a", 10), side("b", 20))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "b", "a", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("order is %v, want %v", order, want)
	}
	if !slices.Equal(got[0], []float64{10, 11, 12}) || !slices.Equal(got[1], []float64{20, 21, 22}) {
		t.Errorf("got %v", got)
	}
}

func TestTheFirstErrorEndsTheRounds(t *testing.T) {
	bad, runs := errors.New("bad"), 0
	_, err := Rounds(5, func(int) (float64, error) { runs++; return 0, bad })
	if !errors.Is(err, bad) || runs != 1 {
		t.Errorf("%d runs, error %v", runs, err)
	}
}

// work burns CPU until the process has used that much of it.
func work(d time.Duration) {
	for end, x := SelfCPU()+d, 0; SelfCPU() < end; {
		for range 100_000 {
			x++
		}
	}
}

func TestCPUOfThisProcessIsTheSameByBothAccounts(t *testing.T) {
	self := SelfCPU()
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	work(200 * time.Millisecond)
	after, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	a, b := SelfCPU()-self, after-before
	if b < 150*time.Millisecond || a < b-50*time.Millisecond || a > b+50*time.Millisecond {
		t.Errorf("%v by getrusage, %v by /proc", a, b)
	}
}

func TestCPUOfAThreadIsPartOfThatOfItsProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	thread, self := ThreadCPU(), SelfCPU()
	work(50 * time.Millisecond)
	a, b := ThreadCPU()-thread, SelfCPU()-self
	if a <= 0 || a > b+time.Millisecond {
		t.Errorf("%v of the thread, %v of the process", a, b)
	}
}

func TestFilesAreAllowedUpToTheLimit(t *testing.T) {
	if err := AllowFiles(64); err != nil {
		t.Error(err)
	}
	if err := AllowFiles(1 << 40); err == nil {
		t.Error("a million million files are allowed")
	}
}

func TestMemoryOfThisProcessIsKnown(t *testing.T) {
	r, err := ReadResident(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if r.Now < 1<<20 || r.Peak < r.Now {
		t.Errorf("got %+v", r)
	}
}

func TestAProcessThatIsNotThereIsAnError(t *testing.T) {
	if _, err := CPU(1 << 30); !errors.Is(err, ErrProc) {
		t.Errorf("CPU: %v", err)
	}
	if _, err := ReadResident(1 << 30); !errors.Is(err, ErrProc) {
		t.Errorf("memory: %v", err)
	}
}

var kept []byte

func TestHeapCountsWhatIsLive(t *testing.T) {
	before := Heap()
	kept = make([]byte, 8<<20)
	if grown := int64(Heap()) - int64(before); grown < 8<<20-1<<18 || grown > 8<<20+1<<18 {
		t.Errorf("8 MiB more are %d bytes", grown)
	}
	kept = nil
}

func TestCollectionsHaveCyclesAndPauses(t *testing.T) {
	before := ReadGC()
	Heap()
	Heap()
	g := ReadGC().Since(before)
	if g.Cycles < 2 || g.Pause(1) <= 0 || g.Pause(1) < g.Pause(0.5) || g.CPU <= 0 || g.Used < g.CPU || g.Available < g.Used {
		t.Errorf("got %+v, pauses %v to %v", g, g.Pause(0.5), g.Pause(1))
	}
}

func TestConditionsNameTheMachine(t *testing.T) {
	c := ReadConditions(t.Context(), "go test")
	if c.Commit == "" || c.Go == "" || c.CPU == "" || c.Cores < 1 || c.Date.IsZero() || c.Command != "go test" {
		t.Errorf("got %+v", c)
	}
}
