package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/jsonobject"
	"github.com/tinyforge/fluentbit-trigger/internal/backtest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/suggest"
)

// maxTestLines bounds the lines of one test.
const maxTestLines = 1000

// bodyWithRule returns the request's body without its rule, and the rule's settings: nil if there are none.
func (c *call) bodyWithRule() (object, rule map[string]any, err error) {
	object, err = c.body()
	if err != nil {
		return nil, nil, err
	}
	rule, _ = object["rule"].(map[string]any)
	if object["rule"] != nil && rule == nil {
		return nil, nil, problem(http.StatusBadRequest, "rule: must be an object")
	}
	delete(object, "rule")
	return object, rule, nil
}

// testRule tries a rule on lines in a separate engine: nothing is counted, and no line affects another.
func testRule(c *call) (any, error) {
	var q adminapi.RuleTestRequest
	object, rule, err := c.bodyWithRule()
	if err != nil {
		return nil, err
	}
	if err := into(object, &q); err != nil {
		return nil, err
	}
	switch {
	case (q.Name == "") == (rule == nil):
		return nil, problem(http.StatusBadRequest, "set exactly one of name (a rule in force) and rule (settings)")
	case len(q.Lines) == 0 || len(q.Lines) > maxTestLines:
		return nil, problem(http.StatusBadRequest, "lines: %d given: must be from 1 to %d", len(q.Lines), maxTestLines)
	case q.Line != "":
		return nil, problem(http.StatusBadRequest, "line: must not be set, use lines")
	}
	settings, err := c.ruleToTest(&q, rule)
	if err != nil {
		return nil, err
	}
	if q.Workload == "" { // any workload
		settings.Workloads, settings.ExcludeWorkloads = nil, nil
	}
	e := engine.New()
	snapshot, err := e.Compile(engine.Settings{Limits: engine.DefaultLimits(), Rules: []engine.RuleSettings{settings}, Redact: c.p.Settings().Redact})
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, "%v", err)
	}
	if broken := snapshot.Broken(); len(broken) > 0 {
		return nil, problem(http.StatusUnprocessableEntity, "%s", broken[0].Error())
	}
	e.Apply(snapshot)
	out := adminapi.RuleTestResponse{Results: []adminapi.RuleTestResult{}}
	now := c.p.Now()
	for _, line := range q.Lines {
		q.Line = line
		rec, err := recordOf(&q.LogLine, c.p.Records(), now)
		if err != nil {
			return nil, err
		}
		result := adminapi.RuleTestResult{Line: line}
		if x := e.Explain(rec, now.UnixNano()); len(x) > 0 {
			result.Explanation = explanationOf(c.p, &x[0], rec, snapshot.Redactor)
		} else {
			result.Explanation = adminapi.Explanation{Rule: settings.Name, Why: "the rule does not apply to this workload", Steps: []string{}}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (c *call) ruleToTest(q *adminapi.RuleTestRequest, rule map[string]any) (engine.RuleSettings, error) {
	if rule != nil {
		settings, problems := config.CheckRule(jsonobject.Merge(nil, rule))
		if len(problems) > 0 {
			return settings, invalid(http.StatusUnprocessableEntity, problems)
		}
		return settings, nil
	}
	s := c.p.Settings()
	// First the rule as the overrides of the workload change it.
	if q.Workload != "" {
		for _, r := range engine.Effective(&engine.Settings{Rules: s.Rules, Workloads: s.Workloads}, q.Workload) {
			if r.Settings.Name == q.Name || r.ID == q.Name {
				return r.Settings, nil
			}
		}
	}
	for i := range s.Rules {
		if s.Rules[i].Name == q.Name {
			return s.Rules[i], nil
		}
	}
	for i := range s.Workloads {
		for _, r := range s.Workloads[i].Rules {
			if r.Name == q.Name {
				return r, nil
			}
		}
	}
	return engine.RuleSettings{}, problem(http.StatusNotFound, "no rule %s is in force%s", quoted(q.Name), meant(q.Name, c.p.Rules().RuleNames()))
}

// draftRule writes a rule for lines like the one given. The line is decoded as the instance decodes records.
func draftRule(c *call) (any, error) {
	var q adminapi.RuleDraftRequest
	if err := c.bodyInto(&q); err != nil {
		return nil, err
	}
	rec, err := recordOf(&adminapi.LogLine{Line: q.Line, Severity: q.Severity}, c.p.Records(), c.p.Now())
	if err != nil {
		return nil, err
	}
	if len(strings.TrimSpace(string(rec.Text))) == 0 {
		return nil, problem(http.StatusBadRequest, "line: must be set")
	}
	s := suggest.Line(rec.Text, rec.Severity)
	names := c.p.Rules().RuleNames()
	name := s.Name
	for n := 2; slices.Contains(names, name); n++ {
		name = fmt.Sprintf("%s-%d", s.Name, n)
	}
	out := adminapi.RuleDraftResponse{Template: s.Template, Rule: map[string]any{"name": name, "severity": s.Severity, "cooldown": "15m"}}
	if s.Pattern == "" {
		out.Note = "nothing in this line says what lines like it have in common: write a pattern"
	} else {
		out.Rule["pattern"] = s.Pattern
	}
	return out, nil
}

// The bounds of a backtest of a rule on the last lines.
const (
	backtestWithin  = 10 * time.Second
	backtestSamples = 20
)

// backtestRule replays the last lines through a rule in a separate engine, one rule at a time in this process, and with pauses: the node goes on.
func backtestRule(c *call) (any, error) {
	object, rule, err := c.bodyWithRule()
	if err != nil {
		return nil, err
	}
	var q adminapi.RuleTestRequest
	if err := into(object, &struct {
		Name     *string `json:"name"`
		Workload *string `json:"workload"`
	}{&q.Name, &q.Workload}); err != nil {
		return nil, err
	}
	if (q.Name == "") == (rule == nil) {
		return nil, problem(http.StatusBadRequest, "set exactly one of name (a rule in force) and rule (settings)")
	}
	settings, err := c.ruleToTest(&q, rule)
	if err != nil {
		return nil, err
	}
	select {
	case c.api.registry.backtests <- struct{}{}:
		defer func() { <-c.api.registry.backtests }()
	default:
		c.w.Header().Set("Retry-After", "1")
		return nil, problem(http.StatusServiceUnavailable, "another backtest is running: try again")
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), backtestWithin)
	defer cancel()
	records, skipped := c.p.RecentLines()
	s := c.p.Settings()
	set := backtest.RuleSet{Engine: engine.Settings{Limits: s.Limits, Rules: []engine.RuleSettings{settings}, Redact: s.Redact}}
	result, err := backtest.Records(ctx, set, backtestSamples, records)
	var broken *backtest.BrokenError
	switch {
	case errors.As(err, &broken):
		return nil, problem(http.StatusUnprocessableEntity, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, problem(http.StatusServiceUnavailable, "the rule took longer than %s on the last %d lines of this node", backtestWithin, len(records))
	case err != nil:
		return nil, err
	}
	return backtestOf(result, skipped, &settings), nil
}

func backtestOf(r *backtest.Result, skipped int64, settings *engine.RuleSettings) adminapi.RuleBacktestResponse {
	out := adminapi.RuleBacktestResponse{
		Lines: r.Lines, Skipped: skipped, From: utc(r.First), Until: utc(r.Last), Suppressed: map[string]int64{}, Samples: []adminapi.BacktestSample{},
		Timeline: adminapi.BacktestTimeline{Start: utc(r.Timeline.Start), Seconds: r.Timeline.Seconds, Hits: []int64{}, Alerts: []int64{}},
	}
	if len(settings.Where) > 0 {
		out.Note = "the last lines are kept without the fields of their records: conditions on fields match none of them"
	}
	for i := range r.Rules {
		one := &r.Rules[i]
		out.Hits, out.Alerts = one.Hits, one.SentTotal()
		for why, n := range one.Suppressed {
			out.Suppressed[why] = n
		}
		out.Timeline.Hits, out.Timeline.Alerts = slices.Concat(out.Timeline.Hits, one.HitsAt), slices.Concat(out.Timeline.Alerts, one.AlertsAt)
		for _, sample := range one.Samples {
			out.Samples = append(out.Samples, adminapi.BacktestSample{Time: sample.Time, Workload: sample.Workload, Text: sample.Text, Alert: true})
		}
		for _, sample := range one.SuppressedSamples {
			out.Samples = append(out.Samples, adminapi.BacktestSample{Time: sample.Time, Workload: sample.Workload, Text: sample.Text})
		}
	}
	slices.SortStableFunc(out.Samples, func(a, b adminapi.BacktestSample) int { return a.Time.Compare(b.Time) })
	return out
}
