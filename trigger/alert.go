package trigger

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// AlertVersion is the version of the JSON form of Alert. It changes only when a reader of the old form would break.
const AlertVersion = "1"

// The kinds of alerts.
const (
	KindLog       = "log"       // a line matched
	KindThreshold = "threshold" // enough lines matched
	KindAbsence   = "absence"   // no line matched for too long
	KindResolved  = "resolved"  // the end of what an alert began: an absence is over
	KindRollup    = "rollup"    // the hits that a cooldown suppressed, sent when it ends
	KindContainer = "container" // a container event
	KindMissing   = "missing"   // the other rule of a sequence did not follow
	KindDeploy    = "deploy"    // a new image was compared with the last one
	KindDigest    = "digest"    // what happened since the last digest of a trigger
	KindSystem    = "system"    // a problem of this program: a gap, dead letters, a full queue
	KindTest      = "test"      // a test delivery
)

// Kinds returns the kinds of alerts.
func Kinds() []string {
	return []string{KindLog, KindThreshold, KindAbsence, KindResolved, KindRollup, KindContainer, KindMissing, KindDeploy, KindDigest, KindSystem, KindTest}
}

// Severities returns the severities, lowest first.
func Severities() []string { return []string{"debug", "info", "warning", "error", "critical"} }

// Alert is the unit that leaves for receivers. The generic webhook posts its JSON form.
type Alert struct {
	Version    string            `json:"version"`
	ID         string            `json:"id"` // "al_…", stable over retries and re-deliveries of the same line
	Kind       string            `json:"kind"`
	Key        string            `json:"key,omitempty"` // see KeyOf
	Severity   string            `json:"severity"`      // debug, info, warning, error, critical
	Rule       string            `json:"rule"`
	Summary    string            `json:"summary"` // one line
	Message    string            `json:"message"` // the line, valid UTF-8, at most 8 KiB
	Truncated  bool              `json:"truncated"`
	Time       time.Time         `json:"time"` // of the record
	FirstSeen  time.Time         `json:"first_seen"`
	LastSeen   time.Time         `json:"last_seen"`
	Late       int64             `json:"late_seconds,omitempty"` // how much later the record arrived; 0 when it is less than a minute
	Count      int               `json:"count"`                  // hits that this alert reports, without the suppressed ones
	Template   string            `json:"template,omitempty"`     // of the line, where the rule uses templates
	Captures   map[string]string `json:"captures,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"`    // the record's fields that the rule names
	Exception  *Exception        `json:"exception,omitempty"` // of the stack trace that the line holds
	Source     Source            `json:"source"`
	Image      *Image            `json:"image,omitempty"`  // nil: it is not known when the image appeared
	Deploy     *Deploy           `json:"deploy,omitempty"` // of kind deploy
	Rate       *Rate             `json:"rate,omitempty"`   // of a rule with rate
	Ratio      *Ratio            `json:"ratio,omitempty"`  // of a rule with ratio
	Suppressed Suppressed        `json:"suppressed"`
	Context    *Context          `json:"context,omitempty"`
	Resolves   bool              `json:"resolves,omitempty"` // an alert of kind resolved with the same key will follow
	Incident   *Incident         `json:"incident,omitempty"` // of kind resolved: what ended
	Labels     map[string]string `json:"labels,omitempty"`
	Runbook    string            `json:"runbook,omitempty"`
	Fleet      *Fleet            `json:"fleet,omitempty"`  // of a rule with scope = "fleet"
	Digest     *Digest           `json:"digest,omitempty"` // of kind digest
	Links      Links             `json:"links,omitzero"`   // of the message; the store and the API have none
}

// Digest is the sums of a period. The message has the rest in words.
type Digest struct {
	From        time.Time        `json:"from"`
	Until       time.Time        `json:"until"`
	Hits        int64            `json:"hits"`
	Alerts      int64            `json:"alerts"`
	Suppressed  int64            `json:"suppressed"`
	By          map[string]int64 `json:"by,omitempty"` // reason → number; sums to Suppressed
	Sent        int64            `json:"sent"`         // alerts that receivers accepted
	DeadLetters int64            `json:"dead_letters"` // of the period
}

// Links are the addresses of an alert that its message links to. They are made when it is sent, for the silence is a secret: see internal/links.
type Links struct {
	Open    string `json:"open,omitempty"`    // the alert on the page
	Silence string `json:"silence,omitempty"` // a form that silences its incident for SilenceLength
}

// SilenceLength is how long the silence of a link lasts.
const SilenceLength = time.Hour

// Fleet says for which nodes an alert of a fleet speaks.
type Fleet struct {
	Namespace string   `json:"namespace"`
	Nodes     int      `json:"nodes"`           // that the numbers are of
	Hosts     []string `json:"hosts,omitempty"` // some of them, at most 10
	Engine    string   `json:"engine"`          // ok, or alone: it left without an answer, and other nodes may alert too
	// Reached is how many hits of all nodes, or different values, reached the threshold; 0: the alert is not about one, or this node's own count decided.
	Reached int64 `json:"reached,omitempty"`
}

// The words of Fleet.Engine.
const (
	EngineOK    = "ok"
	EngineAlone = "alone"
)

// Source identifies where the record of an alert came from.
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
	// The digest of the image, where the record says it.
	ImageID string `json:"image_id,omitempty"`
}

// Image is the image that an alert is about, and for how long its workload has run it.
type Image struct {
	Name  string    `json:"name"`
	Since time.Time `json:"since"`       // when its first line was written
	Age   int64     `json:"age_seconds"` // from then to the alert's time
}

// Deploy is the outcome of the comparison of a new image with the last one: how many kinds of hits are new, more often, less often, or gone.
type Deploy struct {
	Verdict string `json:"verdict"` // better, same or worse
	Image   string `json:"image"`
	Last    string `json:"last"`
	New     int    `json:"new"`
	More    int    `json:"more"`
	Less    int    `json:"less"`
	Gone    int    `json:"gone"`
}

// Rate compares the recent hits of a key with what is usual for it.
type Rate struct {
	Hits   int64   `json:"hits"`
	Usual  float64 `json:"usual"` // hits in as much time, to a thousandth
	Within int64   `json:"within_seconds"`
}

// Ratio compares the recent hits of a rule with those of another one.
type Ratio struct {
	Hits    int64   `json:"hits"`
	Of      string  `json:"of"` // the other rule
	OfHits  int64   `json:"of_hits"`
	Percent float64 `json:"percent"` // to a hundredth
	Within  int64   `json:"within_seconds"`
}

// Suppressed counts the hits that were suppressed since the last alert of the same key.
type Suppressed struct {
	Total int64            `json:"total"`
	Since *time.Time       `json:"since,omitempty"` // when the first of them came
	By    map[string]int64 `json:"by,omitempty"`    // reason → number; sums to Total
}

// Context is the lines around the one that matched, in the order they were written.
type Context struct {
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
}

// Exception is the exception that a stack trace reports.
type Exception struct {
	Type    string  `json:"type,omitempty"` // as the program prints it
	Message string  `json:"message,omitempty"`
	Chain   []Cause `json:"chain,omitempty"`  // its causes, the nearest first
	Frames  []Frame `json:"frames,omitempty"` // of the user's own code, the most recent call of the deepest cause first; without own code the first of all
}

// Cause is an exception that caused another.
type Cause struct {
	Type    string `json:"type,omitempty"`
	Message string `json:"message,omitempty"`
}

// Frame is one call of a stack trace.
type Frame struct {
	Function string `json:"function,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Incident is the incident that an alert of kind resolved ends.
type Incident struct {
	Began      time.Time `json:"began"` // when its first hit happened
	Lasted     int64     `json:"duration_seconds"`
	Hits       int64     `json:"hits"`       // of all its alerts
	Alerts     int64     `json:"alerts"`     // before this one
	Severities []string  `json:"severities"` // of these alerts, lowest first
}

// KeyOf returns the key of an alert: the first 16 bytes of the SHA-256 of its rule and the parts of its cooldown key, each after a unit separator, in
// hexadecimal digits. It depends on nothing else, so it is the same on every host and after every restart.
func KeyOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x1f")))
	return hex.EncodeToString(sum[:16])
}

// Field returns the value of a field, or "" when the alert does not carry that field. Templates call it.
func (a Alert) Field(path string) string { return a.Fields[path] }
