package backtest

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/junit"
)

const hostile = "2026-11-25 10:00:00 boom </pre><script>alert(1)</script><img src=x onerror=\"alert(1)\"> \x1b[2J\x1b]0;title\x07\x07\u009b2J \xff\u202e {{.Lines}}"

func hostileResult(t *testing.T) *Result {
	path := logOf(t, strings.ReplaceAll(hostile, "boom", "before"), hostile, "2026-11-25 10:00:01 boom", "2026-11-25 10:20:00 boom three")
	rules := "[[silence]]\nname = \"night\"\nworkload = \"api\"\nmessage = \"three\"\nuntil = 2026-11-26T00:00:00Z\n[[rule]]\nname = \"<b>boom</b>\"\nkeywords = [\"boom\"]\ncontext = { before = 1, after = 1 }\n"
	old := ruleSet(t, rules+"none = ['script']\n")
	return backtest(t, Options{Logs: openLogs(t, path), New: ruleSet(t, rules), Against: &old, Samples: 3})
}

func TestAReportIsSafeWhateverLinesHold(t *testing.T) {
	r := hostileResult(t)
	var b bytes.Buffer
	if err := r.WriteHTML(&b, r.Check(expectations(t, "<b>boom</b> = 0"))); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "<img", "<b>boom", "\x1b"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(page, `<span class="around">2026-11-25 10:00:00 before &lt;/pre&gt;`) || !strings.Contains(page, `<span class="around">2026-11-25 10:00:01 boom</span></pre>`) {
		t.Error("the page does not show the lines around the line")
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;") || !strings.Contains(page, "{{.Lines}}") {
		t.Error("the page does not show the line")
	}
	if found := regexp.MustCompile(`(?i)\b(src|href)\s*=\s*"?(https?:)?//|url\(|@import|<link|<iframe|javascript:`).FindString(page); found != "" {
		t.Errorf("the page loads something: %q", found)
	}
	if !strings.Contains(page, "3 hits, 2 sent,") && !strings.Contains(page, "3 hits, 2 sent<") {
		t.Error("the page does not count in words")
	}
	if !utf8.ValidString(page) || strings.Count(page, "<svg") < 2 || !strings.Contains(page, "not met") {
		t.Error("the page is not valid, or lacks its plots, or the expectation")
	}
}

func TestTextDoesNotSteerTheTerminal(t *testing.T) {
	var b bytes.Buffer
	r := hostileResult(t)
	if err := r.WriteText(&b, TextOptions{Width: 300, Samples: 3}); err != nil {
		t.Fatal(err)
	}
	for _, c := range b.String() {
		if c < ' ' && c != '\n' || c == 0x7f || c == 0x202e {
			t.Fatalf("the text holds %q: %s", c, b.String())
		}
	}
	for _, want := range []string{"4 lines of 1 log, from 2026-11-25 10:00:00 to 2026-11-25 10:20:00 (20m0s)", "cooldown 1", "silence 1", "config:night  until 2026-11-26 00:00:00  1", `\u0007\u009b2J`, "          │ 2026-11-25 10:00:00 before", "+ new", "alert now and did not: 1;"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}

func TestNoLineOfATimelineIsWiderThanTheTerminal(t *testing.T) {
	dir := writeLogs(t, 5, 5000, 3)
	r := backtest(t, Options{Logs: openLogs(t, dir), New: ruleSet(t, testRules), Samples: 1})
	for _, width := range []int{40, 80, 120, 300} {
		text := &textReport{Buffer: &bytes.Buffer{}, r: r, opt: TextOptions{Width: width}}
		text.timeline()
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width+8 { // a number follows the bars
				t.Errorf("width %d: a line of %d: %s", width, n, line)
			}
		}
		if width >= 80 && !strings.Contains(text.String(), "lines") {
			t.Errorf("width %d: no timeline", width)
		}
	}
}

func expectations(t *testing.T, texts ...string) (out []Expectation) {
	t.Helper()
	for _, text := range texts {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func TestExpectations(t *testing.T) {
	r := &Result{Rules: []Rule{{ID: "a b", Hits: 7, Alerts: 3, Suppressed: map[string]int64{"cooldown": 4}, Sent: map[string]int64{"log": 3, "rollup": 2}}}}
	for text, met := range map[string]bool{
		"a b = 5": true, "a b==5": true, "a b>=6": false, "a b <= 5": true, "a b <= 4": false, "a b = 7 hits": true, "a b = 2 rollup": true,
		"a b = 4 suppressed": true, "a b = 1 pending": false, "other = 0": true,
	} {
		if got := r.Check(expectations(t, text))[0]; got.Met != met {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for text, want := range map[string]string{
		"a": `"a": must be RULE`, "a >= x": `"x" is no whole number from 0 on: must be RULE`, "a >= -1": `"-1" is no whole`, "a => 1": `"=>" is no comparison: must be`,
		"a > 1": `">" is no comparison`, "a=b>=": `"a=b>=": must be RULE`, "a = 1 lies": `"lies" must be one of alerts, hits, `, "= 3": `"= 3": must be RULE`,
		"a <= 99999999999999999999": "99999999999999999999 is more than 9223372036854775807",
	} {
		if _, err := ParseExpectation(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	all, problems := ReadExpectations("e.toml", "[[expect]]\nrule = \"a b\"\nat_least = 1\nat_most = 4\n[[expect]]\nrule = \"a b\"\nexactly = 0\nof = \"pending\"\n")
	if len(problems) > 0 {
		t.Fatal(problems[0].Error())
	}
	got := r.Check(all)
	if len(got) != 2 || got[0].Met || got[0].Expectation != "a b >= 1, a b <= 4" || got[0].Place != "e.toml:1" || !got[1].Met {
		t.Errorf("%+v", got)
	}
	for text, want := range map[string]string{
		"[[expect]]\nrule = \"a\"\n":                            "one of exactly",
		"[[expect]]\nexactly = 1\n":                             "must be set",
		"[[expect]]\nrule = \"a\"\nexactly = 1\nat_least = 1\n": "does not go with",
		"[[expect]]\nrule = \"a\"\nat_most = 1\nat_least = 2\n": "more than at_most",
		"[[expect]]\nrule = \"a\"\nexactly = -1\n":              "must not be negative",
		"[[expect]]\nrule = \"a\"\nexactly = 1\nof = \"hit\"\n": "must be one of alerts, hits, ",
		"[[expect]]\nrule = \"a\"\nexactly = 1\natleast = 2\n":  "at_least",
		"# nothing\n": "holds no",
	} {
		_, problems := ReadExpectations("e.toml", text)
		if len(problems) == 0 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%q: %v, want %q", text, problems, want)
		}
	}
	settings := engine.Settings{Rules: []engine.RuleSettings{{Name: "oom-kill"}}}
	if err := Unknown(&settings, expectations(t, "oomkill = 1")); err == nil || !strings.Contains(err.Error(), "oom-kill") {
		t.Errorf("%v", err)
	}
}

func TestJUnit(t *testing.T) {
	r := &Result{Rules: []Rule{{ID: "a", Hits: 7}}}
	var b bytes.Buffer
	if err := r.WriteJUnit(&b, r.Check(expectations(t, "a = 7 hits", "a >= 1"))); err != nil {
		t.Fatal(err)
	}
	var suite junit.Suite
	if err := xml.Unmarshal(b.Bytes(), &suite); err != nil {
		t.Fatal(err)
	}
	if suite.Tests != 2 || suite.Failures != 1 || suite.Cases[0].Failure != nil || suite.Cases[1].Failure.Message != "a >= 1: got 0 (--expect a >= 1)" {
		t.Errorf("%s", b.String())
	}
}
