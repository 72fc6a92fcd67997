package backtest

import (
	_ "embed" // the report's template
	"fmt"
	"html"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

//go:embed report.html.tmpl
var reportText string

// WriteHTML writes the result and the outcomes as one page. The page loads nothing and runs no script, and the content of log lines is escaped.
func (r *Result) WriteHTML(w io.Writer, outcomes []Outcome) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"grouped": quantity.Grouped, "plural": quantity.Plural[int], "count": quantity.Plural[int64], "words": words, "plot": plot, "clean": safetext.Visible,
		"stamped": func(t time.Time) string { return stamped(t) },
		"span":    func(from, to time.Time) string { return span(to.Sub(from)) },
		"byTime":  func(r Rule) string { return words(r.byTime()) },
		"redacted": func(rules []Rule) bool {
			return slices.ContainsFunc(rules, func(r Rule) bool { return len(r.Redacted) > 0 })
		},
		"samples": func(title string, s []Sample) any {
			return struct {
				Title   string
				Samples []Sample
			}{title, s}
		},
		"changed": func(c RuleChange, of string) string { return change(&c, func(r *Rule) int64 { return r.counted(of) }) },
	}).Parse(reportText)
	if err != nil {
		return fmt.Errorf("the report's template: %w", err)
	}
	return t.Execute(w, page{r, outcomes})
}

type page struct {
	*Result
	Outcomes []Outcome
}

// The measures of a plot.
const (
	plotWidth  = 1000
	plotHeight = 90
	plotFoot   = 18 // for the times
)

// plot draws counts over time as bars, with the alerts in front of them. Pointing at a bar shows its count.
func plot(p page, name string, counts, alerts []int64) template.HTML {
	if len(counts) == 0 {
		return ""
	}
	var b strings.Builder
	line := &p.Timeline
	most := max(1, slices.Max(counts))
	if len(alerts) > 0 {
		most = max(most, slices.Max(alerts))
	}
	step := float64(plotWidth) / float64(len(counts))
	class := "all"
	if alerts != nil {
		class = "hit"
	}
	sum := int64(0)
	for _, n := range counts {
		sum += n
	}
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s over time: %d in all, at most %d in %s">`, plotWidth, plotHeight+plotFoot,
		html.EscapeString(name), sum, most, time.Duration(line.Seconds)*time.Second)
	bar := func(i int, n int64, class, noun string) {
		if n == 0 {
			return
		}
		height := max(1.5, float64(n)/float64(most)*(plotHeight-12))
		at := line.Start.Add(time.Duration(int64(i)*line.Seconds) * time.Second)
		fmt.Fprintf(&b, `<rect class="%s" x="%.2f" y="%.2f" width="%.2f" height="%.2f"><title>%s: %s</title></rect>`, class,
			float64(i)*step, plotHeight-height, max(0.8, step-0.4), height, stamped(at), quantity.Plural(n, noun))
	}
	for i, n := range counts {
		bar(i, n, class, map[string]string{"all": "line", "hit": "hit"}[class])
		if i < len(alerts) {
			bar(i, alerts[i], "alert", "alert")
		}
	}
	fmt.Fprintf(&b, `<line class="axis" x1="0" x2="%d" y1="%d" y2="%d"/>`, plotWidth, plotHeight, plotHeight)
	fmt.Fprintf(&b, `<text x="2" y="9">%s</text>`, quantity.Grouped(most))
	const labels = 6
	whole := time.Duration(line.Seconds) * time.Second * time.Duration(len(counts))
	layout := "15:04:05"
	if whole > 24*time.Hour {
		layout = "01-02 15:04"
	}
	for i := range labels {
		at := line.Start.Add(whole * time.Duration(i) / labels)
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, plotWidth*i/labels+2, plotHeight+13, at.Format(layout))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // all untrusted text is escaped above
}
