package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/templates"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// noPrefilter marks a rule without any text that the line must hold: only its fields and exclusions decide.
const noPrefilter = -1

// Rule is one rule, compiled: everything but the texts of its lead, which the snapshot's match.Set holds.
type Rule struct {
	ID       string
	Index    int // its place in the snapshot, for the member bit sets; -1 for a variant made by overrides
	Order    int // its place in the configuration: hits of one record are judged in this order
	Settings RuleSettings

	prefilter      int32            // id in the match.Set of the expression that must match first, or noLead
	rest           []*regexp.Regexp // further expressions that must match
	none           []*regexp.Regexp // expressions of which none may match
	pattern        *regexp.Regexp   // for captures; nil without pattern or without named groups
	resolveOn      *regexp.Regexp   // whose match ends incidents; nil: no line does
	resolveID      int32            // its id in the match.Set, or noPrefilter
	stream         model.Stream     // StreamUnknown: both
	where          []where.Condition
	By             []KeyPart // of the key; of a rule with without: of its sequence
	KeyForm        string    // the names of these parts
	Distinct       *KeyPart  // whose different values a threshold counts; nil: every hit
	Sequence       []KeyPart // what the hits of its sequence or ratio have in common
	Followers      []*Rule   // rules whose sequence or ratio asks for hits of this one
	Compares       bool      // it has rate or ratio
	Plain          bool      // it has nothing but a cooldown and its roll-up: no other hit, time or node decides about its hits
	Captured       bool      // a key part, or distinct, needs the captures
	Grouped        bool      // a key part is the template
	Templated      bool      // a key part is the template, the rule asks for new ones, or it counts them for deploys
	Summary        *templates.Template
	LabelTemplates map[string]*templates.Template // of the labels that are templates; nil: none
	Counters       *model.RuleCounters
}

// KeyPart is one part of a cooldown key.
type KeyPart struct {
	Kind keyKind
	Name string // of the capture, or path of the field
}

type keyKind uint8

const (
	KeyContainer keyKind = iota
	KeyWorkload
	KeyHost
	KeyStream
	KeyTag
	KeyTemplate
	KeyCapture
	KeyField
)

var keyKinds = map[string]keyKind{
	"container": KeyContainer, "workload": KeyWorkload, "host": KeyHost, "stream": KeyStream, "tag": KeyTag,
	"template": KeyTemplate,
}

func parseKeyPart(word string) KeyPart {
	if name, ok := strings.CutPrefix(word, "capture."); ok {
		return KeyPart{KeyCapture, name}
	}
	if path, ok := strings.CutPrefix(word, "field."); ok {
		return KeyPart{KeyField, path}
	}
	return KeyPart{Kind: keyKinds[word]}
}

// Verify reports whether a record whose line the lead expression matches hits the rule. scratch is grown and returned for reuse.
func (r *Rule) Verify(rec *model.Record, line []byte, scratch []byte) (hit bool, _ []byte) {
	if !r.forContainer(rec.Source) {
		return false, scratch
	}
	if len(r.Settings.Event) > 0 {
		value, ok := model.AppendField(scratch[:0], rec, model.EventField)
		if ok {
			scratch = value
		}
		if !ok || !model.MatchesEvent(r.Settings.Event, string(value)) {
			return false, scratch
		}
	}
	if r.stream != model.StreamUnknown && rec.Stream != r.stream {
		return false, scratch
	}
	for i := range r.where {
		value, ok := model.AppendField(scratch[:0], rec, r.where[i].Name)
		if ok {
			scratch = value
		}
		if !r.where[i].Matches(value, ok) {
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

// forContainer reports whether the rule is for the container of a source.
func (r *Rule) forContainer(s *model.Source) bool {
	only := r.Settings.OnlyContainers
	return len(only) == 0 || slices.Contains(only, s.Container.ID)
}

// Ends reports whether a record that is no hit of the rule ends incidents of it.
func (r *Rule) Ends(rec *model.Record, line []byte) bool {
	return r.resolveOn != nil && r.forContainer(rec.Source) && r.resolveOn.Match(line)
}

// Captures returns the pattern's named groups that took part in the match, or nil. show returns the text of one, which is line[begin:end].
func (r *Rule) Captures(line []byte, show func(name string, begin, end int) string) map[string]string {
	return captures(r.pattern, line, show)
}

// EndCaptures returns the named groups of resolve_on, as Captures does those of the pattern.
func (r *Rule) EndCaptures(line []byte, show func(name string, begin, end int) string) map[string]string {
	return captures(r.resolveOn, line, show)
}

func captures(re *regexp.Regexp, line []byte, show func(name string, begin, end int) string) map[string]string {
	if re == nil {
		return nil
	}
	loc := re.FindSubmatchIndex(line)
	if loc == nil {
		return nil
	}
	out := make(map[string]string)
	for i, name := range re.SubexpNames() {
		if name != "" && loc[2*i] >= 0 {
			out[name] = show(name, loc[2*i], loc[2*i+1])
		}
	}
	return out
}

func AbsenceKey(r *Rule, workload string) string {
	if r.everywhere() {
		workload = ""
	}
	return r.ID + string(rune(model.KeySeparator)) + workload
}

// everywhere reports whether the rule waits for all workloads together, from the start on.
func (r *Rule) everywhere() bool {
	return r.Settings.AbsentFrom == AbsentFromStart && len(r.Settings.Workloads) == 0
}

// AbsenceSeverity is the severity of an absence, and of the alert that ends it: both pass the same filters.
func (r *Rule) AbsenceSeverity() model.Severity {
	if r.Settings.Severity != model.SeverityUnknown {
		return r.Settings.Severity
	}
	return model.SeverityWarning
}

// Kind is the kind of the sources whose records the rule looks at.
func (r *Rule) Kind() string {
	if len(r.Settings.Event) > 0 {
		return model.SourceContainer
	}
	return "log"
}

// grade returns the severity of an alert about a line: the rule's, else the record's or the line's own, else warning.
func (r *Rule) grade(recorded model.Severity, line []byte) model.Severity {
	if r.Settings.Severity != model.SeverityUnknown {
		return r.Settings.Severity
	}
	return cmp.Or(recorded, model.JsonSeverity(line), model.SeverityWarning)
}

// RollsUp reports whether a roll-up, or a step of an escalation, is made because of a hit that was suppressed. Hits that a silence, an inhibition or the
// rule itself asked not to report are in the next alert, but none is made because of them.
func (r *Rule) RollsUp(why model.Reason) bool {
	set := &r.Settings
	return (why == model.ReasonCooldown || why == model.ReasonRateLimit) && !set.DryRun && (set.Rollup || len(set.Escalate) > 0)
}

// uncooledWindow is the window of a rule without a cooldown, for hits that the bucket suppressed.
const uncooledWindow = time.Minute

// Window returns how long the rule's window is open after an alert.
func (r *Rule) Window() int64 {
	if r.Settings.Cooldown > 0 {
		return int64(r.Settings.Cooldown)
	}
	return int64(uncooledWindow)
}

// WindowLength returns how long a window is open that was doubled so many times, while hits keep coming.
func (r *Rule) WindowLength(doublings int) int64 {
	length := r.Window()
	for range doublings {
		if !r.Doubles(length) {
			break
		}
		length = min(2*length, int64(r.Settings.CooldownMax))
	}
	return length
}

// Doubles reports whether a window that follows one of a length can be longer.
func (r *Rule) Doubles(length int64) bool { return length < int64(r.Settings.CooldownMax) }
