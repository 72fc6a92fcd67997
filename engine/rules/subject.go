package rules

import (
	"cmp"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// Subject is a hit, or an alert without one, as matchers see it.
type Subject struct {
	Rule     *Rule
	Source   *model.Source
	Line     []byte // nil where there is none
	Key      []byte // of its state; nil where there is none
	AlertKey string // the key that the alert carries; "" for a hit, whose alert has none yet
	Stream   model.Stream
	Kind     model.Kind     // of the alert that a hit would make
	Recorded model.Severity // the record's own
	Severity model.Severity // of the alert; unknown until a matcher asks for it
	Parts    Parts          // nil: there are none
}

// Parts gives labels, captures and fields of an alert, or of the one that a hit would make. They are asked for as late as possible, since a hit has
// to render them.
type Parts interface {
	Part(part where.Part, name string) (value string, ok bool)
}

// AlertSubject returns an alert as matchers see it.
func AlertSubject(r *Rule, a *model.Alert) Subject {
	s := Subject{Rule: r, Source: a.Source, Key: []byte(a.Key), Stream: a.Stream, Kind: a.Kind, Severity: a.Severity, Parts: alertParts{a}}
	if a.Message != "" || a.Kind != model.KindAbsence {
		s.Line = []byte(a.Message)
	}
	return s
}

type alertParts struct{ alert *model.Alert }

// Part returns a label, a capture or a field of the alert.
func (p alertParts) Part(part where.Part, name string) (value string, ok bool) {
	switch part {
	case where.Label:
		value, ok = p.alert.Labels[name]
	case where.Capture:
		value, ok = p.alert.Captures[name]
	case where.Field:
		value, ok = p.alert.Fields[name]
	}
	return value, ok
}

// grade returns the severity that the alert has or would have.
func (s *Subject) grade() model.Severity {
	if s.Severity == model.SeverityUnknown {
		s.Severity = s.Rule.grade(s.Recorded, s.Line)
	}
	return s.Severity
}

// Property returns the property of the alert by the name that where uses; false for one that it does not have.
func (s *Subject) Property(name string) (value string, ok bool) {
	if part, rest := where.Split(name); part != where.Whole {
		if s.Parts == nil {
			return "", false
		}
		return s.Parts.Part(part, rest)
	}
	switch name {
	case "severity":
		value = s.grade().String()
	case "kind":
		value = s.Kind.String()
	case "stream":
		value = s.Stream.String()
	default:
		value = ofSource(name, s.Rule, s.Source)
	}
	return value, value != ""
}

// ofSource returns a property that depends on the rule and the source alone: see where.OfSource.
func ofSource(name string, r *Rule, s *model.Source) string {
	switch name {
	case "rule":
		return r.Settings.Name
	case "workload":
		return s.Workload
	case "source":
		return s.Kind
	case "host":
		return s.Host
	case "container":
		return cmp.Or(s.Container.Name, s.Container.ID)
	case "image":
		return s.Container.Image
	case "tag":
		return s.Tag
	}
	return ""
}
