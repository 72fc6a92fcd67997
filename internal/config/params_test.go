package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// TestParamsEqualTOML loads the same configuration as a document and as flat parameters.
func TestParamsEqualTOML(t *testing.T) {
	document := `
store = "memory"
verbosity = "debug"
limits.max_keys = 500
limits.per_container = { rate = "5/10s", burst = 7 }
records.log_keys = ["log", "text"]
egress.allow = ["gotify:80", "127.0.0.1/32:2586"]
[[rule]]
name = "panic"
pattern = '^panic: (?P<reason>.+)'
severity = "critical"
cooldown = "1h"
cooldown_by = ["container", "capture.reason"]
workloads = ["shop/*", "ops"]
where = { level = "error", "kubernetes.namespace_name" = "shop" }
labels = { team = "payments", Tier = "1" }
summary = "{{ .Workload }} panicked"
dry_run = true
[[rule]]
name = "oom"
keywords = ["out of memory, killed", "[oom]"]
any = ['["x]', 'b c']
none = ["[Dd]ebug"]
count = 5
within = "1m"
distinct = "field.user"
rollup = false
escalate = [{ after = "10m", severity = "error" }, { after = "1h", severity = "critical" }]
[[workload]]
match = "shop/api"
disable = ["oom"]
[[workload.override]]
rule = "panic"
cooldown = "30m"
[[workload.rule]]
name = "slow"
pattern = 'duration=\d{4,}'
context = { before = 2, after = 1 }
[[silence]]
name = "move"
workload = "shop/*"
severity = ["warning", "error"]
from = 2026-12-24T22:00:00Z
until = "2026-12-25T00:00:00+01:00"
comment = "we move"
every = ["mon,wed 02:00-04:00", "weekdays 18:00-08:00"]
zone = "Europe/Berlin"
where = { "label.team" = "payments", kind = "!=rollup" }
[[inhibit]]
source = { rule = "panic" }
target = { workload = "shop/*", message = "a b" }
for = "1m"
equal = ["host", "workload"]
[[trigger]]
name = "ops"
url = "https://example.com/hook"
format = "slack"
severity = ["error", "critical"]
headers = { X-Team = "a b", Authorization = "Bearer x" }
tls = { min_version = "1.3" }
retries = 0
where = { host = "/^edge/" }
during = ["weekdays 08:00-18:00, 19:00-20:00"]
`
	params := map[string]string{
		"Store": "memory", "VERBOSITY": "debug",
		"limits.max_keys": "500", "limits.per_container.rate": "5/10s", "limits.per_container.burst": "7",
		"records.log_keys":       "log text",
		"egress.allow":           "gotify:80, 127.0.0.1/32:2586",
		"Rules":                  "panic, oom",
		"rule.panic.pattern":     "^panic: (?P<reason>.+)",
		"rule.panic.severity":    "critical",
		"rule.panic.cooldown":    "1h",
		"rule.panic.workloads":   "shop/* ops",
		"rule.panic.where":       `{ level = "error", kubernetes.namespace_name = "shop" }`,
		"rule.panic.labels":      "team Tier",
		"rule.panic.labels.tier": "1", "rule.panic.labels.team": "payments",
		"rule.panic.summary":     "{{ .Workload }} panicked",
		"rule.panic.dry_run":     "On",
		"rule.panic.cooldown_by": "container capture.reason",
		"rule.oom.keywords":      `["out of memory, killed", '[oom]']`,
		"rule.oom.any.1":         `["x]`,
		"rule.oom.any.2":         `b c`,
		"rule.oom.none":          `[Dd]ebug`,
		"rule.oom.count":         "5", "rule.oom.within": "1m", "rule.oom.distinct": "field.user", "rule.oom.rollup": "off",
		"rule.oom.escalate":                     `[{ after = "10m", severity = "error" }, { after = "1h", severity = "critical" }]`,
		"workloads":                             "api",
		"workload.api.match":                    "shop/api",
		"workload.api.disable":                  "oom",
		"workload.api.overrides":                "panic",
		"workload.api.override.panic.cooldown":  "30m",
		"workload.api.rules":                    "slow",
		"workload.api.rule.slow.pattern":        `duration=\d{4,}`,
		"workload.api.rule.slow.context.before": "2", "workload.api.rule.slow.context.after": "1",
		"silences": "move", "silence.move.workload": "shop/*", "silence.move.severity": "warning error",
		"silence.move.from": "2026-12-24T22:00:00Z", "silence.move.until": "2026-12-24T23:00:00Z", "silence.move.comment": "we move",
		"silence.move.every.1": "mon,wed 02:00-04:00", "silence.move.every.2": "weekdays 18:00-08:00", "silence.move.zone": "Europe/Berlin",
		"silence.move.where": `{ label.team = "payments", kind = "!=rollup" }`,
		"inhibits":           "panics", "inhibit.panics.source.rule": "panic", "inhibit.panics.target.workload": "shop/*",
		"inhibit.panics.target.message": "a b", "inhibit.panics.for": "1m", "inhibit.panics.equal": "host workload",
		"triggers":                   "ops",
		"Trigger.ops.Url":            "https://example.com/hook",
		"trigger.ops.format":         "slack",
		"trigger.ops.severity":       "error,critical",
		"trigger.ops.headers":        "X-Team Authorization",
		"trigger.ops.headers.x-team": "a b", "trigger.ops.headers.authorization": "Bearer x",
		"trigger.ops.tls.min_version": "1.3",
		"trigger.ops.retries":         "0",
		"trigger.ops.where":           `{ host = "/^edge/" }`,
		"trigger.ops.during":          "weekdays 08:00-18:00, 19:00-20:00", // one entry: neither spaces nor commas separate hours
	}
	want := Load(Sources{Inline: document})
	got := Load(Sources{Params: lookUp(params)})
	for _, p := range append(want.Problems, got.Problems...) {
		t.Error(p)
	}
	g, w := plain(got.Settings), plain(want.Settings)
	if !reflect.DeepEqual(g, w) {
		t.Errorf("the parameters give\n%+v\nthe document\n%+v", g, w)
	}
}

// plain returns the settings with their secrets comparable.
func plain(s Settings) Settings {
	for i := range s.Triggers {
		t := &s.Triggers[i]
		t.Username = t.URL.Text.Reveal() // it is unused here
		t.URL = setting.SecretSource{}
		t.HeaderEnv = map[string]string{}
		for name, secret := range t.Headers {
			t.HeaderEnv[name] = secret.Reveal()
		}
		t.Headers = nil
	}
	return s
}

// TestParamsProblems checks what is said of parameters that do not fit.
func TestParamsProblems(t *testing.T) {
	for name, c := range map[string]struct {
		params map[string]string
		want   string
	}{
		"duration": {
			map[string]string{"rules": "x", "rule.x.pattern": "a", "rule.x.cooldown": "5"},
			`parameter rule.x.cooldown: rule "x": cooldown: "5": must be a duration such as "5m" (a bare number has no unit)`,
		},
		"nothing set": {
			map[string]string{"rules": "x"},
			`parameter rules: rule "x": pattern: must be set (a rule needs at least one of pattern, keywords, any, all, none, event and where)`,
		},
		"named twice": {
			map[string]string{"rules": "x X", "rule.x.pattern": "a"},
			`parameter rules: "X": is named twice (the keys of parameters ignore case)`,
		},
		"number": {
			map[string]string{"limits.max_keys": "many"},
			`parameter limits.max_keys: limits.max_keys: "many": must be a whole number`,
		},
		"switch": {
			map[string]string{"rules": "x", "rule.x.pattern": "a", "rule.x.dry_run": "maybe"},
			`parameter rule.x.dry_run: rule "x": dry_run: "maybe": must be true or false`,
		},
		"array": {
			map[string]string{"rules": "x", "rule.x.any": `["a", "b]`},
			`parameter rule.x.any: rule "x": any: must be a list such as ["a", "b"]; a text that begins with [ can be set as rule.x.any.1`,
		},
		"array injects a key": {
			map[string]string{"rules": "x", "rule.x.any": "['a']\nw = 1"},
			`parameter rule.x.any: rule "x": any: must be a list such as ["a", "b"]; a text that begins with [ can be set as rule.x.any.1`,
		},
		"array and numbers": {
			map[string]string{"rules": "x", "rule.x.any": "a", "rule.x.any.1": "b"},
			`parameter rule.x.any: rule "x": any: must not be set together with rule.x.any.1 (a list is given in one parameter or in numbered ones)`,
		},
		"gap": {
			map[string]string{"rules": "x", "rule.x.any.1": "b", "rule.x.any.3": "c"},
			`parameter rule.x.any.2: rule "x": any: is missing, but the next number is set`,
		},
		"table": {
			map[string]string{"rules": "x", "rule.x.where": "{ level = error }"},
			`parameter rule.x.where: rule "x": where: must be a table such as { name = "value" }`,
		},
		"entry": {
			map[string]string{"rules": "x", "rule.x.where": "level"},
			`parameter rule.x.where.level: rule "x": where: is not set, but named in rule.x.where`,
		},
		"regexp in a list": {
			map[string]string{"rules": "x", "rule.x.any.1": "ok", "rule.x.any.2": "("},
			"parameter rule.x.any.2: rule \"x\": any: \"(\": must be a regular expression: missing closing ): `(`",
		},
		"match": {
			map[string]string{"workloads": "api"},
			`parameter workloads: workload #1: match: must be set (a glob such as "shop/*")`,
		},
		"override": {
			map[string]string{
				"rules": "oom", "rule.oom.pattern": "x", "workloads": "api", "workload.api.match": "a",
				"workload.api.overrides": "om", "workload.api.override.om.cooldown": "1m",
			},
			`parameter workload.api.overrides: workload "a": override of "om": rule: "om": there is no global rule of this name (did you mean "oom"?)`,
		},
		"secret": {
			map[string]string{"triggers": "t", "trigger.t.url": "gopher://S3CR3T", "trigger.t.url_file": "/run/x"},
			"parameter trigger.t.url: trigger \"t\": url: ••••: must begin with http:// or https://\n" +
				`parameter trigger.t.url_file: trigger "t": url_file: must not be set together with url (set one of url, url_file and url_env)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			res := Load(Sources{Params: lookUp(c.params)})
			if got := strings.TrimSuffix(errorText(res.Problems, "-"), "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if len(res.Settings.Rules) > 0 && res.Settings.Rules[0].Name == "x" && name != "named twice" {
				t.Error("a broken rule is in the settings")
			}
		})
	}
}

// FuzzParams holds for any values of parameters: no panic, and every problem names its parameter.
func FuzzParams(f *testing.F) {
	f.Add("panic oom", `["a", 'b']`, `{ level = "error" }`, "5m")
	f.Add("x", "[Ee]rror", "level", "5")
	f.Add(",", "['", "{", "-")
	f.Fuzz(func(t *testing.T, names, list, table, scalar string) {
		res := Load(Sources{Params: func(key string) string {
			switch {
			case strings.HasSuffix(key, "s") && !strings.Contains(key, "."):
				return names
			case strings.HasSuffix(key, ".any") || strings.HasSuffix(key, ".disable") || strings.HasSuffix(key, ".2"):
				return list
			case strings.HasSuffix(key, ".where") || strings.HasSuffix(key, ".headers"):
				return table
			case strings.HasSuffix(key, "cooldown") || strings.HasSuffix(key, "rate") || strings.HasSuffix(key, "level") || strings.HasSuffix(key, "any.1"):
				return scalar
			}
			return ""
		}})
		for _, p := range res.Problems {
			if p.Origin.Kind != FromParameter || p.Line != 0 || p.Message == "" {
				t.Errorf("%#v", p)
			}
		}
	})
}
