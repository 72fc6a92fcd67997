package backtest

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// Result is what a run found out. Its JSON form is what -o json prints.
type Result struct {
	Inputs   []string         `json:"inputs"`
	Lines    int64            `json:"lines"`
	Own      int64            `json:"own_lines"` // of this program, not evaluated
	Bad      int64            `json:"bad_lines"` // that could not be read
	BadFiles int64            `json:"bad_files"`
	Problems []replay.Problem `json:"-"`
	Told     []string         `json:"problems,omitempty"`
	Untimed  *replay.Untimed  `json:"untimed,omitempty"` // lines whose time is not known
	First    time.Time        `json:"first"`             // of all lines
	Last     time.Time        `json:"last"`
	Rules    []Rule           `json:"rules"` // in the order of the configuration
	Triggers []Trigger        `json:"triggers,omitempty"`
	// Unwanted counts alerts that no trigger wants, where there are triggers.
	Unwanted int64       `json:"unwanted_alerts"`
	Timeline Timeline    `json:"timeline"`
	Silences []Silence   `json:"silences,omitempty"` // of the configuration
	Against  *Comparison `json:"against,omitempty"`
}

// Rule is what one rule did.
type Rule struct {
	ID       string `json:"id"` // as in engine.Resolved.ID
	Severity string `json:"severity,omitempty"`
	Hits     int64  `json:"hits"`
	// Alerts counts hits that made an alert; with Suppressed and Pending they are all hits.
	Alerts     int64            `json:"alerts"`
	Suppressed map[string]int64 `json:"suppressed,omitempty"` // by reason
	Pending    int64            `json:"pending"`
	Sent       map[string]int64 `json:"sent,omitempty"` // alerts by kind, those that time made included
	First      *time.Time       `json:"first,omitempty"`
	Last       *time.Time       `json:"last,omitempty"`
	Samples    []Sample         `json:"samples,omitempty"` // of alerts
	Held       []Sample         `json:"held,omitempty"`    // of hits that made none
	HitsAt     []int64          `json:"hits_at,omitempty"` // in each bucket of the timeline
	AlertsAt   []int64          `json:"alerts_at,omitempty"`
}

// Unread tells of the files that were not read, or not to their ends, at least the first of them, and of lines whose time is not known. Expectations
// cannot be judged where there are any.
func (r *Result) Unread() (told []string) {
	if r.Untimed != nil {
		told = append(told, r.Untimed.String())
	}
	for _, p := range r.Problems {
		if p.Line == 0 {
			told = append(told, p.String())
		}
	}
	return told
}

// SuppressedTotal sums the reasons up.
func (r *Rule) SuppressedTotal() (n int64) {
	for _, of := range r.Suppressed {
		n += of
	}
	return n
}

// SentTotal sums the kinds up.
func (r *Rule) SentTotal() (n int64) {
	for _, of := range r.Sent {
		n += of
	}
	return n
}

// RollUps counts the roll-ups.
func (r *Rule) RollUps() int64 { return r.Sent[engine.KindRollup.String()] }

// Sample is a line with what became of it.
type Sample struct {
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind,omitempty"` // of the alert
	Workload  string    `json:"workload"`
	Container string    `json:"container,omitempty"`
	Stream    string    `json:"stream,omitempty"`
	File      string    `json:"file,omitempty"`
	Line      int       `json:"line,omitempty"`
	Before    []string  `json:"before,omitempty"` // the lines around it, where the alert carries them
	Text      string    `json:"text"`
	After     []string  `json:"after,omitempty"`
	// Fields are those of the record that the alert carries.
	Fields map[string]string `json:"fields,omitempty"`
	Told   int64             `json:"suppressed_before,omitempty"` // what the alert tells of hits held back before
}

// Trigger is what would have reached one trigger.
type Trigger struct {
	Name   string           `json:"name"`
	Alerts int64            `json:"alerts"`
	Rules  map[string]int64 `json:"rules,omitempty"` // alerts by rule id
}

// Silence is what a silence of the configuration held back.
type Silence struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
	Held  int64     `json:"held"` // hits; one that several hold back counts for one of them
}

// Comparison is what changes from one set of rules to another.
type Comparison struct {
	// OnlyNew and OnlyOld count lines that alert with one of the two alone.
	OnlyNew int64        `json:"lines_only_new"`
	OnlyOld int64        `json:"lines_only_old"`
	Rules   []RuleChange `json:"rules"`
}

// The words of RuleChange.Change.
const (
	ChangeAdded   = "added"
	ChangeRemoved = "removed"
	ChangeChanged = "changed"
	ChangeSame    = "same"
)

// RuleChange is what changes for one rule.
type RuleChange struct {
	ID     string `json:"id"`
	Change string `json:"change"` // of its settings: added, removed, changed, same
	New    *Rule  `json:"new,omitempty"`
	Old    *Rule  `json:"old,omitempty"`
	// OnlyNew and OnlyOld count the lines on which the rule alerts in one set alone.
	OnlyNew    int64    `json:"lines_only_new"`
	OnlyOld    int64    `json:"lines_only_old"`
	NewSamples []Sample `json:"new_samples,omitempty"`
	OldSamples []Sample `json:"old_samples,omitempty"`
}

// Differs reports whether the rule did anything else.
func (c *RuleChange) Differs() bool {
	if c.New == nil || c.Old == nil || c.OnlyNew != 0 || c.OnlyOld != 0 || c.New.SentTotal() != c.Old.SentTotal() {
		return true
	}
	return c.New.Hits != c.Old.Hits || c.New.Pending != c.Old.Pending || c.New.SuppressedTotal() != c.Old.SuppressedTotal()
}
