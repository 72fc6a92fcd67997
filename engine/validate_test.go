package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func TestRuleValidate(t *testing.T) {
	ok := RuleSettings{Name: "r", Pattern: "(?P<x>a)", CooldownBy: []string{"container", "capture.x", "field.a.b"}, Stream: "stderr"}
	if errs := ok.Validate(); errs != nil {
		t.Fatalf("a sound rule: %v", errs)
	}
	cases := []struct {
		change func(*RuleSettings)
		want   string
	}{
		{func(r *RuleSettings) { r.Name = "" }, "name: must be set"},
		{func(r *RuleSettings) { r.Name = "a\nb" }, "control characters"},
		{func(r *RuleSettings) { r.Name = strings.Repeat("n", 200) }, "name: must have at most 128 bytes, has 200"},
		{func(r *RuleSettings) { r.Pattern, r.CooldownBy = "", nil }, "needs at least one of pattern"},
		{func(r *RuleSettings) { r.Pattern = "(" }, "pattern \"(\": must be a regular expression: missing closing ): `(`"},
		{func(r *RuleSettings) { r.Pattern = "a(?!b)" }, "RE2 has no look-around"},
		{func(r *RuleSettings) { r.Pattern = `(a)\1` }, "RE2 has no back-references"},
		{func(r *RuleSettings) { r.Any = []string{"a", "a**"} }, `any "a**"`},
		{func(r *RuleSettings) { r.None = []string{""} }, "matches every line"},
		{func(r *RuleSettings) { r.Keywords = []string{""} }, "an empty keyword"},
		{func(r *RuleSettings) { r.Where = map[string]string{"status": ">=x"} }, `where.status ">=x"`},
		{func(r *RuleSettings) { r.Stream = "out" }, `stream "out": must be one of stdout, stderr, both`},
		{func(r *RuleSettings) { r.CooldownMax = time.Hour }, `cooldown_max "1h": must be set together with cooldown`},
		{func(r *RuleSettings) { r.Cooldown, r.CooldownMax = time.Hour, time.Minute }, `cooldown_max "1m": must be at least 1h`},
		{func(r *RuleSettings) { r.CooldownMax = 400 * 24 * time.Hour }, `cooldown_max "400d": must be at most 366d`},
		{func(r *RuleSettings) { r.CooldownMax = -1 }, `cooldown_max "-1ns": must not be negative`},
		{func(r *RuleSettings) { r.CooldownMax, r.Absent = time.Hour, time.Hour }, `cooldown_max "1h": must not be set together with absent`},
		{func(r *RuleSettings) { r.CooldownMax, r.Rate.Below = time.Hour, 500 }, `cooldown_max "1h": must not be set together with rate.below`},
		{func(r *RuleSettings) { r.CooldownMax, r.Without, r.Within = time.Hour, "x", time.Hour }, `cooldown_max "1h": must not be set together with without`},
		{func(r *RuleSettings) { r.ResolveOn = "(" }, "resolve_on \"(\": must be a regular expression: missing closing ): `(`"},
		{func(r *RuleSettings) { r.ResolveOn, r.Absent = "b", time.Hour }, "resolve_on: must not be set together with absent (an absence ends by itself"},
		{func(r *RuleSettings) { r.ResolveOn, r.Without, r.Within = "b", "c", time.Hour }, "resolve_on: must not be set together with without"},
		{func(r *RuleSettings) { r.Cooldown = -time.Second }, `cooldown "-1s": must not be negative`},
		{func(r *RuleSettings) { r.Cooldown = 10000 * time.Hour }, "must be at most"},
		{func(r *RuleSettings) { r.CooldownBy = []string{"pod"} }, `cooldown_by "pod": must be one of container, workload`},
		{func(r *RuleSettings) { r.CooldownBy = []string{"capture.y"} }, `the pattern has no group named "y"`},
		{func(r *RuleSettings) { r.CooldownBy = []string{"field."} }, "must name a field"},
		{func(r *RuleSettings) { r.Workloads = []string{""} }, "workloads: an empty glob"},
		{func(r *RuleSettings) { r.Summary = "{{ .Nothing }}" }, "summary"},
		{func(r *RuleSettings) { r.Summary = "{{" }, "summary"},
		{func(r *RuleSettings) { r.Labels = map[string]string{"": "x"} }, "a label's name must not be empty"},
		{func(r *RuleSettings) {
			r.Event, r.Stream, r.CooldownBy, r.Context = []string{"die"}, "", nil, Context{Before: 3}
		}, "context: an event belongs to no stream"},
		{func(r *RuleSettings) {
			r.Event, r.Stream, r.CooldownBy, r.Context = []string{"die"}, "", nil, Context{After: 3}
		}, "context: an event belongs to no stream"},
		{func(r *RuleSettings) {
			r.Event, r.Stream, r.CooldownBy = []string{"die"}, "", []string{"capture.exit_code"}
		}, "(it is a field of the event: field.exit_code)"},
		{func(r *RuleSettings) {
			r.Event, r.Stream, r.Where = []string{"die"}, "", map[string]string{"exitcode": "!=0"}
		}, `where.exitcode "!=0": an event has no field "exitcode" (it has event, exit_code, signal, old_name, requested, recovered)`},
		{func(r *RuleSettings) {
			r.Event, r.Stream, r.CooldownBy = []string{"die"}, "", []string{"field.exit"}
		}, `cooldown_by "field.exit": an event has no field "exit"`},
		{func(r *RuleSettings) { r.Pattern = strings.Repeat("a", rules.MaxPatternLen+1) }, "at most 65536"},
	}
	for _, c := range cases {
		r := ok
		c.change(&r)
		errs := r.Validate()
		if len(errs) == 0 {
			t.Errorf("no error, want %q", c.want)
			continue
		}
		if got := errs[0].Error(); !strings.Contains(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestValidateReportsEverything(t *testing.T) {
	r := RuleSettings{Pattern: "(", Stream: "x", Cooldown: -1, Severity: 99}
	if errs := r.Validate(); len(errs) != 5 {
		t.Errorf("%d errors, want 5 (name, pattern, stream, cooldown, severity): %v", len(errs), errs)
	}
}

func TestLimitsValidate(t *testing.T) {
	def := DefaultLimits()
	if errs := def.Validate(); errs != nil {
		t.Errorf("the defaults: %v", errs)
	}
	for want, l := range map[string]Limits{
		"per_container.burst \"0\": must be from 1": {PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Second}}, MaxKeys: 1},
		"per_container.rate \"-1/1s\"":              {PerContainer: Bucket{Rate: setting.Rate{Count: -1, Per: time.Second}, Burst: 1}, MaxKeys: 1},
		"needs a length of time":                    {PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: 0}, Burst: 1}, MaxKeys: 1},
		"max_keys \"0\": must be from 1":            {MaxKeys: 0},
	} {
		errs := l.Validate()
		if len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%+v: %v, want %q", l, errs, want)
		}
	}
	off := Limits{MaxKeys: 1}
	if errs := off.Validate(); errs != nil {
		t.Errorf("a limit that is off: %v", errs)
	}
}

func TestSeverityWords(t *testing.T) {
	for i, name := range SeverityNames() {
		var s Severity
		if err := s.UnmarshalText([]byte(name)); err != nil || s != Severity(i+1) || s.String() != name {
			t.Errorf("%q: %v, %v", name, s, err)
		}
	}
	var s Severity
	for _, bad := range []string{"", "fatal", "Error"} {
		if err := s.UnmarshalText([]byte(bad)); err == nil || !strings.Contains(err.Error(), "debug, info, warning, error, critical") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTextHelpers(t *testing.T) {
	if s, cut := model.ValidText([]byte("a\xffb"), 100); s != "a\uFFFDb" || cut {
		t.Errorf("validText: %q, %v", s, cut)
	}
	if s, cut := model.ValidText([]byte(strings.Repeat("é", model.MaxMessage)), model.MaxMessage); len(s) > model.MaxMessage || !cut || strings.Contains(s, "\uFFFD") {
		t.Errorf("validText: %d bytes, cut %v", len(s), cut)
	}
	if got := model.OneLine("a\nb\u2028c\x7f", 100); got != "a b c" {
		t.Errorf("oneLine: %q", got)
	}
}

// TestOtherDialects: what RE2 has not gets the name of what it has.
func TestOtherDialects(t *testing.T) {
	for expr, hint := range map[string]string{
		`a(?!b)`: "RE2 has no look-around; the none = […] of a rule excludes lines", `(?<=a)b`: "RE2 has no look-around; the none = […] of a rule excludes lines",
		`(a)\1`: "RE2 has no back-references", `(?P<x>a)(?P=x)`: "RE2 has no back-references", `a++`: "RE2 has no possessive quantifiers",
		`(?>a)`: "RE2 has no atomic groups, and needs none: it does not backtrack", `end\Z`: `RE2 has \z, and $`, `\u0041`: `RE2 has \x{1234}`,
		`(?x) a b`: "RE2 has the flags i, m, s and U", `a{1001}`: "RE2 repeats at most 1000 times", `\Kx`: `RE2 has no \K: name a group instead`,
	} {
		r := DefaultRule()
		r.Name, r.Pattern = "x", expr
		if errs := r.Validate(); len(errs) != 1 || errs[0].Hint != hint {
			t.Errorf("%s: %+v, want the hint %q", expr, errs, hint)
		}
	}
}
