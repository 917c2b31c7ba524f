package selfpreserve

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the recorded output in testdata")

// TestScripts runs the scripts in testdata and compares what they draw with what is recorded. A line that starts with
// ">" is a command, with "#" a comment; all others are output.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := runScript(t, string(want))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: output differs (run with -update and look at the difference)\n%s", file, got)
			}
		})
	}
}

// script is one run: a world and what it has printed.
type script struct {
	*world
	out  bytes.Buffer
	seen int // actions printed
}

func runScript(t *testing.T, text string) []byte {
	t.Helper()
	s := &script{world: newWorld(t, testConfig(1))}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"), line == "":
			fmt.Fprintln(&s.out, line)
		case strings.HasPrefix(line, "> "):
			fmt.Fprintln(&s.out, line)
			s.run(strings.Fields(line[2:]))
		}
	}
	return s.out.Bytes()
}

func (s *script) run(f []string) {
	s.t.Helper()
	opts := map[string]string{}
	var args []string
	for _, a := range f[1:] {
		if k, v, ok := strings.Cut(a, "="); ok {
			opts[k] = v
		} else {
			args = append(args, a)
		}
	}
	dur := func(k string) time.Duration {
		if opts[k] == "" {
			return 0
		}
		return s.duration(opts[k])
	}
	num := func(k string) int {
		n, err := strconv.Atoi(opts[k])
		if err != nil {
			s.t.Fatalf("%v: %v", f, err)
		}
		return n
	}
	count := func() int {
		if args[1] == "all" {
			return -1
		}
		n, err := strconv.Atoi(args[1])
		if err != nil {
			s.t.Fatalf("%v: %v", f, err)
		}
		return n
	}
	switch f[0] {
	case "new":
		c := testConfig(1)
		c.MaxAge = dur("maxage")
		if v, err := strconv.ParseFloat(opts["fraction"], 64); err == nil {
			c.EvictFraction = v
		}
		s.world = newWorld(s.t, c)
	case "grant": // grant PREFIX COUNT ttl= zone= every= interval= service= inherited=true embedded=true probe=true
		s.grant(args[0], count(), Lease{
			Service: opts["service"], Zone: opts["zone"], TTL: dur("ttl"), Interval: dur("interval"),
			Inherited: opts["inherited"] == "true", Embedded: opts["embedded"] == "true", Probe: opts["probe"] == "true",
		}, dur("every"))
	case "silence":
		s.silence(args[0], count())
	case "revive":
		s.revive(args[0], count())
	case "drop":
		s.drop(args[0], count())
	case "adopt":
		s.each(args[0], count(), func(c *client) { s.k.Adopt(s.now, c.key); delete(s.kept, c.key) })
	case "answer": // answer PREFIX COUNT refused|connected|nothing: what they answer when they are asked
		o := map[string]Outcome{"refused": Refused, "connected": Connected, "nothing": Nothing}[args[2]]
		s.each(args[0], count(), func(c *client) { s.answers[c.key] = o })
	case "reasons":
		for _, sc := range s.k.Scopes() {
			if sc.Reason != "" {
				fmt.Fprintf(&s.out, "%6v  %-10s  %v: %s\n", round(s.now), sc.Name, sc.State, sc.Reason)
			}
		}
	case "datacenter":
		s.k.SetDatacenter(s.now, Datacenter{num("unclaimed"), num("registrations"), num("dead"), num("nodes")})
	case "hold":
		s.k.Hold(s.now, strings.Join(args, " "))
	case "release":
		s.k.Release(s.now)
	case "refresh":
		s.k.Refresh(s.now)
	case "draw": // draw DURATION every=
		s.draw(s.duration(args[0]), dur("every"))
	case "history":
		for _, h := range s.k.History() {
			fmt.Fprintf(&s.out, "%6v  %-10s  %v -> %v: %s\n", round(h.At), h.Scope, h.From, h.To, h.Reason)
		}
	case "why":
		s.why()
	default:
		s.t.Fatalf("unknown command %v", f)
	}
}

func (s *script) duration(v string) time.Duration {
	d, err := time.ParseDuration(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// draw prints a line for each scope that is in use, at each interval; dots stand for lines without news.
func (s *script) draw(d, every time.Duration) {
	fmt.Fprintf(&s.out, "%6s  %-10s  %-10s  %9s  %7s  %9s\n", "time", "scope", "state", "lost/of", "evicted", "preserved")
	last := map[string]string{}
	quiet := false
	for end := s.now + d; s.now < end; {
		s.advance(every, time.Second)
		for _, sc := range s.k.Scopes() {
			if sc.Expected == 0 && sc.State == Normal && sc.Preserved == 0 {
				continue
			}
			line := fmt.Sprintf("%-10s  %-10v  %9s  %7d  %9d", sc.Name, sc.State,
				fmt.Sprintf("%d/%d", sc.Lost, sc.Expected), s.evictedIn(sc.Name), sc.Preserved)
			if last[sc.Name] == line {
				quiet = true
				continue
			}
			if quiet {
				fmt.Fprintf(&s.out, "%6s\n", "...")
				quiet = false
			}
			last[sc.Name] = line
			fmt.Fprintf(&s.out, "%6v  %s\n", s.now, line)
		}
	}
}

// evictedIn is the number of evictions so far; scripts name their clients by zone.
func (s *script) evictedIn(scope string) int {
	n := 0
	for key := range s.evicted {
		prefix, _, _ := strings.Cut(key, "/")
		if zone, ok := strings.CutPrefix(scope, ZonePrefix); !ok || zone == "" || strings.HasPrefix(prefix, zone) {
			n++
		}
	}
	return n
}

// why prints the actions since the last time; those in a row that have one kind and reason share a line.
func (s *script) why() {
	for i := s.seen; i < len(s.actions); {
		a := s.actions[i]
		j := i + 1
		for j < len(s.actions) && s.actions[j].Verb == a.Verb && s.actions[j].Reason == a.Reason {
			j++
		}
		who := a.Key
		if j-i > 1 {
			who = fmt.Sprintf("%s and %d more until %v", a.Key, j-i-1, round(s.actions[j-1].At))
		}
		fmt.Fprintf(&s.out, "%6v  %s %s: %s\n", round(a.At), a.Verb, who, a.Reason)
		i = j
	}
	s.seen = len(s.actions)
}

func round(t Instant) time.Duration { return t.Round(100 * time.Millisecond) }
