package check_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog"
	"github.com/musterhq/muster/catalog/check"
)

var (
	epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	web   = catalog.Key{Namespace: "default", Service: "web", ID: "web-1"}
)

func moment(d time.Duration) catalog.Moment {
	return catalog.Moment{Mono: d, Wall: epoch.Add(d)}
}

func newMachine(seed uint64) *check.Machine {
	return check.New(rand.New(rand.NewPCG(seed, 1)))
}

// passing is a passing result for each check.
func passing(checks []catalog.Check) []catalog.CheckResult {
	out := make([]catalog.CheckResult, len(checks))
	for i := range checks {
		out[i] = catalog.CheckResult{ID: checks[i].ID, Status: catalog.CheckPassing}
	}
	return out
}

func httpCheck(id string) catalog.Check {
	return catalog.Check{ID: id, HTTP: "http://10.0.0.1/health", Interval: 10 * time.Second, Timeout: time.Second}
}

// firstRun lets time pass until a run is due, and takes it.
func firstRun(t *testing.T, m *check.Machine) (check.Run, time.Duration) {
	t.Helper()
	at, ok := m.Next()
	if !ok {
		t.Fatal("nothing is due, ever")
	}
	m.Tick(moment(at))
	runs := m.Runs()
	if len(runs) != 1 {
		t.Fatalf("%d runs are due at %v, want 1", len(runs), at)
	}
	return runs[0], at
}

// described is what there is to write, in a line.
func described(m *check.Machine) string {
	var parts []string
	for _, w := range m.Writes() {
		for _, r := range w.Results {
			parts = append(parts, fmt.Sprintf("%s=%s %q", r.ID, r.Status, r.Output))
		}
	}
	return strings.Join(parts, ", ")
}

func TestFirstRunsAreSpreadOverOneInterval(t *testing.T) {
	t.Parallel()
	m := newMachine(1)
	const n = 1000
	for i := range n {
		key := web
		key.ID = strconv.Itoa(i)
		checks := []catalog.Check{httpCheck("c")}
		m.Put(moment(0), key, false, checks, passing(checks))
	}
	var tenths [10]int
	for second := range 10 {
		m.Tick(moment(time.Duration(second+1)*time.Second + 20*time.Millisecond))
		tenths[second] = len(m.Runs())
	}
	total := 0
	for i, runs := range tenths {
		total += runs
		if runs < n/20 || runs > n/5 {
			t.Errorf("second %d starts %d of %d runs", i, runs, n)
		}
	}
	if total != n {
		t.Errorf("%d first runs within an interval, want %d", total, n)
	}
}

func TestAtMostOneRunOfACheckIsUnderWay(t *testing.T) {
	t.Parallel()
	m := newMachine(2)
	checks := []catalog.Check{httpCheck("c")}
	m.Put(moment(0), web, false, checks, passing(checks))
	run, at := firstRun(t, m)
	m.Tick(moment(at + 35*time.Second))
	if runs := m.Runs(); len(runs) > 0 {
		t.Fatalf("%d more runs while the first is under way", len(runs))
	}
	m.Ran(moment(at+35*time.Second), web, "c", run.Token, catalog.CheckPassing, "late")
	m.Tick(moment(at + 36*time.Second))
	if runs := m.Runs(); len(runs) != 1 {
		t.Errorf("%d runs after the slow one, want one at once", len(runs))
	}
	m.Ran(moment(at+37*time.Second), web, "c", run.Token, catalog.CheckCritical, "an answer that came twice")
	if got := described(m); strings.Contains(got, "critical") {
		t.Errorf("the answer of a run that has ended counts: %s", got)
	}
}

func TestRunsKeepTheirInterval(t *testing.T) {
	t.Parallel()
	m := newMachine(3)
	checks := []catalog.Check{httpCheck("c")}
	m.Put(moment(0), web, false, checks, passing(checks))
	run, first := firstRun(t, m)
	for n := 1; n < 50; n++ {
		m.Ran(moment(first+700*time.Millisecond), web, "c", run.Token, catalog.CheckPassing, "")
		var at time.Duration
		if run, at = firstRun(t, m); at != first+10*time.Second {
			t.Fatalf("run %d starts %v after the one before, want 10 s", n, at-first)
		}
		first = at
	}
}

// Thresholds: P, W and F are results, and below them stands what the record says then: p, w, c.
func TestThresholds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name                       string
		success, warning, critical int
		results, statuses          string
		initial                    catalog.CheckStatus
	}{
		{name: "none: every result counts", results: "PFPWFWP", statuses: "pcpwcwp"},
		{name: "the first result counts, bad", success: 3, critical: 3, results: "FP", statuses: "cc"},
		{name: "the first result counts, good", success: 3, critical: 3, results: "PFFFP", statuses: "pppcc", initial: catalog.CheckCritical},
		{name: "three good ones in a row", success: 3, results: "FPPFPPP", statuses: "ccccccp"},
		{name: "a warning is a success", success: 2, results: "FPW", statuses: "ccw"},
		{name: "three bad ones in a row", critical: 3, results: "PFFPFFF", statuses: "ppppppc"},
		{name: "warning before critical", warning: 2, critical: 4, results: "PFFFFP", statuses: "ppwwcp"},
		{name: "no warning threshold is that of critical", critical: 2, results: "PFF", statuses: "ppc"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := httpCheck("c")
			c.SuccessBeforePassing, c.FailuresBeforeWarning, c.FailuresBeforeCritical = tc.success, tc.warning, tc.critical
			checks, results := []catalog.Check{c}, passing([]catalog.Check{c})
			if tc.initial != catalog.CheckNone {
				results[0].Status = tc.initial
			}
			m := newMachine(4)
			m.Put(moment(0), web, false, checks, results)
			status, got := results[0].Status, []byte(nil)
			for _, r := range tc.results {
				run, at := firstRun(t, m)
				found := map[rune]catalog.CheckStatus{'P': catalog.CheckPassing, 'W': catalog.CheckWarning, 'F': catalog.CheckCritical}[r]
				m.Ran(moment(at), web, "c", run.Token, found, "")
				for _, w := range m.Writes() {
					status = w.Results[0].Status
				}
				got = append(got, status.String()[0])
			}
			if string(got) != tc.statuses {
				t.Errorf("%s gives %s, want %s", tc.results, got, tc.statuses)
			}
		})
	}
}

func TestIdenticalResultsWriteNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(5)
	checks := []catalog.Check{httpCheck("c")}
	m.Put(moment(0), web, false, checks, passing(checks))
	writes := 0
	for range 100 {
		run, at := firstRun(t, m)
		m.Ran(moment(at), web, "c", run.Token, catalog.CheckPassing, "HTTP GET: 200 OK")
		writes += len(m.Writes())
	}
	if writes != 1 {
		t.Errorf("%d writes in 100 equal results, want the first alone", writes)
	}
}

func TestAnOutputThatChangesAloneIsWrittenAtMostEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	m := newMachine(6)
	checks := []catalog.Check{httpCheck("c")}
	m.Put(moment(0), web, false, checks, passing(checks))
	var times []time.Duration
	last := ""
	for end := 20 * time.Minute; ; {
		at, _ := m.Next()
		if at > end {
			break
		}
		m.Tick(moment(at))
		for _, run := range m.Runs() {
			m.Ran(moment(at), web, "c", run.Token, catalog.CheckPassing, "it is "+at.String())
		}
		for _, w := range m.Writes() {
			times, last = append(times, at), w.Results[0].Output
		}
	}
	if len(times) != 4 || last == "" {
		t.Fatalf("written at %v in 20 minutes, want 4 times", times)
	}
	for i := range times[1:] {
		if gap := times[i+1] - times[i]; gap < check.OutputEvery {
			t.Errorf("written again after %v", gap)
		}
	}
}

func ttlChecks(ttls ...time.Duration) []catalog.Check {
	var out []catalog.Check
	for i, ttl := range ttls {
		out = append(out, catalog.Check{ID: string(rune('a' + i)), TTL: ttl})
	}
	return out
}

func report(t *testing.T, m *check.Machine, at time.Duration, id string, status catalog.CheckStatus, output string) {
	t.Helper()
	if err := m.Report(moment(at), web, id, status, output); err != nil {
		t.Fatalf("report of %s at %v: %v", id, at, err)
	}
}

func TestAMissingReportIsCriticalAfterItsTTL(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10 * time.Second)
	m := newMachine(7)
	m.Put(moment(0), web, false, checks, passing(checks))
	report(t, m, 5*time.Second, "a", catalog.CheckPassing, "all is well")
	_ = m.Writes()
	m.Tick(moment(15*time.Second - 1))
	if got := described(m); got != "" {
		t.Errorf("before its TTL: %s", got)
	}
	m.Tick(moment(15 * time.Second))
	if got := described(m); got != `a=critical "TTL expired (last output before timeout follows): all is well"` {
		t.Errorf("at its TTL: %s", got)
	}
	report(t, m, 16*time.Second, "a", catalog.CheckWarning, "back")
	if got := described(m); got != `a=warning "back"` {
		t.Errorf("after the next report: %s", got)
	}
}

func TestWhileAllReportsOfAnInstanceAreMissingTheVerdictIsAwaited(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10*time.Second, 30*time.Second)
	m := newMachine(8)
	m.Put(moment(0), web, true, checks, passing(checks))
	m.Tick(moment(20 * time.Second))
	if got := described(m); got != "" {
		t.Fatalf("without a verdict: %s", got)
	}
	m.Lapse(moment(20*time.Second), web)
	if got := described(m); got != `a=critical "TTL expired", b=passing ""` {
		t.Errorf("after the verdict: %s", got)
	}
	if !m.Lapsed(web) {
		t.Error("the verdict is not remembered")
	}
	m.Tick(moment(30 * time.Second))
	if got := described(m); got != `a=critical "TTL expired", b=critical "TTL expired"` {
		t.Errorf("the longer one, after the verdict: %s", got)
	}
	report(t, m, 31*time.Second, "a", catalog.CheckPassing, "")
	if m.Lapsed(web) {
		t.Error("a report leaves the verdict as it was")
	}
}

func TestAReportThatIsMissingAloneExpiresByItsOwnClock(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10*time.Second, 10*time.Second)
	m := newMachine(9)
	m.Put(moment(0), web, true, checks, passing(checks))
	report(t, m, 6*time.Second, "b", catalog.CheckPassing, "")
	m.Tick(moment(10 * time.Second))
	if got := described(m); got != `a=critical "TTL expired", b=passing ""` {
		t.Errorf("a is silent while b reports: %s", got)
	}
}

func TestWhenTheFirstReportReturnsTheOthersHaveAWholeTTL(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10*time.Second, 10*time.Second)
	m := newMachine(10)
	m.Put(moment(0), web, true, checks, passing(checks))
	m.Tick(moment(100 * time.Second))
	report(t, m, 100*time.Second, "a", catalog.CheckPassing, "")
	m.Tick(moment(105 * time.Second))
	report(t, m, 105*time.Second, "a", catalog.CheckPassing, "")
	m.Tick(moment(110*time.Second - 1))
	if got := described(m); got != "" {
		t.Errorf("b has had less than a TTL: %s", got)
	}
	m.Tick(moment(110 * time.Second))
	if got := described(m); !strings.Contains(got, "b=critical") {
		t.Errorf("b has had a TTL: %s", got)
	}
}

func TestAStoppedNodeGivesEveryReportAWholeTTL(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10 * time.Second)
	m := newMachine(11)
	m.Put(moment(0), web, false, checks, passing(checks))
	m.Refresh(moment(60 * time.Second))
	m.Tick(moment(70*time.Second - 1))
	if got := described(m); got != "" {
		t.Errorf("within a TTL after the stop: %s", got)
	}
	m.Tick(moment(70 * time.Second))
	if got := described(m); got == "" {
		t.Error("a TTL after the stop: still passing")
	}
}

func TestDeregistrationCountsFromBecomingCriticalWithAFloorOfAMinute(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		after, ttl time.Duration
		recovers   time.Duration // when a passing report comes, 0 never
		want       time.Duration // 0 never
		initial    catalog.CheckStatus
	}{
		{name: "never passed: from the expiry", after: time.Second, ttl: 20 * time.Second, want: 80 * time.Second, initial: catalog.CheckCritical},
		{name: "longer than the floor", after: 3 * time.Minute, ttl: 20 * time.Second, want: 200 * time.Second},
		{name: "a recovery ends it", after: time.Minute, ttl: 20 * time.Second, recovers: 70 * time.Second, want: 150 * time.Second},
		{name: "not asked for", ttl: 20 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			checks := ttlChecks(tc.ttl)
			checks[0].DeregisterAfter = tc.after
			results := passing(checks)
			if tc.initial != catalog.CheckNone {
				results[0].Status = tc.initial
			}
			m := newMachine(12)
			m.Put(moment(0), web, false, checks, results)
			got := time.Duration(0)
			for at := time.Second; at <= 250*time.Second && got == 0; at += time.Second {
				if at == tc.recovers {
					report(t, m, at, "a", catalog.CheckPassing, "")
				}
				m.Tick(moment(at))
				if len(m.Removals()) > 0 {
					got = at
				}
			}
			if got != tc.want {
				t.Errorf("removed at %v, want %v", got, tc.want)
			}
		})
	}
}

func TestAnHeirStartsFromWhatTheHomeFound(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{httpCheck("c")}
	found := []catalog.CheckResult{{ID: "c", Status: catalog.CheckCritical, Output: "refused", Since: epoch}}
	m := newMachine(13)
	m.Put(moment(0), web, false, checks, found)
	run, at := firstRun(t, m)
	m.Ran(moment(at), web, "c", run.Token, catalog.CheckCritical, "refused")
	if got := described(m); got != "" {
		t.Errorf("the same again is written: %s", got)
	}
	run, at = firstRun(t, m)
	m.Ran(moment(at), web, "c", run.Token, catalog.CheckPassing, "fine")
	w := m.Writes()
	if len(w) != 1 || !w[0].Results[0].Since.Equal(epoch.Add(at)) {
		t.Errorf("a change of status is %+v, want since %v", w, at)
	}
}

func TestARecordThatSaysSomethingElseIsWrittenAgain(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{httpCheck("c")}
	m := newMachine(14)
	m.Put(moment(0), web, false, checks, passing(checks))
	other := []catalog.CheckResult{{ID: "c", Status: catalog.CheckCritical, Output: "from the other side of a cut"}}
	m.Put(moment(1), web, false, checks, other)
	if got := described(m); got != "" {
		t.Errorf("nothing has been found here yet, and %s is written", got)
	}
	run, at := firstRun(t, m)
	m.Ran(moment(at), web, "c", run.Token, catalog.CheckPassing, "fine")
	_ = m.Writes()
	m.Put(moment(at), web, false, checks, other)
	if got := described(m); got != `c=passing "fine"` {
		t.Errorf("what this node found is not written again: %q", got)
	}
}

func TestOnlyTTLChecksAreReported(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{httpCheck("c")}
	m := newMachine(15)
	m.Put(moment(0), web, false, checks, passing(checks))
	if err := m.Report(moment(1), web, "c", catalog.CheckPassing, ""); !errors.Is(err, check.ErrNotTTL) {
		t.Errorf("report of an HTTP check: %v", err)
	}
	if err := m.Report(moment(1), web, "d", catalog.CheckPassing, ""); !errors.Is(err, check.ErrUnknown) {
		t.Errorf("report of no check: %v", err)
	}
}

func TestAnAliasRunsWhenWhatItRepeatsHasChanged(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{{ID: "c", Alias: "db-1"}}
	m := newMachine(16)
	m.Put(moment(0), web, false, checks, passing(checks))
	run, at := firstRun(t, m)
	m.Ran(moment(at), web, "c", run.Token, catalog.CheckPassing, "")
	if _, ok := m.Next(); ok {
		t.Error("an alias is polled")
	}
	m.Changed(moment(5*time.Second), "default", "db-2")
	m.Changed(moment(5*time.Second), "other", "db-1")
	if _, ok := m.Next(); ok {
		t.Error("an alias runs when something else has changed")
	}
	m.Changed(moment(5*time.Second), "default", "db-1")
	if _, at := firstRun(t, m); at != 5*time.Second {
		t.Errorf("it runs at %v, want at once", at)
	}
	m.Drop(web)
	m.Changed(moment(6*time.Second), "default", "db-1")
	if _, ok := m.Next(); ok {
		t.Error("the alias of a dropped instance runs")
	}
}

func TestADroppedInstanceIsForgotten(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{httpCheck("c"), {ID: "a", TTL: time.Second}}
	m := newMachine(17)
	m.Put(moment(0), web, false, checks, passing(checks))
	run, at := firstRun(t, m)
	if run.Check.HTTP == "" {
		t.Fatalf("a run of %+v", run.Check)
	}
	m.Drop(web)
	m.Ran(moment(at), web, "c", run.Token, catalog.CheckCritical, "")
	m.Tick(moment(time.Hour))
	if _, ok := m.Next(); ok || m.Len() > 0 || len(m.Writes()) > 0 || len(m.Runs()) > 0 {
		t.Error("something is left of it")
	}
}

func TestADefinitionThatStaysGoesOnAsItWas(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{httpCheck("c"), httpCheck("d")}
	m := newMachine(18)
	m.Put(moment(0), web, false, checks, passing(checks))
	at, _ := m.Next()
	checks = slices.Clone(checks)
	slices.Reverse(checks)
	checks[0].Name = "another name"
	m.Put(moment(1), web, false, checks, passing(checks))
	if now, _ := m.Next(); now != at {
		t.Errorf("the first run moves from %v to %v", at, now)
	}
	checks = slices.Clone(checks[1:])
	checks[0].HTTP = "http://10.0.0.2/health"
	m.Put(moment(2), web, false, checks, passing(checks))
	run, _ := firstRun(t, m)
	if run.Check.HTTP != checks[0].HTTP {
		t.Errorf("the run is of %s, want the new definition", run.Check.HTTP)
	}
}

func TestOutputsAreCappedAtTheirLimitAndAreText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		limit  int
		output string
		want   int
	}{
		{0, strings.Repeat("x", 5000), catalog.DefaultOutput},
		{10, strings.Repeat("ü", 20), 10},
		{5, strings.Repeat("ü", 20), 4},
		{100, "a\xffb", 2},
	} {
		checks := ttlChecks(time.Minute)
		checks[0].OutputMax = tc.limit
		m := newMachine(19)
		m.Put(moment(0), web, false, checks, passing(checks))
		report(t, m, 1, "a", catalog.CheckCritical, tc.output)
		out := m.Writes()[0].Results[0].Output
		if len(out) != tc.want || strings.ToValidUTF8(out, "") != out {
			t.Errorf("limit %d: %d bytes, want %d", tc.limit, len(out), tc.want)
		}
	}
}

func TestARunThatMayNotBeRunChangesNothing(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{{ID: "c", Script: []string{"true"}, Interval: time.Second}}
	m := newMachine(20)
	m.Put(moment(0), web, false, checks, passing(checks))
	run, at := firstRun(t, m)
	m.Ran(moment(at), web, "c", run.Token, catalog.CheckNone, "scripts are off")
	if got := described(m); got != "" || m.Alive(web) {
		t.Errorf("it writes %q", got)
	}
	if _, at2 := firstRun(t, m); at2 <= at {
		t.Error("it is not tried again")
	}
}

func TestReportsThatAnotherNodeHadCount(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10 * time.Second)
	m := newMachine(21)
	m.Put(moment(0), web, true, checks, passing(checks))
	m.Tick(moment(10 * time.Second))
	m.Lapse(moment(10*time.Second), web)
	m.Put(moment(10*time.Second), web, true, checks, passing(checks))
	if got := described(m); got != `a=critical "TTL expired"` || !m.Lapsed(web) {
		t.Fatalf("what is about to be written gives way to an older record: %s", got)
	}
	m.Put(moment(20*time.Second), web, true, checks, passing(checks))
	if m.Lapsed(web) {
		t.Error("its lease does not begin anew")
	}
	m.Tick(moment(29 * time.Second))
	if got := described(m); got != "" {
		t.Errorf("within a TTL of the record: %s", got)
	}
	m.Tick(moment(30 * time.Second))
	m.Lapse(moment(30*time.Second), web)
	if got := described(m); got != `a=critical "TTL expired"` {
		t.Errorf("a TTL after the record: %s", got)
	}
}

func TestAProbedInstanceThatStaysCriticalGoesAMinuteAfterItsFirstFailure(t *testing.T) {
	t.Parallel()
	checks := []catalog.Check{httpCheck("c")}
	checks[0].DeregisterAfter = time.Second
	m := newMachine(22)
	m.Put(moment(0), web, false, checks, passing(checks))
	var failed time.Duration
	for {
		at, _ := m.Next()
		m.Tick(moment(at))
		if removals := m.Removals(); len(removals) > 0 {
			if at != failed+check.MinDeregister || removals[0].Check != "c" {
				t.Errorf("%+v at %v, the first failure was at %v", removals, at, failed)
			}
			return
		}
		for _, run := range m.Runs() {
			if failed == 0 {
				failed = at
			}
			m.Ran(moment(at), web, "c", run.Token, catalog.CheckCritical, "")
		}
		if at > 2*time.Minute {
			t.Fatal("it is still there")
		}
	}
}

func TestWhatHasExpiredLongAgoIsNoLeaseForAnHeir(t *testing.T) {
	t.Parallel()
	checks := ttlChecks(10*time.Second, 10*time.Second)
	results := passing(checks)
	results[0].Status, results[1].Status = catalog.CheckCritical, catalog.CheckCritical
	m := newMachine(23)
	m.Put(moment(0), web, true, checks, results)
	if !m.Lapsed(web) || !m.Judged(web) {
		t.Error("all its TTL checks are critical, and it would count as a lease that falls silent")
	}
	results[1].Status = catalog.CheckPassing
	other := web
	other.ID = "2"
	m.Put(moment(0), other, true, checks, results)
	if m.Lapsed(other) {
		t.Error("one of its TTL checks is passing, and it has no lease")
	}
}

func TestAnHeirDoesNotWriteAllOutputsAtOnce(t *testing.T) {
	t.Parallel()
	m := newMachine(24)
	const n = 500
	for i := range n {
		checks := []catalog.Check{httpCheck("c")}
		results := passing(checks)
		results[0].Output = "found by the home"
		m.Put(moment(0), catalog.Key{Namespace: "default", Service: "s", ID: strconv.Itoa(i)}, false, checks, results)
	}
	first, all, most := 0, 0, 0
	for at := time.Duration(0); at <= check.OutputEvery+11*time.Second; at += 100 * time.Millisecond {
		m.Tick(moment(at))
		for _, run := range m.Runs() {
			m.Ran(moment(at), run.Key, "c", run.Token, catalog.CheckPassing, "found by the heir")
		}
		now := len(m.Writes())
		all, most = all+now, max(most, now)
		if at == 11*time.Second {
			first = all
		}
	}
	if first > n/10 || most > n/10 || all != n {
		t.Errorf("%d of %d outputs are written within 11 s, %d in all, %d at once", first, n, all, most)
	}
}
