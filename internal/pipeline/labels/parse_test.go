package labels

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

func TestParse(t *testing.T) {
	rules, problems := parse("web-1", map[string]string{
		"fluentbit-trigger.enable":                    "true",
		"com.docker.compose.project":                  "shop",
		"fluentbit-trigger.rule.slow.pattern":         `took (?P<ms>\d{4,})ms`,
		"fluentbit-trigger.rule.slow.cooldown":        "1m",
		"fluentbit-trigger.rule.slow.severity":        "error",
		"fluentbit-trigger.rule.slow.labels":          "team",
		"fluentbit-trigger.rule.slow.labels.team":     "shop",
		"fluentbit-trigger.rule.dead.event":           "die",
		"fluentbit-trigger.rule.words.keywords.1":     "a, b",
		"fluentbit-trigger.rule.words.keywords.2":     "c",
		"fluentbit-trigger.rule.words.context.before": "3",
		"fluentbit-trigger.rule.broken.pattern":       "(",
		"fluentbit-trigger.rule.typo.pattern":         "x",
		"fluentbit-trigger.rule.typo.cooldwn":         "1m",
		"fluentbit-trigger.rule.x y.pattern":          "x",
		"fluentbit-trigger.rule.alone":                "x",
	})
	by := map[string]engine.RuleSettings{}
	for _, r := range rules {
		by[r.Name] = r
	}
	if len(by) != 3 || by["slow"].Cooldown != time.Minute || by["slow"].Labels["team"] != "shop" || by["slow"].Severity != engine.SeverityError ||
		len(by["words"].Keywords) != 2 || by["words"].Context.Before != 3 || by["dead"].Event[0] != "die" {
		t.Errorf("rules %+v", rules)
	}
	var reported []string
	for _, p := range problems {
		reported = append(reported, p.Error())
	}
	text := strings.Join(reported, "\n")
	for _, want := range []string{
		`container web-1: label fluentbit-trigger.rule.broken.pattern: rule "broken": pattern: "(": must be a regular expression: missing closing ): ` + "`(`",
		`container web-1: label fluentbit-trigger.rule.typo.cooldwn: "1m": unknown key "cooldwn" (did you mean "cooldown"?)`,
		`container web-1: label fluentbit-trigger.rule.x y.pattern: must be fluentbit-trigger.rule.NAME.KEY, where`,
		`container web-1: label fluentbit-trigger.rule.alone: must be`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not reported: %s\n%s", want, text)
		}
	}
	if len(problems) != 4 {
		t.Errorf("%d problems:\n%s", len(problems), text)
	}
}

func TestParseAreBounded(t *testing.T) {
	labels := map[string]string{}
	for i := range 40 {
		labels[fmt.Sprintf("%sr%02d.keywords", prefix, i)] = "x"
	}
	rules, problems := parse("web", labels)
	if len(rules) != maxOfContainer || len(problems) != 40-maxOfContainer {
		t.Errorf("%d rules, %d problems", len(rules), len(problems))
	}
	if rules, problems := parse("web", map[string]string{"a": "b"}); rules != nil || problems != nil {
		t.Errorf("%v, %v", rules, problems)
	}
}
