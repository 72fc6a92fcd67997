package admin

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// metricOf names the metric of each field of the stats, with its labels. A value that begins with "-" is the reason why there is no metric.
var metricOf = map[string]string{
	"instance": `id="t"`, "started": "start_time_seconds", "chunks": "chunks_total", "refused": "chunks_refused_total", "own": "own_lines_total",
	"panics": "panics_total", "lines": "lines_total", "container_events": "container_events_total", "docker": "-of the standalone program alone: docker_…", "hits": "hits_total", "alerts": "alerts_total", "sent": "sent_total", "pending": "pending_hits",
	"suppressed": `suppressed_total{id="t",reason="cooldown"}`, "drops": `dropped_total{id="t",what="backlog"}`, "keys": "keys", "evicted": "evicted_total", "heartbeat": "-without one: heartbeat_…", "fleet": "-without one: fleet_…", "redacted": `redacted_total{id="t",mask="password"} 0`,
	"tails": "-of the standalone program alone: tails", "problems": "config_problems", "warnings.code": "-a text", "warnings.message": "warnings", "streams": "streams", "checklist.name": "-the counts beside it have metrics", "checklist.done": "-likewise", "checklist.detail": "-a text", "checklist.hint": "-a text", "checklist.triggers": "-names", "triggers.tested": "-by hand, once", "evaluation.nanos": "evaluation_seconds_total",
	"store.mode": `store_info{id="t",mode="file"`, "store.path": "store.db", "store.used": "store_used_bytes", "store.max": "store_max_bytes", "store.error": "store_up",
	"store.recovered": "store_recovered_total", "store.aside": "-a path that changes; store_recovered_total says that there is one",
	"store.lost": `what="damaged_store"`, "delivery.accepted": "alerts_stored_total", "delivery.duplicates": "alerts_duplicate_total", "delivery.backlog": "backlog",
	"delivery.delivered": `outcome="delivered"`, "delivery.retried": `outcome="retried"`, "delivery.held": `outcome="held"`,
	"delivery.refused": `outcome="refused"`, "delivery.expired": `outcome="expired"`, "delivery.in_flight": "deliveries_in_flight",
	"rules.id": `rule="boom"`, "rules.name": "-part of the id", "rules.workload": "-part of the id", "rules.hits": `hits_total{id="t",rule="boom"}`,
	"rules.sent": `rule_sent_total{id="t",rule="boom"}`, "gone.sent": `rule_sent_total{id="t",rule="other"}`, "triggers.outside_hours": `outside_during_total{id="t",trigger="ops"} 0`, "triggers.hours": "-a time of the week",
	"triggers.sent": `fluentbit_trigger_sent_total{id="t",trigger="ops"} 0`,
	"rules.alerts":  `alerts_total{id="t",rule="boom"}`, "rules.pending": `pending_hits{id="t",rule="boom"}`,
	"rules.suppressed": `rule_suppressed_total{id="t",reason="cooldown",rule="boom"}`, "rules.nanos": `rule_seconds_total{id="t",rule="boom"}`,
	"rules.estimate_ns": "rule_filter_seconds", "rules.filter": `rule_filter_seconds{filter="`,
	"gone.hits": `hits_total{id="t",rule="other"}`, "gone.alerts": `alerts_total{id="t",rule="other"}`, "gone.pending": `pending_hits{id="t",rule="other"}`,
	"gone.suppressed":   "-part of rule_suppressed_total of other",
	"workloads.busiest": "-no workload has a label: workloads", "workloads.other": "-no workload has a label: workloads",
	"triggers.name": `trigger="ops"`, "triggers.configured": `trigger_configured{id="t",trigger="ops"} 1`, "triggers.accepted": `trigger_accepted_total{id="t",trigger="ops"} 1`,
	"triggers.delivered": "trigger_delivered_total", "triggers.pending": `deliveries_pending{id="t",trigger="ops"} 1`, "triggers.dead": `dead_letters{id="t",trigger="ops"} 0`,
	"triggers.dropped": `trigger_dropped_total{id="t",trigger="ops"} 0`, "triggers.removed": `trigger_removed_total{id="t",trigger="ops"} 0`,
	"triggers.held":     `trigger_held_total{id="t",trigger="ops"} 0`,
	"triggers.failures": "trigger_failures", "triggers.hold": "trigger_on_hold", "triggers.reason": "-a text", "triggers.next_attempt": "trigger_next_attempt_time_seconds",
	"triggers.oldest": "oldest_delivery_age_seconds",
}

// statsFields returns the fields of the stats, those of structs and lists by their paths.
func statsFields(of reflect.Type, prefix string) (fields []string) {
	for n := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(n).Tag.Get("json"), ",")
		inner := of.Field(n).Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner.Name() != "Time" && prefix == "" {
			fields = append(fields, statsFields(inner, name+".")...)
			continue
		}
		fields = append(fields, prefix+name)
	}
	return fields
}

// TestEveryFieldOfTheStatsHasAMetric allows exceptions that have a reason.
func TestEveryFieldOfTheStatsHasAMetric(t *testing.T) {
	b := newBench(t, "")
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), `cooldown = "0s"`, `cooldown = "1h"`, 1))
	b.p.Reload()
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: http.StatusServiceUnavailable}))
	b.flush("boom 1", "boom 2")
	b.eventually("the trigger fails", func() bool { return listOf(b.get("/api/v1/stats"), "triggers")[0]["failures"] != 0.0 })
	text := b.want(http.StatusOK, "GET", "/metrics", nil).text
	known := map[string]bool{}
	for _, field := range statsFields(reflect.TypeFor[adminapi.StatsResponse](), "") {
		known[field] = true
		want, known := metricOf[field]
		if !known {
			t.Errorf("no metric has %s", field)
		} else if !strings.HasPrefix(want, "-") && !strings.Contains(text, want) {
			t.Errorf("%s: no %s in the metrics", field, want)
		}
	}
	for field := range metricOf {
		if !known[field] {
			t.Errorf("the stats have no %s", field)
		}
	}
	for _, name := range []string{"oldest_delivery_age_seconds", "trigger_next_attempt_time_seconds"} {
		found := regexp.MustCompile(name + `{id="t",trigger="ops"} (\S+)`).FindStringSubmatch(text)
		if found == nil {
			t.Errorf("no %s", name)
		} else if n, err := strconv.ParseFloat(found[1], 64); err != nil || n <= 0 {
			t.Errorf("%s is %s", name, found[1])
		}
	}
}

// ruleMetrics reads the counters by rule, and the totals of what was suppressed: series → value.
func (b *bench) ruleMetrics() map[string]float64 {
	b.t.Helper()
	out := map[string]float64{}
	text := b.want(http.StatusOK, "GET", "/metrics", nil).text
	for _, m := range regexp.MustCompile(`(?m)^fluentbit_trigger_((?:hits|alerts|rule_sent|suppressed|rule_suppressed|rule_seconds)_total\{\S+\}) (\S+)$`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			b.t.Fatal(err)
		}
		out[m[1]] = n
	}
	return out
}

// TestRuleCountersNeverFall has more rules than labels, of which others get busy, are deleted and made again. No series falls, nor does a sum, and the
// hits are all there.
func TestRuleCountersNeverFall(t *testing.T) {
	var rules strings.Builder
	for i := range metrics.MaxRules + 5 {
		fmt.Fprintf(&rules, "[[rule]]\nname = \"r%03d\"\npattern = '(^| )r%03d( |$)'\ncooldown = \"1h\"\n", i, i)
	}
	b := newBench(t, "")
	base := b.read(b.rulesFile())
	set := func(leave ...string) {
		t.Helper()
		text := rules.String()
		for _, name := range leave {
			text = regexp.MustCompile(`\[\[rule\]\]\nname = "`+name+`"\n.*\n.*\n`).ReplaceAllString(text, "")
		}
		b.write(b.rulesFile(), base+text)
		if report := b.p.Reload(); !report.Applied {
			t.Fatal("not applied")
		}
	}
	hits, before, ever := 0, map[string]float64{}, map[string]float64{}
	look := func(when string) map[string]float64 {
		t.Helper()
		now, sums := b.ruleMetrics(), map[string]float64{}
		for series, n := range now {
			if n < ever[series] {
				t.Errorf("%s: %s falls from %v to %v", when, series, ever[series], n)
			}
			ever[series] = max(ever[series], n)
			name, _, _ := strings.Cut(series, "{")
			sums[name] += n
		}
		for name, n := range sums {
			if n < before[name]-1e-9 { // they are sums of fractions
				t.Errorf("%s: the sum of %s falls from %v to %v", when, name, before[name], n)
			}
		}
		if before = sums; sums["hits_total"] != float64(hits) {
			t.Errorf("%s: %v hits, want %d", when, sums["hits_total"], hits)
		}
		if len(now) > 6*(metrics.MaxRules+1) {
			t.Errorf("%s: %d series", when, len(now))
		}
		return now
	}
	hit := func(times, from, to int) {
		words := make([]string, 0, to-from)
		for i := from; i < to; i++ {
			words = append(words, fmt.Sprintf("r%03d", i))
		}
		for range times {
			b.flush(strings.Join(words, " "))
		}
		hits += times * (to - from)
	}
	const busy = `hits_total{id="t",rule="r200"}`
	set()
	hit(1, 0, metrics.MaxRules)
	look("at first")
	hit(9, 200, 205)
	if _, labelled := look("when others are busier")[busy]; labelled {
		t.Error("there are more labels than there may be")
	}
	set("r000", "r001")
	hit(1, 200, 205)
	if n, labelled := look("when rules are gone")[busy]; n != 0 || !labelled {
		t.Errorf("the label of a rule that is gone: %v, %v", n, labelled)
	}
	hit(1, 200, 205)
	if n := look("a look later")[busy]; n != 1 {
		t.Errorf("a rule that was among the others has %v hits since", n)
	}
	set()
	hit(3, 0, 205)
	look("when they are there again")
	set("r100", "r101")
	set()
	hit(1, 100, 102) // between two looks
	now := look("when they were gone between two looks")
	if n := now[`hits_total{id="t",rule="r100"}`]; n != 5 {
		t.Errorf("a rule that was made again has %v hits, want the four of before and the one since", n)
	}
	set("r100", "r101", "r102", "r203")
	look("when more are gone")
	set("r003")
	hit(2, 0, 3)
	look("at the end")
}
