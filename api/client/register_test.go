package client

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func (w *world) register(ctx context.Context, c *Client, inst Instance) *Registration {
	w.Helper()
	r, err := c.Register(ctx, inst)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// stored is what the registry has of an instance; its status is "" if it has none.
func (w *world) status(id string) string {
	for _, i := range w.shared.Find("default", "payments").Instances() {
		if i.ID == id {
			return i.Status.String()
		}
	}
	return ""
}

func (w *world) arrived(prefix string) (sum int) {
	for _, at := range hosts {
		sum += w.net.count(at, prefix)
	}
	return sum
}

var payments = Instance{Service: "payments", Address: "10.1.0.1", Port: 80, TTL: 30 * time.Second, Zone: "a", Weight: 50, Tags: []string{"v2"}}

const paymentsID = "payments-10.1.0.1-80"

func TestRegistrationIsRenewedThreeTimesATTLAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		ctx, cancel := context.WithCancel(t.Context())
		r := w.register(ctx, c, payments)
		if r.Instance().ID != paymentsID || w.status(paymentsID) != "UP" || r.Err() != nil {
			t.Fatalf("registered as %+v, %v", r.Instance(), r.Err())
		}
		time.Sleep(10 * time.Minute)
		if got := w.arrived("PUT /api/v1/services/payments/instances/" + paymentsID + "/heartbeat"); got < 60 || got > 75 {
			t.Errorf("%d renewals in ten minutes, want 60 to 75", got)
		}
		if got := w.arrived("POST"); got != 1 {
			t.Errorf("registered %d times", got)
		}
		cancel()
		synctest.Wait()
		if got := w.status(paymentsID); got != "" {
			t.Error("it outlives its context")
		}
		if err := r.Deregister(t.Context()); err != nil {
			t.Errorf("deregistered once more: %v", err)
		}
		if err := r.SetStatus(t.Context(), StatusDown); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end its status is set: %v", err)
		}
		if err := r.Wait(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end it is waited for: %v", err)
		}
		if got := w.arrived("POST"); got != 1 {
			t.Error("it comes back")
		}
	})
}

func TestInstanceThatTheRegistryHasForgottenRegistersAgain(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		r := w.register(t.Context(), c, payments)
		w.shared.Evict(key(paymentsID))
		time.Sleep(15 * time.Second)
		if got := w.status(paymentsID); got != "UP" {
			t.Errorf("half a TTL after it was forgotten it is %q", got)
		}
		i, _ := w.shared.Detail(key(paymentsID))
		if i.Zone != "a" || i.Weight != 50 || i.TTL != 30*time.Second || fmt.Sprint(i.Tags) != "[v2]" {
			t.Errorf("it is registered again as %+v", i.Instance)
		}
		if err := r.Deregister(t.Context()); err != nil || w.status(paymentsID) != "" {
			t.Errorf("deregistered: %v", err)
		}
		time.Sleep(time.Minute)
		if got := w.status(paymentsID); got != "" {
			t.Error("it comes back")
		}
	})
}

// While one node of three is left, a lease never lapses, whichever way the others went.
func TestRenewalsReachTheRegistryInTimeAsLongAsOneNodeAnswers(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"killed", "cut off"} {
		for _, ttl := range []time.Duration{3 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprintf("%s, %v", how, ttl), func(t *testing.T) {
				t.Parallel()
				inWorld(t, func(t *testing.T, w *world) {
					var mu sync.Mutex
					last, longest := time.Now(), time.Duration(0)
					api := w.api
					w.api = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
						if r.Method == http.MethodPut {
							mu.Lock()
							longest, last = max(longest, time.Since(last)), time.Now()
							mu.Unlock()
						}
						api.ServeHTTP(rw, r)
					})
					for _, at := range hosts {
						w.start(at)
					}
					c := w.client(nil)
					inst := payments
					inst.TTL = ttl
					w.register(t.Context(), c, inst)
					for round := range 6 {
						down := []string{w.inUse(c), hosts[round%3]}
						for _, at := range down {
							if how == "killed" {
								w.net.kill(at)
							} else {
								w.net.setCut(at, true)
							}
						}
						time.Sleep(2 * ttl)
						for _, at := range down {
							w.start(at)
						}
						time.Sleep(ttl)
					}
					mu.Lock()
					defer mu.Unlock()
					if longest >= ttl {
						t.Errorf("between two renewals %v have passed, with a TTL of %v", longest, ttl)
					}
				})
			})
		}
	}
}

func TestRegistrationIsPendingWhileNoNodeAnswersAndIsMadeUpFor(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		w.all("killed", false)
		c := w.client(nil)
		began := time.Now()
		r := w.register(t.Context(), c, payments)
		if !errors.Is(r.Err(), ErrUnavailable) || time.Since(began) > 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), r.Err())
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := r.Wait(short); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrUnavailable) {
			t.Errorf("waited in vain: %v", err)
		}
		w.all("killed", true)
		if err := r.Wait(t.Context()); err != nil || r.Err() != nil || w.status(paymentsID) != "UP" {
			t.Errorf("waited: %v, %v", err, r.Err())
		}
		if got := time.Since(began); got > 80*time.Second {
			t.Errorf("it took until %v, want at most a back-off more than the minute", got)
		}
	})
}

func TestRegistrationThatIsRefusedIsAnErrorThatNamesTheFields(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		r, err := c.Register(t.Context(), Instance{Service: "payments", Address: "10.0.0.5/x"})
		var refused *Error
		if r != nil || !errors.Is(err, ErrInvalid) || !errors.As(err, &refused) || len(refused.Fields) != 2 || !strings.Contains(err.Error(), "port") {
			t.Errorf("%v, %v", r, err)
		}
		if got := w.arrived("POST"); got != 1 {
			t.Errorf("an answer that refuses is asked for %d times", got)
		}
		for _, at := range hosts {
			w.net.start(at, "n", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusUnauthorized) }))
		}
		if _, err := c.Register(t.Context(), payments); !errors.Is(err, ErrDenied) || errors.Is(err, ErrInvalid) {
			t.Errorf("%v", err)
		}
	})
}

func TestStatusIsTheInstancesOwnOrAnOperators(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		r := w.register(t.Context(), c, payments)
		check := func(err error, want string) {
			t.Helper()
			if got := w.status(paymentsID); err != nil || got != want {
				t.Errorf("status %q, %v, want %q", got, err, want)
			}
		}
		check(r.SetStatus(t.Context(), StatusStarting), "STARTING")
		check(r.SetStatus(t.Context(), StatusNone), "UP")
		check(c.SetStatus(t.Context(), "payments", paymentsID, StatusOutOfService, "it is drained"), "OUT_OF_SERVICE")
		check(r.SetStatus(t.Context(), StatusUp), "OUT_OF_SERVICE")
		if v := w.resolve(c, "payments"); len(v.Healthy()) != 0 || v.Instances()[0].OverrideReason != "it is drained" {
			t.Errorf("a lookup shows %+v", v.Instances()[0])
		}
		check(c.SetStatus(t.Context(), "payments", paymentsID, StatusNone, ""), "UP")
		if err := c.SetStatus(t.Context(), "payments", "nobody", StatusDown, ""); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody's status: %v", err)
		}
		if err := c.Deregister(t.Context(), "payments", "nobody"); !errors.Is(err, ErrNotFound) {
			t.Errorf("nobody deregistered: %v", err)
		}
		w.put(w.shared, "payments", "p9")
		check(c.Deregister(t.Context(), "payments", "p9"), "UP")
		if w.status("p9") != "" {
			t.Error("it is still there")
		}
	})
}

func TestDrainTakesTheInstanceOutOfTrafficFirstAndThenOut(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		r := w.register(t.Context(), c, payments)
		began := time.Now()
		done := make(chan error)
		go func() { done <- r.Drain(t.Context(), 20*time.Second) }()
		time.Sleep(19 * time.Second)
		if got := w.status(paymentsID); got != "OUT_OF_SERVICE" {
			t.Errorf("while it drains it is %q", got)
		}
		if err := <-done; err != nil || w.status(paymentsID) != "" || time.Since(began) != 20*time.Second {
			t.Errorf("drained after %v: %v", time.Since(began), err)
		}
	})
}

func TestCloseDeregistersEverythingAndEndsEveryWatch(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		for i := range 20 {
			inst := payments
			inst.ID = strconv.Itoa(i)
			w.register(t.Context(), c, inst)
		}
		v := w.resolve(c, "payments")
		ended := make(chan int)
		go func() {
			n := 0
			for range c.Follow(t.Context(), "payments") {
				n++
			}
			ended <- n
		}()
		synctest.Wait()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		<-ended
		if got := len(w.shared.Find("default", "payments").Instances()); got != 0 {
			t.Errorf("%d are still registered", got)
		}
		if len(v.Instances()) != 20 || !c.Lookup("payments").Known() {
			t.Error("what was looked up is lost")
		}
		if _, err := c.Register(t.Context(), payments); !errors.Is(err, ErrClosed) {
			t.Errorf("registered after the end: %v", err)
		}
		if _, err := c.Resolve(t.Context(), "carts"); !errors.Is(err, ErrClosed) {
			t.Errorf("resolved after the end: %v", err)
		}
		for range c.Watch(t.Context(), "payments") {
			t.Error("watched after the end")
		}
	})
}

func TestCloseWhileNoNodeAnswersEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inWorld(t, func(t *testing.T, w *world) {
		c := w.client(nil)
		w.register(t.Context(), c, payments)
		w.all("cut off", false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
	})
}

// Fifty clients, three nodes, each of which fails in turn: in no second do more than twice as many requests arrive as
// usual in the busiest second, and no instance is lost.
func TestLossOfANodeMakesNoStorm(t *testing.T) {
	t.Parallel()
	const clients = 50
	for _, how := range []string{"killed", "cut off", "restarted empty"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			inWorld(t, func(t *testing.T, w *world) {
				var all []*Client
				for i := range clients {
					c := w.client(func(cfg *Config) { cfg.Logger = nil })
					all = append(all, c)
					inst := Instance{Service: "crowd", ID: fmt.Sprintf("i%02d", i), Address: "10.1.0.1", Port: 80, TTL: 3 * time.Second}
					w.register(t.Context(), c, inst)
					w.resolve(c, "crowd")
				}
				seconds := func(from, to int64) (busiest, sum int) {
					for s := from; s < to; s++ {
						n := w.net.within(s)
						busiest, sum = max(busiest, n), sum+n
					}
					return busiest, sum
				}
				time.Sleep(15 * time.Second)
				from := time.Now().Unix()
				time.Sleep(30 * time.Second)
				usual, sum := seconds(from, time.Now().Unix())
				mean := float64(sum) / 30
				from = time.Now().Unix()
				for _, at := range hosts {
					switch how {
					case "killed":
						w.net.kill(at)
					case "cut off":
						w.net.setCut(at, true)
					default:
						_, forgetful := empty()
						w.net.kill(at)
						w.net.start(at, "n"+at[7:8], forgetful)
					}
					for range 20 {
						time.Sleep(time.Second)
						for _, c := range all {
							if v := c.Lookup("crowd"); len(v.Healthy()) != clients {
								t.Fatalf("a client sees %d of %d", len(v.Healthy()), clients)
							}
						}
					}
					if how != "cut off" {
						w.net.kill(at)
					}
					w.start(at)
					time.Sleep(10 * time.Second)
				}
				busiest, _ := seconds(from, time.Now().Unix())
				t.Logf("%s: usually %.1f requests a second, %d in the busiest; with failures %d in the busiest", how, mean, usual, busiest)
				if float64(busiest) > 2*mean || math.IsNaN(mean) {
					t.Errorf("%d requests in one second, more than twice the usual %.1f", busiest, mean)
				}
			})
		})
	}
}
