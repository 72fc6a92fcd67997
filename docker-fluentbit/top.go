package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
)

type topCommand struct {
	remote
	Sort     string        `enum:"hits,alerts,held,time" default:"hits" help:"Which rules come first: by hits, alerts, held or time. Since the last look on a terminal, since the start otherwise."`
	Rows     int           `short:"n" default:"0" placeholder:"N" help:"How many rules to show. Default: as many as fit, or all."`
	Interval time.Duration `default:"2s" help:"How often to look, on a terminal."`
}

// Help gives examples.
func (topCommand) Help() string {
	return "On a terminal it refreshes in place until Ctrl-C; otherwise it writes one snapshot.\n\nExamples:\n  docker-fluentbit top\n  docker-fluentbit top --sort time -n 10\n  docker-fluentbit top -o json | jq '.rules[0]'"
}

// minInterval keeps top from being what the rules wait for.
const minInterval = 200 * time.Millisecond

// Run shows the busiest rules.
func (cmd *topCommand) Run(c *console) error {
	if cmd.Interval < minInterval {
		return fmt.Errorf("--interval: %s is below %s", cmd.Interval, minInterval)
	}
	if cmd.Rows < 0 {
		return fmt.Errorf("-n: %d must not be negative", cmd.Rows)
	}
	if cmd.Output == "json" || !isTerminal(c.out) {
		return ask(c, &cmd.remote, client.Request{Path: statsPath}, func(s *client.Stats) error {
			return c.top(s, nil, 0, cmd.Sort, cmd.Rows, 0)
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
	var last client.Stats
	if _, err := api.Do(ctx, client.Request{Path: statsPath}, &last); err != nil {
		return err
	}
	at := time.Now()
	c.printf("%s", enterScreen)
	defer c.printf("%s", leaveScreen)
	tick := time.NewTicker(cmd.Interval)
	defer tick.Stop()
	shown, trouble := last, ""
	var before *client.Stats
	var elapsed time.Duration
	for {
		height, width := size(c.out)
		rows := height - 5
		if cmd.Rows > 0 {
			rows = min(rows, cmd.Rows)
		}
		var text bytes.Buffer
		if err := (&console{out: &text, err: c.err}).top(&shown, before, elapsed, cmd.Sort, max(rows, 1), width); err != nil {
			return err
		}
		if trouble != "" {
			text.WriteString("\n" + shorten(clean(trouble), width))
		}
		c.printf("%s%s%s", screenHome, strings.ReplaceAll(text.String(), "\n", eraseToEnd+"\r\n"), eraseToEnd+eraseBelow)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var next client.Stats
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
	if f, ok := w.(*os.File); ok {
		if s, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && s.Row > 0 && s.Col > 0 {
			return int(s.Row), int(s.Col)
		}
	}
	return 24, 80
}

// top writes a summary and the busiest rules. With a look before, rates are told, and the order is by what was done since; most 0 is all, width 0 is any.
func (c *console) top(s, before *client.Stats, elapsed time.Duration, by string, most, width int) error {
	old := map[string]*client.RuleStats{}
	rates := before != nil && elapsed > 0
	if rates {
		for i := range before.Rules {
			old[before.Rules[i].Workload+"\x00"+before.Rules[i].Name] = &before.Rules[i]
		}
	}
	type line struct {
		rule           *client.RuleStats
		hits, weighted int64
		nanos          int64
	}
	var lines []line
	var nanos int64
	for i := range s.Rules {
		r := &s.Rules[i]
		was := &client.RuleStats{}
		if o := old[r.Workload+"\x00"+r.Name]; o != nil && o.Hits <= r.Hits {
			was = o
		}
		l := line{rule: r, hits: r.Hits - was.Hits, nanos: max(0, r.Nanos-was.Nanos)}
		l.weighted = map[string]int64{"hits": l.hits, "alerts": r.Alerts - was.Alerts, "held": r.Held() - was.Held(), "time": l.nanos}[by]
		nanos += l.nanos
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		if a.weighted != b.weighted {
			return int(max(-1, min(1, b.weighted-a.weighted)))
		}
		if a.rule.Hits != b.rule.Hits {
			return int(max(-1, min(1, b.rule.Hits-a.rule.Hits)))
		}
		return strings.Compare(a.rule.Name, b.rule.Name)
	})
	perSecond := func(n int64) string { return fmt.Sprintf("%.1f/s", float64(n)/elapsed.Seconds()) }
	head := fmt.Sprintf("%s: %s, %s, %s, %d held back", clean(s.Instance), plural(int(s.Lines), "line"), plural(int(s.Hits), "hit"), plural(int(s.Alerts), "alert"), s.Held())
	if rates && s.Lines >= before.Lines && s.Hits >= before.Hits {
		head = fmt.Sprintf("%s: %s lines, %s hits, %s alerts", clean(s.Instance), perSecond(s.Lines-before.Lines), perSecond(s.Hits-before.Hits), perSecond(s.Alerts-before.Alerts))
	}
	c.printf("%s\n\n", shorten(head, width))
	header := "RULE\tHITS\tALERTS\tHELD BACK\tTIME\tSHARE\tBECAUSE OF"
	if rates {
		header = "RULE\tHITS\tHITS/S\tALERTS\tHELD BACK\tTIME\tSHARE\tBECAUSE OF"
	}
	var rows []string
	for i, l := range lines {
		if most > 0 && i == most {
			break
		}
		name := clean(l.rule.Name)
		if l.rule.Workload != "" {
			name += " (" + clean(l.rule.Workload) + ")"
		}
		share := "-"
		if nanos > 0 {
			share = fmt.Sprintf("%.0f%%", 100*float64(l.nanos)/float64(nanos))
		}
		cells := []string{shorten(name, 40), fmt.Sprint(l.rule.Hits)}
		if rates {
			cells = append(cells, fmt.Sprintf("%.1f", float64(l.hits)/elapsed.Seconds()))
		}
		cells = append(cells, fmt.Sprint(l.rule.Alerts), fmt.Sprint(l.rule.Held()), time.Duration(l.rule.Nanos).Round(time.Microsecond).String(), share, sums(l.rule.Suppressed))
		rows = append(rows, strings.Join(cells, "\t"))
	}
	var text bytes.Buffer
	if err := (&console{out: &text}).table(header, rows); err != nil {
		return err
	}
	for row := range strings.Lines(text.String()) {
		c.printf("%s\n", shorten(strings.TrimRight(row, "\n"), width))
	}
	return nil
}
