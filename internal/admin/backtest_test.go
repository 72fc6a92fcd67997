package admin

import (
	"fmt"
	"strings"
	"testing"
)

// TestDraftOfARule writes a rule for a line, which the settings' own check accepts and which matches the line.
func TestDraftOfARule(t *testing.T) {
	b := newBench(t, "")
	line := `level=error msg="charge failed" order=4711 code=card_declined`
	draft := b.want(200, "POST", "/api/v1/rules/draft", map[string]any{"line": line}).body
	rule := draft["rule"].(map[string]any)
	if rule["severity"] != "error" || rule["name"] == "" {
		t.Fatalf("the draft is %v", draft)
	}
	for text, want := range map[string]bool{line: true, strings.Replace(line, "4711", "12", 1): true, "all is well": false} {
		result := b.want(200, "POST", "/api/v1/rules/test", map[string]any{"rule": rule, "lines": []string{text}}).list("results")[0]
		if result["matched"] != want {
			t.Errorf("the draft %v matches %q: %v", rule["pattern"], text, result["matched"])
		}
	}
	b.want(201, "POST", "/api/v1/rules", rule)
	if again := b.want(200, "POST", "/api/v1/rules/draft", map[string]any{"line": line}).body["rule"].(map[string]any); again["name"] != rule["name"].(string)+"-2" {
		t.Errorf("a second draft of the line is called %v", again["name"])
	}
	if nothing := b.want(200, "POST", "/api/v1/rules/draft", map[string]any{"line": "4711 0x3f 12:00:01"}).body; nothing["note"] == nil || nothing["rule"].(map[string]any)["pattern"] != nil {
		t.Errorf("of a line without words: %v", nothing)
	}
	for _, bad := range []any{map[string]any{}, map[string]any{"line": " "}, map[string]any{"line": "x", "severity": "loud"}, map[string]any{"line": "x", "lines": 1}, "[]"} {
		b.want(400, "POST", "/api/v1/rules/draft", bad)
	}
}

// TestBacktestOfARule replays the lines that came through rules that are not in force, and through one that is.
func TestBacktestOfARule(t *testing.T) {
	b := newBench(t, "")
	const secret = "AKIAIOSFODNN7EXAMPLE"
	var lines []string
	for i := range 40 {
		lines = append(lines, fmt.Sprintf("declined %d with %s", i, secret), "all is well")
	}
	b.flush(lines...)
	backtest := func(body map[string]any) map[string]any {
		return b.want(200, "POST", "/api/v1/rules/backtest", body).body
	}
	got := backtest(map[string]any{"rule": map[string]any{"name": "declined", "pattern": "^declined", "cooldown": "1h"}})
	if got["lines"] != 80.0 || got["skipped"] != 0.0 || got["hits"] != 40.0 || got["suppressed"].(map[string]any)["cooldown"] != 39.0 || got["alerts"] != 1.0 {
		t.Errorf("the backtest is %v", got)
	}
	samples := listOf(got, "samples")
	if len(samples) != 21 || samples[0]["alert"] != true || samples[1]["alert"] != false || samples[0]["workload"] != "shop/api" {
		t.Errorf("the samples are %v", samples)
	}
	if text := fmt.Sprint(got); strings.Contains(text, secret) || !strings.Contains(text, "[redacted:") {
		t.Errorf("the secret in the lines is not masked: %s", text)
	}
	sum := 0.0
	for _, n := range got["timeline"].(map[string]any)["hits"].([]any) {
		sum += n.(float64)
	}
	if sum != 40 {
		t.Errorf("the hits over time are %v", got["timeline"])
	}
	if got := backtest(map[string]any{"name": "boom"}); got["hits"] != 0.0 || got["lines"] != 80.0 {
		t.Errorf("of the rule in force: %v", got)
	}
	if got := backtest(map[string]any{"rule": map[string]any{"name": "x", "keywords": []string{"declined"}, "where": map[string]any{"level": "error"}}}); got["note"] == nil {
		t.Errorf("that fields are not kept is not said: %v", got)
	}
	if stats := b.get("/api/v1/stats"); stats["lines"] != 80.0 || stats["hits"] != 0.0 {
		t.Errorf("a backtest counts: %v lines, %v hits", stats["lines"], stats["hits"])
	}
	for _, bad := range []any{map[string]any{}, map[string]any{"name": "boom", "rule": map[string]any{"name": "x"}}, map[string]any{"rule": 1}, map[string]any{"name": "boom", "lines": []string{"x"}}} {
		b.want(400, "POST", "/api/v1/rules/backtest", bad)
	}
	b.want(404, "POST", "/api/v1/rules/backtest", map[string]any{"name": "none"})
	b.want(422, "POST", "/api/v1/rules/backtest", map[string]any{"rule": map[string]any{"name": "x", "pattern": "("}})

	b.registry.backtests <- struct{}{} // somebody else's runs
	if r := b.want(503, "POST", "/api/v1/rules/backtest", map[string]any{"name": "boom"}); r.header.Get("Retry-After") == "" {
		t.Error("a second backtest is not told to try again")
	}
	<-b.registry.backtests
}

// TestNoLinesAreKeptWithoutAListener detaches the instance: the copies go.
func TestNoLinesAreKeptWithoutAListener(t *testing.T) {
	b := newBench(t, "")
	b.flush("one")
	if records, _ := b.p.RecentLines(); len(records) != 1 {
		t.Fatalf("%d lines are kept", len(records))
	}
	b.registry.Detach(b.instance)
	b.flush("two")
	if records, _ := b.p.RecentLines(); len(records) != 0 {
		t.Errorf("%d lines are kept without a listener", len(records))
	}
}
