// Package rules has the settings of the engine: rules, workloads, silences and inhibitions. It checks them and compiles them into a Snapshot, which
// does not change and says which rules apply to a workload.
//
// A rule's hit begins with its prefilter, the one of its expressions that the fewest lines match; Rule.Verify checks the rest.
package rules

import (
	"cmp"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
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
	// The parts of a cooldown key beside the rule: container, workload, host, stream, tag, capture.NAME, field.PATH, and template: the line with
	// its numbers, ids, addresses, quoted values and times masked, so that an error of another kind alerts at once.
	CooldownBy []string `toml:"cooldown_by"`
	// When a cooldown ends with suppressed hits, an alert of kind rollup reports their number, and the next cooldown begins. Off: the next alert of
	// the key reports them.
	Rollup bool `toml:"rollup"`
	// Alerts only when so many hits of a key came within the time of within. Every hit counts, whatever becomes of it; an alert restarts the
	// count.
	Count int `toml:"count"`
	// The length of time that count, after or without is about.
	Within time.Duration `toml:"within"`
	// Counts different values only: capture.NAME or field.PATH.
	Distinct string `toml:"distinct"`
	// Sends an alert of kind resolved when no hit of the key came for so long after an alert, to the triggers that got the alerts, and ends the key's
	// cooldown. Unset: alerts have no end. Rules with absent send one by themselves.
	Resolve time.Duration `toml:"resolve"`
	// Alerts once when no hit came for so long, for each workload, and again, as resolved, when one comes. A hit makes no other alert.
	Absent time.Duration `toml:"absent"`
	// Waits from the first record of a workload on (record), or at once (start): for the workloads that the rule names, else for all together.
	AbsentFrom string `toml:"absent_from"`
	// The name of another rule. A hit alerts only when that rule was hit less than within before, with the same values of by.
	After string `toml:"after"`
	// The name of another rule. Alerts when that rule was not hit within so long after a hit of this one, with the same values of by. A hit makes no
	// other alert.
	Without string `toml:"without"`
	// The values that the hits of a sequence have in common: container, workload, host, stream, tag, capture.NAME and field.PATH, each of the record that
	// the rule itself matched. A hit without one of the captures or fields is part of no sequence.
	By []string `toml:"by"`
	// Alerts only when the line's template was not seen in the workload for so long, or with "image" only when it was not seen there before the present
	// image appeared: what a deploy brought. Of the first image of a workload, the first line of each template alerts.
	FirstSeen FirstSeen `toml:"first_seen"`
	// Counts hits by their templates, whatever becomes of them, for the comparison of a new image with the last one: see deploy.compare.
	Deploy bool `toml:"deploy"`
	// Raises the severity while it goes on: after so long, as long as hits of the key come in each cooldown. Each step has after, measured from
	// the first alert, and severity, as in [{ after = "10m", severity = "critical" }].
	Escalate []Escalation `toml:"escalate"`
	// Conditions on fields of the record, or of the line itself when it is a JSON object: a text to equal, "/regexp/", a comparison
	// such as ">=500" (also <=, >, <, !=), "present()" or "absent()". A field that is not there meets "absent()" alone, and so is one that is null, a
	// list or an object. Numbers are compared as numbers: 503, 503.0 and 5.03e2 are equal.
	Where map[string]string `toml:"where"`
	// Globs of the workloads that the rule is for. Empty: all.
	Workloads []string `toml:"workloads"`
	// Globs of the workloads that the rule is not for.
	ExcludeWorkloads []string `toml:"exclude_workloads"`
	// How many of the lines around the hit the alert carries, at most 50 of each, such as { before = 5, after = 3 }. An alert waits for the
	// lines after its hit for at most 5 seconds.
	Context Context `toml:"context"`
	// A template (Go text/template) of the alert's one-line summary, as in '{{ .Workload }}: {{ .Field "remote_ip" }} failed'.
	Summary string `toml:"summary"`
	// Fields of the record, or of the line itself when it is a JSON object, that the alert carries, by their dotted paths, as in ["remote_ip",
	// "http.status"]: at most 16, each cut to 1 KiB. Absent ones are left out. A roll-up carries those of the hit that it shows, up to 512 bytes.
	Fields []string `toml:"fields"`
	// Labels that the alert carries. A value may be a template, as in { client = '{{ .Field "remote_ip" }}' }; one that yields nothing is left out.
	Labels map[string]string `toml:"labels"`
	// A link to instructions: an address with http:// or https://.
	Runbook string `toml:"runbook"`
	// Counts hits as if the rule alerted, and sends nothing.
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

// The words of absent_from.
const (
	AbsentFromRecord = "record"
	AbsentFromStart  = "start"
)

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
	// For how long the hits of a new image are compared with those of the last one, by the rules with deploy = true. Then one alert of kind deploy says which
	// kinds are new, more often, less often or gone. "0s" compares nothing.
	Compare time.Duration `toml:"compare"`
	// The severity of that alert when the new image is worse. Otherwise it is info.
	Severity model.Severity `toml:"severity"`
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
	return RuleSettings{Stream: "both", Cooldown: 5 * time.Minute, CooldownBy: []string{"container"}, By: []string{"container"}, Rollup: true, AbsentFrom: AbsentFromRecord}
}

// DefaultDeploy returns the settings of comparisons when none are set.
func DefaultDeploy() DeploySettings { return DeploySettings{Severity: model.SeverityWarning} }

// DefaultLimits returns the limits in force when none are set.
func DefaultLimits() Limits {
	return Limits{PerContainer: Bucket{Rate: setting.Rate{Count: 30, Per: time.Minute}, Burst: 30}, MaxKeys: 100_000}
}

// Other returns the name of the other rule of a sequence; "" where the rule asks for none.
func (r *RuleSettings) Other() string { return cmp.Or(r.After, r.Without) }

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
