package admin

import (
	"fmt"
	"strings"
	"testing"
)

// TestSentCountsWhatReceiversTook has rules whose alerts go to one trigger or to two, a roll-up, a rule of a workload that has a global one's name, and a receiver
// that takes nothing. What was sent, by rule and by trigger and by workload, has the same sum, roll-ups included.
func TestSentCountsWhatReceiversTook(t *testing.T) {
	b := newBench(t, "")
	b.write(b.rulesFile(), b.read(b.rulesFile())+fmt.Sprintf(`
[[trigger]]
name = "second"
rule = ["burst", "boom"]
source = ["log"]
url = %q
[[trigger]]
name = "refuses"
rule = ["quiet"]
url = "http://127.0.0.1:1/"
[[rule]]
name = "burst"
pattern = "^burst"
cooldown = "1s"
[[workload]]
match = "shop/*"
[[workload.rule]]
name = "own"
pattern = "^own"
cooldown = "0s"
`, b.server.URL("/"+otherPath)))
	if report := b.p.Reload(); !report.Applied || len(report.Problems) > 0 {
		t.Fatalf("%+v", report)
	}
	b.flush("boom 1", "burst 1", "burst 2", "burst 3", "own 1")
	sent := func(list string) (all map[string]float64, sum float64) {
		all = map[string]float64{}
		for _, one := range listOf(b.get("/api/v1/stats"), list) {
			name, _ := one["id"].(string)
			if name == "" {
				name, _ = one["name"].(string)
			}
			n, _ := one["sent"].(float64)
			all[name] = n
			sum += n
		}
		return all, sum
	}
	// boom to two triggers; burst to two, and its roll-up as well; own to one.
	b.eventually("all arrived", func() bool { return b.get("/api/v1/stats")["sent"] == 7.0 })
	rules, ofRules := sent("rules")
	if rules["boom"] != 2 || rules["burst"] != 4 || rules["own@shop/*"] != 1 || ofRules != 7 {
		t.Errorf("by rule: %v", rules)
	}
	triggers, ofTriggers := sent("triggers")
	if triggers["ops"] != 4 || triggers["second"] != 3 || triggers["refuses"] != 0 || ofTriggers != 7 {
		t.Errorf("by trigger: %v", triggers)
	}
	if got := listOf(b.get("/api/v1/workloads"), "workloads")[0]; got["sent"] != 7.0 || got["alerts"] != 3.0 {
		t.Errorf("by workload: %v", got)
	}
	text := b.want(200, "GET", "/metrics", nil).text
	for _, want := range []string{`rule_sent_total{id="t",rule="boom"} 2`, `rule_sent_total{id="t",rule="burst"} 4`, `rule_sent_total{id="t",rule="other"} 0`, `sent_total{id="t",trigger="second"} 3`} {
		if !strings.Contains(text, "fluentbit_trigger_"+want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	// A rule that goes takes nothing of the sum along.
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), "name = \"burst\"", "name = \"other-burst\"", 1))
	b.p.Reload()
	stats := b.get("/api/v1/stats")
	if gone, _ := stats["gone"].(map[string]any); stats["sent"] != 7.0 || gone["sent"] != 4.0 {
		t.Errorf("after the reload: %v in all, %v of rules that are gone", stats["sent"], gone["sent"])
	}
	if text := b.want(200, "GET", "/metrics", nil).text; !strings.Contains(text, `rule_sent_total{id="t",rule="burst"} 4`) {
		t.Error("the counter of a rule that is gone fell")
	}
}
