package world

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// Scenarios are the names that Generate knows; "mixed" draws everything.
func Scenarios() []string {
	return []string{"mixed", "calm", "cuts", "long", "islands", "pauses", "crashes", "clocks", "clients", "bulk", "late", "aging", "waves", "large", "wan"}
}

// Draw is the schedule of a seed in the scenario that is its turn.
func Draw(seed uint64, nodes int) *Plan {
	scenario := "mixed"
	switch seed % 64 {
	case 1, 17, 33, 49:
		scenario = "cuts"
	case 2, 10, 18, 26, 34, 42, 50, 58:
		scenario = "crashes"
	case 3, 19, 35, 51:
		scenario = "clocks"
	case 4, 36:
		scenario = "clients"
	case 5, 21, 37, 53:
		scenario = "late"
	case 6, 38:
		scenario = "aging"
	case 7:
		scenario = "calm"
	case 8, 24, 40, 56, 9, 25, 41, 57, 13, 29:
		scenario = "long"
	case 30, 46, 61, 62:
		scenario = "pauses"
	case 11, 27, 43, 59:
		scenario = "islands"
	case 12, 44:
		scenario = "bulk"
	case 14, 28, 45, 60:
		scenario = "waves"
	case 15, 31, 47, 63:
		scenario = "wan"
	}
	if seed%256 == 255 {
		scenario = "large"
	}
	return Generate(seed, scenario, nodes)
}

// kindsOf is what a scenario draws its faults from, kinds that are listed twice twice as often.
func kindsOf(scenario string) []FaultKind {
	switch scenario {
	case "calm":
		return nil
	case "cuts":
		return []FaultKind{Cut, Cut, OneWay, Isolate, Clog, Swizzle, Suspect}
	case "long", "islands":
		return []FaultKind{Cut, Isolate, CrashDisk, CrashLost, CrashStale, Leave, Pause}
	case "pauses":
		return []FaultKind{Pause, Pause, Pause, Cut, Isolate, Suspect}
	case "bulk":
		return []FaultKind{CrashLost, CrashDisk, Slow, Slow, Cut, CrashLost}
	case "crashes":
		return []FaultKind{CrashDisk, CrashLost, CrashStale, Leave, Pause, DiskFull, Twin}
	case "clocks":
		return []FaultKind{ClockStep, ClockStep, Pause, CrashLost, CrashDisk, Slow}
	case "clients":
		return []FaultKind{Storm, Suspect, Slow}
	case "waves":
		return []FaultKind{Cut, Isolate, OneWay, Pause, CrashLost, Suspect}
	case "wan":
		return []FaultKind{
			CutPair, CutPair, CutPair, CutDatacenter, CutDatacenter, CrashGateway, CrashGateway, Overflow,
			Cut, Isolate, OneWay, CrashDisk, CrashLost, CrashStale, Leave, Pause, Suspect, ClockStep,
		}
	case "late":
		return []FaultKind{Hours, Hours, Cut, CrashLost, Storm}
	default:
		all := make([]FaultKind, 0, CutPair+2)
		for k := range CutPair {
			all = append(all, k)
		}
		return append(all, Cut, CrashLost)
	}
}

// rng is a source of chance for one purpose, so that what is left out of a plan does not change the rest of it.
func rng(seed uint64, purpose string, n int) *rand.Rand {
	h := uint64(14695981039346656037)
	for i := range len(purpose) {
		h = (h ^ uint64(purpose[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h+uint64(n)*0x9e3779b97f4a7c15)) //nolint:gosec // Seeded on purpose.
}

// between draws a duration.
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1))
}

// Generate draws the schedule of a seed. nodes fixes how many nodes there are unless it is 0.
func Generate(seed uint64, scenario string, nodes int) *Plan {
	r := rng(seed, "plan/"+scenario, 0)
	p := &Plan{
		Seed: seed, Scenario: scenario, Datacenter: "dc1", Nodes: 3 + r.IntN(5), Zones: 1 + r.IntN(3),
		Safety: between(r, 40*time.Second, 150*time.Second).Round(time.Second),
		Codec:  r.IntN(4) == 0, Fickle: r.IntN(4) == 0, Aging: r.IntN(10) == 0, Late: r.IntN(12) == 0,
		Tombstone: []time.Duration{time.Minute, 2 * time.Minute, time.Hour}[r.IntN(3)],
		Net: Weather{
			Min: 200 * time.Microsecond, Mean: between(r, 300*time.Microsecond, 5*time.Millisecond),
			Loss: []float64{0, 0.01, 0.1}[r.IntN(3)], Duplicate: []float64{0, 0.02, 0.2}[r.IntN(3)],
		},
	}
	switch scenario {
	case "late":
		p.Late = true
	case "aging":
		p.Aging = true
	case "long":
		p.Tombstone = 20 * time.Second
		p.Safety += 100 * time.Second
	case "islands":
		p.Tombstone = 20 * time.Second
	case "bulk":
		p.Bulk, p.Fickle = true, true
	case "large":
		p.Nodes = 66 + r.IntN(20)
		p.Aging = false
	}
	if nodes > 0 {
		p.Nodes = nodes
	}
	if scenario == "wan" {
		p.drawWide(nodes)
	}
	if p.Aging {
		p.Tombstone = time.Minute
	}
	if p.Late {
		p.Tombstone = time.Minute
	}
	if p.Aging && !p.wide() { // Data centres do not agree when an origin is forgotten whose node is idle: see README.md.
		p.Origin = 10 * p.Tombstone
	}
	if scenario == "waves" {
		p.Zones, p.Late, p.Aging = 1, false, false
	}
	for range p.Nodes {
		drift, wrong := 0.0, time.Duration(0)
		if r.IntN(3) == 0 {
			drift = (r.Float64() - 0.5) / 100
		}
		if r.IntN(3) == 0 {
			wrong = between(r, -20*365*24*time.Hour, 20*365*24*time.Hour)
		}
		p.Drift, p.Wrong = append(p.Drift, drift), append(p.Wrong, wrong)
		p.Disk = append(p.Disk, r.IntN(3) > 0)
		p.Frozen = append(p.Frozen, r.IntN(8) == 0)
	}
	p.drawClients(r)
	p.drawTargets()
	p.drawFaults(r)
	p.drawOps(r)
	p.settleWide()
	p.Late = p.Late || p.outlasts()
	if r.IntN(4) == 0 && p.Nodes > 3 && scenario != "calm" {
		p.Dead = []int{r.IntN(p.Nodes)}
	}
	p.spareGateways()
	return p
}

func (p *Plan) drawClients(r *rand.Rand) {
	n := 4 + r.IntN(40)
	base := between(r, 2*time.Second, 12*time.Second).Round(100 * time.Millisecond)
	mixed := r.IntN(3) == 0
	restless := r.Float64() * 0.4
	if p.Scenario == "long" || p.Scenario == "pauses" {
		restless = 0.6
	}
	if p.Bulk {
		n += 36
	}
	for i := range n {
		c := ClientPlan{
			Service: "s" + strconv.Itoa(r.IntN(4)), ID: "i" + strconv.Itoa(i), TTL: base, Place: r.IntN(p.Nodes),
			Start: between(r, 3*time.Second, 8*time.Second), Embedded: r.IntN(8) == 0,
		}
		if mixed {
			c.TTL = between(r, 2*time.Second, 15*time.Second).Round(100 * time.Millisecond)
		}
		c.Interval = time.Duration(float64(c.TTL) * (0.15 + 0.22*r.Float64())).Round(time.Millisecond)
		if r.Float64() < restless {
			c.Stop = between(r, 15*time.Second, p.Safety)
			c.Crash = r.IntN(2) == 0 || p.Scenario == "pauses"
			if r.IntN(2) == 0 {
				c.Back = between(r, c.Stop+time.Second, p.Safety+2*time.Second)
			}
		}
		p.Clients = append(p.Clients, c)
	}
	if p.Scenario == "waves" {
		p.drawWaves(r)
	}
}

// drawWaves lets many clients crash within a second, or hang: what a silence of many may be, besides a cut.
func (p *Plan) drawWaves(r *rand.Rand) {
	at, share, crash := between(r, 15*time.Second, p.Safety/2), 0.3+0.6*r.Float64(), r.IntN(3) > 0
	for i := range p.Clients {
		c := &p.Clients[i]
		if c.Embedded || r.Float64() > share {
			continue
		}
		if !crash {
			c.Hang = at + between(r, 0, time.Second)
			c.Hung = between(r, c.Hang, p.Safety)
			continue
		}
		c.Stop, c.Crash, c.Back = at+between(r, 0, time.Second), true, 0
		if r.IntN(4) == 0 {
			c.Back = between(r, c.Stop+time.Second, p.Safety)
		}
	}
}

func (p *Plan) drawFaults(r *rand.Rand) {
	kinds := kindsOf(p.Scenario)
	if len(kinds) == 0 {
		return
	}
	for range 1 + r.IntN(8) {
		f := Fault{
			Kind: kinds[r.IntN(len(kinds))], At: between(r, 12*time.Second, p.Safety-5*time.Second),
			Node: r.IntN(p.Nodes), Salt: r.Uint64(), Share: r.Float64(),
		}
		f.For = between(r, 500*time.Millisecond, (p.Safety-f.At)*3/4)
		for f.Side == 0 || f.Side == 1<<min(p.Nodes, 64)-1 {
			f.Side = r.Uint64() & (1<<min(p.Nodes, 64) - 1)
		}
		switch f.Kind {
		case Hours:
			f.Step = p.Tombstone * 3 / 4
			if p.Late {
				f.Step = 3 * p.Tombstone
			}
			f.Share *= 0.3
		case Storm:
			f.Share *= 0.7
			f.Step = between(r, 0, 2*time.Second)
		case CutPair:
			f.Far = r.IntN(p.Nodes)
		case Overflow:
			f.For = min(f.For, 5*time.Second)
		case ClockStep:
			f.Step = between(r, -10*365*24*time.Hour, 10*365*24*time.Hour)
		default:
		}
		p.Faults = append(p.Faults, f)
	}
	switch p.Scenario {
	case "long": // Longer than tombstones are held, chores and all.
		p.Faults = append(p.Faults, Fault{
			Kind: Cut, At: between(r, 15*time.Second, 30*time.Second), For: between(r, 70*time.Second, p.Safety-40*time.Second),
			Side: p.Faults[0].Side,
		})
	case "islands": // A node that starts while it is alone.
		f := p.Faults[0]
		f.Kind, f.At, f.For = Isolate, between(r, 15*time.Second, 30*time.Second), between(r, 25*time.Second, p.Safety)
		p.Faults[0] = f
		f.Kind = []FaultKind{CrashLost, Leave, CrashDisk}[r.IntN(3)]
		f.At, f.For = f.At+between(r, -2*time.Second, 5*time.Second), between(r, time.Second, 5*time.Second)
		p.Faults = append(p.Faults, f)
	}
}

// outlasts reports whether nodes may be apart for as long as tombstones are held: what one of them writes is then as late
// as a message that is delayed for that long.
func (p *Plan) outlasts() bool {
	apart := time.Duration(0)
	for _, f := range p.Faults {
		switch f.Kind {
		case Cut, OneWay, Isolate, Swizzle, Twin, Pause, CrashDisk, CrashLost, CrashStale, Leave, CutPair, CutDatacenter, CrashGateway:
			apart += f.For + 10*time.Second
		default:
		}
	}
	return apart > p.Tombstone
}

func (p *Plan) drawOps(r *rand.Rand) {
	n := r.IntN(12)
	if p.Bulk {
		n = 150
	}
	for range n {
		p.Ops = append(p.Ops, Op{
			Kind: OpKind(r.IntN(int(opKinds))), At: between(r, 10*time.Second, p.Safety),
			Client: r.IntN(len(p.Clients)), Node: r.IntN(p.Nodes),
		})
	}
}
