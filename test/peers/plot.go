package main

import (
	"fmt"
	"html"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The plot's measures: the area between the axes, and what is around it for numbers and names.
const (
	plotLeft, plotTop     = 70, 40
	plotWidth, plotHeight = 560, 420
	plotNames             = 220
	labelHeight           = 15
)

// curves are the lines of the plot in the order of the table, with colours that can be told apart on light and on dark ground.
var curves = []struct{ name, colour string }{
	{nameOurs, "#2f9e44"}, {namePlain, "#74b816"}, {nameScan, "#e8590c"}, {nameChunk, "#f08c00"}, {nameAC, "#9c36b5"}, {nameRE2, "#1c7ed6"},
	{nameRE2C, "#4dabf7"}, {nameLoop, "#e03131"}, {namePy, "#c2255c"},
}

// svg draws what a line costs against the number of rules, both axes logarithmic. The colours of text and grid follow the reader's scheme.
func (r *results) svg() string {
	xs, ys := map[int]bool{}, []float64{}
	for _, points := range r.points {
		for x, y := range points {
			xs[x] = true
			ys = append(ys, y)
		}
	}
	if len(ys) == 0 {
		return ""
	}
	numbers := slices.Sorted(maps.Keys(xs))
	low, high := math.Floor(math.Log10(slices.Min(ys))), math.Ceil(math.Log10(slices.Max(ys)))
	span := max(math.Log10(float64(numbers[len(numbers)-1])/float64(numbers[0])), 1e-9)
	x := func(rules int) float64 {
		return plotLeft + plotWidth*math.Log10(float64(rules)/float64(numbers[0]))/span
	}
	y := func(ns float64) float64 { return plotTop + plotHeight*(high-math.Log10(ns))/(high-low) }

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		plotLeft+plotWidth+plotNames, plotTop+plotHeight+60)
	b.WriteString("<style>text{fill:#333}.grid{stroke:#ddd}.host{stroke:#888}@media (prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#3a3a3a}.host{stroke:#999}}</style>\n")
	text := func(x, y float64, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
	}
	text(plotLeft, plotTop-18, "start", r.title)
	for e := low; e <= high; e++ {
		ns := math.Pow(10, e)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`+"\n", plotLeft, plotLeft+plotWidth, y(ns), y(ns))
		text(plotLeft-8, y(ns)+4, "end", duration(ns))
	}
	for _, n := range numbers {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", x(n), x(n), plotTop, plotTop+plotHeight)
		text(x(n), plotTop+plotHeight+18, "middle", strconv.Itoa(n))
	}
	text(plotLeft+plotWidth/2, plotTop+plotHeight+40, "middle", "rules")

	var names []label
	if r.host > 0 {
		fmt.Fprintf(&b, `<line class="host" stroke-dasharray="4 4" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`+"\n", plotLeft, plotLeft+plotWidth, y(r.host), y(r.host))
		names = append(names, label{"Fluent Bit, tail to null", "#888", y(r.host)})
	}
	for _, c := range curves {
		points := r.points[c.name]
		if len(points) == 0 {
			continue
		}
		var path []string
		var last float64
		for _, n := range numbers {
			if ns, ok := points[n]; ok {
				last = y(ns)
				path = append(path, fmt.Sprintf("%.1f,%.1f", x(n), last))
				fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(n), last, c.colour)
			}
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", c.colour, strings.Join(path, " "))
		names = append(names, label{c.name, c.colour, last})
	}
	for _, l := range apart(names) {
		fmt.Fprintf(&b, `<circle cx="%d" cy="%.1f" r="4" fill="%s"/>`+"\n", plotLeft+plotWidth+18, l.y-4, l.colour)
		text(plotLeft+plotWidth+28, l.y, "start", l.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// label is a name beside the end of its line.
type label struct {
	name, colour string
	y            float64
}

// apart moves labels so that none covers another.
func apart(labels []label) []label {
	slices.SortFunc(labels, func(a, b label) int { return int(math.Copysign(1, a.y-b.y)) })
	for i := range labels {
		labels[i].y += 4
		if i > 0 {
			labels[i].y = max(labels[i].y, labels[i-1].y+labelHeight)
		}
	}
	return labels
}

// duration writes nanoseconds in the unit that fits.
func duration(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%g ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%g µs", ns/1e3)
	}
	return fmt.Sprintf("%g ms", ns/1e6)
}
