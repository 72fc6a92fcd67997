package adminapi

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// LogLine is a log line with its source.
type LogLine struct {
	Line      string            `json:"line"`
	Workload  string            `json:"workload,omitempty"`
	Stream    string            `json:"stream,omitempty"` // stdout or stderr
	Severity  string            `json:"severity,omitempty"`
	Host      string            `json:"host,omitempty"`
	Tag       string            `json:"tag,omitempty"`
	Container string            `json:"container,omitempty"` // name or ID
	Image     string            `json:"image,omitempty"`
	Time      time.Time         `json:"time,omitzero"`
	Fields    map[string]string `json:"fields,omitempty"` // by dotted path
}

// ExplainRequest is the line to explain.
type ExplainRequest struct{ LogLine }

// ExplainResponse holds the decision of every rule of the workload.
type ExplainResponse struct {
	Note  string        `json:"note,omitempty"`
	Rules []Explanation `json:"rules"`
}

// Explanation is the decision of one rule about a line.
type Explanation struct {
	ID       string            `json:"rule_id"`
	Rule     string            `json:"rule"`
	Matched  bool              `json:"matched"`
	Ends     *int              `json:"ends,omitempty"` // open incidents that the line would end, if it does not match but resolve_on does
	Severity string            `json:"severity,omitempty"`
	Summary  string            `json:"summary,omitempty"`
	Captures map[string]string `json:"captures,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`   // fields of the alert
	Redacted map[string]int    `json:"redacted,omitempty"` // secrets that the alert masks, by the name of the mask
	Template string            `json:"template,omitempty"` // the line with its variable parts masked
	Why      string            `json:"why,omitempty"`      // why the rule does not match, or why the hit would be suppressed
	Steps    []string          `json:"steps"`              // each condition with its result
	Preview  *engine.Preview   `json:"preview,omitempty"`
	Fleet    *FleetPreview     `json:"fleet,omitempty"` // of a hit of a rule with scope = "fleet", where the instance is in a fleet
	// Triggers are those in force, and whether each would send the alert of a hit now, by its filters and hours.
	Triggers []TriggerDecision `json:"triggers,omitempty"`
}

// FleetPreview is the fleet's answer to an alert of a hit, if it were asked now.
type FleetPreview struct {
	Held   bool         `json:"held"`             // it would be withdrawn, and its hits given to the engine
	Window *FleetWindow `json:"window,omitempty"` // of the incident, if there is one
	Error  string       `json:"error,omitempty"`  // the engine does not answer: the alert would leave by itself
}

// TriggerDecision is whether a trigger would send an alert.
type TriggerDecision struct {
	Name  string `json:"name"`
	Sends bool   `json:"sends"`
	Why   string `json:"why,omitempty"` // why it would not
}

// RuleTestRequest tries a rule on lines. Exactly one of name and rule must be set. line is not used.
type RuleTestRequest struct {
	Name  string         `json:"name,omitempty"`
	Rule  map[string]any `json:"rule,omitempty"`
	Lines []string       `json:"lines"`
	LogLine
}

// RuleTestResponse holds a result for each line.
type RuleTestResponse struct {
	Results []RuleTestResult `json:"results"`
}

// RuleTestResult is the result for one line.
type RuleTestResult struct {
	Line string `json:"line"`
	Explanation
}

// RuleDraftRequest is a line to write a rule for.
type RuleDraftRequest struct {
	Line     string `json:"line"`
	Severity string `json:"severity,omitempty"` // of the record; otherwise it is guessed from the line
}

// RuleDraftResponse is a rule for lines like the one given.
type RuleDraftResponse struct {
	Template string         `json:"template"`
	Rule     map[string]any `json:"rule"` // settings, to test, to change and to create
	Note     string         `json:"note,omitempty"`
}

// RuleBacktestRequest is a rule, by its settings or by its name.
type RuleBacktestRequest struct {
	Name     string         `json:"name,omitempty"`
	Workload string         `json:"workload,omitempty"` // of the named rule, with the overrides of the workload
	Rule     map[string]any `json:"rule,omitempty"`
}

// RuleBacktestResponse has the hits and alerts that a rule would have had on the last lines of this node.
type RuleBacktestResponse struct {
	Lines      int64            `json:"lines"`   // that were tried
	Skipped    int64            `json:"skipped"` // lines of the same time that were not kept
	From       time.Time        `json:"from,omitzero"`
	Until      time.Time        `json:"until,omitzero"`
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"` // what would have been sent, roll-ups and other alerts that a timer makes included
	Suppressed map[string]int64 `json:"suppressed"`
	Timeline   BacktestTimeline `json:"timeline"`
	Samples    []BacktestSample `json:"samples"` // the first hits
	Note       string           `json:"note,omitempty"`
}

// BacktestTimeline has the numbers of parts of equal length.
type BacktestTimeline struct {
	Start   time.Time `json:"start,omitzero"`
	Seconds int64     `json:"seconds"` // of a part
	Hits    []int64   `json:"hits"`
	Alerts  []int64   `json:"alerts"`
}

// BacktestSample is a line that the rule matched, masked.
type BacktestSample struct {
	Time     time.Time `json:"time"`
	Workload string    `json:"workload"`
	Text     string    `json:"text"`
	Alert    bool      `json:"alert"` // false: it was suppressed
}
