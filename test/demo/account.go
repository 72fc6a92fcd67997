package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/containerlog"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// expectation is a rule of examples/demo/rules.toml once more, as plainly as can be: what must match a line, and what must not. It is
// kept apart from the rules on purpose, so that the engine is not measured with its own yardstick.
type expectation struct {
	rule     string
	workload string // "" is any
	stream   string // "" is any
	match    *regexp.Regexp
	not      *regexp.Regexp
}

var expectations = []expectation{
	{rule: "go-panic", stream: "stderr", match: regexp.MustCompile(`^panic: `)},
	{rule: "java-exception", match: regexp.MustCompile(`^[a-z][a-zA-Z.]+(Exception|Error): `)},
	{rule: "python-exception", workload: "shop/recommend", stream: "stderr", match: regexp.MustCompile(`^[A-Z][a-zA-Z]+(Error|Exception): `)},
	{rule: "nginx-5xx", stream: "stdout", match: regexp.MustCompile(` HTTP/1.1" 5\d\d `)},
	{rule: "nginx-upstream", stream: "stderr", match: regexp.MustCompile(`connect\(\) failed`)},
	{rule: "failed-charge", workload: "shop/worker", match: regexp.MustCompile(`"level":"error"`), not: regexp.MustCompile(`insufficient_funds`)},
	{rule: "postgres-error", match: regexp.MustCompile(`\[\d+\] (ERROR|FATAL|PANIC):`)},
	{rule: "redis-save", workload: "shop/cache", match: regexp.MustCompile(`Can't save in background`)},
	{rule: "oom-kill", match: regexp.MustCompile(`out of memory: Killed process`)},
	{rule: "slow-query", workload: "shop/db", match: regexp.MustCompile(`duration: \d{4,}\.`)},
}

func (e *expectation) hit(l containerlog.Line) bool {
	return (e.workload == "" || e.workload == l.Container.Workload()) && (e.stream == "" || e.stream == l.Stream) &&
		e.match.MatchString(l.Text) && (e.not == nil || !e.not.MatchString(l.Text))
}

// tally is what is known of one rule.
type tally struct {
	hits       int64 // lines that the expectation matches
	alerts     int64 // lines that alerts stand for themselves
	suppressed int64 // hits that alerts report as suppressed
}

// account holds the alerts against the lines.
type account struct {
	lines, containers int

	mu         sync.Mutex
	rules      map[string]*tally
	by         map[string]int64
	seen       map[string]bool
	alerts     int
	rollups    int // of the alerts
	duplicates int
	problems   []string
}

func newAccount(lines []containerlog.Line) *account {
	a := &account{lines: len(lines), rules: map[string]*tally{}, by: map[string]int64{}, seen: map[string]bool{}}
	containers := map[*containerlog.Container]bool{}
	for i := range expectations {
		a.rules[expectations[i].rule] = &tally{}
	}
	for _, l := range lines {
		containers[l.Container] = true
		for i := range expectations {
			if expectations[i].hit(l) {
				a.rules[expectations[i].rule].hits++
			}
		}
	}
	a.containers = len(containers)
	return a
}

// receive prints a request's alerts and counts them, each id once.
func (a *account) receive(r receiver.Request, printer *receiver.Printer) {
	alerts, err := r.Alerts()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.problems = append(a.problems, fmt.Sprintf("a request is no alert: %v", err))
	}
	for _, alert := range alerts {
		if a.seen[alert.ID] {
			a.duplicates++
			continue
		}
		a.seen[alert.ID] = true
		a.count(alert)
		if err := printer.Print(alert); err != nil {
			a.problems = append(a.problems, err.Error())
		}
	}
}

func (a *account) count(alert trigger.Alert) {
	a.alerts++
	if alert.Kind == trigger.KindRollup {
		a.rollups++
	}
	t := a.rules[alert.Rule]
	if t == nil {
		a.problems = append(a.problems, fmt.Sprintf("an alert of rule %q was not expected", alert.Rule))
		return
	}
	t.alerts += int64(alert.Count)
	t.suppressed += alert.Suppressed.Total
	var sum int64
	for reason, n := range alert.Suppressed.By {
		a.by[reason] += n
		sum += n
	}
	if sum != alert.Suppressed.Total {
		a.problems = append(a.problems, fmt.Sprintf("alert %s: %d suppressed in all, %d by reason", alert.ID, alert.Suppressed.Total, sum))
	}
}

// wait returns when every hit is accounted for, or with the error of ctx.
func (a *account) wait(ctx context.Context, server *receiver.Server) error {
	err := server.WaitUntil(ctx, func([]receiver.Request) bool { return a.complete() })
	if err != nil {
		return errors.Join(fmt.Errorf("not every line is accounted for: %w", err), a.verdict())
	}
	return nil
}

func (a *account) complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.rules {
		if t.alerts+t.suppressed < t.hits {
			return false
		}
	}
	return true
}

// verdict is nil when hits = alerts + suppressed for every rule, each rule alerted, and at least one hit was suppressed for each reason.
func (a *account) verdict() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for rule, t := range a.rules {
		if t.hits == 0 || t.alerts == 0 || t.alerts+t.suppressed != t.hits {
			errs = append(errs, fmt.Errorf("rule %s: %d hits, but %d alerted and %d suppressed", rule, t.hits, t.alerts, t.suppressed))
		}
	}
	for _, reason := range []string{"cooldown", "rate_limit"} {
		if a.by[reason] == 0 {
			errs = append(errs, fmt.Errorf("no hit was suppressed for reason %s", reason))
		}
	}
	for _, problem := range a.problems {
		errs = append(errs, errors.New(problem))
	}
	return errors.Join(errs...)
}

func (a *account) print(w io.Writer, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	names := make([]string, 0, len(a.rules))
	var sum tally
	for name, t := range a.rules {
		names = append(names, name)
		sum.hits += t.hits
		sum.alerts += t.alerts
		sum.suppressed += t.suppressed
	}
	sort.Strings(names)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "hits\talerts\tsuppressed\t  rule")
	for _, name := range names {
		t := a.rules[name]
		fmt.Fprintf(table, "%d\t%d\t%d\t  %s\n", t.hits, t.alerts, t.suppressed, name)
	}
	fmt.Fprintf(table, "%d\t%d\t%d\t  all\n", sum.hits, sum.alerts, sum.suppressed)
	// What is written is a terminal's or a pipe's business; the verdict does not depend on it.
	_ = table.Flush()
	reasons := make([]string, 0, len(a.by))
	for _, reason := range receiver.Reasons(a.by) {
		reasons = append(reasons, fmt.Sprintf("%s %d", strings.ReplaceAll(reason, "_", " "), a.by[reason]))
	}
	fmt.Fprintf(w, "\n%d lines in %.1f s, %d alerts and %d roll-ups, %d suppressed (%s)", a.lines, took.Seconds(), a.alerts-a.rollups, a.rollups, sum.suppressed, strings.Join(reasons, ", "))
	if a.duplicates > 0 {
		fmt.Fprintf(w, ", %d arrived twice", a.duplicates)
	}
	fmt.Fprintln(w)
}
