// Package top is the command top.
package top

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

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

type topCommand struct {
	command.Remote
	Sort     string
	Rows     int
	Interval time.Duration
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &topCommand{Sort: "hits", Interval: 2 * time.Second}
	c := &cobra.Command{
		Use: "top", Short: "Show the busiest rules of a running instance, live.", Args: command.Arguments(),
		Long:    "Show the busiest rules and workloads of a running instance. On a terminal the screen refreshes until Ctrl-C; otherwise the command prints one snapshot.",
		Example: "  docker-fluentbit top\n  docker-fluentbit top --sort time -n 10\n  docker-fluentbit top -o json | jq '.rules[0]'",
		RunE:    func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.Choice(&cmd.Sort, "sort", "", []string{"hits", "sent", "suppressed", "time"}, "Sort by this figure: on a terminal since the last refresh, otherwise since the start. Workloads have no time.")
	f.Number(&cmd.Rows, "rows", "n", "N", "Show at most N rules and N workloads. Default: as many as fit on the terminal, else all.")
	f.Duration(&cmd.Interval, "interval", "", "How often to refresh, on a terminal.")
	cmd.Add(f)
	return c
}

// minInterval keeps top from slowing the rules down.
const minInterval = 200 * time.Millisecond

// run shows the busiest rules and workloads.
func (cmd *topCommand) run(c *command.Env) error {
	if cmd.Interval < minInterval {
		return fmt.Errorf("--interval: %s must be at least %s", cmd.Interval, minInterval)
	}
	if cmd.Rows < 0 {
		return fmt.Errorf("--rows: %d must not be negative", cmd.Rows)
	}
	if cmd.Output == "json" || !command.IsTerminal(c.Out) {
		return command.Ask(c, &cmd.Remote, client.Request{Path: command.StatsPath}, func(s *adminapi.StatsResponse) error {
			v := view{stats: s, by: cmd.Sort, rules: cmd.Rows, workloads: cmd.Rows}
			return writeTop(c, &v)
		})
	}
	return cmd.With(c, func(ctx context.Context, api *client.Client) error { return cmd.watch(ctx, c, api) })
}

// The screen is drawn on the terminal's other page, so that what was there comes back. Each line is erased as it is written, which does not flicker.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	eraseToEnd  = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// watch draws until ctx ends. While the server cannot be reached, the last line shows the error.
func (cmd *topCommand) watch(ctx context.Context, c *command.Env, api *client.Client) error {
	var last adminapi.StatsResponse
	if _, err := api.Do(ctx, client.Request{Path: command.StatsPath}, &last); err != nil {
		return err
	}
	at := c.Now()
	screen := &command.Env{Out: command.Terminal(c.Out), Err: c.Err, Now: c.Now}
	screen.Printf("%s", enterScreen)
	defer screen.Printf("%s", leaveScreen)
	tick := time.NewTicker(cmd.Interval)
	defer tick.Stop()
	shown, trouble := last, ""
	var before *adminapi.StatsResponse
	var elapsed time.Duration
	for {
		height, width := size(c.Out)
		v := view{stats: &shown, before: before, elapsed: elapsed, by: cmd.Sort, width: width}
		v.fit(height, cmd.Rows)
		var text bytes.Buffer
		if err := writeTop(&command.Env{Out: &text, Err: c.Err, Now: c.Now}, &v); err != nil {
			return err
		}
		if trouble != "" {
			text.WriteString("\n" + command.Shorten(safetext.Visible(trouble), width))
		}
		lines := strings.Split(text.String(), "\n")
		lines = lines[:min(len(lines), height)] // one more would scroll
		for i := range lines {
			lines[i] = safetext.Visible(lines[i])
		}
		screen.Printf("%s%s%s", screenHome, strings.Join(lines, eraseToEnd+"\r\n"), eraseToEnd+eraseBelow)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var next adminapi.StatsResponse
		if _, err := api.Do(ctx, client.Request{Path: command.StatsPath}, &next); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			trouble = err.Error()
			continue
		}
		previous := shown
		now := c.Now()
		before, elapsed, at, shown, trouble = &previous, now.Sub(at), now, next, ""
	}
}

// size returns the lines and columns of a terminal, 24 and 80 where they are not known.
func size(w io.Writer) (lines, columns int) {
	if f, ok := command.Terminal(w).(*os.File); ok {
		if columns, lines, err := term.GetSize(int(f.Fd())); err == nil && lines > 0 && columns > 0 {
			return lines, columns
		}
	}
	return 24, 80
}

// view is the content of one screen.
type view struct {
	stats, before    *adminapi.StatsResponse // before: at the look before; nil at the first
	elapsed          time.Duration           // since then
	by               string
	rules, workloads int // how many at most; 0 is all
	width            int // of a line; 0 is any
}

// fit divides the lines of a terminal among rules and workloads, which get a third when there are many of both. Headers and an error take
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

// rates reports whether there is a look before, so that rates are shown, and the order is by the counts since.
func (v *view) rates() bool { return v.before != nil && v.elapsed > 0 }

func (v *view) perSecond(n int64) string { return fmt.Sprintf("%.1f", float64(n)/v.elapsed.Seconds()) }

// byWeight orders by weight, then by hits, the larger first, then by name.
func byWeight(a, b, aHits, bHits int64, aName, bName string) int {
	return cmp.Or(cmp.Compare(b, a), cmp.Compare(bHits, aHits), strings.Compare(aName, bName))
}

// writeTop writes a summary, the busiest rules, and the busiest workloads.
func writeTop(c *command.Env, v *view) error {
	s, before := v.stats, v.before
	head := fmt.Sprintf("%s: %s, %s, %s sent, %s suppressed", safetext.Visible(s.Instance), quantity.Plural(s.Lines, "line"), quantity.Plural(s.Hits, "hit"), quantity.Grouped(s.Sent), quantity.Grouped(s.SuppressedTotal()))
	if v.rates() && s.Lines >= before.Lines && s.Hits >= before.Hits {
		head = fmt.Sprintf("%s: %s/s lines, %s/s hits, %s/s sent", safetext.Visible(s.Instance), v.perSecond(s.Lines-before.Lines), v.perSecond(s.Hits-before.Hits),
			v.perSecond(max(0, s.Sent-before.Sent)))
	}
	c.Printf("%s\n\n", command.Shorten(head, v.width))
	if err := writeRules(c, v); err != nil {
		return err
	}
	return writeWorkloads(c, v)
}

func writeRules(c *command.Env, v *view) error {
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
		cells := []string{command.Shorten(name, 40), fmt.Sprint(l.rule.Hits)}
		if v.rates() {
			cells = append(cells, v.perSecond(l.hits))
		}
		cells = append(cells, fmt.Sprint(l.rule.Sent), fmt.Sprint(l.rule.SuppressedTotal()), time.Duration(l.rule.Nanos).Round(time.Microsecond).String(), share, command.Sums(l.rule.Suppressed))
		rows = append(rows, strings.Join(cells, "\t"))
	}
	return writeFitted(c, header, rows, v.width)
}

// writeWorkloads writes the workloads below the rules, those that there is no room for as one.
func writeWorkloads(c *command.Env, v *view) error {
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
		cells := []string{command.Shorten(safetext.Visible(w.Name), 40), fmt.Sprint(w.Lines), fmt.Sprint(w.Hits)}
		if v.rates() {
			cells = []string{cells[0], cells[1], v.perSecond(l.lines), cells[2], v.perSecond(l.hits)}
		}
		rows = append(rows, strings.Join(append(cells, fmt.Sprint(w.Sent), fmt.Sprint(w.SuppressedTotal()), command.Sums(w.Suppressed)), "\t"))
	}
	c.Printf("\n")
	return writeFitted(c, header, rows, v.width)
}

// writeFitted writes a table whose lines are cut to a width.
func writeFitted(c *command.Env, header string, rows []string, width int) error {
	var text bytes.Buffer
	if err := (&command.Env{Out: &text}).Table(header, rows); err != nil {
		return err
	}
	for row := range strings.Lines(text.String()) {
		c.Printf("%s\n", command.Shorten(strings.TrimRight(row, "\n"), width))
	}
	return nil
}
