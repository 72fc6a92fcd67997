// Package rules has the settings of the engine: rules, workloads, silences and inhibitions. It checks them and compiles them into a Snapshot, which
// does not change and says which rules apply to a workload.
//
// A rule's hit begins with its prefilter, the one of its expressions that the fewest lines match; Rule.Verify checks the rest.
package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Bucket sets a token bucket: Burst tokens at most, refilled at Rate.
type Bucket struct {
	// How fast tokens come back.
	Rate setting.Rate `toml:"rate"`
	// How many alerts may leave at once.
	Burst int `toml:"burst"`
}

// Limits bounds the alerts and the memory of the engine.
type Limits struct {
	// One token bucket for each container, over all its rules. A rate of "0/s" turns it off.
	PerContainer Bucket `toml:"per_container"`
	// How many cooldown keys are remembered at most. When full, the key unused for longest is forgotten: its next hit alerts.
	MaxKeys int `toml:"max_keys"`
}

// RuleSettings says which lines to look for and how to alert. At least one of pattern, keywords, any, all, none, event and where is set.
type RuleSettings struct {
	// Names the rule; unique among the global rules, and within a workload.
	Name string `toml:"name"`
	// A regular expression (RE2 syntax) that must match the line. Its named groups become captures.
	Pattern string `toml:"pattern"`
	// Literal texts in any case, one of which must occur in the line.
	Keywords []string `toml:"keywords"`
	// Regular expressions, one of which must match.
	Any []string `toml:"any"`
	// Regular expressions, all of which must match.
	All []string `toml:"all"`
	// Regular expressions, none of which may match.
	None []string `toml:"none"`
	// Events of the container engine, such as "die", "oom" or "health_status: unhealthy". A rule with this looks at such events instead of at
	// lines; pattern and the like then look at the event's text, and where at its fields event, exit_code, signal, old_name, requested ("true" for
	// an end that somebody asked for) and recovered.
	Event []string `toml:"event"`
	// The stream to look at: stdout, stderr or both.
	Stream string `toml:"stream"`
	// The severity of the alert. Unset: that of the record, or of the line when it is a JSON object with a level; else warning.
	Severity model.Severity `toml:"severity"`
	// How long further hits of the same key are suppressed after an alert. "0s" suppresses nothing.
	Cooldown time.Duration `toml:"cooldown"`
	// While hits keep coming, each cooldown is twice as long as the one before, up to this. When no hit came for the time of cooldown, the current one ends,
	// and the next is as long as cooldown again. "0s": all are as long as cooldown.
	CooldownMax time.Duration `toml:"cooldown_max"`
	// The parts of a cooldown key beside the rule: container, workload, host, stream, tag, capture.NAME, field.PATH, and template: the line with
	// its numbers, ids, addresses, quoted values and times masked, so that an error of another kind alerts at once.
	CooldownBy []string `toml:"cooldown_by"`
	// When a cooldown ends with suppressed hits, an alert of kind rollup reports their number, and the next cooldown begins. Off: the next alert of
	// the key reports them.
	Rollup bool `toml:"rollup"`
	// Alerts only when this many hits of a key came within the time set by within. Suppressed hits count, too. An alert restarts the count.
	Count int `toml:"count"`
	// The time span for count, rate, ratio, after or without.
	Within time.Duration `toml:"within"`
	// Counts different values only: capture.NAME or field.PATH.
	Distinct string `toml:"distinct"`
	// Sends an alert of kind resolved, to the triggers that got the alerts, when no hit of the key came for this long after an alert, and ends the
	// key's cooldown. Unset: no alert reports the end. Rules with absent always send one.
	Resolve time.Duration `toml:"resolve"`
	// A regular expression (RE2 syntax), as in 'connection restored'. A line that matches it and is no hit of the rule sends the alert of kind resolved at
	// once, for the line's own workload and the key of cooldown_by that its values make, with captures from the named groups of this expression. A value
	// that the line lacks can be any; a template always can. The rule's other conditions do not apply to the line.
	ResolveOn string `toml:"resolve_on"`
	// Alerts once per workload when no hit came for this long, and again, as resolved, when one comes. Hits make no other alerts.
	Absent time.Duration `toml:"absent"`
	// When the wait begins: at the first record of a workload (record), or at once (start), for each workload that the rule names, else for all
	// together.
	AbsentFrom string `toml:"absent_from"`
	// The name of another rule. A hit alerts only if that rule was hit before it, less than within ago, with the same values of by.
	After string `toml:"after"`
	// The name of another rule. Alerts if that rule is not hit within the time set by within after a hit of this rule, with the same values of by.
	// Hits make no other alerts.
	Without string `toml:"without"`
	// The values that must be equal in both hits of a sequence, and in all hits that ratio counts: container, workload, host, stream, tag, capture.NAME and
	// field.PATH. Each rule takes them from the record that it matched. A hit that lacks one of the captures or fields belongs to no sequence and no ratio.
	By []string `toml:"by"`
	// Compares how often a key is hit within the time set by within with how often that is usual for it, as in { above = "3x", than = "1h", at_least = 20 }
	// or { below = "0.2x", than = "1d", at_least = 20 }.
	Rate rate.Settings `toml:"rate"`
	// Alerts only when the hits of this rule are such a share of those of another rule, set by of, within the time set by within, as in ">5%" or ">=50%".
	Ratio rate.Ratio `toml:"ratio"`
	// The name of the other rule of ratio. Both count with the same values of by.
	Of string `toml:"of"`
	// How many hits of the other rule there must be for ratio.
	AtLeast int `toml:"at_least"`
	// Alerts only if the line's template was not seen in the workload for this long. With "image": only if it was not seen there before the current
	// image appeared, so that errors of a new deploy alert. For the first image of a workload, the first line of each template alerts.
	FirstSeen FirstSeen `toml:"first_seen"`
	// Counts hits by template, suppressed or not, to compare a new image with the last one: see deploy.compare.
	Deploy bool `toml:"deploy"`
	// Raises the severity step by step while each cooldown has a hit of the key. Each step has after, measured from the first alert, and severity, as
	// in [{ after = "10m", severity = "critical" }].
	Escalate []Escalation `toml:"escalate"`
	// Conditions on fields of the record, or of the line itself if it is a JSON object: a text to equal, "/regexp/", a comparison such as ">=500"
	// (also <=, >, <, !=), "present()" or "absent()". A missing field meets "absent()" only; null, a list or an object counts as missing. Numbers are
	// compared as numbers: 503, 503.0 and 5.03e2 are equal.
	Where map[string]string `toml:"where"`
	// Globs of the workloads that the rule is for. Empty: all.
	Workloads []string `toml:"workloads"`
	// Globs of the workloads that the rule is not for.
	ExcludeWorkloads []string `toml:"exclude_workloads"`
	// How many lines before and after the hit the alert includes, at most 50 each, such as { before = 5, after = 3 }. An alert waits for the
	// lines after its hit for at most 5 seconds.
	Context Context `toml:"context"`
	// A template (Go text/template) of the alert's one-line summary, as in '{{ .Workload }}: {{ .Field "remote_ip" }} failed'.
	Summary string `toml:"summary"`
	// Fields of the record, or of the line itself when it is a JSON object, that the alert carries, by their dotted paths, as in ["remote_ip",
	// "http.status"]: at most 16, each cut to 1 KiB. Absent ones are left out. A roll-up carries those of the hit that it shows, up to 512 bytes.
	Fields []string `toml:"fields"`
	// Labels that the alert carries. A value may be a template, as in { client = '{{ .Field "remote_ip" }}' }; one that yields nothing is left out.
	Labels map[string]string `toml:"labels"`
	// Whose alerts a cooldown suppresses, whose hits count, rate and ratio count, whose lines absent and first_seen know, and whose hits after and without look at:
	// those of this node (node), or those of all nodes of the fleet together (fleet). With fleet, cooldown_by and by are ["workload"] if they are not set.
	Scope string `toml:"scope"`
	// A link to instructions: an address with http:// or https://.
	Runbook string `toml:"runbook"`
	// Counts hits as if the rule alerted, but sends nothing.
	DryRun bool `toml:"dry_run"`
	// OnlyContainers holds the ids of the containers that the rule is for; none: all. No configuration sets it.
	OnlyContainers []string `toml:"-"`
}

// Escalation is one step in severity while hits keep coming.
type Escalation struct {
	// How long after the first alert.
	After time.Duration `toml:"after"`
	// The severity of alerts from then on.
	Severity model.Severity `toml:"severity"`
}

// The words of scope.
const (
	ScopeNode  = "node"
	ScopeFleet = "fleet"
)

// FleetKey returns the cooldown_by, and the by, of a rule of the fleet that sets none.
func FleetKey() []string { return []string{"workload"} }

// Fleet reports whether the alerts of the rule are those of all nodes of the fleet together.
func (r *RuleSettings) Fleet() bool { return r.Scope == ScopeFleet }

// The words of absent_from.
const (
	AbsentFromRecord = "record"
	AbsentFromStart  = "start"
)

var (
	absentFromWords = []string{AbsentFromRecord, AbsentFromStart}
	scopeWords      = []string{ScopeNode, ScopeFleet}
)

// ScopeNames lists the words that a rule's scope accepts.
func ScopeNames() []string { return slices.Clone(scopeWords) }

// AbsentFromNames lists the words that a rule's absent_from accepts.
func AbsentFromNames() []string { return slices.Clone(absentFromWords) }

// Override changes some settings of a global rule for the workloads of its block.
type Override struct {
	Rule     string       // the global rule's name
	Keys     []string     // the settings that it changes, by their names in the configuration
	Settings RuleSettings // their values; the rest is ignored
}

// WorkloadSettings changes the rules for the workloads that a glob matches.
type WorkloadSettings struct {
	Match     string         // glob over workload names
	Disable   []string       // names of global rules that do not apply
	Overrides []Override     // changes to global rules
	Rules     []RuleSettings // rules of its own
}

// DeploySettings says how a new image of a workload is compared with the last one.
type DeploySettings struct {
	// How long the hits of a new image are counted, for rules with deploy = true, and compared with those of the last image. Then one alert of kind
	// deploy lists the kinds that are new, more frequent, less frequent or gone. "0s" compares nothing.
	Compare time.Duration `toml:"compare"`
	// The severity of that alert if the new image is worse. Otherwise it is info.
	Severity model.Severity `toml:"severity"`
}

// Matchers says which hits and alerts a silence or an inhibition is about. All that are set must hold, and at least one is set.
type Matchers struct {
	// A glob over the names of rules: * stands for any text, ? for one character.
	Rule string `toml:"rule" json:"rule,omitempty"`
	// A glob over the names of workloads.
	Workload string `toml:"workload" json:"workload,omitempty"`
	// A glob over the names and ids of containers.
	Container string `toml:"container" json:"container,omitempty"`
	// The severities, one of which the alert has or would have.
	Severity []model.Severity `toml:"severity" json:"severity,omitempty"`
	// A regular expression (RE2 syntax) that the line matches. An alert without a line, such as an absence, does not match.
	Message string `toml:"message" json:"message,omitempty"`
	// Conditions on the alert, written as in a rule's where: rule, workload, severity, kind, source, host, container, image, stream, tag, label.NAME,
	// capture.NAME, field.PATH, as in { host = "/^edge-/", "field.tenant" = "a" }. A missing property meets "absent()" only.
	Where map[string]string `toml:"where" json:"where,omitempty"`
}

// InhibitSettings says which alerts keep others from leaving: while an alert that the source matches is not older than For, hits that the
// target matches are suppressed and counted with the reason inhibited. An alert that both match never suppresses hits that both match, so that no
// alert inhibits itself.
type InhibitSettings struct {
	// Which alerts suppress others.
	Source Matchers `toml:"source"`
	// Which hits are suppressed.
	Target Matchers `toml:"target"`
	// For how long after an alert of the source.
	For time.Duration `toml:"for"`
	// Where source and target must be equal: workload, host, container, tag. Empty: nowhere.
	Equal []string `toml:"equal"`
}

// Settings is all that the engine runs by.
type Settings struct {
	Limits    Limits
	Deploy    DeploySettings
	Rules     []RuleSettings
	Workloads []WorkloadSettings
	Inhibits  []InhibitSettings
	Redact    redact.Settings
}

// DefaultRule returns the settings of a rule that sets none.
func DefaultRule() RuleSettings {
	return RuleSettings{Stream: "both", Cooldown: 5 * time.Minute, CooldownBy: []string{"container"}, By: []string{"container"}, Rollup: true, AbsentFrom: AbsentFromRecord, Scope: ScopeNode}
}

// DefaultDeploy returns the settings of comparisons when none are set.
func DefaultDeploy() DeploySettings { return DeploySettings{Severity: model.SeverityWarning} }

// DefaultLimits returns the limits in force when none are set.
func DefaultLimits() Limits {
	return Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 30, Per: time.Minute}, Burst: 30}, MaxKeys: 100_000}
}

// Other returns the name of the other rule of a sequence; "" where the rule asks for none.
func (r *RuleSettings) Other() string { return cmp.Or(r.After, r.Without) }

// Resolves reports whether the alerts of a key open an incident, whose end is an alert, too.
func (r *RuleSettings) Resolves() bool { return r.Resolve > 0 || r.ResolveOn != "" }

// Related returns the name of the rule whose hits this one asks about, in a sequence or a ratio; "" where it asks about none.
func (r *RuleSettings) Related() string { return cmp.Or(r.After, r.Without, r.Of) }

// Counts reports whether alerts of hits are of kind threshold: enough hits came.
func (r *RuleSettings) Counts() bool { return r.Count > 0 || r.Rate.Above != 0 || r.Ratio.IsSet() }

// Unlimited reports whether there is no bucket.
func (b *Bucket) Unlimited() bool { return b.Rate.Count <= 0 || b.Rate.Per <= 0 }

// Spacing returns the time from token to token, and how much of it the burst allows at once.
func (b *Bucket) Spacing() (every, tolerance int64) {
	every = max(1, int64(b.Rate.Per)/int64(b.Rate.Count))
	return every, every * int64(b.Burst)
}

// Context says how many of the lines around a hit its alert carries, of the same container and stream.
type Context struct {
	// How many lines before the hit.
	Before int `toml:"before"`
	// How many lines after it. The alert waits for them, for at most 5 seconds.
	After int `toml:"after"`
}
