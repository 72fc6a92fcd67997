package rules

import (
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

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
}

// maxGlobLen bounds a glob of a matcher, in bytes.
const maxGlobLen = 1 << 10

// maxMessageLen bounds the regular expression of a matcher, in bytes.
const maxMessageLen = 8 << 10

func (m *Matchers) Empty() bool {
	return m.Rule == "" && m.Workload == "" && m.Container == "" && len(m.Severity) == 0 && m.Message == ""
}

// check adds the faults of the matchers, with a prefix before the names of their fields.
func (m *Matchers) check(p *checks, prefix string) {
	if m.Empty() {
		p.Faults = append(p.Faults, setting.Fault{
			Field: strings.TrimSuffix(prefix, "."), Code: setting.Missing, Message: "needs at least one of rule, workload, container, severity and message",
		})
		return
	}
	for _, g := range []struct{ field, glob string }{{"rule", m.Rule}, {"workload", m.Workload}, {"container", m.Container}} {
		p.tooLong(prefix+g.field, g.glob, maxGlobLen)
	}
	for _, s := range m.Severity {
		if s == model.SeverityUnknown || s > model.SeverityCritical {
			p.OneOf(prefix+"severity", s.String(), model.SeverityNames())
		}
	}
	switch {
	case m.Message == "":
	case p.tooLong(prefix+"message", m.Message, maxMessageLen):
	default:
		p.regexp(prefix+"message", m.Message)
	}
}

// Matcher is Matchers, compiled.
type Matcher struct {
	rule, workload, container string // globs; "": any
	severities                uint8  // a bit for each; 0: any
	message                   *regexp.Regexp
}

func (m *Matchers) Compile() (Matcher, error) {
	c := Matcher{rule: m.Rule, workload: m.Workload, container: m.Container}
	for _, s := range m.Severity {
		c.severities |= 1 << s
	}
	if m.Message == "" {
		return c, nil
	}
	var err error
	c.message, err = regexp.Compile(m.Message)
	return c, err
}

// Subject is a hit, or an alert without one, as matchers see it.
type Subject struct {
	Rule     *Rule
	Source   *model.Source
	Line     []byte         // nil where there is none
	Recorded model.Severity // the record's own
	Severity model.Severity // of the alert; unknown until a matcher asks for it
}

// grade returns the severity that the alert has or would have.
func (s *Subject) grade() model.Severity {
	if s.Severity == model.SeverityUnknown {
		s.Severity = s.Rule.grade(s.Recorded, s.Line)
	}
	return s.Severity
}

// Matches reports whether all matchers hold. The most expensive check comes last: a regular expression is tried only if all else matches.
func (m *Matcher) Matches(s *Subject) bool {
	return m.MatchesSource(s.Rule, s.Source) && m.MatchesLine(s)
}

// MatchesSource reports whether the globs match, which depend neither on the line nor on the severity.
func (m *Matcher) MatchesSource(r *Rule, s *model.Source) bool {
	if m.rule != "" && !GlobMatches(m.rule, r.Settings.Name) && (r.ID == r.Settings.Name || !GlobMatches(m.rule, r.ID)) {
		return false
	}
	if m.workload != "" && !GlobMatches(m.workload, s.Workload) {
		return false
	}
	c := &s.Container
	return m.container == "" || c.Name != "" && GlobMatches(m.container, c.Name) || c.ID != "" && GlobMatches(m.container, c.ID)
}

// MatchesLine reports whether the other matchers hold.
func (m *Matcher) MatchesLine(s *Subject) bool {
	if m.severities != 0 && m.severities>>s.grade()&1 == 0 {
		return false
	}
	return m.message == nil || s.Line != nil && m.message.Match(s.Line)
}
