package admin

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/jsonobject"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

// maxTestLines bounds the lines of one test.
const maxTestLines = 1000

// testRule tries a rule on lines in a separate engine: nothing is counted, and no line affects another.
func testRule(c *call) (any, error) {
	var q adminapi.RuleTestRequest
	object, err := c.body()
	if err != nil {
		return nil, err
	}
	rule, _ := object["rule"].(map[string]any)
	if object["rule"] != nil && rule == nil {
		return nil, problem(http.StatusBadRequest, "rule: must be an object")
	}
	delete(object, "rule")
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
