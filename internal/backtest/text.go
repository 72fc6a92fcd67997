package backtest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// TextOptions configures WriteText.
type TextOptions struct {
	Width   int  // of the terminal, in characters
	Quiet   bool // leave out rules without hits
	Samples int  // maximum per rule, of each kind
}

// WriteText writes the result as text. The content of log lines cannot control the terminal.
func (r *Result) WriteText(w io.Writer, o TextOptions) error {
	var b bytes.Buffer
	t := &textReport{Buffer: &b, r: r, opt: o}
	t.head()
	t.rules()
	t.timeline()
	t.triggers()
	t.silences()
	t.deploys()
	t.redacted()
	t.samples()
	if r.Against != nil {
		t.comparison()
	}
	_, err := w.Write(b.Bytes())
	return err
}

type textReport struct {
	*bytes.Buffer
	r   *Result
	opt TextOptions
}

func (t *textReport) printf(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) }

func (t *textReport) head() {
	r := t.r
	if len(r.Inputs) == 0 {
		t.printf("0 lines: the input is empty")
	} else {
		t.printf("%s of %s", quantity.Plural(r.Lines, "line"), quantity.Plural(len(r.Inputs), "log"))
	}
	if r.Lines > 0 {
		t.printf(", from %s to %s (%s)", stamped(r.First), stamped(r.Last), span(r.Last.Sub(r.First)))
	}
	t.printf("\n")
	for _, p := range []struct {
		n          int64
		noun, text string
	}{{r.Bad, "line", "could not be read"}, {r.BadFiles, "file", "could not be read to the end"}, {r.Own, "line", "of this program's own, not evaluated"}} {
		if p.n > 0 {
			t.printf("%s %s\n", quantity.Plural(p.n, p.noun), p.text)
		}
	}
	if u := r.Untimed; u != nil {
		t.printf("%s of %s lines have no time that is known: what depends on time is a guess for them\n", quantity.Grouped(u.Lines), quantity.Grouped(u.Of))
	}
}

func (t *textReport) rules() {
	t.printf("\n")
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "RULE\tHITS\tSENT\tBY TIME\tSUPPRESSED\tPENDING\tFIRST\tLAST")
	silent := 0
	for i := range t.r.Rules {
		one := &t.r.Rules[i]
		if one.Hits == 0 && one.SentTotal() == 0 && t.opt.Quiet {
			silent++
			continue
		}
		first, last := "-", "-"
		if one.First != nil {
			first, last = stamped(*one.First), stamped(*one.Last)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", safetext.Visible(one.ID), quantity.Grouped(one.Hits), quantity.Grouped(one.SentTotal()), words(one.byTime()),
			words(one.Suppressed), quantity.Grouped(one.Pending), first, last)
	}
	_ = table.Flush() // into memory
	if silent > 0 {
		t.printf("%s without a hit\n", quantity.Plural(silent, "rule"))
	}
}

// byTime returns the alerts caused by time, by kind.
func (r *Rule) byTime() map[string]int64 {
	out := maps.Clone(r.Sent)
	for _, kind := range []string{"log", "threshold", "container"} {
		delete(out, kind)
	}
	return out
}

// timeline shows the lines, and the hits and alerts of each rule, over time.
func (t *textReport) timeline() {
	line := &t.r.Timeline
	if len(line.Lines) < 2 {
		return
	}
	label := len("lines")
	for i := range t.r.Rules {
		if one := &t.r.Rules[i]; len(one.HitsAt) > 0 {
			label = max(label, min(utf8.RuneCountInString(safetext.Visible(one.ID)), 30))
		}
	}
	columns := min(t.opt.Width-label-12, len(line.Lines))
	if columns < 10 {
		return
	}
	each := time.Duration(line.Seconds) * time.Second * time.Duration(len(line.Lines)) / time.Duration(columns)
	t.printf("\n%-*s  %s\n", label, "", axisLabels(line, columns))
	row := func(name string, counts []int64, suffix string) {
		t.printf("%s  %s  %s\n", padded(name, label), bars(resample(counts, columns)), suffix)
	}
	row("lines", line.Lines, "")
	for i := range t.r.Rules {
		one := &t.r.Rules[i]
		if len(one.HitsAt) == 0 {
			continue
		}
		row(safetext.Visible(one.ID), one.HitsAt, "hits "+quantity.Grouped(one.Hits))
		if one.SentTotal() > 0 {
			t.printf("%-*s  %s  sent %s\n", label, "", dots(resample(one.AlertsAt, columns)), quantity.Grouped(one.SentTotal()))
		}
	}
	t.printf("%-*s  a column is %s\n", label, "", span(each))
}

func (t *textReport) triggers() {
	if len(t.r.Triggers) == 0 {
		return
	}
	t.printf("\n")
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "TRIGGER\tSENT\tBY RULE")
	for i := range t.r.Triggers {
		one := &t.r.Triggers[i]
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", safetext.Visible(one.Name), quantity.Grouped(one.Alerts), words(one.Rules))
	}
	_ = table.Flush() // into memory
	for i := range t.r.Triggers {
		if one := &t.r.Triggers[i]; one.OutsideHours > 0 {
			t.printf("%s: %s more outside its hours\n", safetext.Visible(one.Name), quantity.Plural(one.OutsideHours, "alert"))
		}
	}
	if t.r.Unwanted > 0 {
		t.printf("%s that no trigger accepts\n", quantity.Plural(t.r.Unwanted, "alert"))
	}
}

func (t *textReport) silences() {
	if len(t.r.Silences) == 0 {
		return
	}
	t.printf("\n")
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SILENCE\tIN FORCE\tSUPPRESSED")
	for _, one := range t.r.Silences {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", safetext.Visible(one.ID), safetext.Visible(one.When()), quantity.Grouped(one.Suppressed))
	}
	_ = table.Flush() // into memory
}

func (t *textReport) deploys() {
	for i := range t.r.Deploys {
		one := &t.r.Deploys[i]
		if i == 0 {
			t.printf("\nDEPLOYS\n")
		}
		t.printf("%s  %s  %s\n", stamped(one.Time), one.Verdict, safetext.Visible(one.Summary))
		for _, kind := range one.Kinds {
			t.printf("    %s\n", safetext.Visible(kind))
		}
	}
}

// redacted shows the secrets that the alerts of each rule mask.
func (t *textReport) redacted() {
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	head := "\nRULE\tMASKED\n"
	for i := range t.r.Rules {
		if one := &t.r.Rules[i]; len(one.Redacted) > 0 {
			_, _ = fmt.Fprintf(table, "%s%s\t%s\n", head, safetext.Visible(one.ID), words(one.Redacted))
			head = ""
		}
	}
	_ = table.Flush() // into memory
}

func (t *textReport) samples() {
	for i := range t.r.Rules {
		one := &t.r.Rules[i]
		if t.opt.Samples <= 0 || len(one.Samples)+len(one.SuppressedSamples) == 0 {
			continue
		}
		t.printf("\n%s\n", safetext.Visible(one.ID))
		t.lines(one.Samples, "")
		t.lines(one.SuppressedSamples, "suppressed")
	}
}

func (t *textReport) lines(samples []Sample, kind string) {
	for i := range samples[:min(len(samples), t.opt.Samples)] {
		s := &samples[i]
		head := fmt.Sprintf("  %-10s %s %s", orElse(kind, s.Kind), stamped(s.Time), safetext.Visible(s.Workload))
		if s.Line > 0 {
			head += fmt.Sprintf(" %s:%d", safetext.Visible(s.File), s.Line)
		}
		if s.SuppressedBefore > 0 {
			head += fmt.Sprintf(" (+%s suppressed before)", quantity.Grouped(s.SuppressedBefore))
		}
		if s.Why != "" {
			head += ": " + safetext.Visible(s.Why)
		}
		t.printf("%s\n", head)
		width := max(40, t.opt.Width-12)
		for _, line := range s.Before {
			t.printf("          │ %s\n", safetext.CutRunes(safetext.Visible(line), width))
		}
		t.printf("            %s\n", safetext.CutRunes(safetext.Visible(s.Text), width))
		for _, line := range s.After {
			t.printf("          │ %s\n", safetext.CutRunes(safetext.Visible(line), width))
		}
		for _, path := range slices.Sorted(maps.Keys(s.Fields)) {
			t.printf("            %s\n", safetext.CutRunes(safetext.Visible(path+" = "+s.Fields[path]), width))
		}
	}
}

func (t *textReport) comparison() {
	c := t.r.Against
	t.printf("\ncompared with the other rules: lines that alert now and did not: %s; lines that did and do not now: %s\n",
		quantity.Grouped(c.OnlyNew), quantity.Grouped(c.OnlyOld))
	table := tabwriter.NewWriter(t, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "RULE\tSETTINGS\tHITS\tSENT\tSUPPRESSED\tNEW LINES\tLOST LINES")
	same := 0
	for i := range c.Rules {
		one := &c.Rules[i]
		if !one.Differs() {
			same++
			continue
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t+%s\t-%s\n", safetext.Visible(one.ID), one.Change,
			change(one, func(r *Rule) int64 { return r.Hits }), change(one, (*Rule).SentTotal), change(one, (*Rule).SuppressedTotal),
			quantity.Grouped(one.OnlyNew), quantity.Grouped(one.OnlyOld))
	}
	_ = table.Flush() // into memory
	if same > 0 {
		t.printf("%s did the same\n", quantity.Plural(same, "rule"))
	}
	for i := range c.Rules {
		one := &c.Rules[i]
		if t.opt.Samples <= 0 || len(one.NewSamples)+len(one.OldSamples) == 0 {
			continue
		}
		t.printf("\n%s\n", safetext.Visible(one.ID))
		t.lines(one.NewSamples, "+ new")
		t.lines(one.OldSamples, "- lost")
	}
}

// change formats a count of the old and of the new rule.
func change(c *RuleChange, of func(*Rule) int64) string {
	var before, after int64
	if c.Old != nil {
		before = of(c.Old)
	}
	if c.New != nil {
		after = of(c.New)
	}
	if before == after {
		return quantity.Grouped(after)
	}
	return quantity.Grouped(before) + " → " + quantity.Grouped(after)
}

// WriteOutcomes writes one line per outcome.
func WriteOutcomes(w io.Writer, all []Outcome) error {
	for i := range all {
		o := &all[i]
		word := "ok  "
		if !o.Met {
			word = "FAIL"
		}
		if _, err := fmt.Fprintf(w, "%s  %s: got %s (%s)\n", word, safetext.Visible(o.Expectation), quantity.Grouped(o.Got), safetext.Visible(o.Place)); err != nil {
			return err
		}
	}
	return nil
}

// resample distributes counts to a number of columns. Each column is the sum of its counts.
func resample(counts []int64, columns int) []int64 {
	out := make([]int64, columns)
	for i, n := range counts {
		out[i*columns/len(counts)] += n
	}
	return out
}

var blocks = []rune("▁▂▃▄▅▆▇█")

// bars draws counts as bars, scaled to the largest. Every count above zero is visible.
func bars(counts []int64) string {
	most := max(1, slices.Max(counts))
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(blocks[(n*int64(len(blocks))-1)/most])
	}
	return b.String()
}

// dots marks the columns that are not zero.
func dots(counts []int64) string {
	var b strings.Builder
	for _, n := range counts {
		switch {
		case n == 0:
			b.WriteByte(' ')
		case n == 1:
			b.WriteRune('·')
		default:
			b.WriteRune('•')
		}
	}
	return b.String()
}

// axisLabels returns as many times above the columns as fit.
func axisLabels(t *Timeline, columns int) string {
	whole := time.Duration(t.Seconds) * time.Second * time.Duration(len(t.Lines))
	layout := "15:04:05"
	switch {
	case whole > 48*time.Hour:
		layout = "01-02 15:04"
	case whole > 10*time.Minute:
		layout = "15:04"
	}
	var b strings.Builder
	for at := 0; at+len(layout) <= columns; {
		text := t.Start.Add(whole * time.Duration(at) / time.Duration(columns)).Format(layout)
		b.WriteString(text)
		next := at + max(20, len(layout)+2)
		if next+len(layout) > columns {
			break
		}
		b.WriteString(strings.Repeat(" ", next-at-len(text)))
		at = next
	}
	return b.String()
}

// words formats counts with their names, the largest first: "cooldown 300, rate_limit 12".
func words(counts map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return int(max(-1, min(1, counts[b]-counts[a])))
		}
		return strings.Compare(a, b)
	})
	if len(names) == 0 {
		return "-"
	}
	for i, name := range names {
		names[i] = safetext.Visible(name) + " " + quantity.Grouped(counts[name])
	}
	return strings.Join(names, ", ")
}

func stamped(t time.Time) string { return t.Format(time.DateTime) }

// span formats a duration with its two largest units.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return d.Round(10 * time.Millisecond).String()
}

func padded(s string, width int) string {
	s = safetext.CutRunes(s, width)
	return s + strings.Repeat(" ", width-utf8.RuneCountInString(s))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// When returns when the silence was in force: its hours, and its end.
func (s *Silence) When() string {
	var parts []string
	if len(s.Every) > 0 {
		parts = append(parts, strings.Join(s.Every, ", ")+" "+cmp.Or(s.Zone, "UTC"))
	}
	if !s.Until.IsZero() {
		parts = append(parts, "until "+stamped(s.Until))
	}
	return strings.Join(parts, ", ")
}
