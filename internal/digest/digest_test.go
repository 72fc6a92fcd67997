package digest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

var (
	monday  = time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	tuesday = monday.AddDate(0, 0, 1)
)

func clock(at time.Time) string { return at.UTC().Format("Mon 2006-01-02 15:04 MST") }

func counts(hits, alerts, cooldown, limit int64) (c Counts) {
	c.Hits, c.Alerts = hits, alerts
	c.Suppressed[engine.ReasonCooldown], c.Suppressed[engine.ReasonRateLimit] = cooldown, limit
	return c
}

func period(alerts ...Alert) *Period {
	return &Period{Until: tuesday, Due: tuesday, Clock: clock, Alerts: alerts}
}

// TestAReportOfADay has restarts, after which counters begin again, a rule that goes, a second period, and a digest that comes late.
func TestAReportOfADay(t *testing.T) {
	t.Parallel()
	l := NewLedger("daily 08:00", monday)
	known := Totals{Rules: map[string]Counts{"old": counts(7, 7, 0, 0), "never": {}}, Workloads: map[string]Counts{"shop/api": counts(7, 7, 0, 0)}}
	l.Know(&known)
	first := Totals{
		Sum: counts(20, 3, 15, 2), Sent: 3,
		Rules:     map[string]Counts{"old": counts(9, 8, 1, 0), "go-panic": counts(11, 2, 7, 2)},
		Workloads: map[string]Counts{"shop/api": counts(20, 3, 15, 2)},
	}
	begun := Totals{Rules: known.Rules, Workloads: known.Workloads}
	if !l.Add(&begun, &first) || l.Add(&first, &first) {
		t.Error("what was added is not reported")
	}
	// A restart: the counters begin at 0. The rule old is gone.
	again := Totals{Sum: counts(5, 1, 4, 0), Sent: 1, Rules: map[string]Counts{"go-panic": counts(5, 1, 4, 0)}, Workloads: map[string]Counts{"shop/api": counts(4, 1, 3, 0), "shop/web": counts(1, 0, 1, 0)}}
	l.Add(&Totals{}, &again)
	p := period()
	if got, want := l.Summary(p), "25 hits, 4 alerts, 21 suppressed since Mon 2026-11-30 08:00 UTC"; got != want {
		t.Errorf("%s", got)
	}
	report := l.Report(p)
	for _, line := range []string{
		"Mon 2026-11-30 08:00 UTC to Tue 2026-12-01 08:00 UTC\n25 hits, 4 alerts, 21 suppressed (cooldown 19, rate limit 2), 4 sent\n",
		"\nrules\n- go-panic: 16 hits, 3 alerts, 13 suppressed (cooldown 11, rate limit 2)\n- old: 2 hits, 1 alert, 1 suppressed (cooldown 1)\n",
		"\nThis is the first digest.",
	} {
		if !strings.Contains(report, line) {
			t.Errorf("the report lacks %q:\n%s", line, report)
		}
	}
	if strings.Contains(report, "due at") {
		t.Errorf("in time:\n%s", report)
	}

	saved, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var read Ledger
	if err := json.Unmarshal(saved, &read); err != nil {
		t.Fatal(err)
	}
	read.Seen = l.Seen
	if got := read.Report(p); got != report {
		t.Errorf("after a restart:\n%s\nbefore:\n%s", got, report)
	}

	l.Next(tuesday, tuesday)
	more := Totals{Sum: counts(7, 2, 5, 0), Sent: 2, Rules: map[string]Counts{"go-panic": counts(6, 1, 5, 0), "oom": counts(1, 1, 0, 0)}, Workloads: map[string]Counts{"shop/api": {}, "shop/cart": counts(2, 1, 1, 0)}}
	l.Add(&again, &more)
	late := &Period{Until: tuesday.Add(time.Hour), Due: tuesday, Clock: clock, Dead: map[string]int{"ops": 2, "pager": 1}, More: true, Alerts: []Alert{
		{Rule: "go-panic", Workload: "shop/api", Message: "panic: order 17"}, {Rule: "go-panic", Workload: "shop/api", Message: "panic: order 18"},
		{Rule: "go-panic", Workload: "shop/api", Template: "panic: nil map"},
	}}
	if got, want := l.Report(late), `Tue 2026-12-01 08:00 UTC to Tue 2026-12-01 09:00 UTC
due at Tue 2026-12-01 08:00 UTC: the program did not run, or could not store it
2 hits, 1 alert, 1 suppressed (cooldown 1), 1 sent

rules
- go-panic: 1 hit, 0 alerts, 1 suppressed (cooldown 1)
- oom: 1 hit, 1 alert, 0 suppressed

workloads
- shop/cart: 2 hits, 1 alert, 1 suppressed (cooldown 1)

new
- rule oom: its first hits
- workload shop/cart
- go-panic in shop/api: panic: order <num>
- go-panic in shop/api: panic: nil map

3 dead letters: ops 2, pager 1

There were more alerts than a digest looks at: what is new and what could be quieter is about the latest 3.`; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	l.Next(tuesday, tuesday)
	if got := l.Report(period(late.Alerts...)); strings.Contains(got, "new") {
		t.Errorf("seen before, and new again:\n%s", got)
	}
}

// TestARuleThatComesBack within a minute has counted from the beginning. Its hits since then are all there.
func TestARuleThatComesBack(t *testing.T) {
	t.Parallel()
	l := NewLedger("", monday)
	before := Totals{Rules: map[string]Counts{"boom": counts(100, 90, 10, 0)}}
	l.Add(&Totals{}, &before)
	l.Add(&before, &Totals{Rules: map[string]Counts{"boom": counts(50, 5, 45, 0)}})
	if got := *l.Rules["boom"]; got != counts(150, 95, 55, 0) {
		t.Errorf("%+v", got)
	}
}

// TestQuieter tries longer cooldowns on the alerts, for each key by itself.
func TestQuieter(t *testing.T) {
	t.Parallel()
	l := NewLedger("", monday)
	var alerts []Alert
	add := func(rule, key string, n int, every time.Duration) {
		for i := range n {
			alerts = append(alerts, Alert{Rule: rule, Key: key, Message: "x", Time: monday.Add(time.Duration(i) * every)})
		}
	}
	add("every-5m", "a", 24, 5*time.Minute)
	add("two-keys", "a", 4, 20*time.Minute)
	add("two-keys", "b", 4, 20*time.Minute)
	add("few", "a", 5, time.Minute)
	add("rare", "a", 6, 13*time.Hour)
	for i := range 9 {
		add("many-keys", fmt.Sprint(i), 1, 0)
	}
	got := l.Report(period(alerts...))
	_, got, _ = strings.Cut(got, "could be quieter\n")
	if want := "- every-5m: 24 alerts; cooldown = \"15m\" would have made 8\n- two-keys: 8 alerts; cooldown = \"1h\" would have made 4"; got != want {
		t.Errorf("%s", got)
	}
}

// TestBounds has more rules, workloads and templates than a ledger or a report lists, with hostile names. The sums are of all.
func TestBounds(t *testing.T) {
	t.Parallel()
	l := NewLedger("", monday)
	l.First = false
	var all Totals
	all.Rules, all.Workloads = map[string]Counts{}, map[string]Counts{}
	hostile := strings.Repeat("\x1b[2J\n\u202e", 50)
	var alerts []Alert
	for i := range 3 * maxSeen {
		name := fmt.Sprintf("%s%05d", hostile, i)
		all.Rules[name], all.Workloads[name] = counts(1, 1, 0, 0), counts(1, 1, 0, 0)
		if i < 20 {
			alerts = append(alerts, Alert{Rule: name, Workload: name, Template: name})
		}
	}
	all.Sum = counts(3*maxSeen, 3*maxSeen, 0, 0)
	l.Add(&Totals{}, &all)
	if len(l.Rules) > maxRows || len(l.Workloads) > maxRows || len(l.Seen) > maxSeen || len(l.NewRules.Names) > maxNew || l.Sum.Hits != 3*maxSeen {
		t.Errorf("%d rules, %d workloads, %d seen, %d new, %d hits", len(l.Rules), len(l.Workloads), len(l.Seen), len(l.NewRules.Names), l.Sum.Hits)
	}
	report := l.Report(period(alerts...))
	if len(report) > 8<<10 || strings.ContainsAny(report, "\x1b\u202e") {
		t.Errorf("%d bytes:\n%q", len(report), report)
	}
	for line := range strings.SplitSeq(report, "\n") {
		if len(line) > 3*maxText {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
