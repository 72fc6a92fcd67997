package model

import "github.com/tinyforge/fluentbit-trigger/engine/trace"

// Kind is the kind of an alert.
type Kind uint8

// The kinds.
const (
	KindLog       Kind = iota // a line matched
	KindThreshold             // enough lines matched
	KindAbsence               // no line matched for too long
	KindResolved              // what alerts reported is over: the end of an incident or of an absence
	KindRollup                // hits were suppressed in a window that closed
	KindContainer             // an event of the container engine matched
	KindMissing               // the other rule of a sequence did not follow
	KindDeploy                // a new image was compared with the last one
	NumKinds
)

var kindNames = [NumKinds]string{"log", "threshold", "absence", "resolved", "rollup", "container", "missing", "deploy"}

// String returns the kind's word, as alerts and metrics show it.
func (k Kind) String() string { return kindNames[k] }

// KindNames lists the words of the kinds.
func KindNames() []string { return kindNames[:] }

// Alert is a message about hits, or about their absence. It owns all its memory. Count and the sum of Suppressed are the hits that it covers: over all alerts
// of a rule, with those that are suppressed and not reported yet, they add up to the rule's hits.
type Alert struct {
	Kind       Kind
	RuleID     string // as in Resolved.ID
	Rule       string // the rule's name
	Severity   Severity
	Summary    string // one line
	Message    string // the line: valid UTF-8, at most 8 KiB
	Truncated  bool   // the message or the line that was matched is not whole
	Time       int64  // when it happened (see EventTime), or the moment at which an alert that time makes was due; ns since 1970-01-01 UTC
	Recorded   int64  // the time that the record itself says, whatever it is
	Late       int64  // by how much the record, or that which a roll-up shows, arrived later than it happened, ns; 0: by less than a minute
	Count      int64  // hits of its own, without the suppressed ones: 1, or 0 for an alert that time makes
	First      int64  // when the first of all hits that it covers happened, ns
	Last       int64  // when the last of them happened, ns
	Stream     Stream
	Source     *Source
	Captures   map[string]string
	Suppressed [NumReasons]int64 // since the last alert of the key
	Since      int64             // when the first of them happened, ns; 0: there are none
	Fields     map[string]string // of the record, those that the rule names, by their paths
	Labels     map[string]string // the rule's, rendered; not to be modified
	Runbook    string
	Key        string // the state key that it belongs to: the rule's id and the parts of the key
	Template   string // of the line, where the rule uses templates: valid UTF-8, at most 1 KiB
	// Due and Key identify an alert that time made, over restarts: when it was due, ns, and its key. Due is 0 for an alert
	// that a record made.
	Due int64
	// ImageSince is when the first line of the image was written, ns; 0: unknown. Image is its name, also where the source is a workload without a container.
	Image      string
	ImageSince int64
	Deploy     *Deploy // of KindDeploy
	// Resolves says that an alert of kind resolved will follow. Incident and Triggers are of that alert: what ended, and the triggers that sent its beginning; nil:
	// unknown.
	Resolves  bool
	Incident  *Incident
	Triggers  []string
	Rate      *Rate            // what the rule's rate compares; nil: nothing
	Ratio     *Ratio           // and what its ratio does
	Exception *trace.Exception // of the stack trace that the line holds, masked; nil: it holds none
	// Before and After are the lines around the hit, oldest first: valid UTF-8, each at most 1 KiB and a mark that it was cut.
	Before, After []string
	// Redacted has how many secrets were masked in the alert's texts, by the names of their masks; nil: none.
	Redacted map[string]int

	// Reached is how many hits of all nodes of the fleet, or different values, reached the threshold; 0: the hits of this node did.
	Reached int64
	// Sight is the template that no other node must have seen, for the alert to leave; nil: it does not depend on one.
	Sight *FleetSight
	// Candidate identifies an alert that leaves only if no other node of the fleet alerts, for Engine.Decide. It is 0 for all other alerts.
	Candidate uint64
	// Ticket identifies an alert that waited for lines among those of this engine: see Worker.OnWait. It is 0 for one that did not wait.
	Ticket uint64
}

// Deploy is the outcome of the comparison of a new image with the last one.
type Deploy struct {
	Verdict               string // better, same or worse
	Image, Last           string // names of the images
	New, More, Less, Gone int    // kinds of hits that are new, more often, less often, or gone
}
