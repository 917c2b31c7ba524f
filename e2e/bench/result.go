package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"

	"github.com/musterhq/muster/e2e/bench/measure"
)

// result is what one comparison has found. It is what -o json prints and what results/NAME.json holds.
type result struct {
	Name       string             `json:"name"`
	About      string             `json:"about"`
	Conditions measure.Conditions `json:"conditions"`
	// Seconds is how long it took.
	Seconds float64  `json:"seconds"`
	Figures []figure `json:"figures"`
	Bars    []bar    `json:"bars,omitempty"`
	Curves  []curve  `json:"curves,omitempty"`
}

// figure is one measured number, and what the other side of the comparison had for it.
type figure struct {
	// Case is the work or the size; Measure is what was measured of it.
	Case    string  `json:"case"`
	Measure string  `json:"measure"`
	Unit    string  `json:"unit"`
	Value   float64 `json:"value"`
	// Beside names the other side, Other is its number, Ratio ours to theirs: the median of the rounds' ratios.
	Beside string  `json:"beside,omitempty"`
	Other  float64 `json:"other,omitempty"`
	Ratio  float64 `json:"ratio,omitempty"`
}

// bar is what a figure is held to.
type bar struct {
	What  string  `json:"what"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	// Limit is the most, or with AtLeast the least, that Value may be.
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"atLeast,omitempty"`
	Met     bool    `json:"met"`
}

// curve is a figure by size, with what a model says of it.
type curve struct {
	Name  string  `json:"name"`
	X     string  `json:"x"`
	Y     string  `json:"y"`
	Seen  []point `json:"measured"`
	Model []point `json:"model"`
	// ModelText says what the model is.
	ModelText string `json:"modelText"`
}

// proportional makes the model a straight line through the second point, or the only one: the smallest size is mostly
// what does not depend on size.
func (c *curve) proportional() {
	at := c.Seen[min(1, len(c.Seen)-1)]
	c.Model = nil
	for _, p := range c.Seen {
		c.Model = append(c.Model, point{p.X, at.Y / at.X * p.X})
	}
}

type point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// add adds a figure without another side.
func (r *result) add(where, what, unit string, value float64) {
	r.Figures = append(r.Figures, figure{Case: where, Measure: what, Unit: unit, Value: value})
}

// beside adds a figure with the other side's, whose ratio is what it is.
func (r *result) beside(where, what, unit string, value float64, beside string, other float64) {
	ratio := 0.0
	if other != 0 {
		ratio = value / other
	}
	r.Figures = append(r.Figures, figure{where, what, unit, value, beside, other, ratio})
}

// rounds adds the medians of two sides and the median of the rounds' ratios, which it returns.
func (r *result) rounds(where, what, unit string, ours []float64, beside string, theirs []float64) float64 {
	ratio := measure.MedianRatio(ours, theirs)
	r.Figures = append(r.Figures, figure{where, what, unit, measure.Median(ours), beside, measure.Median(theirs), ratio})
	return ratio
}

// atMost and atLeast hold a value to a bar.
func (r *result) atMost(what, unit string, value, limit float64) {
	r.Bars = append(r.Bars, bar{What: what, Unit: unit, Value: value, Limit: limit, Met: value <= limit})
}

func (r *result) atLeast(what, unit string, value, limit float64) {
	r.Bars = append(r.Bars, bar{What: what, Unit: unit, Value: value, Limit: limit, AtLeast: true, Met: value >= limit})
}

// find is the value of a figure.
func (r *result) find(where, what string) (float64, bool) {
	for _, f := range r.Figures {
		if f.Case == where && f.Measure == what {
			return f.Value, true
		}
	}
	return 0, false
}

// print writes the result as text.
func (r *result) print(out io.Writer) error {
	c := r.Conditions
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } // Flush returns what goes wrong.
	p("%s: %s\n%s, commit %s, %s, %s, %d cores, took %.0f s\n%s\n\n", r.Name, r.About, c.Date.Format("2006-01-02 15:04"), c.Commit,
		c.Go, c.CPU, c.Cores, r.Seconds, c.Command)
	p("case\tmeasure\tmuster\tbeside\t\tratio\n")
	for _, f := range r.Figures {
		p("%s\t%s\t%s\t%s\t%s\t%s\n", f.Case, f.Measure, amount(f.Value, f.Unit), f.besideText(), f.Beside, f.ratioText())
	}
	if len(r.Bars) > 0 {
		p("\nbar\tlimit\tfigure\t\n")
	}
	for _, b := range r.Bars {
		p("%s\t%s\t%s\t%s\n", b.What, b.limitText(), amount(b.Value, b.Unit), b.verdict())
	}
	p("\n")
	return w.Flush()
}

func (f figure) besideText() string {
	if f.Beside == "" {
		return ""
	}
	return amount(f.Other, f.Unit)
}

func (f figure) ratioText() string {
	if f.Beside == "" {
		return ""
	}
	return amount(f.Ratio, "")
}

func (b bar) limitText() string {
	if b.AtLeast {
		return "at least " + amount(b.Limit, b.Unit)
	}
	return "at most " + amount(b.Limit, b.Unit)
}

func (b bar) verdict() string {
	if b.Met {
		return "met"
	}
	return "**missed**"
}

// amount is a number with three digits that count, thousands grouped, and its unit.
func amount(v float64, unit string) string {
	digits := 0
	if a := math.Abs(v); a > 0 && a < 100 {
		digits = max(0, 2-int(math.Floor(math.Log10(a))))
	}
	s := strconv.FormatFloat(v, 'f', min(digits, 6), 64)
	if digits == 0 {
		start := 0
		if v < 0 {
			start = 1
		}
		for i := len(s) - 3; i > start; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
	}
	if unit == "" {
		return s
	}
	return s + " " + unit
}
