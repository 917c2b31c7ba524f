package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceKeepsItsRate(t *testing.T) {
	for _, rate := range []float64{5, 333, 20_000} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			last := -1
			made := pace(ctx, rate, func(n int) {
				if n != last+1 {
					t.Errorf("%d comes after %d", n, last)
				}
				last = n
			})
			if want := 2 * rate; float64(made) < want-rate/500-1 || float64(made) > want {
				t.Errorf("%d calls, want %v", made, want)
			}
		})
	}
}

func TestPaceMakesUpForWhatTookTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		made := pace(ctx, 100, func(n int) {
			if n == 10 {
				time.Sleep(300 * time.Millisecond)
			}
		})
		if made < 98 {
			t.Errorf("%d calls of 100", made)
		}
	})
}
