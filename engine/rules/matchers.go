package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// maxGlobLen bounds a glob of a matcher, in bytes.
const maxGlobLen = 1 << 10

// maxMessageLen bounds the regular expression of a matcher, in bytes.
const maxMessageLen = 8 << 10

func (m *Matchers) Empty() bool {
	return m.Rule == "" && m.Workload == "" && m.Container == "" && len(m.Severity) == 0 && m.Message == "" && len(m.Where) == 0
}

// check adds the faults of the matchers, with a prefix before the names of their fields.
func (m *Matchers) check(p *checks, prefix string) {
	if m.Empty() {
		p.Faults = append(p.Faults, setting.Fault{
			Field: strings.TrimSuffix(prefix, "."), Code: setting.Missing, Message: "needs at least one of rule, workload, container, severity, message and where",
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
	where.CheckAlert(&p.Faults, prefix+"where", m.Where, where.Words{"kind": model.KindNames(), "severity": model.SeverityNames()})
}

// Matcher is Matchers, compiled.
type Matcher struct {
	rule, workload, container string // globs; "": any
	severities                uint8  // a bit for each; 0: any
	message                   *regexp.Regexp
	ofSource, ofLine          []where.Condition // on properties that depend on the source and the rule alone, and on others
}

func (m *Matchers) Compile() (Matcher, error) {
	c := Matcher{rule: m.Rule, workload: m.Workload, container: m.Container}
	for _, s := range m.Severity {
		c.severities |= 1 << s
	}
	all, err := where.Compile(m.Where)
	if err != nil {
		return c, fmt.Errorf("where: %w", err)
	}
	for _, one := range all {
		if where.OfSource(one.Name) {
			c.ofSource = append(c.ofSource, one)
		} else {
			c.ofLine = append(c.ofLine, one)
		}
	}
	if m.Message == "" {
		return c, nil
	}
	if c.message, err = regexp.Compile(m.Message); err != nil {
		return c, fmt.Errorf("message: %w", err)
	}
	return c, nil
}

// Matches reports whether all matchers hold. The most expensive check comes last: a regular expression is tried only if all else matches.
func (m *Matcher) Matches(s *Subject) bool {
	return m.MatchesSource(s.Rule, s.Source) && m.MatchesLine(s)
}

// MatchesSource reports whether the globs match, which depend neither on the line nor on the severity.
func (m *Matcher) MatchesSource(r *Rule, s *model.Source) bool {
	if m.rule != "" && !glob.Match(m.rule, r.Settings.Name) && (r.ID == r.Settings.Name || !glob.Match(m.rule, r.ID)) {
		return false
	}
	if m.workload != "" && !glob.Match(m.workload, s.Workload) {
		return false
	}
	for i := range m.ofSource {
		value := ofSource(m.ofSource[i].Name, r, s)
		if !m.ofSource[i].Matches([]byte(value), value != "") {
			return false
		}
	}
	c := &s.Container
	return m.container == "" || c.Name != "" && glob.Match(m.container, c.Name) || c.ID != "" && glob.Match(m.container, c.ID)
}

// MatchesLine reports whether the other matchers hold.
func (m *Matcher) MatchesLine(s *Subject) bool {
	if m.severities != 0 && m.severities>>s.grade()&1 == 0 {
		return false
	}
	if len(m.ofLine) > 0 && !where.MatchAll(m.ofLine, s.Property) {
		return false
	}
	return m.message == nil || s.Line != nil && m.message.Match(s.Line)
}
