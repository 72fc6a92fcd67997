package digest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/template"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Alert is an alert of the period, as far as a digest needs it.
type Alert struct {
	Rule, Workload, Key, Template, Message, Summary string
	Time                                            time.Time
}

// Period is everything about a period that the ledger does not have.
type Period struct {
	Until  time.Time
	Due    time.Time                 // when the digest should have come; zero: it was asked for
	Clock  func(at time.Time) string // shows a time
	Alerts []Alert                   // of rules, stored in the period, the oldest first
	More   bool                      // there were more than were looked at
	Dead   map[string]int            // dead letters of the period, by trigger
}

// Bounds of a report.
const (
	maxListed = 8
	maxText   = 120 // of one name, in bytes
	lateFrom  = 5 * time.Minute
	leastMany = 6 // alerts of a rule for which there may be a better cooldown
)

// Summary returns the period in one line.
func (l *Ledger) Summary(p *Period) string {
	return fmt.Sprintf("%s, %s, %s suppressed since %s", plural(l.Sum.Hits, "hit"), plural(l.Sum.Alerts, "alert"), quantity.Grouped(l.Sum.held()), p.Clock(l.From))
}

// Report returns the period in lines of text. Names and templates come from log lines: they are on one line each, and cut.
func (l *Ledger) Report(p *Period) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s to %s", p.Clock(l.From), p.Clock(p.Until))
	if !p.Due.IsZero() && p.Until.Sub(p.Due) >= lateFrom {
		line("due at %s: the program did not run, or could not store it", p.Clock(p.Due))
	}
	line("%s, %s, %s suppressed%s, %s sent", plural(l.Sum.Hits, "hit"), plural(l.Sum.Alerts, "alert"), quantity.Grouped(l.Sum.held()), reasons(&l.Sum), quantity.Grouped(l.Sent))
	l.list(&b, "rules", l.Rules)
	l.list(&b, "workloads", l.Workloads)
	l.news(&b, p)
	dead(&b, p.Dead)
	quieter(&b, p.Alerts)
	if p.More {
		line("\nThere were more alerts than a digest looks at: what is new and what could be quieter is about the latest %s.", quantity.Grouped(int64(len(p.Alerts))))
	}
	return strings.TrimRight(b.String(), "\n")
}

func plural(n int64, noun string) string { return quantity.Plural(n, noun) }

// reasons returns by what hits were suppressed, as in " (cooldown 300, rate limit 12)".
func reasons(c *Counts) string {
	order := make([]int, 0, len(c.Suppressed))
	for why, n := range c.Suppressed {
		if n > 0 {
			order = append(order, why)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(c.Suppressed[y], c.Suppressed[x]) })
	var parts []string
	for _, why := range order {
		parts = append(parts, strings.ReplaceAll(engine.Reason(why).String(), "_", " ")+" "+quantity.Grouped(c.Suppressed[why]))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func (l *Ledger) list(b *strings.Builder, title string, rows map[string]*Counts) {
	names := slices.DeleteFunc(byHits(rows), func(name string) bool { return rows[name].Hits == 0 })
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, name := range names[:min(len(names), maxListed)] {
		c := rows[name]
		fmt.Fprintf(b, "- %s: %s, %s, %s suppressed%s\n", short(cmp.Or(name, "(none)")), plural(c.Hits, "hit"), plural(c.Alerts, "alert"), quantity.Grouped(c.held()), reasons(c))
	}
	rest(b, len(names))
}

func rest(b *strings.Builder, n int) {
	if n > maxListed {
		fmt.Fprintf(b, "- and %d more\n", n-maxListed)
	}
}

// short returns a name on one line, cut.
func short(text string) string {
	return safetext.Shorten(strings.Join(strings.Fields(safetext.Visible(text)), " "), maxText)
}

// news lists the rules, workloads and templates that no earlier period had.
func (l *Ledger) news(b *strings.Builder, p *Period) {
	var kinds News
	for i := range p.Alerts {
		a := &p.Alerts[i]
		kind := a.Template
		if kind == "" {
			kind = string(template.Append(nil, []byte(cmp.Or(a.Message, a.Summary))))
		}
		if l.see("template", a.Rule+"\x00"+a.Workload+"\x00"+kind) {
			kinds.add(short(a.Rule+" in "+cmp.Or(a.Workload, "no workload")) + ": " + short(kind))
		}
	}
	if l.First {
		b.WriteString("\nThis is the first digest. The next one says what is new.\n")
		return
	}
	if l.NewRules.Total+l.NewWorkloads.Total+kinds.Total == 0 {
		return
	}
	b.WriteString("\nnew\n")
	for _, part := range []struct {
		prefix, suffix string
		news           News
	}{{"rule ", ": its first hits", l.NewRules}, {"workload ", "", l.NewWorkloads}, {"", "", kinds}} {
		names := part.news.Names[:min(len(part.news.Names), maxListed)]
		for _, name := range names {
			if part.prefix != "" {
				name = part.prefix + short(cmp.Or(name, "(none)")) + part.suffix
			}
			b.WriteString("- " + name + "\n")
		}
		if n := part.news.Total - len(names); n > 0 {
			fmt.Fprintf(b, "- and %d more\n", n)
		}
	}
}

func dead(b *strings.Builder, by map[string]int) {
	sum := 0
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(by)) {
		sum += by[name]
		if len(parts) < maxListed {
			parts = append(parts, fmt.Sprintf("%s %d", short(name), by[name]))
		}
	}
	if sum > 0 {
		fmt.Fprintf(b, "\n%s: %s\n", plural(int64(sum), "dead letter"), strings.Join(parts, ", "))
	}
}

// cooldowns are those that quieter tries, the shortest first.
var cooldowns = [...]struct {
	word   string
	length time.Duration
}{{"15m", 15 * time.Minute}, {"1h", time.Hour}, {"4h", 4 * time.Hour}, {"12h", 12 * time.Hour}}

// quieter names the rules of which a longer cooldown would have sent at most half of the alerts. It tries the cooldown on the alerts of the period.
func quieter(b *strings.Builder, alerts []Alert) {
	type key struct{ rule, key string }
	times := map[string]map[key][]time.Time{}
	for i := range alerts {
		a := &alerts[i]
		if times[a.Rule] == nil {
			times[a.Rule] = map[key][]time.Time{}
		}
		k := key{a.Rule, a.Key}
		times[a.Rule][k] = append(times[a.Rule][k], a.Time)
	}
	type found struct {
		text  string
		saved int
	}
	var all []found
	for _, rule := range slices.Sorted(maps.Keys(times)) {
		sum := 0
		for _, at := range times[rule] {
			sum += len(at)
		}
		if sum < leastMany {
			continue
		}
		for _, c := range cooldowns {
			left := 0
			for _, at := range times[rule] {
				left += spaced(at, c.length)
			}
			if 2*left <= sum {
				all = append(all, found{fmt.Sprintf("%s: %d alerts; cooldown = %q would have made %d", short(rule), sum, c.word, left), sum - left})
				break
			}
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(x, y found) int { return cmp.Compare(y.saved, x.saved) })
	b.WriteString("\ncould be quieter\n")
	for _, f := range all[:min(len(all), maxListed)] {
		b.WriteString("- " + f.text + "\n")
	}
	rest(b, len(all))
}

// spaced returns how many of the times, in their order, are at least so far after the last one of those.
func spaced(times []time.Time, apart time.Duration) (n int) {
	var last time.Time
	for _, at := range times {
		if n == 0 || at.Sub(last) >= apart {
			n++
			last = at
		}
	}
	return n
}
