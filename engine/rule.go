package engine

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/templates"
)

// noPrefilter marks a rule without any text that the line must hold: only its fields and exclusions decide.
const noPrefilter = -1

// rule is one rule, compiled: everything but the texts of its lead, which the snapshot's match.Set holds.
type rule struct {
	id       string
	index    int // its place in the snapshot, for the member bit sets; -1 for a variant made by overrides
	order    int // its place in the configuration: hits of one record are judged in this order
	settings RuleSettings

	prefilter      int32            // id in the match.Set of the expression that must match first, or noLead
	rest           []*regexp.Regexp // further expressions that must match
	none           []*regexp.Regexp // expressions of which none may match
	pattern        *regexp.Regexp   // for captures; nil without pattern or without named groups
	stream         Stream           // StreamUnknown: both
	where          []condition
	by             []keyPart
	distinct       *keyPart // what a threshold counts the different values of; nil: every hit
	captured       bool     // a key part, or distinct, needs the captures
	grouped        bool     // a key part is the template
	templated      bool     // a key part is the template, or the rule asks for new ones
	summary        *templates.Template
	labelTemplates map[string]*templates.Template // of the labels that are templates; nil: none
	counters       *RuleCounters
}

// keyPart is one part of a cooldown key.
type keyPart struct {
	kind keyKind
	name string // of the capture, or path of the field
}

type keyKind uint8

const (
	keyContainer keyKind = iota
	keyWorkload
	keyHost
	keyStream
	keyTag
	keyTemplate
	keyCapture
	keyField
)

var keyKinds = map[string]keyKind{
	"container": keyContainer, "workload": keyWorkload, "host": keyHost, "stream": keyStream, "tag": keyTag,
	"template": keyTemplate,
}

func parseKeyPart(word string) keyPart {
	if name, ok := strings.CutPrefix(word, "capture."); ok {
		return keyPart{keyCapture, name}
	}
	if path, ok := strings.CutPrefix(word, "field."); ok {
		return keyPart{keyField, path}
	}
	return keyPart{kind: keyKinds[word]}
}

// verify reports whether a record whose line the lead expression matches hits the rule. scratch is grown and returned for reuse.
func (r *rule) verify(rec *Record, line []byte, scratch []byte) (hit bool, _ []byte) {
	if only := r.settings.OnlyContainers; len(only) > 0 && !slices.Contains(only, rec.Source.Container.ID) {
		return false, scratch
	}
	if len(r.settings.Event) > 0 {
		value, ok := appendField(scratch[:0], rec, EventField)
		if ok {
			scratch = value
		}
		if !ok || !matchesEvent(r.settings.Event, string(value)) {
			return false, scratch
		}
	}
	if r.stream != StreamUnknown && rec.Stream != r.stream {
		return false, scratch
	}
	for i := range r.where {
		value, ok := appendField(scratch[:0], rec, r.where[i].path)
		if ok {
			scratch = value
		}
		if !r.where[i].matches(value, ok) {
			return false, scratch
		}
	}
	for _, re := range r.rest {
		if !re.Match(line) {
			return false, scratch
		}
	}
	for _, re := range r.none {
		if re.Match(line) {
			return false, scratch
		}
	}
	return true, scratch
}

// captures returns the pattern's named groups that took part in the match, or nil.
func (r *rule) captures(line []byte) map[string]string {
	if r.pattern == nil {
		return nil
	}
	loc := r.pattern.FindSubmatchIndex(line)
	if loc == nil {
		return nil
	}
	out := make(map[string]string)
	for i, name := range r.pattern.SubexpNames() {
		if name != "" && loc[2*i] >= 0 {
			out[name], _ = validText(line[loc[2*i]:loc[2*i+1]], maxCapture)
		}
	}
	return out
}

func absenceKey(r *rule, workload string) string {
	if r.everywhere() {
		workload = ""
	}
	return r.id + string(rune(keySeparator)) + workload
}

// everywhere reports whether the rule waits for all workloads together, from the start on.
func (r *rule) everywhere() bool {
	return r.settings.AbsentFrom == absentFromStart && len(r.settings.Workloads) == 0
}

// absenceSeverity is the severity of an absence, and of the recovery that ends it: both pass the same filters.
func (r *rule) absenceSeverity() Severity {
	if r.settings.Severity != SeverityUnknown {
		return r.settings.Severity
	}
	return SeverityWarning
}

// kind is the kind of the sources whose records the rule looks at.
func (r *rule) kind() string {
	if len(r.settings.Event) > 0 {
		return SourceContainer
	}
	return "log"
}

// grade returns the severity of an alert about a line: the rule's, else the record's or the line's own, else warning.
func (r *rule) grade(recorded Severity, line []byte) Severity {
	if r.settings.Severity != SeverityUnknown {
		return r.settings.Severity
	}
	return cmp.Or(recorded, jsonSeverity(line), SeverityWarning)
}

// rollsUp reports whether a roll-up, or a step of an escalation, is made because of a hit that was suppressed. Hits that a silence, an inhibition or the
// rule itself asked not to report are in the next alert, but none is made because of them.
func (r *rule) rollsUp(why Reason) bool {
	set := &r.settings
	return (why == ReasonCooldown || why == ReasonRateLimit) && !set.DryRun && (set.Rollup || len(set.Escalate) > 0)
}

// uncooledWindow is the window of a rule without a cooldown, for hits that the bucket suppressed.
const uncooledWindow = time.Minute

// window returns how long the rule's window is open after an alert.
func (r *rule) window() int64 {
	if r.settings.Cooldown > 0 {
		return int64(r.settings.Cooldown)
	}
	return int64(uncooledWindow)
}
