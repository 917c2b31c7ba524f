package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A plot is one curve on two logarithmic axes: what was measured as a line with dots, what the model says as a dashed
// line. It is drawn by hand because it is two lines.
const (
	plotWidth, plotHeight = 560, 320
	plotLeft, plotRight   = 70, 20
	plotTop, plotBottom   = 40, 50
)

// axis turns values into positions: logarithmic, from decade to decade.
type axis struct {
	low, high  float64 // exponents of ten
	from, size float64 // in pixels; size is negative where positions fall
}

// newAxis spans all values that are above 0.
func newAxis(values []float64, from, size float64) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if v > 0 {
			low, high = min(low, math.Log10(v)), max(high, math.Log10(v))
		}
	}
	if math.IsInf(low, 1) {
		low, high = 0, 1
	}
	low, high = math.Floor(low), math.Ceil(high)
	if high == low {
		high++
	}
	return axis{low, high, from, size}
}

func (a axis) at(v float64) float64 {
	if v <= 0 {
		return a.from
	}
	return a.from + a.size*(math.Log10(v)-a.low)/(a.high-a.low)
}

// decades are the powers of ten on the axis.
func (a axis) decades() []float64 {
	var out []float64
	for e := a.low; e <= a.high; e++ {
		out = append(out, math.Pow(10, e))
	}
	return out
}

// svg draws the curve.
func (c *curve) svg() string {
	all := slices.Concat(c.Seen, c.Model)
	xs, ys := make([]float64, len(all)), make([]float64, len(all))
	for i, p := range all {
		xs[i], ys[i] = p.X, p.Y
	}
	x := newAxis(xs, plotLeft, plotWidth-plotLeft-plotRight)
	y := newAxis(ys, plotHeight-plotBottom, -(plotHeight - plotTop - plotBottom))
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`,
		plotWidth, plotHeight, plotWidth, plotHeight)
	p(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	p(`<text x="%d" y="20" font-size="14">%s</text>`, plotLeft, html.EscapeString(c.Name))
	for _, v := range x.decades() {
		p(`<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`, x.at(v), plotTop, x.at(v), plotHeight-plotBottom)
		p(`<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, x.at(v), plotHeight-plotBottom+18, short(v))
	}
	for _, v := range y.decades() {
		p(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`, plotLeft, y.at(v), plotWidth-plotRight, y.at(v))
		p(`<text x="%d" y="%.1f" text-anchor="end">%s</text>`, plotLeft-6, y.at(v)+4, short(v))
	}
	p(`<text x="%d" y="%d" text-anchor="middle">%s</text>`, (plotLeft+plotWidth-plotRight)/2, plotHeight-12, html.EscapeString(c.X))
	p(`<text x="%d" y="34" fill="#1f5fa8">measured, %s</text>`, plotLeft, html.EscapeString(c.Y))
	p(`<text x="%d" y="34" fill="#b0522d">model (dashed)</text>`, plotLeft+150)
	p(`<polyline fill="none" stroke="#b0522d" stroke-width="1.5" stroke-dasharray="5 4" points="%s"/>`, polyline(c.Model, x, y))
	p(`<polyline fill="none" stroke="#1f5fa8" stroke-width="2" points="%s"/>`, polyline(c.Seen, x, y))
	for _, q := range c.Seen {
		p(`<circle cx="%.1f" cy="%.1f" r="3.5" fill="#1f5fa8"><title>%s: %s</title></circle>`, x.at(q.X), y.at(q.Y), amount(q.X, ""), amount(q.Y, c.Y))
	}
	p(`</svg>`)
	return b.String()
}

func polyline(points []point, x, y axis) string {
	parts := make([]string, len(points))
	for i, p := range points {
		parts[i] = fmt.Sprintf("%.1f,%.1f", x.at(p.X), y.at(p.Y))
	}
	return strings.Join(parts, " ")
}

// short is a power of ten for an axis.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%gk", v/1e3)
	default:
		return fmt.Sprintf("%.6g", v)
	}
}

// file is the name of the curve's plot.
func (c *curve) file() string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r == ',':
			return -1
		default:
			return '-'
		}
	}, c.Name)
	return clean + ".svg"
}
