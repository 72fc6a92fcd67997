package trigger

import "time"

// AlertVersion is the version of the JSON form of Alert. It changes only when a reader of the old form would break.
const AlertVersion = "1"

// The kinds of alerts.
const (
	KindLog       = "log"       // a line matched
	KindThreshold = "threshold" // enough lines matched
	KindAbsence   = "absence"   // no line matched for too long
	KindRecovered = "recovered" // what was absent is back
	KindRollup    = "rollup"    // what was held back in a cooldown window that closed
	KindContainer = "container" // an event of the container engine
	KindSystem    = "system"    // a fault of this program's own: a gap, dead letters, a bound that dropped something
	KindTest      = "test"      // a test delivery
)

// Kinds returns the kinds of alerts.
func Kinds() []string {
	return []string{KindLog, KindThreshold, KindAbsence, KindRecovered, KindRollup, KindContainer, KindSystem, KindTest}
}

// Alert is what a receiver is told. Its JSON form is what the generic webhook posts.
type Alert struct {
	Version    string            `json:"version"`
	ID         string            `json:"id"` // "al_…", stable over retries and re-deliveries of the same line
	Kind       string            `json:"kind"`
	Severity   string            `json:"severity"` // debug, info, warning, error, critical
	Rule       string            `json:"rule"`
	Summary    string            `json:"summary"` // one line
	Message    string            `json:"message"` // the line, valid UTF-8, at most 8 KiB
	Truncated  bool              `json:"truncated"`
	Time       time.Time         `json:"time"` // of the record
	FirstSeen  time.Time         `json:"first_seen"`
	LastSeen   time.Time         `json:"last_seen"`
	Late       int64             `json:"late_seconds,omitempty"` // by how many the record arrived later; less than a minute is none
	Count      int               `json:"count"`                  // hits that the alert stands for itself, without the suppressed ones
	Captures   map[string]string `json:"captures,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"` // of the record, those that the rule names
	Source     Source            `json:"source"`
	Suppressed Suppressed        `json:"suppressed"`
	Context    *Context          `json:"context,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Runbook    string            `json:"runbook,omitempty"`
}

// Source says where the record of an alert came from.
type Source struct {
	Kind      string    `json:"kind"`
	Stream    string    `json:"stream,omitempty"`
	Workload  string    `json:"workload"`
	Host      string    `json:"host,omitempty"`
	Tag       string    `json:"tag,omitempty"`
	Container Container `json:"container"`
}

// Container identifies a container; every part may be empty.
type Container struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Image string `json:"image,omitempty"`
}

// Suppressed tells of the hits held back since the last alert of the same key.
type Suppressed struct {
	Total int64            `json:"total"`
	Since *time.Time       `json:"since,omitempty"` // the first of them
	By    map[string]int64 `json:"by,omitempty"`    // reason → number; sums to Total
}

// Context is the lines around the one that matched, in the order they were written.
type Context struct {
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
}

// Field returns the text of a field that the alert carries, "" where it carries none of that path. It is for templates.
func (a Alert) Field(path string) string { return a.Fields[path] }
