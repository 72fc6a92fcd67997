package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type topCommand struct {
	remote
	Sort     string        `enum:"hits,sent,suppressed,time" default:"hits" help:"Which rules and workloads come first: by hits, sent, suppressed or time, which workloads have none of. Since the last look on a terminal, since the start otherwise."`
	Rows     int           `short:"n" default:"0" placeholder:"N" help:"How many rules, and how many workloads, to show. Default: as many as fit, or all."`
	Interval time.Duration `default:"2s" help:"How often to look, on a terminal."`
}

// Help gives examples.
func (topCommand) Help() string {
	return "On a terminal it refreshes in place until Ctrl-C; otherwise it writes one snapshot.\n\nExamples:\n  docker-fluentbit top\n  docker-fluentbit top --sort time -n 10\n  docker-fluentbit top -o json | jq '.rules[0]'"
}

// minInterval keeps top from being what the rules wait for.
const minInterval = 200 * time.Millisecond

// Run shows the busiest rules and workloads.
func (cmd *topCommand) Run(c *console) error {
	if cmd.Interval < minInterval {
		return fmt.Errorf("--interval: %s is below %s", cmd.Interval, minInterval)
	}
	if cmd.Rows < 0 {
		return fmt.Errorf("-n: %d must not be negative", cmd.Rows)
	}
	if cmd.Output == "json" || !isTerminal(c.out) {
		return ask(c, &cmd.remote, client.Request{Path: statsPath}, func(s *adminapi.StatsResponse) error {
			v := view{stats: s, by: cmd.Sort, rules: cmd.Rows, workloads: cmd.Rows}
			return c.top(&v)
		})
	}
	return cmd.with(func(ctx context.Context, api *client.Client) error { return cmd.watch(ctx, c, api) })
}

// The screen is drawn on the terminal's other page, so that what was there comes back. Lines are erased as they are written anew, which does not flicker.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	eraseToEnd  = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// watch draws until ctx ends. A server that cannot be reached for a moment is told of on the last line.
func (cmd *topCommand) watch(ctx context.Context, c *console, api *client.Client) error {
	var last adminapi.StatsResponse
	if _, err := api.Do(ctx, client.Request{Path: statsPath}, &last); err != nil {
		return err
	}
	at := time.Now()
	screen := &console{out: terminalOf(c.out), err: c.err}
	screen.printf("%s", enterScreen)
	defer screen.printf("%s", leaveScreen)
	tick := time.NewTicker(cmd.Interval)
	defer tick.Stop()
	shown, trouble := last, ""
	var before *adminapi.StatsResponse
	var elapsed time.Duration
	for {
		height, width := size(c.out)
		v := view{stats: &shown, before: before, elapsed: elapsed, by: cmd.Sort, width: width}
		v.fit(height, cmd.Rows)
		var text bytes.Buffer
		if err := (&console{out: &text, err: c.err}).top(&v); err != nil {
			return err
		}
		if trouble != "" {
			text.WriteString("\n" + shorten(safetext.Visible(trouble), width))
		}
		lines := strings.Split(text.String(), "\n")
		lines = lines[:min(len(lines), height)] // one more would scroll
		for i := range lines {
			lines[i] = safetext.Visible(lines[i])
		}
		screen.printf("%s%s%s", screenHome, strings.Join(lines, eraseToEnd+"\r\n"), eraseToEnd+eraseBelow)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var next adminapi.StatsResponse
		if _, err := api.Do(ctx, client.Request{Path: statsPath}, &next); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			trouble = err.Error()
			continue
		}
		previous := shown
		now := time.Now()
		before, elapsed, at, shown, trouble = &previous, now.Sub(at), now, next, ""
	}
}

// size returns the lines and columns of a terminal, 24 and 80 when it does not tell.
func size(w io.Writer) (lines, columns int) {
	if f, ok := terminalOf(w).(*os.File); ok {
		if columns, lines, err := term.GetSize(int(f.Fd())); err == nil && lines > 0 && columns > 0 {
			return lines, columns
		}
	}
	return 24, 80
}

// view is what top shows at a time.
type view struct {
	stats, before    *adminapi.StatsResponse // before: at the look before; nil at the first
	elapsed          time.Duration           // since then
	by               string
	rules, workloads int // how many at most; 0 is all
	width            int // of a line; 0 is any
}

// fit divides the lines of a terminal among rules and workloads, which get a third when there are many of both. Headers, and a word about trouble, take
// the rest.
func (v *view) fit(height, most int) {
	room := height - 5
	n := len(v.stats.Workloads.Busiest)
	if v.stats.Workloads.Other.Lines > 0 {
		room--
		n = max(n, 1)
	}
	if n > 0 {
		room -= 2
		v.workloads = max(1, min(n, max(room/3, room-len(v.stats.Rules))))
	}
	v.rules = max(1, room-v.workloads)
	if most > 0 {
		v.rules, v.workloads = min(v.rules, most), min(v.workloads, most)
	}
}

// rates reports whether there is a look before, so that rates are told, and the order is by what was done since.
func (v *view) rates() bool { return v.before != nil && v.elapsed > 0 }

func (v *view) perSecond(n int64) string { return fmt.Sprintf("%.1f", float64(n)/v.elapsed.Seconds()) }

// byWeight orders what has more weight first, then what has more hits, then by name.
func byWeight(a, b, aHits, bHits int64, aName, bName string) int {
	return cmp.Or(cmp.Compare(b, a), cmp.Compare(bHits, aHits), strings.Compare(aName, bName))
}

// top writes a summary, the busiest rules, and the busiest workloads.
func (c *console) top(v *view) error {
	s, before := v.stats, v.before
	head := fmt.Sprintf("%s: %s, %s, %d sent, %d suppressed", safetext.Visible(s.Instance), plural(int(s.Lines), "line"), plural(int(s.Hits), "hit"), s.Sent, s.SuppressedTotal())
	if v.rates() && s.Lines >= before.Lines && s.Hits >= before.Hits {
		head = fmt.Sprintf("%s: %s/s lines, %s/s hits, %s/s sent", safetext.Visible(s.Instance), v.perSecond(s.Lines-before.Lines), v.perSecond(s.Hits-before.Hits),
			v.perSecond(max(0, s.Sent-before.Sent)))
	}
	c.printf("%s\n\n", shorten(head, v.width))
	if err := c.topRules(v); err != nil {
		return err
	}
	return c.topWorkloads(v)
}

func (c *console) topRules(v *view) error {
	old := map[string]*adminapi.RuleStats{}
	if v.rates() {
		for i := range v.before.Rules {
			old[v.before.Rules[i].Workload+"\x00"+v.before.Rules[i].Name] = &v.before.Rules[i]
		}
	}
	type line struct {
		rule           *adminapi.RuleStats
		hits, weighted int64
		nanos          int64
	}
	var lines []line
	var nanos int64
	for i := range v.stats.Rules {
		r := &v.stats.Rules[i]
		was := &adminapi.RuleStats{}
		if o := old[r.Workload+"\x00"+r.Name]; o != nil && o.Hits <= r.Hits {
			was = o
		}
		l := line{rule: r, hits: r.Hits - was.Hits, nanos: max(0, r.Nanos-was.Nanos)}
		l.weighted = map[string]int64{"hits": l.hits, "sent": r.Sent - was.Sent, "suppressed": r.SuppressedTotal() - was.SuppressedTotal(), "time": l.nanos}[v.by]
		nanos += l.nanos
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return byWeight(a.weighted, b.weighted, a.rule.Hits, b.rule.Hits, a.rule.Name, b.rule.Name)
	})
	header := "RULE\tHITS\tSENT\tSUPPRESSED\tTIME\tSHARE\tBECAUSE OF"
	if v.rates() {
		header = "RULE\tHITS\tHITS/S\tSENT\tSUPPRESSED\tTIME\tSHARE\tBECAUSE OF"
	}
	var rows []string
	for i, l := range lines {
		if v.rules > 0 && i == v.rules {
			break
		}
		name := safetext.Visible(l.rule.Name)
		if l.rule.Workload != "" {
			name += " (" + safetext.Visible(l.rule.Workload) + ")"
		}
		share := "-"
		if nanos > 0 {
			share = fmt.Sprintf("%.0f%%", 100*float64(l.nanos)/float64(nanos))
		}
		cells := []string{shorten(name, 40), fmt.Sprint(l.rule.Hits)}
		if v.rates() {
			cells = append(cells, v.perSecond(l.hits))
		}
		cells = append(cells, fmt.Sprint(l.rule.Sent), fmt.Sprint(l.rule.SuppressedTotal()), time.Duration(l.rule.Nanos).Round(time.Microsecond).String(), share, sums(l.rule.Suppressed))
		rows = append(rows, strings.Join(cells, "\t"))
	}
	return c.fitted(header, rows, v.width)
}

// topWorkloads writes the workloads below the rules, those that there is no room for as one. A server that does not tell of any has none.
func (c *console) topWorkloads(v *view) error {
	old := map[string]*adminapi.WorkloadStats{}
	if v.rates() {
		for i := range v.before.Workloads.Busiest {
			old[v.before.Workloads.Busiest[i].Name] = &v.before.Workloads.Busiest[i]
		}
	}
	type line struct {
		workload              *adminapi.WorkloadStats
		lines, hits, weighted int64
	}
	since := func(w, was *adminapi.WorkloadStats) line {
		if was == nil || was.Lines > w.Lines || was.Hits > w.Hits {
			was = &adminapi.WorkloadStats{}
		}
		l := line{workload: w, lines: w.Lines - was.Lines, hits: w.Hits - was.Hits}
		l.weighted = map[string]int64{"sent": w.Sent - was.Sent, "suppressed": w.SuppressedTotal() - was.SuppressedTotal()}[v.by]
		if v.by == "hits" || v.by == "time" {
			l.weighted = l.hits
		}
		return l
	}
	all := v.stats.Workloads.Busiest
	lines := make([]line, len(all))
	for i := range all {
		lines[i] = since(&all[i], old[all[i].Name])
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return byWeight(a.weighted, b.weighted, a.workload.Hits, b.workload.Hits, a.workload.Name, b.workload.Name)
	})
	if v.workloads > 0 && len(lines) > v.workloads {
		lines = lines[:v.workloads]
	} else if counts := v.stats.Workloads.Other; counts.Lines > 0 || counts.Hits > 0 {
		other := adminapi.WorkloadStats{Name: "(others)", WorkloadCounts: counts}
		var was *adminapi.WorkloadStats
		if v.rates() {
			was = &adminapi.WorkloadStats{WorkloadCounts: v.before.Workloads.Other}
		}
		lines = append(lines, since(&other, was))
	}
	if len(lines) == 0 {
		return nil
	}
	header := "WORKLOAD\tLINES\tHITS\tSENT\tSUPPRESSED\tBECAUSE OF"
	if v.rates() {
		header = "WORKLOAD\tLINES\tLINES/S\tHITS\tHITS/S\tSENT\tSUPPRESSED\tBECAUSE OF"
	}
	var rows []string
	for _, l := range lines {
		w := l.workload
		cells := []string{shorten(safetext.Visible(w.Name), 40), fmt.Sprint(w.Lines), fmt.Sprint(w.Hits)}
		if v.rates() {
			cells = []string{cells[0], cells[1], v.perSecond(l.lines), cells[2], v.perSecond(l.hits)}
		}
		rows = append(rows, strings.Join(append(cells, fmt.Sprint(w.Sent), fmt.Sprint(w.SuppressedTotal()), sums(w.Suppressed)), "\t"))
	}
	c.printf("\n")
	return c.fitted(header, rows, v.width)
}

// fitted writes a table whose lines are cut to a width.
func (c *console) fitted(header string, rows []string, width int) error {
	var text bytes.Buffer
	if err := (&console{out: &text}).table(header, rows); err != nil {
		return err
	}
	for row := range strings.Lines(text.String()) {
		c.printf("%s\n", shorten(strings.TrimRight(row, "\n"), width))
	}
	return nil
}
