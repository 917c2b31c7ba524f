package spread_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/catalog/causal"
	"github.com/musterhq/muster/gossip/spread"
)

var update = flag.Bool("update", false, "write the recorded output of the scripts anew")

// TestScripts plays each testdata file against one engine, node a, and compares what it says. A line is a command; the
// lines behind it that start with a tab are its recorded output. Commands:
//
//	at TIME                      let time pass, ticking whenever the engine asks for it
//	up ID [ZONE], down ID, leave ID
//	write N [BYTES]              N writes of a's own in one batch
//	push FROM ORIGIN SEQ...      a frame of readable bodies with fanout 2; a SEQ may be a run A-B, and ends in ! for
//	                             one with an unreadable body
//	have|want FROM ORIGIN A-B    one span
//	digest PEER same|other|diverged
//	sync PEER [full]
//	request FROM ID [full|junk]  of one who has nothing, or whose vector can't be read
//	ahead FROM ID                a request of one who has what a has not
//	next FROM ID INDEX
//	refuse FROM ID, chunk FROM ID INDEX [last|junk] ORIGIN SEQ...
//	stats                        the counters that are not 0
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
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			} else if !bytes.Equal(got, want) {
				t.Errorf("the engine now says otherwise; look, then run with -update\n%s", got)
			}
		})
	}
}

// player is one engine and what it has said.
type player struct {
	t      *testing.T
	now    time.Duration
	store  *store
	engine *spread.Engine
	base   uint64 // Sessions are numbered from here.
	out    bytes.Buffer
}

func play(t *testing.T, script string) []byte {
	t.Helper()
	self := causal.Origin{Node: "a", Incarnation: 1}
	p := &player{t: t, store: newStore(self), base: rand.New(rand.NewPCG(1, 1)).Uint64()}
	p.store.chunk = 100
	var err error
	p.engine, err = spread.New(spread.Config{Self: "a", Zone: "z", Rand: rand.New(rand.NewPCG(1, 1)), Store: p.store})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		p.out.WriteString(line)
		if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
			p.command(f)
		}
	}
	return p.out.Bytes()
}

func (p *player) command(f []string) {
	arg := func(i int) string {
		if i < len(f) {
			return f[i]
		}
		return ""
	}
	num := func(i int) uint64 {
		n, err := strconv.ParseUint(arg(i), 10, 64)
		if err != nil {
			p.t.Fatalf("%v: %v", f, err)
		}
		return n
	}
	var msg spread.Message
	switch f[0] {
	case "at":
		until, err := time.ParseDuration(arg(1))
		if err != nil {
			p.t.Fatal(err)
		}
		for {
			at, ok := p.engine.Next()
			if !ok || at > until {
				break
			}
			p.now = max(p.now, at)
			p.step(spread.Tick{})
		}
		p.now = until
		return
	case "up":
		p.step(spread.MemberUp{Member: spread.Member{ID: arg(1), Zone: arg(2)}})
		return
	case "down", "leave":
		p.step(spread.MemberDown{Member: spread.Member{ID: arg(1)}, Left: f[0] == "leave"})
		return
	case "write":
		var deltas []spread.Delta
		value := "v"
		if len(f) > 2 {
			value = strings.Repeat("v", int(num(2)))
		}
		for i := range num(1) {
			deltas = append(deltas, p.store.write(fmt.Sprintf("k%d", i), value))
		}
		p.step(spread.Local{Origin: p.store.self, Deltas: deltas})
		return
	case "digest":
		d := p.store.Digest()
		if arg(2) != "same" {
			d.State++
		}
		if arg(2) == "other" {
			d.Vector++
		}
		p.step(spread.PeerDigest{Peer: arg(1), Digest: d})
		return
	case "sync":
		p.step(spread.StartSync{Peer: arg(1), Full: arg(2) == "full"})
		return
	case "stats":
		p.stats()
		return
	case "push":
		msg = spread.Push{Frames: []spread.Frame{readFrame(p.t, f[2:])}}
	case "have":
		msg = spread.Have{Spans: []spread.Span{readSpan(p.t, arg(2), arg(3))}}
	case "want":
		msg = spread.Want{Spans: []spread.Span{readSpan(p.t, arg(2), arg(3))}}
	case "request":
		m := spread.SyncRequest{ID: num(2), Full: arg(3) == "full"}
		if arg(3) == "junk" {
			m.Vector = []byte{200}
		}
		msg = m
	case "ahead":
		other := newStore(causal.Origin{Node: arg(1), Incarnation: 1})
		other.write("k", "v")
		msg = spread.SyncRequest{ID: num(2), Vector: other.Vector()}
	case "next":
		msg = spread.SyncNext{ID: num(2), Index: uint32(num(3))}
	case "refuse":
		msg = spread.SyncRefuse{ID: p.base + num(2)}
	case "chunk":
		m := spread.SyncChunk{ID: p.base + num(2), Index: uint32(num(3)), Ready: true}
		rest := f[4:]
		if len(rest) > 0 && (rest[0] == "last" || rest[0] == "junk") {
			m.Last = true
			if rest[0] == "last" {
				m.Summary = []byte{0}
			}
			rest = rest[1:]
		}
		if len(rest) > 0 {
			m.Frames = []spread.Frame{readFrame(p.t, rest)}
		}
		msg = m
	default:
		p.t.Fatalf("unknown command %q", f[0])
	}
	p.step(spread.Received{From: arg(1), Msg: msg})
}

func (p *player) step(in spread.Input) {
	for _, o := range p.engine.Step(p.now, in) {
		fmt.Fprintf(&p.out, "\t%v ", p.now)
		if o.Event != nil {
			fmt.Fprintf(&p.out, "%T%+v\n", o.Event, o.Event)
			continue
		}
		how := "packet"
		if o.Reliable {
			how = "stream"
		}
		fmt.Fprintf(&p.out, "%s to %s: %v", how, o.To, o.Msg.Kind())
		switch m := o.Msg.(type) {
		case spread.Push:
			p.frames(m.Frames)
		case spread.Have:
			p.spans(m.Spans)
		case spread.Want:
			p.spans(m.Spans)
		case spread.SyncRequest:
			fmt.Fprintf(&p.out, " session=%d full=%v", m.ID-p.base, m.Full)
		case spread.SyncChunk:
			fmt.Fprintf(&p.out, " session=%d index=%d last=%v", m.ID, m.Index, m.Last)
			p.frames(m.Frames)
		case spread.SyncNext:
			fmt.Fprintf(&p.out, " session=%d index=%d", m.ID-p.base, m.Index)
		case spread.SyncRefuse:
			fmt.Fprintf(&p.out, " session=%d", m.ID)
		}
		p.out.WriteByte('\n')
	}
}

func (p *player) frames(frames []spread.Frame) {
	for _, f := range frames {
		fmt.Fprintf(&p.out, " %s k=%d", p.name(f.Origin), f.Fanout)
		if n := len(f.Deltas); n > 6 {
			fmt.Fprintf(&p.out, " %d..%d", f.Deltas[0].Seq, f.Deltas[n-1].Seq)
			continue
		}
		for _, d := range f.Deltas {
			fmt.Fprintf(&p.out, " %d", d.Seq)
		}
	}
}

func (p *player) spans(spans []spread.Span) {
	for _, s := range spans {
		fmt.Fprintf(&p.out, " %s %d-%d", p.name(s.Origin), s.Range.First, s.Range.Last)
	}
}

// name is an origin as scripts write it: behind a tilde where it goes by its tag.
func (p *player) name(o causal.Origin) string {
	if o.Node != "" {
		return o.String()
	}
	for node := 'a'; node <= 'z'; node++ {
		if full := (causal.Origin{Node: string(node), Incarnation: 1}); tagOf(full) == o {
			return "~" + full.String()
		}
	}
	p.t.Fatalf("the tag %v is no one's", o)
	return ""
}

// readOrigin is the first life of a node, by its tag if there is a tilde before it.
func readOrigin(node string) causal.Origin {
	name, tagged := strings.CutPrefix(node, "~")
	o := causal.Origin{Node: name, Incarnation: 1}
	if tagged {
		return tagOf(o)
	}
	return o
}

func (p *player) stats() {
	s := p.engine.Stats()
	for _, c := range []struct {
		name  string
		value uint64
	}{
		{"fresh", s.Fresh},
		{"duplicates", s.Duplicates},
		{"wanted", s.Wanted},
		{"gave_up", s.GaveUp},
		{"syncs", s.Syncs},
		{"syncs_failed", s.SyncsFailed},
		{"syncs_served", s.SyncsServed},
		{"syncs_refused", s.SyncsRefused},
		{"divergences", s.Divergences},
		{"malformed", s.Malformed},
		{"strays", s.Strays},
		{"unnamed", s.Unnamed},
		{"cached", uint64(s.Cached)},
		{"lacking", uint64(s.Lacking)},
		{"syncs_in", uint64(s.SyncsIn)},
		{"syncs_out", uint64(s.SyncsOut)},
		{"syncs_waiting", uint64(s.SyncsWaiting)},
	} {
		if c.value > 0 {
			fmt.Fprintf(&p.out, "\t%s=%d\n", c.name, c.value)
		}
	}
}

func readFrame(t *testing.T, f []string) spread.Frame {
	t.Helper()
	out := spread.Frame{Origin: readOrigin(f[0]), Fanout: 2}
	for _, s := range f[1:] {
		run, junk := strings.CutSuffix(s, "!")
		if !strings.Contains(run, "-") {
			run += "-" + run
		}
		r := readSpan(t, f[0], run).Range
		for i := range r.Last - r.First + 1 {
			seq := r.First + i
			d := spread.Delta{Seq: seq, Body: fmt.Appendf(nil, "%d k%d v", seq, seq)}
			if junk {
				d.Body = []byte("junk")
			}
			out.Deltas = append(out.Deltas, d)
		}
	}
	return out
}

func readSpan(t *testing.T, node, run string) spread.Span {
	t.Helper()
	s := spread.Span{Origin: readOrigin(node)}
	if _, err := fmt.Sscanf(run, "%d-%d", &s.Range.First, &s.Range.Last); err != nil {
		t.Fatal(err)
	}
	return s
}
