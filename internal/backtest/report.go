package backtest

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// Result is the result of a run. -o json prints its JSON form.
type Result struct {
	Inputs   []string         `json:"inputs"`
	Lines    int64            `json:"lines"`
	Own      int64            `json:"own_lines"` // of this program itself, not evaluated
	Bad      int64            `json:"bad_lines"` // unreadable lines
	BadFiles int64            `json:"bad_files"`
	Problems []replay.Problem `json:"-"`
	Reported []string         `json:"problems,omitempty"`
	Untimed  *replay.Untimed  `json:"untimed,omitempty"` // lines without a known time
	First    time.Time        `json:"first"`             // of all lines
	Last     time.Time        `json:"last"`
	Rules    []Rule           `json:"rules"` // in the order of the configuration
	Triggers []Trigger        `json:"triggers,omitempty"`
	// Unwanted counts the alerts that no trigger accepts. It is 0 without triggers.
	Unwanted int64       `json:"unwanted_alerts"`
	Timeline Timeline    `json:"timeline"`
	Silences []Silence   `json:"silences,omitempty"` // of the configuration
	Deploys  []Deploy    `json:"deploys,omitempty"`  // alerts about new images, at most 1000
	Against  *Comparison `json:"against,omitempty"`
}

// Rule is the result of one rule.
type Rule struct {
	ID       string `json:"id"` // the same as engine.Resolved.ID
	Severity string `json:"severity,omitempty"`
	Hits     int64  `json:"hits"`
	// Alerts counts the hits that caused an alert. Alerts, Suppressed and Pending add up to Hits.
	Alerts            int64            `json:"alerts"`
	Suppressed        map[string]int64 `json:"suppressed,omitempty"` // by reason
	Pending           int64            `json:"pending"`
	Sent              map[string]int64 `json:"sent,omitempty"`     // alerts by kind, including those that time caused
	Redacted          map[string]int64 `json:"redacted,omitempty"` // secrets masked in the lines and fields of alerts, by the name of the mask
	First             *time.Time       `json:"first,omitempty"`
	Last              *time.Time       `json:"last,omitempty"`
	Samples           []Sample         `json:"samples,omitempty"`            // of alerts
	SuppressedSamples []Sample         `json:"suppressed_samples,omitempty"` // of hits without an alert
	HitsAt            []int64          `json:"hits_at,omitempty"`            // in each bucket of the timeline
	AlertsAt          []int64          `json:"alerts_at,omitempty"`
}

// Unread describes the lines without a known time, and the files that were not read to their end, or at least the first of them. If there are any,
// no expectation can be trusted.
func (r *Result) Unread() (unread []string) {
	if r.Untimed != nil {
		unread = append(unread, r.Untimed.String())
	}
	for _, p := range r.Problems {
		if p.Line == 0 {
			unread = append(unread, p.String())
		}
	}
	return unread
}

// SuppressedTotal returns the sum over all reasons.
func (r *Rule) SuppressedTotal() (n int64) {
	for _, of := range r.Suppressed {
		n += of
	}
	return n
}

// SentTotal returns the sum over all kinds.
func (r *Rule) SentTotal() (n int64) {
	for _, of := range r.Sent {
		n += of
	}
	return n
}

// RollUps returns the number of roll-ups.
func (r *Rule) RollUps() int64 { return r.Sent[engine.KindRollup.String()] }

// Sample is a hit or an alert, with its line.
type Sample struct {
	Time      time.Time `json:"time"`
	Kind      string    `json:"kind,omitempty"` // of the alert
	Workload  string    `json:"workload"`
	Container string    `json:"container,omitempty"`
	Stream    string    `json:"stream,omitempty"`
	File      string    `json:"file,omitempty"`
	Line      int       `json:"line,omitempty"`
	Before    []string  `json:"before,omitempty"` // the lines before it, if the alert carries them
	Text      string    `json:"text"`
	After     []string  `json:"after,omitempty"`
	// Fields are the fields of the record that the alert carries.
	Fields map[string]string `json:"fields,omitempty"`
	// SuppressedBefore is the number of suppressed hits that the alert reports.
	SuppressedBefore int64 `json:"suppressed_before,omitempty"`
	// Why is what the rate or ratio of the rule compared, in words.
	Why string `json:"why,omitempty"`
}

// Trigger has the alerts that one trigger would have sent.
type Trigger struct {
	Name   string           `json:"name"`
	Alerts int64            `json:"alerts"`
	Rules  map[string]int64 `json:"rules,omitempty"` // alerts by rule id
	// OutsideHours counts the alerts that it would have sent at another time of the week.
	OutsideHours int64 `json:"outside_hours,omitempty"`
}

// Silence has the hits that a silence of the configuration suppressed.
type Silence struct {
	ID         string    `json:"id"`
	Until      time.Time `json:"until,omitzero"` // zero: it has no end
	Every      []string  `json:"every,omitempty"`
	Zone       string    `json:"zone,omitempty"`
	Suppressed int64     `json:"suppressed"` // suppressed hits; a hit under several silences counts for one of them
}

// Deploy is the alert about a new image of a workload.
type Deploy struct {
	Time     time.Time `json:"time"`
	Workload string    `json:"workload"`
	Verdict  string    `json:"verdict"`
	Summary  string    `json:"summary"`
	Kinds    []string  `json:"kinds,omitempty"` // of hits that differ, one a line
}

// Comparison lists the differences between two rule sets.
type Comparison struct {
	// OnlyNew and OnlyOld count the lines that alert in only one of the two sets.
	OnlyNew int64        `json:"lines_only_new"`
	OnlyOld int64        `json:"lines_only_old"`
	Rules   []RuleChange `json:"rules"`
}

// The values of RuleChange.Change.
const (
	ChangeAdded   = "added"
	ChangeRemoved = "removed"
	ChangeChanged = "changed"
	ChangeSame    = "same"
)

// RuleChange lists the differences of one rule.
type RuleChange struct {
	ID     string `json:"id"`
	Change string `json:"change"` // of its settings: added, removed, changed, same
	New    *Rule  `json:"new,omitempty"`
	Old    *Rule  `json:"old,omitempty"`
	// OnlyNew and OnlyOld count the lines on which the rule alerts in only one of the two sets.
	OnlyNew    int64    `json:"lines_only_new"`
	OnlyOld    int64    `json:"lines_only_old"`
	NewSamples []Sample `json:"new_samples,omitempty"`
	OldSamples []Sample `json:"old_samples,omitempty"`
}

// Differs reports whether the results of the old and the new rule differ.
func (c *RuleChange) Differs() bool {
	if c.New == nil || c.Old == nil || c.OnlyNew != 0 || c.OnlyOld != 0 || c.New.SentTotal() != c.Old.SentTotal() {
		return true
	}
	return c.New.Hits != c.Old.Hits || c.New.Pending != c.Old.Pending || c.New.SuppressedTotal() != c.Old.SuppressedTotal()
}
