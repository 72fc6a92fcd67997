package main

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// latencyColours are those of the ways, which can be told apart on light and on dark ground.
var latencyColours = map[string]string{
	"tail, flush 1": "#e8590c", "tail, flush 0.1": "#f08c00", "forward, flush 1": "#1c7ed6", "forward, flush 0.1": "#4dabf7", "docker-fluentbit run": "#2f9e44",
}

// The plot's axes: percentiles on a scale that shows the slowest lines as well, and times from the shortest to the longest.
var latencyTicks = []float64{0, 50, 90, 99, 99.9}

const (
	nines      = 3 // of the axis of percentiles
	shortestMS = 0
	longestMS  = 4 // powers of ten
)

// latencySVG draws the distribution of each way's times from the write to the arrival, and of the plugin's own part of them. The colours of text and grid
// follow the reader's scheme.
func latencySVG(runs []*latencyRun) string {
	x := func(percent float64) float64 {
		return plotLeft + plotWidth*min(-math.Log10(max(1-percent/100, 1e-9)), nines)/nines
	}
	y := func(d time.Duration) float64 {
		power := math.Log10(max(float64(d.Nanoseconds())/1e6, math.Pow(10, shortestMS)))
		return plotTop + plotHeight*(longestMS-power)/(longestMS-shortestMS)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n",
		plotLeft+plotWidth+plotNames, plotTop+plotHeight+60)
	b.WriteString("<style>text{fill:#333}.grid{stroke:#ddd}@media (prefers-color-scheme:dark){text{fill:#ccc}.grid{stroke:#3a3a3a}}</style>\n")
	text := func(x, y float64, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
	}
	text(plotLeft, plotTop-18, "start", "From the write of a line to the arrival of its webhook, by share of the lines")
	for e := shortestMS; e <= longestMS; e++ {
		at := time.Duration(math.Pow(10, float64(e)) * 1e6)
		fmt.Fprintf(&b, `<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>`+"\n", plotLeft, plotLeft+plotWidth, y(at), y(at))
		text(plotLeft-8, y(at)+4, "end", at.String())
	}
	for _, p := range latencyTicks {
		fmt.Fprintf(&b, `<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`+"\n", x(p), x(p), plotTop, plotTop+plotHeight)
		text(x(p), plotTop+plotHeight+18, "middle", fmt.Sprintf("%g %%", p))
	}
	text(plotLeft+plotWidth/2, plotTop+plotHeight+40, "middle", "of the lines arrived within")

	var names []label
	curve := func(name, colour, style string, sorted []time.Duration) {
		var path []string
		n := len(sorted)
		for i := 0; i < n; i += max(1, min(n/200, n-1-i)) {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x(100*float64(i)/float64(n)), y(sorted[i])))
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2"%s points="%s"/>`+"\n", colour, style, strings.Join(path, " "))
		names = append(names, label{name, colour, y(sorted[n-1])})
	}
	for _, r := range runs {
		curve(r.name, latencyColours[r.name], "", r.times(false, whole))
	}
	for _, r := range runs {
		if r.bare {
			curve("the plugin's part of "+r.name, "#868e96", ` stroke-dasharray="4 4"`, r.times(false, delivering))
			break
		}
	}
	for _, l := range apart(names) {
		fmt.Fprintf(&b, `<circle cx="%d" cy="%.1f" r="4" fill="%s"/>`+"\n", plotLeft+plotWidth+18, l.y-4, l.colour)
		text(plotLeft+plotWidth+28, l.y, "start", l.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
